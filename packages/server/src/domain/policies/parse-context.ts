// What the parsers of the elements of a policy share.

import type { PolicyKind } from './policy-document.ts'
import type { FaultCollector } from './policy-faults.ts'

/** Something that is allowed and probably not meant. */
export interface PolicyWarning {
  at: string
  text: string
}

export interface ParseContext {
  kind: PolicyKind
  faults: FaultCollector
  warnings: PolicyWarning[]
  /** `${…}` is a variable. */
  variables: boolean
}

export type JsonObject = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A string or a list of strings, as a list; anything else is a syntax error. */
export function stringsOf(value: unknown, at: string, faults: FaultCollector): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list.flatMap((each, i) => {
    if (typeof each === 'string') return [each]
    faults.report('syntax', Array.isArray(value) ? `${at}[${i}]` : at, 'not a string')
    return []
  })
}
