// A look into a store's database past the store: what rows there are, and rows that requests would take too long to make.

import { DatabaseSync } from 'node:sqlite'
import postgres from 'postgres'

/** What both databases understand, or the words of each. */
export type Sql = string | { sqlite: string; postgres: string }

export interface Peek {
  rows(sql: Sql): Promise<Record<string, unknown>[]>
  /** One statement or several, in one transaction. */
  run(sql: Sql): Promise<void>
  close(): Promise<void>
}

/** Rows that refer to rows which are not there, or constraints that would let them. */
export const brokenReferences: Sql = {
  sqlite: 'PRAGMA foreign_key_check',
  postgres: `SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT convalidated`,
}

/** Bytes as a literal. */
export function bytesLiteral(bytes: Uint8Array): { sqlite: string; postgres: string } {
  const hex = Buffer.from(bytes).toString('hex')
  return { sqlite: `x'${hex}'`, postgres: `'\\x${hex}'` }
}

/** The path of a SQLite file, or the URL of a PostgreSQL database. */
export function openPeek(place: string): Peek {
  return place.startsWith('postgres:') ? peekIntoPostgres(place) : peekIntoSqlite(place)
}

function peekIntoSqlite(path: string): Peek {
  // Opened for each look: one that stays open would keep the write-ahead log from starting again.
  function look<T>(use: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: 5000 })
    try {
      return use(database)
    } finally {
      database.close()
    }
  }
  const own = (sql: Sql) => (typeof sql === 'string' ? sql : sql.sqlite)
  return {
    rows: async (sql) => look((database) => database.prepare(own(sql)).all()).map((row) => ({ ...row })),
    run: async (sql) => look((database) => database.exec(`BEGIN; ${own(sql)}; COMMIT`)),
    close: async () => {},
  }
}

function peekIntoPostgres(url: string): Peek {
  const client = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
  })
  const own = (sql: Sql) => (typeof sql === 'string' ? sql : sql.postgres)
  const plain = (value: unknown) => (Buffer.isBuffer(value) ? Uint8Array.from(value) : value)
  return {
    async rows(sql) {
      const rows = await client.unsafe(own(sql))
      return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])))
    },
    async run(sql) {
      await client.unsafe(own(sql))
    },
    close: () => client.end({ timeout: 5 }),
  }
}
