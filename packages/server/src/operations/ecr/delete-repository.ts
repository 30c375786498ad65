import { DeleteRepositoryRequest, type DeleteRepositoryResponse } from '@berth/api/ecr/repositories.ts'
import { checkedName, onRepository, operation } from '../operation.ts'
import { presentRepository } from './present.ts'

export const deleteRepository = operation({
  name: 'DeleteRepository',
  input: DeleteRepositoryRequest,
  permissions: onRepository('DeleteRepository'),
  async run(input, ctx, { repositories, addresses }): Promise<DeleteRepositoryResponse> {
    const repository = await repositories.delete(ctx, checkedName(input.repositoryName), input.force ?? false)
    return { repository: presentRepository(ctx, addresses, repository) }
  },
})
