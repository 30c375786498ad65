// Brings the schema to the version of this program, one migration a transaction.
//
// Nodes of the version before go on while a new one migrates: a migration adds tables, indexes and columns with a default, and takes
// nothing away that the version before uses. One that must break with it says so by `oldestReader`; it is then for a release
// whose notes ask to stop all nodes first (docs/guides/scale-out.md).

import type { Kysely } from 'kysely'
import { StartError } from '../../../base/errors.ts'
import type { SchemaDifferences } from '../dialect.ts'
import type { Db } from '../schema.ts'
import { up as registry } from './0001-registry.ts'
import { up as manyProcesses } from './0002-many-processes.ts'
import { up as access } from './0003-access.ts'

interface Migration {
  up: (db: Kysely<unknown>, differences: SchemaDifferences) => Promise<void>
  /** The oldest schema version whose programs can work with the result. */
  oldestReader: number
}

const migrations: readonly Migration[] = [
  { up: registry, oldestReader: 1 },
  { up: manyProcesses, oldestReader: 1 },
  { up: access, oldestReader: 3 },
]

export const schemaVersion = migrations.length

/** `run` runs its argument in one transaction that nobody else migrates in. @throws StartError when a newer Berth wrote the data */
export async function migrate(
  db: Db,
  differences: SchemaDifferences,
  run: (step: () => Promise<void>) => Promise<void>,
): Promise<void> {
  await run(async () => {
    await db.schema
      .createTable('meta')
      .ifNotExists()
      .addColumn('key', differences.textColumn, (c) => c.primaryKey().notNull())
      .addColumn('value', differences.textColumn, (c) => c.notNull())
      .execute()
  })
  for (const [index, { up, oldestReader }] of migrations.entries()) {
    const version = index + 1
    await run(async () => {
      // Another node may have been faster.
      if ((await requireReadable(db)) >= version) return
      await up(db as unknown as Kysely<unknown>, differences)
      for (const [key, value] of [
        ['schema_version', version],
        ['schema_oldest_reader', oldestReader],
      ] as const) {
        await db
          .insertInto('meta')
          .values({ key, value: String(value) })
          .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: String(value) }))
          .execute()
      }
    })
  }
}

/** The version of the schema that is there; one that only newer programs can work with is refused. */
async function requireReadable(db: Db): Promise<number> {
  const rows = await db
    .selectFrom('meta')
    .selectAll()
    .where('key', 'in', ['schema_version', 'schema_oldest_reader'])
    .execute()
  const fact = (key: string) => Number(rows.find((row) => row.key === key)?.value ?? 0)
  const current = fact('schema_version')
  if (current > schemaVersion && fact('schema_oldest_reader') > schemaVersion) {
    throw new StartError(
      `the data was written by a newer Berth: its schema is version ${current}, this Berth knows versions up to ${schemaVersion}`,
      'Start the newer Berth again, or restore a backup that was made before the upgrade.',
    )
  }
  return current
}
