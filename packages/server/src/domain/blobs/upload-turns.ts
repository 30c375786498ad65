// One request at a time works on an upload, in this process and in all others (docs/design/uploads.md).
//
//   in this process    a newer request ends the body of an older one and waits for it: its client has lost that connection
//   between processes  a request claims the upload by moving the version of its row; whoever had it finds at his next change that the
//                      version has moved, and changes nothing. Where others can not be, nobody claims.

import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { Semaphore } from '../../base/semaphore.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { type UploadRow, uploadsTable } from '../../storage/metadata/tables/uploads.ts'
import { requireRepository } from '../repositories/repositories.ts'
import { UploadSession } from './upload-session.ts'

const maxClaims = 20

export interface UploadTurn {
  /** As it was before the claim. */
  row: UploadRow
  keyScope: string
  session: UploadSession
  /** Aborted when a newer request wants the upload, or the client is gone. */
  signal: AbortSignal
}

interface Work {
  interrupt: () => void
  done: Promise<void>
}

export type UploadTurns = ReturnType<typeof createUploadTurns>

export function createUploadTurns(parts: { metadata: MetadataStore; blobs: BlobStore; clock: Clock }) {
  const { metadata, blobs, clock } = parts
  const sessions = new Map<string, UploadSession>()
  const working = new Map<string, Work>()
  const slots = new Semaphore(blobs.stagingsAtMost)

  /** The upload, if it is of this repository and this principal: to everybody else it does not exist. */
  function requireUpload(ctx: RequestContext, repository: string, uploadId: string) {
    return metadata.read(
      async (db) => {
        const [{ id, key_scope }, row] = await Promise.all([
          requireRepository(db, ctx, repository),
          uploadsTable.find(db, uploadId),
        ])
        if (row?.repository_id !== id || row.user_id !== ctx.principal.userId) {
          throw uploadNotFound(ctx, repository, uploadId)
        }
        return { row, keyScope: key_scope }
      },
      () => [],
    )
  }

  /** Whose upload it is, is checked before anybody is disturbed, and again when it is our turn. @throws RegistryError UploadNotFound */
  async function take<T>(
    ctx: RequestContext,
    repository: string,
    uploadId: string,
    task: (turn: UploadTurn) => Promise<T>,
  ): Promise<T> {
    let upload = await requireUpload(ctx, repository, uploadId)
    // Whose client has gone disturbs nobody: that client may be back already, with a request that is at work.
    ctx.signal.throwIfAborted()
    for (let other = working.get(uploadId); other; other = working.get(uploadId)) {
      other.interrupt()
      await other.done
      upload = await requireUpload(ctx, repository, uploadId)
      ctx.signal.throwIfAborted()
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const controller = new AbortController()
    working.set(uploadId, { interrupt: () => controller.abort(), done: promise })
    try {
      if (metadata.isShared) upload = await claim(ctx, repository, upload)
      const session = await openSession(upload.row)
      const { version } = session
      try {
        const turn = { ...upload, session, signal: AbortSignal.any([controller.signal, ctx.signal]) }
        return await slots.run(() => task(turn))
      } catch (error) {
        if (metadata.isShared && session.version === version) await release(session)
        throw error
      }
    } finally {
      working.delete(uploadId)
      resolve()
    }
  }

  /** A request that failed before it changed the row leaves the upload to the next one, which need not take it over then. */
  async function release(session: UploadSession): Promise<void> {
    const { uploadId, version } = session
    const isOurs = await metadata
      .writeStatement((tx) => uploadsTable.update(tx, uploadId, version, {}))
      .catch(() => false)
    if (isOurs) session.version += 1
  }

  async function claim(ctx: RequestContext, repository: string, upload: { row: UploadRow; keyScope: string }) {
    let found = upload
    for (let attempt = 0; attempt < maxClaims; attempt += 1) {
      const { upload_id, version } = found.row
      if (await metadata.writeStatement((tx) => uploadsTable.claim(tx, upload_id, version, clock.now()))) return found
      found = await requireUpload(ctx, repository, upload_id)
    }
    throw new RegistryError({ code: 'Busy', message: 'Too many requests work on this upload at once.' })
  }

  /** What this process knows of the upload, if that is what the row says; otherwise what the row says. */
  async function openSession(row: UploadRow): Promise<UploadSession> {
    const known = sessions.get(row.upload_id)
    sessions.delete(row.upload_id)
    const isKnown = known?.version === row.version
    if (!isKnown) await known?.close()
    const session = known && isKnown ? known : await UploadSession.resume(row, blobs, row.is_busy === 1)
    session.version = metadata.isShared ? row.version + 1 : row.version
    keep(session)
    return session
  }

  function keep(session: UploadSession): void {
    sessions.set(session.uploadId, session)
    if (sessions.size <= blobs.stagingsAtMost) return
    for (const [uploadId, idle] of sessions) {
      if (working.has(uploadId) || uploadId === session.uploadId) continue
      sessions.delete(uploadId)
      void idle.close()
      return
    }
  }

  return {
    requireUpload,
    take,
    keep,
    isWorking: (uploadId: string) => working.has(uploadId),
    /** How many requests are at work. */
    count: () => working.size,

    /** How many bytes this process knows of: more than the row says while a body is being read. */
    receivedBytes(row: UploadRow): number | undefined {
      const session = sessions.get(row.upload_id)
      return session && (working.has(row.upload_id) || session.version === row.version)
        ? session.receivedBytes
        : undefined
    },

    /** Forgets the session and gives it, for the caller to end. */
    drop(uploadId: string): UploadSession | undefined {
      const session = sessions.get(uploadId)
      sessions.delete(uploadId)
      return session
    },

    async close(): Promise<void> {
      for (const work of working.values()) await work.done
      for (const session of sessions.values()) await session.close()
      sessions.clear()
    },
  }
}

export function uploadNotFound(ctx: RequestContext, repository: string, uploadId: string): RegistryError {
  return new RegistryError({
    code: 'UploadNotFound',
    uploadId,
    repositoryName: repository,
    registryId: ctx.registry.accountId,
  })
}
