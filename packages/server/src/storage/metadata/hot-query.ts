// Queries of the hot path are compiled once for each database (measured, docs/decisions/0001: 9 against 15 microseconds), with named
// parameters that each run fills in.

import { type Compilable, type CompiledQuery, type RawBuilder, sql } from 'kysely'
import { compilers } from './dialect.ts'
import type { Db } from './schema.ts'

class Parameter {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

type Values = Record<string, string | number | Uint8Array | null>

/** Builds the query now; the function that comes back runs it with the values given for its parameters. */
export function hotQuery<P extends Values, R>(
  build: (db: Db, parameter: <N extends keyof P & string>(name: N) => RawBuilder<P[N]>) => Compilable<R>,
): (db: Db, values: P) => Promise<R[]> {
  const parameter = <N extends keyof P & string>(name: N) => sql<P[N]>`${new Parameter(name)}`
  const compiled = compilers.map(({ adapter, db }) => ({ adapter, query: build(db, parameter).compile() }))
  return async (db, values) => {
    const { adapter } = db.getExecutor()
    const { query } = compiled.find((one) => one.adapter === adapter) ?? {}
    if (!query) throw new Error('the query is compiled for other databases only')
    const parameters = query.parameters.map((value) => (value instanceof Parameter ? values[value.name] : value))
    const filled: CompiledQuery<R> = { ...query, parameters }
    return (await db.executeQuery(filled)).rows
  }
}
