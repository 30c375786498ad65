// A value as a refusal repeats it: cut, and without secrets.

import { type Base64Text, base64Size } from './base64.ts'
import type { Shape } from './shape.ts'

const maxCharacters = 256

export function printValue(shape: Shape, value: unknown): string {
  // Twice as many UTF-16 units, as a character has at most two.
  const text = print(shape, value).slice(0, maxCharacters * 2)
  return text.length <= maxCharacters ? text : Array.from(text).slice(0, maxCharacters).join('')
}

function print(shape: Shape, value: unknown): string {
  if (value === null || value === undefined) return 'null'
  switch (shape.kind) {
    case 'string':
      return shape.isSecret ? '***' : String(value)
    case 'blob':
      return `${base64Size(value as Base64Text)} bytes`
    case 'list':
      return `[${printEach(value as readonly unknown[], (element) => print(shape.element, element))}]`
    case 'map':
      return `{${printEach(Object.entries(value), ([key, element]) => `${key}=${print(shape.value, element)}`)}}`
    case 'structure': {
      const members = Object.entries(shape.members).filter(([name]) => Object.hasOwn(value, name))
      return `{${printEach(members, ([name, member]) => {
        const given: unknown = (value as Readonly<Record<string, unknown>>)[name]
        return `${name}=${print(member.kind === 'required' ? member.shape : member, given)}`
      })}}`
    }
    case 'integer':
    case 'long':
    case 'boolean':
    case 'timestamp':
      return String(value)
  }
}

/** No more of them than will be seen. */
function printEach<T>(elements: readonly T[], printOne: (element: T) => string): string {
  let text = ''
  for (const [n, element] of elements.entries()) {
    if (text.length > maxCharacters * 2) break
    text += n === 0 ? printOne(element) : `, ${printOne(element)}`
  }
  return text
}
