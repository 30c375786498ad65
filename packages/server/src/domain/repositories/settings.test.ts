import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RegistryError } from '../../base/errors.ts'
import type { ImageTagMutability } from '../../storage/metadata/schema.ts'
import { checkExclusionFilters, checkResourceTags, isTagImmutable, matchesWildcard } from './settings.ts'

describe('isTagImmutable (ECR API 3.2.4)', () => {
  const filters = ['latest', 'dev-*', '*-rc*']
  const table: [tag: string, isListed: boolean][] = [
    ['latest', true],
    ['latest2', false],
    ['xlatest', false],
    ['dev-', true],
    ['dev-1', true],
    ['dev', false],
    ['1.0-rc', true],
    ['1.0-rc.1', true],
    ['-rc', true],
    ['rc', false],
    ['v1', false],
  ]
  const modes: [mode: ImageTagMutability, immutable: (isListed: boolean) => boolean][] = [
    ['MUTABLE', () => false],
    ['IMMUTABLE', () => true],
    ['IMMUTABLE_WITH_EXCLUSION', (isListed) => !isListed],
    ['MUTABLE_WITH_EXCLUSION', (isListed) => isListed],
  ]
  for (const [mode, immutable] of modes) {
    test(mode, () => {
      for (const [tag, isListed] of table) assert.equal(isTagImmutable(mode, filters, tag), immutable(isListed), tag)
    })
  }
})

describe('matchesWildcard', () => {
  /** Tries everything: obviously right, and slow. */
  function slowMatches(pattern: string, text: string): boolean {
    if (pattern === '') return text === ''
    if (pattern[0] !== '*') return text !== '' && pattern[0] === text[0] && slowMatches(pattern.slice(1), text.slice(1))
    for (let skipped = 0; skipped <= text.length; skipped++) {
      if (slowMatches(pattern.slice(1), text.slice(skipped))) return true
    }
    return false
  }

  function words(alphabet: string, longest: number): string[] {
    let last = ['']
    const all = ['']
    for (let length = 1; length <= longest; length++) {
      last = last.flatMap((word) => [...alphabet].map((letter) => word + letter))
      all.push(...last)
    }
    return all
  }

  test('is what a slow and obvious matcher says, of every short pattern and text', () => {
    const texts = words('ab', 5)
    for (const pattern of words('ab*', 5)) {
      for (const text of texts) {
        assert.equal(matchesWildcard(pattern, text), slowMatches(pattern, text), `${pattern} of ${text}`)
      }
    }
  })

  test('characters that mean something in expressions mean themselves', () => {
    assert.equal(matchesWildcard('1.0', '1x0'), false)
    assert.equal(matchesWildcard('v1.*', 'v1.2'), true)
    assert.equal(matchesWildcard('a-*_b', 'a-x_b'), true)
    assert.equal(matchesWildcard('*', ''), true)
    assert.equal(matchesWildcard('*', 'anything at all'), true)
  })

  test('a hostile pattern costs no more than a friendly one', () => {
    const text = `${'a'.repeat(127)}b`
    const start = performance.now()
    for (let n = 0; n < 1000; n++) {
      assert.equal(matchesWildcard(`${'a*'.repeat(63)}c`, text), false)
      assert.equal(matchesWildcard(`*${'a*'.repeat(60)}ab`, text), true)
      assert.equal(matchesWildcard(`*${'aa'.repeat(60)}*c*b`, text), false)
    }
    assert.ok(performance.now() - start < 2000)
  })
})

describe('checkExclusionFilters (ECR API 3.2.4)', () => {
  const refused = (constraint: string) => (error: unknown) => {
    assert.ok(error instanceof RegistryError)
    assert.deepEqual(error.fault, {
      code: 'InvalidParameter',
      member: 'imageTagMutabilityExclusionFilters',
      constraint,
    })
    return true
  }

  test('modes without exclusions have none, and keep nothing', () => {
    for (const mode of ['MUTABLE', 'IMMUTABLE'] as const) {
      for (const filters of [undefined, []]) assert.equal(checkExclusionFilters(mode, filters), null)
      assert.throws(
        () => checkExclusionFilters(mode, ['a']),
        refused(`ImageTagMutabilityExclusionFilters can't be set when imageTagMutability is set as ${mode}`),
      )
    }
  })

  test('modes with exclusions need some, and keep them in their order', () => {
    for (const mode of ['MUTABLE_WITH_EXCLUSION', 'IMMUTABLE_WITH_EXCLUSION'] as const) {
      assert.equal(checkExclusionFilters(mode, ['b*', '*a*']), '["b*","*a*"]')
      for (const filters of [undefined, []]) {
        assert.throws(
          () => checkExclusionFilters(mode, filters),
          refused(`ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as ${mode}`),
        )
      }
      assert.throws(
        () => checkExclusionFilters(mode, ['ok', '*a*b*']),
        refused("ImageTagMutabilityExclusionFilters can't have more than 2 wildcards (*) in a filter"),
      )
    }
  })
})

describe('checkResourceTags (ECR API 3.16)', () => {
  const legal = [
    [],
    [{ key: 'a', value: '' }],
    [{ key: 'x'.repeat(128), value: 'x'.repeat(256) }],
    [
      { key: 'a', value: '' },
      { key: 'A', value: '' },
    ],
    [{ key: 'is:aws:fine', value: 'aws:' }],
  ]
  const illegal = [
    [{ key: '', value: '' }],
    [{ key: 'x'.repeat(129), value: '' }],
    [{ key: 'a', value: 'x'.repeat(257) }],
    [{ key: 'a\0', value: '' }],
    [{ key: 'a', value: '\0' }],
    [{ key: 'aws:a', value: '' }],
    [{ key: 'aWs:a', value: '' }],
    [
      { key: 'a', value: '1' },
      { key: 'a', value: '2' },
    ],
  ]
  test('keys of 1 to 128 characters, values of 256 at most, each key once, none that is reserved', () => {
    for (const tags of legal) checkResourceTags(tags)
    for (const tags of illegal) {
      assert.throws(
        () => checkResourceTags(tags),
        (error) => error instanceof RegistryError && error.fault.code === 'InvalidTagParameter',
      )
    }
  })
})
