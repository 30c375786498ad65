// Rows of uploads in progress: what any process goes on with. Each change moves the version, and names the one that it began with: a
// process that was overtaken changes nothing.

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
const claim = hotQuery<{ uploadId: string; version: number; now: number }, { version: number }>((db, p) =>
  db
    .updateTable('uploads')
    .set((e) => ({ version: e('version', '+', 1), is_busy: 1, updated_at: p('now') }))
    .where('upload_id', '=', p('uploadId'))
    .where('version', '=', p('version'))
    .returning('version'),
)
const remove = hotQuery<{ uploadId: string; version: number }, { upload_id: string }>((db, p) =>
  db
    .deleteFrom('uploads')
    .where('upload_id', '=', p('uploadId'))
    .where('version', '=', p('version'))
    .returning('upload_id'),
)

export const uploadsTable = {
  async find(db: Db, uploadId: string): Promise<UploadRow | undefined> {
    return (await find(db, { uploadId }))[0]
  },

  async insert(tx: Transaction, uploadId: string, repositoryId: number, userId: string, now: number): Promise<void> {
    await insert(tx.db, { uploadId, repositoryId, userId, now })
  },

  /** Marks the upload as worked on; false when its version has moved. */
  async claim(tx: Transaction, uploadId: string, version: number, now: number): Promise<boolean> {
    return (await claim(tx.db, { uploadId, version, now })).length > 0
  },

  /** Changes the row and ends the claim; false when its version has moved. */
  async update(tx: Transaction, uploadId: string, version: number, change: Updateable<UploadsTable>): Promise<boolean> {
    const row = await tx.db
      .updateTable('uploads')
      .set({ ...change, version: version + 1, is_busy: 0 })
      .where('upload_id', '=', uploadId)
      .where('version', '=', version)
      .returning('version')
      .executeTakeFirst()
    return row !== undefined
  },

  /** False when it was gone already, or its version has moved. */
  async delete(tx: Transaction, uploadId: string, version: number): Promise<boolean> {
    return (await remove(tx.db, { uploadId, version })).length > 0
  },

  async count(db: Db): Promise<number> {
    const row = await db
      .selectFrom('uploads')
      .select((e) => e.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return row.count
  },

  /** Uploads that nobody has touched since the time given, oldest first. */
  idleSince(db: Db, time: number, limit: number): Promise<UploadRow[]> {
    return db
      .selectFrom('uploads')
      .selectAll()
      .where('updated_at', '<', time)
      .orderBy('updated_at')
      .limit(limit)
      .execute()
  },

  async known(db: Db, uploadIds: readonly string[]): Promise<Set<string>> {
    const rows = await db.selectFrom('uploads').select('upload_id').where('upload_id', 'in', uploadIds).execute()
    return new Set(rows.map((row) => row.upload_id))
  },
}
