// How many jobs a second are claimed and finished: `node jobs-figures.ts`. Each job is nothing but its claim and its end, durable.

import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { randomIds } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { createJobQueue } from '../../src/jobs/job-queue.ts'
import type { JobType } from '../../src/jobs/job-types.ts'
import { Worker } from '../../src/jobs/worker.ts'
import type { MetadataStore } from '../../src/storage/metadata/metadata-store.ts'
import { sharedPostgres, whyNoDatabase } from '../support/postgres-server.ts'
import { openJobsStore } from './jobs-store.ts'

const count = 5000
const queue = createJobQueue({ clock: systemClock, ids: randomIds })

async function measure(name: string, open: () => Promise<MetadataStore>, concurrency: number, processes: number) {
  const stores = await Promise.all(Array.from({ length: processes }, open))
  const [metadata] = stores
  if (!metadata) return
  let done = 0
  const { promise: allDone, resolve } = Promise.withResolvers<void>()
  const type: JobType<number> = {
    name: 'nothing',
    parse: Number,
    key: String,
    maxAttempts: 3,
    timeoutMs: 60_000,
    concurrency,
    backoff: { firstMs: 1000, maxMs: 1000 },
    async run() {
      done += 1
      if (done === count) resolve()
    },
  }
  const enqueueStart = performance.now()
  for (let n = 0; n < count; n += 100) {
    await metadata.write(async (tx) => {
      for (let at = n; at < n + 100; at++) await queue.enqueue(tx, type, at)
    })
  }
  const enqueueMs = performance.now() - enqueueStart
  const parts = { clock: systemClock, random: Math.random, log: silentLog, queue }
  const workers = stores.map((store) => new Worker({ ...parts, metadata: store }, { types: [type] }))
  const start = performance.now()
  for (const worker of workers) await worker.start()
  await allDone
  for (const worker of workers) await worker.idle()
  const ms = performance.now() - start
  for (const worker of workers) await worker.stop()
  for (const store of stores) await store.close()
  console.log(
    `${name}, ${processes} workers of ${concurrency}: ${Math.round((count / ms) * 1000)} jobs/s; enqueued in hundreds: ${Math.round((count / enqueueMs) * 1000)}/s`,
  )
}

for (const concurrency of [1, 10, 50]) {
  const folder = await mkdtemp(join(tmpdir(), 'berth-jobs-'))
  await measure('SQLite', () => openJobsStore(join(folder, 'berth.db')), concurrency, 1)
  await rm(folder, { recursive: true, force: true })
}
const reason = whyNoDatabase()
if (reason) console.log(reason)
else {
  const server = await sharedPostgres()
  for (const [concurrency, processes] of [
    [1, 1],
    [10, 1],
    [50, 1],
    [10, 4],
  ] as const) {
    const url = await server.createDatabase()
    await measure('PostgreSQL', () => openJobsStore(url), concurrency, processes)
  }
}
console.log(`on ${spawnSync('nproc').stdout.toString().trim()} cores`)
process.exit(0)
