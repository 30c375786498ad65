// Everybody in the account with all his policies (IAM GetAccountAuthorizationDetails): users, groups, roles, the account's policies and those
// of AWS that it uses, one after the other, so that a page may end anywhere.

import {
  GetAccountAuthorizationDetailsRequest,
  GetAccountAuthorizationDetailsResponse,
  type GroupDetail,
  type ManagedPolicyDetail,
  type PolicyDetail,
  type RoleDetail,
  type UserDetail,
} from '@berth/api/iam/account.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { EntityDetail } from '../../domain/identities/account-reports.ts'
import { entityArn } from '../../domain/identities/arns.ts'
import type { CustomerPolicy, PolicyVersion } from '../../domain/identities/customer-policies.ts'
import { identityOperation } from '../identity-operation.ts'
import type { Services } from '../services.ts'
import { nextMarker, openMarker, pageOfNames } from './pages.ts'
import {
  encodeDocument,
  presentAttached,
  presentBoundary,
  presentGroup,
  presentPolicy,
  presentTags,
  presentUser,
  seconds,
} from './present.ts'
import { onAnything } from './resources.ts'

/** Each takes some queries; a page may hold fewer than were asked for (IAM, `MaxItems`). */
const longestPage = 100
const list = 'GetAccountAuthorizationDetails'

/** What the filter calls them, in the order of the export. */
const kinds = ['User', 'Group', 'Role', 'LocalManagedPolicy', 'AWSManagedPolicy'] as const
type Kind = (typeof kinds)[number]

interface Found {
  UserDetailList?: UserDetail[]
  GroupDetailList?: GroupDetail[]
  RoleDetailList?: RoleDetail[]
  Policies?: ManagedPolicyDetail[]
}

type Read = (
  ctx: RequestContext,
  services: Services,
  page: { after: string | undefined; limit: number },
) => Promise<{ found: Found; count: number; next: string | undefined }>

export const accountDetailOperations = [
  identityOperation({
    service: 'iam',
    name: 'GetAccountAuthorizationDetails',
    input: GetAccountAuthorizationDetailsRequest,
    output: GetAccountAuthorizationDetailsResponse,
    permissions: onAnything('GetAccountAuthorizationDetails'),
    async run({ Filter = kinds, ...page }, ctx, services) {
      const opened = openMarker(services, ctx, list, page)
      const from = placeOf(opened.after ?? `${kinds[0]}/`)
      const all = { UserDetailList: [], GroupDetailList: [], RoleDetailList: [], Policies: [] } as Required<Found>
      let rest = Math.min(opened.limit, longestPage)
      for (const kind of kinds.slice(kinds.indexOf(from.kind)).filter((each) => Filter.includes(each))) {
        if (rest === 0) return { ...all, ...nextMarker(services, ctx, list, `${kind}/`) }
        const after = (kind === from.kind && from.name) || undefined
        const { found, count, next } = await reads[kind](ctx, services, { after, limit: rest })
        all.UserDetailList.push(...(found.UserDetailList ?? []))
        all.GroupDetailList.push(...(found.GroupDetailList ?? []))
        all.RoleDetailList.push(...(found.RoleDetailList ?? []))
        all.Policies.push(...(found.Policies ?? []))
        if (next !== undefined) return { ...all, ...nextMarker(services, ctx, list, `${kind}/${next}`) }
        rest -= count
      }
      return { ...all, IsTruncated: false }
    },
  }),
]

/** Where a page ended: `User/alice`, or before all of a kind. */
function placeOf(text: string): { kind: Kind; name: string } {
  const [, word, name] = /^(\w+)\/(.*)$/.exec(text) ?? []
  const kind = kinds.find((each) => each === word)
  if (kind === undefined || name === undefined) throw new IdentityError('ValidationError', 'Invalid Marker.')
  return { kind, name }
}

const reads: Record<Kind, Read> = {
  User: readEntities('user', (details) => ({ UserDetailList: details.map(presentUserDetail) })),
  Group: readEntities('group', (details) => ({ GroupDetailList: details.map(presentGroupDetail) })),
  Role: readEntities('role', (details) => ({ RoleDetailList: details.map(presentRoleDetail) })),
  LocalManagedPolicy: readPolicies('Local'),
  AWSManagedPolicy: readPolicies('AWS'),
}

function readEntities(kind: 'user' | 'group' | 'role', present: (details: EntityDetail[]) => Found): Read {
  return async (ctx, { accountReports }, page) => {
    const { details, next } = await accountReports.details(ctx.registry.accountId, kind, page)
    return { found: present(details), count: details.length, next }
  }
}

function readPolicies(scope: 'Local' | 'AWS'): Read {
  return async ({ registry: { accountId } }, { customerPolicies }, { after, limit }) => {
    const isUsed = scope === 'AWS' ? (use: CustomerPolicy['usage']) => use.attachments + use.boundaries > 0 : undefined
    const all = await customerPolicies.list(accountId, { scope, pathPrefix: '/', isUsed })
    const { page, next } = pageOfNames(all, { ...(after === undefined ? {} : { after }), limit })
    const Policies: ManagedPolicyDetail[] = []
    for (const policy of page)
      Policies.push(presentPolicyDetail(policy, await customerPolicies.versions(accountId, policy.arn)))
    return { found: { Policies }, count: page.length, next }
  }
}

function presentInline(policies: EntityDetail['inline']): PolicyDetail[] {
  return policies.map(({ name, document }) => ({ PolicyName: name, PolicyDocument: encodeDocument(document) }))
}

function presentBoundaryAndTags({ row, tags }: EntityDetail) {
  return {
    ...(row.boundary_arn === null ? {} : { PermissionsBoundary: presentBoundary(row.boundary_arn) }),
    ...(tags.length === 0 ? {} : { Tags: presentTags(tags) }),
  }
}

function presentUserDetail(detail: EntityDetail): UserDetail {
  return {
    ...presentUser(detail.row),
    UserPolicyList: presentInline(detail.inline),
    GroupList: detail.groups,
    AttachedManagedPolicies: presentAttached(detail.attached),
    ...presentBoundaryAndTags(detail),
  }
}

function presentGroupDetail({ row, inline, attached }: EntityDetail): GroupDetail {
  return {
    ...presentGroup(row),
    GroupPolicyList: presentInline(inline),
    AttachedManagedPolicies: presentAttached(attached),
  }
}

/** When a role was last used is not kept. */
function presentRoleDetail(detail: EntityDetail): RoleDetail {
  const { row, inline, attached, trustPolicy } = detail
  return {
    Path: row.path,
    RoleName: row.name,
    RoleId: row.entity_id,
    Arn: entityArn(row),
    CreateDate: seconds(row.created_at),
    AssumeRolePolicyDocument: encodeDocument(trustPolicy),
    InstanceProfileList: [],
    RolePolicyList: presentInline(inline),
    AttachedManagedPolicies: presentAttached(attached),
    ...presentBoundaryAndTags(detail),
  }
}

function presentPolicyDetail(policy: CustomerPolicy, versions: readonly PolicyVersion[]): ManagedPolicyDetail {
  return {
    ...presentPolicy(policy),
    ...(policy.description === undefined ? {} : { Description: policy.description }),
    PolicyVersionList: versions.map(({ version, document, isDefault, createdAt }) => ({
      Document: encodeDocument(document),
      VersionId: `v${version}`,
      IsDefaultVersion: isDefault,
      CreateDate: seconds(createdAt),
    })),
  }
}
