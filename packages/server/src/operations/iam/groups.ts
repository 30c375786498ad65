// Groups and their members (IAM CreateGroup and its neighbours).

import {
  AddUserToGroupRequest,
  AddUserToGroupResponse,
  CreateGroupRequest,
  CreateGroupResponse,
  DeleteGroupRequest,
  DeleteGroupResponse,
  GetGroupRequest,
  GetGroupResponse,
  ListGroupsForUserRequest,
  ListGroupsForUserResponse,
  ListGroupsRequest,
  ListGroupsResponse,
  RemoveUserFromGroupRequest,
  RemoveUserFromGroupResponse,
  UpdateGroupRequest,
  UpdateGroupResponse,
} from '@berth/api/iam/groups.ts'
import { identityOperation } from '../identity-operation.ts'
import { nextMarker, openMarker, pageOfNames } from './pages.ts'
import { presentGroup, presentUser } from './present.ts'
import { newArn, onBothNames, onGroup, onPath, onUser } from './resources.ts'

const createGroup = identityOperation({
  service: 'iam',
  name: 'CreateGroup',
  input: CreateGroupRequest,
  output: CreateGroupResponse,
  naming: ['Path', 'GroupName'],
  permissions: ({ GroupName, Path }, ctx) => [['iam:CreateGroup', newArn(ctx, 'group', GroupName, Path)]],
  async run({ GroupName, Path = '/' }, { registry }, { groups }) {
    return { Group: presentGroup(await groups.create(registry.accountId, { name: GroupName, path: Path })) }
  },
})

const getGroup = identityOperation({
  service: 'iam',
  name: 'GetGroup',
  input: GetGroupRequest,
  output: GetGroupResponse,
  naming: ['GroupName'],
  permissions: onGroup('GetGroup'),
  async run({ GroupName, ...page }, ctx, services) {
    const { row, members } = await services.groups.get(ctx.registry.accountId, GroupName)
    const list = `GetGroup/${row.entity_id}`
    const { page: users, next } = pageOfNames(members, openMarker(services, ctx, list, page))
    return { Group: presentGroup(row), Users: users.map(presentUser), ...nextMarker(services, ctx, list, next) }
  },
})

const listGroups = identityOperation({
  service: 'iam',
  name: 'ListGroups',
  input: ListGroupsRequest,
  output: ListGroupsResponse,
  naming: ['PathPrefix'],
  permissions: onPath('ListGroups', 'group'),
  async run({ PathPrefix = '/', ...page }, ctx, services) {
    const place = openMarker(services, ctx, 'ListGroups', page)
    const { rows, next } = await services.entities.list(ctx.registry.accountId, 'group', {
      pathPrefix: PathPrefix,
      ...place,
    })
    return { Groups: rows.map(presentGroup), ...nextMarker(services, ctx, 'ListGroups', next) }
  },
})

const updateGroup = identityOperation({
  service: 'iam',
  name: 'UpdateGroup',
  input: UpdateGroupRequest,
  output: UpdateGroupResponse,
  naming: ['GroupName', 'NewPath', 'NewGroupName'],
  permissions: ({ GroupName, NewGroupName, NewPath }, ctx, services) =>
    onBothNames('UpdateGroup', 'group', { name: GroupName, newName: NewGroupName, newPath: NewPath }, ctx, services),
  async run({ GroupName, NewGroupName, NewPath }, { registry }, { groups }) {
    await groups.rename(registry.accountId, GroupName, { name: NewGroupName, path: NewPath })
    return {}
  },
})

const deleteGroup = identityOperation({
  service: 'iam',
  name: 'DeleteGroup',
  input: DeleteGroupRequest,
  output: DeleteGroupResponse,
  naming: ['GroupName'],
  permissions: onGroup('DeleteGroup'),
  async run({ GroupName }, { registry }, { groups }) {
    await groups.delete(registry.accountId, GroupName)
    return {}
  },
})

const addUserToGroup = identityOperation({
  service: 'iam',
  name: 'AddUserToGroup',
  input: AddUserToGroupRequest,
  output: AddUserToGroupResponse,
  naming: ['GroupName'],
  permissions: onGroup('AddUserToGroup'),
  async run({ GroupName, UserName }, { registry }, { groups }) {
    await groups.addUser(registry.accountId, GroupName, UserName)
    return {}
  },
})

const removeUserFromGroup = identityOperation({
  service: 'iam',
  name: 'RemoveUserFromGroup',
  input: RemoveUserFromGroupRequest,
  output: RemoveUserFromGroupResponse,
  naming: ['GroupName'],
  permissions: onGroup('RemoveUserFromGroup'),
  async run({ GroupName, UserName }, { registry }, { groups }) {
    await groups.removeUser(registry.accountId, GroupName, UserName)
    return {}
  },
})

const listGroupsForUser = identityOperation({
  service: 'iam',
  name: 'ListGroupsForUser',
  input: ListGroupsForUserRequest,
  output: ListGroupsForUserResponse,
  naming: ['UserName'],
  permissions: onUser('ListGroupsForUser'),
  async run({ UserName, ...page }, ctx, services) {
    const groups = await services.users.groups(ctx.registry.accountId, UserName)
    const list = `ListGroupsForUser/${UserName.toLowerCase()}`
    const { page: shown, next } = pageOfNames(groups, openMarker(services, ctx, list, page))
    return { Groups: shown.map(presentGroup), ...nextMarker(services, ctx, list, next) }
  },
})

export const groupOperations = [
  addUserToGroup,
  createGroup,
  deleteGroup,
  getGroup,
  listGroups,
  listGroupsForUser,
  removeUserFromGroup,
  updateGroup,
]
