// Managed policies (IAM CreatePolicy and its neighbours).

import type { EntityType } from '@berth/api/iam/names.ts'
import {
  CreatePolicyRequest,
  CreatePolicyResponse,
  DeletePolicyRequest,
  DeletePolicyResponse,
  GetPolicyRequest,
  GetPolicyResponse,
  ListEntitiesForPolicyRequest,
  ListEntitiesForPolicyResponse,
  ListPoliciesRequest,
  ListPoliciesResponse,
} from '@berth/api/iam/policies.ts'
import { entityArn } from '../../domain/identities/arns.ts'
import type { CustomerPolicy } from '../../domain/identities/customer-policies.ts'
import type { EntityRow } from '../../domain/identities/entities.ts'
import { identityOperation } from '../identity-operation.ts'
import { tagFacts } from '../operation.ts'
import { nextMarker, openMarker, pageOf } from './pages.ts'
import { presentPolicy, tagsOf } from './present.ts'

const createPolicy = identityOperation({
  service: 'iam',
  name: 'CreatePolicy',
  input: CreatePolicyRequest,
  output: CreatePolicyResponse,
  naming: ['PolicyName', 'Path'],
  permissions(input, { registry }) {
    const name = { name: input.PolicyName ?? '', path: input.Path ?? '/' }
    const arn = entityArn({ account_id: registry.accountId, kind: 'policy', ...name })
    const facts = { requestTags: tagFacts(input.Tags) }
    return [['iam:CreatePolicy', arn, facts], ...(input.Tags?.length ? [['iam:TagPolicy', arn, facts] as const] : [])]
  },
  async run(input, { registry }, { customerPolicies }) {
    const { tags, ...policy } = await customerPolicies.create(registry.accountId, {
      name: input.PolicyName,
      path: input.Path ?? '/',
      document: input.PolicyDocument,
      description: input.Description,
      tags: tagsOf(input.Tags),
    })
    // The description is in GetPolicy only (IAM, `Policy`).
    return { Policy: presentPolicy(policy, tags) }
  },
})

const getPolicy = identityOperation({
  service: 'iam',
  name: 'GetPolicy',
  input: GetPolicyRequest,
  output: GetPolicyResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:GetPolicy', PolicyArn ?? '']],
  async run({ PolicyArn }, { registry }, { customerPolicies }) {
    const { tags, description, ...policy } = await customerPolicies.get(registry.accountId, PolicyArn)
    return {
      Policy: { ...presentPolicy(policy, tags), ...(description === undefined ? {} : { Description: description }) },
    }
  },
})

const listPolicies = identityOperation({
  service: 'iam',
  name: 'ListPolicies',
  input: ListPoliciesRequest,
  output: ListPoliciesResponse,
  naming: ['PathPrefix'],
  permissions: (input, { registry }) => [
    ['iam:ListPolicies', `arn:aws:iam::${registry.accountId}:policy${input.PathPrefix ?? '/'}`],
  ],
  async run(input, ctx, services) {
    const { Scope: scope = 'All', OnlyAttached = false, PolicyUsageFilter, PathPrefix: pathPrefix = '/' } = input
    const list = `policies/${scope}/${OnlyAttached}/${PolicyUsageFilter ?? ''}${pathPrefix}`
    const from = openMarker(services, ctx, list, input)
    const countOf = ({ attachments, boundaries }: CustomerPolicy['usage']) =>
      PolicyUsageFilter === 'PermissionsPolicy'
        ? attachments
        : PolicyUsageFilter === 'PermissionsBoundary'
          ? boundaries
          : attachments + boundaries
    const all = await services.customerPolicies.list(ctx.registry.accountId, {
      scope,
      pathPrefix,
      isUsed: (usage) => (!OnlyAttached && PolicyUsageFilter === undefined) || countOf(usage) > 0,
    })
    const { page, next } = pageOf(all, ({ arn }) => arn, from)
    return { Policies: page.map((policy) => presentPolicy(policy)), ...nextMarker(services, ctx, list, next) }
  },
})

const deletePolicy = identityOperation({
  service: 'iam',
  name: 'DeletePolicy',
  input: DeletePolicyRequest,
  output: DeletePolicyResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:DeletePolicy', PolicyArn ?? '']],
  async run({ PolicyArn }, { registry }, { customerPolicies }) {
    await customerPolicies.delete(registry.accountId, PolicyArn)
    return {}
  },
})

const entityTypes: Partial<Record<EntityType, EntityRow['kind']>> = { User: 'user', Role: 'role', Group: 'group' }

const listEntitiesForPolicy = identityOperation({
  service: 'iam',
  name: 'ListEntitiesForPolicy',
  input: ListEntitiesForPolicyRequest,
  output: ListEntitiesForPolicyResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:ListEntitiesForPolicy', PolicyArn ?? '']],
  async run(input, ctx, services) {
    const { PolicyArn, EntityFilter, PathPrefix = '/', PolicyUsageFilter } = input
    const list = `entities/${EntityFilter ?? ''}/${PolicyUsageFilter ?? ''}/${PathPrefix} ${PolicyArn}`
    const from = openMarker(services, ctx, list, input)
    const { attached, bounded } = await services.customerPolicies.usedBy(ctx.registry.accountId, PolicyArn)
    const used = [
      ...(PolicyUsageFilter === 'PermissionsBoundary' ? [] : attached),
      ...(PolicyUsageFilter === 'PermissionsPolicy' ? [] : bounded),
    ].filter(
      ({ kind, path }) =>
        path.startsWith(PathPrefix) && (EntityFilter === undefined || entityTypes[EntityFilter] === kind),
    )
    const each = [...new Map(used.map((row) => [row.entity_id, row])).values()]
    const { page, next } = pageOf(each, (row) => row.entity_id, from)
    const of = (kind: EntityRow['kind']) => page.filter((row) => row.kind === kind)
    return {
      PolicyGroups: of('group').map((row) => ({ GroupName: row.name, GroupId: row.entity_id })),
      PolicyUsers: of('user').map((row) => ({ UserName: row.name, UserId: row.entity_id })),
      PolicyRoles: of('role').map((row) => ({ RoleName: row.name, RoleId: row.entity_id })),
      ...nextMarker(services, ctx, list, next),
    }
  },
})

export const managedPolicyOperations = [createPolicy, deletePolicy, getPolicy, listEntitiesForPolicy, listPolicies]
