// Users, their inline and attached policies, boundaries and tags.

import { boolean, type Infer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import {
  Arn,
  AttachedPermissionsBoundary,
  AttachedPolicy,
  EntityId,
  ExistingUserName,
  Marker,
  MaxItems,
  Path,
  PathPrefix,
  PolicyDocument,
  PolicyName,
  PolicyPath,
  TagKeyList,
  TagList,
  UserName,
} from './names.ts'

export const CreateUserRequest = structure({
  Path,
  UserName: required(UserName),
  PermissionsBoundary: Arn,
  Tags: TagList,
})
export type CreateUserRequest = Infer<typeof CreateUserRequest>

export const User = structure({
  Path: required(Path),
  UserName: required(UserName),
  UserId: required(EntityId),
  Arn: required(Arn),
  CreateDate: required(timestamp()),
  PasswordLastUsed: timestamp(),
  PermissionsBoundary: AttachedPermissionsBoundary,
  Tags: TagList,
})
export type User = Infer<typeof User>

export const CreateUserResponse = structure({
  User,
})
export type CreateUserResponse = Infer<typeof CreateUserResponse>

export const GetUserRequest = structure({
  UserName: ExistingUserName,
})
export type GetUserRequest = Infer<typeof GetUserRequest>

export const GetUserResponse = structure({
  User: required(User),
})
export type GetUserResponse = Infer<typeof GetUserResponse>

export const ListUsersRequest = structure({
  PathPrefix,
  Marker,
  MaxItems,
})
export type ListUsersRequest = Infer<typeof ListUsersRequest>

export const ListUsersResponse = structure({
  Users: required(list(User)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListUsersResponse = Infer<typeof ListUsersResponse>

export const UpdateUserRequest = structure({
  UserName: required(ExistingUserName),
  NewPath: Path,
  NewUserName: UserName,
})
export type UpdateUserRequest = Infer<typeof UpdateUserRequest>

export const UpdateUserResponse = structure({})
export type UpdateUserResponse = Infer<typeof UpdateUserResponse>

export const DeleteUserRequest = structure({
  UserName: required(ExistingUserName),
})
export type DeleteUserRequest = Infer<typeof DeleteUserRequest>

export const DeleteUserResponse = structure({})
export type DeleteUserResponse = Infer<typeof DeleteUserResponse>

export const PutUserPermissionsBoundaryRequest = structure({
  UserName: required(UserName),
  PermissionsBoundary: required(Arn),
})
export type PutUserPermissionsBoundaryRequest = Infer<typeof PutUserPermissionsBoundaryRequest>

export const PutUserPermissionsBoundaryResponse = structure({})
export type PutUserPermissionsBoundaryResponse = Infer<typeof PutUserPermissionsBoundaryResponse>

export const DeleteUserPermissionsBoundaryRequest = structure({
  UserName: required(UserName),
})
export type DeleteUserPermissionsBoundaryRequest = Infer<typeof DeleteUserPermissionsBoundaryRequest>

export const DeleteUserPermissionsBoundaryResponse = structure({})
export type DeleteUserPermissionsBoundaryResponse = Infer<typeof DeleteUserPermissionsBoundaryResponse>

export const PutUserPolicyRequest = structure({
  UserName: required(ExistingUserName),
  PolicyName: required(PolicyName),
  PolicyDocument: required(PolicyDocument),
})
export type PutUserPolicyRequest = Infer<typeof PutUserPolicyRequest>

export const PutUserPolicyResponse = structure({})
export type PutUserPolicyResponse = Infer<typeof PutUserPolicyResponse>

export const GetUserPolicyRequest = structure({
  UserName: required(ExistingUserName),
  PolicyName: required(PolicyName),
})
export type GetUserPolicyRequest = Infer<typeof GetUserPolicyRequest>

export const GetUserPolicyResponse = structure({
  UserName: required(ExistingUserName),
  PolicyName: required(PolicyName),
  PolicyDocument: required(PolicyDocument),
})
export type GetUserPolicyResponse = Infer<typeof GetUserPolicyResponse>

export const ListUserPoliciesRequest = structure({
  UserName: required(ExistingUserName),
  Marker,
  MaxItems,
})
export type ListUserPoliciesRequest = Infer<typeof ListUserPoliciesRequest>

export const ListUserPoliciesResponse = structure({
  PolicyNames: required(list(PolicyName)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListUserPoliciesResponse = Infer<typeof ListUserPoliciesResponse>

export const DeleteUserPolicyRequest = structure({
  UserName: required(ExistingUserName),
  PolicyName: required(PolicyName),
})
export type DeleteUserPolicyRequest = Infer<typeof DeleteUserPolicyRequest>

export const DeleteUserPolicyResponse = structure({})
export type DeleteUserPolicyResponse = Infer<typeof DeleteUserPolicyResponse>

export const AttachUserPolicyRequest = structure({
  UserName: required(UserName),
  PolicyArn: required(Arn),
})
export type AttachUserPolicyRequest = Infer<typeof AttachUserPolicyRequest>

export const AttachUserPolicyResponse = structure({})
export type AttachUserPolicyResponse = Infer<typeof AttachUserPolicyResponse>

export const DetachUserPolicyRequest = structure({
  UserName: required(UserName),
  PolicyArn: required(Arn),
})
export type DetachUserPolicyRequest = Infer<typeof DetachUserPolicyRequest>

export const DetachUserPolicyResponse = structure({})
export type DetachUserPolicyResponse = Infer<typeof DetachUserPolicyResponse>

export const ListAttachedUserPoliciesRequest = structure({
  UserName: required(UserName),
  PathPrefix: PolicyPath,
  Marker,
  MaxItems,
})
export type ListAttachedUserPoliciesRequest = Infer<typeof ListAttachedUserPoliciesRequest>

export const ListAttachedUserPoliciesResponse = structure({
  AttachedPolicies: list(AttachedPolicy),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListAttachedUserPoliciesResponse = Infer<typeof ListAttachedUserPoliciesResponse>

export const TagUserRequest = structure({
  UserName: required(ExistingUserName),
  Tags: required(TagList),
})
export type TagUserRequest = Infer<typeof TagUserRequest>

export const TagUserResponse = structure({})
export type TagUserResponse = Infer<typeof TagUserResponse>

export const UntagUserRequest = structure({
  UserName: required(ExistingUserName),
  TagKeys: required(TagKeyList),
})
export type UntagUserRequest = Infer<typeof UntagUserRequest>

export const UntagUserResponse = structure({})
export type UntagUserResponse = Infer<typeof UntagUserResponse>

export const ListUserTagsRequest = structure({
  UserName: required(ExistingUserName),
  Marker,
  MaxItems,
})
export type ListUserTagsRequest = Infer<typeof ListUserTagsRequest>

export const ListUserTagsResponse = structure({
  Tags: required(TagList),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListUserTagsResponse = Infer<typeof ListUserTagsResponse>
