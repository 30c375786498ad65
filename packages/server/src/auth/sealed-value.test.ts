import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { createKeyRing } from './key-ring.ts'
import { createSealedValues } from './sealed-value.ts'

const keyRing = createKeyRing([{ id: 'one', key: randomBytes(32) }], 'test')

describe('sealed values (ECR API 1.6: opaque tokens)', () => {
  const pages = createSealedValues<unknown>(keyRing, 'page-token')

  test('come back as they were, where they belong', () => {
    for (const value of [{ tag: 'v1' }, 'text', 7, null, [1, { a: 'é' }], { untagged: null }]) {
      const sealed = pages.seal(value, 'account/region/list')
      assert.match(sealed, /^[A-Za-z0-9_-]+$/)
      assert.deepEqual(pages.open(sealed, 'account/region/list'), value)
    }
  })

  test('do not open elsewhere, for another purpose, or when a letter was changed', () => {
    const sealed = pages.seal({ tag: 'v1' }, 'here')
    assert.equal(pages.open(sealed, 'there'), undefined)
    assert.equal(createSealedValues(keyRing, 'download-link').open(sealed, 'here'), undefined)
    for (let at = 0; at < sealed.length; at++) {
      const other = sealed[at] === 'A' ? 'B' : 'A'
      const changed = sealed.slice(0, at) + other + sealed.slice(at + 1)
      // The last letter has bits that stand for nothing.
      if (Buffer.from(changed, 'base64url').equals(Buffer.from(sealed, 'base64url'))) continue
      assert.equal(pages.open(changed, 'here'), undefined, `letter ${at}`)
    }
  })

  test('texts that are none', () => {
    for (const text of ['', 'x', ' ', 'a+b/c=', 'é', 'A'.repeat(100), 'A'.repeat(1_000_000), '\0']) {
      assert.equal(pages.open(text, 'here'), undefined)
    }
  })
})
