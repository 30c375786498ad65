// Failed authentications, counted by the address that they come from, so that who guesses is slowed down. It decides only how a failure is
// answered: who brings valid credentials is never asked, and a neighbour behind the same address can lock nobody out. Callers count a
// failure, and answer a throttled one with Throttling (429 on `/v2/`) and `Retry-After`.

import type { Clock } from '../base/clock.ts'
import { readAddress } from '../domain/policies/condition-values.ts'
import { type Bucket, recall, refill } from './rate-limit.ts'

/** So many may fail one after another. */
export const failedLoginBudget = 30
/** Ten a minute. */
const msPerFailure = 6000
const firstDelayMs = msPerFailure
const longestDelayMs = 300_000

export interface FailedLogins {
  /**
   * Counts a failure and says how to answer it. `unrecorded` is there for the one that begins a time of waiting: how many were throttled
   * after the one that began the last.
   */
  fail(address: string): { isThrottled: boolean; retryAfterSeconds: number; unrecorded?: number }
}

interface Failures extends Bucket {
  /** 0: not throttled since the budget was whole. */
  delayMs: number
  throttledUntil: number
  throttledCount: number
}

export function createFailedLogins(options: { clock: Clock; budget?: number }): FailedLogins {
  const { clock, budget = failedLoginBudget } = options
  const remembered = new Map<string, Failures>()
  return {
    fail(address) {
      const now = clock.now()
      const failures = recall(remembered, networkOf(address), () => ({
        tokens: budget,
        countedAt: now,
        delayMs: 0,
        throttledUntil: now,
        throttledCount: 0,
      }))
      refill(failures, now, msPerFailure, budget)
      if (failures.tokens === budget) failures.delayMs = 0
      let unrecorded: number | undefined
      const waitMs = failures.throttledUntil - now
      // More than was said: the clock was set back.
      if (waitMs <= 0 || waitMs > failures.delayMs) {
        if (failures.tokens >= 1) {
          failures.tokens -= 1
          return { isThrottled: false, retryAfterSeconds: 0 }
        }
        // Once for each time of waiting, and not for each of the requests that one client sends side by side.
        failures.delayMs = Math.min(longestDelayMs, Math.max(firstDelayMs, failures.delayMs * 2))
        failures.throttledUntil = now + failures.delayMs
        unrecorded = failures.throttledCount
        failures.throttledCount = 0
      }
      // Only who stops gets new tries.
      failures.tokens = 0
      if (unrecorded === undefined) failures.throttledCount += 1
      const retryAfterSeconds = Math.ceil((failures.throttledUntil - now) / 1000)
      return { isThrottled: true, retryAfterSeconds, ...(unrecorded === undefined ? {} : { unrecorded }) }
    },
  }
}

/** What one client has: an IPv4 address, also in IPv6's clothes, or an IPv6 network of 64 bits. */
export function networkOf(address: string): string {
  const read = readAddress(address.replace(/%.*$/s, ''))
  if (!read) return 'unknown'
  return read.version === 4 ? `4:${read.bits}` : `6:${read.bits >> 64n}`
}
