// Tags of users, roles, managed policies and identity providers (IAM TagRole and its kin).

import {
  ListPolicyTagsRequest,
  ListPolicyTagsResponse,
  TagPolicyRequest,
  TagPolicyResponse,
  UntagPolicyRequest,
  UntagPolicyResponse,
} from '@berth/api/iam/policies.ts'
import {
  ListOpenIDConnectProviderTagsRequest,
  TagOpenIDConnectProviderRequest,
  UntagOpenIDConnectProviderRequest,
} from '@berth/api/iam/providers.ts'
import { ListRoleTagsRequest, TagRoleRequest, UntagRoleRequest } from '@berth/api/iam/roles.ts'
import { ListUserTagsRequest, TagUserRequest, UntagUserRequest } from '@berth/api/iam/users.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { TaggedName } from '../../domain/identities/tagged-entities.ts'
import type { AccessFacts } from '../../domain/policies/authorize.ts'
import { identityOperation } from '../identity-operation.ts'
import { type Permission, tagFacts } from '../operation.ts'
import type { Services } from '../services.ts'
import { nextMarker, openMarker, pageOf } from './pages.ts'
import { presentTags, tagsOf } from './present.ts'

interface Tagged {
  word: 'User' | 'Role' | 'Policy' | 'OpenIDConnectProvider'
  member: 'UserName' | 'RoleName' | 'PolicyArn' | 'OpenIDConnectProviderArn'
  named(text: string): TaggedName
}

const tagged = {
  user: { word: 'User', member: 'UserName', named: (name) => ({ kind: 'user', name }) },
  role: { word: 'Role', member: 'RoleName', named: (name) => ({ kind: 'role', name }) },
  policy: { word: 'Policy', member: 'PolicyArn', named: (arn) => ({ kind: 'policy', arn }) },
  provider: {
    word: 'OpenIDConnectProvider',
    member: 'OpenIDConnectProviderArn',
    named: (arn) => ({ kind: 'provider', arn }),
  },
} as const satisfies Record<string, Tagged>

type TagRequest =
  | typeof TagUserRequest
  | typeof TagRoleRequest
  | typeof TagPolicyRequest
  | typeof TagOpenIDConnectProviderRequest
type UntagRequest =
  | typeof UntagUserRequest
  | typeof UntagRoleRequest
  | typeof UntagPolicyRequest
  | typeof UntagOpenIDConnectProviderRequest
type ListRequest =
  | typeof ListUserTagsRequest
  | typeof ListRoleTagsRequest
  | typeof ListPolicyTagsRequest
  | typeof ListOpenIDConnectProviderTagsRequest

/** The member that names it. Until the shape is checked it may be missing. */
function nameIn({ member, named }: Tagged, input: object): TaggedName {
  const text: unknown = (input as Readonly<Record<string, unknown>>)[member]
  return named(typeof text === 'string' ? text : '')
}

/** All shapes of these operations have it. */
const namingOf = ({ member }: Tagged) => [member] as string[] as never[]

async function onTagged(
  action: string,
  of: TaggedName,
  { registry }: RequestContext,
  { entities }: Services,
  facts: AccessFacts = {},
): Promise<Permission[]> {
  const arn = 'arn' in of ? of.arn : await entities.arn(registry.accountId, of.kind, of.name)
  return [[`iam:${action}`, arn, facts]]
}

function tag(what: Tagged, input: TagRequest) {
  return identityOperation({
    service: 'iam',
    name: `Tag${what.word}`,
    input,
    output: TagPolicyResponse,
    naming: namingOf(what),
    permissions: (input, ctx, services) =>
      onTagged(`Tag${what.word}`, nameIn(what, input), ctx, services, { requestTags: tagFacts(input.Tags) }),
    async run(input, { registry }, { taggedEntities }) {
      await taggedEntities.tag(registry.accountId, nameIn(what, input), tagsOf(input.Tags))
      return {}
    },
  })
}

function untag(what: Tagged, input: UntagRequest) {
  return identityOperation({
    service: 'iam',
    name: `Untag${what.word}`,
    input,
    output: UntagPolicyResponse,
    naming: namingOf(what),
    permissions: (input, ctx, services) =>
      onTagged(`Untag${what.word}`, nameIn(what, input), ctx, services, {
        requestTagKeys: (input.TagKeys ?? []).filter((key) => key !== null),
      }),
    async run(input, { registry }, { taggedEntities }) {
      await taggedEntities.untag(registry.accountId, nameIn(what, input), input.TagKeys)
      return {}
    },
  })
}

function listTags(what: Tagged, input: ListRequest) {
  return identityOperation({
    service: 'iam',
    name: `List${what.word}Tags`,
    input,
    output: ListPolicyTagsResponse,
    naming: namingOf(what),
    permissions: (input, ctx, services) => onTagged(`List${what.word}Tags`, nameIn(what, input), ctx, services),
    async run(input, ctx, services) {
      const of = nameIn(what, input)
      const list = `tags/${of.kind}/${'arn' in of ? of.arn : of.name.toLowerCase()}`
      const from = openMarker(services, ctx, list, input)
      const tags = await services.taggedEntities.list(ctx.registry.accountId, of)
      const { page, next } = pageOf(tags, ({ key }) => key, from)
      return { Tags: presentTags(page), ...nextMarker(services, ctx, list, next) }
    },
  })
}

const { user, role, policy, provider } = tagged

export const entityTagOperations = [
  tag(user, TagUserRequest),
  tag(role, TagRoleRequest),
  tag(policy, TagPolicyRequest),
  tag(provider, TagOpenIDConnectProviderRequest),
  untag(user, UntagUserRequest),
  untag(role, UntagRoleRequest),
  untag(policy, UntagPolicyRequest),
  untag(provider, UntagOpenIDConnectProviderRequest),
  listTags(user, ListUserTagsRequest),
  listTags(role, ListRoleTagsRequest),
  listTags(policy, ListPolicyTagsRequest),
  listTags(provider, ListOpenIDConnectProviderTagsRequest),
]
