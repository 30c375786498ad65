// Every operation of IAM and STS that is built, by service and name. An explicit list: what is not here is refused as unknown.

import { absentCredentialOperations } from './iam/absent-credentials.ts'
import { accessKeyOperations } from './iam/access-keys.ts'
import { accountOperations } from './iam/account.ts'
import { accountDetailOperations } from './iam/account-details.ts'
import { attachedPolicyOperations } from './iam/attached-policies.ts'
import { credentialReportOperations } from './iam/credential-report.ts'
import { entityTagOperations } from './iam/entity-tags.ts'
import { groupOperations } from './iam/groups.ts'
import { inlinePolicyOperations } from './iam/inline-policies.ts'
import { managedPolicyOperations } from './iam/managed-policies.ts'
import { policyVersionOperations } from './iam/policy-versions.ts'
import { providerOperations } from './iam/providers.ts'
import { roleOperations } from './iam/roles.ts'
import { simulationOperations } from './iam/simulation.ts'
import { userOperations } from './iam/users.ts'
import type { IdentityOperation } from './identity-operation.ts'
import { assumeRole } from './sts/assume-role.ts'
import { assumeRoleWithWebIdentity } from './sts/assume-role-with-web-identity.ts'
import { decodeAuthorizationMessage } from './sts/decode-authorization-message.ts'
import { getAccessKeyInfo } from './sts/get-access-key-info.ts'
import { getCallerIdentity } from './sts/get-caller-identity.ts'
import { getFederationToken } from './sts/get-federation-token.ts'
import { getSessionToken } from './sts/get-session-token.ts'

const all: readonly IdentityOperation[] = [
  ...absentCredentialOperations,
  ...accessKeyOperations,
  ...accountDetailOperations,
  ...accountOperations,
  ...attachedPolicyOperations,
  ...entityTagOperations,
  ...credentialReportOperations,
  ...groupOperations,
  ...inlinePolicyOperations,
  ...managedPolicyOperations,
  ...policyVersionOperations,
  ...providerOperations,
  ...roleOperations,
  ...simulationOperations,
  ...userOperations,
  assumeRole,
  assumeRoleWithWebIdentity,
  decodeAuthorizationMessage,
  getAccessKeyInfo,
  getCallerIdentity,
  getFederationToken,
  getSessionToken,
]

export const identityOperations: ReadonlyMap<string, IdentityOperation> = new Map(
  all.map((one) => [`${one.service}:${one.name}`, one]),
)
