import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError, parseConfig } from '../config.ts'
import { type Move, planMove } from './target.ts'

const masterKey = Buffer.alloc(32, 7).toString('base64')
const postgres = 'postgres://berth:secret@db.example.com/berth'
const bucket = 's3://images/registry?endpoint=https://s3.example.com'
const key = { BERTH_BLOB_STORE_ACCESS_KEY_ID: 'source', BERTH_BLOB_STORE_SECRET_ACCESS_KEY: 'its-secret' }
const embedded = { BERTH_DATA_DIR: '/srv/berth' }
const shared = {
  BERTH_MASTER_KEY: masterKey,
  BERTH_DATABASE_URL: postgres,
  BERTH_BLOB_STORE: bucket,
  ...key,
  ...embedded,
}

const plan = (source: Record<string, string>, flags: Record<string, string>, env: Record<string, string> = {}): Move =>
  planMove(parseConfig({ env: source }), { flags, env })

function mistakesOf(source: Record<string, string>, flags: Record<string, string>, env: Record<string, string> = {}) {
  try {
    plan(source, flags, env)
  } catch (error) {
    if (error instanceof ConfigError)
      return error.mistakes.map(({ setting, message }) => `${setting} ${message}`).join('; ')
    throw error
  }
  return ''
}

describe('where a store is to go', () => {
  test('all of it to PostgreSQL and S3, told without a secret', () => {
    const { target, movesDatabase, movesBlobs, description } = plan(embedded, {
      toDatabase: postgres,
      toBlobStore: bucket,
    })
    assert.deepEqual([movesDatabase, movesBlobs], [true, true])
    assert.equal(target.database?.host, 'db.example.com')
    assert.equal(target.blobStore?.bucket, 'images')
    assert.equal(
      description,
      'the PostgreSQL database berth at db.example.com:5432, with the blobs in s3://images/registry/ at https://s3.example.com',
    )
  })

  test('one part, while the other stays', () => {
    const database = plan(embedded, { toBlobStore: 'same' }, { BERTH_TO_DATABASE: postgres })
    assert.deepEqual([database.movesDatabase, database.movesBlobs], [true, false])
    assert.deepEqual([database.target.blobStore, database.target.dataDir], [undefined, '/srv/berth'])
    const blobs = plan(embedded, { toDatabase: 'same', toBlobStore: bucket })
    assert.deepEqual([blobs.movesDatabase, blobs.movesBlobs, blobs.target.database], [false, true, undefined])
  })

  test('back into a folder', () => {
    const { target } = plan(shared, { toDatabase: 'sqlite', toBlobStore: 'files', toDataDir: '/srv/new' })
    assert.deepEqual(target, { dataDir: '/srv/new', durability: 'full' })
  })

  test('the key of the source is shown to its own store only', () => {
    const credentials = (url: string, env = {}) =>
      plan(shared, { toDatabase: 'same', toBlobStore: url }, env).target.blobStore?.credentials?.accessKeyId
    assert.equal(credentials('s3://others?endpoint=https://s3.example.com'), 'source')
    assert.equal(credentials('s3://others?endpoint=https://elsewhere.example.com'), undefined)
    const own = { BERTH_TO_BLOB_STORE_ACCESS_KEY_ID: 'target', BERTH_TO_BLOB_STORE_SECRET_ACCESS_KEY: 'x' }
    assert.equal(credentials('s3://others?endpoint=https://s3.example.com', own), 'target')
  })

  for (const [what, source, flags, says] of [
    ['nothing', embedded, {}, /--to-database is needed.*--to-blob-store is needed/],
    ['a part that is forgotten', embedded, { toDatabase: postgres }, /--to-blob-store is needed: a place, or "same"/],
    ['nothing that moves', embedded, { toDatabase: 'same', toBlobStore: 'same' }, /nothing is to be moved/],
    [
      'a folder that is not named',
      shared,
      { toDatabase: 'sqlite', toBlobStore: 'same' },
      /--to-data-dir is needed for sqlite and files/,
    ],
    [
      'a folder for nothing',
      embedded,
      { toDatabase: postgres, toBlobStore: bucket, toDataDir: '/x' },
      /which are not asked for/,
    ],
    [
      'two data directories',
      { ...embedded, BERTH_DATABASE_URL: postgres, BERTH_MASTER_KEY: masterKey },
      { toDatabase: 'sqlite', toBlobStore: 'same', toDataDir: '/x' },
      /is not \/srv\/berth, where the blobs would stay: an installation has one data directory/,
    ],
    [
      'where it is now',
      embedded,
      { toDatabase: 'sqlite', toBlobStore: 'files', toDataDir: '/srv/berth' },
      /is where the store is now: say "same"/,
    ],
    [
      'no place',
      embedded,
      { toDatabase: 'mysql://x', toBlobStore: 'gs://x' },
      /--to-database is not a URL.*--to-blob-store is not a URL/,
    ],
    [
      'half a key',
      embedded,
      { toDatabase: 'same', toBlobStore: bucket, toBlobStoreAccessKeyId: 'x' },
      /needs its other half/,
    ],
  ] as const) {
    test(`${what}: refused`, () => assert.match(mistakesOf(source, flags), says))
  }

  test('a mistake names the option or the variable, and never the secret', () => {
    const said = mistakesOf(embedded, { toBlobStore: 'same' }, { BERTH_TO_DATABASE: 'postgres://berth:hush@db' })
    assert.match(said, /^BERTH_TO_DATABASE names no database/)
    assert.doesNotMatch(said, /hush/)
  })
})
