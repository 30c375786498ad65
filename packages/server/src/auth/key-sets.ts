// The public keys of identity providers (OpenID Connect Discovery 1.0; RFC 7517). A set is fetched when a token asks for it and kept for as
// long as its provider says, from 5 minutes to a day. Tokens are anybody's text, and asking for a session needs no key of ours: so what
// they may cause is bounded for each provider to one fetch at a time, one a minute for a name that the set does not have, and a pause
// after a failure.

import { createPublicKey, type KeyObject } from 'node:crypto'
import { JsonError, readJson } from '@berth/api/json/strict-json.ts'
import type { Clock } from '../base/clock.ts'
import { IdentityError } from '../base/identity-error.ts'
import type { Log } from '../base/log.ts'
import { FetchError, type FetchJson } from '../remote/guarded-fetch.ts'
import type { TokenAlgorithm } from './json-web-token.ts'

export interface KeySource {
  /** The issuer: `https://host/path`. */
  url: string
  /** The provider's key set where it cannot be fetched from. */
  staticJwks?: string
}

export interface KeySets {
  /** The key of a provider that a token names, or its only one for the algorithm. @throws IdentityError */
  find(source: KeySource, wanted: WantedKey): Promise<KeyObject>
}

export interface WantedKey {
  algorithm: TokenAlgorithm
  keyId?: string
}

interface VerificationKey {
  keyId?: string
  /** The one algorithm that it is for, when the set says so. */
  algorithm?: string
  type: KeyType
  key: KeyObject
}

interface Entry {
  keys?: readonly VerificationKey[]
  fetchedAt: number
  freshUntil: number
  attemptedAt: number
  pending?: Promise<void>
  /** Of the last attempt. */
  failure?: IdentityError
}

const minute = 60_000
const lifetimeMs = { min: 5 * minute, max: 24 * 60 * minute }
const pauseMs = { unknownKey: minute, failure: minute, failureWithoutKeys: 5_000 }
const maxProviders = 200
const maxKeys = 200
const limits = { maxBytes: 1_048_576, timeoutMs: 5_000 }
const rsaBits = { min: 2048, max: 8192 }

const keyTypes = {
  ...({ RS256: 'RSA', RS384: 'RSA', RS512: 'RSA' } as const),
  ...({ ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const),
} satisfies Record<TokenAlgorithm, string>
type KeyType = (typeof keyTypes)[TokenAlgorithm]

export function createKeySets(parts: { fetchJson: FetchJson; clock: Clock; log: Log }): KeySets {
  const { fetchJson, clock, log } = parts
  /** By issuer, least recently used first. Whichever account trusts an issuer, its keys are the same. */
  const entries = new Map<string, Entry>()

  function entryOf(url: string): Entry {
    const entry = entries.get(url) ?? { fetchedAt: 0, freshUntil: 0, attemptedAt: Number.NEGATIVE_INFINITY }
    entries.delete(url)
    const oldest = entries.size >= maxProviders ? entries.keys().next().value : undefined
    if (oldest !== undefined) entries.delete(oldest)
    entries.set(url, entry)
    return entry
  }

  /** Waits for the fetch that is under way, or begins one unless the last is too recent. A failure is noted in the entry. */
  async function refresh(url: string, entry: Entry, pause: number): Promise<void> {
    if (!entry.pending) {
      if (clock.now() - entry.attemptedAt < pause) return
      entry.attemptedAt = clock.now()
      entry.pending = attempt(url, entry).finally(() => delete entry.pending)
    }
    await entry.pending
  }

  async function attempt(url: string, entry: Entry): Promise<void> {
    try {
      const { keys, maxAgeMs } = await fetchKeys(url, fetchJson)
      entry.keys = keys
      entry.fetchedAt = clock.now()
      entry.freshUntil = entry.fetchedAt + Math.min(Math.max(maxAgeMs, lifetimeMs.min), lifetimeMs.max)
      delete entry.failure
    } catch (error) {
      if (!(error instanceof FetchError)) throw error
      log.warn({ issuer: url, reason: error.message }, 'the keys of an identity provider could not be fetched')
      entry.failure = error.isTransient ? notReached() : noKey()
    }
  }

  return {
    async find({ url, staticJwks }, wanted) {
      if (staticJwks !== undefined) return findKey(parseStatic(url, staticJwks), wanted) ?? refuse(noKey())
      const entry = entryOf(url)
      if (!entry.keys || clock.now() >= entry.freshUntil) await refresh(url, entry, pauseOf(entry))
      let key = findKey(keptKeys(entry), wanted)
      if (!key) {
        await refresh(url, entry, pauseMs.unknownKey)
        key = findKey(keptKeys(entry), wanted)
      }
      return key ?? refuse(entry.failure ?? noKey())
    },
  }

  /** With keys that still hold, nobody needs to wait for a provider that has just failed. */
  function pauseOf(entry: Entry): number {
    if (!entry.failure) return 0
    return keptKeys(entry).length > 0 ? pauseMs.failure : pauseMs.failureWithoutKeys
  }

  /** While a provider cannot be reached, what it said last holds for a day. */
  function keptKeys({ keys = [], fetchedAt }: Entry): readonly VerificationKey[] {
    return clock.now() < fetchedAt + lifetimeMs.max ? keys : []
  }

  function parseStatic(url: string, text: string): readonly VerificationKey[] {
    const keys = parseKeySet(Buffer.from(text))
    if (typeof keys !== 'string') return keys
    log.warn({ issuer: url, reason: `its key set ${keys}` }, 'the keys of an identity provider cannot be read')
    return []
  }
}

/** Why a text cannot be the key set of a provider, to be read after "The key set"; undefined: it can. */
export function refuseKeySet(text: string): string | undefined {
  const keys = parseKeySet(Buffer.from(text))
  if (typeof keys === 'string') return keys
  if (keys.length === 0) return 'has no public key of RSA, P-256, P-384 or P-521'
  // No part of a public key is called so: somebody took the wrong file.
  return /"[dk]"\s*:/.test(text) ? 'has a private or secret key' : undefined
}

async function fetchKeys(url: string, fetchJson: FetchJson) {
  const together = { ...limits, signal: AbortSignal.timeout(limits.timeoutMs) }
  // OpenID Connect Discovery, section 4.1: a slash at the end is not repeated.
  const configuration = await fetchJson(`${url.replace(/\/$/, '')}/.well-known/openid-configuration`, together)
  const members = readObject(configuration.body)
  if (typeof members === 'string') throw wrong(`its configuration ${members}`)
  if (members.get('issuer') !== url) throw wrong('its configuration names another issuer')
  const keysUrl = members.get('jwks_uri')
  if (typeof keysUrl !== 'string') throw wrong('its configuration does not say where its keys are')
  const { body, maxAgeSeconds = 0 } = await fetchJson(keysUrl, together)
  const keys = parseKeySet(body)
  if (typeof keys === 'string') throw wrong(`its key set ${keys}`)
  return { keys, maxAgeMs: maxAgeSeconds * 1000 }
}

/** The keys of a set that can be used here, as others are no fault of the set (RFC 7517, section 5); or why it is none. */
function parseKeySet(body: Uint8Array): VerificationKey[] | string {
  const members = readObject(body)
  if (typeof members === 'string') return members
  const keys = members.get('keys')
  if (!Array.isArray(keys)) return 'has no list of keys'
  if (keys.length > maxKeys) return `has more than ${maxKeys} keys`
  return keys.flatMap((key: unknown) => parseKey(key) ?? [])
}

function parseKey(value: unknown): VerificationKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const member = new Map<string, unknown>(Object.entries(value))
  const [use, operations, keyId, algorithm] = ['use', 'key_ops', 'kid', 'alg'].map((name) => member.get(name))
  if (use !== undefined && use !== 'sig') return undefined
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return undefined
  const kty = member.get('kty')
  const type = Object.values(keyTypes).find((known) => known === (kty === 'EC' ? member.get('crv') : kty))
  if (!type || (kty === 'EC') === (type === 'RSA')) return undefined
  const key = importKey(type === 'RSA' ? ['kty', 'n', 'e'] : ['kty', 'crv', 'x', 'y'], member)
  if (!key) return undefined
  return {
    ...(typeof keyId === 'string' ? { keyId } : {}),
    ...(typeof algorithm === 'string' ? { algorithm } : {}),
    ...{ type, key },
  }
}

/** Of these members alone: neither a private part nor a certificate is read. */
function importKey(names: readonly string[], member: ReadonlyMap<string, unknown>): KeyObject | undefined {
  const texts = names.map((name) => [name, member.get(name)] as const)
  if (!texts.every(([, text]) => typeof text === 'string')) return undefined
  try {
    const key = createPublicKey({ key: Object.fromEntries(texts), format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    return bits !== undefined && (bits < rsaBits.min || bits > rsaBits.max) ? undefined : key
  } catch {
    // Numbers that are no key, such as a point that is not on the curve.
    return undefined
  }
}

function findKey(keys: readonly VerificationKey[], { algorithm, keyId }: WantedKey): KeyObject | undefined {
  const type = keyTypes[algorithm]
  const fitting = keys.filter((key) => key.type === type && (key.algorithm ?? algorithm) === algorithm)
  // A token that names no key means the only one.
  if (keyId === undefined) return fitting.length === 1 ? fitting[0]?.key : undefined
  return fitting.find((key) => key.keyId === keyId)?.key
}

/** The members of a JSON object, or why it is none. */
function readObject(body: Uint8Array): ReadonlyMap<string, unknown> | string {
  let value: unknown
  try {
    value = readJson(body)
  } catch (error) {
    if (error instanceof JsonError) return `is no JSON that is taken: ${error.message}`
    throw error
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no object'
  return new Map(Object.entries(value))
}

const wrong = (reason: string) => new FetchError(reason, false)

// As STS says it, with both spaces.
const noKey = () =>
  new IdentityError(
    'InvalidIdentityToken',
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
  )

const notReached = () =>
  new IdentityError(
    'IDPCommunicationError',
    'The identity provider that would verify the token could not be reached. Try again',
  )

function refuse(error: IdentityError): never {
  throw error
}
