import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { SyncGroup } from './sync-group.ts'

/** A sync that ends when the test says so. */
function heldSync() {
  const running: { resolve: () => void; reject: (error: unknown) => void }[] = []
  let begun = 0
  return {
    get begun() {
      return begun
    },
    sync(): Promise<void> {
      begun += 1
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      running.push({ resolve, reject })
      return promise
    },
    async end(error?: Error): Promise<void> {
      const first = running.shift()
      assert.ok(first, 'a sync is running')
      if (error) first.reject(error)
      else first.resolve()
      await nextTurn()
    },
  }
}

/** Whether a promise is settled by the next turn. */
function stateOf(promise: Promise<unknown>): Promise<'pending' | 'safe' | 'lost'> {
  return Promise.race([
    promise.then(
      () => 'safe' as const,
      () => 'lost' as const,
    ),
    nextTurn('pending' as const),
  ])
}

describe('SyncGroup (docs/design/store.md)', () => {
  test('a change waits for a sync that began after it', async () => {
    const held = heldSync()
    const group = new SyncGroup(held.sync)
    const first = group.reached(group.note())
    await nextTurn()
    assert.equal(held.begun, 1)
    const late = group.reached(group.note())
    await held.end()
    assert.equal(await stateOf(first), 'safe')
    assert.equal(await stateOf(late), 'pending')
    assert.equal(held.begun, 2)
    await held.end()
    assert.equal(await stateOf(late), 'safe')
    assert.equal(group.syncs, 2)
  })

  test('a change that was noted during a sync, and is waited for after it, is not safe by it', async () => {
    const held = heldSync()
    const group = new SyncGroup(held.sync)
    const first = group.reached(group.note())
    await nextTurn()
    const during = group.note()
    await held.end()
    await first
    const late = group.reached(during)
    assert.equal(await stateOf(late), 'pending')
    await held.end()
    await late
  })

  test('one sync serves all who changed something in the same turn, and those of the turns while another runs', async () => {
    const held = heldSync()
    const group = new SyncGroup(held.sync)
    const together = Array.from({ length: 50 }, () => group.reached(group.note()))
    await nextTurn()
    assert.equal(held.begun, 1)
    const gathered: Promise<void>[] = []
    for (let turn = 0; turn < 10; turn++) {
      gathered.push(group.reached(group.note()))
      await nextTurn()
    }
    assert.equal(held.begun, 1)
    await held.end()
    await Promise.all(together)
    await held.end()
    await Promise.all(gathered)
    assert.equal(group.syncs, 2)
  })

  test('without anything new there is no sync and no wait', async () => {
    const held = heldSync()
    const group = new SyncGroup(held.sync)
    assert.equal(await stateOf(group.reached(0)), 'safe')
    const change = group.note()
    const reached = group.reached(change)
    await nextTurn()
    await held.end()
    await reached
    assert.equal(await stateOf(group.reached(change)), 'safe')
    assert.equal(held.begun, 1)
  })

  test('nobody waits, nobody syncs: a change alone starts nothing', async () => {
    const held = heldSync()
    const group = new SyncGroup(held.sync)
    group.note()
    await nextTurn()
    assert.equal(held.begun, 0)
  })

  test('it says which changes are safe before it says so to those who wait', async () => {
    const held = heldSync()
    const told: string[] = []
    const group = new SyncGroup(held.sync, (change) => told.push(`safe up to ${change}`))
    const [one, two] = [group.note(), group.note()]
    const waiting = group.reached(one).then(() => told.push('told'))
    await nextTurn()
    await held.end()
    await waiting
    assert.deepEqual(told, [`safe up to ${two}`, 'told'])
  })

  test('a sync that failed is final: those who wait and those who come later are lost, and it is never tried again', async () => {
    const held = heldSync()
    const told: number[] = []
    const group = new SyncGroup(held.sync, (change) => told.push(change))
    const first = group.reached(group.note())
    await nextTurn()
    const gathered = group.reached(group.note())
    const failure = new Error('EIO')
    const lost = Promise.all([assert.rejects(first, failure), assert.rejects(gathered, failure)])
    await held.end(failure)
    await lost
    await assert.rejects(group.reached(group.note()), failure)
    await assert.rejects(group.reached(0), failure)
    assert.deepEqual([held.begun, group.syncs, told], [1, 0, []])
  })
})
