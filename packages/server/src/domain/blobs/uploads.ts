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
import { UploadSession } from './upload-session.ts'

/** ECR quotas: 52,000 MiB a layer, 4,200 parts of 5 MiB at least, except the last. */
const maxBlobBytes = 52_000 * 1024 * 1024
const maxParts = 4200
const minPartBytes = 5 * 1024 * 1024
/** What this process keeps open, and what the installation keeps at all. */
const maxSessions = 1000
/** Bytes gathered for one write; fewer when many bodies arrive at once, so that memory stays flat. */
const batchBytes = 1024 * 1024
const smallBatchBytes = 256 * 1024
const manyReceivers = 16
const maxUploads = 10_000

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
  /** Ids of uploads whose bytes are on their way to a storage key: their files have no row yet. */
  promoting(): ReadonlySet<string>
  close(): Promise<void>
}

function tooLarge(): RegistryError {
  return new RegistryError({
    code: 'LimitExceeded',
    message: `A layer may have ${maxParts} parts and ${maxBlobBytes} bytes`,
  })
}

interface Work {
  /** Ends the reading of a body; a no-op once the body is in. */
  interrupt: () => void
  done: Promise<void>
}

export function createUploads(parts: {
  metadata: MetadataStore
  blobs: BlobStore
  clock: Clock
  ids: Ids
  log: Log
}): Uploads {
  const { metadata, blobs, clock, ids, log } = parts
  const sessions = new Map<string, UploadSession>()
  const working = new Map<string, Work>()
  const promoting = new Set<string>()
  let openUploads: number | undefined

  const notFound = (ctx: RequestContext, repository: string, uploadId: string) =>
    new RegistryError({
      code: 'UploadNotFound',
      uploadId,
      repositoryName: repository,
      registryId: ctx.registry.accountId,
    })

  /** The upload, if it is of this repository and this principal: to everybody else it does not exist. */
  async function requireUpload(
    ctx: RequestContext,
    repository: string,
    uploadId: string,
  ): Promise<{ row: UploadRow; keyScope: string }> {
    return metadata.read(
      async (db) => {
        const { id, key_scope } = await requireRepository(db, ctx, repository)
        const row = await uploadsTable.find(db, uploadId)
        if (row?.repository_id !== id || row.user_id !== ctx.principal.userId) throw notFound(ctx, repository, uploadId)
        return { row, keyScope: key_scope }
      },
      () => [],
    )
  }

  /**
   * One request at a time on an upload. A newer one ends the body of an older one: its client has lost that connection. Whose
   * upload it is, is checked before anybody is disturbed, and again when it is our turn.
   */
  async function onUpload<T>(
    ctx: RequestContext,
    repository: string,
    uploadId: string,
    task: (upload: { row: UploadRow; keyScope: string; session: UploadSession; signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    let upload = await requireUpload(ctx, repository, uploadId)
    for (let other = working.get(uploadId); other; other = working.get(uploadId)) {
      other.interrupt()
      await other.done
      upload = await requireUpload(ctx, repository, uploadId)
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const controller = new AbortController()
    working.set(uploadId, { interrupt: () => controller.abort(), done: promise })
    try {
      const session = await openSession(upload.row)
      return await task({ ...upload, session, signal: AbortSignal.any([controller.signal, ctx.signal]) })
    } finally {
      working.delete(uploadId)
      resolve()
    }
  }

  async function openSession(row: UploadRow): Promise<UploadSession> {
    const known = sessions.get(row.upload_id)
    if (known) {
      sessions.delete(row.upload_id)
      sessions.set(row.upload_id, known)
      return known
    }
    const session = await UploadSession.resume(row.upload_id, blobs, row.received_bytes)
    keepSession(session)
    return session
  }

  function keepSession(session: UploadSession): void {
    sessions.set(session.uploadId, session)
    if (sessions.size <= maxSessions) return
    for (const [uploadId, idle] of sessions) {
      if (working.has(uploadId) || uploadId === session.uploadId) continue
      sessions.delete(uploadId)
      void idle.stage().then(
        () => idle.close(),
        () => idle.close(),
      )
      return
    }
  }

  /** A write failed: the next request begins again at what was acknowledged. */
  async function abandonSession(session: UploadSession, acknowledgedBytes: number): Promise<void> {
    sessions.delete(session.uploadId)
    await session.cutBack(acknowledgedBytes)
  }

  function invalidPart(ctx: RequestContext, repository: string, session: UploadSession, reason: string): RegistryError {
    const { uploadId, receivedBytes } = session
    const inRepository = { repositoryName: repository, registryId: ctx.registry.accountId }
    return new RegistryError({ code: 'InvalidLayerPart', uploadId, reason, receivedBytes, ...inRepository })
  }

  async function receive(
    ctx: RequestContext,
    repository: string,
    session: UploadSession,
    body: UploadBody,
    signal: AbortSignal,
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
        batchBytes: working.size > manyReceivers ? smallBatchBytes : batchBytes,
        limitBytes(received) {
          if (received > maxBlobBytes) throw tooLarge()
          if (range && received > range.last + 1) {
            throw refuse(`The layer part is longer than its range ${range.first}-${range.last}`)
          }
        },
      })
    } catch (error) {
      if (session.isBroken) await abandonSession(session, before)
      throw error instanceof BodyInterrupted ? refuse(error.message) : error
    }
    const expected = range && range.last + 1 - range.first
    if (expected !== undefined && session.receivedBytes - before !== expected) {
      throw refuse(`The layer part has ${session.receivedBytes - before} bytes instead of ${expected}`)
    }
  }

  /** Writes down how far the upload is, so that a crash of the process keeps it. */
  async function keepOffset(session: UploadSession, change: Partial<UploadRow> = {}): Promise<void> {
    if (session.isBroken) return
    await session.stage()
    await metadata.writeSoon((tx) =>
      uploadsTable.update(tx, session.uploadId, {
        received_bytes: session.receivedBytes,
        updated_at: clock.now(),
        ...change,
      }),
    )
  }

  async function discard(session: UploadSession): Promise<void> {
    sessions.delete(session.uploadId)
    await metadata.writeSoon((tx) => uploadsTable.delete(tx, session.uploadId))
    openUploads = Math.max(0, (openUploads ?? 1) - 1)
    await session.remove()
  }

  async function publish(
    ctx: RequestContext,
    repository: string,
    session: UploadSession,
    blob: { keyScope: string; digest: Digest; mustBeNew: boolean },
  ): Promise<void> {
    const { uploadId } = session
    promoting.add(uploadId)
    try {
      await publishBlob(parts, ctx, session, { repository, ...blob })
    } catch (error) {
      await session.close()
      throw error
    } finally {
      promoting.delete(uploadId)
      sessions.delete(uploadId)
    }
    openUploads = Math.max(0, (openUploads ?? 1) - 1)
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
    openUploads ??= await metadata.read(
      (db) => uploadsTable.count(db),
      () => [],
    )
    if (openUploads >= maxUploads)
      throw new RegistryError({ code: 'Busy', message: 'Too many uploads are in progress. Finish or cancel some.' })
    const uploadId = ids.upload()
    await metadata.writeSoon(async (tx) => {
      const { id } = await requireRepository(tx.db, ctx, repository)
      await uploadsTable.insert(tx, uploadId, id, ctx.principal.userId, clock.now())
    })
    openUploads += 1
    const session = new UploadSession(uploadId, blobs, algorithm)
    keepSession(session)
    return session
  }

  function complete(
    ctx: RequestContext,
    repository: string,
    uploadId: string,
    digest: Digest,
    body: UploadBody,
  ): Promise<void> {
    return onUpload(ctx, repository, uploadId, async ({ session, keyScope, signal }) => {
      session.expect(digestAlgorithm(digest))
      try {
        await receive(ctx, repository, session, body, signal)
      } catch (error) {
        await keepOffset(session)
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
      await requireUpload(ctx, repository, uploadId)
      // Asking disturbs nobody: while a body is being read, the answer is how far that has come.
      const session = sessions.get(uploadId)
      return (
        session?.receivedBytes ?? onUpload(ctx, repository, uploadId, async (upload) => upload.session.receivedBytes)
      )
    },

    append: (ctx, repository, uploadId, body) =>
      onUpload(ctx, repository, uploadId, async ({ session, signal }) => {
        try {
          await receive(ctx, repository, session, body, signal)
        } finally {
          await keepOffset(session)
        }
        return session.receivedBytes
      }),

    appendPart: (ctx, repository, uploadId, first, last, part) =>
      onUpload(ctx, repository, uploadId, async ({ row, session }) => {
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
          await abandonSession(session, first)
          throw error
        }
        const smallest = row.last_part === null ? null : Math.min(row.last_part, row.smallest_part ?? row.last_part)
        await keepOffset(session, { part_count: row.part_count + 1, smallest_part: smallest, last_part: bytes })
      }),

    complete,

    completeParts: (ctx, repository, uploadId, digests) =>
      onUpload(ctx, repository, uploadId, async ({ row, session, keyScope }) => {
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

    cancel: (ctx, repository, uploadId) => onUpload(ctx, repository, uploadId, ({ session }) => discard(session)),

    async removeIdle(idleMs) {
      let removed = 0
      const idle = await metadata.read((db) => uploadsTable.idleSince(db, clock.now() - idleMs, 1000))
      for (const uploadId of idle) {
        if (working.has(uploadId)) continue
        await metadata.write((tx) => uploadsTable.delete(tx, uploadId))
        await sessions.get(uploadId)?.close()
        sessions.delete(uploadId)
        await blobs.removeStaging(uploadId)
        removed += 1
      }
      // Uploads also end with their repository: count again.
      openUploads = undefined
      return removed
    },

    promoting: () => promoting,

    async close() {
      for (const work of working.values()) await work.done
      for (const session of sessions.values()) await session.close()
      sessions.clear()
    },
  }
}
