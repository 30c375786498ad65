// What holds for every policy and every request, tried on random ones. `BERTH_TEST_SEED` repeats a run.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  app,
  away,
  awayApp,
  contextOf,
  federated,
  home,
  idOf,
  refOf,
  root,
  service,
  session,
  user,
  webIdentity,
} from '../../../test/support/policies.ts'
import type { Caller } from '../../base/principal.ts'
import { PolicyCompileError } from './compile-condition.ts'
import { brokenPolicy, type CompiledPolicy, compilePolicy } from './compile-policy.ts'
import { operatorNames } from './condition-operators.ts'
import { type Decision, evaluate, type PolicySet } from './evaluate.ts'
import { evaluateTrust } from './evaluate-trust.ts'
import { parsePolicy } from './parse-policy.ts'
import { compileBundle } from './policy-bundle.ts'
import {
  type Effect,
  type PolicyDocument,
  type PolicyKind,
  type PolicyStatement,
  policyKinds,
  principalTypes,
  renderPolicy,
} from './policy-document.ts'
import type { Request } from './request.ts'

const seed = Number(process.env.BERTH_TEST_SEED ?? 20_261_124)
const rounds = Number(process.env.BERTH_TEST_ROUNDS ?? 3000)

/** Mulberry32: small, and the same everywhere. */
function createRandom(start: number) {
  let state = start
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const chance = (share: number) => next() < share
  function pick<T>(list: readonly T[]): T {
    const one = list[below(list.length)]
    assert.ok(one !== undefined)
    return one
  }
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: 1 + below(most) }, make)
  return { below, chance, pick, some }
}

const random = createRandom(seed)
const { below, chance, pick, some } = random

const alice = user('alice')
const bob = user('bob')
const ci = session('ci')
const callers: Caller[] = [
  alice,
  bob,
  ci,
  session('ci', 'other'),
  session('ops'),
  root(),
  root(away),
  user('carol', away),
  session('ci', 'job', away),
  federated('feddy', alice),
  service('replication.ecr.amazonaws.com'),
  webIdentity(),
]
const actionPatterns = [
  '*',
  'ecr:*',
  'ecr:Batch*',
  'ecr:BatchGetImage',
  'ECR:putimage',
  'ecr:?utImage',
  'iam:*',
  'berth:New',
]
const actions = ['ecr:BatchGetImage', 'ecr:PutImage', 'ecr:ListImages', 'iam:GetUser', 'berth:New']
const resourcePatterns = [
  '*',
  app,
  awayApp,
  'arn:aws:ecr:*:repository/a*',
  `arn:aws:ecr:*:${home}:repository/*`,
  `arn:aws:ecr:*:*:repository/\${aws:username}`,
]
const resources = [app, awayApp, app.replace('/app', '/alice'), '*']
const principals = [
  ...['*', home, away, root().arn, alice.arn, bob.arn, ci.roleArn, ci.arn, user('carol', away).arn, alice.userId],
  ...[`arn:aws:sts::${home}:federated-user/feddy`, `arn:aws:iam::${home}:user/gone`],
]
const keys = [
  'aws:username',
  'aws:TagKeys',
  'aws:SourceIp',
  'aws:CurrentTime',
  'aws:SecureTransport',
  'aws:PrincipalTag/a',
]
const conditionRows: readonly (readonly [operator: string, value: string])[] = [
  ['StringEquals', 'alice'],
  ['StringNotEquals', 'alice'],
  ['StringLike', 'a*'],
  ['StringNotLike', `\${aws:PrincipalTag/a}*`],
  ['StringEqualsIfExists', `\${aws:username, 'alice'}`],
  ['ForAllValues:StringEquals', 'alice'],
  ['ForAnyValue:StringLike', '?lice'],
  ['IpAddress', '192.0.2.0/24'],
  ['NotIpAddress', '192.0.2.0/24'],
  ['DateLessThan', '2027-01-01'],
  ['Bool', 'true'],
  ['NumericGreaterThanIfExists', '7'],
  ['ArnLike', 'arn:aws:iam::*:user/*'],
  ['Null', 'true'],
]
const values = ['alice', 'a', '', '*', '192.0.2.1', '2026-11-24T00:00:00Z', 'true', '8', alice.arn]

function randomStatement(kind: PolicyKind, effect: Effect, conditions = true): PolicyStatement {
  const negatedPrincipal = effect === 'Deny' && chance(0.2)
  const ofResource = kind === 'repository' || kind === 'registry' || kind === 'trust'
  const named = negatedPrincipal ? principals.filter((text) => text !== '*') : principals
  return {
    ...(chance(0.3) && { sid: `S${below(1_000_000)}` }),
    effect,
    ...(ofResource && {
      principals: {
        negated: negatedPrincipal,
        entries: chance(0.1)
          ? [{ type: 'Service' as const, text: 'replication.ecr.amazonaws.com' }]
          : some(3, () => ({ type: 'AWS' as const, text: pick(named) })),
      },
    }),
    actions:
      kind === 'trust'
        ? { negated: false, patterns: ['sts:AssumeRole'] }
        : {
            negated: chance(0.15),
            patterns: some(2, () => pick(ofResource ? actionPatterns.slice(0, 6) : actionPatterns)),
          },
    ...(kind !== 'repository' &&
      kind !== 'trust' && { resources: { negated: chance(0.15), patterns: some(2, () => pick(resourcePatterns)) } }),
    conditions:
      conditions && chance(0.4)
        ? [pick(conditionRows)].map(([operator, value]) => ({ operator, key: pick(keys), values: [value] }))
        : [],
  }
}

function randomDocument(kind: PolicyKind, conditions = true): PolicyDocument {
  return {
    ...(chance(0.8) ? { version: '2012-10-17' as const } : chance(0.5) ? { version: '2008-10-17' as const } : {}),
    ...(chance(0.1) && { id: 'x' }),
    statements: some(7, () => randomStatement(kind, chance(0.15) ? 'Deny' : 'Allow', conditions)),
  }
}

type Documents = Record<'identity' | 'boundary' | 'session' | 'repository' | 'registry', PolicyDocument | undefined>

function randomDocuments(conditions = true): Documents {
  const maybe = (kind: PolicyKind, share: number) => (chance(share) ? randomDocument(kind, conditions) : undefined)
  return {
    identity: maybe('identity', 0.8),
    boundary: maybe('boundary', 0.25),
    session: maybe('session', 0.25),
    repository: maybe('repository', 0.6),
    registry: maybe('registry', 0.2),
  }
}

const principalIds: ReadonlyMap<string, string> = Object.assign(new Map<string, string>(), { get: idOf })

function policySet(documents: Documents): PolicySet {
  const compiled = (kind: keyof Documents): CompiledPolicy[] => {
    const document = documents[kind]
    return document ? [compilePolicy(document, refOf(kind, home), { principalIds })] : []
  }
  return {
    identity: compileBundle(compiled('identity')),
    guards: (['boundary', 'session'] as const)
      .filter((kind) => documents[kind])
      .map((kind) => ({ kind, bundle: compileBundle(compiled(kind)) })),
    resource: compileBundle([...compiled('repository'), ...compiled('registry')]),
  }
}

function randomRequest(): Request {
  const context = Object.fromEntries(
    keys.flatMap((key) => (chance(0.6) ? [[key, chance(0.15) ? some(2, () => pick(values)) : pick(values)]] : [])),
  )
  const resource = pick(resources)
  return {
    caller: pick(callers),
    action: pick(actions),
    resource,
    resourceAccountId: resource === '*' ? home : (resource.split(':')[4] ?? ''),
    context: contextOf(context),
  }
}

function withStatement(documents: Documents, kind: keyof Documents, effect: Effect): Documents | undefined {
  const document = documents[kind]
  if (!document) return undefined
  const statements = [...document.statements]
  statements.splice(below(statements.length + 1), 0, randomStatement(kind, effect))
  return { ...documents, [kind]: { ...document, statements } }
}

const documentKinds = ['identity', 'boundary', 'session', 'repository', 'registry'] as const

/** IAM evaluation logic once more, as slow and as near to the words as can be; no conditions, no variables, 2012 only. */
function byTheBook(request: Request, documents: Documents): Decision['decision'] {
  const { caller, action, resource, resourceAccountId } = request
  const glob = (pattern: string, text: string, flags = '') =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '.*')
        .replace(/\?/g, '.')}$`,
      `s${flags}`,
    ).test(text)
  const ids = new Set<string>()
  if (caller.kind === 'user') ids.add(caller.userId)
  if (caller.kind === 'role-session') ids.add(caller.roleId).add(`${caller.roleId}:${caller.sessionName}`)
  if (caller.kind === 'federated-user') ids.add(caller.userId).add(caller.arn)
  const self =
    caller.kind === 'role-session'
      ? `${caller.roleId}:${caller.sessionName}`
      : caller.kind === 'user'
        ? caller.userId
        : caller.arn
  const idsOf = ({ text }: { text: string }) => idOf(text) ?? text
  const isAccount = (text: string) =>
    caller.kind !== 'service' &&
    caller.kind !== 'web-identity' &&
    (text === caller.accountId || text === `arn:aws:iam::${caller.accountId}:root`)

  const named = ({ principals: list }: PolicyStatement): 'no' | 'account' | 'other' | 'self' => {
    if (!list) return 'self'
    const texts = list.entries.map(idsOf)
    if (list.negated) {
      const roleToo = caller.kind !== 'role-session' || texts.includes(caller.roleId)
      const exempt = caller.kind === 'root' ? texts.some(isAccount) : texts.includes(self) && roleToo
      return exempt ? 'no' : 'self'
    }
    if (texts.includes('*')) return caller.kind === 'web-identity' ? 'account' : 'self'
    if (texts.includes(self) && caller.kind !== 'root') return 'self'
    if (texts.some((text) => ids.has(text))) return 'other'
    return texts.some(isAccount) ? 'account' : 'no'
  }
  const applies = (statement: PolicyStatement): boolean =>
    statement.actions.patterns.some((pattern) => glob(pattern, action, 'i')) !== statement.actions.negated &&
    (!statement.resources ||
      statement.resources.patterns.some((pattern) => glob(pattern, resource)) !== statement.resources.negated) &&
    named(statement) !== 'no'
  const matching = (effect: Effect, ...kinds: (keyof Documents)[]) =>
    kinds.flatMap((kind) => documents[kind]?.statements ?? []).filter((each) => each.effect === effect && applies(each))

  if (matching('Deny', ...documentKinds).length > 0) return 'explicit-deny'
  const grants = matching('Allow', 'repository', 'registry').map(named)
  if (caller.kind === 'service') return grants.includes('self') ? 'allow' : 'implicit-deny'
  const same = caller.accountId === resourceAccountId
  if (caller.kind === 'root') return same || grants.length > 0 ? 'allow' : 'implicit-deny'
  if (same && grants.includes('self')) return 'allow'
  const permitted = matching('Allow', 'identity').length > 0 || (same && grants.includes('other'))
  const guarded = (['boundary', 'session'] as const).every(
    (kind) =>
      (documents[kind] === undefined && !(kind === 'session' && caller.kind === 'federated-user')) ||
      matching('Allow', kind).length > 0,
  )
  return permitted && guarded && (same || grants.length > 0) ? 'allow' : 'implicit-deny'
}

describe(`every policy and every request (BERTH_TEST_SEED=${seed})`, () => {
  test('the evaluator agrees with the words of the IAM User Guide', () => {
    const seen = { allow: 0, 'explicit-deny': 0, 'implicit-deny': 0 }
    for (let i = 0; i < rounds; i++) {
      const documents = randomDocuments(false)
      for (const kind of documentKinds) {
        const document = documents[kind]
        // Variables are for the other tests.
        if (document) delete document.version
      }
      const set = policySet(documents)
      for (let j = 0; j < 5; j++) {
        const request = randomRequest()
        const { decision } = evaluate(request, set)
        assert.equal(decision, byTheBook(request, documents), JSON.stringify({ documents, request }))
        seen[decision]++
      }
    }
    assert.ok(Math.min(...Object.values(seen)) > rounds / 2, JSON.stringify(seen))
  })

  test('a Deny wins whatever is added', () => {
    let denied = 0
    for (let i = 0; i < rounds; i++) {
      const documents = randomDocuments()
      const request = randomRequest()
      if (evaluate(request, policySet(documents)).decision !== 'explicit-deny') continue
      denied++
      const more = withStatement(documents, pick(documentKinds), chance(0.7) ? 'Allow' : 'Deny')
      if (more) assert.equal(evaluate(request, policySet(more)).decision, 'explicit-deny')
    }
    assert.ok(denied > rounds / 10)
  })

  test('one more Allow takes nothing away, and one more Deny gives nothing', () => {
    let allowed = 0
    for (let i = 0; i < rounds; i++) {
      const documents = randomDocuments()
      const request = randomRequest()
      const before = evaluate(request, policySet(documents)).decision
      const kind = pick(documentKinds)
      const wider = withStatement(documents, kind, 'Allow')
      const narrower = withStatement(documents, kind, 'Deny')
      if (before === 'allow') allowed++
      if (wider && before === 'allow') assert.equal(evaluate(request, policySet(wider)).decision, 'allow')
      if (narrower && before !== 'allow') assert.notEqual(evaluate(request, policySet(narrower)).decision, 'allow')
    }
    assert.ok(allowed > rounds / 10)
  })

  test('a boundary or a session policy more takes away, but for those whom a resource names', () => {
    for (let i = 0; i < rounds; i++) {
      const documents = randomDocuments()
      const request = randomRequest()
      // A federated user has nothing until he has a session policy.
      if (request.caller.kind === 'federated-user') continue
      const kind = pick(['boundary', 'session'] as const)
      const less = evaluate(request, policySet({ ...documents, [kind]: randomDocument(kind) })).decision
      if (less !== 'allow') continue
      assert.equal(evaluate(request, policySet({ ...documents, [kind]: undefined })).decision, 'allow')
    }
  })

  test('explaining changes nothing, and what decided is among what matched', () => {
    for (let i = 0; i < rounds; i++) {
      const set = policySet(randomDocuments())
      const request = randomRequest()
      const { matched, ...decision } = evaluate(request, set, { explain: true })
      assert.deepEqual(decision, evaluate(request, set))
      const { policy, statement } = decision.decidedBy
      if (policy) assert.ok(matched?.some((each) => each.policy === policy && each.statement === statement))
    }
  })

  test('a document that is rendered and parsed is the same document', () => {
    for (let i = 0; i < rounds; i++) {
      const kind = pick(policyKinds)
      const document = randomDocument(kind)
      // A Sid may come twice by chance.
      for (const [place, statement] of document.statements.entries()) if (statement.sid) statement.sid += `n${place}`
      const text = renderPolicy(document)
      const first = parsePolicy(text, kind, { maxCharacters: 131_072 })
      assert.ok(first.ok, `${text} ${JSON.stringify(first)}`)
      const second = parsePolicy(renderPolicy(first.document), kind, { maxCharacters: 131_072 })
      assert.ok(second.ok)
      assert.deepEqual(second.document, first.document)
      assert.deepEqual(first.document, document)
    }
  })

  test('what parses compiles, and a spoiled text never throws', () => {
    let accepted = 0
    for (let i = 0; i < rounds * 2; i++) {
      const kind = pick(policyKinds)
      const text = spoil(renderPolicy(randomDocument(kind)))
      const parsed = parsePolicy(text, kind, { maxCharacters: 131_072 })
      if (!parsed.ok) continue
      accepted++
      compilePolicy(parsed.document, refOf(kind, home))
    }
    assert.ok(accepted > 20, `${accepted} spoiled texts were accepted`)
  })

  test('evaluating never throws, whatever the document', () => {
    for (let i = 0; i < rounds; i++) {
      const policy = compiledOrBroken(randomRubbish())
      const bundle = compileBundle([policy])
      const request = { ...randomRequest(), action: chance(0.3) ? pick(rubbish) : pick(actions) }
      const guards = chance(0.5) ? [{ kind: 'session' as const, bundle }] : []
      const decision = evaluate(request, { identity: bundle, guards, resource: bundle }, { explain: chance(0.3) })
      if (policy.broken !== undefined) assert.equal(decision.decision, 'explicit-deny')
      evaluateTrust(request, { trust: bundle, identity: bundle, guards })
    }
  })
})

function spoil(text: string): string {
  let spoiled = text
  for (let i = below(3); i >= 0; i--) {
    const at = below(spoiled.length)
    const piece = chance(0.5) ? spoiled.slice(at, at + below(12)) : pick(rubbish)
    spoiled = spoiled.slice(0, at) + piece + spoiled.slice(at + below(4))
  }
  return spoiled
}

const rubbish = [
  '',
  '*',
  '?',
  '${',
  `\${*}`,
  '"',
  '\\',
  ':',
  '::::::',
  'é',
  '"a":',
  '{',
  '}',
  ',',
  '[]',
  'x'.repeat(300),
  '__proto__',
  'Deny',
]

function randomRubbish(): PolicyDocument {
  const text = () => (chance(0.5) ? pick(rubbish) : pick([...actionPatterns, ...resourcePatterns, ...principals]))
  const patterns = () => ({ negated: chance(0.3), patterns: chance(0.1) ? [] : some(3, text) })
  return {
    ...(chance(0.7) && { version: '2012-10-17' as const }),
    statements: some(3, () => ({
      effect: pick(['Allow', 'Deny'] as const),
      ...(chance(0.7) && {
        principals: { negated: chance(0.3), entries: some(3, () => ({ type: pick(principalTypes), text: text() })) },
      }),
      actions: patterns(),
      ...(chance(0.7) && { resources: patterns() }),
      conditions: chance(0.6)
        ? some(2, () => ({
            operator: chance(0.9) ? pick(['', 'ForAnyValue:', 'ForAllValues:']) + pick(operatorNames) : pick(rubbish),
            key: chance(0.8) ? pick(keys) : pick(rubbish),
            values: chance(0.1) ? [] : some(2, () => pick([...values, ...rubbish])),
          }))
        : [],
    })),
  }
}

function compiledOrBroken(document: PolicyDocument): CompiledPolicy {
  try {
    return compilePolicy(document, refOf('identity', home))
  } catch (error) {
    assert.ok(error instanceof PolicyCompileError)
    return brokenPolicy(refOf('identity', home), error.message)
  }
}
