// Managed policies attached to users, groups and roles (IAM AttachRolePolicy and its kin), and permissions boundaries.

import {
  AttachGroupPolicyRequest,
  AttachGroupPolicyResponse,
  DetachGroupPolicyRequest,
  DetachGroupPolicyResponse,
  ListAttachedGroupPoliciesRequest,
  ListAttachedGroupPoliciesResponse,
} from '@berth/api/iam/groups.ts'
import {
  AttachRolePolicyRequest,
  DeleteRolePermissionsBoundaryRequest,
  DeleteRolePermissionsBoundaryResponse,
  DetachRolePolicyRequest,
  ListAttachedRolePoliciesRequest,
  PutRolePermissionsBoundaryRequest,
  PutRolePermissionsBoundaryResponse,
} from '@berth/api/iam/roles.ts'
import {
  AttachUserPolicyRequest,
  DeleteUserPermissionsBoundaryRequest,
  DetachUserPolicyRequest,
  ListAttachedUserPoliciesRequest,
  PutUserPermissionsBoundaryRequest,
} from '@berth/api/iam/users.ts'
import { identityOperation } from '../identity-operation.ts'
import { nextMarker, openMarker, pageOf } from './pages.ts'
import { type Holder, holders, nameIn, namingOf, onEntity } from './policy-holder.ts'
import { presentAttached } from './present.ts'

type AttachRequest =
  | typeof AttachUserPolicyRequest
  | typeof AttachGroupPolicyRequest
  | typeof AttachRolePolicyRequest
  | typeof DetachUserPolicyRequest
  | typeof DetachGroupPolicyRequest
  | typeof DetachRolePolicyRequest
type ListRequest =
  | typeof ListAttachedUserPoliciesRequest
  | typeof ListAttachedGroupPoliciesRequest
  | typeof ListAttachedRolePoliciesRequest
type Bounded = typeof holders.user | typeof holders.role

function attachOrDetach(holder: Holder, verb: 'Attach' | 'Detach', input: AttachRequest) {
  return identityOperation({
    service: 'iam',
    name: `${verb}${holder.word}Policy`,
    input,
    output: verb === 'Attach' ? AttachGroupPolicyResponse : DetachGroupPolicyResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`${verb}${holder.word}Policy`, holder.kind, nameIn(holder, input), ctx, services, {
        policyArn: input.PolicyArn ?? '',
      }),
    async run(input, { registry }, { entityPolicies }) {
      const change = verb === 'Attach' ? entityPolicies.attach : entityPolicies.detach
      await change(registry.accountId, holder.kind, nameIn(holder, input), input.PolicyArn)
      return {}
    },
  })
}

function listAttached(holder: Holder, input: ListRequest) {
  return identityOperation({
    service: 'iam',
    name: `ListAttached${holder.word}Policies`,
    input,
    output: ListAttachedGroupPoliciesResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`ListAttached${holder.word}Policies`, holder.kind, nameIn(holder, input), ctx, services),
    async run(input, ctx, services) {
      const name = nameIn(holder, input)
      const list = `attached/${holder.kind}/${name}`
      const from = openMarker(services, ctx, list, input)
      const arns = await services.entityPolicies.attached(ctx.registry.accountId, holder.kind, name)
      const below = arns.filter((arn) => pathOf(arn).startsWith(input.PathPrefix ?? '/'))
      const { page, next } = pageOf(below, (arn) => arn, from)
      return { AttachedPolicies: presentAttached(page), ...nextMarker(services, ctx, list, next) }
    },
  })
}

/** `/team/` of `arn:aws:iam::111122223333:policy/team/name`. */
function pathOf(arn: string): string {
  return arn.slice(arn.indexOf('/'), arn.lastIndexOf('/') + 1)
}

function putBoundary(
  holder: Bounded,
  input: typeof PutUserPermissionsBoundaryRequest | typeof PutRolePermissionsBoundaryRequest,
) {
  return identityOperation({
    service: 'iam',
    name: `Put${holder.word}PermissionsBoundary`,
    input,
    output: PutRolePermissionsBoundaryResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`Put${holder.word}PermissionsBoundary`, holder.kind, nameIn(holder, input), ctx, services, {
        permissionsBoundary: input.PermissionsBoundary ?? '',
      }),
    async run(input, { registry }, { entityPolicies }) {
      const name = nameIn(holder, input)
      await entityPolicies.setBoundary(registry.accountId, holder.kind, name, input.PermissionsBoundary)
      return {}
    },
  })
}

function deleteBoundary(
  holder: Bounded,
  input: typeof DeleteUserPermissionsBoundaryRequest | typeof DeleteRolePermissionsBoundaryRequest,
) {
  return identityOperation({
    service: 'iam',
    name: `Delete${holder.word}PermissionsBoundary`,
    input,
    output: DeleteRolePermissionsBoundaryResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`Delete${holder.word}PermissionsBoundary`, holder.kind, nameIn(holder, input), ctx, services),
    async run(input, { registry }, { entityPolicies }) {
      await entityPolicies.setBoundary(registry.accountId, holder.kind, nameIn(holder, input), null)
      return {}
    },
  })
}

const { user, group, role } = holders

export const attachedPolicyOperations = [
  attachOrDetach(user, 'Attach', AttachUserPolicyRequest),
  attachOrDetach(group, 'Attach', AttachGroupPolicyRequest),
  attachOrDetach(role, 'Attach', AttachRolePolicyRequest),
  attachOrDetach(user, 'Detach', DetachUserPolicyRequest),
  attachOrDetach(group, 'Detach', DetachGroupPolicyRequest),
  attachOrDetach(role, 'Detach', DetachRolePolicyRequest),
  listAttached(user, ListAttachedUserPoliciesRequest),
  listAttached(group, ListAttachedGroupPoliciesRequest),
  listAttached(role, ListAttachedRolePoliciesRequest),
  putBoundary(user, PutUserPermissionsBoundaryRequest),
  putBoundary(role, PutRolePermissionsBoundaryRequest),
  deleteBoundary(user, DeleteUserPermissionsBoundaryRequest),
  deleteBoundary(role, DeleteRolePermissionsBoundaryRequest),
]
