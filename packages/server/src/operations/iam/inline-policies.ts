// Policies written into users, groups and roles (IAM PutRolePolicy and its kin).

import {
  DeleteGroupPolicyRequest,
  DeleteGroupPolicyResponse,
  GetGroupPolicyRequest,
  GetGroupPolicyResponse,
  ListGroupPoliciesRequest,
  ListGroupPoliciesResponse,
  PutGroupPolicyRequest,
  PutGroupPolicyResponse,
} from '@berth/api/iam/groups.ts'
import {
  DeleteRolePolicyRequest,
  GetRolePolicyRequest,
  GetRolePolicyResponse,
  ListRolePoliciesRequest,
  PutRolePolicyRequest,
} from '@berth/api/iam/roles.ts'
import {
  DeleteUserPolicyRequest,
  GetUserPolicyRequest,
  GetUserPolicyResponse,
  ListUserPoliciesRequest,
  PutUserPolicyRequest,
} from '@berth/api/iam/users.ts'
import type { Infer } from '@berth/api/shapes/shape.ts'
import { identityOperation } from '../identity-operation.ts'
import { nextMarker, openMarker, pageOf } from './pages.ts'
import { type Holder, holders, nameIn, namingOf, onEntity } from './policy-holder.ts'
import { encodeDocument } from './present.ts'

type PutRequest = typeof PutUserPolicyRequest | typeof PutGroupPolicyRequest | typeof PutRolePolicyRequest
type GetRequest = typeof GetUserPolicyRequest | typeof GetGroupPolicyRequest | typeof GetRolePolicyRequest
type GetResponse = typeof GetUserPolicyResponse | typeof GetGroupPolicyResponse | typeof GetRolePolicyResponse
type ListRequest = typeof ListUserPoliciesRequest | typeof ListGroupPoliciesRequest | typeof ListRolePoliciesRequest
type DeleteRequest = typeof DeleteUserPolicyRequest | typeof DeleteGroupPolicyRequest | typeof DeleteRolePolicyRequest

function putPolicy(holder: Holder, input: PutRequest) {
  return identityOperation({
    service: 'iam',
    name: `Put${holder.word}Policy`,
    input,
    output: PutGroupPolicyResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`Put${holder.word}Policy`, holder.kind, nameIn(holder, input), ctx, services),
    async run(input, { registry }, { entityPolicies }) {
      const { PolicyName, PolicyDocument } = input
      await entityPolicies.put(registry.accountId, holder.kind, nameIn(holder, input), PolicyName, PolicyDocument)
      return {}
    },
  })
}

function getPolicy(holder: Holder, input: GetRequest, output: GetResponse) {
  return identityOperation({
    service: 'iam',
    name: `Get${holder.word}Policy`,
    input,
    output,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`Get${holder.word}Policy`, holder.kind, nameIn(holder, input), ctx, services),
    async run(input, { registry }, { entityPolicies }) {
      const { PolicyName } = input
      const name = nameIn(holder, input)
      const found = await entityPolicies.get(registry.accountId, holder.kind, name, PolicyName)
      const PolicyDocument = encodeDocument(found.document)
      return { [holder.member]: found.holder.name, PolicyName, PolicyDocument } as Infer<GetResponse>
    },
  })
}

function listPolicies(holder: Holder, input: ListRequest) {
  return identityOperation({
    service: 'iam',
    name: `List${holder.word}Policies`,
    input,
    output: ListGroupPoliciesResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`List${holder.word}Policies`, holder.kind, nameIn(holder, input), ctx, services),
    async run(input, ctx, services) {
      const name = nameIn(holder, input)
      const list = `inline/${holder.kind}/${name}`
      const from = openMarker(services, ctx, list, input)
      const names = await services.entityPolicies.list(ctx.registry.accountId, holder.kind, name)
      const { page, next } = pageOf(names, (each) => each, from)
      return { PolicyNames: page, ...nextMarker(services, ctx, list, next) }
    },
  })
}

function deletePolicy(holder: Holder, input: DeleteRequest) {
  return identityOperation({
    service: 'iam',
    name: `Delete${holder.word}Policy`,
    input,
    output: DeleteGroupPolicyResponse,
    naming: namingOf(holder),
    permissions: (input, ctx, services) =>
      onEntity(`Delete${holder.word}Policy`, holder.kind, nameIn(holder, input), ctx, services),
    async run(input, { registry }, { entityPolicies }) {
      await entityPolicies.delete(registry.accountId, holder.kind, nameIn(holder, input), input.PolicyName)
      return {}
    },
  })
}

const { user, group, role } = holders

export const inlinePolicyOperations = [
  putPolicy(user, PutUserPolicyRequest),
  putPolicy(group, PutGroupPolicyRequest),
  putPolicy(role, PutRolePolicyRequest),
  getPolicy(user, GetUserPolicyRequest, GetUserPolicyResponse),
  getPolicy(group, GetGroupPolicyRequest, GetGroupPolicyResponse),
  getPolicy(role, GetRolePolicyRequest, GetRolePolicyResponse),
  listPolicies(user, ListUserPoliciesRequest),
  listPolicies(group, ListGroupPoliciesRequest),
  listPolicies(role, ListRolePoliciesRequest),
  deletePolicy(user, DeleteUserPolicyRequest),
  deletePolicy(group, DeleteGroupPolicyRequest),
  deletePolicy(role, DeleteRolePolicyRequest),
]
