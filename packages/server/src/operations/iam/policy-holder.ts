// Users, groups and roles have the same operations about their policies, boundaries and tags; only a word in the names is another.

import type { RequestContext } from '../../base/request-context.ts'
import type { PolicyHolder } from '../../domain/identities/entity-policies.ts'
import type { AccessFacts } from '../../domain/policies/authorize.ts'
import type { Permission } from '../operation.ts'
import type { Services } from '../services.ts'

export interface Holder {
  kind: PolicyHolder
  word: 'User' | 'Group' | 'Role'
  member: 'UserName' | 'GroupName' | 'RoleName'
}

export const holders = {
  user: { kind: 'user', word: 'User', member: 'UserName' },
  group: { kind: 'group', word: 'Group', member: 'GroupName' },
  role: { kind: 'role', word: 'Role', member: 'RoleName' },
} as const satisfies Record<string, Holder>

/** The member that names the entity. Until the shape is checked it may be missing. */
export function nameIn({ member }: Holder, input: object): string {
  const name: unknown = (input as Readonly<Record<string, unknown>>)[member]
  return typeof name === 'string' ? name : ''
}

/** The member that names the entity, to be checked before authorization; all shapes of these operations have it. */
export function namingOf({ member }: Holder): never[] {
  return [member] as string[] as never[]
}

/** The permission of most operations: the action of their name on the ARN of the entity. */
export async function onEntity(
  action: string,
  kind: PolicyHolder,
  name: string,
  ctx: RequestContext,
  { entities }: Services,
  facts: AccessFacts = {},
): Promise<Permission[]> {
  return [[`iam:${action}`, await entities.arn(ctx.registry.accountId, kind, name), facts]]
}
