// AWS's own vectors (../../test/vectors/README.md) against the three texts of a signature, and against our signer.

import assert from 'node:assert/strict'
import { createHmac, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { canonicalRequest, collectHeaders, parseQuery, splitTarget } from './canonical-request.ts'
import type { Digests } from './digests.ts'
import { signRequest } from './sign.ts'
import { deriveSigningKey } from './signing-key.ts'
import { stringToSign } from './string-to-sign.ts'

interface VectorRequest {
  method: string
  target: string
  rawHeaders: string[]
  body: string
}

interface VectorForm {
  signedRequest: VectorRequest
  canonicalRequest: string
  stringToSign: string
  signature: string
}

interface Vector {
  name: string
  context: {
    credentials: { access_key_id: string; secret_access_key: string; token?: string }
    normalize: boolean
    region: string
    service: string
    sign_body: boolean
    omit_session_token?: boolean
    timestamp: string
  }
  request: VectorRequest
  header: VectorForm
  query: VectorForm
}

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../test/vectors/sigv4.json', import.meta.url), 'utf8'))

const digests: Digests = {
  sha256Hex: (data) => hash('sha256', typeof data === 'string' ? Buffer.from(data, 'latin1') : data, 'hex'),
  hmacSha256: (key, text) => createHmac('sha256', key).update(text).digest(),
}

const amzDate = '20150830T123600Z'

describe('AWS signing test suite, v4', () => {
  it('has its 38 cases, all signed at one time', () => {
    assert.equal(vectors.length, 38)
    for (const { context } of vectors) assert.equal(context.timestamp, '2015-08-30T12:36:00Z')
  })

  for (const vector of vectors) {
    it(`${vector.name}: header form`, () => {
      const authorization = collectHeaders(vector.header.signedRequest.rawHeaders).headers.get('authorization') ?? ''
      const signedHeaders = /SignedHeaders=([^,]*)/.exec(authorization)?.[1]?.split(';') ?? []
      checkForm(vector, vector.header, signedHeaders)
    })

    it(`${vector.name}: query form`, () => {
      const request = vector.query.signedRequest
      // `omit_session_token`: the token was put into the query after signing.
      const target = vector.context.omit_session_token
        ? request.target.replace(/&X-Amz-Security-Token=[^&]*/, '')
        : request.target
      const signedHeaders = parseQuery(splitTarget(target).query).find(
        ({ name }) => name === 'X-Amz-SignedHeaders',
      )?.value
      checkForm(vector, { ...vector.query, signedRequest: { ...request, target } }, signedHeaders?.split(';') ?? [])
    })
  }
})

function checkForm({ context }: Vector, form: VectorForm, signedHeaders: string[]): void {
  const { method, target, rawHeaders, body } = form.signedRequest
  const canonical = canonicalRequest({
    method,
    target,
    headers: collectHeaders(rawHeaders).headers,
    signedHeaders,
    payloadHash: digests.sha256Hex(body),
    normalizesPath: context.normalize,
  })
  assert.equal(canonical, form.canonicalRequest)
  const scope = { date: amzDate.slice(0, 8), region: context.region, service: context.service }
  const text = stringToSign(amzDate, scope, digests.sha256Hex(canonical))
  assert.equal(text, form.stringToSign)
  const key = deriveSigningKey(digests, context.credentials.secret_access_key, scope)
  assert.equal(createHmac('sha256', key).update(text).digest('hex'), form.signature)
}

describe('the signer gives the signatures of the AWS signing test suite', () => {
  for (const { name, context, request, header } of vectors.filter(isForTheSigner)) {
    it(name, () => {
      const { headers } = collectHeaders(request.rawHeaders)
      if (context.sign_body) headers.set('x-amz-content-sha256', digests.sha256Hex(request.body))
      const signed = signRequest({
        method: request.method,
        url: `https://${headers.get('host')}${Buffer.from(request.target, 'latin1').toString('utf8')}`,
        headers: Object.fromEntries(headers),
        body: request.body,
        credentials: {
          accessKeyId: context.credentials.access_key_id,
          secretAccessKey: context.credentials.secret_access_key,
          sessionToken: context.credentials.token,
        },
        region: context.region,
        service: context.service,
        now: Date.parse(context.timestamp),
        digests,
      })
      assert.equal(signed.authorization, collectHeaders(header.signedRequest.rawHeaders).headers.get('authorization'))
    })
  }
})

/** Not those that are signed otherwise than every service but S3 wants, nor two whose path is raw where a URL's is escaped. */
function isForTheSigner({ name, context }: Vector): boolean {
  return context.normalize && !context.omit_session_token && name !== 'get-utf8' && name !== 'get-space-normalized'
}
