import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStore } from '../../test/support/test-store.ts'
import { createJobQueue } from './job-queue.ts'
import { sweepJobs } from './sweep-jobs.ts'
import { Worker } from './worker.ts'

const minutes = 60_000
const hours = 60 * minutes

test('stray bytes are looked for at a start and each day, left uploads every ten minutes', async (t) => {
  const store = await testStore(t)
  const calls: string[] = []
  const jobs = sweepJobs(
    {
      removeLeftUploads: async (ttl) => calls.push(`uploads of ${ttl}`),
      removeStrayBlobs: async () => calls.push('strays'),
    },
    { uploadTtlMs: 12 * hours, quietMs: hours },
  )
  const parts = { ...store, queue: createJobQueue(store), random: Math.random }
  const restart = async () => {
    const worker = new Worker(parts, jobs)
    await worker.start()
    return worker
  }
  const next = async (worker: Worker, afterMs: number) => {
    store.clock.advance(afterMs)
    calls.length = 0
    for (let quiet = 0; quiet < 2; ) {
      quiet = (await worker.look()) === 0 ? quiet + 1 : 0
      await worker.idle()
    }
    return calls.toSorted()
  }
  let worker = await restart()
  const first = await next(worker, 0)
  assert.ok(first.length <= 1 && first.every((call) => call === 'strays'))
  assert.deepEqual(await next(worker, 10 * minutes), [`uploads of ${12 * hours}`])
  await worker.stop()
  worker = await restart()
  assert.deepEqual(await next(worker, 10 * minutes), [`uploads of ${12 * hours}`])
  await worker.stop()
  store.clock.advance(hours)
  worker = await restart()
  assert.deepEqual(await next(worker, 10 * minutes), ['strays', `uploads of ${12 * hours}`])
  assert.deepEqual(await next(worker, 24 * hours), ['strays', `uploads of ${12 * hours}`])
  await worker.stop()
})

test('uploads that live shorter than ten minutes are looked for as often', () => {
  const { schedules } = sweepJobs(
    { removeLeftUploads: async () => 0, removeStrayBlobs: async () => 0 },
    { uploadTtlMs: minutes, quietMs: hours },
  )
  assert.equal(schedules.find(({ name }) => name === 'remove-left-uploads')?.everyMs, minutes)
})
