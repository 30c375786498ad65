// Rows of uploads in progress: what a restart goes on with.

import type { Selectable, Updateable } from 'kysely'
import { hotQuery } from '../hot-query.ts'
import type { Transaction } from '../metadata-store.ts'
import type { Db, UploadsTable } from '../schema.ts'

export type UploadRow = Selectable<UploadsTable>

// Each push begins and ends two uploads or more, and asks for them in between.
const find = hotQuery<{ uploadId: string }, UploadRow>((db, p) =>
  db.selectFrom('uploads').selectAll().where('upload_id', '=', p('uploadId')),
)
const insert = hotQuery<{ uploadId: string; repositoryId: number; userId: string; now: number }, unknown>((db, p) =>
  db.insertInto('uploads').values({
    upload_id: p('uploadId'),
    repository_id: p('repositoryId'),
    user_id: p('userId'),
    received_bytes: 0,
    part_count: 0,
    smallest_part: null,
    last_part: null,
    created_at: p('now'),
    updated_at: p('now'),
  }),
)
const remove = hotQuery<{ uploadId: string }, { upload_id: string }>((db, p) =>
  db.deleteFrom('uploads').where('upload_id', '=', p('uploadId')).returning('upload_id'),
)

export const uploadsTable = {
  async find(db: Db, uploadId: string): Promise<UploadRow | undefined> {
    return (await find(db, { uploadId }))[0]
  },

  async insert(tx: Transaction, uploadId: string, repositoryId: number, userId: string, now: number): Promise<void> {
    await insert(tx.db, { uploadId, repositoryId, userId, now })
  },

  async update(tx: Transaction, uploadId: string, change: Updateable<UploadsTable>): Promise<void> {
    await tx.db.updateTable('uploads').set(change).where('upload_id', '=', uploadId).execute()
  },

  /** False when it was gone already. */
  async delete(tx: Transaction, uploadId: string): Promise<boolean> {
    return (await remove(tx.db, { uploadId })).length > 0
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
