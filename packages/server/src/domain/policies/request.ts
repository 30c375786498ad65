// What is asked of the evaluator: who wants to do what to which resource.

import type { Caller } from '../../base/principal.ts'
import type { ContextKeys } from './context.ts'

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
