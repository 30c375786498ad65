// The list of tables, held against the schema that the migrations make.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { Kysely } from 'kysely'
import { SqliteConnection, sqliteDialect, sqliteSchema } from '../storage/metadata/dialect.ts'
import { migrate } from '../storage/metadata/migrations/migrate.ts'
import type { Schema } from '../storage/metadata/schema.ts'
import { carriedTables, leftOutTables } from './tables.ts'

describe('the tables of a store', () => {
  let database: DatabaseSync
  const rows = (sql: string) => database.prepare(sql).all()

  before(async () => {
    database = new DatabaseSync(':memory:')
    const connection = new SqliteConnection(database)
    await migrate(new Kysely<Schema>({ dialect: sqliteDialect(connection) }), sqliteSchema, (step) => step())
  })
  after(() => database.close())

  test('each of the schema is carried, or left out with a reason', () => {
    const names = rows("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
    const listed = [...carriedTables.map(({ name }) => name), ...leftOutTables]
    assert.deepEqual(listed.toSorted(), names.map(({ name }) => name).toSorted())
  })

  test('the key of each is its primary key, in its order', () => {
    for (const { name, key } of carriedTables) {
      const columns = rows(`select name from pragma_table_info('${name}') where pk > 0 order by pk`)
      assert.deepEqual(
        [...key],
        columns.map((column) => column.name),
        name,
      )
    }
  })

  test('those that number their rows are known', () => {
    const numbered = rows("select name from sqlite_master where type = 'table' and sql like '%autoincrement%'")
    assert.deepEqual(
      carriedTables
        .filter(({ hasIdentity }) => hasIdentity)
        .map(({ name }) => name)
        .toSorted(),
      numbered.map(({ name }) => name).toSorted(),
    )
  })

  test('a table comes after those that its rows refer to', () => {
    const order = carriedTables.map(({ name }) => String(name))
    for (const name of order) {
      for (const { table } of rows(`select "table" from pragma_foreign_key_list('${name}')`)) {
        assert.ok(order.indexOf(String(table)) < order.indexOf(name), `${name} refers to ${table}`)
        assert.ok(order.includes(String(table)), `${table} is carried, since ${name} refers to it`)
      }
    }
  })

  test('a page of rows fits into one statement of either database', () => {
    for (const { name, page } of carriedTables) {
      const columns = rows(`select name from pragma_table_info('${name}')`).length
      assert.ok(page * columns < 32_766, name)
    }
  })
})
