// Several connections to one file, as in the processes of one machine: turns to write, and what an answer may rest on
// (docs/design/workers.md). The owner and the workers are in one process here; a wire of JSON is between them.

import assert from 'node:assert/strict'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { parseAccountId, parseRegion } from '@berth/api/names/registry.ts'
import { RegistryError } from '../../base/errors.ts'
import { silentLog } from '../../base/log.ts'
import { type MetadataStore, type RowKey, rowKey, type Transaction } from './metadata-store.ts'
import { openSqlite, openSqliteWorker } from './sqlite.ts'
import { factsTable } from './tables/facts.ts'
import type { StoreChannel, TurnService } from './turn-service.ts'

const registry = { accountId: parseAccountId('123456789012'), region: parseRegion('us-east-1') } as Parameters<
  typeof rowKey.repository
>[0]
const touched = rowKey.repository(registry, 'touched')
const other = rowKey.repository(registry, 'other')

/** Two ends of a pipe between processes: values of JSON, later, in order. Nothing arrives any more once it is cut. */
function createPipe() {
  const state = { isCut: false, held: undefined as (() => void)[] | undefined }
  const receivers: Record<'owner' | 'worker', (message: unknown) => void> = { owner() {}, worker() {} }
  const sent: { to: string; kind: string }[] = []
  const endFor = (self: 'owner' | 'worker', peer: 'owner' | 'worker'): StoreChannel => ({
    post(message) {
      const text = JSON.stringify(message)
      const arrive = () => {
        if (state.isCut) return
        const received = JSON.parse(text) as { kind: string }
        sent.push({ to: peer, kind: received.kind })
        receivers[peer](received)
      }
      if (peer === 'owner' && state.held) state.held.push(() => setImmediate(arrive))
      else setImmediate(arrive)
    },
    onMessage(receive) {
      receivers[self] = receive
    },
    end: () => assert.fail('nobody is stuck'),
  })
  return {
    owner: endFor('owner', 'worker'),
    worker: endFor('worker', 'owner'),
    sent,
    count: (kind: string) => sent.filter((message) => message.kind === kind).length,
    /** What the worker sends is on its way until it is let go. */
    hold() {
      state.held = []
    },
    letGo() {
      const held = state.held ?? []
      state.held = undefined
      for (const arrive of held) arrive()
    },
    cut() {
      state.isCut = true
    },
  }
}

interface Machine {
  owner: MetadataStore & TurnService
  /** Starts a worker. */
  join(): { store: MetadataStore; pipe: ReturnType<typeof createPipe>; die: () => void }
  syncs: Awaited<ReturnType<typeof holdSyncs>>
}

async function machine(t: TestContext, durability: 'full' | 'relaxed' = 'full'): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-workers-'))
  const path = join(folder, 'berth.db')
  const owner = await openSqlite({
    path,
    durability,
    log: silentLog,
    onFailedSync: (error) => assert.fail(`a sync failed: ${error}`),
    isShared: true,
  })
  const workers: { store: MetadataStore; isDead: boolean }[] = []
  const syncs = await holdSyncs(t)
  t.after(async () => {
    syncs.release()
    for (const worker of workers) if (!worker.isDead) await worker.store.close()
    await owner.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    owner,
    syncs,
    join() {
      const pipe = createPipe()
      const leave = owner.join(pipe.owner)
      const worker = { store: openSqliteWorker({ path, durability }, pipe.worker), isDead: false }
      workers.push(worker)
      return {
        store: worker.store,
        pipe,
        die() {
          worker.isDead = true
          pipe.cut()
          leave()
        },
      }
    },
  }
}

/** Holds every sync of a file in this process, until the test lets it go. */
async function holdSyncs(t: TestContext) {
  const handle = await open('/dev/null', 'r')
  const prototype = Object.getPrototypeOf(handle) as { datasync(): Promise<void> }
  await handle.close()
  const waiting: (() => void)[] = []
  const mock = t.mock.method(prototype, 'datasync', () => new Promise<void>((resolve) => waiting.push(resolve)))
  return {
    get begun() {
      return mock.mock.callCount()
    },
    async end(): Promise<void> {
      while (waiting.length === 0) await nextTurn()
      waiting.shift()?.()
      await nextTurn()
    },
    release(): void {
      mock.mock.restore()
      for (const resolve of waiting.splice(0)) resolve()
    },
  }
}

const isPending = (promise: Promise<unknown>) =>
  Promise.race([
    promise.then(
      () => false,
      () => false,
    ),
    sleep(20, true),
  ])

const put =
  (key: string, value: string, row: RowKey = touched) =>
  async (tx: Transaction) => {
    tx.touch(row)
    await factsTable.setFact(tx, key, value)
  }
const get = (store: MetadataStore, key: string, restsOn?: () => readonly RowKey[]) =>
  store.read((db) => factsTable.fact(db, key), restsOn)

describe('what an answer of a worker rests on', () => {
  test('a write of a worker resolves when the owner has synced it', async (t) => {
    const { join, syncs } = await machine(t)
    const { store } = join()
    const write = store.write(put('a', '1'))
    assert.equal(await isPending(write), true)
    await syncs.end()
    await write
  })

  test('a commit of one worker is seen by another at once, and waited for only where the answer rests on it', async (t) => {
    const { join, syncs } = await machine(t)
    const [one, two] = [join(), join()]
    const write = one.store.write(put('a', '1'))
    while (syncs.begun === 0) await nextTurn()
    assert.equal(await get(two.store, 'a', () => [other]), '1')
    const resting = get(two.store, 'a', () => [other, touched])
    const restingOnAll = get(two.store, 'a')
    assert.deepEqual([await isPending(resting), await isPending(restingOnAll)], [true, true])
    await syncs.end()
    assert.deepEqual([await resting, await restingOnAll], ['1', '1'])
    await write
  })

  test('so do reads of the owner, and of a worker what the owner wrote', async (t) => {
    const { owner, join, syncs } = await machine(t)
    const { store } = join()
    const first = store.write(put('a', '1'))
    while (syncs.begun === 0) await nextTurn()
    const ofOwner = get(owner, 'a', () => [touched])
    assert.equal(await isPending(ofOwner), true)
    await syncs.end()
    assert.equal(await ofOwner, '1')
    await first
    const second = owner.write(put('a', '2'))
    while (syncs.begun === 1) await nextTurn()
    const ofWorker = get(store, 'a', () => [touched])
    assert.equal(await isPending(ofWorker), true)
    await syncs.end()
    assert.equal(await ofWorker, '2')
    await second
  })

  test('what was committed in a turn that has not been reported yet is not taken for durable', async (t) => {
    const { join, syncs } = await machine(t)
    const [one, two] = [join(), join()]
    // The worker gets its turn, and commits; the report is on its way.
    const write = one.store.write(async (tx) => {
      one.pipe.hold()
      await put('a', '1')(tx)
    })
    while (!one.pipe.sent.some(({ kind }) => kind === 'granted')) await nextTurn()
    await sleep(5)
    const resting = get(two.store, 'a', () => [touched])
    assert.equal(await isPending(resting), true)
    assert.equal(syncs.begun, 0, 'nobody knows of the commit yet')
    one.pipe.letGo()
    assert.equal(await isPending(resting), true)
    await syncs.end()
    assert.equal(await resting, '1')
    await write
  })

  test('a worker that knows that all is durable asks nobody', async (t) => {
    const { join, syncs } = await machine(t)
    syncs.release()
    const [one, two] = [join(), join()]
    await one.store.write(put('a', '1'))
    assert.equal(await get(two.store, 'a'), '1')
    const asked = two.pipe.count('seen')
    for (let count = 0; count < 100; count++) assert.equal(await get(two.store, 'a', () => [touched]), '1')
    assert.equal(two.pipe.count('seen'), asked)
    await one.store.write(put('a', '2'))
    assert.equal(await get(two.store, 'a', () => [touched]), '2')
    assert.equal(two.pipe.count('seen'), asked + 1)
  })

  test('what nobody waits for is synced soon all the same, so that reads need not ask for ever', async (t) => {
    const { join, syncs } = await machine(t)
    const [one, two] = [join(), join()]
    await one.store.writeSoon(put('a', '1'))
    assert.equal(await get(two.store, 'a', () => [other]), '1')
    await syncs.end()
    await sleep(20)
    const asked = two.pipe.count('seen')
    assert.equal(await get(two.store, 'a', () => [touched]), '1')
    assert.equal(two.pipe.count('seen'), asked)
  })

  test('reads that wait at the same time share a question', async (t) => {
    const { join, syncs } = await machine(t)
    syncs.release()
    const [one, two] = [join(), join()]
    await one.store.write(put('a', '1'))
    const reads = Array.from({ length: 50 }, () => get(two.store, 'a', () => [touched]))
    assert.deepEqual(new Set(await Promise.all(reads)), new Set(['1']))
    assert.ok(two.pipe.count('seen') <= 2, `${two.pipe.count('seen')} questions`)
  })

  test('a refusal rests on what others have committed', async (t) => {
    const { join, syncs } = await machine(t)
    const [one, two] = [join(), join()]
    await one.store.writeSoon(put('a', '1'))
    const refusal = two.store.write(async () => {
      throw new RegistryError({ code: 'TooManyTags' })
    })
    refusal.catch(() => {})
    assert.equal(await isPending(refusal), true)
    await syncs.end()
    await assert.rejects(refusal, { fault: { code: 'TooManyTags' } })
  })

  test('relaxed waits for nothing', async (t) => {
    const { owner, join, syncs } = await machine(t, 'relaxed')
    const [one, two] = [join(), join()]
    await one.store.write(put('a', '1'))
    assert.equal(await get(two.store, 'a'), '1')
    assert.equal(await get(owner, 'a', () => [touched]), '1')
    await two.store.durable()
    assert.equal(syncs.begun, 0)
  })
})

describe('turns', () => {
  const increment = (store: MetadataStore) =>
    store.write(async (tx) => {
      const before = Number((await factsTable.fact(tx.db, 'count')) ?? 0)
      for (let turn = 0; turn < 3; turn++) await Promise.resolve()
      await factsTable.setFact(tx, 'count', String(before + 1))
      return before + 1
    })

  test('transactions of all processes are alone, whoever makes them', async (t) => {
    const { owner, join, syncs } = await machine(t)
    syncs.release()
    const stores = [owner, join().store, join().store, join().store]
    await Promise.all(Array.from({ length: 400 }, (_, index) => increment(stores[index % 4] as MetadataStore)))
    assert.equal(await get(owner, 'count'), '400')
  })

  test('transactions that wait in one process share a turn, but do not keep it from others', async (t) => {
    const { owner, join, syncs } = await machine(t)
    syncs.release()
    const [one, two] = [join(), join()]
    const many = Promise.all(Array.from({ length: 200 }, () => increment(one.store)))
    const few = await Promise.all([increment(two.store), increment(owner)])
    await many
    assert.ok(Math.max(...few) < 100, `those who asked once were number ${few}`)
    assert.ok(one.pipe.count('turn') >= 200 / 16, 'a turn is bounded')
    assert.ok(one.pipe.count('turn') < 150, `${one.pipe.count('turn')} turns for 200 transactions`)
  })

  test('a transaction that throws gives its turn back, and has changed nothing', async (t) => {
    const { join, syncs } = await machine(t)
    syncs.release()
    const [one, two] = [join(), join()]
    await assert.rejects(
      one.store.write(async (tx) => {
        await put('a', '1')(tx)
        throw new Error('changed my mind')
      }),
      /changed my mind/,
    )
    await two.store.write(put('b', '2'))
    assert.deepEqual([await get(one.store, 'a'), await get(one.store, 'b')], [undefined, '2'])
  })

  test('of a worker that died in its turn nobody knows what it committed: the next sync covers it', async (t) => {
    const { join, syncs } = await machine(t)
    const [one, two] = [join(), join()]
    void one.store.write(async (tx) => {
      one.pipe.hold()
      await put('a', '1')(tx)
    })
    while (!one.pipe.sent.some(({ kind }) => kind === 'granted')) await nextTurn()
    await sleep(5)
    const next = two.store.write(put('b', '2'))
    const reading = get(two.store, 'a', () => [other])
    assert.deepEqual([await isPending(next), await isPending(reading)], [true, true])
    one.die()
    assert.equal(await isPending(reading), true)
    await syncs.end()
    assert.equal(await reading, '1')
    syncs.release()
    await next
  })

  test('a worker that died while it waited for its turn is passed over', async (t) => {
    const { owner, join, syncs } = await machine(t)
    syncs.release()
    const [one, two] = [join(), join()]
    const gate = Promise.withResolvers<void>()
    const long = owner.write(async (tx) => {
      await gate.promise
      await put('a', '1')(tx)
    })
    void one.store.write(put('b', '1')).catch(() => {})
    await sleep(5)
    const last = two.store.write(put('c', '1'))
    one.die()
    gate.resolve()
    await Promise.all([long, last])
    assert.deepEqual([await get(owner, 'b'), await get(owner, 'c')], [undefined, '1'])
  })

  test('a worker that ends refuses what comes later, and the others go on', async (t) => {
    const { join, syncs } = await machine(t)
    syncs.release()
    const [one, two] = [join(), join()]
    const before = one.store.write(put('a', '1'))
    const closed = one.store.close()
    await assert.rejects(one.store.write(put('b', '1')), {
      fault: { code: 'Busy', message: 'The registry is shutting down.' },
    })
    await Promise.all([before, closed])
    one.die()
    await two.store.write(put('c', '1'))
    assert.equal(await get(two.store, 'a'), '1')
  })
})
