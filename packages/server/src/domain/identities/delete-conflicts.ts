// IAM deletes no user, group or role that something still hangs on (IAM DeleteUser, DeleteGroup, DeleteRole: `DeleteConflict`).

import { IdentityError } from '../../base/identity-error.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'

/** @throws IdentityError DeleteConflict */
export function refuseDeletion(what: string): never {
  throw new IdentityError('DeleteConflict', `Cannot delete entity, ${what}.`)
}

/** @throws IdentityError DeleteConflict */
export async function checkNoPolicies(db: Db, entityId: string): Promise<void> {
  if ((await entitiesTable.attachedPolicies(db, entityId)).length > 0) refuseDeletion('must detach all policies first')
  if ((await entitiesTable.inlinePolicies(db, entityId)).length > 0) refuseDeletion('must delete policies first')
}

/** `memberships` are a group's users, or a user's groups. @throws IdentityError DeleteConflict */
export function checkNoMembers(memberships: readonly unknown[]): void {
  if (memberships.length > 0) refuseDeletion('must remove users from group first')
}
