// Blobs travel as standard base64 in JSON (RFC 4648, section 4). A large one stays where it is in the body until somebody
// wants its bytes, so its size is judged by its length.

import { LiftedString } from '../json/strict-json.ts'
import { SerializationError } from './serialization-error.ts'

export type Base64Text = string | LiftedString

export function isBase64Text(value: unknown): value is Base64Text {
  return typeof value === 'string' || value instanceof LiftedString
}

/** How many bytes the text decodes to. */
export function base64Size(text: Base64Text): number {
  const ending = typeof text === 'string' ? text.slice(-2) : String.fromCharCode(...text.bytes.subarray(-2))
  const padding = ending === '==' ? 2 : ending.endsWith('=') ? 1 : 0
  return (text.length >> 2) * 3 - padding
}

// One table per position in a group of four, with the bits where they belong; what is no base64 is negative.
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function tableOf(shift: number): Int32Array {
  const table = new Int32Array(256).fill(-1)
  for (let i = 0; i < 64; i++) table[alphabet.charCodeAt(i)] = i << shift
  return table
}

const first = tableOf(18)
const second = tableOf(12)
const third = tableOf(6)
const fourth = tableOf(0)

/**
 * The bytes, in `target` if one is given; that may be the text's own memory, as reading stays ahead of writing. Strict:
 * padding is needed, nothing but the alphabet is allowed, and unused bits must be zero. Throws `SerializationError`.
 */
export function decodeBase64(text: Base64Text, target?: Uint8Array): Uint8Array {
  const source = typeof text === 'string' ? new TextEncoder().encode(text) : text.bytes
  const { length } = source
  if (length % 4 !== 0) throw notBase64()
  const size = base64Size(text)
  const bytes = target ?? new Uint8Array(size)
  if (bytes.length < size) throw new RangeError(`${size} bytes do not fit into ${bytes.length}`)

  const whole = size % 3 === 0 ? length : length - 4
  let faults = 0
  let written = 0
  for (let i = 0; i < whole; i += 4) {
    const bits =
      (first[source[i] as number] as number) |
      (second[source[i + 1] as number] as number) |
      (third[source[i + 2] as number] as number) |
      (fourth[source[i + 3] as number] as number)
    faults |= bits
    bytes[written] = bits >> 16
    bytes[written + 1] = bits >> 8
    bytes[written + 2] = bits
    written += 3
  }
  if (whole < length) {
    const hasTwo = size % 3 === 2
    const bits =
      (first[source[whole] ?? 0] as number) |
      (second[source[whole + 1] ?? 0] as number) |
      (hasTwo ? (third[source[whole + 2] ?? 0] as number) : 0)
    if ((bits & (hasTwo ? 0xff : 0xffff)) !== 0) throw notBase64()
    faults |= bits
    bytes[written] = bits >> 16
    if (hasTwo) bytes[written + 1] = bits >> 8
  }
  if (faults < 0) throw notBase64()
  return bytes.subarray(0, size)
}

function notBase64(): SerializationError {
  return new SerializationError('A blob is not valid base64')
}
