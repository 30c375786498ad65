import { DeleteRepositoryPolicyRequest, type DeleteRepositoryPolicyResponse } from '@berth/api/ecr/policies.ts'
import { checkedName, onRepository, operation } from '../operation.ts'

export const deleteRepositoryPolicy = operation({
  name: 'DeleteRepositoryPolicy',
  input: DeleteRepositoryPolicyRequest,
  permissions: onRepository('DeleteRepositoryPolicy'),
  async run({ repositoryName }, ctx, { repositoryPolicies }): Promise<DeleteRepositoryPolicyResponse> {
    const policyText = await repositoryPolicies.delete(ctx, checkedName(repositoryName))
    return { registryId: ctx.registry.accountId, repositoryName, policyText }
  },
})
