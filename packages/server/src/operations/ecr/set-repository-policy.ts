import { SetRepositoryPolicyRequest, type SetRepositoryPolicyResponse } from '@berth/api/ecr/policies.ts'
import { checkedName, onRepository, operation } from '../operation.ts'

export const setRepositoryPolicy = operation({
  name: 'SetRepositoryPolicy',
  input: SetRepositoryPolicyRequest,
  permissions: onRepository('SetRepositoryPolicy'),
  async run(input, ctx, { repositoryPolicies }): Promise<SetRepositoryPolicyResponse> {
    const { repositoryName, policyText, force = false } = input
    await repositoryPolicies.set(ctx, checkedName(repositoryName), policyText, force)
    return { registryId: ctx.registry.accountId, repositoryName, policyText }
  },
})
