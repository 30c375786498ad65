// The same of PostgreSQL as query-plans.test.ts asks of SQLite: with many rows, whatever is stored, each query of the lists and of the hot
// path is a search in an index. Asked of the server itself, both for the values given and for any (a prepared statement is planned so in
// the end).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Kysely } from 'kysely'
import postgres from 'postgres'
import { sharedPostgres, whyNoDatabase } from '../../../test/support/postgres-server.ts'
import { openPostgresNode } from '../../../test/support/postgres-store.ts'
import { digest, lookUps, pageQueries, type Query, registry } from '../../../test/support/stored-queries.ts'
import { postgresDialect } from './dialect.ts'
import type { Schema } from './schema.ts'
import { blobsTable } from './tables/blobs.ts'

interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  'Plan Rows': number
  Plans?: PlanNode[]
}

/** Twenty repositories with a thousand images each, a thousand tags and links, and uploads. */
const rows = `
  INSERT INTO accounts VALUES ('${registry.accountId}', 0);
  INSERT INTO repositories (account_id, region, name, created_at, tag_mutability, scan_on_push, key_scope)
    SELECT '${registry.accountId}', '${registry.region}', 'name-' || i, 0, 'MUTABLE', 0, 'default' FROM generate_series(1, 2000) i;
  INSERT INTO repository_tags SELECT r, 'key-' || i, 'value' FROM generate_series(1, 2000) r, generate_series(1, 5) i;
  INSERT INTO blobs (key_scope, digest, size, storage_key, created_at)
    SELECT 'default', 'sha256:' || lpad(i::text, 64, '0'), 1, 'key-' || i, 0 FROM generate_series(0, 20000) i;
  INSERT INTO blob_links SELECT i % 20 + 1, 'sha256:' || lpad(i::text, 64, '0'), i + 1, 0, CASE WHEN i % 10 = 0 THEN 0 END
    FROM generate_series(0, 20000) i;
  INSERT INTO images (repository_id, digest, media_type, subject_digest, manifest_size, image_size, pushed_at, tag_count, manifest)
    SELECT i % 20 + 1, 'sha256:' || lpad(i::text, 64, '0'), 'a/b', CASE WHEN i % 4 = 0 THEN 'sha256:' || lpad((i / 40)::text, 64, '0') END,
      1, 1, i, i % 2, 'x' FROM generate_series(0, 20000) i;
  INSERT INTO image_tags SELECT i % 20 + 1, 'tag-' || i, 'sha256:' || lpad(i::text, 64, '0'), 0 FROM generate_series(0, 20000) i;
  INSERT INTO image_blobs SELECT i % 20 + 1, 'sha256:' || lpad(i::text, 64, '0'), 'sha256:' || lpad(i::text, 64, '0') FROM generate_series(0, 20000) i;
  INSERT INTO image_children SELECT i % 20 + 1, 'sha256:' || lpad(i::text, 64, '0'), 'sha256:' || lpad((i % 20)::text, 64, '0') FROM generate_series(20, 20000) i;
  INSERT INTO uploads (upload_id, repository_id, user_id, received_bytes, part_count, created_at, updated_at)
    SELECT 'upload-' || i, i % 20 + 1, 'user', 0, 0, 0, i FROM generate_series(1, 5000) i;
  INSERT INTO meta SELECT 'key-' || i, 'value' FROM generate_series(1, 2000) i;
  ANALYZE`

describe('plans of PostgreSQL', { skip: whyNoDatabase() ?? false }, () => {
  let client: postgres.Sql
  let drop: () => Promise<void>

  before(async () => {
    const server = await sharedPostgres()
    const url = await server.createDatabase()
    await (await openPostgresNode(url)).close()
    client = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} })
    await client.unsafe(rows)
    drop = () => server.dropDatabase(url)
  })
  after(async () => {
    await client?.end({ timeout: 5 })
    await drop?.()
  })

  /** The statements that the query sends, each with its values; nothing stays changed. */
  async function statementsOf(query: Query): Promise<{ text: string; parameters: readonly unknown[] }[]> {
    const statements: { text: string; parameters: readonly unknown[] }[] = []
    const db = new Kysely<Schema>({
      dialect: postgresDialect({
        async executeQuery({ sql, parameters }) {
          statements.push({ text: sql, parameters })
          return { rows: [...(await client.unsafe(sql, parameters as never[]))] as never[] }
        },
        async *streamQuery() {
          yield* []
        },
      }),
    })
    await client.unsafe('BEGIN')
    try {
      await query(db, { db, touch: () => {} })
    } finally {
      await client.unsafe('ROLLBACK')
    }
    return statements
  }

  const literal = (value: unknown) => {
    if (value === null) return 'null'
    if (value instanceof Uint8Array) return `'\\x${Buffer.from(value).toString('hex')}'`
    return typeof value === 'number' ? String(value) : `'${String(value).replaceAll("'", "''")}'`
  }

  /** All steps of all statements, as they are planned for these values or for any. */
  async function stepsOf(query: Query, mode: 'force_custom_plan' | 'force_generic_plan'): Promise<PlanNode[]> {
    const steps: PlanNode[] = []
    const walk = (node: PlanNode) => {
      steps.push(node)
      node.Plans?.forEach(walk)
    }
    const statements = await statementsOf(query)
    assert.ok(statements.length > 0)
    for (const { text, parameters } of statements) {
      const given = parameters.length > 0 ? `(${parameters.map(literal).join(', ')})` : ''
      await client.unsafe(`SET plan_cache_mode = ${mode}; PREPARE asked AS ${text}`)
      const [row] = await client.unsafe(`EXPLAIN (FORMAT JSON) EXECUTE asked${given}`)
      await client.unsafe('DEALLOCATE asked')
      const [{ Plan }] = (row?.['QUERY PLAN'] ?? []) as [{ Plan: PlanNode }]
      walk(Plan)
    }
    return steps
  }

  const scans = /Scan$/
  const isSearch = (step: PlanNode) =>
    step['Node Type'] === 'Bitmap Heap Scan' ||
    step['Node Type'] === 'Subquery Scan' ||
    step['Index Cond'] !== undefined

  async function assertSearches(query: Query, forbidden: RegExp): Promise<void> {
    for (const mode of ['force_custom_plan', 'force_generic_plan'] as const) {
      const steps = await stepsOf(query, mode)
      const wrong = steps.filter(
        (step) => (scans.test(step['Node Type']) && !isSearch(step)) || forbidden.test(step['Node Type']),
      )
      assert.deepEqual(
        wrong,
        [],
        `${mode}: ${JSON.stringify(
          steps.map(({ Plans, ...step }) => step),
          null,
          1,
        )}`,
      )
    }
  }

  describe('the pages of each list are ranges of an index, in its order', () => {
    for (const [name, query] of Object.entries(pageQueries)) {
      test(name, () => assertSearches(query, /Sort|Hash|Bitmap/))
    }
  })

  describe('what a request looks up is found by a search', () => {
    const sources =
      (from: string | undefined): Query =>
      (db) =>
        blobsTable.findSources(db, registry, 'default', digest, from)
    for (const [name, query] of Object.entries({
      ...lookUps,
      'where a blob may be mounted from': sources(undefined),
      'a blob of the repository that is named': sources('name-1'),
    })) {
      test(name, () => assertSearches(query, /Hash Join|Merge Join/))
    }
  })
})
