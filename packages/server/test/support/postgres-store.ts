// The metadata store on PostgreSQL, as one node opens it, for tests of the store itself.

import type { TestContext } from 'node:test'
import { type Log, silentLog } from '../../src/base/log.ts'
import { parseDatabaseUrl } from '../../src/config-values.ts'
import type { MetadataStore } from '../../src/storage/metadata/metadata-store.ts'
import { openPostgres } from '../../src/storage/metadata/postgres.ts'
import { openPeek, type Peek } from './peek.ts'
import { type PostgresDatabases, sharedPostgres } from './postgres-server.ts'

export interface NodeOptions {
  connections?: number
  durability?: 'full' | 'relaxed'
  log?: Log
}

/** One more node on the database; the caller closes it. */
export function openPostgresNode(url: string, options: NodeOptions = {}): Promise<MetadataStore> {
  const { connections, ...address } = parseDatabaseUrl(url, { name: 'test', folder: '/', readFile: () => '' })
  return openPostgres({ address, connections, durability: 'relaxed', log: silentLog, ...options })
}

export interface PostgresDatabase {
  url: string
  peek: Peek
  /** Opens a node that is closed after the test; `by` is another way to the server. */
  node(options?: NodeOptions & { by?: string }): Promise<MetadataStore>
}

/** An empty database, gone after the test with all nodes that were opened on it. */
export async function newDatabase(t: TestContext, server?: PostgresDatabases): Promise<PostgresDatabase> {
  const databases = server ?? (await sharedPostgres())
  const url = await databases.createDatabase()
  const peek = openPeek(url)
  const nodes: MetadataStore[] = []
  t.after(async () => {
    await Promise.all(nodes.map((node) => node.close()))
    await peek.close()
    await databases.dropDatabase(url)
  })
  return {
    url,
    peek,
    async node({ by = url, ...options } = {}) {
      const node = await openPostgresNode(by, options)
      nodes.push(node)
      return node
    },
  }
}
