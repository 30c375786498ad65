// Fetches small JSON documents from places that tenants name, without being their way into the network of the operator (server-side request
// forgery). Only https; the name is resolved once, all its addresses must be public, and the connection is made to one of exactly those,
// while the certificate must be the name's: a name that leads elsewhere a moment later leads nowhere. Nothing is followed, nothing is kept
// open, no proxy of the environment is used, and size and time have bounds.

import { type LookupAddress, lookup } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { Semaphore } from '../base/semaphore.ts'
import { createUrlGuard, type GuardedUrl, literalAddress } from './guarded-url.ts'
import { isPublicAddress } from './public-address.ts'

export interface FetchLimits {
  maxBytes: number
  /** For all of it: the lookup of the name, the connection, the answer. */
  timeoutMs: number
  signal?: AbortSignal
}

export interface FetchedJson {
  /** As it came: it may not even be JSON. */
  body: Buffer
  /** How long the answer says that it may be kept (RFC 9111, `max-age`). */
  maxAgeSeconds?: number
}

/** @throws FetchError */
export type FetchJson = (url: string, limits: FetchLimits) => Promise<FetchedJson>

export interface GuardedFetch {
  fetchJson: FetchJson
  /** Why an identity provider may not have this URL, to be read after "The URL"; undefined: it may. */
  refuseIssuerUrl(url: string): string | undefined
}

/** What went wrong, in words for the operator's log only: they may tell about the network. */
export class FetchError extends Error {
  override readonly name = 'FetchError'
  /** Nobody was reached, or the other side has a fault that may pass. */
  readonly isTransient: boolean

  constructor(message: string, isTransient: boolean, options?: ErrorOptions) {
    super(message, options)
    this.isTransient = isTransient
  }
}

export type Resolve = (host: string) => Promise<readonly LookupAddress[]>

/** A lookup that hangs has a thread of the pool that files use too. */
const maxLookupsAtOnce = 2

export function createGuardedFetch(options: {
  /** PEM of authorities that are trusted beside Node's. */
  ca?: string
  /** Hosts that may have private addresses: `host`, or `host:port` for that port alone. */
  allowedHosts?: readonly string[]
  resolve?: Resolve
}): GuardedFetch {
  const { ca, allowedHosts = [], resolve = resolveAll } = options
  const guard = createUrlGuard(allowedHosts)
  const lookups = new Semaphore(maxLookupsAtOnce)
  let secureContext: SecureContext | undefined

  async function addressesOf({ url, isAllowedHost }: GuardedUrl, signal: AbortSignal): Promise<LookupAddress[]> {
    // Judged with the URL, and nobody asks for it by name.
    if (literalAddress(url) !== undefined) return []
    const looking = lookups.run(async () => {
      signal.throwIfAborted()
      return [...(await resolve(url.hostname))]
    })
    const addresses = await untilAborted(looking, signal)
    if (addresses.length === 0) throw new FetchError(`${url.hostname} has no address`, true)
    const inside = isAllowedHost ? undefined : addresses.find(({ address }) => !isPublicAddress(address))
    if (inside) throw new FetchError(`${url.hostname} leads to ${inside.address}, which is not public`, false)
    return addresses
  }

  return {
    refuseIssuerUrl: guard.refuseIssuer,

    async fetchJson(text, { maxBytes, timeoutMs, signal: caller }) {
      const guarded = guard.read(text)
      if ('refused' in guarded) throw new FetchError(`the URL ${guarded.refused}`, false)
      const deadline = AbortSignal.timeout(timeoutMs)
      const signal = caller ? AbortSignal.any([caller, deadline]) : deadline
      try {
        const addresses = await addressesOf(guarded, signal)
        if (ca !== undefined) secureContext ??= createSecureContext({ ca: [...getCACertificates('default'), ca] })
        return await get(guarded.url, { addresses, maxBytes, signal, ...(secureContext ? { secureContext } : {}) })
      } catch (error) {
        if (error instanceof FetchError) throw error
        const reason = signal.aborted ? 'it did not answer in time' : String(error)
        throw new FetchError(reason, true, { cause: error })
      }
    },
  }
}

const resolveAll: Resolve = (host) => promisify(lookup)(host, { all: true })

async function get(
  url: URL,
  options: { addresses: LookupAddress[]; maxBytes: number; signal: AbortSignal; secureContext?: SecureContext },
): Promise<FetchedJson> {
  const { addresses, maxBytes, ...rest } = options
  const pinned: LookupFunction = (_host, { all }, done) => {
    const [first] = addresses
    if (all) done(null, addresses)
    else done(first ? null : new Error('no address'), first?.address ?? '', first?.family)
  }
  const outgoing = request(url, {
    ...rest,
    lookup: pinned,
    // An agent of its own, which keeps nothing open and knows no proxy.
    agent: false,
    rejectUnauthorized: true,
    headers: { Accept: 'application/json', 'Accept-Encoding': 'identity', 'User-Agent': 'berth' },
  })
  try {
    const answer = Promise.withResolvers<IncomingMessage>()
    outgoing.on('response', answer.resolve)
    outgoing.on('error', answer.reject)
    // One that asks for another protocol (101) ends without an answer and without an error.
    outgoing.on('close', () => answer.reject(new Error('it closed the connection')))
    outgoing.end()
    const response = await answer.promise
    const status = response.statusCode ?? 0
    if (status >= 300 && status < 400) throw new FetchError(`it answered ${status}; nothing is followed`, false)
    if (status !== 200) throw new FetchError(`it answered ${status}`, status >= 500 || status === 429)
    const encoding = response.headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') throw new FetchError('its answer is encoded, which was not asked for', false)
    const body = await readAll(response, maxBytes)
    const maxAgeSeconds = maxAgeOf(response.headers['cache-control'])
    return { body, ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }) }
  } finally {
    outgoing.destroy()
  }
}

async function readAll(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLong = new FetchError(`its answer has more than ${maxBytes} bytes`, false)
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLong
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response) {
    length += part.length
    if (length > maxBytes) throw tooLong
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function maxAgeOf(cacheControl: string | undefined): number | undefined {
  const directives = (cacheControl ?? '').toLowerCase().split(',')
  if (directives.some((directive) => /^\s*no-(?:store|cache)\s*$/.test(directive))) return 0
  const age = directives.map((directive) => /^\s*max-age\s*=\s*"?(\d{1,10})"?\s*$/.exec(directive)?.[1]).find(Boolean)
  return age === undefined ? undefined : Number(age)
}

/** The work goes on when nobody waits for it any more: a lookup cannot be stopped. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
