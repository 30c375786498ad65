// Signs a request in header form, for the clients of this project: the command line, the console, tests of a running server.

import { formatAmzDate } from './amz-date.ts'
import { canonicalRequest, collectHeaders } from './canonical-request.ts'
import type { Digests } from './digests.ts'
import { deriveSigningKey } from './signing-key.ts'
import { credentialScope, signingAlgorithm, stringToSign } from './string-to-sign.ts'

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

export interface RequestToSign {
  method: string
  url: string | URL
  /** All of them are signed, so leave out those that a proxy may change. */
  headers: Readonly<Record<string, string>>
  body: string | Uint8Array
  credentials: Credentials
  region: string
  service: string
  /** Milliseconds since 1970. */
  now: number
  digests: Digests
}

/**
 * The headers to send: those given, in lower case, with `x-amz-date`, `authorization` and, for temporary credentials,
 * `x-amz-security-token`. HTTP clients make `host` from the URL themselves: it is signed, and returned only if it was given.
 */
export function signRequest(request: RequestToSign): Record<string, string> {
  const { credentials, digests, region, service } = request
  const url = new URL(request.url)
  const amzDate = formatAmzDate(request.now)
  const scope = { date: amzDate.slice(0, 8), region, service }

  const sent = new Map(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]))
  sent.set('x-amz-date', amzDate)
  if (credentials.sessionToken !== undefined) sent.set('x-amz-security-token', credentials.sessionToken)

  const { headers } = collectHeaders([...sent].flat())
  if (!headers.has('host')) headers.set('host', url.host)
  const signedHeaders = [...headers.keys()].sort()
  const canonical = canonicalRequest({
    method: request.method,
    target: `${url.pathname}${url.search}`,
    headers,
    signedHeaders,
    payloadHash: digests.sha256Hex(
      typeof request.body === 'string' ? new TextEncoder().encode(request.body) : request.body,
    ),
  })
  const text = stringToSign(amzDate, scope, digests.sha256Hex(canonical))
  const signature = toHex(digests.hmacSha256(deriveSigningKey(digests, credentials.secretAccessKey, scope), text))
  sent.set(
    'authorization',
    `${signingAlgorithm} Credential=${credentials.accessKeyId}/${credentialScope(scope)}, ` +
      `SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
  )
  return Object.fromEntries(sent)
}

function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}
