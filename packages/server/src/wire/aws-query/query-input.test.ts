import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from '@berth/api/shapes/decode.ts'
import {
  blob,
  boolean,
  enumeration,
  integer,
  list,
  long,
  map,
  required,
  string,
  structure,
} from '@berth/api/shapes/shape.ts'
import { firstViolation } from '@berth/api/shapes/violations.ts'
import { parseForm, QueryInputError, readInput } from './query-input.ts'

describe('a form', () => {
  const cases: [text: string, parameters: [name: string, value: string][]][] = [
    ['', []],
    [
      'Action=GetUser&Version=2010-05-08',
      [
        ['Action', 'GetUser'],
        ['Version', '2010-05-08'],
      ],
    ],
    ['a+b=c+d', [['a b', 'c d']]],
    ['a%20b=c%20d%2Be', [['a b', 'c d+e']]],
    ['a=b=c', [['a', 'b=c']]],
    ['a', [['a', '']]],
    ['a=', [['a', '']]],
    [
      '&a=1&&b=2&',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['n%C3%A4me=%F0%9F%98%80', [['näme', '😀']]],
    ['a=ä', [['a', 'ä']]],
    ['a=%00', [['a', '\0']]],
    [
      'a.b=1&a=2',
      [
        ['a.b', '1'],
        ['a', '2'],
      ],
    ],
    [
      'A=1&a=2',
      [
        ['A', '1'],
        ['a', '2'],
      ],
    ],
    [
      '__proto__=1&constructor=2',
      [
        ['__proto__', '1'],
        ['constructor', '2'],
      ],
    ],
  ]
  for (const [text, parameters] of cases) {
    test(`${text || 'without anything'}`, () =>
      assert.deepEqual(
        parseForm(text),
        parameters.map(([name, value]) => ({ name, value })),
      ))
  }

  const refused: [text: string, message: string][] = [
    ['a=%', 'The parameters are not percent-encoded UTF-8'],
    ['a=%2', 'The parameters are not percent-encoded UTF-8'],
    ['a=%zz', 'The parameters are not percent-encoded UTF-8'],
    ['%ff=a', 'The parameters are not percent-encoded UTF-8'],
    ['a=%C3', 'The parameters are not percent-encoded UTF-8'],
    ['a=%C0%80', 'The parameters are not percent-encoded UTF-8'],
    ['a=%ED%A0%80', 'The parameters are not percent-encoded UTF-8'],
    ['=a', 'A parameter has no name'],
    ['a=1&b=2&a=1', "The parameter 'a' is given twice"],
    ['a=1&%61=2', "The parameter 'a' is given twice"],
    [`${'a'.repeat(257)}=1`, 'The name of a parameter is longer than 256 characters'],
    [Array.from({ length: 1001 }, (_, n) => `p${n}=`).join('&'), 'There are more than 1000 parameters'],
    ['&'.repeat(1_000_000), 'There are more than 1000 parameters'],
  ]
  for (const [text, message] of refused) {
    test(`refuses ${text.slice(0, 20)}`, () => assert.throws(() => parseForm(text), new QueryInputError(message)))
  }

  test('1000 parameters are not too many, 256 characters not too long', () => {
    assert.equal(parseForm(Array.from({ length: 1000 }, (_, n) => `p${n}=`).join('&')).length, 1000)
    assert.equal(parseForm(`${'a'.repeat(256)}=1`).length, 1)
  })
})

const Tag = structure({ Key: required(string()), Value: required(string()) })
const Input = structure({
  UserName: required(string()),
  Tags: list(Tag),
  TagKeys: list(string()),
  Nested: list(structure({ Values: list(string()), Inner: structure({ Count: integer() }) })),
  MaxItems: integer({ max: 1000 }),
  Size: long(),
  SetAsDefault: boolean(),
  Status: enumeration('Active', 'Inactive'),
  Counts: map(string(), integer()),
  Part: blob(),
  Options: structure({ Deep: string() }),
})

const inputOf = (text: string) => readInput(Input, parseForm(text))

describe('the value that parameters spell', () => {
  const cases: [text: string, value: unknown][] = [
    ['', {}],
    ['Action=CreateUser&Version=2010-05-08&UserName=ada', { UserName: 'ada' }],
    ['UserName=', { UserName: '' }],
    ['UserName', { UserName: '' }],
    ['UserName=ada+%2B+bob', { UserName: 'ada + bob' }],
    ['Unknown=1&Unknown.member.1=2&userName=3&.=4&..UserName=5', {}],
    ['Tags.member.1.Key=a&Tags.member.1.Value=b', { Tags: [{ Key: 'a', Value: 'b' }] }],
    [
      'Tags.member.2.Key=c&Tags.member.1.Value=b&Tags.member.2.Value=d&Tags.member.1.Key=a',
      {
        Tags: [
          { Key: 'a', Value: 'b' },
          { Key: 'c', Value: 'd' },
        ],
      },
    ],
    ['Tags.member.1.Key=a&Tags.member.1.Color=red', { Tags: [{ Key: 'a' }] }],
    ['Tags=', { Tags: [] }],
    ['Tags.member.1=', { Tags: [{}] }],
    ['TagKeys.member.1=a&TagKeys.member.2=', { TagKeys: ['a', ''] }],
    [
      Array.from({ length: 12 }, (_, n) => `TagKeys.member.${12 - n}=${12 - n}`).join('&'),
      { TagKeys: Array.from({ length: 12 }, (_, n) => String(n + 1)) },
    ],
    [
      'Nested.member.1.Values.member.1=a&Nested.member.1.Values.member.2=b&Nested.member.1.Inner.Count=3&Nested.member.2.Values=',
      { Nested: [{ Values: ['a', 'b'], Inner: { Count: 3 } }, { Values: [] }] },
    ],
    ['MaxItems=0', { MaxItems: 0 }],
    ['MaxItems=-1', { MaxItems: -1 }],
    ['MaxItems=0010', { MaxItems: 10 }],
    ['MaxItems=2147483647', { MaxItems: 2147483647 }],
    ['Size=9007199254740991', { Size: Number.MAX_SAFE_INTEGER }],
    ['SetAsDefault=true', { SetAsDefault: true }],
    ['SetAsDefault=false', { SetAsDefault: false }],
    ['SetAsDefault=1', { SetAsDefault: true }],
    ['SetAsDefault=0', { SetAsDefault: false }],
    [
      'Counts.entry.1.key=a&Counts.entry.1.value=1&Counts.entry.2.key=b&Counts.entry.2.value=2',
      { Counts: { a: 1, b: 2 } },
    ],
    ['Counts=', { Counts: {} }],
    ['Part=QUJD', { Part: 'QUJD' }],
    ['Options.Deep=x', { Options: { Deep: 'x' } }],
    ['Options=', { Options: {} }],
    ['Options.Other=x', { Options: {} }],
  ]
  for (const [text, value] of cases) test(text || 'none', () => assert.deepEqual(inputOf(text), value))

  const refused: [text: string, message: string][] = [
    ['UserName.x=1', "'UserName' is expected to have a value only"],
    ['UserName=ada&UserName.x=1', "'UserName' is expected to have a value only"],
    ['UserName.=1', "'UserName' is expected to have a value only"],
    ['Tags=a', "'Tags' has a value where none is expected"],
    ['Tags=&Tags.member.1.Key=a', "'Tags' has a value where none is expected"],
    ['Tags.1.Key=a', "The elements of 'Tags' are named 'Tags.member.1' and so on"],
    ['Tags.Tag.1.Key=a', "The elements of 'Tags' are named 'Tags.member.1' and so on"],
    ['Tags.member.1.Key=a&Tags.members.2.Key=b', "The elements of 'Tags' are named 'Tags.member.1' and so on"],
    ['Tags.member=a', "The elements of 'Tags' are named 'Tags.member.1' and so on"],
    ['Tags.member.0.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.2.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.1.Key=a&Tags.member.3.Key=b', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.01.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.1.Key=a&Tags.member.01.Key=b', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.-1.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.4294967296.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.length.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.__proto__.Key=a', "The elements of 'Tags' are not numbered from 1 without holes"],
    ['Tags.member.1=a', "'Tags.member.1' has a value where none is expected"],
    ['Tags.member.1.Key.x=a', "'Tags.member.1.Key' is expected to have a value only"],
    ['TagKeys.member.1.x=a', "'TagKeys.member.1' is expected to have a value only"],
    ['Nested.member.1.Inner.Count=x', "'Nested.member.1.Inner.Count' is expected to be an integer"],
    ['MaxItems=', "'MaxItems' is expected to be an integer"],
    ['MaxItems=ten', "'MaxItems' is expected to be an integer"],
    ['MaxItems=1.5', "'MaxItems' is expected to be an integer"],
    ['MaxItems=1e3', "'MaxItems' is expected to be an integer"],
    ['MaxItems=0x10', "'MaxItems' is expected to be an integer"],
    ['MaxItems=+10', "'MaxItems' is expected to be an integer"],
    ['MaxItems=2147483648', "'MaxItems' is expected to be an integer"],
    ['Size=9007199254740992', "'Size' is expected to be an integer"],
    ['SetAsDefault=', "'SetAsDefault' is expected to be true or false"],
    ['SetAsDefault=True', "'SetAsDefault' is expected to be true or false"],
    ['Counts.entry.1.key=a', "'Counts.entry.1' needs a key and a value"],
    ['Counts.entry.1.value=1', "'Counts.entry.1' needs a key and a value"],
    [
      'Counts.entry.1.key=a&Counts.entry.1.value=1&Counts.entry.2.key=a&Counts.entry.2.value=2',
      "'Counts' has two entries with one key",
    ],
    ['Counts.a=1', "The elements of 'Counts' are named 'Counts.entry.1' and so on"],
    ['Options=x', "'Options' has a value where none is expected"],
    // A thousand of these, each with 240 words of its own, cost a tenth of a second, and needed no signature.
    [`TagKeys.1${'.'.repeat(240)}=`, 'The name of a parameter has more than 16 words'],
  ]
  for (const [text, message] of refused) {
    test(`refuses ${text}`, () => assert.throws(() => inputOf(text), new QueryInputError(message)))
  }

  test('names that objects have by themselves are names like all others', () => {
    const Odd = structure({ toString: string(), counts: map(string(), integer()) })
    const text = [
      ...['__proto__.polluted=1', 'constructor.prototype.polluted=1', 'hasOwnProperty=1'],
      ...['counts.entry.1.key=__proto__', 'counts.entry.1.value=1'],
    ].join('&')
    const value = readInput(Odd, parseForm(text)) as { counts: object }
    assert.deepEqual(Object.keys(value), ['counts'])
    assert.deepEqual(Object.entries(value.counts), [['__proto__', 1]])
    assert.equal(Reflect.get({}, 'polluted'), undefined)
    assert.deepEqual(Object.entries(decode(Odd, value).counts ?? {}), [['__proto__', 1]])
  })

  test('the deepest and the widest names are read in no time', () => {
    const deep = Array.from({ length: 1000 }, (_, n) => `${n}${'.a'.repeat(120)}=`).join('&')
    assert.deepEqual(inputOf(deep), {})
    const wide = Array.from({ length: 1000 }, (_, n) => `TagKeys.member.${n + 1}=`).join('&')
    assert.deepEqual(inputOf(wide), { TagKeys: Array(1000).fill('') })
  })

  test('what is missing or out of range is found by the shape', () => {
    const violation = (text: string) => firstViolation(Input, decode(Input, inputOf(text)))?.member
    assert.equal(violation('MaxItems=5'), 'UserName')
    assert.equal(violation('UserName=a&MaxItems=1001'), 'MaxItems')
    assert.equal(violation('UserName=a&Status=active'), 'Status')
    assert.equal(violation('UserName=a&Tags.member.1.Key=a'), 'Tags.1.member.value')
    assert.equal(violation('UserName=a&Status=Active'), undefined)
  })
})
