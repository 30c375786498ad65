// The loop, with the timers of the test. What jobs do is in test/suites/jobs.suite.ts.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { testStore } from '../../test/support/test-store.ts'
import { RegistryError } from '../base/errors.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { createJobQueue } from './job-queue.ts'
import type { JobType } from './job-types.ts'
import { Worker } from './worker.ts'

type Change = (metadata: MetadataStore) => MetadataStore

async function started(t: TestContext, change: Change = (metadata) => metadata) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  // Where time is the test's, only a database in this process answers.
  const store = await testStore(t, 'files')
  let looks = 0
  const metadata = change({
    ...bound(store.metadata),
    read(queries, restsOn) {
      looks += 1
      return store.metadata.read(queries, restsOn)
    },
  })
  const begun: string[] = []
  const type: JobType<string> = {
    name: 'test',
    parse: String,
    key: (payload) => payload,
    maxAttempts: 3,
    timeoutMs: 1000,
    concurrency: 1,
    backoff: { firstMs: 1000, maxMs: 1000 },
    run: async (_, payload) => void begun.push(payload),
  }
  const queue = createJobQueue(store)
  const warnings: unknown[] = []
  const log = { ...store.log, warn: (...line: unknown[]) => void warnings.push(line) }
  const worker = new Worker({ ...store, log, metadata, queue, random: () => 0.999_999 }, { types: [type] })
  await worker.start()
  return {
    begun,
    warnings,
    enqueue: (payload: string) => store.metadata.write((tx) => queue.enqueue(tx, type, payload)),
    looks: () => looks,
    /** Moves time, in steps in which everything that is due can happen. */
    async pass(milliseconds: number) {
      for (let passed = 0; passed < milliseconds; passed++) {
        t.mock.timers.tick(1)
        for (let turn = 0; turn < 5; turn++) await nextTurn()
      }
    },
    stop: () => worker.stop(),
  }
}

/** The store's functions as plain ones, so that one can be replaced. */
function bound(metadata: MetadataStore): MetadataStore {
  return Object.assign(Object.create(metadata), {
    read: metadata.read.bind(metadata),
    write: metadata.write.bind(metadata),
    writeSoon: metadata.writeSoon.bind(metadata),
  })
}

test('a worker with nothing to do looks once a second; what is enqueued in its process begins at once', async (t) => {
  const { pass, looks, enqueue, begun, stop } = await started(t)
  await pass(3000)
  const before = looks()
  await pass(3000)
  assert.equal(looks() - before, 3)
  await pass(100)
  await enqueue('a')
  await pass(20)
  assert.deepEqual(begun, ['a'])
  await stop()
})

test('work that never ends to come does not put the next look off', async (t) => {
  const { pass, enqueue, begun, stop } = await started(t)
  await pass(3000)
  for (let n = 0; n < 30; n++) {
    await enqueue('a')
    await pass(1)
  }
  assert.ok(begun.length > 0)
  await stop()
})

test('a database that does not answer is told of once, and asked again each second', async (t) => {
  let isAway = false
  const { pass, enqueue, begun, warnings, stop } = await started(t, (metadata) => ({
    ...bound(metadata),
    read(queries, restsOn) {
      return isAway ? Promise.reject(new Error('away')) : metadata.read(queries, restsOn)
    },
  }))
  isAway = true
  await pass(5000)
  assert.equal(warnings.length, 1)
  isAway = false
  await enqueue('a')
  await pass(1100)
  assert.deepEqual(begun, ['a'])
  await stop()
})

test('a start that can not write, on a full disk, is no failure: jobs begin when there is room', async (t) => {
  let isFull = true
  const { begun, warnings, enqueue, pass, stop } = await started(t, (metadata) => {
    const write: MetadataStore['write'] = (change) =>
      isFull ? Promise.reject(new RegistryError({ code: 'StoreFull' })) : metadata.write(change)
    return Object.assign(Object.create(metadata), { write })
  })
  assert.equal(warnings.length, 1)
  await pass(2500)
  isFull = false
  await enqueue('a')
  await pass(2500)
  assert.deepEqual(begun, ['a'])
  await stop()
})

test('nothing goes on after the end', async (t) => {
  const { pass, looks, stop } = await started(t)
  await pass(100)
  await stop()
  const before = looks()
  await pass(3000)
  assert.equal(looks(), before)
})
