// The end of an upload whose digest is right: bytes first, then the one transaction that makes them visible. Each crash point between
// two steps is in docs/design/uploads.md.

import type { Digest } from '@berth/api/names/digest.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { blobsTable } from '../../storage/metadata/tables/blobs.ts'
import { uploadsTable } from '../../storage/metadata/tables/uploads.ts'
import { requireRepository } from '../repositories/repositories.ts'
import type { UploadSession } from './upload-session.ts'
import { uploadNotFound } from './upload-turns.ts'

interface Parts {
  metadata: MetadataStore
  blobs: BlobStore
  clock: Clock
  log: Log
}

interface Target {
  repository: string
  keyScope: string
  digest: Digest
  /** The API refuses a blob that the repository has; `/v2/` takes it again. */
  mustBeNew: boolean
}

/**
 * Stores the bytes, unless the key scope has them, and links them to the repository; the upload's row goes in the same transaction.
 * What was staged and is not needed stays with the session. @throws RegistryError RepositoryNotFound, LayerAlreadyExists,
 * StoreFull, Busy
 */
export async function publishBlob(
  parts: Parts,
  ctx: RequestContext,
  session: UploadSession,
  target: Target,
): Promise<void> {
  const { metadata, blobs, log } = parts
  const { keyScope, digest } = target
  const live = await metadata.read(
    (db) => blobsTable.findLive(db, keyScope, digest),
    () => [],
  )
  const { content } = session
  // Bytes that had to be read back are promoted already.
  if (live === undefined && !content) await session.promote()
  const storageKey = session.storageKey ?? null
  try {
    const isUsed = await link(parts, ctx, session, target, { content: content ?? null, storageKey })
    // Another upload of the same digest was faster: its bytes serve both.
    if (storageKey !== null && !isUsed) await blobs.remove(storageKey)
  } catch (error) {
    if (storageKey !== null && (await isAloneWith(parts, session, error))) {
      await blobs
        .remove(storageKey)
        .catch((cause) => log.warn({ err: cause, storageKey }, 'a file without a row stays'))
    }
    throw error
  }
}

/**
 * Whether the promoted bytes are of no use to anybody, now that the transaction has failed. After an error that is no refusal the commit
 * may have happened, and a request that has taken the upload over may be about to name the same bytes: then the sweep decides.
 */
async function isAloneWith({ metadata }: Parts, session: UploadSession, error: unknown): Promise<boolean> {
  if (!(error instanceof RegistryError) || error.fault.code === 'UploadNotFound') return false
  // With the repository its uploads have gone; on a full disk nobody can take one over.
  if (error.fault.code === 'RepositoryNotFound' || error.fault.code === 'StoreFull') return true
  return metadata.write((tx) => uploadsTable.delete(tx, session.uploadId, session.version)).catch(() => false)
}

/** Gives whether our bytes became the blob. */
function link(
  { metadata, clock }: Parts,
  ctx: RequestContext,
  session: UploadSession,
  { repository, keyScope, digest, mustBeNew }: Target,
  bytes: { content: Buffer | null; storageKey: string | null },
): Promise<boolean> {
  return metadata.write(async (tx) => {
    const [{ id }, isOurs] = await Promise.all([
      requireRepository(tx.db, ctx, repository),
      uploadsTable.delete(tx, session.uploadId, session.version),
    ])
    // Another request has taken the upload over, and it is theirs to end.
    if (!isOurs) {
      throw uploadNotFound(ctx, repository, session.uploadId)
    }
    const now = clock.now()
    const hasBytes = bytes.content !== null || bytes.storageKey !== null
    const inserted = hasBytes
      ? await blobsTable.insert(tx, {
          key_scope: keyScope,
          digest,
          size: session.receivedBytes,
          storage_key: bytes.storageKey,
          content: bytes.content,
          created_at: now,
          deleting_at: null,
        })
      : undefined
    const blobId = inserted ?? (await blobsTable.findLive(tx.db, keyScope, digest))
    // The live row was collected meanwhile, and our bytes were not promoted: the client's next try finds it absent.
    if (blobId === undefined)
      throw new RegistryError({ code: 'Busy', message: 'The blob is being collected. Try again.' })
    if (!mustBeNew) await blobsTable.link(tx, id, digest, blobId, now)
    else if (!(await blobsTable.linkNew(tx, id, digest, blobId, now))) {
      throw new RegistryError({
        code: 'LayerAlreadyExists',
        digest,
        repositoryName: repository,
        registryId: ctx.registry.accountId,
      })
    }
    return inserted !== undefined
  })
}
