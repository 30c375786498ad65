// The stores that the configuration names, opened: metadata in SQLite or PostgreSQL, blobs in files or S3. What is embedded is locked for
// this process; what is shared is not.
//
//   <data-dir>/berth.db        the metadata (storage/metadata/sqlite.ts)
//   <data-dir>/uploads, blobs  bytes (storage/blobs/filesystem.ts)

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from './base/clock.ts'
import { StartError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import type { Config } from './config.ts'
import { makeDataDir } from './data-dir-files.ts'
import { joinDataDir, lockDataDir } from './data-dir-lock.ts'
import type { BlobStore } from './storage/blobs/blob-store.ts'
import { openFilesystem } from './storage/blobs/filesystem.ts'
import type { MetadataStore } from './storage/metadata/metadata-store.ts'
import { openSqlite, openSqliteWorker } from './storage/metadata/sqlite.ts'
import type { StoreChannel, TurnService } from './storage/metadata/turn-service.ts'

export interface StoreParts {
  clock: Clock
  log: Log
  onFailedSync: (error: unknown) => void
  /** A worker process joins the stores that its primary has opened. */
  joins?: JoinedStores
}

export interface JoinedStores {
  primary: StoreChannel
  isPrimaryAlive: () => boolean
  stagingEpoch: string
}

export interface Stores {
  metadata: MetadataStore
  /** Serves workers that join. Undefined where they need nothing of this process. */
  turns: TurnService | undefined
  blobs: BlobStore
  close(): Promise<void>
}

export type StoreConfig = Pick<Config, 'dataDir' | 'durability' | 'database' | 'blobStore' | 'workers'>

/** True where nothing of the store is in the data directory. */
export function isShared(config: StoreConfig): boolean {
  return config.database !== undefined && config.blobStore !== undefined
}

/** How an operator knows the place of the blobs. */
export function blobPlace({ blobStore, dataDir }: StoreConfig): string {
  return blobStore ? `s3://${blobStore.bucket}/${blobStore.prefix}` : join(dataDir, 'blobs')
}

/** @throws StartError for everything that the operator can act on */
export async function openStores(config: StoreConfig, parts: StoreParts): Promise<Stores> {
  const closing: (() => unknown)[] = []
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    if (!isShared(config)) await makeDataDir(config.dataDir)
    if (!isShared(config)) {
      const { joins } = parts
      closing.push(joins ? joinDataDir(config.dataDir, joins.isPrimaryAlive) : await lockDataDir(config.dataDir))
    }
    const { metadata, turns } = await openMetadata(config, parts)
    closing.push(() => metadata.close())
    const blobs = await openBlobs(config, parts)
    closing.push(() => blobs.close())
    return { metadata, turns, blobs, close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * The metadata without the blobs, for commands that are no server: beside serving nodes where it is PostgreSQL, instead of a server where it
 * is embedded. Makes no store. @throws StartError
 */
export async function openMetadataAlone(
  config: StoreConfig,
  parts: StoreParts,
): Promise<Pick<Stores, 'metadata' | 'close'>> {
  if (config.database) {
    const { metadata } = await openMetadata(config, parts)
    return { metadata, close: () => metadata.close() }
  }
  if (!existsSync(join(config.dataDir, 'berth.db')))
    throw new StartError(
      `there is no store in ${config.dataDir} yet`,
      'Give the data directory of the server by --data-dir, or run `berth init` first.',
    )
  const unlock = await lockDataDir(config.dataDir, 'Stop the server first: it has the store for itself.')
  try {
    const { metadata } = await openMetadata(config, parts)
    return { metadata, close: () => metadata.close().finally(unlock) }
  } catch (error) {
    unlock()
    throw error
  }
}

async function openMetadata(config: StoreConfig, parts: StoreParts): Promise<Pick<Stores, 'metadata' | 'turns'>> {
  const { log, onFailedSync, joins } = parts
  const { database, durability } = config
  if (!database) {
    const path = join(config.dataDir, 'berth.db')
    if (joins) return { metadata: openSqliteWorker({ path, durability }, joins.primary), turns: undefined }
    const metadata = await openSqlite({ path, durability, log, onFailedSync, isShared: config.workers > 1 })
    return { metadata, turns: metadata }
  }
  // The drivers of shared stores take a while to load, which an embedded start need not wait for.
  const { openPostgres } = await import('./storage/metadata/postgres.ts')
  const metadata = await openPostgres({ address: database, connections: database.connections, durability, log })
  return { metadata, turns: undefined }
}

async function openBlobs(config: StoreConfig, { clock, log, onFailedSync, joins }: StoreParts): Promise<BlobStore> {
  if (config.blobStore) {
    const { openS3 } = await import('./storage/blobs/s3/s3.ts')
    return openS3({ location: config.blobStore, clock, log })
  }
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4)
  return openFilesystem({
    dataDir: config.dataDir,
    durability: config.durability,
    clock,
    concurrentSyncs: Math.max(2, Math.floor(threads / 2)),
    onFailedSync,
    ...(joins ? { stagingEpoch: joins.stagingEpoch } : {}),
  })
}
