// One pass over the bytes of a JSON text (RFC 8259) that accepts exactly the grammar, counts object members, and finds the
// long strings that need not become JavaScript strings. It allocates nothing per value. What it cannot see is the encoding:
// bytes above 0x7f are let through inside strings, and whoever decodes the text must refuse invalid UTF-8.

export type JsonFault = 'syntax' | 'depth' | 'duplicate-key' | 'encoding'

const faultTexts: Record<JsonFault, string> = {
  syntax: 'not JSON',
  depth: 'nested too deeply',
  'duplicate-key': 'the same key twice in one object',
  encoding: 'not UTF-8 without a byte order mark',
}

export class JsonError extends Error {
  readonly reason: JsonFault
  /** Where in the bytes. */
  readonly offset: number

  constructor(reason: JsonFault, offset: number) {
    super(`${faultTexts[reason]}, at byte ${offset}`)
    this.name = 'JsonError'
    this.reason = reason
    this.offset = offset
  }
}

/** A string in the text, between its quotes. */
export interface Span {
  start: number
  end: number
}

export interface JsonOutline {
  /** How many members all objects together have, repeated keys counted each time. */
  members: number
  /** Long plain strings that are values of the outermost object, in the order of the text. */
  lifted: { key: Span; value: Span }[]
}

export interface ScanOptions {
  maxDepth: number
  /** Only strings with more bytes than this are lifted. */
  liftStringsOver: number
  /** Called for every key; `depth` is 1 in the outermost object. */
  onKey?: (key: Span, depth: number) => void
  /** Called where an object begins. */
  onObject?: (depth: number) => void
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openObject = 0x7b
const closeObject = 0x7d
const openArray = 0x5b
const closeArray = 0x5d

export function scanJson(bytes: Uint8Array, options: ScanOptions): JsonOutline {
  const { maxDepth, liftStringsOver, onKey, onObject } = options
  const words = wordsOf(bytes)
  const outline: JsonOutline = { members: 0, lifted: [] }
  const closers: number[] = []
  let key: Span | undefined
  let i = skipSpace(bytes, 0)

  /** From the opening quote of a key to the first byte of its value. */
  function readKey(at: number): number {
    if (bytes[at] !== quote) throw new JsonError('syntax', at)
    const end = stringEnd(bytes, words, at + 1)
    outline.members++
    if (onKey) onKey({ start: at + 1, end }, closers.length)
    if (closers.length === 1) key = { start: at + 1, end }
    const separator = skipSpace(bytes, end + 1)
    if (bytes[separator] !== colon) throw new JsonError('syntax', separator)
    return skipSpace(bytes, separator + 1)
  }

  for (;;) {
    // A value starts at i.
    const first = bytes[i]
    if (first === openObject || first === openArray) {
      if (closers.length >= maxDepth) throw new JsonError('depth', i)
      const closer = first === openObject ? closeObject : closeArray
      closers.push(closer)
      if (first === openObject) onObject?.(closers.length)
      i = skipSpace(bytes, i + 1)
      if (bytes[i] !== closer) {
        if (first === openObject) i = readKey(i)
        continue
      }
    } else if (first === quote) {
      const start = i + 1
      const plain = plainEnd(bytes, words, start)
      if (bytes[plain] === quote) {
        const isMember = closers.length === 1 && closers[0] === closeObject
        if (isMember && key && plain - start > liftStringsOver)
          outline.lifted.push({ key, value: { start, end: plain } })
        i = plain + 1
      } else i = stringEnd(bytes, words, plain) + 1
    } else i = scalarEnd(bytes, i)

    // A value, or the content of a container, has ended before i.
    for (;;) {
      i = skipSpace(bytes, i)
      const closer = closers[closers.length - 1]
      if (closer === undefined) {
        if (i < bytes.length) throw new JsonError('syntax', i)
        return outline
      }
      if (bytes[i] === comma) {
        i = skipSpace(bytes, i + 1)
        if (closer === closeObject) i = readKey(i)
        break
      }
      if (bytes[i] !== closer) throw new JsonError('syntax', i)
      closers.pop()
      i++
    }
  }
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let i = from
  for (;;) {
    const byte = bytes[i]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return i
    i++
  }
}

/** The closing quote of the string whose content, or the rest of it, starts at `from`. */
function stringEnd(bytes: Uint8Array, words: Words, from: number): number {
  let i = from
  for (;;) {
    i = plainEnd(bytes, words, i)
    const byte = bytes[i]
    if (byte === quote) return i
    if (byte === undefined || byte < 0x20) throw new JsonError('syntax', i)
    i = byte === backslash ? escapeEnd(bytes, i) : i + 1
  }
}

function escapeEnd(bytes: Uint8Array, at: number): number {
  const kind = bytes[at + 1]
  if (kind === 0x75) {
    for (let i = at + 2; i < at + 6; i++) if (!isHexDigit(bytes[i])) throw new JsonError('syntax', i)
    return at + 6
  }
  if (kind === undefined || !simpleEscapes.includes(kind)) throw new JsonError('syntax', at + 1)
  return at + 2
}

const simpleEscapes = [...'"\\/bfnrt'].map((character) => character.charCodeAt(0))

function isHexDigit(byte: number | undefined): boolean {
  return byte !== undefined && (isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66))
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** The end of a number or of `true`, `false`, `null`. */
function scalarEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from]
  const word = first === 0x74 ? 'true' : first === 0x66 ? 'false' : first === 0x6e ? 'null' : undefined
  if (word === undefined) return numberEnd(bytes, from)
  for (let i = 1; i < word.length; i++) {
    if (bytes[from + i] !== word.charCodeAt(i)) throw new JsonError('syntax', from + i)
  }
  return from + word.length
}

function numberEnd(bytes: Uint8Array, from: number): number {
  let i = bytes[from] === 0x2d ? from + 1 : from
  i = bytes[i] === 0x30 ? i + 1 : digitsEnd(bytes, i)
  if (bytes[i] === 0x2e) i = digitsEnd(bytes, i + 1)
  if (bytes[i] === 0x65 || bytes[i] === 0x45) {
    const sign = bytes[i + 1]
    i = digitsEnd(bytes, sign === 0x2b || sign === 0x2d ? i + 2 : i + 1)
  }
  return i
}

/** The end of one digit or more. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  if (!isDigit(bytes[from])) throw new JsonError('syntax', from)
  let i = from + 1
  while (isDigit(bytes[i])) i++
  return i
}

// Plain bytes need no thought inside a string: printable ASCII (and DEL) without the quote and the backslash. Short strings
// are walked byte by byte; in long ones sixteen bytes are looked at together, which is what makes a 28 MB string a matter
// of milliseconds.

const plainBytes = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== quote && byte !== backslash ? 1 : 0,
)

const shortString = 48

function plainEnd(bytes: Uint8Array, words: Words, from: number): number {
  let i = from
  const near = from + shortString
  // On to where a word begins: none of the bytes before it may be passed over.
  for (; i < near || ((i - words.offset) & 3) !== 0; i++) if (plainBytes[bytes[i] ?? 0] === 0) return i
  i = skipPlainWords(words, i)
  while (plainBytes[bytes[i] ?? 0] === 1) i++
  return i
}

/** The same memory as 32-bit words. Word 0 is the byte `offset`. */
interface Words {
  words: Int32Array
  offset: number
}

function wordsOf(bytes: Uint8Array): Words {
  const offset = -bytes.byteOffset & 3
  const count = Math.max(0, bytes.length - offset) >> 2
  return {
    words: new Int32Array(
      count === 0 ? new ArrayBuffer(0) : bytes.buffer,
      count === 0 ? 0 : bytes.byteOffset + offset,
      count,
    ),
    offset,
  }
}

/** Moves on from `from`, where a word begins, over groups of four words that hold nothing but plain bytes. */
function skipPlainWords({ words, offset }: Words, from: number): number {
  let i = (from - offset) >> 2
  for (; i + 4 <= words.length; i += 4) {
    const a = words[i] as number
    const b = words[i + 1] as number
    const c = words[i + 2] as number
    const d = words[i + 3] as number
    if (((suspects(a) | suspects(b) | suspects(c) | suspects(d)) & 0x80808080) !== 0) break
  }
  return offset + i * 4
}

/**
 * Sets a high bit if any of the four bytes is not plain. Each term does so for one kind: bytes above 0x7f have the bit;
 * below that, subtracting borrows only where a byte is under 0x20, is the quote, or is the backslash.
 */
function suspects(word: number): number {
  return word | (word - 0x20202020) | ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101)
}
