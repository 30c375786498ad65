// A policy as a list of statements that can be asked at once: actions as sets of bits, resources and conditions as functions.

import { askedKeys } from './asked-keys.ts'
import { type Condition, compileCondition, PolicyCompileError } from './compile-condition.ts'
import type { ContextKeys } from './context.ts'
import { compileFixed, compileGlob, type TextMatcher } from './glob.ts'
import { knownActions } from './known-actions.ts'
import { parsePolicy } from './parse-policy.ts'
import { parsePattern } from './pattern.ts'
import {
  type Effect,
  hasPolicyVariables,
  type PatternList,
  type PolicyDocument,
  type PolicyKind,
  type PolicyStatement,
} from './policy-document.ts'
import { compilePrincipals, type PrincipalMatcher } from './principal-matcher.ts'
import type { PrincipalIds } from './principal-names.ts'

/** Which policy it is, for decisions and sentences. */
export interface PolicyRef {
  kind: PolicyKind | 'service-control'
  /** Whatever tells the policy from others to whoever reads a decision. */
  id: string
  /** Managed policies have one. */
  arn?: string
  /** The account that the policy belongs to. */
  accountId: string
}

export interface CompiledStatement {
  policy: PolicyRef
  /** Its place in the policy, from 0. */
  index: number
  sid: string | undefined
  effect: Effect
  actions: ActionSet
  /** Absent: the statement is about whatever the policy belongs to. */
  matchesResource: ((resource: string, context: ContextKeys) => boolean) | undefined
  /** Whether a resource matches does not depend on the request's context. */
  hasFixedResources: boolean
  /** Absent: the statement is about whoever the policy belongs to. */
  principals: PrincipalMatcher | undefined
  conditions: readonly Condition[]
}

export interface CompiledPolicy {
  ref: PolicyRef
  statements: readonly CompiledStatement[]
  /** The condition keys that it asks for, as they are written. */
  askedKeys: readonly string[]
  /** Why the policy cannot be evaluated. Every request that it has a say in is denied. */
  broken?: string
}

export interface CompileOptions {
  /** Unique ids of the principals that the policy names, as they were found when it was stored. */
  principalIds?: PrincipalIds
}

/** @throws PolicyCompileError for a document that parsePolicy would not have let through */
export function compilePolicy(document: PolicyDocument, ref: PolicyRef, options: CompileOptions = {}): CompiledPolicy {
  const variables = hasPolicyVariables(document)
  const resolve = (arn: string) => options.principalIds?.get(arn)
  return {
    ref,
    statements: document.statements.map((statement, index) =>
      compileStatement(statement, { ref, index, variables, resolve }),
    ),
    askedKeys: askedKeys(document),
  }
}

/**
 * Compiles a policy as it was stored. Never throws: a policy that can no longer be read becomes one that denies, because a statement
 * that is passed over may be the Deny that mattered.
 */
export function compileStoredPolicy(
  text: string,
  kind: PolicyKind,
  ref: PolicyRef,
  options: CompileOptions = {},
): CompiledPolicy {
  try {
    const parsed = parsePolicy(text, kind, { maxCharacters: Number.POSITIVE_INFINITY })
    if (!parsed.ok) return brokenPolicy(ref, `${parsed.fault.at} ${parsed.fault.reason}`.trim())
    return compilePolicy(parsed.document, ref, options)
  } catch (error) {
    return brokenPolicy(ref, error instanceof Error ? error.message : String(error))
  }
}

export function brokenPolicy(ref: PolicyRef, reason: string): CompiledPolicy {
  return { ref, statements: [], askedKeys: [], broken: reason }
}

/** Users and roles that a policy names and that are not known to it: worth a line in the log. */
export function unresolvedPrincipals({ statements }: CompiledPolicy): string[] {
  return statements.flatMap(({ principals }) => principals?.unresolved ?? [])
}

interface StatementParts {
  ref: PolicyRef
  index: number
  variables: boolean
  resolve: (arn: string) => string | undefined
}

function compileStatement(statement: PolicyStatement, parts: StatementParts): CompiledStatement {
  const { ref, index, variables, resolve } = parts
  const { effect, resources, principals } = statement
  return {
    policy: ref,
    index,
    sid: statement.sid,
    effect,
    actions: compileActions(statement.actions),
    matchesResource: resources && compileResources(resources, effect, variables),
    hasFixedResources: !variables || !resources?.patterns.some((pattern) => pattern.includes(`\${`)),
    principals: principals && compilePrincipals(principals, resolve),
    conditions: statement.conditions.map((entry) => compileCondition(entry, effect, variables)),
  }
}

// Actions

export interface ActionSet {
  /** Of an action of `knownActions`, by its place there. */
  hasKnown(place: number): boolean
  /** Of any action, in lower case. */
  has(action: string): boolean
}

const placeOf = new Map(knownActions.map((action, place) => [action, place]))

/** The place of an action in `knownActions`, or undefined. */
export function placeOfAction(lowerAction: string): number | undefined {
  return placeOf.get(lowerAction)
}

function compileActions({ negated, patterns }: PatternList): ActionSet {
  const bits = new Uint32Array((knownActions.length + 31) >> 5)
  const set = (place: number) => {
    bits[place >> 5] = (bits[place >> 5] ?? 0) | (1 << (place & 31))
  }
  const exact = new Set<string>()
  const globs: ((text: string) => boolean)[] = []
  for (const pattern of patterns) {
    const lower = pattern.toLowerCase()
    if (/[*?]/.test(lower)) {
      const parts = parsePattern(lower, { variables: false, wildcards: true })
      if (!parts) throw new PolicyCompileError(`not an action: ${pattern}`)
      const matches = compileFixed(parts)
      globs.push(matches)
      for (const [place, action] of knownActions.entries()) if (matches(action)) set(place)
    } else {
      exact.add(lower)
      const place = placeOf.get(lower)
      if (place !== undefined) set(place)
    }
  }
  const matchesAny = (action: string) => exact.has(action) || globs.some((matches) => matches(action))
  return {
    hasKnown: (place) => (((bits[place >> 5] ?? 0) >>> (place & 31)) & 1) === (negated ? 0 : 1),
    has: (action) => matchesAny(action) !== negated,
  }
}

// Resources

function compileResources(
  { negated, patterns }: PatternList,
  effect: Effect,
  variables: boolean,
): (resource: string, context: ContextKeys) => boolean {
  const matchers = patterns.map((pattern): TextMatcher => {
    const parts = parsePattern(pattern, { variables, wildcards: true })
    if (!parts) throw new PolicyCompileError(`not a policy variable: ${pattern}`)
    return compileGlob(parts)
  })
  const [only] = matchers
  if (!negated) {
    if (only && matchers.length === 1) return (resource, context) => only(resource, context) === true
    return (resource, context) => matchers.some((matches) => matches(resource, context) === true)
  }
  // A variable without a value says nothing about what is left out: then an Allow does not apply, and a Deny does.
  const unknown = effect === 'Allow'
  return (resource, context) => !matchers.some((matches) => matches(resource, context) ?? unknown)
}
