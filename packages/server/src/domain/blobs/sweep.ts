// What nobody needs any more: uploads that were left, their bytes, and files that no row names. A crash leaves such files behind at
// each step of a completion (docs/design/uploads.md); they are never visible, and here they go.

import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { blobsTable } from '../../storage/metadata/tables/blobs.ts'
import { slices } from '../../storage/metadata/tables/images.ts'
import { uploadsTable } from '../../storage/metadata/tables/uploads.ts'
import type { Uploads } from './uploads.ts'

const intervalMs = 10 * 60 * 1000

export interface Sweep {
  /** Staged bytes of uploads whose rows are gone; cheap, and done before the first request. Gives how many. */
  removeStrayStaging(): Promise<number>
  /**
   * Uploads whose bytes were on their way to a storage key when the process ended: their row says how many count, so they are staged
   * again, before the first request. Gives how many.
   */
  takeBackPromotions(): Promise<number>
  /** Files of blobs without a row; walks through all of them, in the background. Gives how many it removed. */
  removeStrayBlobs(): Promise<number>
  /** From now on, idle uploads are removed every ten minutes. */
  start(uploadTtlMs: number): void
  close(): Promise<void>
}

export function createSweep(parts: {
  metadata: MetadataStore
  blobs: BlobStore
  uploads: Uploads
  clock: Clock
  log: Log
}): Sweep {
  const { metadata, blobs, uploads, log } = parts
  let timer: NodeJS.Timeout | undefined
  let running: Promise<unknown> = Promise.resolve()
  let isClosed = false

  async function removeStrayBlobs(): Promise<number> {
    let removed = 0
    for await (const keys of blobs.storageKeys()) {
      if (isClosed) break
      // A file that was listed and is being promoted is known by its upload; asked before the rows, so that none falls between.
      const promoting = new Set(uploads.promoting())
      const known = await metadata.read(
        (db) => blobsTable.knownStorageKeys(db, keys),
        () => [],
      )
      for (const key of keys) {
        const uploadId = key.slice(key.lastIndexOf('/') + 1)
        if (known.has(key) || promoting.has(uploadId)) continue
        await blobs.remove(key)
        removed += 1
      }
    }
    if (removed > 0) log.info({ removed }, 'files without a row were removed')
    return removed
  }

  async function removeStrayStaging(): Promise<number> {
    let removed = 0
    for (const part of slices(await blobs.stagedUploads())) {
      const known = await metadata.read(
        (db) => uploadsTable.known(db, part),
        () => [],
      )
      for (const uploadId of part) {
        if (known.has(uploadId)) continue
        await blobs.removeStaging(uploadId)
        removed += 1
      }
    }
    return removed
  }

  async function takeBackPromotions(): Promise<number> {
    const staged = new Set(await blobs.stagedUploads())
    const rows = await metadata.read(
      (db) => uploadsTable.withBytes(db),
      () => [],
    )
    let taken = 0
    for (const uploadId of rows) if (!staged.has(uploadId) && (await blobs.demote(uploadId))) taken += 1
    return taken
  }

  /** Uploads that were left, and the bytes of those that went with their repository. */
  async function removeLeftUploads(uploadTtlMs: number): Promise<void> {
    const uploadsRemoved = await uploads.removeIdle(uploadTtlMs)
    const filesRemoved = await removeStrayStaging()
    if (uploadsRemoved + filesRemoved > 0)
      log.info({ uploadsRemoved, filesRemoved }, 'uploads that were left have been removed')
  }

  const guarded = (work: Promise<unknown>) =>
    work.catch((error) => log.warn({ err: error }, 'the sweep failed; it is tried again later'))

  return {
    removeStrayStaging,
    takeBackPromotions,
    removeStrayBlobs,

    start(uploadTtlMs) {
      running = guarded(removeStrayBlobs())
      const interval = Math.min(intervalMs, uploadTtlMs)
      timer = setInterval(() => {
        running = running.then(() => guarded(removeLeftUploads(uploadTtlMs)))
      }, interval)
      timer.unref()
    },

    async close() {
      isClosed = true
      clearInterval(timer)
      await running
    },
  }
}
