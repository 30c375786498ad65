// Starts the real server as a process of its own, as a user would: `berth serve` on a free port and an empty data directory, and on the store
// that BERTH_TEST_STORE names (stores.ts).

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createStore, type StoreUnderTest, storeUnderTest } from './stores.ts'

export const berthCommand = fileURLToPath(new URL('../../../cli/bin/berth.mjs', import.meta.url))

export interface ServedRegistry {
  /** `http://localhost:<port>`, no trailing slash. */
  url: string
  /** `localhost:<port>`: what `docker login` and image names take. */
  host: string
  accountId: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  dataDir: string
  process: ChildProcess
  /** Everything that the server wrote to standard error so far: its log, one JSON object a line. */
  log(): string
  /** `AWS_*` variables that point an AWS client at this server. */
  awsEnvironment(): Record<string, string>
  /** SIGTERM, wait for the end, remove the data directory if this call made it. Throws when the exit code is not 0. */
  stop(): Promise<void>
  /** SIGKILL and wait; the data directory stays. */
  kill(): Promise<void>
}

export interface ServeOptions {
  dataDir?: string
  /** Instead of one made here. A data directory that was served before has the store that it had then. */
  store?: StoreUnderTest
  /** Where it listens: by itself a free port of 127.0.0.1. */
  listen?: string
  /** More arguments for `berth serve`. */
  args?: string[]
  env?: Record<string, string>
  /** A program to run the server under, such as `['strace', '-f']`. */
  under?: string[]
  /** How long the server may take to say that it listens, in milliseconds. */
  startTimeout?: number
}

/** What data directories that a test brought are served with, from the first time on. */
const storesByDataDir = new Map<string, Promise<StoreUnderTest>>()

function storeOf(dataDir: string): Promise<StoreUnderTest> {
  let store = storesByDataDir.get(dataDir)
  if (!store) {
    store = createStore(storeUnderTest())
    storesByDataDir.set(dataDir, store)
  }
  return store
}

/** Starts a server and waits until it listens. Throws with its output when it does not. */
export async function serve(options: ServeOptions = {}): Promise<ServedRegistry> {
  const ownDataDir = options.dataDir === undefined
  const isDev = options.args?.includes('--dev') ?? false
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'berth-test-')))
  const store = options.store ?? (await storeOf(dataDir))
  const command = [
    ...(options.under ?? []),
    process.execPath,
    berthCommand,
    'serve',
    '--listen',
    options.listen ?? '127.0.0.1:0',
    '--data-dir',
    dataDir,
    ...(options.args ?? []),
  ]
  const child = spawn(command[0] as string, command.slice(1), {
    env: { ...withoutBerthSettings(process.env), ...store.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000_000)
  })
  const url = await listeningAddress(child, () => log, options.startTimeout ?? 20_000)
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    // Not `exit`: what the server said last may still be in the pipe.
    const exited = once(child, 'close')
    child.kill(signal)
    await exited
  }
  const { accessKeyId, secretAccessKey } = store.credentials ?? (await writtenCredentials(dataDir))
  const accountId = isDev ? '000000000000' : '123456789012'
  return {
    url,
    host: new URL(url).host,
    accountId,
    region: 'us-east-1',
    accessKeyId,
    secretAccessKey,
    dataDir,
    process: child,
    log: () => log,
    awsEnvironment: () => ({
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_ECR: url,
      AWS_EC2_METADATA_DISABLED: 'true',
    }),
    async stop() {
      await end('SIGTERM')
      if (ownDataDir) {
        await rm(dataDir, { recursive: true, force: true })
        if (!options.store) await store.dispose()
        storesByDataDir.delete(dataDir)
      }
      if (child.exitCode !== 0)
        throw new Error(`the server ended with ${child.exitCode ?? child.signalCode}: ${log.slice(-4000)}`)
    },
    async kill() {
      await end('SIGKILL')
    },
  }
}

/** The environment without what would tell a server, or an AWS client, something. */
export function withoutBerthSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('BERTH_') && !name.startsWith('AWS_')),
  )
}

async function writtenCredentials(dataDir: string) {
  const credentials = await readFile(join(dataDir, 'credentials'), 'utf8')
  const read = (name: string) => new RegExp(`^${name}\\s*=\\s*(\\S+)`, 'm').exec(credentials)?.[1] ?? ''
  return { accessKeyId: read('aws_access_key_id'), secretAccessKey: read('aws_secret_access_key') }
}

async function listeningAddress(child: ChildProcess, log: () => string, timeoutMs: number): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  let output = ''
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(
    () => reject(new Error(`the server did not listen in ${timeoutMs} ms: ${output}${log()}`)),
    timeoutMs,
  )
  lines.on('line', (line) => {
    output += `${line}\n`
    const url = /is listening on (https?:\/\/\S+)/.exec(line)?.[1]
    if (url) resolve(url)
  })
  child.once('exit', (code, signal) => reject(new Error(`the server ended with ${code ?? signal}: ${output}${log()}`)))
  child.once('error', reject)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}
