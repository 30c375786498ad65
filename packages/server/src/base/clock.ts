// Time as a part, so that a test can move it. All times are milliseconds since the epoch.

export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }
