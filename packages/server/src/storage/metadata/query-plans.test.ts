// The cost of a page, or of a look-up, does not depend on how much there is: every query of the lists and of the hot path is a search in
// an index, without a scan and without sorting. Asked of SQLite itself, of the text that the tables really send.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { type CompiledQuery, Kysely, type QueryResult } from 'kysely'
import { digest, lookUps, pageQueries, type Query, registry } from '../../../test/support/stored-queries.ts'
import { SqliteConnection, sqliteDialect, sqliteSchema } from './dialect.ts'
import type { Transaction } from './metadata-store.ts'
import { migrate } from './migrations/migrate.ts'
import type { Db, Schema } from './schema.ts'
import { blobsTable } from './tables/blobs.ts'

class RecordingConnection extends SqliteConnection {
  readonly queries: CompiledQuery[] = []

  override executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.queries.push(query)
    return super.executeQuery(query)
  }
}

let database: DatabaseSync
let connection: RecordingConnection
let db: Db
let tx: Transaction

before(async () => {
  database = new DatabaseSync(':memory:')
  connection = new RecordingConnection(database)
  db = new Kysely<Schema>({ dialect: sqliteDialect(connection) })
  tx = { db, touch: () => {} }
  await migrate(db, sqliteSchema, (step) => step())
})
after(() => database.close())

/** One line for each step of each statement that the query sends. */
async function planOf(query: Query): Promise<string[]> {
  connection.queries.length = 0
  database.exec('SAVEPOINT plan')
  try {
    await query(db, tx)
  } finally {
    database.exec('ROLLBACK TO plan; RELEASE plan')
  }
  return connection.queries.flatMap(({ sql, parameters }) => {
    const explain = database.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    return explain.all(...(parameters as string[])).map((row) => String(row.detail))
  })
}

const plans: Record<keyof typeof pageQueries, string[]> = {
  'tags, first page': ['SEARCH image_tags USING PRIMARY KEY (repository_id=? AND tag>?)'],
  'tags after one': ['SEARCH image_tags USING PRIMARY KEY (repository_id=? AND tag>?)'],
  'names of tags after one': ['SEARCH image_tags USING PRIMARY KEY (repository_id=? AND tag>?)'],
  'the catalog': [
    'SEARCH repositories USING INDEX sqlite_autoindex_repositories_1 (account_id=? AND region=? AND name>?)',
  ],
  'images of any status': ['SEARCH images USING INDEX images_pushed (repository_id=?)'],
  'images of any status after one': [
    'SEARCH images USING INDEX images_pushed (repository_id=? AND (pushed_at,digest)>(?,?))',
  ],
  'images with a tag': ['SEARCH images USING INDEX images_tagged (repository_id=?)'],
  'images with a tag after one': [
    'SEARCH images USING INDEX images_tagged (repository_id=? AND (pushed_at,digest)>(?,?))',
  ],
  'images without a tag': ['SEARCH images USING INDEX images_untagged (repository_id=?)'],
  'images without a tag after one': [
    'SEARCH images USING INDEX images_untagged (repository_id=? AND (pushed_at,digest)>(?,?))',
  ],
  referrers: ['SEARCH images USING INDEX images_subject (repository_id=? AND subject_digest=? AND digest>?)'],
  'referrers of some types': [
    'SEARCH images USING INDEX images_subject (repository_id=? AND subject_digest=? AND digest>?)',
  ],
  'uploads that are idle': ['SEARCH uploads USING INDEX uploads_updated (updated_at<?)'],
}

describe('the pages of each list are ranges of an index, in its order', () => {
  for (const [name, plan] of Object.entries(plans)) {
    test(name, async () => assert.deepEqual(await planOf(pageQueries[name as keyof typeof plans]), plan))
  }
})

describe('what a request looks up is found by a search', () => {
  for (const [name, query] of Object.entries(lookUps)) {
    test(name, async () => {
      const plan = await planOf(query)
      assert.ok(connection.queries.length > 0)
      assert.deepEqual(
        plan.filter((step) => /\bSCAN\b|TEMP B-TREE|AUTOMATIC/.test(step)),
        [],
        plan.join('\n'),
      )
    })
  }

  test('where a blob may be mounted from: its live row, or the link of the repository that is named', async () => {
    assert.deepEqual(await planOf((db) => blobsTable.findSources(db, registry, 'default', digest, undefined)), [
      'SEARCH b USING INDEX blobs_live (key_scope=? AND digest=?)',
      'SEARCH l USING COVERING INDEX blob_links_blob (blob_id=?)',
      'SEARCH r USING INTEGER PRIMARY KEY (rowid=?)',
    ])
    const named = await planOf((db) => blobsTable.findSources(db, registry, 'default', digest, 'a'))
    assert.deepEqual(
      named.filter((step) => step.startsWith('S') && !step.startsWith('SCALAR')),
      [
        'SEARCH b USING INDEX blobs_live (key_scope=? AND digest=?)',
        'SEARCH l USING COVERING INDEX blob_links_blob (blob_id=? AND repository_id=?)',
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (account_id=? AND region=? AND name=?)',
        'SEARCH r USING INTEGER PRIMARY KEY (rowid=?)',
      ],
    )
  })
})
