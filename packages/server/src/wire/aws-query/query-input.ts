// The parameters of a request of the AWS Query protocol, and the value that they spell: `Tags.member.1.Key=team` is the key of the first
// tag. The value is what `decode` takes for JSON (@berth/api/shapes/decode.ts), so both protocols are checked alike.

import type { ListShape, MapShape, NumberShape, Shape, StructureShape } from '@berth/api/shapes/shape.ts'
import type { QueryParameter } from '@berth/api/sigv4/canonical-request.ts'

/** The parameters are no form, or do not spell a value of the operation's shape: `MalformedInput` on the wire. */
export class QueryInputError extends Error {
  override readonly name = 'QueryInputError'
}

const maxParameters = 1000
const maxNameLength = 256
/** `OrderedOrganizationPolicyInputList.member.1.ServiceControlPolicyInputList.member.1` is among the longest paths that mean something. */
const maxWords = 16

/**
 * The parameters of a form, or of the query of a GET (URL Standard, section 5: `+` is a space). Strict, where a browser would guess:
 * whatever is signed has one meaning, or none. The caller bounds the text.
 * @throws QueryInputError
 */
export function parseForm(text: string): QueryParameter[] {
  const pieces = text.split('&', maxParameters + 1)
  if (pieces.length > maxParameters) throw new QueryInputError(`There are more than ${maxParameters} parameters`)
  const names = new Set<string>()
  const parameters: QueryParameter[] = []
  for (const piece of pieces) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    const name = decodeText(equals < 0 ? piece : piece.slice(0, equals))
    if (name === '') throw new QueryInputError('A parameter has no name')
    if (name.length > maxNameLength) {
      throw new QueryInputError(`The name of a parameter is longer than ${maxNameLength} characters`)
    }
    if (names.has(name)) throw new QueryInputError(`The parameter '${name}' is given twice`)
    names.add(name)
    parameters.push({ name, value: equals < 0 ? '' : decodeText(piece.slice(equals + 1)) })
  }
  return parameters
}

function decodeText(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw new QueryInputError('The parameters are not percent-encoded UTF-8')
  }
}

/**
 * The value of the shape. Parameters that the shape does not know are ignored, `Action` and `Version` among them; within a list or a
 * map nothing is, or a misspelt element would be lost.
 * @throws QueryInputError
 */
export function readInput(shape: StructureShape, parameters: readonly QueryParameter[]): unknown {
  return readStructure(shape, treeOf(shape, parameters), '')
}

/** What stands at a name: its value, and what stands below it. A map, as the names come from outside. */
interface Branch {
  value?: string
  readonly below: Map<string, Branch>
}

function treeOf({ members }: StructureShape, parameters: readonly QueryParameter[]): Branch {
  const root: Branch = { below: new Map() }
  for (const { name, value } of parameters) {
    const words = name.split('.', maxWords + 1)
    if (!Object.hasOwn(members, words[0] ?? '')) continue
    if (words.length > maxWords) throw new QueryInputError(`The name of a parameter has more than ${maxWords} words`)
    let branch = root
    for (const word of words) {
      const next = branch.below.get(word) ?? { below: new Map() }
      branch.below.set(word, next)
      branch = next
    }
    branch.value = value
  }
  return root
}

function read(shape: Shape, branch: Branch, name: string): unknown {
  switch (shape.kind) {
    case 'list':
      return readList(shape, branch, name)
    case 'map':
      return readMap(shape, branch, name)
    case 'structure':
      requireNoValue(branch, name)
      return readStructure(shape, branch, `${name}.`)
    case 'string':
    case 'blob':
      return textOf(branch, name)
    case 'integer':
    case 'long':
      return readNumber(shape, textOf(branch, name), name)
    case 'boolean':
      return readBoolean(textOf(branch, name), name)
    case 'timestamp':
      throw new Error(`${name}: there are no timestamps in inputs`)
  }
}

function readStructure(shape: StructureShape, branch: Branch, prefix: string): object {
  const value: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(shape.members)) {
    const given = branch.below.get(name)
    if (given) value[name] = read(member.kind === 'required' ? member.shape : member, given, `${prefix}${name}`)
  }
  return value
}

function readList(shape: ListShape, branch: Branch, name: string): unknown[] {
  return elementsOf(branch, name, 'member').map((element, n) => read(shape.element, element, `${name}.member.${n + 1}`))
}

function readMap(shape: MapShape, branch: Branch, name: string): object {
  const entries = elementsOf(branch, name, 'entry').map((entry, n): [string, unknown] => {
    const place = `${name}.entry.${n + 1}`
    const [key, value] = [entry.below.get('key'), entry.below.get('value')]
    if (!key || !value) throw new QueryInputError(`'${place}' needs a key and a value`)
    return [textOf(key, `${place}.key`), read(shape.value, value, `${place}.value`)]
  })
  if (new Set(entries.map(([key]) => key)).size < entries.length) {
    throw new QueryInputError(`'${name}' has two entries with one key`)
  }
  // fromEntries defines members, so that one called __proto__ is nothing special.
  return Object.fromEntries(entries)
}

/** What stands below `Tags.member.1`, `Tags.member.2` and so on. An empty list is spelt `Tags=`. */
function elementsOf(branch: Branch, name: string, word: 'member' | 'entry'): Branch[] {
  requireNoValue(branch, name)
  const numbered = branch.below.get(word)
  if (branch.below.size > (numbered ? 1 : 0) || numbered?.value !== undefined) {
    throw new QueryInputError(`The elements of '${name}' are named '${name}.${word}.1' and so on`)
  }
  const { below } = numbered ?? { below: new Map<string, Branch>() }
  return Array.from({ length: below.size }, (_, n) => {
    const element = below.get(String(n + 1))
    if (!element) throw new QueryInputError(`The elements of '${name}' are not numbered from 1 without holes`)
    return element
  })
}

/** `X=` stands for what is empty; anything else that has members or elements has no value of its own. */
function requireNoValue({ value, below }: Branch, name: string): void {
  if (value !== undefined && (value !== '' || below.size > 0)) {
    throw new QueryInputError(`'${name}' has a value where none is expected`)
  }
}

function textOf({ value, below }: Branch, name: string): string {
  if (value === undefined || below.size > 0) throw new QueryInputError(`'${name}' is expected to have a value only`)
  return value
}

function readNumber({ kind }: NumberShape, text: string, name: string): number {
  const value = /^-?[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  const largest = kind === 'integer' ? 0x7fffffff : Number.MAX_SAFE_INTEGER
  if (!(Math.abs(value) <= largest)) throw new QueryInputError(`'${name}' is expected to be an integer`)
  return value
}

/** A boolean of XML Schema (section 3.3.2), which has two spellings of each. */
function readBoolean(text: string, name: string): boolean {
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw new QueryInputError(`'${name}' is expected to be true or false`)
}
