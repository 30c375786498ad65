// The embedded database: SQLite in WAL mode, one writer connection, one reader connection, no sync on the event loop.
//
//   commit            written to the WAL by `synchronous = NORMAL`, which does not sync
//   durable           an asynchronous fdatasync of the WAL through a descriptor of ours, shared by all commits that wait (SyncGroup)
//   visible, pending  rows of commits that are not durable yet are known; readers that meet one wait
//   checkpoint        in a worker thread; see checkpointer.ts
//
// One process owns the file: it alone syncs and makes checkpoints. Where it has workers (docs/design/workers.md), each has connections of
// its own, writes in the turns that the owner grants, and asks the owner what is durable.

import { open } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { RegistryError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { SqliteConnection, sqliteDialect, sqliteSchema } from './dialect.ts'
import type { MetadataStore, RowKey, Transaction } from './metadata-store.ts'
import { migrate } from './migrations/migrate.ts'
import type { Db, Schema } from './schema.ts'
import { Checkpoints } from './sqlite-checkpoints.ts'
import { type Commits, OwnCommits } from './sqlite-commits.ts'
import { inTransaction, isFull, openConnection } from './sqlite-connection.ts'
import { serveTurns } from './sqlite-turns.ts'
import { WorkerCommits } from './sqlite-worker-commits.ts'
import { type GenerationName, generationsTable } from './tables/generations.ts'
import type { StoreChannel, TurnService } from './turn-service.ts'

/** How long a process waits that finds the file locked where others have it open too; see `ConnectionOptions`. */
const sharedPatienceMs = 5000

export interface SqliteOptions {
  path: string
  /** `relaxed` does not wait for syncs: a power cut may lose the last commits, never the database. */
  durability: 'full' | 'relaxed'
  log: Log
  /** A sync failed: the kernel may have dropped the pages, so nothing more may be acknowledged. The process must end. */
  onFailedSync: (error: unknown) => void
  /** Workers will have it open as well. */
  isShared?: boolean
}

/** Opens the file as the one process that owns it. @throws StartError when it is no database, or was written by a newer Berth */
export async function openSqlite(options: SqliteOptions): Promise<MetadataStore & TurnService> {
  const { path, isShared = false, log } = options
  const patienceMs = isShared ? sharedPatienceMs : 0
  const writer = openConnection(path, { patienceMs })
  let reader: DatabaseSync | undefined
  try {
    const writerConnection = new SqliteConnection(writer)
    const db = new Kysely<Schema>({ dialect: sqliteDialect(writerConnection) })
    await migrate(db, sqliteSchema, (step) => inTransaction(writerConnection, step))
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
      log.warn({ err: error }, 'the disk is full: the write-ahead log stays as it is')
    }
    reader = openConnection(path, { isReadOnly: true, patienceMs })
    const wal = await open(`${path}-wal`, 'r+')
    await wal.datasync()
    const commits = new OwnCommits({
      durability: options.durability,
      checkpoints: new Checkpoints(path, log),
      async sync() {
        try {
          await wal.datasync()
        } catch (error) {
          options.onFailedSync(error)
          throw error
        }
      },
    })
    const store = new SqliteStore({
      isShared,
      isRelaxed: options.durability === 'relaxed',
      commits,
      writer,
      writerConnection,
      db,
      reader,
      async release() {
        await wal.datasync()
        await wal.close()
      },
    })
    return Object.assign(store, { join: (worker: StoreChannel) => serveTurns(commits, worker) })
  } catch (error) {
    reader?.close()
    writer.close()
    throw error
  }
}

/** Opens the file as a worker of the process that owns it. @throws StartError when it cannot be opened */
export function openSqliteWorker(
  options: Pick<SqliteOptions, 'path' | 'durability'>,
  owner: StoreChannel,
): MetadataStore {
  const { path, durability } = options
  const writer = openConnection(path, { patienceMs: sharedPatienceMs })
  let reader: DatabaseSync
  try {
    reader = openConnection(path, { isReadOnly: true, patienceMs: sharedPatienceMs })
  } catch (error) {
    writer.close()
    throw error
  }
  const writerConnection = new SqliteConnection(writer)
  return new SqliteStore({
    isShared: true,
    isRelaxed: durability === 'relaxed',
    commits: new WorkerCommits(owner, durability),
    writer,
    writerConnection,
    db: new Kysely<Schema>({ dialect: sqliteDialect(writerConnection) }),
    reader,
    release: async () => {},
  })
}

interface Parts {
  isShared: boolean
  isRelaxed: boolean
  commits: Commits
  writer: DatabaseSync
  writerConnection: SqliteConnection
  db: Db
  reader: DatabaseSync
  /** Lets go of what the connections do not hold. */
  release: () => Promise<void>
}

/** A transaction that is over: its result, or the error that ended it, and the commit that the answer rests on. */
type Outcome<T> = { commit: number } & ({ result: T } | { error: unknown })

class SqliteStore implements MetadataStore {
  readonly isShared: boolean
  readonly #parts: Parts
  readonly #readerDb: Db
  readonly #readerConnection: SqliteConnection
  #commits = 0
  #generations = new Map<string, number>()
  #generationsVersion = -1
  /** What `dataVersion` was when all that could be seen was known to be durable. */
  #durableVersion = -1
  /** The newest version that is to become that one, and the commit that makes it so. */
  #candidate = { version: -1, commit: 0 }

  constructor(parts: Parts) {
    this.isShared = parts.isShared
    this.#parts = parts
    this.#readerConnection = new SqliteConnection(parts.reader)
    this.#readerDb = new Kysely<Schema>({ dialect: sqliteDialect(this.#readerConnection) })
  }

  async read<T>(queries: (db: Db) => Promise<T>, restsOn?: (result: T) => readonly RowKey[]): Promise<T> {
    const result = await queries(this.#readerDb).catch(async (error) => {
      // A refusal rests on rows as well: that a repository is gone, for one.
      if (error instanceof RegistryError) await this.durable()
      throw error
    })
    const barrier = this.#barrier(restsOn && (() => restsOn(result)))
    if (barrier) await barrier
    return result
  }

  async write<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    const outcome = await this.#transact(change)
    if ('result' in outcome) {
      await this.#parts.commits.reached(outcome.commit)
      return outcome.result
    }
    if (outcome.error instanceof RegistryError) await this.#parts.commits.reached(outcome.commit)
    throw outcome.error
  }

  async writeSoon<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    const outcome = await this.#transact(change)
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }

  writeStatement<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.writeSoon(change)
  }

  async durable(): Promise<void> {
    await this.#barrier(undefined)
  }

  async generation(name: GenerationName): Promise<number> {
    const version = this.#dataVersion()
    if (version !== this.#generationsVersion) {
      this.#generations = await generationsTable.all(this.#readerDb)
      this.#generationsVersion = version
    }
    return this.#generations.get(name) ?? 0
  }

  /** The lock of the data directory keeps others out. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    return task()
  }

  statistics() {
    return { commits: this.#commits, ...this.#parts.commits.statistics() }
  }

  async close(): Promise<void> {
    const { commits, reader, writer, release } = this.#parts
    await commits.close(async () => {
      await release()
      reader.close()
      writer.close()
    })
  }

  async #transact<T>(change: (tx: Transaction) => Promise<T>): Promise<Outcome<T>> {
    const { commits, writer, writerConnection, db } = this.#parts
    await commits.takeTurn()
    try {
      const keys: RowKey[] = []
      writerConnection.run('BEGIN IMMEDIATE', [])
      const result = await change({ db, touch: (...touched) => void keys.push(...touched) })
      writerConnection.run('COMMIT', [])
      this.#commits += 1
      return { result, commit: commits.note(keys) }
    } catch (error) {
      if (writer.isOpen && writer.isTransaction) writerConnection.run('ROLLBACK', [])
      const told = isFull(error) ? new RegistryError({ code: 'StoreFull' }, { cause: error }) : error
      return { error: told, commit: commits.noted }
    } finally {
      commits.passTurn()
    }
  }

  /** What an answer waits for that rests on rows just read, these or all; undefined when it need not wait. */
  #barrier(keysOf: (() => readonly RowKey[]) | undefined): Promise<void> | undefined {
    const { isShared, isRelaxed, commits } = this.#parts
    if (isRelaxed) return undefined
    if (isShared) return this.#sharedBarrier(keysOf)
    if (commits.synced === commits.noted) return undefined
    const seen = commits.seen(keysOf?.())
    return seen instanceof Promise
      ? seen.then(({ touching }) => commits.reached(touching))
      : commits.reached(seen.touching)
  }

  /**
   * What has been read may be of a commit that this process has not heard of. As long as the database looks as it did when all of it was
   * known to be durable, there is none.
   */
  #sharedBarrier(keysOf: (() => readonly RowKey[]) | undefined): Promise<void> | undefined {
    const version = this.#dataVersion()
    if (version === this.#candidate.version && this.#candidate.commit <= this.#parts.commits.synced) {
      this.#durableVersion = version
    }
    return version === this.#durableVersion ? undefined : this.#ask(version, keysOf?.())
  }

  async #ask(version: number, keys: readonly RowKey[] | undefined): Promise<void> {
    const { commits } = this.#parts
    const { last, touching } = await commits.seen(keys)
    this.#candidate = { version, commit: last }
    await commits.reached(touching)
  }

  /** Changes whenever the reader has seen that somebody else, our own writer too, has changed the database. */
  #dataVersion(): number {
    const [row] = this.#readerConnection.run<{ data_version: number }>('PRAGMA data_version', []).rows
    return row?.data_version ?? -1
  }
}
