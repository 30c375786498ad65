import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testStore } from '../../test/support/test-store.ts'
import { createSessions } from '../domain/identities/sessions.ts'
import { sessionsTable } from '../storage/metadata/tables/sessions.ts'
import { createJobQueue } from './job-queue.ts'
import { sweepJobs } from './sweep-jobs.ts'
import { Worker } from './worker.ts'

const minutes = 60_000
const hours = 60 * minutes

test('stray bytes are looked for at a start and each day, left uploads every ten minutes, sessions every hour', async (t) => {
  const store = await testStore(t)
  const calls: string[] = []
  const jobs = sweepJobs(
    {
      removeLeftUploads: async (ttl) => calls.push(`uploads of ${ttl}`),
      removeStrayBlobs: async () => calls.push('strays'),
      removeExpiredSessions: async (limit) => calls.push(`${limit} sessions`),
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
  assert.deepEqual(await next(worker, 10 * minutes), ['500 sessions', 'strays', `uploads of ${12 * hours}`])
  assert.deepEqual(await next(worker, 24 * hours), ['500 sessions', 'strays', `uploads of ${12 * hours}`])
  await worker.stop()
})

test('uploads that live shorter than ten minutes are looked for as often', () => {
  const { schedules } = sweepJobs(
    { removeLeftUploads: async () => 0, removeStrayBlobs: async () => 0, removeExpiredSessions: async () => 0 },
    { uploadTtlMs: minutes, quietMs: hours },
  )
  assert.equal(schedules.find(({ name }) => name === 'remove-left-uploads')?.everyMs, minutes)
})

test('rows of sessions go 13 hours after their end, all in one run: no docker token of 12 hours rests on them by then', async (t) => {
  const store = await testStore(t)
  const sessions = createSessions(store)
  const { accountId } = store.ctx.principal
  const create = (durationSeconds: number) =>
    sessions.create({ accountId, kind: 'role', ownerId: 'AROATEST', name: 'job', durationSeconds, details: {} })
  await store.metadata.write(async (tx) => {
    for (let n = 0; n < 1200; n++) {
      await sessionsTable.insert(tx, {
        ...{ session_id: `ASIA${n}`, account_id: accountId, kind: 'role', owner_id: 'AROATEST', name: 'job' },
        ...{ issued_at: 0, expires_at: store.clock.now() + 900_000, details: '{}' },
      })
    }
  })
  const kept = await create(900 + 3600)
  const swept = { removeLeftUploads: async () => 0, removeStrayBlobs: async () => 0 }
  const jobs = sweepJobs(
    { ...swept, removeExpiredSessions: sessions.removeExpired },
    { uploadTtlMs: 12 * hours, quietMs: hours },
  )
  const worker = new Worker({ ...store, queue: createJobQueue(store), random: Math.random }, jobs)
  await worker.start()
  t.after(() => worker.stop())
  const count = async (afterMs: number) => {
    store.clock.advance(afterMs)
    for (let quiet = 0; quiet < 2; ) {
      quiet = (await worker.look()) === 0 ? quiet + 1 : 0
      await worker.idle()
    }
    return (await store.rows('SELECT session_id FROM sessions')).map((row) => String(row.session_id))
  }
  assert.equal((await count(13 * hours + 900_000)).length, 1201)
  assert.deepEqual(await count(hours), [kept.session.id])
  assert.deepEqual(await count(hours), [])
})
