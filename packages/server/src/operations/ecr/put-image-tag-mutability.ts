import { PutImageTagMutabilityRequest, type PutImageTagMutabilityResponse } from '@berth/api/ecr/repositories.ts'
import { checkedName, onRepository, operation } from '../operation.ts'
import { presentMutability } from './present.ts'

export const putImageTagMutability = operation({
  name: 'PutImageTagMutability',
  input: PutImageTagMutabilityRequest,
  permissions: onRepository('PutImageTagMutability'),
  async run(input, ctx, { repositories }): Promise<PutImageTagMutabilityResponse> {
    const repository = await repositories.setTagMutability(
      ctx,
      checkedName(input.repositoryName),
      input.imageTagMutability,
      input.imageTagMutabilityExclusionFilters?.map((filter) => filter.filter),
    )
    return { registryId: repository.registryId, repositoryName: repository.name, ...presentMutability(repository) }
  },
})
