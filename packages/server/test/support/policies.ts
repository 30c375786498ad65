// Decisions as rows of a table: who, what, which policies, and A (allow), E (explicit deny) or I (implicit deny).

import assert from 'node:assert/strict'
import type { Caller } from '../../src/base/principal.ts'
import { type CompiledPolicy, compilePolicy, type PolicyRef } from '../../src/domain/policies/compile-policy.ts'
import type { ContextKeys, ContextValue } from '../../src/domain/policies/context.ts'
import { type Decision, evaluate, type Guard } from '../../src/domain/policies/evaluate.ts'
import { parsePolicy } from '../../src/domain/policies/parse-policy.ts'
import { compileBundle, type PolicyBundle } from '../../src/domain/policies/policy-bundle.ts'
import type { PolicyKind } from '../../src/domain/policies/policy-document.ts'

export const home = '111122223333'
export const away = '444455556666'

/** A name as a unique id: the alphabet of ids has neither 0, 1, 8 nor 9. */
const uniqueId = (prefix: 'AIDA' | 'AROA', name: string) =>
  prefix +
  name
    .toUpperCase()
    .replace(/[^A-Z2-7]/g, '')
    .padEnd(17, 'X')
    .slice(0, 17)

export function user(name: string, accountId = home): Extract<Caller, { kind: 'user' }> {
  return {
    kind: 'user',
    accountId,
    arn: `arn:aws:iam::${accountId}:user/${name}`,
    userId: uniqueId('AIDA', `${accountId === home ? 'h' : 'a'}${name}`),
  }
}

export function session(role: string, name = 'job', accountId = home): Extract<Caller, { kind: 'role-session' }> {
  return {
    kind: 'role-session',
    accountId,
    arn: `arn:aws:sts::${accountId}:assumed-role/${role}/${name}`,
    roleArn: `arn:aws:iam::${accountId}:role/${role}`,
    roleId: uniqueId('AROA', `${accountId === home ? 'h' : 'a'}${role}`),
    sessionName: name,
  }
}

export function root(accountId = home): Caller {
  return { kind: 'root', accountId, arn: `arn:aws:iam::${accountId}:root` }
}

export function federated(name: string, of: Extract<Caller, { kind: 'user' }>): Caller {
  const { accountId, userId } = of
  return { kind: 'federated-user', accountId, arn: `arn:aws:sts::${accountId}:federated-user/${name}`, userId }
}

export function service(name: string): Caller {
  return { kind: 'service', service: name, arn: name }
}

export const githubProvider = `arn:aws:iam::${home}:oidc-provider/token.actions.githubusercontent.com`

export function webIdentity(provider = githubProvider): Caller {
  return { kind: 'web-identity', accountId: home, arn: provider, provider }
}

export const alice = user('alice')
export const app = `arn:aws:ecr:eu-west-1:${home}:repository/app`
export const awayApp = `arn:aws:ecr:eu-west-1:${away}:repository/app`

/** What the directory of the installation would answer: everybody exists, and ids follow from names. */
export function idOf(arn: string): string | undefined {
  const [, service, accountId = '', type, name = '', sessionName = ''] =
    /^arn:aws:(iam|sts)::(\d{12}):([a-z-]+)\/([^/]+)(?:\/([^/]+))?$/.exec(arn) ?? []
  if (name.startsWith('gone')) return undefined
  if (service === 'iam' && type === 'user') return user(name, accountId).userId
  if (service === 'iam' && type === 'role') return session(name, 'x', accountId).roleId
  return type === 'assumed-role' ? `${session(name, sessionName, accountId).roleId}:${sessionName}` : undefined
}

const principalIds: ReadonlyMap<string, string> = Object.assign(new Map<string, string>(), { get: idOf })

export type Statement = Record<string, unknown>
/** A statement, statements of one policy, or a whole document. */
export type PolicyText = Statement | readonly Statement[]

export function refOf(kind: PolicyRef['kind'], accountId: string): PolicyRef {
  return { kind, id: `${kind} policy`, accountId, arn: `arn:aws:iam::${accountId}:policy/${kind}` }
}

export function compiled(kind: PolicyKind, policy: PolicyText, accountId = home): CompiledPolicy {
  const document = 'Statement' in policy ? policy : { Version: '2012-10-17', Statement: policy }
  const parsed = parsePolicy(JSON.stringify(document), kind, { maxCharacters: 131_072 })
  assert.ok(parsed.ok, parsed.ok ? '' : JSON.stringify(parsed.fault))
  return compilePolicy(parsed.document, refOf(kind, accountId), { principalIds })
}

export function bundle(kind: PolicyKind, policy: PolicyText | undefined, accountId?: string): PolicyBundle {
  return compileBundle(policy ? [compiled(kind, policy, accountId)] : [])
}

export interface Case {
  /** alice, unless told. */
  caller?: Caller
  /** ecr:BatchGetImage, unless told. */
  action?: string
  /** The repository app in the caller's account, unless told. */
  resource?: string
  identity?: PolicyText
  boundary?: PolicyText
  session?: PolicyText
  repository?: PolicyText
  registry?: PolicyText
  context?: Record<string, ContextValue>
}

export function contextOf(values: Record<string, ContextValue> = {}): ContextKeys {
  const byKey = new Map(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value]))
  return { get: (key) => byKey.get(key) }
}

export function decisionOf(row: Case, explain = false): Decision {
  const { caller = alice, action = 'ecr:BatchGetImage' } = row
  const callerAccount = caller.kind === 'service' ? home : caller.accountId
  const resource = row.resource ?? app
  const resourceAccountId = resource === '*' ? callerAccount : (resource.split(':')[4] ?? '')
  const guards: Guard[] = []
  if (row.boundary) guards.push({ kind: 'boundary', bundle: bundle('boundary', row.boundary, callerAccount) })
  if (row.session) guards.push({ kind: 'session', bundle: bundle('session', row.session, callerAccount) })
  const resourcePolicies = [
    ...(row.repository ? [compiled('repository', row.repository, resourceAccountId)] : []),
    ...(row.registry ? [compiled('registry', row.registry, resourceAccountId)] : []),
  ]
  return evaluate(
    { caller, action, resource, resourceAccountId, context: contextOf(row.context) },
    {
      identity: bundle('identity', row.identity, callerAccount),
      guards,
      resource: compileBundle(resourcePolicies),
    },
    { explain },
  )
}

export type Letter = 'A' | 'E' | 'I'

export function letterOf({ decision }: Decision): Letter {
  return decision === 'allow' ? 'A' : decision === 'explicit-deny' ? 'E' : 'I'
}

export function decide(row: Case): Letter {
  return letterOf(decisionOf(row))
}

export const allow = (more: Statement = {}): Statement => ({
  Effect: 'Allow',
  ...('NotAction' in more ? {} : { Action: 'ecr:BatchGetImage' }),
  ...('NotResource' in more ? {} : { Resource: '*' }),
  ...more,
})
export const deny = (more: Statement = {}): Statement => ({ ...allow(more), Effect: 'Deny' })

/** For repository policies, which name no resource. */
export const grant = (principal: unknown, more: Statement = {}): Statement => ({
  Effect: 'Allow',
  Principal: principal,
  Action: 'ecr:BatchGetImage',
  ...more,
})
export const refuse = (principal: unknown, more: Statement = {}): Statement => ({
  ...grant(principal, more),
  Effect: 'Deny',
})
