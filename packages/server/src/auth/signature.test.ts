// The judges are signers that are not ours: AWS's vectors, AWS's signer and AWS's client.

import assert from 'node:assert/strict'
import { createHash, createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { formatAmzDate } from '@berth/api/sigv4/amz-date.ts'
import { canonicalRequest, collectHeaders } from '@berth/api/sigv4/canonical-request.ts'
import { signRequest } from '@berth/api/sigv4/sign.ts'
import { stringToSign } from '@berth/api/sigv4/string-to-sign.ts'
import { SignatureV4 } from '@smithy/signature-v4'
import {
  checkSignature,
  type ParsedSignature,
  parseSignature,
  type ScopeRules,
  SignatureError,
  type SignedRequest,
} from './signature.ts'
import { deriveSigningKey, nodeDigests, SigningKeyCache } from './signing-keys.ts'

const accessKeyId = 'AKIDEXAMPLE'
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const now = Date.UTC(2026, 0, 1, 12, 0, 0)
const target = 'AmazonEC2ContainerRegistry_V20150921.DescribeRepositories'
const rules: ScopeRules = { service: 'ecr', skewSeconds: 900, regionIsServed: (region) => region === 'us-east-1' }

interface Sent extends SignedRequest {
  rawHeaders: string[]
  body: string
}

interface VerifyOptions {
  now?: number
  rules?: ScopeRules
  /** As if the key were not known. */
  isUnknown?: boolean
  secret?: string
}

function verify(sent: Sent, options: VerifyOptions = {}): ParsedSignature {
  const parsed = parseSignature(sent)
  const { date, region, service } = parsed
  const signingKey = options.isUnknown
    ? undefined
    : deriveSigningKey(options.secret ?? secretAccessKey, date, region, service)
  const body = hash('sha256', sent.body)
  checkSignature(parsed, sent, body, { signingKey, now: options.now ?? now, rules: options.rules ?? rules })
  return parsed
}

function refusal(sent: Sent, options?: VerifyOptions): string {
  try {
    verify(sent, options)
  } catch (error) {
    assert.ok(error instanceof SignatureError, String(error))
    return `${error.code}: ${error.message}`
  }
  return 'accepted'
}

const mismatch =
  'InvalidSignature: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.'
const nonconforming = 'IncompleteSignature: The request signature does not conform to AWS standards.'
const invalidToken = 'InvalidClientToken: The security token included in the request is invalid.'

/** What AWS's signer wants of a digest. */
class Sha256 {
  readonly #digest
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = typeof secret === 'string' || secret === undefined ? secret : asBytes(secret)
    this.#digest = key === undefined ? createHash('sha256') : createHmac('sha256', key)
  }
  update(data: Uint8Array): void {
    this.#digest.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#digest.digest()
  }
  reset(): void {}
}

function asBytes(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

interface ToSign {
  method?: string
  path?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: string
  region?: string
  service?: string
  sessionToken?: string
  at?: number
}

const requestHeaders = { host: 'localhost:5000', 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }

function awsSigner(wanted: ToSign): SignatureV4 {
  const { sessionToken } = wanted
  return new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    region: wanted.region ?? 'us-east-1',
    service: wanted.service ?? 'ecr',
    sha256: Sha256,
  })
}

function unsignedRequest(wanted: ToSign) {
  const { method = 'POST', path = '/', query = {}, headers = requestHeaders, body = '{}' } = wanted
  return { method, protocol: 'http:', hostname: 'localhost', port: 5000, path, query, headers, body }
}

/** Signed by AWS's signer. */
async function signed(wanted: ToSign = {}): Promise<Sent> {
  const request = unsignedRequest(wanted)
  const { headers } = await awsSigner(wanted).sign(request, { signingDate: new Date(wanted.at ?? now) })
  return sentAs(request.method, request.path, request.query, headers, request.body)
}

/** Presigned by AWS's signer. */
async function presigned(wanted: ToSign & { expiresIn?: number } = {}): Promise<Sent> {
  const query = { Action: 'GetCallerIdentity', Version: '2011-06-15' }
  const request = unsignedRequest({ method: 'GET', headers: { host: 'localhost:5000' }, query, body: '', ...wanted })
  const options = { signingDate: new Date(wanted.at ?? now), expiresIn: wanted.expiresIn ?? 60 }
  const result = await awsSigner(wanted).presign(request, options)
  return sentAs(request.method, request.path, result.query ?? {}, result.headers, request.body)
}

function sentAs(method: string, path: string, query: object, headers: Record<string, string>, body: string): Sent {
  const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  const target = text.length > 0 ? `${path}?${text.join('&')}` : path
  return { method, target, rawHeaders: Object.entries(headers).flat(), body }
}

function withHeader(sent: Sent, name: string, value: string): Sent {
  const at = sent.rawHeaders.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name)
  const rawHeaders = at < 0 ? [...sent.rawHeaders, name, value] : sent.rawHeaders.with(at + 1, value)
  return { ...sent, rawHeaders }
}

function authorizationOf(sent: Sent): string {
  return collectHeaders(sent.rawHeaders).headers.get('authorization') ?? ''
}

function withAuthorization(sent: Sent, change: (text: string) => string): Sent {
  return withHeader(sent, 'authorization', change(authorizationOf(sent)))
}

interface VectorForm {
  signedRequest: Sent
  signature: string
}

interface Vector {
  name: string
  context: { normalize: boolean; omit_session_token?: boolean; timestamp: string }
  header: VectorForm
  query: VectorForm
}

describe('AWS signing test suite, v4: the signed requests', () => {
  const file = new URL('../../../api/test/vectors/sigv4.json', import.meta.url)
  const vectors: Vector[] = JSON.parse(readFileSync(file, 'utf8'))
  for (const { name, context, header, query } of vectors) {
    // Paths that were signed without being normalised are S3's.
    if (!context.normalize) continue
    for (const form of [header, query]) {
      it(`${name}: ${form === header ? 'header' : 'query'} form`, () => {
        const options = { now: Date.parse(context.timestamp), rules: { ...rules, service: 'service' } }
        if (context.omit_session_token) {
          const unsigned = "InvalidSignature: 'x-amz-security-token' must be a 'SignedHeader' in the AWS Authorization."
          assert.equal(refusal(form.signedRequest, options), form === header ? unsigned : mismatch)
        } else {
          assert.equal(verify(form.signedRequest, options).signature, form.signature)
          assert.equal(refusal({ ...form.signedRequest, body: 'another' }, options), mismatch)
        }
      })
    }
  }
})

interface CapturedRequest {
  method: string
  path: string
  query: object
  headers: Record<string, string>
  body: Uint8Array
}

describe("requests of AWS's client and signer are accepted", () => {
  for (const sessionToken of [undefined, 'FwoGZXIvYXdzE+/=']) {
    it(`the ECR client ${sessionToken ? 'with a session token' : 'with a long-term key'}`, async (t: TestContext) => {
      t.mock.timers.enable({ apis: ['Date'], now })
      const requests: Sent[] = []
      const handle = async (request: CapturedRequest): Promise<never> => {
        const { method, path, query, headers, body } = request
        requests.push(sentAs(method, path, query, headers, new TextDecoder().decode(body)))
        throw new Error('not sent')
      }
      const client = new ECRClient({
        endpoint: 'http://localhost:5000',
        region: 'us-east-1',
        maxAttempts: 1,
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
        requestHandler: { handle },
      })
      await assert.rejects(client.send(new GetAuthorizationTokenCommand({})), /not sent/)
      const request = requests[0]
      assert.ok(request)
      const parsed = verify(request)
      assert.equal(parsed.form, 'header')
      assert.equal(parsed.accessKeyId, accessKeyId)
      assert.equal(parsed.sessionToken, sessionToken)
      assert.equal(parsed.bodyHash, hash('sha256', request.body))
      assert.equal(refusal(request, { secret: 'another' }), mismatch)
    })
  }

  it('the signer, in header form with a query and a path that is encoded twice', async () => {
    const sent = await signed({ path: '/a%20b/../%C3%BC*/', query: { b: 'x y', a: '~*é', 'a-': '' } })
    assert.equal(verify(sent).form, 'header')
  })

  it('the signer, in query form with a session token and an extra header (aws eks get-token)', async () => {
    const headers = { host: 'localhost:5000', 'x-k8s-aws-id': 'cluster' }
    const sent = await presigned({ headers, sessionToken: 'a+/=' })
    const parsed = verify(sent)
    assert.equal(parsed.form, 'query')
    assert.equal(parsed.expiresSeconds, 60)
    assert.equal(parsed.sessionToken, 'a+/=')
    assert.deepEqual(parsed.signedHeaders, ['host', 'x-k8s-aws-id'])
  })

  it('our own signer', () => {
    const headers = signRequest({
      method: 'POST',
      url: 'http://localhost:5000/',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
      body: '{}',
      credentials: { accessKeyId, secretAccessKey, sessionToken: 'token' },
      region: 'us-east-1',
      service: 'ecr',
      now,
      digests: nodeDigests,
    })
    verify(sentAs('POST', '/', {}, { ...headers, Host: 'localhost:5000' }, '{}'))
  })

  it('UTF-8 in a header, which Node hands out as latin-1', async () => {
    const sent = await signed({ headers: { ...requestHeaders, 'x-note': 'café à' } })
    verify(withHeader(sent, 'x-note', Buffer.from('café à').toString('latin1')))
  })

  it('a Date header as HTTP writes it, when there is no x-amz-date (SigV4)', () => {
    const rawHeaders = ['Host', 'localhost', 'Date', new Date(now).toUTCString()]
    const headers = collectHeaders(rawHeaders).headers
    const signedHeaders = ['date', 'host']
    const payloadHash = hash('sha256', '')
    const canonical = canonicalRequest({ method: 'GET', target: '/', headers, signedHeaders, payloadHash })
    const scope = { date: '20260101', region: 'us-east-1', service: 'ecr' }
    const text = stringToSign('20260101T120000Z', scope, hash('sha256', canonical))
    const key = deriveSigningKey(secretAccessKey, scope.date, scope.region, scope.service)
    const signature = createHmac('sha256', key).update(text).digest('hex')
    const credential = `${accessKeyId}/20260101/us-east-1/ecr/aws4_request`
    const authorization = (names: string) =>
      `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`
    const request = { method: 'GET', target: '/', body: '' }
    verify({ ...request, rawHeaders: [...rawHeaders, 'Authorization', authorization('date;host')] })
    assert.equal(
      refusal({ ...request, rawHeaders: [...rawHeaders, 'Authorization', authorization('host')] }),
      "InvalidSignature: 'date' must be a 'SignedHeader' in the AWS Authorization.",
    )
  })

  it('the parameters of the Authorization header in any order, with and without blanks', async () => {
    const sent = await signed()
    verify(withAuthorization(sent, (text) => text.replaceAll(', ', ',')))
    verify(
      withAuthorization(sent, (text) => {
        const [algorithm, ...parameters] = text.replaceAll(',', '').split(' ')
        return `${algorithm}  ${parameters.reverse().join(' ,  ')} `
      }),
    )
  })
})

describe('requests that are not signed properly', () => {
  it('security test 1: no signature at all is a missing token', () => {
    const sent = { method: 'POST', target: '/', rawHeaders: Object.entries(requestHeaders).flat(), body: '{}' }
    assert.equal(refusal(sent), 'MissingAuthenticationToken: Missing Authentication Token')
  })

  it('security test 2: without its signature a request is malformed, and never anonymous', async () => {
    const sent = withAuthorization(await signed(), (text) => text.replace(/, Signature=.*/, ''))
    assert.equal(
      refusal(sent),
      `IncompleteSignature: Authorization header requires 'Signature' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=${hash('sha256', authorizationOf(sent), 'base64')}`,
    )
    const inQuery = await presigned()
    const target = inQuery.target.replace(/&X-Amz-Signature=[^&]*/, '')
    assert.equal(
      refusal({ ...inQuery, target }),
      "IncompleteSignature: AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters.",
    )
  })

  it('security test 3: a signature in the header and one in the query is refused, whichever is right', async () => {
    const both =
      "InvalidSignature: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    const sent = await signed()
    const inQuery = await presigned()
    assert.equal(refusal({ ...sent, target: inQuery.target }), both)
    assert.equal(refusal(withHeader(inQuery, 'authorization', 'Basic QVdTOng=')), both)
    assert.equal(refusal({ ...sent, target: '/?X%2DAmz%2DSignature=' }), both)
  })

  it('security test 4: x-amz-target, x-amz-security-token and every other x-amz header must be signed', async () => {
    for (const name of ['x-amz-target', 'x-amz-security-token', 'x-amz-anything', 'content-type']) {
      const headers: Record<string, string> = { ...requestHeaders }
      delete headers[name]
      const expected = `InvalidSignature: '${name}' must be a 'SignedHeader' in the AWS Authorization.`
      assert.equal(refusal(withHeader(await signed({ headers }), name, 'added')), expected)
      assert.equal(refusal(withHeader(await presigned(), name, 'added')), expected)
    }
  })

  it('security test 4: x-amz-date and host must be signed', async () => {
    const sent = await signed()
    assert.equal(
      refusal(withAuthorization(sent, (text) => text.replace(';x-amz-date', ''))),
      "InvalidSignature: 'x-amz-date' must be a 'SignedHeader' in the AWS Authorization.",
    )
    assert.equal(
      refusal(withAuthorization(sent, (text) => text.replace(';host;', ';'))),
      "InvalidSignature: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    )
    const inQuery = await presigned({ headers: { host: 'localhost:5000', 'x-k8s-aws-id': 'c' } })
    assert.equal(
      refusal({ ...inQuery, target: inQuery.target.replace('host%3B', '') }),
      "InvalidSignature: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    )
  })

  it('security test 5: a captured signature serves no other operation, body, path, query, method or host', async () => {
    const sent = await signed()
    verify(sent)
    assert.equal(refusal(withHeader(sent, 'x-amz-target', target.replace('Describe', 'Delete'))), mismatch)
    assert.equal(refusal(withHeader(sent, 'host', 'localhost:5001')), mismatch)
    assert.equal(refusal({ ...sent, body: '{"repositoryNames":["a"]}' }), mismatch)
    assert.equal(refusal({ ...sent, target: '/a' }), mismatch)
    assert.equal(refusal({ ...sent, target: '/?a' }), mismatch)
    assert.equal(refusal({ ...sent, method: 'GET' }), mismatch)
    const inQuery = await presigned()
    assert.equal(refusal({ ...inQuery, target: inQuery.target.replace('Expires=60', 'Expires=600') }), mismatch)
    assert.equal(refusal({ ...inQuery, target: `${inQuery.target}&X-Amz-Security-Token=t` }), mismatch)
  })

  it('security test 6: S3 payload forms are refused, also when they were signed', async () => {
    for (const form of [
      'UNSIGNED-PAYLOAD',
      'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    ]) {
      const sent = await signed({ headers: { ...requestHeaders, 'x-amz-content-sha256': form } })
      assert.equal(refusal(sent), mismatch)
      assert.equal(refusal({ ...sent, body: '{"force":true}' }), mismatch)
    }
    const query = { Action: 'GetCallerIdentity', 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' }
    assert.equal(refusal({ ...(await presigned({ query })), body: 'changed' }), mismatch)
  })

  it('security test 7: the hash of the body that came is compared, not the one that was signed', async () => {
    const sent = await signed({ body: '{}' })
    assert.equal(collectHeaders(sent.rawHeaders).headers.get('x-amz-content-sha256'), hash('sha256', '{}'))
    assert.equal(refusal({ ...sent, body: '{"force":true}' }), mismatch)
    // Signed over the real body, with a header that says something else: our own signer takes any header.
    const headers = signRequest({
      ...{ method: 'POST', url: 'http://localhost:5000/', body: '{}', region: 'us-east-1', service: 'ecr', now },
      headers: { 'x-amz-content-sha256': hash('sha256', 'another') },
      credentials: { accessKeyId, secretAccessKey },
      digests: nodeDigests,
    })
    assert.equal(refusal(sentAs('POST', '/', {}, { ...headers, host: 'localhost:5000' }, '{}')), mismatch)
  })

  it('security test 8: a request is accepted for 15 minutes on either side of its date', async () => {
    const sent = await signed()
    verify(sent, { now: now + 900_000 - 1000 })
    verify(sent, { now: now + 900_999 })
    verify(sent, { now: now - 900_000 })
    assert.equal(
      refusal(sent, { now: now + 901_000 }),
      'InvalidSignature: Signature expired: 20260101T120000Z is now earlier than 20260101T120001Z (20260101T121501Z - 15 min.)',
    )
    assert.equal(
      refusal(sent, { now: now - 901_000 }),
      'InvalidSignature: Signature not yet current: 20260101T120000Z is still later than 20260101T115959Z (20260101T114459Z + 15 min.)',
    )
    const iam = { ...rules, skewSeconds: 300 }
    assert.equal(
      refusal(sent, { now: now + 301_000, rules: iam }),
      'InvalidSignature: Signature expired: 20260101T120000Z is now earlier than 20260101T120001Z (20260101T120501Z - 5 min.)',
    )
  })

  it('security test 8: a presigned request lives as long as it says, and not before its date', async () => {
    const sent = await presigned({ expiresIn: 7200 })
    verify(sent, { now: now + 7_199_000 })
    verify(sent, { now: now - 900_000 })
    assert.match(refusal(sent, { now: now + 7_200_000 }), /^InvalidSignature: Signature expired: /)
    assert.match(refusal(sent, { now: now - 901_000 }), /^InvalidSignature: Signature not yet current: /)
  })

  it('security test 9: a scope for another service, region or date is named in AWS words', async () => {
    assert.equal(
      refusal(await signed({ service: 's3' })),
      "InvalidSignature: Credential should be scoped to correct service: 'ecr'.",
    )
    assert.equal(
      refusal(await signed({ region: 'eu-west-1' })),
      "InvalidSignature: Credential should be scoped to a valid region, not 'eu-west-1'.",
    )
    const sent = await signed()
    assert.equal(
      refusal(withAuthorization(sent, (text) => text.replace('/20260101/', '/20260102/'))),
      "InvalidSignature: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260102' != '20260101', from '20260101T120000Z'.",
    )
    assert.equal(
      refusal(withAuthorization(sent, (text) => text.replace('/aws4_request', '/aws5_request'))),
      "InvalidSignature: Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
    )
    assert.equal(
      refusal(withAuthorization(sent, (text) => text.replace(/\/20260101.*?,/, '/b/c/d/e,'))),
      "InvalidSignature: Credential should be scoped to a valid region, not 'c'. Credential should be scoped to correct service: 'ecr'. Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20260101', from '20260101T120000Z'.",
    )
  })

  it('security test 10: headers that decide who asks for what must not come twice', async () => {
    const sent = await signed({ sessionToken: 'token' })
    const { headers } = collectHeaders(sent.rawHeaders)
    const names = [
      'host',
      'authorization',
      'x-amz-date',
      'x-amz-security-token',
      'x-amz-content-sha256',
      'x-amz-target',
    ]
    for (const name of [...names, 'content-type']) {
      const rawHeaders = [...sent.rawHeaders, name.toUpperCase(), headers.get(name) ?? '']
      assert.equal(refusal({ ...sent, rawHeaders }), `${nonconforming} The header '${name}' came more than once.`)
    }
    const rawHeaders = [...sent.rawHeaders, 'Content-Length', '2', 'Content-Length', '2']
    assert.equal(refusal({ ...sent, rawHeaders }), `${nonconforming} The header 'content-length' came more than once.`)
  })

  it('security test 10: a target that is not a path is refused', async () => {
    const sent = await signed()
    for (const target of ['http://localhost:5000/', '*', 'localhost:5000', '']) {
      assert.match(refusal({ ...sent, target }), /^IncompleteSignature: .* The request target must be a path/)
    }
  })

  it('security test 13: an unknown key and a wrong secret are refused after the same work', async (t: TestContext) => {
    const sent = await signed()
    const hmac = t.mock.method(nodeDigests, 'hmacSha256')
    const sha = t.mock.method(nodeDigests, 'sha256Hex')
    const parsed = parseSignature(sent)
    const body = hash('sha256', sent.body)
    const work = (signingKey: KeyObject | undefined, message: string) => {
      hmac.mock.resetCalls()
      sha.mock.resetCalls()
      assert.throws(() => checkSignature(parsed, sent, body, { signingKey, now, rules }), { message })
      const texts = [
        ...hmac.mock.calls.map(({ arguments: [, text] }) => text),
        ...sha.mock.calls.map((call) => call.arguments[0]),
      ]
      assert.equal(texts.length, 2)
      return texts
    }
    const unknown = work(undefined, invalidToken.slice('InvalidClientToken: '.length))
    const wrong = work(createSecretKey(Buffer.alloc(32, 1)), mismatch.slice('InvalidSignature: '.length))
    assert.deepEqual(unknown, wrong)
  })

  it('an unknown key is an invalid token even when the signature was made with no key (all zeros)', async () => {
    const sent = await signed()
    assert.equal(refusal(sent, { isUnknown: true }), invalidToken)
    const parsed = parseSignature(sent)
    const payloadHash = hash('sha256', sent.body)
    const canonical = canonicalRequest({ ...sent, ...parsed, payloadHash })
    const text = stringToSign(parsed.amzDate, parsed, hash('sha256', canonical))
    const forged = createHmac('sha256', Buffer.alloc(32)).update(text).digest('hex')
    const change = (authorization: string) => authorization.replace(/Signature=.*/, `Signature=${forged}`)
    assert.equal(refusal(withAuthorization(sent, change), { isUnknown: true }), invalidToken)
  })

  it('a header that was signed and is gone is a mismatch, also when it was empty', async () => {
    const sent = await signed({ headers: { ...requestHeaders, 'x-note': '' } })
    verify(sent)
    const at = sent.rawHeaders.indexOf('x-note')
    assert.equal(refusal({ ...sent, rawHeaders: sent.rawHeaders.toSpliced(at, 2) }), mismatch)
  })
})

describe('an Authorization header that does not parse (IncompleteSignature)', () => {
  const good = {
    Credential: `${accessKeyId}/20260101/us-east-1/ecr/aws4_request`,
    SignedHeaders: 'host;x-amz-date',
    Signature: 'a'.repeat(64),
  }
  const write = (parameters: Record<string, string>, algorithm = 'AWS4-HMAC-SHA256') =>
    `${algorithm} ${Object.entries(parameters)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ')}`
  const send = (authorization: string, date = formatAmzDate(now)): Sent => {
    const rawHeaders = ['Host', 'localhost', 'Authorization', authorization]
    return {
      method: 'GET',
      target: '/',
      rawHeaders: date === '' ? rawHeaders : [...rawHeaders, 'X-Amz-Date', date],
      body: '',
    }
  }
  const quoted = (authorization: string) => hash('sha256', authorization, 'base64')

  it('every missing part is named, with the header as a hash and not as it is', () => {
    for (const authorization of [
      'a',
      'AWS4-HMAC-SHA256',
      write({ Credential: '', SignedHeaders: '', Signature: '' }),
    ]) {
      assert.equal(
        refusal(send(authorization, '')),
        `IncompleteSignature: Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) Authorization=${quoted(authorization)}`,
      )
    }
  })

  it('what is no pair is named so: a bearer token, a docker password, a blank in the access key id', () => {
    for (const authorization of [
      'Bearer eyJhbGciOi',
      'Basic QVdTOnRva2Vu',
      write({ ...good, Credential: ` AKID /20260101/us-east-1/ecr/aws4_request` }),
      `${write(good)},`,
    ]) {
      assert.equal(
        refusal(send(authorization)),
        `IncompleteSignature: Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '${quoted(authorization)}'.`,
      )
    }
  })

  it('a parameter is unknown or comes twice', () => {
    const unknown = `${nonconforming} The Authorization header has an unknown parameter.`
    assert.equal(refusal(send(write({ ...good, Extra: '1' }))), unknown)
    assert.equal(refusal(send(write({ ...good, ['__proto__']: '1' }))), unknown)
    assert.equal(
      refusal(send(`${write(good)}, Signature=${'b'.repeat(64)}`)),
      `${nonconforming} The Authorization header has two 'Signature' parameters.`,
    )
  })

  it('the algorithm is another, SigV4A included', () => {
    for (const algorithm of ['AWS4-ECDSA-P256-SHA256', 'AWS4-HMAC-SHA512', 'aws4-hmac-sha256']) {
      assert.equal(
        refusal(send(write(good, algorithm))),
        `IncompleteSignature: Unsupported AWS 'algorithm': '${algorithm}' (only AWS4-HMAC-SHA256 for now).`,
      )
    }
  })

  it('the date is none', () => {
    for (const date of ['201', '2026-01-01T12:00:00Z', '20260230T120000Z', 'Thu, 01 Jan 2026 12:00:00 GMT']) {
      assert.equal(
        refusal(send(write(good), date)),
        `IncompleteSignature: Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
      )
    }
  })

  it('the credential has not five elements; a secret key in the place of the id is not repeated', () => {
    const text =
      'IncompleteSignature: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got'
    const cases = [
      ['wJal/K7MDENG/20260101/us-east-1/ecr/aws4_request', '***/20260101/us-east-1/ecr/aws4_request'],
      ['a/b/c/d', '***'],
      ['AKIDEXAMPLE', '***'],
      ['AKIDEXAMPLE//us-east-1/ecr/aws4_request', '***'],
      ['/20260101/us-east-1/ecr/aws4_request', '***'],
    ] as const
    for (const [credential, shown] of cases) {
      assert.equal(refusal(send(write({ ...good, Credential: credential }))), `${text} '${shown}'`)
    }
  })

  it('the signed headers are not lower case, not in order or repeated', () => {
    for (const names of [
      'Host;x-amz-date',
      'x-amz-date;host',
      'host;host;x-amz-date',
      'host;;x-amz-date',
      ';host',
      'host;',
    ]) {
      assert.equal(
        refusal(send(write({ ...good, SignedHeaders: names }))),
        `${nonconforming} The signed headers must be lower-case header names in ascending order, each once.`,
      )
    }
  })

  it('the signature is not 64 lower-case hex digits', () => {
    for (const signature of ['a', 'A'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64)]) {
      assert.equal(
        refusal(send(write({ ...good, Signature: signature }))),
        `${nonconforming} The signature must be 64 lower-case hexadecimal digits.`,
      )
    }
  })
})

describe('a query that does not parse (IncompleteSignature)', () => {
  it('every missing parameter is named', () => {
    const sent = { method: 'GET', target: '/?X-Amz-Algorithm', rawHeaders: ['Host', 'localhost'], body: '' }
    const missing = ['Algorithm', 'Credential', 'Signature', 'SignedHeaders', 'Date']
      .map((name) => `AWS query-string parameters must include 'X-Amz-${name}'.`)
      .join(' ')
    assert.equal(refusal(sent), `IncompleteSignature: ${missing} Re-examine the query-string parameters.`)
  })

  it('a parameter of the signature comes twice, also when its name is escaped', async () => {
    const sent = await presigned()
    for (const extra of ['X-Amz-Date=20260101T120000Z', '%58-Amz-Signature=b']) {
      assert.match(
        refusal({ ...sent, target: `${sent.target}&${extra}` }),
        /^IncompleteSignature: .* came more than once\.$/,
      )
    }
  })

  it('the session token is in the query and in a header', async () => {
    const sent = await presigned({ sessionToken: 'a' })
    assert.equal(
      refusal(withHeader(sent, 'x-amz-security-token', 'b')),
      `${nonconforming} The security token is in the query string and in a header.`,
    )
  })

  it('X-Amz-Expires is not between a second and a week', async () => {
    const sent = await presigned()
    for (const text of ['0', '604801', '-1', '1e3', '', '60.5', '9999999999']) {
      const target = sent.target.replace('Expires=60', `Expires=${text}`)
      assert.equal(refusal({ ...sent, target }), `${nonconforming} 'X-Amz-Expires' must be 1 to 604800 seconds.`)
    }
    verify(await presigned({ expiresIn: 604_800 }))
  })

  it('a percent sign starts no escape', async () => {
    const sent = await presigned()
    for (const target of [`${sent.target}&a=%zz`, `${sent.target}&a=%4`, '/%']) {
      assert.match(refusal({ ...sent, target }), /^IncompleteSignature: .* percent sign/)
    }
  })
})

describe('SigningKeyCache', () => {
  const name = { accessKeyId: 'AKIA1', secretVersion: 1, date: '20260101', region: 'us-east-1', service: 'ecr' }
  const key = createSecretKey(Buffer.alloc(32, 1))

  it('tells ids, versions, dates, regions and services apart', () => {
    const cache = new SigningKeyCache()
    cache.put(name, key)
    assert.equal(cache.get({ ...name }), key)
    const others = [
      { accessKeyId: 'AKIA' },
      { secretVersion: 2 },
      { date: '20260102' },
      { region: 'x' },
      { service: 'sts' },
    ]
    for (const other of others) assert.equal(cache.get({ ...name, ...other }), undefined)
  })

  it('forgets all keys of an id, and no others', () => {
    const cache = new SigningKeyCache()
    cache.put(name, key)
    cache.put({ ...name, region: 'eu-west-1' }, key)
    cache.put({ ...name, accessKeyId: 'AKIA12' }, key)
    cache.forget('AKIA1')
    assert.equal(cache.get(name), undefined)
    assert.equal(cache.get({ ...name, region: 'eu-west-1' }), undefined)
    assert.equal(cache.get({ ...name, accessKeyId: 'AKIA12' }), key)
  })

  it('is bounded: the oldest key makes room', () => {
    const cache = new SigningKeyCache(2)
    for (const region of ['a', 'b', 'b', 'c']) cache.put({ ...name, region }, key)
    assert.deepEqual(
      ['a', 'b', 'c'].map((region) => cache.get({ ...name, region }) !== undefined),
      [false, true, true],
    )
  })
})
