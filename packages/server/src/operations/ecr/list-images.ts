import { ListImagesRequest, type ListImagesResponse } from '@berth/api/ecr/images.ts'
import type { ListPosition } from '../../domain/images/images.ts'
import { checkedName, onRepository, operation } from '../operation.ts'
import { defaultPageSize, nextPage, openPage } from '../pages.ts'
import { isOfArchive } from './describe-images.ts'

/** One entry a tag, and one for each image without any. */
export const listImages = operation({
  name: 'ListImages',
  input: ListImagesRequest,
  permissions: onRepository('ListImages'),
  async run(input, ctx, services): Promise<ListImagesResponse> {
    const { images, repositories } = services
    const tagStatus = input.filter?.tagStatus ?? 'ANY'
    const list = `image-ids/${input.repositoryName}/${tagStatus}`
    const after = openPage<ListPosition>(services, ctx, list, input)
    if (isOfArchive(input.filter?.imageStatus)) {
      await repositories.get(ctx, checkedName(input.repositoryName))
      return { imageIds: [] }
    }
    const page = await images.list(ctx, input.repositoryName, tagStatus, after, input.maxResults ?? defaultPageSize)
    return {
      imageIds: page.names.map(({ digest, tag }) => ({ imageDigest: digest, ...(tag ? { imageTag: tag } : {}) })),
      ...nextPage(services, ctx, list, page.next),
    }
  },
})
