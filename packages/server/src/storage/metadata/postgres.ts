// The shared database: PostgreSQL, for any number of nodes.
//
//   commits      durable before they are visible, so no answer waits for anything but its own commit
//   isolation    READ COMMITTED. What must not change while a transaction decides is locked by it: the repository's row, above all
//                (`locked` in dialect.ts). Unique indexes decide the other races. A transaction that the server gave up
//                (deadlock, serialization, a referenced row that went) is run again, with jitter, a few times
//   generations  read each second by the pool's watch, and at once when another node says so (docs/design/store.md)

import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError, StartError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { postgresSchema } from './dialect.ts'
import { type MetadataStore, type RowKey, rowKey, type Transaction } from './metadata-store.ts'
import { migrate } from './migrations/migrate.ts'
import { ConnectionLost, codeOf, type PostgresAddress, PostgresConnection } from './postgres-connection.ts'
import { PostgresPool, unavailable } from './postgres-pool.ts'
import type { Db } from './schema.ts'
import { type GenerationName, generationNames, generationsChannel, generationsTable } from './tables/generations.ts'

const maxAttempts = 10
/** Nobody begins again after that long: somebody else holds a lock, and the client has waited enough. */
const maxRetryMs = 8000
const oldestServer = 130_000
/** How old a generation may be that is believed (docs/design/store.md). */
const confirmedMs = 2000

const generationKeys: ReadonlySet<RowKey> = new Set(generationNames.map(rowKey.generation))

/** Session locks of Berth in a database; any numbers that nobody else uses. */
const locks = { start: 7_310_843_001, presence: 7_310_843_002 }

export interface PostgresOptions {
  address: PostgresAddress
  connections: number
  durability: 'full' | 'relaxed'
  log: Log
  /** Taken before, for a command that no node may run beside. Otherwise this is a node. */
  soleUse?: SoleUse
}

/** A database that no node uses, nor will while this is held. */
export interface SoleUse {
  /** False when the connection that holds it was lost: nodes may be there again. */
  readonly isHeld: boolean
  /** The facts of the installation that is there, read before anything is migrated; none in a database without one. */
  facts(): Promise<Map<string, string>>
  release(): Promise<void>
}

/** A killed process is there until the server sees that its connection has ended. */
const lingeringMs = 3000

/** Keeps nodes away. @throws StartError when there are some, or when the database can not be used */
export async function takeSoleUse(address: PostgresAddress): Promise<SoleUse> {
  let connection: PostgresConnection | undefined
  try {
    connection = await PostgresConnection.open({ address, synchronousCommit: 'on' })
    const opened = connection
    for (const startedAt = performance.now(); !(await tryLock(opened, 'pg_try_advisory_lock')); await sleep(100)) {
      if (performance.now() - startedAt > lingeringMs) {
        throw new StartError(
          `nodes are running on the database ${address.database} (BERTH_DATABASE_URL)`,
          'Stop them first, all of them; or another `berth migrate-store`, if it is one.',
        )
      }
    }
    return {
      get isHeld() {
        return opened.isOpen
      },
      async facts() {
        const { rows } = await opened.run<{ there: boolean }>("select to_regclass('meta') is not null as there", [])
        if (!rows[0]?.there) return new Map()
        const facts = await opened.db.selectFrom('meta').selectAll().execute()
        return new Map(facts.map(({ key, value }) => [key, value]))
      },
      release: () => opened.close(),
    }
  } catch (error) {
    await connection?.close()
    throw startError(error, address)
  }
}

async function tryLock(
  connection: PostgresConnection,
  how: 'pg_try_advisory_lock' | 'pg_try_advisory_lock_shared',
): Promise<boolean> {
  const { rows } = await connection.run<{ taken: boolean }>(`select ${how}($1) as taken`, [locks.presence])
  return rows[0]?.taken ?? false
}

/** Tells `berth migrate-store` that a node is there, as long as the connection is. @throws StartError when that is at work */
async function showPresence(connection: PostgresConnection): Promise<void> {
  if (await tryLock(connection, 'pg_try_advisory_lock_shared')) return
  throw new StartError(
    '`berth migrate-store` is at work on the database (BERTH_DATABASE_URL)',
    'Wait until it has ended, and serve the store that it names then.',
  )
}

/** @throws StartError that names the setting, in seconds */
export async function openPostgres(options: PostgresOptions): Promise<MetadataStore> {
  const store = new PostgresStore(options)
  try {
    await store.start()
    return store
  } catch (error) {
    await store.close()
    throw startError(error, options.address)
  }
}

class PostgresStore implements MetadataStore {
  readonly isShared = true
  readonly #options: PostgresOptions
  readonly #pool: PostgresPool
  #generations = new Map<string, number>()
  #confirmedAt = Number.NEGATIVE_INFINITY
  /** When one was last heard to have moved: what was asked before may be older than that. */
  #movedAt = Number.NEGATIVE_INFINITY
  #commits = 0

  constructor(options: PostgresOptions) {
    this.#options = options
    this.#pool = new PostgresPool({
      address: options.address,
      connections: options.connections,
      log: options.log,
      synchronousCommit: options.durability === 'full' ? 'on' : 'off',
      onNotify: () => {
        this.#movedAt = performance.now()
      },
      watch: async ({ db }, since) => {
        this.#generations = await generationsTable.all(db)
        this.#confirmedAt = since
      },
      async onWatchOpened(connection) {
        if (!options.soleUse) await showPresence(connection)
        await connection.run(`listen ${generationsChannel}`, [])
      },
    })
  }

  async start(): Promise<void> {
    await this.#alone(async (connection) => {
      if (!this.#options.soleUse) await showPresence(connection)
      const { rows } = await connection.run<{ version: string; encoding: string }>(
        "select current_setting('server_version_num') as version, current_setting('server_encoding') as encoding",
        [],
      )
      const [server] = rows
      if (Number(server?.version) < oldestServer || server?.encoding !== 'UTF8') {
        throw new StartError(
          `BERTH_DATABASE_URL names a PostgreSQL of version ${server?.version} with the encoding ${server?.encoding}`,
          'Give a database of PostgreSQL 13 or newer with the encoding UTF8.',
        )
      }
      await migrate(connection.db, postgresSchema, (step) => inTransaction(connection, step))
    })
    await this.#pool.start()
  }

  async read<T>(queries: (db: Db) => Promise<T>): Promise<T> {
    try {
      return await this.#pool.use(({ db }) => queries(db))
    } catch (error) {
      // The connection was lost while it was idle, perhaps with a server that has come back since.
      if (!(error instanceof ConnectionLost) || this.#pool.isAway) throw translated(error)
      return this.#pool
        .use(({ db }) => queries(db))
        .catch((second) => {
          throw translated(second)
        })
    }
  }

  write<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#write((connection, task) => inTransaction(connection, task), change)
  }

  writeSoon<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#write((connection, task) => inTransaction(connection, task, beginSoon), change)
  }

  writeStatement<T>(change: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#write(inOneJourney, change)
  }

  async #write<T>(
    run: (connection: PostgresConnection, task: () => Promise<T>) => Promise<T>,
    change: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    if (this.#options.soleUse?.isHeld === false) throw unavailable(new Error('nodes may be there again'))
    const since = performance.now()
    for (let attempt = 1; ; attempt += 1) {
      let hasMoved = false
      const touch = (...keys: RowKey[]) => {
        hasMoved ||= keys.some((key) => generationKeys.has(key))
      }
      try {
        const result = await this.#pool.use((connection) => run(connection, () => change({ db: connection.db, touch })))
        this.#commits += 1
        // The notification comes later than the answer, and whoever got that may rely on the change.
        if (hasMoved) this.#movedAt = performance.now()
        return result
      } catch (error) {
        const isGivenUp = attempt === maxAttempts || performance.now() - since > maxRetryMs
        if (isGivenUp || !mayBeRunAgain(error) || this.#pool.isAway) throw translated(error)
        await sleep(Math.random() * Math.min(5 * 2 ** attempt, 500))
      }
    }
  }

  async generation(name: GenerationName, isCurrent = false): Promise<number> {
    const isFresh =
      !isCurrent && this.#confirmedAt > this.#movedAt && performance.now() - this.#confirmedAt < confirmedMs
    if (isFresh) return this.#generations.get(name) ?? 0
    return this.read((db) => generationsTable.find(db, name))
  }

  exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#alone(task)
  }

  /** Holds the lock of starting nodes meanwhile, on a connection of its own. */
  async #alone<T>(task: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const connection = await PostgresConnection.open({
      address: this.#options.address,
      synchronousCommit: 'on',
    })
    try {
      await connection.run('set lock_timeout = 0; set statement_timeout = 0', [])
      await connection.run('select pg_advisory_lock($1)', [locks.start], 120_000)
      return await task(connection)
    } finally {
      await connection.close()
    }
  }

  /** A commit is visible only when it is durable. */
  async durable(): Promise<void> {}

  statistics() {
    return { commits: this.#commits, syncs: 0, walBytes: 0 }
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}

async function inTransaction<T>(connection: PostgresConnection, task: () => Promise<T>, begin = 'BEGIN'): Promise<T> {
  // Not awaited: it travels with the first statement. Where it fails, so does that one.
  const begun = connection.run(begin, [])
  begun.catch(() => {})
  try {
    const result = await task()
    await begun
    await connection.run('COMMIT', []).catch(refuseToGuess)
    return result
  } catch (error) {
    if (connection.isOpen) await connection.run('ROLLBACK', []).catch((cause) => connection.destroy(cause))
    throw error
  }
}

/**
 * A transaction of one statement, whose commit does not wait for its answer. Where the statement fails, PostgreSQL takes the COMMIT for
 * a ROLLBACK.
 */
async function inOneJourney<T>(connection: PostgresConnection, task: () => Promise<T>): Promise<T> {
  const begun = connection.run(beginSoon, [])
  begun.catch(() => {})
  const sent = connection.nextSent()
  const result = task()
  result.catch(() => {})
  // One that is never sent ends with nothing.
  await Promise.race([sent, result.catch(() => {})])
  const ended = connection.run('COMMIT', [])
  ended.catch(() => {})
  try {
    await begun
    const value = await result
    await ended
    return value
  } catch (error) {
    await ended.catch(() => {})
    return refuseToGuess(error)
  }
}

/** Offsets of uploads and the like: they are not waited for, and a crash of PostgreSQL may take them back. */
const beginSoon = 'BEGIN; SET LOCAL synchronous_commit = off'

/** The answer to COMMIT did not come: running the transaction again might do it twice. */
class CommitUnknown extends Error {}

function refuseToGuess(error: unknown): never {
  throw error instanceof ConnectionLost ? new CommitUnknown(error.message, { cause: error }) : error
}

/** Serialization failure, deadlock, lock timeout, a session ended for idling. */
const givenUp = new Set(['40001', '40P01', '55P03', '25P03', '25P02'])
/** A unique or foreign key that another transaction changed, or else a mistake of ours: then running again changes nothing. */
const constraints = new Set(['23505', '23503'])

function mayBeRunAgain(error: unknown): boolean {
  const code = codeOf(error) ?? ''
  return error instanceof ConnectionLost || givenUp.has(code) || constraints.has(code)
}

function translated(error: unknown): unknown {
  if (error instanceof ConnectionLost || error instanceof CommitUnknown) return unavailable(error)
  const code = codeOf(error) ?? ''
  if (code === '53100') return new RegistryError({ code: 'StoreFull' }, { cause: error })
  // A text with a NUL, which PostgreSQL can neither keep nor compare.
  if (code === '22021') {
    const constraint = 'A text must not contain the character NUL'
    return new RegistryError({ code: 'InvalidParameter', member: 'request', constraint }, { cause: error })
  }
  // Out of resources, out of time, or given up too often.
  return /^(?:53|57)/.test(code) || givenUp.has(code) ? unavailable(error) : error
}

function startError(error: unknown, address: PostgresAddress): unknown {
  if (error instanceof StartError) return error
  const where = `${address.socketFolder ?? address.host}:${address.port}`
  const cause = error instanceof RegistryError ? error.cause : error
  const code = codeOf(cause) ?? codeOf(cause instanceof Error ? cause.cause : undefined) ?? ''
  const reason = cause instanceof Error ? cause.message : String(cause)
  const hints: [pattern: RegExp, hint: string][] = [
    [/^28/, 'Correct the user and the password in BERTH_DATABASE_URL, or let that user in (pg_hba.conf).'],
    [/^3D000/, `Create it: createdb -O ${address.user} ${address.database}`],
    [/^42501/, `Let ${address.user} create tables: grant all on schema public to ${address.user}`],
    [/./, 'Check that PostgreSQL runs there, that BERTH_DATABASE_URL is right, and that nothing stands between.'],
  ]
  const hint = hints.find(([pattern]) => pattern.test(code || 'x'))?.[1] ?? ''
  return new StartError(
    `the database ${address.database} at ${where} (BERTH_DATABASE_URL) can not be used: ${reason || code}`,
    hint,
    { cause: error },
  )
}
