import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseRange, type RangeAnswer } from './ranges.ts'

const whole: RangeAnswer = { is: 'whole' }
const unsatisfiable: RangeAnswer = { is: 'unsatisfiable' }
const part = (first: number, last: number): RangeAnswer => ({ is: 'part', first, last })

const cases: [header: string | undefined, size: number, answer: RangeAnswer][] = [
  [undefined, 10, whole],
  ['', 10, whole],
  ['bytes=0-9', 10, part(0, 9)],
  ['bytes=0-', 10, part(0, 9)],
  ['bytes=9-', 10, part(9, 9)],
  ['bytes=3-3', 10, part(3, 3)],
  ['bytes=3-100', 10, part(3, 9)],
  ['bytes=-1', 10, part(9, 9)],
  ['bytes=-10', 10, part(0, 9)],
  ['bytes=-11', 10, part(0, 9)],
  [`bytes=-${'9'.repeat(400)}`, 10, part(0, 9)],
  [`bytes=1-${'9'.repeat(400)}`, 10, part(1, 9)],
  [' bytes = 1 - 2 ', 10, part(1, 2)],
  ['bytes=0-0', 1, part(0, 0)],
  ['bytes=10-', 10, unsatisfiable],
  ['bytes=10-12', 10, unsatisfiable],
  [`bytes=${'9'.repeat(400)}-`, 10, unsatisfiable],
  ['bytes=-0', 10, unsatisfiable],
  ['bytes=5-4', 10, unsatisfiable],
  ['bytes=0-', 0, unsatisfiable],
  ['bytes=0-0', 0, unsatisfiable],
  ['bytes=-1', 0, unsatisfiable],
  // No single range of bytes: ignored, as RFC 9110, 14.2 allows.
  ['bytes=0-1,3-4', 10, whole],
  ['bytes=-', 10, whole],
  ['bytes=', 10, whole],
  ['bytes', 10, whole],
  ['bytes=a-b', 10, whole],
  ['bytes=0x1-0x2', 10, whole],
  ['bytes=1.0-2', 10, whole],
  ['bytes=+1-2', 10, whole],
  ['Bytes=0-1', 10, whole],
  ['items=0-1', 10, whole],
]

describe('parseRange (RFC 9110, 14; OCI end-2)', () => {
  for (const [header, size, answer] of cases) {
    test(`${header === undefined ? 'no header' : JSON.stringify(header.slice(0, 30))} of ${size} bytes`, () => {
      assert.deepEqual(parseRange(header, size), answer)
    })
  }
})
