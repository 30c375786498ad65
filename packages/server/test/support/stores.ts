// The stores that the judges run on: what a fresh installation is told of its database and its bucket, and a way to be rid of both.
// BERTH_TEST_STORE names them; by itself it is `files`, what a user has who gives no setting at all.
//
//   files         SQLite and files in the data directory
//   postgres      PostgreSQL, and files in the data directory
//   postgres+s3   PostgreSQL and S3: what several nodes share
//   s3            SQLite in the data directory, and S3

import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AccountId } from '@berth/api/names/registry.ts'
import { randomIds } from '../../src/base/ids.ts'
import { type PostgresDatabases, sharedPostgres, whyNoDatabase } from './postgres-server.ts'
import { type S3Server, startS3Server, whyNoS3Server } from './s3-server.ts'

export const storeNames = ['files', 'postgres', 'postgres+s3', 's3'] as const
export type StoreName = (typeof storeNames)[number]

/** A database and a bucket of one installation's own. */
export interface StoreUnderTest {
  name: StoreName
  /** `BERTH_*` of every node of the installation. */
  env: Record<string, string>
  /** The first administrator's key, where it is given and not found in the data directory. */
  credentials?: { accessKeyId: string; secretAccessKey: string }
  /** Where it is PostgreSQL. */
  databaseUrl?: string
  /** Drops the database and empties the bucket. */
  dispose(): Promise<void>
}

/** BERTH_TEST_STORE, in its order. @throws when it names a store that there is not */
export function storesUnderTest(): StoreName[] {
  const names = (process.env.BERTH_TEST_STORE || 'files').split(',').map((name) => name.trim())
  return names.map((name) => {
    const known = storeNames.find((each) => each === name)
    if (!known) throw new Error(`BERTH_TEST_STORE names "${name}"; there are ${storeNames.join(', ')}`)
    return known
  })
}

/** The one store that a judge runs on which does not choose. */
export function storeUnderTest(): StoreName {
  const [name, ...others] = storesUnderTest()
  if (!name || others.length > 0) throw new Error('BERTH_TEST_STORE names several stores, and this test runs on one')
  return name
}

const hasPostgres = (name: StoreName) => name.startsWith('postgres')
const hasS3 = (name: StoreName) => name.endsWith('s3')

/** Why this machine cannot have the store, or undefined. */
export function whyNoStore(name: StoreName): string | undefined {
  return (hasPostgres(name) ? whyNoDatabase() : undefined) ?? (hasS3(name) ? whyNoS3Server() || undefined : undefined)
}

export interface StoreOptions {
  /** Other than the ones that all tests of the process share: such as have accidents. */
  postgres?: PostgresDatabases
  s3?: S3Server
}

let s3: Promise<S3Server> | undefined

/** The S3 server that all tests of this process share. It ends with the process. */
function sharedS3(): Promise<S3Server> {
  s3 ??= startS3Server()
  return s3
}

/** Makes what the store needs, for one installation. */
export async function createStore(name: StoreName, options: StoreOptions = {}): Promise<StoreUnderTest> {
  if (name === 'files') return { name, env: {}, dispose: async () => {} }
  const credentials = {
    accessKeyId: randomIds.accessKey('123456789012' as AccountId),
    secretAccessKey: randomIds.secretKey(),
  }
  const env: Record<string, string> = {
    BERTH_MASTER_KEY: randomBytes(32).toString('base64'),
    BERTH_BOOTSTRAP_ACCESS_KEY_ID: credentials.accessKeyId,
    BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
  const disposals: (() => Promise<void>)[] = []
  let databaseUrl: string | undefined
  if (hasPostgres(name)) {
    const postgres = options.postgres ?? (await sharedPostgres())
    const url = await postgres.createDatabase()
    databaseUrl = url
    env.BERTH_DATABASE_URL = url
    disposals.push(() => postgres.dropDatabase(url))
  }
  if (hasS3(name)) {
    const s3 = await (options.s3 ?? sharedS3())
    const bucket = `berth-${randomBytes(6).toString('hex')}`
    await s3.makeBucket(bucket)
    env.BERTH_BLOB_STORE = s3.url(bucket, 'registry')
    env.BERTH_BLOB_STORE_ACCESS_KEY_ID = s3.credentials.accessKeyId
    env.BERTH_BLOB_STORE_SECRET_ACCESS_KEY = s3.credentials.secretAccessKey
    disposals.push(() => rm(join(s3.folder, bucket), { recursive: true, force: true }))
  }
  return {
    name,
    env,
    credentials,
    ...(databaseUrl ? { databaseUrl } : {}),
    async dispose() {
      for (const dispose of disposals) await dispose()
    },
  }
}

// As a program: why this machine has not the stores of BERTH_TEST_STORE, a line each.
if (import.meta.main) {
  for (const name of storesUnderTest()) {
    const reason = whyNoStore(name)
    if (reason !== undefined) console.log(`the store ${name}: ${reason}`)
  }
}
