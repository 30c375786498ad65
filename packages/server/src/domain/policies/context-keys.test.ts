import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  alice,
  away,
  federated,
  githubProvider,
  home,
  root,
  service,
  session,
  webIdentity,
} from '../../../test/support/policies.ts'
import { CaseVariants, type ContextValue } from './context.ts'
import { type ContextInputs, createContextKeys } from './context-keys.ts'

const now = Date.UTC(2026, 10, 24, 12, 0, 0)
const base: ContextInputs = {
  caller: alice,
  now,
  region: 'eu-west-1',
  resourceAccountId: away,
  isSecureTransport: true,
  sourceIp: '192.0.2.1',
}
const ci = session('ci')
const ofSession = { ...base, caller: ci, session: { issuedAt: now - 60_000 } }
const tag = (key: string, value: string) => ({ key, value })
const issuer = 'token.actions.githubusercontent.com'

const rows: [key: string, inputs: ContextInputs, expected: ContextValue | undefined][] = [
  ['aws:PrincipalArn', base, alice.arn],
  ['aws:PrincipalArn', ofSession, ci.roleArn],
  ['aws:PrincipalArn', { ...base, caller: root() }, root().arn],
  ['aws:PrincipalArn', { ...base, caller: webIdentity() }, undefined],
  ['aws:PrincipalAccount', base, home],
  ['aws:PrincipalAccount', { ...base, caller: service('ecr.amazonaws.com') }, undefined],
  ['aws:PrincipalType', base, 'User'],
  ['aws:PrincipalType', ofSession, 'AssumedRole'],
  ['aws:PrincipalType', { ...base, caller: root() }, 'Account'],
  ['aws:PrincipalType', { ...base, caller: federated('feddy', alice) }, 'FederatedUser'],
  ['aws:userid', base, alice.kind === 'user' ? alice.userId : ''],
  ['aws:userid', ofSession, `${ci.roleId}:job`],
  ['aws:userid', { ...base, caller: root() }, home],
  ['aws:userid', { ...base, caller: federated('feddy', alice) }, `${home}:feddy`],
  ['aws:username', base, 'alice'],
  ['aws:username', { ...base, caller: { ...alice, arn: `arn:aws:iam::${home}:user/team/alice` } }, 'alice'],
  ['aws:username', ofSession, undefined],
  ['aws:PrincipalOrgID', base, undefined],
  ['aws:PrincipalOrgID', { ...base, organizationId: 'o-1' }, 'o-1'],
  ['aws:PrincipalIsAWSService', base, 'false'],
  ['aws:PrincipalIsAWSService', { ...base, caller: service('ecr.amazonaws.com') }, 'true'],
  ['aws:PrincipalServiceName', { ...base, caller: service('ecr.amazonaws.com') }, 'ecr.amazonaws.com'],
  ['aws:ViaAWSService', base, 'false'],
  ['aws:PrincipalTag/Team', { ...base, principalTags: [tag('team', 'a')] }, 'a'],
  ['aws:PrincipalTag/team', { ...base, principalTags: [tag('other', 'a')] }, undefined],
  [
    'aws:PrincipalTag/team',
    { ...ofSession, principalTags: [tag('Team', 'role')], session: { issuedAt: now, tags: [tag('team', 'session')] } },
    'session',
  ],
  ['aws:SourceIp', base, '192.0.2.1'],
  ['aws:SourceIp', { ...base, vpc: { vpcId: 'vpc-1' } }, undefined],
  ['aws:VpcSourceIp', { ...base, vpc: { vpcId: 'vpc-1' } }, '192.0.2.1'],
  ['aws:VpcSourceIp', base, undefined],
  ['aws:SourceVpc', { ...base, vpc: { vpcId: 'vpc-1' } }, 'vpc-1'],
  ['aws:SourceVpce', { ...base, vpc: { endpointId: 'vpce-1' } }, 'vpce-1'],
  ['aws:SecureTransport', base, 'true'],
  ['aws:SecureTransport', { ...base, isSecureTransport: false }, 'false'],
  ['aws:CurrentTime', base, '2026-11-24T12:00:00.000Z'],
  ['aws:EpochTime', base, '1795521600'],
  ['aws:TokenIssueTime', base, undefined],
  ['aws:TokenIssueTime', ofSession, '2026-11-24T11:59:00.000Z'],
  ['aws:MultiFactorAuthPresent', base, undefined],
  ['aws:MultiFactorAuthPresent', ofSession, 'false'],
  ['aws:MultiFactorAuthAge', ofSession, undefined],
  ['aws:MultiFactorAuthAge', { ...base, session: { issuedAt: now, mfaAuthenticatedAt: now - 90_500 } }, '90'],
  [
    'aws:FederatedProvider',
    { ...ofSession, session: { issuedAt: now, federatedProvider: githubProvider } },
    githubProvider,
  ],
  ['aws:FederatedProvider', { ...base, caller: webIdentity() }, githubProvider],
  ['aws:SourceIdentity', { ...ofSession, session: { issuedAt: now, sourceIdentity: 'ann' } }, 'ann'],
  ['aws:UserAgent', { ...base, userAgent: 'docker/28' }, 'docker/28'],
  ['aws:UserAgent', base, undefined],
  ['aws:Referer', { ...base, referer: 'https://example.com' }, 'https://example.com'],
  ['aws:RequestedRegion', base, 'eu-west-1'],
  ['aws:ResourceAccount', base, away],
  ['aws:ResourceTag/team', { ...base, resourceTags: () => [tag('team', 'a')] }, 'a'],
  ['ecr:ResourceTag/team', { ...base, resourceTags: () => [tag('team', 'a')] }, 'a'],
  ['aws:ResourceTag/a/b', { ...base, resourceTags: () => [tag('a/b', 'x')] }, 'x'],
  ['aws:ResourceTag/aws:x:y', { ...base, resourceTags: () => [tag('aws:x:y', 'x')] }, 'x'],
  ['aws:ResourceTag/__proto__', { ...base, resourceTags: () => [] }, undefined],
  ['aws:ResourceTag/team', base, undefined],
  ['aws:RequestTag/team', { ...base, requestTags: [tag('team', 'a')] }, 'a'],
  ['aws:RequestTag/team', { ...base, requestTagKeys: ['team'] }, undefined],
  ['aws:TagKeys', { ...base, requestTags: [tag('a', '1'), tag('b', '2')] }, ['a', 'b']],
  ['aws:TagKeys', { ...base, requestTagKeys: ['a'] }, ['a']],
  ['aws:TagKeys', { ...base, requestTags: [] }, undefined],
  ['ecr:AccountSetting', { ...base, accountSetting: 'BLOB_MOUNTING' }, 'BLOB_MOUNTING'],
  [
    'iam:PermissionsBoundary',
    { ...base, permissionsBoundary: `arn:aws:iam::${home}:policy/b` },
    `arn:aws:iam::${home}:policy/b`,
  ],
  [
    'iam:PolicyARN',
    { ...base, policyArn: 'arn:aws:iam::aws:policy/IAMFullAccess' },
    'arn:aws:iam::aws:policy/IAMFullAccess',
  ],
  ['sts:ExternalId', { ...base, assumeRole: { externalId: 'x' } }, 'x'],
  ['sts:RoleSessionName', { ...base, assumeRole: { roleSessionName: 'job' } }, 'job'],
  ['sts:SourceIdentity', { ...base, assumeRole: { sourceIdentity: 'ann' } }, 'ann'],
  ['sts:TransitiveTagKeys', { ...base, assumeRole: { transitiveTagKeys: ['team'] } }, ['team']],
  ['sts:ExternalId', base, undefined],
  [`${issuer}:sub`, { ...base, webIdentity: { issuer, claims: new Map([['sub', 'repo:o/a:x']]) } }, 'repo:o/a:x'],
  [`${issuer}:amr`, { ...base, webIdentity: { issuer, claims: new Map([['amr', ['a', 'b']]]) } }, ['a', 'b']],
  ['evil.example:sub', { ...base, webIdentity: { issuer, claims: new Map([['sub', 'x']]) } }, undefined],
  [
    'oidc.example/id/AB:sub',
    { ...base, webIdentity: { issuer: 'oidc.example/id/AB', claims: new Map([['sub', 'x']]) } },
    'x',
  ],
  ['__proto__', base, undefined],
  ['constructor', base, undefined],
]

describe('IAM global condition keys, and those of Amazon ECR and AWS STS', () => {
  for (const [key, inputs, expected] of rows) {
    test(`${key} of ${inputs.caller.kind} is ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(createContextKeys(inputs).get(key.toLowerCase()), expected)
    })
  }

  test('tags that differ only by case are kept apart, for a condition cannot say which it means', () => {
    const resourceTags = () => [tag('Team', 'a'), tag('team', 'b')]
    const value = createContextKeys({ ...base, resourceTags }).get('aws:resourcetag/team')
    assert.ok(value instanceof CaseVariants)
    assert.deepEqual(value.values, ['a', 'b'])
  })

  test('tags of the resource are read when they are asked for, and once', () => {
    let reads = 0
    const keys = createContextKeys({
      ...base,
      resourceTags: () => {
        reads++
        return [tag('team', 'a')]
      },
    })
    keys.get('aws:sourceip')
    assert.equal(reads, 0)
    keys.get('aws:resourcetag/team')
    keys.get('ecr:resourcetag/other')
    assert.equal(reads, 1)
  })
})
