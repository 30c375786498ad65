// Where work is put that is done later: in the transaction of the change that causes it, so that there is never one without the other.

import type { Clock } from '../base/clock.ts'
import type { Ids } from '../base/ids.ts'
import type { Transaction } from '../storage/metadata/metadata-store.ts'
import { jobsTable } from '../storage/metadata/tables/jobs.ts'
import type { JobType } from './job-types.ts'

export interface JobQueue {
  /**
   * While a job of this type and key waits, it stays at that one: with its payload, and at the earlier of the two times unless it is
   * backing off after a failure. A job that runs already may have missed what is new, so another one waits for its end.
   *
   * @param options.runAt not before this time; now, if it is not given
   */
  enqueue<P>(tx: Transaction, type: JobType<P>, payload: P, options?: { runAt?: number }): Promise<void>
  /** Calls `listener` with each enqueueing in this process, before its commit. Gives the function that ends it. */
  onEnqueue(listener: () => void): () => void
}

export function createJobQueue({ clock, ids }: { clock: Clock; ids: Pick<Ids, 'request'> }): JobQueue {
  const listeners = new Set<() => void>()
  return {
    async enqueue(tx, type, payload, options = {}) {
      const now = clock.now()
      await jobsTable.enqueue(tx, {
        jobId: ids.request(),
        type: type.name,
        key: type.key(payload),
        payload: JSON.stringify(payload),
        runAt: options.runAt ?? now,
        now,
      })
      for (const listener of listeners) listener()
    },

    onEnqueue(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
