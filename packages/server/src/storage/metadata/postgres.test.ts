// What PostgreSQL does otherwise than SQLite: transactions that are run again, locks of other sessions, a bounded number of connections,
// counters that other nodes move. Starts that are refused are in postgres-start.test.ts, accidents of the server in
// test/fault/postgres-store.test.ts.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AccountId, Region } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import { sql } from 'kysely'
import { startDeafPostgres } from '../../../test/support/deaf-postgres.ts'
import { whyNoDatabase } from '../../../test/support/postgres-server.ts'
import { newDatabase } from '../../../test/support/postgres-store.ts'
import { until } from '../../../test/support/until.ts'
import { RegistryError } from '../../base/errors.ts'
import type { MetadataStore, Transaction } from './metadata-store.ts'
import { accountsTable } from './tables/accounts.ts'
import { factsTable } from './tables/facts.ts'
import { generationsTable } from './tables/generations.ts'
import { repositoriesTable } from './tables/repositories.ts'
import { uploadsTable } from './tables/uploads.ts'

const registry = { accountId: '123456789012' as AccountId, region: 'us-east-1' as Region }

const setFact = (key: string, value: string) => (tx: Transaction) => factsTable.setFact(tx, key, value)
const fact = (store: MetadataStore, key: string) => store.read((db) => factsTable.fact(db, key))
const isUnavailable = (error: unknown) => error instanceof RegistryError && error.fault.code === 'Unavailable'

async function createRepository(store: MetadataStore): Promise<number> {
  return store.write(async (tx) => {
    await accountsTable.insert(tx, { account_id: registry.accountId, created_at: 0 })
    const row = await repositoriesTable.insert(tx, {
      account_id: registry.accountId,
      region: registry.region,
      name: 'app' as RepositoryName,
      created_at: 0,
      tag_mutability: 'MUTABLE',
      exclusion_filters: null,
      scan_on_push: 0,
      key_scope: 'default',
      image_count: 0,
    })
    assert.ok(row)
    return row.id
  })
}

/** Counts what is run, and adds to a number by reading it: run twice and committed twice, it would be too large. */
async function counting(store: MetadataStore, key = 'count') {
  await store.write(setFact(key, '0'))
  const state = { runs: 0 }
  const add = async (tx: Transaction) => {
    state.runs += 1
    await setFact(key, `${Number(await factsTable.fact(tx.db, key)) + 1}`)(tx)
  }
  return Object.assign(state, { add, count: async () => Number(await fact(store, key)) })
}

const givenUpBy = (code: string) => sql.raw(`DO $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '${code}'; END $$`)

describe('transactions that are run again', { skip: whyNoDatabase() ?? false }, () => {
  test('a deadlock: both end well, after one of them was given up', async (t) => {
    const store = await (await newDatabase(t)).node()
    await store.write(async (tx) => {
      await setFact('left', '')(tx)
      await setFact('right', '')(tx)
    })
    let runs = 0
    const both = { arrived: 0, ...Promise.withResolvers<void>() }
    const meet = async () => {
      both.arrived += 1
      if (both.arrived === 2) both.resolve()
      await both.promise
    }
    const cross = (first: string, second: string) =>
      store.write(async (tx) => {
        runs += 1
        await setFact(first, `${first} first`)(tx)
        await meet()
        await setFact(second, `${first} first`)(tx)
      })
    await Promise.all([cross('left', 'right'), cross('right', 'left')])
    assert.ok(runs >= 3, `${runs} runs`)
    assert.equal(await fact(store, 'left'), await fact(store, 'right'))
  })

  for (const code of ['40001', '40P01']) {
    test(`given up once (${code}): run again, committed once`, async (t) => {
      const store = await (await newDatabase(t)).node()
      const counted = await counting(store)
      await store.write(async (tx) => {
        await counted.add(tx)
        if (counted.runs === 1) await givenUpBy(code).execute(tx.db)
      })
      assert.deepEqual([counted.runs, await counted.count()], [2, 1])
    })
  }

  test('given up each time: Unavailable after ten runs, and nothing has changed', async (t) => {
    const store = await (await newDatabase(t)).node()
    const counted = await counting(store)
    const hopeless = store.write(async (tx) => {
      await counted.add(tx)
      await givenUpBy('40001').execute(tx.db)
    })
    await assert.rejects(hopeless, isUnavailable)
    assert.deepEqual([counted.runs, await counted.count()], [10, 0])
  })

  test('a row that goes while another comes to refer to it: the second look refuses', async (t) => {
    const { node, peek } = await newDatabase(t)
    const store = await node()
    const id = await createRepository(store)
    let looks = 0
    const gone = new RegistryError({
      code: 'RepositoryNotFound',
      repositoryName: 'app',
      registryId: registry.accountId,
    })
    const started = store.write(async (tx) => {
      looks += 1
      if (!(await repositoriesTable.find(tx.db, registry, 'app'))) throw gone
      if (looks === 1) await peek.run('DELETE FROM repositories')
      await uploadsTable.insert(tx, 'upload', id, 'user', 0)
    })
    await assert.rejects(started, (error) => error === gone)
    assert.deepEqual([looks, await peek.rows('SELECT * FROM uploads')], [2, []])
  })

  test('a connection that the server ends in the middle: run again on another, committed once', async (t) => {
    const { node, peek } = await newDatabase(t)
    const store = await node()
    const counted = await counting(store)
    await store.write(async (tx) => {
      await counted.add(tx)
      if (counted.runs > 1) return
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx.db)
      await peek.run(`SELECT pg_terminate_backend(${rows[0]?.pid}, 5000)`)
      await setFact('after', '1')(tx)
    })
    assert.deepEqual([counted.runs, await counted.count()], [2, 1])
  })

  test('every connection ended under load: each change is there once or not at all', async (t) => {
    const { node, peek, url } = await newDatabase(t)
    const store = await node()
    const name = new URL(url).pathname.slice(1)
    let acknowledged = 0
    let unknown = 0
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; n < 40; n++) {
        await store
          .write(async (tx) => {
            await setFact(`${writer}-${n}-a`, '1')(tx)
            await setFact(`${writer}-${n}-b`, '1')(tx)
          })
          .then(
            () => (acknowledged += 1),
            (error) => {
              assert.ok(isUnavailable(error), String(error))
              unknown += 1
            },
          )
      }
    })
    for (let n = 0; n < 5; n++) {
      await sleep(20)
      await peek.rows(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'berth'`,
      )
    }
    await Promise.all(writers)
    const halves = await peek.rows(`
      SELECT split_part(key, '-', 1) || '-' || split_part(key, '-', 2) AS change, count(*) AS n
      FROM meta WHERE key ~ '^[0-9]+-' GROUP BY 1`)
    assert.ok(halves.every(({ n }) => n === 2))
    assert.ok(halves.length >= acknowledged && halves.length <= acknowledged + unknown)
    await until('the store answers', () =>
      fact(store, '0-0-a').then(
        () => true,
        () => false,
      ),
    )
  })
})

describe('connections', { skip: whyNoDatabase() ?? false }, () => {
  test('at most as many as are allowed, and one that watches', async (t) => {
    const { node, peek, url } = await newDatabase(t)
    const store = await node({ connections: 3 })
    const count = `SELECT count(*) AS n FROM pg_stat_activity
      WHERE datname = '${new URL(url).pathname.slice(1)}' AND application_name = 'berth'`
    const slow = Array.from({ length: 12 }, () => store.read((db) => sql`select pg_sleep(0.2)`.execute(db)))
    let most = 0
    const watching = Promise.all(slow).then(() => 'over')
    while ((await Promise.race([watching, sleep(10)])) !== 'over') {
      most = Math.max(most, Number((await peek.rows(count))[0]?.n))
    }
    assert.equal(most, 4)
  })

  test('who waits gets the first that is free; who waits for seconds is refused', async (t) => {
    const store = await (await newDatabase(t)).node({ connections: 2 })
    const holds = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
    const held = holds.map((hold) => store.read(() => hold.promise))
    const waiting = fact(store, 'a')
    holds[0].resolve()
    assert.equal(await waiting, undefined)
    const again = Promise.withResolvers<void>()
    held.push(store.read(() => again.promise))
    const since = performance.now()
    await assert.rejects(fact(store, 'a'), isUnavailable)
    const took = performance.now() - since
    assert.ok(took > 3000 && took < 10_000, `${took} ms`)
    holds[1].resolve()
    again.resolve()
    await Promise.all(held)
    assert.equal(await fact(store, 'a'), undefined)
  })
})

describe('generations on several nodes', { skip: whyNoDatabase() ?? false }, () => {
  const move = (store: MetadataStore) => store.write((tx) => generationsTable.move(tx, 'identities'))

  /** How long the other node believes what it knew, for each of so many moves, in milliseconds. */
  async function delays(store: MetadataStore, other: MetadataStore, moves: number): Promise<number[]> {
    const taken: number[] = []
    for (let n = 1; n <= moves; n++) {
      // What it knows is fresh, so that it has no other reason to ask.
      await until('it knows', async () => (await other.generation('identities')) === n - 1)
      await move(store)
      const since = performance.now()
      while ((await other.generation('identities')) !== n) await sleep(1)
      taken.push(performance.now() - since)
    }
    return taken.toSorted((a, b) => a - b)
  }

  test('a notification tells at once', async (t) => {
    const { node } = await newDatabase(t)
    const taken = await delays(await node(), await node(), 12)
    // By the watch alone it would be half a second each time.
    assert.ok((taken[8] ?? 1e9) < 300, `${taken}`)
  })

  test('where notifications get lost, two seconds later at most', async (t) => {
    const { node, url } = await newDatabase(t)
    const deaf = await startDeafPostgres(url)
    t.after(() => deaf.close())
    const taken = await delays(await node(), await node({ by: deaf.url }), 3)
    assert.ok((taken.at(-1) ?? 1e9) < 3000, `${taken}`)
    assert.ok(deaf.dropped > 0)
  })
})
