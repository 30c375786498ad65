import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  blob,
  boolean,
  integer,
  list,
  long,
  map,
  required,
  type StructureShape,
  string,
  structure,
  timestamp,
} from '@berth/api/shapes/shape.ts'
import { renderError, renderResult } from './xml-output.ts'

const namespace = 'https://iam.amazonaws.com/doc/2010-05-08/'

function contentOf(shape: StructureShape, value: object): string {
  const xml = renderResult({ operation: 'GetUser', namespace, shape, value, requestId: 'r' })
  const start = `<GetUserResponse xmlns="${namespace}"><GetUserResult>`
  const end = '</GetUserResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetUserResponse>'
  assert.ok(xml.startsWith(start) && xml.endsWith(end), xml)
  return xml.slice(start.length, -end.length)
}

const User = structure({ UserName: required(string()), Tags: list(structure({ Key: string(), Value: string() })) })

describe('a result', () => {
  const cases: [name: string, shape: StructureShape, value: object, content: string][] = [
    ['members in the order of the shape', User, { Tags: [], UserName: 'ada' }, '<UserName>ada</UserName><Tags></Tags>'],
    [
      'a list',
      User,
      { UserName: 'ada', Tags: [{ Key: 'a', Value: 'b' }, { Key: 'c' }] },
      '<UserName>ada</UserName><Tags><member><Key>a</Key><Value>b</Value></member><member><Key>c</Key></member></Tags>',
    ],
    ['nothing that is absent', User, { UserName: undefined, Tags: null }, ''],
    [
      'nothing that the shape does not know',
      User,
      { UserName: 'ada', secret: 'x', toString: 'y' },
      '<UserName>ada</UserName>',
    ],
    ['nothing that is inherited', structure({ toString: string() }), {}, ''],
    [
      'a structure in a structure',
      structure({ Role: structure({ RoleLastUsed: structure({ Region: string() }) }) }),
      { Role: { RoleLastUsed: { Region: 'eu' } } },
      '<Role><RoleLastUsed><Region>eu</Region></RoleLastUsed></Role>',
    ],
    [
      'a map',
      structure({ SummaryMap: map(string(), integer()) }),
      { SummaryMap: { Users: 1, 'a<b': 0 } },
      '<SummaryMap><entry><key>Users</key><value>1</value></entry><entry><key>a&lt;b</key><value>0</value></entry></SummaryMap>',
    ],
    ['numbers', structure({ A: integer(), B: long() }), { A: 0, B: 2 ** 53 - 1 }, '<A>0</A><B>9007199254740991</B>'],
    ['booleans', structure({ A: boolean(), B: boolean() }), { A: true, B: false }, '<A>true</A><B>false</B>'],
    ['bytes', structure({ A: blob() }), { A: 'QUJD' }, '<A>QUJD</A>'],
    ['times in whole seconds', structure({ A: timestamp() }), { A: 1_767_225_600.999 }, '<A>2026-01-01T00:00:00Z</A>'],
    ['the first time', structure({ A: timestamp() }), { A: 0 }, '<A>1970-01-01T00:00:00Z</A>'],
    ['an empty text', structure({ A: string() }), { A: '' }, '<A></A>'],
    [
      'markup as text',
      structure({ A: string() }),
      { A: `]]><!--&amp; <a b='c' d="e">\r\n\t` },
      '<A>]]&gt;&lt;!--&amp;amp; &lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;&#xD;\n\t</A>',
    ],
    [
      'no character that XML cannot hold',
      structure({ A: string() }),
      { A: 'a\0b\x08\x0b\x0c\x0e\x1f\ufffe\uffff\ud800c\udc00\x7f😀ä' },
      '<A>a�b�����' + '���c�\x7f😀ä</A>',
    ],
  ]
  for (const [name, shape, value, content] of cases) {
    test(name, () => assert.equal(contentOf(shape, value), content))
  }

  test('of an operation without output is the id of the request', () => {
    assert.equal(
      renderResult({ operation: 'DeleteUser', namespace, shape: structure({}), value: { a: 1 }, requestId: '<1>' }),
      `<DeleteUserResponse xmlns="${namespace}"><ResponseMetadata><RequestId>&lt;1&gt;</RequestId></ResponseMetadata></DeleteUserResponse>`,
    )
  })

  test('of UpdateRole is empty, and is there', () => {
    assert.equal(
      renderResult({ operation: 'UpdateRole', namespace, shape: structure({}), value: {}, requestId: '1' }),
      `<UpdateRoleResponse xmlns="${namespace}"><UpdateRoleResult></UpdateRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></UpdateRoleResponse>`,
    )
  })
})

test('an error', () => {
  assert.equal(
    renderError({ namespace, type: 'Sender', code: 'NoSuchEntity', message: 'no <b> & "c"\0', requestId: 'r' }),
    `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>` +
      '<Message>no &lt;b&gt; &amp; &quot;c&quot;�</Message></Error><RequestId>r</RequestId></ErrorResponse>',
  )
})
