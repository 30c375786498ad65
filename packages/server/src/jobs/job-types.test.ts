import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs } from './job-types.ts'

test('the wait after a failure is any time up to a bound that doubles, and stops doubling', () => {
  const backoff = { firstMs: 100, maxMs: 1000 }
  for (const [attempt, random, wait] of [
    [1, 0, 0],
    [1, 0.5, 50],
    [1, 0.999, 99],
    [2, 0.999, 199],
    [4, 0.999, 799],
    [5, 0.999, 999],
    [2000, 0.999, 999],
  ] as const) {
    assert.equal(
      backoffMs(backoff, attempt, () => random),
      wait,
    )
  }
})
