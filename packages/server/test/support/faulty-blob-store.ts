// A store of blobs with faults: before and after each step of the one behind it, the test may throw, wait, or do something in between.

import type { BlobStore, Staging } from '../../src/storage/blobs/blob-store.ts'

export type BlobStep = 'openStaging' | 'append' | 'promote' | 'open' | 'remove' | 'removeStaging' | 'probe'

export interface FaultPlan {
  /** `about` is the upload id or storage key. What it throws is the step's failure; the store behind is not asked. */
  before?: (step: BlobStep, about: string) => void | Promise<void>
  /** The store behind has done it: what is thrown here is a failure that came after. */
  after?: (step: BlobStep, about: string) => void | Promise<void>
}

/** The plan may be changed while the store is used. */
export function faultyBlobStore(inner: BlobStore, plan: FaultPlan): BlobStore {
  async function step<T>(name: BlobStep, about: string, run: () => Promise<T>): Promise<T> {
    await plan.before?.(name, about)
    const result = await run()
    await plan.after?.(name, about)
    return result
  }

  function faulty(staging: Staging, uploadId: string): Staging {
    return {
      get size() {
        return staging.size
      },
      append: (chunks) => step('append', uploadId, () => staging.append(chunks)),
      checkpoint: () => staging.checkpoint(),
      promote: () => step('promote', uploadId, () => staging.promote()),
      close: () => staging.close(),
      remove: () => step('removeStaging', uploadId, () => staging.remove()),
    }
  }

  return {
    stagingEpoch: inner.stagingEpoch,
    stagingsAtMost: inner.stagingsAtMost,
    openStaging: (upload) =>
      step('openStaging', upload.uploadId, async () => faulty(await inner.openStaging(upload), upload.uploadId)),
    removeStaging: (upload) => step('removeStaging', upload.uploadId, () => inner.removeStaging(upload)),
    open: (storageKey) => step('open', storageKey, () => inner.open(storageKey)),
    remove: (storageKey) => step('remove', storageKey, () => inner.remove(storageKey)),
    storageKeys: () => inner.storageKeys(),
    strays: (olderThanMs) => inner.strays(olderThanMs),
    removeStray: (stray) => step('removeStaging', stray.uploadId, () => inner.removeStray(stray)),
    import: (storageKey, size, bytes) => inner.import(storageKey, size, bytes),
    owner: () => inner.owner(),
    claim: (installationId) => inner.claim(installationId),
    probe: () => step('probe', '', () => inner.probe()),
    statistics: () => inner.statistics(),
    close: () => inner.close(),
  }
}
