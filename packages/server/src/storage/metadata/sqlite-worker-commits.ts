// The order of commits as a worker knows it: by asking the process that owns the database file (sqlite-turns.ts).
//
// A turn is asked for once for all that wait here, and a few transactions share it. Reads that want to know what they may have seen share
// a question in the same way.

import { RegistryError } from '../../base/errors.ts'
import type { RowKey } from './metadata-store.ts'
import type { Commits, Seen } from './sqlite-commits.ts'
import type { ToOwner, ToWorker } from './sqlite-turns.ts'
import type { StoreChannel } from './turn-service.ts'

/** What one turn may take while others wait: so many transactions, and no new one after so long. */
const transactionsPerTurn = 16
const turnMs = 4

interface Waiter<T> {
  resolve: (value: T) => void
  reject: (error: unknown) => void
}

interface Question {
  keys: Set<RowKey>
  isAll: boolean
  answer: Promise<Answer>
  resolve: (answer: Answer) => void
}

interface Answer {
  last: number
  pending: ReadonlyMap<RowKey, number>
}

export class WorkerCommits implements Commits {
  readonly #isRelaxed: boolean
  readonly #owner: StoreChannel
  /** Transactions that wait for the turn, in order. */
  #queue: Waiter<void>[] = []
  #hasAsked = false
  #hasTurn = false
  /** A transaction of ours runs. */
  #isRunning = false
  #left = 0
  #endsAt = 0
  #report: (readonly RowKey[])[] = []
  #noted = 0
  #synced = 0
  /** The largest number that the owner knows we wait for. */
  #waitedFor = 0
  /** The same, of commits that the owner has not heard of yet. */
  #waitsForReported = 0
  #waiters: { commit: number; resolve: () => void }[] = []
  #asking: Question | undefined
  #next: Question | undefined
  #isClosed = false

  constructor(owner: StoreChannel, durability: 'full' | 'relaxed') {
    this.#owner = owner
    this.#isRelaxed = durability === 'relaxed'
    owner.onMessage((message) => this.#receive(message as ToWorker))
  }

  takeTurn(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ resolve, reject })
    this.#grantNext()
    return promise
  }

  note(keys: readonly RowKey[]): number {
    this.#noted += 1
    this.#report.push(keys)
    return this.#noted
  }

  passTurn(): void {
    this.#isRunning = false
    const mayGoOn = !this.#isClosed && this.#queue.length > 0 && this.#left > 0 && performance.now() < this.#endsAt
    if (!mayGoOn) {
      this.#post({ kind: 'passed', commits: this.#report })
      this.#report = []
      this.#hasTurn = false
      if (this.#waitsForReported > 0) this.#waitFor(this.#waitsForReported)
      this.#waitsForReported = 0
    }
    this.#grantNext()
  }

  get noted(): number {
    return this.#noted
  }

  get synced(): number {
    return this.#synced
  }

  reached(commit: number): Promise<void> {
    if (this.#isRelaxed || commit <= this.#synced) return Promise.resolve()
    if (commit > this.#noted - this.#report.length) this.#waitsForReported = commit
    else this.#waitFor(commit)
    return new Promise((resolve) => this.#waiters.push({ commit, resolve }))
  }

  async seen(keys: readonly RowKey[] | undefined): Promise<Seen> {
    // A question that is on its way was asked too early for this read.
    const question = this.#next ?? newQuestion()
    this.#next = question
    if (keys) for (const key of keys) question.keys.add(key)
    else question.isAll = true
    if (!this.#asking) this.#askNext()
    const { last, pending } = await question.answer
    return { last, touching: keys ? Math.max(0, ...keys.map((key) => pending.get(key) ?? 0)) : last }
  }

  statistics() {
    // The log is the owner's.
    return { syncs: 0, walBytes: 0 }
  }

  async close(release: () => Promise<void>): Promise<void> {
    if (!this.#isClosed) await this.takeTurn()
    this.#isClosed = true
    await release()
    this.passTurn()
  }

  #waitFor(commit: number): void {
    if (commit <= this.#waitedFor) return
    this.#waitedFor = commit
    this.#post({ kind: 'wait', commit })
  }

  #grantNext(): void {
    if (this.#isClosed) {
      const refused = new RegistryError({ code: 'Busy', message: 'The registry is shutting down.' })
      for (const { reject } of this.#queue.splice(0)) reject(refused)
      return
    }
    if (this.#isRunning || this.#queue.length === 0) return
    if (this.#hasTurn) {
      this.#isRunning = true
      this.#left -= 1
      this.#queue.shift()?.resolve()
    } else if (!this.#hasAsked) {
      this.#hasAsked = true
      this.#post({ kind: 'turn' })
    }
  }

  #askNext(): void {
    // The other reads of this turn of the loop join the question before it leaves.
    setImmediate(() => {
      if (this.#asking || !this.#next) return
      this.#asking = this.#next
      this.#next = undefined
      const { keys, isAll } = this.#asking
      this.#post({ kind: 'seen', keys: [...keys], isAll })
    })
  }

  #receive(message: ToWorker): void {
    switch (message.kind) {
      case 'granted':
        this.#hasAsked = false
        this.#hasTurn = true
        this.#left = transactionsPerTurn
        this.#endsAt = performance.now() + turnMs
        this.#noted = message.noted
        this.#reach(message.synced)
        this.#grantNext()
        return
      case 'answer': {
        this.#reach(message.synced)
        const question = this.#asking
        this.#asking = undefined
        if (this.#next) this.#askNext()
        question?.resolve({ last: message.last, pending: new Map(message.pending) })
        return
      }
      case 'synced':
        this.#reach(message.synced)
    }
  }

  #reach(synced: number): void {
    if (synced <= this.#synced) return
    this.#synced = synced
    const waiters = this.#waiters
    this.#waiters = waiters.filter((waiter) => waiter.commit > synced)
    for (const { commit, resolve } of waiters) if (commit <= synced) resolve()
  }

  #post(message: ToOwner): void {
    this.#owner.post(message)
  }
}

function newQuestion(): Question {
  const { promise, resolve } = Promise.withResolvers<Answer>()
  return { keys: new Set(), isAll: false, answer: promise, resolve }
}
