// The judges' own book-keeping.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLedger } from './ledger.ts'

test('a register may hold its last acknowledged value or one sent after it', () => {
  const ledger = createLedger()
  const may = () => [...(ledger.expectation().get('tag a:b') ?? [])]
  const first = ledger.begin([['tag a:b', 'one']])
  assert.deepEqual(may(), [undefined, 'one'])
  first.acknowledge()
  const second = ledger.begin([['tag a:b', 'two']])
  const third = ledger.begin([['tag a:b', undefined]])
  assert.deepEqual(may(), ['one', 'two', undefined])
  second.refuse()
  assert.deepEqual(may(), ['one', undefined])
  third.acknowledge()
  assert.deepEqual(may(), [undefined])
  assert.equal(ledger.acknowledged, 2)
})

test('a value that a reader was answered counts as acknowledged, and one that cannot be any more is named', () => {
  const ledger = createLedger()
  ledger.begin([['tag a:b', 'one']]).acknowledge()
  const early = ledger.reading('tag a:b')
  ledger.begin([['tag a:b', 'two']])
  ledger.begin([['tag a:b', 'three']])
  const read = ledger.reading('tag a:b')
  assert.equal(early('one'), undefined, 'what it was when the read was sent')
  assert.equal(read('two'), undefined)
  assert.deepEqual([...ledger.may('tag a:b')], ['two', 'three'])
  assert.match(ledger.reading('tag a:b')('one') ?? '', /cannot be/)
})

test('what is settled after a fault is all that is known', () => {
  const ledger = createLedger()
  ledger.begin([['tag a:b', 'one']])
  ledger.begin([['tag a:c', 'one']])
  assert.deepEqual(ledger.touched(), ['tag a:b', 'tag a:c'])
  ledger.forget()
  ledger.settle([['tag a:b', 'one']])
  assert.deepEqual(ledger.touched(), [])
  assert.deepEqual([...ledger.expectation()], [['tag a:b', new Set(['one'])]])
})
