// Sixty-two cases that AWS's documents decide. The numbers are kept so that a case can be spoken of.

import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { describe, test } from 'node:test'
import {
  alice,
  allow,
  app,
  away,
  awayApp,
  type Case,
  contextOf,
  decide,
  deny,
  grant,
  home,
  type Letter,
  refOf,
  refuse,
  root,
  type Statement,
  service,
  session,
  user,
} from '../../../test/support/policies.ts'
import { compilePolicy } from './compile-policy.ts'
import { evaluate } from './evaluate.ts'
import { compileBundle, emptyBundle } from './policy-bundle.ts'

const logic = 'IAM evaluation logic'
const cross = 'IAM cross-account evaluation logic'
const principal = 'IAM policy elements: Principal'
const notPrincipal = 'IAM policy elements: NotPrincipal'
const actions = 'IAM policy elements: Action'
const resources = 'IAM policy elements: Resource'
const variables = 'IAM policy elements: variables and tags'
const operators = 'IAM condition operators'
const multivalued = 'IAM multivalued context keys'
const keys = 'IAM global condition keys'
const actionsOfEcr = 'Actions defined by Amazon ECR'

const aliceArn = alice.arn
const ci = session('ci')
const ciRole = ci.roleArn
const onlyPut = allow({ Action: 'ecr:PutImage' })
const when = (Condition: unknown): Statement => allow({ Condition })
const stars = '*a'.repeat(24)

const rows: [number: number, source: string, sentence: string, expected: Letter, row: Case][] = [
  [1, logic, 'an identity policy alone is enough in one account', 'A', { identity: allow() }],
  [
    2,
    logic,
    'a repository policy that names the user is enough in one account',
    'A',
    { repository: grant({ AWS: aliceArn }) },
  ],
  [
    3,
    logic,
    'naming the account root grants nothing by itself in that account',
    'I',
    { repository: grant({ AWS: root().arn }) },
  ],
  [4, principal, 'a lone star names everybody', 'A', { repository: grant('*') }],
  [5, cross, 'the resource side alone is not enough', 'I', { resource: awayApp, repository: grant({ AWS: aliceArn }) }],
  [6, cross, 'the identity side alone is not enough', 'I', { resource: awayApp, identity: allow() }],
  [
    7,
    cross,
    'both sides, the account by its id',
    'A',
    { resource: awayApp, identity: allow(), repository: grant({ AWS: home }) },
  ],
  [
    8,
    cross,
    'both sides, the account by its root ARN',
    'A',
    { resource: awayApp, identity: allow(), repository: grant({ AWS: root().arn }) },
  ],
  [
    9,
    'IAM permissions boundaries',
    'a boundary does not limit a user whom the resource names',
    'A',
    { boundary: onlyPut, repository: grant({ AWS: aliceArn }) },
  ],
  [
    10,
    'IAM permissions boundaries',
    'a boundary limits a session whose role the resource names',
    'I',
    { caller: ci, boundary: onlyPut, repository: grant({ AWS: ciRole }) },
  ],
  [
    11,
    'IAM permissions boundaries',
    'a boundary does not limit a session that the resource names',
    'A',
    { caller: ci, boundary: onlyPut, repository: grant({ AWS: ci.arn }) },
  ],
  [
    12,
    'IAM session policies',
    'a session policy limits what the resource gives the role',
    'I',
    { caller: ci, session: onlyPut, repository: grant({ AWS: ciRole }) },
  ],
  [
    13,
    'IAM session policies',
    'a session policy does not limit what the resource gives the session',
    'A',
    { caller: ci, session: onlyPut, repository: grant({ AWS: ci.arn }) },
  ],
  [
    14,
    'IAM session policies',
    'a session policy narrows the identity policy',
    'I',
    { caller: ci, identity: allow(), session: onlyPut },
  ],
  [
    15,
    logic,
    'a deny of the repository policy wins',
    'E',
    { identity: allow(), repository: refuse({ AWS: aliceArn }) },
  ],
  [
    16,
    principal,
    'a deny that names the role hits its session',
    'E',
    { caller: ci, identity: allow(), repository: refuse({ AWS: ciRole }) },
  ],
  [17, actions, 'names are compared without case', 'A', { identity: allow({ Action: 'ECR:batchgetIMAGE' }) }],
  [18, resources, 'names are compared with case', 'I', { identity: allow({ Resource: app.replace('/app', '/APP') }) }],
  [
    19,
    resources,
    'a question mark is one character',
    'A',
    { identity: allow({ Resource: app.replace('/app', '/a?p') }) },
  ],
  [
    20,
    resources,
    'a star crosses slashes',
    'A',
    {
      identity: allow({ Resource: `arn:aws:ecr:eu-west-1:${home}:repository/t*` }),
      resource: app.replace('/app', '/team/a/b'),
    },
  ],
  [
    21,
    resources,
    'a star at the end of a segment crosses colons',
    'A',
    { identity: allow({ Resource: 'arn:aws:ecr:*:repository/app' }) },
  ],
  [
    22,
    'IAM policy elements: NotAction',
    'all but the named actions',
    'A',
    { identity: allow({ NotAction: 'ecr:PutImage' }) },
  ],
  [
    23,
    'IAM policy elements: NotResource',
    'a deny of all but the named resources',
    'E',
    { identity: [allow(), deny({ NotResource: `${app}/other` })] },
  ],
  [
    24,
    notPrincipal,
    'a listed user is exempt',
    'A',
    {
      identity: allow(),
      repository: { Effect: 'Deny', NotPrincipal: { AWS: [aliceArn, root().arn] }, Action: 'ecr:*' },
    },
  ],
  [
    25,
    notPrincipal,
    'the account beside him exempts nobody else of it',
    'E',
    {
      caller: user('bob'),
      identity: allow(),
      repository: { Effect: 'Deny', NotPrincipal: { AWS: [aliceArn, root().arn] }, Action: 'ecr:*' },
    },
  ],
  [
    26,
    variables,
    'a variable in a resource',
    'A',
    {
      identity: allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username}` }),
      resource: app.replace('/app', '/alice'),
      context: { 'aws:username': 'alice' },
    },
  ],
  [
    27,
    variables,
    'a variable without a value matches nothing',
    'I',
    { identity: allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username}*` }) },
  ],
  [
    28,
    variables,
    'a default stands in for a key that is absent',
    'A',
    { identity: allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:PrincipalTag/team, 'app'}` }) },
  ],
  [
    29,
    variables,
    'a star in a value is a star',
    'I',
    {
      identity: allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:PrincipalTag/team}` }),
      context: { 'aws:PrincipalTag/team': '*' },
    },
  ],
  [
    30,
    'IAM policy elements: Version',
    'version 2008-10-17 has no variables',
    'I',
    {
      identity: {
        Version: '2008-10-17',
        Statement: allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username}` }),
      },
      resource: app.replace('/app', '/alice'),
      context: { 'aws:username': 'alice' },
    },
  ],
  [
    31,
    'IAM policy elements: Version',
    'without a version there are no variables',
    'I',
    {
      identity: { Statement: allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username}` }) },
      resource: app.replace('/app', '/alice'),
      context: { 'aws:username': 'alice' },
    },
  ],
  [
    32,
    variables,
    'an escaped star is a star',
    'I',
    { identity: allow({ Resource: `arn:aws:ecr:*:*:repository/\${*}` }) },
  ],
  [
    33,
    actionsOfEcr,
    'ecr:ResourceTag',
    'A',
    { identity: when({ StringEquals: { 'ecr:ResourceTag/team': 'a' } }), context: { 'ecr:ResourceTag/team': 'a' } },
  ],
  [
    34,
    keys,
    'aws:ResourceTag',
    'A',
    { identity: when({ StringEquals: { 'aws:ResourceTag/team': 'a' } }), context: { 'aws:ResourceTag/team': 'a' } },
  ],
  [
    35,
    operators,
    'names of keys are compared without case',
    'A',
    { identity: when({ StringEquals: { 'AWS:resourcetag/TEAM': 'a' } }), context: { 'aws:ResourceTag/team': 'a' } },
  ],
  [
    36,
    operators,
    'a negated operator holds where the key is absent',
    'A',
    { identity: when({ StringNotEquals: { 'aws:PrincipalTag/team': 'a' } }) },
  ],
  [
    37,
    operators,
    'and so such a deny hits whoever lacks the key',
    'E',
    { identity: [allow(), deny({ Condition: { StringNotEquals: { 'aws:PrincipalOrgID': 'o-1' } } })] },
  ],
  [
    38,
    operators,
    'a positive operator fails where the key is absent',
    'I',
    { identity: when({ StringEquals: { 'aws:PrincipalTag/team': 'a' } }) },
  ],
  [
    39,
    operators,
    'IfExists holds where the key is absent',
    'A',
    { identity: when({ StringEqualsIfExists: { 'aws:PrincipalTag/team': 'a' } }) },
  ],
  [40, operators, 'Null true: the key is absent', 'A', { identity: when({ Null: { 'aws:TokenIssueTime': 'true' } }) }],
  [
    41,
    operators,
    'Null false: the key is present',
    'I',
    { identity: when({ Null: { 'aws:TokenIssueTime': 'false' } }) },
  ],
  [
    42,
    multivalued,
    'ForAllValues holds where the key is absent',
    'A',
    { identity: when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }) },
  ],
  [
    43,
    multivalued,
    'ForAllValues fails for one value too many',
    'I',
    {
      identity: when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }),
      context: { 'aws:TagKeys': ['a', 'b'] },
    },
  ],
  [
    44,
    multivalued,
    'ForAnyValue fails where the key is absent',
    'I',
    { identity: when({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } }) },
  ],
  [
    45,
    multivalued,
    'ForAnyValue holds for one hit',
    'A',
    {
      identity: when({
        'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] },
        'ForAnyValue:StringNotEquals': { 'aws:TagKeys': ['a'] },
      }),
      context: { 'aws:TagKeys': ['a', 'b'] },
    },
  ],
  [
    46,
    operators,
    'NotIpAddress holds only outside both ranges',
    'A',
    {
      identity: [allow(), deny({ Condition: { NotIpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '192.0.2.0/24'] } } })],
      context: { 'aws:SourceIp': '192.0.2.9' },
    },
  ],
  [
    47,
    operators,
    'IPv6 is compared without case',
    'A',
    { identity: when({ IpAddress: { 'aws:SourceIp': '2001:DB8::/32' } }), context: { 'aws:SourceIp': '2001:db8::1' } },
  ],
  [
    48,
    keys,
    'a deny without aws:SecureTransport',
    'E',
    {
      identity: [allow(), deny({ Condition: { Bool: { 'aws:SecureTransport': false } } })],
      context: { 'aws:SecureTransport': 'false' },
    },
  ],
  [
    49,
    operators,
    'dates may be epoch seconds',
    'A',
    {
      identity: when({ DateLessThan: { 'aws:CurrentTime': '4102444800' } }),
      context: { 'aws:CurrentTime': '2026-11-24T00:00:00Z' },
    },
  ],
  [
    50,
    operators,
    'numbers are compared as numbers',
    'A',
    {
      identity: when({ NumericGreaterThan: { 'aws:MultiFactorAuthAge': '9' } }),
      context: { 'aws:MultiFactorAuthAge': '10' },
    },
  ],
  [
    51,
    operators,
    'ArnLike with a role',
    'A',
    {
      identity: when({ ArnLike: { 'aws:PrincipalArn': `arn:aws:iam::${home}:role/c*` } }),
      context: { 'aws:PrincipalArn': ciRole },
    },
  ],
  [
    52,
    operators,
    'a star of ArnEquals does not cross colons',
    'I',
    { identity: when({ ArnEquals: { 'aws:PrincipalArn': 'arn:*' } }), context: { 'aws:PrincipalArn': ciRole } },
  ],
  [
    53,
    operators,
    'StringEqualsIgnoreCase',
    'A',
    {
      identity: when({ StringEqualsIgnoreCase: { 'aws:PrincipalTag/team': 'PLATFORM' } }),
      context: { 'aws:PrincipalTag/team': 'platform' },
    },
  ],
  [
    54,
    principal,
    '{"AWS": "*"} from another account, with an identity policy',
    'A',
    { resource: awayApp, identity: allow(), repository: grant({ AWS: '*' }) },
  ],
  [
    55,
    actionsOfEcr,
    'GetAuthorizationToken is asked for on *',
    'A',
    { action: 'ecr:GetAuthorizationToken', resource: '*', identity: allow({ Action: 'ecr:GetAuthorizationToken' }) },
  ],
  [
    56,
    principal,
    'a service',
    'A',
    {
      caller: service('replication.ecr.amazonaws.com'),
      action: 'ecr:ReplicateImage',
      registry: {
        ...grant({ Service: 'replication.ecr.amazonaws.com' }, { Action: 'ecr:ReplicateImage' }),
        Resource: '*',
      },
    },
  ],
  [57, logic, 'the root user needs no policies', 'A', { caller: root() }],
  [
    58,
    actions,
    'an action that nobody knew when this was written',
    'A',
    { action: 'berth:Frobnicate', identity: allow({ Action: 'berth:Frob*' }) },
  ],
  [
    59,
    keys,
    'a key that nobody knew when this was written',
    'A',
    { identity: when({ StringEquals: { 'berth:Key': 'a' } }), context: { 'berth:Key': 'a' } },
  ],
  [
    60,
    'IAM policy grammar',
    'a statement that is no list',
    'A',
    { identity: { Version: '2012-10-17', Statement: allow() } },
  ],
  [
    62,
    resources,
    'a pattern of two dozen stars',
    'I',
    {
      identity: allow({ Resource: `arn:aws:ecr:eu-west-1:${home}:repository/${stars}b` }),
      resource: app.replace('/app', `/${'a'.repeat(240)}`),
    },
  ],
]

describe('what the documents of AWS decide', () => {
  for (const [number, source, sentence, expected, row] of rows) {
    test(`${number} ${source}: ${sentence}`, () => assert.equal(decide(row), expected))
  }

  test('61 IAM policy grammar: a condition on __proto__ is a condition on a key that is absent', () => {
    const identity = compileBundle([
      compilePolicy(
        {
          version: '2012-10-17',
          statements: [
            {
              effect: 'Allow',
              actions: { negated: false, patterns: ['*'] },
              resources: { negated: false, patterns: ['*'] },
              conditions: [{ operator: 'StringEquals', key: '__proto__', values: ['a'] }],
            },
          ],
        },
        refOf('identity', home),
      ),
    ])
    const decision = evaluate(
      { caller: alice, action: 'ecr:BatchGetImage', resource: app, resourceAccountId: home, context: contextOf() },
      { identity, guards: [], resource: emptyBundle },
    )
    assert.equal(decision.decision, 'implicit-deny')
  })

  test('62 answers at once', () => {
    const row = rows.find(([number]) => number === 62)
    const start = performance.now()
    for (let i = 0; i < 10; i++) decide(row?.[4] ?? {})
    // Seconds where other matchers take minutes; generous, because the machine may be busy.
    assert.ok(performance.now() - start < 5000)
  })

  test('every number has its case', () => {
    const numbers = [...rows.map(([number]) => number), 61].toSorted((a, b) => a - b)
    assert.deepEqual(
      numbers,
      Array.from({ length: 62 }, (_, i) => i + 1),
    )
    assert.notEqual(home, away)
  })
})
