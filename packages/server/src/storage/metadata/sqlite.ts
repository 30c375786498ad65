// The embedded database: SQLite in WAL mode, one writer connection, one reader connection, no sync on the event loop.
//
//   commit            written to the WAL by `synchronous = NORMAL`, which does not sync
//   durable           an asynchronous fdatasync of the WAL through a descriptor of ours, shared by all commits that wait (SyncGroup)
//   visible, pending  `#pending` knows which rows belong to commits that are not durable yet; readers that meet one wait
//   checkpoint        in a worker thread; see checkpointer.ts
//
// Nothing else in the process may open `berth.db` or its -shm through `fs`: closing it would drop SQLite's locks.

import { type FileHandle, open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Kysely } from 'kysely'
import { RegistryError, StartError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { CheckpointReport, CheckpointRequest } from './checkpointer.ts'
import { SqliteConnection, sqliteDialect } from './dialect.ts'
import type { MetadataStore, RowKey, Transaction } from './metadata-store.ts'
import { migrate } from './migrations/migrate.ts'
import type { Db, Schema } from './schema.ts'
import { SyncGroup } from './sync-group.ts'

const pageBytes = 4096
/** When the WAL is worth a checkpoint. */
const checkpointBytes = 24 * 1024 * 1024
/** The size at which a writer waits for the checkpoint that runs. */
const gateBytes = 64 * 1024 * 1024

export interface SqliteOptions {
  path: string
  /** `relaxed` does not wait for syncs: a power cut may lose the last commits, never the database. */
  durability: 'full' | 'relaxed'
  log: Log
  /** A sync failed: the kernel may have dropped the pages, so nothing more may be acknowledged. The process must end. */
  onFailedSync: (error: unknown) => void
}

/** @throws StartError when the file is no database, or was written by a newer Berth */
export async function openSqlite(options: SqliteOptions): Promise<MetadataStore> {
  const writer = openConnection(options.path)
  let reader: DatabaseSync | undefined
  try {
    const writerConnection = new SqliteConnection(writer)
    const db = new Kysely<Schema>({ dialect: sqliteDialect(writerConnection) })
    await migrate(db, writerConnection)
    // What an earlier process left in the WAL is visible, so it is made durable before anybody can see it. The write takes the sync
    // of a restarted WAL's header here, and not in the first request.
    try {
      writer.exec('PRAGMA wal_checkpoint(PASSIVE)')
      writer.exec(
        "INSERT INTO meta (key, value) VALUES ('checkpoint', '1') ON CONFLICT (key) DO UPDATE SET value = meta.value + 1",
      )
    } catch (error) {
      // A full disk keeps nobody from reading what is here; the first write says that there is no room.
      if (!isFull(error)) throw error
      options.log.warn({ err: error }, 'the disk is full: the write-ahead log stays as it is')
    }
    reader = openConnection(options.path, true)
    const wal = await open(`${options.path}-wal`, 'r+')
    await wal.datasync()
    return new SqliteStore(options, { writer, writerConnection, db, reader, wal })
  } catch (error) {
    reader?.close()
    writer.close()
    throw error
  }
}

function openConnection(path: string, readOnly = false): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { readOnly, timeout: 0, enableForeignKeyConstraints: true })
    if (!readOnly) database.exec('PRAGMA journal_mode = WAL')
    database.exec(
      'PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY',
    )
    return database
  } catch (error) {
    database?.close()
    throw new StartError(
      `the database ${path} cannot be opened: ${error instanceof Error ? error.message : error}`,
      'Check that the data directory is on a local disk, is writable by this user, and holds a Berth store.',
      { cause: error },
    )
  }
}

interface Parts {
  writer: DatabaseSync
  writerConnection: SqliteConnection
  db: Db
  reader: DatabaseSync
  wal: FileHandle
}

class SqliteStore implements MetadataStore {
  readonly #options: SqliteOptions
  readonly #parts: Parts
  readonly #readerDb: Db
  readonly #syncs: SyncGroup
  readonly #checkpointer: Worker
  /** Rows of commits that are not durable yet, with the number of the last such commit. */
  readonly #pending = new Map<RowKey, number>()
  #pendingOrder: { commit: number; keys: RowKey[] }[] = []
  /** Who has the turn to write, and who waits for it. */
  #isTaken = false
  readonly #queue: (() => void)[] = []
  #commits = 0
  #commitsSinceRestart = 0
  #bytesPerCommit = 12 * pageBytes
  #checkpoint: Promise<void> | undefined
  #isClosed = false

  constructor(options: SqliteOptions, parts: Parts) {
    this.#options = options
    this.#parts = parts
    this.#readerDb = new Kysely<Schema>({ dialect: sqliteDialect(new SqliteConnection(parts.reader)) })
    this.#syncs = new SyncGroup(
      async () => {
        try {
          await parts.wal.datasync()
        } catch (error) {
          options.onFailedSync(error)
          throw error
        }
      },
      (commit) => this.#settle(commit),
    )
    this.#checkpointer = new Worker(new URL('./checkpointer.ts', import.meta.url), {
      workerData: { path: options.path },
    })
    this.#checkpointer.unref()
    this.#checkpointer.on('error', (error) => options.log.error({ err: error }, 'the checkpointer failed'))
  }

  async read<T>(queries: (db: Db) => Promise<T>, restsOn?: (result: T) => readonly RowKey[]): Promise<T> {
    const result = await queries(this.#readerDb).catch(async (error) => {
      // A refusal rests on rows as well: that a repository is gone, for one.
      if (error instanceof RegistryError) await this.durable()
      throw error
    })
    if (this.#pending.size === 0 && restsOn) return result
    await this.#reached(restsOn ? this.#lastPending(restsOn(result)) : this.#syncs.noted)
    return result
  }

  async write<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      const { result, commit } = await this.#commit(change)
      await this.#reached(commit)
      return result
    } catch (error) {
      if (error instanceof RegistryError) await this.durable()
      throw error
    }
  }

  async writeSoon<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    return (await this.#commit(change)).result
  }

  durable(): Promise<void> {
    return this.#reached(this.#syncs.noted)
  }

  statistics() {
    return { commits: this.#commits, syncs: this.#syncs.syncs, walBytes: this.#walBytes }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    // A checkpoint under way needs the turn to write, so it goes first.
    await this.#checkpoint
    await this.#takeTurn()
    // Nothing else may keep the process alive by now, and it has to see the end of the worker.
    this.#checkpointer.ref()
    this.#checkpointer.postMessage('close' satisfies CheckpointRequest)
    await new Promise((resolve) => this.#checkpointer.once('exit', resolve))
    await this.#parts.wal.datasync()
    await this.#parts.wal.close()
    this.#parts.reader.close()
    this.#parts.writer.close()
    this.#passTurn()
  }

  async #commit<T>(change: (tx: Transaction) => Promise<T>): Promise<{ result: T; commit: number }> {
    if (this.#walBytes > gateBytes) await this.#checkpoint
    await this.#takeTurn()
    const { writer, writerConnection, db } = this.#parts
    try {
      if (this.#isClosed) throw new RegistryError({ code: 'Busy', message: 'The registry is shutting down.' })
      const keys: RowKey[] = []
      writerConnection.run('BEGIN IMMEDIATE', [])
      const result = await change({ db, touch: (...touched) => void keys.push(...touched) })
      writerConnection.run('COMMIT', [])
      const commit = this.#syncs.note()
      this.#commits += 1
      this.#commitsSinceRestart += 1
      for (const key of keys) this.#pending.set(key, commit)
      if (keys.length > 0) this.#pendingOrder.push({ commit, keys })
      if (this.#options.durability === 'relaxed') this.#settle(commit)
      return { result, commit }
    } catch (error) {
      if (writer.isOpen && writer.isTransaction) writerConnection.run('ROLLBACK', [])
      throw isFull(error) ? new RegistryError({ code: 'StoreFull' }, { cause: error }) : error
    } finally {
      this.#passTurn()
      if (this.#walBytes > checkpointBytes) this.#startCheckpoint()
    }
  }

  #reached(commit: number): Promise<void> {
    return this.#options.durability === 'relaxed' ? Promise.resolve() : this.#syncs.reached(commit)
  }

  #lastPending(keys: readonly RowKey[]): number {
    let last = 0
    for (const key of keys) last = Math.max(last, this.#pending.get(key) ?? 0)
    return last
  }

  #settle(commit: number): void {
    let settled = 0
    for (const batch of this.#pendingOrder) {
      if (batch.commit > commit) break
      settled += 1
      for (const key of batch.keys) if (this.#pending.get(key) === batch.commit) this.#pending.delete(key)
    }
    this.#pendingOrder = this.#pendingOrder.slice(settled)
  }

  async #takeTurn(): Promise<void> {
    if (!this.#isTaken) {
      this.#isTaken = true
      return
    }
    await new Promise<void>((resolve) => this.#queue.push(resolve))
  }

  #passTurn(): void {
    const next = this.#queue.shift()
    if (next) next()
    else this.#isTaken = false
  }

  get #walBytes(): number {
    return this.#commitsSinceRestart * this.#bytesPerCommit
  }

  #startCheckpoint(): void {
    if (this.#checkpoint || this.#isClosed) return
    this.#checkpoint = this.#runCheckpoint()
      .catch(async (error) => {
        this.#options.log.error({ err: error }, 'a checkpoint failed; it is tried again in a second')
        await sleep(1000, undefined, { ref: false })
      })
      .finally(() => {
        this.#checkpoint = undefined
      })
  }

  async #runCheckpoint(): Promise<void> {
    const backfilled = await this.#ask('backfill')
    if (this.#isClosed) return
    this.#bytesPerCommit = Math.max(
      pageBytes,
      (backfilled.walPages * pageBytes) / Math.max(1, this.#commitsSinceRestart),
    )
    await this.#takeTurn()
    try {
      const report = await this.#ask('restart')
      if (report.isRestarted) this.#commitsSinceRestart = 0
      else this.#options.log.warn({ walPages: report.walPages }, 'the WAL could not be restarted')
    } finally {
      this.#passTurn()
    }
  }

  async #ask(request: CheckpointRequest): Promise<{ walPages: number; isRestarted: boolean }> {
    const answer = new Promise<CheckpointReport>((resolve) => this.#checkpointer.once('message', resolve))
    this.#checkpointer.postMessage(request)
    const report = await answer
    if ('error' in report) throw new Error(report.error)
    return report
  }
}

/** SQLITE_FULL, or an I/O error that a full disk causes (SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE). */
function isFull(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return code === 13 || code === 778 || code === 4874
}
