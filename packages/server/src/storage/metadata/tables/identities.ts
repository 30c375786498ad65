// Rows of accounts, users and access keys, and the facts of the installation.

import type { Insertable, Selectable } from 'kysely'
import type { Transaction } from '../metadata-store.ts'
import type { Db, Schema } from '../schema.ts'

export type AccessKeyRow = Selectable<Schema['access_keys']> &
  Pick<Selectable<Schema['users']>, 'account_id' | 'name' | 'is_administrator'>

export const identitiesTable = {
  async insertAccount(tx: Transaction, row: Insertable<Schema['accounts']>): Promise<void> {
    await tx.db.insertInto('accounts').values(row).execute()
  },

  async insertUser(tx: Transaction, row: Insertable<Schema['users']>): Promise<void> {
    await tx.db.insertInto('users').values(row).execute()
  },

  async insertAccessKey(tx: Transaction, row: Insertable<Schema['access_keys']>): Promise<void> {
    await tx.db.insertInto('access_keys').values(row).execute()
  },

  async setAccessKeyStatus(tx: Transaction, accessKeyId: string, status: 'Active' | 'Inactive'): Promise<void> {
    await tx.db.updateTable('access_keys').set({ status }).where('access_key_id', '=', accessKeyId).execute()
  },

  accessKeys(db: Db): Promise<AccessKeyRow[]> {
    return db
      .selectFrom('access_keys as k')
      .innerJoin('users as u', 'u.user_id', 'k.user_id')
      .selectAll('k')
      .select(['u.account_id', 'u.name', 'u.is_administrator'])
      .execute()
  },

  async fact(db: Db, key: string): Promise<string | undefined> {
    return (await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst())?.value
  },

  async setFact(tx: Transaction, key: string, value: string): Promise<void> {
    await tx.db
      .insertInto('meta')
      .values({ key, value })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
      .execute()
  },
}
