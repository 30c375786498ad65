// Uploads: the way bytes become a blob of a repository, on both wires (OCI end-4 to end-6, ECR InitiateLayerUpload to
// CompleteLayerUpload). The order of a completion, and who cleans up after a crash between two steps, is in docs/design/uploads.md.

import type { Readable } from 'node:stream'
import type { Digest } from '@berth/api/names/digest.ts'
import { type DigestAlgorithm, digestAlgorithm } from '@berth/api/names/digest.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { Ids } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { BodyInterrupted } from '../../base/streams.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { type UploadRow, uploadsTable } from '../../storage/metadata/tables/uploads.ts'
import { requireRepository } from '../repositories/repositories.ts'
import { publishBlob } from './publish-blob.ts'
import { stagedUpload, UploadSession } from './upload-session.ts'
import { createUploadTurns, type UploadTurn } from './upload-turns.ts'

/** ECR quotas: 52,000 MiB a layer, 4,200 parts of 5 MiB at least, except the last. */
const maxBlobBytes = 52_000 * 1024 * 1024
const maxParts = 4200
const minPartBytes = 5 * 1024 * 1024
/** Bytes gathered for one write; fewer when many bodies arrive at once, so that memory stays flat. */
const batchBytes = 1024 * 1024
const smallBatchBytes = 256 * 1024
const manyReceivers = 16
/** What the installation keeps, counted anew now and then. */
const maxUploads = 10_000
const countForMs = 10_000

export interface UploadBody {
  stream: Readable
  /** From `Content-Range`: the position of the first byte, and of the last where it is given. */
  range?: { first: number; last: number }
}

export interface Uploads {
  /** @throws RegistryError RepositoryNotFound, Busy when too many uploads are open */
  start(ctx: RequestContext, repository: string, algorithm?: DigestAlgorithm): Promise<string>
  /** @throws RegistryError UploadNotFound */
  receivedBytes(ctx: RequestContext, repository: string, uploadId: string): Promise<number>
  /** Appends a body; gives the bytes received so far. What arrived before a lost connection is kept. @throws RegistryError InvalidLayerPart out of order */
  append(ctx: RequestContext, repository: string, uploadId: string, body: UploadBody): Promise<number>
  /** Appends one part of the API; `first` and `last` are positions in bytes. */
  appendPart(
    ctx: RequestContext,
    repository: string,
    uploadId: string,
    first: number,
    last: number,
    part: Buffer[],
  ): Promise<void>
  /** Appends what the body holds, checks the digest, and makes the blob visible in the repository. A wrong digest ends the upload. */
  complete(ctx: RequestContext, repository: string, uploadId: string, digest: Digest, body: UploadBody): Promise<void>
  /** As `complete`, by the rules of the API: parts, and a blob that is there already is an error. Gives the sha256 digest. */
  completeParts(ctx: RequestContext, repository: string, uploadId: string, digests: readonly string[]): Promise<Digest>
  /** A whole blob in one request (OCI end-4b). */
  put(ctx: RequestContext, repository: string, digest: Digest, body: UploadBody): Promise<void>
  cancel(ctx: RequestContext, repository: string, uploadId: string): Promise<void>
  /** Removes uploads that nobody has touched for that long, in milliseconds; gives how many. */
  removeIdle(idleMs: number): Promise<number>
  close(): Promise<void>
}

function tooLarge(): RegistryError {
  return new RegistryError({
    code: 'LimitExceeded',
    message: `A layer may have ${maxParts} parts and ${maxBlobBytes} bytes`,
  })
}

export function createUploads(parts: {
  metadata: MetadataStore
  blobs: BlobStore
  clock: Clock
  ids: Ids
  log: Log
}): Uploads {
  const { metadata, blobs, clock, ids, log } = parts
  const turns = createUploadTurns(parts)
  let counted = { uploads: 0, until: 0 }

  /** A write failed: the next request begins again at what was acknowledged. */
  async function abandon(session: UploadSession, row: UploadRow): Promise<void> {
    turns.drop(session.uploadId)
    await session.cutBack(row)
  }

  function invalidPart(ctx: RequestContext, repository: string, session: UploadSession, reason: string): RegistryError {
    const { uploadId, receivedBytes } = session
    const inRepository = { repositoryName: repository, registryId: ctx.registry.accountId }
    return new RegistryError({ code: 'InvalidLayerPart', uploadId, reason, receivedBytes, ...inRepository })
  }

  async function receive(
    ctx: RequestContext,
    repository: string,
    { row, session, signal }: UploadTurn,
    body: UploadBody,
  ): Promise<void> {
    const { range } = body
    const refuse = (reason: string) => invalidPart(ctx, repository, session, reason)
    if (range && range.first !== session.receivedBytes) {
      throw refuse(`First byte of the layer part is ${range.first} instead of ${session.receivedBytes}`)
    }
    const before = session.receivedBytes
    try {
      await session.receive(body.stream, {
        signal,
        batchBytes: turns.count() > manyReceivers ? smallBatchBytes : batchBytes,
        limitBytes(received) {
          if (received > maxBlobBytes) throw tooLarge()
          if (range && received > range.last + 1) {
            throw refuse(`The layer part is longer than its range ${range.first}-${range.last}`)
          }
        },
      })
    } catch (error) {
      if (session.isBroken) await abandon(session, row)
      throw error instanceof BodyInterrupted ? refuse(error.message) : error
    }
    const expected = range && range.last + 1 - range.first
    if (expected !== undefined && session.receivedBytes - before !== expected) {
      throw refuse(`The layer part has ${session.receivedBytes - before} bytes instead of ${expected}`)
    }
  }

  /** Writes down how far the upload is, so that any process can go on, and a crash of this one keeps it. */
  async function keepOffset(
    ctx: RequestContext,
    repository: string,
    session: UploadSession,
    change: Partial<UploadRow> = {},
  ): Promise<void> {
    if (session.isBroken) return
    // What fails leaves a session that knows of more bytes than the row: the next request begins with the row.
    const forget = async (error: unknown) => {
      await turns.drop(session.uploadId)?.close()
      throw error
    }
    const state = await session.checkpoint().catch(forget)
    const isOurs = await metadata
      .writeStatement((tx) =>
        uploadsTable.update(tx, session.uploadId, session.version, { ...state, updated_at: clock.now(), ...change }),
      )
      .catch(forget)
    if (!isOurs) {
      await turns.drop(session.uploadId)?.close()
      throw invalidPart(ctx, repository, session, 'The upload has been continued by another request')
    }
    session.version += 1
  }

  async function discard(session: UploadSession): Promise<void> {
    turns.drop(session.uploadId)
    counted.uploads -= 1
    const isOurs = await metadata.writeStatement((tx) => uploadsTable.delete(tx, session.uploadId, session.version))
    if (isOurs && session.storageKey !== undefined) await blobs.remove(session.storageKey)
    await session.remove()
  }

  async function publish(
    ctx: RequestContext,
    repository: string,
    session: UploadSession,
    blob: { keyScope: string; digest: Digest; mustBeNew: boolean },
  ): Promise<void> {
    try {
      await publishBlob(parts, ctx, session, { repository, ...blob })
    } catch (error) {
      await session.close()
      throw error
    } finally {
      turns.drop(session.uploadId)
    }
    counted.uploads -= 1
    await session.remove()
  }

  async function mismatch(
    ctx: RequestContext,
    repository: string,
    session: UploadSession,
    digests: readonly string[],
    calculated: string,
  ): Promise<never> {
    await discard(session)
    throw new RegistryError({
      code: 'InvalidLayer',
      digests,
      calculated,
      repositoryName: repository,
      registryId: ctx.registry.accountId,
    })
  }

  async function start(
    ctx: RequestContext,
    repository: string,
    algorithm: DigestAlgorithm = 'sha256',
  ): Promise<UploadSession> {
    const now = clock.now()
    if (now >= counted.until) {
      const uploads = await metadata.read(
        (db) => uploadsTable.count(db),
        () => [],
      )
      counted = { uploads, until: now + countForMs }
    }
    if (counted.uploads >= maxUploads)
      throw new RegistryError({ code: 'Busy', message: 'Too many uploads are in progress. Finish or cancel some.' })
    const uploadId = ids.upload()
    await metadata.writeSoon(async (tx) => {
      const { id } = await requireRepository(tx.db, ctx, repository)
      await uploadsTable.insert(tx, uploadId, id, ctx.principal.userId, now)
    })
    counted.uploads += 1
    const session = new UploadSession({ uploadId, createdAt: now }, blobs, algorithm)
    turns.keep(session)
    return session
  }

  function complete(
    ctx: RequestContext,
    repository: string,
    uploadId: string,
    digest: Digest,
    body: UploadBody,
  ): Promise<void> {
    return turns.take(ctx, repository, uploadId, async (turn) => {
      const { session, keyScope } = turn
      session.expect(digestAlgorithm(digest))
      try {
        await receive(ctx, repository, turn, body)
      } catch (error) {
        await keepOffset(ctx, repository, session)
        throw error
      }
      const calculated = await session.digest(digestAlgorithm(digest))
      if (calculated !== digest) await mismatch(ctx, repository, session, [digest], calculated)
      await publish(ctx, repository, session, { keyScope, digest, mustBeNew: false })
    })
  }

  return {
    start: async (ctx, repository, algorithm) => (await start(ctx, repository, algorithm)).uploadId,

    async receivedBytes(ctx, repository, uploadId) {
      const { row } = await turns.requireUpload(ctx, repository, uploadId)
      // Asking disturbs nobody: while a body is being read, the answer is how far that has come.
      const known = turns.receivedBytes(row)
      if (known !== undefined) return known
      // A power cut may have taken bytes of which the row still tells: then the staging says how many there are.
      const isCertain = row.digest_epoch === null || row.digest_epoch === blobs.stagingEpoch
      if (metadata.isShared && isCertain) return row.received_bytes
      return turns.take(ctx, repository, uploadId, async ({ session }) => {
        if (metadata.isShared) await keepOffset(ctx, repository, session)
        return session.receivedBytes
      })
    },

    append: (ctx, repository, uploadId, body) =>
      turns.take(ctx, repository, uploadId, async (turn) => {
        try {
          await receive(ctx, repository, turn, body)
        } finally {
          await keepOffset(ctx, repository, turn.session)
        }
        return turn.session.receivedBytes
      }),

    appendPart: (ctx, repository, uploadId, first, last, part) =>
      turns.take(ctx, repository, uploadId, async ({ row, session }) => {
        const bytes = part.reduce((sum, chunk) => sum + chunk.length, 0)
        const refuse = (reason: string) => invalidPart(ctx, repository, session, reason)
        if (first !== session.receivedBytes)
          throw refuse(`First byte of the layer part is ${first} instead of ${session.receivedBytes}`)
        if (last - first + 1 !== bytes) throw refuse(`The layer part has ${bytes} bytes instead of ${last - first + 1}`)
        if (row.part_count >= maxParts || session.receivedBytes + bytes > maxBlobBytes) {
          throw tooLarge()
        }
        try {
          await session.append(part)
        } catch (error) {
          await abandon(session, row)
          throw error
        }
        const smallest = row.last_part === null ? null : Math.min(row.last_part, row.smallest_part ?? row.last_part)
        await keepOffset(ctx, repository, session, {
          part_count: row.part_count + 1,
          smallest_part: smallest,
          last_part: bytes,
        })
      }),

    complete,

    completeParts: (ctx, repository, uploadId, digests) =>
      turns.take(ctx, repository, uploadId, async ({ row, session, keyScope }) => {
        const inRepository = { repositoryName: repository, registryId: ctx.registry.accountId }
        if (row.part_count === 0 && session.receivedBytes === 0)
          throw new RegistryError({ code: 'EmptyUpload', uploadId, ...inRepository })
        if (row.smallest_part !== null && row.smallest_part < minPartBytes)
          throw new RegistryError({ code: 'LayerPartTooSmall' })
        const sha256 = (await session.digest('sha256')) as Digest
        // Read again once, however many digests of it are given.
        const sha512 = digests.some((digest) => digest.startsWith('sha512:')) ? await session.digest('sha512') : sha256
        for (const digest of digests) {
          const calculated = digest.startsWith('sha512:') ? sha512 : sha256
          if (digest.toLowerCase() !== calculated) await mismatch(ctx, repository, session, digests, calculated)
        }
        try {
          await publish(ctx, repository, session, { keyScope, digest: sha256, mustBeNew: true })
        } catch (error) {
          if (error instanceof RegistryError && error.fault.code === 'LayerAlreadyExists') await discard(session)
          throw error
        }
        return sha256
      }),

    async put(ctx, repository, digest, body) {
      const session = await start(ctx, repository, digestAlgorithm(digest))
      try {
        await complete(ctx, repository, session.uploadId, digest, body)
      } catch (error) {
        // Nobody else knows of this upload, and its bytes may be what fills the disk: they go first.
        await session.remove()
        const row = await metadata.read(
          (db) => uploadsTable.find(db, session.uploadId),
          () => [],
        )
        if (row) await discard(session).catch((cause) => log.warn({ err: cause }, 'the row of an upload stays'))
        throw error
      }
    },

    cancel: (ctx, repository, uploadId) => turns.take(ctx, repository, uploadId, ({ session }) => discard(session)),

    async removeIdle(idleMs) {
      let removed = 0
      const idle = await metadata.read((db) => uploadsTable.idleSince(db, clock.now() - idleMs, 1000))
      for (const row of idle) {
        const uploadId = row.upload_id
        if (turns.isWorking(uploadId)) continue
        // Somebody may have gone on with it since.
        if (!(await metadata.write((tx) => uploadsTable.delete(tx, uploadId, row.version)))) continue
        await turns.drop(uploadId)?.close()
        await blobs.removeStaging(stagedUpload(row))
        removed += 1
      }
      return removed
    },

    close: () => turns.close(),
  }
}
