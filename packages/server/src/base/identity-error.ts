// What IAM and STS refuse, in their own codes and sentences. Only the Query wire can meet these (IAM and STS API references, "Common
// errors" and the errors of each operation).

/** Each code with the status that its service answers. */
export const identityErrorStatus = {
  // IAM
  NoSuchEntity: 404,
  EntityAlreadyExists: 409,
  DeleteConflict: 409,
  LimitExceeded: 409,
  EntityTemporarilyUnmodifiable: 409,
  ConcurrentModification: 409,
  InvalidInput: 400,
  MalformedPolicyDocument: 400,
  UnmodifiableEntity: 400,
  PolicyNotAttachable: 400,
  NotSupportedService: 400,
  PolicyEvaluation: 500,
  // STS
  ExpiredTokenException: 400,
  IDPCommunicationError: 400,
  IDPRejectedClaim: 403,
  InvalidIdentityToken: 400,
  InvalidAuthorizationMessageException: 400,
  PackedPolicyTooLarge: 400,
  InvalidParameterValue: 400,
  // Both
  ValidationError: 400,
  InvalidAction: 400,
  AccessDenied: 403,
  InvalidClientTokenId: 403,
  Throttling: 400,
} as const

export type IdentityErrorCode = keyof typeof identityErrorStatus

export class IdentityError extends Error {
  override readonly name = 'IdentityError'
  readonly code: IdentityErrorCode

  constructor(code: IdentityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
