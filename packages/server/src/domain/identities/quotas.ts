// IAM's default quotas (IAM, "IAM and AWS STS quotas"). What is counted here is refused beyond, and GetAccountSummary tells it.

import { IdentityError } from '../../base/identity-error.ts'
import type { EntityKind } from '../../storage/metadata/schema.ts'

export interface Quota {
  name: string
  limit: number
}

export const entityQuotas: Record<EntityKind, Quota> = {
  user: { name: 'UsersPerAccount', limit: 5000 },
  group: { name: 'GroupsPerAccount', limit: 300 },
  role: { name: 'RolesPerAccount', limit: 1000 },
  policy: { name: 'PoliciesPerAccount', limit: 1500 },
  provider: { name: 'OpenIdConnectProvidersPerAccount', limit: 100 },
}

export const groupsPerUser: Quota = { name: 'GroupsPerUser', limit: 10 }
export const policiesPerEntity: Record<'user' | 'group' | 'role', Quota> = {
  user: { name: 'PoliciesPerUser', limit: 10 },
  group: { name: 'PoliciesPerGroup', limit: 10 },
  role: { name: 'PoliciesPerRole', limit: 10 },
}
export const clientIdsPerProvider: Quota = { name: 'ClientIdsPerOpenIdConnectProvider', limit: 100 }
export const accessKeysPerUser: Quota = { name: 'AccessKeysPerUser', limit: 2 }

/** @throws IdentityError LimitExceeded when there are that many already */
export function checkQuota(count: number, { name, limit }: Quota): void {
  if (count >= limit) throw new IdentityError('LimitExceeded', `Cannot exceed quota for ${name}: ${limit}`)
}
