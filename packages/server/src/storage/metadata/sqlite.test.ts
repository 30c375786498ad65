import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { AccountId } from '@berth/api/names/registry.ts'
import { parseAccountId, parseRegion } from '@berth/api/names/registry.ts'
import { RegistryError, StartError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { type MetadataStore, rowKey, type Transaction } from './metadata-store.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import { factsTable } from './tables/facts.ts'

const registry = { accountId: parseAccountId('123456789012'), region: parseRegion('us-east-1') } as Parameters<
  typeof rowKey.repository
>[0]
const touched = rowKey.repository(registry, 'touched')
const other = rowKey.repository(registry, 'other')

interface Opened {
  store: MetadataStore
  path: string
  failures: unknown[]
}

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-sqlite-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function opened(t: TestContext, options: Partial<SqliteOptions> = {}): Promise<Opened> {
  const path = options.path ?? join(await newFolder(t), 'berth.db')
  const failures: unknown[] = []
  const store = await openSqlite({
    path,
    durability: 'full',
    log: silentLog,
    onFailedSync: (error) => failures.push(error),
    ...options,
  })
  return { store, path, failures }
}

/** Holds every sync of a file in this process, until the test lets it go. */
async function holdSyncs(t: TestContext) {
  const handle = await open('/dev/null', 'r')
  const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void> }
  await handle.close()
  const waiting: { resolve: () => void; reject: (error: unknown) => void }[] = []
  const mock = t.mock.method(prototype, 'datasync', () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    waiting.push({ resolve, reject })
    return promise
  })
  return {
    get begun() {
      return mock.mock.callCount()
    },
    async end(error?: Error): Promise<void> {
      while (waiting.length === 0) await nextTurn()
      const first = waiting.shift()
      if (error) first?.reject(error)
      else first?.resolve()
      await nextTurn()
    },
    /** From now on syncs are what they were. */
    release(): void {
      mock.mock.restore()
      for (const { resolve } of waiting.splice(0)) resolve()
    },
  }
}

const isPending = (promise: Promise<unknown>) =>
  Promise.race([
    promise.then(
      () => false,
      () => false,
    ),
    sleep(5, true),
  ])

const put = (key: string, value: string) => async (tx: Transaction) => {
  tx.touch(touched)
  await factsTable.setFact(tx, key, value)
}
const get = (store: MetadataStore, key: string, restsOn?: () => readonly (typeof touched)[]) =>
  store.read((db) => factsTable.fact(db, key), restsOn)

describe('what is durable (docs/design/store.md)', () => {
  test('a write resolves when a sync that began after its commit has ended; others join the next', async (t) => {
    const { store } = await opened(t)
    const syncs = await holdSyncs(t)
    const first = store.write(put('a', '1'))
    while (syncs.begun === 0) await nextTurn()
    const second = store.write(put('b', '2'))
    const third = store.write(put('c', '3'))
    assert.equal(await isPending(first), true)
    await syncs.end()
    await first
    assert.equal(await isPending(second), true)
    await syncs.end()
    await Promise.all([second, third])
    assert.equal(syncs.begun, 2)
    syncs.release()
    await store.close()
  })

  test('a reader sees a commit at once, and waits with the answer while it rests on rows that are pending', async (t) => {
    const { store } = await opened(t)
    const syncs = await holdSyncs(t)
    const write = store.write(put('a', '1'))
    while (syncs.begun === 0) await nextTurn()
    assert.equal(await get(store, 'a', () => []), '1')
    assert.equal(await get(store, 'a', () => [other]), '1')
    const restsOnIt = get(store, 'a', () => [other, touched])
    const restsOnAll = get(store, 'a')
    assert.deepEqual([await isPending(restsOnIt), await isPending(restsOnAll)], [true, true])
    await syncs.end()
    assert.deepEqual([await restsOnIt, await restsOnAll], ['1', '1'])
    await write
    assert.equal(await get(store, 'a', () => [touched]), '1')
    assert.equal(await get(store, 'a'), '1')
    assert.equal(syncs.begun, 1)
    syncs.release()
    await store.close()
  })

  test('a row that is changed again while a sync runs is pending until the next', async (t) => {
    const { store } = await opened(t)
    const syncs = await holdSyncs(t)
    const first = store.write(put('a', '1'))
    while (syncs.begun === 0) await nextTurn()
    const second = store.write(put('a', '2'))
    await syncs.end()
    await first
    const reading = get(store, 'a', () => [touched])
    assert.equal(await isPending(reading), true)
    await syncs.end()
    assert.equal(await reading, '2')
    await second
    syncs.release()
    await store.close()
  })

  test('writeSoon resolves at the commit; durable waits for it', async (t) => {
    const { store } = await opened(t)
    const syncs = await holdSyncs(t)
    await store.writeSoon(put('a', '1'))
    assert.equal(await get(store, 'a', () => []), '1')
    const durable = store.durable()
    assert.equal(await isPending(durable), true)
    await syncs.end()
    await durable
    syncs.release()
    await store.close()
  })

  test('a refusal may rest on what is pending, so it waits as an answer does; a bug is told at once', async (t) => {
    const { store } = await opened(t)
    const syncs = await holdSyncs(t)
    await store.writeSoon(put('a', '1'))
    const refusal = store.write(async () => {
      throw new RegistryError({ code: 'TooManyTags' })
    })
    refusal.catch(() => {})
    assert.equal(await isPending(refusal), true)
    await assert.rejects(
      store.write(async () => {
        throw new Error('a bug')
      }),
      /a bug/,
    )
    await syncs.end()
    await assert.rejects(refusal, { fault: { code: 'TooManyTags' } })
    syncs.release()
    await store.close()
  })

  test('so does a refusal of a read', async (t) => {
    const { store } = await opened(t)
    const syncs = await holdSyncs(t)
    await store.writeSoon(put('a', '1'))
    const refusal = store.read(
      async () => {
        throw new RegistryError({ code: 'TooManyTags' })
      },
      () => [],
    )
    refusal.catch(() => {})
    assert.equal(await isPending(refusal), true)
    await syncs.end()
    await assert.rejects(refusal, { fault: { code: 'TooManyTags' } })
    syncs.release()
    await store.close()
  })

  test('a sync that fails is told once, and nothing is acknowledged any more', async (t) => {
    const { store, failures } = await opened(t)
    const syncs = await holdSyncs(t)
    const failure = new Error('EIO')
    const write = store.write(put('a', '1'))
    const reading = get(store, 'a', () => [touched])
    const lost = Promise.all([assert.rejects(write, failure), assert.rejects(reading, failure)])
    await syncs.end(failure)
    await lost
    syncs.release()
    await assert.rejects(store.write(put('b', '2')), failure)
    await assert.rejects(get(store, 'a'), failure)
    assert.deepEqual(failures, [failure])
    await store.close()
  })

  test('relaxed waits for no sync, and makes none', async (t) => {
    const { store } = await opened(t, { durability: 'relaxed' })
    const syncs = await holdSyncs(t)
    await store.write(put('a', '1'))
    assert.equal(await get(store, 'a', () => [touched]), '1')
    await store.durable()
    assert.equal(syncs.begun, 0)
    syncs.release()
    await store.close()
  })
})

describe('transactions', () => {
  test('what throws has changed nothing, and rests on nothing', async (t) => {
    const { store } = await opened(t)
    await store.write(put('a', '1'))
    await assert.rejects(
      store.write(async (tx) => {
        await put('a', '2')(tx)
        await put('b', '2')(tx)
        throw new Error('changed my mind')
      }),
      /changed my mind/,
    )
    assert.deepEqual([await get(store, 'a'), await get(store, 'b')], ['1', undefined])
    const { commits } = store.statistics()
    await store.write(put('b', '3'))
    assert.deepEqual([await get(store, 'b'), store.statistics().commits], ['3', commits + 1])
    await store.close()
  })

  test('a statement that breaks a constraint rolls all of them back', async (t) => {
    const { store } = await opened(t)
    await assert.rejects(
      store.write(async (tx) => {
        await put('a', '1')(tx)
        await tx.db
          .insertInto('access_keys')
          .values({
            access_key_id: 'x',
            account_id: '999999999999' as AccountId,
            owner_id: 'nobody',
            sealed_secret: Buffer.alloc(1),
            status: 'Active',
            created_at: 0,
            last_used_at: null,
            last_used_service: null,
            last_used_region: null,
          })
          .execute()
      }),
      /FOREIGN KEY constraint failed/,
    )
    assert.equal(await get(store, 'a'), undefined)
    await store.close()
  })

  test('each is alone, however often it waits inside', async (t) => {
    const { store } = await opened(t)
    await store.write(put('count', '0'))
    const increment = () =>
      store.write(async (tx) => {
        const before = Number(await factsTable.fact(tx.db, 'count'))
        for (let turn = 0; turn < 5; turn++) await Promise.resolve()
        await factsTable.setFact(tx, 'count', String(before + 1))
      })
    await Promise.all(Array.from({ length: 100 }, increment))
    assert.equal(await get(store, 'count'), '100')
    await store.close()
  })

  test('a hundred at once share a few syncs', async (t) => {
    const { store } = await opened(t)
    await Promise.all(Array.from({ length: 100 }, (_, n) => store.write(put(`key-${n}`, 'x'))))
    const { commits, syncs } = store.statistics()
    assert.equal(commits, 100)
    assert.ok(syncs <= 20, `${syncs} syncs`)
    await store.close()
  })

  test('after the end there are none', async (t) => {
    const { store } = await opened(t)
    await store.write(put('a', '1'))
    const closed = store.close()
    const refused = { fault: { code: 'Busy', message: 'The registry is shutting down.' } }
    await assert.rejects(store.write(put('b', '2')), refused)
    await closed
    await assert.rejects(store.write(put('c', '3')), refused)
  })
})

describe('the file', () => {
  /** Descriptors of this process below a folder. */
  async function openFiles(folder: string): Promise<string[]> {
    const all = await readdir('/proc/self/fd')
    const targets = await Promise.all(all.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
    return targets.filter((target) => target.startsWith(folder))
  }
  const onLinux = { skip: process.platform === 'linux' ? false : 'needs /proc' }

  test('what was written is there after the end, and nothing stays open', onLinux, async (t) => {
    const folder = await newFolder(t)
    const path = join(folder, 'berth.db')
    const first = await opened(t, { path })
    await first.store.write(put('a', '1'))
    await first.store.close()
    assert.deepEqual(await openFiles(folder), [])
    const second = await opened(t, { path })
    assert.equal(await get(second.store, 'a'), '1')
    await second.store.close()
  })

  test('checkpoints keep the data and start the WAL again from its beginning', async (t) => {
    const { store, path } = await opened(t)
    const value = 'x'.repeat(10_000)
    let peak = 0
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 1600; n += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, m) => store.write(put(`key-${n + m}`, `${round} ${value}`))))
      }
      const before = store.statistics().walBytes
      while (store.statistics().walBytes >= before && before > 24 * 1024 * 1024) await sleep(5)
      peak = Math.max(peak, (await stat(`${path}-wal`)).size)
    }
    assert.ok(peak < 100 * 1024 * 1024, `the WAL grew to ${peak} bytes`)
    assert.ok(store.statistics().walBytes < 64 * 1024 * 1024)
    for (const n of [0, 799, 1599]) assert.equal(await get(store, `key-${n}`), `1 ${value}`)
    await store.close()
    const database = new DatabaseSync(path)
    t.after(() => database.close())
    assert.deepEqual({ ...database.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' })
    const { count } = database.prepare("SELECT count(*) AS count FROM meta WHERE key LIKE 'key-%'").get() as {
      count: number
    }
    assert.equal(count, 1600)
  })

  test('data of a newer Berth is refused with a way out, and nothing stays open', onLinux, async (t) => {
    const folder = await newFolder(t)
    const path = join(folder, 'berth.db')
    const { store } = await opened(t, { path })
    await store.write(async (tx) => {
      await factsTable.setFact(tx, 'schema_version', '999')
      await factsTable.setFact(tx, 'schema_oldest_reader', '999')
    })
    await store.close()
    await assert.rejects(opened(t, { path }), (error: unknown) => {
      assert.ok(error instanceof StartError)
      assert.match(
        error.message,
        /^the data was written by a newer Berth: its schema is version 999, this Berth knows /,
      )
      assert.match(error.hint, /Start the newer Berth again/)
      return true
    })
    assert.deepEqual(await openFiles(folder), [])
  })

  test(
    'a file that is no database is refused with a way out, unchanged, and nothing stays open',
    onLinux,
    async (t) => {
      const folder = await newFolder(t)
      const path = join(folder, 'berth.db')
      const text = 'this is my shopping list, and it is long enough to be looked at\n'.repeat(100)
      await writeFile(path, text)
      await assert.rejects(opened(t, { path }), (error: unknown) => {
        assert.ok(error instanceof StartError)
        assert.match(error.message, /berth\.db cannot be opened: .*not a database/)
        return true
      })
      assert.equal(await readFile(path, 'utf8'), text)
      assert.deepEqual(await openFiles(folder), [])
    },
  )
})
