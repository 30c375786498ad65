// New names and paths of users and groups (IAM UpdateUser, UpdateGroup): what they are and may stays theirs, since it hangs on the unique id.

import type { Transaction } from '../../storage/metadata/metadata-store.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { refuseExisting } from './entities.ts'

export interface NewPlace {
  name: string | undefined
  path: string | undefined
}

/** Under the account's lock. @throws IdentityError EntityAlreadyExists */
export async function renameEntity(tx: Transaction, row: EntityRow, place: NewPlace, at: number): Promise<void> {
  const { name = row.name, path = row.path } = place
  const holder = await entitiesTable.find(tx.db, row.account_id, row.kind, name)
  if (holder && holder.entity_id !== row.entity_id) refuseExisting(row.kind, name)
  await entitiesTable.update(tx, row.entity_id, { name, path, updated_at: at })
}
