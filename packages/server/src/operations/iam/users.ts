// Users (IAM CreateUser and its neighbours).

import {
  CreateUserRequest,
  CreateUserResponse,
  DeleteUserRequest,
  DeleteUserResponse,
  GetUserRequest,
  GetUserResponse,
  ListUsersRequest,
  ListUsersResponse,
  UpdateUserRequest,
  UpdateUserResponse,
} from '@berth/api/iam/users.ts'
import { refuseMissing } from '../../domain/identities/entities.ts'
import { identityOperation } from '../identity-operation.ts'
import { type Permission, tagFacts } from '../operation.ts'
import { nextMarker, openMarker } from './pages.ts'
import { presentRootUser, presentUser, presentWholeUser, tagsOf } from './present.ts'
import { newArn, onBothNames, onPath, onUser, ownerOf } from './resources.ts'

const createUser = identityOperation({
  service: 'iam',
  name: 'CreateUser',
  input: CreateUserRequest,
  output: CreateUserResponse,
  naming: ['Path', 'UserName'],
  permissions({ UserName, Path, PermissionsBoundary, Tags }, ctx): Permission[] {
    const arn = newArn(ctx, 'user', UserName, Path)
    const requestTags = tagFacts(Tags)
    const facts = {
      requestTags,
      ...(PermissionsBoundary === undefined ? {} : { permissionsBoundary: PermissionsBoundary }),
    }
    const tagging: Permission[] = requestTags.length > 0 ? [['iam:TagUser', arn, facts]] : []
    return [['iam:CreateUser', arn, facts], ...tagging]
  },
  async run({ UserName, Path = '/', PermissionsBoundary, Tags }, { registry }, { users }) {
    const tags = tagsOf(Tags)
    const boundary = PermissionsBoundary === undefined ? {} : { boundaryArn: PermissionsBoundary }
    const row = await users.create(registry.accountId, { name: UserName, path: Path, tags, ...boundary })
    return { User: presentWholeUser(row, tags) }
  },
})

const getUser = identityOperation({
  service: 'iam',
  name: 'GetUser',
  input: GetUserRequest,
  output: GetUserResponse,
  naming: ['UserName'],
  permissions: onUser('GetUser'),
  async run({ UserName }, ctx, services) {
    const { accountId } = ctx.registry
    if (UserName === undefined && ctx.principal.caller.kind === 'root') {
      return { User: presentRootUser(accountId, await services.accountReports.accountCreatedAt(accountId)) }
    }
    const { name } = await ownerOf(UserName, ctx, services)
    if (name === undefined) return refuseMissing('user', ctx.principal.userId, accountId)
    const { row, tags } = await services.users.get(accountId, name)
    return { User: presentWholeUser(row, tags) }
  },
})

const listUsers = identityOperation({
  service: 'iam',
  name: 'ListUsers',
  input: ListUsersRequest,
  output: ListUsersResponse,
  naming: ['PathPrefix'],
  permissions: onPath('ListUsers', 'user'),
  async run({ PathPrefix = '/', ...page }, ctx, services) {
    const place = openMarker(services, ctx, 'ListUsers', page)
    const { rows, next } = await services.entities.list(ctx.registry.accountId, 'user', {
      pathPrefix: PathPrefix,
      ...place,
    })
    return { Users: rows.map(presentUser), ...nextMarker(services, ctx, 'ListUsers', next) }
  },
})

const updateUser = identityOperation({
  service: 'iam',
  name: 'UpdateUser',
  input: UpdateUserRequest,
  output: UpdateUserResponse,
  naming: ['UserName', 'NewPath', 'NewUserName'],
  permissions: ({ UserName, NewUserName, NewPath }, ctx, services) =>
    onBothNames('UpdateUser', 'user', { name: UserName, newName: NewUserName, newPath: NewPath }, ctx, services),
  async run({ UserName, NewUserName, NewPath }, { registry }, { users }) {
    await users.rename(registry.accountId, UserName, { name: NewUserName, path: NewPath })
    return {}
  },
})

const deleteUser = identityOperation({
  service: 'iam',
  name: 'DeleteUser',
  input: DeleteUserRequest,
  output: DeleteUserResponse,
  naming: ['UserName'],
  permissions: onUser('DeleteUser'),
  async run({ UserName }, { registry }, { users }) {
    await users.delete(registry.accountId, UserName)
    return {}
  },
})

export const userOperations = [createUser, deleteUser, getUser, listUsers, updateUser]
