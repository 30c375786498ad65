// One claimed job in this process: its run, its lease, and how it ends. A job leaves by exactly one of the outcomes below, and each is one
// transaction that names the claim, so one whose lease somebody else took changes nothing.

import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { type ClaimedJob, jobsTable } from '../storage/metadata/tables/jobs.ts'
import { errorText, withoutSecrets } from './error-text.ts'
import { backoffMs, type JobType, LeaseLost } from './job-types.ts'

/**
 * `done`; `retried` after a failure; `failed` for good, it rests; `merged`: a failure, and the job of its key that waits already is the next
 * try; `lost` to another process, or its end could not be written; `released` unfinished at the end of the process.
 */
export type Outcome = 'done' | 'retried' | 'failed' | 'merged' | 'lost' | 'released'

export interface JobParts {
  metadata: MetadataStore
  clock: Clock
  /** From 0 up to, not including, 1. */
  random: () => number
  log: Log
  leaseMs: number
}

export class JobRun {
  readonly type: JobType<unknown>
  /** Never rejects. */
  readonly ended: Promise<Outcome>
  readonly #parts: JobParts
  readonly #row: ClaimedJob
  readonly #controller = new AbortController()
  readonly #timesOutAt: number
  #leaseUntil: number
  #isRenewing = false
  /** `finish` has run, in a transaction that may or may not have been committed. */
  #isFinishing = false
  #release: Promise<Outcome> | undefined

  constructor(parts: JobParts, type: JobType<unknown>, row: ClaimedJob, leaseUntil: number) {
    this.#parts = parts
    this.type = type
    this.#row = row
    this.#leaseUntil = leaseUntil
    this.#timesOutAt = parts.clock.now() + type.timeoutMs
    this.ended = this.#run()
  }

  /** Called now and then: renews the lease from a third of it on, and ends a run that takes too long. */
  look(): void {
    const now = this.#parts.clock.now()
    if (this.#controller.signal.aborted) return
    if (now >= this.#timesOutAt) {
      // From here on the lease is left to itself: a run that does not heed its signal must not keep the job for ever.
      this.#controller.abort(new Error(`it took longer than ${this.type.timeoutMs} ms`))
    } else if (now >= this.#leaseUntil - (this.#parts.leaseMs * 2) / 3 && !this.#isRenewing) {
      void this.#renew(now + this.#parts.leaseMs)
    }
  }

  /** The process ends: the run is told so. `release` comes some seconds later, for one that did not heed it. */
  interrupt(): void {
    this.#controller.abort(new Interrupted())
  }

  /** Gives the job back without its run, which may go on but can not keep anything any more when somebody else has claimed the job. */
  release(): Promise<Outcome> {
    this.#release ??= this.#putBack({ runAt: this.#parts.clock.now(), attempts: this.#row.attempts - 1 }, 'released')
    return this.#release
  }

  async #run(): Promise<Outcome> {
    const { signal } = this.#controller
    const { type } = this
    try {
      // Whoever had it last time did not live to say how it ended.
      if (this.#row.attempts > type.maxAttempts) throw new Error('the processes that ran it ended before it did')
      const payload = type.parse(JSON.parse(this.#row.payload))
      await type.run({ requestId: this.#row.job_id, signal, log: this.#parts.log }, payload, {
        attempt: this.#row.attempts,
        finish: async (tx) => {
          if (!(await jobsTable.finish(tx, this.#row))) {
            this.#isFinishing = false
            throw new LeaseLost()
          }
          this.#isFinishing = true
        },
      })
    } catch (error) {
      return this.#guarded(() => this.#fail(error))
    }
    if (this.#isFinishing) return 'done'
    return this.#guarded(async () =>
      (await this.#parts.metadata.writeSoon((tx) => jobsTable.finish(tx, this.#row))) ? 'done' : this.#lose(),
    )
  }

  async #fail(error: unknown): Promise<Outcome> {
    const reason: unknown = this.#controller.signal.reason
    if (error instanceof LeaseLost || reason instanceof LeaseLost) return this.#lose()
    if (reason instanceof Interrupted) return this.release()
    const { clock, metadata, random, log } = this.#parts
    const { attempts, job_id: jobId } = this.#row
    // What a run throws after its time is over is how it gave up, not why.
    const cause = this.#controller.signal.aborted ? reason : error
    const about = { jobId, type: this.type.name, attempt: attempts, error: errorText(cause) }
    if (attempts < this.type.maxAttempts) {
      const waitMs = backoffMs(this.type.backoff, attempts, random)
      const outcome = await this.#putBack({ runAt: clock.now() + waitMs, attempts, lastError: about.error }, 'retried')
      if (outcome === 'retried') log.info({ ...about, waitMs }, 'a job failed, and is tried again')
      return outcome
    }
    const change = { failedAt: clock.now(), lastError: about.error }
    if (!(await metadata.writeSoon((tx) => jobsTable.rest(tx, this.#row, change)))) return this.#lose(cause)
    const stack = cause instanceof Error && cause.stack ? withoutSecrets(cause.stack) : undefined
    log.error({ ...about, key: this.#row.key, stack }, 'a job failed for the last time, and rests')
    return 'failed'
  }

  async #putBack<O extends Outcome>(
    change: { runAt: number; attempts: number; lastError?: string },
    outcome: O,
  ): Promise<O | 'merged' | 'done' | 'lost'> {
    const put = await this.#parts.metadata.writeSoon((tx) => jobsTable.putBack(tx, this.#row, change))
    return put === 'waiting' ? outcome : put === 'merged' ? put : this.#lose(change.lastError)
  }

  /** The row is not ours: because of our own `finish`, whose commit was reported as failed, or because of somebody else. */
  #lose(error?: unknown): 'done' | 'lost' {
    const about = { jobId: this.#row.job_id, type: this.type.name }
    if (this.#isFinishing) {
      if (error !== undefined)
        this.#parts.log.warn({ ...about, error: errorText(error) }, 'a job failed when it was done')
      return 'done'
    }
    this.#parts.log.warn(about, 'the lease of a job was lost')
    return 'lost'
  }

  async #renew(until: number): Promise<void> {
    this.#isRenewing = true
    try {
      const isOurs = await this.#parts.metadata.writeSoon((tx) => jobsTable.renew(tx, this.#row, until))
      if (isOurs) this.#leaseUntil = until
      else if (!this.#isFinishing) this.#controller.abort(new LeaseLost())
    } catch (error) {
      this.#parts.log.warn({ err: error, jobId: this.#row.job_id }, 'the lease of a job was not renewed')
    } finally {
      this.#isRenewing = false
    }
  }

  /** When the database can not be told how it ended, the lease runs out, and the job is run again. */
  async #guarded(end: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await end()
    } catch (error) {
      this.#parts.log.warn(
        { err: error, jobId: this.#row.job_id },
        'the end of a job was not recorded; it runs again later',
      )
      return 'lost'
    }
  }
}

class Interrupted extends Error {
  constructor() {
    super('the process stops')
    this.name = 'Interrupted'
  }
}
