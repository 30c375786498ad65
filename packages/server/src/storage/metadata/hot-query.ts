// Queries of the hot path are compiled once (measured, docs/decisions/0001: 9 against 15 microseconds), with named parameters
// that each run fills in.

import {
  type Compilable,
  type CompiledQuery,
  DummyDriver,
  Kysely,
  type RawBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import type { Db, Schema } from './schema.ts'

class Parameter {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

const compiler = new Kysely<Schema>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

type Values = Record<string, string | number | null>

/** Builds the query now; the function that comes back runs it with the values given for its parameters. */
export function hotQuery<P extends Values, R>(
  build: (db: Db, parameter: <N extends keyof P & string>(name: N) => RawBuilder<P[N]>) => Compilable<R>,
): ((db: Db, values: P) => Promise<R[]>) & { readonly sql: string } {
  const compiled = build(compiler, <N extends keyof P & string>(name: N) => sql<P[N]>`${new Parameter(name)}`).compile()
  const run = async (db: Db, values: P): Promise<R[]> => {
    const parameters = compiled.parameters.map((value) => (value instanceof Parameter ? values[value.name] : value))
    const query: CompiledQuery<R> = { ...compiled, parameters }
    return (await db.executeQuery(query)).rows
  }
  return Object.assign(run, { sql: compiled.sql })
}
