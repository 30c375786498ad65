import {
  enumeration,
  type Infer,
  integer,
  list,
  long,
  map,
  required,
  string,
  structure,
  timestamp,
} from '../shapes/shape.ts'
import {
  ImageDigest,
  ImageIdentifier,
  ImageIdentifierList,
  ImageTag,
  MaxResults,
  NextToken,
  RegistryId,
  RepositoryName,
} from './names.ts'

export const ImageManifest = string({ min: 1, max: 4_194_304, isDocument: true })

export const ImageStatus = enumeration('ACTIVE', 'ARCHIVED', 'ACTIVATING')
export type ImageStatus = Infer<typeof ImageStatus>

export const ImageStatusFilter = enumeration('ACTIVE', 'ARCHIVED', 'ACTIVATING', 'ANY')
export const TagStatus = enumeration('TAGGED', 'UNTAGGED', 'ANY')

export const ImageFailureCode = enumeration(
  'InvalidImageDigest',
  'InvalidImageTag',
  'ImageTagDoesNotMatchDigest',
  'ImageNotFound',
  'MissingDigestAndTag',
  'ImageReferencedByManifestList',
  'KmsError',
  'UpstreamAccessDenied',
  'UpstreamTooManyRequests',
  'UpstreamUnavailable',
  'ImageInaccessible',
)
export type ImageFailureCode = Infer<typeof ImageFailureCode>

export const ImageFailure = structure({
  imageId: ImageIdentifier,
  failureCode: ImageFailureCode,
  failureReason: string(),
})
export type ImageFailure = Infer<typeof ImageFailure>

export const Image = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  imageId: ImageIdentifier,
  imageManifest: ImageManifest,
  imageManifestMediaType: string(),
})
export type Image = Infer<typeof Image>

export const PutImageRequest = structure({
  repositoryName: required(RepositoryName),
  imageManifest: required(ImageManifest),
  registryId: RegistryId,
  imageManifestMediaType: string(),
  imageTag: ImageTag,
  imageDigest: ImageDigest,
})
export type PutImageRequest = Infer<typeof PutImageRequest>

export const PutImageResponse = structure({ image: Image })
export type PutImageResponse = Infer<typeof PutImageResponse>

export const BatchGetImageRequest = structure({
  repositoryName: required(RepositoryName),
  imageIds: required(ImageIdentifierList),
  registryId: RegistryId,
  acceptedMediaTypes: list(string(), { min: 1, max: 100 }),
})
export type BatchGetImageRequest = Infer<typeof BatchGetImageRequest>

export const BatchGetImageResponse = structure({ images: list(Image), failures: list(ImageFailure) })
export type BatchGetImageResponse = Infer<typeof BatchGetImageResponse>

export const BatchDeleteImageRequest = structure({
  repositoryName: required(RepositoryName),
  imageIds: required(ImageIdentifierList),
  registryId: RegistryId,
})
export type BatchDeleteImageRequest = Infer<typeof BatchDeleteImageRequest>

export const BatchDeleteImageResponse = structure({ imageIds: ImageIdentifierList, failures: list(ImageFailure) })
export type BatchDeleteImageResponse = Infer<typeof BatchDeleteImageResponse>

export const ScanStatus = enumeration(
  'IN_PROGRESS',
  'COMPLETE',
  'FAILED',
  'UNSUPPORTED_IMAGE',
  'ACTIVE',
  'PENDING',
  'SCAN_ELIGIBILITY_EXPIRED',
  'FINDINGS_UNAVAILABLE',
  'LIMIT_EXCEEDED',
  'IMAGE_ARCHIVED',
)
export type ScanStatus = Infer<typeof ScanStatus>

export const ImageScanStatus = structure({ status: ScanStatus, description: string() })
export type ImageScanStatus = Infer<typeof ImageScanStatus>

export const FindingSeverity = enumeration('INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'UNDEFINED')
export type FindingSeverity = Infer<typeof FindingSeverity>

export const ImageScanFindingsSummary = structure({
  imageScanCompletedAt: timestamp(),
  vulnerabilitySourceUpdatedAt: timestamp(),
  findingSeverityCounts: map(FindingSeverity, integer({ min: 0 })),
})
export type ImageScanFindingsSummary = Infer<typeof ImageScanFindingsSummary>

export const ImageDetail = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  imageDigest: ImageDigest,
  imageTags: list(ImageTag),
  imageSizeInBytes: long(),
  imagePushedAt: timestamp(),
  imageScanStatus: ImageScanStatus,
  imageScanFindingsSummary: ImageScanFindingsSummary,
  imageManifestMediaType: string(),
  artifactMediaType: string(),
  lastRecordedPullTime: timestamp(),
  subjectManifestDigest: ImageDigest,
  imageStatus: ImageStatus,
  lastArchivedAt: timestamp(),
  lastActivatedAt: timestamp(),
})
export type ImageDetail = Infer<typeof ImageDetail>

export const DescribeImagesRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
  imageIds: ImageIdentifierList,
  nextToken: NextToken,
  maxResults: MaxResults,
  filter: structure({ tagStatus: TagStatus, imageStatus: ImageStatusFilter }),
})
export type DescribeImagesRequest = Infer<typeof DescribeImagesRequest>

export const DescribeImagesResponse = structure({ imageDetails: list(ImageDetail), nextToken: NextToken })
export type DescribeImagesResponse = Infer<typeof DescribeImagesResponse>

export const ListImagesRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
  nextToken: NextToken,
  maxResults: MaxResults,
  filter: structure({ tagStatus: TagStatus, imageStatus: ImageStatusFilter }),
})
export type ListImagesRequest = Infer<typeof ListImagesRequest>

/** The model bounds this list at 100 as well, but pages are as long as `maxResults` says. */
export const ListImagesResponse = structure({ imageIds: list(ImageIdentifier), nextToken: NextToken })
export type ListImagesResponse = Infer<typeof ListImagesResponse>

const ArtifactType = string({ min: 1, max: 255 })

export const ImageReferrer = structure({
  digest: required(string()),
  mediaType: required(string()),
  artifactType: ArtifactType,
  size: required(long()),
  annotations: map(string(), string()),
  artifactStatus: ImageStatus,
})
export type ImageReferrer = Infer<typeof ImageReferrer>

export const ListImageReferrersRequest = structure({
  repositoryName: required(RepositoryName),
  subjectId: required(structure({ imageDigest: required(ImageDigest) })),
  registryId: RegistryId,
  filter: structure({ artifactTypes: list(ArtifactType, { min: 0, max: 5 }), artifactStatus: ImageStatusFilter }),
  nextToken: NextToken,
  maxResults: integer({ min: 1, max: 50 }),
})
export type ListImageReferrersRequest = Infer<typeof ListImageReferrersRequest>

export const ListImageReferrersResponse = structure({ referrers: list(ImageReferrer), nextToken: NextToken })
export type ListImageReferrersResponse = Infer<typeof ListImageReferrersResponse>
