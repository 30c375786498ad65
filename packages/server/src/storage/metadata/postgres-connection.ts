// One connection to PostgreSQL, opened once and never again: a driver that reconnects by itself would run the rest of a
// transaction outside of it. Everything sent has a deadline, and a connection that misses one is destroyed.

import { once } from 'node:events'
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { Kysely } from 'kysely'
import postgres from 'postgres'
import { postgresDialect } from './dialect.ts'
import type { Db, Schema } from './schema.ts'

export interface PostgresAddress {
  host: string
  port: number
  database: string
  user: string
  password: string
  socketFolder?: string
  tls: 'disable' | 'require' | 'verify-full'
  tlsRootCertificate?: string
}

export interface ConnectionOptions {
  address: PostgresAddress
  /** `off` for tests: the last commits may be lost with the server. */
  synchronousCommit: 'on' | 'off'
  onNotify?: (channel: string, payload: string) => void
}

/** For connecting, and for a statement that the server itself limits to less. */
const connectMs = 3000
const statementMs = 30_000
const graceMs = 5000

/** The connection is gone, or too slow to be of use; what was under way may or may not have happened. */
export class ConnectionLost extends Error {}

export class PostgresConnection implements DatabaseConnection {
  readonly db: Db
  readonly #sql: postgres.Sql
  #socket: Socket | undefined
  #lostBecause: unknown
  #onSent: (() => void) | undefined

  private constructor(options: ConnectionOptions) {
    const { address, synchronousCommit, onNotify } = options
    let isOpened = false
    this.#sql = postgres({
      host: address.host,
      port: address.port,
      database: address.database,
      user: address.user,
      pass: address.password,
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      connect_timeout: 0,
      fetch_types: false,
      ssl: tlsOf(address),
      onnotice: () => {},
      ...(onNotify ? { onnotify: onNotify } : {}),
      onclose: () => this.destroy(new ConnectionLost('PostgreSQL closed the connection')),
      socket: async () => {
        if (isOpened) throw new ConnectionLost('the connection to PostgreSQL is closed')
        isOpened = true
        this.#socket = await openSocket(address)
        return this.#socket
      },
      connection: {
        application_name: 'berth',
        synchronous_commit: synchronousCommit,
        statement_timeout: statementMs,
        // A node that stops in the middle of a transaction keeps nobody waiting for its locks.
        idle_in_transaction_session_timeout: 10_000,
        lock_timeout: 10_000,
        client_min_messages: 'warning',
        timezone: 'UTC',
      },
      types: {
        // Sizes, times and counts are below 2^53.
        bigint: { to: 20, from: [20, 1700], parse: Number, serialize: (value: number) => String(value) },
      },
    } as unknown as postgres.Options<Record<string, postgres.PostgresType>>)
    this.db = new Kysely<Schema>({ dialect: postgresDialect(this) })
  }

  /** @throws the driver's error, or ConnectionLost when it takes too long */
  static async open(options: ConnectionOptions): Promise<PostgresConnection> {
    const connection = new PostgresConnection(options)
    try {
      await connection.run('select 1', [], connectMs)
      return connection
    } catch (error) {
      connection.destroy(error)
      throw error
    }
  }

  get isOpen(): boolean {
    return this.#lostBecause === undefined
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.run<R>(query.sql, query.parameters)
  }

  /** Resolves when the next statement has been handed over, behind which another may be sent at once. */
  nextSent(): Promise<void> {
    return new Promise((resolve) => {
      this.#onSent = resolve
    })
  }

  /** Statements that are not awaited one by one travel together. @throws ConnectionLost, or the driver's error with its SQLSTATE in `code` */
  async run<R>(
    text: string,
    parameters: readonly unknown[],
    deadlineMs = statementMs + graceMs,
  ): Promise<QueryResult<R>> {
    if (this.#lostBecause !== undefined) throw this.#lostBecause
    const timer = setTimeout(
      () => this.destroy(new ConnectionLost(`PostgreSQL gave no answer in ${deadlineMs} ms`)),
      deadlineMs,
    )
    try {
      const sent = this.#sql.unsafe(text, parameters as never[], { prepare: parameters.length > 0 }).execute()
      this.#onSent?.()
      const rows = await sent
      return { rows: rows as unknown as R[], numAffectedRows: BigInt(rows.count ?? 0) }
    } catch (error) {
      throw this.#lostBecause ?? (isOfConnection(error) ? this.destroy(error) : error)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Fails everything that waits for an answer. Gives the error that all get. */
  destroy(cause: unknown): unknown {
    this.#lostBecause ??= cause instanceof ConnectionLost ? cause : new ConnectionLost(messageOf(cause), { cause })
    this.#socket?.destroy()
    void this.#sql.end({ timeout: 0 }).catch(() => {})
    return this.#lostBecause
  }

  /** Says good-bye, so that the server has no broken pipe in its log. */
  async close(): Promise<void> {
    if (this.#lostBecause !== undefined) return
    this.#lostBecause = new ConnectionLost('the connection to PostgreSQL is closed')
    await this.#sql.end({ timeout: 1 }).catch(() => {})
  }

  // biome-ignore lint/correctness/useYield: Kysely asks for a generator; nothing of ours streams rows
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('rows are not streamed from PostgreSQL')
  }
}

async function openSocket(address: PostgresAddress): Promise<Socket> {
  const socket = address.socketFolder
    ? connectSocket({ path: join(address.socketFolder, `.s.PGSQL.${address.port}`) })
    : connectSocket({
        host: address.host,
        port: address.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: 10_000,
      })
  const abort = AbortSignal.timeout(connectMs)
  try {
    await once(socket, 'connect', { signal: abort })
  } catch (error) {
    socket.destroy()
    throw abort.aborted ? new ConnectionLost(`${address.host}:${address.port} does not answer`) : error
  }
  // What the driver takes for the name in the certificate.
  return Object.assign(socket, { host: address.host })
}

function tlsOf({ tls, host, tlsRootCertificate }: PostgresAddress) {
  if (tls === 'disable') return false
  const servername = isIP(host) ? {} : { servername: host }
  return {
    ...servername,
    rejectUnauthorized: tls === 'verify-full',
    ca: tlsRootCertificate ? [tlsRootCertificate] : [...rootCertificates],
  }
}

/** SQLSTATE classes 08 and 57P, and the driver's and the system's own names. */
function isOfConnection(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true
  const code = codeOf(error)
  return code !== undefined && /^(?:08|57P|25006|CONNECTION_|CONNECT_|E[A-Z]{3,})/.test(code)
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || String(codeOf(error)) : String(error)
}
