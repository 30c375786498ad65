// IAM access keys, and the credentials that nobody has: whole answers by Amazon's client, refusals byte for byte, who may, and that a key that
// is disabled or deleted is dead on every wire at the next request (IAM CreateAccessKey, ListAccessKeys, UpdateAccessKey, DeleteAccessKey,
// GetAccessKeyLastUsed).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { assertOciError, type OciWire } from '../support/oci-wire.ts'
import { type QueryParameters, type QueryWire, textOf } from '../support/query-wire.ts'
import type { TestCredentials } from '../support/test-registry.ts'

const other = '210987654321'
const userArn = (pathAndName: string) => `arn:aws:iam::${account}:user${pathAndName}`
const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const createdAt = new Date('2026-11-14T12:00:00Z')
const invalidToken = 'The security token included in the request is invalid.'
const unknownKey = 'AKIAIOSFODNN7EXAMPLE'

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

const { CreateAccessKeyCommand, ListAccessKeysCommand, UpdateAccessKeyCommand, DeleteAccessKeyCommand } = amazonIam()
const { GetAccessKeyLastUsedCommand } = amazonIam()

const keysIn = (xml: string) => [...xml.matchAll(/<AccessKeyId>([^<]+)</g)].map((match) => match[1])
const madeIn = (xml: string): TestCredentials => ({
  accessKeyId: textOf(xml, 'AccessKeyId'),
  secretAccessKey: textOf(xml, 'SecretAccessKey'),
})
const refusal = (caller: string, action: string, resource: string) =>
  `User: ${caller} is not authorized to perform: iam:${action} on resource: ${resource} because no identity-based policy allows the iam:${action} action`

async function grant(UserName: string, Action: string | string[], Resource: string): Promise<void> {
  const Statement = [{ Effect: 'Allow', Action, Resource }]
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
  await iam.ok('PutUserPolicy', { UserName, PolicyName: 'own', PolicyDocument })
}

test('a key from its making to its end, each answer as a whole', async () => {
  await iam.ok('CreateUser', { UserName: 'Whole', Path: '/p/' })
  const { AccessKey: made } = await amazon.send(new CreateAccessKeyCommand({ UserName: 'whole' }))
  const { AccessKeyId = '', SecretAccessKey = '' } = made ?? {}
  assert.match(AccessKeyId, /^AKIA[A-Z2-7]{16}$/)
  // Letters and digits only: aws-actions/configure-aws-credentials can be told to insist.
  assert.match(SecretAccessKey, /^[A-Za-z0-9]{40}$/)
  const metadata = { UserName: 'Whole', AccessKeyId, Status: 'Active', CreateDate: createdAt }
  assert.deepEqual(made, { ...metadata, SecretAccessKey })
  const list = async () => membersOf(await amazon.send(new ListAccessKeysCommand({ UserName: 'WHOLE' })))
  assert.deepEqual(await list(), { AccessKeyMetadata: [metadata], IsTruncated: false })
  const update = new UpdateAccessKeyCommand({ UserName: 'whole', AccessKeyId, Status: 'Inactive' })
  assert.deepEqual(membersOf(await amazon.send(update)), {})
  assert.deepEqual(await list(), { AccessKeyMetadata: [{ ...metadata, Status: 'Inactive' }], IsTruncated: false })
  const remove = new DeleteAccessKeyCommand({ UserName: 'whole', AccessKeyId })
  assert.deepEqual(membersOf(await amazon.send(remove)), {})
  assert.deepEqual(await list(), { AccessKeyMetadata: [], IsTruncated: false })
})

test('two keys a user; pages; a marker of another user is none', async () => {
  await iam.ok('CreateUser', { UserName: 'two' })
  const first = madeIn(await iam.ok('CreateAccessKey', { UserName: 'two' }))
  registry.clock.advance(1000)
  const second = madeIn(await iam.ok('CreateAccessKey', { UserName: 'two' }))
  registry.clock.advance(-1000)
  const full = ['LimitExceeded', 'Cannot exceed quota for AccessKeysPerUser: 2'] as const
  await iam.refused('CreateAccessKey', { UserName: 'two' }, 409, ...full)
  const page = await iam.ok('ListAccessKeys', { UserName: 'two', MaxItems: 1 })
  assert.deepEqual(keysIn(page), [first.accessKeyId])
  const Marker = textOf(page, 'Marker')
  const rest = await iam.ok('ListAccessKeys', { UserName: 'two', Marker })
  assert.deepEqual(keysIn(rest), [second.accessKeyId])
  await iam.refused('ListAccessKeys', { UserName: 'admin', Marker }, 400, 'ValidationError', 'Invalid Marker.')
  // A disabled key is counted, a deleted one is not.
  await iam.ok('UpdateAccessKey', { UserName: 'two', AccessKeyId: first.accessKeyId, Status: 'Inactive' })
  await iam.refused('CreateAccessKey', { UserName: 'two' }, 409, ...full)
  await iam.ok('DeleteAccessKey', { UserName: 'two', AccessKeyId: first.accessKeyId })
  await iam.ok('CreateAccessKey', { UserName: 'two' })
})

test('of four that ask for a second key at once, one gets it', async () => {
  await registry.createUser('racer')
  const answers = await Promise.all(Array.from({ length: 4 }, () => iam.call('CreateAccessKey', { UserName: 'racer' })))
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409, 409, 409])
  assert.equal(keysIn(await iam.ok('ListAccessKeys', { UserName: 'racer' })).length, 2)
})

test('refusals', async () => {
  const stranger = await registry.createAccount(other)
  await iam.ok('CreateUser', { UserName: 'refused' })
  const mine = registry.credentials.accessKeyId
  const missingUser = [404, 'NoSuchEntity', 'The user with name nobody cannot be found.'] as const
  const noKey = (id: string) => [404, 'NoSuchEntity', `The Access Key with id ${id} cannot be found.`] as const
  const invalid = (value: string, at: string, constraint: string) =>
    [
      ...([400, 'ValidationError'] as const),
      `1 validation error detected: Value ${value} at '${at}' failed to satisfy constraint: ${constraint}`,
    ] as const
  const key = (AccessKeyId: string, more: QueryParameters = {}) => ({ UserName: 'refused', AccessKeyId, ...more })
  const rows: (readonly [action: string, parameters: QueryParameters, number, string, string])[] = [
    ['CreateAccessKey', { UserName: 'nobody' }, ...missingUser],
    ['ListAccessKeys', { UserName: 'nobody' }, ...missingUser],
    ['UpdateAccessKey', { UserName: 'nobody', AccessKeyId: mine, Status: 'Active' }, ...missingUser],
    ['DeleteAccessKey', { UserName: 'nobody', AccessKeyId: mine }, ...missingUser],
    ['UpdateAccessKey', key(unknownKey, { Status: 'Active' }), ...noKey(unknownKey)],
    // Another user's, and another account's, are as good as none.
    ['UpdateAccessKey', key(mine, { Status: 'Inactive' }), ...noKey(mine)],
    ['DeleteAccessKey', key(mine), ...noKey(mine)],
    ['DeleteAccessKey', key(stranger.accessKeyId), ...noKey(stranger.accessKeyId)],
    ['GetAccessKeyLastUsed', { AccessKeyId: unknownKey }, ...noKey(unknownKey)],
    ['GetAccessKeyLastUsed', { AccessKeyId: stranger.accessKeyId }, ...noKey(stranger.accessKeyId)],
    [
      ...(['UpdateAccessKey', key(mine, { Status: 'Expired' })] as const),
      ...invalid("'Expired'", 'status', 'Member must satisfy enum value set: [Active, Inactive]'),
    ],
    [
      ...(['UpdateAccessKey', key(mine, { Status: 'active' })] as const),
      ...invalid("'active'", 'status', 'Member must satisfy enum value set: [Active, Inactive, Expired]'),
    ],
    ['UpdateAccessKey', key(mine), ...invalid('null', 'status', 'Member must not be null')],
    [
      ...(['GetAccessKeyLastUsed', { AccessKeyId: 'short' }] as const),
      ...invalid("'short'", 'accessKeyId', 'Member must have length greater than or equal to 16'),
    ],
  ]
  for (const row of rows) await iam.refused(...row)
})

describe('without a user name it is the caller', () => {
  test('a user has the keys that he may have for himself', async () => {
    const credentials = await registry.createUser('self')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of policies
    await grant('self', 'iam:*AccessKey*', userArn('/${aws:username}'))
    const self = registry.iam(credentials)
    const second = madeIn(await self.ok('CreateAccessKey'))
    assert.deepEqual(
      keysIn(await self.ok('ListAccessKeys')).toSorted(),
      [credentials.accessKeyId, second.accessKeyId].toSorted(),
    )
    await registry.iam(second).ok('UpdateAccessKey', { AccessKeyId: credentials.accessKeyId, Status: 'Inactive' })
    await registry.iam(second).ok('DeleteAccessKey', { AccessKeyId: credentials.accessKeyId })
    const denied = refusal(userArn('/self'), 'ListAccessKeys', userArn('/admin'))
    await registry.iam(second).refused('ListAccessKeys', { UserName: 'admin' }, 403, 'AccessDenied', denied)
  })

  test('the root user has its own, which have no user name', async () => {
    const first = await registry.registry.accessKeys.create(registry.registry.accountId, account)
    const client = iamClient(registry, first)
    try {
      const { AccessKey: second } = await client.send(new CreateAccessKeyCommand({}))
      const { AccessKeyId = '' } = second ?? {}
      assert.deepEqual(Object.keys(second ?? {}).toSorted(), [
        ...['AccessKeyId', 'CreateDate', 'SecretAccessKey', 'Status'],
      ])
      const { AccessKeyMetadata } = await client.send(new ListAccessKeysCommand({}))
      assert.equal(AccessKeyMetadata?.length, 2)
      for (const each of AccessKeyMetadata ?? [])
        assert.deepEqual(Object.keys(each).toSorted(), ['AccessKeyId', 'CreateDate', 'Status'])
      const used = await client.send(new GetAccessKeyLastUsedCommand({ AccessKeyId }))
      assert.deepEqual(membersOf(used), { AccessKeyLastUsed: { ServiceName: 'N/A', Region: 'N/A' } })
      assert.match(await iam.ok('GetAccountSummary'), /<key>AccountAccessKeysPresent<\/key><value>1</)
      await client.send(new DeleteAccessKeyCommand({ AccessKeyId }))
      await client.send(new DeleteAccessKeyCommand({ AccessKeyId: first.accessKeyId }))
    } finally {
      client.destroy()
    }
    assert.match(await iam.ok('GetAccountSummary'), /<key>AccountAccessKeysPresent<\/key><value>0</)
  })
})

describe('GetAccessKeyLastUsed', () => {
  test('never: N/A; after a call: the service, the region, the minute', async () => {
    const credentials = await registry.createUser('used')
    const ask = async () =>
      membersOf(await amazon.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: credentials.accessKeyId })))
    assert.deepEqual(await ask(), { UserName: 'used', AccessKeyLastUsed: { ServiceName: 'N/A', Region: 'N/A' } })
    registry.clock.advance(90_000)
    await registry.awsAs(credentials, 'eu-west-1').call('DescribeRepositories')
    registry.clock.advance(-90_000)
    assert.deepEqual(await ask(), {
      UserName: 'used',
      AccessKeyLastUsed: { LastUsedDate: new Date('2026-11-14T12:01:00Z'), ServiceName: 'ecr', Region: 'eu-west-1' },
    })
  })

  test('who may ask of one user learns nothing of other keys', async () => {
    const credentials = await registry.createUser('curious')
    await grant('curious', 'iam:GetAccessKeyLastUsed', userArn('/curious'))
    const curious = registry.iam(credentials)
    assert.match(
      await curious.ok('GetAccessKeyLastUsed', { AccessKeyId: credentials.accessKeyId }),
      /<Region>us-east-1</,
    )
    const stranger = await registry.createAccount('210987654322')
    for (const [AccessKeyId, resource] of [
      [registry.credentials.accessKeyId, userArn('/admin')],
      [unknownKey, userArn('/*')],
      [stranger.accessKeyId, userArn('/*')],
    ] as const) {
      const sentence = refusal(userArn('/curious'), 'GetAccessKeyLastUsed', resource)
      await curious.refused('GetAccessKeyLastUsed', { AccessKeyId }, 403, 'AccessDenied', sentence)
    }
  })
})

test('who may: a user without rights is told the ARN of the user, with its path', async () => {
  const nobody = registry.iam(await registry.createUser('without'))
  await iam.ok('CreateUser', { UserName: 'target', Path: '/deep/' })
  const own = { AccessKeyId: unknownKey }
  const rows: [action: string, parameters: QueryParameters, resource: string][] = [
    ['CreateAccessKey', { UserName: 'TARGET' }, userArn('/deep/target')],
    ['ListAccessKeys', { UserName: 'target' }, userArn('/deep/target')],
    ['UpdateAccessKey', { UserName: 'target', Status: 'Active', ...own }, userArn('/deep/target')],
    ['DeleteAccessKey', { UserName: 'target', ...own }, userArn('/deep/target')],
    ['CreateAccessKey', {}, userArn('/without')],
    ['ListAccessKeys', {}, userArn('/without')],
    ['UpdateAccessKey', { Status: 'Active', ...own }, userArn('/without')],
    ['DeleteAccessKey', own, userArn('/without')],
    ['GetLoginProfile', { UserName: 'target' }, userArn('/deep/target')],
    ['DeleteLoginProfile', { UserName: 'target' }, userArn('/deep/target')],
    ['ListSSHPublicKeys', { UserName: 'target' }, userArn('/deep/target')],
    ['ListSigningCertificates', { UserName: 'target' }, userArn('/deep/target')],
    ['ListServiceSpecificCredentials', { UserName: 'target' }, userArn('/deep/target')],
    ['ListMFADevices', { UserName: 'target' }, userArn('/deep/target')],
    ['ListVirtualMFADevices', {}, '*'],
  ]
  for (const [action, parameters, resource] of rows) {
    const sentence = refusal(userArn('/without'), action, resource)
    await nobody.refused(action, parameters, 403, 'AccessDenied', sentence)
  }
})

describe('security test 14: a key that is no longer good', () => {
  interface Holder {
    credentials: TestCredentials
    docker: OciWire
  }
  async function holder(name: string): Promise<Holder> {
    const credentials = await registry.createUser(name, [administratorAccess])
    return { credentials, docker: await registry.ociAs(registry.awsAs(credentials)) }
  }
  async function assertDead({ credentials, docker }: Holder): Promise<void> {
    const own = { AccessKeyId: credentials.accessKeyId }
    await registry.awsAs(credentials).refused('DescribeRepositories', {}, 'UnrecognizedClientException', invalidToken)
    await registry.iam(credentials).refused('GetAccessKeyLastUsed', own, 403, 'InvalidClientTokenId', invalidToken)
    await registry.sts(credentials).refused('GetCallerIdentity', {}, 403, 'InvalidClientTokenId', invalidToken)
    assertOciError(await docker.send('GET', '/v2/'), 403, 'DENIED', invalidToken)
  }
  async function assertAlive({ credentials, docker }: Holder): Promise<void> {
    await registry.awsAs(credentials).ok('DescribeRepositories')
    assert.equal((await docker.send('GET', '/v2/')).status, 200)
  }

  test('disabled: dead at the next request on every wire, docker tokens of before too; enabled again, alive', async () => {
    const held = await holder('switched')
    const own = { UserName: 'switched', AccessKeyId: held.credentials.accessKeyId }
    await assertAlive(held)
    await iam.ok('UpdateAccessKey', { ...own, Status: 'Inactive' })
    await assertDead(held)
    await iam.ok('UpdateAccessKey', { ...own, Status: 'Active' })
    await assertAlive(held)
  })

  test('deleted: dead for good; the other key of the user is not touched', async () => {
    const held = await holder('deleted')
    const second = madeIn(await iam.ok('CreateAccessKey', { UserName: 'deleted' }))
    await assertAlive(held)
    await iam.ok('DeleteAccessKey', { UserName: 'deleted', AccessKeyId: held.credentials.accessKeyId })
    await assertDead(held)
    await assertAlive({ credentials: second, docker: await registry.ociAs(registry.awsAs(second)) })
  })

  test('its user deletes himself with it: dead on every wire', async () => {
    const held = await holder('leaver')
    const leaver = registry.iam(held.credentials)
    await grant('leaver', '*', '*')
    await assertAlive(held)
    await leaver.ok('DetachUserPolicy', { UserName: 'leaver', PolicyArn: administratorAccess })
    await leaver.ok('DeleteAccessKey', { AccessKeyId: held.credentials.accessKeyId })
    await assertDead(held)
    await iam.ok('DeleteUserPolicy', { UserName: 'leaver', PolicyName: 'own' })
    await iam.ok('DeleteUser', { UserName: 'leaver' })
    await assertDead(held)
  })
})

describe('credentials that nobody has', () => {
  test('lists are empty for a user who is there', async () => {
    await iam.ok('CreateUser', { UserName: 'bare' })
    const client = amazonIam()
    const user = { UserName: 'bare' }
    assert.deepEqual(
      [
        membersOf(await amazon.send(new client.ListSSHPublicKeysCommand(user))),
        membersOf(await amazon.send(new client.ListSigningCertificatesCommand(user))),
        membersOf(await amazon.send(new client.ListServiceSpecificCredentialsCommand(user))),
        membersOf(await amazon.send(new client.ListMFADevicesCommand(user))),
        membersOf(await amazon.send(new client.ListVirtualMFADevicesCommand({ AssignmentStatus: 'Assigned' }))),
      ],
      [
        { SSHPublicKeys: [], IsTruncated: false },
        { Certificates: [], IsTruncated: false },
        { ServiceSpecificCredentials: [], IsTruncated: false },
        { MFADevices: [], IsTruncated: false },
        { VirtualMFADevices: [], IsTruncated: false },
      ],
    )
  })

  test('refusals: nobody of that name, no password, markers that were never given', async () => {
    const user = ['ListSSHPublicKeys', 'ListSigningCertificates', 'ListServiceSpecificCredentials', 'ListMFADevices']
    const missing = [404, 'NoSuchEntity', 'The user with name nobody cannot be found.'] as const
    for (const action of [...user, 'GetLoginProfile', 'DeleteLoginProfile'])
      await iam.refused(action, { UserName: 'nobody' }, ...missing)
    for (const action of [...user, 'ListVirtualMFADevices'])
      await iam.refused(action, { UserName: 'bare', Marker: 'x' }, 400, 'ValidationError', 'Invalid Marker.')
    for (const action of ['GetLoginProfile', 'DeleteLoginProfile']) {
      const noPassword = (name: string) => `Login Profile for User ${name} cannot be found.`
      await iam.refused(action, { UserName: 'bare' }, 404, 'NoSuchEntity', noPassword('bare'))
      await iam.refused(action, {}, 404, 'NoSuchEntity', noPassword('admin'))
    }
  })
})
