// Errors of the docker wire: the only place that knows their status and code (OCI distribution-spec, "Error Codes"; ECR's texts where
// clients look for them, docs/compatibility.md).

import { type Fault, RegistryError, type Renderer } from '../../base/errors.ts'
import { encodedHeaders } from '../encoded-message.ts'
import * as sentences from '../sentences.ts'
import { Throttled } from '../throttles.ts'

export interface OciError {
  status: number
  code: string
  message: string
  headers?: Record<string, string>
}

const error = (status: number, code: string, message: string, headers?: Record<string, string>): OciError => ({
  status,
  code,
  message,
  ...(headers ? { headers } : {}),
})

const renderer: Renderer<OciError> = {
  InvalidParameter: (f) =>
    error(400, f.member === 'repositoryName' ? 'NAME_INVALID' : 'UNSUPPORTED', sentences.invalidParameter(f)),
  InvalidTagParameter: (f) => error(400, 'TAG_INVALID', f.message),
  TooManyTags: () => error(400, 'TAG_INVALID', sentences.tooManyTags),
  LimitExceeded: (f) => error(400, 'DENIED', f.message),
  RepositoryNotFound: (f) => error(404, 'NAME_UNKNOWN', sentences.repositoryNotFound(f)),
  RepositoryAlreadyExists: (f) => error(400, 'NAME_INVALID', sentences.repositoryAlreadyExists(f)),
  RepositoryNotEmpty: (f) => error(400, 'DENIED', sentences.repositoryNotEmpty(f)),
  RepositoryPolicyNotFound: (f) => error(404, 'NAME_UNKNOWN', sentences.repositoryPolicyNotFound(f)),
  RegistryPolicyNotFound: (f) => error(404, 'NAME_UNKNOWN', sentences.registryPolicyNotFound(f)),
  Kms: (f) => error(400, 'DENIED', f.message),
  UploadNotFound: (f) => error(404, 'BLOB_UPLOAD_UNKNOWN', sentences.uploadNotFound(f)),
  UploadLost: (f) => error(404, 'BLOB_UPLOAD_UNKNOWN', f.message),
  EmptyUpload: (f) => error(400, 'BLOB_UPLOAD_INVALID', sentences.emptyUpload(f)),
  InvalidLayer: (f) => error(400, 'DIGEST_INVALID', sentences.invalidLayer(f)),
  InvalidLayerPart: (f) =>
    error(416, 'BLOB_UPLOAD_INVALID', f.reason, {
      Range: uploadRange(f.receivedBytes),
      'Docker-Upload-UUID': f.uploadId,
      Location: `/v2/${f.repositoryName}/blobs/uploads/${f.uploadId}`,
    }),
  LayerPartTooSmall: () => error(400, 'BLOB_UPLOAD_INVALID', sentences.layerPartTooSmall),
  LayerAlreadyExists: (f) => error(400, 'BLOB_UPLOAD_INVALID', sentences.layerAlreadyExists(f)),
  LayerInaccessible: (f) => error(404, 'BLOB_UNKNOWN', sentences.layerInaccessible(f)),
  LayerNotFound: (f) => error(404, 'BLOB_UNKNOWN', sentences.layerNotFound(f)),
  ImageNotFound: () => error(404, 'MANIFEST_UNKNOWN', 'Requested image not found'),
  ImageAlreadyExists: (f) => error(400, 'TAG_INVALID', sentences.imageAlreadyExists(f)),
  ImageTagAlreadyExists: (f) => error(400, 'TAG_INVALID', sentences.imageTagAlreadyExists(f)),
  ImageDigestDoesNotMatch: (f) => error(400, 'DIGEST_INVALID', sentences.imageDigestDoesNotMatch(f)),
  LayersNotFound: (f) => error(404, 'MANIFEST_BLOB_UNKNOWN', sentences.layersNotFound(f)),
  ReferencedImagesNotFound: (f) => error(404, 'MANIFEST_BLOB_UNKNOWN', sentences.referencedImagesNotFound(f)),
  ImageReferencedByManifestList: (f) => error(405, 'UNSUPPORTED', sentences.imageReferencedByManifestList(f)),
  ManifestInvalid: (f) => error(400, 'MANIFEST_INVALID', f.reason),
  UnsupportedManifestType: (f) => error(400, 'MANIFEST_INVALID', `Unsupported manifest type: "${f.mediaType}"`),
  StoreFull: () => error(507, 'DENIED', sentences.storeFull),
  Busy: (f) => error(429, 'TOOMANYREQUESTS', f.message, { 'Retry-After': '1' }),
  Unavailable: (f) => error(503, 'UNAVAILABLE', f.message, { 'Retry-After': '1' }),
  AccessDenied: (f) => error(403, 'DENIED', f.message, encodedHeaders(f)),
}

export function renderFault(fault: Fault): OciError {
  return (renderer[fault.code] as (fault: Fault) => OciError)(fault)
}

/** An answer of the wire itself, which no domain knows: a missing route, a body too large. */
export class OciRefusal extends Error {
  readonly answer: OciError

  constructor(status: number, code: string, message: string, headers?: Record<string, string>) {
    super(message)
    this.answer = error(status, code, message, headers)
  }
}

/** A token or link that lets nobody in: whoever sends many of them is slowed down. */
export class FailedLogin extends OciRefusal {}

export function toOciError(thrown: unknown): OciError | undefined {
  if (thrown instanceof OciRefusal) return thrown.answer
  if (thrown instanceof Throttled)
    return error(429, 'TOOMANYREQUESTS', thrown.message, { 'Retry-After': String(thrown.retryAfterSeconds) })
  if (thrown instanceof RegistryError) return renderFault(thrown.fault)
  return undefined
}

/** `0-<last>`, inclusive; an upload without bytes says `0-0` like every registry since the first (OCI end-13). */
export function uploadRange(receivedBytes: number): string {
  return `0-${Math.max(0, receivedBytes - 1)}`
}
