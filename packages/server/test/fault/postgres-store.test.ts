// A PostgreSQL that stops, freezes, restarts, or is cut off: every request is answered soon, nothing is done twice or by half, and when the
// server is back the store goes on by itself.

import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { RegistryError } from '../../src/base/errors.ts'
import type { MetadataStore, Transaction } from '../../src/storage/metadata/metadata-store.ts'
import { factsTable } from '../../src/storage/metadata/tables/facts.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type PostgresServer, startPostgres, untilAnswering, whyNoPostgres } from '../support/postgres-server.ts'
import { newDatabase } from '../support/postgres-store.ts'
import { until } from '../support/until.ts'
import { isSoak } from './settings.ts'

/** Fast is about 5 s; a busy machine may need longer. */
const longestMs = 8000

const setFact = (key: string, value: string) => (tx: Transaction) => factsTable.setFact(tx, key, value)
const fact = (store: MetadataStore, key: string) => store.read((db) => factsTable.fact(db, key))
const isUnavailable = (error: unknown) => error instanceof RegistryError && error.fault.code === 'Unavailable'

describe('accidents of PostgreSQL', { skip: whyNoPostgres() ?? false }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server?.close())

  /** Each is refused within the time, whether it was under way or comes later. */
  async function assertRefused(store: MetadataStore, underWay: Promise<unknown>[] = []): Promise<void> {
    const asked = () => [fact(store, 'a'), store.write(setFact('a', 'never'))]
    const since = performance.now()
    for (const outcome of await Promise.allSettled([...underWay, ...asked()])) {
      assert.ok(outcome.status === 'rejected' && isUnavailable(outcome.reason), JSON.stringify(outcome))
    }
    const took = performance.now() - since
    assert.ok(took < longestMs, `it took ${took} ms`)
    for (let n = 0; n < 3; n++) {
      const again = performance.now()
      const later = await Promise.allSettled(asked())
      assert.ok(later.every((outcome) => outcome.status === 'rejected' && isUnavailable(outcome.reason)))
      assert.ok(performance.now() - again < 1000, 'while it is away they are refused at once')
    }
    // What was known may be believed for two seconds.
    const isRefused = () => store.generation('identities').then(() => false, isUnavailable)
    await until('a generation is refused as well', isRefused)
    assert.ok(performance.now() - since < longestMs)
  }

  async function assertWell(store: MetadataStore): Promise<void> {
    await until('the store goes on', () =>
      store.write(setFact('a', 'again')).then(
        () => true,
        () => false,
      ),
    )
    // From then on nothing is refused.
    for (let n = 0; n < 20; n++) await store.write(setFact('a', `${n}`))
    assert.equal(await fact(store, 'a'), '19')
  }

  const sleeping = (store: MetadataStore) => store.read((db) => sql`select pg_sleep(20)`.execute(db))

  for (const mode of ['fast', 'immediate'] as const) {
    test(`stopped (${mode}) and started again`, async (t) => {
      const store = await (await newDatabase(t, server)).node({ durability: 'full' })
      await store.write(setFact('a', 'before'))
      const underWay = [sleeping(store), sleeping(store)]
      for (const each of underWay) each.catch(() => {})
      await server.stop(mode)
      try {
        await assertRefused(store, underWay)
      } finally {
        await server.start()
        await untilAnswering(server.url)
      }
      assert.equal(await untilRead(store), 'before')
      await assertWell(store)
    })
  }

  async function untilRead(store: MetadataStore): Promise<string | undefined> {
    let read: string | undefined
    await until('it can be read', async () => {
      read = await fact(store, 'a').catch(() => undefined)
      return read !== undefined
    })
    return read
  }

  test('frozen, and thawed', async (t) => {
    const store = await (await newDatabase(t, server)).node()
    await store.write(setFact('a', 'before'))
    server.freeze()
    try {
      await assertRefused(store)
    } finally {
      server.thaw()
    }
    await assertWell(store)
  })

  test('restarted between two requests: neither hears of it', async (t) => {
    const store = await (await newDatabase(t, server)).node()
    await store.write(setFact('a', '1'))
    // Several idle connections, so that some are found dead.
    await Promise.all(Array.from({ length: 5 }, () => fact(store, 'a')))
    await server.restart('fast')
    await untilAnswering(server.url)
    await assertWell(store)
  })

  describe('on the way to it', () => {
    async function proxied(
      t: TestContext,
    ): Promise<{ store: MetadataStore; direct: MetadataStore; proxy: FaultProxy }> {
      const { node, url } = await newDatabase(t, server)
      const proxy = await startFaultProxy(server.port)
      const by = new URL(url)
      by.port = String(proxy.port)
      const [store, direct] = [await node({ by: by.href, connections: 4 }), await node()]
      t.after(() => proxy.close())
      return { store, direct, proxy }
    }

    const isCommit = (bytes: Buffer) => bytes.includes('COMMIT')

    test('the answer to a commit gets lost: an error, and no second run', async (t) => {
      const { store, direct, proxy } = await proxied(t)
      await direct.write(setFact('count', '0'))
      let runs = 0
      const lost = proxy.loseAnswer(isCommit)
      const written = store.write(async (tx) => {
        runs += 1
        await setFact('count', `${Number(await factsTable.fact(tx.db, 'count')) + 1}`)(tx)
      })
      await assert.rejects(written, isUnavailable)
      await lost
      assert.deepEqual([runs, await fact(direct, 'count')], [1, '1'])
      await assertWell(store)
    })

    test('cut before the commit is sent: run again, committed once', async (t) => {
      const { store, direct, proxy } = await proxied(t)
      await direct.write(setFact('count', '0'))
      let runs = 0
      await store.write(async (tx) => {
        runs += 1
        await setFact('count', `${Number(await factsTable.fact(tx.db, 'count')) + 1}`)(tx)
        if (runs === 1) proxy.cutAll()
        await factsTable.fact(tx.db, 'count')
      })
      assert.deepEqual([runs, await fact(direct, 'count')], [2, '1'])
    })

    test('nothing passes any more: refused within seconds, and it goes on when all passes again', async (t) => {
      const { store, proxy } = await proxied(t)
      const underWay = [store.write(setFact('a', '1')).then(() => sleeping(store))]
      underWay[0]?.catch(() => {})
      await until('it is under way', async () => proxy.opened > 1)
      proxy.stall()
      await assertRefused(store)
      await proxy.resume()
      await assertWell(store)
    })

    test('connections are refused: refused at once, and it goes on when they are not', async (t) => {
      const { store, proxy } = await proxied(t)
      await store.write(setFact('a', '1'))
      await proxy.refuse()
      await assertRefused(store)
      await proxy.resume()
      await assertWell(store)
    })
  })

  test('a lock that another session keeps: Unavailable after ten seconds, not after ten times as many', async (t) => {
    const { node, peek } = await newDatabase(t, server)
    const store = await node()
    await store.write(setFact('locked', '0'))
    const held = peek.run(`SELECT * FROM meta WHERE key = 'locked' FOR UPDATE; SELECT pg_sleep(14)`)
    await sleep(200)
    const since = performance.now()
    await assert.rejects(store.write(setFact('locked', '1')), isUnavailable)
    const took = performance.now() - since
    assert.ok(took > 5000 && took < 14_000, `${took} ms`)
    await held
    await store.write(setFact('locked', '2'))
  })

  test('a statement that hangs is given up after half a minute, and the connection serves again', {
    skip: isSoak ? false : 'takes half a minute; BERTH_TEST_SOAK=1',
  }, async (t) => {
    const store = await (await newDatabase(t, server)).node({ connections: 2 })
    await assert.rejects(
      store.read((db) => sql`select pg_sleep(90)`.execute(db)),
      isUnavailable,
    )
    await store.write(setFact('a', '1'))
  })

  test('the end while it is frozen does not hang', async (t) => {
    const store = await (await newDatabase(t, server)).node()
    await store.write(setFact('a', '1'))
    server.freeze()
    const since = performance.now()
    const underWay = Promise.allSettled([fact(store, 'a'), store.write(setFact('a', '2'))])
    await store.close()
    const outcomes = await underWay
    server.thaw()
    assert.ok(performance.now() - since < longestMs)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.ok(isUnavailable(outcome.reason), String(outcome.reason))
    }
  })
})
