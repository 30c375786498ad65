import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Semaphore } from './semaphore.ts'

describe('Semaphore', () => {
  test('admits up to its limit, and then the next as soon as there is room, in the order of asking', async () => {
    const semaphore = new Semaphore(3)
    const admitted: string[] = []
    const ask = async (name: string, amount: number) => {
      const release = await semaphore.acquire(amount)
      admitted.push(name)
      return release
    }
    const [a, b, c, d] = [ask('a', 2), ask('b', 2), ask('c', 1), ask('d', 3)]
    await nextTurn()
    // c would fit, but b asked before: nobody starves behind small ones.
    assert.deepEqual([admitted, semaphore.used], [['a'], 2])
    ;(await a)()
    await nextTurn()
    assert.deepEqual([admitted, semaphore.used], [['a', 'b', 'c'], 3])
    ;(await b)()
    await nextTurn()
    assert.deepEqual(admitted, ['a', 'b', 'c'])
    ;(await c)()
    ;(await d)()
    assert.deepEqual([admitted, semaphore.used], [['a', 'b', 'c', 'd'], 0])
  })

  test('who wants more than there is gets all of it, alone', async () => {
    const semaphore = new Semaphore(10)
    const release = await semaphore.acquire(1000)
    assert.equal(semaphore.used, 10)
    const next = semaphore.acquire(1)
    release()
    ;(await next)()
    assert.equal(semaphore.used, 0)
  })

  test('what is given back twice counts once', async () => {
    const semaphore = new Semaphore(2)
    const [first, second] = [await semaphore.acquire(), await semaphore.acquire()]
    first()
    first()
    assert.equal(semaphore.used, 1)
    second()
  })

  test('run gives back what it held, whether the task succeeds or fails', async () => {
    const semaphore = new Semaphore(1)
    let running = 0
    const task = async (result: string) => {
      running += 1
      assert.equal(running, 1)
      await nextTurn()
      running -= 1
      if (result === 'fails') throw new Error(result)
      return result
    }
    const results = await Promise.allSettled(['a', 'fails', 'b'].map((name) => semaphore.run(() => task(name))))
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
      ['a', 'Error: fails', 'b'],
    )
    assert.equal(semaphore.used, 0)
  })
})
