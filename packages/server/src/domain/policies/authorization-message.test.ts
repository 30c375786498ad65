import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alice, contextOf, home, refOf } from '../../../test/support/policies.ts'
import { authorizationMessage, decodedMessage, recordedContext } from './authorization-message.ts'
import type { ContextValue } from './context.ts'
import type { Decision, MatchedStatement } from './evaluate.ts'

const request = (resource = `arn:aws:ecr:eu-west-1:${home}:repository/app`) => ({
  ...{ caller: alice, action: 'ecr:BatchGetImage', resource, resourceAccountId: home },
  context: contextOf({ 'aws:userid': alice.userId }),
})
const policy = refOf('identity', home)
const refused: Decision = {
  decision: 'explicit-deny',
  decidedBy: { kind: 'identity', policy, statement: 0, sid: 'Sid' },
}
const matched = (count: number): MatchedStatement[] =>
  Array.from({ length: count }, (_, n) => ({ policy, statement: n, sid: `Statement${n}`, effect: 'Deny' }))
const looked = (count: number) =>
  new Map(Array.from({ length: count }, (_, n): [string, ContextValue] => [`aws:principaltag/${n}`, 'v'.repeat(256)]))

test('however much there is to tell, it fits into a header, and the least telling goes first', () => {
  const rows: [statements: number, conditions: number, resource: string | undefined][] = [
    [1, 1, undefined],
    [10, 0, undefined],
    [500, 500, undefined],
    [10, 20, `arn:aws:iam::${home}:role/${'p'.repeat(510)}/${'r'.repeat(64)}`],
  ]
  const sizes = rows.map(([statements, conditions, resource]) => {
    const explained = { matched: matched(statements), looked: looked(conditions) }
    const message = authorizationMessage(request(resource), refused, explained)
    assert.ok(JSON.stringify(message).length <= 1536, JSON.stringify(message))
    return { matched: message.matched.length, conditions: message.conditions.length, by: message.decidedBy.sid }
  })
  assert.deepEqual(sizes.at(0), { matched: 1, conditions: 1, by: 'Sid' })
  assert.ok(sizes.slice(1).every(({ conditions, by }) => conditions === 0 && by === 'Sid'))
})

test('values of conditions are cut, and lists of them', () => {
  const context = recordedContext(contextOf({ 'aws:tagkeys': ['a', 'b', 'c', 'd', 'e', 'f'] }))
  context.get('aws:tagkeys')
  context.get('aws:sourceip')
  const message = authorizationMessage(request(), refused, { matched: [], looked: context.looked })
  assert.deepEqual(message.conditions, [['aws:tagkeys', ['a', 'b', 'c', 'd', 'e']]])
})

test('between accounts its length tells nothing', () => {
  const away = { ...request(`arn:aws:ecr:eu-west-1:444455556666:repository/app`), resourceAccountId: '444455556666' }
  const implicit: Decision = { decision: 'implicit-deny', decidedBy: { kind: 'identity' } }
  const lengths = [
    ...[0, 1, 5, 10].map((count) =>
      authorizationMessage(away, implicit, { matched: matched(count), looked: looked(count) }),
    ),
    authorizationMessage(away, refused, { matched: matched(1), looked: looked(1) }),
  ].map((message) => JSON.stringify(message).length)
  assert.deepEqual(new Set(lengths), new Set([1536]))
})

test('nobody but the two accounts reads it', () => {
  const message = authorizationMessage(request(), refused, { matched: [], looked: new Map() })
  assert.equal(decodedMessage(message, '999999999999'), undefined)
  assert.match(decodedMessage(message, home) ?? '', /^\{"allowed":false,"explicitDeny":true/)
})
