import { AssumeRoleRequest, AssumeRoleResponse } from '@berth/api/sts/sessions.ts'
import { IdentityError } from '../../base/identity-error.ts'
import { tagsOf } from '../iam/present.ts'
import { identityOperation } from '../identity-operation.ts'
import { credentialsOf, policyArnsOf, refuseSecondFactor } from './credentials.ts'

/** The role may be of any account here: its trust policy decides (STS AssumeRole). */
export const assumeRole = identityOperation({
  service: 'sts',
  name: 'AssumeRole',
  input: AssumeRoleRequest,
  output: AssumeRoleResponse,
  permissions: () => [],
  async run(input, ctx, services) {
    refuseSecondFactor(input)
    if (input.ProvidedContexts !== undefined)
      throw new IdentityError(
        'ValidationError',
        'There are no context providers, so ProvidedContexts must be left out.',
      )
    const made = await services.roleSessions.assume(ctx, {
      roleArn: input.RoleArn,
      sessionName: input.RoleSessionName,
      durationSeconds: input.DurationSeconds,
      policy: input.Policy,
      policyArns: policyArnsOf(input.PolicyArns),
      tags: tagsOf(input.Tags),
      transitiveTagKeys: input.TransitiveTagKeys ?? [],
      sourceIdentity: input.SourceIdentity,
      externalId: input.ExternalId,
    })
    const { sourceIdentity } = made.stored.session
    return {
      ...credentialsOf(services, made.stored, input),
      AssumedRoleUser: { AssumedRoleId: made.assumedRoleId, Arn: made.arn },
      ...(made.packedPolicySize === undefined ? {} : { PackedPolicySize: made.packedPolicySize }),
      ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
    }
  },
})
