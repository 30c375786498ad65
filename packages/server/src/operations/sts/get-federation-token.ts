import { GetFederationTokenRequest, GetFederationTokenResponse } from '@berth/api/sts/sessions.ts'
import { federatedUserArn } from '../../domain/identities/arns.ts'
import { packedPercent, readSessionPolicies, readSessionTags } from '../../domain/policies/session-policies.ts'
import { tagsOf } from '../iam/present.ts'
import { identityOperation } from '../identity-operation.ts'
import { tagFacts } from '../operation.ts'
import { credentialsOf, durationSeconds, policyArnsOf } from './credentials.ts'

/**
 * A session for somebody whom the user vouches for: what its policies allow of what the user may, and without a policy nothing (STS
 * GetFederationToken). It ends with the key that asked.
 */
export const getFederationToken = identityOperation({
  service: 'sts',
  name: 'GetFederationToken',
  input: GetFederationTokenRequest,
  output: GetFederationTokenResponse,
  naming: ['Name'],
  permissions: ({ Name, Tags }, { principal }) => {
    const arn = federatedUserArn(principal.accountId, Name ?? '')
    const facts = { requestTags: tagFacts(Tags) }
    return [['sts:GetFederationToken', arn, facts], ...(Tags?.length ? [['sts:TagSession', arn, facts] as const] : [])]
  },
  async run(input, { principal }, services) {
    const { accountId, userId, accessKeyId, caller } = principal
    const { tags } = readSessionTags({ tags: tagsOf(input.Tags), transitiveTagKeys: [] })
    const snapshot = await services.directory.current('now')
    const policies = readSessionPolicies(snapshot, accountId, {
      policy: input.Policy,
      policyArns: policyArnsOf(input.PolicyArns),
    })
    const packed = packedPercent(policies, tags)
    const stored = await services.sessions.create({
      accountId,
      kind: 'federated-user',
      ownerId: userId,
      name: input.Name,
      durationSeconds: durationSeconds(caller.kind === 'root', input.DurationSeconds),
      details: { policies, tags, parentKeyId: accessKeyId },
    })
    return {
      ...credentialsOf(services, stored, input),
      FederatedUser: {
        FederatedUserId: `${accountId}:${input.Name}`,
        Arn: federatedUserArn(accountId, input.Name),
      },
      ...(packed === undefined ? {} : { PackedPolicySize: packed }),
    }
  },
})
