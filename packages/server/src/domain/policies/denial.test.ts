import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  alice,
  allow,
  app,
  awayApp,
  bundle,
  type Case,
  contextOf,
  decisionOf,
  deny,
  grant,
  home,
  refOf,
  refuse,
  session,
  user,
} from '../../../test/support/policies.ts'
import { assumeRoleDenialMessage, denialMessage } from './denial.ts'
import { type Decision, lacking } from './evaluate.ts'
import { evaluateTrust } from './evaluate-trust.ts'
import type { Request } from './request.ts'

function messageOf(row: Case): string {
  const { caller = alice, action = 'ecr:BatchGetImage', resource = app } = row
  const request: Request = { caller, action, resource, resourceAccountId: home, context: contextOf() }
  return denialMessage(request, decisionOf(row))
}

const ci = session('ci')
const put = allow({ Action: 'ecr:PutImage' })
const start = `User: ${alice.arn} is not authorized to perform: ecr:BatchGetImage on resource: ${app}`
const sessionStart = `User: arn:aws:sts::${home}:assumed-role/ci/job is not authorized to perform: ecr:BatchGetImage on resource: ${app}`

describe('IAM, "Troubleshoot access denied error messages"', () => {
  const rows: [string, Case, string][] = [
    ['no identity policy', {}, `${start} because no identity-based policy allows the ecr:BatchGetImage action`],
    [
      'a session by its own ARN',
      { caller: ci },
      `${sessionStart} because no identity-based policy allows the ecr:BatchGetImage action`,
    ],
    [
      'no resource policy',
      { resource: awayApp, identity: allow() },
      `${start.replace(app, awayApp)} because no resource-based policy allows the ecr:BatchGetImage action`,
    ],
    [
      'the identity side of two accounts',
      { resource: awayApp, repository: grant('*') },
      `${start.replace(app, awayApp)} because no identity-based policy allows the ecr:BatchGetImage action`,
    ],
    [
      'no boundary',
      { identity: allow(), boundary: put },
      `${start} because no permissions boundary allows the ecr:BatchGetImage action`,
    ],
    [
      'no session policy',
      { caller: ci, identity: allow(), session: put },
      `${sessionStart} because no session policy allows the ecr:BatchGetImage action`,
    ],
    [
      'a deny of an identity policy, which the own account may know',
      { identity: deny() },
      `${start} with an explicit deny in an identity-based policy: arn:aws:iam::${home}:policy/identity`,
    ],
    [
      'a deny of a boundary',
      { boundary: deny() },
      `${start} with an explicit deny in a permissions boundary: arn:aws:iam::${home}:policy/boundary`,
    ],
    [
      'a deny of a session policy',
      { session: deny() },
      `${start} with an explicit deny in a session policy: arn:aws:iam::${home}:policy/session`,
    ],
    [
      'a deny of another account, whose policies are not named',
      { resource: awayApp, identity: allow(), repository: refuse('*') },
      `${start.replace(app, awayApp)} with an explicit deny in a resource-based policy`,
    ],
    [
      'an action without a resource',
      { action: 'ecr:GetAuthorizationToken', resource: '*' },
      `User: ${alice.arn} is not authorized to perform: ecr:GetAuthorizationToken on resource: * because no identity-based policy allows the ecr:GetAuthorizationToken action`,
    ],
  ]
  for (const [sentence, row, message] of rows) test(sentence, () => assert.equal(messageOf(row), message))

  test('a policy without an ARN is not named', () => {
    const { arn: _, ...policy } = refOf('registry', home)
    const decision: Decision = { decision: 'explicit-deny', decidedBy: { kind: 'registry', policy } }
    const request = {
      caller: alice,
      action: 'ecr:PutImage',
      resource: app,
      resourceAccountId: home,
      context: contextOf(),
    }
    assert.match(denialMessage(request, decision), / with an explicit deny in a resource-based policy$/)
  })

  test('a service control policy', () => {
    const request = {
      caller: alice,
      action: 'ecr:PutImage',
      resource: app,
      resourceAccountId: home,
      context: contextOf(),
    }
    assert.match(denialMessage(request, lacking('service-control')), /because no service control policy allows/)
  })

  test('a role trust policy', () => {
    const role = `arn:aws:iam::${home}:role/deploy`
    const request = {
      caller: alice,
      action: 'sts:AssumeRole',
      resource: role,
      resourceAccountId: home,
      context: contextOf(),
    }
    const names = (principal: string, Effect: string) =>
      bundle('trust', { Effect, Principal: { AWS: principal }, Action: 'sts:AssumeRole' })
    const identity = bundle('identity', allow({ Action: '*' }))
    const other = user('bob').arn
    const said = (trust: ReturnType<typeof names>) =>
      denialMessage(request, evaluateTrust(request, { trust, identity })).replace(/^.*resource: \S+ /, '')
    assert.equal(said(names(other, 'Allow')), 'because no role trust policy allows the sts:AssumeRole action')
    assert.match(said(names(alice.arn, 'Deny')), /^with an explicit deny in the role trust policy/)
    assert.equal(
      assumeRoleDenialMessage(alice.arn, role),
      `User: ${alice.arn} is not authorized to perform: sts:AssumeRole on resource: ${role}`,
    )
  })
})
