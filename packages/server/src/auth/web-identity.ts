// Who brings a token of OpenID Connect (STS AssumeRoleWithWebIdentity; OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725). What can be
// told from the text is refused first, since keys may have to be fetched for the signature. Nothing of a token is returned before its
// signature has been checked, and no message has a piece of it but the issuer.

import { compactVerify, errors } from 'jose'
import type { Clock } from '../base/clock.ts'
import { IdentityError } from '../base/identity-error.ts'
import type { Log } from '../base/log.ts'
import type { Tag } from '../base/principal.ts'
import type { FetchJson } from '../remote/guarded-fetch.ts'
import { notAToken, parseJsonWebToken } from './json-web-token.ts'
import { createKeySets } from './key-sets.ts'
import { type Claims, type ClaimValue, conditionValues, sessionTags, sourceIdentityOf } from './web-identity-claims.ts'

export interface WebIdentityProvider {
  arn: string
  /** `https://host/path`, as it was saved. */
  url: string
  clientIds: readonly string[]
  /** The provider's key set, where it cannot be fetched from. */
  staticJwks?: string
}

export interface WebIdentity {
  provider: WebIdentityProvider
  /** Without scheme: `token.actions.githubusercontent.com`. */
  issuer: string
  subject: string
  /** The client id of the provider that the token is for. */
  audience: string
  /** Values of condition keys, by the names of claims. */
  claims: ReadonlyMap<string, ClaimValue>
  tags: readonly Tag[]
  transitiveTagKeys: readonly string[]
  sourceIdentity?: string
  /** The end of the token, in milliseconds. */
  expiresAt: number
}

export interface WebIdentities {
  /**
   * `findProvider` is given the issuer without its scheme, as the token has it, and looks in the account of the role.
   * @throws IdentityError InvalidIdentityToken, ExpiredTokenException, IDPCommunicationError, IDPRejectedClaim
   */
  verify(token: string, findProvider: (issuer: string) => WebIdentityProvider | undefined): Promise<WebIdentity>
}

const scheme = 'https://'
const maxIssuerLength = 255
const maxSubjectLength = 255
/** IAM, "OIDC federation": five minutes for clocks that differ. */
const skewSeconds = 300
const maxAgeSeconds = 86_400
/** The end of the year 9999: no time is later, and none is before 1970. */
const maxSeconds = 253_402_300_799

export function createWebIdentities(parts: { fetchJson: FetchJson; clock: Clock; log: Log }): WebIdentities {
  const { clock } = parts
  const keySets = createKeySets(parts)

  return {
    async verify(text, findProvider) {
      const token = parseJsonWebToken(text)
      const { claims } = token
      const { issuer, provider } = providerOf(claims, findProvider)
      const audience = audienceOf(claims, provider)
      const subject = subjectOf(claims)
      const expiresAt = checkTimes(claims, clock.now())
      const key = await keySets.find(provider, token)
      try {
        await compactVerify(text, key, { algorithms: [token.algorithm] })
      } catch (error) {
        if (error instanceof errors.JOSEError) throw invalid('The signature of the token is not valid')
        throw error
      }
      const sourceIdentity = sourceIdentityOf(claims)
      return {
        ...{ provider, issuer, subject, audience, expiresAt },
        claims: conditionValues(issuer, claims, audience),
        ...sessionTags(claims),
        ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
      }
    },
  }
}

function providerOf(claims: Claims, findProvider: (issuer: string) => WebIdentityProvider | undefined) {
  const url = textOf(claims, 'iss')
  if (!/^[\x21-\x7e]+$/.test(url) || url.length > maxIssuerLength) throw notAToken()
  const issuer = url.startsWith(scheme) ? url.slice(scheme.length) : ''
  const provider = issuer === '' ? undefined : findProvider(issuer)
  // Keys are fetched from the URL that was saved, and it must be the token's to the letter.
  if (provider?.url !== url) throw invalid(`No OpenIDConnect provider found in your account for ${url}`)
  return { issuer, provider }
}

/** The party that the token was issued to (`azp`) stands for those that it is shown to (`aud`). */
function audienceOf(claims: Claims, { clientIds }: WebIdentityProvider): string {
  const audiences = required(claims, 'aud')
  const all: unknown[] = Array.isArray(audiences) ? audiences : [audiences]
  if (!all.every((audience) => typeof audience === 'string')) throw notAToken()
  const meant = claims.has('azp') ? [textOf(claims, 'azp')] : all
  const known = meant.find((audience) => clientIds.includes(audience))
  if (known === undefined) throw invalid('Incorrect token audience')
  return known
}

function subjectOf(claims: Claims): string {
  const subject = textOf(claims, 'sub')
  if (subject.length > maxSubjectLength || !subject.isWellFormed() || /\p{Cc}/u.test(subject))
    throw invalid(`The subject of the token must have 1 to ${maxSubjectLength} characters, none of them for control`)
  return subject
}

/** The end of the token, in milliseconds. */
function checkTimes(claims: Claims, nowMs: number): number {
  const now = Math.floor(nowMs / 1000)
  const [issuedAt, expiresAt] = [secondsOf(claims, 'iat'), secondsOf(claims, 'exp')]
  if (now >= expiresAt + skewSeconds) {
    throw expired(
      `Token expired: current date/time ${now} must be before the expiration date/time ${Math.floor(expiresAt)}`,
    )
  }
  if (now - issuedAt > maxAgeSeconds) throw expired(`Token too old: ${Math.floor(now - issuedAt)}`)
  const notBefore = claims.has('nbf') ? secondsOf(claims, 'nbf') : issuedAt
  const from = Math.max(issuedAt, notBefore)
  if (from > now + skewSeconds)
    throw invalid(`Token not yet valid: current date/time ${now} must not be before ${Math.floor(from)}`)
  return Math.floor(expiresAt * 1000)
}

function required(claims: Claims, name: string): unknown {
  const value = claims.get(name)
  if (value === undefined || value === null || value === '') throw invalid(`Missing a required claim: ${name}`)
  return value
}

function textOf(claims: Claims, name: string): string {
  const value = required(claims, name)
  if (typeof value !== 'string') throw notAToken()
  return value
}

/** RFC 7519, section 2, NumericDate: it may have a fraction. */
function secondsOf(claims: Claims, name: string): number {
  const value = required(claims, name)
  if (typeof value !== 'number' || value < 0 || value > maxSeconds) throw notAToken()
  return value
}

const invalid = (message: string) => new IdentityError('InvalidIdentityToken', message)
const expired = (message: string) => new IdentityError('ExpiredTokenException', message)
