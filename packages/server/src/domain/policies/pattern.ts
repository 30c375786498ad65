// A string of a policy, taken apart once: literal text, wildcards and policy variables (IAM JSON policy elements: variables and tags).
// What a variable stands for is put in as literal text when a request is matched. Were it put into the text and then parsed, a tag
// whose value is `*` would match everything.

import type { ContextKeys } from './context.ts'

export type PatternPart =
  | { kind: 'literal'; text: string }
  /** `*` */
  | { kind: 'any' }
  /** `?` */
  | { kind: 'one' }
  | { kind: 'variable'; key: string; fallback?: string }

export interface PatternSyntax {
  /** `${…}` means something; only in version 2012-10-17. */
  variables: boolean
  /** `*` and `?` mean something. */
  wildcards: boolean
}

/** The parts of a pattern, or undefined when a `${` begins what is not a variable. */
export function parsePattern(text: string, syntax: PatternSyntax): PatternPart[] | undefined {
  const parts: PatternPart[] = []
  let literal = ''
  const push = (part: PatternPart) => {
    if (literal !== '') parts.push({ kind: 'literal', text: literal })
    literal = ''
    parts.push(part)
  }
  let i = 0
  while (i < text.length) {
    const character = text.charAt(i)
    if (syntax.variables && text.startsWith('${', i)) {
      const end = text.indexOf('}', i)
      const token = end < 0 ? undefined : parseToken(text.slice(i + 2, end))
      if (token === undefined) return undefined
      if (token.kind === 'literal') literal += token.text
      else push(token)
      i = end + 1
      continue
    }
    if (syntax.wildcards && character === '*') {
      // Two stars in a row mean what one means.
      if (literal !== '' || parts.at(-1)?.kind !== 'any') push({ kind: 'any' })
    } else if (syntax.wildcards && character === '?') push({ kind: 'one' })
    else literal += character
    i++
  }
  if (literal !== '') parts.push({ kind: 'literal', text: literal })
  return parts
}

/** `*`, `?` and `$` stand for themselves; all else is `key` or `key, 'default'`. */
function parseToken(inside: string): PatternPart | undefined {
  if (inside === '*' || inside === '?' || inside === '$') return { kind: 'literal', text: inside }
  const comma = inside.indexOf(',')
  const key = (comma < 0 ? inside : inside.slice(0, comma)).trim().toLowerCase()
  if (key === '' || /[*?$'"{]/.test(key)) return undefined
  if (comma < 0) return { kind: 'variable', key }
  const quoted = inside.slice(comma + 1).trim()
  if (quoted.length < 2 || !quoted.startsWith("'") || !quoted.endsWith("'")) return undefined
  const fallback = quoted.slice(1, -1)
  return fallback.includes("'") ? undefined : { kind: 'variable', key, fallback }
}

export function hasVariables(parts: readonly PatternPart[]): boolean {
  return parts.some(({ kind }) => kind === 'variable')
}

/** What the variables stand for, in their order, or undefined when one has no single value: then nothing matches the pattern. */
export function variableValues(parts: readonly PatternPart[], context: ContextKeys): string[] | undefined {
  const values: string[] = []
  for (const part of parts) {
    if (part.kind !== 'variable') continue
    const value = variableValue(part, context)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

/** The parts with the values in the places of the variables, as plain text. */
export function withValues(parts: readonly PatternPart[], values: readonly string[]): PatternPart[] {
  let next = 0
  return parts.map((part) => (part.kind === 'variable' ? { kind: 'literal', text: values[next++] ?? '' } : part))
}

/** A key that is absent and has no default, or that has many values, has no value here. */
export function variableValue(
  { key, fallback }: { key: string; fallback?: string },
  context: ContextKeys,
): string | undefined {
  const value = context.get(key) ?? fallback
  return typeof value === 'string' ? value : undefined
}

/** The text of parts without wildcards, or undefined when a variable has no value. */
export function resolvedText(parts: readonly PatternPart[], context: ContextKeys): string | undefined {
  let text = ''
  for (const part of parts) {
    const piece = part.kind === 'literal' ? part.text : part.kind === 'variable' ? variableValue(part, context) : ''
    if (piece === undefined) return undefined
    text += piece
  }
  return text
}

/** The text of parts that have neither wildcards nor variables. */
export function literalText(parts: readonly PatternPart[]): string {
  return parts.map((part) => (part.kind === 'literal' ? part.text : '')).join('')
}
