// ECR's API byte for byte: requests that are signed here, and answers as they came, without a client that would hide a member or a type.

import assert from 'node:assert/strict'
import { signRequest } from '@berth/api/sigv4/sign.ts'
import { nodeDigests } from '../../src/auth/signing-keys.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Answer, PlainHttp } from './plain-http.ts'
import type { TestCredentials } from './test-registry.ts'

export const targetPrefix = 'AmazonEC2ContainerRegistry_V20150921'

export interface AwsWireOptions {
  http: PlainHttp
  host: string
  clock: Clock
  credentials: TestCredentials
  region?: string
}

export interface SignedCall {
  /** The operation with its prefix; no header at all when undefined. */
  target?: string | undefined
  body?: string | Uint8Array
  /** Signed with the rest. */
  headers?: Record<string, string>
  method?: string
  path?: string
  /** Send the body without a Content-Length. */
  chunked?: boolean
  /** Milliseconds that the caller's clock is ahead. */
  ahead?: number
  region?: string
  service?: string
  credentials?: TestCredentials & { sessionToken?: string }
  /** What is sent in the place of what was signed. */
  tamper?: (headers: Record<string, string>) => Record<string, string>
  sentBody?: string | Uint8Array
}

export interface AwsWire {
  send(call: SignedCall): Promise<Answer>
  /** An operation; the input is sent as JSON, a text as it is. */
  call(operation: string, input?: unknown): Promise<Answer>
  /** The output of an operation that must succeed. */
  ok<T = unknown>(operation: string, input?: unknown): Promise<T>
  /** Fails unless the operation is refused with exactly this error: 400, these members and no others. */
  refused(operation: string, input: unknown, type: string, message: string, extra?: object): Promise<void>
}

export function awsWire({ http, host, clock, credentials, region = 'us-east-1' }: AwsWireOptions): AwsWire {
  const send: AwsWire['send'] = (call) => {
    const { method = 'POST', path = '/', body = '{}', tamper = (headers) => headers } = call
    const headers = signRequest({
      method,
      url: `http://${host}${path}`,
      headers: {
        host,
        'content-type': 'application/x-amz-json-1.1',
        ...('target' in call && call.target === undefined ? {} : { 'x-amz-target': call.target ?? '' }),
        ...call.headers,
      },
      body,
      credentials: call.credentials ?? credentials,
      region: call.region ?? region,
      service: call.service ?? 'ecr',
      now: clock.now() + (call.ahead ?? 0),
      digests: nodeDigests,
    })
    return http.send(method, path, {
      headers: tamper(headers),
      body: call.sentBody ?? body,
      ...(call.chunked ? { chunked: true } : {}),
    })
  }
  const call: AwsWire['call'] = (operation, input = {}) =>
    send({ target: `${targetPrefix}.${operation}`, body: typeof input === 'string' ? input : JSON.stringify(input) })

  return {
    send,
    call,
    async ok<T>(operation: string, input?: unknown) {
      const answer = await call(operation, input)
      assert.equal(answer.status, 200, `${operation}: ${answer.text}`)
      assertAwsHeaders(answer)
      return JSON.parse(answer.text) as T
    },
    async refused(operation, input, type, message, extra) {
      assertAwsError(await call(operation, input), type, message, extra)
    },
  }
}

/** ECR API, 1.1: on every response, success or failure. */
export function assertAwsHeaders({ headers, body }: Answer): void {
  assert.equal(headers['content-type'], 'application/x-amz-json-1.1')
  assert.equal(headers['content-length'], String(body.length))
  assert.match(String(headers['x-amzn-requestid']), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
}

/** ECR API, 1.3: the exact body. */
export function assertAwsError(answer: Answer, type: string, message: string, extra: object = {}, status = 400): void {
  assert.deepEqual(
    { status: answer.status, body: JSON.parse(answer.text) as unknown },
    { status, body: { __type: type, message, ...extra } },
  )
  assertAwsHeaders(answer)
}

/** ECR API, 1.5. */
export function invalidParameter(member: string, constraint: string): string {
  return `Invalid parameter at '${member}' failed to satisfy constraint: '${constraint}'`
}
