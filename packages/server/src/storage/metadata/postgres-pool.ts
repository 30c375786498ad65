// Connections to PostgreSQL: a bounded number, shared by reads and transactions. Nobody waits for long: neither for a connection, nor
// for a server that is away. A watch asks the server each second on a connection of its own; while it gets no answer everything that
// waits fails, and so does everything that comes.
//
//   watch answers     connections are lent out, at most `connections` at a time; who waits longer than a moment is refused
//   watch is silent   all connections are destroyed, all requests are refused at once; the watch goes on asking

import { setTimeout as sleep } from 'node:timers/promises'
import { RegistryError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type ConnectionOptions, codeOf, PostgresConnection } from './postgres-connection.ts'

const watchMs = 1000
const watchDeadlineMs = 3000
const retryMs = 250
const waitMs = 5000
const shuttingDown = 'the registry is shutting down'

export interface PoolOptions extends ConnectionOptions {
  connections: number
  log: Log
  /** Runs on the watch's connection each second; `since` is when the question was sent (performance.now). */
  watch: (connection: PostgresConnection, since: number) => Promise<void>
  /** Runs once on each new connection of the watch. */
  onWatchOpened: (connection: PostgresConnection) => Promise<void>
}

interface Waiter {
  resolve: (connection: PostgresConnection) => void
  reject: (error: unknown) => void
  timer: NodeJS.Timeout
}

export function unavailable(cause: unknown): RegistryError {
  return new RegistryError({ code: 'Unavailable', message: 'The database does not answer. Try again soon.' }, { cause })
}

export class PostgresPool {
  readonly #options: PoolOptions
  readonly #idle: PostgresConnection[] = []
  readonly #open = new Set<PostgresConnection>()
  #opening = 0
  #waiters: Waiter[] = []
  #watched: PostgresConnection | undefined
  /** Why nobody gets a connection now. */
  #awayBecause: unknown
  readonly #end = new AbortController()
  #watching: Promise<void> = Promise.resolve()

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Opens the first connection. @throws the driver's error */
  async start(): Promise<void> {
    await this.#watchOnce()
    this.#watching = this.#watch()
  }

  /** Lends a connection for one task. @throws RegistryError Unavailable */
  async use<T>(task: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    const connection = await this.#take()
    try {
      return await task(connection)
    } finally {
      this.#giveBack(connection)
    }
  }

  /** The watch got no answer, and has got none since. */
  get isAway(): boolean {
    return this.#awayBecause !== undefined
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#watching
    this.#refuseAll(new Error(shuttingDown))
    await Promise.all(
      [...this.#open, ...(this.#watched ? [this.#watched] : [])].map((connection) => connection.close()),
    )
  }

  async #take(): Promise<PostgresConnection> {
    if (this.#end.signal.aborted) throw unavailable(new Error(shuttingDown))
    if (this.#awayBecause !== undefined) throw unavailable(this.#awayBecause)
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.isOpen) return idle
      this.#open.delete(idle)
    }
    if (this.#open.size + this.#opening < this.#options.connections) return this.#openOne()
    const { promise, resolve, reject } = Promise.withResolvers<PostgresConnection>()
    const timer = setTimeout(() => {
      this.#waiters = this.#waiters.filter((waiter) => waiter.timer !== timer)
      reject(unavailable(new Error(`no connection was free for ${waitMs} ms`)))
    }, waitMs)
    this.#waiters.push({ resolve, reject, timer })
    return promise
  }

  async #openOne(): Promise<PostgresConnection> {
    this.#opening += 1
    try {
      const connection = await PostgresConnection.open(this.#options)
      if (this.#end.signal.aborted) throw connection.destroy(new Error(shuttingDown))
      this.#open.add(connection)
      return connection
    } catch (error) {
      // Too many connections is the server's word that it is there.
      if (codeOf(error) !== '53300') this.#markAway(error)
      throw unavailable(error)
    } finally {
      this.#opening -= 1
    }
  }

  #giveBack(connection: PostgresConnection): void {
    const waiter = this.#waiters.shift()
    if (waiter) clearTimeout(waiter.timer)
    if (connection.isOpen) {
      if (waiter) waiter.resolve(connection)
      else this.#idle.push(connection)
      return
    }
    this.#open.delete(connection)
    if (waiter) this.#openOne().then(waiter.resolve, waiter.reject)
  }

  #markAway(cause: unknown): void {
    if (this.#awayBecause !== undefined || this.#end.signal.aborted) return
    this.#awayBecause = cause
    this.#options.log.error({ err: cause }, 'the database does not answer; requests are refused until it does')
    for (const connection of this.#open) connection.destroy(cause)
    this.#open.clear()
    this.#idle.length = 0
    this.#refuseAll(cause)
  }

  #refuseAll(cause: unknown): void {
    for (const { reject, timer } of this.#waiters.splice(0)) {
      clearTimeout(timer)
      reject(unavailable(cause))
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      const pause = this.#awayBecause === undefined ? watchMs : retryMs
      await sleep(pause, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      try {
        await this.#watchOnce()
        if (this.#awayBecause === undefined) continue
        this.#awayBecause = undefined
        this.#options.log.info('the database answers again')
      } catch (error) {
        this.#watched?.destroy(error)
        this.#watched = undefined
        this.#markAway(error)
      }
    }
  }

  async #watchOnce(): Promise<void> {
    const since = performance.now()
    if (!this.#watched?.isOpen) {
      const opened = await PostgresConnection.open(this.#options)
      this.#watched = opened
      await this.#options.onWatchOpened(opened)
    }
    const watched = this.#watched
    const timer = setTimeout(() => watched.destroy(new Error(`no answer in ${watchDeadlineMs} ms`)), watchDeadlineMs)
    try {
      await this.#options.watch(watched, since)
    } finally {
      clearTimeout(timer)
    }
  }
}
