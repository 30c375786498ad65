// What policies of repositories and of the registry decide inside of one account, on both wires: for users, sessions of roles, everybody;
// by tags, addresses and TLS; as soon as they are set, and no longer than what they are about (IAM, "Policy evaluation logic"; ECR,
// "Repository policies", "Registry permissions").

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertAwsError } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { digestOf } from '../support/image-builder.ts'
import { assertOciError } from '../support/oci-wire.ts'
import {
  allow,
  arnOf,
  because,
  deniedText,
  explicitly,
  grant,
  hostOf,
  type Person,
  permit,
  policy,
  removeUser,
  role,
  session,
  user,
  whyNoPull,
} from '../support/people.ts'

const pull = 'ecr:BatchGetImage'
const image = fixedImage('of the first account')
const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`
const roleArn = (name: string) => `arn:aws:iam::${account}:role/${name}`
const sessionArn = (name: string) => `arn:aws:sts::${account}:assumed-role/${name}`
const deny = (Principal: unknown, Action: string | string[] = pull, more: object = {}) => ({
  ...grant(Principal, Action, more),
  Effect: 'Deny',
})

let registry: ContractRegistry
/** May sign in. */
let alice: Person
/** May pull by his own policy. */
let reader: Person
/** A session of a role that may sign in. */
let job: Person
/** Another session of it, with a session policy that leaves no pull. */
let limited: Person

before(async () => {
  registry = await contractRegistry()
  for (const repositoryName of ['app', 'other']) {
    await registry.aws.ok('CreateRepository', { repositoryName })
    for (const blob of image.blobs) await registry.oci.pushBlob(repositoryName, blob)
    await registry.oci.pushManifest(repositoryName, 'v1', image)
  }
  alice = await user(registry, 'alice')
  reader = await user(registry, 'reader', [allow(pull)])
  await role(registry, 'ci')
  job = await session(registry, 'ci', 'job')
  limited = await session(registry, 'ci', 'limited', [])
})
after(() => registry?.close())

const setPolicy = (...statements: object[]) =>
  registry.aws.ok('SetRepositoryPolicy', { repositoryName: 'app', policyText: policy(...statements), force: true })
const putRegistryPolicy = (...statements: object[]) =>
  registry.aws.ok('PutRegistryPolicy', { policyText: policy(...statements) })
const removePolicy = () => registry.aws.ok('DeleteRepositoryPolicy', { repositoryName: 'app' })
const withTags = (tags: Record<string, string>) =>
  registry.aws.ok('TagResource', {
    resourceArn: arnOf('app'),
    tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  })
const withoutTags = (...tagKeys: string[]) => registry.aws.ok('UntagResource', { resourceArn: arnOf('app'), tagKeys })

const noIdentity = because('identity-based policy', 'BatchGetImage')
const noSession = because('session policy', 'BatchGetImage')
const verdict = async (person: Person, why: string | undefined, repository = 'app') =>
  assert.equal(
    await whyNoPull(person, { repository }),
    why === undefined ? undefined : deniedText(person, 'BatchGetImage', arnOf(repository), why),
  )

describe('a repository policy in its own account', () => {
  /** What stops each of them, if anything. */
  type Why = string | undefined
  type Row = [what: string, statements: object[], alice?: Why, reader?: Why, job?: Why, limited?: Why]
  const rows: Row[] = [
    ['names a user', [grant({ AWS: userArn('alice') }, pull)], undefined, undefined, noIdentity, noIdentity],
    [
      'names a role: its sessions, as far as a session policy lets them',
      [grant({ AWS: roleArn('ci') }, pull)],
      noIdentity,
      undefined,
      undefined,
      noSession,
    ],
    [
      'names one session, whatever its session policy says',
      [grant({ AWS: sessionArn('ci/limited') }, pull)],
      noIdentity,
      undefined,
      noIdentity,
      undefined,
    ],
    [
      'names the account: it leaves the decision to identity policies',
      [grant({ AWS: account }, 'ecr:*')],
      noIdentity,
      undefined,
      noIdentity,
      noIdentity,
    ],
    [
      'names the root of the account: the same',
      [grant({ AWS: `arn:aws:iam::${account}:root` }, 'ecr:*')],
      noIdentity,
      undefined,
      noIdentity,
      noIdentity,
    ],
    ['names everybody', [grant('*', pull)]],
    ['names everybody as AWS', [grant({ AWS: '*' }, 'ecr:Batch*')]],
    [
      'names a service: nobody who signs in',
      [grant({ Service: 'codebuild.amazonaws.com' }, pull)],
      noIdentity,
      undefined,
      noIdentity,
      noIdentity,
    ],
    ['is about another action', [grant('*', 'ecr:PutImage')], noIdentity, undefined, noIdentity, noIdentity],
    ['denies everybody', [grant('*', pull), deny('*')], explicitly, explicitly, explicitly, explicitly],
    ['denies the account', [grant('*', pull), deny({ AWS: account })], explicitly, explicitly, explicitly, explicitly],
    ['denies a user', [grant('*', pull), deny({ AWS: userArn('reader') })], undefined, explicitly],
    [
      'denies a role: each of its sessions',
      [grant('*', pull), deny({ AWS: roleArn('ci') })],
      undefined,
      undefined,
      explicitly,
      explicitly,
    ],
    ['denies one session', [grant('*', pull), deny({ AWS: sessionArn('ci/job') })], undefined, undefined, explicitly],
    [
      'denies all but a user',
      [grant('*', pull), { Effect: 'Deny', NotPrincipal: { AWS: userArn('reader') }, Action: pull }],
      explicitly,
      undefined,
      explicitly,
      explicitly,
    ],
    [
      'denies all but pulling',
      [grant('*', 'ecr:*'), { Effect: 'Deny', Principal: '*', NotAction: ['ecr:BatchGetImage', 'ecr:Set*'] }],
    ],
    [
      'security test 36: denies in other letters',
      [grant('*', pull), deny('*', 'ECR:batchgetimage')],
      explicitly,
      explicitly,
      explicitly,
      explicitly,
    ],
  ]
  for (const [what, statements, ofAlice, ofReader, ofJob, ofLimited] of rows) {
    test(what, async () => {
      await setPolicy(...statements)
      await verdict(alice, ofAlice)
      await verdict(reader, ofReader)
      await verdict(job, ofJob)
      await verdict(limited, ofLimited)
      await verdict(alice, noIdentity, 'other')
    })
  }

  test('without one identity policies decide alone', async () => {
    await removePolicy()
    await verdict(alice, noIdentity)
    await verdict(reader, undefined)
  })

  test('an explicit deny of the caller’s own policy stays one', async () => {
    await setPolicy(grant('*', pull))
    const denied = await user(registry, 'denied', [{ ...allow(pull), Effect: 'Deny' }])
    await verdict(denied, 'with an explicit deny in an identity-based policy')
    await removePolicy()
  })

  test('a HEAD of a blob takes either action: pushers look before they upload, pullers before they fetch', async () => {
    const target = `/v2/app/blobs/${digestOf(Buffer.from(image.blobs[0] ?? ''))}`
    for (const [action, status] of [
      ['ecr:BatchCheckLayerAvailability', 200],
      ['ecr:GetDownloadUrlForLayer', 200],
      ['ecr:BatchGetImage', 403],
    ] as const) {
      await setPolicy(grant({ AWS: userArn('alice') }, action))
      assert.equal((await alice.oci.send('HEAD', target)).status, status)
    }
    await removePolicy()
  })
})

describe('a registry policy', () => {
  const onAll = (Resource: string | string[] = arnOf('*')) => ({ Resource })
  const scope = (value: string) => registry.aws.ok('PutAccountSetting', { name: 'REGISTRY_POLICY_SCOPE', value })

  test('in scope V2 it speaks for each action and each repository that it names, with the repository policy as one', async () => {
    await putRegistryPolicy(grant({ AWS: userArn('alice') }, pull, onAll(arnOf('ap*'))))
    await verdict(alice, undefined)
    await verdict(alice, noIdentity, 'other')
    await setPolicy(grant({ AWS: roleArn('ci') }, pull))
    await verdict(alice, undefined)
    await verdict(job, undefined)
    await setPolicy(deny({ AWS: userArn('alice') }))
    await verdict(alice, explicitly)
    await setPolicy(grant('*', pull))
    await putRegistryPolicy(deny('*', 'ecr:BatchGet*', onAll()))
    for (const person of [alice, reader, job]) await verdict(person, explicitly)
    await removePolicy()
  })

  test('in scope V1 it is asked about making repositories, and about nothing else that clients do', async () => {
    const create = (person: Person, repositoryName: string) => person.aws.call('CreateRepository', { repositoryName })
    await putRegistryPolicy(
      deny('*', 'ecr:BatchGet*', onAll()),
      deny({ AWS: userArn('reader') }, 'ecr:CreateRepository', onAll()),
      grant({ AWS: userArn('alice') }, 'ecr:CreateRepository', onAll(arnOf('made/*'))),
    )
    await permit(registry, 'reader', [allow([pull, 'ecr:CreateRepository'])])
    for (const [value, why, repositoryName] of [
      ['V1', undefined, 'made/first'],
      ['V2', explicitly, 'made/second'],
      ['V1', undefined, 'made/third'],
    ] as const) {
      await scope(value)
      await verdict(reader, why)
      assertAwsError(
        await create(reader, 'made/by-reader'),
        'AccessDeniedException',
        deniedText(reader, 'CreateRepository', arnOf('made/by-reader'), explicitly),
      )
      assert.equal((await create(alice, repositoryName)).status, 200)
    }
    assertAwsError(
      await create(alice, 'elsewhere'),
      'AccessDeniedException',
      deniedText(alice, 'CreateRepository', arnOf('elsewhere'), because('identity-based policy', 'CreateRepository')),
    )
    await scope('V2')
    await registry.aws.ok('DeleteRegistryPolicy')
    await verdict(reader, undefined)
  })

  test('it speaks for its region only', async () => {
    const listing = { repositoryName: 'app' }
    await putRegistryPolicy(deny('*', 'ecr:ListImages', onAll('*')))
    const abroad = registry.awsAs(registry.credentials, 'eu-west-1')
    await abroad.ok('CreateRepository', listing)
    await abroad.ok('ListImages', listing)
    await registry.aws.refused(
      'ListImages',
      listing,
      'AccessDeniedException',
      `User: ${userArn('admin')} is not authorized to perform: ecr:ListImages on resource: ${arnOf('app')} ${explicitly}`,
    )
    await registry.aws.ok('DeleteRegistryPolicy')
  })

  test('the name of an account setting is what a condition may ask for', async () => {
    const keeper = await user(registry, 'keeper', [
      allow(['ecr:GetAccountSetting', 'ecr:PutAccountSetting'], '*', {
        Condition: { StringEquals: { 'ecr:AccountSetting': 'BLOB_MOUNTING' } },
      }),
    ])
    await keeper.aws.ok('PutAccountSetting', { name: 'BLOB_MOUNTING', value: 'ENABLED' })
    await keeper.aws.ok('GetAccountSetting', { name: 'BLOB_MOUNTING' })
    for (const action of ['GetAccountSetting', 'PutAccountSetting']) {
      await keeper.aws.refused(
        action,
        { name: 'REGISTRY_POLICY_SCOPE', value: 'V1' },
        'AccessDeniedException',
        deniedText(keeper, action, '*', because('identity-based policy', action)),
      )
    }
  })
})

describe('conditions', () => {
  const when = (condition: object) => ({ Condition: condition })

  test('on tags of the repository, under both names, as soon as they change', async () => {
    for (const key of ['ecr:ResourceTag/team', 'aws:ResourceTag/Team']) {
      await setPolicy(grant('*', pull, when({ StringEquals: { [key]: 'red' } })))
      await verdict(alice, noIdentity)
      await withTags({ team: 'blue' })
      await verdict(alice, noIdentity)
      await withTags({ team: 'red' })
      await verdict(alice, undefined)
      await withoutTags('team')
      await verdict(alice, noIdentity)
    }
  })

  test('on tags that a request brings: their values, and which keys there may be', async () => {
    await putRegistryPolicy(
      grant({ AWS: userArn('alice') }, ['ecr:CreateRepository', 'ecr:TagResource'], {
        Resource: arnOf('tagged/*'),
        ...when({
          StringEquals: { 'aws:RequestTag/team': 'red' },
          'ForAllValues:StringEquals': { 'aws:TagKeys': ['team', 'cost'] },
        }),
      }),
      grant({ AWS: userArn('alice') }, 'ecr:UntagResource', {
        Resource: arnOf('tagged/*'),
        ...when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['cost'] } }),
      }),
    )
    const create = (name: string, tags?: Record<string, string>) =>
      alice.aws.call('CreateRepository', {
        repositoryName: `tagged/${name}`,
        ...(tags ? { tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) } : {}),
      })
    assert.equal((await create('one', { team: 'red', cost: '1' })).status, 200)
    for (const tags of [undefined, { team: 'blue' }, { cost: '1' }, { team: 'red', other: 'x' }]) {
      assertAwsError(
        await create('two', tags),
        'AccessDeniedException',
        deniedText(
          alice,
          'CreateRepository',
          arnOf('tagged/two'),
          because('identity-based policy', 'CreateRepository'),
        ),
      )
    }
    const resourceArn = arnOf('tagged/one')
    await alice.aws.ok('TagResource', { resourceArn, tags: [{ Key: 'team', Value: 'red' }] })
    await alice.aws.ok('UntagResource', { resourceArn, tagKeys: ['cost'] })
    for (const [operation, more] of [
      ['TagResource', { tags: [{ Key: 'team', Value: 'blue' }] }],
      ['UntagResource', { tagKeys: ['cost', 'team'] }],
    ] as const) {
      await alice.aws.refused(
        operation,
        { resourceArn, ...more },
        'AccessDeniedException',
        deniedText(alice, operation, resourceArn, because('identity-based policy', operation)),
      )
    }
    await registry.aws.ok('DeleteRegistryPolicy')
  })

  test('security test 36: a key in other letters is the same key, and names of repositories have small letters only', async () => {
    await setPolicy(grant('*', pull), deny('*', pull, when({ notipaddress: { 'AWS:SOURCEIP': '203.0.113.0/24' } })))
    await verdict(reader, explicitly)
    await alice.aws.refused(
      'BatchGetImage',
      { repositoryName: 'APP', imageIds: [{ imageTag: 'v1' }] },
      'InvalidParameterException',
      "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*''",
    )
    assert.equal((await alice.oci.send('GET', '/v2/APP/manifests/v1')).status, 400)
  })

  test('security test 37: a tag `*` is a star and nothing else, also where a variable stands for it', async () => {
    await setPolicy(grant('*', pull, when({ StringLike: { 'aws:username': `\${ecr:ResourceTag/owner}` } })))
    await verdict(alice, noIdentity)
    await withTags({ owner: '*' })
    await verdict(alice, noIdentity)
    await withTags({ owner: 'alice' })
    await verdict(alice, undefined)
    await withoutTags('owner')
  })

  test('security test 37: however a name is written, it is one name before anybody decides', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'team/open' })
    await registry.aws.ok('CreateRepository', { repositoryName: 'team/secret' })
    const bob = await user(registry, 'bob', [
      allow('ecr:*', arnOf('team/*')),
      { ...allow('ecr:*', arnOf('team/secret')), Effect: 'Deny' },
    ])
    const why = 'with an explicit deny in an identity-based policy'
    assertAwsError(
      await bob.aws.call('ListImages', `{"repositoryName":"team\\u002fsecret"}`),
      'AccessDeniedException',
      deniedText(bob, 'ListImages', arnOf('team/secret'), why),
    )
    for (const path of [
      'team%2Fsecret',
      'team%252Fsecret',
      'team/%2e/secret',
      'team/x/%2e%2e/secret',
      'team//secret',
    ]) {
      const answer = await bob.oci.send('GET', `/v2/${path}/tags/list`)
      assert.equal(answer.status, 400, `${path}: ${answer.text}`)
    }
    assertOciError(
      await bob.oci.send('GET', '/v2/team/%73ecret/tags/list'),
      403,
      'DENIED',
      deniedText(bob, 'ListImages', arnOf('team/secret'), why),
    )
    for (const host of [`${hostOf(account)}.`, hostOf(account).toUpperCase(), `${hostOf(account)}:5000`]) {
      assert.equal((await bob.oci.send('GET', '/v2/team/open/tags/list', { headers: { host } })).status, 200)
      assert.equal((await bob.oci.send('GET', '/v2/team/secret/tags/list', { headers: { host } })).status, 403)
    }
  })

  test('security test 38: a key that is not there, an empty set, a variable in the old language', async () => {
    // `StringNotEquals` of a key that is not there holds, so the Deny applies.
    await setPolicy(grant('*', pull), deny('*', pull, when({ StringNotEquals: { 'aws:PrincipalTag/team': 'red' } })))
    await verdict(alice, explicitly)
    // `ForAllValues` of nothing holds too, so the Allow applies.
    await setPolicy(grant('*', pull, when({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] } })))
    await verdict(alice, undefined)
    await setPolicy(grant('*', pull, when({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['team'] } })))
    await verdict(alice, noIdentity)
    const text = (version: string) =>
      policy(grant('*', pull, when({ StringEquals: { 'aws:username': `\${aws:username}` } }))).replace(
        '2012-10-17',
        version,
      )
    for (const [version, why] of [
      ['2012-10-17', undefined],
      ['2008-10-17', noIdentity],
    ] as const) {
      await registry.aws.ok('SetRepositoryPolicy', { repositoryName: 'app', policyText: text(version) })
      await verdict(alice, why)
    }
  })

  const claims = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https' }
  const [fromOffice, byTls] = [
    grant('*', pull, when({ IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } })),
    grant('*', pull, when({ Bool: { 'aws:SecureTransport': 'true' } })),
  ]
  /** A pull with these headers unsigned, as a proxy adds them. */
  const pullWith = async (person: Person, headers: Record<string, string>) => {
    const api = await person.aws.send({
      target: 'AmazonEC2ContainerRegistry_V20150921.BatchGetImage',
      body: JSON.stringify({ repositoryName: 'app', imageIds: [{ imageTag: 'v1' }] }),
      tamper: (signed) => ({ ...signed, ...headers }),
    })
    const docker = await person.oci.send('GET', '/v2/app/manifests/v1', { headers })
    assert.deepEqual([api.status === 200, docker.status], docker.status === 200 ? [true, 200] : [false, 403])
    return docker.status === 200
  }

  test('on the address, as the socket has it', async () => {
    await setPolicy(grant('*', pull, when({ IpAddress: { 'aws:SourceIp': ['127.0.0.0/8', '::1'] } })))
    await verdict(alice, undefined)
    await setPolicy(grant('*', pull), deny('*', pull, when({ IpAddress: { 'aws:SourceIp': '127.0.0.1' } })))
    await verdict(alice, explicitly)
  })

  test('security test 42: what a peer who is no trusted proxy says of address and TLS is not believed', async () => {
    for (const statement of [fromOffice, byTls]) {
      await setPolicy(statement)
      assert.equal(await pullWith(alice, {}), false)
      assert.equal(await pullWith(alice, claims), false)
    }
    await removePolicy()
  })

  test('security test 42: what a trusted proxy says is; of several the last address that is none of theirs', async () => {
    const behind = await contractRegistry({ trustedProxies: '127.0.0.1,10.0.0.0/24' })
    try {
      await behind.aws.ok('CreateRepository', { repositoryName: 'app' })
      for (const blob of image.blobs) await behind.oci.pushBlob('app', blob)
      await behind.oci.pushManifest('app', 'v1', image)
      const carol = await user(behind, 'carol')
      const set = (...statements: object[]) =>
        behind.aws.ok('SetRepositoryPolicy', { repositoryName: 'app', policyText: policy(...statements) })
      await set(fromOffice)
      for (const [forwarded, isAllowed] of [
        ['203.0.113.7', true],
        ['203.0.113.7, 10.0.0.9', true],
        ['203.0.113.7, 198.51.100.1', false],
        ['203.0.113.7, 198.51.100.1, 10.0.0.9', false],
        ['10.0.0.9', false],
        ['unknown', false],
      ] as const) {
        assert.equal(await pullWith(carol, { 'x-forwarded-for': forwarded }), isAllowed, forwarded)
      }
      assert.equal(await pullWith(carol, {}), false)
      await set(byTls)
      for (const [proto, isAllowed] of [
        ['https', true],
        ['http', false],
        ['https, http', false],
      ] as const) {
        assert.equal(await pullWith(carol, { 'x-forwarded-proto': proto }), isAllowed, proto)
      }
    } finally {
      await behind.close()
    }
  })
})

describe('as soon as it changes, and no longer than what it is about', () => {
  const upload = ['ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload']
  const push = () => setPolicy(grant({ AWS: userArn('alice') }, upload))

  test('a policy that goes between two chunks of one upload stops the second; one that comes lets it go on', async () => {
    await push()
    const location = await alice.oci.startUpload('app')
    const patch = (body: string, range: string) =>
      alice.oci.send('PATCH', location, { body, headers: { 'content-range': range } })
    assert.equal((await patch('first ', '0-5')).status, 202)
    await removePolicy()
    const why = deniedText(alice, 'UploadLayerPart', arnOf('app'), because('identity-based policy', 'UploadLayerPart'))
    assertOciError(await patch('second', '6-11'), 403, 'DENIED', why)
    await push()
    assert.equal((await patch('second', '6-11')).status, 202)
    const digest = digestOf(Buffer.from('first second'))
    assert.equal((await alice.oci.send('PUT', `${location}?digest=${digest}`)).status, 201)
  })

  test('the same on the API', async () => {
    await push()
    const { uploadId } = await alice.aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName: 'app' })
    const part = (partFirstByte: number, bytes: Buffer) => ({
      repositoryName: 'app',
      uploadId,
      partFirstByte,
      partLastByte: partFirstByte + bytes.length - 1,
      layerPartBlob: bytes.toString('base64'),
    })
    const first = Buffer.alloc(5 * 1024 * 1024, 'a')
    await alice.aws.ok('UploadLayerPart', part(0, first))
    await removePolicy()
    const second = part(first.length, Buffer.from('b'))
    const why = deniedText(alice, 'UploadLayerPart', arnOf('app'), because('identity-based policy', 'UploadLayerPart'))
    await alice.aws.refused('UploadLayerPart', second, 'AccessDeniedException', why)
    await push()
    await alice.aws.ok('UploadLayerPart', second)
    const digest = digestOf(Buffer.concat([first, Buffer.from('b')]))
    await alice.aws.ok('CompleteLayerUpload', { repositoryName: 'app', uploadId, layerDigests: [digest] })
    await removePolicy()
  })

  test('a repository that is deleted and made again has forgotten its policy and its tags', async () => {
    const repositoryName = 'made/again'
    const make = async () => {
      await registry.aws.ok('CreateRepository', { repositoryName })
      for (const blob of image.blobs) await registry.oci.pushBlob(repositoryName, blob)
      await registry.oci.pushManifest(repositoryName, 'v1', image)
    }
    await make()
    await registry.aws.ok('SetRepositoryPolicy', { repositoryName, policyText: policy(grant('*', pull)) })
    await verdict(alice, undefined, repositoryName)
    await registry.aws.ok('DeleteRepository', { repositoryName, force: true })
    await verdict(alice, noIdentity, repositoryName)
    await make()
    await verdict(alice, noIdentity, repositoryName)
  })

  test('security test 18: who is made again under an old name gets nothing from old policies, and old tokens are dead', async () => {
    const old = await user(registry, 'carol')
    await role(registry, 'cd')
    const oldSession = await session(registry, 'cd', 'job')
    await setPolicy(grant({ AWS: [userArn('carol'), roleArn('cd'), sessionArn('cd/job')] }, pull))
    await verdict(old, undefined)
    await verdict(oldSession, undefined)

    await removeUser(registry, 'carol')
    await registry.iam().ok('DeleteRolePolicy', { RoleName: 'cd', PolicyName: 'own' })
    await registry.iam().ok('DeleteRole', { RoleName: 'cd' })
    const again = await user(registry, 'carol')
    await role(registry, 'cd')
    const againSession = await session(registry, 'cd', 'job')
    await verdict(again, noIdentity)
    await verdict(againSession, noIdentity)
    for (const { aws, oci } of [old, oldSession]) {
      const api = await aws.call('BatchGetImage', { repositoryName: 'app', imageIds: [{ imageTag: 'v1' }] })
      assert.equal((JSON.parse(api.text) as { __type: string }).__type, 'UnrecognizedClientException')
      const docker = await oci.send('GET', '/v2/app/manifests/v1')
      assertOciError(docker, 403, 'DENIED', 'The security token included in the request is invalid.')
    }
    // The policy shows who was meant.
    const { policyText } = await registry.aws.ok<{ policyText: string }>('GetRepositoryPolicy', {
      repositoryName: 'app',
    })
    const [shown] = (JSON.parse(policyText) as { Statement: [{ Principal: { AWS: string[] } }] }).Statement
    assert.match(shown.Principal.AWS.join(' '), /^AIDA[A-Z2-7]{17} (AROA[A-Z2-7]{17}) \1:job$/)

    // Set anew it means those who are there now.
    await setPolicy(grant({ AWS: [userArn('carol'), roleArn('cd')] }, pull))
    await verdict(again, undefined)
    await verdict(againSession, undefined)
    await removePolicy()
  })
})

describe('blobs of other repositories', () => {
  const secret = 'what nobody else may see'
  const digest = digestOf(Buffer.from(secret))
  let mallory: Person
  before(async () => {
    for (const repositoryName of ['secrets', 'mine']) await registry.aws.ok('CreateRepository', { repositoryName })
    await registry.oci.pushBlob('secrets', secret)
    mallory = await user(registry, 'mallory', [allow('ecr:*', arnOf('mine'))])
  })
  const mount = (query: string) => mallory.oci.send('POST', `/v2/mine/blobs/uploads/?${query}`)

  test('security test 28: a digest opens nothing where it was not pushed, nor says that it is anywhere', async () => {
    for (const method of ['HEAD', 'GET']) {
      assert.equal((await mallory.oci.send(method, `/v2/mine/blobs/${digest}`)).status, 404)
      assert.equal((await mallory.oci.send(method, `/v2/secrets/blobs/${digest}`)).status, 403)
    }
    const missing = `The layer with digest ${digest} does not exist within the repository with name 'mine' in the registry with id '${account}'`
    assertOciError(await mallory.oci.send('GET', `/v2/mine/blobs/${digest}`), 404, 'BLOB_UNKNOWN', missing)
    await mallory.aws.refused(
      'GetDownloadUrlForLayer',
      { repositoryName: 'mine', layerDigest: digest },
      'LayersNotFoundException',
      missing,
    )
    const checked = await mallory.aws.ok<{ layers: { layerAvailability: string }[] }>('BatchCheckLayerAvailability', {
      repositoryName: 'mine',
      layerDigests: [digest],
    })
    assert.equal(checked.layers[0]?.layerAvailability, 'UNAVAILABLE')
    const thief = fixedImage('thief', { layers: [secret] })
    await mallory.oci.pushBlob('mine', thief.blobs[0] ?? '')
    const lacking = `Layers with digests '[${digest}]' required for pushing image into repository with name 'mine' in the registry with id '${account}' do not exist`
    await mallory.aws.refused(
      'PutImage',
      { repositoryName: 'mine', imageManifest: thief.text, imageTag: 'v1' },
      'LayersNotFoundException',
      lacking,
    )
    const put = await mallory.oci.send('PUT', '/v2/mine/manifests/v1', {
      headers: { 'content-type': thief.mediaType },
      body: thief.text,
    })
    assertOciError(put, 404, 'MANIFEST_BLOB_UNKNOWN', lacking)
  })

  test('security test 29: a mount from what the caller may not read is the ordinary upload, as from what is not there', async () => {
    const unlike = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g
    const outcomes = new Set<string>()
    for (const query of [
      `mount=${digest}&from=secrets`,
      `mount=${digest}&from=missing`,
      `mount=${digestOf(Buffer.from('nowhere'))}&from=secrets`,
      `mount=${digest}`,
    ]) {
      const { status, headers, text } = await mount(query)
      outcomes.add(JSON.stringify({ status, headers: { ...headers, date: '' }, text }).replace(unlike, 'id'))
    }
    assert.equal(outcomes.size, 1)
    assert.match([...outcomes][0] ?? '', /^\{"status":202,/)
  })

  test('a mount that fails is no way around the rights that an upload in one request takes', async () => {
    const actions = ['GetAuthorizationToken', 'InitiateLayerUpload', 'BatchCheckLayerAvailability']
    const starter = await user(registry, 'starter', [allow(actions.map((name) => `ecr:${name}`))])
    const body = 'smuggled in'
    const whole = digestOf(Buffer.from(body))
    for (const query of [`digest=${whole}`, `mount=${digest}&from=missing&digest=${whole}`, `mount=x&digest=${whole}`])
      assertOciError(
        await starter.oci.send('POST', `/v2/mine/blobs/uploads/?${query}`, { body }),
        403,
        'DENIED',
        deniedText(starter, 'UploadLayerPart', arnOf('mine'), because('identity-based policy', 'UploadLayerPart')),
      )
    assert.equal((await registry.oci.send('HEAD', `/v2/mine/blobs/${whole}`)).status, 404)
  })

  test('with leave to read the source it is a mount, while BLOB_MOUNTING is enabled in the registry', async () => {
    await registry.aws.ok('SetRepositoryPolicy', {
      repositoryName: 'secrets',
      policyText: policy(grant({ AWS: userArn('mallory') }, 'ecr:GetDownloadUrlForLayer')),
    })
    const put = (value: string, of = region) =>
      registry.awsAs(registry.credentials, of).ok('PutAccountSetting', { name: 'BLOB_MOUNTING', value })
    await put('DISABLED', 'eu-west-1')
    for (const [value, status] of [
      ['DISABLED', 202],
      ['ENABLED', 201],
    ] as const) {
      await put(value)
      for (const query of [`mount=${digest}&from=secrets`, `mount=${digest}`])
        assert.equal((await mount(query)).status, status, `${value} ${query}`)
    }
    assert.equal((await mallory.oci.send('GET', `/v2/mine/blobs/${digest}`)).text, secret)
    await put('DISABLED')
    assertOciError(
      await mallory.oci.send('POST', `/v2/missing/blobs/uploads/?mount=${digest}&from=secrets`),
      403,
      'DENIED',
      deniedText(
        mallory,
        'InitiateLayerUpload',
        arnOf('missing'),
        because('identity-based policy', 'InitiateLayerUpload'),
      ),
    )
    await put('ENABLED')
  })
})

test('a refusal names the policy that refused, also where another has its name and says the same', async () => {
  const iam = registry.iam()
  const no = { ...allow(pull), Effect: 'Deny' }
  const twin = await user(registry, 'twin', [])
  const other = await user(registry, 'other-twin', [])
  // An inline policy is called after its user.
  const PolicyDocument = policy(no)
  await iam.ok('PutUserPolicy', { UserName: 'twin', PolicyName: 'no', PolicyDocument })
  const managed = async (Path: string) => {
    await iam.ok('CreatePolicy', { PolicyName: 'user_twin_no', Path, PolicyDocument })
    const PolicyArn = `arn:aws:iam::${account}:policy${Path}user_twin_no`
    await iam.ok('AttachUserPolicy', { UserName: 'other-twin', PolicyArn })
    await verdict(twin, 'with an explicit deny in an identity-based policy')
    await verdict(other, `with an explicit deny in an identity-based policy: ${PolicyArn}`)
    await iam.ok('DetachUserPolicy', { UserName: 'other-twin', PolicyArn })
    await iam.ok('DeletePolicy', { PolicyArn })
  }
  await managed('/')
  await managed('/moved/')
})
