// The cost of a page, or of a look-up, does not depend on how much there is: every query of the lists and of the hot path is a search in
// an index, without a scan and without sorting. Asked of SQLite itself, of the text that the tables really send.

import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { parseDigest } from '@berth/api/names/digest.ts'
import { parseImageTag } from '@berth/api/names/image-tag.ts'
import { parseAccountId, parseRegion } from '@berth/api/names/registry.ts'
import { type CompiledQuery, Kysely, type QueryResult } from 'kysely'
import { SqliteConnection, sqliteDialect, sqliteSchema } from './dialect.ts'
import type { Transaction } from './metadata-store.ts'
import { migrate } from './migrations/migrate.ts'
import type { Db, Schema } from './schema.ts'
import { blobsTable } from './tables/blobs.ts'
import { identitiesTable } from './tables/identities.ts'
import { imagesTable, tagsTable } from './tables/images.ts'
import { repositoriesTable } from './tables/repositories.ts'
import { uploadsTable } from './tables/uploads.ts'

class RecordingConnection extends SqliteConnection {
  readonly queries: CompiledQuery[] = []

  override executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.queries.push(query)
    return super.executeQuery(query)
  }
}

function checked<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}

const registry = {
  accountId: checked(parseAccountId('123456789012')),
  region: checked(parseRegion('us-east-1')),
}
const digest = checked(parseDigest(`sha256:${'0'.repeat(64)}`))
const digests = [digest, checked(parseDigest(`sha256:${'1'.repeat(64)}`))]
const tag = checked(parseImageTag('v1'))
const position = { pushedAt: 1, digest }

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
async function planOf(query: (db: Db, tx: Transaction) => Promise<unknown>): Promise<string[]> {
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

type Query = (db: Db, tx: Transaction) => Promise<unknown>

const pages: Record<string, [query: Query, plan: string[]]> = {
  'tags, first page': [
    (db) => tagsTable.page(db, 1, undefined, 101),
    ['SEARCH image_tags USING PRIMARY KEY (repository_id=? AND tag>?)'],
  ],
  'tags after one': [
    (db) => tagsTable.page(db, 1, 'v1', 101),
    ['SEARCH image_tags USING PRIMARY KEY (repository_id=? AND tag>?)'],
  ],
  'names of tags after one': [
    (db) => tagsTable.names(db, 1, 'v1', 101),
    ['SEARCH image_tags USING PRIMARY KEY (repository_id=? AND tag>?)'],
  ],
  'the catalog': [
    (db) => repositoriesTable.page(db, registry, 'a', 101),
    ['SEARCH repositories USING INDEX sqlite_autoindex_repositories_1 (account_id=? AND region=? AND name>?)'],
  ],
  'images of any status': [
    (db) => imagesTable.page(db, 1, 'ANY', undefined, 101),
    ['SEARCH images USING INDEX images_pushed (repository_id=?)'],
  ],
  'images of any status after one': [
    (db) => imagesTable.page(db, 1, 'ANY', position, 101),
    ['SEARCH images USING INDEX images_pushed (repository_id=? AND (pushed_at,digest)>(?,?))'],
  ],
  'images with a tag': [
    (db) => imagesTable.page(db, 1, 'TAGGED', undefined, 101),
    ['SEARCH images USING INDEX images_tagged (repository_id=?)'],
  ],
  'images with a tag after one': [
    (db) => imagesTable.page(db, 1, 'TAGGED', position, 101),
    ['SEARCH images USING INDEX images_tagged (repository_id=? AND (pushed_at,digest)>(?,?))'],
  ],
  'images without a tag': [
    (db) => imagesTable.page(db, 1, 'UNTAGGED', undefined, 101),
    ['SEARCH images USING INDEX images_untagged (repository_id=?)'],
  ],
  'images without a tag after one': [
    (db) => imagesTable.page(db, 1, 'UNTAGGED', position, 101),
    ['SEARCH images USING INDEX images_untagged (repository_id=? AND (pushed_at,digest)>(?,?))'],
  ],
  referrers: [
    (db) => imagesTable.referrers(db, 1, digest, undefined, digest, 501),
    ['SEARCH images USING INDEX images_subject (repository_id=? AND subject_digest=? AND digest>?)'],
  ],
  'referrers of some types': [
    (db) => imagesTable.referrers(db, 1, digest, ['a/b', 'c/d'], undefined, 501),
    ['SEARCH images USING INDEX images_subject (repository_id=? AND subject_digest=? AND digest>?)'],
  ],
  'uploads that are idle': [
    (db) => uploadsTable.idleSince(db, 1, 1000),
    ['SEARCH uploads USING INDEX uploads_updated (updated_at<?)'],
  ],
}

describe('the pages of each list are ranges of an index, in its order', () => {
  for (const [name, [query, plan]] of Object.entries(pages)) {
    test(name, async () => assert.deepEqual(await planOf(query), plan))
  }
})

const lookUps: Record<string, Query> = {
  'a repository': (db) => repositoriesTable.find(db, registry, 'a'),
  'the tags of a repository': (db) => repositoriesTable.tags(db, 1),
  'a pull by tag': (db) => imagesTable.pull(db, registry, 'a', { kind: 'tag', text: tag }, true),
  'a pull by digest': (db) => imagesTable.pull(db, registry, 'a', { kind: 'digest', text: digest }, true),
  'the headers of an image by tag': (db) => imagesTable.pull(db, registry, 'a', { kind: 'tag', text: tag }, false),
  'an image': (db) => imagesTable.find(db, 1, digest),
  'several images': (db) => imagesTable.findMany(db, 1, digests),
  'a manifest': (db) => imagesTable.manifest(db, 1, digest),
  'the indexes that name an image': (db) => imagesTable.parents(db, 1, digest),
  'whether an image names a blob': (db) => imagesTable.isReferenced(db, 1, digest),
  'a tag': (db) => tagsTable.find(db, 1, tag),
  'the tags of images': (db) => tagsTable.ofImages(db, 1, digests),
  'a blob of a repository': (db) => blobsTable.findInRepository(db, registry, 'a', digest),
  'the live row of a digest': (db) => blobsTable.findLive(db, 'default', digest),
  'links of a repository': (db) => blobsTable.findLinks(db, 1, digests),
  'rows of storage keys': (db) => blobsTable.knownStorageKeys(db, ['a', 'b']),
  'an upload': (db) => uploadsTable.find(db, 'x'),
  'uploads by id': (db) => uploadsTable.known(db, ['x', 'y']),
  'a fact': (db) => identitiesTable.fact(db, 'x'),
  'a new tag': (_, tx) => tagsTable.put(tx, 1, tag, digest, undefined, 0).catch(refusedByReference),
  'the end of a tag': (_, tx) => tagsTable.delete(tx, 1, tag, digest),
  'the end of an image': (_, tx) => imagesTable.delete(tx, 1, digest, 0),
  'the end of a repository': (_, tx) =>
    repositoriesTable.delete(tx, {
      id: 1,
      account_id: registry.accountId,
      region: registry.region,
      name: 'a' as never,
      created_at: 0,
      tag_mutability: 'MUTABLE',
      exclusion_filters: null,
      scan_on_push: 0,
      key_scope: 'default',
      image_count: 0,
    }),
  'a grace period that begins again': (_, tx) => blobsTable.extendGrace(tx, 1, digests, 0),
  'how far an upload is': (_, tx) => uploadsTable.update(tx, 'x', 1, { received_bytes: 1 }),
  'an upload that is claimed': (_, tx) => uploadsTable.claim(tx, 'x', 1, 0),
  'the end of an upload': (_, tx) => uploadsTable.delete(tx, 'x', 1),
  'a recorded pull': (_, tx) => imagesTable.recordPull(tx, 1, digest, 0),
}

/** There are no rows: only the text of the statements is wanted. */
function refusedByReference(error: unknown): void {
  assert.match(String(error), /FOREIGN KEY/)
}

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
