import assert from 'node:assert/strict'
import { createHmac, hash } from 'node:crypto'
import { describe, it } from 'node:test'
import { type RequestToSign, signRequest } from './sign.ts'

const request: RequestToSign = {
  method: 'POST',
  url: 'http://localhost:5000/',
  headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'T.DescribeRepositories' },
  body: '{}',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  region: 'us-east-1',
  service: 'ecr',
  now: Date.UTC(2026, 0, 1),
  digests: {
    sha256Hex: (data) => hash('sha256', typeof data === 'string' ? Buffer.from(data, 'latin1') : data, 'hex'),
    hmacSha256: (key, text) => createHmac('sha256', key).update(text).digest(),
  },
}

describe('signRequest', () => {
  it('signs every header that it is given, the host with its port, and the date (SigV4, SignedHeaders)', () => {
    const headers = signRequest(request)
    assert.deepEqual(Object.keys(headers), ['content-type', 'x-amz-target', 'x-amz-date', 'authorization'])
    assert.equal(headers['x-amz-date'], '20260101T000000Z')
    assert.match(
      headers.authorization ?? '',
      /^AWS4-HMAC-SHA256 Credential=test\/20260101\/us-east-1\/ecr\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=[0-9a-f]{64}$/,
    )
  })

  it('sends and signs the session token of temporary credentials', () => {
    const headers = signRequest({ ...request, credentials: { ...request.credentials, sessionToken: 'token' } })
    assert.equal(headers['x-amz-security-token'], 'token')
    assert.match(
      headers.authorization ?? '',
      /SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,/,
    )
  })

  it('takes text as UTF-8', () => {
    const text = signRequest({ ...request, body: '{"a":"é"}' })
    const bytes = signRequest({ ...request, body: new TextEncoder().encode('{"a":"é"}') })
    assert.equal(text.authorization, bytes.authorization)
    assert.notEqual(text.authorization, signRequest(request).authorization)
  })
})
