// Finds the first constraint that a decoded value breaks, and says so in ECR's words. The texts below are those that the
// service has been seen to emit; clients match on some of them.

import { type Base64Text, base64Size } from './base64.ts'
import type { BlobShape, Decoded, Infer, ListShape, NumberShape, Shape, StringShape, StructureShape } from './shape.ts'

export interface Violation {
  /** As ECR prints it: `imageIds`, `tags.2.member.key`, `ImageManifest`. */
  member: string
  constraint: string
  /** The member of the request, by its name on the wire. */
  topMember: string
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
  if (value === undefined || value === null) return { ...place, constraint: `${subject(shape)}must not be null` }
  switch (shape.kind) {
    case 'string':
      return violationOfString(shape, String(value), place)
    case 'integer':
    case 'long':
      return violationOfNumber(shape, Number(value), place)
    case 'blob':
      return isAbove(base64Size(value as Base64Text), shape.max) ? tooLong(shape, place) : undefined
    case 'list':
      return violationOfList(shape, value as readonly unknown[], place)
    case 'map':
      for (const [key, element] of Object.entries(value)) {
        const violation = violationIn(shape.value, element, { ...place, member: `${place.member}.${key}.member` })
        if (violation) return violation
      }
      return undefined
    case 'structure':
      return violationOfStructure(shape, value, place)
    case 'boolean':
    case 'timestamp':
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

function violationOfList(shape: ListShape, elements: readonly unknown[], place: Place): Violation | undefined {
  if (isBelow(elements.length, shape.min)) return tooShort(shape, place)
  if (isAbove(elements.length, shape.max)) return tooLong(shape, place)
  for (const [n, element] of elements.entries()) {
    const violation = violationIn(shape.element, element, { ...place, member: `${place.member}.${n + 1}.member` })
    if (violation) return violation
  }
  return undefined
}

function violationOfString(shape: StringShape, value: string, place: Place): Violation | undefined {
  const { max, pattern, matcher, values } = shape
  if (isShorter(value, shape.min)) return tooShort(shape, place)
  if (isLonger(value, shape.max)) return tooLong(shape, place)
  if (values && !values.includes(value)) {
    return { ...place, constraint: `Member must satisfy enum value set: [${values.join(', ')}]` }
  }
  if (matcher && !((max !== undefined || value.length <= longestMatched) && matcher.test(value))) {
    const constraint = shape.isRepositoryName
      ? `must satisfy regular expression '${pattern}'`
      : `Member must satisfy regular expression pattern: ${pattern}`
    return { ...place, constraint }
  }
  return undefined
}

/** Some patterns come without a maximal length. Nothing that they describe is this long, and no pattern sees megabytes. */
const longestMatched = 4096

function violationOfNumber({ min, max }: NumberShape, value: number, place: Place): Violation | undefined {
  if (isBelow(value, min)) {
    return { ...place, constraint: `Member must have value greater than or equal to ${min}` }
  }
  if (isAbove(value, max)) return { ...place, constraint: `Member must have value less than or equal to ${max}` }
  return undefined
}

function tooShort(shape: StringShape | ListShape, place: Place): Violation {
  return { ...place, constraint: `${subject(shape)}must have length greater than or equal to ${shape.min}` }
}

function tooLong(shape: StringShape | ListShape | BlobShape, place: Place): Violation {
  return { ...place, constraint: `${subject(shape)}must have length less than or equal to ${shape.max}` }
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
