// IAM roles: whole answers by Amazon's client, trust policies and what they are refused for, and whom a role trusts when names move
// (IAM CreateRole, GetRole, ListRoles, UpdateRole, UpdateAssumeRolePolicy, DeleteRole, TagRole).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { type QueryWire, textOf } from '../support/query-wire.ts'

const arnOf = (pathAndName: string) => `arn:aws:iam::${account}:role/${pathAndName}`
const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`
const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const createdAt = new Date('2026-11-14T12:00:00Z')

const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const trust = (Principal: unknown, more: object = {}) =>
  policy({ Effect: 'Allow', Principal, Action: 'sts:AssumeRole', ...more })
const trustsAccount = trust({ AWS: account })
const allow = (Action: string, Resource = '*', more: object = {}) => ({ Effect: 'Allow', Action, Resource, ...more })

let registry: ContractRegistry
let iam: QueryWire
let amazon: IAMClient
before(async () => {
  registry = await contractRegistry()
  iam = registry.iam()
  amazon = iamClient(registry)
})
after(async () => {
  amazon?.destroy()
  await registry?.close()
})

const sdk = amazonIam()

async function roleNamed(RoleName: string, AssumeRolePolicyDocument = trustsAccount): Promise<string> {
  return textOf(await iam.ok('CreateRole', { RoleName, AssumeRolePolicyDocument }), 'RoleId')
}

describe('CreateRole', () => {
  test('the whole answer, and what GetRole and ListRoles say of it afterwards', async () => {
    // Amazon's client gives documents as they came, percent-encoded.
    const spaced = JSON.stringify(JSON.parse(trust({ AWS: userArn('admin') })), undefined, 2)
    const { Role: made } = await amazon.send(
      new sdk.CreateRoleCommand({
        RoleName: 'whole',
        Path: '/team/a/',
        AssumeRolePolicyDocument: spaced,
        Description: 'It’s "ours" & theirs'.replace('’', "'"),
        MaxSessionDuration: 43_200,
        PermissionsBoundary: administratorAccess,
        Tags: [{ Key: 'team', Value: 'a=1' }],
      }),
    )
    assert.match(made?.RoleId ?? '', /^AROA[A-Z2-7]{17}$/)
    assert.match(made?.AssumeRolePolicyDocument ?? '', /^[\w.~%-]+$/)
    assert.equal(decodeURIComponent(made?.AssumeRolePolicyDocument ?? ''), spaced)
    const short = {
      Path: '/team/a/',
      RoleName: 'whole',
      RoleId: made?.RoleId,
      Arn: arnOf('team/a/whole'),
      CreateDate: createdAt,
      AssumeRolePolicyDocument: made?.AssumeRolePolicyDocument,
      Description: 'It\'s "ours" & theirs',
      MaxSessionDuration: 43_200,
    }
    const whole = {
      ...short,
      PermissionsBoundary: {
        PermissionsBoundaryType: 'PermissionsBoundaryPolicy',
        PermissionsBoundaryArn: administratorAccess,
      },
      Tags: [{ Key: 'team', Value: 'a=1' }],
    }
    assert.deepEqual(made, whole)
    assert.deepEqual((await amazon.send(new sdk.GetRoleCommand({ RoleName: 'WHOLE' }))).Role, whole)
    // IAM ListRoles: without boundary and tags.
    const listed = await amazon.send(new sdk.ListRolesCommand({ PathPrefix: '/team/' }))
    assert.deepEqual(membersOf(listed), { Roles: [short], IsTruncated: false })
    const profiles = await amazon.send(new sdk.ListInstanceProfilesForRoleCommand({ RoleName: 'whole' }))
    assert.deepEqual(membersOf(profiles), { InstanceProfiles: [], IsTruncated: false })
  })

  test('a role without anything has an hour, and no more members than that', async () => {
    const { Role: made } = await amazon.send(
      new sdk.CreateRoleCommand({ RoleName: 'plain', AssumeRolePolicyDocument: trustsAccount }),
    )
    assert.deepEqual(Object.keys(made ?? {}).toSorted(), [
      ...['Arn', 'AssumeRolePolicyDocument', 'CreateDate', 'MaxSessionDuration', 'Path', 'RoleId', 'RoleName'],
    ])
    assert.equal(made?.MaxSessionDuration, 3600)
  })

  const base = { RoleName: 'refused', AssumeRolePolicyDocument: trustsAccount }
  const refusals: [string, Record<string, string | number>, number, string, string][] = [
    [
      'a name that is there, in any case',
      { ...base, RoleName: 'Plain' },
      409,
      'EntityAlreadyExists',
      'Role with name Plain already exists.',
    ],
    [
      'a boundary that is not there',
      { ...base, PermissionsBoundary: `arn:aws:iam::${account}:policy/none` },
      404,
      'NoSuchEntity',
      `Scope ARN: arn:aws:iam::${account}:policy/none does not exist or is not attachable.`,
    ],
    [
      'two tags of one key',
      {
        ...base,
        'Tags.member.1.Key': 'a',
        'Tags.member.1.Value': '',
        'Tags.member.2.Key': 'A',
        'Tags.member.2.Value': '',
      },
      400,
      'InvalidInput',
      'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
    ],
    [
      'a session of more than twelve hours',
      { ...base, MaxSessionDuration: 43_201 },
      400,
      'ValidationError',
      "1 validation error detected: Value '43201' at 'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200",
    ],
    [
      'a session of less than an hour',
      { ...base, MaxSessionDuration: 3599 },
      400,
      'ValidationError',
      "1 validation error detected: Value '3599' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600",
    ],
  ]
  for (const [name, parameters, status, code, message] of refusals) {
    test(`${name} is refused, and nothing is made`, async () => {
      await iam.refused('CreateRole', parameters, status, code, message)
      const missing = 'The role with name refused cannot be found.'
      await iam.refused('GetRole', { RoleName: 'refused' }, 404, 'NoSuchEntity', missing)
    })
  }
})

describe('a trust policy', () => {
  const stranger = (arn: string) => `Invalid principal in policy: "AWS":"${arn}"`
  const trustActions =
    'Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML, and sts:AssumeRoleWithWebIdentity'
  const github = `arn:aws:iam::${account}:oidc-provider/token.actions.githubusercontent.com`
  const webIdentity = { Action: 'sts:AssumeRoleWithWebIdentity' }
  const refusals: [string, string, string][] = [
    ['no JSON', 'x', 'Syntax errors in policy.'],
    [
      'two keys of one name',
      '{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}',
      'Syntax errors in policy.',
    ],
    [
      'two effects',
      trustsAccount.replace('"Effect":"Allow"', '"Effect":"Deny","Effect":"Allow"'),
      'Syntax errors in policy.',
    ],
    [
      'no principal',
      policy({ Effect: 'Allow', Action: 'sts:AssumeRole' }),
      'Missing required field Principal cannot be empty!',
    ],
    ['a resource', trust({ AWS: account }, { Resource: '*' }), 'Has prohibited field Resource.'],
    ['another action', trust({ AWS: account }, { Action: 'ecr:*' }), trustActions],
    ['an account that is not here', trust({ AWS: '999999999999' }), stranger('999999999999')],
    ['a user who is not here', trust({ AWS: userArn('nobody') }), stranger(userArn('nobody'))],
    ['a user in another case', trust({ AWS: userArn('ADMIN') }), stranger(userArn('ADMIN'))],
    ['a user in another path', trust({ AWS: userArn('x/admin') }), stranger(userArn('x/admin'))],
    ['a role that is not here', trust({ AWS: arnOf('nobody') }), stranger(arnOf('nobody'))],
    [
      'a session of a role that is not here',
      trust({ AWS: `arn:aws:sts::${account}:assumed-role/nobody/s` }),
      stranger(`arn:aws:sts::${account}:assumed-role/nobody/s`),
    ],
    ['an id that is nobody', trust({ AWS: 'AIDAAAAAAAAAAAAAAAAAA' }), stranger('AIDAAAAAAAAAAAAAAAAAA')],
    ['a part of a name', trust({ AWS: userArn('a*') }), stranger(userArn('a*'))],
    [
      'everybody on GitHub',
      trust({ Federated: github }, webIdentity),
      'Trust policy for the identity provider token.actions.githubusercontent.com must evaluate token.actions.githubusercontent.com:sub or another identifying claim.',
    ],
  ]
  for (const [name, AssumeRolePolicyDocument, message] of refusals) {
    test(`that has ${name} is refused, for a new role and for one that is there`, async () => {
      const parameters = { RoleName: 'trusting', AssumeRolePolicyDocument }
      await iam.refused('CreateRole', parameters, 400, 'MalformedPolicyDocument', message)
      const update = { RoleName: 'plain', PolicyDocument: AssumeRolePolicyDocument }
      await iam.refused('UpdateAssumeRolePolicy', update, 400, 'MalformedPolicyDocument', message)
    })
  }

  test('NotPrincipal with Allow is refused', async () => {
    const document = policy({ Effect: 'Allow', NotPrincipal: { AWS: account }, Action: 'sts:AssumeRole' })
    const answer = await iam.call('CreateRole', { RoleName: 'trusting', AssumeRolePolicyDocument: document })
    assert.equal(answer.status, 400)
    assert.match(answer.text, /<Code>MalformedPolicyDocument<\/Code>/)
  })

  test('of more than 2,048 characters is refused, white space not counted', async () => {
    const long = (count: number) => trust({ AWS: Array.from({ length: count }, () => account) })
    const parameters = { RoleName: 'trusting', AssumeRolePolicyDocument: long(140) }
    await iam.refused('CreateRole', parameters, 409, 'LimitExceeded', 'Cannot exceed quota for ACLSizePerRole: 2048')
    const spaced = long(120).replaceAll(',', `,${' '.repeat(20)}`)
    await iam.ok('CreateRole', { RoleName: 'spaced', AssumeRolePolicyDocument: spaced })
  })

  test('of a megabyte is refused before it is read', async () => {
    const answer = await iam.call('CreateRole', {
      RoleName: 'trusting',
      AssumeRolePolicyDocument: 'x'.repeat(900_000),
    })
    assert.equal(answer.status, 400)
    assert.match(answer.text, /<Code>ValidationError<\/Code>/)
  })

  const taken: [string, unknown, object?][] = [
    ['the account', { AWS: `arn:aws:iam::${account}:root` }],
    ['everyone', '*'],
    ['a service', { Service: 'ecs-tasks.amazonaws.com' }],
    [
      'a provider that is made later',
      { Federated: `arn:aws:iam::${account}:oidc-provider/later.example.com` },
      webIdentity,
    ],
    [
      'one repository on GitHub',
      { Federated: github },
      { ...webIdentity, Condition: { StringLike: { 'token.actions.githubusercontent.com:sub': 'repo:org/app:*' } } },
    ],
  ]
  for (const [i, [name, principal, more]] of taken.entries()) {
    test(`that trusts ${name} is taken, and shown as it was written`, async () => {
      const document = trust(principal, more)
      await iam.ok('CreateRole', { RoleName: `taken${i}`, AssumeRolePolicyDocument: document })
      assert.equal(
        decodeURIComponent(textOf(await iam.ok('GetRole', { RoleName: `taken${i}` }), 'AssumeRolePolicyDocument')),
        document,
      )
    })
  }
})

describe('whom a role trusts', () => {
  const shown = async (RoleName: string) =>
    JSON.parse(decodeURIComponent(textOf(await iam.ok('GetRole', { RoleName }), 'AssumeRolePolicyDocument')))
      .Statement[0].Principal

  test('is who he was: a new user of the old name is nobody to it, and it shows the bare id', async () => {
    const userId = textOf(await iam.ok('CreateUser', { UserName: 'mover' }), 'UserId')
    await roleNamed('trusts-mover', trust({ AWS: userArn('mover') }))
    const mayAssume = async () => {
      const xml = await iam.ok('CreateAccessKey', { UserName: 'mover' })
      const sts = registry.sts({
        accessKeyId: textOf(xml, 'AccessKeyId'),
        secretAccessKey: textOf(xml, 'SecretAccessKey'),
      })
      const { status } = await sts.call('AssumeRole', { RoleArn: arnOf('trusts-mover'), RoleSessionName: 'job' })
      await iam.ok('DeleteAccessKey', { UserName: 'mover', AccessKeyId: textOf(xml, 'AccessKeyId') })
      return status
    }
    assert.equal(await mayAssume(), 200)
    await iam.ok('UpdateUser', { UserName: 'mover', NewUserName: 'moved' })
    assert.deepEqual(await shown('trusts-mover'), { AWS: userArn('moved') })
    await iam.ok('UpdateUser', { UserName: 'moved', NewUserName: 'mover' })
    await iam.ok('DeleteUser', { UserName: 'mover' })
    assert.deepEqual(await shown('trusts-mover'), { AWS: userId })
    await iam.ok('CreateUser', { UserName: 'mover' })
    assert.deepEqual(await shown('trusts-mover'), { AWS: userId })
    assert.equal(await mayAssume(), 403)
    await iam.ok('UpdateAssumeRolePolicy', {
      RoleName: 'trusts-mover',
      PolicyDocument: trust({ AWS: userArn('mover') }),
    })
    assert.equal(await mayAssume(), 200)
  })

  test('may be one session of a role', async () => {
    const roleId = await roleNamed('source')
    const session = `arn:aws:sts::${account}:assumed-role/source/job`
    await roleNamed('target', trust({ AWS: session }))
    assert.deepEqual(await shown('target'), { AWS: session })
    await iam.ok('DeleteRole', { RoleName: 'source' })
    assert.deepEqual(await shown('target'), { AWS: `${roleId}:job` })
  })
})

describe('UpdateRole, UpdateRoleDescription', () => {
  test('what is not given stays', async () => {
    await roleNamed('updated')
    await iam.ok('UpdateRole', { RoleName: 'updated', Description: 'one', MaxSessionDuration: 7200 })
    await iam.ok('UpdateRole', { RoleName: 'updated', MaxSessionDuration: 7201 })
    const { Role } = await amazon.send(
      new sdk.UpdateRoleDescriptionCommand({ RoleName: 'updated', Description: 'two' }),
    )
    assert.deepEqual([Role?.Description, Role?.MaxSessionDuration], ['two', 7201])
    await iam.ok('UpdateRole', { RoleName: 'updated', Description: '' })
    assert.equal((await amazon.send(new sdk.GetRoleCommand({ RoleName: 'updated' }))).Role?.Description, undefined)
  })
})

describe('DeleteRole', () => {
  test('waits until nothing hangs on the role', async () => {
    await roleNamed('hung')
    await iam.ok('PutRolePolicy', { RoleName: 'hung', PolicyName: 'own', PolicyDocument: policy(allow('ecr:*')) })
    await iam.ok('AttachRolePolicy', { RoleName: 'hung', PolicyArn: administratorAccess })
    const refused = (what: string) =>
      iam.refused('DeleteRole', { RoleName: 'hung' }, 409, 'DeleteConflict', `Cannot delete entity, ${what}.`)
    await refused('must detach all policies first')
    await iam.ok('DetachRolePolicy', { RoleName: 'hung', PolicyArn: administratorAccess })
    await refused('must delete policies first')
    await iam.ok('DeleteRolePolicy', { RoleName: 'hung', PolicyName: 'own' })
    await iam.ok('DeleteRole', { RoleName: 'hung' })
    const missing = 'The role with name hung cannot be found.'
    for (const action of ['GetRole', 'DeleteRole', 'ListRolePolicies', 'ListAttachedRolePolicies', 'ListRoleTags'])
      await iam.refused(action, { RoleName: 'hung' }, 404, 'NoSuchEntity', missing)
    await iam.refused('ListInstanceProfilesForRole', { RoleName: 'hung' }, 404, 'NoSuchEntity', missing)
  })
})

describe('ListRoles', () => {
  test('page by page, and a marker of one account means nothing to another', async () => {
    for (const name of ['b', 'A', 'c']) {
      await iam.ok('CreateRole', { RoleName: `page-${name}`, Path: '/page/', AssumeRolePolicyDocument: trustsAccount })
    }
    const first = await amazon.send(new sdk.ListRolesCommand({ PathPrefix: '/page/', MaxItems: 2 }))
    assert.deepEqual([first.Roles?.map(({ RoleName }) => RoleName), first.IsTruncated], [['page-A', 'page-b'], true])
    const Marker = first.Marker ?? ''
    const second = await amazon.send(new sdk.ListRolesCommand({ PathPrefix: '/page/', MaxItems: 2, Marker }))
    assert.deepEqual([second.Roles?.map(({ RoleName }) => RoleName), second.IsTruncated], [['page-c'], false])
    const others = registry.iam(await registry.createAccount('210987654321'))
    await others.refused('ListRoles', { PathPrefix: '/page/', Marker }, 400, 'ValidationError', 'Invalid Marker.')
    await iam.refused('ListUsers', { Marker }, 400, 'ValidationError', 'Invalid Marker.')
  })
})

describe('tags of roles, users and managed policies', () => {
  const document = policy(allow('ecr:*'))
  const policyArn = `arn:aws:iam::${account}:policy/tagged`
  before(async () => {
    await roleNamed('tagged')
    await iam.ok('CreateUser', { UserName: 'tagged' })
    await iam.ok('CreatePolicy', { PolicyName: 'tagged', PolicyDocument: document })
  })
  const kinds: [string, Record<string, string>, string][] = [
    ['Role', { RoleName: 'tagged' }, 'The role with name none cannot be found.'],
    ['User', { UserName: 'tagged' }, 'The user with name none cannot be found.'],
    [
      'Policy',
      { PolicyArn: policyArn },
      `Policy arn:aws:iam::${account}:policy/none does not exist or is not attachable.`,
    ],
  ]
  for (const [word, named, missing] of kinds) {
    test(`${word}: set, replaced in any case, listed page by page, removed`, async () => {
      const tagged = (key: string, value: string) => ({ 'Tags.member.1.Key': key, 'Tags.member.1.Value': value })
      await iam.ok(`Tag${word}`, { ...named, ...tagged('team', 'a') })
      await iam.ok(`Tag${word}`, { ...named, ...tagged('Team', 'b') })
      await iam.ok(`Tag${word}`, { ...named, ...tagged('cost', 'a=1/@') })
      const first = await iam.ok(`List${word}Tags`, { ...named, MaxItems: 1 })
      assert.deepEqual([textOf(first, 'Key'), textOf(first, 'IsTruncated')], ['Team', 'true'])
      const second = await iam.ok(`List${word}Tags`, { ...named, Marker: textOf(first, 'Marker') })
      assert.deepEqual([textOf(second, 'Key'), textOf(second, 'Value')], ['cost', 'a=1/@'])
      await iam.ok(`Untag${word}`, { ...named, 'TagKeys.member.1': 'TEAM', 'TagKeys.member.2': 'never' })
      assert.doesNotMatch(await iam.ok(`List${word}Tags`, named), /Team/)
      const none = Object.fromEntries(
        Object.entries(named).map(([key, value]) => [key, value.replace(/tagged$/, 'none')]),
      )
      for (const [action, more] of [
        [`Tag${word}`, tagged('a', 'b')],
        [`Untag${word}`, { 'TagKeys.member.1': 'a' }],
        [`List${word}Tags`, {}],
      ] as const)
        await iam.refused(action, { ...none, ...more }, 404, 'NoSuchEntity', missing)
    })
  }

  test('50 at most, and none that AWS keeps for itself', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [
        [`Tags.member.${i + 1}.Key`, `k${i}`],
        [`Tags.member.${i + 1}.Value`, ''],
      ]).flat(),
    )
    await roleNamed('many-tags')
    await iam.ok('TagRole', { RoleName: 'many-tags', ...many })
    const one = { RoleName: 'many-tags', 'Tags.member.1.Key': 'more', 'Tags.member.1.Value': '' }
    await iam.refused('TagRole', one, 409, 'LimitExceeded', 'The number of tags has reached the maximum limit.')
    const reserved = { ...one, 'Tags.member.1.Key': 'AWS:x' }
    const sentence = 'aws: prefixed tag key names are not allowed for external use.'
    await iam.refused('TagRole', reserved, 400, 'InvalidInput', sentence)
  })

  test('decide who may do what: of the resource and of the request', async () => {
    const tagger = registry.iam(await registry.createUser('tagger'))
    await iam.ok('PutUserPolicy', {
      UserName: 'tagger',
      PolicyName: 'own',
      PolicyDocument: policy(
        allow('iam:TagRole', '*', { Condition: { StringEquals: { 'aws:RequestTag/team': 'blue' } } }),
        allow('iam:UntagRole', '*', { Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': 'free' } } }),
        allow('iam:DeleteRole', '*', { Condition: { StringEquals: { 'aws:ResourceTag/team': 'blue' } } }),
      ),
    })
    await roleNamed('colour')
    const status = async (action: string, more: Record<string, string> = {}) =>
      (await tagger.call(action, { RoleName: 'colour', ...more })).status
    assert.equal(await status('DeleteRole'), 403)
    assert.equal(await status('TagRole', { 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': 'red' }), 403)
    assert.equal(await status('TagRole', { 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': 'blue' }), 200)
    assert.equal(await status('UntagRole', { 'TagKeys.member.1': 'team' }), 403)
    assert.equal(await status('UntagRole', { 'TagKeys.member.1': 'free' }), 200)
    assert.equal(await status('DeleteRole'), 200)
  })
})

describe('who may', () => {
  test('a role that is there and one that is not are refused alike', async () => {
    const stranger = registry.iam(await registry.createUser('stranger'))
    for (const name of ['plain', 'none-of-that-name']) {
      const message = `User: ${userArn('stranger')} is not authorized to perform: iam:GetRole on resource: ${arnOf(name)} because no identity-based policy allows the iam:GetRole action`
      await stranger.refused('GetRole', { RoleName: name }, 403, 'AccessDenied', message)
    }
  })

  test('by path: the real path of the role, not one that is made up', async () => {
    const ofTeam = registry.iam(await registry.createUser('of-team'))
    await iam.ok('PutUserPolicy', {
      UserName: 'of-team',
      PolicyName: 'own',
      PolicyDocument: policy(allow('iam:*', arnOf('team/*'))),
    })
    await ofTeam.ok('GetRole', { RoleName: 'whole' })
    assert.equal((await ofTeam.call('GetRole', { RoleName: 'plain' })).status, 403)
    await ofTeam.ok('CreateRole', { RoleName: 'in-team', Path: '/team/', AssumeRolePolicyDocument: trustsAccount })
    const outside = { RoleName: 'outside', AssumeRolePolicyDocument: trustsAccount }
    assert.equal((await ofTeam.call('CreateRole', outside)).status, 403)
  })
})
