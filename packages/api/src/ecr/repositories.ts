import { boolean, enumeration, type Infer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import { MaxResults, NextToken, RegistryId, RepositoryName } from './names.ts'
import { TagList } from './tags.ts'

/** In the order in which ECR's refusal lists them. */
export const ImageTagMutability = enumeration(
  'IMMUTABLE',
  'MUTABLE',
  'MUTABLE_WITH_EXCLUSION',
  'IMMUTABLE_WITH_EXCLUSION',
)
export type ImageTagMutability = Infer<typeof ImageTagMutability>

export const ImageTagMutabilityExclusionFilter = structure({
  filterType: required(enumeration('WILDCARD')),
  filter: required(string({ min: 1, max: 128, pattern: '^[0-9a-zA-Z._*-]{1,128}$' })),
})
export type ImageTagMutabilityExclusionFilter = Infer<typeof ImageTagMutabilityExclusionFilter>

export const ImageTagMutabilityExclusionFilters = list(ImageTagMutabilityExclusionFilter, { min: 1, max: 5 })

export const ImageScanningConfiguration = structure({ scanOnPush: boolean() })
export type ImageScanningConfiguration = Infer<typeof ImageScanningConfiguration>

export const EncryptionConfiguration = structure({
  encryptionType: required(enumeration('AES256', 'KMS', 'KMS_DSSE')),
  kmsKey: string({ min: 1, max: 2048 }),
})
export type EncryptionConfiguration = Infer<typeof EncryptionConfiguration>

export const Repository = structure({
  repositoryArn: string(),
  registryId: RegistryId,
  repositoryName: RepositoryName,
  repositoryUri: string(),
  createdAt: timestamp(),
  imageTagMutability: ImageTagMutability,
  imageTagMutabilityExclusionFilters: ImageTagMutabilityExclusionFilters,
  imageScanningConfiguration: ImageScanningConfiguration,
  encryptionConfiguration: EncryptionConfiguration,
})
export type Repository = Infer<typeof Repository>

export const CreateRepositoryRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
  tags: TagList,
  imageTagMutability: ImageTagMutability,
  imageTagMutabilityExclusionFilters: ImageTagMutabilityExclusionFilters,
  imageScanningConfiguration: ImageScanningConfiguration,
  encryptionConfiguration: EncryptionConfiguration,
})
export type CreateRepositoryRequest = Infer<typeof CreateRepositoryRequest>

export const CreateRepositoryResponse = structure({ repository: Repository })
export type CreateRepositoryResponse = Infer<typeof CreateRepositoryResponse>

export const DescribeRepositoriesRequest = structure({
  registryId: RegistryId,
  repositoryNames: list(RepositoryName, { min: 1, max: 100 }),
  nextToken: NextToken,
  maxResults: MaxResults,
})
export type DescribeRepositoriesRequest = Infer<typeof DescribeRepositoriesRequest>

export const DescribeRepositoriesResponse = structure({ repositories: list(Repository), nextToken: NextToken })
export type DescribeRepositoriesResponse = Infer<typeof DescribeRepositoriesResponse>

export const DeleteRepositoryRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
  force: boolean(),
})
export type DeleteRepositoryRequest = Infer<typeof DeleteRepositoryRequest>

export const DeleteRepositoryResponse = structure({ repository: Repository })
export type DeleteRepositoryResponse = Infer<typeof DeleteRepositoryResponse>

export const PutImageTagMutabilityRequest = structure({
  repositoryName: required(RepositoryName),
  imageTagMutability: required(ImageTagMutability),
  registryId: RegistryId,
  imageTagMutabilityExclusionFilters: ImageTagMutabilityExclusionFilters,
})
export type PutImageTagMutabilityRequest = Infer<typeof PutImageTagMutabilityRequest>

export const PutImageTagMutabilityResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  imageTagMutability: ImageTagMutability,
  imageTagMutabilityExclusionFilters: ImageTagMutabilityExclusionFilters,
})
export type PutImageTagMutabilityResponse = Infer<typeof PutImageTagMutabilityResponse>

export const PutImageScanningConfigurationRequest = structure({
  repositoryName: required(RepositoryName),
  imageScanningConfiguration: required(ImageScanningConfiguration),
  registryId: RegistryId,
})
export type PutImageScanningConfigurationRequest = Infer<typeof PutImageScanningConfigurationRequest>

export const PutImageScanningConfigurationResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  imageScanningConfiguration: ImageScanningConfiguration,
})
export type PutImageScanningConfigurationResponse = Infer<typeof PutImageScanningConfigurationResponse>
