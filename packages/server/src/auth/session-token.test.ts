import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createKeyRing } from './key-ring.ts'
import { createSessionTokens, maxSessionTokenLength } from './session-token.ts'

const keyRing = createKeyRing([{ id: 'one', key: randomBytes(32) }], 'a test')
const tokens = createSessionTokens(keyRing, 'installation')
const [key, secret] = ['ASIAQQQQQQQQQQQQQQQQ', 'c'.repeat(40)]

test('a token opens for its key, in its installation, and for nobody else', () => {
  const token = tokens.seal(key, secret)
  assert.ok(token.length < 400, `${token.length} characters`)
  assert.equal(tokens.open(token, key), secret)
  assert.equal(tokens.open(token, 'ASIAQQQQQQQQQQQQQQQA'), undefined)
  assert.equal(createSessionTokens(keyRing, 'another').open(token, key), undefined)
  assert.equal(tokens.open('', key), undefined)
  assert.equal(tokens.open('A'.repeat(maxSessionTokenLength + 1), key), undefined)
})

test('STS MinimumSessionTokenSize: at least as long as was asked for, up to the longest that is taken', () => {
  const natural = tokens.seal(key, secret).length
  for (let size = 0; size <= maxSessionTokenLength; size += size < natural + 40 ? 1 : 97) {
    const token = tokens.seal(key, secret, size)
    assert.ok(token.length >= size && token.length <= Math.max(natural, size) + 12, `${size}: ${token.length}`)
  }
  const longest = tokens.seal(key, secret, maxSessionTokenLength)
  assert.equal(longest.length, maxSessionTokenLength)
  assert.equal(tokens.open(longest, key), secret)
})
