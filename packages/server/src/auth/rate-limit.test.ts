import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { manualClock } from '../../test/support/manual-clock.ts'
import { createRateLimit } from './rate-limit.ts'

/** How many of `tries` at once are allowed. */
function allowed(take: () => boolean, tries = 1000): number {
  return Array.from({ length: tries }, take).filter(Boolean).length
}

describe('a rate limit', () => {
  it('allows a burst, then so many a second, and never more than a burst', () => {
    const clock = manualClock()
    const limit = createRateLimit({ clock, perSecond: 20, burst: 200 })
    const take = () => limit.take('AKIA1')
    assert.equal(allowed(take), 200)
    assert.equal(allowed(take), 0)
    clock.advance(49)
    assert.equal(allowed(take), 0)
    clock.advance(1)
    assert.equal(allowed(take), 1)
    clock.advance(1000)
    assert.equal(allowed(take), 20)
    clock.advance(86_400_000)
    assert.equal(allowed(take), 200)
  })

  it('is of each name', () => {
    const limit = createRateLimit({ clock: manualClock(), perSecond: 1, burst: 1 })
    assert.deepEqual(
      ['a', 'a', 'b', 'b', 'a'].map((key) => limit.take(key)),
      [true, false, true, false, false],
    )
  })

  it('gives nothing for a clock that goes back, and goes on from there', () => {
    const clock = manualClock()
    const limit = createRateLimit({ clock, perSecond: 1, burst: 1 })
    assert.equal(limit.take('a'), true)
    clock.advance(-3_600_000)
    assert.equal(limit.take('a'), false)
    clock.advance(1000)
    assert.equal(limit.take('a'), true)
  })

  it('remembers the 10,000 names that were seen last', () => {
    const limit = createRateLimit({ clock: manualClock(), perSecond: 1, burst: 1 })
    for (let i = 0; i < 10_000; i += 1) limit.take(`key-${i}`)
    assert.equal(limit.take('key-0'), false)
    limit.take('one more')
    // `key-0` was seen again after `key-1`, which has made room.
    assert.equal(limit.take('key-0'), false)
    assert.equal(limit.take('key-2'), false)
    assert.equal(limit.take('key-1'), true)
  })
})
