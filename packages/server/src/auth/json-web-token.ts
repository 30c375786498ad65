// A JSON Web Token as text (RFC 7519 in RFC 7515's compact form): read strictly, and believed in nothing until its signature is checked.
// Of the header only the algorithm and the name of the key are used. A key, a certificate or a URL that it brings (`jwk`, `x5c`, `jku`,
// `x5u`) is whatever its writer likes, and nobody looks at it.

import { JsonError, readJson } from '@berth/api/json/strict-json.ts'
import { IdentityError } from '../base/identity-error.ts'

/** Signatures by private keys (RFC 7518): `none` is nobody's, and one by a shared secret could be made from a public key. */
export const tokenAlgorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'] as const
export type TokenAlgorithm = (typeof tokenAlgorithms)[number]

export interface JsonWebToken {
  text: string
  algorithm: TokenAlgorithm
  /** `kid`: compared with the names in a key set, and used for nothing else. */
  keyId?: string
  claims: ReadonlyMap<string, unknown>
}

/** STS AssumeRoleWithWebIdentity, `WebIdentityToken`. */
const lengths = { min: 4, max: 20_000 }
const maxKeyIdLength = 256
const maxHeaderMembers = 32
const maxClaims = 256
const maxDepth = 8

export const notAToken = () =>
  new IdentityError(
    'InvalidIdentityToken',
    'The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)',
  )

/** @throws IdentityError InvalidIdentityToken */
export function parseJsonWebToken(text: string): JsonWebToken {
  if (text.length < lengths.min || text.length > lengths.max) throw notAToken()
  const [encodedHeader = '', encodedClaims = '', signature = '', ...rest] = text.split('.')
  if (rest.length > 0 || !decode(signature)) throw notAToken()
  const header = readMembers(encodedHeader, maxHeaderMembers)
  // An extension that must be understood (RFC 7515, section 4.1.11): none is.
  if (header.has('crit')) throw notAToken()
  const algorithm = tokenAlgorithms.find((known) => known === header.get('alg'))
  if (!algorithm) throw notAToken()
  const keyId = header.get('kid')
  if (keyId !== undefined && (typeof keyId !== 'string' || keyId.length > maxKeyIdLength)) throw notAToken()
  const claims = readMembers(encodedClaims, maxClaims)
  return { text, algorithm, ...(keyId === undefined ? {} : { keyId }), claims }
}

function readMembers(encoded: string, maxMembers: number): Map<string, unknown> {
  const bytes = decode(encoded)
  if (!bytes) throw notAToken()
  let value: unknown
  try {
    value = readJson(bytes, { maxDepth })
  } catch (error) {
    if (error instanceof JsonError) throw notAToken()
    throw error
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAToken()
  const members = Object.entries(value)
  if (members.length > maxMembers) throw notAToken()
  return new Map(members)
}

/** Bytes of base64url in the one spelling that they have. */
function decode(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return text !== '' && bytes.toString('base64url') === text ? bytes : undefined
}
