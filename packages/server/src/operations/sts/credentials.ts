// Temporary credentials as they are answered, and what all requests for them have in common.

import type { Credentials } from '@berth/api/sts/sessions.ts'
import { maxSessionTokenLength } from '../../auth/session-token.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { StoredSession } from '../../domain/identities/sessions.ts'
import type { Services } from '../services.ts'

export interface IssuedCredentials {
  Credentials: Credentials
  SessionTokenSize: number
  /** In percent of the longest that there may be. */
  SessionTokenUtilization: number
}

/** The secret is made here, told here, and is in the token from now on. */
export function credentialsOf(
  { ids, sessionTokens }: Services,
  { session }: StoredSession,
  { MinimumSessionTokenSize }: { MinimumSessionTokenSize?: number },
): IssuedCredentials {
  const SecretAccessKey = ids.secretKey()
  const SessionToken = sessionTokens.seal(session.id, SecretAccessKey, MinimumSessionTokenSize)
  return {
    Credentials: { AccessKeyId: session.id, SecretAccessKey, SessionToken, Expiration: session.expiresAt / 1000 },
    SessionTokenSize: SessionToken.length,
    SessionTokenUtilization: Math.ceil((SessionToken.length * 100) / maxSessionTokenLength),
  }
}

/** There are no devices for a second factor, so no code of one is right. @throws IdentityError AccessDenied */
export function refuseSecondFactor(input: { SerialNumber?: string; TokenCode?: string }): void {
  if (input.SerialNumber === undefined && input.TokenCode === undefined) return
  throw new IdentityError('AccessDenied', 'MultiFactorAuthentication failed with invalid MFA one time pass code.')
}

/** @throws IdentityError ValidationError */
export function policyArnsOf(descriptors: readonly { arn?: string }[] = []): string[] {
  return descriptors.map(({ arn }) => {
    if (arn === undefined) throw new IdentityError('ValidationError', 'A member of PolicyArns has no arn.')
    return arn
  })
}

/** Of what the account itself asks for, by its users or its root user. */
export function durationSeconds(ofRoot: boolean, asked = 43_200): number {
  // "Credentials that are created by using account root user credentials … default to one hour" (STS GetSessionToken).
  return ofRoot ? Math.min(asked, 3600) : asked
}
