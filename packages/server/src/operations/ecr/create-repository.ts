import { CreateRepositoryRequest, type CreateRepositoryResponse } from '@berth/api/ecr/repositories.ts'
import { repositoryArn } from '@berth/api/names/registry.ts'
import { RegistryError } from '../../base/errors.ts'
import { checkedName, operation, tagFacts } from '../operation.ts'
import { presentRepository } from './present.ts'

export const createRepository = operation({
  name: 'CreateRepository',
  input: CreateRepositoryRequest,
  permissions(input, registry) {
    const arn = repositoryArn(registry, input.repositoryName ?? '*')
    const facts = { requestTags: tagFacts(input.tags) }
    return [
      ['ecr:CreateRepository', arn, facts],
      ...(input.tags?.length ? [['ecr:TagResource', arn, facts] as const] : []),
    ]
  },
  async run(input, ctx, { repositories, addresses }): Promise<CreateRepositoryResponse> {
    const { encryptionType = 'AES256', kmsKey } = input.encryptionConfiguration ?? {}
    if (encryptionType === 'AES256' && kmsKey !== undefined) {
      const constraint = "KmsKey can't be set when encryptionType is set as AES256"
      throw new RegistryError({ code: 'InvalidParameter', member: 'encryptionConfiguration', constraint })
    }
    const repository = await repositories.create(ctx, {
      name: checkedName(input.repositoryName),
      tags: (input.tags ?? []).map((tag) => ({ key: tag.Key, value: tag.Value })),
      tagMutability: input.imageTagMutability ?? 'MUTABLE',
      exclusionFilters: input.imageTagMutabilityExclusionFilters?.map((filter) => filter.filter),
      scanOnPush: input.imageScanningConfiguration?.scanOnPush ?? false,
      encryptionType,
    })
    return { repository: presentRepository(ctx, addresses, repository) }
  },
})
