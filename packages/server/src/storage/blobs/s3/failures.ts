// What went wrong with the S3 store: what a client is told, and what the operator is told at the start.

import { RegistryError, StartError, systemErrorCode } from '../../../base/errors.ts'

const setting = 'BERTH_BLOB_STORE'
const keySettings = 'BERTH_BLOB_STORE_ACCESS_KEY_ID and BERTH_BLOB_STORE_SECRET_ACCESS_KEY'

const fullCodes = ['XMinioStorageFull', 'QuotaExceeded', 'XAmzQuotaExceeded', 'QuotaExceededException']
/** These have no status: nothing answered. */
const silenceCodes = [
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO', 'ECANCELED'],
]

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined
  const { $metadata: metadata } = error
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

/** Whether the store answered with one of these codes. */
export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes(error.name)
}

function isSilence(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (statusOf(error) !== undefined) return false
  return isCode(error, 'TimeoutError', 'AbortError') || silenceCodes.includes(systemErrorCode(error) ?? '')
}

/** Whether another try may go well: silence, too many requests, errors of the store's own. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error) ?? 0
  const isOwn = status >= 500 && status !== 501
  return isSilence(error) || status === 429 || isOwn || isCode(error, 'SlowDown', 'RequestTimeout')
}

/** The error for whoever asked for something that needs the store: one of ours, or the one given when the answer means something to the caller. */
export function clientFailure(error: unknown, onFailure: (error: unknown) => void): unknown {
  if (error instanceof RegistryError) return error
  if (isCode(error, ...fullCodes) || statusOf(error) === 507) {
    onFailure(error)
    return new RegistryError({ code: 'StoreFull' }, { cause: error })
  }
  if (!isTransient(error)) return error
  onFailure(error)
  return unavailable(error)
}

export function unavailable(cause: unknown): RegistryError {
  return new RegistryError(
    { code: 'Unavailable', message: 'The store of blobs does not answer. Try again.' },
    { cause },
  )
}

/** Bytes of an upload that were acknowledged are not to be had any more, or are not surely the right ones. */
export function lostUpload(reason: string, cause?: unknown): RegistryError {
  return new RegistryError(
    { code: 'UploadLost', message: `${reason} Begin the upload again.` },
    cause === undefined ? {} : { cause },
  )
}

/** Where the bucket is instead, when the answer says so. */
function expectedRegion(error: Error): string | undefined {
  if ('Region' in error && typeof error.Region === 'string') return error.Region
  return /expecting ['"]([\w-]+)['"]/.exec(error.message)?.[1]
}

/** Why the store can not be used at all, or undefined when this is no such reason. */
export function startFailure(error: unknown, place: { bucket: string; endpoint: string; region: string }) {
  if (!(error instanceof Error)) return undefined
  const cause = { cause: error }
  const { bucket, endpoint, region } = place
  if (isSilence(error)) {
    const said = error.name === 'AbortError' ? 'it does not answer' : error.message
    return new StartError(
      `${setting}: the S3 store at ${endpoint} cannot be reached: ${said}`,
      `Check the endpoint in ${setting}, and that this machine reaches it.`,
      cause,
    )
  }
  if (isCode(error, 'NoSuchBucket')) {
    return new StartError(
      `${setting}: there is no bucket "${bucket}" at ${endpoint}`,
      `Make the bucket, or name another in ${setting}.`,
      cause,
    )
  }
  const isElsewhere = isCode(error, 'PermanentRedirect', 'IllegalLocationConstraintException', 'TemporaryRedirect')
  if (isElsewhere || isCode(error, 'AuthorizationHeaderMalformed') || statusOf(error) === 301) {
    const expected = expectedRegion(error)
    return new StartError(
      `${setting}: the bucket "${bucket}" is not in the region ${region}${expected ? ` but in ${expected}` : ''}`,
      `Put region=${expected ?? '<the region of the bucket>'} into ${setting}.`,
      cause,
    )
  }
  if (isCode(error, 'InvalidAccessKeyId')) {
    return new StartError(
      `${setting}: the S3 store does not know the access key`,
      `Check ${keySettings}; without them the AWS SDK's own chain is asked.`,
      cause,
    )
  }
  if (isCode(error, 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'InvalidTokenId')) {
    return new StartError(
      `${setting}: the S3 store refuses the key: ${error.message}`,
      `Check ${keySettings}; the secret is not the one of the key.`,
      cause,
    )
  }
  if (isCode(error, 'CredentialsProviderError', 'ProviderError')) {
    return new StartError(
      `${setting}: there is no key for the S3 store: ${error.message}`,
      `Set ${keySettings}, or give this machine a role.`,
      cause,
    )
  }
  if (isCode(error, 'RequestTimeTooSkewed')) {
    return new StartError(
      `${setting}: the clock of this machine is not that of the S3 store`,
      'Set the clock of this machine; requests are signed with its time.',
      cause,
    )
  }
  return undefined
}

/** @throws StartError naming the permissions, and what the store said to the last request */
export function missingPermissions(permissions: readonly string[], bucket: string, cause: unknown): StartError {
  const said = cause instanceof Error ? `: ${cause.message}` : ''
  return new StartError(
    `${setting}: the key may not do what Berth needs in the bucket "${bucket}". Missing: ${permissions.join(', ')}${said}`,
    'Allow these actions to the key, on the bucket and on its objects.',
    { cause },
  )
}

/** An answer that Berth has no name for. */
export function unusable(error: unknown, endpoint: string): StartError {
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new StartError(
    `${setting}: the store at ${endpoint} does not answer as S3 does: ${said}`,
    `Check ${setting}: endpoint, bucket, region, and pathStyle=true for stores that are not AWS.`,
    { cause: error },
  )
}
