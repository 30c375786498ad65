// Work that comes again. The next time of each schedule is a row, and moving it on decides which of all nodes enqueues: in one
// transaction, so a time is neither lost nor taken twice. Times that were missed, because no node ran, become one.

import type { Clock } from '../base/clock.ts'
import type { MetadataStore, Transaction } from '../storage/metadata/metadata-store.ts'
import { schedulesTable } from '../storage/metadata/tables/jobs.ts'
import type { JobQueue } from './job-queue.ts'
import type { JobType } from './job-types.ts'

/** How often the rows are looked at. */
const lookMs = 1000

export interface Schedule {
  name: string
  everyMs: number
  /** With each start of a process it comes at once, unless the last time was less than this ago. Not given: a start changes nothing. */
  atStartUnlessWithinMs?: number
  enqueue(queue: JobQueue, tx: Transaction): Promise<void>
}

export function schedule<P>(
  times: Pick<Schedule, 'name' | 'everyMs' | 'atStartUnlessWithinMs'>,
  type: JobType<P>,
  payload: P,
): Schedule {
  return { ...times, enqueue: (queue, tx) => queue.enqueue(tx, type, payload) }
}

export interface Schedules {
  /** Makes the rows that are missing, and brings forward what a shorter interval or a start asks for. */
  open(): Promise<void>
  /** Enqueues what is due; cheap to call often. */
  look(): Promise<void>
}

export function createSchedules(
  parts: { metadata: MetadataStore; clock: Clock; queue: JobQueue },
  schedules: readonly Schedule[],
): Schedules {
  const { metadata, clock, queue } = parts
  let nextLookAt = Number.NEGATIVE_INFINITY

  return {
    async open() {
      const now = clock.now()
      await metadata.write(async (tx) => {
        for (const { name, everyMs, atStartUnlessWithinMs: gap } of schedules) {
          await schedulesTable.insert(tx, name, gap === undefined ? now + everyMs : now)
          const latest = now + everyMs
          await schedulesTable.bringForward(tx, name, {
            earlier: latest,
            after: latest,
            before: Number.MAX_SAFE_INTEGER,
          })
          // The last time was one interval before the next.
          if (gap !== undefined)
            await schedulesTable.bringForward(tx, name, { earlier: now, after: now, before: now - gap + everyMs + 1 })
        }
      })
    },

    async look() {
      if (schedules.length === 0) return
      const now = clock.now()
      // A clock that was set back must not silence the schedules until it is there again.
      if (now < nextLookAt && nextLookAt - now <= lookMs) return
      nextLookAt = now + lookMs
      const due = new Set(
        await metadata.read(
          (db) => schedulesTable.due(db, now),
          () => [],
        ),
      )
      for (const { name, everyMs, enqueue } of schedules) {
        if (!due.has(name)) continue
        await metadata.write(async (tx) => {
          if (await schedulesTable.advance(tx, name, now, now + everyMs)) await enqueue(queue, tx)
        })
      }
    },
  }
}
