// What is told to the audit log: one event for each request that changes something, is refused, logs in or takes a role; and, where the
// operator asks for them, for each read of an image.

export interface AuditEvent {
  at: number
  /** The service: `ecr` is shown as `ecr.amazonaws.com`. */
  source: 'ecr' | 'iam' | 'sts' | 'organizations'
  /** The operation, in the service's name for it: `PutImage`, `AssumeRole`. */
  name: string
  region: string
  sourceAddress: string
  userAgent?: string
  /** Undefined: nobody could be identified. */
  identity?: AuditIdentity
  /** The access key id that a request names without proving that it has it. */
  claimedAccessKeyId?: string
  /** What JSON can hold; secrets are hidden and long texts cut by the log. */
  requestParameters?: unknown
  /** What the answer says of a change; of a read there is none (CloudTrail, `responseElements`). */
  responseElements?: unknown
  error?: { code: string; message: string }
  requestId: string
  isReadOnly: boolean
  resources?: readonly { arn: string; accountId: string; type?: string }[]
  /** The accounts that the event belongs to, the caller's and the resource's: it is written once for each. */
  recipients: readonly string[]
  category: 'Management' | 'Data'
}

export interface AuditIdentity {
  type: 'Root' | 'IAMUser' | 'AssumedRole' | 'FederatedUser' | 'WebIdentityUser' | 'AWSService'
  principalId: string
  /** Who comes with the token of a provider (`WebIdentityUser`) has neither ARN nor account. */
  arn?: string
  accountId?: string
  accessKeyId?: string
  userName?: string
  /** Of a `WebIdentityUser`: who issued the token. */
  identityProvider?: string
  session?: AuditSession
}

export interface AuditSession {
  issuer?: { type: 'Role' | 'User'; principalId: string; arn: string; accountId: string; userName: string }
  createdAt: number
  isMfaAuthenticated: boolean
  /** The provider whose token opened the session. */
  webIdProvider?: string
}
