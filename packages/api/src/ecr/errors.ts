// The errors that the ECR models name. What any AWS service may answer before it reaches an operation is not among them.

import type { Violation } from '../shapes/violations.ts'

export const privateErrorNames = [
  'BlockedByOrganizationPolicyException',
  'EmptyUploadException',
  'ExclusionAlreadyExistsException',
  'ExclusionNotFoundException',
  'ImageAlreadyExistsException',
  'ImageArchivedException',
  'ImageDigestDoesNotMatchException',
  'ImageNotFoundException',
  'ImageStorageClassUpdateNotSupportedException',
  'ImageTagAlreadyExistsException',
  'InvalidLayerException',
  'InvalidLayerPartException',
  'InvalidParameterException',
  'InvalidTagParameterException',
  'KmsException',
  'LayerAlreadyExistsException',
  'LayerInaccessibleException',
  'LayerPartTooSmallException',
  'LayersNotFoundException',
  'LifecyclePolicyNotFoundException',
  'LifecyclePolicyPreviewInProgressException',
  'LifecyclePolicyPreviewNotFoundException',
  'LimitExceededException',
  'PullThroughCacheRuleAlreadyExistsException',
  'PullThroughCacheRuleNotFoundException',
  'ReferencedImagesNotFoundException',
  'RegistryPolicyNotFoundException',
  'ReplicationBackfillInProgressException',
  'ReplicationBackfillInvalidStatusException',
  'ReplicationBackfillNotFoundException',
  'RepositoryAlreadyExistsException',
  'RepositoryNotEmptyException',
  'RepositoryNotFoundException',
  'RepositoryPolicyNotFoundException',
  'ScanNotFoundException',
  'SecretNotFoundException',
  'ServerException',
  'SigningConfigurationNotFoundException',
  'TemplateAlreadyExistsException',
  'TemplateNotFoundException',
  'TooManyTagsException',
  'UnableToAccessSecretException',
  'UnableToDecryptSecretValueException',
  'UnableToGetUpstreamImageException',
  'UnableToGetUpstreamLayerException',
  'UnableToListUpstreamImageReferrersException',
  'UnsupportedImageTypeException',
  'UnsupportedUpstreamRegistryException',
  'UploadNotFoundException',
  'ValidationException',
] as const

export type PrivateErrorName = (typeof privateErrorNames)[number]

export const publicErrorNames = [
  'EmptyUploadException',
  'ImageAlreadyExistsException',
  'ImageDigestDoesNotMatchException',
  'ImageNotFoundException',
  'ImageTagAlreadyExistsException',
  'InvalidLayerException',
  'InvalidLayerPartException',
  'InvalidParameterException',
  'InvalidTagParameterException',
  'LayerAlreadyExistsException',
  'LayerPartTooSmallException',
  'LayersNotFoundException',
  'LimitExceededException',
  'ReferencedImagesNotFoundException',
  'RegistryNotFoundException',
  'RepositoryAlreadyExistsException',
  'RepositoryCatalogDataNotFoundException',
  'RepositoryNotEmptyException',
  'RepositoryNotFoundException',
  'RepositoryPolicyNotFoundException',
  'ServerException',
  'TooManyTagsException',
  'UnsupportedCommandException',
  'UploadNotFoundException',
] as const

export type PublicErrorName = (typeof publicErrorNames)[number]
export type EcrErrorName = PrivateErrorName | PublicErrorName

/** There is no 404 and no 409 on this API. */
export function ecrErrorStatus(name: EcrErrorName): 400 | 500 {
  return name === 'ServerException' ? 500 : 400
}

/** The text of an `InvalidParameterException`. */
export function invalidParameterMessage({ member, constraint }: Pick<Violation, 'member' | 'constraint'>): string {
  return `Invalid parameter at '${member}' failed to satisfy constraint: '${constraint}'`
}
