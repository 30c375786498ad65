// What is swept, as jobs: on one node at a time, whichever comes first. What they sweep is in domain/blobs/sweep.ts and, of sessions, in
// domain/identities/sessions.ts.

import type { JobType } from './job-types.ts'
import { type Schedule, schedule } from './schedules.ts'

const minutes = 60_000
const hours = 60 * minutes
const sessionsAtOnce = 500

/** Functions of the domain; each may be run again, and on two nodes at once. */
export interface Sweeping {
  /** Uploads that nobody has touched for so long, and staged bytes without an upload. */
  removeLeftUploads(uploadTtlMs: number, signal: AbortSignal): Promise<unknown>
  /** Bytes of blobs without a row; stops early when the signal is aborted. */
  removeStrayBlobs(signal: AbortSignal): Promise<unknown>
  /** At most so many rows of sessions that ended long ago; how many they were. */
  removeExpiredSessions(limit: number): Promise<number>
}

export interface SweepSettings {
  uploadTtlMs: number
  /** A start looks for stray blobs, unless some node began to less than this ago. */
  quietMs: number
}

export function sweepJobs(
  sweep: Sweeping,
  { uploadTtlMs, quietMs }: SweepSettings,
): {
  types: JobType<unknown>[]
  schedules: Schedule[]
} {
  const leftUploads: JobType<Nothing> = {
    ...alone,
    name: 'remove-left-uploads',
    timeoutMs: 10 * minutes,
    run: async ({ signal }) => void (await sweep.removeLeftUploads(uploadTtlMs, signal)),
  }
  const strayBlobs: JobType<Nothing> = {
    ...alone,
    name: 'remove-stray-blobs',
    timeoutMs: 12 * hours,
    run: async ({ signal }) => {
      await sweep.removeStrayBlobs(signal)
      // One that was cut off has not seen everything.
      signal.throwIfAborted()
    },
  }
  const expiredSessions: JobType<Nothing> = {
    ...alone,
    name: 'remove-expired-sessions',
    timeoutMs: 10 * minutes,
    run: async ({ signal }) => {
      // In small transactions: others write between them.
      while ((await sweep.removeExpiredSessions(sessionsAtOnce)) === sessionsAtOnce) signal.throwIfAborted()
    },
  }
  return {
    types: [leftUploads, strayBlobs, expiredSessions],
    schedules: [
      schedule({ name: leftUploads.name, everyMs: Math.min(10 * minutes, uploadTtlMs) }, leftUploads, {}),
      schedule({ name: strayBlobs.name, everyMs: 24 * hours, atStartUnlessWithinMs: quietMs }, strayBlobs, {}),
      schedule({ name: expiredSessions.name, everyMs: hours }, expiredSessions, {}),
    ],
  }
}

type Nothing = Record<string, never>

/** One for the whole installation. What fails here comes again with its schedule, so it is soon given up. */
const alone = {
  parse: (): Nothing => ({}),
  key: () => '',
  maxAttempts: 3,
  concurrency: 1,
  backoff: { firstMs: 10_000, maxMs: 2 * minutes },
}
