// Berth as a user starts it: `berth serve`, every setting at its default but its stores, so with durability `full` and an access log.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateRepositoryCommand, ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { berthCommand } from '../../test/support/serve.ts'
import { type StoreName, type StoreUnderTest, whyNoStore } from '../../test/support/stores.ts'
import { freePort, host, startServer } from './child.ts'
import type { Peer, RunningPeer, StartOptions } from './peer.ts'

export interface RunningBerth extends RunningPeer {
  /** The administrator's client of the ECR API. */
  ecr: ECRClient
}

export const berth: Peer = berthWith('berth', 'files')

/** Berth with its metadata, its blobs or both elsewhere. */
export function berthOn(store: StoreName): Peer {
  return berthWith(`berth on ${store}`, store)
}

/** Berth with more settings, under a name of its own. */
export function berthWith(name: string, store: StoreName, env: Record<string, string> = {}): Peer {
  return {
    name,
    available: () => whyNoStore(store) === undefined,
    async start(options) {
      const own = await options.stores.storeOf(options.directory, store)
      return { ...(await startBerth({ ...options, env: { ...options.env, ...env } }, own)), name }
    },
  }
}

export async function startBerth(options: StartOptions, store?: StoreUnderTest): Promise<RunningBerth> {
  const { directory, under, env } = options
  const port = await freePort()
  const dataDir = join(directory, 'data')
  const listen = `${host}:${port}`
  const server = await startServer({
    command: [process.execPath, berthCommand, 'serve', '--listen', listen, '--data-dir', dataDir],
    port,
    logFile: join(directory, 'log'),
    under,
    env: { BERTH_DURABILITY: 'full', ...store?.env, ...env },
  })
  const ecr = new ECRClient({
    endpoint: `http://${listen}`,
    region: 'us-east-1',
    credentials: store?.credentials ?? (await writtenCredentials(dataDir)),
  })
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}))
  const token = authorizationData?.[0]?.authorizationToken
  if (!token) throw new Error('GetAuthorizationToken gave no token')
  return {
    name: 'berth',
    target: { host, port, headers: { Authorization: `Basic ${token}` } },
    ...server,
    ecr,
    async createRepository(repositoryName) {
      await ecr.send(new CreateRepositoryCommand({ repositoryName }))
    },
    longestPauseMs: () => scrapeLongestPause(`http://${listen}/metrics`),
    async stop() {
      ecr.destroy()
      await server.stop()
    },
  }
}

async function writtenCredentials(dataDir: string) {
  const credentials = await readFile(join(dataDir, 'credentials'), 'utf8')
  const read = (name: string) => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(credentials)?.[1] ?? ''
  return { accessKeyId: read('aws_access_key_id'), secretAccessKey: read('aws_secret_access_key') }
}

/** Both gauges are reset by each scrape, so one scrape before a row and one after it bracket the row. */
async function scrapeLongestPause(url: string): Promise<number | undefined> {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) return undefined
  for (const gauge of ['berth_event_loop_pause_max_seconds', 'nodejs_eventloop_lag_max_seconds']) {
    const values = [...text.matchAll(new RegExp(`^${gauge}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map((match) =>
      Number(match[1]),
    )
    if (values.length > 0) return Math.max(...values) * 1000
  }
  return undefined
}
