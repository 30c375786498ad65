// Who may take a role (IAM evaluation logic: role trust policies). A trust policy is the one policy that must allow, in one account as
// well as between two: identity policies alone open no role.

import {
  type Decision,
  decided,
  decideSafely,
  type EvaluateOptions,
  findGrant,
  findLackingGuard,
  firstMatch,
  type Guard,
  lacking,
} from './evaluate.ts'
import { emptyBundle, type PolicyBundle } from './policy-bundle.ts'
import type { Request } from './request.ts'

export interface TrustPolicySet {
  trust: PolicyBundle
  /** Of the caller; whoever brings a web identity token has none. */
  identity?: PolicyBundle
  guards?: readonly Guard[]
}

/**
 * Decides `sts:AssumeRole`, `sts:AssumeRoleWithWebIdentity`, `sts:TagSession` and `sts:SetSourceIdentity`. The resource is the role's
 * ARN. Never throws.
 */
export function evaluateTrust(request: Request, policies: TrustPolicySet, options: EvaluateOptions = {}): Decision {
  const { trust, identity = emptyBundle, guards = [] } = policies
  const bundles = [identity, ...guards.map(({ bundle }) => bundle), trust]
  return decideSafely(request, bundles, options, () => decide(request, { trust, identity, guards }))
}

function decide(request: Request, { trust, identity, guards }: Required<TrustPolicySet>): Decision {
  const { caller, action } = request
  // "Roles may not be assumed by root accounts."
  if (caller.kind === 'root') return lacking('root')
  const grant = findGrant(trust.about(action, request.resource), request)
  if (caller.kind === 'web-identity' || caller.kind === 'service') {
    return grant?.level === 'direct' ? decided('allow', grant.statement) : lacking('trust')
  }
  const isSameAccount = caller.accountId === request.resourceAccountId
  if (isSameAccount && grant?.level === 'direct') {
    return findLackingGuard(request, guards, 'direct') ?? decided('allow', grant.statement)
  }
  const isNamed = isSameAccount && grant?.level === 'role'
  if (!isNamed && !firstMatch(identity.about(action, request.resource).allows, request)) return lacking('identity')
  const lackingGuard = findLackingGuard(request, guards, 'identity')
  if (lackingGuard) return lackingGuard
  return grant ? decided('allow', grant.statement) : lacking('trust')
}
