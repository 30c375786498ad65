// Rows, from one database to another, whichever they are. Both are read in the order of the primary key, side by side: what the target
// lacks is added, and what it has and should not have shows that the source has changed since an earlier run, so that it begins again.
// Another walk then proves that both hold the same.

import { createHash } from 'node:crypto'
import { type Digest, digestAlgorithm } from '@berth/api/names/digest.ts'
import { sql } from 'kysely'
import { isPostgres } from '../storage/metadata/dialect.ts'
import type { MetadataStore, Transaction } from '../storage/metadata/metadata-store.ts'
import type { Db } from '../storage/metadata/schema.ts'
import { type CarriedTable, carriedTables, leftOutTables } from './tables.ts'

export type Row = Readonly<Record<string, unknown>>

export interface RowCopy {
  source: MetadataStore
  target: MetadataStore
  /** Ends the copy between two pages. */
  signal: AbortSignal
  onRows(count: number): void
}

/** Makes the rows of the target those of the source; an earlier run may have begun that. */
export async function copyRows(copy: RowCopy): Promise<void> {
  const { source, target, signal, onRows } = copy
  try {
    for (const table of carriedTables) {
      await walk(table, copy, async (rows) => {
        await target.writeSoon((tx) => insert(tx, table, rows))
        onRows(rows.length)
        signal.throwIfAborted()
      })
    }
  } catch (error) {
    if (!(error instanceof Stale)) throw error
    await clearRows(target)
    return copyRows(copy)
  }
  for (const { name, hasIdentity } of carriedTables) {
    if (!hasIdentity) continue
    const last = await source.read((db) => lastIdentity(db, name))
    await target.write((tx) => raiseIdentity(tx.db, name, last))
  }
}

/** Reads everything once more. Gives the content whose digest is wrong. @throws when the databases do not hold the same */
export async function verifyRows(copy: RowCopy): Promise<WrongContent[]> {
  const wrong: WrongContent[] = []
  for (const table of carriedTables) {
    await walk(
      table,
      copy,
      async () => {
        throw new Error(`the target lacks rows of ${table.name} that were written to it`)
      },
      (row) => {
        copy.onRows(1)
        const content = table.name === 'blobs' ? row.content : table.name === 'images' ? row.manifest : undefined
        if (!(content instanceof Uint8Array)) return
        const digest = row.digest as Digest
        const calculated = `${digestAlgorithm(digest)}:${createHash(digestAlgorithm(digest)).update(content).digest('hex')}`
        if (calculated === digest) return
        wrong.push({
          digest,
          ...(table.name === 'blobs' ? { blobId: Number(row.id) } : { repositoryId: Number(row.repository_id) }),
        })
      },
    )
  }
  return wrong
}

export type WrongContent = { digest: Digest } & ({ blobId: number } | { repositoryId: number })

/** The target holds what the source does not, or not any more. */
class Stale extends Error {}

/** Gives, in pages, the rows that the target lacks, and each row that it has. @throws Stale */
async function walk(
  table: CarriedTable,
  { source, target, signal }: RowCopy,
  onMissing: (rows: Row[]) => Promise<void>,
  onSame?: (row: Row) => void,
): Promise<void> {
  const there = rowsOf(target, table)
  let other = await there.next()
  let missing: Row[] = []
  for await (const row of rowsOf(source, table)) {
    const order = other.done ? -1 : compareKeys(table, row, other.value)
    if (order > 0) throw new Stale()
    if (order === 0) {
      if (!other.done && !isSame(row, other.value)) throw new Stale()
      onSame?.(row)
      other = await there.next()
      continue
    }
    missing.push(row)
    if (missing.length < table.page) continue
    await onMissing(missing)
    missing = []
  }
  if (!other.done) throw new Stale()
  if (missing.length > 0) await onMissing(missing)
  signal.throwIfAborted()
}

/** In the order of the key, a page at a time. */
async function* rowsOf(store: MetadataStore, { name, key, page }: CarriedTable): AsyncGenerator<Row, undefined> {
  const columns = sql.join(key.map((column) => sql.ref(column)))
  let after: unknown[] | undefined
  for (;;) {
    const where = after ? sql`where (${columns}) > (${sql.join(after)})` : sql``
    const { rows } = await store.read((db) =>
      sql<Row>`select * from ${sql.table(name)} ${where} order by ${columns} limit ${sql.lit(page)}`.execute(db),
    )
    yield* rows
    const last = rows.at(-1)
    if (!last || rows.length < page) return undefined
    after = key.map((column) => last[column])
  }
}

async function insert(tx: Transaction, { name }: CarriedTable, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {})
  const values = rows.map((row) => sql`(${sql.join(columns.map((column) => row[column]))})`)
  // What is in the way is met by the walk, which then begins again.
  await sql`insert into ${sql.table(name)} (${sql.join(columns.map((column) => sql.ref(column)))}) values ${sql.join(values)} on conflict do nothing`.execute(
    tx.db,
  )
}

/** Facts stay. */
async function clearRows(store: MetadataStore): Promise<void> {
  const names = carriedTables.map(({ name }) => name).toReversed()
  await store.write(async ({ db }) => {
    if (isPostgres(db)) {
      const others = leftOutTables.filter((name) => name !== 'meta')
      await sql`truncate ${sql.join([...names, ...others].map((name) => sql.table(name)))}`.execute(db)
    } else for (const name of names) await sql`delete from ${sql.table(name)}`.execute(db)
  })
}

/** The first table that holds a row, or undefined. */
export async function tableWithRows(store: MetadataStore): Promise<string | undefined> {
  for (const table of carriedTables) if (!(await rowsOf(store, { ...table, page: 1 }).next()).done) return table.name
  return undefined
}

// Numbers that are never given twice

async function lastIdentity(db: Db, name: string): Promise<number> {
  const query = isPostgres(db)
    ? sql<{
        last: number | null
      }>`select pg_sequence_last_value(pg_get_serial_sequence(${name}, 'id')::regclass) as last`
    : sql<{ last: number | null }>`select seq as last from sqlite_sequence where name = ${name}`
  return (await query.execute(db)).rows[0]?.last ?? 0
}

async function raiseIdentity(db: Db, name: string, to: number): Promise<void> {
  const last = Math.max(to, await lastIdentity(db, name))
  if (last === 0) return
  if (isPostgres(db)) {
    await sql`select setval(pg_get_serial_sequence(${name}, 'id')::regclass, ${last})`.execute(db)
    return
  }
  await sql`delete from sqlite_sequence where name = ${name}`.execute(db)
  await sql`insert into sqlite_sequence (name, seq) values (${name}, ${last})`.execute(db)
}

// Values

function compareKeys({ key }: CarriedTable, a: Row, b: Row): number {
  for (const column of key) {
    const order = compareValues(a[column], b[column])
    if (order !== 0) return order
  }
  return 0
}

/** As both databases do: text byte by byte. */
function compareValues(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}

function isSame(a: Row, b: Row): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((column) => {
    const [one, other] = [a[column], b[column]]
    if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0
    return one === other
  })
}
