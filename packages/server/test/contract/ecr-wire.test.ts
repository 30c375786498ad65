// ECR's wire before any operation: what a request must be, in which order it is looked at, and the exact words of each refusal
// (ECR API 1.1 to 1.5; IAM 1.4 to 1.7).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertAwsError, assertAwsHeaders, invalidParameter, targetPrefix } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
  await registry.aws.ok('CreateRepository', { repositoryName: 'app' })
})
after(() => registry?.close())

const target = `${targetPrefix}.DescribeRegistry`
const empty = { registryId: account, replicationConfiguration: { rules: [] } }
const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.'

describe('ECR API 1.1: a request and its answer', () => {
  test('the answer is JSON 1.1 with a request id of its own', async () => {
    const first = await registry.aws.call('DescribeRegistry')
    assert.equal(first.status, 200)
    assert.deepEqual(JSON.parse(first.text), empty)
    assertAwsHeaders(first)
    const second = await registry.aws.call('DescribeRegistry')
    assert.notEqual(first.headers['x-amzn-requestid'], second.headers['x-amzn-requestid'])
  })

  test('an empty body, an empty object and members that nobody knows are one request', async () => {
    for (const body of ['', '{}', ' {\n} ', '{"newMember":{"deep":[1,null,{"a":true}]},"__proto__":{"x":1}}']) {
      assert.deepEqual(await registry.aws.ok('DescribeRegistry', body), empty, body)
    }
    const { repositories } = await registry.aws.ok<{ repositories: unknown[] }>('DescribeRepositories', {
      repositoryNames: null,
      maxResults: null,
      future: 1,
    })
    assert.equal(repositories.length, 1)
  })

  test('what SDKs add is signed and ignored; a session token belongs to no key of ours', async () => {
    const headers = { 'amz-sdk-invocation-id': 'x', 'amz-sdk-request': 'attempt=1; max=3', 'user-agent': 'a b/1  c' }
    assert.equal((await registry.aws.send({ target, headers })).status, 200)
    assertAwsError(
      await registry.aws.send({ target, credentials: { ...registry.credentials, sessionToken: 'abc' } }),
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    )
  })

  test('GET / is a page for people; other methods and an unsigned POST are not', async () => {
    const page = await registry.http.send('GET', '/')
    assert.equal(page.status, 200)
    assert.equal(page.text, 'Berth, a container registry with the API of Amazon ECR.\n')
    assert.equal(page.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal((await registry.http.send('HEAD', '/')).text, '')
    assertAwsError(
      await registry.http.send('POST', '/'),
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    )
    assert.equal((await registry.http.send('PUT', '/')).status, 405)
    assert.equal((await registry.http.send('GET', '/nothing')).status, 404)
    assert.equal((await registry.http.send('POST', '/nothing')).status, 404)
  })
})

describe('IAM 1.6: the signature comes first', () => {
  const send = (call: object) => registry.aws.send({ target, ...call })

  test('a secret that is wrong, a body or a header that was changed', async () => {
    const { accessKeyId } = registry.credentials
    assertAwsError(
      await send({ credentials: { accessKeyId, secretAccessKey: 'x'.repeat(40) } }),
      'InvalidSignatureException',
      mismatch,
    )
    assertAwsError(await send({ sentBody: '{ }' }), 'InvalidSignatureException', mismatch)
    assertAwsError(
      await send({
        tamper: (headers: object) => ({ ...headers, 'x-amz-target': `${targetPrefix}.GetAuthorizationToken` }),
      }),
      'InvalidSignatureException',
      mismatch,
    )
    assertAwsError(
      await send({ tamper: (headers: object) => ({ ...headers, 'x-amz-other': '1' }) }),
      'InvalidSignatureException',
      "'x-amz-other' must be a 'SignedHeader' in the AWS Authorization.",
    )
    assertAwsError(
      await send({ headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } }),
      'InvalidSignatureException',
      mismatch,
    )
  })

  test('an access key that nobody has, and one that was disabled', async () => {
    const invalid = 'The security token included in the request is invalid.'
    assertAwsError(
      await send({ credentials: { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: 'x' } }),
      'UnrecognizedClientException',
      invalid,
    )
    const { accessKeyId } = registry.credentials
    await registry.setKeyStatus(accessKeyId, 'Inactive')
    assertAwsError(await send({}), 'UnrecognizedClientException', invalid)
    await registry.setKeyStatus(accessKeyId, 'Active')
    assert.equal((await send({})).status, 200)
  })

  test('a header that is no signature', async () => {
    const answer = await send({ tamper: (headers: object) => ({ ...headers, authorization: 'Bearer' }) })
    const body = JSON.parse(answer.text) as { __type: string; message: string }
    assert.equal(answer.status, 400)
    assert.equal(body.__type, 'IncompleteSignatureException')
    assert.match(
      body.message,
      /^Authorization header requires 'Credential' parameter\. Authorization header requires 'Signature' parameter\. Authorization header requires 'SignedHeaders' parameter\. \(Hashed with SHA-256/,
    )
    assertAwsError(
      await registry.http.send('POST', '/?X-Amz-Algorithm=AWS4-HMAC-SHA256', { headers: { authorization: 'x' } }),
      'InvalidSignatureException',
      "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )
  })

  test('1.5: fifteen minutes of skew are allowed, and not a second more', async () => {
    const minutes = 60_000
    assert.equal((await send({ ahead: 15 * minutes })).status, 200)
    assert.equal((await send({ ahead: -15 * minutes })).status, 200)
    assertAwsError(
      await send({ ahead: 15 * minutes + 1000 }),
      'InvalidSignatureException',
      'Signature not yet current: 20261114T121501Z is still later than 20261114T121500Z (20261114T120000Z + 15 min.)',
    )
    assertAwsError(
      await send({ ahead: -15 * minutes - 1000 }),
      'InvalidSignatureException',
      'Signature expired: 20261114T114459Z is now earlier than 20261114T114500Z (20261114T120000Z - 15 min.)',
    )
  })

  test('the scope names a service and a region that are ours', async () => {
    assertAwsError(
      await send({ service: 's3' }),
      'InvalidSignatureException',
      "Credential should be scoped to correct service: 'ecr'.",
    )
    assertAwsError(
      await send({ region: 'nowhere' }),
      'InvalidSignatureException',
      "Credential should be scoped to a valid region, not 'nowhere'.",
    )
    assert.equal((await send({ region: 'eu-west-1' })).status, 200)
  })
})

describe('ECR API 1.3: X-Amz-Target', () => {
  const refusal = async (given: string | undefined, message: string) =>
    assertAwsError(await registry.aws.send({ target: given }), 'UnknownOperationException', message)

  test('an operation that nobody has, in letters that are not exact, or under another name', async () => {
    await refusal(`${targetPrefix}.MakeCoffee`, "The operation 'MakeCoffee' is not an operation of Amazon ECR.")
    await refusal(
      `${targetPrefix}.describeRegistry`,
      "The operation 'describeRegistry' is not an operation of Amazon ECR.",
    )
    await refusal('DescribeRegistry', "The operation 'DescribeRegistry' is not an operation of Amazon ECR.")
    await refusal(undefined, "The operation '' is not an operation of Amazon ECR.")
    await refusal(`${targetPrefix}.constructor`, "The operation 'constructor' is not an operation of Amazon ECR.")
  })

  test('an operation that is not built yet says so', async () => {
    await refusal(
      `${targetPrefix}.StartImageScan`,
      "The operation 'StartImageScan' is not part of this version of Berth.",
    )
    await refusal(
      'SpencerFrontendService.DescribeImageTags',
      "The operation 'DescribeImageTags' is not part of this version of Berth.",
    )
  })
})

describe('ECR API 1.3: a body that cannot be read', () => {
  const refusal = async (body: string | Uint8Array, message: string, operation = 'DescribeRepositories') =>
    assertAwsError(
      await registry.aws.send({ target: `${targetPrefix}.${operation}`, body }),
      'SerializationException',
      message,
    )

  test('no JSON, more than one value, or something else than an object', async () => {
    for (const body of ['{', '{}{}', '{"a":1,}', "{'a':1}", '{"a":01}', 'undefined', '{"a":\t"\t"}']) {
      await refusal(body, 'The body is not JSON')
    }
    for (const body of ['[]', 'null', '"text"', '7']) await refusal(body, 'Expected structure or null')
  })

  test('two members of one name, however they are written, at any depth', async () => {
    const message = 'The body has an object with two members of one name'
    await refusal('{"maxResults":1,"maxResults":1}', message)
    await refusal('{"maxResults":1,"max\\u0052esults":2}', message)
    await refusal('{"unknown":[{"a":1,"b":{"c":1,"c":2}}]}', message)
  })

  test('64 values inside one another, and no more', async () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`
    assert.equal((await registry.aws.call('DescribeRepositories', nested(64))).status, 200)
    await refusal(nested(65), 'The body is nested too deeply')
    await refusal('['.repeat(100_000), 'The body is nested too deeply')
  })

  test('bytes that are not UTF-8, and a byte order mark', async () => {
    await refusal(Buffer.from('{"a":"\xff"}', 'latin1'), 'The body is not UTF-8')
    await refusal(Buffer.from('\ufeff{}'), 'The body is not UTF-8')
  })

  test('more bytes than the operation takes: 413, announced or not', async () => {
    const body = `{"nextToken":"${'x'.repeat(1024 * 1024)}"}`
    const message = 'The body is larger than the operation takes'
    for (const chunked of [false, true]) {
      assertAwsError(
        await registry.aws.send({ target, body, chunked }),
        'RequestEntityTooLargeException',
        message,
        {},
        413,
      )
    }
  })
})

describe('the order of checks (signature, naming members, authorization, the rest)', () => {
  const long = 'must have length less than or equal to 256'
  const tooLong = { repositoryName: 'a'.repeat(257), registryId: account }

  test('a signature before anything in the body', async () => {
    const credentials = { accessKeyId: registry.credentials.accessKeyId, secretAccessKey: 'wrong' }
    for (const body of ['{', JSON.stringify(tooLong)]) {
      assertAwsError(
        await registry.aws.send({ target: `${targetPrefix}.DeleteRepository`, body, credentials }),
        'InvalidSignatureException',
        mismatch,
      )
    }
  })

  test('the members that name the resource, then authorization, then all others, then what exists', async () => {
    const stranger = registry.awsAs(await registry.createUser('stranger'))
    const denied = (action: string) =>
      `User: arn:aws:iam::${account}:user/stranger is not authorized to perform: ecr:${action} on resource: arn:aws:ecr:${region}:${account}:repository/missing because no identity-based policy allows the ecr:${action} action`
    await stranger.refused(
      'BatchGetImage',
      { repositoryName: 7, imageIds: [] },
      'SerializationException',
      'NUMBER_VALUE can not be converted to a String',
    )
    await stranger.refused(
      'BatchGetImage',
      { ...tooLong, imageIds: [] },
      'InvalidParameterException',
      invalidParameter('repositoryName', long),
    )
    await stranger.refused(
      'BatchGetImage',
      { repositoryName: 'missing', imageIds: [] },
      'AccessDeniedException',
      denied('BatchGetImage'),
    )
    await stranger.refused(
      'BatchGetImage',
      { repositoryName: 'missing' },
      'AccessDeniedException',
      denied('BatchGetImage'),
    )
    await registry.aws.refused(
      'BatchGetImage',
      { repositoryName: 'missing', imageIds: [] },
      'InvalidParameterException',
      invalidParameter('imageIds', 'Member must have length greater than or equal to 1'),
    )
    await registry.aws.refused(
      'BatchGetImage',
      { repositoryName: 'missing', imageIds: [{}] },
      'RepositoryNotFoundException',
      `The repository with name 'missing' does not exist in the registry with id '${account}'`,
    )
  })
})
