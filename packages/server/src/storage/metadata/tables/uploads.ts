// Rows of uploads in progress: what a restart goes on with.

import type { Insertable, Selectable, Updateable } from 'kysely'
import type { Transaction } from '../metadata-store.ts'
import type { Db, UploadsTable } from '../schema.ts'

export type UploadRow = Selectable<UploadsTable>

export const uploadsTable = {
  find(db: Db, uploadId: string): Promise<UploadRow | undefined> {
    return db.selectFrom('uploads').selectAll().where('upload_id', '=', uploadId).executeTakeFirst()
  },

  async insert(tx: Transaction, row: Insertable<UploadsTable>): Promise<void> {
    await tx.db.insertInto('uploads').values(row).execute()
  },

  async update(tx: Transaction, uploadId: string, change: Updateable<UploadsTable>): Promise<void> {
    await tx.db.updateTable('uploads').set(change).where('upload_id', '=', uploadId).execute()
  },

  /** False when it was gone already. */
  async delete(tx: Transaction, uploadId: string): Promise<boolean> {
    const result = await tx.db.deleteFrom('uploads').where('upload_id', '=', uploadId).executeTakeFirst()
    return result.numDeletedRows > 0n
  },

  async count(db: Db): Promise<number> {
    const row = await db
      .selectFrom('uploads')
      .select((e) => e.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return row.count
  },

  /** Uploads that nobody has touched since the time given, oldest first. */
  async idleSince(db: Db, time: number, limit: number): Promise<string[]> {
    const rows = await db
      .selectFrom('uploads')
      .select('upload_id')
      .where('updated_at', '<', time)
      .orderBy('updated_at')
      .limit(limit)
      .execute()
    return rows.map((row) => row.upload_id)
  },

  /** Uploads of which bytes were acknowledged. */
  async withBytes(db: Db): Promise<string[]> {
    const rows = await db.selectFrom('uploads').select('upload_id').where('received_bytes', '>', 0).execute()
    return rows.map((row) => row.upload_id)
  },

  async known(db: Db, uploadIds: readonly string[]): Promise<Set<string>> {
    const rows = await db.selectFrom('uploads').select('upload_id').where('upload_id', 'in', uploadIds).execute()
    return new Set(rows.map((row) => row.upload_id))
  },
}
