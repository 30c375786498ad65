// How the API shows what the domain knows.

import type { ImageDetail as ImageDetailOutput } from '@berth/api/ecr/images.ts'
import type { Repository as RepositoryOutput } from '@berth/api/ecr/repositories.ts'
import { repositoryArn } from '@berth/api/names/registry.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { ImageDetail } from '../../domain/images/images.ts'
import type { Repository } from '../../domain/repositories/repositories.ts'
import type { Addresses } from '../addresses.ts'

/** Seconds since the epoch with milliseconds, as a number (ECR API, 1.2). */
export function timestamp(milliseconds: number): number {
  return milliseconds / 1000
}

export function presentRepository(ctx: RequestContext, addresses: Addresses, repository: Repository): RepositoryOutput {
  const host = addresses.registryHost(ctx.registry)
  return {
    repositoryArn: repositoryArn(ctx.registry, repository.name),
    registryId: repository.registryId,
    repositoryName: repository.name,
    repositoryUri: `${host}/${repository.name}`,
    createdAt: timestamp(repository.createdAt),
    ...presentMutability(repository),
    imageScanningConfiguration: { scanOnPush: repository.scanOnPush },
    encryptionConfiguration: { encryptionType: 'AES256' },
  }
}

export function presentMutability(
  repository: Repository,
): Pick<RepositoryOutput, 'imageTagMutability' | 'imageTagMutabilityExclusionFilters'> {
  const filters = repository.exclusionFilters.map((filter) => ({ filterType: 'WILDCARD' as const, filter }))
  return {
    imageTagMutability: repository.tagMutability,
    ...(filters.length > 0 ? { imageTagMutabilityExclusionFilters: filters } : {}),
  }
}

export function presentImage(ctx: RequestContext, repositoryName: string, image: ImageDetail): ImageDetailOutput {
  return {
    registryId: ctx.registry.accountId,
    repositoryName,
    imageDigest: image.digest,
    ...(image.tags.length > 0 ? { imageTags: [...image.tags] } : {}),
    imageSizeInBytes: image.image_size,
    imagePushedAt: timestamp(image.pushed_at),
    imageManifestMediaType: image.media_type,
    ...(image.artifact_media_type !== null ? { artifactMediaType: image.artifact_media_type } : {}),
    ...(image.pulled_at !== null ? { lastRecordedPullTime: timestamp(image.pulled_at) } : {}),
    ...(image.subject_digest !== null ? { subjectManifestDigest: image.subject_digest } : {}),
    imageStatus: 'ACTIVE',
  }
}
