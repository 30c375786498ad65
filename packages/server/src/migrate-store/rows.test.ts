// Rows between databases of both kinds: equal at the end, whatever an earlier run has left.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { sharedPostgres, whyNoDatabase } from '../../test/support/postgres-server.ts'
import { silentLog } from '../base/log.ts'
import { parseDatabaseUrl } from '../config-values.ts'
import { isPostgres } from '../storage/metadata/dialect.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { openPostgres } from '../storage/metadata/postgres.ts'
import type { Db } from '../storage/metadata/schema.ts'
import { openSqlite } from '../storage/metadata/sqlite.ts'
import { copyRows, tableWithRows, verifyRows } from './rows.ts'

const signal = new AbortController().signal
const digest = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

async function sqlite(t: TestContext): Promise<MetadataStore> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-rows-'))
  const onFailedSync = (error: unknown) => {
    throw error
  }
  const store = await openSqlite({
    path: join(folder, 'berth.db'),
    durability: 'relaxed',
    log: silentLog,
    onFailedSync,
  })
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

async function postgres(t: TestContext): Promise<MetadataStore> {
  const server = await sharedPostgres()
  const url = await server.createDatabase()
  const address = parseDatabaseUrl(url, { name: 'test', folder: '/', readFile: () => '' })
  const store = await openPostgres({ address, connections: 4, durability: 'relaxed', log: silentLog })
  t.after(async () => {
    await store.close()
    await server.dropDatabase(url)
  })
  return store
}

/** Rows of every kind, more than a page of some, and keys whose order is not that of JavaScript's strings. */
async function fill(store: MetadataStore): Promise<void> {
  await store.write(async ({ db }) => {
    const run = (text: ReturnType<typeof sql>) => text.execute(db)
    await run(sql`insert into accounts values ('123456789012', 1, null, null)`)
    await run(
      sql`insert into entities (entity_id, account_id, kind, name, path, created_at, updated_at) values ('U1', '123456789012', 'user', 'admin', '/', 2, 2)`,
    )
    await run(
      sql`insert into access_keys (access_key_id, account_id, owner_id, sealed_secret, status, created_at) values ('K1', '123456789012', 'U1', ${Buffer.from([0, 1, 255])}, 'Active', 3)`,
    )
    for (const name of ['one', 'two', 'three']) {
      await run(
        sql`insert into repositories (account_id, region, name, created_at, tag_mutability, exclusion_filters, scan_on_push, key_scope, image_count) values ('123456789012', 'us-east-1', ${name}, 1790000000000, 'MUTABLE', null, 0, 'default', 1)`,
      )
    }
    await run(sql`delete from repositories where name = 'three'`)
    for (const key of ['a', 'B', 'é', '\u{1f600}', '\uffee', 'z']) {
      await run(sql`insert into repository_tags (repository_id, key, value) values (1, ${key}, 'x')`)
    }
    for (let blob = 0; blob < 450; blob++) {
      await run(
        sql`insert into blobs (key_scope, digest, size, storage_key, created_at, content) values ('default', ${digest(`blob ${blob}`)}, ${2 ** 33 + blob}, null, 5, ${Buffer.from(`blob ${blob}`)})`,
      )
      await run(sql`insert into blob_links values (1, ${digest(`blob ${blob}`)}, ${blob + 1}, 6, null)`)
    }
    for (let image = 0; image < 120; image++) {
      await addImage(db, image)
      await run(sql`insert into image_blobs values (1, ${digest(`blob ${image}`)}, ${digest(`image ${image}`)})`)
    }
    await run(sql`insert into image_children values (1, ${digest('image 1')}, ${digest('image 2')})`)
    await run(
      sql`insert into jobs (job_id, type, key, payload, run_at, created_at) values ('J1', 'sweep', 'k', '{}', 1, 1)`,
    )
  })
}

async function addImage(db: Db, image: number): Promise<void> {
  await sql`insert into images (repository_id, digest, media_type, manifest_size, image_size, pushed_at, tag_count, manifest) values (1, ${digest(`image ${image}`)}, 'x', 1, 2, 3, 1, ${Buffer.from(`image ${image}`)})`.execute(
    db,
  )
  await sql`insert into image_tags values (1, ${`tag-${image}`}, ${digest(`image ${image}`)}, 4)`.execute(db)
}

const change = (store: MetadataStore, query: ReturnType<typeof sql>) => store.write(({ db }) => query.execute(db))

async function count(store: MetadataStore, table: string): Promise<number> {
  const { rows } = await store.read((db) =>
    sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(db),
  )
  return Number(rows[0]?.n)
}

async function copy(source: MetadataStore, target: MetadataStore): Promise<{ written: number; same: number }> {
  let [written, same] = [0, 0]
  await copyRows({ source, target, signal, onRows: (n) => (written += n) })
  assert.deepEqual(await verifyRows({ source, target, signal, onRows: (n) => (same += n) }), [])
  return { written, same }
}

const open = { SQLite: sqlite, PostgreSQL: postgres }
const skip = whyNoDatabase() ?? false
const pairs = [
  ['SQLite', 'SQLite', false],
  ['SQLite', 'PostgreSQL', skip],
  ['PostgreSQL', 'SQLite', skip],
] as const

for (const [from, to, reason] of pairs) {
  describe(`rows from ${from} to ${to}`, { skip: reason }, () => {
    async function both(t: TestContext) {
      const source = await open[from](t)
      await fill(source)
      return { source, target: await open[to](t) }
    }

    test('all are there, and a second copy has nothing to write', async (t) => {
      const { source, target } = await both(t)
      assert.equal(await tableWithRows(target), undefined)
      const first = await copy(source, target)
      assert.equal(first.written, first.same)
      assert.deepEqual(await copy(source, target), { written: 0, same: first.same })
      assert.equal(await count(target, 'images'), 120)
      assert.equal(await count(target, 'jobs'), 0)
      assert.equal(await tableWithRows(target), 'accounts')
    })

    test('a row that is added later has a number that none had before', async (t) => {
      const { source, target } = await both(t)
      await copy(source, target)
      await change(
        target,
        sql`insert into repositories (account_id, region, name, created_at, tag_mutability, scan_on_push, key_scope) values ('123456789012', 'us-east-1', 'new', 1, 'MUTABLE', 0, 'default')`,
      )
      const { rows } = await target.read((db) =>
        sql<{ id: number }>`select id from repositories where name = 'new'`.execute(db),
      )
      assert.equal(rows[0]?.id, 4, 'the third was deleted in the source')
    })

    test('an earlier run is gone on with, and what the source changed since is followed', async (t) => {
      const { source, target } = await both(t)
      const { same } = await copy(source, target)
      await change(target, sql`delete from image_tags where tag > 'tag-5'`)
      const missing = 120 - (await count(target, 'image_tags'))
      assert.equal((await copy(source, target)).written, missing)

      await source.write(({ db }) => addImage(db, 500))
      await change(source, sql`delete from repository_tags where key = 'B'`)
      await change(source, sql`update image_tags set digest = ${digest('image 7')} where tag = 'tag-3'`)
      await change(source, sql`update repositories set image_count = 121 where id = 1`)
      assert.equal((await copy(source, target)).same, same + 2 - 1)
    })

    test('content whose digest is wrong is found', async (t) => {
      const { source, target } = await both(t)
      await change(source, sql`update blobs set content = ${Buffer.from('other')} where id = 17`)
      await change(
        source,
        sql`update images set manifest = ${Buffer.from('other')} where digest = ${digest('image 9')}`,
      )
      await copyRows({ source, target, signal, onRows() {} })
      assert.deepEqual(await verifyRows({ source, target, signal, onRows() {} }), [
        { digest: digest('blob 16'), blobId: 17 },
        { digest: digest('image 9'), repositoryId: 1 },
      ])
    })

    test('a difference is not passed over', async (t) => {
      const { source, target } = await both(t)
      await copy(source, target)
      const verify = () => verifyRows({ source, target, signal, onRows() {} })
      await change(target, sql`update access_keys set sealed_secret = ${Buffer.from([0, 1, 254])}`)
      await assert.rejects(verify())
      await change(target, sql`update access_keys set sealed_secret = ${Buffer.from([0, 1, 255])}`)
      await verify()
      await change(target, sql`delete from image_children`)
      await assert.rejects(verify(), /lacks rows of image_children/)
      assert.equal(await target.read(async (db) => isPostgres(db)), to === 'PostgreSQL')
    })
  })
}
