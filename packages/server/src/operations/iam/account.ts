// The account as a whole: its summary, alias, and the password policy that it has not (IAM GetAccountSummary, CreateAccountAlias,
// GetAccountPasswordPolicy).

import {
  CreateAccountAliasRequest,
  CreateAccountAliasResponse,
  DeleteAccountAliasRequest,
  DeleteAccountAliasResponse,
  GetAccountPasswordPolicyRequest,
  GetAccountPasswordPolicyResponse,
  GetAccountSummaryRequest,
  GetAccountSummaryResponse,
  ListAccountAliasesRequest,
  ListAccountAliasesResponse,
} from '@berth/api/iam/account.ts'
import { IdentityError } from '../../base/identity-error.ts'
import { maxVersions } from '../../domain/identities/customer-policies.ts'
import { accessKeysPerUser, entityQuotas, groupsPerUser, policiesPerEntity } from '../../domain/identities/quotas.ts'
import { policySizes } from '../../domain/policies/policy-faults.ts'
import { identityOperation } from '../identity-operation.ts'
import { openMarker } from './pages.ts'
import { onAnything } from './resources.ts'

/** What nobody has here, and nobody can have. */
const absent = {
  AccountMFAEnabled: 0,
  AccountPasswordPresent: 0,
  AccountSigningCertificatesPresent: 0,
  InstanceProfiles: 0,
  InstanceProfilesQuota: 0,
  MFADevices: 0,
  MFADevicesInUse: 0,
  ServerCertificates: 0,
  ServerCertificatesQuota: 0,
  SigningCertificatesPerUserQuota: 0,
}

const getAccountSummary = identityOperation({
  service: 'iam',
  name: 'GetAccountSummary',
  input: GetAccountSummaryRequest,
  output: GetAccountSummaryResponse,
  permissions: onAnything('GetAccountSummary'),
  async run(_input, { registry }, { accountReports }) {
    const { entities, versions, rootKeys } = await accountReports.counts(registry.accountId)
    return {
      SummaryMap: {
        Users: entities.get('user') ?? 0,
        UsersQuota: entityQuotas.user.limit,
        Groups: entities.get('group') ?? 0,
        GroupsQuota: entityQuotas.group.limit,
        Roles: entities.get('role') ?? 0,
        RolesQuota: entityQuotas.role.limit,
        Policies: entities.get('policy') ?? 0,
        PoliciesQuota: entityQuotas.policy.limit,
        Providers: entities.get('provider') ?? 0,
        PolicyVersionsInUse: versions,
        PolicyVersionsInUseQuota: entityQuotas.policy.limit * maxVersions,
        VersionsPerPolicyQuota: maxVersions,
        GroupsPerUserQuota: groupsPerUser.limit,
        AccessKeysPerUserQuota: accessKeysPerUser.limit,
        AttachedPoliciesPerUserQuota: policiesPerEntity.user.limit,
        AttachedPoliciesPerGroupQuota: policiesPerEntity.group.limit,
        AttachedPoliciesPerRoleQuota: policiesPerEntity.role.limit,
        PolicySizeQuota: policySizes.managed,
        UserPolicySizeQuota: policySizes.userInline,
        GroupPolicySizeQuota: policySizes.groupInline,
        RolePolicySizeQuota: policySizes.roleInline,
        AssumeRolePolicySizeQuota: policySizes.trust,
        // Session tokens are the same for every region.
        GlobalEndpointTokenVersion: 2,
        AccountAccessKeysPresent: rootKeys > 0 ? 1 : 0,
        ...absent,
      },
    }
  },
})

const createAccountAlias = identityOperation({
  service: 'iam',
  name: 'CreateAccountAlias',
  input: CreateAccountAliasRequest,
  output: CreateAccountAliasResponse,
  permissions: onAnything('CreateAccountAlias'),
  async run({ AccountAlias }, { registry }, { accountAliases }) {
    await accountAliases.set(registry.accountId, AccountAlias)
    return {}
  },
})

const deleteAccountAlias = identityOperation({
  service: 'iam',
  name: 'DeleteAccountAlias',
  input: DeleteAccountAliasRequest,
  output: DeleteAccountAliasResponse,
  permissions: onAnything('DeleteAccountAlias'),
  async run({ AccountAlias }, { registry }, { accountAliases }) {
    await accountAliases.remove(registry.accountId, AccountAlias)
    return {}
  },
})

const listAccountAliases = identityOperation({
  service: 'iam',
  name: 'ListAccountAliases',
  input: ListAccountAliasesRequest,
  output: ListAccountAliasesResponse,
  permissions: onAnything('ListAccountAliases'),
  async run(page, ctx, services) {
    // One at most, so no page ever ended before the last.
    openMarker(services, ctx, 'ListAccountAliases', page)
    const alias = await services.accountAliases.find(ctx.registry.accountId)
    return { AccountAliases: alias === undefined ? [] : [alias], IsTruncated: false }
  },
})

const getAccountPasswordPolicy = identityOperation({
  service: 'iam',
  name: 'GetAccountPasswordPolicy',
  input: GetAccountPasswordPolicyRequest,
  output: GetAccountPasswordPolicyResponse,
  permissions: onAnything('GetAccountPasswordPolicy'),
  async run(_input, { registry }) {
    throw new IdentityError(
      'NoSuchEntity',
      `The Password Policy with domain name ${registry.accountId} cannot be found.`,
    )
  },
})

export const accountOperations = [
  createAccountAlias,
  deleteAccountAlias,
  getAccountPasswordPolicy,
  getAccountSummary,
  listAccountAliases,
]
