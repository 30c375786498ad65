import { PutImageRequest, type PutImageResponse } from '@berth/api/ecr/images.ts'
import { parseDigest } from '@berth/api/names/digest.ts'
import { parseImageTag } from '@berth/api/names/image-tag.ts'
import { RegistryError } from '../../base/errors.ts'
import { onRepository, operation } from '../operation.ts'

/** Repeating a push of the same digest and tag is an error here, and only here (ECR API, 3.5.3). */
export const putImage = operation({
  name: 'PutImage',
  input: PutImageRequest,
  // 4 MiB of manifest, each character escaped at worst as `\"`, and the rest.
  maxBodyBytes: 10 * 1024 * 1024,
  permissions: onRepository('PutImage'),
  async run(input, ctx, { images }): Promise<PutImageResponse> {
    const { repositoryName } = input
    const inRepository = { repositoryName, registryId: ctx.registry.accountId }
    const tag = input.imageTag === undefined ? undefined : parseImageTag(input.imageTag)
    if (input.imageTag !== undefined && !tag) throw invalid('imageTag', "'[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'")
    const digest = input.imageDigest === undefined ? undefined : parseDigest(input.imageDigest)
    if (input.imageDigest !== undefined && !digest) throw invalid('imageDigest', "'sha256:[a-f0-9]{64}'")
    const stored = await images.put(ctx, repositoryName, {
      bytes: Buffer.from(input.imageManifest),
      mediaType: input.imageManifestMediaType,
      digest,
      tags: tag ? [tag] : [],
    })
    if (!stored.isChanged) {
      throw new RegistryError({
        code: 'ImageAlreadyExists',
        digest: stored.digest,
        ...(tag ? { tag } : {}),
        ...inRepository,
      })
    }
    return {
      image: {
        ...inRepository,
        imageId: { imageDigest: stored.digest, ...(tag ? { imageTag: tag } : {}) },
        imageManifest: input.imageManifest,
        imageManifestMediaType: stored.mediaType,
      },
    }
  },
})

function invalid(member: string, pattern: string): RegistryError {
  return new RegistryError({
    code: 'InvalidParameter',
    member,
    constraint: `must satisfy regular expression ${pattern}`,
  })
}
