// Groups, their members, inline and attached policies.

import { boolean, type Infer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import {
  Arn,
  AttachedPolicy,
  EntityId,
  ExistingUserName,
  GroupName,
  Marker,
  MaxItems,
  Path,
  PathPrefix,
  PolicyDocument,
  PolicyName,
  PolicyPath,
} from './names.ts'
import { User } from './users.ts'

export const CreateGroupRequest = structure({
  Path,
  GroupName: required(GroupName),
})
export type CreateGroupRequest = Infer<typeof CreateGroupRequest>

export const Group = structure({
  Path: required(Path),
  GroupName: required(GroupName),
  GroupId: required(EntityId),
  Arn: required(Arn),
  CreateDate: required(timestamp()),
})
export type Group = Infer<typeof Group>

export const CreateGroupResponse = structure({
  Group: required(Group),
})
export type CreateGroupResponse = Infer<typeof CreateGroupResponse>

export const GetGroupRequest = structure({
  GroupName: required(GroupName),
  Marker,
  MaxItems,
})
export type GetGroupRequest = Infer<typeof GetGroupRequest>

export const GetGroupResponse = structure({
  Group: required(Group),
  Users: required(list(User)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type GetGroupResponse = Infer<typeof GetGroupResponse>

export const ListGroupsRequest = structure({
  PathPrefix,
  Marker,
  MaxItems,
})
export type ListGroupsRequest = Infer<typeof ListGroupsRequest>

export const ListGroupsResponse = structure({
  Groups: required(list(Group)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListGroupsResponse = Infer<typeof ListGroupsResponse>

export const UpdateGroupRequest = structure({
  GroupName: required(GroupName),
  NewPath: Path,
  NewGroupName: GroupName,
})
export type UpdateGroupRequest = Infer<typeof UpdateGroupRequest>

export const UpdateGroupResponse = structure({})
export type UpdateGroupResponse = Infer<typeof UpdateGroupResponse>

export const DeleteGroupRequest = structure({
  GroupName: required(GroupName),
})
export type DeleteGroupRequest = Infer<typeof DeleteGroupRequest>

export const DeleteGroupResponse = structure({})
export type DeleteGroupResponse = Infer<typeof DeleteGroupResponse>

export const AddUserToGroupRequest = structure({
  GroupName: required(GroupName),
  UserName: required(ExistingUserName),
})
export type AddUserToGroupRequest = Infer<typeof AddUserToGroupRequest>

export const AddUserToGroupResponse = structure({})
export type AddUserToGroupResponse = Infer<typeof AddUserToGroupResponse>

export const RemoveUserFromGroupRequest = structure({
  GroupName: required(GroupName),
  UserName: required(ExistingUserName),
})
export type RemoveUserFromGroupRequest = Infer<typeof RemoveUserFromGroupRequest>

export const RemoveUserFromGroupResponse = structure({})
export type RemoveUserFromGroupResponse = Infer<typeof RemoveUserFromGroupResponse>

export const ListGroupsForUserRequest = structure({
  UserName: required(ExistingUserName),
  Marker,
  MaxItems,
})
export type ListGroupsForUserRequest = Infer<typeof ListGroupsForUserRequest>

export const ListGroupsForUserResponse = structure({
  Groups: required(list(Group)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListGroupsForUserResponse = Infer<typeof ListGroupsForUserResponse>

export const PutGroupPolicyRequest = structure({
  GroupName: required(GroupName),
  PolicyName: required(PolicyName),
  PolicyDocument: required(PolicyDocument),
})
export type PutGroupPolicyRequest = Infer<typeof PutGroupPolicyRequest>

export const PutGroupPolicyResponse = structure({})
export type PutGroupPolicyResponse = Infer<typeof PutGroupPolicyResponse>

export const GetGroupPolicyRequest = structure({
  GroupName: required(GroupName),
  PolicyName: required(PolicyName),
})
export type GetGroupPolicyRequest = Infer<typeof GetGroupPolicyRequest>

export const GetGroupPolicyResponse = structure({
  GroupName: required(GroupName),
  PolicyName: required(PolicyName),
  PolicyDocument: required(PolicyDocument),
})
export type GetGroupPolicyResponse = Infer<typeof GetGroupPolicyResponse>

export const ListGroupPoliciesRequest = structure({
  GroupName: required(GroupName),
  Marker,
  MaxItems,
})
export type ListGroupPoliciesRequest = Infer<typeof ListGroupPoliciesRequest>

export const ListGroupPoliciesResponse = structure({
  PolicyNames: required(list(PolicyName)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListGroupPoliciesResponse = Infer<typeof ListGroupPoliciesResponse>

export const DeleteGroupPolicyRequest = structure({
  GroupName: required(GroupName),
  PolicyName: required(PolicyName),
})
export type DeleteGroupPolicyRequest = Infer<typeof DeleteGroupPolicyRequest>

export const DeleteGroupPolicyResponse = structure({})
export type DeleteGroupPolicyResponse = Infer<typeof DeleteGroupPolicyResponse>

export const AttachGroupPolicyRequest = structure({
  GroupName: required(GroupName),
  PolicyArn: required(Arn),
})
export type AttachGroupPolicyRequest = Infer<typeof AttachGroupPolicyRequest>

export const AttachGroupPolicyResponse = structure({})
export type AttachGroupPolicyResponse = Infer<typeof AttachGroupPolicyResponse>

export const DetachGroupPolicyRequest = structure({
  GroupName: required(GroupName),
  PolicyArn: required(Arn),
})
export type DetachGroupPolicyRequest = Infer<typeof DetachGroupPolicyRequest>

export const DetachGroupPolicyResponse = structure({})
export type DetachGroupPolicyResponse = Infer<typeof DetachGroupPolicyResponse>

export const ListAttachedGroupPoliciesRequest = structure({
  GroupName: required(GroupName),
  PathPrefix: PolicyPath,
  Marker,
  MaxItems,
})
export type ListAttachedGroupPoliciesRequest = Infer<typeof ListAttachedGroupPoliciesRequest>

export const ListAttachedGroupPoliciesResponse = structure({
  AttachedPolicies: list(AttachedPolicy),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListAttachedGroupPoliciesResponse = Infer<typeof ListAttachedGroupPoliciesResponse>
