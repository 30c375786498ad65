// When the write-ahead log is moved into the database, and who waits for it; how, says checkpointer.ts.

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Log } from '../../base/log.ts'
import type { CheckpointReport, CheckpointRequest } from './checkpointer.ts'

const pageBytes = 4096
/** When the WAL is worth a checkpoint. */
const checkpointBytes = 24 * 1024 * 1024
/** The size at which a writer waits for the checkpoint that runs. */
const gateBytes = 64 * 1024 * 1024

export class Checkpoints {
  readonly #log: Log
  readonly #thread: Worker
  #commitsSinceRestart = 0
  #bytesPerCommit = 12 * pageBytes
  #running: Promise<void> | undefined
  #isEnding = false

  constructor(path: string, log: Log) {
    this.#log = log
    this.#thread = new Worker(new URL('./checkpointer.ts', import.meta.url), { workerData: { path } })
    this.#thread.unref()
    this.#thread.on('error', (error) => log.error({ err: error }, 'the checkpointer failed'))
  }

  note(): void {
    this.#commitsSinceRestart += 1
  }

  /** Estimated. */
  get walBytes(): number {
    return this.#commitsSinceRestart * this.#bytesPerCommit
  }

  /** What a writer waits for before it asks for the turn. */
  get gate(): Promise<void> | undefined {
    return this.walBytes > gateBytes ? this.#running : undefined
  }

  /** `alone` runs its argument while nobody else writes. */
  startIfDue(alone: (restart: () => Promise<void>) => Promise<void>): void {
    if (this.#running || this.#isEnding || this.walBytes <= checkpointBytes) return
    this.#running = this.#run(alone)
      .catch(async (error) => {
        this.#log.error({ err: error }, 'a checkpoint failed; it is tried again in a second')
        await sleep(1000, undefined, { ref: false })
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Starts no more, and waits for the one that runs. */
  async end(): Promise<void> {
    this.#isEnding = true
    await this.#running
  }

  async close(): Promise<void> {
    // Nothing else may keep the process alive by now, and it has to see the end of the thread.
    this.#thread.ref()
    this.#thread.postMessage('close' satisfies CheckpointRequest)
    await new Promise((resolve) => this.#thread.once('exit', resolve))
  }

  async #run(alone: (restart: () => Promise<void>) => Promise<void>): Promise<void> {
    const backfilled = await this.#ask('backfill')
    if (this.#isEnding) return
    this.#bytesPerCommit = Math.max(
      pageBytes,
      (backfilled.walPages * pageBytes) / Math.max(1, this.#commitsSinceRestart),
    )
    await alone(async () => {
      const report = await this.#ask('restart')
      if (report.isRestarted) this.#commitsSinceRestart = 0
      else this.#log.warn({ walPages: report.walPages }, 'the WAL could not be restarted')
    })
  }

  async #ask(request: CheckpointRequest): Promise<{ walPages: number; isRestarted: boolean }> {
    const answer = new Promise<CheckpointReport>((resolve) => this.#thread.once('message', resolve))
    this.#thread.postMessage(request)
    const report = await answer
    if ('error' in report) throw new Error(report.error)
    return report
  }
}
