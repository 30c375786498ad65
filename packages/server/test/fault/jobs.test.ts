// Judge: jobs under worker processes that are killed, frozen and thawed, with clocks that differ (docs/design/jobs.md). A job's effect is a
// row that no constraint keeps from coming twice. In the end each job that was acknowledged has one, and no other has any.
//
//   BERTH_TEST_ROUNDS  how many accidents (30; with BERTH_TEST_SOAK 600)

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { systemClock } from '../../src/base/clock.ts'
import { randomIds } from '../../src/base/ids.ts'
import { createJobQueue } from '../../src/jobs/job-queue.ts'
import type { MetadataStore } from '../../src/storage/metadata/metadata-store.ts'
import { sharedPostgres, whyNoDatabase } from '../support/postgres-server.ts'
import { seededRandom } from '../support/random.ts'
import { until } from '../support/until.ts'
import { openJobsStore } from './jobs-store.ts'
import { type Work, type WorkerSettings, work } from './jobs-worker.ts'
import { rounds, seed, timeout } from './settings.ts'

const accidents = rounds({ usual: 30, soak: 600 })
const program = fileURLToPath(new URL('./jobs-worker.ts', import.meta.url))
const queue = createJobQueue({ clock: systemClock, ids: randomIds })

interface WorkerProcess {
  child: ChildProcess
  /** Resolves when it has written the word. */
  said(word: 'ready' | 'hanging'): Promise<void>
  kill(): Promise<void>
}

function startWorker(
  t: TestContext,
  place: string,
  name: string,
  settings: Partial<WorkerSettings> = {},
): WorkerProcess {
  const all: WorkerSettings = { leaseMs: 2000, concurrency: 8, skewMs: 0, ...settings }
  const child = spawn(process.execPath, [program, place, name, JSON.stringify(all)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  return {
    child,
    said: (word) =>
      until(`worker ${name} says ${word}`, () => {
        assert.equal(child.exitCode, null, errors)
        return output.includes(`${word}\n`)
      }),
    kill,
  }
}

async function makeEffects(metadata: MetadataStore): Promise<void> {
  await metadata.write((tx) => sql`create table effects (n bigint not null, worker text not null)`.execute(tx.db))
}

async function effectsOf(metadata: MetadataStore): Promise<{ n: number; worker: string }[]> {
  const { rows } = await metadata.read((db) =>
    sql<{ n: number; worker: string }>`select n, worker from effects order by n`.execute(db),
  )
  return rows.map(({ n, worker }) => ({ n: Number(n), worker }))
}

async function jobsLeft(metadata: MetadataStore): Promise<number> {
  const row = await metadata.read((db) =>
    db
      .selectFrom('jobs')
      .select((e) => e.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow(),
  )
  return Number(row.count)
}

const enqueueAll = (metadata: MetadataStore, jobs: readonly Work[]) =>
  metadata.write(async (tx) => {
    for (const job of jobs) await queue.enqueue(tx, work, job)
  })

function assertOnceEach(effects: readonly { n: number }[], acknowledged: readonly number[]): void {
  const counts = new Map<number, number>()
  for (const { n } of effects) counts.set(n, (counts.get(n) ?? 0) + 1)
  const known = new Set(acknowledged)
  assert.deepEqual(
    {
      lost: acknowledged.filter((n) => !counts.has(n)),
      twice: [...counts].filter(([, count]) => count > 1).map(([n]) => n),
      unknown: [...counts.keys()].filter((n) => !known.has(n)),
    },
    { lost: [], twice: [], unknown: [] },
  )
}

describe('jobs of many processes on one PostgreSQL', { skip: whyNoDatabase() ?? false, timeout }, () => {
  async function opened(t: TestContext): Promise<{ url: string; metadata: MetadataStore }> {
    const server = await sharedPostgres()
    const url = await server.createDatabase()
    const metadata = await openJobsStore(url)
    t.after(async () => {
      await metadata.close()
      await server.dropDatabase(url)
    })
    await makeEffects(metadata)
    return { url, metadata }
  }

  test('kills, frozen processes and wrong clocks: no job is lost, none takes effect twice', async (t) => {
    const random = seededRandom(seed())
    const { url, metadata } = await opened(t)
    const leaseMs = 2000
    // Two are right; one thinks that all leases are over, and one that it has had its own for a long time.
    const skews = [0, 0, 3 * leaseMs, -3 * leaseMs]
    const workers = skews.map((skewMs, n) => startWorker(t, url, `${n}`, { leaseMs, skewMs }))
    await Promise.all(workers.map((one) => one.said('ready')))

    const acknowledged: number[] = []
    let n = 0
    let [killed, frozen] = [0, 0]
    const enqueueSome = async () => {
      const jobs: Work[] = Array.from({ length: 100 }, () => {
        n += 1
        // One in fifty outlives its lease.
        return { n, ms: random.below(50) === 0 ? 1.5 * leaseMs : random.below(40) }
      })
      const isRefused = random.below(5) === 0
      try {
        await metadata.write(async (tx) => {
          for (const job of jobs) await queue.enqueue(tx, work, job)
          if (isRefused) throw new Error('refused')
        })
        acknowledged.push(...jobs.map((job) => job.n))
      } catch (error) {
        if (!isRefused) throw error
      }
    }
    const thaws: Promise<void>[] = []
    for (let accident = 1; accident <= accidents; accident++) {
      await enqueueSome()
      await sleep(50 + random.below(300))
      const at = random.below(workers.length)
      const victim = workers[at]
      if (!victim) continue
      if (random.below(2) === 0) {
        killed += 1
        await victim.kill()
        workers[at] = startWorker(t, url, `${at}`, { leaseMs, skewMs: skews[at] ?? 0 })
      } else {
        frozen += 1
        victim.child.kill('SIGSTOP')
        thaws.push(sleep(random.below(2 * leaseMs)).then(() => void victim.child.kill('SIGCONT')))
      }
    }
    await Promise.all(thaws)
    // The rest is for whoever is left; progress is what is waited for, however slow the machine.
    for (let left = await jobsLeft(metadata); left > 0; ) {
      const before = left
      await until(`fewer than ${before} jobs are left`, async () => {
        left = await jobsLeft(metadata)
        return left < before
      })
    }
    const effects = await effectsOf(metadata)
    assertOnceEach(effects, acknowledged)
    const shares = skews.map((_, name) => effects.filter(({ worker }) => worker === `${name}`).length)
    console.log(
      `${acknowledged.length} jobs, ${killed} kills, ${frozen} frozen for up to ${2 * leaseMs} ms; effects of each worker: ${shares.join(', ')}`,
    )
  })

  for (const [what, accident] of [
    ['a killed process', (worker: WorkerProcess) => worker.kill()],
    ['a frozen process', async (worker: WorkerProcess) => void worker.child.kill('SIGSTOP')],
  ] as const) {
    test(`the job of ${what} is taken over in about a lease, and takes effect once`, async (t) => {
      const { url, metadata } = await opened(t)
      const leaseMs = 3000
      const first = startWorker(t, url, 'first', { leaseMs })
      await first.said('ready')
      await enqueueAll(metadata, [{ n: 1, ms: 0, hangsFirst: true }])
      await first.said('hanging')
      const second = startWorker(t, url, 'second', { leaseMs })
      await second.said('ready')
      // Longer than a lease: it has been renewed.
      await sleep(leaseMs + 500)
      assert.deepEqual(await effectsOf(metadata), [])
      const at = performance.now()
      await accident(first)
      await until('the job has taken effect', async () => (await effectsOf(metadata)).length > 0)
      const tookMs = performance.now() - at
      first.child.kill('SIGCONT')
      await sleep(500)
      assert.deepEqual(await effectsOf(metadata), [{ n: 1, worker: 'second' }])
      assert.equal(await jobsLeft(metadata), 0)
      console.log(`${what}: its job was taken over after ${Math.round(tookMs)} ms of a lease of ${leaseMs} ms`)
      // The lease, a look, and what a busy machine adds.
      assert.ok(tookMs < leaseMs + 5000, `it took ${tookMs} ms`)
    })
  }

  test('a process that ends gives its jobs back, long before their leases end', async (t) => {
    const { url, metadata } = await opened(t)
    const leaseMs = 600_000
    const first = startWorker(t, url, 'first', { leaseMs })
    await first.said('ready')
    await enqueueAll(metadata, [{ n: 1, ms: 0, hangsFirst: true }])
    await first.said('hanging')
    // What was given back has its first attempt still, so the next run of it would hang as well.
    await metadata.write((tx) =>
      tx.db
        .updateTable('jobs')
        .set({ payload: JSON.stringify({ n: 1, ms: 0 }) })
        .execute(),
    )
    const second = startWorker(t, url, 'second', { leaseMs })
    await second.said('ready')
    first.child.kill('SIGTERM')
    await until('the job has taken effect', async () => (await effectsOf(metadata)).length > 0)
    assert.deepEqual(await effectsOf(metadata), [{ n: 1, worker: 'second' }])
    if (first.child.exitCode === null) await once(first.child, 'exit')
    assert.equal(first.child.exitCode, 0)
  })
})

test('SIGKILL of the one process on SQLite, again and again: no job is lost, none takes effect twice', {
  timeout,
}, async (t) => {
  const random = seededRandom(seed())
  const folder = await mkdtemp(join(tmpdir(), 'berth-jobs-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'berth.db')
  const jobs: Work[] = Array.from({ length: accidents * 30 }, (_, n) => ({ n, ms: random.below(40) }))
  let metadata = await openJobsStore(path)
  await makeEffects(metadata)
  await enqueueAll(metadata, jobs)
  let [left, kills] = [jobs.length, 0]
  while (left > 0) {
    await metadata.close()
    const worker = startWorker(t, path, `${kills}`, { leaseMs: 500 })
    await worker.said('ready')
    await sleep(random.below(700))
    await worker.kill()
    kills += 1
    metadata = await openJobsStore(path)
    left = await jobsLeft(metadata)
    assert.ok(kills < accidents * 20, `${left} jobs are left after ${kills} kills`)
  }
  assertOnceEach(
    await effectsOf(metadata),
    jobs.map(({ n }) => n),
  )
  await metadata.close()
  console.log(`${jobs.length} jobs, ${kills} kills`)
})
