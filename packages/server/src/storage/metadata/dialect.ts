// What SQLite and PostgreSQL say differently, as named pieces with a reason each, and Kysely's doors to both.

import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import {
  type ColumnDataType,
  type ColumnDefinitionBuilder,
  type CompiledQuery,
  type CreateTableBuilder,
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
  type QueryResult,
  type RawBuilder,
  type SelectQueryBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import type { Schema } from './schema.ts'

type DataType = ColumnDataType | RawBuilder<unknown>

/** What the migrations say differently for each database. */
export interface SchemaDifferences {
  /** The column type for bytes. */
  blobColumn: DataType
  /** Text compares byte by byte: tags, names and digests have that order on the wires. */
  textColumn: DataType
  /** A number that may grow beyond 32 bits. */
  numberColumn: DataType
  /** A number that the database gives and never gives again, so that a page token or a cache can not meet a later row. */
  identityColumn: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder
  /** A table whose rows are little more than their key lives in the key's own tree: one search instead of two. */
  keyOnlyTable: <T extends string, C extends string>(table: CreateTableBuilder<T, C>) => CreateTableBuilder<T, C>
}

export const sqliteSchema: SchemaDifferences = {
  blobColumn: 'blob',
  textColumn: 'text',
  numberColumn: 'integer',
  identityColumn: (column) => column.primaryKey().autoIncrement(),
  keyOnlyTable: (table) => table.modifyEnd(sql`without rowid`),
}

export const postgresSchema: SchemaDifferences = {
  blobColumn: 'bytea',
  textColumn: sql`text collate "C"`,
  numberColumn: 'bigint',
  identityColumn: (column) => column.primaryKey().generatedByDefaultAsIdentity(),
  keyOnlyTable: (table) => table,
}

// One adapter for each database: a compiled query knows by it which text it needs (hot-query.ts).
const sqliteAdapter = new SqliteAdapter()
const postgresAdapter = new PostgresAdapter()

export const isPostgres = (db: Kysely<Schema>) => db.getExecutor().adapter === postgresAdapter

/**
 * Keeps everybody else from changing the rows that the query finds, until the transaction ends. SQLite has one writer, so there it is
 * so already. Rows that refer to them may still be written.
 */
export function locked<T extends keyof Schema, O>(
  db: Kysely<Schema>,
  query: SelectQueryBuilder<Schema, T, O>,
): SelectQueryBuilder<Schema, T, O> {
  return isPostgres(db) ? query.forNoKeyUpdate() : query
}

/** Databases that only compile. */
export const compilers = [
  { adapter: sqliteAdapter, db: compilerOf(sqliteAdapter, new SqliteQueryCompiler()) },
  { adapter: postgresAdapter, db: compilerOf(postgresAdapter, new PostgresQueryCompiler()) },
] as const

function compilerOf(adapter: DialectAdapter, compiler: QueryCompiler): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => compiler,
    },
  })
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

/** Kysely over connections of ours. Transactions are begun and ended by `sqlite.ts`, never through Kysely. */
export function sqliteDialect(connection: DatabaseConnection): Dialect {
  return {
    createDriver: () => driverOf(async () => connection),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => sqliteAdapter,
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

/** The same for PostgreSQL: see `postgres.ts`. */
export function postgresDialect(connection: DatabaseConnection): Dialect {
  return {
    createDriver: () => driverOf(async () => connection),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => postgresAdapter,
    createIntrospector: (db) => new PostgresIntrospector(db),
  }
}

function driverOf(acquireConnection: () => Promise<DatabaseConnection>): Driver {
  const refuse = async () => {
    throw new Error('transactions are opened by the metadata store')
  }
  return {
    init: async () => {},
    acquireConnection,
    beginTransaction: refuse,
    commitTransaction: refuse,
    rollbackTransaction: refuse,
    releaseConnection: async () => {},
    destroy: async () => {},
  }
}

/**
 * That the column has a value of the query, for an update that takes rows which nobody else takes at the same time. PostgreSQL leaves out
 * rows that other transactions hold, and the array keeps it from running the query again for each row, which would take more than its limit.
 */
export function oneOfUnlocked<O>(
  db: Kysely<Schema>,
  column: string,
  query: SelectQueryBuilder<Schema, keyof Schema, O>,
) {
  return isPostgres(db)
    ? sql<boolean>`${sql.ref(column)} = any(array(${query.forUpdate().skipLocked()}))`
    : sql<boolean>`${sql.ref(column)} in (${query})`
}
