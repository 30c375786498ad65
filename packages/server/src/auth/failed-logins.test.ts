import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { manualClock } from '../../test/support/manual-clock.ts'
import { createFailedLogins } from './failed-logins.ts'

function prepare() {
  const clock = manualClock()
  const logins = createFailedLogins({ clock })
  return {
    clock,
    fail: (address = '203.0.113.7') => logins.fail(address),
    /** Uses up the budget of an address. */
    exhaust(address = '203.0.113.7') {
      for (let i = 0; i < 30; i += 1)
        assert.deepEqual(logins.fail(address), { isThrottled: false, retryAfterSeconds: 0 })
      assert.deepEqual(logins.fail(address), { isThrottled: true, retryAfterSeconds: 6, unrecorded: 0 })
    },
  }
}

describe('failed logins', () => {
  it('are throttled after thirty, for six seconds at first', () => {
    const { fail, exhaust, clock } = prepare()
    exhaust()
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 6 })
    clock.advance(1)
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 6 })
    clock.advance(4000)
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 2 })
  })

  it('wait twice as long each time, up to five minutes, while they go on', () => {
    const { fail, exhaust, clock } = prepare()
    exhaust()
    const waits: number[] = []
    // Half an hour of one failure a second.
    for (let second = 1; second <= 1800; second += 1) {
      clock.advance(1000)
      const { isThrottled, retryAfterSeconds } = fail()
      assert.equal(isThrottled, true)
      if (retryAfterSeconds > (waits.at(-1) ?? 6) || retryAfterSeconds === 300) waits.push(retryAfterSeconds)
    }
    assert.deepEqual(waits, [12, 24, 48, 96, 192, 300, 300, 300, 300, 300])
  })

  it('get one try for each six seconds of quiet, and then wait longer than before', () => {
    const { fail, exhaust, clock } = prepare()
    exhaust()
    clock.advance(6000)
    assert.equal(fail().isThrottled, false)
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 12, unrecorded: 0 })
    clock.advance(12_000)
    assert.equal(fail().isThrottled, false)
    assert.equal(fail().isThrottled, false)
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 24, unrecorded: 0 })
  })

  it('tell at the begin of a time of waiting how many were throttled in the last', () => {
    const { fail, exhaust, clock } = prepare()
    exhaust()
    for (let n = 0; n < 40; n += 1) assert.equal('unrecorded' in fail(), false)
    clock.advance(6000)
    fail()
    assert.equal(fail().unrecorded, 40)
  })

  it('are forgiven after three minutes of quiet', () => {
    const { fail, exhaust, clock } = prepare()
    exhaust()
    clock.advance(180_000)
    exhaust()
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 6 })
  })

  it('that come more slowly than ten a minute are never throttled', () => {
    const { fail, clock } = prepare()
    for (let i = 0; i < 1000; i += 1) {
      assert.equal(fail().isThrottled, false)
      clock.advance(6000)
    }
  })

  it('of many requests side by side wait as those of one', () => {
    const { fail, exhaust } = prepare()
    exhaust()
    for (let i = 0; i < 1000; i += 1) assert.equal(fail().retryAfterSeconds, 6)
  })

  it('do not wait for ever when the clock is set back', () => {
    const { fail, exhaust, clock } = prepare()
    exhaust()
    clock.advance(-86_400_000)
    assert.deepEqual(fail(), { isThrottled: true, retryAfterSeconds: 12, unrecorded: 0 })
  })

  describe('are counted together', () => {
    const cases: [string, string, boolean][] = [
      ['203.0.113.7', '203.0.113.8', false],
      ['203.0.113.7', '::ffff:203.0.113.7', true],
      ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', true],
      ['2001:db8:1:2::1', '2001:0DB8:1:2:0:0:0:1', true],
      ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
      ['fe80::1%eth0', 'fe80::2', true],
      ['', 'not an address', true],
      ['::', '0.0.0.0', false],
    ]
    for (const [one, other, isSame] of cases) {
      it(`or not: "${one}" and "${other}"`, () => {
        const { fail, exhaust } = prepare()
        exhaust(one)
        assert.equal(fail(other).isThrottled, isSame)
      })
    }
  })

  it('of more than 10,000 addresses push out those that were seen longest ago', () => {
    const { fail, exhaust } = prepare()
    exhaust('198.51.100.1')
    exhaust('198.51.100.2')
    for (let i = 0; i < 9998; i += 1) fail(`10.0.${i >> 8}.${i & 255}`)
    assert.equal(fail('198.51.100.1').isThrottled, true)
    fail('192.0.2.1')
    assert.equal(fail('198.51.100.1').isThrottled, true)
    assert.equal(fail('198.51.100.2').isThrottled, false)
  })
})
