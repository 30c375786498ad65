import { BatchDeleteImageRequest, type BatchDeleteImageResponse } from '@berth/api/ecr/images.ts'
import { onRepository, operation } from '../operation.ts'

export const batchDeleteImage = operation({
  name: 'BatchDeleteImage',
  input: BatchDeleteImageRequest,
  permissions: onRepository('BatchDeleteImage'),
  async run(input, ctx, { images }): Promise<BatchDeleteImageResponse> {
    const outcomes = await images.deleteAll(ctx, input.repositoryName, input.imageIds)
    return {
      imageIds: outcomes.flatMap((outcome) => ('deleted' in outcome ? outcome.deleted : [])),
      failures: outcomes.flatMap((outcome) =>
        'deleted' in outcome
          ? []
          : [
              {
                imageId: outcome.id,
                failureCode: outcome.failureCode as 'ImageNotFound',
                failureReason: outcome.failureReason,
              },
            ],
      ),
    }
  },
})
