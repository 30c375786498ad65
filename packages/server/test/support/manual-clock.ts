// Time that a test moves.

import type { Clock } from '../../src/base/clock.ts'

export interface ManualClock extends Clock {
  /** Moves time forward, in milliseconds. */
  advance(milliseconds: number): void
}

/** Starts at the real time, since AWS clients sign with theirs, and stands still after. */
export function manualClock(start = Date.now()): ManualClock {
  let now = start
  return {
    now: () => now,
    advance(milliseconds) {
      now += milliseconds
    },
  }
}
