import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { JsonError, type JsonFault, type JsonLimits, LiftedString, readJson } from './strict-json.ts'

const encoder = new TextEncoder()

function read(text: string, limits?: JsonLimits): unknown {
  return readJson(encoder.encode(text), limits)
}

function fault(act: () => unknown): [JsonFault, number] | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    if (error instanceof JsonError) return [error.reason, error.offset]
    throw error
  }
}

describe('what is JSON (RFC 8259)', () => {
  const accepted = [
    'null',
    ' true ',
    'false',
    '0',
    '-0',
    '12.50e-3',
    '1E+9',
    '""',
    '"a"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00"',
    '"\\ud800"',
    '"\u007f é \u2028 😀"',
    '[]',
    '{}',
    '[ 1 , [ ] , { } ]',
    '{"a":{"a":{"a":[]}}, "b":[{"a":1},{"a":2}]}',
    '\t\r\n {"":0} \n',
    `"${'x'.repeat(200)}\\n${'y'.repeat(200)}é${'z'.repeat(200)}"`,
  ]
  for (const text of accepted) {
    test(`accepts ${text.slice(0, 60)}`, () => assert.deepEqual(read(text), JSON.parse(text)))
  }

  const long = 'x'.repeat(100)
  const refused: [string, number][] = [
    ['', 0],
    [' ', 1],
    ['nul', 3],
    ['nulL', 3],
    ['True', 0],
    ['undefined', 0],
    ['NaN', 0],
    ['01', 1],
    ['-', 1],
    ['+1', 0],
    ['.5', 0],
    ['1.', 2],
    ['1e', 2],
    ['0x10', 1],
    ["'a'", 0],
    ['"a', 2],
    ['"\\', 2],
    ['"\\x"', 2],
    ['"\\u12g4"', 5],
    ['"\\u12', 5],
    ['"a\nb"', 2],
    ['"a\u0000b"', 2],
    [`"${long}\tb"`, 101],
    [`"${long}`, 101],
    ['\u0000', 0],
    ['{}\u0000', 2],
    ['1 2', 2],
    ['{} {}', 3],
    ['[', 1],
    ['{', 1],
    ['[1', 2],
    ['[1,', 3],
    ['[1,]', 3],
    ['[,1]', 1],
    ['[1 2]', 3],
    ['[1}', 2],
    [']', 0],
    ['{"a"', 4],
    ['{"a":', 5],
    ['{"a":1', 6],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ['{1:1}', 1],
    ['{"a":1]', 6],
    ['{"a":1 "b":2}', 7],
    ['// comment\n1', 0],
    ['\u00a01', 0],
  ]
  for (const [text, offset] of refused) {
    test(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(() => JSON.parse(text))
      assert.deepEqual(
        fault(() => read(text)),
        ['syntax', offset],
      )
    })
  }
})

describe('equal keys in one object (RFC 8259, section 4: names SHOULD be unique, readers differ)', () => {
  const cases: [string, number][] = [
    ['{"a":1,"a":1}', 7],
    ['{"a":1,"\\u0061":2}', 7],
    ['{"é":1,"\\u00e9":2}', 8],
    ['{"😀":1,"\\ud83d\\ude00":2}', 10],
    ['{"":1,"":2}', 6],
    ['{"a":{"b":1,"b":2},"a":3}', 12],
    ['[{"a":1},{"a":{},"b":0,"a":[1]}]', 23],
    ['{"__proto__":1,"__proto__":2}', 15],
    ['{"1":0,"01":0,"1":0}', 14],
  ]
  for (const [text, offset] of cases) {
    test(text, () =>
      assert.deepEqual(
        fault(() => read(text)),
        ['duplicate-key', offset],
      ),
    )
  }
  for (const text of ['{"a":1,"A":2}', '{"\\ud800":1,"\\ud801":2,"\ufffd":3}', '{"a":{"a":1},"b":[{"a":2}]}']) {
    test(`not in ${text}`, () => assert.deepEqual(read(text), JSON.parse(text)))
  }
})

describe('encoding (RFC 8259, section 8.1)', () => {
  const cases: [string, number[], number][] = [
    ['a byte order mark', [0xef, 0xbb, 0xbf, 0x31], 0],
    ['a lone continuation byte', [0x22, 0x80, 0x22], 1],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22], 1],
    ['an encoded surrogate', [0x22, 0x61, 0xed, 0xa0, 0x80, 0x22], 2],
    ['a cut sequence', [0x22, 0xe2, 0x82, 0x22], 1],
    ['a code point above U+10FFFF', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], 1],
    ['Latin-1 in a key', [0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d], 2],
  ]
  for (const [name, bytes, offset] of cases) {
    test(name, () =>
      assert.deepEqual(
        fault(() => readJson(Uint8Array.from(bytes))),
        ['encoding', offset],
      ),
    )
  }
  test('UTF-16 is no JSON', () => {
    assert.deepEqual(
      fault(() => readJson(new Uint8Array(Uint16Array.from([0x7b, 0x7d]).buffer))),
      ['syntax', 1],
    )
  })
  test('invalid bytes beside a lifted string are found where they are', () => {
    const bytes = encoder.encode(`{"a":"${'A'.repeat(100)}","b":"?"}`)
    bytes[bytes.length - 3] = 0xff
    assert.deepEqual(
      fault(() => readJson(bytes, { liftStringsOver: 10 })),
      ['encoding', bytes.length - 3],
    )
  })
})

describe('depth', () => {
  test('64 unless told', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    assert.doesNotThrow(() => read(nested(64)))
    assert.deepEqual(
      fault(() => read(nested(65))),
      ['depth', 64],
    )
  })
  test('objects and arrays count alike', () => {
    assert.doesNotThrow(() => read('{"a":[1]}', { maxDepth: 2 }))
    assert.deepEqual(
      fault(() => read('{"a":[{}]}', { maxDepth: 2 })),
      ['depth', 6],
    )
    assert.deepEqual(
      fault(() => read('[]', { maxDepth: 0 })),
      ['depth', 0],
    )
    assert.equal(read('1', { maxDepth: 0 }), 1)
  })
})

describe('prototypes', () => {
  test('a __proto__ key is a member like any other', () => {
    const value = read('{"__proto__":{"admin":true},"constructor":1}')
    assert.ok(typeof value === 'object' && value !== null)
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.deepEqual(Object.keys(value), ['__proto__', 'constructor'])
    assert.equal('admin' in value, false)
  })
  test('a lifted __proto__ too', () => {
    const value = read(`{"__proto__":"${'A'.repeat(20)}"}`, { liftStringsOver: 10 })
    assert.ok(typeof value === 'object' && value !== null)
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.ok(Object.getOwnPropertyDescriptor(value, '__proto__')?.value instanceof LiftedString)
  })
})

describe('lifted strings', () => {
  const base64 = 'QUJD'.repeat(50)
  function lifted(text: string): string[] {
    const value = read(text, { liftStringsOver: 100 })
    assert.deepEqual(JSON.parse(JSON.stringify(value)), JSON.parse(text))
    return Object.entries(Object(value)).flatMap(([key, member]) => (member instanceof LiftedString ? [key] : []))
  }
  test('only longer ones', () => {
    assert.deepEqual(lifted(`{"a":"${'A'.repeat(100)}","b":"${'A'.repeat(101)}"}`), ['b'])
  })
  test('several, between other members', () => {
    assert.deepEqual(lifted(`{"x":1,"a":"${base64}","é":[1,"${base64}"],"\\u0062" : "${base64}" ,"z":{}}`), ['a', 'b'])
  })
  test('only values of the outermost object', () => {
    assert.deepEqual(lifted(`{"a":{"b":"${base64}"},"c":["${base64}"]}`), [])
    assert.deepEqual(lifted(`[{"a":"${base64}"}]`), [])
    assert.deepEqual(lifted(`"${base64}"`), [])
    assert.deepEqual(lifted(`{"${base64}":1}`), [])
  })
  test('only plain ones', () => {
    assert.deepEqual(lifted(`{"a":"${base64}\\n","b":"${base64}é"}`), [])
  })
  test('the bytes are a view of the body, at any alignment', () => {
    for (let offset = 0; offset < 9; offset++) {
      const text = encoder.encode(`{"a":"${base64}"}`)
      const body = new Uint8Array(text.length + offset + 3).fill(0x22)
      body.set(text, offset)
      const value = readJson(body.subarray(offset, offset + text.length), { liftStringsOver: 100 })
      assert.ok(typeof value === 'object' && value !== null && 'a' in value && value.a instanceof LiftedString)
      assert.equal(value.a.bytes.buffer, body.buffer)
      assert.equal(value.a.toString(), base64)
      assert.equal(value.a.length, base64.length)
    }
  })
  test('an equal key is still found', () => {
    assert.deepEqual(
      fault(() => read(`{"a":"${base64}","a":"${base64}"}`, { liftStringsOver: 100 })),
      ['duplicate-key', base64.length + 8],
    )
  })
})

describe('against JSON.parse', () => {
  test('random documents and their mutations get the same answer', () => {
    const random = seeded(20260917)
    let refused = 0
    for (let round = 0; round < 6000; round++) {
      const bytes = encoder.encode(randomDocument(random, 4))
      for (let changes = round % 4; changes > 0; changes--) mutate(bytes, random)
      const limits: JsonLimits = random() < 0.5 ? {} : { liftStringsOver: Math.floor(random() * 60) }
      const expected = judge(bytes)
      let answer: unknown
      try {
        answer = { value: JSON.parse(JSON.stringify(readJson(bytes, limits))) }
      } catch (error) {
        assert.ok(error instanceof JsonError, String(error))
        answer = error.reason
        refused++
      }
      assert.deepEqual(answer, expected, JSON.stringify(new TextDecoder('latin1').decode(bytes)))
    }
    assert.ok(refused > 1000 && refused < 5000, `${refused} were refused`)
  })
})

describe('hostile documents', () => {
  const million = 1_000_000
  const cases: [string, () => Uint8Array, JsonFault | undefined][] = [
    ['a megabyte of [', () => new Uint8Array(million).fill(0x5b), 'depth'],
    ['a megabyte of {"a":', () => encoder.encode('{"a":'.repeat(million / 5)), 'depth'],
    ['a megabyte of quotes', () => new Uint8Array(million).fill(0x22), 'syntax'],
    ['four megabytes of backslashes in a string', () => encoder.encode(`"${'\\'.repeat(4 * million)}"`), undefined],
    ['an escape each hundred bytes', () => encoder.encode(`"${`${'x'.repeat(98)}\\n`.repeat(40_000)}"`), undefined],
    ['an endless string', () => encoder.encode(`"${'x'.repeat(4 * million)}`), 'syntax'],
    ['an endless number', () => new Uint8Array(4 * million).fill(0x39), undefined],
    ['a million spaces', () => new Uint8Array(million).fill(0x20), 'syntax'],
    [
      'two hundred thousand keys, the last one twice',
      () => encoder.encode(`{${Array.from({ length: 200_000 }, (_, n) => `"\\u0061${n}":0`).join()},"a199999":0}`),
      'duplicate-key',
    ],
    [
      'four megabytes of three-byte characters, cut',
      () => encoder.encode(`"${'€'.repeat(million)}"`).fill(0xe2, -2, -1),
      'encoding',
    ],
  ]
  for (const [name, make, reason] of cases) {
    test(name, () => {
      const bytes = make()
      // Of this process: what else the machine does is of no account.
      const start = process.cpuUsage()
      assert.equal(fault(() => readJson(bytes))?.[0], reason)
      // Far more than it takes; a quadratic scan would need minutes.
      assert.ok(process.cpuUsage(start).user < 5_000_000)
    })
  }
})

test('a 28 MB string is scanned, not parsed', () => {
  const body = encoder.encode(`{"layerPartBlob":"${'A'.repeat(28 << 20)}","partFirstByte":0}`)
  const start = performance.now()
  const value = readJson(body, { liftStringsOver: 65_536 })
  assert.ok(performance.now() - start < 500)
  assert.deepEqual(Object.keys(Object(value)), ['layerPartBlob', 'partFirstByte'])
})

/** What JSON.parse says, and an independent look for equal keys in what it accepts. */
function judge(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // Which fault comes first is not promised when there are several.
    try {
      readJson(bytes)
    } catch (error) {
      if (error instanceof JsonError && (error.reason === 'encoding' || error.reason === 'syntax')) return error.reason
    }
    return 'encoding'
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'syntax'
  }
  const objects: Set<string>[] = []
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? []
  for (const [n, token] of tokens.entries()) {
    if (token === '{' || token === '[') objects.push(new Set())
    else if (token === '}' || token === ']') objects.pop()
    else if (tokens[n + 1] === ':') {
      const key: string = JSON.parse(token)
      if (objects.at(-1)?.has(key)) return 'duplicate-key'
      objects.at(-1)?.add(key)
    }
  }
  return { value: JSON.parse(JSON.stringify(value)) }
}

function randomDocument(random: () => number, depth: number): string {
  const space = () => [' ', '', '', '\n'][Math.floor(random() * 4)] ?? ''
  const list = (item: () => string) => Array.from({ length: Math.floor(random() * 4) }, item).join(',')
  const text = () => {
    const parts = ['a', 'b', 'é', '😀', '\\n', '\\u0061', '\\"', ' ', '/', 'x'.repeat(Math.floor(random() * 80))]
    return `"${Array.from({ length: Math.floor(random() * 3) }, () => parts[Math.floor(random() * parts.length)]).join('')}"`
  }
  const kind = Math.floor(random() * (depth > 0 ? 8 : 5))
  const body = () => {
    if (kind >= 6) return `{${list(() => `${space()}${text()}${space()}:${randomDocument(random, depth - 1)}`)}}`
    if (kind === 5) return `[${list(() => randomDocument(random, depth - 1))}]`
    if (kind >= 3) return text()
    if (kind === 2) return ['true', 'false', 'null'][Math.floor(random() * 3)] ?? 'null'
    return ['0', '-1', '3.25', '1e9', '-0.5E-2', '123456789'][Math.floor(random() * 6)] ?? '0'
  }
  return space() + body() + space()
}

function mutate(bytes: Uint8Array, random: () => number): void {
  const alphabet = '{}[],:"\\ \n0123eE+-.tfnua\u0000\u00ff\u00e9'
  const byte = alphabet.charCodeAt(Math.floor(random() * alphabet.length))
  if (bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = byte
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

describe('strings around the length from which they are looked at in words', () => {
  const names = Array.from({ length: 80 }, (_, length) => 'x'.repeat(length))

  test('end where they end, wherever the text lies in memory', () => {
    for (const name of names) {
      for (let shift = 0; shift < 4; shift++) {
        for (const text of [`{"a":"${name}"${' '.repeat(24)}}`, `{"a":"${name}\\n","b":["${name}","c"]}`]) {
          const bytes = Buffer.alloc(shift + text.length)
          bytes.write(text, shift)
          assert.deepEqual(readJson(bytes.subarray(shift)), JSON.parse(text), `${name.length} ${shift}`)
        }
      }
    }
  })

  test('what follows one without a comma is no JSON', () => {
    for (const name of names) {
      for (const rest of ['b"', 'abcdefgh"', `${name}"`]) {
        assert.throws(() => readJson(Buffer.from(`["${name}"${rest}]`)), JsonError, `${name.length} ${rest}`)
      }
    }
  })
})
