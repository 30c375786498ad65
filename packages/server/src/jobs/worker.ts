// The loop that runs jobs: it claims what is due, as many of each type as it may run, and sees to their leases. Any number of workers work
// on one database (docs/design/jobs.md).

import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { dueQuery, jobsTable } from '../storage/metadata/tables/jobs.ts'
import type { JobQueue } from './job-queue.ts'
import { JobRun, type Outcome } from './job-run.ts'
import type { JobType } from './job-types.ts'
import { createSchedules, type Schedule, type Schedules } from './schedules.ts'

/** The pause between two looks at the database: short after something happened, then doubled up to the long one. */
const shortestPauseMs = 4
const longestPauseMs = 1000

export interface WorkerParts {
  metadata: MetadataStore
  clock: Clock
  random: () => number
  log: Log
  queue: JobQueue
}

export interface WorkerOptions {
  types: readonly JobType<unknown>[]
  schedules?: readonly Schedule[]
  /** How long a worker that has died keeps others waiting. */
  leaseMs?: number
  /** How long runs may take to heed their signal at the end of the process. */
  stopMs?: number
}

export interface JobStatistics {
  /** Runs that ended since the start of the process. */
  ended: { type: string; outcome: Outcome; count: number }[]
  running: number
  /** How long the job that has waited longest is due. */
  oldestDueMs: number
  /** Jobs that failed for good. */
  resting: number
}

export class Worker {
  readonly #parts: WorkerParts
  readonly #types: readonly JobType<unknown>[]
  readonly #leaseMs: number
  readonly #stopMs: number
  readonly #due: ReturnType<typeof dueQuery>
  readonly #schedules: Schedules
  readonly #running = new Set<JobRun>()
  readonly #ended = new Map<string, { type: string; outcome: Outcome; count: number }>()
  #looking: Promise<number> | undefined
  #timer: NodeJS.Timeout | undefined
  /** When the timer comes, on the clock of the process. */
  #timerAt = 0
  #heartbeat: NodeJS.Timeout | undefined
  #pauseMs = shortestPauseMs
  /** The rows of the schedules are there. */
  #isOpen = false
  #isStarted = false
  #isStopping = false
  #isFailing = false
  #stopListening = () => {}

  constructor(parts: WorkerParts, options: WorkerOptions) {
    this.#parts = parts
    this.#types = options.types
    this.#leaseMs = options.leaseMs ?? 30_000
    this.#stopMs = options.stopMs ?? 5000
    this.#due = dueQuery(options.types.map(({ name }) => name))
    this.#schedules = createSchedules(parts, options.schedules ?? [])
  }

  /** Makes the rows of the schedules, and works from now on. Where that can not be written, on a full disk, it is tried again at each look. */
  async start(): Promise<void> {
    await this.#open().catch((error) => this.#parts.log.warn({ err: error }, 'jobs do not begin yet'))
    this.#isStarted = true
    this.#stopListening = this.#parts.queue.onEnqueue(() => this.#soon())
    // Apart from the looks, which wait for the database.
    this.#heartbeat = setInterval(() => this.#lookAfterRuns(), Math.min(1000, this.#leaseMs / 6))
    this.#arrange(0)
  }

  async #open(): Promise<void> {
    if (this.#isOpen) return
    await this.#schedules.open()
    this.#isOpen = true
  }

  /**
   * Looks once: leases, schedules, and jobs that are due. Gives how many it has claimed; they run on. The timer calls it.
   *
   * @throws what the database throws
   */
  look(): Promise<number> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running].map((run) => run.ended))
  }

  /** Claims nothing more. What runs is told to stop; what has not ended some seconds later is given back, for others to run at once. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#stopListening()
    clearTimeout(this.#timer)
    clearInterval(this.#heartbeat)
    await this.#looking?.catch(() => {})
    for (const run of this.#running) run.interrupt()
    const { promise: timeIsOver, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#stopMs)
    await Promise.race([this.idle(), timeIsOver])
    clearTimeout(timer)
    await Promise.all(
      [...this.#running].map(async (run) => {
        try {
          this.#note(run, await run.release())
        } catch (error) {
          this.#parts.log.warn({ err: error }, 'a job was not given back; it runs again later')
        }
      }),
    )
    this.#running.clear()
  }

  async statistics(): Promise<JobStatistics> {
    const { metadata, clock } = this.#parts
    const now = clock.now()
    const { due, resting } = await metadata.read(
      async (db) => ({ due: await this.#due(db, now), resting: await jobsTable.countResting(db) }),
      () => [],
    )
    return {
      ended: [...this.#ended.values()],
      running: this.#running.size,
      oldestDueMs: due.reduce((oldest, { run_at }) => Math.max(oldest, now - run_at), 0),
      resting,
    }
  }

  async #look(): Promise<number> {
    this.#lookAfterRuns()
    if (this.#isStopping) return 0
    if (this.#isStarted) await this.#open()
    await this.#schedules.look()
    const free = new Map(this.#types.map((type) => [type, type.concurrency - this.#runningOf(type)]))
    if ([...free.values()].every((count) => count <= 0)) return 0

    // Asked by a read first: most looks find nothing, and no transaction is begun for them.
    const due = await this.#parts.metadata.read(
      (db) => this.#due(db, this.#parts.clock.now()),
      () => [],
    )
    const wanted = this.#types.filter((type) => (free.get(type) ?? 0) > 0 && due.some((job) => job.type === type.name))
    if (wanted.length === 0) return 0
    const now = this.#parts.clock.now()
    const until = now + this.#leaseMs
    // Waits for the disk: what the job does outside must not rest on a row that a power cut could take back.
    const claimed = await this.#parts.metadata.write(async (tx) => {
      const jobs = []
      for (const type of wanted) {
        const rows = await jobsTable.claim(tx, { type: type.name, now, until, limit: free.get(type) ?? 0 })
        jobs.push(...rows.map((row) => ({ type, row })))
      }
      return jobs
    })
    for (const { type, row } of claimed)
      this.#begin(new JobRun({ ...this.#parts, leaseMs: this.#leaseMs }, type, row, until))
    return claimed.length
  }

  #lookAfterRuns(): void {
    for (const run of this.#running) run.look()
  }

  #runningOf(type: JobType<unknown>): number {
    let count = 0
    for (const run of this.#running) if (run.type === type) count += 1
    return count
  }

  #begin(run: JobRun): void {
    this.#running.add(run)
    void run.ended.then((outcome) => {
      // One that was given back after `stop` has been counted.
      if (!this.#running.delete(run)) return
      this.#note(run, outcome)
      this.#soon()
    })
  }

  #note({ type: { name: type } }: JobRun, outcome: Outcome): void {
    const key = `${type} ${outcome}`
    const entry = this.#ended.get(key) ?? { type, outcome, count: 0 }
    this.#ended.set(key, { ...entry, count: entry.count + 1 })
  }

  /** Something has changed, or is about to: an enqueueing is told before its commit, so the first short looks may come too early. */
  #soon(): void {
    this.#pauseMs = shortestPauseMs
    // An earlier look stays: those who come one after the other must not put it off for ever.
    if (this.#timer && this.#timerAt > performance.now() + this.#pauseMs) this.#arrange(this.#pauseMs)
  }

  #arrange(pauseMs: number): void {
    if (!this.#isStarted || this.#isStopping) return
    clearTimeout(this.#timer)
    this.#timerAt = performance.now() + pauseMs
    this.#timer = setTimeout(() => void this.#turn(), pauseMs)
  }

  async #turn(): Promise<void> {
    this.#timer = undefined
    try {
      const claimed = await this.look()
      this.#isFailing = false
      this.#pauseMs = claimed > 0 ? shortestPauseMs : Math.min(longestPauseMs, this.#pauseMs * 2)
    } catch (error) {
      if (!this.#isFailing)
        this.#parts.log.warn({ err: error }, 'jobs can not be looked for; it is tried again each second')
      this.#isFailing = true
      this.#pauseMs = longestPauseMs
    }
    // Nodes that were started together do not look together.
    this.#arrange(this.#pauseMs * (0.5 + this.#parts.random() / 2))
  }
}
