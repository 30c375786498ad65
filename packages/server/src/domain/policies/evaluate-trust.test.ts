import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  alice,
  allow,
  away,
  bundle,
  contextOf,
  federated,
  githubProvider,
  home,
  type Letter,
  letterOf,
  type PolicyText,
  root,
  type Statement,
  service,
  session,
  user,
  webIdentity,
} from '../../../test/support/policies.ts'
import type { Caller } from '../../base/principal.ts'
import type { ContextValue } from './context.ts'
import { evaluateTrust } from './evaluate-trust.ts'

const ci = session('ci')
const stranger = user('carol', away)
const role = `arn:aws:iam::${home}:role/deploy`
const issuer = 'token.actions.githubusercontent.com'

const trusts = (principal: unknown, more: Statement = {}): Statement => ({
  Effect: 'Allow',
  Principal: principal,
  Action: 'sts:AssumeRole',
  ...more,
})
const mayAssume = allow({ Action: 'sts:AssumeRole' })

interface Row {
  caller?: Caller
  action?: string
  trust: PolicyText
  identity?: PolicyText
  boundary?: PolicyText
  session?: PolicyText
  context?: Record<string, ContextValue>
}

function decision(row: Row) {
  const { caller = alice, action = 'sts:AssumeRole' } = row
  const account = caller.kind === 'service' ? home : caller.accountId
  return evaluateTrust(
    { caller, action, resource: role, resourceAccountId: home, context: contextOf(row.context) },
    {
      trust: bundle('trust', row.trust),
      identity: bundle('identity', row.identity, account),
      guards: [
        ...(row.boundary ? [{ kind: 'boundary' as const, bundle: bundle('boundary', row.boundary) }] : []),
        ...(row.session ? [{ kind: 'session' as const, bundle: bundle('session', row.session) }] : []),
      ],
    },
  )
}

function table(source: string, rows: [sentence: string, expected: Letter, row: Row][]): void {
  describe(source, () => {
    for (const [sentence, expected, row] of rows) {
      test(sentence, () => assert.equal(letterOf(decision(row)), expected))
    }
  })
}

const put = allow({ Action: 'ecr:PutImage' })

table('AWS STS AssumeRole', [
  ['a trust policy that names the user is enough in one account', 'A', { trust: trusts({ AWS: alice.arn }) }],
  ['one that names another user is not', 'I', { trust: trusts({ AWS: user('bob').arn }), identity: mayAssume }],
  [
    'an identity policy alone opens no role',
    'I',
    { trust: trusts({ Service: 'ecr.amazonaws.com' }), identity: allow({ Action: '*' }) },
  ],
  ['one that names the account needs an identity policy', 'I', { trust: trusts({ AWS: home }) }],
  ['and with it is enough', 'A', { trust: trusts({ AWS: home }), identity: mayAssume }],
  [
    'an identity policy for another role',
    'I',
    { trust: trusts({ AWS: home }), identity: allow({ Action: 'sts:AssumeRole', Resource: `${role}2` }) },
  ],
  ['one that names the role of a session is enough', 'A', { caller: ci, trust: trusts({ AWS: ci.roleArn }) }],
  ['but a session policy limits it', 'I', { caller: ci, trust: trusts({ AWS: ci.roleArn }), session: put }],
  ['and a boundary', 'I', { caller: ci, trust: trusts({ AWS: ci.roleArn }), boundary: put }],
  [
    'one that names the session is not limited',
    'A',
    { caller: ci, trust: trusts({ AWS: ci.arn }), session: put, boundary: put },
  ],
  ['everybody', 'A', { trust: trusts({ AWS: '*' }) }],
  ['everybody is not enough between accounts', 'I', { caller: stranger, trust: trusts({ AWS: '*' }) }],
  [
    'between accounts both, by user',
    'A',
    { caller: stranger, trust: trusts({ AWS: stranger.arn }), identity: mayAssume },
  ],
  ['between accounts both, by account', 'A', { caller: stranger, trust: trusts({ AWS: away }), identity: mayAssume }],
  ['between accounts the trust policy alone', 'I', { caller: stranger, trust: trusts({ AWS: stranger.arn }) }],
  [
    'between accounts the role of a session is not enough either',
    'I',
    { caller: session('ci', 'job', away), trust: trusts({ AWS: session('ci', 'job', away).roleArn }) },
  ],
  [
    'between accounts the identity policy alone',
    'I',
    { caller: stranger, trust: trusts({ AWS: alice.arn }), identity: mayAssume },
  ],
  [
    'between accounts a boundary limits',
    'I',
    { caller: stranger, trust: trusts({ AWS: away }), identity: mayAssume, boundary: put },
  ],
  ['a deny of the trust policy', 'E', { trust: [trusts('*'), { ...trusts({ AWS: alice.arn }), Effect: 'Deny' }] }],
  [
    'a deny of the identity policy',
    'E',
    { trust: trusts({ AWS: alice.arn }), identity: { ...mayAssume, Effect: 'Deny' } },
  ],
  [
    'a deny with NotPrincipal',
    'E',
    { trust: [trusts('*'), { Effect: 'Deny', NotPrincipal: { AWS: [stranger.arn, away] }, Action: 'sts:AssumeRole' }] },
  ],
  [
    'an external id that is right',
    'A',
    {
      caller: stranger,
      identity: mayAssume,
      trust: trusts({ AWS: away }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } }),
      context: { 'sts:ExternalId': 'x' },
    },
  ],
  [
    'an external id that is wrong',
    'I',
    {
      caller: stranger,
      identity: mayAssume,
      trust: trusts({ AWS: away }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } }),
      context: { 'sts:ExternalId': 'y' },
    },
  ],
  [
    'an external id that is absent',
    'I',
    {
      caller: stranger,
      identity: mayAssume,
      trust: trusts({ AWS: away }, { Condition: { StringEquals: { 'sts:ExternalId': 'x' } } }),
    },
  ],
  ['roles may not be assumed by root accounts', 'I', { caller: root(), trust: trusts('*') }],
  [
    'a service that is named',
    'A',
    { caller: service('ecr.amazonaws.com'), trust: trusts({ Service: 'ecr.amazonaws.com' }) },
  ],
  ['a service that is not', 'I', { caller: service('ecr.amazonaws.com'), trust: trusts({ AWS: home }) }],
  [
    'a federated user without a session policy, by account',
    'I',
    { caller: federated('feddy', alice), trust: trusts({ AWS: home }), identity: mayAssume },
  ],
  ['a user who is gone', 'I', { trust: trusts({ AWS: `arn:aws:iam::${home}:user/gone` }) }],
  ['tags of a session need their own leave', 'I', { action: 'sts:TagSession', trust: trusts({ AWS: alice.arn }) }],
  [
    'tags of a session that have it',
    'A',
    { action: 'sts:TagSession', trust: trusts({ AWS: alice.arn }, { Action: ['sts:AssumeRole', 'sts:TagSession'] }) },
  ],
])

const web = (sub: unknown, more: Statement = {}): Statement =>
  trusts(
    { Federated: githubProvider },
    {
      Action: 'sts:AssumeRoleWithWebIdentity',
      Condition: { StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com' }, StringLike: { [`${issuer}:sub`]: sub } },
      ...more,
    },
  )
const token = (sub: string, aud = 'sts.amazonaws.com') => ({ [`${issuer}:sub`]: sub, [`${issuer}:aud`]: aud })
const byWeb = { caller: webIdentity(), action: 'sts:AssumeRoleWithWebIdentity' }
const main = 'repo:org/app:ref:refs/heads/main'

table('AWS STS AssumeRoleWithWebIdentity', [
  ['the provider and the subject', 'A', { ...byWeb, trust: web(main), context: token(main) }],
  ['a subject by pattern', 'A', { ...byWeb, trust: web('repo:org/app:*'), context: token(main) }],
  [
    'a repository whose name begins alike',
    'I',
    { ...byWeb, trust: web('repo:org/app:*'), context: token('repo:org/app-evil:ref:refs/heads/main') },
  ],
  [
    'an owner whose name begins alike',
    'I',
    { ...byWeb, trust: web('repo:org/*'), context: token('repo:org-evil/app:ref:refs/heads/main') },
  ],
  ['a fork', 'I', { ...byWeb, trust: web('repo:org/app:*'), context: token('repo:mallory/app:ref:refs/heads/main') }],
  [
    'the exact rule: a pattern that is too wide is as wide as it says',
    'A',
    { ...byWeb, trust: web('repo:org/app*'), context: token('repo:org/app-evil:ref:refs/heads/main') },
  ],
  ['another branch', 'I', { ...byWeb, trust: web(main), context: token('repo:org/app:ref:refs/heads/next') }],
  ['another audience', 'I', { ...byWeb, trust: web(main), context: token(main, 'evil') }],
  [
    'another provider',
    'I',
    {
      ...byWeb,
      caller: webIdentity(`arn:aws:iam::${home}:oidc-provider/evil.example`),
      trust: web(main),
      context: token(main),
    },
  ],
  [
    'another issuer with the same subject',
    'I',
    { ...byWeb, trust: web(main), context: { 'evil.example:sub': main, 'evil.example:aud': 'sts.amazonaws.com' } },
  ],
  ['a token without claims', 'I', { ...byWeb, trust: web(main) }],
  ['everybody is nobody here', 'I', { ...byWeb, trust: trusts('*', { Action: 'sts:AssumeRoleWithWebIdentity' }) }],
  [
    'a deny of everybody',
    'E',
    {
      ...byWeb,
      trust: [web(main), { ...trusts('*', { Action: 'sts:AssumeRoleWithWebIdentity' }), Effect: 'Deny' }],
      context: token(main),
    },
  ],
  [
    'a deny of the provider',
    'E',
    { ...byWeb, trust: [web(main), { ...web('*'), Effect: 'Deny' }], context: token(main) },
  ],
  ['AssumeRole is another action', 'I', { ...byWeb, action: 'sts:AssumeRole', trust: web(main), context: token(main) }],
  [
    'a user with a policy is not a web identity',
    'I',
    {
      action: 'sts:AssumeRoleWithWebIdentity',
      identity: allow({ Action: '*' }),
      trust: web(main),
      context: token(main),
    },
  ],
  [
    'several values of a claim',
    'A',
    {
      ...byWeb,
      trust: web(main, {
        Condition: {
          StringEquals: { [`${issuer}:sub`]: main },
          'ForAnyValue:StringEquals': { [`${issuer}:amr`]: 'authenticated' },
        },
      }),
      context: { ...token(main), [`${issuer}:amr`]: ['authenticated', 'x'] },
    },
  ],
])

test('what is lacking is told: the identity policy or the trust policy', () => {
  assert.deepEqual(decision({ trust: trusts({ AWS: home }) }).decidedBy, { kind: 'identity' })
  assert.deepEqual(decision({ trust: trusts({ AWS: stranger.arn }), identity: mayAssume }).decidedBy, { kind: 'trust' })
  assert.deepEqual(decision({ ...byWeb, trust: web(main) }).decidedBy, { kind: 'trust' })
  assert.deepEqual(decision({ caller: root(), trust: trusts('*') }).decidedBy, { kind: 'root' })
})
