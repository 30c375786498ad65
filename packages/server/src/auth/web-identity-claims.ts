// What a verified web identity token says beyond who it is for: the values of condition keys, session tags and the source identity (IAM,
// "Available keys for AWS OIDC federation", "Pass session tags in AWS STS", "Monitor and control actions taken with assumed roles").

import { IdentityError } from '../base/identity-error.ts'
import type { Tag } from '../base/principal.ts'
import { githubClaims, githubIssuer } from '../domain/policies/parse-principals.ts'

export type Claims = ReadonlyMap<string, unknown>
export type ClaimValue = string | readonly string[]

const maxListed = 100
const maxTags = 50
const maxTagLength = { key: 128, value: 256 }
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u
const tagsClaim = 'https://aws.amazon.com/tags'
const sourceIdentityClaim = 'https://aws.amazon.com/source_identity'

/**
 * By the names of claims, as conditions ask for them behind the issuer and a colon. `audience` is the one that the provider knows.
 * Tokens of Kubernetes tell in addition, which is our own, where the pod runs that has them.
 */
export function conditionValues(issuer: string, claims: Claims, audience: string): ReadonlyMap<string, ClaimValue> {
  const values = new Map<string, ClaimValue>([['aud', audience]])
  const add = (name: string, claim: unknown) => {
    const value = conditionValue(claim)
    if (value !== undefined) values.set(name, value)
  }
  for (const name of ['sub', 'amr', ...(issuer === githubIssuer ? githubClaims : [])]) add(name, claims.get(name))
  const kubernetes = claims.get('kubernetes.io')
  add('kubernetes.io/namespace', memberOf(kubernetes, 'namespace'))
  for (const kind of ['serviceaccount', 'pod'])
    add(`kubernetes.io/${kind}/name`, memberOf(memberOf(kubernetes, kind), 'name'))
  return values
}

function conditionValue(claim: unknown): ClaimValue | undefined {
  if (typeof claim === 'string') return claim
  if (typeof claim === 'number' || typeof claim === 'boolean') return String(claim)
  return isList(claim) && claim.length <= maxListed ? claim : undefined
}

/**
 * Session tags, whose claim is an object, or is spelled out in names of claims where a provider can make no objects. A list has the one
 * value of its tag. @throws IdentityError IDPRejectedClaim
 */
export function sessionTags(claims: Claims): { tags: readonly Tag[]; transitiveTagKeys: readonly string[] } {
  const prefix = `${tagsClaim}/principal_tags/`
  const nested = claims.get(tagsClaim)
  const given: [key: string, value: unknown][] = [
    ...entriesOf(memberOf(nested, 'principal_tags')),
    ...[...claims].flatMap(([name, value]): [string, unknown][] =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  ]
  if (nested !== undefined && !isObject(nested)) throw rejected(`${tagsClaim} must be an object`)
  if (given.length > maxTags) throw rejected(`There must be at most ${maxTags} session tags`)
  const keys = new Set<string>()
  const tags = given.map(([key, value]) => {
    const tag = readTag(key, value)
    if (keys.has(key.toLowerCase())) throw rejected('Keys of session tags must differ, also without regard to case')
    keys.add(key.toLowerCase())
    return tag
  })
  const transitive = memberOf(nested, 'transitive_tag_keys') ?? claims.get(`${tagsClaim}/transitive_tag_keys`) ?? []
  if (!isList(transitive) || !transitive.every((key) => keys.has(key.toLowerCase())))
    throw rejected('Transitive tag keys must be a list of keys of session tags')
  return { tags, transitiveTagKeys: [...new Set(transitive)] }
}

function readTag(key: string, claim: unknown): Tag {
  const value = isList(claim) && claim.length === 1 ? claim[0] : claim
  if (key === '' || key.length > maxTagLength.key || !tagText.test(key) || /^aws:/i.test(key))
    throw rejected(`The key of a session tag must have 1 to ${maxTagLength.key} characters that tags may have`)
  if (typeof value !== 'string' || value.length > maxTagLength.value || !tagText.test(value))
    throw rejected(
      `The value of a session tag must be one text of up to ${maxTagLength.value} characters that tags may have`,
    )
  return { key, value }
}

/** @throws IdentityError IDPRejectedClaim */
export function sourceIdentityOf(claims: Claims): string | undefined {
  const identity = claims.get(sourceIdentityClaim)
  if (identity === undefined) return undefined
  if (typeof identity === 'string' && /^[\w+=,.@-]{2,64}$/.test(identity)) return identity
  throw rejected('The source identity must have 2 to 64 letters, digits and characters of _+=,.@-')
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string')

const entriesOf = (value: unknown): [string, unknown][] => (isObject(value) ? Object.entries(value) : [])

/** A member of an object that a token brings: its own, and nothing that objects have by themselves. */
function memberOf(value: unknown, name: string): unknown {
  return entriesOf(value).find(([key]) => key === name)?.[1]
}

const rejected = (message: string) => new IdentityError('IDPRejectedClaim', message)
