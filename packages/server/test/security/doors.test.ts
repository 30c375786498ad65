// Security tests of the doors: what a signature must be, and what a refusal tells. Their numbers are those of docs/design/security-tests.md.

import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { after, before, describe, test } from 'node:test'
import type { AccountId } from '@berth/api/names/registry.ts'
import { signRequest } from '@berth/api/sigv4/sign.ts'
import { nodeDigests } from '../../src/auth/signing-keys.ts'
import { randomIds } from '../../src/base/ids.ts'
import { type AwsWire, assertAwsError, type SignedCall, targetPrefix } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { assertOciError } from '../support/oci-wire.ts'
import type { Answer } from '../support/plain-http.ts'
import { assertQueryError } from '../support/query-wire.ts'

const other = '210987654321'
const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.'
const form = { 'content-type': 'application/x-www-form-urlencoded' }

let registry: ContractRegistry
let aws: AwsWire
before(async () => {
  registry = await contractRegistry()
  ;({ aws } = registry)
  await aws.ok('CreateRepository', { repositoryName: 'app' })
})
after(() => registry?.close())

const targetOf = (operation: string) => `${targetPrefix}.${operation}`
const ask = (call: Partial<SignedCall> = {}) => aws.send({ target: targetOf('DescribeRepositories'), ...call })
const tamper = (change: Record<string, string | undefined>) => (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries({ ...headers, ...change }).filter((entry): entry is [string, string] => !!entry[1]))

/** A signed call of IAM or STS, which is changed before it is sent. */
function askIdentity(
  options: {
    service?: 'iam' | 'sts'
    signedFor?: string
    inRegion?: string
    ahead?: number
    body?: string
    sentBody?: string
    headers?: Record<string, string>
    change?: (headers: Record<string, string>) => Record<string, string>
    path?: string
  } = {},
): Promise<Answer> {
  const { service = 'sts', path = '/', change = (headers) => headers } = options
  const versions = { iam: 'Action=ListUsers&Version=2010-05-08', sts: 'Action=GetCallerIdentity&Version=2011-06-15' }
  const body = options.body ?? versions[service]
  const headers = signRequest({
    method: 'POST',
    url: `http://${registry.host}${path}`,
    headers: { host: registry.host, ...form, ...options.headers },
    body,
    credentials: registry.credentials,
    region: options.inRegion ?? region,
    service: options.signedFor ?? service,
    now: registry.clock.now() + (options.ahead ?? 0),
    digests: nodeDigests,
  })
  return registry.http.send('POST', path, { headers: change(headers), body: options.sentBody ?? body })
}

const codeIn = ({ text }: Answer) =>
  /<Code>([^<]*)</.exec(text)?.[1] ?? (JSON.parse(text) as { __type?: string }).__type ?? assert.fail(text)

describe('signatures', () => {
  test('security test 1: without Authorization every door says what it wants', async () => {
    assertAwsError(
      await registry.http.send('POST', '/', { headers: { 'x-amz-target': targetOf('DescribeRepositories') } }),
      'MissingAuthenticationTokenException',
      'Missing Authentication Token',
    )
    for (const body of ['Action=ListUsers&Version=2010-05-08', 'Action=GetCallerIdentity&Version=2011-06-15']) {
      assertQueryError(
        await registry.http.send('POST', '/', { headers: form, body }),
        403,
        'MissingAuthenticationToken',
        'Request is missing Authentication Token',
      )
    }
    assertOciError(await registry.http.send('GET', '/v2/'), 401, 'UNAUTHORIZED', 'Not Authorized', {
      'www-authenticate': `Basic realm="http://${registry.host}/",service="ecr.amazonaws.com"`,
    })
  })

  test('security test 2: a header without its signature is incomplete, never anonymous', async () => {
    const cut = (headers: Record<string, string>) => ({
      ...headers,
      authorization: (headers.authorization ?? '').replace(/, Signature=.*$/, ''),
    })
    const answer = await ask({ tamper: cut })
    assert.deepEqual([answer.status, codeIn(answer)], [400, 'IncompleteSignatureException'])
    for (const service of ['iam', 'sts'] as const) {
      const refused = await askIdentity({ service, change: cut })
      assert.deepEqual([refused.status, codeIn(refused)], [400, 'IncompleteSignature'])
    }
  })

  test('security test 3: two signatures are none', async () => {
    const message = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    const path = '/?X-Amz-Algorithm=AWS4-HMAC-SHA256'
    assertAwsError(await ask({ path }), 'InvalidSignatureException', message)
    assertQueryError(await askIdentity({ path }), 403, 'SignatureDoesNotMatch', message)
  })

  test('security test 4: a target or a session token that is not signed', async () => {
    const unsigned = (name: string) => `'${name}' must be a 'SignedHeader' in the AWS Authorization.`
    for (const name of ['x-amz-target', 'x-amz-security-token']) {
      const answer = await ask({ target: undefined, tamper: tamper({ [name]: targetOf('DeleteRepository') }) })
      assertAwsError(answer, 'InvalidSignatureException', unsigned(name))
    }
    assertQueryError(
      await askIdentity({ change: tamper({ 'x-amz-security-token': 'x' }) }),
      403,
      'SignatureDoesNotMatch',
      unsigned('x-amz-security-token'),
    )
  })

  test('security test 5: a captured signature is good for its own target and body only', async () => {
    const refused = (answer: Answer) => assertAwsError(answer, 'InvalidSignatureException', mismatch)
    refused(await ask({ tamper: tamper({ 'x-amz-target': targetOf('DeleteRepository') }) }))
    refused(await ask({ body: '{"a":1}', sentBody: '{"a":2}' }))
    refused(await ask({ tamper: tamper({ host: 'elsewhere.example.com' }) }))
    assertQueryError(
      await askIdentity({ sentBody: 'Action=GetSessionToken&Version=2011-06-15' }),
      403,
      'SignatureDoesNotMatch',
      mismatch,
    )
    await aws.ok('DescribeRepositories', { repositoryNames: ['app'] })
  })

  test('security test 6: the forms of S3 that leave the body out are none here', async () => {
    for (const hash of [
      'UNSIGNED-PAYLOAD',
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    ]) {
      const headers = { 'x-amz-content-sha256': hash }
      assertAwsError(await ask({ headers, sentBody: '{"maxResults":1}' }), 'InvalidSignatureException', mismatch)
      assertQueryError(await askIdentity({ headers }), 403, 'SignatureDoesNotMatch', mismatch)
    }
  })

  test('security test 7: what counts is the hash of the body that came', async () => {
    const headers = { 'x-amz-content-sha256': crypto.hash('sha256', '{}') }
    assert.equal((await ask({ headers })).status, 200)
    assertAwsError(await ask({ headers, sentBody: '{ }' }), 'InvalidSignatureException', mismatch)
    const wrong = { 'x-amz-content-sha256': crypto.hash('sha256', 'another') }
    assertAwsError(await ask({ headers: wrong }), 'InvalidSignatureException', mismatch)
  })

  test('security test 8: a replay is good until its time is over, and not before it has come', async () => {
    const minutes = 60_000
    assert.equal((await ask({ ahead: -15 * minutes + 1000 })).status, 200)
    const expired = /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - (\d+) min\.\)$/
    const early =
      /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ (\d+) min\.\)$/
    const messageIn = ({ text }: Answer) =>
      /<Message>([^<]*)</.exec(text)?.[1] ?? (JSON.parse(text) as { message: string }).message
    assert.equal(expired.exec(messageIn(await ask({ ahead: -15 * minutes - 1000 })))?.[1], '15')
    assert.equal(early.exec(messageIn(await ask({ ahead: 15 * minutes + 1000 })))?.[1], '15')
    assert.equal((await askIdentity({ ahead: -5 * minutes + 1000 })).status, 200)
    assert.equal(expired.exec(messageIn(await askIdentity({ ahead: -5 * minutes - 1000 })))?.[1], '5')
    assert.equal(early.exec(messageIn(await askIdentity({ ahead: 5 * minutes + 1000 })))?.[1], '5')
  })

  test('security test 9: a scope of another service, region or day', async () => {
    const rows: [Partial<SignedCall>, string][] = [
      [{ service: 's3' }, "Credential should be scoped to correct service: 'ecr'."],
      [{ service: 'sts' }, "Credential should be scoped to correct service: 'ecr'."],
      [{ region: 'nowhere' }, "Credential should be scoped to a valid region, not 'nowhere'."],
      [
        {
          tamper: (headers) => ({
            ...headers,
            authorization: headers.authorization?.replace('/20261114/', '/20261113/') ?? '',
          }),
        },
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261113' != '20261114', from '20261114T120000Z'.",
      ],
    ]
    for (const [call, message] of rows) assertAwsError(await ask(call), 'InvalidSignatureException', message)
    assertQueryError(
      await askIdentity({ service: 'iam', signedFor: 'sts' }),
      403,
      'SignatureDoesNotMatch',
      "Credential should be scoped to correct service: 'iam'.",
    )
  })

  test('security test 10: repeated headers and absolute targets are refused; each request is for the host it names', async () => {
    const signed = await captured()
    const repeated = async (name: string, value: string) => {
      const lines = Object.entries(signed).map(([header, text]) => `${header}: ${text}`)
      return statusOf(`POST / HTTP/1.1\r\n${lines.join('\r\n')}\r\n${name}: ${value}\r\ncontent-length: 2\r\n\r\n{}`)
    }
    assert.equal(await statusOf(rawRequest('POST', '/', signed, '{}')), 200, 'as it was signed')
    for (const name of ['host', 'authorization', 'x-amz-date', 'x-amz-target', 'content-type'])
      assert.equal(await repeated(name, signed[name] ?? ''), 400, name)
    const authorization = await tokenOf(aws)
    for (const target of [
      `http://${registry.host}/v2/`,
      `http://elsewhere.example.com/v2/`,
      `http://${registry.host}/`,
    ])
      assert.equal(await statusOf(rawRequest('GET', target, { host: registry.host, authorization })), 400, target)

    const hostOf = (of: string) => `${of}.dkr.ecr.${region}.example.com`
    const last = { host: hostOf(account), authorization, connection: 'close' }
    const text = await answersTo(
      rawRequest('GET', '/v2/app/tags/list', { host: hostOf(account), authorization }) +
        rawRequest('GET', '/v2/app/tags/list', { host: hostOf(other), authorization }) +
        rawRequest('GET', '/v2/app/tags/list', last),
    )
    assert.deepEqual(
      [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      ['200', '403', '200'],
    )
  })

  test('security test 13: whether an access key exists, and whether it was used today, is not told by the work of a refusal', async () => {
    const unused = await registry.createUser('unused')
    const used = await registry.createUser('used', ['arn:aws:iam::aws:policy/AdministratorAccess'])
    await registry.awsAs(used).ok('DescribeRepositories')
    const ids = {
      used: used.accessKeyId,
      unused: unused.accessKeyId,
      unknown: randomIds.accessKey(account as AccountId),
      ofNoAccount: randomIds.accessKey('999999999999' as AccountId),
    }
    const refuse = async (accessKeyId: string) =>
      codeIn(await ask({ credentials: { accessKeyId, secretAccessKey: 'x'.repeat(40) } }))
    const work = new Map<string, object>()
    const times = new Map<string, number[]>(Object.keys(ids).map((name) => [name, []]))
    const counted = countCryptography()
    try {
      for (const [name, id] of Object.entries(ids)) {
        const begun = counted.count()
        const code = await refuse(id)
        assert.equal(code, /^(?:un)?used$/.test(name) ? 'InvalidSignatureException' : 'UnrecognizedClientException')
        const ended = counted.count()
        work.set(name, { macs: ended.macs - begun.macs, decryptions: ended.decryptions - begun.decryptions })
      }
    } finally {
      counted.stop()
    }
    const [first, ...others] = work.values()
    assert.ok(first)
    for (const each of others) assert.deepEqual(each, first, JSON.stringify([...work]))

    // The clock has its say as well, but a shared machine is noisy: samples take turns, and only what would be seen from afar fails.
    for (let round = 0; round < 300; round += 1) {
      for (const [name, id] of Object.entries(ids)) {
        const begunAt = performance.now()
        await refuse(id)
        times.get(name)?.push(performance.now() - begunAt)
      }
    }
    const medians = [...times.values()].map((samples) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0)
    assert.ok(Math.max(...medians) < Math.min(...medians) * 2 + 2, `medians of ${medians.join(', ')} ms`)
  })
})

/** The headers of a signed call, as a listener on the way would have them. */
async function captured(): Promise<Record<string, string>> {
  let headers: Record<string, string> = {}
  await ask({
    tamper(signed) {
      headers = signed
      return signed
    },
  })
  return headers
}

async function tokenOf(wire: AwsWire): Promise<string> {
  const { authorizationData } = await wire.ok<{ authorizationData: [{ authorizationToken: string }] }>(
    'GetAuthorizationToken',
  )
  return `Basic ${authorizationData[0].authorizationToken}`
}

function rawRequest(method: string, target: string, headers: Record<string, string>, body = ''): string {
  const lines = Object.entries({ ...headers, 'content-length': String(body.length) })
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n${body}`
}

/** All that comes back until the connection ends, which the last request asks for. */
async function answersTo(bytes: string): Promise<string> {
  const connection = await registry.http.connection()
  connection.write(bytes)
  return connection.ended()
}

async function statusOf(bytes: string): Promise<number> {
  const text = await answersTo(bytes.replace('\r\n', '\r\nconnection: close\r\n'))
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
}

/** Counts what costs time, here and in the registry; that of signing is the same for each call. */
function countCryptography() {
  const { createHmac, createDecipheriv } = crypto
  const counts = { macs: 0, decryptions: 0 }
  const replace = (methods: Partial<typeof crypto>) => {
    Object.assign(crypto, methods)
    syncBuiltinESMExports()
  }
  replace({
    createHmac: ((...given: Parameters<typeof createHmac>) => {
      counts.macs += 1
      return createHmac(...given)
    }) as typeof createHmac,
    createDecipheriv: ((...given: Parameters<typeof createDecipheriv>) => {
      counts.decryptions += 1
      return createDecipheriv(...given)
    }) as typeof createDecipheriv,
  })
  return { count: () => ({ ...counts }), stop: () => replace({ createHmac, createDecipheriv }) }
}
