import { AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse } from '@berth/api/sts/sessions.ts'
import type { WebIdentityProvider } from '../../auth/web-identity.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Snapshot } from '../../domain/identities/directory.ts'
import { detailsOf } from '../../domain/identities/entity-details.ts'
import { accountOfRole } from '../../domain/identities/role-sessions.ts'
import { identityOperation } from '../identity-operation.ts'
import { credentialsOf, policyArnsOf } from './credentials.ts'

/**
 * Without a signature: the token of an identity provider says who asks (STS AssumeRoleWithWebIdentity). It is verified before anything is
 * looked up by it but its provider, which is the role's account's own; an account that is not here has none.
 */
export const assumeRoleWithWebIdentity = identityOperation({
  service: 'sts',
  name: 'AssumeRoleWithWebIdentity',
  input: AssumeRoleWithWebIdentityRequest,
  output: AssumeRoleWithWebIdentityResponse,
  isUnsigned: true,
  permissions: () => [],
  async run(input, ctx, services) {
    if (input.ProviderId !== undefined)
      throw new IdentityError('ValidationError', 'ProviderId is for tokens of OAuth 2.0, and must be left out.')
    const accountId = accountOfRole(input.RoleArn)
    const snapshot = await services.directory.current('now')
    const proved = await services.webIdentities.verify(input.WebIdentityToken, (issuer) =>
      findProvider(snapshot, accountId, issuer),
    )
    const made = await services.roleSessions.assumeWithWebIdentity(
      ctx,
      {
        roleArn: input.RoleArn,
        sessionName: input.RoleSessionName,
        durationSeconds: input.DurationSeconds,
        policy: input.Policy,
        policyArns: policyArnsOf(input.PolicyArns),
        tags: proved.tags,
        transitiveTagKeys: proved.transitiveTagKeys,
        sourceIdentity: proved.sourceIdentity,
      },
      { providerArn: proved.provider.arn, webIdentity: { issuer: proved.issuer, claims: proved.claims } },
    )
    return {
      ...credentialsOf(services, made.stored, input),
      SubjectFromWebIdentityToken: proved.subject,
      AssumedRoleUser: { AssumedRoleId: made.assumedRoleId, Arn: made.arn },
      ...(made.packedPolicySize === undefined ? {} : { PackedPolicySize: made.packedPolicySize }),
      Provider: proved.provider.arn,
      Audience: proved.audience,
      ...(proved.sourceIdentity === undefined ? {} : { SourceIdentity: proved.sourceIdentity }),
    }
  },
})

function findProvider(snapshot: Snapshot, accountId: string, issuer: string): WebIdentityProvider | undefined {
  const entity = snapshot.entityByArn(`arn:aws:iam::${accountId}:oidc-provider/${issuer}`)
  if (entity?.kind !== 'provider' || !snapshot.hasAccount(accountId)) return undefined
  const { url, clientIds, staticJwks } = detailsOf(entity.row, 'provider')
  return { arn: entity.arn, url, clientIds, ...(staticJwks === undefined ? {} : { staticJwks }) }
}
