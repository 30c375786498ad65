import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LiftedString, readJson } from '../json/strict-json.ts'
import { decodeBase64 } from './base64.ts'
import { decode } from './decode.ts'
import { SerializationError } from './serialization-error.ts'
import {
  blob,
  boolean,
  type Decoded,
  enumeration,
  type Infer,
  integer,
  list,
  long,
  map,
  required,
  string,
  structure,
  timestamp,
} from './shape.ts'
import { firstViolation, validate } from './violations.ts'

const Name = string({ min: 2, max: 256, pattern: '[a-z]+(/[a-z]+)*', isRepositoryName: true })
const Input = structure({
  repositoryName: required(Name),
  registryId: string({ pattern: '[0-9]{12}' }),
  otherNames: list(Name, { min: 1, max: 3 }),
  tags: list(structure({ Key: required(string()), Value: required(string({ max: 3 })) }), { max: 2 }),
  mutability: enumeration('IMMUTABLE', 'MUTABLE'),
  maxResults: integer({ min: 1, max: 1000 }),
  offset: long({ min: 0 }),
  force: boolean(),
  imageManifest: string({ min: 1, max: 10, isDocument: true }),
  settings: structure({ Kind: required(enumeration('A', 'B')), inner: structure({ Deep: list(string({ min: 1 })) }) }),
  counts: map(enumeration('HIGH', 'LOW'), integer({ min: 0 })),
  part: blob({ max: 4 }),
  at: timestamp(),
})

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Equal<A, B>): void {}

test('types are inferred, required and optional members apart', () => {
  same<
    Infer<typeof Input>,
    {
      repositoryName: string
      registryId?: string
      otherNames?: readonly string[]
      tags?: readonly { Key: string; Value: string }[]
      mutability?: 'IMMUTABLE' | 'MUTABLE'
      maxResults?: number
      offset?: number
      force?: boolean
      imageManifest?: string
      settings?: { Kind: 'A' | 'B'; inner?: { Deep?: readonly string[] } }
      counts?: { readonly [key in 'HIGH' | 'LOW']?: number }
      part?: string | LiftedString
      at?: number
    }
  >(true)
  const Small = structure({ a: required(enumeration('X')), b: list(required(string()).shape) })
  same<Decoded<typeof Small>, { readonly a?: string; readonly b?: readonly (string | null)[] }>(true)
})

describe('decode', () => {
  test('keeps what the shape knows', () => {
    const json = {
      repositoryName: 'aa',
      unknown: { x: 1 },
      tags: [{ Key: 'k', Value: 'v', other: 1 }],
      force: false,
      at: 1.5,
    }
    assert.deepEqual(decode(Input, json), {
      repositoryName: 'aa',
      tags: [{ Key: 'k', Value: 'v' }],
      force: false,
      at: 1.5,
    })
  })
  test('null is absent, but not in lists', () => {
    assert.deepEqual(decode(Input, { repositoryName: null, registryId: null, otherNames: [null, 'a'] }), {
      otherNames: [null, 'a'],
    })
  })
  test('member names are case sensitive', () => {
    assert.deepEqual(decode(Input, { RepositoryName: 'aa', tags: [{ key: 'k' }] }), { tags: [{}] })
  })
  test('inherited and __proto__ members are not members', () => {
    const Odd = structure({ constructor: string(), toString: string(), counts: map(string(), string()) })
    assert.deepEqual(decode(Odd, {}), {})
    const value = decode(
      Odd,
      readJson(new TextEncoder().encode('{"counts":{"__proto__":"x"},"__proto__":{"toString":"y"}}')),
    )
    assert.deepEqual(Object.keys(value), ['counts'])
    assert.deepEqual(Object.entries(value.counts ?? {}), [['__proto__', 'x']])
  })
  test('lifted strings become text, except in blobs', () => {
    const lifted = new LiftedString(new TextEncoder().encode('QUJD'))
    const value = decode(Input, { repositoryName: lifted, part: lifted })
    assert.equal(value.repositoryName, 'QUJD')
    assert.equal(value.part, lifted)
  })

  const refused: [unknown, string][] = [
    [[], 'Expected structure or null'],
    ['x', 'Expected structure or null'],
    [null, 'Expected structure or null'],
    [{ repositoryName: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    [{ repositoryName: true }, 'TRUE_VALUE can not be converted to a String'],
    [{ repositoryName: ['a'] }, 'Start of list found where not expected'],
    [{ repositoryName: {} }, 'Start of structure or map found where not expected'],
    [{ otherNames: 'aa' }, 'Expected list or null'],
    [{ otherNames: [1] }, 'NUMBER_VALUE can not be converted to a String'],
    [{ tags: {} }, 'Expected list or null'],
    [{ tags: ['a'] }, 'Expected structure or null'],
    [{ settings: [] }, 'Expected structure or null'],
    [{ settings: new LiftedString(new Uint8Array()) }, 'Expected structure or null'],
    [{ counts: [] }, 'Expected map or null'],
    [{ maxResults: '10' }, 'STRING_VALUE can not be converted to an Integer'],
    [{ maxResults: 1.5 }, 'NUMBER_VALUE can not be converted to an Integer'],
    [{ maxResults: 2 ** 31 }, 'NUMBER_VALUE can not be converted to an Integer'],
    [{ offset: 2 ** 53 }, 'NUMBER_VALUE can not be converted to a Long'],
    [{ offset: Number.POSITIVE_INFINITY }, 'NUMBER_VALUE can not be converted to a Long'],
    [{ force: 'true' }, 'STRING_VALUE can not be converted to a Boolean'],
    [{ force: 0 }, 'NUMBER_VALUE can not be converted to a Boolean'],
    [{ at: '2026-01-01' }, 'STRING_VALUE can not be converted to a Timestamp'],
    [{ part: 1 }, 'NUMBER_VALUE can not be converted to a Blob'],
    [{ part: 'abc' }, 'A blob is not valid base64'],
  ]
  for (const [json, message] of refused) {
    test(`refuses ${JSON.stringify(json)}`, () =>
      assert.throws(() => decode(Input, json), new SerializationError(message)))
  }
})

describe("constraints, in ECR's words", () => {
  const cases: [string, Record<string, unknown>, string, string][] = [
    ['null name', { repositoryName: null }, 'repositoryName', 'must not be null'],
    ['short name', { repositoryName: 'a' }, 'repositoryName', 'must have length greater than or equal to 2'],
    ['long name', { repositoryName: 'a'.repeat(257) }, 'repositoryName', 'must have length less than or equal to 256'],
    ['name', { repositoryName: 'A_' }, 'repositoryName', "must satisfy regular expression '[a-z]+(/[a-z]+)*'"],
    [
      'name with a newline',
      { repositoryName: 'aa\n' },
      'repositoryName',
      "must satisfy regular expression '[a-z]+(/[a-z]+)*'",
    ],
    [
      'name in a list',
      { otherNames: ['aa', 'A'.repeat(3)] },
      'otherNames.2.member',
      "must satisfy regular expression '[a-z]+(/[a-z]+)*'",
    ],
    ['null name in a list', { otherNames: [null] }, 'otherNames.1.member', 'must not be null'],
    ['empty list', { otherNames: [] }, 'otherNames', 'Member must have length greater than or equal to 1'],
    [
      'long list',
      { otherNames: ['a', 'a', 'a', 'a'] },
      'otherNames',
      'Member must have length less than or equal to 3',
    ],
    ['pattern', { registryId: '12' }, 'registryId', 'Member must satisfy regular expression pattern: [0-9]{12}'],
    [
      'endless text',
      { registryId: '1'.repeat(5_000_000) },
      'registryId',
      'Member must satisfy regular expression pattern: [0-9]{12}',
    ],
    [
      'null in a structure in a list',
      { tags: [{ Key: 'a', Value: '' }, { Value: 'b' }] },
      'tags.2.member.key',
      'Member must not be null',
    ],
    ['null structure', { tags: [null] }, 'tags.1.member', 'Member must not be null'],
    [
      'length in a list',
      { tags: [{ Key: 'a', Value: 'long' }] },
      'tags.1.member.value',
      'Member must have length less than or equal to 3',
    ],
    ['enum', { mutability: 'mutable' }, 'mutability', 'Member must satisfy enum value set: [IMMUTABLE, MUTABLE]'],
    ['low number', { maxResults: 0 }, 'maxResults', 'Member must have value greater than or equal to 1'],
    ['high number', { maxResults: 1001 }, 'maxResults', 'Member must have value less than or equal to 1000'],
    ['low long', { offset: -1 }, 'offset', 'Member must have value greater than or equal to 0'],
    ['empty document', { imageManifest: '' }, 'ImageManifest', 'Member must have length greater than or equal to 1'],
    ['nested', { settings: { Kind: 'C' } }, 'settings.kind', 'Member must satisfy enum value set: [A, B]'],
    ['nested null', { settings: {} }, 'settings.kind', 'Member must not be null'],
    [
      'deep',
      { settings: { Kind: 'A', inner: { Deep: ['x', ''] } } },
      'settings.inner.deep.2.member',
      'Member must have length greater than or equal to 1',
    ],
    ['map', { counts: { LOW: -1 } }, 'counts.LOW.member', 'Member must have value greater than or equal to 0'],
    ['blob', { part: 'QUJDREU=' }, 'part', 'Member must have length less than or equal to 4'],
  ]
  for (const [name, change, member, constraint] of cases) {
    test(name, () => {
      const value = decode(Input, { repositoryName: 'aa', ...change })
      const topMember = Object.keys(change)[0]
      const { value: _, ...violation } = firstViolation(Input, value) ?? {}
      assert.deepEqual(violation, { member, constraint, topMember })
      assert.deepEqual(validate(Input, value), { violation: firstViolation(Input, value) })
    })
  }
  test('the value is told, cut and without secrets', () => {
    const Told = structure({
      ...{ text: string({ max: 300 }), secret: string({ max: 300, isSecret: true }), number: integer({ max: 1 }) },
      names: list(string({ max: 300 }), { max: 1 }),
      tags: list(structure({ Key: string(), Value: string({ isSecret: true }), Counts: map(string(), integer()) }), {
        max: 1,
      }),
      part: blob({ max: 2 }),
    })
    const cases: [given: object, value: string | undefined][] = [
      [{ text: 'a'.repeat(301) }, 'a'.repeat(256)],
      [{ text: '😀'.repeat(301) }, '😀'.repeat(256)],
      [{ text: `${'a'.repeat(255)}😀${'b'.repeat(100)}` }, `${'a'.repeat(255)}😀`],
      [{ secret: 's'.repeat(301) }, '***'],
      [{ number: 2 }, '2'],
      [{ names: ['a', ''] }, '[a, ]'],
      [{ names: Array.from({ length: 100_000 }, () => 'ab') }, `[${'ab, '.repeat(63)}ab,`],
      [{ names: ['a'.repeat(301)] }, 'a'.repeat(256)],
      [
        { tags: [{ Key: 'a', Value: 'b' }, { Counts: { x: 1, y: 2 } }, null] },
        '[{Key=a, Value=***}, {Counts={x=1, y=2}}, null]',
      ],
      [{ part: 'QUJD' }, '3 bytes'],
      [{ names: [null] }, undefined],
    ]
    for (const [given, value] of cases) {
      const violation = firstViolation(Told, decode(Told, given))
      assert.ok(violation, JSON.stringify(given).slice(0, 80))
      assert.equal(violation.value, value)
      assert.equal('value' in violation, value !== undefined)
    }
  })
  test('a pattern sees all that the longest value may have', () => {
    const Long = structure({
      bounded: string({ max: 10_000, pattern: '[a-z]+' }),
      endless: string({ pattern: '[a-z]+' }),
    })
    assert.equal(firstViolation(Long, { bounded: 'a'.repeat(10_000), endless: 'a'.repeat(4096) }), undefined)
    assert.equal(firstViolation(Long, { bounded: `${'a'.repeat(9999)}A` })?.member, 'bounded')
    assert.equal(firstViolation(Long, { endless: 'a'.repeat(4097) })?.member, 'endless')
  })
  test('classes of Unicode in a pattern are such', () => {
    const Tag = structure({ Key: string({ pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+' }) })
    const isValid = (Key: string) => firstViolation(Tag, { Key }) === undefined
    assert.ok(isValid('ключ 鍵 𝒌 ٣ a_.:/=+-@') && !isValid('{') && !isValid('a&b') && !isValid('😀'))
  })
  test('none', () => {
    const value = decode(Input, {
      ...{ repositoryName: 'aa/bb', registryId: '123456789012', otherNames: ['cc'], tags: [], mutability: 'MUTABLE' },
      ...{
        maxResults: 1000,
        offset: 0,
        force: true,
        imageManifest: '{}',
        settings: { Kind: 'A' },
        counts: { HIGH: 0 },
      },
      ...{ part: 'QUJDRA==', at: 0 },
    })
    assert.equal(firstViolation(Input, value), undefined)
    assert.equal(validate(Input, value).value, value)
  })
  test('the first in the order of the shape', () => {
    const value = decode(Input, { maxResults: 0, registryId: 'x' })
    assert.equal(firstViolation(Input, value)?.member, 'repositoryName')
    assert.equal(firstViolation(Input, { ...value, repositoryName: 'aa' })?.member, 'registryId')
  })
  test('only some members', () => {
    const value = decode(Input, { maxResults: 0, registryId: 'x' })
    assert.equal(firstViolation(Input, value, { only: ['registryId'] })?.member, 'registryId')
    assert.equal(firstViolation(Input, value, { only: ['registryId', 'repositoryName'] })?.member, 'repositoryName')
    assert.equal(firstViolation(Input, value, { only: ['force'] }), undefined)
  })
  test('lengths are in characters, not in UTF-16 units', () => {
    const Short = structure({ text: string({ min: 2, max: 3 }) })
    const member = (text: string) => firstViolation(Short, { text })?.constraint
    assert.equal(member('😀😀😀'), undefined)
    assert.equal(member('😀'), 'Member must have length greater than or equal to 2')
    assert.equal(member('😀😀😀😀'), 'Member must have length less than or equal to 3')
  })
  test('a lifted blob is measured by its length', () => {
    const part = new LiftedString(new TextEncoder().encode('QUJDRA=='))
    assert.equal(firstViolation(Input, { repositoryName: 'aa', part }), undefined)
    assert.equal(validate(Input, { repositoryName: 'aa', part }).value?.part, part)
  })
})

describe('base64 (RFC 4648)', () => {
  test('the vectors of section 10', () => {
    const vectors = ['', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg==', 'Zm9vYmE=', 'Zm9vYmFy']
    for (const [n, text] of vectors.entries()) {
      const lifted = new LiftedString(new TextEncoder().encode(text))
      for (const each of [text, lifted])
        assert.equal(new TextDecoder().decode(decodeBase64(each)), 'foobar'.slice(0, n))
    }
  })
  test('every byte at every position', () => {
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, (_, n) => (n * 7 + length) & 0xff)
      assert.deepEqual(decodeBase64(Buffer.from(bytes).toString('base64')), bytes)
    }
  })
  test('into the memory of the text itself', () => {
    const bytes = new TextEncoder().encode('Zm9vYmE=')
    const decoded = decodeBase64(new LiftedString(bytes), bytes)
    assert.equal(decoded.buffer, bytes.buffer)
    assert.equal(new TextDecoder().decode(decoded), 'fooba')
    assert.throws(() => decodeBase64('Zm9v', new Uint8Array(2)), RangeError)
  })
  const refused = [
    'Z',
    'Zg',
    'Zg=',
    'Zg===',
    '====',
    'Z===',
    'Zg==Zg==',
    'Zm9v\n',
    ' Zm9',
    'Zm-_',
    'Zm9é',
    'Zh==',
    'Zm9=',
    '=m9v',
    'Zm=v',
    'Zm9v====',
  ]
  for (const text of refused) {
    test(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => decodeBase64(text), SerializationError))
  }
})
