// A store of the version before: its administrators stay administrators, by a policy now, and their keys go on.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Kysely } from 'kysely'
import { SqliteConnection, sqliteDialect, sqliteSchema } from '../dialect.ts'
import type { Schema } from '../schema.ts'
import { up as registry } from './0001-registry.ts'
import { up as manyProcesses } from './0002-many-processes.ts'
import { migrate } from './migrate.ts'

test('users become entities, administrators have AdministratorAccess, and keys keep their owner and secret', async () => {
  const database = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true })
  const db = new Kysely<Schema>({ dialect: sqliteDialect(new SqliteConnection(database)) })
  const old = db as unknown as Kysely<unknown>
  await registry(old, sqliteSchema)
  await manyProcesses(old, sqliteSchema)
  database.exec(`
    CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
    INSERT INTO meta VALUES ('schema_version', '2'), ('schema_oldest_reader', '1');
    INSERT INTO accounts VALUES ('123456789012', 1);
    INSERT INTO users VALUES ('AIDA1', '123456789012', 'admin', 1, 2), ('AIDA2', '123456789012', 'guest', 0, 3);
    INSERT INTO access_keys VALUES ('AKIA1', 'AIDA1', x'0102', 'Active', 4), ('AKIA2', 'AIDA2', x'03', 'Inactive', 5);
  `)
  await migrate(db, sqliteSchema, (step) => step())
  const rows = (sql: string) =>
    database
      .prepare(sql)
      .all()
      .map((row) => ({ ...row }))
  assert.deepEqual(
    rows('SELECT entity_id, account_id, kind, name, path, created_at FROM entities ORDER BY entity_id'),
    [
      { entity_id: 'AIDA1', account_id: '123456789012', kind: 'user', name: 'admin', path: '/', created_at: 2 },
      { entity_id: 'AIDA2', account_id: '123456789012', kind: 'user', name: 'guest', path: '/', created_at: 3 },
    ],
  )
  assert.deepEqual(rows('SELECT entity_id, policy_arn FROM policy_attachments'), [
    { entity_id: 'AIDA1', policy_arn: 'arn:aws:iam::aws:policy/AdministratorAccess' },
  ])
  assert.deepEqual(
    rows('SELECT access_key_id, account_id, owner_id, hex(sealed_secret) AS secret, status FROM access_keys'),
    [
      { access_key_id: 'AKIA1', account_id: '123456789012', owner_id: 'AIDA1', secret: '0102', status: 'Active' },
      { access_key_id: 'AKIA2', account_id: '123456789012', owner_id: 'AIDA2', secret: '03', status: 'Inactive' },
    ],
  )
  assert.deepEqual(rows("SELECT value FROM meta WHERE key = 'schema_oldest_reader'"), [{ value: '3' }])
  database.close()
})
