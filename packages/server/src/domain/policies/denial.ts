// The sentences of AccessDenied (IAM, "Troubleshoot access denied error messages").

import type { DecidingKind, Decision } from './evaluate.ts'
import type { Request } from './request.ts'

/** How a sentence names a kind of policy. */
const policyNames: Record<DecidingKind, string> = {
  identity: 'identity-based policy',
  repository: 'resource-based policy',
  registry: 'resource-based policy',
  resource: 'resource-based policy',
  boundary: 'permissions boundary',
  session: 'session policy',
  trust: 'role trust policy',
  'service-control': 'service control policy',
  root: 'identity-based policy',
}

/**
 * Why the caller was refused. The ARN of a policy is told only to callers of the policy's own account: it would tell a stranger how
 * another account is built.
 */
export function denialMessage(request: Request, decision: Decision): string {
  const { caller, action, resource } = request
  const { kind, policy } = decision.decidedBy
  const start = `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${resource}`
  if (decision.decision !== 'explicit-deny')
    return `${start} because no ${policyNames[kind]} allows the ${action} action`
  const article = kind === 'trust' ? 'the' : kind === 'identity' ? 'an' : 'a'
  const isOwn = caller.kind !== 'service' && policy?.accountId === caller.accountId
  const name = isOwn && policy?.arn !== undefined ? `: ${policy.arn}` : ''
  return `${start} with an explicit deny in ${article} ${policyNames[kind]}${name}`
}

/** The answer of AssumeRole, the same whether there is no such role or its trust policy says no. */
export function assumeRoleDenialMessage(callerArn: string, roleArn: string, action = 'sts:AssumeRole'): string {
  return `User: ${callerArn} is not authorized to perform: ${action} on resource: ${roleArn}`
}

export const webIdentityDenialMessage = 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
export const rootAssumesRoleMessage = 'Roles may not be assumed by root accounts.'
