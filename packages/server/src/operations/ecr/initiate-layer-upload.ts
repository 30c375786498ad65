import { InitiateLayerUploadRequest, type InitiateLayerUploadResponse } from '@berth/api/ecr/layers.ts'
import { onRepository, operation } from '../operation.ts'

const partSize = 10 * 1024 * 1024

export const initiateLayerUpload = operation({
  name: 'InitiateLayerUpload',
  input: InitiateLayerUploadRequest,
  permissions: onRepository('InitiateLayerUpload'),
  async run(input, ctx, { uploads }): Promise<InitiateLayerUploadResponse> {
    return { uploadId: await uploads.start(ctx, input.repositoryName), partSize }
  },
})
