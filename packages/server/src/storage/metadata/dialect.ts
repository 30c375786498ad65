// What SQLite and PostgreSQL would say differently, as named pieces with a reason each, and Kysely's door to SQLite.

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  type ColumnDefinitionBuilder,
  type CompiledQuery,
  type CreateTableBuilder,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'

/** The column type for bytes. */
export const blobColumn = 'blob'

/** A number that the database gives and never gives again, so that a page token or a cache can not meet a later row. */
export function identityColumn(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder {
  return column.primaryKey().autoIncrement()
}

/** A table whose rows are little more than their key lives in the key's own tree: one search instead of two. */
export function keyOnlyTable<T extends string, C extends string>(
  table: CreateTableBuilder<T, C>,
): CreateTableBuilder<T, C> {
  return table.modifyEnd(sql`without rowid`)
}

const maxCachedStatements = 512

/**
 * One SQLite connection that keeps its prepared statements: preparing costs five times what running costs
 * (docs/decisions/0001). Not for concurrent use by several transactions; `sqlite.ts` sees to that.
 */
export class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, { statement: StatementSync; returnsRows: boolean }>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.run<R>(query.sql, query.parameters)
  }

  run<R>(text: string, parameters: readonly unknown[]): QueryResult<R> {
    const { statement, returnsRows } = this.#prepare(text)
    const values = parameters as SQLInputValue[]
    if (returnsRows) return { rows: statement.all(...values) as R[] }
    const { changes, lastInsertRowid } = statement.run(...values)
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
  }

  #prepare(text: string): { statement: StatementSync; returnsRows: boolean } {
    const cached = this.#statements.get(text)
    if (cached) return cached
    const statement = this.#database.prepare(text)
    const entry = { statement, returnsRows: statement.columns().length > 0 }
    const oldest = this.#statements.size >= maxCachedStatements ? this.#statements.keys().next().value : undefined
    if (oldest !== undefined) this.#statements.delete(oldest)
    this.#statements.set(text, entry)
    return entry
  }

  // biome-ignore lint/correctness/useYield: Kysely asks for a generator; nothing of ours streams rows
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are not streamed from SQLite')
  }
}

/** Kysely over one connection. Transactions are begun and ended by `sqlite.ts`, never through Kysely. */
export function sqliteDialect(connection: SqliteConnection): Dialect {
  const refuse = async () => {
    throw new Error('transactions are opened by the metadata store')
  }
  const driver: Driver = {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  }
  return {
    createDriver: () => driver,
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}
