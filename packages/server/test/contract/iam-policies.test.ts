// Policies of IAM: written into users, groups and roles, managed with their versions, as boundaries; what is refused, word for word; and that a
// policy which IAM has taken decides the next call on both wires (IAM PutUserPolicy, CreatePolicy, AttachRolePolicy and their kin).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { type Person, permit, user, whyNoPull } from '../support/people.ts'
import { type QueryWire, textOf } from '../support/query-wire.ts'

const policyArn = (pathAndName: string) => `arn:aws:iam::${account}:policy/${pathAndName}`
const ofAws = (name: string) => `arn:aws:iam::aws:policy/${name}`
const createdAt = new Date('2026-11-14T12:00:00Z')
const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const allow = (Action: string | string[], Resource: string | string[] = '*', more: object = {}) => ({
  ...{ Effect: 'Allow', Action, Resource },
  ...more,
})
const anything = policy(allow('*'))

let registry: ContractRegistry
let iam: QueryWire
let amazon: IAMClient
before(async () => {
  registry = await contractRegistry()
  iam = registry.iam()
  amazon = iamClient(registry)
  await iam.ok('CreateUser', { UserName: 'holder' })
  await iam.ok('CreateGroup', { GroupName: 'holder' })
  const AssumeRolePolicyDocument = policy({ Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' })
  await iam.ok('CreateRole', { RoleName: 'holder', AssumeRolePolicyDocument })
})
after(async () => {
  amazon?.destroy()
  await registry?.close()
})

const image = fixedImage('app')
const sdk = amazonIam()
const holders = [
  { word: 'User', member: 'UserName', limit: 2048 },
  { word: 'Group', member: 'GroupName', limit: 5120 },
  { word: 'Role', member: 'RoleName', limit: 10_240 },
] as const

describe('a policy is refused', () => {
  const statement = (more: object) => policy({ ...allow('ecr:*'), ...more })
  const repeated = (key: string) => anything.replace(`"${key}":`, `"${key}":"Deny","${key}":`)
  const malformed: [string, string, string][] = [
    ['that is no JSON', '{', 'Syntax errors in policy.'],
    ['that is a list', '[]', 'Syntax errors in policy.'],
    ['without a statement', policy(), 'Syntax errors in policy.'],
    ['with an element in small letters', anything.replace('Effect', 'effect'), 'Syntax errors in policy.'],
    ['with an unknown element', statement({ Effects: 'Allow' }), 'Syntax errors in policy.'],
    ['with Effect twice', repeated('Effect'), 'Syntax errors in policy.'],
    ['with Action twice', repeated('Action'), 'Syntax errors in policy.'],
    [
      'with one condition key twice',
      anything.replace('"Resource"', '"Condition":{"Bool":{"a:b":"true","a:b":"false"}},"Resource"'),
      'Syntax errors in policy.',
    ],
    ['of an unknown version', anything.replace('2012-10-17', '2013-01-01'), 'Syntax errors in policy.'],
    ['with an effect in small letters', statement({ Effect: 'allow' }), 'The policy failed legacy parsing'],
    ['without actions', policy({ Effect: 'Allow', Resource: '*' }), 'Policy statement must contain actions.'],
    ['without resources', policy({ Effect: 'Allow', Action: '*' }), 'Policy statement must contain resources.'],
    ['with a principal', statement({ Principal: '*' }), 'Policy document should not specify a principal.'],
    ['with NotPrincipal', statement({ NotPrincipal: '*' }), 'Policy document should not specify a principal.'],
    [
      'with two statements of one Sid',
      policy({ Sid: 'a', ...allow('*') }, { Sid: 'a', ...allow('*') }),
      'Statement IDs (SID) in a single policy must be unique.',
    ],
    [
      'with an action without a service',
      statement({ Action: 'PutImage' }),
      'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
    ],
    ['with an action of two colons', statement({ Action: 'ecr:a:b' }), 'Actions/Condition can contain only one colon.'],
    ['with a service that is none', statement({ Action: 'e_r:PutImage' }), 'Vendor e_r is not valid'],
    ['with a resource that is no ARN', statement({ Resource: 'app' }), 'Resource app must be in ARN format or "*".'],
    [
      'with an unknown operator',
      statement({ Condition: { StringIs: { 'aws:username': 'a' } } }),
      'Syntax errors in policy.',
    ],
    [
      'with a value that its operator can not read',
      statement({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } }),
      'Syntax errors in policy.',
    ],
  ]
  for (const [name, document, message] of malformed) {
    test(`${name}, wherever it is written`, async () => {
      const code = 'MalformedPolicyDocument'
      for (const { word, member } of holders) {
        const parameters = { [member]: 'holder', PolicyName: 'bad', PolicyDocument: document }
        await iam.refused(`Put${word}Policy`, parameters, 400, code, message)
      }
      // CreatePolicy takes no other version, and none is another.
      if (document.includes('2012-10-17') || document.length < 3)
        await iam.refused('CreatePolicy', { PolicyName: 'bad', PolicyDocument: document }, 400, code, message)
    })
  }

  test('a managed one without 2012-10-17', async () => {
    const old = { Version: '2008-10-17', Statement: allow('*') }
    const { Version: _, ...none } = old
    for (const document of [old, none]) {
      const parameters = { PolicyName: 'old', PolicyDocument: JSON.stringify(document) }
      const message = 'Policy document must be version 2012-10-17 or greater.'
      await iam.refused('CreatePolicy', parameters, 400, 'MalformedPolicyDocument', message)
      await iam.ok('PutUserPolicy', { UserName: 'holder', ...parameters })
    }
    await iam.ok('DeleteUserPolicy', { UserName: 'holder', PolicyName: 'old' })
  })

  test('one of a megabyte, and one of 10,000 statements', async () => {
    const many = JSON.stringify({ Version: '2012-10-17', Statement: Array.from({ length: 10_000 }, () => 1) })
    const statements = policy(...Array.from({ length: 2500 }, () => ({ Effect: 'Deny', Action: '*', Resource: '*' })))
    for (const document of ['x'.repeat(900_000), many, statements]) {
      for (const [action, parameters] of [
        ['PutUserPolicy', { UserName: 'holder', PolicyName: 'big' }],
        ['CreatePolicy', { PolicyName: 'big' }],
      ] as const) {
        const { status, text } = await iam.call(action, { ...parameters, PolicyDocument: document })
        assert.ok(status === 400 || status === 409, text)
        assert.match(text, /<Code>(?:ValidationError|LimitExceeded)<\/Code>/)
      }
    }
    const shortMany = JSON.stringify({ Version: '2012-10-17', Statement: Array.from({ length: 1500 }, () => 1) })
    const parameters = { PolicyName: 'many', PolicyDocument: shortMany }
    await iam.refused('CreatePolicy', parameters, 400, 'MalformedPolicyDocument', 'Syntax errors in policy.')
  })

  test('one that is nested without end', async () => {
    const deep = `{"Version":"2012-10-17","Statement":${'['.repeat(3000)}`
    const parameters = { PolicyName: 'deep', PolicyDocument: deep }
    await iam.refused('CreatePolicy', parameters, 400, 'MalformedPolicyDocument', 'Syntax errors in policy.')
  })

  test('one with a character that XML or IAM does not know', async () => {
    const parameters = { PolicyName: 'wide', PolicyDocument: anything.replace('Allow', 'Al\u0100ow') }
    const { status, text } = await iam.call('CreatePolicy', parameters)
    assert.equal(status, 400)
    assert.match(text, /<Code>ValidationError<\/Code>/)
  })
})

describe('inline policies', () => {
  for (const { word, member, limit } of holders) {
    const named = { [member]: 'holder' }
    const kind = word.toLowerCase()

    test(`of a ${kind}: put, read, listed, replaced, deleted`, async () => {
      const document = JSON.stringify(JSON.parse(anything), undefined, 1)
      await iam.ok(`Put${word}Policy`, { ...named, PolicyName: 'b', PolicyDocument: document })
      await iam.ok(`Put${word}Policy`, { ...named, PolicyName: 'a', PolicyDocument: anything })
      const got = await iam.ok(`Get${word}Policy`, { [member]: 'HOLDER', PolicyName: 'b' })
      assert.deepEqual(
        [textOf(got, member), textOf(got, 'PolicyName'), decodeURIComponent(textOf(got, 'PolicyDocument'))],
        ['holder', 'b', document],
      )
      const first = await iam.ok(`List${word}Policies`, { ...named, MaxItems: 1 })
      assert.match(first, /<PolicyNames><member>a<\/member><\/PolicyNames><IsTruncated>true<\/IsTruncated>/)
      const Marker = textOf(first, 'Marker')
      const second = await iam.ok(`List${word}Policies`, { ...named, MaxItems: 1, Marker })
      assert.match(second, /<PolicyNames><member>b<\/member><\/PolicyNames><IsTruncated>false<\/IsTruncated>/)
      await iam.ok(`Put${word}Policy`, { ...named, PolicyName: 'b', PolicyDocument: anything })
      const replaced = await iam.ok(`Get${word}Policy`, { ...named, PolicyName: 'b' })
      assert.equal(decodeURIComponent(textOf(replaced, 'PolicyDocument')), anything)
      for (const PolicyName of ['a', 'b']) await iam.ok(`Delete${word}Policy`, { ...named, PolicyName })
      const missing = `The ${kind} policy with name b cannot be found.`
      await iam.refused(`Get${word}Policy`, { ...named, PolicyName: 'b' }, 404, 'NoSuchEntity', missing)
      await iam.refused(`Delete${word}Policy`, { ...named, PolicyName: 'b' }, 404, 'NoSuchEntity', missing)
    })

    test(`of a ${kind} have ${limit} characters together, white space not counted`, async () => {
      const sized = (size: number) => {
        const text = (resource: string) =>
          policy({ Effect: 'Allow', Action: 'ecr:*', Resource: `arn:aws:ecr:${resource}` })
        return text('x'.repeat(size - text('').length))
      }
      const half = limit / 2
      const put = (PolicyName: string, PolicyDocument: string) => ({ ...named, PolicyName, PolicyDocument })
      const message = `Maximum policy size of ${limit} bytes exceeded for ${kind} holder`
      await iam.ok(`Put${word}Policy`, put('one', sized(half).replaceAll(',', ',   \n')))
      await iam.ok(`Put${word}Policy`, put('two', sized(half)))
      await iam.refused(`Put${word}Policy`, put('two', sized(half + 1)), 409, 'LimitExceeded', message)
      await iam.refused(`Put${word}Policy`, put('three', sized(100)), 409, 'LimitExceeded', message)
      await iam.ok(`Delete${word}Policy`, { ...named, PolicyName: 'one' })
      await iam.refused(`Put${word}Policy`, put('two', sized(limit + 1)), 409, 'LimitExceeded', message)
      await iam.ok(`Put${word}Policy`, put('two', sized(limit)))
      await iam.ok(`Delete${word}Policy`, { ...named, PolicyName: 'two' })
    })

    test(`a ${kind} that is not there has none`, async () => {
      const none = { [member]: 'none' }
      const missing = `The ${kind} with name none cannot be found.`
      const named = { ...none, PolicyName: 'p' }
      await iam.refused(`Put${word}Policy`, { ...named, PolicyDocument: anything }, 404, 'NoSuchEntity', missing)
      await iam.refused(`Get${word}Policy`, named, 404, 'NoSuchEntity', missing)
      await iam.refused(`Delete${word}Policy`, named, 404, 'NoSuchEntity', missing)
      await iam.refused(`List${word}Policies`, none, 404, 'NoSuchEntity', missing)
      await iam.refused(`ListAttached${word}Policies`, none, 404, 'NoSuchEntity', missing)
      const arn = { ...none, PolicyArn: ofAws('ReadOnlyAccess') }
      await iam.refused(`Attach${word}Policy`, arn, 404, 'NoSuchEntity', missing)
      await iam.refused(`Detach${word}Policy`, arn, 404, 'NoSuchEntity', missing)
    })
  }
})

describe('managed policies', () => {
  test('the whole answer of each operation, by Amazon’s client', async () => {
    const { Policy: made } = await amazon.send(
      new sdk.CreatePolicyCommand({
        PolicyName: 'Whole',
        Path: '/team/',
        PolicyDocument: anything,
        Description: 'for <all>',
        Tags: [{ Key: 'team', Value: 'a' }],
      }),
    )
    assert.match(made?.PolicyId ?? '', /^ANPA[A-Z2-7]{17}$/)
    const arn = policyArn('team/Whole')
    const short = {
      PolicyName: 'Whole',
      PolicyId: made?.PolicyId,
      Arn: arn,
      Path: '/team/',
      DefaultVersionId: 'v1',
      AttachmentCount: 0,
      PermissionsBoundaryUsageCount: 0,
      IsAttachable: true,
      CreateDate: createdAt,
      UpdateDate: createdAt,
    }
    const Tags = [{ Key: 'team', Value: 'a' }]
    assert.deepEqual(made, { ...short, Tags })
    const get = async () => (await amazon.send(new sdk.GetPolicyCommand({ PolicyArn: arn }))).Policy
    assert.deepEqual(await get(), { ...short, Tags, Description: 'for <all>' })

    await amazon.send(new sdk.AttachUserPolicyCommand({ UserName: 'holder', PolicyArn: arn }))
    await amazon.send(new sdk.AttachUserPolicyCommand({ UserName: 'holder', PolicyArn: arn }))
    await amazon.send(new sdk.AttachGroupPolicyCommand({ GroupName: 'holder', PolicyArn: arn }))
    await amazon.send(new sdk.PutRolePermissionsBoundaryCommand({ RoleName: 'holder', PermissionsBoundary: arn }))
    const used = { ...short, AttachmentCount: 2, PermissionsBoundaryUsageCount: 1 }
    assert.deepEqual(await get(), { ...used, Tags, Description: 'for <all>' })
    const listed = await amazon.send(new sdk.ListPoliciesCommand({ Scope: 'Local', PathPrefix: '/team/' }))
    assert.deepEqual(membersOf(listed), { Policies: [used], IsTruncated: false })
    const attached = await amazon.send(new sdk.ListAttachedUserPoliciesCommand({ UserName: 'holder' }))
    assert.deepEqual(membersOf(attached), {
      AttachedPolicies: [{ PolicyName: 'Whole', PolicyArn: arn }],
      IsTruncated: false,
    })

    const entities = await amazon.send(new sdk.ListEntitiesForPolicyCommand({ PolicyArn: arn }))
    const idOf = async (action: string, parameters: Record<string, string>, member: string) =>
      textOf(await iam.ok(action, parameters), member)
    const users = [{ UserName: 'holder', UserId: await idOf('GetUser', { UserName: 'holder' }, 'UserId') }]
    const groups = [{ GroupName: 'holder', GroupId: await idOf('GetGroup', { GroupName: 'holder' }, 'GroupId') }]
    const roles = [{ RoleName: 'holder', RoleId: await idOf('GetRole', { RoleName: 'holder' }, 'RoleId') }]
    const all = { PolicyUsers: users, PolicyGroups: groups, PolicyRoles: roles, IsTruncated: false }
    assert.deepEqual(membersOf(entities), all)
    const filtered = async (more: object) =>
      membersOf(await amazon.send(new sdk.ListEntitiesForPolicyCommand({ PolicyArn: arn, ...more })))
    assert.deepEqual(await filtered({ EntityFilter: 'Group' }), { ...all, PolicyUsers: [], PolicyRoles: [] })
    assert.deepEqual(await filtered({ PolicyUsageFilter: 'PermissionsBoundary' }), {
      ...{ ...all, PolicyUsers: [], PolicyGroups: [] },
    })
    assert.deepEqual(await filtered({ PolicyUsageFilter: 'PermissionsPolicy' }), { ...all, PolicyRoles: [] })
    assert.deepEqual(await filtered({ PathPrefix: '/x/' }), {
      ...all,
      PolicyUsers: [],
      PolicyGroups: [],
      PolicyRoles: [],
    })

    const inUse = 'Cannot delete a policy attached to entities.'
    await iam.refused('DeletePolicy', { PolicyArn: arn }, 409, 'DeleteConflict', inUse)
    await amazon.send(new sdk.DetachUserPolicyCommand({ UserName: 'holder', PolicyArn: arn }))
    await amazon.send(new sdk.DetachGroupPolicyCommand({ GroupName: 'holder', PolicyArn: arn }))
    await iam.refused('DeletePolicy', { PolicyArn: arn }, 409, 'DeleteConflict', inUse)
    await amazon.send(new sdk.DeleteRolePermissionsBoundaryCommand({ RoleName: 'holder' }))
    await amazon.send(new sdk.DeletePolicyCommand({ PolicyArn: arn }))
    await iam.refused('GetPolicy', { PolicyArn: arn }, 404, 'NoSuchEntity', `Policy ${arn} was not found.`)
    const gone = { UserName: 'holder', PolicyArn: arn }
    await iam.refused('DetachUserPolicy', gone, 404, 'NoSuchEntity', `Policy ${arn} was not found.`)
  })

  test('versions: five at most, no number twice, the default stays', async () => {
    const PolicyArn = policyArn('versions')
    await iam.ok('CreatePolicy', { PolicyName: 'versions', PolicyDocument: anything })
    const document = (n: number) => policy({ Sid: `v${n}`, ...allow('ecr:*') })
    const create = (n: number, isDefault: boolean) =>
      amazon.send(
        new sdk.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: document(n), SetAsDefault: isDefault }),
      )
    const second = await create(2, false)
    assert.deepEqual(second.PolicyVersion, { VersionId: 'v2', IsDefaultVersion: false, CreateDate: createdAt })
    for (const n of [3, 4, 5]) await create(n, n === 4)
    const full =
      'A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.'
    const sixth = { PolicyArn, PolicyDocument: document(6) }
    await iam.refused('CreatePolicyVersion', sixth, 409, 'LimitExceeded', full)
    const versions = async () =>
      (await amazon.send(new sdk.ListPolicyVersionsCommand({ PolicyArn }))).Versions?.map(
        ({ VersionId, IsDefaultVersion }) => `${VersionId}${IsDefaultVersion ? '*' : ''}`,
      )
    assert.deepEqual(await versions(), ['v5', 'v4*', 'v3', 'v2', 'v1'])
    const ofDefault = 'Cannot delete the default version of a policy.'
    await iam.refused('DeletePolicyVersion', { PolicyArn, VersionId: 'v4' }, 409, 'DeleteConflict', ofDefault)
    await iam.ok('DeletePolicyVersion', { PolicyArn, VersionId: 'v5' })
    const { PolicyVersion: sixthMade } = await create(6, false)
    assert.equal(sixthMade?.VersionId, 'v6')
    await iam.ok('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v2' })
    assert.deepEqual(await versions(), ['v6', 'v4', 'v3', 'v2*', 'v1'])
    const got = await amazon.send(new sdk.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v2' }))
    assert.deepEqual(
      { ...got.PolicyVersion, Document: decodeURIComponent(got.PolicyVersion?.Document ?? '') },
      { VersionId: 'v2', IsDefaultVersion: true, CreateDate: createdAt, Document: document(2) },
    )
    const missing = `Policy ${PolicyArn} version v5 does not exist or is not attachable.`
    for (const action of ['GetPolicyVersion', 'SetDefaultPolicyVersion', 'DeletePolicyVersion'])
      await iam.refused(action, { PolicyArn, VersionId: 'v5' }, 404, 'NoSuchEntity', missing)
    const several =
      "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."
    await iam.refused('DeletePolicy', { PolicyArn }, 409, 'DeleteConflict', several)
    for (const VersionId of ['v1', 'v3', 'v4', 'v6']) await iam.ok('DeletePolicyVersion', { PolicyArn, VersionId })
    await iam.ok('DeletePolicy', { PolicyArn })
  })

  test('names are the same in any case, ARNs are not', async () => {
    await iam.ok('CreatePolicy', { PolicyName: 'Cased', PolicyDocument: anything })
    const again = { PolicyName: 'cASED', Path: '/x/', PolicyDocument: anything }
    const message = 'A policy called cASED already exists. Duplicate names are not allowed.'
    await iam.refused('CreatePolicy', again, 409, 'EntityAlreadyExists', message)
    for (const name of ['cased', 'x/Cased']) {
      const PolicyArn = policyArn(name)
      for (const action of ['GetPolicy', 'DeletePolicy', 'ListPolicyVersions', 'ListEntitiesForPolicy'])
        await iam.refused(action, { PolicyArn }, 404, 'NoSuchEntity', `Policy ${PolicyArn} was not found.`)
      const attach = { UserName: 'holder', PolicyArn }
      const absent = `Policy ${PolicyArn} does not exist or is not attachable.`
      await iam.refused('AttachUserPolicy', attach, 404, 'NoSuchEntity', absent)
    }
  })

  test('of another account can neither be read nor attached', async () => {
    const theirs = 'arn:aws:iam::210987654321:policy/theirs'
    const others = registry.iam(await registry.createAccount('210987654321'))
    await others.ok('CreatePolicy', { PolicyName: 'theirs', PolicyDocument: anything })
    await iam.ok('CreatePolicy', { PolicyName: 'theirs', PolicyDocument: policy(allow('ecr:*')) })
    await iam.refused('GetPolicy', { PolicyArn: theirs }, 404, 'NoSuchEntity', `Policy ${theirs} was not found.`)
    const absent = `Policy ${theirs} does not exist or is not attachable.`
    await iam.refused('AttachUserPolicy', { UserName: 'holder', PolicyArn: theirs }, 404, 'NoSuchEntity', absent)
    const boundary = { UserName: 'holder', PermissionsBoundary: theirs }
    await iam.refused(
      'PutUserPermissionsBoundary',
      boundary,
      404,
      'NoSuchEntity',
      `Scope ARN: ${theirs} does not exist or is not attachable.`,
    )
  })

  test('what is no ARN of a policy', async () => {
    for (const PolicyArn of ['arn:aws:iam::123456789012:user/holder', 'AmazonEC2ContainerRegistryReadOnly']) {
      await iam.refused('GetPolicy', { PolicyArn }, 400, 'InvalidInput', `ARN ${PolicyArn} is not valid.`)
      const attach = { UserName: 'holder', PolicyArn }
      await iam.refused('AttachUserPolicy', attach, 400, 'InvalidInput', `ARN ${PolicyArn} is not valid.`)
    }
  })

  test('ten at most on each entity', async () => {
    for (let n = 1; n <= 11; n++) await iam.ok('CreatePolicy', { PolicyName: `of-ten-${n}`, PolicyDocument: anything })
    for (const { word, member } of holders) {
      const attach = (n: number) => ({ [member]: 'holder', PolicyArn: policyArn(`of-ten-${n}`) })
      for (let n = 1; n <= 10; n++) await iam.ok(`Attach${word}Policy`, attach(n))
      const full = `Cannot exceed quota for PoliciesPer${word}: 10`
      await iam.refused(`Attach${word}Policy`, attach(11), 409, 'LimitExceeded', full)
      await iam.ok(`Attach${word}Policy`, attach(10))
      const first = await iam.ok(`ListAttached${word}Policies`, { [member]: 'holder', MaxItems: 9 })
      const Marker = textOf(first, 'Marker')
      const rest = await iam.ok(`ListAttached${word}Policies`, { [member]: 'holder', Marker })
      assert.equal(first.split('<PolicyArn>').length + rest.split('<PolicyArn>').length, 12)
      for (let n = 1; n <= 10; n++) await iam.ok(`Detach${word}Policy`, attach(n))
    }
  })
})

describe('managed policies of AWS', () => {
  test('are there, and nobody may change them', async () => {
    const names = [
      ...['AdministratorAccess', 'AmazonEC2ContainerRegistryFullAccess', 'AmazonEC2ContainerRegistryPowerUser'],
      ...['AmazonEC2ContainerRegistryPullOnly', 'AmazonEC2ContainerRegistryReadOnly'],
      ...['AmazonElasticContainerRegistryPublicFullAccess', 'AmazonElasticContainerRegistryPublicPowerUser'],
      ...['AmazonElasticContainerRegistryPublicReadOnly', 'IAMFullAccess', 'IAMReadOnlyAccess'],
      ...['PowerUserAccess', 'ReadOnlyAccess'],
    ]
    const listed = await amazon.send(new sdk.ListPoliciesCommand({ Scope: 'AWS' }))
    assert.deepEqual(listed.Policies?.map(({ PolicyName }) => PolicyName).toSorted(), names)
    const attached = await amazon.send(new sdk.ListPoliciesCommand({ Scope: 'AWS', OnlyAttached: true }))
    assert.deepEqual(
      attached.Policies?.map(({ PolicyName }) => PolicyName),
      ['AdministratorAccess'],
    )
    const PolicyArn = ofAws('AmazonEC2ContainerRegistryReadOnly')
    const { Policy } = await amazon.send(new sdk.GetPolicyCommand({ PolicyArn }))
    assert.deepEqual(Policy, {
      PolicyName: 'AmazonEC2ContainerRegistryReadOnly',
      PolicyId: 'ANPAIFYZPA37OOHVIH7KQ',
      Arn: PolicyArn,
      Path: '/',
      DefaultVersionId: 'v3',
      AttachmentCount: 0,
      PermissionsBoundaryUsageCount: 0,
      IsAttachable: true,
      CreateDate: new Date('2015-12-21T17:04:15Z'),
      UpdateDate: new Date('2019-12-10T20:56:32Z'),
      Description: 'Provides read-only access to Amazon EC2 Container Registry repositories.',
    })
    const version = await amazon.send(new sdk.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v3' }))
    assert.match(decodeURIComponent(version.PolicyVersion?.Document ?? ''), /"ecr:BatchGetImage"/)
    const refusal = `${PolicyArn} is a policy of AWS, which nobody may change.`
    for (const [action, parameters] of [
      ['DeletePolicy', {}],
      ['CreatePolicyVersion', { PolicyDocument: anything }],
      ['SetDefaultPolicyVersion', { VersionId: 'v3' }],
      ['DeletePolicyVersion', { VersionId: 'v3' }],
      ['TagPolicy', { 'Tags.member.1.Key': 'a', 'Tags.member.1.Value': 'b' }],
    ] as const)
      await iam.refused(action, { PolicyArn, ...parameters }, 403, 'AccessDenied', refusal)
  })
})

describe('what IAM has taken decides the next call on both wires', () => {
  let alice: Person
  const pullOnly = ofAws('AmazonEC2ContainerRegistryPullOnly')
  const login = allow('ecr:GetAuthorizationToken')
  const app = `arn:aws:ecr:us-east-1:${account}:repository/app`
  const pull = allow(['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'], app)
  const mayPull = async () => (await whyNoPull(alice)) === undefined

  before(async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'app' })
    for (const blob of image.blobs) await registry.oci.pushBlob('app', blob)
    await registry.oci.pushManifest('app', 'v1', image)
    alice = await user(registry, 'alice')
  })

  test('an inline policy, and one that takes its place', async () => {
    assert.equal(await mayPull(), false)
    await permit(registry, 'alice', [pull])
    assert.equal(await mayPull(), true)
    await permit(registry, 'alice', [allow('ecr:*'), { ...pull, Effect: 'Deny' }])
    assert.match((await whyNoPull(alice)) ?? '', /with an explicit deny in an identity-based policy$/)
    await permit(registry, 'alice', [])
    assert.equal(await mayPull(), false)
  })

  test('an attached policy, its versions, and that it is attached no more', async () => {
    const PolicyArn = policyArn('pull')
    await iam.ok('CreatePolicy', { PolicyName: 'pull', PolicyDocument: policy(pull) })
    await iam.ok('AttachUserPolicy', { UserName: 'alice', PolicyArn })
    assert.equal(await mayPull(), true)
    await iam.ok('CreatePolicyVersion', { PolicyArn, PolicyDocument: policy(login), SetAsDefault: false })
    assert.equal(await mayPull(), true)
    await iam.ok('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v2' })
    assert.equal(await mayPull(), false)
    await iam.ok('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' })
    assert.equal(await mayPull(), true)
    await iam.ok('DetachUserPolicy', { UserName: 'alice', PolicyArn })
    assert.equal(await mayPull(), false)
    await iam.ok('AttachUserPolicy', { UserName: 'alice', PolicyArn: pullOnly })
    assert.equal(await mayPull(), true)
    await iam.ok('DetachUserPolicy', { UserName: 'alice', PolicyArn: pullOnly })
    assert.equal(await mayPull(), false)
  })

  test('policies of a group, as long as he is in it', async () => {
    await iam.ok('CreateGroup', { GroupName: 'pullers' })
    await iam.ok('PutGroupPolicy', { GroupName: 'pullers', PolicyName: 'pull', PolicyDocument: policy(pull) })
    assert.equal(await mayPull(), false)
    await iam.ok('AddUserToGroup', { GroupName: 'pullers', UserName: 'alice' })
    assert.equal(await mayPull(), true)
    await iam.ok('DeleteGroupPolicy', { GroupName: 'pullers', PolicyName: 'pull' })
    assert.equal(await mayPull(), false)
    await iam.ok('AttachGroupPolicy', { GroupName: 'pullers', PolicyArn: pullOnly })
    assert.equal(await mayPull(), true)
    await iam.ok('RemoveUserFromGroup', { GroupName: 'pullers', UserName: 'alice' })
    assert.equal(await mayPull(), false)
  })

  test('a boundary limits, and grants nothing', async () => {
    const bounded = policyArn('bounds')
    await iam.ok('CreatePolicy', { PolicyName: 'bounds', PolicyDocument: policy(login) })
    await permit(registry, 'alice', [pull])
    await iam.ok('PutUserPermissionsBoundary', { UserName: 'alice', PermissionsBoundary: bounded })
    assert.match((await whyNoPull(alice)) ?? '', /because no permissions boundary allows the ecr:BatchGetImage action$/)
    await iam.ok('CreatePolicyVersion', { PolicyArn: bounded, PolicyDocument: policy(login, pull), SetAsDefault: true })
    assert.equal(await mayPull(), true)
    await permit(registry, 'alice', [])
    assert.equal(await mayPull(), false)
    await iam.ok('DeleteUserPermissionsBoundary', { UserName: 'alice' })
    await iam.ok('DeleteUserPermissionsBoundary', { UserName: 'alice' })
  })

  test('security test 35: patterns that would keep others waiting, and a condition key called __proto__', async () => {
    const stars = `${'*a'.repeat(400)}b`
    await iam.ok('PutUserPolicy', {
      UserName: 'alice',
      PolicyName: 'stars',
      PolicyDocument: policy(allow('ecr:*', `arn:aws:ecr:${stars}`), {
        ...allow('ecr:BatchGetImage'),
        Condition: { StringLike: { 'aws:PrincipalArn': `${'*a'.repeat(200)}b` } },
      }),
    })
    assert.equal(await mayPull(), false)
    const asking = (key: string) => ({
      UserName: 'alice',
      PolicyName: 'stars',
      // JSON.stringify would set the prototype.
      PolicyDocument: policy(pull).replace('"Resource"', `"Condition":{"StringEquals":{"${key}":"x"}},"Resource"`),
    })
    const vendor = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'
    await iam.refused('PutUserPolicy', asking('__proto__'), 400, 'MalformedPolicyDocument', vendor)
    for (const key of ['aws:PrincipalTag/__proto__', 'aws:RequestTag/constructor']) {
      await iam.ok('PutUserPolicy', asking(key))
      assert.equal(await mayPull(), false)
    }
    await iam.ok('TagUser', { UserName: 'alice', 'Tags.member.1.Key': '__proto__', 'Tags.member.1.Value': 'x' })
    await iam.ok('PutUserPolicy', asking('aws:PrincipalTag/__PROTO__'))
    assert.equal(await mayPull(), true)
    assert.equal(({} as Record<string, unknown>).x, undefined)
    await iam.ok('DeleteUserPolicy', { UserName: 'alice', PolicyName: 'stars' })
  })
})

describe('who may change policies does not thereby get more than he may give', () => {
  let step: QueryWire
  const limits = policyArn('limits')
  before(async () => {
    step = registry.iam(await registry.createUser('step'))
    await iam.ok('CreateUser', { UserName: 'low' })
    await iam.ok('CreateUser', { UserName: 'bounded' })
    await iam.ok('CreatePolicy', { PolicyName: 'limits', PolicyDocument: policy(allow('ecr:*')) })
    await iam.ok('PutUserPermissionsBoundary', { UserName: 'bounded', PermissionsBoundary: limits })
  })
  const given = (...statements: object[]) =>
    iam.ok('PutUserPolicy', { UserName: 'step', PolicyName: 'own', PolicyDocument: policy(...statements) })
  const outcome = async (action: string, parameters: Record<string, string | boolean>) => {
    const { status, text } = await step.call(action, parameters)
    assert.ok(status === 200 || status === 403, text)
    return status === 200 ? 'may' : textOf(text, 'Code')
  }
  const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`

  test('security test 40: iam:PolicyARN says which policies he may attach and detach', async () => {
    await given(
      allow(['iam:AttachUserPolicy', 'iam:DetachUserPolicy'], userArn('*'), {
        Condition: { ArnLike: { 'iam:PolicyARN': ofAws('AmazonEC2ContainerRegistry*') } },
      }),
    )
    const attach = (name: string) => ({ UserName: 'low', PolicyArn: ofAws(name) })
    assert.equal(await outcome('AttachUserPolicy', attach('AmazonEC2ContainerRegistryReadOnly')), 'may')
    assert.equal(await outcome('AttachUserPolicy', attach('AdministratorAccess')), 'AccessDenied')
    assert.equal(await outcome('DetachUserPolicy', attach('AmazonEC2ContainerRegistryReadOnly')), 'may')
  })

  test('security test 40: iam:PermissionsBoundary lets him make and change only who is bounded', async () => {
    const bounded = { Condition: { StringEquals: { 'iam:PermissionsBoundary': limits } } }
    await given(
      allow(['iam:CreateUser', 'iam:CreateRole', 'iam:PutUserPolicy', 'iam:AttachUserPolicy'], '*', bounded),
      allow(['iam:PutUserPermissionsBoundary', 'iam:PutRolePermissionsBoundary'], '*', bounded),
    )
    const own = { PolicyName: 'own', PolicyDocument: anything }
    assert.equal(await outcome('PutUserPolicy', { UserName: 'bounded', ...own }), 'may')
    assert.equal(await outcome('PutUserPolicy', { UserName: 'low', ...own }), 'AccessDenied')
    assert.equal(await outcome('PutUserPolicy', { UserName: 'step', ...own }), 'AccessDenied')
    const administrator = { PolicyArn: ofAws('AdministratorAccess') }
    assert.equal(await outcome('AttachUserPolicy', { UserName: 'low', ...administrator }), 'AccessDenied')
    assert.equal(await outcome('CreateUser', { UserName: 'new' }), 'AccessDenied')
    const wide = { PermissionsBoundary: ofAws('AdministratorAccess') }
    assert.equal(await outcome('CreateUser', { UserName: 'new', ...wide }), 'AccessDenied')
    assert.equal(await outcome('CreateUser', { UserName: 'new', PermissionsBoundary: limits }), 'may')
    const role = {
      RoleName: 'new',
      AssumeRolePolicyDocument: policy({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' }),
    }
    assert.equal(await outcome('CreateRole', role), 'AccessDenied')
    assert.equal(await outcome('CreateRole', { ...role, PermissionsBoundary: limits }), 'may')
    assert.equal(await outcome('PutUserPermissionsBoundary', { UserName: 'bounded', ...wide }), 'AccessDenied')
    assert.equal(await outcome('DeleteUserPermissionsBoundary', { UserName: 'bounded' }), 'AccessDenied')
    assert.equal(await outcome('PutUserPermissionsBoundary', { UserName: 'low', PermissionsBoundary: limits }), 'may')
  })

  test('security test 40: each step needs its own action on its own resource', async () => {
    const AssumeRolePolicyDocument = policy({ Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' })
    const steps: [string, Record<string, string | boolean>, string][] = [
      ['PutUserPolicy', { UserName: 'step', PolicyName: 'more', PolicyDocument: anything }, userArn('low')],
      ['AttachUserPolicy', { UserName: 'step', PolicyArn: ofAws('AdministratorAccess') }, userArn('low')],
      ['AttachRolePolicy', { RoleName: 'holder', PolicyArn: ofAws('AdministratorAccess') }, userArn('*')],
      ['UpdateAssumeRolePolicy', { RoleName: 'holder', PolicyDocument: AssumeRolePolicyDocument }, userArn('*')],
      [
        'CreatePolicyVersion',
        { PolicyArn: limits, PolicyDocument: anything, SetAsDefault: true },
        policyArn('limits2'),
      ],
      ['SetDefaultPolicyVersion', { PolicyArn: limits, VersionId: 'v1' }, policyArn('team/*')],
      ['CreateAccessKey', { UserName: 'admin' }, userArn('low')],
      ['AddUserToGroup', { GroupName: 'holder', UserName: 'step' }, userArn('*')],
    ]
    for (const [action, parameters, elsewhere] of steps) {
      await given(allow(`iam:${action}`, elsewhere), allow('iam:Get*'))
      assert.equal(await outcome(action, parameters), 'AccessDenied', action)
    }
    const { Policy } = await amazon.send(new sdk.GetPolicyCommand({ PolicyArn: limits }))
    assert.equal(Policy?.DefaultVersionId, 'v1')
  })
})
