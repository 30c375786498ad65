import { UntagResourceRequest, type UntagResourceResponse } from '@berth/api/ecr/tags.ts'
import type { Decoded } from '@berth/api/shapes/shape.ts'
import { operation } from '../operation.ts'
import { onResourceArn, repositoryOfArn } from './resource-arn.ts'

export const untagResource = operation({
  name: 'UntagResource',
  input: UntagResourceRequest,
  ...onResourceArn('UntagResource', ({ tagKeys = [] }: Decoded<typeof UntagResourceRequest>) => ({
    requestTagKeys: tagKeys.filter((key) => key !== null),
  })),
  async run(input, ctx, { repositories }): Promise<UntagResourceResponse> {
    await repositories.untag(ctx, repositoryOfArn(input.resourceArn), input.tagKeys)
    return {}
  },
})
