// A worker process of the judges of jobs: `node jobs-worker.ts <database> <name> <settings as JSON>`. Its job leaves a row in `effects`, in
// the transaction that finishes it. Says `ready` when it works; SIGTERM ends it as the registry ends.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { randomIds } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { createJobQueue } from '../../src/jobs/job-queue.ts'
import type { JobType } from '../../src/jobs/job-types.ts'
import { Worker } from '../../src/jobs/worker.ts'
import { openJobsStore } from './jobs-store.ts'

export interface WorkerSettings {
  leaseMs: number
  concurrency: number
  /** How far its clock is off. */
  skewMs: number
}

export interface Work {
  n: number
  /** How long it takes. */
  ms: number
  /** The first run never ends. */
  hangsFirst?: boolean
}

/** What the worker process runs; the test enqueues by it. */
export const work: JobType<Work> = {
  name: 'work',
  parse: (json) => json as Work,
  key: ({ n }) => `${n}`,
  // Only the deaths of processes end a run without success here.
  maxAttempts: 1_000_000,
  timeoutMs: 3_600_000,
  concurrency: 1,
  backoff: { firstMs: 10, maxMs: 100 },
  run: () => Promise.reject(new Error('the test process runs no jobs')),
}

if (import.meta.main) {
  const [place = '', name = '', settings = '{}'] = process.argv.slice(2)
  const { leaseMs, concurrency, skewMs } = JSON.parse(settings) as WorkerSettings
  const metadata = await openJobsStore(place)
  const clock = { now: () => Date.now() + skewMs }
  const type: JobType<Work> = {
    ...work,
    concurrency,
    async run({ signal }, { n, ms, hangsFirst }, job) {
      if (hangsFirst && job.attempt === 1) {
        process.stdout.write('hanging\n')
        await sleep(3_600_000, undefined, { signal })
      }
      // The signal is not heeded: only the lease may decide whether the effect counts.
      await sleep(ms)
      await metadata.write(async (tx) => {
        await sql`insert into effects (n, worker) values (${n}, ${name})`.execute(tx.db)
        await job.finish(tx)
      })
    },
  }
  const queue = createJobQueue({ clock, ids: randomIds })
  const worker = new Worker({ metadata, clock, random: Math.random, log: silentLog, queue }, { types: [type], leaseMs })
  process.once('SIGTERM', async () => {
    await worker.stop()
    await metadata.close()
    process.exit(0)
  })
  await worker.start()
  process.stdout.write('ready\n')
}
