// The decision tables: whose policies are asked, and which of them must allow. Conditions have tables of their own.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  alice,
  allow,
  app,
  away,
  awayApp,
  bundle,
  type Case,
  compiled,
  contextOf,
  decide,
  decisionOf,
  deny,
  federated,
  githubProvider,
  grant,
  home,
  idOf,
  type Letter,
  letterOf,
  refOf,
  refuse,
  root,
  type Statement,
  service,
  session,
  user,
  webIdentity,
} from '../../../test/support/policies.ts'
import type { Caller } from '../../base/principal.ts'
import { brokenPolicy, compilePolicy, compileStoredPolicy, unresolvedPrincipals } from './compile-policy.ts'
import { evaluate, type PolicySet } from './evaluate.ts'
import { compileBundle, emptyBundle } from './policy-bundle.ts'

const bob = user('bob')
const stranger = user('carol', away)
const ci = session('ci')
const ciOther = session('ci', 'other')
const strangerCi = session('ci', 'job', away)
const fed = federated('feddy', alice)
const replication = service('replication.ecr.amazonaws.com')
const put = allow({ Action: 'ecr:PutImage' })
const everything = allow({ Action: '*' })

type Rows = [sentence: string, expected: Letter, row: Case][]

function table(source: string, rows: Rows): void {
  describe(source, () => {
    for (const [sentence, expected, row] of rows) test(sentence, () => assert.equal(decide(row), expected))
  })
}

table('IAM evaluation logic: policies within one account', [
  ['without any policy nothing is allowed', 'I', {}],
  ['a policy about another action says nothing', 'I', { identity: put }],
  ['a policy about another resource says nothing', 'I', { identity: allow({ Resource: `${app}2` }) }],
  ['one of several statements is enough', 'A', { identity: [put, allow()] }],
  ['a deny wins over an allow before it', 'E', { identity: [allow(), deny()] }],
  ['a deny wins over an allow after it', 'E', { identity: [deny(), allow()] }],
  ['a deny alone is an explicit deny', 'E', { identity: deny() }],
  ['a deny of another action says nothing', 'A', { identity: [allow(), deny({ Action: 'ecr:PutImage' })] }],
  ['a deny of another resource says nothing', 'A', { identity: [allow(), deny({ Resource: awayApp })] }],
  [
    'a deny whose condition fails says nothing',
    'A',
    { identity: [allow(), deny({ Condition: { Bool: { 'a:b': 'true' } } })] },
  ],
  [
    'all conditions of a statement must hold',
    'I',
    { identity: allow({ Condition: { StringEquals: { 'a:b': 'x', 'a:c': 'y' } } }), context: { 'a:b': 'x' } },
  ],
  [
    'all operators of a statement must hold',
    'I',
    {
      identity: allow({ Condition: { StringEquals: { 'a:b': 'x' }, Bool: { 'a:c': 'true' } } }),
      context: { 'a:b': 'x' },
    },
  ],
  ['an empty condition holds', 'A', { identity: allow({ Condition: {} }) }],
  ['an operator without keys holds', 'A', { identity: allow({ Condition: { StringEquals: {} } }) }],
  ['a repository policy that names the user', 'A', { repository: grant({ AWS: alice.arn }) }],
  ['a repository policy that names another user', 'I', { caller: bob, repository: grant({ AWS: alice.arn }) }],
  [
    'a repository policy that names the user by his unique id',
    'A',
    { repository: grant({ AWS: alice.kind === 'user' ? alice.userId : '' }) },
  ],
  [
    'a repository policy about another action',
    'I',
    { repository: grant({ AWS: alice.arn }, { Action: 'ecr:PutImage' }) },
  ],
  [
    'a repository policy with a condition that fails',
    'I',
    { repository: grant({ AWS: alice.arn }, { Condition: { Bool: { 'aws:SecureTransport': 'true' } } }) },
  ],
  ['the account by its id grants nothing by itself', 'I', { repository: grant({ AWS: home }) }],
  ['the account and an identity policy', 'A', { repository: grant({ AWS: home }), identity: allow() }],
  ['a deny that names the account hits its users', 'E', { identity: allow(), repository: refuse({ AWS: home }) }],
  [
    'a deny that names the account root hits its users',
    'E',
    { identity: allow(), repository: refuse({ AWS: root().arn }) },
  ],
  [
    'a deny that names the account hits its sessions',
    'E',
    { caller: ci, identity: allow(), repository: refuse({ AWS: home }) },
  ],
  ['a deny that names another account says nothing', 'A', { identity: allow(), repository: refuse({ AWS: away }) }],
  ['a deny of everybody', 'E', { identity: allow(), repository: refuse('*') }],
  [
    'a registry policy that names the user',
    'A',
    { registry: { ...grant({ AWS: alice.arn }), Resource: `arn:aws:ecr:*:${home}:repository/*` } },
  ],
  [
    'a registry policy about another repository',
    'I',
    { registry: { ...grant({ AWS: alice.arn }), Resource: `${app}2` } },
  ],
  [
    'a deny of the registry policy wins over the repository policy',
    'E',
    { repository: grant('*'), registry: { ...refuse('*'), Resource: '*' } },
  ],
  [
    'a deny of the repository policy wins over the registry policy',
    'E',
    { repository: refuse('*'), registry: { ...grant('*'), Resource: '*' } },
  ],
  [
    'either of the two policies may allow',
    'A',
    { repository: grant({ AWS: bob.arn }), registry: { ...grant({ AWS: alice.arn }), Resource: '*' } },
  ],
  [
    'one of several principals is enough',
    'A',
    { repository: grant({ AWS: [bob.arn, alice.arn], Service: 'lambda.amazonaws.com' }) },
  ],
  ['a name with a path is another user', 'I', { repository: grant({ AWS: `arn:aws:iam::${home}:user/team/zed` }) }],
])

table('IAM evaluation logic: actions', [
  ['a star', 'A', { identity: everything }],
  ['all of ECR', 'A', { identity: allow({ Action: 'ecr:*' }) }],
  ['all of another service', 'I', { identity: allow({ Action: 'iam:*' }) }],
  ['a beginning', 'A', { identity: allow({ Action: 'ecr:BatchGet*' }) }],
  ['a beginning of others', 'I', { identity: allow({ Action: 'ecr:Batch*Layer*' }) }],
  ['a star in the middle', 'A', { identity: allow({ Action: 'ecr:*Image' }) }],
  ['question marks', 'A', { identity: allow({ Action: 'ecr:BatchGet?mage' }) }],
  ['too few question marks', 'I', { identity: allow({ Action: 'ecr:BatchGet?age' }) }],
  ['a wildcard in another case', 'A', { identity: allow({ Action: 'ECR:batchGET*' }) }],
  ['a deny in another case', 'E', { identity: [allow(), deny({ Action: 'ECR:batchgetimage' })] }],
  ['a list', 'A', { identity: allow({ Action: ['ecr:PutImage', 'ecr:BatchGetImage'] }) }],
  ['the name of the same action elsewhere', 'I', { identity: allow({ Action: 'ecr-public:BatchGetImage' }) }],
  ['NotAction without this one', 'A', { identity: allow({ NotAction: ['ecr:Put*', 'iam:*'] }) }],
  ['NotAction with this one', 'I', { identity: allow({ NotAction: 'ecr:*' }) }],
  ['a deny of all but this one', 'A', { identity: [allow(), { ...deny({ NotAction: 'ecr:BatchGetImage' }) }] }],
  ['a deny of all but others', 'E', { identity: [allow(), { ...deny({ NotAction: 'ecr:PutImage' }) }] }],
  [
    'an action of IAM',
    'A',
    {
      action: 'iam:CreateAccessKey',
      resource: `arn:aws:iam::${home}:user/alice`,
      identity: allow({ Action: 'iam:*AccessKey*' }),
    },
  ],
  ['an unknown action and NotAction', 'A', { action: 'berth:New', identity: allow({ NotAction: 'ecr:*' }) }],
  ['an unknown action that NotAction names', 'I', { action: 'berth:New', identity: allow({ NotAction: 'BERTH:n*' }) }],
  ['an unknown action named exactly', 'A', { action: 'berth:New', identity: allow({ Action: 'berth:new' }) }],
])

table('IAM policy elements: Resource', [
  ['the ARN itself', 'A', { identity: allow({ Resource: app }) }],
  ['all repositories of the account', 'A', { identity: allow({ Resource: `arn:aws:ecr:*:${home}:repository/*` }) }],
  ['all repositories of another account', 'I', { identity: allow({ Resource: `arn:aws:ecr:*:${away}:repository/*` }) }],
  ['another region', 'I', { identity: allow({ Resource: `arn:aws:ecr:us-east-1:${home}:repository/app` }) }],
  ['another partition', 'I', { identity: allow({ Resource: `arn:aws-cn:ecr:eu-west-1:${home}:repository/app` }) }],
  [
    'the beginning of the name is not the name',
    'I',
    { identity: allow({ Resource: app }), resource: `${app}lication` },
  ],
  ['a list', 'A', { identity: allow({ Resource: [awayApp, app] }) }],
  ['NotResource without this one', 'A', { identity: allow({ NotResource: awayApp }) }],
  ['NotResource with this one', 'I', { identity: allow({ NotResource: [awayApp, app] }) }],
  [
    'NotResource of a variable without a value: an Allow does not apply',
    'I',
    { identity: allow({ NotResource: `${app}/\${aws:absent}` }) },
  ],
  [
    'NotResource of a variable without a value: a Deny applies',
    'E',
    { identity: [allow(), deny({ NotResource: `${app}\${aws:absent}` })] },
  ],
  [
    'a deny of a variable without a value does not apply',
    'A',
    { identity: [allow(), deny({ Resource: `${app}\${aws:absent}` })] },
  ],
  [
    'a percent sign is a percent sign',
    'I',
    {
      identity: allow({ Resource: `arn:aws:ecr:eu-west-1:${home}:repository/a%2Fb` }),
      resource: app.replace('/app', '/a/b'),
    },
  ],
  [
    'an ARN does not match an action without a resource',
    'I',
    { action: 'ecr:GetAuthorizationToken', resource: '*', identity: allow({ Action: '*', Resource: app }) },
  ],
  [
    'all repositories are not an action without a resource',
    'I',
    {
      action: 'ecr:GetAuthorizationToken',
      resource: '*',
      identity: allow({ Action: '*', Resource: 'arn:aws:ecr:*:*:*' }),
    },
  ],
  [
    'NotResource applies to an action without a resource',
    'A',
    {
      action: 'ecr:GetAuthorizationToken',
      resource: '*',
      identity: { Effect: 'Allow', Action: '*', NotResource: app },
    },
  ],
])

table('IAM cross-account evaluation logic', [
  ['neither side', 'I', { resource: awayApp }],
  ['the identity side alone', 'I', { resource: awayApp, identity: allow() }],
  ['the resource side alone, by user', 'I', { resource: awayApp, repository: grant({ AWS: alice.arn }) }],
  ['the resource side alone, by account', 'I', { resource: awayApp, repository: grant({ AWS: home }) }],
  ['the resource side alone, by star', 'I', { resource: awayApp, repository: grant('*') }],
  ['the resource side alone, by session', 'I', { caller: ci, resource: awayApp, repository: grant({ AWS: ci.arn }) }],
  ['both sides, by user', 'A', { resource: awayApp, identity: allow(), repository: grant({ AWS: alice.arn }) }],
  ['both sides, by account', 'A', { resource: awayApp, identity: allow(), repository: grant({ AWS: home }) }],
  [
    'both sides, by role',
    'A',
    { caller: ci, resource: awayApp, identity: allow(), repository: grant({ AWS: ci.roleArn }) },
  ],
  [
    'both sides, by session',
    'A',
    { caller: ci, resource: awayApp, identity: allow(), repository: grant({ AWS: ci.arn }) },
  ],
  [
    'both sides, by another session',
    'I',
    { caller: ciOther, resource: awayApp, identity: allow(), repository: grant({ AWS: ci.arn }) },
  ],
  [
    'both sides, a role of the same name in the other account',
    'I',
    { caller: ci, resource: awayApp, identity: allow(), repository: grant({ AWS: strangerCi.roleArn }) },
  ],
  [
    'both sides, by the registry policy',
    'A',
    { resource: awayApp, identity: allow(), registry: { ...grant({ AWS: home }), Resource: '*' } },
  ],
  [
    'the resource names the wrong account',
    'I',
    { resource: awayApp, identity: allow(), repository: grant({ AWS: away }) },
  ],
  [
    'the identity policy names another repository',
    'I',
    { resource: awayApp, identity: allow({ Resource: app }), repository: grant({ AWS: home }) },
  ],
  [
    'a deny of the identity side',
    'E',
    { resource: awayApp, identity: [allow(), deny()], repository: grant({ AWS: home }) },
  ],
  [
    'a deny of the resource side',
    'E',
    { resource: awayApp, identity: allow(), repository: [grant({ AWS: home }), refuse({ AWS: alice.arn })] },
  ],
  [
    'a boundary limits, whatever the resource names',
    'I',
    { resource: awayApp, identity: allow(), boundary: put, repository: grant({ AWS: alice.arn }) },
  ],
  [
    'a session policy limits, whatever the resource names',
    'I',
    { caller: ci, resource: awayApp, identity: allow(), session: put, repository: grant({ AWS: ci.arn }) },
  ],
  [
    'boundary and session policy that allow',
    'A',
    {
      caller: ci,
      resource: awayApp,
      identity: allow(),
      boundary: allow(),
      session: allow(),
      repository: grant({ AWS: home }),
    },
  ],
  ['a stranger with an administrator policy', 'I', { caller: stranger, resource: app, identity: everything }],
  [
    'a stranger who is named and has an administrator policy',
    'A',
    { caller: stranger, resource: app, identity: everything, repository: grant({ AWS: away }) },
  ],
  [
    'a stranger and a policy that names the own account',
    'I',
    { caller: stranger, resource: app, identity: everything, repository: grant({ AWS: home }) },
  ],
])

table('AWS account root user', [
  ['everything in the own account', 'A', { caller: root() }],
  ['actions without a resource', 'A', { caller: root(), action: 'ecr:GetAuthorizationToken', resource: '*' }],
  ['a deny of the repository policy', 'E', { caller: root(), repository: refuse('*') }],
  ['a deny of the repository policy by account', 'E', { caller: root(), repository: refuse({ AWS: home }) }],
  ['a deny that names a user says nothing', 'A', { caller: root(), repository: refuse({ AWS: alice.arn }) }],
  ['nothing in another account', 'I', { caller: root(), resource: awayApp }],
  [
    'what another account gives this account',
    'A',
    { caller: root(), resource: awayApp, repository: grant({ AWS: home }) },
  ],
  ['what another account gives everybody', 'A', { caller: root(), resource: awayApp, repository: grant('*') }],
  [
    'not what another account gives a user',
    'I',
    { caller: root(), resource: awayApp, repository: grant({ AWS: alice.arn }) },
  ],
  ['a boundary is not for root users', 'A', { caller: root(), boundary: put }],
])

table('IAM permissions boundaries', [
  ['boundary and identity policy', 'A', { identity: allow(), boundary: allow() }],
  ['a boundary grants nothing', 'I', { boundary: allow() }],
  ['an identity policy outside the boundary', 'I', { identity: allow(), boundary: put }],
  ['a deny of the boundary', 'E', { identity: allow(), boundary: [everything, deny()] }],
  [
    'a deny of the boundary against a user whom the resource names',
    'E',
    { boundary: deny(), repository: grant({ AWS: alice.arn }) },
  ],
  ['everybody is the user himself', 'A', { boundary: put, repository: grant('*') }],
  ['the account is not the user himself', 'I', { identity: allow(), boundary: put, repository: grant({ AWS: home }) }],
  ['a role inside its boundary', 'A', { caller: ci, boundary: allow(), repository: grant({ AWS: ci.roleArn }) }],
  [
    'conditions of a boundary',
    'I',
    {
      identity: allow(),
      boundary: allow({ Condition: { Bool: { 'aws:SecureTransport': true } } }),
      context: { 'aws:SecureTransport': 'false' },
    },
  ],
])

table('IAM session policies', [
  ['session policy and role policy', 'A', { caller: ci, identity: allow(), session: allow() }],
  ['a session policy cannot widen the role', 'I', { caller: ci, identity: put, session: everything }],
  ['a session policy grants nothing', 'I', { caller: ci, session: everything }],
  ['a deny of the session policy', 'E', { caller: ci, identity: allow(), session: [everything, deny()] }],
  [
    'a deny of the session policy against a session that the resource names',
    'E',
    { caller: ci, session: deny(), repository: grant({ AWS: ci.arn }) },
  ],
  [
    'a session policy limits what the account is given',
    'I',
    { caller: ci, identity: allow(), session: put, repository: grant({ AWS: home }) },
  ],
  [
    'boundary and session policy must both allow: the boundary lacks it',
    'I',
    { caller: ci, identity: allow(), boundary: put, session: allow() },
  ],
  [
    'boundary and session policy must both allow: the session policy lacks it',
    'I',
    { caller: ci, identity: allow(), boundary: allow(), session: put },
  ],
  [
    'the role is named and the session policy allows',
    'A',
    { caller: ci, session: allow(), repository: grant({ AWS: ci.roleArn }) },
  ],
  ['several statements are one voice', 'A', { caller: ci, identity: allow(), session: [put, allow()] }],
  ['another session of the role is not this one', 'I', { caller: ciOther, repository: grant({ AWS: ci.arn }) }],
  [
    'a deny that names another session says nothing',
    'A',
    { caller: ciOther, identity: allow(), repository: refuse({ AWS: ci.arn }) },
  ],
  [
    'a deny that names the role hits every session',
    'E',
    { caller: ciOther, identity: allow(), repository: refuse({ AWS: ci.roleArn }) },
  ],
])

table('AWS STS GetFederationToken', [
  ['without a session policy there are no permissions', 'I', { caller: fed, identity: allow() }],
  ['a session policy within the user policies', 'A', { caller: fed, identity: allow(), session: allow() }],
  ['a session policy beyond the user policies', 'I', { caller: fed, identity: put, session: everything }],
  ['a resource that names the federated user', 'A', { caller: fed, repository: grant({ AWS: fed.arn }) }],
  ['a resource that names another federated user', 'I', { caller: fed, repository: grant({ AWS: `${fed.arn}2` }) }],
  [
    'a resource that names the user, without a session policy',
    'I',
    { caller: fed, repository: grant({ AWS: alice.arn }) },
  ],
  [
    'a resource that names the user, and a session policy',
    'A',
    { caller: fed, session: allow(), repository: grant({ AWS: alice.arn }) },
  ],
  [
    'a deny that names the user',
    'E',
    { caller: fed, identity: allow(), session: allow(), repository: refuse({ AWS: alice.arn }) },
  ],
  [
    'between accounts without a session policy',
    'I',
    { caller: fed, resource: awayApp, identity: allow(), repository: grant({ AWS: home }) },
  ],
  [
    'between accounts with one',
    'A',
    { caller: fed, resource: awayApp, identity: allow(), session: allow(), repository: grant({ AWS: home }) },
  ],
])

table('IAM policy elements: Principal: services', [
  [
    'a registry policy that names it',
    'A',
    { caller: replication, registry: { ...grant({ Service: 'replication.ecr.amazonaws.com' }), Resource: '*' } },
  ],
  [
    'a policy that names another service',
    'I',
    { caller: replication, repository: grant({ Service: 'lambda.amazonaws.com' }) },
  ],
  ['a policy that names an account', 'I', { caller: replication, repository: grant({ AWS: home }) }],
  ['a policy for everybody', 'A', { caller: replication, repository: grant('*') }],
  ['identity policies are not asked', 'I', { caller: replication, identity: everything }],
  [
    'a deny that names it',
    'E',
    { caller: replication, repository: [grant('*'), refuse({ Service: 'replication.ecr.amazonaws.com' })] },
  ],
  [
    'a deny of everybody',
    'E',
    { caller: replication, repository: [grant({ Service: 'replication.ecr.amazonaws.com' }), refuse('*')] },
  ],
])

const exempt = (AWS: unknown): Statement => ({ Effect: 'Deny', NotPrincipal: { AWS }, Action: '*' })

table('IAM policy elements: NotPrincipal', [
  ['a user who is listed', 'A', { identity: allow(), repository: exempt([alice.arn, home]) }],
  ['a user who is listed without his account', 'A', { identity: allow(), repository: exempt([alice.arn]) }],
  ['another user of the account', 'E', { caller: bob, identity: allow(), repository: exempt([alice.arn, home]) }],
  ['a session of the account', 'E', { caller: ci, identity: allow(), repository: exempt([alice.arn, home]) }],
  ['a user of an account that is listed alone', 'E', { identity: allow(), repository: exempt(home) }],
  ['the root user of a listed account', 'A', { caller: root(), repository: exempt(home) }],
  ['the root user of an account that is listed by its ARN', 'A', { caller: root(), repository: exempt(root().arn) }],
  ['the root user where only a user is listed', 'E', { caller: root(), repository: exempt(alice.arn) }],
  [
    'a session whose role alone is listed',
    'E',
    { caller: ci, identity: allow(), repository: exempt([ci.roleArn, home]) },
  ],
  [
    'a session that is listed without its role',
    'E',
    { caller: ci, identity: allow(), repository: exempt([ci.arn, home]) },
  ],
  [
    'a session that is listed with its role',
    'A',
    { caller: ci, identity: allow(), repository: exempt([ci.arn, ci.roleArn, home]) },
  ],
  [
    'another session of the same role',
    'E',
    { caller: ciOther, identity: allow(), repository: exempt([ci.arn, ci.roleArn, home]) },
  ],
  [
    'a user of another account',
    'E',
    { caller: stranger, resource: app, identity: allow(), repository: exempt([alice.arn, home]) },
  ],
  ['a service', 'E', { caller: replication, repository: [grant('*'), exempt([alice.arn, home])] }],
  [
    'a service that is listed',
    'A',
    {
      caller: replication,
      repository: [
        grant('*'),
        { Effect: 'Deny', NotPrincipal: { Service: 'replication.ecr.amazonaws.com' }, Action: '*' },
      ],
    },
  ],
  [
    'a federated user who is listed',
    'A',
    { caller: fed, identity: allow(), session: allow(), repository: exempt([fed.arn, home]) },
  ],
  [
    'a federated user whose user is listed',
    'E',
    { caller: fed, identity: allow(), session: allow(), repository: exempt([alice.arn, home]) },
  ],
  [
    'a user who is gone exempts nobody',
    'E',
    { identity: allow(), repository: exempt([`arn:aws:iam::${home}:user/gone`]) },
  ],
  ['a listed user may have nothing all the same', 'I', { repository: exempt([alice.arn, home]) }],
])

describe('unique ids (IAM policy elements: Principal)', () => {
  const named = (principal: unknown): Case => ({ repository: grant(principal) })

  test('a user who is made again under the same name has no access', () => {
    const again: Caller = { ...alice, userId: 'AIDA22222222222222222' }
    assert.equal(decide({ caller: again, ...named({ AWS: alice.arn }) }), 'I')
  })

  test('a role that is made again is not the one that was named, nor are its sessions', () => {
    const again = { ...ci, roleId: 'AROA22222222222222222' }
    assert.equal(decide({ caller: again, ...named({ AWS: ci.roleArn }) }), 'I')
    assert.equal(decide({ caller: again, ...named({ AWS: ci.arn }) }), 'I')
  })

  test('aws:PrincipalArn keeps the text, so a role that is made again matches', () => {
    const Condition = { ArnEquals: { 'aws:PrincipalArn': ci.roleArn } }
    const again = { ...ci, roleId: 'AROA22222222222222222' }
    const row = { caller: again, identity: allow({ Condition }), context: { 'aws:PrincipalArn': ci.roleArn } }
    assert.equal(decide(row), 'A')
  })

  test('a name that was not found names nobody and is told', () => {
    const policy = compiled('repository', grant({ AWS: [`arn:aws:iam::${home}:user/gone`, alice.arn] }))
    assert.deepEqual(unresolvedPrincipals(policy), [`arn:aws:iam::${home}:user/gone`])
    assert.equal(idOf(`arn:aws:iam::${home}:user/gone`), undefined)
  })

  test('a web identity is nobody in a repository policy', () => {
    assert.equal(decide({ caller: webIdentity(githubProvider), ...named('*') }), 'I')
  })
})

describe('a policy that cannot be read denies', () => {
  const request = {
    caller: alice,
    action: 'ecr:BatchGetImage',
    resource: app,
    resourceAccountId: home,
    context: contextOf(),
  }
  const good: PolicySet = { identity: bundle('identity', allow()), guards: [], resource: emptyBundle }
  const broken = compileStoredPolicy('{"Statement": [{"Effect": "Deny"', 'repository', refOf('repository', home))

  test('with good policies alone the request is allowed', () => {
    assert.equal(evaluate(request, good).decision, 'allow')
  })

  test('wherever it stands', () => {
    const bad = compileBundle([compiled('identity', allow()), broken])
    const sets: PolicySet[] = [
      { ...good, resource: bad },
      { ...good, identity: bad },
      { ...good, guards: [{ kind: 'session', bundle: bad }] },
    ]
    for (const set of sets) {
      const decision = evaluate(request, set)
      assert.equal(decision.decision, 'explicit-deny')
      assert.match(String(decision.fault), /repository policy: not JSON/)
      assert.equal(decision.decidedBy.policy?.id, 'repository policy')
    }
  })

  test('even for actions that it does not speak of, because nobody knows what it says', () => {
    const set = { ...good, resource: compileBundle([brokenPolicy(refOf('registry', home), 'lost')]) }
    assert.equal(letterOf(evaluate({ ...request, action: 'ecr:ListImages' }, set)), 'E')
  })

  test('an operator that was unknown when the policy was stored is not passed over', () => {
    const text = JSON.stringify({ Statement: refuse('*', { Condition: { StringMatches: { 'a:b': 'c' } } }) })
    const policy = compileStoredPolicy(text, 'repository', refOf('repository', home))
    assert.match(policy.broken ?? '', /unknown condition operator/)
    assert.throws(() =>
      compilePolicy(
        {
          statements: [
            {
              effect: 'Deny',
              actions: { negated: false, patterns: ['*'] },
              conditions: [{ operator: 'StringMatches', key: 'a:b', values: ['c'] }],
            },
          ],
        },
        refOf('repository', home),
      ),
    )
  })

  test('a condition key that throws is a deny, and the fault is told', () => {
    const identity = bundle('identity', allow({ Condition: { StringEquals: { 'a:b': 'c' } } }))
    const context = {
      get: () => {
        throw new Error('tags cannot be read')
      },
    }
    const decision = evaluate({ ...request, context }, { ...good, identity })
    assert.equal(decision.decision, 'explicit-deny')
    assert.match(String(decision.fault), /tags cannot be read/)
  })
})

describe('who decided', () => {
  test('an allow tells the policy, the statement and its Sid', () => {
    const { decidedBy } = decisionOf({ identity: [put, allow({ Sid: 'Pull' })] })
    assert.deepEqual(decidedBy, { kind: 'identity', policy: refOf('identity', home), statement: 1, sid: 'Pull' })
  })

  test('an explicit deny tells the statement that denied', () => {
    const { decidedBy } = decisionOf({ identity: allow(), repository: [grant('*'), refuse('*', { Sid: 'no one' })] })
    assert.deepEqual(decidedBy, { kind: 'repository', policy: refOf('repository', home), statement: 1, sid: 'no one' })
  })

  const lacking: [string, Case][] = [
    ['identity', {}],
    ['identity', { resource: awayApp, repository: grant('*') }],
    ['resource', { resource: awayApp, identity: allow() }],
    ['resource', { caller: root(), resource: awayApp }],
    ['resource', { caller: replication }],
    ['boundary', { identity: allow(), boundary: put }],
    ['boundary', { resource: awayApp, identity: allow(), boundary: put }],
    ['session', { caller: ci, identity: allow(), session: put }],
    ['session', { caller: fed, identity: allow() }],
  ]
  for (const [kind, row] of lacking) {
    test(`an implicit deny for want of the kind ${kind}: ${JSON.stringify(row).slice(0, 60)}`, () => {
      const { decision, decidedBy } = decisionOf(row)
      assert.deepEqual([decision, decidedBy], ['implicit-deny', { kind }])
    })
  }

  test('a service control policy would limit root users and those whom a resource names', () => {
    const guards = [{ kind: 'service-control' as const, bundle: bundle('boundary', put) }]
    const base = { action: 'ecr:BatchGetImage', resource: app, resourceAccountId: home, context: contextOf() }
    const set = { identity: emptyBundle, guards, resource: bundle('repository', grant({ AWS: alice.arn })) }
    for (const caller of [root(), alice]) {
      assert.deepEqual(evaluate({ ...base, caller }, set).decidedBy, { kind: 'service-control' })
      assert.equal(evaluate({ ...base, caller }, { ...set, guards: [] }).decision, 'allow')
    }
  })

  test('explain tells every statement that matched, and only then', () => {
    const row: Case = {
      identity: [allow({ Sid: 'a' }), put, deny({ Sid: 'b' })],
      boundary: everything,
      repository: [grant({ AWS: home }), grant({ AWS: bob.arn })],
    }
    assert.equal(decisionOf(row).matched, undefined)
    const { decision, matched } = decisionOf(row, true)
    assert.equal(decision, 'explicit-deny')
    assert.deepEqual(
      matched?.map(({ policy, statement, effect, level }) => [policy.kind, statement, effect, level]),
      [
        ['identity', 2, 'Deny', undefined],
        ['identity', 0, 'Allow', undefined],
        ['boundary', 0, 'Allow', undefined],
        ['repository', 0, 'Allow', 'account'],
      ],
    )
  })
})
