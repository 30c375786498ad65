import { GetRegistryPolicyRequest, type GetRegistryPolicyResponse } from '@berth/api/ecr/policies.ts'
import { onAnything, operation } from '../operation.ts'

export const getRegistryPolicy = operation({
  name: 'GetRegistryPolicy',
  input: GetRegistryPolicyRequest,
  permissions: onAnything('GetRegistryPolicy'),
  run: async (_input, ctx, { registryPolicies }): Promise<GetRegistryPolicyResponse> => ({
    registryId: ctx.registry.accountId,
    policyText: await registryPolicies.get(ctx),
  }),
})
