// Rows of access keys, of users and of root users.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Selectable } from 'kysely'
import type { Transaction } from '../metadata-store.ts'
import type { AccessKeysTable, Db } from '../schema.ts'

export type AccessKeyRow = Selectable<AccessKeysTable>
type NewAccessKey = Pick<
  AccessKeyRow,
  'access_key_id' | 'account_id' | 'owner_id' | 'sealed_secret' | 'status' | 'created_at'
>
type LastUse = Pick<AccessKeyRow, 'last_used_at' | 'last_used_service' | 'last_used_region'>

export const accessKeysTable = {
  async insert(tx: Transaction, row: NewAccessKey): Promise<void> {
    await tx.db
      .insertInto('access_keys')
      .values({ ...row, last_used_at: null, last_used_service: null, last_used_region: null })
      .execute()
  },

  all(db: Db): Promise<AccessKeyRow[]> {
    return db.selectFrom('access_keys').selectAll().execute()
  },

  find(db: Db, accessKeyId: string): Promise<AccessKeyRow | undefined> {
    return db.selectFrom('access_keys').selectAll().where('access_key_id', '=', accessKeyId).executeTakeFirst()
  },

  /** The oldest first. */
  ofOwner(db: Db, ownerId: string): Promise<AccessKeyRow[]> {
    return db
      .selectFrom('access_keys')
      .selectAll()
      .where('owner_id', '=', ownerId)
      .orderBy('created_at')
      .orderBy('access_key_id')
      .execute()
  },

  /** In the same order, of all owners. */
  ofAccount(db: Db, accountId: AccountId): Promise<AccessKeyRow[]> {
    return db
      .selectFrom('access_keys')
      .selectAll()
      .where('account_id', '=', accountId)
      .orderBy('created_at')
      .orderBy('access_key_id')
      .execute()
  },

  async setStatus(tx: Transaction, accessKeyId: string, status: AccessKeyRow['status']): Promise<void> {
    await tx.db.updateTable('access_keys').set({ status }).where('access_key_id', '=', accessKeyId).execute()
  },

  async reseal(tx: Transaction, accessKeyId: string, sealedSecret: Uint8Array): Promise<void> {
    await tx.db
      .updateTable('access_keys')
      .set({ sealed_secret: sealedSecret })
      .where('access_key_id', '=', accessKeyId)
      .execute()
  },

  async recordUse(tx: Transaction, accessKeyId: string, use: LastUse): Promise<void> {
    await tx.db.updateTable('access_keys').set(use).where('access_key_id', '=', accessKeyId).execute()
  },

  async delete(tx: Transaction, accessKeyId: string): Promise<void> {
    await tx.db.deleteFrom('access_keys').where('access_key_id', '=', accessKeyId).execute()
  },
}
