// Several nodes of one installation, each a `berth serve` of its own, on one database and one bucket, behind a proxy that gives each request
// to the next of them.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signalTree } from './process-tree.ts'
import { type RoundRobinProxy, startRoundRobinProxy } from './round-robin-proxy.ts'
import { type ServedRegistry, serve } from './serve.ts'
import { createStore, type StoreOptions, type StoreUnderTest, whyNoStore } from './stores.ts'

export interface RegistryNode {
  name: string
  /** `http://localhost:<port>`; the same after each start. */
  url: string
  readonly server: ServedRegistry
  isRunning(): boolean
  /** SIGTERM, and wait for the end. Throws when the exit code is not 0. */
  stop(): Promise<void>
  /** SIGKILL, and wait. */
  kill(): Promise<void>
  start(): Promise<void>
  /** SIGSTOP: like a machine that has no time for it. */
  pause(): void
  resume(): void
}

export interface Nodes {
  store: StoreUnderTest
  nodes: [RegistryNode, RegistryNode, ...RegistryNode[]]
  proxy: RoundRobinProxy
  /** What `connect` of fault/target.ts wants: the first administrator at the proxy, or at one node. */
  at(node?: RegistryNode): Pick<ServedRegistry, 'url' | 'region' | 'accessKeyId' | 'secretAccessKey'>
  /** Kills what still runs, and removes everything. */
  close(): Promise<void>
}

export interface NodesOptions extends StoreOptions {
  count?: number
  /** More settings: of all nodes, or of one by its number. */
  env?: Record<string, string> | ((node: number, store: StoreUnderTest) => Promise<Record<string, string>>)
}

/** Why there can be no such nodes on this machine. For node:test's `skip`. */
export function whyNoNodes(): string | false {
  return whyNoStore('postgres+s3') ?? false
}

export async function startNodes(options: NodesOptions = {}): Promise<Nodes> {
  const store = await createStore('postgres+s3', options)
  const { credentials } = store
  if (!credentials) throw new Error('nodes need a key that is given')
  const folder = await mkdtemp(join(tmpdir(), 'berth-nodes-'))
  const envOf = async (number: number) =>
    typeof options.env === 'function' ? await options.env(number, store) : (options.env ?? {})
  const started: RegistryNode[] = []
  try {
    for (let number = 0; number < Math.max(2, options.count ?? 2); number++) {
      started.push(await startNode(store, join(folder, `node-${number}`), number, await envOf(number)))
    }
    const proxy = await startRoundRobinProxy(started.map(({ url }) => url))
    const [first, second, ...others] = started
    if (!first || !second) throw new Error('two nodes at least')
    return {
      store,
      nodes: [first, second, ...others],
      proxy,
      at: (node) => ({ url: (node ?? proxy).url, region: 'us-east-1', ...credentials }),
      async close() {
        await proxy.close()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }

  async function end(): Promise<void> {
    await Promise.all(started.map((node) => node.kill()))
    await store.dispose()
    await rm(folder, { recursive: true, force: true })
  }
}

async function startNode(
  store: StoreUnderTest,
  dataDir: string,
  number: number,
  env: Record<string, string>,
): Promise<RegistryNode> {
  const launch = async (listen?: string) => {
    const server = await serve({ dataDir, store, env, ...(listen ? { listen } : {}) })
    const kill = () => server.process.kill('SIGKILL')
    process.once('exit', kill)
    server.process.once('exit', () => process.off('exit', kill))
    return server
  }
  let server = await launch()
  const { url } = server
  const isRunning = () => server.process.exitCode === null && server.process.signalCode === null
  const signal = (which: 'SIGSTOP' | 'SIGCONT') => {
    if (server.process.pid !== undefined && isRunning()) signalTree(server.process.pid, which)
  }
  return {
    name: `node-${number}`,
    url,
    get server() {
      return server
    },
    isRunning,
    stop: () => server.stop(),
    async kill() {
      signal('SIGCONT')
      await server.kill()
    },
    async start() {
      if (!isRunning()) server = await launch(`127.0.0.1:${new URL(url).port}`)
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  }
}
