// The JSON reader for everything that comes from outside. `JSON.parse` alone would take the last of two equal keys, where
// other readers take the first, so one document could mean two things; and it would turn a 20 MiB layer part into a string.
// So the bytes are scanned first (json-scanner.ts), and only what is left is parsed.

import { JsonError, type JsonOutline, scanJson } from './json-scanner.ts'

export { JsonError, type JsonFault } from './json-scanner.ts'

export interface JsonLimits {
  /** How many objects and arrays may stand inside one another; 64 unless told. */
  maxDepth?: number
  /** String values of the outermost object with more bytes than this become a `LiftedString`, if they are plain. */
  liftStringsOver?: number
}

/**
 * A string value that was left where it is in the body: printable ASCII without escapes, so the bytes are the characters.
 * It is a view, so the body must not be reused before it has been read.
 */
export class LiftedString {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get length(): number {
    return this.bytes.length
  }

  toString(): string {
    return utf8.decode(this.bytes)
  }

  toJSON(): string {
    return this.toString()
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The value of a JSON text. Throws `JsonError` for anything that is not exactly one, in UTF-8, with unique keys. */
export function readJson(bytes: Uint8Array, limits: JsonLimits = {}): unknown {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) throw new JsonError('encoding', 0)
  const maxDepth = limits.maxDepth ?? 64
  const liftStringsOver = limits.liftStringsOver ?? Number.POSITIVE_INFINITY
  const outline = scanJson(bytes, { maxDepth, liftStringsOver })

  const value: unknown = JSON.parse(decode(bytes, withoutLifted(bytes, outline)))

  // A repeated key leaves fewer members in the value than the text has. That is the whole check: the keys are compared as
  // JSON.parse decodes them, and nothing is kept per key unless there is a fault to be located.
  if (countMembers(value) !== outline.members) throw new JsonError('duplicate-key', repeatedKey(bytes, maxDepth))

  for (const { key, value: span } of outline.lifted) {
    Object.defineProperty(value, keyText(bytes, key), {
      value: new LiftedString(bytes.subarray(span.start, span.end)),
      configurable: true,
      enumerable: true,
      writable: true,
    })
  }
  return value
}

/** The text with an empty string in the place of each lifted one. */
function withoutLifted(bytes: Uint8Array, { lifted }: JsonOutline): Uint8Array {
  if (lifted.length === 0) return bytes
  const rest = new Uint8Array(lifted.reduce((length, { value }) => length - (value.end - value.start), bytes.length))
  let read = 0
  let written = 0
  for (const { start, end } of [...lifted.map(({ value }) => value), { start: bytes.length, end: bytes.length }]) {
    rest.set(bytes.subarray(read, start), written)
    written += start - read
    read = end
  }
  return rest
}

function decode(original: Uint8Array, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new JsonError('encoding', invalidUtf8(original))
  }
}

/** Recursive: the depth is limited already. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const isArray = Array.isArray(value)
  const children: unknown[] = isArray ? value : Object.values(value)
  let count = isArray ? 0 : children.length
  for (const child of children) if (typeof child === 'object') count += countMembers(child)
  return count
}

/** Where the first key stands that its object has already. Slow, for texts that are known to have one. */
function repeatedKey(bytes: Uint8Array, maxDepth: number): number {
  const seen: Set<string>[] = []
  scanJson(bytes, {
    maxDepth,
    liftStringsOver: Number.POSITIVE_INFINITY,
    onObject: (depth) => {
      seen[depth] = new Set()
    },
    onKey: (key, depth) => {
      const text = keyText(bytes, key)
      if (seen[depth]?.has(text)) throw new JsonError('duplicate-key', key.start - 1)
      seen[depth]?.add(text)
    },
  })
  return 0
}

function keyText(bytes: Uint8Array, key: { start: number; end: number }): string {
  return String(JSON.parse(utf8.decode(bytes.subarray(key.start - 1, key.end + 1))))
}

/** The first byte that begins no well-formed UTF-8 sequence (RFC 3629, section 4). */
function invalidUtf8(bytes: Uint8Array): number {
  let i = 0
  while (i < bytes.length) {
    const length = sequenceLength(bytes, i)
    if (length === 0) return i
    i += length
  }
  return i
}

function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0
  if (lead < 0x80) return 1
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[at + 1] ?? 0
  if (length === 0 || second < lowest || second > highest) return 0
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}
