// The database of the judges of jobs: PostgreSQL by its URL, or SQLite by its file.

import { silentLog } from '../../src/base/log.ts'
import type { MetadataStore } from '../../src/storage/metadata/metadata-store.ts'
import { openPostgres } from '../../src/storage/metadata/postgres.ts'
import { openSqlite } from '../../src/storage/metadata/sqlite.ts'

export function openJobsStore(place: string, durability: 'full' | 'relaxed' = 'full'): Promise<MetadataStore> {
  if (!place.startsWith('postgres:')) {
    const onFailedSync = (error: unknown) => {
      throw error
    }
    return openSqlite({ path: place, durability, log: silentLog, onFailedSync })
  }
  const { hostname, port, username, password, pathname } = new URL(place)
  const address = {
    host: hostname,
    port: Number(port),
    database: pathname.slice(1),
    user: username,
    password: decodeURIComponent(password),
    tls: 'disable' as const,
  }
  return openPostgres({ address, connections: 10, durability, log: silentLog })
}
