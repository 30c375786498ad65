// Managed policies and their versions.

import {
  boolean,
  enumeration,
  type Infer,
  integer,
  list,
  required,
  string,
  structure,
  timestamp,
} from '../shapes/shape.ts'
import {
  Arn,
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
  TagKeyList,
  TagList,
  UserName,
} from './names.ts'

export const CreatePolicyRequest = structure({
  PolicyName: required(PolicyName),
  Path: PolicyPath,
  PolicyDocument: required(PolicyDocument),
  Description: PolicyDescription,
  Tags: TagList,
})
export type CreatePolicyRequest = Infer<typeof CreatePolicyRequest>

export const Policy = structure({
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
  Tags: TagList,
})
export type Policy = Infer<typeof Policy>

export const CreatePolicyResponse = structure({
  Policy,
})
export type CreatePolicyResponse = Infer<typeof CreatePolicyResponse>

export const GetPolicyRequest = structure({
  PolicyArn: required(Arn),
})
export type GetPolicyRequest = Infer<typeof GetPolicyRequest>

export const GetPolicyResponse = structure({
  Policy,
})
export type GetPolicyResponse = Infer<typeof GetPolicyResponse>

export const PolicyScope = enumeration('All', 'AWS', 'Local')
export type PolicyScope = Infer<typeof PolicyScope>

export const PolicyUsage = enumeration('PermissionsPolicy', 'PermissionsBoundary')
export type PolicyUsage = Infer<typeof PolicyUsage>

export const ListPoliciesRequest = structure({
  Scope: PolicyScope,
  OnlyAttached: boolean(),
  PathPrefix: PolicyPath,
  PolicyUsageFilter: PolicyUsage,
  Marker,
  MaxItems,
})
export type ListPoliciesRequest = Infer<typeof ListPoliciesRequest>

export const ListPoliciesResponse = structure({
  Policies: list(Policy),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListPoliciesResponse = Infer<typeof ListPoliciesResponse>

export const DeletePolicyRequest = structure({
  PolicyArn: required(Arn),
})
export type DeletePolicyRequest = Infer<typeof DeletePolicyRequest>

export const DeletePolicyResponse = structure({})
export type DeletePolicyResponse = Infer<typeof DeletePolicyResponse>

export const CreatePolicyVersionRequest = structure({
  PolicyArn: required(Arn),
  PolicyDocument: required(PolicyDocument),
  SetAsDefault: boolean(),
})
export type CreatePolicyVersionRequest = Infer<typeof CreatePolicyVersionRequest>

export const PolicyVersion = structure({
  Document: PolicyDocument,
  VersionId: PolicyVersionId,
  IsDefaultVersion: boolean(),
  CreateDate: timestamp(),
})
export type PolicyVersion = Infer<typeof PolicyVersion>

export const CreatePolicyVersionResponse = structure({
  PolicyVersion,
})
export type CreatePolicyVersionResponse = Infer<typeof CreatePolicyVersionResponse>

export const GetPolicyVersionRequest = structure({
  PolicyArn: required(Arn),
  VersionId: required(PolicyVersionId),
})
export type GetPolicyVersionRequest = Infer<typeof GetPolicyVersionRequest>

export const GetPolicyVersionResponse = structure({
  PolicyVersion,
})
export type GetPolicyVersionResponse = Infer<typeof GetPolicyVersionResponse>

export const ListPolicyVersionsRequest = structure({
  PolicyArn: required(Arn),
  Marker,
  MaxItems,
})
export type ListPolicyVersionsRequest = Infer<typeof ListPolicyVersionsRequest>

export const ListPolicyVersionsResponse = structure({
  Versions: list(PolicyVersion),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListPolicyVersionsResponse = Infer<typeof ListPolicyVersionsResponse>

export const SetDefaultPolicyVersionRequest = structure({
  PolicyArn: required(Arn),
  VersionId: required(PolicyVersionId),
})
export type SetDefaultPolicyVersionRequest = Infer<typeof SetDefaultPolicyVersionRequest>

export const SetDefaultPolicyVersionResponse = structure({})
export type SetDefaultPolicyVersionResponse = Infer<typeof SetDefaultPolicyVersionResponse>

export const DeletePolicyVersionRequest = structure({
  PolicyArn: required(Arn),
  VersionId: required(PolicyVersionId),
})
export type DeletePolicyVersionRequest = Infer<typeof DeletePolicyVersionRequest>

export const DeletePolicyVersionResponse = structure({})
export type DeletePolicyVersionResponse = Infer<typeof DeletePolicyVersionResponse>

export const ListEntitiesForPolicyRequest = structure({
  PolicyArn: required(Arn),
  EntityFilter: EntityType,
  PathPrefix: Path,
  PolicyUsageFilter: PolicyUsage,
  Marker,
  MaxItems,
})
export type ListEntitiesForPolicyRequest = Infer<typeof ListEntitiesForPolicyRequest>

export const PolicyGroup = structure({
  GroupName,
  GroupId: EntityId,
})
export type PolicyGroup = Infer<typeof PolicyGroup>

export const PolicyUser = structure({
  UserName,
  UserId: EntityId,
})
export type PolicyUser = Infer<typeof PolicyUser>

export const PolicyRole = structure({
  RoleName,
  RoleId: EntityId,
})
export type PolicyRole = Infer<typeof PolicyRole>

export const ListEntitiesForPolicyResponse = structure({
  PolicyGroups: list(PolicyGroup),
  PolicyUsers: list(PolicyUser),
  PolicyRoles: list(PolicyRole),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListEntitiesForPolicyResponse = Infer<typeof ListEntitiesForPolicyResponse>

export const TagPolicyRequest = structure({
  PolicyArn: required(Arn),
  Tags: required(TagList),
})
export type TagPolicyRequest = Infer<typeof TagPolicyRequest>

export const TagPolicyResponse = structure({})
export type TagPolicyResponse = Infer<typeof TagPolicyResponse>

export const UntagPolicyRequest = structure({
  PolicyArn: required(Arn),
  TagKeys: required(TagKeyList),
})
export type UntagPolicyRequest = Infer<typeof UntagPolicyRequest>

export const UntagPolicyResponse = structure({})
export type UntagPolicyResponse = Infer<typeof UntagPolicyResponse>

export const ListPolicyTagsRequest = structure({
  PolicyArn: required(Arn),
  Marker,
  MaxItems,
})
export type ListPolicyTagsRequest = Infer<typeof ListPolicyTagsRequest>

export const ListPolicyTagsResponse = structure({
  Tags: required(TagList),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListPolicyTagsResponse = Infer<typeof ListPolicyTagsResponse>
