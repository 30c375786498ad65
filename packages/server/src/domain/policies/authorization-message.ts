// What a refused caller may be told beyond the sentence, sealed until somebody whom it concerns asks (STS DecodeAuthorizationMessage): who
// wanted what, which statements matched, and what conditions looked at. It has two readers, the caller's account and the resource's, and
// shows to each the policies of its own alone. Values of conditions may tell about either side, so between accounts there are none.

import type { ContextKeys, ContextValue } from './context.ts'
import { CaseVariants } from './context.ts'
import type { DecidingKind, Decision, MatchedStatement } from './evaluate.ts'
import type { Request } from './request.ts'

/** It goes into a header: what has no room is left out, the least telling first. */
const maxBytes = 1536
const paddingBytes = Buffer.byteLength(',"padding":""')
const maxStatements = 10
const maxConditions = 20
const maxValues = 5
const maxValueLength = 128

interface Statement {
  kind: DecidingKind
  accountId?: string
  policy?: string
  statement?: number
  sid?: string
  effect: 'Allow' | 'Deny'
}

export interface AuthorizationMessage {
  /** Whose principals may read it. */
  accounts: readonly string[]
  principal: { id: string; name: string; arn: string }
  action: string
  resource: string
  isExplicit: boolean
  /** The kind of policy that decided, or should have allowed. */
  decidedBy: Statement
  matched: readonly Statement[]
  conditions: readonly (readonly [key: string, values: readonly string[]])[]
  /** Between accounts all messages have one length: it would tell whether a policy there had a say. */
  padding?: string
}

/** Notes what conditions ask for. */
export function recordedContext(context: ContextKeys): ContextKeys & { looked: ReadonlyMap<string, ContextValue> } {
  const looked = new Map<string, ContextValue>()
  return {
    looked,
    get(key) {
      const value = context.get(key)
      if (value !== undefined) looked.set(key, value)
      return value
    },
  }
}

export function authorizationMessage(
  request: Request,
  decision: Decision,
  explained: { matched: readonly MatchedStatement[]; looked: ReadonlyMap<string, ContextValue> },
): AuthorizationMessage {
  const { caller, action, resource, resourceAccountId, context } = request
  const callerAccount = caller.kind === 'service' ? resourceAccountId : caller.accountId
  const isOneAccount = callerAccount === resourceAccountId
  const id = context.get('aws:userid')
  const { kind, policy, statement, sid } = decision.decidedBy
  const whole: AuthorizationMessage = {
    accounts: [...new Set([callerAccount, resourceAccountId])],
    principal: {
      id: typeof id === 'string' ? id : '',
      name: caller.arn.slice(Math.max(caller.arn.lastIndexOf('/'), caller.arn.lastIndexOf(':')) + 1),
      arn: caller.arn,
    },
    action,
    resource,
    isExplicit: decision.decision === 'explicit-deny',
    decidedBy: {
      kind,
      ...(policy && { accountId: policy.accountId, policy: policy.arn ?? policy.id }),
      ...(statement !== undefined && { statement }),
      ...(sid !== undefined && { sid }),
      effect: decision.decision === 'explicit-deny' ? 'Deny' : 'Allow',
    },
    matched: explained.matched.slice(0, maxStatements).map((matched) => ({
      kind: matched.policy.kind,
      accountId: matched.policy.accountId,
      policy: matched.policy.arn ?? matched.policy.id,
      statement: matched.statement,
      ...(matched.sid !== undefined && { sid: matched.sid }),
      effect: matched.effect,
    })),
    conditions: isOneAccount
      ? [...explained.looked].slice(0, maxConditions).map(([key, value]) => [key, valuesOf(value)] as const)
      : [],
  }
  const bare = { ...whole, conditions: [], matched: [] }
  const fitting = [whole, { ...whole, conditions: [] }, bare].find(
    (message) => sizeOf(message) + paddingBytes <= maxBytes,
  )
  const message = fitting ?? { ...bare, decidedBy: { kind, effect: 'Allow' } }
  if (isOneAccount) return message
  const room = maxBytes - sizeOf({ ...message, padding: '' })
  return { ...message, padding: ' '.repeat(Math.max(0, room)) }
}

const sizeOf = (message: AuthorizationMessage) => Buffer.byteLength(JSON.stringify(message))

function valuesOf(value: ContextValue): string[] {
  const values = typeof value === 'string' ? [value] : value instanceof CaseVariants ? value.values : value
  return values.slice(0, maxValues).map((each) => each.slice(0, maxValueLength))
}

/** In the form that AWS documents, with what decided beside it; undefined for readers whom it does not concern. */
export function decodedMessage(message: AuthorizationMessage, readerAccountId: string): string | undefined {
  if (!message.accounts.includes(readerAccountId)) return undefined
  const isOwn = ({ accountId }: Statement) => accountId === readerAccountId || accountId === 'aws'
  const { principal, action, resource, decidedBy } = message
  return JSON.stringify({
    allowed: false,
    explicitDeny: message.isExplicit,
    matchedStatements: { items: message.matched.filter(isOwn).map(presentStatement) },
    failures: { items: [] },
    decidedBy: isOwn(decidedBy) ? presentStatement(decidedBy) : { policyType: decidedBy.kind },
    context: {
      principal,
      action,
      resource,
      conditions: {
        items: message.conditions.map(([key, values]) => ({
          key,
          values: { items: values.map((value) => ({ value })) },
        })),
      },
    },
  })
}

function presentStatement({ kind, policy, statement, sid = '', effect }: Statement) {
  return { statementId: sid, effect: effect.toUpperCase(), policyType: kind, policy, statement }
}
