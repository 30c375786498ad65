// The docker wire before any endpoint: who speaks, which paths are endpoints, and what a hostile request gets
// (OCI distribution-spec; ECR features 1.3, 1.4, 1.6).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { assertHeaders, assertOciError } from '../support/oci-wire.ts'

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
  await registry.aws.ok('CreateRepository', { repositoryName: 'app' })
})
after(() => registry?.close())

const hours = 60 * 60 * 1000
const authorizationOf = async (aws = registry.aws) => {
  const { authorizationData } = await aws.ok<{ authorizationData: [{ authorizationToken: string }] }>(
    'GetAuthorizationToken',
  )
  return `Basic ${authorizationData[0].authorizationToken}`
}

describe('1.3: authentication', () => {
  test('end-1: a valid token opens /v2/, with and without its last slash, for GET and HEAD', async () => {
    for (const target of ['/v2/', '/v2', '/v2/?x=y']) {
      const answer = await registry.oci.send('GET', target)
      assert.deepEqual([answer.status, answer.text], [200, '{}'])
      assertHeaders(answer, {
        'content-type': 'application/json; charset=utf-8',
        'docker-distribution-api-version': 'registry/2.0',
        'x-content-type-options': 'nosniff',
        'content-length': '2',
      })
      assert.deepEqual([(await registry.oci.send('HEAD', target)).status], [200])
    }
  })

  test('without credentials: 401 and the Basic challenge, on every path and method', async () => {
    for (const [method, target] of [
      ['GET', '/v2/'],
      ['GET', '/v2/app/manifests/v1'],
      ['GET', '/v2/no/such/endpoint'],
      ['POST', '/v2/app/blobs/uploads/'],
      ['TRACE', '/v2/'],
      ['GET', '/v2/..%2f..'],
    ] as const) {
      assertOciError(await registry.http.send(method, target), 401, 'UNAUTHORIZED', 'Not Authorized', {
        'www-authenticate': `Basic realm="http://${registry.host}/",service="ecr.amazonaws.com"`,
      })
    }
    const head = await registry.http.send('HEAD', '/v2/')
    assert.deepEqual([head.status, head.text], [401, ''])
  })

  test('the realm is made of the host that was called, and of nothing that could end it', async () => {
    const answer = await registry.http.send('GET', '/v2/', { headers: { host: 'a.example:5000"evil' } })
    assert.equal(
      answer.headers['www-authenticate'],
      'Basic realm="http://a.example:5000evil/",service="ecr.amazonaws.com"',
    )
  })

  test('garbled, of another scheme, of another user: 400 without a challenge', async () => {
    const token = (await authorizationOf()).slice('Basic '.length)
    const password = Buffer.from(token, 'base64').toString().slice('AWS:'.length)
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    for (const authorization of [
      'Basic',
      'Basic !!!',
      `Bearer ${token}`,
      token,
      `Basic ${token}, Basic ${token}`,
      basic('AWS:'),
      basic(`aws:${password}`),
      basic(`admin:${password}`),
      basic(`AWS:${password}xxxx`),
      basic(`AWS:${password.slice(0, -1)}`),
      basic(`AWS:${password.slice(0, -2)}${password.endsWith('AA') ? 'BB' : 'AA'}`),
      basic(password),
      basic(`AWS:${'x'.repeat(5000)}`),
    ]) {
      assertOciError(
        await registry.http.send('GET', '/v2/', { headers: { authorization } }),
        400,
        'DENIED',
        'Your Authorization Token is invalid.',
        { 'www-authenticate': undefined },
      )
    }
    const anyCase = { headers: { authorization: `bASIC  ${token} ` } }
    assert.equal((await registry.http.send('GET', '/v2/', anyCase)).status, 200)
  })

  test('after twelve hours: 403 with the text of ECR and no challenge, also for a token that was used before', async () => {
    const used = await authorizationOf()
    const send = (authorization: string) => registry.http.send('GET', '/v2/', { headers: { authorization } })
    registry.clock.advance(1 * hours)
    const fresh = await authorizationOf()
    registry.clock.advance(11 * hours - 1)
    assert.equal((await send(used)).status, 200)
    registry.clock.advance(1)
    assertOciError(
      await send(used),
      403,
      'DENIED',
      'Your authorization token has expired. Reauthenticate and try again.',
      { 'www-authenticate': undefined },
    )
    assert.equal((await send(fresh)).status, 200)
    registry.clock.advance(-12 * hours)
  })

  test('a token ends with its access key, at once', async () => {
    const credentials = await registry.createAccount('210987654321')
    const authorization = await authorizationOf(registry.awsAs(credentials))
    const send = () => registry.http.send('GET', '/v2/', { headers: { authorization } })
    assert.equal((await send()).status, 200)
    await registry.setKeyStatus(credentials.accessKeyId, 'Inactive')
    assertOciError(await send(), 403, 'DENIED', 'The security token included in the request is invalid.')
    await registry.setKeyStatus(credentials.accessKeyId, 'Active')
    assert.equal((await send()).status, 200)
  })
})

describe('1.1: which registry a request is for', () => {
  const hostOf = (of: string, inRegion: string, suffix = 'dkr.ecr') => `${of}.${suffix}.${inRegion}.example.com`
  const tags = (host: string) => registry.oci.send('GET', '/v2/app/tags/list', { headers: { host } })

  test('the host names account and region, in every form that ECR has; a plain host leaves it to the token', async () => {
    for (const host of [
      hostOf(account, region),
      `${hostOf(account, region)}:5000`,
      `${hostOf(account, region)}.`,
      hostOf(account, region).toUpperCase(),
      hostOf(account, region, 'dkr-ecr'),
      hostOf(account, region, 'dkr.ecr-fips'),
      hostOf(account, region, 'dkr-ecr-fips'),
      'localhost',
      '[::1]:5000',
      '12345.dkr.ecr.us-east-1.example.com',
    ]) {
      assert.equal((await tags(host)).status, 200, host)
    }
  })

  test('a token of one region is none in another', async () => {
    assertOciError(
      await tags(hostOf(account, 'eu-west-1')),
      400,
      'DENIED',
      'Your Authorization Token is of region us-east-1 and not of eu-west-1.',
    )
  })

  test('another account is denied by name, whether the repository is there or not', async () => {
    for (const name of ['app', 'missing']) {
      const host = hostOf('210987654321', region)
      assertOciError(
        await registry.oci.send('GET', `/v2/${name}/tags/list`, { headers: { host } }),
        403,
        'DENIED',
        `User: arn:aws:iam::${account}:user/admin is not authorized to perform: ecr:ListImages on resource: arn:aws:ecr:${region}:210987654321:repository/${name} because no resource-based policy allows the ecr:ListImages action`,
      )
    }
  })
})

describe('1.5.1: the IAM action that guards each endpoint', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  const rows: [method: string, target: string, action: string][] = [
    ['GET', '/v2/_catalog', 'DescribeRepositories'],
    ['GET', '/v2/app/tags/list', 'ListImages'],
    ['GET', '/v2/app/manifests/v1', 'BatchGetImage'],
    ['PUT', '/v2/app/manifests/v1', 'PutImage'],
    ['DELETE', '/v2/app/manifests/v1', 'BatchDeleteImage'],
    ['GET', `/v2/app/blobs/${digest}`, 'GetDownloadUrlForLayer'],
    ['DELETE', `/v2/app/blobs/${digest}`, 'BatchDeleteImage'],
    ['POST', '/v2/app/blobs/uploads/', 'InitiateLayerUpload'],
    ['POST', `/v2/app/blobs/uploads/?mount=${digest}&from=other`, 'InitiateLayerUpload'],
    ['PATCH', '/v2/app/blobs/uploads/x', 'UploadLayerPart'],
    ['GET', '/v2/app/blobs/uploads/x', 'UploadLayerPart'],
    ['DELETE', '/v2/app/blobs/uploads/x', 'UploadLayerPart'],
    ['PUT', `/v2/app/blobs/uploads/x?digest=${digest}`, 'CompleteLayerUpload'],
    ['GET', `/v2/app/referrers/${digest}`, 'BatchGetImage'],
  ]

  test('whom no policy allows it is denied with the sentence of ECR; without one only /v2/ opens', async () => {
    const stranger = await registry.ociAs(registry.awsAs(registry.credentials))
    assert.equal((await stranger.send('GET', '/v2/')).status, 200)
    const user = await registry.createUser('stranger', ['arn:aws:iam::aws:policy/AdministratorAccess'])
    const authorization = await authorizationOfUser(user)
    for (const [method, target, action] of rows) {
      const resource = target.startsWith('/v2/app/') ? 'app' : '*'
      assertOciError(
        await registry.http.send(method, target, { headers: { authorization } }),
        403,
        'DENIED',
        `User: arn:aws:iam::${account}:user/stranger is not authorized to perform: ecr:${action} on resource: arn:aws:ecr:${region}:${account}:repository/${resource} because no identity-based policy allows the ecr:${action} action`,
      )
    }
    assert.equal((await registry.http.send('GET', '/v2/', { headers: { authorization } })).status, 200)
    const head = await registry.http.send('HEAD', `/v2/app/blobs/${digest}`, { headers: { authorization } })
    assert.deepEqual([head.status, head.text], [403, ''])
  })

  /** A user who may not ask for a token has one all the same: it was made while he had all rights, and he has none now. */
  async function authorizationOfUser(user: { accessKeyId: string; secretAccessKey: string }): Promise<string> {
    const authorization = await authorizationOf(registry.awsAs(user))
    await registry.sql(
      "DELETE FROM policy_attachments WHERE entity_id IN (SELECT entity_id FROM entities WHERE name = 'stranger')",
    )
    await registry.identitiesChanged()
    return authorization
  }
})

describe('paths and methods', () => {
  test('what is no endpoint: 404; a method that an endpoint has not: 405 with those it has', async () => {
    for (const target of ['/v2/app', '/v2/app/', '/v2/_catalog/', '/v2/app/tags', '/v2/app/tags/all', '/v2/a/b/c/d']) {
      assertOciError(await registry.oci.send('GET', target), 404, 'UNSUPPORTED', 'There is no such endpoint.')
    }
    const allowed: [target: string, method: string, allow: string][] = [
      ['/v2/', 'POST', 'GET, HEAD'],
      ['/v2/_catalog', 'DELETE', 'GET, HEAD'],
      ['/v2/app/tags/list', 'PUT', 'GET, HEAD'],
      ['/v2/app/manifests/v1', 'POST', 'GET, HEAD, PUT, DELETE'],
      ['/v2/app/blobs/x', 'PUT', 'GET, HEAD, DELETE'],
      ['/v2/app/blobs/uploads/', 'GET', 'POST'],
      ['/v2/app/blobs/uploads/x', 'POST', 'GET, HEAD, PATCH, PUT, DELETE'],
      ['/v2/app/referrers/x', 'DELETE', 'GET, HEAD'],
    ]
    for (const [target, method, allow] of allowed) {
      const answer = await registry.oci.send(method, target)
      assertOciError(answer, 405, 'UNSUPPORTED', 'The operation is unsupported.', { allow })
    }
  })

  test('names that are none: 400 NAME_INVALID with the sentence of ECR', async () => {
    const expression = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'
    const sentence = (constraint: string) =>
      `Invalid parameter at 'repositoryName' failed to satisfy constraint: '${constraint}'`
    const pattern = sentence(`must satisfy regular expression '${expression}'`)
    for (const [name, message] of [
      ['App', pattern],
      ['a//b', pattern],
      ['/a', pattern],
      ['a/', pattern],
      ['../app', pattern],
      ['app/..', pattern],
      ['./app', pattern],
      ['a%20b', pattern],
      ['a%0Ab', pattern],
      ['%C3%A9%C3%A9', pattern],
      ['a..b', pattern],
      ['', sentence('must have length greater than or equal to 2')],
      ['a', sentence('must have length greater than or equal to 2')],
      ['x'.repeat(257), sentence('must have length less than or equal to 256')],
    ] as const) {
      for (const end of ['tags/list', 'manifests/v1', 'blobs/uploads/', `referrers/sha256:${'0'.repeat(64)}`]) {
        const method = end === 'blobs/uploads/' ? 'POST' : 'GET'
        assertOciError(await registry.oci.send(method, `/v2/${name}/${end}`), 400, 'NAME_INVALID', message)
      }
    }
  })

  test('slashes, dots and zeros in disguise: 400, whatever they would have reached', async () => {
    for (const target of [
      '/v2/app%2Ftags/list',
      '/v2/x/%2e%2e/app/tags/list',
      '/v2/x%2f..%2fapp/tags/list',
      '/v2/app/manifests/%2e',
      '/v2/app/manifests/..%2f..%2fetc%2fpasswd',
      '/v2/app/manifests/v1%00',
      '/v2/app/manifests/v1%5c..',
      '/v2/app/manifests/%',
      '/v2/app/manifests/%zz',
      '/v2/app/manifests/%c3%28',
      '/v2/app/blobs/uploads/%2e%2e',
    ]) {
      assertOciError(
        await registry.oci.send('GET', target),
        400,
        'NAME_INVALID',
        "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must not contain an encoded slash or dot segment'",
      )
    }
  })

  test('a colon may be escaped, as some clients do', async () => {
    const digest = await registry.oci.pushBlob('app', 'escaped')
    assert.equal((await registry.oci.send('GET', `/v2/app/blobs/${digest.replace(':', '%3A')}`)).text, 'escaped')
  })

  test('repositories that are named like parts of paths are repositories like others', async () => {
    const names = [
      'a/blobs/uploads',
      'blobs/uploads',
      'tags/list',
      'a/tags/list',
      'manifests/v1',
      'a/manifests',
      'referrers/x',
      'v2/v2',
      'a/blobs',
      'uploads/blobs',
    ]
    for (const name of names) {
      await registry.aws.ok('CreateRepository', { repositoryName: name })
      const digest = await registry.oci.pushBlob(name, `blob of ${name}`)
      assert.equal((await registry.oci.send('GET', `/v2/${name}/blobs/${digest}`)).text, `blob of ${name}`)
      const index = { text: '{"schemaVersion":2,"manifests":[]}', mediaType: 'application/vnd.oci.image.index.v1+json' }
      for (const tag of ['list', 'uploads', 'v1']) await registry.oci.pushManifest(name, tag, index)
      const listed = await registry.oci.send('GET', `/v2/${name}/tags/list`)
      assert.deepEqual(JSON.parse(listed.text), { name, tags: ['list', 'uploads', 'v1'] })
    }
  })
})

describe('sizes', () => {
  test('a header and an address of 16 KiB are read; those of 40 KiB are refused before anybody is asked', async () => {
    const headers = { 'x-long': 'x'.repeat(16 * 1024) }
    assert.equal((await registry.oci.send('GET', '/v2/', { headers })).status, 200)
    const long = `/v2/app/tags/list?last=${'x'.repeat(16 * 1024)}`
    assert.equal((await registry.oci.send('GET', long)).status, 200)
    for (const head of [
      `GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(40 * 1024)}\r\n\r\n`,
      `GET /v2/${'x'.repeat(40 * 1024)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    ]) {
      const connection = await registry.http.connection()
      connection.write(head)
      assert.equal(
        await connection.ended(),
        'HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
      )
    }
  })

  test('what is no HTTP is 400, and the connection ends', async () => {
    for (const bytes of [
      'hello\r\n\r\n',
      'GET /v2/ HTTP/1.1\r\n\r\n',
      'GET /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
      'POST /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'GET /v2/\u0001 HTTP/1.1\r\nHost: a\r\n\r\n',
    ]) {
      const connection = await registry.http.connection()
      connection.write(bytes)
      assert.match(await connection.ended(), /^HTTP\/1\.1 400 Bad Request\r\n/, JSON.stringify(bytes))
    }
  })
})
