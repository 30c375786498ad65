// What concerns the whole account: its summary, aliases, reports.

import {
  blob,
  boolean,
  enumeration,
  type Infer,
  integer,
  list,
  map,
  required,
  string,
  structure,
  timestamp,
} from '../shapes/shape.ts'
import {
  Arn,
  AttachedPermissionsBoundary,
  AttachedPolicy,
  EntityId,
  EntityType,
  GroupName,
  Marker,
  MaxItems,
  Path,
  PolicyDescription,
  PolicyDocument,
  PolicyName,
  PolicyPath,
  PolicyVersionId,
  RoleName,
  TagList,
  UserName,
} from './names.ts'
import { PolicyVersion } from './policies.ts'
import { InstanceProfile, RoleLastUsed } from './roles.ts'

export const GetAccountSummaryRequest = structure({})
export type GetAccountSummaryRequest = Infer<typeof GetAccountSummaryRequest>

export const SummaryKey = enumeration(
  'Users',
  'UsersQuota',
  'Groups',
  'GroupsQuota',
  'ServerCertificates',
  'ServerCertificatesQuota',
  'UserPolicySizeQuota',
  'GroupPolicySizeQuota',
  'GroupsPerUserQuota',
  'SigningCertificatesPerUserQuota',
  'AccessKeysPerUserQuota',
  'MFADevices',
  'MFADevicesInUse',
  'AccountMFAEnabled',
  'AccountAccessKeysPresent',
  'AccountPasswordPresent',
  'AccountSigningCertificatesPresent',
  'AttachedPoliciesPerGroupQuota',
  'AttachedPoliciesPerRoleQuota',
  'AttachedPoliciesPerUserQuota',
  'Policies',
  'PoliciesQuota',
  'PolicySizeQuota',
  'PolicyVersionsInUse',
  'PolicyVersionsInUseQuota',
  'VersionsPerPolicyQuota',
  'GlobalEndpointTokenVersion',
  'AssumeRolePolicySizeQuota',
  'InstanceProfiles',
  'InstanceProfilesQuota',
  'Providers',
  'RolePolicySizeQuota',
  'Roles',
  'RolesQuota',
)
export type SummaryKey = Infer<typeof SummaryKey>

export const GetAccountSummaryResponse = structure({
  SummaryMap: map(SummaryKey, integer()),
})
export type GetAccountSummaryResponse = Infer<typeof GetAccountSummaryResponse>

export const ListAccountAliasesRequest = structure({
  Marker,
  MaxItems,
})
export type ListAccountAliasesRequest = Infer<typeof ListAccountAliasesRequest>

export const AccountAlias = string({ min: 3, max: 63, pattern: '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$' })

export const ListAccountAliasesResponse = structure({
  AccountAliases: required(list(AccountAlias)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListAccountAliasesResponse = Infer<typeof ListAccountAliasesResponse>

export const CreateAccountAliasRequest = structure({
  AccountAlias: required(AccountAlias),
})
export type CreateAccountAliasRequest = Infer<typeof CreateAccountAliasRequest>

export const CreateAccountAliasResponse = structure({})
export type CreateAccountAliasResponse = Infer<typeof CreateAccountAliasResponse>

export const DeleteAccountAliasRequest = structure({
  AccountAlias: required(AccountAlias),
})
export type DeleteAccountAliasRequest = Infer<typeof DeleteAccountAliasRequest>

export const DeleteAccountAliasResponse = structure({})
export type DeleteAccountAliasResponse = Infer<typeof DeleteAccountAliasResponse>

export const GetAccountPasswordPolicyRequest = structure({})
export type GetAccountPasswordPolicyRequest = Infer<typeof GetAccountPasswordPolicyRequest>

export const MinimumPasswordLength = integer({ min: 6, max: 128 })

export const MaxPasswordAge = integer({ min: 1, max: 1095 })

export const PasswordReusePrevention = integer({ min: 1, max: 24 })

export const PasswordPolicy = structure({
  MinimumPasswordLength,
  RequireSymbols: boolean(),
  RequireNumbers: boolean(),
  RequireUppercaseCharacters: boolean(),
  RequireLowercaseCharacters: boolean(),
  AllowUsersToChangePassword: boolean(),
  ExpirePasswords: boolean(),
  MaxPasswordAge,
  PasswordReusePrevention,
  HardExpiry: boolean(),
})
export type PasswordPolicy = Infer<typeof PasswordPolicy>

export const GetAccountPasswordPolicyResponse = structure({
  PasswordPolicy: required(PasswordPolicy),
})
export type GetAccountPasswordPolicyResponse = Infer<typeof GetAccountPasswordPolicyResponse>

export const GetAccountAuthorizationDetailsRequest = structure({
  Filter: list(EntityType),
  MaxItems,
  Marker,
})
export type GetAccountAuthorizationDetailsRequest = Infer<typeof GetAccountAuthorizationDetailsRequest>

export const PolicyDetail = structure({
  PolicyName,
  PolicyDocument,
})
export type PolicyDetail = Infer<typeof PolicyDetail>

export const UserDetail = structure({
  Path,
  UserName,
  UserId: EntityId,
  Arn,
  CreateDate: timestamp(),
  UserPolicyList: list(PolicyDetail),
  GroupList: list(GroupName),
  AttachedManagedPolicies: list(AttachedPolicy),
  PermissionsBoundary: AttachedPermissionsBoundary,
  Tags: TagList,
})
export type UserDetail = Infer<typeof UserDetail>

export const GroupDetail = structure({
  Path,
  GroupName,
  GroupId: EntityId,
  Arn,
  CreateDate: timestamp(),
  GroupPolicyList: list(PolicyDetail),
  AttachedManagedPolicies: list(AttachedPolicy),
})
export type GroupDetail = Infer<typeof GroupDetail>

export const RoleDetail = structure({
  Path,
  RoleName,
  RoleId: EntityId,
  Arn,
  CreateDate: timestamp(),
  AssumeRolePolicyDocument: PolicyDocument,
  InstanceProfileList: list(InstanceProfile),
  RolePolicyList: list(PolicyDetail),
  AttachedManagedPolicies: list(AttachedPolicy),
  PermissionsBoundary: AttachedPermissionsBoundary,
  Tags: TagList,
  RoleLastUsed,
})
export type RoleDetail = Infer<typeof RoleDetail>

export const ManagedPolicyDetail = structure({
  PolicyName,
  PolicyId: EntityId,
  Arn,
  Path: PolicyPath,
  DefaultVersionId: PolicyVersionId,
  AttachmentCount: integer(),
  PermissionsBoundaryUsageCount: integer(),
  IsAttachable: boolean(),
  Description: PolicyDescription,
  CreateDate: timestamp(),
  UpdateDate: timestamp(),
  PolicyVersionList: list(PolicyVersion),
})
export type ManagedPolicyDetail = Infer<typeof ManagedPolicyDetail>

export const GetAccountAuthorizationDetailsResponse = structure({
  UserDetailList: list(UserDetail),
  GroupDetailList: list(GroupDetail),
  RoleDetailList: list(RoleDetail),
  Policies: list(ManagedPolicyDetail),
  IsTruncated: boolean(),
  Marker: string(),
})
export type GetAccountAuthorizationDetailsResponse = Infer<typeof GetAccountAuthorizationDetailsResponse>

export const GenerateCredentialReportRequest = structure({})
export type GenerateCredentialReportRequest = Infer<typeof GenerateCredentialReportRequest>

export const ReportState = enumeration('STARTED', 'INPROGRESS', 'COMPLETE')
export type ReportState = Infer<typeof ReportState>

export const GenerateCredentialReportResponse = structure({
  State: ReportState,
  Description: string(),
})
export type GenerateCredentialReportResponse = Infer<typeof GenerateCredentialReportResponse>

export const GetCredentialReportRequest = structure({})
export type GetCredentialReportRequest = Infer<typeof GetCredentialReportRequest>

export const ReportFormat = enumeration('text/csv')
export type ReportFormat = Infer<typeof ReportFormat>

export const GetCredentialReportResponse = structure({
  Content: blob(),
  ReportFormat,
  GeneratedTime: timestamp(),
})
export type GetCredentialReportResponse = Infer<typeof GetCredentialReportResponse>
