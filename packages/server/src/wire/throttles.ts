// How often somebody may fail to log in, ask for tokens or call STS. One for all wires, since an address that guesses does so at any door.
// Each process counts for itself: with several of them somebody has that many times as much.

import { createFailedLogins, networkOf } from '../auth/failed-logins.ts'
import { createRateLimit } from '../auth/rate-limit.ts'
import type { Clock } from '../base/clock.ts'

/** Too often. Each wire has its own words for it. */
export class Throttled extends Error {
  override readonly name = 'Throttled'
  readonly retryAfterSeconds: number
  /** For the audit log, in the place of a line for each failure: given when a time of waiting begins. */
  readonly summary: string | undefined

  constructor(retryAfterSeconds: number, summary?: string) {
    super('Rate exceeded')
    this.retryAfterSeconds = retryAfterSeconds
    this.summary = summary
  }
}

export interface Throttles {
  /** Counts a failed login. What to answer when there were too many; undefined: as it is. */
  failedLogin(address: string): Throttled | undefined
  /** @throws Throttled */
  countAuthorizationToken(accessKeyId: string): void
  /** By the access key, or by the address of an unsigned call. @throws Throttled */
  countStsCall(accessKeyId: string | undefined, address: string): void
}

export function createThrottles({ clock, budget }: { clock: Clock; budget: number }): Throttles {
  const logins = createFailedLogins({ clock, budget })
  const authorizationTokens = createRateLimit({ clock, perSecond: 20, burst: 200 })
  const stsCalls = createRateLimit({ clock, perSecond: 100, burst: 200 })
  return {
    failedLogin(address) {
      const { isThrottled, retryAfterSeconds, unrecorded } = logins.fail(address)
      if (!isThrottled) return undefined
      const summary =
        unrecorded === undefined
          ? undefined
          : `Rate exceeded: failed logins from this address are not recorded one by one for ${retryAfterSeconds} s (${unrecorded} before)`
      return new Throttled(retryAfterSeconds, summary)
    },
    countAuthorizationToken(accessKeyId) {
      if (!authorizationTokens.take(accessKeyId)) throw new Throttled(1)
    },
    countStsCall(accessKeyId, address) {
      if (!stsCalls.take(accessKeyId ?? networkOf(address))) throw new Throttled(1)
    },
  }
}
