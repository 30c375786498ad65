import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { alice, allow, app, bundle, compiled, contextOf, home, type Statement } from '../../../test/support/policies.ts'
import { evaluate } from './evaluate.ts'
import { ecrActions, iamActions, knownActions, stsActions } from './known-actions.ts'
import { compileBundle, emptyBundle, type PolicyBundle } from './policy-bundle.ts'

const repository = (name: string) => `arn:aws:ecr:eu-west-1:${home}:repository/${name}`

function isAllowed(identity: PolicyBundle, resource: string, username: string, action = 'ecr:BatchGetImage'): boolean {
  const request = {
    caller: alice,
    action,
    resource,
    resourceAccountId: home,
    context: contextOf({ 'aws:username': username }),
  }
  return evaluate(request, { identity, guards: [], resource: emptyBundle }).decision === 'allow'
}

const own = Array.from({ length: 20 }, (_, i) => allow({ Resource: repository(`team-${i}/*`) }))

describe('statements found by action and resource', () => {
  test('are the statements about the action, in their order', () => {
    const put = (Sid: string): Statement => allow({ Sid, Action: 'ecr:Put*' })
    const policies = [compiled('identity', [put('a'), allow({ Sid: 'b' })]), compiled('identity', put('c'))]
    const { allows } = compileBundle(policies).about('ecr:PutImage', app)
    assert.deepEqual(
      allows.map(({ sid }) => sid),
      ['a', 'c'],
    )
  })

  test('variables are looked at each time, whoever asked before', () => {
    const identity = bundle('identity', [...own, allow({ Resource: repository(`\${aws:username}/*`) })])
    for (let i = 0; i < 3; i++) {
      assert.equal(isAllowed(identity, repository('alice/app'), 'alice'), true)
      assert.equal(isAllowed(identity, repository('alice/app'), 'bob'), false)
      assert.equal(isAllowed(identity, repository('bob/app'), 'bob'), true)
    }
  })

  test('variables among wildcards are looked at each time', () => {
    const identity = bundle('identity', [
      ...own,
      allow({ Resource: `arn:aws:ecr:*:*:repository/\${aws:username}/*/x` }),
    ])
    for (let i = 0; i < 3; i++) {
      assert.equal(isAllowed(identity, repository('alice/app/x'), 'alice'), true)
      assert.equal(isAllowed(identity, repository('alice/app/x'), 'bob'), false)
    }
  })

  test('more resources than are kept are answered as the first ones were', () => {
    const identity = bundle('identity', own)
    for (const i of [...Array(200).keys(), ...Array(200).keys()])
      assert.equal(isAllowed(identity, repository(`team-${i}/app`), 'alice'), i < 20)
  })

  test('an action in another case is the same action', () => {
    const identity = bundle('identity', own)
    assert.equal(isAllowed(identity, repository('team-1/app'), 'alice', 'ECR:batchgetimage'), true)
    assert.equal(isAllowed(identity, repository('team-1/app'), 'alice', 'ecr:PutImage'), false)
  })
})

test('Service Authorization Reference: the actions are known once each, permission-only ones among them', () => {
  assert.equal(new Set(knownActions).size, knownActions.length)
  assert.deepEqual([iamActions.length, stsActions.length], [190, 16])
  for (const action of ['ecr:ReplicateImage', 'ecr:BatchImportUpstreamImage', 'ecr:GetImageCopyStatus'])
    assert.ok(ecrActions.includes(action), action)
  assert.ok(!ecrActions.includes('ecr:ListImageReferrers'))
})
