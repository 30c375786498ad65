import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import { contextOf } from '../../../test/support/policies.ts'
import { compileFixed, compileGlob } from './glob.ts'
import { parsePattern } from './pattern.ts'

function matches(pattern: string, text: string): boolean {
  const parts = parsePattern(pattern, { variables: false, wildcards: true })
  assert.ok(parts)
  return compileFixed(parts)(text)
}

/** What a pattern means, without any cleverness. */
function slowMatch(pattern: string, text: string): boolean {
  if (pattern === '') return text === ''
  const rest = pattern.slice(1)
  if (pattern[0] === '*') return slowMatch(rest, text) || (text !== '' && slowMatch(pattern, text.slice(1)))
  return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && slowMatch(rest, text.slice(1))
}

function allTexts(alphabet: string, longest: number): string[] {
  const texts = ['']
  for (const text of texts) if (text.length < longest) texts.push(...[...alphabet].map((letter) => text + letter))
  return texts
}

describe('wildcards (IAM policy elements: Resource)', () => {
  test('agree with the obvious matcher for every short pattern and text', () => {
    const texts = allTexts('ab', 5)
    const wrong: string[] = []
    for (const pattern of allTexts('ab*?', 5)) {
      const parts = parsePattern(pattern, { variables: false, wildcards: true })
      assert.ok(parts)
      const fast = compileFixed(parts)
      for (const text of texts) if (fast(text) !== slowMatch(pattern, text)) wrong.push(`${pattern} on ${text}`)
    }
    assert.deepEqual(wrong, [])
  })

  test('agree with it where the search of long pieces is used', () => {
    let state = 7
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return (state >>> 16) % below
    }
    const letters = (count: number, alphabet: string) =>
      Array.from({ length: count }, () => alphabet[random(alphabet.length)]).join('')
    let found = 0
    for (let i = 0; i < 60; i++) {
      const text = letters(900, 'ab')
      const start = random(700)
      const piece = [...text.slice(start, start + 60 + random(60))]
        .map((letter) => (random(5) === 0 ? '?' : letter))
        .join('')
      const spoiled = random(2) === 0 ? piece : `${piece.slice(0, -1)}c`
      const regExp = new RegExp(spoiled.replaceAll('?', '.'))
      assert.equal(matches(`*${spoiled}*`, text), regExp.test(text))
      if (regExp.test(text)) found++
    }
    assert.ok(found > 10 && found < 55, `${found} of 60 were found`)
  })

  const hostile: [string, string, string][] = [
    ['two dozen stars', `${'*a'.repeat(24)}b`, 'a'.repeat(350)],
    ['five thousand stars', `${'*a'.repeat(5000)}b`, 'a'.repeat(20_000)],
    ['one long piece that almost matches', `*${'a'.repeat(3000)}b*`, 'a'.repeat(16_000)],
    ['the same from its end', `*b${'a'.repeat(3000)}*`, 'a'.repeat(16_000)],
    ['a long piece with question marks', `*${'a?'.repeat(2500)}b*`, 'a'.repeat(16_000)],
    ['question marks only', `*${'?'.repeat(10_000)}b`, 'a'.repeat(20_000)],
    ['many pieces with question marks', `${'*a?a'.repeat(2500)}b`, 'a'.repeat(20_000)],
  ]
  for (const [name, pattern, text] of hostile) {
    test(`${name} are answered at once`, () => {
      const start = performance.now()
      assert.equal(matches(pattern, text), false)
      // Milliseconds on a quiet machine.
      assert.ok(performance.now() - start < 2000)
    })
  }
})

describe('policy variables (IAM policy elements: variables and tags)', () => {
  const context = contextOf({ 'aws:username': 'al*ce', 'aws:TagKeys': ['a'], 'aws:PrincipalTag/a b': 'x' })
  const rows: [string, string, boolean | undefined][] = [
    [`\${aws:username}`, 'al*ce', true],
    [`\${aws:username}`, 'alice', false],
    [`\${aws:username}`, 'al*ce2', false],
    [`pre-\${aws:username}`, 'pre-al*ce/x', false],
    [`\${aws:username}/x`, 'al*ce', false],
    [`\${AWS:UserName}`, 'al*ce', true],
    [`\${ aws:username }`, 'al*ce', true],
    [`pre-\${aws:username}-*`, 'pre-al*ce-x', true],
    [`pre-\${aws:username}-*`, 'pre-alice-x', false],
    [`*\${aws:username}`, 'a/al*ce', true],
    [`\${aws:missing}`, '', undefined],
    [`\${aws:missing}*`, 'x', undefined],
    [`\${aws:missing, 'x'}`, 'x', true],
    [`\${aws:missing,'x y'}`, 'x y', true],
    [`\${aws:missing, '*'}`, 'x', false],
    [`\${aws:missing, ''}`, '', true],
    [`\${aws:username, 'x'}`, 'al*ce', true],
    [`\${aws:TagKeys}`, 'a', undefined],
    [`\${aws:PrincipalTag/a b}`, 'x', true],
    [`\${*}`, '*', true],
    [`\${*}`, 'x', false],
    [`\${?}`, '?', true],
    [`\${?}`, 'x', false],
    [`\${$}{x}`, `\${x}`, true],
    ['$x', '$x', true],
    ['{x}', '{x}', true],
  ]
  for (const [pattern, text, expected] of rows) {
    test(`${pattern} on ${text} is ${expected}`, () => {
      const parts = parsePattern(pattern, { variables: true, wildcards: true })
      assert.ok(parts)
      assert.equal(compileGlob(parts)(text, context), expected)
    })
  }

  for (const pattern of [
    `\${`,
    `a\${b`,
    `\${}`,
    `\${ }`,
    `\${a, b}`,
    `\${a, 'b}`,
    `\${a,'b'c'}`,
    `\${a*}`,
    `\${a\${b}}`,
  ]) {
    test(`${pattern} is no variable`, () => {
      assert.equal(parsePattern(pattern, { variables: true, wildcards: true }), undefined)
      assert.ok(parsePattern(pattern, { variables: false, wildcards: true }))
    })
  }
})
