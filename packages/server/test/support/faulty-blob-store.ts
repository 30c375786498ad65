// A store of blobs with faults: before and after each step of the one behind it, the test may throw, wait, or do something in between.

import type { BlobStore, Staging } from '../../src/storage/blobs/blob-store.ts'

export type BlobStep = 'openStaging' | 'append' | 'promote' | 'demote' | 'open' | 'remove' | 'removeStaging' | 'probe'

export interface FaultPlan {
  /** `about` is the upload id or storage key. What it throws is the step's failure; the store behind is not asked. */
  before?: (step: BlobStep, about: string) => void | Promise<void>
  /** The store behind has done it: what is thrown here is a failure that came after. */
  after?: (step: BlobStep, about: string) => void | Promise<void>
}

/** The plan may be changed while the store is used. */
export function faultyBlobStore(inner: BlobStore, plan: FaultPlan): BlobStore {
  const stagings = new WeakMap<Staging, Staging>()

  async function step<T>(name: BlobStep, about: string, run: () => Promise<T>): Promise<T> {
    await plan.before?.(name, about)
    const result = await run()
    await plan.after?.(name, about)
    return result
  }

  return {
    openStaging: (uploadId, size) =>
      step('openStaging', uploadId, async () => {
        const staging = await inner.openStaging(uploadId, size)
        const faulty: Staging = {
          get size() {
            return staging.size
          },
          append: (chunks) => step('append', uploadId, () => staging.append(chunks)),
          close: () => staging.close(),
        }
        stagings.set(faulty, staging)
        return faulty
      }),
    readStaging: (uploadId) => inner.readStaging(uploadId),
    removeStaging: (uploadId) => step('removeStaging', uploadId, () => inner.removeStaging(uploadId)),
    promote: (uploadId, staging) =>
      step('promote', uploadId, () => inner.promote(uploadId, stagings.get(staging) ?? staging)),
    demote: (uploadId) => step('demote', uploadId, () => inner.demote(uploadId)),
    open: (storageKey) => step('open', storageKey, () => inner.open(storageKey)),
    remove: (storageKey) => step('remove', storageKey, () => inner.remove(storageKey)),
    storageKeys: () => inner.storageKeys(),
    stagedUploads: () => inner.stagedUploads(),
    probe: () => step('probe', '', () => inner.probe()),
    statistics: () => inner.statistics(),
  }
}
