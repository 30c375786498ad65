import { DeleteRegistryPolicyRequest, type DeleteRegistryPolicyResponse } from '@berth/api/ecr/policies.ts'
import { onAnything, operation } from '../operation.ts'

export const deleteRegistryPolicy = operation({
  name: 'DeleteRegistryPolicy',
  input: DeleteRegistryPolicyRequest,
  permissions: onAnything('DeleteRegistryPolicy'),
  run: async (_input, ctx, { registryPolicies }): Promise<DeleteRegistryPolicyResponse> => ({
    registryId: ctx.registry.accountId,
    policyText: await registryPolicies.delete(ctx),
  }),
})
