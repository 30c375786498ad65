// The docker wire byte for byte, for tests that compare whole answers.

import assert from 'node:assert/strict'
import { digestOf } from './image-builder.ts'
import type { Answer, PlainHttp, PlainRequest } from './plain-http.ts'

export interface OciWire {
  /** With the token, unless the request has an `authorization` of its own. */
  send(method: string, target: string, request?: PlainRequest): Promise<Answer>
  /** POST and PUT with everything in it. Gives the digest. */
  pushBlob(repository: string, bytes: Uint8Array | string, algorithm?: 'sha256' | 'sha512'): Promise<string>
  /** Gives the digest. */
  pushManifest(
    repository: string,
    reference: string,
    manifest: Pushable,
    algorithm?: 'sha256' | 'sha512',
  ): Promise<string>
  /** Starts an upload; gives where it goes on. */
  startUpload(repository: string, query?: string): Promise<string>
}

export interface Pushable {
  text: string
  mediaType: string
}

export function ociWire(http: PlainHttp, authorization: string): OciWire {
  const send: OciWire['send'] = (method, target, request = {}) =>
    http.send(method, target, { ...request, headers: { authorization, ...request.headers } })
  const expect = async (status: number, method: string, target: string, request?: PlainRequest) => {
    const answer = await send(method, target, request)
    assert.equal(answer.status, status, `${method} ${target}: ${answer.text}`)
    return answer
  }
  const startUpload: OciWire['startUpload'] = async (repository, query = '') =>
    String((await expect(202, 'POST', `/v2/${repository}/blobs/uploads/${query}`)).headers.location)
  return {
    send,
    startUpload,
    async pushBlob(repository, content, algorithm = 'sha256') {
      const bytes = Buffer.from(content)
      const digest = digestOf(bytes, algorithm)
      await expect(201, 'PUT', `${await startUpload(repository)}?digest=${digest}`, { body: bytes })
      return digest
    },
    async pushManifest(repository, reference, { text, mediaType }, algorithm = 'sha256') {
      const headers = { 'content-type': mediaType }
      await expect(201, 'PUT', `/v2/${repository}/manifests/${reference}`, { headers, body: text })
      return digestOf(Buffer.from(text), algorithm)
    },
  }
}

/** The exact error of the docker wire (OCI distribution-spec, "Error Codes"), and the headers that every answer has. */
export function assertOciError(
  answer: Answer,
  status: number,
  code: string,
  message: string,
  headers: Record<string, string | undefined> = {},
): void {
  assert.deepEqual(
    { status: answer.status, body: JSON.parse(answer.text) as unknown },
    { status, body: { errors: [{ code, message }] } },
  )
  assertHeaders(answer, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(answer.body.length),
    'x-content-type-options': 'nosniff',
    'docker-distribution-api-version': 'registry/2.0',
    ...headers,
  })
}

/** These headers have these values; `undefined` says that one is not there. */
export function assertHeaders({ headers }: Answer, expected: Record<string, string | undefined>): void {
  assert.deepEqual(
    Object.fromEntries(Object.keys(expected).map((name) => [name, headers[name]])),
    Object.fromEntries(Object.entries(expected)),
  )
}
