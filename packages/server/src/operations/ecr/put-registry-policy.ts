import { PutRegistryPolicyRequest, type PutRegistryPolicyResponse } from '@berth/api/ecr/policies.ts'
import { onAnything, operation } from '../operation.ts'

export const putRegistryPolicy = operation({
  name: 'PutRegistryPolicy',
  input: PutRegistryPolicyRequest,
  permissions: onAnything('PutRegistryPolicy'),
  async run({ policyText }, ctx, { registryPolicies }): Promise<PutRegistryPolicyResponse> {
    await registryPolicies.put(ctx, policyText)
    return { registryId: ctx.registry.accountId, policyText }
  },
})
