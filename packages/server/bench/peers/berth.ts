// Berth as a user starts it: `berth serve`, every setting at its default, so with durability `full` and an access log.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateRepositoryCommand, ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { berthCommand } from '../../test/support/serve.ts'
import { freePort, host, startServer } from './child.ts'
import type { Peer, RunningPeer, StartOptions } from './peer.ts'

export interface RunningBerth extends RunningPeer {
  /** The administrator's client of the ECR API. */
  ecr: ECRClient
}

export const berth: Peer = { name: 'berth', available: () => true, start: startBerth }

export async function startBerth({ directory, under, env }: StartOptions): Promise<RunningBerth> {
  const port = await freePort()
  const dataDir = join(directory, 'data')
  const listen = `${host}:${port}`
  const server = await startServer({
    command: [process.execPath, berthCommand, 'serve', '--listen', listen, '--data-dir', dataDir],
    port,
    logFile: join(directory, 'log'),
    under,
    env: { BERTH_DURABILITY: 'full', ...env },
  })
  const credentials = await readFile(join(dataDir, 'credentials'), 'utf8')
  const read = (name: string) => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(credentials)?.[1] ?? ''
  const ecr = new ECRClient({
    endpoint: `http://${listen}`,
    region: 'us-east-1',
    credentials: { accessKeyId: read('aws_access_key_id'), secretAccessKey: read('aws_secret_access_key') },
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
