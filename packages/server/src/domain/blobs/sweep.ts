// What nobody needs any more: uploads that were left, their bytes, and files that no row names. A crash leaves such files behind at
// each step of a completion (docs/design/uploads.md); they are never visible, and here they go.

import type { Log } from '../../base/log.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { blobsTable } from '../../storage/metadata/tables/blobs.ts'
import { uploadsTable } from '../../storage/metadata/tables/uploads.ts'
import type { Uploads } from './uploads.ts'

const strayAgeMs = 60 * 60 * 1000

/** Each may be run again, and on two nodes at once. */
export interface Sweep {
  /**
   * Staged bytes of uploads whose rows are gone, if they are older than the age given in milliseconds: younger ones may belong to an upload
   * of another process, whose row came after ours were read. Gives how many.
   */
  removeStrayStaging(olderThanMs: number): Promise<number>
  /** Files of blobs without a row; walks through all of them, until the signal is aborted. Gives how many it removed. */
  removeStrayBlobs(signal: AbortSignal): Promise<number>
  /** Uploads that were left for so many milliseconds, and the bytes of those that went with their repository. */
  removeLeftUploads(uploadTtlMs: number): Promise<void>
}

export function createSweep(parts: { metadata: MetadataStore; blobs: BlobStore; uploads: Uploads; log: Log }): Sweep {
  const { metadata, blobs, uploads, log } = parts

  async function removeStrayBlobs(signal: AbortSignal): Promise<number> {
    let removed = 0
    for await (const keys of blobs.storageKeys()) {
      if (signal.aborted) break
      // What is being promoted is known by its upload, which goes when the blob's row comes: asked in this order, so that none falls between.
      const uploadOf = (key: string) => key.slice(key.lastIndexOf('/') + 1).replace(/\..*$/, '')
      const promoting = await metadata.read(
        (db) => uploadsTable.known(db, keys.map(uploadOf)),
        () => [],
      )
      const known = await metadata.read(
        (db) => blobsTable.knownStorageKeys(db, keys),
        () => [],
      )
      for (const key of keys) {
        if (known.has(key) || promoting.has(uploadOf(key))) continue
        await blobs.remove(key)
        removed += 1
      }
    }
    if (removed > 0) log.info({ removed }, 'files without a row were removed')
    return removed
  }

  async function removeStrayStaging(olderThanMs: number): Promise<number> {
    let removed = 0
    for await (const strays of blobs.strays(olderThanMs)) {
      const known = await metadata.read(
        (db) =>
          uploadsTable.known(
            db,
            strays.map(({ uploadId }) => uploadId),
          ),
        () => [],
      )
      for (const stray of strays) {
        if (known.has(stray.uploadId)) continue
        await blobs.removeStray(stray)
        removed += 1
      }
    }
    return removed
  }

  async function removeLeftUploads(uploadTtlMs: number): Promise<void> {
    const uploadsRemoved = await uploads.removeIdle(uploadTtlMs)
    const filesRemoved = await removeStrayStaging(strayAgeMs)
    if (uploadsRemoved + filesRemoved > 0)
      log.info({ uploadsRemoved, filesRemoved }, 'uploads that were left have been removed')
  }

  return { removeStrayStaging, removeStrayBlobs, removeLeftUploads }
}
