import { CreateRepositoryRequest, type CreateRepositoryResponse } from '@berth/api/ecr/repositories.ts'
import { repositoryArn } from '@berth/api/names/registry.ts'
import { checkedName, onRepository, operation } from '../operation.ts'
import { presentRepository } from './present.ts'

export const createRepository = operation({
  name: 'CreateRepository',
  input: CreateRepositoryRequest,
  permissions: (input, registry) => [
    ...onRepository('CreateRepository')(input, registry),
    ...(input.tags?.length ? [['ecr:TagResource', repositoryArn(registry, input.repositoryName ?? '*')] as const] : []),
  ],
  async run(input, ctx, { repositories, addresses }): Promise<CreateRepositoryResponse> {
    const repository = await repositories.create(ctx, {
      name: checkedName(input.repositoryName),
      tags: (input.tags ?? []).map((tag) => ({ key: tag.Key, value: tag.Value })),
      tagMutability: input.imageTagMutability ?? 'MUTABLE',
      exclusionFilters: input.imageTagMutabilityExclusionFilters?.map((filter) => filter.filter),
      scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
      encryptionType: input.encryptionConfiguration?.encryptionType ?? 'AES256',
    })
    return { repository: presentRepository(ctx, addresses, repository) }
  },
})
