// The schema as the database has it, written down beside the code so that a change of it is seen. `schema.test.ts --write` makes the file.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Kysely } from 'kysely'
import { SqliteConnection, sqliteDialect, sqliteSchema } from './dialect.ts'
import { migrate, schemaVersion } from './migrations/migrate.ts'
import type { Schema } from './schema.ts'

const snapshot = new URL('./schema.sql', import.meta.url)

async function currentSchema(): Promise<string> {
  const database = new DatabaseSync(':memory:')
  const connection = new SqliteConnection(database)
  try {
    await migrate(new Kysely<Schema>({ dialect: sqliteDialect(connection) }), sqliteSchema, (step) => step())
    const rows = database
      .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid")
      .all()
    const statements = rows.map((row) => `${layOut(String(row.sql))};\n`)
    return `-- Version ${schemaVersion} of the SQLite schema, after all migrations.\n\n${statements.join('\n')}`
  } finally {
    database.close()
  }
}

/** A line for each column and constraint. */
function layOut(statement: string): string {
  if (!statement.startsWith('CREATE TABLE')) return statement
  let depth = 0
  let text = ''
  for (const character of statement) {
    if (character === ')' && depth === 1) text += '\n'
    text += character
    if (character === '(') {
      depth += 1
      if (depth === 1) text += '\n  '
    } else if (character === ')') {
      depth -= 1
    } else if (character === ',' && depth === 1) {
      text += '\n '
    }
  }
  return text
}

if (process.argv[2] === '--write') writeFileSync(snapshot, await currentSchema())

test('schema.sql is what the migrations make (schema.test.ts --write makes it)', async () => {
  assert.equal(readFileSync(snapshot, 'utf8'), await currentSchema())
})
