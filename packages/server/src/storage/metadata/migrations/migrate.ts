// Brings the schema to the version of this program, one migration a transaction.

import type { Kysely } from 'kysely'
import { StartError } from '../../../base/errors.ts'
import type { SqliteConnection } from '../dialect.ts'
import type { Db } from '../schema.ts'
import { up as registry } from './0001-registry.ts'

const migrations: readonly ((db: Kysely<unknown>) => Promise<void>)[] = [registry]

export const schemaVersion = migrations.length

/** @throws StartError when a newer Berth wrote the data */
export async function migrate(db: Db, connection: SqliteConnection): Promise<void> {
  await db.schema
    .createTable('meta')
    .ifNotExists()
    .addColumn('key', 'text', (c) => c.primaryKey().notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .execute()
  const row = await db.selectFrom('meta').select('value').where('key', '=', 'schema_version').executeTakeFirst()
  const current = Number(row?.value ?? 0)
  if (current > schemaVersion) {
    throw new StartError(
      `the data was written by a newer Berth: its schema is version ${current}, this Berth knows versions up to ${schemaVersion}`,
      'Start the newer Berth again, or restore a backup that was made before the upgrade.',
    )
  }
  for (const [index, up] of migrations.entries()) {
    const version = index + 1
    if (version <= current) continue
    connection.run('BEGIN IMMEDIATE', [])
    try {
      await up(db as unknown as Kysely<unknown>)
      await db
        .insertInto('meta')
        .values({ key: 'schema_version', value: String(version) })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: String(version) }))
        .execute()
      connection.run('COMMIT', [])
    } catch (error) {
      connection.run('ROLLBACK', [])
      throw error
    }
  }
}
