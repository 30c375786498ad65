// What an operation costs on PostgreSQL: how many statements, and how often it waits for one. One client, one request at a time.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreName } from '../../test/support/stores.ts'
import type { Bench } from '../measure.ts'
import { startBerth } from '../peers/berth.ts'
import { median } from '../statistics.ts'
import { type Count, pushAndPull } from './operations.ts'
import { type Counted, startStatementCounter } from './statement-counter.ts'

export const statementsRow = 'statements'

/** Medians over the rounds, which leaves out what runs at other times. */
export interface StatementCount {
  store: StoreName
  operation: string
  /** Before the answer; BEGIN and COMMIT are among them. */
  statements: number
  roundTrips: number
  /** What the answer did not wait for. */
  afterwards: number
  milliseconds: number
  /** As they were sent, in a round with the median number of them. */
  texts: string[]
}

interface Round {
  before: Counted
  after: Counted
  milliseconds: number
}

const warmUps = 5
const rounds = 15
const afterwardsMs = 25

export async function measureStatements(bench: Bench, store: StoreName): Promise<StatementCount[]> {
  bench.progress(`statements on ${store}`)
  const directory = join(bench.directory, `statements-${store}`)
  await mkdir(directory, { recursive: true })
  const made = await bench.stores.storeOf(directory, store)
  if (made.databaseUrl === undefined) throw new Error(`${store} has no PostgreSQL`)
  const database = new URL(made.databaseUrl)
  const counter = await startStatementCounter({ host: database.hostname, port: Number(database.port || 5432) })
  const through = new URL(database)
  through.host = `127.0.0.1:${counter.port}`
  const byOperation = new Map<string, Round[]>()
  try {
    const env = { BERTH_DATABASE_URL: through.href, BERTH_WORKERS: '1' }
    const berth = await startBerth({ directory, stores: bench.stores, env }, made)
    try {
      for (let n = 0; n < warmUps + rounds; n++) {
        const count: Count = async (operation, run) => {
          await sleep(afterwardsMs)
          counter.take()
          const began = performance.now()
          const result = await run()
          const milliseconds = performance.now() - began
          const before = counter.take()
          await sleep(afterwardsMs)
          const round = { before, after: counter.take(), milliseconds }
          if (n >= warmUps) byOperation.set(operation, [...(byOperation.get(operation) ?? []), round])
          return result
        }
        await pushAndPull(berth, n, count)
      }
    } finally {
      await berth.stop()
    }
  } finally {
    await counter.close()
    await bench.stores.clear(directory)
    await rm(directory, { recursive: true, force: true })
  }
  return [...byOperation].map(([operation, measured]) => toCount(store, operation, measured))
}

function toCount(store: StoreName, operation: string, measured: readonly Round[]): StatementCount {
  const over = (value: (round: Round) => number) => median(measured.map(value))
  const statements = over(({ before }) => before.statements.length)
  return {
    store,
    operation,
    statements,
    roundTrips: over(({ before }) => before.roundTrips),
    afterwards: over(({ after }) => after.statements.length),
    milliseconds: over(({ milliseconds }) => milliseconds),
    texts: measured.find(({ before }) => before.statements.length === statements)?.before.statements ?? [],
  }
}
