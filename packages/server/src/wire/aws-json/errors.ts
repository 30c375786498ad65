// Errors of ECR's API: the only place that knows their names (docs/compatibility.md). All are 400, ServerException is 500.

import type { SignatureErrorCode } from '../../auth/signature.ts'
import { type Fault, RegistryError, type Renderer } from '../../base/errors.ts'
import { encodedHeaders } from '../encoded-message.ts'
import * as sentences from '../sentences.ts'
import { Throttled } from '../throttles.ts'

export interface AwsError {
  status: number
  type: string
  message: string
  /** More members of the body. */
  extra?: Record<string, unknown>
  headers?: Record<string, string>
}

const error = (type: string, message: string, extra?: Record<string, unknown>): AwsError => ({
  status: 400,
  type,
  message,
  ...(extra ? { extra } : {}),
})

const invalidManifest = (constraint: string) =>
  error(
    'InvalidParameterException',
    sentences.invalidParameter({ code: 'InvalidParameter', member: 'ImageManifest', constraint }),
  )

const renderer: Renderer<AwsError> = {
  InvalidParameter: (f) => error('InvalidParameterException', sentences.invalidParameter(f)),
  InvalidTagParameter: (f) => error('InvalidTagParameterException', f.message),
  TooManyTags: () => error('TooManyTagsException', sentences.tooManyTags),
  LimitExceeded: (f) => error('LimitExceededException', f.message),
  RepositoryNotFound: (f) => error('RepositoryNotFoundException', sentences.repositoryNotFound(f)),
  RepositoryAlreadyExists: (f) => error('RepositoryAlreadyExistsException', sentences.repositoryAlreadyExists(f)),
  RepositoryNotEmpty: (f) => error('RepositoryNotEmptyException', sentences.repositoryNotEmpty(f)),
  RepositoryPolicyNotFound: (f) => error('RepositoryPolicyNotFoundException', sentences.repositoryPolicyNotFound(f)),
  RegistryPolicyNotFound: (f) => error('RegistryPolicyNotFoundException', sentences.registryPolicyNotFound(f)),
  Kms: (f) => error('KmsException', f.message, { kmsError: f.kmsError }),
  UploadNotFound: (f) => error('UploadNotFoundException', sentences.uploadNotFound(f)),
  UploadLost: (f) => error('UploadNotFoundException', f.message),
  EmptyUpload: (f) => error('EmptyUploadException', sentences.emptyUpload(f)),
  InvalidLayer: (f) => error('InvalidLayerException', sentences.invalidLayer(f)),
  InvalidLayerPart: (f) =>
    error('InvalidLayerPartException', f.reason, {
      registryId: f.registryId,
      repositoryName: f.repositoryName,
      uploadId: f.uploadId,
      // Inclusive; before the first byte there is none, and 0 is the nearest that the type admits.
      lastValidByteReceived: Math.max(0, f.receivedBytes - 1),
    }),
  LayerPartTooSmall: () => error('LayerPartTooSmallException', sentences.layerPartTooSmall),
  LayerAlreadyExists: (f) => error('LayerAlreadyExistsException', sentences.layerAlreadyExists(f)),
  LayerInaccessible: (f) => error('LayerInaccessibleException', sentences.layerInaccessible(f)),
  LayerNotFound: (f) => error('LayersNotFoundException', sentences.layerNotFound(f)),
  ImageNotFound: (f) => error('ImageNotFoundException', sentences.imageNotFound(f)),
  ImageAlreadyExists: (f) => error('ImageAlreadyExistsException', sentences.imageAlreadyExists(f)),
  ImageTagAlreadyExists: (f) => error('ImageTagAlreadyExistsException', sentences.imageTagAlreadyExists(f)),
  ImageDigestDoesNotMatch: (f) => error('ImageDigestDoesNotMatchException', sentences.imageDigestDoesNotMatch(f)),
  LayersNotFound: (f) => error('LayersNotFoundException', sentences.layersNotFound(f)),
  ReferencedImagesNotFound: (f) => error('ReferencedImagesNotFoundException', sentences.referencedImagesNotFound(f)),
  ImageReferencedByManifestList: (f) => error('InvalidParameterException', sentences.imageReferencedByManifestList(f)),
  ManifestInvalid: (f) =>
    invalidManifest(f.hasTooManyLayers ? 'Limit on number of layers per image exceeded' : 'Invalid JSON syntax'),
  UnsupportedManifestType: () => invalidManifest('Invalid JSON syntax'),
  StoreFull: () => ({ status: 500, type: 'ServerException', message: sentences.storeFull }),
  Busy: (f) => error('ThrottlingException', f.message),
  Unavailable: (f) => ({ status: 503, type: 'ServiceUnavailableException', message: f.message }),
  AccessDenied: (f) => ({ ...error('AccessDeniedException', f.message), headers: encodedHeaders(f) }),
}

export function renderFault(fault: Fault): AwsError {
  return (renderer[fault.code] as (fault: Fault) => AwsError)(fault)
}

/** ECR answers 400 to all of these; SDKs read the name (docs/design/signatures-and-tokens.md). */
export const signatureErrorTypes: Record<SignatureErrorCode, string> = {
  MissingAuthenticationToken: 'MissingAuthenticationTokenException',
  IncompleteSignature: 'IncompleteSignatureException',
  InvalidSignature: 'InvalidSignatureException',
  InvalidClientToken: 'UnrecognizedClientException',
  ExpiredToken: 'ExpiredTokenException',
}

/** An answer of the wire itself: a bad target, a body that is no JSON. */
export class AwsRefusal extends Error {
  readonly answer: AwsError

  constructor(type: string, message: string, status = 400) {
    super(message)
    this.answer = { status, type, message }
  }
}

export function toAwsError(thrown: unknown): AwsError | undefined {
  if (thrown instanceof AwsRefusal) return thrown.answer
  if (thrown instanceof Throttled) {
    const headers = { 'Retry-After': String(thrown.retryAfterSeconds) }
    return { ...error('ThrottlingException', thrown.message), headers }
  }
  if (thrown instanceof RegistryError) return renderFault(thrown.fault)
  return undefined
}
