import { DescribeRegistryRequest, type DescribeRegistryResponse } from '@berth/api/ecr/registry.ts'
import { onAnything, operation } from '../operation.ts'

/** The registry always exists; without rules its replication configuration is empty. */
export const describeRegistry = operation({
  name: 'DescribeRegistry',
  input: DescribeRegistryRequest,
  permissions: onAnything('DescribeRegistry'),
  run: async (_input, ctx): Promise<DescribeRegistryResponse> => ({
    registryId: ctx.registry.accountId,
    replicationConfiguration: { rules: [] },
  }),
})
