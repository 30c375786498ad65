// Blobs, which the ECR API calls layers, and their uploads.

import { blob, enumeration, type Infer, list, long, required, string, structure } from '../shapes/shape.ts'
import { RegistryId, RepositoryName } from './names.ts'

export const LayerDigest = string({ pattern: '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+' })

export const UploadId = string({
  pattern: '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
})

/** The most bytes that one part may have (`LayerPartBlob`). */
export const maxLayerPartBytes = 20_971_520

const Offset = long({ min: 0 })

/** A free text, because a malformed digest is a failure of its own and not of the request. */
const BatchedOperationLayerDigest = string({ min: 0, max: 1000 })

export const LayerAvailability = enumeration('AVAILABLE', 'UNAVAILABLE', 'ARCHIVED')
export type LayerAvailability = Infer<typeof LayerAvailability>

export const Layer = structure({
  layerDigest: LayerDigest,
  layerAvailability: LayerAvailability,
  layerSize: long(),
  mediaType: string(),
})
export type Layer = Infer<typeof Layer>

export const LayerFailure = structure({
  layerDigest: BatchedOperationLayerDigest,
  failureCode: enumeration('InvalidLayerDigest', 'MissingLayerDigest'),
  failureReason: string(),
})
export type LayerFailure = Infer<typeof LayerFailure>

export const BatchCheckLayerAvailabilityRequest = structure({
  repositoryName: required(RepositoryName),
  layerDigests: required(list(BatchedOperationLayerDigest, { min: 1, max: 100 })),
  registryId: RegistryId,
})
export type BatchCheckLayerAvailabilityRequest = Infer<typeof BatchCheckLayerAvailabilityRequest>

export const BatchCheckLayerAvailabilityResponse = structure({ layers: list(Layer), failures: list(LayerFailure) })
export type BatchCheckLayerAvailabilityResponse = Infer<typeof BatchCheckLayerAvailabilityResponse>

export const InitiateLayerUploadRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
})
export type InitiateLayerUploadRequest = Infer<typeof InitiateLayerUploadRequest>

export const InitiateLayerUploadResponse = structure({ uploadId: UploadId, partSize: Offset })
export type InitiateLayerUploadResponse = Infer<typeof InitiateLayerUploadResponse>

export const UploadLayerPartRequest = structure({
  repositoryName: required(RepositoryName),
  uploadId: required(UploadId),
  partFirstByte: required(Offset),
  partLastByte: required(Offset),
  layerPartBlob: required(blob({ max: maxLayerPartBytes })),
  registryId: RegistryId,
})
export type UploadLayerPartRequest = Infer<typeof UploadLayerPartRequest>

export const UploadLayerPartResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  uploadId: UploadId,
  lastByteReceived: Offset,
})
export type UploadLayerPartResponse = Infer<typeof UploadLayerPartResponse>

export const CompleteLayerUploadRequest = structure({
  repositoryName: required(RepositoryName),
  uploadId: required(UploadId),
  layerDigests: required(list(LayerDigest, { min: 1, max: 100 })),
  registryId: RegistryId,
})
export type CompleteLayerUploadRequest = Infer<typeof CompleteLayerUploadRequest>

export const CompleteLayerUploadResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  uploadId: UploadId,
  layerDigest: LayerDigest,
})
export type CompleteLayerUploadResponse = Infer<typeof CompleteLayerUploadResponse>

export const GetDownloadUrlForLayerRequest = structure({
  repositoryName: required(RepositoryName),
  layerDigest: required(LayerDigest),
  registryId: RegistryId,
})
export type GetDownloadUrlForLayerRequest = Infer<typeof GetDownloadUrlForLayerRequest>

export const GetDownloadUrlForLayerResponse = structure({ downloadUrl: string(), layerDigest: LayerDigest })
export type GetDownloadUrlForLayerResponse = Infer<typeof GetDownloadUrlForLayerResponse>
