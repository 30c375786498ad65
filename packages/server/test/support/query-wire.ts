// IAM and STS byte for byte: form bodies that are signed here, and answers as they came.

import assert from 'node:assert/strict'
import { signRequest } from '@berth/api/sigv4/sign.ts'
import { nodeDigests } from '../../src/auth/signing-keys.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Answer, PlainHttp } from './plain-http.ts'
import type { TestCredentials } from './test-registry.ts'

export type QueryCredentials = TestCredentials & { sessionToken?: string }
export type QueryParameters = Record<string, string | number | boolean>

export interface QueryWire {
  /** An action with its parameters, as `Tags.member.1.Key` and so on. */
  call(action: string, parameters?: QueryParameters): Promise<Answer>
  /** The XML of an action that must succeed. */
  ok(action: string, parameters?: QueryParameters): Promise<string>
  /** Fails unless the action is refused with exactly this error. */
  refused(action: string, parameters: QueryParameters, status: number, code: string, message: string): Promise<void>
}

const versions = { iam: '2010-05-08', sts: '2011-06-15' } as const

export function queryWire(options: {
  http: PlainHttp
  host: string
  clock: Clock
  /** Undefined: unsigned. */
  credentials?: QueryCredentials
  service: 'iam' | 'sts'
  region?: string
}): QueryWire {
  const { http, host, clock, credentials, service, region = 'us-east-1' } = options
  const call: QueryWire['call'] = (action, parameters = {}) => {
    const given = Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)])
    const body = new URLSearchParams([['Action', action], ['Version', versions[service]], ...given]).toString()
    const plain = { host, 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
    const headers = credentials
      ? signRequest({
          method: 'POST',
          url: `http://${host}/`,
          headers: plain,
          body,
          credentials,
          region,
          service,
          now: clock.now(),
          digests: nodeDigests,
        })
      : plain
    return http.send('POST', '/', { headers, body })
  }
  return {
    call,
    async ok(action, parameters) {
      const answer = await call(action, parameters)
      assert.equal(answer.status, 200, `${action}: ${answer.text}`)
      return answer.text
    },
    async refused(action, parameters, status, code, message) {
      assertQueryError(await call(action, parameters), status, code, message)
    },
  }
}

/** IAM and STS, "Error response": the code, the sentence and the status. */
export function assertQueryError(answer: Answer, status: number, code: string, message: string): void {
  assert.deepEqual(
    { status: answer.status, code: textOf(answer.text, 'Code'), message: textOf(answer.text, 'Message') },
    { status, code, message },
    answer.text,
  )
}

/** What the first element of that name holds. */
export function textOf(xml: string, element: string): string {
  const [, text = ''] = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml) ?? []
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
}
