// The one error class of the domain. It knows what went wrong, in the field's words, and nothing of HTTP: the `errors.ts` of each
// wire renders every fault in that protocol's exact form.

import type { Digest } from '@berth/api/names/digest.ts'

interface InRepository {
  repositoryName: string
  registryId: string
}

export type Fault =
  // Names and inputs
  | { code: 'InvalidParameter'; member: string; constraint: string }
  | { code: 'InvalidTagParameter'; message: string }
  | { code: 'TooManyTags' }
  | { code: 'LimitExceeded'; message: string }
  // Repositories
  | ({ code: 'RepositoryNotFound' } & InRepository)
  | ({ code: 'RepositoryAlreadyExists' } & InRepository)
  | ({ code: 'RepositoryNotEmpty' } & InRepository)
  | ({ code: 'RepositoryPolicyNotFound' } & InRepository)
  | { code: 'RegistryPolicyNotFound'; registryId: string }
  | { code: 'Kms'; kmsError: string; message: string }
  // Blobs and uploads
  | ({ code: 'UploadNotFound'; uploadId: string } & InRepository)
  | ({ code: 'EmptyUpload'; uploadId: string } & InRepository)
  | ({ code: 'InvalidLayer'; digests: readonly string[]; calculated: string } & InRepository)
  | ({ code: 'InvalidLayerPart'; uploadId: string; reason: string; receivedBytes: number } & InRepository)
  | { code: 'LayerPartTooSmall' }
  /** Bytes that were acknowledged are not to be had any more, or are not surely the right ones. */
  | { code: 'UploadLost'; message: string }
  | ({ code: 'LayerAlreadyExists'; digest: Digest } & InRepository)
  | ({ code: 'LayerInaccessible'; digest: string } & InRepository)
  | ({ code: 'LayerNotFound'; digest: string } & InRepository)
  // Images
  | ({ code: 'ImageNotFound'; imageDigest?: string; imageTag?: string } & InRepository)
  | ({ code: 'ImageAlreadyExists'; digest: Digest; tag?: string } & InRepository)
  | ({ code: 'ImageTagAlreadyExists'; tag: string } & InRepository)
  | ({ code: 'ImageDigestDoesNotMatch'; digest: string; calculated: string } & InRepository)
  | ({ code: 'LayersNotFound'; digests: readonly Digest[] } & InRepository)
  | ({ code: 'ReferencedImagesNotFound'; digests: readonly Digest[] } & InRepository)
  | ({ code: 'ImageReferencedByManifestList'; parents: readonly string[] } & InRepository)
  | { code: 'ManifestInvalid'; reason: string; hasTooManyLayers: boolean }
  | { code: 'UnsupportedManifestType'; mediaType: string }
  // The store
  | { code: 'StoreFull' }
  | { code: 'Busy'; message: string }
  /** A database or a store of blobs does not answer. */
  | { code: 'Unavailable'; message: string }
  // Access
  /** `encoded` says more to those whom it concerns (STS DecodeAuthorizationMessage). */
  | { code: 'AccessDenied'; message: string; encoded?: string }

export type FaultCode = Fault['code']
export type FaultOf<C extends FaultCode> = Extract<Fault, { code: C }>
/** One answer per fault: a fault without a row does not compile. */
export type Renderer<R> = { [C in FaultCode]: (fault: FaultOf<C>) => R }

export class RegistryError extends Error {
  readonly fault: Fault

  constructor(fault: Fault, options?: ErrorOptions) {
    super(fault.code, options)
    this.name = 'RegistryError'
    this.fault = fault
  }
}

/** Why a process cannot start, in one sentence, and what the operator can do about it. */
export class StartError extends Error {
  readonly hint: string

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartError'
    this.hint = hint
  }
}

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
