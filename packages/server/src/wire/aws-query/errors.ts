// Errors of IAM and STS: the only place that knows their codes and status on the Query wire (IAM and STS, "Common errors").

import { SerializationError } from '@berth/api/shapes/serialization-error.ts'
import { SignatureError, type SignatureErrorCode } from '../../auth/signature.ts'
import { type FaultCode, RegistryError } from '../../base/errors.ts'
import { IdentityError, identityErrorStatus } from '../../base/identity-error.ts'
import { BodyError } from '../../http/body.ts'
import { encodedHeaders } from '../encoded-message.ts'
import { Throttled } from '../throttles.ts'
import { QueryInputError } from './query-input.ts'

export interface QueryError {
  status: number
  code: string
  message: string
  headers?: Record<string, string>
}

const signatureErrors: Record<SignatureErrorCode, { status: number; code: string }> = {
  MissingAuthenticationToken: { status: 403, code: 'MissingAuthenticationToken' },
  IncompleteSignature: { status: 400, code: 'IncompleteSignature' },
  InvalidSignature: { status: 403, code: 'SignatureDoesNotMatch' },
  InvalidClientToken: { status: 403, code: 'InvalidClientTokenId' },
  ExpiredToken: { status: 403, code: 'ExpiredToken' },
}

/** Of the registry's own faults only these reach an operation of IAM or STS. */
const faultCodes: Partial<Record<FaultCode, { status: number; code: string }>> = {
  AccessDenied: { status: 403, code: 'AccessDenied' },
  Unavailable: { status: 503, code: 'ServiceUnavailable' },
  StoreFull: { status: 500, code: 'ServiceFailure' },
  Busy: { status: 400, code: 'Throttling' },
}

const bodyErrors: Record<BodyError['reason'], QueryError> = {
  'too-large': { status: 413, code: 'RequestEntityTooLarge', message: 'The body is larger than 1 MiB' },
  'too-slow': { status: 408, code: 'RequestTimeout', message: 'The body arrived too slowly' },
  incomplete: { status: 400, code: 'RequestAborted', message: 'The body is shorter than its Content-Length' },
}

/** The answer to what was thrown, or undefined for a bug. */
export function toQueryError(thrown: unknown): QueryError | undefined {
  if (thrown instanceof IdentityError)
    return { status: identityErrorStatus[thrown.code], code: thrown.code, message: thrown.message }
  if (thrown instanceof SignatureError) {
    const missing = thrown.code === 'MissingAuthenticationToken'
    return {
      ...signatureErrors[thrown.code],
      message: missing ? 'Request is missing Authentication Token' : thrown.message,
    }
  }
  if (thrown instanceof Throttled) {
    const headers = { 'Retry-After': String(thrown.retryAfterSeconds) }
    return { status: 400, code: 'Throttling', message: thrown.message, headers }
  }
  if (thrown instanceof QueryInputError || thrown instanceof SerializationError)
    return { status: 400, code: 'MalformedInput', message: thrown.message }
  if (thrown instanceof BodyError) return bodyErrors[thrown.reason]
  if (thrown instanceof RegistryError) {
    const { fault } = thrown
    const known = faultCodes[fault.code]
    const message = 'message' in fault ? fault.message : 'The store has no room left.'
    return known && { ...known, message, ...(fault.code === 'AccessDenied' ? { headers: encodedHeaders(fault) } : {}) }
  }
  return undefined
}
