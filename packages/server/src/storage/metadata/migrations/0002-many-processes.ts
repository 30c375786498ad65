// What many processes on one database need: uploads that any of them can go on with, jobs with leases, and counters that say when a
// cache is old.

import { type Kysely, sql } from 'kysely'
import type { SchemaDifferences } from '../dialect.ts'

export async function up(db: Kysely<unknown>, { blobColumn, textColumn }: SchemaDifferences): Promise<void> {
  await db.schema
    .alterTable('uploads')
    .addColumn('version', 'integer', (c) => c.notNull().defaultTo(0))
    .execute()
  await db.schema
    .alterTable('uploads')
    .addColumn('is_busy', 'integer', (c) => c.notNull().defaultTo(0))
    .execute()
  await db.schema.alterTable('uploads').addColumn('staging', textColumn).execute()
  await db.schema.alterTable('uploads').addColumn('head', blobColumn).execute()
  await db.schema.alterTable('uploads').addColumn('digest', textColumn).execute()
  await db.schema.alterTable('uploads').addColumn('digest_epoch', textColumn).execute()

  await db.schema
    .createTable('jobs')
    .addColumn('job_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('type', textColumn, (c) => c.notNull())
    .addColumn('key', textColumn, (c) => c.notNull())
    .addColumn('payload', textColumn, (c) => c.notNull())
    .addColumn('run_at', 'bigint', (c) => c.notNull())
    .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('lease_until', 'bigint')
    .addColumn('lease_generation', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('last_error', textColumn)
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('failed_at', 'bigint')
    .execute()
  // One job of a type and key at a time: enqueueing it again while it waits changes nothing.
  await db.schema
    .createIndex('jobs_waiting')
    .unique()
    .on('jobs')
    .columns(['type', 'key'])
    .where(sql.ref('lease_until'), 'is', null)
    .where(sql.ref('failed_at'), 'is', null)
    .execute()
  await db.schema
    .createIndex('jobs_due')
    .on('jobs')
    .columns(['type', 'run_at'])
    .where(sql.ref('failed_at'), 'is', null)
    .execute()
  // The keys whose turn is taken; and what rests, for who counts it and for the next of its key.
  await db.schema
    .createIndex('jobs_leased')
    .on('jobs')
    .columns(['type', 'key'])
    .where(sql.ref('lease_until'), 'is not', null)
    .execute()
  await db.schema
    .createIndex('jobs_failed')
    .on('jobs')
    .columns(['type', 'key'])
    .where(sql.ref('failed_at'), 'is not', null)
    .execute()
  await db.schema
    .createTable('schedules')
    .addColumn('name', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('next_at', 'bigint', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('generations')
    .addColumn('name', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('generation', 'bigint', (c) => c.notNull())
    .execute()
}
