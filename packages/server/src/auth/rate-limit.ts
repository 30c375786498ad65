// How often somebody may do what costs us something, by any name that stands for them: an access key, an address. Of many names those that
// were seen last are remembered: memory is bounded whoever comes.

import type { Clock } from '../base/clock.ts'

/** So many names are remembered; the one that was seen longest ago is forgotten for a new one. */
export const maxRemembered = 10_000

/** What is left of a budget that fills up again. */
export interface Bucket {
  tokens: number
  countedAt: number
}

/** Adds what has come in since the last time. A clock that was set back gives nothing. */
export function refill(bucket: Bucket, now: number, msPerToken: number, burst: number): void {
  bucket.tokens = Math.min(burst, bucket.tokens + Math.max(0, now - bucket.countedAt) / msPerToken)
  bucket.countedAt = now
}

/** The value of the key, which becomes the one that was seen last. */
export function recall<V>(remembered: Map<string, V>, key: string, make: () => V): V {
  const value = remembered.get(key) ?? make()
  remembered.delete(key)
  if (remembered.size >= maxRemembered) {
    for (const longestAgo of remembered.keys()) {
      remembered.delete(longestAgo)
      break
    }
  }
  remembered.set(key, value)
  return value
}

export interface RateLimit {
  /** False: too often. */
  take(key: string): boolean
}

export function createRateLimit(options: { clock: Clock; perSecond: number; burst: number }): RateLimit {
  const { clock, perSecond, burst } = options
  const buckets = new Map<string, Bucket>()
  return {
    take(key) {
      const now = clock.now()
      const bucket = recall(buckets, key, () => ({ tokens: burst, countedAt: now }))
      refill(bucket, now, 1000 / perSecond, burst)
      if (bucket.tokens < 1) return false
      bucket.tokens -= 1
      return true
    },
  }
}
