// Users of an account (IAM CreateUser and its neighbours). A user is his unique id: a new name keeps it, a new user of an old name has another.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import type { Ids } from '../../base/ids.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { accessKeysTable } from '../../storage/metadata/tables/access-keys.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { checkNoMembers, checkNoPolicies, refuseDeletion } from './delete-conflicts.ts'
import { type Entities, type EntityRow, refuseMissing } from './entities.ts'
import { checkTags } from './entity-tags.ts'
import { checkBoundary } from './permissions-boundaries.ts'
import { type NewPlace, renameEntity } from './rename-entity.ts'

export interface NewUser {
  name: string
  path: string
  boundaryArn?: string
  tags: readonly Tag[]
}

export interface Users {
  /** @throws IdentityError EntityAlreadyExists, LimitExceeded, InvalidInput, NoSuchEntity for the boundary */
  create(accountId: AccountId, user: NewUser): Promise<EntityRow>
  /** With his tags. @throws IdentityError NoSuchEntity */
  get(accountId: AccountId, name: string): Promise<{ row: EntityRow; tags: Tag[] }>
  /** The name of a user of the account, by his id. */
  nameOf(accountId: AccountId, userId: string): Promise<string | undefined>
  /** @throws IdentityError NoSuchEntity, EntityAlreadyExists */
  rename(accountId: AccountId, name: string, place: NewPlace): Promise<void>
  /** Only when nothing hangs on him. @throws IdentityError NoSuchEntity, DeleteConflict */
  delete(accountId: AccountId, name: string): Promise<void>
  /** The groups he is in, in the order of their names. @throws IdentityError NoSuchEntity */
  groups(accountId: AccountId, name: string): Promise<EntityRow[]>
}

export function createUsers(parts: { metadata: MetadataStore; entities: Entities; clock: Clock; ids: Ids }): Users {
  const { metadata, entities, clock, ids } = parts
  return {
    create(accountId, { name, path, boundaryArn, tags }) {
      checkTags(tags)
      const row = { entity_id: ids.entity('AIDA'), account_id: accountId, kind: 'user' as const, name, path }
      const more = { created_at: clock.now(), boundary_arn: boundaryArn ?? null }
      return entities.create({ ...row, ...more }, async (tx) => {
        if (boundaryArn !== undefined) await checkBoundary(tx.db, accountId, boundaryArn)
        await entitiesTable.setTags(tx, row.entity_id, tags)
      })
    },

    get: (accountId, name) =>
      metadata.read(async (db) => {
        const row = (await entitiesTable.find(db, accountId, 'user', name)) ?? refuseMissing('user', name, accountId)
        return { row, tags: await entitiesTable.tags(db, row.entity_id) }
      }),

    async nameOf(accountId, userId) {
      const row = await metadata.read((db) => entitiesTable.findById(db, userId))
      return row?.account_id === accountId && row.kind === 'user' ? row.name : undefined
    },

    rename: (accountId, name, place) =>
      entities.change(accountId, 'user', name, (tx, row) => renameEntity(tx, row, place, clock.now())),

    delete: (accountId, name) =>
      entities.change(accountId, 'user', name, async (tx, { entity_id: userId }) => {
        if ((await accessKeysTable.ofOwner(tx.db, userId)).length > 0) refuseDeletion('must delete access keys first')
        await checkNoPolicies(tx.db, userId)
        checkNoMembers(await entitiesTable.groupsOf(tx.db, userId))
        await entitiesTable.delete(tx, userId)
      }),

    groups: (accountId, name) =>
      metadata.read(async (db) => {
        const row = (await entitiesTable.find(db, accountId, 'user', name)) ?? refuseMissing('user', name, accountId)
        return entitiesTable.groupsOf(db, row.entity_id)
      }),
  }
}
