// Whom a Principal element means, for one caller: not at all, through his account, through his role, or himself. How near it comes
// decides what else must agree (IAM evaluation logic: resource-based policies).

import type { Caller } from '../../base/principal.ts'
import type { PrincipalList } from './policy-document.ts'
import { parsePrincipal } from './principal-names.ts'

/**
 * `account`: his account is named, so the account decides by its own policies. `role`: the role or user that a session was made from.
 * `direct`: the caller himself, or everyone.
 */
export type GrantLevel = 'none' | 'account' | 'role' | 'direct'

export interface PrincipalMatcher {
  /** How the element names this caller; `NotPrincipal` gives `direct` for all who are not exempt. */
  level(caller: Caller): GrantLevel
  /** ARNs whose user or role was not there when the policy was stored. They name nobody. */
  unresolved: readonly string[]
}

export function compilePrincipals(
  { negated, entries }: PrincipalList,
  resolvePrincipal: (arn: string) => string | undefined,
): PrincipalMatcher {
  let isEveryone = false
  const accounts = new Set<string>()
  /** Unique ids, ARNs of federated users, names of services and providers: none can be taken for another. */
  const names = new Set<string>()
  const unresolved: string[] = []
  for (const entry of entries) {
    const name = parsePrincipal(entry)
    switch (name?.kind) {
      case 'everyone':
        isEveryone = true
        break
      case 'account':
        accounts.add(name.accountId)
        break
      case 'id':
        names.add(name.id)
        break
      case 'service':
      case 'provider':
        names.add(name.name)
        break
      case 'federated-user':
        names.add(name.arn)
        break
      default: {
        const id = resolvePrincipal(entry.text)
        if (id === undefined) unresolved.push(entry.text)
        else names.add(id)
      }
    }
  }

  function level(caller: Caller): GrantLevel {
    const isOfAccount = caller.kind !== 'service' && accounts.has(caller.accountId)
    switch (caller.kind) {
      case 'web-identity':
        // `*` names everyone who has an account somewhere. To let in whoever an identity provider knows takes its name.
        return names.has(caller.provider) ? 'direct' : isEveryone ? 'account' : 'none'
      case 'service':
        return isEveryone || names.has(caller.service) ? 'direct' : 'none'
      case 'root':
        return isEveryone ? 'direct' : isOfAccount ? 'account' : 'none'
      case 'user':
        return isEveryone || names.has(caller.userId) ? 'direct' : isOfAccount ? 'account' : 'none'
      case 'role-session':
        if (isEveryone || names.has(`${caller.roleId}:${caller.sessionName}`)) return 'direct'
        return names.has(caller.roleId) ? 'role' : isOfAccount ? 'account' : 'none'
      case 'federated-user':
        if (isEveryone || names.has(caller.arn)) return 'direct'
        return names.has(caller.userId) ? 'role' : isOfAccount ? 'account' : 'none'
    }
  }

  /** Strictly: an account exempts its root user only, and a session needs its role to be listed as well. */
  function isExempt(caller: Caller): boolean {
    switch (caller.kind) {
      case 'web-identity':
        return names.has(caller.provider)
      case 'service':
        return names.has(caller.service)
      case 'root':
        return accounts.has(caller.accountId)
      case 'user':
        return names.has(caller.userId)
      case 'role-session':
        return names.has(caller.roleId) && names.has(`${caller.roleId}:${caller.sessionName}`)
      case 'federated-user':
        return names.has(caller.arn)
    }
  }

  return { level: negated ? (caller) => (isExempt(caller) ? 'none' : 'direct') : level, unresolved }
}
