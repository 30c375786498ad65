import { GetRepositoryPolicyRequest, type GetRepositoryPolicyResponse } from '@berth/api/ecr/policies.ts'
import { checkedName, onRepository, operation } from '../operation.ts'

export const getRepositoryPolicy = operation({
  name: 'GetRepositoryPolicy',
  input: GetRepositoryPolicyRequest,
  permissions: onRepository('GetRepositoryPolicy'),
  async run({ repositoryName }, ctx, { repositoryPolicies }): Promise<GetRepositoryPolicyResponse> {
    const policyText = await repositoryPolicies.get(ctx, checkedName(repositoryName))
    return { registryId: ctx.registry.accountId, repositoryName, policyText }
  },
})
