// Groups of users (IAM CreateGroup and its neighbours): what a group may do, its members may.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Ids } from '../../base/ids.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { checkNoMembers, checkNoPolicies } from './delete-conflicts.ts'
import { type Entities, type EntityRow, refuseMissing } from './entities.ts'
import { checkQuota, groupsPerUser } from './quotas.ts'
import { type NewPlace, renameEntity } from './rename-entity.ts'

export interface Groups {
  /** @throws IdentityError EntityAlreadyExists, LimitExceeded */
  create(accountId: AccountId, group: { name: string; path: string }): Promise<EntityRow>
  /** With its members in the order of their names. @throws IdentityError NoSuchEntity */
  get(accountId: AccountId, name: string): Promise<{ row: EntityRow; members: EntityRow[] }>
  /** @throws IdentityError NoSuchEntity, EntityAlreadyExists */
  rename(accountId: AccountId, name: string, place: NewPlace): Promise<void>
  /** Only when nothing hangs on it. @throws IdentityError NoSuchEntity, DeleteConflict */
  delete(accountId: AccountId, name: string): Promise<void>
  /** A member may be added again. @throws IdentityError NoSuchEntity, LimitExceeded */
  addUser(accountId: AccountId, name: string, userName: string): Promise<void>
  /** @throws IdentityError NoSuchEntity */
  removeUser(accountId: AccountId, name: string, userName: string): Promise<void>
}

export function createGroups(parts: { metadata: MetadataStore; entities: Entities; clock: Clock; ids: Ids }): Groups {
  const { metadata, entities, clock, ids } = parts
  return {
    create: (accountId, { name, path }) =>
      entities.create({
        entity_id: ids.entity('AGPA'),
        account_id: accountId,
        kind: 'group',
        name,
        path,
        created_at: clock.now(),
      }),

    get: (accountId, name) =>
      metadata.read(async (db) => {
        const row = (await entitiesTable.find(db, accountId, 'group', name)) ?? refuseMissing('group', name, accountId)
        return { row, members: await entitiesTable.membersOf(db, row.entity_id) }
      }),

    rename: (accountId, name, place) =>
      entities.change(accountId, 'group', name, (tx, row) => renameEntity(tx, row, place, clock.now())),

    delete: (accountId, name) =>
      entities.change(accountId, 'group', name, async (tx, { entity_id: groupId }) => {
        checkNoMembers(await entitiesTable.membersOf(tx.db, groupId))
        await checkNoPolicies(tx.db, groupId)
        await entitiesTable.delete(tx, groupId)
      }),

    addUser: (accountId, name, userName) =>
      entities.change(accountId, 'group', name, async (tx, { entity_id: groupId }) => {
        const user = await entitiesTable.find(tx.db, accountId, 'user', userName)
        const { entity_id: userId } = user ?? refuseMissing('user', userName, accountId)
        const groups = await entitiesTable.groupsOf(tx.db, userId)
        if (groups.some((group) => group.entity_id === groupId)) return
        checkQuota(groups.length, groupsPerUser)
        await entitiesTable.addMember(tx, groupId, userId)
      }),

    removeUser: (accountId, name, userName) =>
      entities.change(accountId, 'group', name, async (tx, { entity_id: groupId, name: groupName }) => {
        const user = await entitiesTable.find(tx.db, accountId, 'user', userName)
        const { entity_id: userId } = user ?? refuseMissing('user', userName, accountId)
        if (!(await entitiesTable.removeMember(tx, groupId, userId)))
          throw new IdentityError('NoSuchEntity', `User ${userName} is not in group ${groupName}.`)
      }),
  }
}
