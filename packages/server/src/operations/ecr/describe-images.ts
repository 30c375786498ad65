import { DescribeImagesRequest, type DescribeImagesResponse } from '@berth/api/ecr/images.ts'
import { looseDigestPattern, parseDigest } from '@berth/api/names/digest.ts'
import { parseImageTag } from '@berth/api/names/image-tag.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { ImageId } from '../../domain/images/delete-images.ts'
import type { ImageName, ImagePosition } from '../../domain/images/images.ts'
import { checkedName, onRepository, operation } from '../operation.ts'
import { defaultPageSize, nextPage, openPage, refusePageWithIds } from '../pages.ts'
import { presentImage } from './present.ts'

export const describeImages = operation({
  name: 'DescribeImages',
  input: DescribeImagesRequest,
  permissions: onRepository('DescribeImages'),
  async run(input, ctx, services): Promise<DescribeImagesResponse> {
    const { images, repositories } = services
    const { repositoryName } = input
    refusePageWithIds(input, input.imageIds, 'imageIds')
    if (input.imageIds) {
      await repositories.get(ctx, checkedName(repositoryName))
      const names = input.imageIds.map((id) => imageName(ctx, repositoryName, id))
      const found = await images.describe(ctx, repositoryName, names)
      return { imageDetails: found.map((image) => presentImage(ctx, repositoryName, image)) }
    }
    const tagStatus = input.filter?.tagStatus ?? 'ANY'
    const list = `images/${repositoryName}/${tagStatus}`
    const after = openPage<ImagePosition>(services, ctx, list, input)
    // No image can be archived yet: those who ask for archived ones get none.
    if (isOfArchive(input.filter?.imageStatus)) {
      await repositories.get(ctx, checkedName(repositoryName))
      return { imageDetails: [] }
    }
    const page = await images.describePage(ctx, repositoryName, tagStatus, after, input.maxResults ?? defaultPageSize)
    return {
      imageDetails: page.images.map((image) => presentImage(ctx, repositoryName, image)),
      ...nextPage(services, ctx, list, page.next),
    }
  },
})

export function isOfArchive(imageStatus: string | undefined): boolean {
  return imageStatus === 'ARCHIVED' || imageStatus === 'ACTIVATING'
}

/** @throws RegistryError InvalidParameter for texts that can be no id, ImageNotFound for a digest that nothing can have */
function imageName(ctx: RequestContext, repositoryName: string, id: ImageId): Partial<ImageName> {
  const invalid = (constraint: string) =>
    new RegistryError({ code: 'InvalidParameter', member: 'imageIds', constraint })
  const { imageDigest, imageTag } = id
  if (imageDigest === undefined && imageTag === undefined) throw invalid('both tag and digest cannot be null')
  if (imageDigest !== undefined && !looseDigestPattern.test(imageDigest)) {
    throw invalid("image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'")
  }
  const digest = imageDigest === undefined ? undefined : parseDigest(imageDigest)
  const tag = imageTag === undefined ? undefined : parseImageTag(imageTag)
  if ((imageDigest !== undefined && !digest) || (imageTag !== undefined && !tag)) {
    throw new RegistryError({ code: 'ImageNotFound', ...id, repositoryName, registryId: ctx.registry.accountId })
  }
  return { ...(digest ? { digest } : {}), ...(tag ? { tag } : {}) }
}
