// Roles (IAM CreateRole and its neighbours).

import {
  CreateRoleRequest,
  CreateRoleResponse,
  DeleteRoleRequest,
  DeleteRoleResponse,
  GetRoleRequest,
  GetRoleResponse,
  ListInstanceProfilesForRoleRequest,
  ListInstanceProfilesForRoleResponse,
  ListRolesRequest,
  ListRolesResponse,
  type Role as RoleShape,
  UpdateAssumeRolePolicyRequest,
  UpdateAssumeRolePolicyResponse,
  UpdateRoleDescriptionRequest,
  UpdateRoleDescriptionResponse,
  UpdateRoleRequest,
  UpdateRoleResponse,
} from '@berth/api/iam/roles.ts'
import { entityArn } from '../../domain/identities/arns.ts'
import type { Role } from '../../domain/identities/roles.ts'
import { identityOperation } from '../identity-operation.ts'
import { tagFacts } from '../operation.ts'
import { nextMarker, openMarker } from './pages.ts'
import { onEntity } from './policy-holder.ts'
import { encodeDocument, presentBoundary, presentTags, seconds, tagsOf } from './present.ts'

const createRole = identityOperation({
  service: 'iam',
  name: 'CreateRole',
  input: CreateRoleRequest,
  output: CreateRoleResponse,
  naming: ['RoleName', 'Path'],
  permissions(input, { registry }) {
    const name = { name: input.RoleName ?? '', path: input.Path ?? '/' }
    const arn = entityArn({ account_id: registry.accountId, kind: 'role', ...name })
    const boundary = input.PermissionsBoundary
    const facts = {
      requestTags: tagFacts(input.Tags),
      ...(boundary === undefined ? {} : { permissionsBoundary: boundary }),
    }
    return [['iam:CreateRole', arn, facts], ...(input.Tags?.length ? [['iam:TagRole', arn, facts] as const] : [])]
  },
  async run(input, { registry }, { roles }) {
    const role = await roles.create(registry.accountId, {
      name: input.RoleName,
      path: input.Path ?? '/',
      trustPolicy: input.AssumeRolePolicyDocument,
      description: input.Description,
      maxSessionSeconds: input.MaxSessionDuration,
      boundaryArn: input.PermissionsBoundary,
      tags: tagsOf(input.Tags),
    })
    return { Role: presentWholeRole(role) }
  },
})

const getRole = identityOperation({
  service: 'iam',
  name: 'GetRole',
  input: GetRoleRequest,
  output: GetRoleResponse,
  naming: ['RoleName'],
  permissions: (input, ctx, services) => onEntity('GetRole', 'role', input.RoleName ?? '', ctx, services),
  async run({ RoleName }, { registry }, { roles }) {
    return { Role: presentWholeRole(await roles.get(registry.accountId, RoleName)) }
  },
})

const listRoles = identityOperation({
  service: 'iam',
  name: 'ListRoles',
  input: ListRolesRequest,
  output: ListRolesResponse,
  naming: ['PathPrefix'],
  permissions: (input, { registry }) => [
    ['iam:ListRoles', `arn:aws:iam::${registry.accountId}:role${input.PathPrefix ?? '/'}`],
  ],
  async run(input, ctx, services) {
    const { PathPrefix: pathPrefix = '/' } = input
    const list = `roles${pathPrefix}`
    const from = openMarker(services, ctx, list, input)
    const { roles, next } = await services.roles.list(ctx.registry.accountId, { pathPrefix, ...from })
    return { Roles: roles.map(presentRole), ...nextMarker(services, ctx, list, next) }
  },
})

const updateRole = identityOperation({
  service: 'iam',
  name: 'UpdateRole',
  input: UpdateRoleRequest,
  output: UpdateRoleResponse,
  naming: ['RoleName'],
  permissions: (input, ctx, services) => onEntity('UpdateRole', 'role', input.RoleName ?? '', ctx, services),
  async run({ RoleName, Description: description, MaxSessionDuration: maxSessionSeconds }, { registry }, { roles }) {
    await roles.update(registry.accountId, RoleName, { description, maxSessionSeconds })
    return {}
  },
})

const updateRoleDescription = identityOperation({
  service: 'iam',
  name: 'UpdateRoleDescription',
  input: UpdateRoleDescriptionRequest,
  output: UpdateRoleDescriptionResponse,
  naming: ['RoleName'],
  permissions: (input, ctx, services) => onEntity('UpdateRoleDescription', 'role', input.RoleName ?? '', ctx, services),
  async run({ RoleName, Description: description }, { registry }, { roles }) {
    await roles.update(registry.accountId, RoleName, { description })
    return { Role: presentWholeRole(await roles.get(registry.accountId, RoleName)) }
  },
})

const updateAssumeRolePolicy = identityOperation({
  service: 'iam',
  name: 'UpdateAssumeRolePolicy',
  input: UpdateAssumeRolePolicyRequest,
  output: UpdateAssumeRolePolicyResponse,
  naming: ['RoleName'],
  permissions: (input, ctx, services) =>
    onEntity('UpdateAssumeRolePolicy', 'role', input.RoleName ?? '', ctx, services),
  async run({ RoleName, PolicyDocument }, { registry }, { roles }) {
    await roles.setTrustPolicy(registry.accountId, RoleName, PolicyDocument)
    return {}
  },
})

const deleteRole = identityOperation({
  service: 'iam',
  name: 'DeleteRole',
  input: DeleteRoleRequest,
  output: DeleteRoleResponse,
  naming: ['RoleName'],
  permissions: (input, ctx, services) => onEntity('DeleteRole', 'role', input.RoleName ?? '', ctx, services),
  async run({ RoleName }, { registry }, { roles }) {
    await roles.delete(registry.accountId, RoleName)
    return {}
  },
})

/** There are no instance profiles. Terraform asks for them before it deletes a role. */
const listInstanceProfilesForRole = identityOperation({
  service: 'iam',
  name: 'ListInstanceProfilesForRole',
  input: ListInstanceProfilesForRoleRequest,
  output: ListInstanceProfilesForRoleResponse,
  naming: ['RoleName'],
  permissions: (input, ctx, services) =>
    onEntity('ListInstanceProfilesForRole', 'role', input.RoleName ?? '', ctx, services),
  async run({ RoleName }, { registry }, { entities }) {
    await entities.get(registry.accountId, 'role', RoleName)
    return { InstanceProfiles: [], IsTruncated: false }
  },
})

export const roleOperations = [
  createRole,
  deleteRole,
  getRole,
  listInstanceProfilesForRole,
  listRoles,
  updateAssumeRolePolicy,
  updateRole,
  updateRoleDescription,
]

/** A role as lists have it, without boundary and tags (IAM ListRoles). */
function presentRole({ row, trustPolicy, maxSessionSeconds }: Role): RoleShape {
  return {
    Path: row.path,
    RoleName: row.name,
    RoleId: row.entity_id,
    Arn: entityArn(row),
    CreateDate: seconds(row.created_at),
    AssumeRolePolicyDocument: encodeDocument(trustPolicy),
    ...(row.description === null ? {} : { Description: row.description }),
    MaxSessionDuration: maxSessionSeconds,
  }
}

/** A role with all that GetRole says. When it was last used is not kept. */
function presentWholeRole(role: Role): RoleShape {
  const { boundary_arn: boundary } = role.row
  return {
    ...presentRole(role),
    ...(boundary === null ? {} : { PermissionsBoundary: presentBoundary(boundary) }),
    ...(role.tags.length === 0 ? {} : { Tags: presentTags(role.tags) }),
  }
}
