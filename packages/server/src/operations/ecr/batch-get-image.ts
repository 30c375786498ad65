import {
  BatchGetImageRequest,
  type BatchGetImageResponse,
  type Image,
  type ImageFailure,
} from '@berth/api/ecr/images.ts'
import { parseDigest } from '@berth/api/names/digest.ts'
import { parseImageTag } from '@berth/api/names/image-tag.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { type ImageId, imageIdFailure, imageNotFound } from '../../domain/images/delete-images.ts'
import type { Images, Manifest } from '../../domain/images/images.ts'
import { checkedName, onRepository, operation } from '../operation.ts'

/** All manifests of an answer together: a hundred of the largest would not fit into memory, nor into a string. */
const maxAnswerBytes = 16 * 1024 * 1024

/**
 * Manifests as they were pushed. `acceptedMediaTypes` never converts one: conversion changes the digest and breaks signatures
 * (docs/compatibility.md).
 */
export const batchGetImage = operation({
  name: 'BatchGetImage',
  input: BatchGetImageRequest,
  permissions: onRepository('BatchGetImage'),
  async run(input, ctx, { images, repositories }): Promise<BatchGetImageResponse> {
    const found: Image[] = []
    const failures: ImageFailure[] = []
    await repositories.get(ctx, checkedName(input.repositoryName))
    let bytes = 0
    for (const id of input.imageIds) {
      const failure = imageIdFailure(id)
      const manifest = failure ? undefined : await pull(images, ctx, input.repositoryName, id)
      if (!manifest) {
        const { failureCode, failureReason } = failure ?? imageNotFound
        failures.push({ imageId: id, failureCode: failureCode as 'ImageNotFound', failureReason })
        continue
      }
      bytes += manifest.size
      if (bytes > maxAnswerBytes) {
        const message = `The manifests of these images have more than ${maxAnswerBytes} bytes together. Ask for fewer at a time.`
        throw new RegistryError({ code: 'LimitExceeded', message })
      }
      found.push({
        registryId: ctx.registry.accountId,
        repositoryName: input.repositoryName,
        imageId: { imageDigest: manifest.digest, ...(id.imageTag !== undefined ? { imageTag: id.imageTag } : {}) },
        imageManifest: Buffer.from(manifest.bytes).toString(),
        imageManifestMediaType: manifest.mediaType,
      })
    }
    return { images: found, failures }
  },
})

/** The image of an id that may name a tag, a digest or both; undefined when it is not there or both do not fit. */
async function pull(
  images: Images,
  ctx: RequestContext,
  repository: string,
  id: ImageId,
): Promise<Manifest | undefined> {
  const tag = id.imageTag === undefined ? undefined : parseImageTag(id.imageTag)
  const digest = id.imageDigest === undefined ? undefined : parseDigest(id.imageDigest)
  if (id.imageDigest !== undefined && !digest) return undefined
  try {
    if (tag) {
      const named = await images.stat(ctx, repository, { kind: 'tag', text: tag })
      if (digest !== undefined && named.digest !== digest) return undefined
      return await images.pull(ctx, repository, { kind: 'digest', text: named.digest })
    }
    return digest && (await images.pull(ctx, repository, { kind: 'digest', text: digest }))
  } catch (error) {
    if (error instanceof RegistryError && error.fault.code === 'ImageNotFound') return undefined
    throw error
  }
}
