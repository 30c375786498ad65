// What jobs do, on whatever database: each rule of docs/design/jobs.md. Workers are driven by hand, and time is the test's.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { randomIds } from '../../src/base/ids.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { createJobQueue, type JobQueue } from '../../src/jobs/job-queue.ts'
import { type Job, type JobContext, type JobType, LeaseLost } from '../../src/jobs/job-types.ts'
import { createSchedules, type Schedule, schedule } from '../../src/jobs/schedules.ts'
import { Worker, type WorkerOptions } from '../../src/jobs/worker.ts'
import type { MetadataStore, Transaction } from '../../src/storage/metadata/metadata-store.ts'
import { type ManualClock, manualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

export interface JobsBackend {
  name: string
  /** Why it can not be had here. */
  skip?: string | undefined
  /** An empty database, gone after the test. */
  open(t: TestContext): Promise<MetadataStore>
}

const leaseMs = 30_000
const start = Date.UTC(2026, 10, 14, 12)

interface Payload {
  key: string
  text?: string
}

type Run = (payload: Payload, job: Job, ctx: JobContext) => Promise<void>

interface Opened {
  metadata: MetadataStore
  clock: ManualClock
  queue: JobQueue
  type: JobType<Payload>
  /** Begun runs, `key attempt`, in their order. */
  begun: string[]
  /** What every run does from now on. */
  behave(run: Run): void
  enqueue(key: string, options?: { runAt?: number; text?: string }): Promise<void>
  worker(options?: Partial<WorkerOptions> & { clock?: ManualClock; log?: Log }): Worker
  /** Looks once and waits for what began. Gives how many began. */
  turn(worker: Worker): Promise<number>
  rows(): Promise<Record<string, unknown>[]>
}

/** A row that only a committed run leaves. */
async function leaveEffect(tx: Transaction, name: string): Promise<void> {
  await tx.db.insertInto('meta').values({ key: name, value: '' }).execute()
}

async function effects(metadata: MetadataStore): Promise<string[]> {
  const rows = await metadata.read((db) =>
    db.selectFrom('meta').select('key').where('key', 'like', 'effect%').orderBy('key').execute(),
  )
  return rows.map(({ key }) => key)
}

export function describeJobs(backend: JobsBackend): void {
  async function opened(t: TestContext, of: Partial<JobType<Payload>> = {}): Promise<Opened> {
    const metadata = await backend.open(t)
    const clock = manualClock(start)
    const queue = createJobQueue({ clock, ids: randomIds })
    const begun: string[] = []
    let run: Run = async () => {}
    const type: JobType<Payload> = {
      name: 'test',
      parse(json) {
        if (typeof json !== 'object' || json === null || !('key' in json) || typeof json.key !== 'string')
          throw new TypeError('a payload without a key')
        return json as Payload
      },
      key: ({ key }) => key,
      maxAttempts: 3,
      timeoutMs: 600_000,
      concurrency: 4,
      backoff: { firstMs: 1000, maxMs: 60_000 },
      async run(ctx, payload, job) {
        begun.push(`${payload.key} ${job.attempt}`)
        await run(payload, job, ctx)
      },
      ...of,
    }
    return {
      metadata,
      clock,
      queue,
      type,
      begun,
      behave(behaviour) {
        run = behaviour
      },
      enqueue: (key, { text, ...options } = {}) =>
        metadata.write((tx) => queue.enqueue(tx, type, text === undefined ? { key } : { key, text }, options)),
      worker({ clock: own, log, ...options } = {}) {
        const parts = { metadata, clock: own ?? clock, random: () => 0.5, log: log ?? silentLog, queue }
        const worker = new Worker(parts, { types: [type], leaseMs, stopMs: 50, ...options })
        t.after(() => worker.stop())
        return worker
      },
      async turn(worker) {
        const claimed = await worker.look()
        await worker.idle()
        return claimed
      },
      rows: async () => [
        ...(await metadata.read((db) => db.selectFrom('jobs').selectAll().orderBy('key').orderBy('job_id').execute())),
      ],
    }
  }

  const endings = async (worker: Worker) =>
    Object.fromEntries((await worker.statistics()).ended.map(({ outcome, count }) => [outcome, count]))

  describe(`jobs on ${backend.name}`, { skip: backend.skip ?? false }, () => {
    describe('enqueueing', () => {
      test('a job is there with the change that causes it, or not at all', async (t) => {
        const { metadata, queue, type, rows } = await opened(t)
        await assert.rejects(
          metadata.write(async (tx) => {
            await queue.enqueue(tx, type, { key: 'a' })
            throw new Error('the change is refused')
          }),
          /the change is refused/,
        )
        assert.deepEqual(await rows(), [])
        await metadata.write((tx) => queue.enqueue(tx, type, { key: 'a' }))
        assert.equal((await rows()).length, 1)
      })

      test('while a job of its key waits, it stays at that one; the earlier time counts', async (t) => {
        const { enqueue, rows } = await opened(t)
        await enqueue('a', { runAt: start + 5000, text: 'first' })
        for (const [runAt, expected] of [
          [start + 9000, start + 5000],
          [start + 2000, start + 2000],
          [start + 3000, start + 2000],
        ] as const) {
          await enqueue('a', { runAt, text: 'later' })
          const [row, ...others] = await rows()
          assert.deepEqual([row?.run_at, row?.payload, others], [expected, '{"key":"a","text":"first"}', []])
        }
        await enqueue('b')
        assert.equal((await rows()).length, 2)
      })

      test('a job that backs off after a failure is not hurried', async (t) => {
        const { enqueue, rows, behave, worker, turn } = await opened(t)
        behave(async () => {
          throw new Error('no')
        })
        await enqueue('a')
        await turn(worker())
        const [before] = await rows()
        await enqueue('a')
        assert.deepEqual(await rows(), [before])
        assert.equal(before?.run_at, start + 500)
      })

      test('while a job runs, one more of its key waits, and runs after it', async (t) => {
        const { enqueue, begun, behave, worker, turn, rows } = await opened(t)
        const held = Promise.withResolvers<void>()
        behave(() => held.promise)
        const [first, second] = [worker(), worker()]
        await enqueue('a')
        assert.equal(await first.look(), 1)
        await enqueue('a')
        await enqueue('a')
        assert.equal((await rows()).length, 2)
        assert.deepEqual([await first.look(), await second.look()], [0, 0])
        held.resolve()
        await first.idle()
        assert.equal(await turn(second), 1)
        assert.deepEqual([begun, await rows()], [['a 1', 'a 1'], []])
      })
    })

    describe('claiming', () => {
      test('a job waits for its time', async (t) => {
        const { enqueue, clock, worker, turn, begun } = await opened(t)
        await enqueue('a', { runAt: start + 1000 })
        const only = worker()
        clock.advance(999)
        assert.equal(await turn(only), 0)
        clock.advance(1)
        assert.equal(await turn(only), 1)
        assert.deepEqual(begun, ['a 1'])
      })

      test('those that wait longest come first, as many as may run', async (t) => {
        const { enqueue, worker, turn, begun, clock, behave } = await opened(t, { concurrency: 2 })
        for (const [key, runAt] of [
          ['c', 3],
          ['a', 1],
          ['d', 4],
          ['b', 2],
        ] as const)
          await enqueue(key, { runAt: start + runAt })
        clock.advance(10)
        const held = Promise.withResolvers<void>()
        behave(() => held.promise)
        const only = worker()
        assert.equal(await only.look(), 2)
        assert.deepEqual(begun.toSorted(), ['a 1', 'b 1'])
        assert.equal(await only.look(), 0)
        held.resolve()
        await only.idle()
        assert.equal(await turn(only), 2)
        assert.deepEqual(begun.slice(2).toSorted(), ['c 1', 'd 1'])
      })

      test('each type has as many as it may, whatever waits of the others', async (t) => {
        const { metadata, queue, type, worker } = await opened(t)
        const begun: string[] = []
        const held = Promise.withResolvers<void>()
        const types = [1, 2].map((concurrency) => ({
          ...type,
          name: `type-${concurrency}`,
          concurrency,
          async run() {
            begun.push(`type-${concurrency}`)
            await held.promise
          },
        }))
        for (const one of types)
          for (let n = 0; n < 5; n++) await metadata.write((tx) => queue.enqueue(tx, one, { key: `${n}` }))
        const only = worker({ types })
        assert.equal(await only.look(), 3)
        assert.deepEqual(begun.toSorted(), ['type-1', 'type-2', 'type-2'])
        held.resolve()
        await only.idle()
      })

      test('many workers that look at once take each job once', async (t) => {
        const { enqueue, worker, begun, rows } = await opened(t, { concurrency: 5 })
        const keys = Array.from({ length: 100 }, (_, n) => String(n).padStart(3, '0'))
        for (const key of keys) await enqueue(key)
        const workers = [worker(), worker(), worker(), worker()]
        for (let claimed = 0; claimed < 100; ) {
          const counts = await Promise.all(workers.map((one) => one.look()))
          for (const count of counts) assert.ok(count <= 5, `${count} were claimed at once`)
          claimed += counts.reduce((sum, count) => sum + count, 0)
          await Promise.all(workers.map((one) => one.idle()))
        }
        assert.deepEqual([begun.toSorted(), await rows()], [keys.map((key) => `${key} 1`), []])
      })

      test('jobs of a type that the worker does not know stay for others', async (t) => {
        const { enqueue, worker, turn, type, rows } = await opened(t)
        await enqueue('a')
        assert.equal(await turn(worker({ types: [{ ...type, name: 'other' }] })), 0)
        assert.equal((await rows()).length, 1)
      })
    })

    describe('finishing', () => {
      test('in the transaction of the effect: both or none', async (t) => {
        const { metadata, enqueue, worker, turn, behave, rows, clock } = await opened(t)
        let isRefused = true
        behave((_, job) =>
          metadata.write(async (tx) => {
            await leaveEffect(tx, 'effect')
            await job.finish(tx)
            if (isRefused) throw new Error('the commit fails')
          }),
        )
        await enqueue('a')
        const only = worker()
        await turn(only)
        assert.deepEqual([await effects(metadata), (await rows()).length], [[], 1])
        isRefused = false
        clock.advance(1000)
        await turn(only)
        assert.deepEqual([await effects(metadata), await rows()], [['effect'], []])
        assert.deepEqual(await endings(only), { retried: 1, done: 1 })
      })

      test('an error after the commit of the effect does not bring the job back', async (t) => {
        const { metadata, enqueue, worker, turn, behave, rows } = await opened(t)
        behave(async (_, job) => {
          await metadata.write((tx) => job.finish(tx))
          throw new Error('the connection broke after the commit')
        })
        await enqueue('a')
        const warnings: unknown[][] = []
        const only = worker({ log: { ...silentLog, warn: (...line: unknown[]) => void warnings.push(line) } })
        await turn(only)
        assert.deepEqual([await rows(), await endings(only)], [[], { done: 1 }])
        assert.match(JSON.stringify(warnings), /the connection broke after the commit/)
      })
    })

    describe('leases', () => {
      test('a job whose process died is taken over when its lease ends, and not before', async (t) => {
        const { enqueue, worker, turn, begun, clock, behave } = await opened(t)
        const never = Promise.withResolvers<void>()
        behave((_, { attempt }) => (attempt === 1 ? never.promise : Promise.resolve()))
        await enqueue('a')
        const [dead, living] = [worker(), worker()]
        await dead.look()
        clock.advance(leaseMs)
        assert.equal(await turn(living), 0)
        clock.advance(1)
        assert.equal(await turn(living), 1)
        assert.deepEqual(begun, ['a 1', 'a 2'])
        never.resolve()
      })

      test('a run that goes on is renewed at a third of its lease', async (t) => {
        const { enqueue, worker, turn, clock, behave, rows } = await opened(t)
        const held = Promise.withResolvers<void>()
        behave(() => held.promise)
        await enqueue('a')
        const [slow, other] = [worker(), worker()]
        await slow.look()
        for (let step = 1; step <= 10; step++) {
          clock.advance(leaseMs / 3)
          await slow.look()
          const renewed = clock.now() + leaseMs
          await until('the lease is renewed', async () => (await rows())[0]?.lease_until === renewed)
          assert.equal(await turn(other), 0)
        }
        held.resolve()
        await slow.idle()
        assert.deepEqual([await rows(), await endings(slow)], [[], { done: 1 }])
      })

      test('one that was overtaken can not finish, and its effect is rolled back', async (t) => {
        const { metadata, enqueue, worker, turn, clock, behave, rows } = await opened(t)
        const frozen = Promise.withResolvers<void>()
        const errors: unknown[] = []
        behave(async (_, job) => {
          if (job.attempt === 1) await frozen.promise
          try {
            await metadata.write(async (tx) => {
              await leaveEffect(tx, `effect of ${job.attempt}`)
              await job.finish(tx)
            })
          } catch (error) {
            errors.push(error)
            throw error
          }
        })
        await enqueue('a')
        const [slow, other] = [worker(), worker()]
        await slow.look()
        clock.advance(leaseMs + 1)
        await turn(other)
        frozen.resolve()
        await slow.idle()
        assert.deepEqual(await effects(metadata), ['effect of 2'])
        assert.ok(errors.length === 1 && errors[0] instanceof LeaseLost)
        assert.deepEqual([await rows(), await endings(slow), await endings(other)], [[], { lost: 1 }, { done: 1 }])
      })

      test('one that was overtaken is told so, and its failure changes nothing', async (t) => {
        const { enqueue, worker, clock, behave, rows } = await opened(t)
        const held = Promise.withResolvers<void>()
        behave(async (_, job, { signal }) => {
          if (job.attempt > 1) return held.promise
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          throw signal.reason
        })
        await enqueue('a')
        const [slow, other] = [worker(), worker()]
        await slow.look()
        clock.advance(leaseMs + 1)
        await other.look()
        const [before] = await rows()
        await slow.look()
        await slow.idle()
        assert.deepEqual([await rows(), await endings(slow)], [[before], { lost: 1 }])
        held.resolve()
        await other.idle()
        assert.deepEqual(await rows(), [])
      })

      test('clocks that differ by more than a lease make work twice, never an effect', async (t) => {
        const { enqueue, worker, turn, behave, metadata, rows } = await opened(t)
        const held = Promise.withResolvers<void>()
        behave(async (_, job) => {
          if (job.attempt === 1) await held.promise
          await metadata.write(async (tx) => {
            await tx.db
              .insertInto('meta')
              .values({ key: `effect of ${job.attempt}`, value: '' })
              .execute()
            await job.finish(tx)
          })
        })
        await enqueue('a')
        const [right, ahead] = [worker(), worker({ clock: manualClock(start + 2 * leaseMs) })]
        await right.look()
        assert.equal(await turn(ahead), 1)
        held.resolve()
        await right.idle()
        assert.deepEqual([await effects(metadata), await rows()], [['effect of 2'], []])
      })
    })

    describe('failures', () => {
      test('come again after a wait that grows, and rest in the end, logged once, without secrets', async (t) => {
        const { enqueue, worker, turn, clock, behave, rows, begun } = await opened(t)
        behave(async () => {
          throw new Error('https://user:pa55@registry.example/v2/?token=abc said no')
        })
        const errors: unknown[][] = []
        const only = worker({ log: { ...silentLog, info() {}, error: (...line: unknown[]) => void errors.push(line) } })
        await enqueue('a')
        for (const wait of [500, 1000]) {
          await turn(only)
          const [row] = await rows()
          assert.deepEqual([row?.run_at, row?.lease_until], [clock.now() + wait, null])
          assert.match(String(row?.last_error), /registry\.example\/v2\/\?… said no$/)
          assert.doesNotMatch(String(row?.last_error), /pa55|abc/)
          assert.deepEqual(errors, [])
          clock.advance(wait)
        }
        await turn(only)
        const [row] = await rows()
        assert.deepEqual([row?.failed_at, row?.lease_until, row?.attempts], [clock.now(), null, 3])
        assert.equal(errors.length, 1)
        assert.doesNotMatch(JSON.stringify(errors), /pa55|abc/)
        clock.advance(1e9)
        assert.equal(await turn(only), 0)
        assert.deepEqual(begun, ['a 1', 'a 2', 'a 3'])
        const { resting, oldestDueMs } = await only.statistics()
        assert.deepEqual([resting, oldestDueMs], [1, 0])
      })

      test('one job of a key rests, the last one, and keeps no new one from running', async (t) => {
        const { enqueue, worker, turn, behave, rows } = await opened(t, { maxAttempts: 1 })
        behave(async ({ text }) => {
          throw new Error(`no to ${text}`)
        })
        const only = worker()
        for (const text of ['first', 'second', 'third']) {
          await enqueue('a', { text })
          await turn(only)
        }
        await enqueue('b', { text: 'other' })
        await turn(only)
        assert.deepEqual(
          (await rows()).map(({ last_error }) => last_error),
          ['Error: no to third', 'Error: no to other'],
        )
      })

      test('a failed job makes way for the one of its key that waits', async (t) => {
        const { enqueue, worker, turn, behave, rows, begun } = await opened(t)
        const held = Promise.withResolvers<void>()
        behave(async ({ text }) => {
          if (text !== 'first') return
          await held.promise
          throw new Error('no')
        })
        const only = worker()
        await enqueue('a', { text: 'first' })
        await only.look()
        await enqueue('a', { text: 'second' })
        held.resolve()
        await only.idle()
        assert.deepEqual(
          (await rows()).map(({ payload, attempts }) => [payload, attempts]),
          [['{"key":"a","text":"second"}', 0]],
        )
        await turn(only)
        assert.deepEqual([begun, await rows(), await endings(only)], [['a 1', 'a 1'], [], { merged: 1, done: 1 }])
      })

      test('a payload that its type refuses is a failure', async (t) => {
        const { metadata, enqueue, worker, turn, rows, begun } = await opened(t)
        await enqueue('a')
        for (const payload of ['{"other":1}', 'no json']) {
          await metadata.write((tx) => tx.db.updateTable('jobs').set({ payload, run_at: 0 }).execute())
          await turn(worker())
        }
        const [row] = await rows()
        assert.match(String(row?.last_error), /^SyntaxError/)
        assert.deepEqual([row?.attempts, begun], [2, []])
      })

      test('a run that takes too long is told so, and has failed', async (t) => {
        const { enqueue, worker, clock, behave, rows } = await opened(t, { timeoutMs: 5000 })
        behave(async (_, __, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          throw new Error('given up')
        })
        await enqueue('a')
        const only = worker()
        await only.look()
        clock.advance(4999)
        await only.look()
        await nextTurn()
        assert.equal((await rows())[0]?.last_error, null)
        clock.advance(1)
        await only.look()
        await only.idle()
        assert.equal((await rows())[0]?.last_error, 'Error: it took longer than 5000 ms')
      })

      test('a run that does not heed its end keeps its place, and loses the job', async (t) => {
        const { enqueue, worker, turn, clock, behave, rows } = await opened(t, { timeoutMs: 5000, concurrency: 1 })
        const never = Promise.withResolvers<void>()
        behave((_, { attempt }) => (attempt === 1 ? never.promise : Promise.resolve()))
        await enqueue('a')
        const [stuck, other] = [worker(), worker()]
        await stuck.look()
        clock.advance(leaseMs + 1)
        assert.equal(await stuck.look(), 0)
        assert.equal(await turn(other), 1)
        never.resolve()
        await stuck.idle()
        assert.deepEqual([await rows(), await endings(stuck)], [[], { lost: 1 }])
      })

      test('a job that ends its process each time rests as well', async (t) => {
        const { enqueue, worker, turn, clock, behave, rows, begun } = await opened(t)
        const never = Promise.withResolvers<void>()
        behave(() => never.promise)
        await enqueue('a')
        for (let attempt = 1; attempt <= 3; attempt++) {
          await worker().look()
          clock.advance(leaseMs + 1)
        }
        await turn(worker())
        const [row] = await rows()
        assert.deepEqual([row?.failed_at, begun], [clock.now(), ['a 1', 'a 2', 'a 3']])
        assert.match(String(row?.last_error), /the processes that ran it ended/)
        never.resolve()
      })
    })

    describe('the end of a process', () => {
      test('what heeds its signal is given back, for others at once and without a lost attempt', async (t) => {
        const { enqueue, worker, turn, behave, begun, rows } = await opened(t)
        behave(async (_, __, { signal }) => {
          if (begun.length > 1) return
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          throw signal.reason
        })
        await enqueue('a')
        const [ending, other] = [worker(), worker()]
        await ending.look()
        await ending.stop()
        assert.deepEqual(await endings(ending), { released: 1 })
        assert.equal(await ending.look(), 0)
        assert.equal(await turn(other), 1)
        assert.deepEqual([begun, await rows()], [['a 1', 'a 1'], []])
      })

      test('what finishes in time is done', async (t) => {
        const { enqueue, worker, behave, rows } = await opened(t)
        behave(async (_, __, { signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        })
        await enqueue('a')
        const ending = worker()
        await ending.look()
        await ending.stop()
        assert.deepEqual([await rows(), await endings(ending)], [[], { done: 1 }])
      })

      test('what does not heed its signal is given back after a while, and can not finish what others have begun', async (t) => {
        const { metadata, enqueue, worker, behave, begun, rows, clock } = await opened(t)
        const [late, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
        const errors: unknown[] = []
        behave(async (_, job) => {
          if (begun.length > 1) return other.promise
          await late.promise
          await metadata.write((tx) => job.finish(tx)).catch((error) => errors.push(error))
        })
        await enqueue('a')
        const [ending, second] = [worker(), worker()]
        await ending.look()
        await ending.stop()
        assert.deepEqual(await endings(ending), { released: 1 })
        clock.advance(1)
        assert.equal(await second.look(), 1)
        late.resolve()
        await until('the late run has ended', () => errors.length > 0)
        assert.ok(errors[0] instanceof LeaseLost)
        assert.equal((await rows()).length, 1)
        other.resolve()
        await second.idle()
        assert.deepEqual(await rows(), [])
      })
    })

    describe('by itself', () => {
      test('a started worker works off more than it may run at once', async (t) => {
        const { enqueue, worker, begun, rows } = await opened(t, { concurrency: 2 })
        for (let n = 0; n < 20; n++) await enqueue(`${n}`)
        const only = worker()
        await only.start()
        await until('all jobs are done', async () => (await rows()).length === 0)
        await only.stop()
        assert.equal(begun.length, 20)
      })

      test('the oldest due job has an age', async (t) => {
        const { enqueue, worker, clock } = await opened(t)
        const only = worker()
        assert.deepEqual(await only.statistics(), { ended: [], running: 0, oldestDueMs: 0, resting: 0 })
        await enqueue('a')
        await enqueue('b', { runAt: start + 1e9 })
        clock.advance(4000)
        assert.equal((await only.statistics()).oldestDueMs, 4000)
      })
    })

    describe('schedules', () => {
      const everyMs = 60_000

      /** Two nodes with the same schedules. */
      async function twoNodes(t: TestContext, times: Partial<Schedule> = {}) {
        const parts = await opened(t)
        const make = () =>
          createSchedules(parts, [schedule({ name: 'each-minute', everyMs, ...times }, parts.type, { key: 'a' })])
        const count = async () => {
          const found = (await parts.rows()).length
          await parts.metadata.write((tx) => tx.db.deleteFrom('jobs').execute())
          return found
        }
        return { ...parts, make, nodes: [make(), make()] as const, count }
      }

      test('many nodes enqueue each time once', async (t) => {
        const { nodes, clock, count } = await twoNodes(t)
        for (const node of nodes) await node.open()
        await Promise.all(nodes.map((node) => node.look()))
        assert.equal(await count(), 0)
        for (let minute = 0; minute < 5; minute++) {
          clock.advance(everyMs)
          await Promise.all(nodes.map((node) => node.look()))
          assert.equal(await count(), 1)
          clock.advance(1001)
          await Promise.all(nodes.map((node) => node.look()))
          assert.equal(await count(), 0)
        }
      })

      test('times that were missed become one', async (t) => {
        const { nodes, clock, count } = await twoNodes(t)
        await nodes[0].open()
        clock.advance(100 * everyMs)
        await nodes[0].look()
        assert.equal(await count(), 1)
        clock.advance(everyMs - 1)
        await nodes[0].look()
        assert.equal(await count(), 0)
      })

      test('a start keeps the next time, and a shorter interval brings it forward', async (t) => {
        const { nodes, clock, make, metadata } = await twoNodes(t)
        const nextAt = async () =>
          (await metadata.read((db) => db.selectFrom('schedules').selectAll().execute()))[0]?.next_at
        await nodes[0].open()
        clock.advance(everyMs / 2)
        await make().open()
        assert.equal(await nextAt(), start + everyMs)
        const other = await opened(t)
        const parts = { ...other, metadata, clock }
        await createSchedules(parts, [
          schedule({ name: 'each-minute', everyMs: 1000 }, other.type, { key: 'a' }),
        ]).open()
        assert.equal(await nextAt(), clock.now() + 1000)
      })

      test('where a start is a time as well, starts in a row are one', async (t) => {
        const { clock, count, make } = await twoNodes(t, { atStartUnlessWithinMs: everyMs / 4 })
        for (const [afterMs, expected] of [
          [0, 1],
          [1001, 0],
          [everyMs / 4, 1],
          [everyMs / 4 - 1, 0],
          [10 * everyMs, 1],
        ] as const) {
          clock.advance(afterMs)
          const node = make()
          await node.open()
          await node.look()
          assert.equal(await count(), expected, `${afterMs} ms later`)
        }
      })

      test('a worker enqueues and runs what its schedules say', async (t) => {
        const { type, worker, turn, clock, begun } = await opened(t)
        const only = worker({ schedules: [schedule({ name: 'each-minute', everyMs }, type, { key: 'a' })] })
        await only.start()
        await only.stop()
        const other = worker({ schedules: [schedule({ name: 'each-minute', everyMs }, type, { key: 'a' })] })
        clock.advance(everyMs)
        assert.equal(await turn(other), 1)
        assert.deepEqual(begun, ['a 1'])
      })
    })
  })
}
