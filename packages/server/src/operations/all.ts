// Every operation that is built, by name. An explicit list: what is not here is refused as unknown.

import type { PrivateOperationName } from '@berth/api/ecr/operation-names.ts'
import { batchCheckLayerAvailability } from './ecr/batch-check-layer-availability.ts'
import { batchDeleteImage } from './ecr/batch-delete-image.ts'
import { batchGetImage } from './ecr/batch-get-image.ts'
import { completeLayerUpload } from './ecr/complete-layer-upload.ts'
import { createRepository } from './ecr/create-repository.ts'
import { deleteRegistryPolicy } from './ecr/delete-registry-policy.ts'
import { deleteRepository } from './ecr/delete-repository.ts'
import { deleteRepositoryPolicy } from './ecr/delete-repository-policy.ts'
import { describeImages } from './ecr/describe-images.ts'
import { describeRegistry } from './ecr/describe-registry.ts'
import { describeRepositories } from './ecr/describe-repositories.ts'
import { getAccountSetting } from './ecr/get-account-setting.ts'
import { getAuthorizationToken } from './ecr/get-authorization-token.ts'
import { getDownloadUrlForLayer } from './ecr/get-download-url-for-layer.ts'
import { getRegistryPolicy } from './ecr/get-registry-policy.ts'
import { getRepositoryPolicy } from './ecr/get-repository-policy.ts'
import { initiateLayerUpload } from './ecr/initiate-layer-upload.ts'
import { listImageReferrers } from './ecr/list-image-referrers.ts'
import { listImages } from './ecr/list-images.ts'
import { listTagsForResource } from './ecr/list-tags-for-resource.ts'
import { putAccountSetting } from './ecr/put-account-setting.ts'
import { putImage } from './ecr/put-image.ts'
import { putImageScanningConfiguration } from './ecr/put-image-scanning-configuration.ts'
import { putImageTagMutability } from './ecr/put-image-tag-mutability.ts'
import { putRegistryPolicy } from './ecr/put-registry-policy.ts'
import { setRepositoryPolicy } from './ecr/set-repository-policy.ts'
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
  deleteRegistryPolicy,
  deleteRepository,
  deleteRepositoryPolicy,
  describeImages,
  describeRegistry,
  describeRepositories,
  getAccountSetting,
  getAuthorizationToken,
  getDownloadUrlForLayer,
  getRegistryPolicy,
  getRepositoryPolicy,
  initiateLayerUpload,
  listImageReferrers,
  listImages,
  listTagsForResource,
  putAccountSetting,
  putImage,
  putImageScanningConfiguration,
  putImageTagMutability,
  putRegistryPolicy,
  setRepositoryPolicy,
  tagResource,
  untagResource,
  uploadLayerPart,
]

export const operations: ReadonlyMap<PrivateOperationName, Operation> = new Map(all.map((one) => [one.name, one]))
