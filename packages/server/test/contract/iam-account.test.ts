// The account as a whole: its summary, alias, password policy, the export of everybody with his policies, the report of credentials; whole answers
// by Amazon's client, refusals byte for byte, who may (IAM GetAccountSummary, CreateAccountAlias, GetAccountPasswordPolicy,
// GetAccountAuthorizationDetails, GenerateCredentialReport).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { GetAccountAuthorizationDetailsCommandInput, IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { type QueryWire, textOf } from '../support/query-wire.ts'

const other = '210987654321'
const arnOf = (name: string) => `arn:aws:iam::${account}:${name}`
const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const pullOnly = 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly'
const createdAt = new Date('2026-11-14T12:00:00Z')
const policyOf = (Action: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] })
/** RFC 3986, section 2.1: all but the unreserved characters. */
const encoded = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) => (/[\w.~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : hex(byte)))
    .join('')
const hex = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

let registry: ContractRegistry
let iam: QueryWire
let stranger: QueryWire
let amazon: IAMClient
before(async () => {
  registry = await contractRegistry()
  iam = registry.iam()
  stranger = registry.iam(await registry.createAccount(other))
  amazon = iamClient(registry)
})
after(async () => {
  amazon?.destroy()
  await registry?.close()
})

const { GetAccountSummaryCommand, GetAccountAuthorizationDetailsCommand } = amazonIam()
const { CreateAccountAliasCommand, DeleteAccountAliasCommand, ListAccountAliasesCommand } = amazonIam()
const { GenerateCredentialReportCommand, GetCredentialReportCommand } = amazonIam()

const trust = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: arnOf('user/alice') }, Action: 'sts:AssumeRole' }],
})
const idOf = async (action: string, parameters: Record<string, string>, element: string) =>
  textOf(await iam.ok(action, parameters), element)

/** Everything that an account can have, once. */
async function populate() {
  const local = await iam.ok('CreatePolicy', { PolicyName: 'own', Path: '/p/', PolicyDocument: policyOf('ecr:*') })
  const own = textOf(local, 'Arn')
  await iam.ok('CreatePolicyVersion', { PolicyArn: own, PolicyDocument: policyOf('ecr:Get*'), SetAsDefault: true })
  const alice = { UserName: 'alice' }
  const tag = { 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': 'a' }
  await iam.ok('CreateUser', { ...alice, Path: '/u/', ...tag, PermissionsBoundary: administratorAccess })
  await iam.ok('UpdateUser', { ...alice, NewPath: '/' })
  await iam.ok('PutUserPolicy', { ...alice, PolicyName: 'mine', PolicyDocument: policyOf('iam:GetUser') })
  await iam.ok('AttachUserPolicy', { ...alice, PolicyArn: own })
  await iam.ok('CreateGroup', { GroupName: 'team' })
  await iam.ok('AddUserToGroup', { ...alice, GroupName: 'team' })
  await iam.ok('AttachGroupPolicy', { GroupName: 'team', PolicyArn: pullOnly })
  await iam.ok('CreateRole', { RoleName: 'deploy', AssumeRolePolicyDocument: trust })
  await iam.ok('AttachRolePolicy', { RoleName: 'deploy', PolicyArn: own })
  return { own, policyId: textOf(local, 'PolicyId') }
}

describe('GetAccountSummary', () => {
  test('counts what there is, in this account only', async () => {
    const summary = async () => (await amazon.send(new GetAccountSummaryCommand({}))).SummaryMap
    const quotas = {
      ...{ UsersQuota: 5000, GroupsQuota: 300, RolesQuota: 1000, PoliciesQuota: 1500 },
      ...{ GroupsPerUserQuota: 10, AccessKeysPerUserQuota: 2, VersionsPerPolicyQuota: 5 },
      ...{ AttachedPoliciesPerUserQuota: 10, AttachedPoliciesPerGroupQuota: 10, AttachedPoliciesPerRoleQuota: 10 },
      ...{ PolicySizeQuota: 6144, UserPolicySizeQuota: 2048, GroupPolicySizeQuota: 5120, RolePolicySizeQuota: 10240 },
      ...{ AssumeRolePolicySizeQuota: 2048, PolicyVersionsInUseQuota: 7500, GlobalEndpointTokenVersion: 2 },
      ...{ AccountMFAEnabled: 0, AccountPasswordPresent: 0, AccountSigningCertificatesPresent: 0 },
      ...{ InstanceProfiles: 0, InstanceProfilesQuota: 0, MFADevices: 0, MFADevicesInUse: 0 },
      ...{ ServerCertificates: 0, ServerCertificatesQuota: 0, SigningCertificatesPerUserQuota: 0 },
      ...{ Providers: 0, AccountAccessKeysPresent: 0 },
    }
    const empty = { Users: 1, Groups: 0, Roles: 0, Policies: 0, PolicyVersionsInUse: 0 }
    assert.deepEqual(await summary(), { ...quotas, ...empty })
    await populate()
    assert.deepEqual(await summary(), {
      ...quotas,
      ...{ Users: 2, Groups: 1, Roles: 1, Policies: 1, PolicyVersionsInUse: 2 },
    })
    assert.match(await stranger.ok('GetAccountSummary'), /<key>Users<\/key><value>1</)
  })
})

describe('the alias of an account', () => {
  const aliases = async () => membersOf(await amazon.send(new ListAccountAliasesCommand({})))

  test('one at most; a new one takes its place', async () => {
    assert.deepEqual(await aliases(), { AccountAliases: [], IsTruncated: false })
    const create = (AccountAlias: string) => amazon.send(new CreateAccountAliasCommand({ AccountAlias }))
    assert.deepEqual(membersOf(await create('first')), {})
    assert.deepEqual(membersOf(await create('first')), {})
    await create('second-1')
    assert.deepEqual(await aliases(), { AccountAliases: ['second-1'], IsTruncated: false })
    await stranger.ok('CreateAccountAlias', { AccountAlias: 'first' })
    const remove = new DeleteAccountAliasCommand({ AccountAlias: 'second-1' })
    assert.deepEqual(membersOf(await amazon.send(remove)), {})
    assert.deepEqual(await aliases(), { AccountAliases: [], IsTruncated: false })
  })

  test('refusals: taken by another account, not this account’s, no alias at all', async () => {
    const taken = [409, 'EntityAlreadyExists', 'The account alias first already exists.'] as const
    await iam.refused('CreateAccountAlias', { AccountAlias: 'first' }, ...taken)
    const missing = [404, 'NoSuchEntity', 'The account alias first cannot be found.'] as const
    await iam.refused('DeleteAccountAlias', { AccountAlias: 'first' }, ...missing)
    await iam.refused('ListAccountAliases', { Marker: 'x' }, 400, 'ValidationError', 'Invalid Marker.')
    const pattern = 'Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$'
    for (const alias of ['Capital', 'two--hyphens', '-first', 'last-'])
      await iam.refused(
        ...(['CreateAccountAlias', { AccountAlias: alias }, 400, 'ValidationError'] as const),
        `1 validation error detected: Value '${alias}' at 'accountAlias' failed to satisfy constraint: ${pattern}`,
      )
  })

  test('of two accounts that ask for the same at once, one gets it', async () => {
    for (let n = 0; n < 5; n++) {
      const AccountAlias = `race-${n}`
      const answers = await Promise.all(
        [iam, stranger].map((each) => each.call('CreateAccountAlias', { AccountAlias })),
      )
      assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409])
    }
  })
})

test('GetAccountPasswordPolicy: there are no passwords', async () => {
  const message = `The Password Policy with domain name ${account} cannot be found.`
  await iam.refused('GetAccountPasswordPolicy', {}, 404, 'NoSuchEntity', message)
})

describe('GetAccountAuthorizationDetails', () => {
  const details = async (input: GetAccountAuthorizationDetailsCommandInput = {}) =>
    membersOf(await amazon.send(new GetAccountAuthorizationDetailsCommand(input)))
  const attached = (arn: string) => ({ PolicyName: arn.split('/').at(-1), PolicyArn: arn })
  const namesOf = (found: Awaited<ReturnType<typeof details>>) => [
    ...(found.UserDetailList ?? []).map(({ UserName }) => UserName),
    ...(found.GroupDetailList ?? []).map(({ GroupName }) => GroupName),
    ...(found.RoleDetailList ?? []).map(({ RoleName }) => RoleName),
    ...(found.Policies ?? []).map(({ PolicyName }) => PolicyName),
  ]

  test('everybody with all his policies, and the policies that are used', async () => {
    const own = arnOf('policy/p/own')
    const userId = (UserName: string) => idOf('GetUser', { UserName }, 'UserId')
    const common = { CreateDate: createdAt, Path: '/' }
    const { Policies, ...entities } = await details()
    assert.deepEqual(entities, {
      IsTruncated: false,
      UserDetailList: [
        {
          ...common,
          UserName: 'admin',
          UserId: await userId('admin'),
          Arn: arnOf('user/admin'),
          UserPolicyList: [],
          GroupList: [],
          AttachedManagedPolicies: [attached(administratorAccess)],
        },
        {
          ...common,
          UserName: 'alice',
          UserId: await userId('alice'),
          Arn: arnOf('user/alice'),
          UserPolicyList: [{ PolicyName: 'mine', PolicyDocument: encoded(policyOf('iam:GetUser')) }],
          GroupList: ['team'],
          AttachedManagedPolicies: [attached(own)],
          PermissionsBoundary: {
            PermissionsBoundaryType: 'PermissionsBoundaryPolicy',
            PermissionsBoundaryArn: administratorAccess,
          },
          Tags: [{ Key: 'team', Value: 'a' }],
        },
      ],
      GroupDetailList: [
        {
          ...common,
          GroupName: 'team',
          GroupId: await idOf('GetGroup', { GroupName: 'team' }, 'GroupId'),
          Arn: arnOf('group/team'),
          GroupPolicyList: [],
          AttachedManagedPolicies: [attached(pullOnly)],
        },
      ],
      RoleDetailList: [
        {
          ...common,
          RoleName: 'deploy',
          RoleId: await idOf('GetRole', { RoleName: 'deploy' }, 'RoleId'),
          Arn: arnOf('role/deploy'),
          AssumeRolePolicyDocument: encoded(trust),
          InstanceProfileList: [],
          RolePolicyList: [],
          AttachedManagedPolicies: [attached(own)],
        },
      ],
    })
    const [local, administrator, pull, ...rest] = Policies ?? []
    assert.deepEqual(rest, [])
    assert.deepEqual(local, {
      PolicyName: 'own',
      PolicyId: await idOf('GetPolicy', { PolicyArn: own }, 'PolicyId'),
      Arn: own,
      Path: '/p/',
      DefaultVersionId: 'v2',
      AttachmentCount: 2,
      PermissionsBoundaryUsageCount: 0,
      IsAttachable: true,
      CreateDate: createdAt,
      UpdateDate: createdAt,
      PolicyVersionList: [
        { VersionId: 'v2', IsDefaultVersion: true, CreateDate: createdAt, Document: encoded(policyOf('ecr:Get*')) },
        { VersionId: 'v1', IsDefaultVersion: false, CreateDate: createdAt, Document: encoded(policyOf('ecr:*')) },
      ],
    })
    assert.deepEqual(
      [administrator, pull].map((each) => [each?.Arn, each?.AttachmentCount, each?.PermissionsBoundaryUsageCount]),
      [
        [administratorAccess, 1, 1],
        [pullOnly, 1, 0],
      ],
    )
  })

  test('the trust policy of a role shows the id of a user who is gone', async () => {
    await iam.ok('CreateUser', { UserName: 'leaver' })
    const id = await idOf('GetUser', { UserName: 'leaver' }, 'UserId')
    const document = trust.replace('user/alice', 'user/leaver')
    await iam.ok('CreateRole', { RoleName: 'trusting', AssumeRolePolicyDocument: document })
    await iam.ok('DeleteUser', { UserName: 'leaver' })
    const { RoleDetailList = [] } = await details({ Filter: ['Role'] })
    const shown = decodeURIComponent(RoleDetailList.at(-1)?.AssumeRolePolicyDocument ?? '')
    const parsed = JSON.parse(shown) as { Statement: [{ Principal: { AWS: string } }] }
    assert.equal(parsed.Statement[0].Principal.AWS, id)
    await iam.ok('DeleteRole', { RoleName: 'trusting' })
  })

  test('the filter; other accounts are not in it', async () => {
    assert.deepEqual(namesOf(await details({ Filter: ['Group', 'LocalManagedPolicy'] })), ['team', 'own'])
    const ofAws = ['AdministratorAccess', 'AmazonEC2ContainerRegistryPullOnly']
    assert.deepEqual(namesOf(await details({ Filter: ['AWSManagedPolicy'] })), ofAws)
    const foreign = await stranger.ok('GetAccountAuthorizationDetails')
    assert.doesNotMatch(foreign, /alice|team|deploy|>own</)
    const constraint = 'Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]'
    await iam.refused(
      ...(['GetAccountAuthorizationDetails', { 'Filter.member.1': 'Robot' }, 400, 'ValidationError'] as const),
      `1 validation error detected: Value 'Robot' at 'filter.1.member' failed to satisfy constraint: ${constraint}`,
    )
  })

  test('pages of any length have everything once, in the same order', async () => {
    const whole = namesOf(await details())
    assert.equal(whole.length, 7)
    for (const MaxItems of [1, 2, 3, 5, 7, 100]) {
      const seen: (string | undefined)[] = []
      let Marker: string | undefined
      do {
        const page = await details({ MaxItems, ...(Marker === undefined ? {} : { Marker }) })
        assert.ok(namesOf(page).length <= MaxItems)
        seen.push(...namesOf(page))
        Marker = page.Marker
        assert.equal(page.IsTruncated, Marker !== undefined)
      } while (Marker !== undefined)
      assert.deepEqual(seen, whole, String(MaxItems))
    }
  })

  test('a marker is good for this list and this account only', async () => {
    const Marker = textOf(await iam.ok('GetAccountAuthorizationDetails', { MaxItems: 1 }), 'Marker')
    const refused = [400, 'ValidationError', 'Invalid Marker.'] as const
    await stranger.refused('GetAccountAuthorizationDetails', { Marker }, ...refused)
    await iam.refused('ListUsers', { Marker }, ...refused)
    const ofUsers = textOf(await iam.ok('ListUsers', { MaxItems: 1 }), 'Marker')
    await iam.refused('GetAccountAuthorizationDetails', { Marker: ofUsers }, ...refused)
  })
})

describe('the report of credentials', () => {
  test('is always there, and made of what is in the database when it is asked for', async () => {
    const generated = await amazon.send(new GenerateCredentialReportCommand({}))
    assert.deepEqual(membersOf(generated), { State: 'COMPLETE' })
    await iam.ok('CreateUser', { UserName: 'a,b', Path: '/q/' })
    const key = await registry.createUser('keyed')
    registry.clock.advance(120_000)
    await registry.awsAs(key, 'eu-west-1').call('DescribeRepositories')
    const second = textOf(await iam.ok('CreateAccessKey', { UserName: 'keyed' }), 'AccessKeyId')
    await iam.ok('UpdateAccessKey', { UserName: 'keyed', AccessKeyId: second, Status: 'Inactive' })
    const report = await amazon.send(new GetCredentialReportCommand({}))
    registry.clock.advance(-120_000)
    assert.equal(report.ReportFormat, 'text/csv')
    assert.deepEqual(report.GeneratedTime, new Date('2026-11-14T12:02:00Z'))
    const [head, root, comma, admin, alice, keyed, ...rest] = Buffer.from(report.Content ?? [])
      .toString()
      .split('\n')
    assert.deepEqual(rest, [])
    assert.equal(
      head,
      'user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated',
    )
    const start = '2026-11-14T12:00:00+00:00'
    const later = '2026-11-14T12:02:00+00:00'
    const noKey = 'false,N/A,N/A,N/A,N/A'
    const noCertificates = 'false,N/A,false,N/A'
    const noPassword = 'false,N/A,N/A,N/A,false'
    assert.equal(
      root,
      `<root_account>,${arnOf('root')},${start},not_supported,N/A,not_supported,not_supported,false,${noKey},${noKey},${noCertificates}`,
    )
    assert.equal(comma, `"a,b","${arnOf('user/q/a,b')}",${start},${noPassword},${noKey},${noKey},${noCertificates}`)
    assert.equal(
      admin,
      `admin,${arnOf('user/admin')},${start},${noPassword},true,${start},${later},us-east-1,iam,${noKey},${noCertificates}`,
    )
    assert.equal(alice, `alice,${arnOf('user/alice')},${start},${noPassword},${noKey},${noKey},${noCertificates}`)
    assert.equal(
      keyed,
      `keyed,${arnOf('user/keyed')},${start},${noPassword},true,${start},${later},eu-west-1,ecr,false,${later},N/A,N/A,N/A,${noCertificates}`,
    )
  })
})

test('who may: none of it without the permission', async () => {
  const nobody = registry.iam(await registry.createUser('without'))
  for (const [action, parameters] of [
    ['GetAccountSummary', {}],
    ['ListAccountAliases', {}],
    ['CreateAccountAlias', { AccountAlias: 'mine' }],
    ['DeleteAccountAlias', { AccountAlias: 'mine' }],
    ['GetAccountPasswordPolicy', {}],
    ['GetAccountAuthorizationDetails', {}],
    ['GenerateCredentialReport', {}],
    ['GetCredentialReport', {}],
  ] as const) {
    const sentence = `User: ${arnOf('user/without')} is not authorized to perform: iam:${action} on resource: * because no identity-based policy allows the iam:${action} action`
    await nobody.refused(action, parameters, 403, 'AccessDenied', sentence)
  }
})
