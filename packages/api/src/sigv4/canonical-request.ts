// The canonical request of Signature Version 4 (IAM User Guide, "Create a signed AWS API request", step 1), for signers and for
// the verifier. Everything here is a byte string: one character a byte, as Node hands out request targets and header values.

export interface CanonicalRequestParts {
  method: string
  /** The request target as it was sent: path and query. */
  target: string
  /** As `collectHeaders` gives them. */
  headers: ReadonlyMap<string, string>
  /** Lower case, ascending. */
  signedHeaders: readonly string[]
  /** SHA-256 of the body in hex. */
  payloadHash: string
  /** `false` leaves `//`, `/./` and `/../` as they are; the public vectors have cases of both kinds. */
  normalizesPath?: boolean
}

/** The text whose hash is signed. A signed header that the request lacks counts as empty. */
export function canonicalRequest(parts: CanonicalRequestParts): string {
  const { path, query } = splitTarget(parts.target)
  let text = `${parts.method}\n${canonicalPath(path, parts.normalizesPath)}\n${canonicalQuery(query)}\n`
  for (const name of parts.signedHeaders) text += `${name}:${parts.headers.get(name) ?? ''}\n`
  return `${text}\n${parts.signedHeaders.join(';')}\n${parts.payloadHash}`
}

export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

export interface CollectedHeaders {
  /** By lower-case name; each value trimmed and its white space collapsed, repeated headers joined by a comma as received. */
  headers: Map<string, string>
  /** Names that came more than once. */
  repeated: string[]
}

/**
 * Takes `rawHeaders` and not Node's `headers`: those keep only the first of two `Host` or `Authorization` headers, and join
 * others with a comma and a space.
 */
export function collectHeaders(rawHeaders: readonly string[]): CollectedHeaders {
  const headers = new Map<string, string>()
  const repeated: string[] = []
  for (let i = 1; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i - 1] as string).toLowerCase()
    const value = collapseWhiteSpace(rawHeaders[i] as string)
    const earlier = headers.get(name)
    if (earlier !== undefined) repeated.push(name)
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`)
  }
  return { headers, repeated }
}

const untidyWhiteSpace = /^ |[\t\r\n]| {2}| $/

/** Not `trim()`: that would take the latin-1 byte 0xA0, which is the end of many a UTF-8 letter. */
function collapseWhiteSpace(value: string): string {
  return untidyWhiteSpace.test(value) ? value.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '') : value
}

/**
 * As every service but S3 wants it: dot segments and empty segments removed, then each segment percent-encoded again, so that
 * `/a%20b` becomes `/a%2520b`.
 */
export function canonicalPath(path: string, normalizesPath = true): string {
  return (normalizesPath ? normalizePath(path) : path).replace(/[^A-Za-z0-9\-_.~/]/g, percentEncode)
}

function normalizePath(path: string): string {
  if (!path.includes('//') && !path.includes('/.')) return path === '' ? '/' : path
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return `/${segments.join('/')}${segments.length > 0 && path.endsWith('/') ? '/' : ''}`
}

export interface QueryParameter {
  name: string
  value: string
}

/** The decoded parameters. A `+` is a plus, a `%` without two hex digits is a percent sign, an empty piece is nothing. */
export function parseQuery(query: string): QueryParameter[] {
  const parameters: QueryParameter[] = []
  for (const piece of query.split('&')) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    parameters.push({
      name: percentDecode(equals < 0 ? piece : piece.slice(0, equals)),
      value: equals < 0 ? '' : percentDecode(piece.slice(equals + 1)),
    })
  }
  return parameters
}

/** Everything but the signature itself, sorted by encoded name, then encoded value. */
export function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs: [name: string, value: string][] = []
  for (const { name, value } of parseQuery(query)) {
    if (name !== 'X-Amz-Signature') pairs.push([encodeParameter(name), encodeParameter(value)])
  }
  // Not by the joined text: `a=` sorts after `a-=`, but `a` before `a-`.
  pairs.sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function encodeParameter(text: string): string {
  return text.replace(/[^A-Za-z0-9\-_.~]/g, percentEncode)
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
