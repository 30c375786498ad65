// Rows of repositories and of their resource tags.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import type { Insertable, Selectable, Updateable } from 'kysely'
import { locked } from '../dialect.ts'
import { hotQuery } from '../hot-query.ts'
import { rowKey, type Transaction } from '../metadata-store.ts'
import type { Db, RepositoriesTable } from '../schema.ts'

export type RepositoryRow = Selectable<RepositoriesTable>

const findByName = hotQuery<{ accountId: string; region: string; name: string }, RepositoryRow>((db, p) =>
  db
    .selectFrom('repositories')
    .selectAll()
    .where('account_id', '=', p('accountId') as never)
    .where('region', '=', p('region') as never)
    .where('name', '=', p('name') as never),
)

const lockByName = hotQuery<{ accountId: string; region: string; name: string }, RepositoryRow>((db, p) =>
  locked(
    db,
    db
      .selectFrom('repositories')
      .selectAll()
      .where('account_id', '=', p('accountId') as never)
      .where('region', '=', p('region') as never)
      .where('name', '=', p('name') as never),
  ),
)

export const repositoriesTable = {
  /** As `find`; until the transaction ends nobody else changes what hangs on the repository by its rules. */
  async lock(tx: Transaction, registry: RegistryName, name: string): Promise<RepositoryRow | undefined> {
    return (await lockByName(tx.db, { accountId: registry.accountId, region: registry.region, name }))[0]
  },

  async find(db: Db, registry: RegistryName, name: string): Promise<RepositoryRow | undefined> {
    return (await findByName(db, { accountId: registry.accountId, region: registry.region, name }))[0]
  },

  /** A page in the order of names, after the name given. */
  page(db: Db, registry: RegistryName, after: string | undefined, limit: number): Promise<RepositoryRow[]> {
    return db
      .selectFrom('repositories')
      .selectAll()
      .where('account_id', '=', registry.accountId)
      .where('region', '=', registry.region)
      .where('name', '>', (after ?? '') as RepositoryName)
      .orderBy('name')
      .limit(limit)
      .execute()
  },

  /** How many there are; until the transaction ends nobody else makes one in the account. */
  async lockCount({ db }: Transaction, registry: RegistryName): Promise<number> {
    await locked(
      db,
      db.selectFrom('accounts').select('account_id').where('account_id', '=', registry.accountId),
    ).execute()
    const row = await db
      .selectFrom('repositories')
      .select((e) => e.fn.countAll<number>().as('count'))
      .where('account_id', '=', registry.accountId)
      .where('region', '=', registry.region)
      .executeTakeFirstOrThrow()
    return row.count
  },

  /** The new row, or undefined when the name is taken: the unique index decides. */
  insert(tx: Transaction, row: Insertable<RepositoriesTable>): Promise<RepositoryRow | undefined> {
    tx.touch(rowKey.repository({ accountId: row.account_id, region: row.region }, row.name))
    return tx.db
      .insertInto('repositories')
      .values(row)
      .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doNothing())
      .returningAll()
      .executeTakeFirst()
  },

  async update(tx: Transaction, row: RepositoryRow, change: Updateable<RepositoriesTable>): Promise<void> {
    tx.touch(rowKey.repository({ accountId: row.account_id, region: row.region }, row.name))
    await tx.db.updateTable('repositories').set(change).where('id', '=', row.id).execute()
  },

  async addImages(tx: Transaction, repositoryId: number, delta: number): Promise<void> {
    await tx.db
      .updateTable('repositories')
      .set((e) => ({ image_count: e('image_count', '+', delta) }))
      .where('id', '=', repositoryId)
      .execute()
  },

  /** Removes the repository and all that hangs on it; blobs lose their links and stay for collection. */
  async delete(tx: Transaction, row: RepositoryRow): Promise<void> {
    tx.touch(rowKey.repository({ accountId: row.account_id, region: row.region }, row.name))
    await tx.db.deleteFrom('image_children').where('repository_id', '=', row.id).execute()
    await tx.db.deleteFrom('image_blobs').where('repository_id', '=', row.id).execute()
    await tx.db.deleteFrom('images').where('repository_id', '=', row.id).execute()
    await tx.db.deleteFrom('repositories').where('id', '=', row.id).execute()
  },

  tags(db: Db, repositoryId: number): Promise<{ key: string; value: string }[]> {
    return db
      .selectFrom('repository_tags')
      .select(['key', 'value'])
      .where('repository_id', '=', repositoryId)
      .orderBy('key')
      .execute()
  },

  async setTags(tx: Transaction, repositoryId: number, tags: readonly { key: string; value: string }[]): Promise<void> {
    if (tags.length === 0) return
    await tx.db
      .insertInto('repository_tags')
      .values(tags.map((tag) => ({ repository_id: repositoryId, ...tag })))
      .onConflict((conflict) =>
        conflict.columns(['repository_id', 'key']).doUpdateSet((e) => ({ value: e.ref('excluded.value') })),
      )
      .execute()
  },

  async removeTags(tx: Transaction, repositoryId: number, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    await tx.db
      .deleteFrom('repository_tags')
      .where('repository_id', '=', repositoryId)
      .where('key', 'in', keys)
      .execute()
  },
}
