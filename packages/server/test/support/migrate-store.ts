// `berth migrate-store` as an operator runs it, and the places that a store may be in.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { berthCommand, type ServedRegistry, type ServeOptions, serve, withoutBerthSettings } from './serve.ts'
import { createStore, type StoreOptions, type StoreUnderTest } from './stores.ts'

/** Where a store is, or goes. */
export interface Place {
  /** `BERTH_*` by which it is served, and by which the command finds it. */
  env: Record<string, string>
  /** The command's options and variables for it as a target. */
  to: { args: string[]; env: Record<string, string> }
  dataDir: string
}

export interface Migration {
  process: ChildProcess
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>
}

export function startMigration(from: Place, to: { args: string[]; env?: Record<string, string> }): Migration {
  const child = spawn(process.execPath, [berthCommand, 'migrate-store', ...to.args], {
    env: { ...withoutBerthSettings(process.env), ...from.env, ...to.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) => {
    process.off('exit', kill)
    return { code, signal, stdout, stderr }
  })
  return { process: child, ended }
}

export const migrate = (from: Place, to: { args: string[]; env?: Record<string, string> }) =>
  startMigration(from, to).ended

/** Places of one installation and of others, removed at the end. */
export async function createPlaces() {
  const home = await mkdtemp(join(tmpdir(), 'berth-migrate-'))
  const disposals: (() => Promise<void>)[] = []
  let count = 0
  const folder = () => join(home, `folder-${++count}`)

  return {
    folder,
    embedded(dataDir = folder()): Place {
      return {
        env: { BERTH_DATA_DIR: dataDir },
        to: { args: ['--to-database=sqlite', '--to-blob-store=files', '--to-data-dir', dataDir], env: {} },
        dataDir,
      }
    },
    /** `keyFile`: the master key of an installation that comes here. */
    async shared(keyFile: string, options: StoreOptions = {}): Promise<Place & { store: StoreUnderTest }> {
      const store = await createStore('postgres+s3', options)
      disposals.push(() => store.dispose())
      const read = (name: string) => store.env[name] ?? ''
      const bucketKey = {
        BERTH_BLOB_STORE_ACCESS_KEY_ID: read('BERTH_BLOB_STORE_ACCESS_KEY_ID'),
        BERTH_BLOB_STORE_SECRET_ACCESS_KEY: read('BERTH_BLOB_STORE_SECRET_ACCESS_KEY'),
      }
      return {
        store,
        dataDir: folder(),
        env: {
          BERTH_DATABASE_URL: read('BERTH_DATABASE_URL'),
          BERTH_BLOB_STORE: read('BERTH_BLOB_STORE'),
          ...bucketKey,
          BERTH_MASTER_KEY_FILE: keyFile,
        },
        to: {
          args: ['--to-blob-store', read('BERTH_BLOB_STORE')],
          env: {
            BERTH_TO_DATABASE: read('BERTH_DATABASE_URL'),
            BERTH_TO_BLOB_STORE_ACCESS_KEY_ID: bucketKey.BERTH_BLOB_STORE_ACCESS_KEY_ID,
            BERTH_TO_BLOB_STORE_SECRET_ACCESS_KEY: bucketKey.BERTH_BLOB_STORE_SECRET_ACCESS_KEY,
          },
        },
      }
    },
    async dispose() {
      for (const dispose of disposals) await dispose()
      await rm(home, { recursive: true, force: true })
    },
  }
}

export type Places = Awaited<ReturnType<typeof createPlaces>>
export type Credentials = Pick<ServedRegistry, 'accessKeyId' | 'secretAccessKey'>

/** Serves what is in a place; with `credentials`, where the place has no file that says them. */
export async function serveAt(
  place: Place,
  options: { credentials?: Credentials; dataDir?: string } & Pick<ServeOptions, 'env'> = {},
): Promise<ServedRegistry> {
  const { credentials } = options
  const store: StoreUnderTest = {
    name: 'files',
    env: place.env,
    ...(credentials ? { credentials } : {}),
    dispose: async () => {},
  }
  const server = await serve({ dataDir: options.dataDir ?? place.dataDir, store, env: { ...options.env } })
  const kill = () => server.process.kill('SIGKILL')
  process.once('exit', kill)
  server.process.once('exit', () => process.off('exit', kill))
  return server
}

/** Why it can not be served. */
export async function refusalAt(place: Place): Promise<string> {
  let server: ServedRegistry
  try {
    server = await serveAt(place, { credentials: { accessKeyId: '', secretAccessKey: '' } })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  await server.stop()
  return ''
}
