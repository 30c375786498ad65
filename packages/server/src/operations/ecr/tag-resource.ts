import { TagResourceRequest, type TagResourceResponse } from '@berth/api/ecr/tags.ts'
import type { Decoded } from '@berth/api/shapes/shape.ts'
import { operation, tagFacts } from '../operation.ts'
import { onResourceArn, repositoryOfArn } from './resource-arn.ts'

export const tagResource = operation({
  name: 'TagResource',
  input: TagResourceRequest,
  ...onResourceArn('TagResource', ({ tags }: Decoded<typeof TagResourceRequest>) => ({ requestTags: tagFacts(tags) })),
  async run(input, ctx, { repositories }): Promise<TagResourceResponse> {
    const tags = input.tags.map((tag) => ({ key: tag.Key, value: tag.Value }))
    await repositories.tag(ctx, repositoryOfArn(input.resourceArn), tags)
    return {}
  },
})
