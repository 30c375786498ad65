// Each row is one condition on one request, and whether it holds: in an Allow, and, where that differs, in a Deny.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { contextOf } from '../../../test/support/policies.ts'
import { compileCondition, PolicyCompileError } from './compile-condition.ts'
import { operatorNames, parseOperator } from './condition-operators.ts'
import { CaseVariants, type ContextValue } from './context.ts'

const absent = undefined
const home = '111122223333'
const roleArn = `arn:aws:iam::${home}:role/team/ci`

type Row = [
  operator: string,
  policy: string | string[],
  request: ContextValue | undefined,
  inAllow: boolean,
  inDeny?: boolean,
]

function holds([operator, policy, request]: Row, effect: 'Allow' | 'Deny', version2012 = true): boolean {
  const values = typeof policy === 'string' ? [policy] : policy
  const context = contextOf({
    'aws:username': 'alice',
    'aws:PrincipalArn': roleArn,
    'aws:PrincipalAccount': home,
    'aws:PrincipalTag/star': '*',
    'aws:PrincipalTag/truth': 'true',
    ...(request === undefined ? {} : { 'test:Key': request }),
  })
  return compileCondition({ operator, key: 'Test:kEY', values }, effect, version2012)(context)
}

const tabled: string[] = []

function table(source: string, rows: Row[]): void {
  tabled.push(...rows.map(([operator]) => operator))
  describe(source, () => {
    for (const row of rows) {
      const [operator, policy, request, inAllow, inDeny = inAllow] = row
      test(`${operator} ${JSON.stringify(policy)} on ${JSON.stringify(request)}`, () => {
        assert.deepEqual([holds(row, 'Allow'), holds(row, 'Deny')], [inAllow, inDeny])
      })
    }
  })
}

table('IAM condition operators: String', [
  ['StringEquals', 'a', 'a', true],
  ['StringEquals', 'a', 'A', false],
  ['StringEquals', 'a', 'b', false],
  ['StringEquals', 'a', '', false],
  ['StringEquals', '', '', true],
  ['StringEquals', ['a', 'b'], 'b', true],
  ['StringEquals', ['a', 'b'], 'c', false],
  ['StringEquals', [], 'a', false],
  ['StringEquals', 'a*', 'ab', false],
  ['StringEquals', 'a*', 'a*', true],
  ['StringEquals', 'a', absent, false],
  ['stringEQUALS', 'a', 'a', true],
  ['StringNotEquals', 'a', 'b', true],
  ['StringNotEquals', 'a', 'a', false],
  ['StringNotEquals', ['a', 'b'], 'b', false],
  ['StringNotEquals', ['a', 'b'], 'c', true],
  ['StringNotEquals', [], 'a', true],
  ['StringNotEquals', 'a', absent, true],
  ['StringEqualsIgnoreCase', 'Team', 'tEAM', true],
  ['StringEqualsIgnoreCase', 'Team', 'teams', false],
  ['StringEqualsIgnoreCase', 'Team', absent, false],
  ['StringNotEqualsIgnoreCase', 'Team', 'TEAM', false],
  ['StringNotEqualsIgnoreCase', 'Team', 'other', true],
  ['StringNotEqualsIgnoreCase', 'Team', absent, true],
  ['StringLike', 'a*', 'abc', true],
  ['StringLike', 'a*', 'a', true],
  ['StringLike', 'a?', 'ab', true],
  ['StringLike', 'a?', 'a', false],
  ['StringLike', '*', '', true],
  ['StringLike', '*', 'x:y/z', true],
  ['StringLike', 'A*', 'abc', false],
  ['StringLike', ['x*', 'a*'], 'abc', true],
  ['StringLike', '*', absent, false],
  ['StringLike', 'repo:org/app:*', 'repo:org/app:ref:refs/heads/main', true],
  ['StringLike', 'repo:org/app:*', 'repo:org/app-evil:ref:refs/heads/main', false],
  ['StringNotLike', 'a*', 'abc', false],
  ['StringNotLike', 'a*', 'b', true],
  ['StringNotLike', ['a*', 'b*'], 'b', false],
  ['StringNotLike', 'a*', absent, true],
])

table('IAM condition operators: Numeric', [
  ['NumericEquals', '10', '10', true],
  ['NumericEquals', '10', '10.0', true],
  ['NumericEquals', '1e1', '10', true],
  ['NumericEquals', '10', '11', false],
  ['NumericEquals', ['1', '10'], '10', true],
  ['NumericEquals', '10', absent, false],
  ['NumericEquals', '10', 'ten', false],
  ['NumericNotEquals', '10', '11', true],
  ['NumericNotEquals', '10', '10', false],
  ['NumericNotEquals', ['10', '11'], '11', false],
  ['NumericNotEquals', '10', absent, true],
  ['NumericNotEquals', '10', 'ten', false, true],
  ['NumericLessThan', '10', '9', true],
  ['NumericLessThan', '10', '10', false],
  ['NumericLessThan', '10', '-1', true],
  ['NumericLessThanEquals', '10', '10', true],
  ['NumericLessThanEquals', '10', '10.1', false],
  ['NumericGreaterThan', '9', '10', true],
  ['NumericGreaterThan', '9', '9', false],
  ['NumericGreaterThanEquals', '9', '9', true],
  ['NumericGreaterThanEquals', '9', '8', false],
  ['NumericGreaterThanEquals', '9', absent, false],
  ['NumericLessThanIfExists', '9', absent, true],
])

table('IAM condition operators: Date', [
  ['DateEquals', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', true],
  ['DateEquals', '2026-01-01', '2026-01-01T00:00:00Z', true],
  ['DateEquals', '2026', '2026-01-01T00:00:00.000Z', true],
  ['DateEquals', '1767225600', '2026-01-01T00:00:00Z', true],
  ['DateEquals', '2026-01-01T02:00:00+02:00', '2026-01-01T00:00:00Z', true],
  ['DateEquals', '2026-01-01T00:00:00', '2026-01-01T00:00:00Z', true],
  ['DateEquals', '2026-01-01T00:00Z', '1767225600', true],
  ['DateEquals', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', false],
  ['DateNotEquals', '2026-01-01', '2026-01-02', true],
  ['DateNotEquals', '2026-01-01', '2026-01-01', false],
  ['DateNotEquals', '2026-01-01', absent, true],
  ['DateLessThan', '2027-01-01T00:00:00Z', '2026-11-24T00:00:00Z', true],
  ['DateLessThan', '1798761600', '2026-11-24T00:00:00Z', true],
  ['DateLessThan', '2026-01-01T00:00:00Z', '2026-11-24T00:00:00Z', false],
  ['DateLessThan', '1767225600', '2026-11-24T00:00:00Z', false],
  ['DateLessThanEquals', '2026-01-01', '2026-01-01', true],
  ['DateGreaterThan', '1798761600', '2026-11-24T00:00:00Z', false],
  ['DateGreaterThan', '2026-01-01', '2026-11-24T00:00:00Z', true],
  ['DateGreaterThan', '2026-01-01', '2026-01-01', false],
  ['DateGreaterThanEquals', '2026-01-01', '2026-01-01', true],
  ['DateGreaterThan', '2026-01-01', absent, false],
  ['DateGreaterThan', '2026-01-01', 'soon', false],
  ['DateGreaterThanIfExists', '2026-01-01', absent, true],
])

table('IAM condition operators: Boolean, Binary, Null', [
  ['Bool', 'true', 'true', true],
  ['Bool', 'TRUE', 'true', true],
  ['Bool', 'true', 'True', true],
  ['Bool', 'false', 'true', false],
  ['Bool', 'false', 'false', true],
  ['Bool', ['true', 'false'], 'false', true],
  ['Bool', 'false', absent, false],
  ['Bool', 'true', 'yes', false],
  ['BoolIfExists', 'false', absent, true],
  ['BoolIfExists', 'false', 'true', false],
  ['BinaryEquals', 'QmVydGg=', 'QmVydGg=', true],
  ['BinaryEquals', 'QmVydGg=', 'QmVydGg', true],
  ['BinaryEquals', 'QmVydGg=', 'QmVydGh=', true],
  ['BinaryEquals', 'QmVydGg=', 'Zm9v', false],
  ['BinaryEquals', 'QmVydGg=', 'not base64!', false],
  ['BinaryEquals', 'QmVydGg=', absent, false],
  ['Null', 'true', absent, true],
  ['Null', 'true', 'a', false],
  ['Null', 'true', '', false],
  ['Null', 'false', 'a', true],
  ['Null', 'false', absent, false],
  ['Null', 'FALSE', ['a', 'b'], true],
  ['Null', ['true', 'false'], 'a', true],
])

table('IAM condition operators: IP address', [
  ['IpAddress', '203.0.113.0/24', '203.0.113.7', true],
  ['IpAddress', '203.0.113.0/24', '203.0.114.7', false],
  ['IpAddress', '203.0.113.7', '203.0.113.7', true],
  ['IpAddress', '203.0.113.7', '203.0.113.8', false],
  ['IpAddress', '0.0.0.0/0', '198.51.100.1', true],
  ['IpAddress', '0.0.0.0/0', '2001:db8::1', false],
  ['IpAddress', '::/0', '198.51.100.1', false],
  ['IpAddress', '::/0', '2001:db8::1', true],
  ['IpAddress', ['10.0.0.0/8', '192.168.0.0/16'], '192.168.3.4', true],
  ['IpAddress', '10.0.0.0/8', '::ffff:10.0.0.1', true],
  ['IpAddress', '::ffff:10.0.0.0/104', '10.9.9.9', true],
  ['IpAddress', '::ffff:10.0.0.0/104', '11.9.9.9', false],
  ['IpAddress', '2001:DB8:1234:5678::/64', '2001:db8:1234:5678:9abc::1', true],
  ['IpAddress', '2001:db8:1234:5678::/64', '2001:db8:1234:5679::1', false],
  ['IpAddress', '2001:db8::1', '2001:0db8:0000:0000:0000:0000:0000:0001', true],
  ['IpAddress', '10.1.2.3/8', '10.200.0.1', true],
  ['IpAddress', '10.0.0.0/8', absent, false],
  ['IpAddress', '10.0.0.0/8', '010.0.0.1', false],
  ['IpAddress', '10.0.0.0/8', '10.0.0.1.evil', false],
  ['NotIpAddress', '10.0.0.0/8', '192.0.2.1', true],
  ['NotIpAddress', '10.0.0.0/8', '10.0.0.1', false],
  ['NotIpAddress', ['10.0.0.0/8', '192.0.2.0/24'], '192.0.2.1', false],
  ['NotIpAddress', ['10.0.0.0/8', '192.0.2.0/24'], '198.51.100.1', true],
  ['NotIpAddress', '10.0.0.0/8', '::ffff:10.0.0.1', false],
  ['NotIpAddress', '10.0.0.0/8', absent, true],
  ['NotIpAddress', '10.0.0.0/8', 'garbage', false, true],
  ['NotIpAddressIfExists', '10.0.0.0/8', absent, true],
  ['IpAddressIfExists', '10.0.0.0/8', absent, true],
])

table('IAM condition operators: ARN', [
  ['ArnLike', `arn:aws:iam::${home}:role/*`, roleArn, true],
  ['ArnEquals', `arn:aws:iam::${home}:role/*`, roleArn, true],
  ['ArnEquals', roleArn, roleArn, true],
  ['ArnLike', 'arn:aws:iam::*:role/team/ci', roleArn, true],
  ['ArnLike', 'arn:*:iam::*:role/team/c?', roleArn, true],
  ['ArnLike', 'arn:aws:iam:*:role/team/ci', roleArn, false],
  ['ArnLike', 'arn:*', roleArn, false],
  ['ArnLike', '*', roleArn, false],
  ['ArnLike', 'arn:aws:iam::*:*', roleArn, true],
  ['ArnLike', 'arn:aws:iam::*:user/*', roleArn, false],
  ['ArnLike', 'arn:aws:ecr:*:*:*', 'arn:aws:ecr:eu-west-1:111122223333:a:b:c', true],
  ['ArnLike', 'arn:aws:ecr:*:*:a:*', 'arn:aws:ecr:eu-west-1:111122223333:a:b:c', true],
  ['ArnLike', roleArn, 'no ARN at all', false],
  ['ArnLike', roleArn, absent, false],
  ['ArnNotLike', `arn:aws:iam::${home}:role/*`, roleArn, false],
  ['ArnNotLike', `arn:aws:iam::${home}:user/*`, roleArn, true],
  ['ArnNotEquals', [roleArn, 'arn:aws:iam::*:user/*'], roleArn, false],
  ['ArnNotEquals', roleArn, absent, true],
  ['ArnLikeIfExists', roleArn, absent, true],
])

table('IAM condition operators: IfExists', [
  ['StringEqualsIfExists', 'a', absent, true],
  ['StringEqualsIfExists', 'a', 'a', true],
  ['StringEqualsIfExists', 'a', 'b', false],
  ['StringNotEqualsIfExists', 'a', absent, true],
  ['StringNotEqualsIfExists', 'a', 'a', false],
  ['StringLikeIFEXISTS', 'a*', absent, true],
])

table('IAM multivalued context keys', [
  ['ForAllValues:StringEquals', ['a', 'b'], ['a'], true],
  ['ForAllValues:StringEquals', ['a', 'b'], ['b', 'a'], true],
  ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'c'], false],
  ['ForAllValues:StringEquals', 'a', 'a', true],
  ['ForAllValues:StringEquals', 'a', 'b', false],
  ['ForAllValues:StringEquals', 'a', [], true],
  ['ForAllValues:StringEquals', 'a', '', true],
  ['ForAllValues:StringEquals', 'a', absent, true],
  ['ForAllValues:StringLike', 'a*', ['ab', 'ac'], true],
  ['ForAllValues:StringLike', 'a*', ['ab', 'bc'], false],
  ['ForAllValues:StringNotEquals', 'a', ['b', 'c'], true],
  ['ForAllValues:StringNotEquals', 'a', ['a', 'c'], false],
  ['ForAllValues:StringNotEquals', 'a', absent, true],
  ['ForAnyValue:StringEquals', 'a', ['b', 'a'], true],
  ['ForAnyValue:StringEquals', ['a', 'c'], ['b', 'd'], false],
  ['ForAnyValue:StringEquals', 'a', 'a', true],
  ['ForAnyValue:StringEquals', 'a', [], false],
  ['ForAnyValue:StringEquals', 'a', absent, false],
  ['ForAnyValue:StringNotEquals', 'a', ['a', 'b'], true],
  ['ForAnyValue:StringNotEquals', 'a', ['a'], false],
  ['ForAnyValue:StringNotEquals', 'a', absent, false],
  ['ForAnyValue:StringEqualsIfExists', 'a', absent, true],
  ['ForAnyValue:StringEqualsIfExists', 'a', ['b'], false],
  ['foranyvalue:stringlike', 'a*', ['b', 'ab'], true],
  ['ForAnyValue:ArnLike', 'arn:aws:iam::*:role/*', ['x', roleArn], true],
  ['ForAnyValue:IpAddress', '10.0.0.0/8', ['192.0.2.1', '10.0.0.1'], true],
  ['ForAllValues:NumericLessThan', '10', ['1', '2'], true],
])

table('a list without ForAllValues or ForAnyValue, which AWS leaves undefined, opens nothing', [
  ['StringEquals', 'a', ['a'], false, true],
  ['StringNotEquals', 'a', ['b'], false, true],
  ['StringLike', '*', ['a', 'b'], false, true],
  ['StringEqualsIfExists', 'a', ['a'], false, true],
])

table('tags that differ only by case: an Allow needs both, a Deny one', [
  ['StringEquals', 'a', new CaseVariants(['a', 'b']), false, true],
  ['StringEquals', 'a', new CaseVariants(['a', 'a']), true],
  ['StringEquals', 'c', new CaseVariants(['a', 'b']), false],
  ['StringNotEquals', 'a', new CaseVariants(['a', 'b']), false, true],
  ['ForAnyValue:StringEquals', 'a', new CaseVariants(['a', 'b']), false, true],
])

table('IAM policy elements: variables and tags, in conditions', [
  ['StringEquals', `\${aws:username}`, 'alice', true],
  ['StringEquals', `\${aws:username}`, 'bob', false],
  ['StringEquals', ['x', `\${aws:username}`], 'alice', true],
  ['StringEqualsIgnoreCase', `\${aws:username}`, 'ALICE', true],
  ['StringLike', `\${aws:username}/*`, 'alice/x', true],
  ['StringLike', `\${aws:PrincipalTag/star}`, 'anything', false],
  ['StringLike', `\${aws:PrincipalTag/star}`, '*', true],
  ['StringEquals', `\${aws:absent}`, '', false],
  ['StringEquals', `\${aws:absent, 'x'}`, 'x', true],
  ['StringEquals', ['x', `\${aws:absent}`], 'x', true],
  ['StringNotEquals', `\${aws:username}`, 'alice', false],
  ['StringNotEquals', `\${aws:username}`, 'bob', true],
  // Nothing to compare with: the Deny stands.
  ['StringNotEquals', `\${aws:absent}`, 'x', false, true],
  ['StringNotLike', [`\${aws:absent}*`, 'y'], 'x', false, true],
  ['StringNotEquals', ['x', `\${aws:absent}`], 'x', false],
  ['ArnEquals', `\${aws:PrincipalArn}`, roleArn, true],
  ['ArnLike', `arn:aws:iam::\${aws:PrincipalAccount}:role/*`, roleArn, true],
  ['ArnLike', `arn:aws:iam::\${aws:absent}:role/*`, roleArn, false],
  ['Bool', `\${aws:PrincipalTag/truth}`, 'true', true],
  ['Bool', `\${aws:PrincipalTag/truth}`, 'false', false],
  ['Bool', `\${aws:username}`, 'true', false],
  ['Bool', `\${aws:absent}`, 'true', false],
])

test('IAM policy elements: Version: in 2008-10-17 a variable is plain text', () => {
  const row: Row = ['StringEquals', `\${aws:username}`, 'alice', false]
  assert.equal(holds(row, 'Allow', false), false)
  assert.equal(holds([row[0], row[1], `\${aws:username}`, true], 'Allow', false), true)
})

describe('what parsePolicy would have refused is not compiled', () => {
  const rows: [string, string][] = [
    ['StringMatches', 'a'],
    ['NullIfExists', 'true'],
    ['ForAllValues:Null', 'true'],
    ['Null', 'maybe'],
    ['NumericEquals', 'ten'],
    ['NumericEquals', `\${aws:EpochTime}`],
    ['DateEquals', 'soon'],
    ['DateEquals', '2026-02-30'],
    ['Bool', 'yes'],
    ['BinaryEquals', 'not base64!'],
    ['IpAddress', '10.0.0.0/33'],
    ['IpAddress', '10.0.0'],
    ['IpAddress', '1::2::3'],
    ['StringEquals', `\${`],
  ]
  for (const [operator, value] of rows) {
    test(`${operator} ${value}`, () => {
      assert.throws(() => compileCondition({ operator, key: 'a:b', values: [value] }, 'Deny', true), PolicyCompileError)
    })
  }
})

test('every operator is in a table above', () => {
  const used = new Set(tabled.map((operator) => parseOperator(operator)?.name))
  assert.deepEqual(
    operatorNames.filter((name) => !used.has(name)),
    [],
  )
})
