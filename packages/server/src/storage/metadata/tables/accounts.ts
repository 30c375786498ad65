// Rows of accounts.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Insertable, Selectable, Updateable } from 'kysely'
import { locked } from '../dialect.ts'
import type { Transaction } from '../metadata-store.ts'
import type { AccountsTable, Db } from '../schema.ts'

export type AccountRow = Selectable<AccountsTable>

export const accountsTable = {
  /** False when there is one already. */
  async insert(tx: Transaction, row: Pick<Insertable<AccountsTable>, 'account_id' | 'created_at'>): Promise<boolean> {
    const inserted = await tx.db
      .insertInto('accounts')
      .values({ alias: null, closed_at: null, ...row })
      .onConflict((conflict) => conflict.column('account_id').doNothing())
      .returning('account_id')
      .executeTakeFirst()
    return inserted !== undefined
  },

  all(db: Db): Promise<AccountRow[]> {
    return db.selectFrom('accounts').selectAll().orderBy('account_id').execute()
  },

  find(db: Db, accountId: AccountId): Promise<AccountRow | undefined> {
    return db.selectFrom('accounts').selectAll().where('account_id', '=', accountId).executeTakeFirst()
  },

  findByAlias(db: Db, alias: string): Promise<AccountRow | undefined> {
    return db.selectFrom('accounts').selectAll().where('alias', '=', alias).executeTakeFirst()
  },

  /** Until the transaction ends nobody else changes what the account's rules are about: its entities, keys and quotas. */
  async lock({ db }: Transaction, accountId: AccountId): Promise<AccountRow | undefined> {
    return locked(db, db.selectFrom('accounts').selectAll().where('account_id', '=', accountId)).executeTakeFirst()
  },

  async update(tx: Transaction, accountId: AccountId, change: Updateable<AccountsTable>): Promise<void> {
    await tx.db.updateTable('accounts').set(change).where('account_id', '=', accountId).execute()
  },
}
