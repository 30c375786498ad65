// Principals of one account in the registry of another: both sides must allow, on both wires, for every operation; and whose registry a
// request means (IAM, "Cross-account policy evaluation logic"; ECR, "Repository policies").

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AccountId } from '@berth/api/names/registry.ts'
import { operations } from '../../src/operations/all.ts'
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
  type Of,
  type Person,
  permit,
  policy,
  speaking,
  user,
  whyNoPull,
} from '../support/people.ts'
import { textOf } from '../support/query-wire.ts'

const other = '210987654321'
const third = '345678901234'
const pull = 'ecr:BatchGetImage'
const image = fixedImage('of the first account')

let registry: ContractRegistry
let ofOther: Of
/** May sign in, in the other account. */
let bob: Person
/** The administrator of the other account. */
let theirAdmin: Person

before(async () => {
  registry = await contractRegistry()
  const admin = await registry.createAccount(other)
  await registry.createAccount(third)
  ofOther = { accountId: other, admin }
  for (const repositoryName of ['app', 'team/app']) {
    await registry.aws.ok('CreateRepository', { repositoryName })
    for (const blob of image.blobs) await registry.oci.pushBlob(repositoryName, blob)
    await registry.oci.pushManifest(repositoryName, 'v1', image)
  }
  bob = await user(registry, 'bob', [], ofOther)
  theirAdmin = await speaking(registry, `arn:aws:iam::${other}:user/admin`, admin)
})
after(() => registry?.close())

const setPolicy = (...statements: object[]) =>
  registry.aws.ok('SetRepositoryPolicy', { repositoryName: 'app', policyText: policy(...statements), force: true })
const putRegistryPolicy = (...statements: object[]) =>
  registry.aws.ok('PutRegistryPolicy', { policyText: policy(...statements) })
const noIdentity = because('identity-based policy', 'BatchGetImage')
const noResource = because('resource-based policy', 'BatchGetImage')
const verdict = async (person: Person, why: string | undefined, repository = 'app') =>
  assert.equal(
    await whyNoPull(person, { repository }),
    why === undefined ? undefined : deniedText(person, 'BatchGetImage', arnOf(repository), why),
  )

describe('a pull from the registry of another account', () => {
  const bobsArn = `arn:aws:iam::${other}:user/bob`
  const hisSide: Record<'nothing' | 'pull' | 'denied', object[]> = {
    nothing: [],
    pull: [allow(pull, arnOf('*'))],
    denied: [allow('ecr:*'), { ...allow(pull), Effect: 'Deny' }],
  }
  const rows: [what: string, repository: object[] | undefined, his: keyof typeof hisSide, why: string | undefined][] = [
    ['neither side allows it', undefined, 'nothing', noIdentity],
    ['security test 24: only his side does', undefined, 'pull', noResource],
    ['security test 24: only the repository’s side does', [grant({ AWS: other }, pull)], 'nothing', noIdentity],
    ['both do, by the account', [grant({ AWS: other }, pull)], 'pull', undefined],
    ['both do, by the root of the account', [grant({ AWS: `arn:aws:iam::${other}:root` }, pull)], 'pull', undefined],
    ['both do, by the user', [grant({ AWS: bobsArn }, 'ecr:*')], 'pull', undefined],
    ['both do, by everybody', [grant('*', pull)], 'pull', undefined],
    ['the policy names him, his account says nothing', [grant({ AWS: bobsArn }, pull)], 'nothing', noIdentity],
    ['the policy names everybody, his account says nothing', [grant('*', pull)], 'nothing', noIdentity],
    ['the policy names another account', [grant({ AWS: [account, third] }, pull)], 'pull', noResource],
    ['the policy is about another action', [grant({ AWS: other }, 'ecr:PutImage')], 'pull', noResource],
    [
      'a Deny on the side of the repository',
      [grant('*', pull), { ...grant({ AWS: bobsArn }, pull), Effect: 'Deny' }],
      'pull',
      explicitly,
    ],
    ['a Deny on his side', [grant('*', pull)], 'denied', 'with an explicit deny in an identity-based policy'],
  ]
  for (const [what, statements, his, why] of rows) {
    test(what, async () => {
      await permit(registry, 'bob', hisSide[his], ofOther)
      if (statements) await setPolicy(...statements)
      await verdict(bob, why)
      if (statements) await registry.aws.ok('DeleteRepositoryPolicy', { repositoryName: 'app' })
    })
  }

  test('security test 24: a repository that is not there is refused in the same words', async () => {
    for (const [his, why] of [
      ['nothing', noIdentity],
      ['pull', noResource],
    ] as const) {
      await permit(registry, 'bob', hisSide[his], ofOther)
      await verdict(bob, why, 'missing')
    }
  })

  test('conditions of his own side do not sound the tags, or the being there, of what he has no leave for', async () => {
    await registry.aws.ok('TagResource', { resourceArn: arnOf('app'), tags: [{ Key: 'plan', Value: 'merger' }] })
    const onTag = (Effect: string, Condition: object) => ({ ...allow(pull, arnOf('*'), { Condition }), Effect })
    const sounding: [guess: string, statements: object[], why: string][] = [
      ['a tag', [onTag('Allow', { StringEquals: { 'aws:ResourceTag/plan': 'merger' } })], noIdentity],
      ['any tag', [onTag('Allow', { Null: { 'ecr:ResourceTag/plan': 'false' } })], noIdentity],
      ['no tag', [onTag('Allow', { Null: { 'ecr:ResourceTag/plan': 'true' } })], noResource],
      [
        'a Deny',
        [allow(pull, arnOf('*')), onTag('Deny', { StringEquals: { 'aws:ResourceTag/plan': 'merger' } })],
        noResource,
      ],
    ]
    for (const [guess, statements, why] of sounding) {
      await permit(registry, 'bob', statements, ofOther)
      for (const name of ['app', 'missing'])
        await verdict(bob, why, name).catch((error) => assert.fail(`${guess}: ${error}`))
    }
    // Who has leave of the repository's side is told as in his own account.
    await setPolicy(grant({ AWS: other }, pull))
    await permit(registry, 'bob', sounding[0]?.[1] ?? [], ofOther)
    await verdict(bob, undefined)
    await permit(registry, 'bob', sounding[2]?.[1] ?? [], ofOther)
    await verdict(bob, noIdentity)
    await registry.aws.ok('DeleteRepositoryPolicy', { repositoryName: 'app' })
    await registry.aws.ok('UntagResource', { resourceArn: arnOf('app'), tagKeys: ['plan'] })
  })

  test('nor those of its users, roles and policies in IAM', async () => {
    const PolicyArn = `arn:aws:iam::${account}:policy/plans`
    const RoleName = 'heir'
    await registry.iam().ok('CreatePolicy', {
      PolicyName: 'plans',
      PolicyDocument: policy(allow(pull)),
      ...{ 'Tags.member.1.Key': 'plan', 'Tags.member.1.Value': 'merger' },
    })
    await registry.iam().ok('CreateRole', {
      RoleName,
      AssumeRolePolicyDocument: policy(grant({ AWS: account }, 'sts:AssumeRole')),
      PermissionsBoundary: PolicyArn,
    })
    const theirs = registry.iam(ofOther.admin)
    await theirs.ok('CreateUser', { UserName: 'carol' })
    const made = await theirs.ok('CreateAccessKey', { UserName: 'carol' })
    const [accessKeyId, secretAccessKey] = [textOf(made, 'AccessKeyId'), textOf(made, 'SecretAccessKey')]
    const carol = registry.iam({ accessKeyId, secretAccessKey })
    const refused = (action: string, parameters: Record<string, string>, resource: string) =>
      carol.refused(
        action,
        parameters,
        403,
        'AccessDenied',
        `User: arn:aws:iam::${other}:user/carol is not authorized to perform: iam:${action} on resource: ${resource} because no identity-based policy allows the iam:${action} action`,
      )
    const PolicySourceArn = `arn:aws:iam::${account}:role/${RoleName}`
    for (const Condition of [
      { StringEquals: { 'aws:ResourceTag/plan': 'merger' } },
      { Null: { 'iam:PermissionsBoundary': 'false' } },
    ]) {
      await permit(registry, 'carol', [allow('iam:Get*', '*', { Condition })], ofOther)
      await refused('GetPolicy', { PolicyArn }, PolicyArn)
      await refused('GetContextKeysForPrincipalPolicy', { PolicySourceArn }, PolicySourceArn)
    }
    await registry.iam().ok('DeleteRole', { RoleName })
    await registry.iam().ok('DeletePolicy', { PolicyArn })
  })

  test('with leave of both sides it is said to be missing', async () => {
    await permit(registry, 'bob', hisSide.pull, ofOther)
    await putRegistryPolicy(grant({ AWS: other }, pull, { Resource: arnOf('*') }))
    const missing = `The repository with name 'missing' does not exist in the registry with id '${account}'`
    await bob.aws.refused(
      'BatchGetImage',
      { registryId: account, repositoryName: 'missing', imageIds: [{ imageTag: 'v1' }] },
      'RepositoryNotFoundException',
      missing,
    )
    assertOciError(
      await bob.oci.send('GET', '/v2/missing/manifests/v1', { headers: { host: hostOf(account) } }),
      404,
      'NAME_UNKNOWN',
      missing,
    )
    await registry.aws.ok('DeleteRegistryPolicy')
  })

  test('the registry policy is leave of the repository’s side as well, for what it names', async () => {
    await permit(registry, 'bob', hisSide.pull, ofOther)
    await putRegistryPolicy(grant({ AWS: other }, pull, { Resource: arnOf('team/*') }))
    await verdict(bob, undefined, 'team/app')
    await verdict(bob, noResource, 'app')
    await registry.aws.ok('DeleteRegistryPolicy')
    await verdict(bob, noResource, 'team/app')
  })

  test('the root user of another account needs no leave of his own side, and that of the repository', async () => {
    const root = await speaking(
      registry,
      `arn:aws:iam::${other}:root`,
      await registry.registry.accessKeys.create(other as AccountId, other),
    )
    await verdict(root, noResource)
    await setPolicy(grant({ AWS: other }, pull))
    await verdict(root, undefined)
    await registry.aws.ok('DeleteRepositoryPolicy', { repositoryName: 'app' })
    // What saves an account from its own Deny is for its own root user only.
    await root.aws.refused(
      'GetRepositoryPolicy',
      { registryId: account, repositoryName: 'app' },
      'AccessDeniedException',
      deniedText(root, 'GetRepositoryPolicy', arnOf('app'), because('resource-based policy', 'GetRepositoryPolicy')),
    )
  })

  test('leave in one region is none in another', async () => {
    await setPolicy(grant({ AWS: other }, pull))
    const abroad = registry.awsAs(registry.credentials, 'eu-west-1')
    await abroad.ok('CreateRepository', { repositoryName: 'app' })
    const theirs = registry.awsAs(ofOther.admin ?? registry.credentials, 'eu-west-1')
    await theirs.refused(
      'BatchGetImage',
      { registryId: account, repositoryName: 'app', imageIds: [{ imageTag: 'v1' }] },
      'AccessDeniedException',
      deniedText(theirAdmin, 'BatchGetImage', arnOf('app', account, 'eu-west-1'), noResource),
    )
    await registry.aws.ok('DeleteRepositoryPolicy', { repositoryName: 'app' })
  })
})

describe('with leave of both sides', () => {
  const repositoryName = 'shared/app'
  const named = { registryId: account, repositoryName }
  const resourceArn = arnOf(repositoryName)
  const own = fixedImage('of the other account')
  const digests = own.blobs.map((blob) => digestOf(Buffer.from(blob)))
  before(() => putRegistryPolicy(grant({ AWS: other }, 'ecr:*', { Resource: '*' })))
  after(() => registry.aws.ok('DeleteRegistryPolicy'))

  test('every operation that names a registry or an ARN works in the registry of another account, and in no other', async () => {
    const { aws } = theirAdmin
    let layers = 0
    const upload = async () => {
      const { uploadId } = await aws.ok<{ uploadId: string }>('InitiateLayerUpload', named)
      const bytes = Buffer.from(own.blobs[layers] ?? '')
      await aws.ok('UploadLayerPart', {
        ...named,
        uploadId,
        partFirstByte: 0,
        partLastByte: bytes.length - 1,
        layerPartBlob: bytes.toString('base64'),
      })
      await aws.ok('CompleteLayerUpload', { ...named, uploadId, layerDigests: [digests[layers++]] })
    }
    const called = new Set(['InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload'])
    /** The registry that the answer speaks of, where it does. */
    const call = async (operation: string, input: object) => {
      called.add(operation)
      const output = await aws.ok<{ registryId?: string; repository?: { registryId: string; repositoryArn: string } }>(
        operation,
        input,
      )
      assert.ok([account, undefined].includes(output.registryId ?? output.repository?.registryId), operation)
      if (output.repository) assert.equal(output.repository.repositoryArn, resourceArn)
    }
    await call('CreateRepository', { ...named, tags: [{ Key: 'a', Value: 'b' }] })
    await call('DescribeRepositories', { registryId: account, repositoryNames: [repositoryName] })
    await call('SetRepositoryPolicy', { ...named, policyText: policy(grant({ AWS: other }, 'ecr:*')) })
    await call('GetRepositoryPolicy', named)
    await call('DeleteRepositoryPolicy', named)
    for (const _ of own.blobs) await upload()
    await call('PutImage', { ...named, imageManifest: own.text, imageTag: 'v1' })
    await call('BatchCheckLayerAvailability', { ...named, layerDigests: digests })
    await call('GetDownloadUrlForLayer', { ...named, layerDigest: digests[0] })
    await call('BatchGetImage', { ...named, imageIds: [{ imageTag: 'v1' }] })
    await call('DescribeImages', named)
    await call('ListImages', named)
    await call('ListImageReferrers', { ...named, subjectId: { imageDigest: own.digest } })
    await call('PutImageScanningConfiguration', { ...named, imageScanningConfiguration: { scanOnPush: true } })
    await call('PutImageTagMutability', { ...named, imageTagMutability: 'MUTABLE' })
    await call('TagResource', { resourceArn, tags: [{ Key: 'c', Value: 'd' }] })
    await call('ListTagsForResource', { resourceArn })
    await call('UntagResource', { resourceArn, tagKeys: ['c'] })
    await call('BatchDeleteImage', { ...named, imageIds: [{ imageTag: 'v1' }] })
    await call('DeleteRepository', { ...named, force: true })
    // These are about the registry of whoever calls.
    const ofCaller = [
      ...['DescribeRegistry', 'GetAuthorizationToken', 'GetAccountSetting', 'PutAccountSetting'],
      ...['DeleteRegistryPolicy', 'GetRegistryPolicy', 'PutRegistryPolicy'],
    ]
    assert.deepEqual([...called, ...ofCaller].toSorted(), [...operations.keys()].toSorted())
    const { repositories } = await aws.ok<{ repositories: unknown[] }>('DescribeRepositories')
    assert.deepEqual(repositories, [])
  })

  test('push, list, pull and delete by docker at the host of the other registry', async () => {
    const { oci } = theirAdmin
    await registry.aws.ok('CreateRepository', { repositoryName })
    const at = async (
      status: number,
      method: string,
      path: string,
      body?: string,
      more: Record<string, string> = {},
    ) => {
      const headers = { host: hostOf(account), ...more }
      const answer = await oci.send(method, path, { headers, ...(body === undefined ? {} : { body }) })
      assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
      return answer
    }
    const base = `/v2/${repositoryName}`
    for (const [i, blob] of own.blobs.entries()) {
      const { headers } = await at(202, 'POST', `${base}/blobs/uploads/`)
      await at(202, 'PATCH', String(headers.location), blob)
      await at(201, 'PUT', `${headers.location}?digest=${digests[i]}`)
      await at(200, 'HEAD', `${base}/blobs/${digests[i]}`)
      assert.equal((await at(200, 'GET', `${base}/blobs/${digests[i]}`)).text, blob)
    }
    await at(201, 'PUT', `${base}/manifests/v1`, own.text, { 'content-type': own.mediaType })
    assert.equal((await at(200, 'GET', `${base}/manifests/v1`)).text, own.text)
    assert.deepEqual(JSON.parse((await at(200, 'GET', `${base}/tags/list`)).text), {
      name: repositoryName,
      tags: ['v1'],
    })
    const catalog = JSON.parse((await at(200, 'GET', '/v2/_catalog')).text) as { repositories: string[] }
    assert.deepEqual(catalog.repositories, ['app', 'shared/app', 'team/app'])
    await at(200, 'GET', `${base}/referrers/${own.digest}`)
    await at(202, 'DELETE', `${base}/manifests/${own.digest}`)
    // It is in the other registry and not in their own.
    assertOciError(
      await oci.send('GET', `${base}/tags/list`),
      404,
      'NAME_UNKNOWN',
      `The repository with name '${repositoryName}' does not exist in the registry with id '${other}'`,
    )
    await registry.aws.ok('DeleteRepository', { repositoryName, force: true })
  })

  test('a download link across accounts ends with the leave', async () => {
    const { downloadUrl } = await theirAdmin.aws.ok<{ downloadUrl: string }>('GetDownloadUrlForLayer', {
      registryId: account,
      repositoryName: 'app',
      layerDigest: digestOf(Buffer.from(image.blobs[0] ?? '')),
    })
    const path = new URL(downloadUrl).pathname
    assert.equal((await registry.http.send('GET', path)).text, image.blobs[0])
    await putRegistryPolicy(grant({ AWS: other }, pull, { Resource: '*' }))
    const { status, text } = await registry.http.send('GET', path)
    const why = because('resource-based policy', 'GetDownloadUrlForLayer')
    const message = deniedText(theirAdmin, 'GetDownloadUrlForLayer', arnOf('app'), why)
    assert.deepEqual([status, JSON.parse(text)], [403, { errors: [{ code: 'DENIED', message }] }])
    await putRegistryPolicy(grant({ AWS: other }, 'ecr:*', { Resource: '*' }))
  })
})

describe('security test 25: a request that could mean several registries', () => {
  const listing = { repositoryName: 'app' }
  /** Signed for the host of another account than what it says. */
  const call = (person: Person, operation: string, input: object, host: string) =>
    person.aws.send({
      target: `AmazonEC2ContainerRegistry_V20150921.${operation}`,
      body: JSON.stringify(input),
      headers: { host },
    })
  const messageOf = ({ text }: { text: string }) => (JSON.parse(text) as { message: string }).message

  test('on the API the host says nothing: registryId does, and without one the key', async () => {
    for (const host of [hostOf(other), hostOf(third), `api.ecr.${region}.example.com`]) {
      assert.equal(
        messageOf(await call(theirAdmin, 'ListImages', { ...listing, registryId: account }, host)),
        deniedText(theirAdmin, 'ListImages', arnOf('app'), because('resource-based policy', 'ListImages')),
      )
      assert.equal(
        messageOf(await call(theirAdmin, 'ListImages', listing, host)),
        `The repository with name 'app' does not exist in the registry with id '${other}'`,
      )
    }
  })

  test('an ARN says it alone: a registryId beside it, which the operation does not have, changes nothing', async () => {
    const resourceArn = arnOf('app', third)
    for (const [operation, more] of [
      ['ListTagsForResource', {}],
      ['TagResource', { tags: [{ Key: 'a', Value: 'b' }] }],
      ['UntagResource', { tagKeys: ['a'] }],
    ] as const) {
      const answer = await call(theirAdmin, operation, { resourceArn, registryId: account, ...more }, hostOf(other))
      assert.equal(
        messageOf(answer),
        deniedText(theirAdmin, operation, resourceArn, because('resource-based policy', operation)),
      )
    }
  })

  test('registryId is twelve digits', () =>
    theirAdmin.aws.refused(
      'ListImages',
      { ...listing, registryId: `${account}0` },
      'InvalidParameterException',
      "Invalid parameter at 'registryId' failed to satisfy constraint: 'Member must satisfy regular expression pattern: [0-9]{12}'",
    ))

  test('on the docker wire the host says it, each request anew on one connection', async () => {
    for (const [host, answer] of [
      [
        hostOf(account),
        deniedText(theirAdmin, 'ListImages', arnOf('app'), because('resource-based policy', 'ListImages')),
      ],
      [hostOf(other), `The repository with name 'app' does not exist in the registry with id '${other}'`],
      [
        hostOf(third),
        deniedText(theirAdmin, 'ListImages', arnOf('app', third), because('resource-based policy', 'ListImages')),
      ],
      [hostOf(other), `The repository with name 'app' does not exist in the registry with id '${other}'`],
    ] as const) {
      const { text } = await theirAdmin.oci.send('GET', '/v2/app/tags/list', { headers: { host } })
      assert.equal((JSON.parse(text) as { errors: [{ message: string }] }).errors[0].message, answer)
    }
  })
})
