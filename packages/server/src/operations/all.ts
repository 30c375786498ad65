// Every operation that is built, by name. An explicit list: what is not here is refused as unknown.

import type { PrivateOperationName } from '@berth/api/ecr/operation-names.ts'
import { batchCheckLayerAvailability } from './ecr/batch-check-layer-availability.ts'
import { batchDeleteImage } from './ecr/batch-delete-image.ts'
import { batchGetImage } from './ecr/batch-get-image.ts'
import { completeLayerUpload } from './ecr/complete-layer-upload.ts'
import { createRepository } from './ecr/create-repository.ts'
import { deleteRepository } from './ecr/delete-repository.ts'
import { describeImages } from './ecr/describe-images.ts'
import { describeRegistry } from './ecr/describe-registry.ts'
import { describeRepositories } from './ecr/describe-repositories.ts'
import { getAuthorizationToken } from './ecr/get-authorization-token.ts'
import { getDownloadUrlForLayer } from './ecr/get-download-url-for-layer.ts'
import { initiateLayerUpload } from './ecr/initiate-layer-upload.ts'
import { listImageReferrers } from './ecr/list-image-referrers.ts'
import { listImages } from './ecr/list-images.ts'
import { listTagsForResource } from './ecr/list-tags-for-resource.ts'
import { putImage } from './ecr/put-image.ts'
import { putImageScanningConfiguration } from './ecr/put-image-scanning-configuration.ts'
import { putImageTagMutability } from './ecr/put-image-tag-mutability.ts'
import { tagResource } from './ecr/tag-resource.ts'
import { untagResource } from './ecr/untag-resource.ts'
import { uploadLayerPart } from './ecr/upload-layer-part.ts'
import type { Operation } from './operation.ts'

const all: readonly Operation[] = [
  batchCheckLayerAvailability,
  batchDeleteImage,
  batchGetImage,
  completeLayerUpload,
  createRepository,
  deleteRepository,
  describeImages,
  describeRegistry,
  describeRepositories,
  getAuthorizationToken,
  getDownloadUrlForLayer,
  initiateLayerUpload,
  listImageReferrers,
  listImages,
  listTagsForResource,
  putImage,
  putImageScanningConfiguration,
  putImageTagMutability,
  tagResource,
  untagResource,
  uploadLayerPart,
]

export const operations: ReadonlyMap<PrivateOperationName, Operation> = new Map(all.map((one) => [one.name, one]))
