// What an operation asks of PostgreSQL, and how often it waits for the answer; and of S3. One client, one request at a time.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StoreName } from '../../test/support/stores.ts'
import type { Bench } from '../measure.ts'
import { startBerth } from '../peers/berth.ts'
import { host } from '../peers/child.ts'
import { median } from '../statistics.ts'
import { type Counted, startCountingProxy } from './counting-proxy.ts'
import { FrontendMessages } from './frontend-messages.ts'
import { type Count, pushAndPull } from './operations.ts'

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
  /** Requests to S3, before the answer and after it. */
  requests: number
  requestsAfterwards: number
  milliseconds: number
  /** As they were sent, in a round with the median number of them. */
  texts: string[]
  requestTexts: string[]
}

interface Round {
  before: Counted
  after: Counted
  requestsBefore: Counted
  requestsAfter: Counted
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
  const postgres = await startCountingProxy({ host: database.hostname, port: Number(database.port || 5432) }, () => {
    const messages = new FrontendMessages()
    return (data) => messages.receive(data)
  })
  const endpoint = /endpoint=http:\/\/[^:]+:(\d+)/.exec(made.env.BERTH_BLOB_STORE ?? '')
  const s3 = await startCountingProxy({ host, port: Number(endpoint?.[1] ?? 0) }, () => requestLine)
  const byOperation = new Map<string, Round[]>()
  try {
    database.host = `${host}:${postgres.port}`
    const env: Record<string, string> = { ...made.env, BERTH_DATABASE_URL: database.href, BERTH_WORKERS: '1' }
    if (env.BERTH_BLOB_STORE)
      env.BERTH_BLOB_STORE = env.BERTH_BLOB_STORE.replace(/endpoint=[^&]+/, `endpoint=http://${host}:${s3.port}`)
    const berth = await startBerth({ directory, stores: bench.stores, env }, made)
    try {
      for (let n = 0; n < warmUps + rounds; n++) {
        const count: Count = async (operation, run) => {
          await sleep(afterwardsMs)
          postgres.take()
          s3.take()
          const began = performance.now()
          const result = await run()
          const milliseconds = performance.now() - began
          const [before, requestsBefore] = [postgres.take(), s3.take()]
          await sleep(afterwardsMs)
          const [after, requestsAfter] = [postgres.take(), s3.take()]
          const round = { before, after, requestsBefore, requestsAfter, milliseconds }
          if (n >= warmUps) byOperation.set(operation, [...(byOperation.get(operation) ?? []), round])
          return result
        }
        await pushAndPull(berth, n, count)
      }
    } finally {
      await berth.stop()
    }
  } finally {
    await postgres.close()
    await s3.close()
    await bench.stores.clear(directory)
    await rm(directory, { recursive: true, force: true })
  }
  return [...byOperation].map(([operation, measured]) => toCount(store, operation, measured))
}

function toCount(store: StoreName, operation: string, measured: readonly Round[]): StatementCount {
  const over = (value: (round: Round) => number) => median(measured.map(value))
  const statements = over(({ before }) => before.asked.length)
  const requests = over(({ requestsBefore }) => requestsBefore.asked.length)
  return {
    store,
    operation,
    statements,
    roundTrips: over(({ before }) => before.roundTrips),
    afterwards: over(({ after }) => after.asked.length),
    requests,
    requestsAfterwards: over(({ requestsAfter }) => requestsAfter.asked.length),
    milliseconds: over(({ milliseconds }) => milliseconds),
    texts: measured.find(({ before }) => before.asked.length === statements)?.before.asked ?? [],
    requestTexts:
      measured.find(({ requestsBefore }) => requestsBefore.asked.length === requests)?.requestsBefore.asked ?? [],
  }
}

/** A client of S3 sends the head of a request by itself, after the last answer. */
function requestLine(data: Buffer): string[] {
  const line = /^(?:GET|HEAD|PUT|POST|DELETE) \S+(?= HTTP\/1\.1\r\n)/.exec(data.toString('latin1', 0, 2000))?.[0]
  return line === undefined ? [] : [line]
}
