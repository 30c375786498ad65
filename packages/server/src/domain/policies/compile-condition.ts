// Conditions as functions of a request (IAM JSON policy elements: condition operators, multivalued context keys).
//
// Where AWS calls a result undefined, or a value cannot be had, the effect of the statement decides: an Allow does not apply and a
// Deny does. So nothing that is unclear opens access.

import {
  type Comparison,
  type ConditionOperator,
  isReadable,
  parseOperator,
  takesVariables,
} from './condition-operators.ts'
import {
  isInNetwork,
  type Network,
  readAddress,
  readBinary,
  readNetwork,
  readNumber,
  readTime,
  readTruth,
} from './condition-values.ts'
import { CaseVariants, type ContextKeys } from './context.ts'
import { compileGlob, type Match, type TextMatcher } from './glob.ts'
import {
  hasVariables,
  literalText,
  type PatternPart,
  parsePattern,
  resolvedText,
  variableValues,
  withValues,
} from './pattern.ts'
import type { ConditionEntry, Effect } from './policy-document.ts'

export type Condition = (context: ContextKeys) => boolean

/** A policy that cannot be compiled. It was checked when it was written, so the store, or a rule of ours, has changed since. */
export class PolicyCompileError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PolicyCompileError'
  }
}

/** @throws PolicyCompileError for an operator or a value that has no meaning */
export function compileCondition(entry: ConditionEntry, effect: Effect, variables: boolean): Condition {
  const operator = parseOperator(entry.operator)
  if (!operator) throw new PolicyCompileError(`unknown condition operator ${entry.operator}`)
  const key = entry.key.toLowerCase()
  if (operator.family === 'null') return compileNull(key, entry.values)
  const isDeny = effect === 'Deny'
  const matches = compileValues(operator, entry.values, variables)
  const holds = operator.negated
    ? (value: string, context: ContextKeys) => (matches(value, context) ?? !isDeny) === false
    : (value: string, context: ContextKeys) => matches(value, context) === true

  const holdsForVariants = ({ values }: CaseVariants, context: ContextKeys) =>
    isDeny ? values.some((value) => holds(value, context)) : values.every((value) => holds(value, context))

  const { quantifier, ifExists, negated } = operator
  if (quantifier === undefined) {
    return (context) => {
      const value = context.get(key)
      if (typeof value === 'string') return holds(value, context)
      if (value === undefined) return ifExists || negated
      // AWS leaves a list without ForAllValues or ForAnyValue undefined.
      return value instanceof CaseVariants ? holdsForVariants(value, context) : isDeny
    }
  }
  return (context) => {
    const value = context.get(key)
    if (value === undefined) return ifExists || quantifier === 'all'
    if (value instanceof CaseVariants) return holdsForVariants(value, context)
    const values = typeof value === 'string' ? [value] : value
    if (quantifier === 'any') return values.some((each) => holds(each, context))
    // "An empty string" counts as an empty set (IAM, ForAllValues).
    return (values.length === 1 && values[0] === '') || values.every((each) => holds(each, context))
  }
}

/** `"true"`: the key is absent. */
function compileNull(key: string, values: readonly string[]): Condition {
  const wanted = values.map((value) => {
    const truth = readTruth(value)
    if (truth === undefined) throw new PolicyCompileError(`Null takes true or false, not ${value}`)
    return truth
  })
  return (context) => wanted.includes(context.get(key) === undefined)
}

/** Whether one value of the request matches any value of the policy. Undefined: none does, but one could not be read. */
function compileValues(operator: ConditionOperator, values: readonly string[], variables: boolean): TextMatcher {
  const withVariables = variables && takesVariables(operator.family)
  const wildcards = operator.comparison === 'like'
  const patterns = values.map((value) => {
    const parts = parsePattern(value, { variables: withVariables, wildcards })
    if (!parts) throw new PolicyCompileError(`not a policy variable: ${value}`)
    if (!hasVariables(parts) && !isReadable(operator.family, literalText(parts)))
      throw new PolicyCompileError(`${operator.name} cannot compare with ${value}`)
    return parts
  })
  switch (operator.family) {
    case 'string':
      return compileStrings(operator.comparison, patterns)
    case 'arn':
      return anyOf(patterns.map(compileArn))
    case 'bool':
      return anyOf(patterns.map(compileTruth))
    case 'binary': {
      const wanted = new Set(values.map(readBinary))
      return (value) => value.length > 0 && wanted.has(readBinary(value) ?? '')
    }
    case 'ip': {
      const networks = values.map(readNetwork).filter((network): network is Network => network !== undefined)
      return (value) => {
        const address = readAddress(value)
        return address && networks.some((network) => isInNetwork(address, network))
      }
    }
    case 'date':
      return compileOrdered(operator.comparison, values, readTime)
    default:
      return compileOrdered(operator.comparison, values, readNumber)
  }
}

function compileStrings(comparison: Comparison, patterns: readonly PatternPart[][]): TextMatcher {
  if (comparison === 'like') return anyOf(patterns.map(compileGlob))
  const fold = comparison === 'equals-ignore-case' ? (text: string) => text.toLowerCase() : (text: string) => text
  const literals = new Set(patterns.filter((parts) => !hasVariables(parts)).map((parts) => fold(literalText(parts))))
  const others = patterns.filter(hasVariables).map(
    (parts): TextMatcher =>
      (value, context) => {
        const wanted = resolvedText(parts, context)
        return wanted === undefined ? undefined : fold(wanted) === fold(value)
      },
  )
  if (others.length === 0) return (value) => literals.has(fold(value))
  const matchesOther = anyOf(others)
  return (value, context) => literals.has(fold(value)) || matchesOther(value, context)
}

function compileTruth(parts: readonly PatternPart[]): TextMatcher {
  return (value, context) => {
    const wanted = readTruth(resolvedText(parts, context) ?? '')
    return wanted === undefined ? undefined : readTruth(value) === wanted
  }
}

const compare: Record<Comparison, (actual: number, wanted: number) => boolean> = {
  equals: (actual, wanted) => actual === wanted,
  'equals-ignore-case': (actual, wanted) => actual === wanted,
  like: (actual, wanted) => actual === wanted,
  less: (actual, wanted) => actual < wanted,
  'less-or-equal': (actual, wanted) => actual <= wanted,
  greater: (actual, wanted) => actual > wanted,
  'greater-or-equal': (actual, wanted) => actual >= wanted,
}

function compileOrdered(
  comparison: Comparison,
  values: readonly string[],
  read: (text: string) => number | undefined,
): TextMatcher {
  const wanted = values.map(read).filter((value) => value !== undefined)
  const isTrue = compare[comparison]
  return (value) => {
    const actual = read(value)
    return actual === undefined ? undefined : wanted.some((each) => isTrue(actual, each))
  }
}

/** The six parts of an ARN are compared one by one, so that a star does not reach over a colon; the sixth may have colons. */
function compileArn(parts: readonly PatternPart[]): TextMatcher {
  if (hasVariables(parts)) {
    return (value, context) => {
      const values = variableValues(parts, context)
      return values && compileArn(withValues(parts, values))(value, context)
    }
  }
  const segments = arnSegments(parts)
  if (segments.length < 6) return () => false
  const matchers = segments.map(compileGlob)
  return (value, context) => {
    let from = 0
    for (let i = 0; i < 5; i++) {
      const colon = value.indexOf(':', from)
      if (colon < 0 || !matchers[i]?.(value.slice(from, colon), context)) return false
      from = colon + 1
    }
    return matchers[5]?.(value.slice(from), context) ?? false
  }
}

function arnSegments(parts: readonly PatternPart[]): PatternPart[][] {
  const segments: PatternPart[][] = [[]]
  for (const part of parts) {
    if (part.kind !== 'literal') {
      segments.at(-1)?.push(part)
      continue
    }
    let text = part.text
    while (segments.length < 6) {
      const colon = text.indexOf(':')
      if (colon < 0) break
      if (colon > 0) segments.at(-1)?.push({ kind: 'literal', text: text.slice(0, colon) })
      segments.push([])
      text = text.slice(colon + 1)
    }
    if (text !== '') segments.at(-1)?.push({ kind: 'literal', text })
  }
  return segments
}

function anyOf(matchers: readonly TextMatcher[]): TextMatcher {
  const [only] = matchers
  if (only && matchers.length === 1) return only
  return (value, context) => {
    let result: Match = false
    for (const matcher of matchers) {
      const match = matcher(value, context)
      if (match === true) return true
      if (match === undefined) result = undefined
    }
    return result
  }
}
