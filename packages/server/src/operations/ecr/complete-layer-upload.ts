import { CompleteLayerUploadRequest, type CompleteLayerUploadResponse } from '@berth/api/ecr/layers.ts'
import { onRepository, operation } from '../operation.ts'

export const completeLayerUpload = operation({
  name: 'CompleteLayerUpload',
  input: CompleteLayerUploadRequest,
  permissions: onRepository('CompleteLayerUpload'),
  async run(input, ctx, { uploads }): Promise<CompleteLayerUploadResponse> {
    const { repositoryName, uploadId } = input
    const layerDigest = await uploads.completeParts(ctx, repositoryName, uploadId, input.layerDigests)
    return { registryId: ctx.registry.accountId, repositoryName, uploadId, layerDigest }
  },
})
