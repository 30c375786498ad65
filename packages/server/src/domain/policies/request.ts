// What is asked of the evaluator: who wants to do what to which resource.

import type { ContextKeys } from './context.ts'

/** Unique ids are what policies are bound to; ARNs are for sentences and conditions. */
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

export interface Request {
  caller: Caller
  /** `ecr:BatchGetImage`. */
  action: string
  /** An ARN, or `*` for an action that has no resource. */
  resource: string
  /** Who owns the resource. */
  resourceAccountId: string
  context: ContextKeys
}
