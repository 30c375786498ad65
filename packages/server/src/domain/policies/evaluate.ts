// The decision: may this caller do this (IAM evaluation logic). Pure and synchronous; the caller of these functions has compiled the
// policies and made the context.
//
// In one account, in this order:
//   1 a Deny anywhere                                   explicit deny
//   2 the caller is the root user                       allow
//   3 a resource policy names the caller himself        allow; boundary and session policy are not asked
//   4 identity policies allow, or a resource policy allows his role
//   5 each guard (boundary, session policy) allows      else implicit deny
// Between accounts identity policies, guards and a resource policy must all allow.

import type { CompiledStatement, PolicyRef } from './compile-policy.ts'
import type { PolicyBundle, StatementList } from './policy-bundle.ts'
import type { GrantLevel } from './principal-matcher.ts'
import type { Request } from './request.ts'

/** Policies that grant nothing and must all allow. Several policies in one guard are one voice: any of them may allow. */
export interface Guard {
  kind: 'boundary' | 'session' | 'service-control'
  bundle: PolicyBundle
}

export interface PolicySet {
  /** Of the user and his groups, or of the role. */
  identity: PolicyBundle
  guards: readonly Guard[]
  /** Repository policy and registry policy, as one: any may allow. Trust policies have `evaluateTrust`. */
  resource: PolicyBundle
}

export type DecidingKind = PolicyRef['kind'] | 'resource' | 'root'

export interface DecidedBy {
  /** The kind of policy; of an implicit deny, the kind that should have allowed. */
  kind: DecidingKind
  policy?: PolicyRef
  /** Its place in the policy, from 0. */
  statement?: number
  sid?: string
}

export interface MatchedStatement {
  policy: PolicyRef
  statement: number
  sid: string | undefined
  effect: 'Allow' | 'Deny'
  /** Statements of resource and trust policies only. */
  level?: GrantLevel
}

export interface Decision {
  decision: 'allow' | 'explicit-deny' | 'implicit-deny'
  decidedBy: DecidedBy
  /** What went wrong while deciding. The decision is then a deny, and the fault belongs in the log. */
  fault?: unknown
  /** Every statement that matched, if it was asked for. */
  matched?: MatchedStatement[]
}

export interface EvaluateOptions {
  /** Look at all statements and tell which matched, not only until the decision is clear. */
  explain?: boolean
}

/** Never throws: an error while deciding is a deny. */
export function evaluate(request: Request, policies: PolicySet, options: EvaluateOptions = {}): Decision {
  const bundles = [policies.identity, ...policies.guards.map(({ bundle }) => bundle), policies.resource]
  return decideSafely(request, bundles, options, () => decide(request, policies))
}

/** The frame of every decision: broken policies and denies first, errors never through. */
export function decideSafely(
  request: Request,
  bundles: readonly PolicyBundle[],
  options: EvaluateOptions,
  decideAllows: () => Decision,
): Decision {
  try {
    const decision = findDeny(request, bundles) ?? decideAllows()
    if (options.explain) decision.matched = matchesOf(request, bundles)
    return decision
  } catch (fault) {
    return { decision: 'explicit-deny', decidedBy: { kind: 'identity' }, fault }
  }
}

function findDeny(request: Request, bundles: readonly PolicyBundle[]): Decision | undefined {
  for (const { broken } of bundles) {
    if (broken) {
      const decidedBy = { kind: broken.ref.kind, policy: broken.ref }
      return { decision: 'explicit-deny', decidedBy, fault: new Error(`${broken.ref.id}: ${broken.broken}`) }
    }
  }
  for (const bundle of bundles) {
    const deny = firstMatch(bundle.about(request.action, request.resource).denies, request)
    if (deny) return decided('explicit-deny', deny)
  }
  return undefined
}

function decide(request: Request, { identity, guards, resource }: PolicySet): Decision {
  const { caller, action } = request
  if (caller.kind === 'service') {
    const grant = firstMatch(resource.about(action, request.resource).allows, request)
    return grant ? decided('allow', grant) : lacking('resource')
  }
  const isSameAccount = caller.accountId === request.resourceAccountId
  if (caller.kind === 'root' && isSameAccount) {
    return findLackingGuard(request, guards, 'root') ?? { decision: 'allow', decidedBy: { kind: 'root' } }
  }
  const grant = findGrant(resource.about(action, request.resource), request)
  if (isSameAccount && grant?.level === 'direct') {
    return findLackingGuard(request, guards, 'direct') ?? decided('allow', grant.statement)
  }
  // The root user of another account has every permission of that account.
  const permission =
    caller.kind === 'root' ? undefined : firstMatch(identity.about(action, request.resource).allows, request)
  const isPermitted = permission !== undefined || caller.kind === 'root' || (isSameAccount && grant?.level === 'role')
  if (!isPermitted) return lacking('identity')
  const lackingGuard = findLackingGuard(request, guards, caller.kind === 'root' ? 'root' : 'identity')
  if (lackingGuard) return lackingGuard
  const statement = isSameAccount ? (permission ?? grant?.statement) : grant?.statement
  return statement ? decided('allow', statement) : lacking('resource')
}

/** What the permission rests on: only a service control policy limits root users and callers whom a resource policy names. */
export type GuardedBy = 'identity' | 'direct' | 'root'

export function findLackingGuard(request: Request, guards: readonly Guard[], by: GuardedBy): Decision | undefined {
  for (const { kind, bundle } of guards) {
    if (by !== 'identity' && kind !== 'service-control') continue
    if (!firstMatch(bundle.about(request.action, request.resource).allows, request)) return lacking(kind)
  }
  // A federated user has what a session policy gives him of the user's permissions; without one, nothing (STS GetFederationToken).
  const needsSession = request.caller.kind === 'federated-user' && by === 'identity'
  return needsSession && !guards.some(({ kind }) => kind === 'session') ? lacking('session') : undefined
}

const ranks: Record<GrantLevel, number> = { none: 0, account: 1, role: 2, direct: 3 }

export interface Grant {
  statement: CompiledStatement
  level: GrantLevel
}

/** The nearest grant of a resource or trust policy. */
export function findGrant({ allows }: StatementList, request: Request): Grant | undefined {
  let best: Grant | undefined
  for (const statement of allows) {
    const level = statement.principals?.level(request.caller) ?? 'none'
    if (ranks[level] <= ranks[best?.level ?? 'none'] || !matchesRest(statement, request)) continue
    best = { statement, level }
    if (level === 'direct') break
  }
  return best
}

/** The first statement about this request, among those about its action. */
export function firstMatch(statements: readonly CompiledStatement[], request: Request): CompiledStatement | undefined {
  for (const statement of statements) {
    if (statement.principals && statement.principals.level(request.caller) === 'none') continue
    if (matchesRest(statement, request)) return statement
  }
  return undefined
}

function matchesRest({ matchesResource, conditions }: CompiledStatement, { resource, context }: Request): boolean {
  if (matchesResource && !matchesResource(resource, context)) return false
  for (const holds of conditions) if (!holds(context)) return false
  return true
}

function matchesOf(request: Request, bundles: readonly PolicyBundle[]): MatchedStatement[] {
  return bundles
    .map((bundle) => bundle.about(request.action, request.resource))
    .flatMap(({ denies, allows }) => [...denies, ...allows])
    .filter((statement) => firstMatch([statement], request))
    .map(({ policy, index, sid, effect, principals }) => ({
      policy,
      statement: index,
      sid,
      effect,
      ...(principals && { level: principals.level(request.caller) }),
    }))
}

export function decided(decision: 'allow' | 'explicit-deny', statement: CompiledStatement): Decision {
  const { policy, index, sid } = statement
  return {
    decision,
    decidedBy: { kind: policy.kind, policy, statement: index, ...(sid !== undefined && { sid }) },
  }
}

export function lacking(kind: DecidingKind): Decision {
  return { decision: 'implicit-deny', decidedBy: { kind } }
}
