// Finds the first constraint that a decoded value breaks, and says so in the words that ECR, IAM and STS share. The texts below are
// those that the services have been seen to emit; clients match on some of them.

import { type Base64Text, base64Size } from './base64.ts'
import { printValue } from './printed-value.ts'
import type { BlobShape, Decoded, Infer, ListShape, NumberShape, Shape, StringShape, StructureShape } from './shape.ts'

export interface Violation {
  /** As ECR prints it: `imageIds`, `tags.2.member.key`, `ImageManifest`. */
  member: string
  constraint: string
  /** The member of the request, by its name on the wire. */
  topMember: string
  /** The value that breaks it, cut and without secrets. Absent if there is none. */
  value?: string
}

export interface ViolationOptions {
  /** Look only at these members of the outermost structure. */
  only?: readonly string[]
}

/** The first violation, in the order of the members. */
export function firstViolation<S extends StructureShape>(
  shape: S,
  value: Decoded<S>,
  options: ViolationOptions = {},
): Violation | undefined {
  return violationOfStructure(shape, value, undefined, options.only)
}

/** Either the value, now known to be valid, or its first violation. */
export function validate<S extends StructureShape>(
  shape: S,
  value: Decoded<S>,
): { value: Infer<S>; violation?: never } | { violation: Violation; value?: never } {
  const violation = firstViolation(shape, value)
  return violation ? { violation } : { value: value as unknown as Infer<S> }
}

interface Place {
  member: string
  topMember: string
}

function violationIn(shape: Shape, value: unknown, place: Place): Violation | undefined {
  const constraint = brokenConstraint(shape, value)
  if (constraint !== undefined) {
    const isMissing = value === undefined || value === null
    return { ...place, constraint, ...(!isMissing && { value: printValue(shape, value) }) }
  }
  switch (shape.kind) {
    case 'list':
      for (const [n, element] of (value as readonly unknown[]).entries()) {
        const violation = violationIn(shape.element, element, { ...place, member: `${place.member}.${n + 1}.member` })
        if (violation) return violation
      }
      return undefined
    case 'map':
      for (const [key, element] of Object.entries(value as object)) {
        const violation = violationIn(shape.value, element, { ...place, member: `${place.member}.${key}.member` })
        if (violation) return violation
      }
      return undefined
    case 'structure':
      return violationOfStructure(shape, value, place)
    default:
      return undefined
  }
}

function violationOfStructure(
  shape: StructureShape,
  value: unknown,
  parent?: Place,
  only?: readonly string[],
): Violation | undefined {
  const members = value as Readonly<Record<string, unknown>>
  for (const [name, member] of Object.entries(shape.members)) {
    if (only && !only.includes(name)) continue
    const isRequired = member.kind === 'required'
    const given = Object.hasOwn(members, name) ? members[name] : undefined
    if (given === undefined && !isRequired) continue
    const memberShape = isRequired ? member.shape : member
    const violation = violationIn(memberShape, given, placeOf(name, memberShape, parent))
    if (violation) return violation
  }
  return undefined
}

function placeOf(name: string, shape: Shape, parent: Place | undefined): Place {
  if (parent) {
    return { member: `${parent.member}.${name.charAt(0).toLowerCase()}${name.slice(1)}`, topMember: parent.topMember }
  }
  const isDocument = shape.kind === 'string' && shape.isDocument
  return { member: isDocument ? `${name.charAt(0).toUpperCase()}${name.slice(1)}` : name, topMember: name }
}

/** Which constraint the value itself breaks, whatever is in it. */
function brokenConstraint(shape: Shape, value: unknown): string | undefined {
  if (value === undefined || value === null) return `${subject(shape)}must not be null`
  switch (shape.kind) {
    case 'string':
      return brokenByString(shape, String(value))
    case 'integer':
    case 'long':
      return brokenByNumber(shape, Number(value))
    case 'blob':
      return isAbove(base64Size(value as Base64Text), shape.max) ? tooLong(shape) : undefined
    case 'list': {
      const { length } = value as readonly unknown[]
      if (isBelow(length, shape.min)) return tooShort(shape)
      return isAbove(length, shape.max) ? tooLong(shape) : undefined
    }
    default:
      return undefined
  }
}

function brokenByString(shape: StringShape, value: string): string | undefined {
  const { max, pattern, matcher, values } = shape
  if (isShorter(value, shape.min)) return tooShort(shape)
  if (isLonger(value, max)) return tooLong(shape)
  if (values && !values.includes(value)) return `Member must satisfy enum value set: [${values.join(', ')}]`
  if (matcher && !((max !== undefined || value.length <= longestMatched) && matcher.test(value))) {
    return shape.isRepositoryName
      ? `must satisfy regular expression '${pattern}'`
      : `Member must satisfy regular expression pattern: ${pattern}`
  }
  return undefined
}

/** Some patterns come without a maximal length. Nothing that they describe is this long, and no pattern sees megabytes. */
const longestMatched = 4096

function brokenByNumber({ min, max }: NumberShape, value: number): string | undefined {
  if (isBelow(value, min)) return `Member must have value greater than or equal to ${min}`
  if (isAbove(value, max)) return `Member must have value less than or equal to ${max}`
  return undefined
}

function tooShort(shape: StringShape | ListShape): string {
  return `${subject(shape)}must have length greater than or equal to ${shape.min}`
}

function tooLong(shape: StringShape | ListShape | BlobShape): string {
  return `${subject(shape)}must have length less than or equal to ${shape.max}`
}

function subject(shape: Shape): '' | 'Member ' {
  return shape.kind === 'string' && shape.isRepositoryName ? '' : 'Member '
}

function isBelow(value: number, min: number | undefined): boolean {
  return min !== undefined && value < min
}

function isAbove(value: number, max: number | undefined): boolean {
  return max !== undefined && value > max
}

// Lengths are in Unicode characters, of which a string has at most one per UTF-16 unit and at least one per two.

function isShorter(value: string, min: number | undefined): boolean {
  if (min === undefined || value.length >= min * 2) return false
  return value.length < min || characters(value) < min
}

function isLonger(value: string, max: number | undefined): boolean {
  if (max === undefined || value.length <= max) return false
  return value.length > max * 2 || characters(value) > max
}

function characters(value: string): number {
  let count = 0
  for (const _ of value) count++
  return count
}
