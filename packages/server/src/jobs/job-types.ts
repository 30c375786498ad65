// What a kind of job is. A job runs at least once: every `run` may be repeated, by this process or by another one, and two runs of one
// job may overlap when a process was thought dead (docs/design/jobs.md). What must happen once goes into one transaction with `finish`.

import type { RequestContext } from '../base/request-context.ts'
import type { Transaction } from '../storage/metadata/metadata-store.ts'

/** The request id is the id of the job, in all its attempts. The signal says that the result is not wanted any more. */
export type JobContext = Pick<RequestContext, 'requestId' | 'signal' | 'log'>

export interface Job {
  /** 1 in the first run. */
  attempt: number
  /**
   * Removes the job, in the transaction of its effect. A job that ends without it is removed in a transaction of its own.
   *
   * @throws LeaseLost when somebody else has the job; then the transaction must fail with it
   */
  finish(tx: Transaction): Promise<void>
}

export interface JobType<Payload> {
  name: string
  /** From the JSON of the row. @throws when it is not what `run` takes */
  parse(json: unknown): Payload
  /** One job of a type waits for each key, and one runs. */
  key(payload: Payload): string
  /** After so many runs without success it rests. */
  maxAttempts: number
  /** How long a run may take; then its signal is aborted, and it has failed. */
  timeoutMs: number
  /** How many run at once in a process. */
  concurrency: number
  backoff: Backoff
  run(ctx: JobContext, payload: Payload, job: Job): Promise<void>
}

/** Any wait from 0 up to a bound that doubles with each failure (full jitter): those that failed together do not come back together. */
export interface Backoff {
  /** The bound after the first failure. */
  firstMs: number
  maxMs: number
}

/** @param random from 0 up to, not including, 1 */
export function backoffMs({ firstMs, maxMs }: Backoff, attempt: number, random: () => number): number {
  return Math.floor(random() * Math.min(maxMs, firstMs * 2 ** (attempt - 1)))
}

/** The job belongs to somebody else by now: what this run did must not be kept. */
export class LeaseLost extends Error {
  constructor() {
    super('the lease of the job was lost')
    this.name = 'LeaseLost'
  }
}
