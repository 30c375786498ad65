// PostgreSQL and S3 for the peers that keep their data there: one server of each in a run, started when the first peer asks, with its data
// on the disk of all others.

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type PostgresDatabases, startPostgres } from '../../test/support/postgres-server.ts'
import { type S3Server, startS3Server } from '../../test/support/s3-server.ts'
import { createStore, type StoreName, type StoreUnderTest } from '../../test/support/stores.ts'
import { processTree, treeCpuSeconds } from '../process-stats.ts'

export interface StoreServers {
  /** The store that belongs to a peer's folder: empty the first time, afterwards as it was left. */
  storeOf(directory: string, name: StoreName): Promise<StoreUnderTest>
  /** The same for a peer that wants only a bucket. */
  bucketOf(directory: string): Promise<{ server: S3Server; bucket: string }>
  /** Drops what belongs to the folder. */
  clear(directory: string): Promise<void>
  /** Processor time of both servers until now. */
  cpuSeconds(): number
  stop(): Promise<void>
}

export function createStoreServers(directory: string): StoreServers {
  const roots: number[] = []
  const stops: (() => Promise<void>)[] = []
  const made = new Map<string, StoreUnderTest>()
  const buckets = new Map<string, string>()
  let postgres: Promise<PostgresDatabases> | undefined
  let s3: Promise<S3Server> | undefined

  /** Notes which of our processes is new. */
  async function counted<T>(start: () => Promise<T>): Promise<T> {
    const before = new Set(processTree(process.pid))
    const server = await start()
    const root = processTree(process.pid).find((pid) => !before.has(pid))
    if (root !== undefined) roots.push(root)
    return server
  }

  /** The servers of the tests keep their data in memory, where a commit costs nothing. */
  async function postgresOnDisk(): Promise<PostgresDatabases> {
    const server = await startPostgres()
    stops.push(() => server.close())
    await server.stop('fast')
    const data = join(server.socketFolder, '..', 'data')
    const moved = join(directory, 'postgres')
    // Keeps the owner, who must get there.
    execFileSync('mv', [data, moved])
    await chmod(directory, 0o711)
    await symlink(moved, data)
    await server.start()
    return server
  }

  async function s3OnDisk(): Promise<S3Server> {
    const temporary = process.env.TMPDIR
    process.env.TMPDIR = directory
    try {
      const server = await startS3Server()
      stops.push(() => server.stop())
      return server
    } finally {
      if (temporary === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = temporary
    }
  }

  const openS3 = () => {
    s3 ??= counted(s3OnDisk)
    return s3
  }

  return {
    async storeOf(directory, name) {
      const before = made.get(directory)
      if (before) return before
      // One that BERTH_TEST_POSTGRES_URL names is used as it is, and its processor time is not known.
      if (name.startsWith('postgres') && !process.env.BERTH_TEST_POSTGRES_URL) postgres ??= counted(postgresOnDisk)
      const [database, bucketServer] = [await postgres, name.endsWith('s3') ? await openS3() : undefined]
      const options = { ...(database && { postgres: database }), ...(bucketServer && { s3: bucketServer }) }
      const store = await createStore(name, options)
      made.set(directory, store)
      return store
    },
    async bucketOf(directory) {
      const server = await openS3()
      const bucket = buckets.get(directory) ?? `peer-${randomBytes(6).toString('hex')}`
      if (!buckets.has(directory)) await server.makeBucket(bucket)
      buckets.set(directory, bucket)
      return { server, bucket }
    },
    async clear(directory) {
      await made.get(directory)?.dispose()
      made.delete(directory)
      const bucket = buckets.get(directory)
      if (bucket) await rm(join((await openS3()).folder, bucket), { recursive: true, force: true })
      buckets.delete(directory)
    },
    cpuSeconds: () => roots.reduce((sum, root) => sum + treeCpuSeconds(root), 0),
    async stop() {
      for (const stop of stops) await stop()
    },
  }
}
