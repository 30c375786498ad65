// The resources that IAM's operations ask about (Service Authorization Reference: AWS Identity and Access Management).

import type { IamOperationName } from '@berth/api/iam/operation-names.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { entityArn } from '../../domain/identities/arns.ts'
import type { Permission } from '../operation.ts'
import type { Services } from '../services.ts'

type Kind = 'user' | 'group'

/** Whose credentials a request is about. The root user has an account's id, and no name. */
export interface CredentialOwner {
  id: string
  name: string | undefined
}

/** Of the caller himself when no user is named. @throws IdentityError ValidationError for a session, which has no user */
export async function userArn(name: string | undefined, ctx: RequestContext, services: Services): Promise<string> {
  if (name !== undefined) return services.entities.arn(ctx.registry.accountId, 'user', name)
  const { caller } = ctx.principal
  if (caller.kind === 'user' || caller.kind === 'root') return caller.arn
  throw new IdentityError('ValidationError', 'Must specify userName when calling with non-User credentials')
}

/** The user of that name, or the caller himself. @throws IdentityError NoSuchEntity */
export async function ownerOf(
  name: string | undefined,
  { registry: { accountId }, principal }: RequestContext,
  { entities, users }: Services,
): Promise<CredentialOwner> {
  if (name === undefined) return { id: principal.userId, name: await users.nameOf(accountId, principal.userId) }
  const row = await entities.get(accountId, 'user', name)
  return { id: row.entity_id, name: row.name }
}

/** On the user that the request names, or on the caller himself. */
export function onUser(operation: IamOperationName) {
  return async (
    { UserName }: { UserName?: string },
    ctx: RequestContext,
    services: Services,
  ): Promise<Permission[]> => [[`iam:${operation}`, await userArn(UserName, ctx, services)]]
}

export function onGroup(operation: IamOperationName) {
  return async ({ GroupName = '' }: { GroupName?: string }, ctx: RequestContext, services: Services) => [
    [`iam:${operation}`, await services.entities.arn(ctx.registry.accountId, 'group', GroupName)] as const,
  ]
}

export function onAnything(operation: IamOperationName) {
  return (): Permission[] => [[`iam:${operation}`, '*']]
}

/** The ARN of one that is about to be made. */
export function newArn(ctx: RequestContext, kind: Kind, name = '', path = '/'): string {
  return entityArn({ account_id: ctx.registry.accountId, kind, name, path })
}

/** On all below a path, which is how AWS names the resource of a list. */
export function onPath(operation: IamOperationName, kind: Kind) {
  return ({ PathPrefix }: { PathPrefix?: string }, ctx: RequestContext): Permission[] => [
    [`iam:${operation}`, newArn(ctx, kind, '', PathPrefix)],
  ]
}

/** Who renames must be allowed to on the old name and on the new one (IAM UpdateUser, UpdateGroup). */
export async function onBothNames(
  operation: IamOperationName,
  kind: Kind,
  names: { name?: string | undefined; newName?: string | undefined; newPath?: string | undefined },
  ctx: RequestContext,
  services: Services,
): Promise<Permission[]> {
  const { name = '', newName, newPath } = names
  const row = await services.entities.find(ctx.registry.accountId, kind, name)
  const old = row ? entityArn(row) : newArn(ctx, kind, name)
  const moved = newArn(ctx, kind, newName ?? row?.name ?? name, newPath ?? row?.path)
  return (moved === old ? [old] : [old, moved]).map((arn) => [`iam:${operation}`, arn])
}
