// Rows of jobs and of schedules (docs/design/jobs.md). Nothing here decides when and why: the worker does.

import type { Selectable } from 'kysely'
import { oneOfUnlocked } from '../dialect.ts'
import { hotQuery } from '../hot-query.ts'
import type { Transaction } from '../metadata-store.ts'
import type { Db, JobsTable } from '../schema.ts'

/** A job as its worker has it. */
export type ClaimedJob = Pick<
  Selectable<JobsTable>,
  'job_id' | 'type' | 'key' | 'payload' | 'run_at' | 'attempts' | 'lease_generation'
>

/** Which claim of which job: what every change by a worker names, so that a later claim shuts it out. */
export type Claim = Pick<ClaimedJob, 'job_id' | 'lease_generation'>

/** The row waits again; or it made way for another one of its key that waits already; or it was not ours any more. */
export type PutBack = 'waiting' | 'merged' | 'gone'

// Each push may enqueue, and each job is claimed and finished.
const enqueue = hotQuery<
  { jobId: string; type: string; key: string; payload: string; runAt: number; now: number },
  unknown
>((db, p) =>
  db
    .insertInto('jobs')
    .values({
      job_id: p('jobId'),
      type: p('type'),
      key: p('key'),
      payload: p('payload'),
      run_at: p('runAt'),
      attempts: 0,
      lease_until: null,
      lease_generation: 0,
      last_error: null,
      created_at: p('now'),
      failed_at: null,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['type', 'key'])
        .where('lease_until', 'is', null)
        .where('failed_at', 'is', null)
        .doUpdateSet((e) => ({ run_at: e.ref('excluded.run_at') }))
        .where('jobs.attempts', '=', 0)
        .where((e) => e('jobs.run_at', '>', e.ref('excluded.run_at'))),
    ),
)

const claim = hotQuery<{ type: string; now: number; until: number; limit: number }, ClaimedJob>((db, p) =>
  db
    .updateTable('jobs')
    .set((e) => ({
      lease_until: p('until'),
      lease_generation: e('lease_generation', '+', 1),
      attempts: e('attempts', '+', 1),
    }))
    .where(
      oneOfUnlocked(
        db,
        'job_id',
        db
          .selectFrom('jobs')
          .select('job_id')
          .where('type', '=', p('type'))
          .where('failed_at', 'is', null)
          .where('run_at', '<=', p('now'))
          .where((e) =>
            e.or([
              e('lease_until', '<', p('now')),
              // A job that waits while another one of its key runs has its turn after it.
              e.and([
                e('lease_until', 'is', null),
                e(
                  'key',
                  'not in',
                  e
                    .selectFrom('jobs as leased')
                    .select('leased.key')
                    .where('leased.type', '=', p('type'))
                    .where('leased.lease_until', 'is not', null),
                ),
              ]),
            ]),
          )
          .orderBy('run_at')
          .limit(p('limit')),
      ),
    )
    .returning(['job_id', 'type', 'key', 'payload', 'run_at', 'attempts', 'lease_generation']),
)

const renew = hotQuery<{ jobId: string; generation: number; until: number }, { job_id: string }>((db, p) =>
  db
    .updateTable('jobs')
    .set({ lease_until: p('until') })
    .where('job_id', '=', p('jobId'))
    .where('lease_generation', '=', p('generation'))
    .returning('job_id'),
)

const remove = hotQuery<{ jobId: string; generation: number }, Selectable<JobsTable>>((db, p) =>
  db.deleteFrom('jobs').where('job_id', '=', p('jobId')).where('lease_generation', '=', p('generation')).returningAll(),
)

const ours = ({ job_id, lease_generation }: Claim) => ({ jobId: job_id, generation: lease_generation })

/** The earliest job of each type that is due, for the types given. Leaves aside whether another one of its key runs. */
export function dueQuery(
  types: readonly string[],
): (db: Db, now: number) => Promise<{ type: string; run_at: number }[]> {
  const query = hotQuery<{ now: number }, { type: string; run_at: number }>((db, p) => {
    const [first, ...others] = types.map((type) =>
      db
        .selectFrom(
          db
            .selectFrom('jobs')
            .select(['type', 'run_at'])
            .where('type', '=', type)
            .where('failed_at', 'is', null)
            .where('run_at', '<=', p('now'))
            .where((e) => e.or([e('lease_until', 'is', null), e('lease_until', '<', p('now'))]))
            .orderBy('run_at')
            .limit(1)
            .as('earliest'),
        )
        .selectAll(),
    )
    if (!first) throw new Error('a worker needs a type of jobs')
    return others.reduce((all, one) => all.unionAll(one), first)
  })
  return (db, now) => query(db, { now })
}

export const jobsTable = {
  /** Leaves it at the job that waits already, if there is one of this type and key; one that has not failed yet may run earlier. */
  async enqueue(
    tx: Transaction,
    job: { jobId: string; type: string; key: string; payload: string; runAt: number; now: number },
  ): Promise<void> {
    await enqueue(tx.db, job)
  },

  /** Takes jobs that are due, those that wait longest first; each has one attempt more and a new generation. */
  claim(tx: Transaction, which: { type: string; now: number; until: number; limit: number }): Promise<ClaimedJob[]> {
    return claim(tx.db, which)
  },

  /** False when somebody else has claimed it, or it is gone. */
  async renew(tx: Transaction, job: Claim, until: number): Promise<boolean> {
    return (await renew(tx.db, { ...ours(job), until })).length > 0
  },

  /** False when somebody else has claimed it, or it is gone. */
  async finish(tx: Transaction, job: Claim): Promise<boolean> {
    return (await remove(tx.db, ours(job))).length > 0
  },

  /** Gives the lease back. */
  async putBack(
    tx: Transaction,
    job: Claim,
    change: { runAt: number; attempts: number; lastError?: string },
  ): Promise<PutBack> {
    const [row] = await remove(tx.db, ours(job))
    if (!row) return 'gone'
    // An insert gives way to the unique index where an update would break the transaction. The generation stays: it is the same job.
    const inserted = await tx.db
      .insertInto('jobs')
      .values({
        ...row,
        run_at: change.runAt,
        attempts: change.attempts,
        last_error: change.lastError ?? row.last_error,
        lease_until: null,
      })
      .onConflict((conflict) =>
        conflict.columns(['type', 'key']).where('lease_until', 'is', null).where('failed_at', 'is', null).doNothing(),
      )
      .returning('job_id')
      .execute()
    return inserted.length > 0 ? 'waiting' : 'merged'
  },

  /** It is not tried again. One job of a key rests, the last one. False when it was not ours any more. */
  async rest(tx: Transaction, job: Claim, change: { failedAt: number; lastError: string }): Promise<boolean> {
    const row = await tx.db
      .updateTable('jobs')
      .set({ failed_at: change.failedAt, last_error: change.lastError, lease_until: null })
      .where('job_id', '=', job.job_id)
      .where('lease_generation', '=', job.lease_generation)
      .returning(['type', 'key'])
      .executeTakeFirst()
    if (!row) return false
    await tx.db
      .deleteFrom('jobs')
      .where('type', '=', row.type)
      .where('key', '=', row.key)
      .where('failed_at', 'is not', null)
      .where('job_id', '!=', job.job_id)
      .execute()
    return true
  },

  async countResting(db: Db): Promise<number> {
    const row = await db
      .selectFrom('jobs')
      .select((e) => e.fn.countAll<number>().as('count'))
      .where('failed_at', 'is not', null)
      .executeTakeFirstOrThrow()
    return Number(row.count)
  },
}

export const schedulesTable = {
  /** Its first time, unless it has one already. */
  async insert(tx: Transaction, name: string, nextAt: number): Promise<void> {
    await tx.db
      .insertInto('schedules')
      .values({ name, next_at: nextAt })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute()
  },

  /** Its next time becomes `earlier` if it is later than `after` and before `before`. */
  async bringForward(
    tx: Transaction,
    name: string,
    { earlier, after, before }: { earlier: number; after: number; before: number },
  ): Promise<void> {
    await tx.db
      .updateTable('schedules')
      .set({ next_at: earlier })
      .where('name', '=', name)
      .where('next_at', '>', after)
      .where('next_at', '<', before)
      .execute()
  },

  async due(db: Db, now: number): Promise<string[]> {
    const rows = await db.selectFrom('schedules').select('name').where('next_at', '<=', now).execute()
    return rows.map((row) => row.name)
  },

  /** True for one caller of all that see it due: that one does the work. */
  async advance(tx: Transaction, name: string, now: number, nextAt: number): Promise<boolean> {
    const row = await tx.db
      .updateTable('schedules')
      .set({ next_at: nextAt })
      .where('name', '=', name)
      .where('next_at', '<=', now)
      .returning('name')
      .executeTakeFirst()
    return row !== undefined
  },
}
