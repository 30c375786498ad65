// Failed authentications, counted by the address that they come from, so that who guesses is slowed down. It decides only how a failure is
// answered: who brings valid credentials is never asked, and a neighbour behind the same address can lock nobody out. Callers count a
// failure, and answer a throttled one with Throttling (429 on `/v2/`) and `Retry-After`.

import type { Clock } from '../base/clock.ts'
import { readAddress } from '../domain/policies/condition-values.ts'
import { type Bucket, recall, refill } from './rate-limit.ts'

const budget = 30
/** Ten a minute. */
const msPerFailure = 6000
const firstDelayMs = msPerFailure
const longestDelayMs = 300_000

export interface FailedLogins {
  /** Counts a failure and says how to answer it. */
  fail(address: string): { isThrottled: boolean; retryAfterSeconds: number }
}

interface Failures extends Bucket {
  /** 0: not throttled since the budget was whole. */
  delayMs: number
  throttledUntil: number
}

export function createFailedLogins({ clock }: { clock: Clock }): FailedLogins {
  const remembered = new Map<string, Failures>()
  return {
    fail(address) {
      const now = clock.now()
      const failures = recall(remembered, networkOf(address), () => ({
        tokens: budget,
        countedAt: now,
        delayMs: 0,
        throttledUntil: now,
      }))
      refill(failures, now, msPerFailure, budget)
      if (failures.tokens === budget) failures.delayMs = 0
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
      }
      // Only who stops gets new tries.
      failures.tokens = 0
      return { isThrottled: true, retryAfterSeconds: Math.ceil((failures.throttledUntil - now) / 1000) }
    },
  }
}

/** What one client has: an IPv4 address, also in IPv6's clothes, or an IPv6 network of 64 bits. */
function networkOf(address: string): string {
  const read = readAddress(address.replace(/%.*$/s, ''))
  if (!read) return 'unknown'
  return read.version === 4 ? `4:${read.bits}` : `6:${read.bits >> 64n}`
}
