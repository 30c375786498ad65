// Roles, their trust policies, inline and attached policies, boundaries and tags.

import { boolean, type Infer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import {
  Arn,
  AttachedPermissionsBoundary,
  AttachedPolicy,
  EntityId,
  InstanceProfileName,
  Marker,
  MaxItems,
  Path,
  PathPrefix,
  PolicyDocument,
  PolicyName,
  PolicyPath,
  RoleDescription,
  RoleMaxSessionDuration,
  RoleName,
  SourceRoleTemplate,
  TagKeyList,
  TagList,
} from './names.ts'

export const CreateRoleRequest = structure({
  Path,
  RoleName: required(RoleName),
  AssumeRolePolicyDocument: required(PolicyDocument),
  Description: RoleDescription,
  MaxSessionDuration: RoleMaxSessionDuration,
  PermissionsBoundary: Arn,
  Tags: TagList,
})
export type CreateRoleRequest = Infer<typeof CreateRoleRequest>

export const RoleLastUsed = structure({
  LastUsedDate: timestamp(),
  Region: string(),
})
export type RoleLastUsed = Infer<typeof RoleLastUsed>

export const Role = structure({
  Path: required(Path),
  RoleName: required(RoleName),
  RoleId: required(EntityId),
  Arn: required(Arn),
  CreateDate: required(timestamp()),
  AssumeRolePolicyDocument: PolicyDocument,
  Description: RoleDescription,
  MaxSessionDuration: RoleMaxSessionDuration,
  PermissionsBoundary: AttachedPermissionsBoundary,
  Tags: TagList,
  RoleLastUsed,
  SourceRoleTemplate,
})
export type Role = Infer<typeof Role>

export const CreateRoleResponse = structure({
  Role: required(Role),
})
export type CreateRoleResponse = Infer<typeof CreateRoleResponse>

export const GetRoleRequest = structure({
  RoleName: required(RoleName),
})
export type GetRoleRequest = Infer<typeof GetRoleRequest>

export const GetRoleResponse = structure({
  Role: required(Role),
})
export type GetRoleResponse = Infer<typeof GetRoleResponse>

export const ListRolesRequest = structure({
  PathPrefix,
  Marker,
  MaxItems,
})
export type ListRolesRequest = Infer<typeof ListRolesRequest>

export const ListRolesResponse = structure({
  Roles: required(list(Role)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListRolesResponse = Infer<typeof ListRolesResponse>

export const UpdateRoleRequest = structure({
  RoleName: required(RoleName),
  Description: RoleDescription,
  MaxSessionDuration: RoleMaxSessionDuration,
})
export type UpdateRoleRequest = Infer<typeof UpdateRoleRequest>

export const UpdateRoleResponse = structure({})
export type UpdateRoleResponse = Infer<typeof UpdateRoleResponse>

export const UpdateRoleDescriptionRequest = structure({
  RoleName: required(RoleName),
  Description: required(RoleDescription),
})
export type UpdateRoleDescriptionRequest = Infer<typeof UpdateRoleDescriptionRequest>

export const UpdateRoleDescriptionResponse = structure({
  Role,
})
export type UpdateRoleDescriptionResponse = Infer<typeof UpdateRoleDescriptionResponse>

export const UpdateAssumeRolePolicyRequest = structure({
  RoleName: required(RoleName),
  PolicyDocument: required(PolicyDocument),
})
export type UpdateAssumeRolePolicyRequest = Infer<typeof UpdateAssumeRolePolicyRequest>

export const UpdateAssumeRolePolicyResponse = structure({})
export type UpdateAssumeRolePolicyResponse = Infer<typeof UpdateAssumeRolePolicyResponse>

export const DeleteRoleRequest = structure({
  RoleName: required(RoleName),
})
export type DeleteRoleRequest = Infer<typeof DeleteRoleRequest>

export const DeleteRoleResponse = structure({})
export type DeleteRoleResponse = Infer<typeof DeleteRoleResponse>

export const PutRolePermissionsBoundaryRequest = structure({
  RoleName: required(RoleName),
  PermissionsBoundary: required(Arn),
})
export type PutRolePermissionsBoundaryRequest = Infer<typeof PutRolePermissionsBoundaryRequest>

export const PutRolePermissionsBoundaryResponse = structure({})
export type PutRolePermissionsBoundaryResponse = Infer<typeof PutRolePermissionsBoundaryResponse>

export const DeleteRolePermissionsBoundaryRequest = structure({
  RoleName: required(RoleName),
})
export type DeleteRolePermissionsBoundaryRequest = Infer<typeof DeleteRolePermissionsBoundaryRequest>

export const DeleteRolePermissionsBoundaryResponse = structure({})
export type DeleteRolePermissionsBoundaryResponse = Infer<typeof DeleteRolePermissionsBoundaryResponse>

export const PutRolePolicyRequest = structure({
  RoleName: required(RoleName),
  PolicyName: required(PolicyName),
  PolicyDocument: required(PolicyDocument),
})
export type PutRolePolicyRequest = Infer<typeof PutRolePolicyRequest>

export const PutRolePolicyResponse = structure({})
export type PutRolePolicyResponse = Infer<typeof PutRolePolicyResponse>

export const GetRolePolicyRequest = structure({
  RoleName: required(RoleName),
  PolicyName: required(PolicyName),
})
export type GetRolePolicyRequest = Infer<typeof GetRolePolicyRequest>

export const GetRolePolicyResponse = structure({
  RoleName: required(RoleName),
  PolicyName: required(PolicyName),
  PolicyDocument: required(PolicyDocument),
})
export type GetRolePolicyResponse = Infer<typeof GetRolePolicyResponse>

export const ListRolePoliciesRequest = structure({
  RoleName: required(RoleName),
  Marker,
  MaxItems,
})
export type ListRolePoliciesRequest = Infer<typeof ListRolePoliciesRequest>

export const ListRolePoliciesResponse = structure({
  PolicyNames: required(list(PolicyName)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListRolePoliciesResponse = Infer<typeof ListRolePoliciesResponse>

export const DeleteRolePolicyRequest = structure({
  RoleName: required(RoleName),
  PolicyName: required(PolicyName),
})
export type DeleteRolePolicyRequest = Infer<typeof DeleteRolePolicyRequest>

export const DeleteRolePolicyResponse = structure({})
export type DeleteRolePolicyResponse = Infer<typeof DeleteRolePolicyResponse>

export const AttachRolePolicyRequest = structure({
  RoleName: required(RoleName),
  PolicyArn: required(Arn),
})
export type AttachRolePolicyRequest = Infer<typeof AttachRolePolicyRequest>

export const AttachRolePolicyResponse = structure({})
export type AttachRolePolicyResponse = Infer<typeof AttachRolePolicyResponse>

export const DetachRolePolicyRequest = structure({
  RoleName: required(RoleName),
  PolicyArn: required(Arn),
})
export type DetachRolePolicyRequest = Infer<typeof DetachRolePolicyRequest>

export const DetachRolePolicyResponse = structure({})
export type DetachRolePolicyResponse = Infer<typeof DetachRolePolicyResponse>

export const ListAttachedRolePoliciesRequest = structure({
  RoleName: required(RoleName),
  PathPrefix: PolicyPath,
  Marker,
  MaxItems,
})
export type ListAttachedRolePoliciesRequest = Infer<typeof ListAttachedRolePoliciesRequest>

export const ListAttachedRolePoliciesResponse = structure({
  AttachedPolicies: list(AttachedPolicy),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListAttachedRolePoliciesResponse = Infer<typeof ListAttachedRolePoliciesResponse>

export const TagRoleRequest = structure({
  RoleName: required(RoleName),
  Tags: required(TagList),
})
export type TagRoleRequest = Infer<typeof TagRoleRequest>

export const TagRoleResponse = structure({})
export type TagRoleResponse = Infer<typeof TagRoleResponse>

export const UntagRoleRequest = structure({
  RoleName: required(RoleName),
  TagKeys: required(TagKeyList),
})
export type UntagRoleRequest = Infer<typeof UntagRoleRequest>

export const UntagRoleResponse = structure({})
export type UntagRoleResponse = Infer<typeof UntagRoleResponse>

export const ListRoleTagsRequest = structure({
  RoleName: required(RoleName),
  Marker,
  MaxItems,
})
export type ListRoleTagsRequest = Infer<typeof ListRoleTagsRequest>

export const ListRoleTagsResponse = structure({
  Tags: required(TagList),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListRoleTagsResponse = Infer<typeof ListRoleTagsResponse>

export const ListInstanceProfilesForRoleRequest = structure({
  RoleName: required(RoleName),
  Marker,
  MaxItems,
})
export type ListInstanceProfilesForRoleRequest = Infer<typeof ListInstanceProfilesForRoleRequest>

export const InstanceProfile = structure({
  Path: required(Path),
  InstanceProfileName: required(InstanceProfileName),
  InstanceProfileId: required(EntityId),
  Arn: required(Arn),
  CreateDate: required(timestamp()),
  Roles: required(list(Role)),
  Tags: TagList,
})
export type InstanceProfile = Infer<typeof InstanceProfile>

export const ListInstanceProfilesForRoleResponse = structure({
  InstanceProfiles: required(list(InstanceProfile)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListInstanceProfilesForRoleResponse = Infer<typeof ListInstanceProfilesForRoleResponse>
