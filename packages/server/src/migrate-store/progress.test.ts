import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { blobLine, createProgress, durationText, sizeText } from './progress.ts'

describe('progress', () => {
  test('a line says how far it is, how fast, and what is left', () => {
    const state = { count: 812, bytes: 2_900_000_000, done: 310, doneBytes: 1_200_000_000, seconds: 12 }
    assert.equal(blobLine(state, false), '41 %  1.2 GB of 2.9 GB  310 of 812 blobs  100 MB/s  17 s left')
    assert.match(blobLine(state, true), /^\[#{10}\.{14}\] 41 % /)
  })

  test('nothing to copy is all of it', () => {
    assert.match(blobLine({ count: 0, bytes: 0, done: 0, doneBytes: 0, seconds: 0 }, false), /^100 % {2}0 B of 0 B/)
  })

  test('sizes and times are short', () => {
    assert.deepEqual([0, 999, 1500, 99_960, 1_000_000, 5.25e12].map(sizeText), [
      '0 B',
      '999 B',
      '1.5 kB',
      '100 kB',
      '1.0 MB',
      '5.3 TB',
    ])
    assert.deepEqual([0, 59.6, 61, 3725].map(durationText), ['0 s', '1 min 0 s', '1 min 1 s', '1 h 2 min'])
  })

  test('a sentence takes the place of the bar', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const written: string[] = []
    const write = (text: string) => written.push(text) > 0
    const progress = createProgress({ write, isTTY: true, columns: 40 }, () => 1000)
    const blobs = progress.blobs({ count: 2, bytes: 10 })
    blobs.onBytes(5)
    blobs.onBlob('copied')
    t.mock.timers.tick(200)
    const [bar = ''] = written
    assert.ok(bar.startsWith(`\r\u001b[K[${'#'.repeat(12)}${'.'.repeat(12)}] 50 %`), bar)
    assert.ok(bar.length <= 39 + '\r\u001b[K'.length, 'it fits into the line')
    progress.say('A sentence.')
    assert.deepEqual(written.slice(1), ['\r\u001b[K', 'A sentence.\n'])
    assert.deepEqual(blobs.end(), { copied: 1, found: 0, bytes: 5, seconds: 0 })
  })

  test('without a terminal there are lines, and few', (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const written: string[] = []
    const progress = createProgress({ write: (text: string) => written.push(text) > 0 })
    const rows = progress.count('rows copied')
    rows.add(1234)
    t.mock.timers.tick(4900)
    assert.deepEqual(written, [])
    t.mock.timers.tick(100)
    rows.end()
    assert.deepEqual(written, ['1,234 rows copied\n'])
  })
})
