import { GetDownloadUrlForLayerRequest, type GetDownloadUrlForLayerResponse } from '@berth/api/ecr/layers.ts'
import { parseDigest } from '@berth/api/names/digest.ts'
import { RegistryError } from '../../base/errors.ts'
import { checkedName, onRepository, operation } from '../operation.ts'

/** A link of ours that needs no credentials, for a blob that an image names (ECR API, 3.4.2). */
export const getDownloadUrlForLayer = operation({
  name: 'GetDownloadUrlForLayer',
  input: GetDownloadUrlForLayerRequest,
  permissions: onRepository('GetDownloadUrlForLayer'),
  async run(input, ctx, { blobs, repositories, downloadLink }): Promise<GetDownloadUrlForLayerResponse> {
    const { repositoryName, layerDigest } = input
    const digest = parseDigest(layerDigest)
    if (!digest) {
      await repositories.get(ctx, checkedName(repositoryName))
      throw new RegistryError({
        code: 'LayerNotFound',
        digest: layerDigest,
        repositoryName,
        registryId: ctx.registry.accountId,
      })
    }
    await blobs.requireReferenced(ctx, repositoryName, digest)
    return { downloadUrl: downloadLink(ctx, repositoryName, digest), layerDigest }
  },
})
