// IAM, "Tags for IAM resources" and the errors of TagUser.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkTags, withoutTags, withTags } from './entity-tags.ts'

const tag = (key: string, value = 'v') => ({ key, value })
const numbered = (count: number) => Array.from({ length: count }, (_, n) => tag(`key-${n}`))
const duplicate = {
  code: 'InvalidInput',
  message: /^Duplicate tag keys found\. Please note that Tag keys are case insensitive\.$/,
}
const reserved = { code: 'InvalidInput', message: /^aws: prefixed tag key names are not allowed for external use\.$/ }

describe('tags of one request', () => {
  test('are told apart without regard to case', () => {
    checkTags([tag('a'), tag('b'), tag('aws'), tag('xaws:y')])
    for (const tags of [
      [tag('a'), tag('a')],
      [tag('Team'), tag('other'), tag('TEAM')],
    ])
      assert.throws(() => checkTags(tags), duplicate)
  })

  test('have no key of AWS itself', () => {
    for (const key of ['aws:x', 'AWS:x', 'aWs:']) assert.throws(() => checkTags([tag('a'), tag(key)]), reserved)
  })
})

describe('tags of an entity', () => {
  test('a key that is there in another case is replaced, and keeps the new case', () => {
    assert.deepEqual(withTags([tag('Team', 'a'), tag('x')], [tag('team', 'b')]), [tag('team', 'b'), tag('x')])
  })

  test('are fifty at most', () => {
    assert.equal(withTags(numbered(49), [tag('one more')]).length, 50)
    assert.equal(withTags(numbered(50), [tag('KEY-7', 'new')]).length, 50)
    assert.throws(() => withTags(numbered(50), [tag('one more')]), {
      code: 'LimitExceeded',
      message: 'The number of tags has reached the maximum limit.',
    })
  })

  test('are removed in any case; keys that are not there are passed over', () => {
    assert.deepEqual(withoutTags([tag('Team'), tag('x')], ['TEAM', 'none']), [tag('x')])
    assert.throws(() => withoutTags([tag('a')], ['aws:a']), reserved)
  })
})
