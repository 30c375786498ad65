// Rows of temporary credentials.

import type { Selectable } from 'kysely'
import { hotQuery } from '../hot-query.ts'
import type { Transaction } from '../metadata-store.ts'
import type { Db, SessionsTable } from '../schema.ts'

export type SessionRow = Selectable<SessionsTable>

const findById = hotQuery<{ sessionId: string }, SessionRow>((db, p) =>
  db.selectFrom('sessions').selectAll().where('session_id', '=', p('sessionId')),
)

export const sessionsTable = {
  async insert(tx: Transaction, row: SessionRow): Promise<void> {
    await tx.db.insertInto('sessions').values(row).execute()
  },

  async find(db: Db, sessionId: string): Promise<SessionRow | undefined> {
    return (await findById(db, { sessionId }))[0]
  },

  /** At most `limit` of those that ended before; how many they were. */
  async deleteExpired(tx: Transaction, before: number, limit: number): Promise<number> {
    const deleted = await tx.db
      .deleteFrom('sessions')
      .where('session_id', 'in', (e) =>
        e.selectFrom('sessions').select('session_id').where('expires_at', '<', before).limit(limit),
      )
      .executeTakeFirst()
    return Number(deleted.numDeletedRows)
  },
}
