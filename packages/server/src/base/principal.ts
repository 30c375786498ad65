// Who makes a request, and by which session: a user, a session of a role, a federated user, the root user of an account, or a part of the
// registry itself. Unique ids are what policies are bound to; ARNs are for sentences and conditions.

import type { AccountId } from '@berth/api/names/registry.ts'

export type Caller =
  /** A user, or a session of GetSessionToken, which is its user. */
  | { kind: 'user'; accountId: string; arn: string; userId: string }
  /** `arn` is the session's: `arn:aws:sts::111122223333:assumed-role/name/session`. */
  | { kind: 'role-session'; accountId: string; arn: string; roleArn: string; roleId: string; sessionName: string }
  /** A session of GetFederationToken; `userId` is the user's who asked for it. */
  | { kind: 'federated-user'; accountId: string; arn: string; userId: string }
  | { kind: 'root'; accountId: string; arn: string }
  /** Part of the registry itself: `replication.ecr.amazonaws.com`. */
  | { kind: 'service'; service: string; arn: string }
  /** Whoever brings a web identity token, before he has a session. `accountId` owns the provider. */
  | { kind: 'web-identity'; accountId: string; arn: string; provider: string }

export interface Tag {
  key: string
  value: string
}

/** Temporary credentials (STS). Times in milliseconds. */
export interface Session {
  id: string
  issuedAt: number
  expiresAt: number
  /** Texts of session policies, which limit what the owner may do. */
  policies: readonly { id: string; document: string; arn?: string }[]
  tags: readonly Tag[]
  transitiveTagKeys: readonly string[]
  sourceIdentity?: string
  /** The identity provider of AssumeRoleWithWebIdentity. */
  federatedProvider?: string
}

export interface Principal {
  accountId: AccountId
  /** What `aws:userid` says: `AIDA…`, `AROA…:session`, the account of a root user. */
  userId: string
  arn: string
  /** The key that signed the request, or that the docker token was made from. */
  accessKeyId: string
  /** Another key of the same id, made again after this one was deleted, has another. */
  accessKeyVersion: number
  caller: Caller
  session?: Session
}
