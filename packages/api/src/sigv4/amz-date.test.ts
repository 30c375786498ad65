import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatAmzDate, parseAmzDate, parseHttpDate } from './amz-date.ts'

const time = Date.UTC(2015, 7, 30, 12, 36, 0)

describe('the date of a signed request', () => {
  it('is ISO 8601 in the basic format, in whole seconds (SigV4, x-amz-date)', () => {
    assert.equal(formatAmzDate(time + 999), '20150830T123600Z')
    assert.equal(parseAmzDate('20150830T123600Z'), time)
  })

  it('may be written as HTTP does (SigV4, Date header)', () => {
    assert.equal(parseHttpDate('Sun, 30 Aug 2015 12:36:00 GMT'), time)
  })

  const wrong = [
    '',
    '20150830',
    '20150830T123600',
    '2015-08-30T12:36:00Z',
    '20150830T123600+00',
    '20150230T123600Z',
    '20150830T243600Z',
    '20150830T123660Z',
    '20151330T123600Z',
    ' 20150830T123600Z',
    'Invalid Date',
    'Mon, 30 Aug 2015 12:36:00 GMT',
    'Sun, 30 Aug 2015 12:36:00 UTC',
    'Sunday, 30-Aug-15 12:36:00 GMT',
    '2015-08-30',
  ]
  for (const text of wrong) {
    it(`is refused when it reads '${text}'`, () => {
      assert.equal(parseAmzDate(text), undefined)
      assert.equal(parseHttpDate(text), undefined)
    })
  }
})
