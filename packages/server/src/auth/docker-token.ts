// The password of `docker login`: a sealed token that names its principal and region, valid for 12 hours, opened without a database
// (ECR GetAuthorizationToken). What it names is looked up at each request, so a disabled key ends it at once.

import type { Region } from '@berth/api/names/registry.ts'
import type { Clock } from '../base/clock.ts'
import type { Principal } from '../base/principal.ts'
import type { Identities } from '../domain/identities/identities.ts'
import type { KeyRing } from './key-ring.ts'

const lifetimeMs = 12 * 60 * 60 * 1000
const emptyCredentials = 'Basic Og=='
const maxCachedTokens = 10_000
/** Longer passwords are none of ours; ECR's own reach 2,714 characters. */
const maxPasswordLength = 512

export interface DockerTokens {
  /** `expiresAt` in milliseconds since the epoch. */
  issue(principal: Principal, region: Region): { password: string; expiresAt: number }
  /** Who the value of an `Authorization` header speaks for, and in which region. @throws RegistryError Unavailable */
  open(header: string): Promise<OpenedToken>
}

export type OpenedToken =
  /** Neither user nor password: some clients say so instead of leaving the header out. */
  | { is: 'absent' }
  | { is: 'valid'; principal: Principal; region: Region }
  /** Not Basic, not user AWS, not sealed by us. */
  | { is: 'malformed' }
  | { is: 'expired'; accessKeyId: string }
  /** Its access key was disabled or deleted, or the user or role behind it is gone. */
  | { is: 'revoked'; accessKeyId: string }

interface Payload {
  key: string
  version: number
  region: Region
  expiresAt: number
}

export function createDockerTokens(parts: {
  keyRing: KeyRing
  identities: Identities
  clock: Clock
  installationId: string
  /** Whether a token ends with the session it was made with (BERTH_TOKEN_SESSION_BOUND). */
  isSessionBound: boolean
}): DockerTokens {
  const { keyRing, identities, clock, installationId, isSessionBound } = parts
  const opened = new Map<string, Payload>()

  function payloadOf(header: string): Payload | undefined {
    const cached = opened.get(header)
    if (cached) return cached
    const payload = read(header)
    if (!payload) return undefined
    const oldest = opened.size >= maxCachedTokens ? opened.keys().next().value : undefined
    if (oldest !== undefined) opened.delete(oldest)
    opened.set(header, payload)
    return payload
  }

  function read(header: string): Payload | undefined {
    const encoded = /^basic +([A-Za-z0-9+/_-]+=*) *$/i.exec(header)?.[1]
    if (encoded === undefined || encoded.length > maxPasswordLength * 2) return undefined
    const [user, password] = splitOnce(Buffer.from(encoded, 'base64').toString('latin1'))
    if (user !== 'AWS' || password.length > maxPasswordLength || !/^[A-Za-z0-9_-]+$/.test(password)) return undefined
    const plaintext = keyRing.open('docker-token', Buffer.from(password, 'base64url'), installationId)
    return plaintext ? (JSON.parse(plaintext.toString()) as Payload) : undefined
  }

  return {
    issue({ accessKeyId, accessKeyVersion, session }, region) {
      const sessionEndsAt = isSessionBound ? (session?.expiresAt ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
      const expiresAt = Math.min(clock.now() + lifetimeMs, sessionEndsAt)
      const payload: Payload = { key: accessKeyId, version: accessKeyVersion, region, expiresAt }
      const sealed = keyRing.seal('docker-token', Buffer.from(JSON.stringify(payload)), installationId)
      return { password: sealed.toString('base64url'), expiresAt }
    },

    async open(header) {
      if (header === emptyCredentials) return { is: 'absent' }
      const payload = payloadOf(header)
      if (!payload) return { is: 'malformed' }
      if (payload.expiresAt <= clock.now()) return { is: 'expired', accessKeyId: payload.key }
      const principal = (await identities.findAccessKey(payload.key))?.principal
      return principal?.accessKeyVersion === payload.version
        ? { is: 'valid', principal, region: payload.region }
        : { is: 'revoked', accessKeyId: payload.key }
    },
  }
}

function splitOnce(text: string): [string, string] {
  const colon = text.indexOf(':')
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)]
}
