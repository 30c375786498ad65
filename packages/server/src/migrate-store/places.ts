// The places that a store is copied from and to, opened, and closed to everybody else: the data directories by their lock, PostgreSQL by
// the lock that every node holds a share of. A target is looked at before anything in it is changed.

import { access, open, readdir, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Kysely } from 'kysely'
import { type Clock, systemClock } from '../base/clock.ts'
import { StartError, systemErrorCode } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config.ts'
import { makeDataDir } from '../data-dir-files.ts'
import { lockDataDir } from '../data-dir-lock.ts'
import type { BlobStore } from '../storage/blobs/blob-store.ts'
import { openFilesystem } from '../storage/blobs/filesystem.ts'
import { SqliteConnection, sqliteDialect } from '../storage/metadata/dialect.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import type { Schema } from '../storage/metadata/schema.ts'
import { openSqlite } from '../storage/metadata/sqlite.ts'
import { openConnection } from '../storage/metadata/sqlite-connection.ts'
import type { Facts } from './facts.ts'

export type Place = Pick<Config, 'dataDir' | 'durability' | 'database' | 'blobStore'>

export interface PlaceParts {
  log: Log
  onFailedSync: (error: unknown) => void
  /** What has been opened; closed in the order turned round. */
  closing: (() => unknown)[]
  clock?: Clock
}

const isEmbedded = ({ database, blobStore }: Place) => !database || !blobStore

/** What a data directory may hold that is only beginning to be the target. An audit log tells of what was, and belongs to no store. */
const ofStore =
  /^(?:berth\.db(?:-wal|-shm)?|(?:lock|workers)\.db(?:-journal)?|uploads|blobs|blob-store-owner|probe|audit|master-key(?:\.new)?|lost\+found)$/

/** Locks the data directories of both. @throws StartError when one is in use, or the target's is of something else */
export async function lockFolders(source: Place, target: Place, { closing }: PlaceParts): Promise<void> {
  if (isEmbedded(source)) {
    await access(source.database ? source.dataDir : join(source.dataDir, 'berth.db')).catch(() => {
      throw new StartError(
        `there is no store in ${source.dataDir}`,
        'Say where the store is: by --data-dir, --database-url and --blob-store.',
      )
    })
    closing.push(await lockDataDir(source.dataDir))
  }
  if (!isEmbedded(target) || (isEmbedded(source) && (await isSameFolder(source.dataDir, target.dataDir)))) return
  if (target.dataDir !== source.dataDir) {
    const names = await readdir(target.dataDir).catch(() => [])
    const foreign = names.find((name) => !ofStore.test(name))
    if (foreign !== undefined) {
      throw new StartError(
        `${target.dataDir} is not empty: it holds "${foreign}"`,
        'Give an empty folder by --to-data-dir, or one that does not exist yet.',
      )
    }
  }
  await makeDataDir(target.dataDir)
  closing.push(await lockDataDir(target.dataDir))
}

async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => stat(path).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev
}

/**
 * Opens the database for this command alone; `inspect` is shown its facts before anything is changed, and may throw.
 * @throws StartError when nodes use it
 */
export async function openDatabase(
  place: Place,
  parts: PlaceParts,
  inspect: (facts: Facts) => void,
): Promise<MetadataStore> {
  const { log, onFailedSync, closing } = parts
  const { database, durability, dataDir } = place
  let metadata: MetadataStore
  if (database) {
    const { openPostgres, takeSoleUse } = await import('../storage/metadata/postgres.ts')
    const soleUse = await takeSoleUse(database)
    closing.push(() => soleUse.release())
    inspect(await soleUse.facts())
    metadata = await openPostgres({ address: database, connections: database.connections, durability, log, soleUse })
  } else {
    const path = join(dataDir, 'berth.db')
    inspect(await factsOfFile(path))
    metadata = await openSqlite({ path, durability, log, onFailedSync })
  }
  closing.push(() => metadata.close())
  return metadata
}

async function factsOfFile(path: string): Promise<Facts> {
  if (!(await stat(path).catch(() => undefined))) return new Map()
  const database = openConnection(path, { isReadOnly: true })
  try {
    if (!database.prepare("select 1 from sqlite_master where name = 'meta'").get()) return new Map()
    const db = new Kysely<Schema>({ dialect: sqliteDialect(new SqliteConnection(database)) })
    const rows = await db.selectFrom('meta').selectAll().execute()
    return new Map(rows.map(({ key, value }) => [key, value]))
  } finally {
    database.close()
  }
}

export async function openBlobs(place: Place, parts: PlaceParts): Promise<BlobStore> {
  const { log, onFailedSync, closing, clock = systemClock } = parts
  const { blobStore, dataDir, durability } = place
  let blobs: BlobStore
  if (blobStore) {
    const { openS3 } = await import('../storage/blobs/s3/s3.ts')
    blobs = await openS3({ location: blobStore, clock, log })
  } else blobs = await openFilesystem({ dataDir, durability, clock, concurrentSyncs: 4, onFailedSync })
  closing.push(() => blobs.close())
  return blobs
}

/** What a store says of itself names its settings; a target's have other names. */
export async function ofTarget<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (error) {
    if (!(error instanceof StartError)) throw error
    const renamed = (text: string) =>
      text
        .replaceAll('BERTH_BLOB_STORE_', 'BERTH_TO_BLOB_STORE_')
        .replaceAll(/BERTH_BLOB_STORE\b(?!_)/g, '--to-blob-store')
        .replaceAll('BERTH_DATABASE_URL', '--to-database')
        .replaceAll('--data-dir', '--to-data-dir')
    throw new StartError(renamed(error.message), renamed(error.hint), { cause: error.cause })
  }
}

/** Copies a file of secrets, for its owner alone, whole or not at all. @throws StartError when another one is there */
export async function copySecret(from: string, to: string): Promise<void> {
  const content = await readFile(from)
  const there = await readFile(to).catch((error) => {
    if (systemErrorCode(error) !== 'ENOENT') throw error
  })
  if (there?.equals(content)) return
  if (there) throw new StartError(`${to} is there, and is not ${from}`, 'Give an empty folder by --to-data-dir.')
  await using file = await open(`${to}.new`, 'w', 0o600)
  await file.chmod(0o600)
  await file.writeFile(content)
  await file.sync()
  await rename(`${to}.new`, to)
  await using folder = await open(join(to, '..'), 'r')
  await folder.sync()
}
