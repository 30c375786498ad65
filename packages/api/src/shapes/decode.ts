// Takes a parsed JSON value for a value of a shape. Only JSON types are looked at: a wrong one is a SerializationException in
// every AWS JSON service, while a missing or badly formed value is a matter of the service's own constraints.

import { LiftedString } from '../json/strict-json.ts'
import { isBase64Text } from './base64.ts'
import { SerializationError } from './serialization-error.ts'
import type { Decoded, ListShape, MapShape, Shape, StructureShape } from './shape.ts'

/**
 * The value, without members that the shape does not know; `null` members are absent, `null` elements are kept for the
 * check of constraints. Throws `SerializationError`.
 */
export function decode<S extends Shape>(shape: S, json: unknown): Decoded<S> {
  return decodeAny(shape, json) as Decoded<S>
}

function decodeAny(shape: Shape, json: unknown): unknown {
  switch (shape.kind) {
    case 'string':
      if (json instanceof LiftedString) return json.toString()
      if (typeof json !== 'string') throw unexpected(json, 'a String')
      return json
    case 'boolean':
      if (typeof json !== 'boolean') throw unexpected(json, 'a Boolean')
      return json
    case 'integer':
      if (!Number.isInteger(json) || Math.abs(Number(json)) > 0x7fffffff) throw unexpected(json, 'an Integer')
      return json
    case 'long':
      if (!Number.isSafeInteger(json)) throw unexpected(json, 'a Long')
      return json
    case 'timestamp':
      if (!Number.isFinite(json)) throw unexpected(json, 'a Timestamp')
      return json
    case 'blob':
      if (!isBase64Text(json)) throw unexpected(json, 'a Blob')
      if (json.length % 4 !== 0) throw new SerializationError('A blob is not valid base64')
      return json
    case 'list':
      return decodeList(shape, json)
    case 'map':
      return decodeMap(shape, json)
    case 'structure':
      return decodeStructure(shape, json)
  }
}

function decodeList(shape: ListShape, json: unknown): unknown[] {
  if (!Array.isArray(json)) throw new SerializationError('Expected list or null')
  return json.map((element: unknown) => (element === null ? null : decodeAny(shape.element, element)))
}

function decodeMap(shape: MapShape, json: unknown): object {
  if (!isObject(json)) throw new SerializationError('Expected map or null')
  // fromEntries defines members, so that one called __proto__ is nothing special.
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, value === null ? null : decodeAny(shape.value, value)]),
  )
}

function decodeStructure(shape: StructureShape, json: unknown): object {
  if (!isObject(json)) throw new SerializationError('Expected structure or null')
  const value: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(shape.members)) {
    const given = Object.hasOwn(json, name) ? json[name] : undefined
    if (given === undefined || given === null) continue
    value[name] = decodeAny(member.kind === 'required' ? member.shape : member, given)
  }
  return value
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof LiftedString)
}

/** In the words that AWS JSON services use; ECR's own have not been captured. */
function unexpected(json: unknown, wanted: string): SerializationError {
  if (Array.isArray(json)) return new SerializationError('Start of list found where not expected')
  if (isObject(json)) return new SerializationError('Start of structure or map found where not expected')
  const token = typeof json === 'number' ? 'NUMBER' : typeof json === 'boolean' ? String(json).toUpperCase() : 'STRING'
  return new SerializationError(`${token}_VALUE can not be converted to ${wanted}`)
}
