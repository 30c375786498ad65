// What IAM's answers say of users, groups and what hangs on them. Dates are seconds.

import type { Group } from '@berth/api/iam/groups.ts'
import type { AttachedPermissionsBoundary, AttachedPolicy } from '@berth/api/iam/names.ts'
import type { User } from '@berth/api/iam/users.ts'
import type { Tag } from '../../base/principal.ts'
import { entityArn, rootArn } from '../../domain/identities/arns.ts'
import type { CustomerPolicy } from '../../domain/identities/customer-policies.ts'
import type { EntityRow } from '../../domain/identities/entities.ts'

/** Whole seconds, as IAM has them. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}

/** A policy's text as IAM answers it: percent-encoded (RFC 3986, section 2.1). */
export function encodeDocument(document: string): string {
  return encodeURIComponent(document).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

export function presentTags(tags: readonly Tag[]): { Key: string; Value: string }[] {
  return tags.map(({ key, value }) => ({ Key: key, Value: value }))
}

/** Tags as a request brings them. */
export function tagsOf(tags: readonly { Key: string; Value: string }[] | undefined): Tag[] {
  return (tags ?? []).map(({ Key, Value }) => ({ key: Key, value: Value }))
}

/** Without its description, which lists leave out (IAM ListPolicies). */
export function presentPolicy(policy: Omit<CustomerPolicy, 'description'>, tags: readonly Tag[] = []) {
  return {
    PolicyName: policy.name,
    PolicyId: policy.policyId,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: `v${policy.defaultVersion}`,
    AttachmentCount: policy.usage.attachments,
    PermissionsBoundaryUsageCount: policy.usage.boundaries,
    IsAttachable: true,
    CreateDate: seconds(policy.createdAt),
    UpdateDate: seconds(policy.updatedAt),
    ...(tags.length === 0 ? {} : { Tags: presentTags(tags) }),
  }
}

export function presentBoundary(arn: string): AttachedPermissionsBoundary {
  return { PermissionsBoundaryType: 'PermissionsBoundaryPolicy', PermissionsBoundaryArn: arn }
}

/** Policies attached to an entity, by the ends of their ARNs. */
export function presentAttached(arns: readonly string[]): AttachedPolicy[] {
  return arns.map((arn) => ({ PolicyName: arn.slice(arn.lastIndexOf('/') + 1), PolicyArn: arn }))
}

/** A user as lists have him, without boundary and tags (IAM ListUsers). */
export function presentUser(row: EntityRow): User {
  return {
    Path: row.path,
    UserName: row.name,
    UserId: row.entity_id,
    Arn: entityArn(row),
    CreateDate: seconds(row.created_at),
  }
}

/** A user with all that GetUser says. */
export function presentWholeUser(row: EntityRow, tags: readonly Tag[]): User {
  return {
    ...presentUser(row),
    ...(row.boundary_arn === null ? {} : { PermissionsBoundary: presentBoundary(row.boundary_arn) }),
    ...(tags.length === 0 ? {} : { Tags: presentTags(tags) }),
  }
}

/** As in AWS it has neither name nor path, whatever the model requires (IAM GetUser). */
export function presentRootUser(accountId: string, createdAt: number): User {
  const root: Partial<User> = { UserId: accountId, Arn: rootArn(accountId), CreateDate: seconds(createdAt) }
  return root as User
}

export function presentGroup(row: EntityRow): Group {
  return {
    Path: row.path,
    GroupName: row.name,
    GroupId: row.entity_id,
    Arn: entityArn(row),
    CreateDate: seconds(row.created_at),
  }
}
