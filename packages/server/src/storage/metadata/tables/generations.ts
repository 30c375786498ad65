// Counters that say when a cache is old. Whoever changes what others cache moves the counter in the same transaction.

import { sql } from 'kysely'
import { isPostgres, locked } from '../dialect.ts'
import { hotQuery } from '../hot-query.ts'
import { rowKey, type Transaction } from '../metadata-store.ts'
import type { Db } from '../schema.ts'

/** What nodes cache by generation. */
export const generationNames = ['identities', 'resource-policies'] as const
export type GenerationName = (typeof generationNames)[number]

/** Where PostgreSQL tells other nodes at once; without it they notice at their next poll. */
export const generationsChannel = 'berth_generations'

const find = hotQuery<{ name: string }, { generation: number }>((db, p) =>
  db.selectFrom('generations').select('generation').where('name', '=', p('name')),
)

export const generationsTable = {
  async find(db: Db, name: GenerationName): Promise<number> {
    return (await find(db, { name }))[0]?.generation ?? 0
  },

  async all(db: Db): Promise<Map<string, number>> {
    const rows = await db.selectFrom('generations').selectAll().execute()
    return new Map(rows.map((row) => [row.name, row.generation]))
  },

  /** As `find`, and until the transaction ends nobody moves it: all that is read meanwhile is of one moment. */
  async lock({ db }: Transaction, name: GenerationName): Promise<number> {
    const row = await locked(
      db,
      db.selectFrom('generations').select('generation').where('name', '=', name),
    ).executeTakeFirst()
    return row?.generation ?? 0
  },

  async move(tx: Transaction, name: GenerationName): Promise<void> {
    tx.touch(rowKey.generation(name))
    await tx.db
      .insertInto('generations')
      .values({ name, generation: 1 })
      .onConflict((conflict) =>
        conflict.column('name').doUpdateSet((e) => ({ generation: e('generations.generation', '+', 1) })),
      )
      .execute()
    if (isPostgres(tx.db)) await sql`select pg_notify(${generationsChannel}, ${name})`.execute(tx.db)
  },
}
