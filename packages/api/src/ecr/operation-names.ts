// Every operation of Amazon ECR, so that one which Berth does not have yet is told apart from one that nobody has.

export const privateOperationNames = [
  'BatchCheckLayerAvailability',
  'BatchDeleteImage',
  'BatchGetImage',
  'BatchGetRepositoryScanningConfiguration',
  'CompleteLayerUpload',
  'CreatePullThroughCacheRule',
  'CreateRepository',
  'CreateRepositoryCreationTemplate',
  'DeleteLifecyclePolicy',
  'DeletePullThroughCacheRule',
  'DeleteRegistryPolicy',
  'DeleteRepository',
  'DeleteRepositoryCreationTemplate',
  'DeleteRepositoryPolicy',
  'DeleteSigningConfiguration',
  'DeregisterPullTimeUpdateExclusion',
  'DescribeImageReplicationStatus',
  'DescribeImageScanFindings',
  'DescribeImageSigningStatus',
  'DescribeImages',
  'DescribePullThroughCacheRules',
  'DescribeRegistry',
  'DescribeReplicationBackfillResults',
  'DescribeRepositories',
  'DescribeRepositoryCreationTemplates',
  'GetAccountSetting',
  'GetAuthorizationToken',
  'GetDownloadUrlForLayer',
  'GetLifecyclePolicy',
  'GetLifecyclePolicyPreview',
  'GetRegistryPolicy',
  'GetRegistryScanningConfiguration',
  'GetRepositoryPolicy',
  'GetSigningConfiguration',
  'InitiateLayerUpload',
  'ListImageReferrers',
  'ListImages',
  'ListPullTimeUpdateExclusions',
  'ListReplicationBackfills',
  'ListTagsForResource',
  'PutAccountSetting',
  'PutImage',
  'PutImageScanningConfiguration',
  'PutImageTagMutability',
  'PutLifecyclePolicy',
  'PutRegistryPolicy',
  'PutRegistryScanningConfiguration',
  'PutReplicationConfiguration',
  'PutSigningConfiguration',
  'RegisterPullTimeUpdateExclusion',
  'SetRepositoryPolicy',
  'StartImageScan',
  'StartLifecyclePolicyPreview',
  'StartReplicationBackfill',
  'StopReplicationBackfill',
  'TagResource',
  'UntagResource',
  'UpdateImageStorageClass',
  'UpdatePullThroughCacheRule',
  'UpdateRepositoryCreationTemplate',
  'UploadLayerPart',
  'ValidatePullThroughCacheRule',
] as const

export type PrivateOperationName = (typeof privateOperationNames)[number]

export const publicOperationNames = [
  'BatchCheckLayerAvailability',
  'BatchDeleteImage',
  'CompleteLayerUpload',
  'CreateRepository',
  'DeleteRepository',
  'DeleteRepositoryPolicy',
  'DescribeImageTags',
  'DescribeImages',
  'DescribeRegistries',
  'DescribeRepositories',
  'GetAuthorizationToken',
  'GetRegistryCatalogData',
  'GetRepositoryCatalogData',
  'GetRepositoryPolicy',
  'InitiateLayerUpload',
  'ListTagsForResource',
  'PutImage',
  'PutRegistryCatalogData',
  'PutRepositoryCatalogData',
  'SetRepositoryPolicy',
  'TagResource',
  'UntagResource',
  'UploadLayerPart',
] as const

export type PublicOperationName = (typeof publicOperationNames)[number]

/** What stands before the dot of `X-Amz-Target`. */
export const privateTargetPrefix = 'AmazonEC2ContainerRegistry_V20150921'
export const publicTargetPrefix = 'SpencerFrontendService'

const privateNames = new Set<string>(privateOperationNames)
const publicNames = new Set<string>(publicOperationNames)

export function isPrivateOperationName(name: string): name is PrivateOperationName {
  return privateNames.has(name)
}

export function isPublicOperationName(name: string): name is PublicOperationName {
  return publicNames.has(name)
}
