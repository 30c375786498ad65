// Rows of users, groups, roles, managed policies and identity providers, and of what hangs on each: tags, inline policies, attached
// policies, members, versions. Whoever changes one holds the lock of its account (`accountsTable.lock`).

import type { AccountId } from '@berth/api/names/registry.ts'
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { Transaction } from '../metadata-store.ts'
import type { Db, EntitiesTable, EntityKind, Schema } from '../schema.ts'

export type EntityRow = Selectable<EntitiesTable>
export type PolicyVersionRow = Selectable<Schema['policy_versions']>
export type NewEntity = Pick<EntityRow, 'entity_id' | 'account_id' | 'kind' | 'name' | 'path' | 'created_at'> &
  Partial<Insertable<EntitiesTable>>

const lowerName = sql<string>`lower(name)`

/** The tables whose rows belong to one entity, as one list for whoever reads them all. */
const ownedTables = [
  'entity_tags',
  'inline_policies',
  'policy_attachments',
  'policy_versions',
  'group_members',
] as const

export const entitiesTable = {
  /** False when the name is taken: the unique index decides. */
  async insert(tx: Transaction, row: NewEntity): Promise<boolean> {
    const inserted = await tx.db
      .insertInto('entities')
      .values({ updated_at: row.created_at, ...row })
      .onConflict((conflict) => conflict.doNothing())
      .returning('entity_id')
      .executeTakeFirst()
    return inserted !== undefined
  },

  /** By its name, whatever the case. */
  find(db: Db, accountId: AccountId, kind: EntityKind, name: string): Promise<EntityRow | undefined> {
    return db
      .selectFrom('entities')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('kind', '=', kind)
      .where(lowerName, '=', name.toLowerCase())
      .executeTakeFirst()
  },

  findById(db: Db, entityId: string): Promise<EntityRow | undefined> {
    return db.selectFrom('entities').selectAll().where('entity_id', '=', entityId).executeTakeFirst()
  },

  findByIds(db: Db, entityIds: readonly string[]): Promise<EntityRow[]> {
    if (entityIds.length === 0) return Promise.resolve([])
    return db.selectFrom('entities').selectAll().where('entity_id', 'in', entityIds).orderBy(lowerName).execute()
  },

  /** Those after a name, in the order of lower-case names. */
  page(
    db: Db,
    accountId: AccountId,
    kind: EntityKind,
    { pathPrefix = '/', after = '', limit }: { pathPrefix?: string; after?: string | undefined; limit: number },
  ): Promise<EntityRow[]> {
    return db
      .selectFrom('entities')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('kind', '=', kind)
      .where(lowerName, '>', after.toLowerCase())
      .where(sql<string>`substr(path, 1, ${sql.lit(pathPrefix.length)})`, '=', pathPrefix)
      .orderBy(lowerName)
      .limit(limit)
      .execute()
  },

  async count(db: Db, accountId: AccountId): Promise<Map<EntityKind, number>> {
    const rows = await db
      .selectFrom('entities')
      .select(['kind', (e) => e.fn.countAll<number>().as('count')])
      .where('account_id', '=', accountId)
      .groupBy('kind')
      .execute()
    return new Map(rows.map(({ kind, count }) => [kind, count]))
  },

  async update(tx: Transaction, entityId: string, change: Updateable<EntitiesTable>): Promise<void> {
    await tx.db.updateTable('entities').set(change).where('entity_id', '=', entityId).execute()
  },

  /** With all that hangs on it. */
  async delete(tx: Transaction, entityId: string): Promise<void> {
    await tx.db.deleteFrom('entities').where('entity_id', '=', entityId).execute()
  },

  // Tags

  tags(db: Db, entityId: string): Promise<{ key: string; value: string }[]> {
    return db
      .selectFrom('entity_tags')
      .select(['key', 'value'])
      .where('entity_id', '=', entityId)
      .orderBy('key')
      .execute()
  },

  /** Replaces all of them. */
  async setTags(tx: Transaction, entityId: string, tags: readonly { key: string; value: string }[]): Promise<void> {
    await tx.db.deleteFrom('entity_tags').where('entity_id', '=', entityId).execute()
    if (tags.length === 0) return
    await tx.db
      .insertInto('entity_tags')
      .values(tags.map(({ key, value }) => ({ entity_id: entityId, key, value })))
      .execute()
  },

  // Inline policies

  inlinePolicies(db: Db, entityId: string): Promise<{ name: string; document: string }[]> {
    return db
      .selectFrom('inline_policies')
      .select(['name', 'document'])
      .where('entity_id', '=', entityId)
      .orderBy('name')
      .execute()
  },

  async putInlinePolicy(tx: Transaction, entityId: string, name: string, document: string): Promise<void> {
    await tx.db
      .insertInto('inline_policies')
      .values({ entity_id: entityId, name, document })
      .onConflict((conflict) => conflict.columns(['entity_id', 'name']).doUpdateSet({ document }))
      .execute()
  },

  /** False when there is none of that name. */
  async deleteInlinePolicy(tx: Transaction, entityId: string, name: string): Promise<boolean> {
    const deleted = await tx.db
      .deleteFrom('inline_policies')
      .where('entity_id', '=', entityId)
      .where('name', '=', name)
      .returning('name')
      .executeTakeFirst()
    return deleted !== undefined
  },

  // Attached policies

  async attachedPolicies(db: Db, entityId: string): Promise<string[]> {
    const rows = await db
      .selectFrom('policy_attachments')
      .select('policy_arn')
      .where('entity_id', '=', entityId)
      .orderBy('policy_arn')
      .execute()
    return rows.map((row) => row.policy_arn)
  },

  /** Users, groups and roles of the account that the policy is attached to, in the order of their names. */
  attachedTo(db: Db, accountId: AccountId, policyArn: string): Promise<EntityRow[]> {
    return db
      .selectFrom('policy_attachments as a')
      .innerJoin('entities as e', 'e.entity_id', 'a.entity_id')
      .selectAll('e')
      .where('a.policy_arn', '=', policyArn)
      .where('e.account_id', '=', accountId)
      .orderBy(sql`lower(e.name)`)
      .execute()
  },

  /** Users and roles of the account whose permissions boundary the policy is. */
  boundedBy(db: Db, accountId: AccountId, policyArn: string): Promise<EntityRow[]> {
    return db
      .selectFrom('entities')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('boundary_arn', '=', policyArn)
      .orderBy(lowerName)
      .execute()
  },

  async attach(tx: Transaction, entityId: string, policyArn: string, at: number): Promise<void> {
    await tx.db
      .insertInto('policy_attachments')
      .values({ entity_id: entityId, policy_arn: policyArn, attached_at: at })
      .onConflict((conflict) => conflict.columns(['entity_id', 'policy_arn']).doNothing())
      .execute()
  },

  /** False when it was not attached. */
  async detach(tx: Transaction, entityId: string, policyArn: string): Promise<boolean> {
    const detached = await tx.db
      .deleteFrom('policy_attachments')
      .where('entity_id', '=', entityId)
      .where('policy_arn', '=', policyArn)
      .returning('entity_id')
      .executeTakeFirst()
    return detached !== undefined
  },

  // Versions of managed policies

  versions(db: Db, policyId: string): Promise<PolicyVersionRow[]> {
    return db
      .selectFrom('policy_versions')
      .selectAll()
      .where('policy_id', '=', policyId)
      .orderBy('version', 'desc')
      .execute()
  },

  /** Of all policies of the account together. */
  async countVersions(db: Db, accountId: AccountId): Promise<number> {
    const { count } = await db
      .selectFrom('policy_versions as v')
      .innerJoin('entities as e', 'e.entity_id', 'v.policy_id')
      .select((e) => e.fn.countAll<number>().as('count'))
      .where('e.account_id', '=', accountId)
      .executeTakeFirstOrThrow()
    return count
  },

  async insertVersion(tx: Transaction, row: PolicyVersionRow): Promise<void> {
    await tx.db.insertInto('policy_versions').values(row).execute()
  },

  async deleteVersion(tx: Transaction, policyId: string, version: number): Promise<void> {
    await tx.db.deleteFrom('policy_versions').where('policy_id', '=', policyId).where('version', '=', version).execute()
  },

  // Members of groups

  groupsOf(db: Db, userId: string): Promise<EntityRow[]> {
    return db
      .selectFrom('group_members as m')
      .innerJoin('entities as e', 'e.entity_id', 'm.group_id')
      .selectAll('e')
      .where('m.user_id', '=', userId)
      .orderBy(sql`lower(e.name)`)
      .execute()
  },

  membersOf(db: Db, groupId: string): Promise<EntityRow[]> {
    return db
      .selectFrom('group_members as m')
      .innerJoin('entities as e', 'e.entity_id', 'm.user_id')
      .selectAll('e')
      .where('m.group_id', '=', groupId)
      .orderBy(sql`lower(e.name)`)
      .execute()
  },

  async addMember(tx: Transaction, groupId: string, userId: string): Promise<void> {
    await tx.db
      .insertInto('group_members')
      .values({ group_id: groupId, user_id: userId })
      .onConflict((conflict) => conflict.columns(['group_id', 'user_id']).doNothing())
      .execute()
  },

  /** False when he was none. */
  async removeMember(tx: Transaction, groupId: string, userId: string): Promise<boolean> {
    const removed = await tx.db
      .deleteFrom('group_members')
      .where('group_id', '=', groupId)
      .where('user_id', '=', userId)
      .returning('user_id')
      .executeTakeFirst()
    return removed !== undefined
  },

  /** Everything, for the directory. */
  async all(db: Db) {
    const entities = await db.selectFrom('entities').selectAll().execute()
    const [tags, inline, attachments, versions, members] = await Promise.all(
      ownedTables.map((name) => db.selectFrom(name).selectAll().execute()),
    )
    return {
      entities,
      tags: tags as Selectable<Schema['entity_tags']>[],
      inline: inline as Selectable<Schema['inline_policies']>[],
      attachments: attachments as Selectable<Schema['policy_attachments']>[],
      versions: versions as PolicyVersionRow[],
      members: members as Selectable<Schema['group_members']>[],
    }
  },
}
