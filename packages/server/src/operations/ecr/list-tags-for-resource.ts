import { ListTagsForResourceRequest, type ListTagsForResourceResponse } from '@berth/api/ecr/tags.ts'
import { operation } from '../operation.ts'
import { onResourceArn, repositoryOfArn } from './resource-arn.ts'

export const listTagsForResource = operation({
  name: 'ListTagsForResource',
  input: ListTagsForResourceRequest,
  ...onResourceArn('ListTagsForResource'),
  async run(input, ctx, { repositories }): Promise<ListTagsForResourceResponse> {
    const tags = await repositories.tags(ctx, repositoryOfArn(input.resourceArn))
    return { tags: tags.map(({ key, value }) => ({ Key: key, Value: value })) }
  },
})
