// The audit log by what requests leave in it: which of them, as what, for which accounts, and no secret (docs/design/audit-log.md).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type AuditRecords, auditRecords, inShort } from '../support/audit-records.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { createRole } from '../support/given-access.ts'
import { digestOf } from '../support/image-builder.ts'
import { credentialsIn } from '../support/sts-session.ts'
import type { TestCredentials } from '../support/test-registry.ts'

const other = '210987654321'
const admin = `${account}:user/admin`
const repositoryArn = (name: string, of = account) => `arn:aws:ecr:${region}:${of}:repository/${name}`
const trusting = (arn: string) => ({ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' })

let registry: ContractRegistry
let audit: AuditRecords
let alice: TestCredentials
let foreigner: TestCredentials
before(async () => {
  registry = await contractRegistry()
  audit = auditRecords(registry)
  alice = await registry.createUser('alice')
  foreigner = await registry.createAccount(other)
  await registry.aws.ok('CreateRepository', { repositoryName: 'app' })
  await audit.next()
})
after(() => registry?.close())

describe("ECR's API", () => {
  test('a change, as a whole record', async () => {
    const input = { repositoryName: 'team/new', imageTagMutability: 'IMMUTABLE' }
    const { repository } = await registry.aws.ok<{ repository: object }>('CreateRepository', input)
    const [{ eventID, requestID, ...rest }] = await audit.exactly(1)
    assert.match(String(eventID), /^[0-9a-f-]{36}$/)
    assert.match(String(requestID), /^[0-9a-f-]{36}$/)
    const { userIdentity, ...event } = rest
    const { principalId, ...identity } = userIdentity
    assert.match(String(principalId), /^AIDA[A-Z2-7]{17}$/)
    assert.deepEqual(identity, {
      type: 'IAMUser',
      arn: `arn:aws:iam::${account}:user/admin`,
      accountId: account,
      accessKeyId: registry.credentials.accessKeyId,
      userName: 'admin',
    })
    assert.deepEqual(event, {
      eventVersion: '1.11',
      eventTime: '2026-11-14T12:00:00Z',
      eventSource: 'ecr.amazonaws.com',
      eventName: 'CreateRepository',
      awsRegion: region,
      sourceIPAddress: '127.0.0.1',
      requestParameters: input,
      responseElements: { repository },
      readOnly: false,
      resources: [{ accountId: account, ARN: repositoryArn('team/new') }],
      eventType: 'AwsApiCall',
      managementEvent: true,
      recipientAccountId: account,
      eventCategory: 'Management',
    })
  })

  test('changes that fail, refusals and logins are there; reads, and reads that fail, are not', async () => {
    const asAlice = registry.awsAs(alice)
    await registry.aws.call('CreateRepository', { repositoryName: 'app' })
    await registry.aws.call('CreateRepository', { repositoryName: 'NO' })
    await registry.aws.ok('DescribeRepositories')
    await registry.aws.ok('ListImages', { repositoryName: 'app' })
    await registry.aws.call('ListImages', { repositoryName: 'missing' })
    await asAlice.call('ListImages', { repositoryName: 'app' })
    await registry.aws.ok('GetAuthorizationToken')
    await asAlice.call('GetAuthorizationToken')
    await registry.aws.call('PutLifecyclePolicy', { repositoryName: 'app' })
    assert.deepEqual(inShort(await audit.next()), [
      `CreateRepository ${admin} RepositoryAlreadyExistsException`,
      `CreateRepository ${admin} InvalidParameterException`,
      `ListImages ${account}:user/alice AccessDeniedException`,
      `GetAuthorizationToken ${admin}`,
      `GetAuthorizationToken ${account}:user/alice AccessDeniedException`,
    ])
  })

  test('of a push the parts are left out, unless one is refused', async () => {
    const { uploadId } = await registry.aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName: 'app' })
    const part = { repositoryName: 'app', uploadId, partFirstByte: 0, partLastByte: 3, layerPartBlob: 'c2VjcmV0IQ==' }
    await registry.awsAs(alice).call('UploadLayerPart', part)
    await registry.aws.call('UploadLayerPart', { ...part, partFirstByte: 7 })
    const [start, refused] = await audit.exactly(2)
    assert.deepEqual(inShort([start, refused]), [
      `InitiateLayerUpload ${admin}`,
      `UploadLayerPart ${account}:user/alice AccessDeniedException`,
    ])
    assert.deepEqual(start.responseElements, { uploadId, partSize: 10485760 })
    assert.deepEqual(refused.requestParameters, { ...part, layerPartBlob: 'HIDDEN_DUE_TO_SECURITY_REASONS' })
  })

  test('a caller of another account: one record for each of the two, and one event', async () => {
    await registry.awsAs(foreigner).call('DeleteRepository', { registryId: account, repositoryName: 'app' })
    const records = await audit.next()
    assert.deepEqual(
      records.map(({ recipientAccountId, errorCode }) => [recipientAccountId, errorCode]),
      [
        [other, 'AccessDeniedException'],
        [account, 'AccessDeniedException'],
      ],
    )
    assert.equal(records[0]?.sharedEventID, records[1]?.sharedEventID)
    assert.deepEqual(records[0]?.resources, [{ accountId: account, ARN: repositoryArn('app') }])
    await registry.awsAs(foreigner).call('DeleteRepository', { registryId: '999999999999', repositoryName: 'app' })
    assert.deepEqual(
      (await audit.next()).map(({ recipientAccountId }) => recipientAccountId),
      [other],
      'an account that is not here gets no record',
    )
  })

  test('who proves nothing is unknown; it belongs to the account of the key id, if there is one, or to the first', async () => {
    const credentials = (accessKeyId: string) => ({ accessKeyId, secretAccessKey: 'x'.repeat(40) })
    const target = 'AmazonEC2ContainerRegistry_V20150921.ListImages'
    await registry.aws.send({ target, credentials: credentials(foreigner.accessKeyId) })
    await registry.aws.send({ target, credentials: credentials('AKIAIOSFODNN7EXAMPLE') })
    const secret = 'wJalrXUtnFEMIbPxRfiCYzEXAMPLEKEYwJalrXUt'
    await registry.aws.send({ target, credentials: credentials(secret) })
    await registry.http.send('POST', '/', { headers: { 'x-amz-target': target } })
    assert.deepEqual(
      (await audit.next()).map(({ eventName, userIdentity, errorCode, recipientAccountId, requestParameters }) => [
        eventName,
        userIdentity,
        errorCode,
        recipientAccountId,
        requestParameters,
      ]),
      [
        [
          'ListImages',
          { type: 'Unknown', accessKeyId: foreigner.accessKeyId },
          'InvalidSignatureException',
          other,
          null,
        ],
        [
          ...['ListImages', { type: 'Unknown', accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }, 'UnrecognizedClientException'],
          ...[account, null],
        ],
        [
          ...['ListImages', { type: 'Unknown', accessKeyId: 'HIDDEN_DUE_TO_SECURITY_REASONS' }],
          ...['UnrecognizedClientException', account, null],
        ],
        ['ListImages', { type: 'Unknown' }, 'MissingAuthenticationTokenException', account, null],
      ],
    )
    assert.equal((await audit.raw()).includes(secret), false)
  })
})

describe('docker', () => {
  test('a push and a deletion read like those of the API', async () => {
    const image = fixedImage('audited')
    const digests = await Promise.all(image.blobs.map((blob) => registry.oci.pushBlob('app', blob)))
    const manifest = await registry.oci.pushManifest('app', 'v1', image)
    await registry.oci.send('DELETE', '/v2/app/manifests/v1')
    const records = await audit.next()
    const named = (name: string) => records.filter(({ eventName }) => eventName === name)
    assert.equal(named('InitiateLayerUpload').length, digests.length)
    assert.deepEqual(
      named('CompleteLayerUpload')
        .map(({ requestParameters }) => (requestParameters as { layerDigest: string }).layerDigest)
        .toSorted(),
      digests.toSorted(),
    )
    const [put] = named('PutImage')
    assert.deepEqual(put?.requestParameters, {
      registryId: account,
      repositoryName: 'app',
      imageTag: 'v1',
      imageManifestMediaType: image.mediaType,
    })
    assert.deepEqual(put?.responseElements, { digest: manifest })
    assert.deepEqual(put?.resources, [{ accountId: account, ARN: repositoryArn('app') }])
    assert.deepEqual(named('BatchDeleteImage')[0]?.requestParameters, {
      registryId: account,
      repositoryName: 'app',
      imageIds: [{ imageTag: 'v1' }],
    })
    assert.equal(records.length, digests.length * 2 + 2)
  })

  test('refusals, with what was asked for; a challenge and reads are not there', async () => {
    await registry.http.send('GET', '/v2/')
    await registry.http.send('PUT', '/v2/app/manifests/v1')
    await registry.oci.send('GET', '/v2/')
    await registry.oci.send('GET', '/v2/app/tags/list')
    await registry.oci.send('GET', '/v2/app/manifests/missing')
    await registry.http.send('GET', '/v2/', { headers: { authorization: 'Basic bm90aGluZw==' } })
    await registry.http.send('GET', '/v2/app/manifests/v1', { headers: { authorization: 'Bearer x' } })
    await registry.oci.send('PUT', '/v2/missing/manifests/v1')
    const host = `${other}.dkr.ecr.${region}.example.com`
    await registry.oci.send('GET', '/v2/app/manifests/v1', { headers: { host } })
    const records = await audit.next()
    assert.deepEqual(inShort(records), [
      'DockerLogin Unknown DENIED',
      'BatchGetImage Unknown DENIED',
      `PutImage ${admin} MANIFEST_INVALID`,
      `BatchGetImage ${admin} DENIED`,
      `BatchGetImage ${admin} DENIED`,
    ])
    assert.deepEqual(
      records.map(({ recipientAccountId }) => recipientAccountId),
      [account, account, account, account, other],
    )
  })

  test('a token of a key that was disabled names the key', async () => {
    const bob = await registry.createUser('bob', ['arn:aws:iam::aws:policy/AdministratorAccess'])
    await audit.next()
    const oci = await registry.ociAs(registry.awsAs(bob))
    await registry.setKeyStatus(bob.accessKeyId, 'Inactive')
    await oci.send('GET', '/v2/app/tags/list')
    const [login, refused] = await audit.exactly(2)
    assert.equal(login.eventName, 'GetAuthorizationToken')
    assert.equal(login.responseElements, null)
    assert.deepEqual(refused.userIdentity, { type: 'Unknown', accessKeyId: bob.accessKeyId })
    assert.equal(refused.eventName, 'ListImages')
  })
})

describe('STS', () => {
  test('a role is taken: who took it, which key was given; what it does names the role', async () => {
    const { arn, id } = await createRole(registry.iam(), {
      name: 'ci',
      trust: trusting(`arn:aws:iam::${account}:user/alice`),
      allow: { Effect: 'Allow', Action: 'ecr:*', Resource: '*' },
    })
    await audit.next()
    const xml = await registry.sts(alice).ok('AssumeRole', { RoleArn: arn, RoleSessionName: 'run-7' })
    const session = credentialsIn(xml)
    await registry.awsAs(session).ok('CreateRepository', { repositoryName: 'by-ci' })
    await registry.sts(session).ok('GetCallerIdentity')
    const [taken, used] = await audit.exactly(2)
    assert.deepEqual(inShort([taken, used]), [
      `AssumeRole ${account}:user/alice`,
      `CreateRepository ${account}:assumed-role/ci/run-7`,
    ])
    assert.deepEqual(taken.requestParameters, { roleArn: arn, roleSessionName: 'run-7' })
    const { credentials } = taken.responseElements as { credentials: Record<string, unknown> }
    assert.deepEqual(
      [credentials.accessKeyId, credentials.secretAccessKey, credentials.sessionToken],
      [session.accessKeyId, 'HIDDEN_DUE_TO_SECURITY_REASONS', 'HIDDEN_DUE_TO_SECURITY_REASONS'],
    )
    assert.deepEqual(taken.resources, [{ accountId: account, ARN: arn }])
    assert.deepEqual(used.userIdentity, {
      type: 'AssumedRole',
      principalId: `${id}:run-7`,
      arn: `arn:aws:sts::${account}:assumed-role/ci/run-7`,
      accountId: account,
      accessKeyId: session.accessKeyId,
      sessionContext: {
        sessionIssuer: { type: 'Role', principalId: id, arn, accountId: account, userName: 'ci' },
        attributes: { creationDate: '2026-11-14T12:00:00Z', mfaAuthenticated: 'false' },
      },
    })
  })

  test('a role of another account is told to both; a refusal too', async () => {
    const { arn } = await createRole(registry.iam(), { name: 'shared', trust: trusting(`arn:aws:iam::${other}:root`) })
    await audit.next()
    await registry.sts(foreigner).ok('AssumeRole', { RoleArn: arn, RoleSessionName: 'visit' })
    await registry.sts(alice).call('AssumeRole', { RoleArn: arn, RoleSessionName: 'visit' })
    const records = await audit.next()
    assert.deepEqual(
      records.map(({ recipientAccountId, errorCode }) => [recipientAccountId, errorCode]),
      [
        [other, undefined],
        [account, undefined],
        [account, 'AccessDenied'],
      ],
    )
  })

  test('a session of a user, and a federated user, whose user is told', async () => {
    const own = credentialsIn(await registry.sts().ok('GetSessionToken'))
    const federated = credentialsIn(await registry.sts().ok('GetFederationToken', { Name: 'visitor' }))
    await registry.awsAs(own).ok('CreateRepository', { repositoryName: 'by-session' })
    await registry.awsAs(federated).call('CreateRepository', { repositoryName: 'by-visitor' })
    const [, , bySession, byVisitor] = await audit.exactly(4)
    assert.deepEqual(
      [
        bySession.userIdentity.type,
        (bySession.userIdentity.sessionContext as { sessionIssuer?: object }).sessionIssuer,
      ],
      ['IAMUser', undefined],
    )
    assert.equal(byVisitor.userIdentity.type, 'FederatedUser')
    const { sessionIssuer } = byVisitor.userIdentity.sessionContext as { sessionIssuer: Record<string, unknown> }
    assert.deepEqual(
      [sessionIssuer.type, sessionIssuer.arn, sessionIssuer.userName],
      ['IAMUser', `arn:aws:iam::${account}:user/admin`, 'admin'],
    )
  })

  test('a web identity token that lets nobody in, from nobody, at the account of the role', async () => {
    const token = 'eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl'
    const RoleArn = `arn:aws:iam::${other}:role/any`
    const input = { RoleArn, RoleSessionName: 'job', WebIdentityToken: token }
    const answer = await registry.http.send('POST', '/', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', ...input }).toString(),
    })
    assert.equal(answer.status >= 400, true, answer.text)
    const [refused] = await audit.exactly(1)
    assert.deepEqual(
      [refused.eventName, refused.userIdentity, refused.recipientAccountId, refused.requestParameters],
      [
        ...['AssumeRoleWithWebIdentity', { type: 'Unknown' }, other],
        { roleArn: RoleArn, roleSessionName: 'job', webIdentityToken: 'HIDDEN_DUE_TO_SECURITY_REASONS' },
      ],
    )
    assert.equal((await audit.raw()).includes(token), false)
  })
})

test('no secret and no token is in the files, whoever gave or got it', async () => {
  const made = await registry.iam().call('CreateAccessKey', { UserName: 'alice' })
  assert.equal(made.status, 200, made.text)
  const element = (name: string) => new RegExp(`<${name}>([^<]+)<`).exec(made.text)?.[1] ?? assert.fail(made.text)
  const { arn } = await createRole(registry.iam(), {
    name: 'secretive',
    trust: trusting(`arn:aws:iam::${account}:user/alice`),
  })
  const session = credentialsIn(await registry.sts(alice).ok('AssumeRole', { RoleArn: arn, RoleSessionName: 'x1' }))
  const { authorizationData } = await registry.aws.ok<{ authorizationData: { authorizationToken: string }[] }>(
    'GetAuthorizationToken',
  )
  const token = authorizationData[0]?.authorizationToken ?? assert.fail('no token')
  const password = Buffer.from(token, 'base64').toString().slice('AWS:'.length)
  const records = await audit.next()
  assert.deepEqual(inShort(records), [
    `CreateAccessKey ${admin}`,
    `CreateRole ${admin}`,
    `AssumeRole ${account}:user/alice`,
    `GetAuthorizationToken ${admin}`,
  ])
  const raw = await audit.raw()
  assert.ok(raw.includes(element('AccessKeyId')))
  assert.ok(raw.includes(session.accessKeyId))
  const secrets = [element('SecretAccessKey'), session.secretAccessKey, session.sessionToken, token, password]
  for (const secret of [...secrets, registry.credentials.secretAccessKey, alice.secretAccessKey])
    assert.equal(raw.includes(secret), false, secret)
})

test('BERTH_AUDIT_PULLS: pulls are data events; looking at headers is no pull', async (t) => {
  const pulled = await contractRegistry({ auditPulls: 'true' })
  t.after(() => pulled.close())
  const records = auditRecords(pulled)
  await pulled.aws.ok('CreateRepository', { repositoryName: 'app' })
  const image = fixedImage('pulled')
  for (const blob of image.blobs) await pulled.oci.pushBlob('app', blob)
  await pulled.oci.pushManifest('app', 'v1', image)
  await records.next()
  const layerDigest = digestOf(Buffer.from(image.blobs[0] ?? ''))
  await pulled.oci.send('HEAD', '/v2/app/manifests/v1')
  await pulled.oci.send('GET', '/v2/app/manifests/v1')
  await pulled.oci.send('GET', `/v2/app/blobs/${layerDigest}`)
  await pulled.aws.ok('BatchGetImage', { repositoryName: 'app', imageIds: [{ imageTag: 'v1' }] })
  const { downloadUrl } = await pulled.aws.ok<{ downloadUrl: string }>('GetDownloadUrlForLayer', {
    repositoryName: 'app',
    layerDigest,
  })
  await pulled.http.send('GET', downloadUrl.slice(pulled.url.length))
  await pulled.aws.ok('ListImages', { repositoryName: 'app' })
  const read = await records.next()
  assert.deepEqual(
    read.map(({ eventName, eventCategory, managementEvent, readOnly, responseElements }) => [
      ...[eventName, eventCategory, managementEvent, readOnly, responseElements],
    ]),
    [
      'BatchGetImage',
      'GetDownloadUrlForLayer',
      'BatchGetImage',
      'GetDownloadUrlForLayer',
      'GetDownloadUrlForLayer',
    ].map((name) => [name, 'Data', false, true, null]),
  )
  assert.equal((await records.raw()).includes(downloadUrl.slice(pulled.url.length)), false)
})

test('the metrics show how many events were lost', async () => {
  const { text } = await registry.http.send('GET', '/metrics')
  assert.match(text, /^berth_audit_dropped_events 0$/m)
})
