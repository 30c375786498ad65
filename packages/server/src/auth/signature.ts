// Verifies AWS Signature Version 4. Two steps, so that the caller can look up the key in between and nothing secret is touched
// for a request that is malformed, late or meant for somebody else:
//
//   const parsed = parseSignature(request)        presence and syntax
//   checkScope(parsed, now, rules)                date window, region, service; checkSignature repeats it
//   … the caller looks up the key and checks the session token …
//   checkSignature(parsed, request, bodySha256Hex, { signingKey, now, rules })
//
// The errors are AWS's codes without the protocol's suffix; each wire gives them its own name and status. The sentences come from
// the pages cited here: *coral* means the answers of AWS's JSON front end as the emulators dynalite and kinesalite recorded them.
// Where AWS would quote the Authorization header or a credential, nothing secret is quoted: a message ends in logs, and people
// do send their secret key or a docker token in the wrong place.

import { createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { formatAmzDate, parseAmzDate, parseHttpDate } from '@berth/api/sigv4/amz-date.ts'
import {
  canonicalRequest,
  collectHeaders,
  parseQuery,
  type QueryParameter,
  splitTarget,
} from '@berth/api/sigv4/canonical-request.ts'
import { scopeTerminator, signingAlgorithm, stringToSign } from '@berth/api/sigv4/string-to-sign.ts'
import { nodeDigests } from './signing-keys.ts'

export type SignatureErrorCode =
  | 'MissingAuthenticationToken'
  | 'IncompleteSignature'
  | 'InvalidSignature'
  | 'InvalidClientToken'
  | 'ExpiredToken'

const standardMessages: Record<SignatureErrorCode, string> = {
  // The JSON front end's text; the Query front end says `Request is missing Authentication Token`.
  MissingAuthenticationToken: 'Missing Authentication Token',
  IncompleteSignature: 'The request signature does not conform to AWS standards.',
  InvalidSignature:
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  InvalidClientToken: 'The security token included in the request is invalid.',
  ExpiredToken: 'The security token included in the request is expired',
}

export class SignatureError extends Error {
  override readonly name = 'SignatureError'
  readonly code: SignatureErrorCode

  constructor(code: SignatureErrorCode, message: string = standardMessages[code]) {
    super(message)
    this.code = code
  }
}

/** Whether a request did not prove who asks, for whoever counts those. The holder of a session that is over has proved it. */
export function isFailedLogin(thrown: unknown): thrown is SignatureError {
  return thrown instanceof SignatureError && thrown.code !== 'ExpiredToken'
}

export interface SignedRequest {
  method: string
  /** The request target as it came, never a parsed URL. */
  target: string
  rawHeaders: readonly string[]
}

export interface ParsedSignature {
  form: 'header' | 'query'
  /** Text of the caller's: it may be anything, even a secret key that was sent as an id. */
  accessKeyId: string
  /** The date in the credential scope, `yyyymmdd`. */
  date: string
  region: string
  service: string
  terminator: string
  signedHeaders: readonly string[]
  /** 64 lower-case hex digits. */
  signature: string
  /** `yyyymmddThhmmssZ`. */
  amzDate: string
  /** The same in milliseconds since 1970. */
  signedAt: number
  /** The life of a presigned request. */
  expiresSeconds: number | undefined
  /** Covered by the signature; not yet checked. */
  sessionToken: string | undefined
  /** What `x-amz-content-sha256` says. */
  bodyHash: string | undefined
  /** As they are signed: lower-case names, repeated headers joined. */
  headers: ReadonlyMap<string, string>
}

/** Throws a SignatureError for a request that is unsigned, ambiguous or malformed. That the host is one of ours is for the caller. */
export function parseSignature(request: SignedRequest): ParsedSignature {
  const { headers, repeated } = collectHeaders(request.rawHeaders)
  refuseAmbiguity(request.target, repeated)
  const query = splitTarget(request.target).query
  const parameters = query === '' ? [] : parseQuery(query)
  const authorization = headers.get('authorization') ?? ''
  const isPresigned = parameters.some(({ name }) => presigningParameters.includes(name))

  if (authorization !== '' && isPresigned) {
    // Coral. The signature is not even looked at: "first one wins" lets a request be read in two ways.
    throw new SignatureError(
      'InvalidSignature',
      "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )
  }
  if (isPresigned) return parseQueryForm(parameters, headers)
  if (authorization !== '') return parseHeaderForm(authorization, headers)
  throw new SignatureError('MissingAuthenticationToken')
}

/** In the order in which AWS names those that are missing. `X-Amz-Expires` is not among them. */
const presigningParameters = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
  'X-Amz-Date',
]

/** Headers that Node, a proxy and we could read differently when they come twice. */
const singleHeaders = new Set([
  'host',
  'authorization',
  'date',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'x-amz-target',
  'content-type',
  'content-length',
])

// AWS's texts for these are not known: its front ends drop such requests earlier. The code is that of a malformed signature.
function refuseAmbiguity(target: string, repeated: readonly string[]): void {
  if (!target.startsWith('/')) {
    throw incomplete('The request target must be a path: absolute-form and other targets are not accepted.')
  }
  if (/%(?![0-9a-fA-F]{2})/.test(target)) {
    throw incomplete('The request target has a percent sign that is not followed by two hexadecimal digits.')
  }
  const twice = repeated.find((name) => singleHeaders.has(name))
  if (twice !== undefined) throw incomplete(`The header '${twice}' came more than once.`)
}

function incomplete(detail: string): SignatureError {
  return new SignatureError('IncompleteSignature', `${standardMessages.IncompleteSignature} ${detail}`)
}

function parseHeaderForm(authorization: string, headers: ReadonlyMap<string, string>): ParsedSignature {
  const [algorithm, parameters] = parseAuthorization(authorization)
  const dateHeader = headers.has('x-amz-date') ? 'x-amz-date' : 'date'
  const date = headers.get(dateHeader)
  const { Credential: credential, Signature: signature, SignedHeaders: signedHeaders } = parameters
  if (!credential || !signature || !signedHeaders || !date) {
    const missing = (['Credential', 'Signature', 'SignedHeaders'] as const)
      .filter((name) => !parameters[name])
      .map((name) => `Authorization header requires '${name}' parameter.`)
    if (!date) missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    // AWS's present form; the older one ended in `Authorization=` and the header itself.
    throw new SignatureError(
      'IncompleteSignature',
      `${missing.join(' ')} (Hashed with SHA-256 and encoded with Base64) Authorization=${hashed(authorization)}`,
    )
  }
  return {
    form: 'header',
    ...parseTime(date, dateHeader === 'date'),
    ...parseCredential(algorithm, credential),
    signedHeaders: parseSignedHeaders(signedHeaders, headers, dateHeader),
    signature: parseHexSignature(signature),
    expiresSeconds: undefined,
    sessionToken: headers.get('x-amz-security-token'),
    bodyHash: parseBodyHash(headers),
    headers,
  }
}

type AuthorizationParameters = Partial<Record<'Credential' | 'Signature' | 'SignedHeaders', string>>

/** `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`: in any order, each once at most and nothing else. */
function parseAuthorization(authorization: string): [algorithm: string, AuthorizationParameters] {
  const parameters: AuthorizationParameters = {}
  const blank = authorization.indexOf(' ')
  if (blank < 0) return [authorization, parameters]
  for (const piece of authorization.slice(blank).split(',')) {
    const pair = piece.trim()
    const equals = pair.indexOf('=')
    // A blank ends a pair for AWS, so an access key id with a stray one gets this message. Its older form quoted the header.
    if (equals < 0 || pair.includes(' ')) {
      throw new SignatureError(
        'IncompleteSignature',
        `Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '${hashed(authorization)}'.`,
      )
    }
    const name = pair.slice(0, equals)
    if (name !== 'Credential' && name !== 'SignedHeaders' && name !== 'Signature') {
      throw incomplete('The Authorization header has an unknown parameter.')
    }
    if (parameters[name] !== undefined) throw incomplete(`The Authorization header has two '${name}' parameters.`)
    parameters[name] = pair.slice(equals + 1)
  }
  return [authorization.slice(0, blank), parameters]
}

function hashed(authorization: string): string {
  return hash('sha256', Buffer.from(authorization, 'latin1'), 'base64')
}

function parseQueryForm(parameters: QueryParameter[], headers: ReadonlyMap<string, string>): ParsedSignature {
  const values = new Map<string, string>()
  for (const { name, value } of parameters) {
    if (!name.startsWith('X-Amz-')) continue
    if (values.has(name)) throw incomplete(`The query-string parameter '${name}' came more than once.`)
    values.set(name, value)
  }
  const [algorithm, credential, signature, signedHeaders, date] = presigningParameters.map((name) => values.get(name))
  if (!algorithm || !credential || !signature || !signedHeaders || !date) {
    const missing = presigningParameters
      .filter((name) => !values.get(name))
      .map((name) => `AWS query-string parameters must include '${name}'.`)
    throw new SignatureError(
      'IncompleteSignature',
      `${missing.join(' ')} Re-examine the query-string parameters.`, // Coral.
    )
  }
  const sessionToken = values.get('X-Amz-Security-Token')
  if (sessionToken !== undefined && headers.has('x-amz-security-token')) {
    throw incomplete('The security token is in the query string and in a header.')
  }
  return {
    form: 'query',
    ...parseTime(date, false),
    ...parseCredential(algorithm, credential),
    signedHeaders: parseSignedHeaders(signedHeaders, headers),
    signature: parseHexSignature(signature),
    expiresSeconds: parseExpires(values.get('X-Amz-Expires')),
    sessionToken: sessionToken ?? headers.get('x-amz-security-token'),
    bodyHash: parseBodyHash(headers),
    headers,
  }
}

function parseTime(text: string, mayBeHttpDate: boolean): Pick<ParsedSignature, 'amzDate' | 'signedAt'> {
  const signedAt = parseAmzDate(text)
  if (signedAt !== undefined) return { amzDate: text, signedAt }
  const httpTime = mayBeHttpDate ? parseHttpDate(text) : undefined
  if (httpTime !== undefined) return { amzDate: formatAmzDate(httpTime), signedAt: httpTime }
  throw new SignatureError(
    'IncompleteSignature',
    `Date must be in ISO-8601 'basic format'. Got '${text}'. See http://en.wikipedia.org/wiki/ISO_8601`, // Coral.
  )
}

function parseCredential(
  algorithm: string,
  credential: string,
): Pick<ParsedSignature, 'accessKeyId' | 'date' | 'region' | 'service' | 'terminator'> {
  if (algorithm !== signingAlgorithm) {
    // Coral. SigV4A (`AWS4-ECDSA-P256-SHA256`) gets it too.
    throw new SignatureError(
      'IncompleteSignature',
      `Unsupported AWS 'algorithm': '${algorithm}' (only ${signingAlgorithm} for now).`,
    )
  }
  const parts = credential.split('/')
  const [accessKeyId, date, region, service, terminator] = parts
  if (parts.length !== 5 || !accessKeyId || !date || !region || !service || !terminator) {
    // AWS quotes the whole of it, which is a secret key whenever somebody swaps the two: those have slashes, ids have not.
    const scope = parts.length > 5 ? `/${parts.slice(-4).join('/')}` : ''
    throw new SignatureError(
      'IncompleteSignature',
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '***${scope}'`,
    )
  }
  return { accessKeyId, date, region, service, terminator }
}

/** Checks that everything is signed that changes the meaning of the request. `dateHeader` is the one that dates it. */
function parseSignedHeaders(text: string, headers: ReadonlyMap<string, string>, dateHeader?: string): string[] {
  const names = text.split(';')
  const isAscending = names.every((name, index) => index === 0 || name > (names[index - 1] as string))
  if (!isAscending || !/^[a-z0-9!#$%&'*+.^_`|~-]+(?:;[a-z0-9!#$%&'*+.^_`|~-]+)*$/.test(text)) {
    throw incomplete('The signed headers must be lower-case header names in ascending order, each once.')
  }
  const signed = new Set(names)
  // Coral.
  if (!signed.has('host')) throw unsigned("'Host' or ':authority'")
  // AWS does not insist on these. An unsigned `x-amz-target` would turn a captured request into another operation.
  for (const name of headers.keys()) {
    const matters = name === dateHeader || name === 'content-type' || name.startsWith('x-amz-')
    if (matters && !signed.has(name)) throw unsigned(`'${name}'`)
  }
  // The canonical request cannot tell a header that is missing from one that is empty.
  if (names.some((name) => !headers.has(name))) throw new SignatureError('InvalidSignature')
  return names
}

function unsigned(name: string): SignatureError {
  return new SignatureError('InvalidSignature', `${name} must be a 'SignedHeader' in the AWS Authorization.`)
}

function parseHexSignature(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw incomplete('The signature must be 64 lower-case hexadecimal digits.')
  return text
}

function parseExpires(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0
  if (seconds < 1 || seconds > 604_800) throw incomplete("'X-Amz-Expires' must be 1 to 604800 seconds.")
  return seconds
}

/** `UNSIGNED-PAYLOAD` and `STREAMING-…` are S3's; elsewhere AWS hashes the body all the same, and the signature does not match. */
function parseBodyHash(headers: ReadonlyMap<string, string>): string | undefined {
  const text = headers.get('x-amz-content-sha256')
  if (text !== undefined && !/^[0-9a-f]{64}$/.test(text)) throw new SignatureError('InvalidSignature')
  return text
}

export interface ScopeRules {
  /** What the credential must be scoped to: `ecr`. */
  service: string
  /** How far the clocks may be apart. ECR says `15 min.`, IAM and STS `5 min.` */
  skewSeconds: number
  regionIsServed: (region: string) => boolean
}

/** The date window and the credential scope; needs no key. `now` is in milliseconds since 1970. */
export function checkScope(parsed: ParsedSignature, now: number, rules: ScopeRules): void {
  checkTime(parsed, Math.floor(now / 1000), rules.skewSeconds)
  const faults: string[] = []
  if (!rules.regionIsServed(parsed.region)) {
    faults.push(`Credential should be scoped to a valid region, not '${parsed.region}'.`)
  }
  if (parsed.service !== rules.service) {
    faults.push(`Credential should be scoped to correct service: '${rules.service}'.`)
  }
  if (parsed.terminator !== scopeTerminator) {
    faults.push(
      `Credential should be scoped with a valid terminator: '${scopeTerminator}', not '${parsed.terminator}'.`,
    )
  }
  const day = parsed.amzDate.slice(0, 8)
  if (parsed.date !== day) {
    faults.push(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${parsed.date}' != '${day}', from '${parsed.amzDate}'.`,
    )
  }
  // Coral: all of them in one message, in this order.
  if (faults.length > 0) throw new SignatureError('InvalidSignature', faults.join(' '))
}

/** In whole seconds, as the messages are, or they would say that a time is earlier than itself. */
function checkTime({ amzDate, signedAt, expiresSeconds }: ParsedSignature, now: number, skewSeconds: number): void {
  const signed = signedAt / 1000
  const date = (seconds: number) => formatAmzDate(seconds * 1000)
  if (signed > now + skewSeconds) {
    throw new SignatureError(
      'InvalidSignature',
      `Signature not yet current: ${amzDate} is still later than ${date(now + skewSeconds)} (${date(now)} + ${minutes(skewSeconds)})`,
    )
  }
  // A presigned request is valid while now < date + expires.
  const life = expiresSeconds ?? skewSeconds
  if (expiresSeconds === undefined ? signed < now - life : signed <= now - life) {
    throw new SignatureError(
      'InvalidSignature',
      `Signature expired: ${amzDate} is now earlier than ${date(now - life)} (${date(now)} - ${minutes(life)})`,
    )
  }
}

function minutes(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60} min.` : `${seconds} sec.`
}

export interface SignatureCheck {
  /** Undefined when there is no such key, or when it may not be used. */
  signingKey: KeyObject | undefined
  /** Milliseconds since 1970. */
  now: number
  rules: ScopeRules
}

/**
 * Throws a SignatureError unless the key's owner signed this request and body. A request with an unknown key costs the same work
 * before it is refused, so that time does not tell which ids exist.
 */
export function checkSignature(
  parsed: ParsedSignature,
  request: SignedRequest,
  bodySha256Hex: string,
  { signingKey, now, rules }: SignatureCheck,
): void {
  checkScope(parsed, now, rules)
  const canonical = canonicalRequest({
    method: request.method,
    target: request.target,
    headers: parsed.headers,
    signedHeaders: parsed.signedHeaders,
    // Presigned requests too: theirs is the hash of an empty body because their body is empty.
    payloadHash: bodySha256Hex,
  })
  const text = stringToSign(parsed.amzDate, parsed, nodeDigests.sha256Hex(canonical))
  const expected = nodeDigests.hmacSha256(signingKey ?? nobodysKey, text)
  const matches = timingSafeEqual(expected, Buffer.from(parsed.signature, 'hex'))
  if (signingKey === undefined) throw new SignatureError('InvalidClientToken')
  const bodyMatches = parsed.bodyHash === undefined || parsed.bodyHash === bodySha256Hex
  if (!matches || !bodyMatches) throw new SignatureError('InvalidSignature')
}

const nobodysKey = createSecretKey(Buffer.alloc(32))
