// The order of commits to the database file: who may make the next one, which rows the last ones touched, and which of them are durable.
// The process that owns the file knows it (OwnCommits, here); its workers ask that process (sqlite-worker-commits.ts).

import { RegistryError } from '../../base/errors.ts'
import type { RowKey } from './metadata-store.ts'
import type { Checkpoints } from './sqlite-checkpoints.ts'
import { SyncGroup } from './sync-group.ts'

/** What a read that has just ended may have seen, as numbers of commits; one that is at most `synced` needs no wait. */
export interface Seen {
  /** The last commit. */
  last: number
  /** The last one that touched one of the rows asked for; `last` where none were named. */
  touching: number
}

export interface Commits {
  /** Waits for the turn to write. @throws RegistryError Busy when the store is closing */
  takeTurn(): Promise<void>
  /** The holder of the turn has committed, and these are the rows: gives the number of the commit. */
  note(keys: readonly RowKey[]): number
  passTurn(): void
  /** The number of the last commit; exact for the holder of the turn. */
  readonly noted: number
  /** The number of the last commit that is known here to be durable. */
  readonly synced: number
  /** Resolves when the commit is durable. */
  reached(commit: number): Promise<void>
  /** What may have been seen by now: of these rows, or of all. */
  seen(keys: readonly RowKey[] | undefined): Seen | Promise<Seen>
  statistics(): { syncs: number; walBytes: number }
  /** Takes the turn for good: whoever waits for it is refused. What `release` closes is not used by anybody any more. */
  close(release: () => Promise<void>): Promise<void>
}

/** Rows of commits that are not durable yet, with the number of the last such commit. */
class PendingRows {
  readonly #rows = new Map<RowKey, number>()
  #order: { commit: number; keys: readonly RowKey[] }[] = []
  /** A commit of which nobody knows which rows it touched. */
  #unknown = 0

  note(commit: number, keys: readonly RowKey[]): void {
    for (const key of keys) this.#rows.set(key, commit)
    if (keys.length > 0) this.#order.push({ commit, keys })
  }

  noteUnknown(commit: number): void {
    this.#unknown = commit
  }

  last(keys: readonly RowKey[]): number {
    let last = this.#unknown
    if (this.#rows.size > 0) for (const key of keys) last = Math.max(last, this.#rows.get(key) ?? 0)
    return last
  }

  settle(commit: number): void {
    if (this.#unknown <= commit) this.#unknown = 0
    let settled = 0
    for (const batch of this.#order) {
      if (batch.commit > commit) break
      settled += 1
      for (const key of batch.keys) if (this.#rows.get(key) === batch.commit) this.#rows.delete(key)
    }
    this.#order = this.#order.slice(settled)
  }
}

/** Who takes turns. */
export interface Taker {
  /** Another process, whose commits are known only when it passes the turn. */
  isElsewhere: boolean
}

/** One at a time, in the order in which they asked. */
class Turns {
  #holder: Taker | undefined
  readonly #queue: { taker: Taker; grant: () => void }[] = []
  #watchers: (() => void)[] = []

  async take(taker: Taker): Promise<void> {
    if (this.#holder === undefined) {
      this.#holder = taker
      return
    }
    await new Promise<void>((grant) => this.#queue.push({ taker, grant }))
  }

  pass(): void {
    const watchers = this.#watchers
    this.#watchers = []
    const next = this.#queue.shift()
    this.#holder = next?.taker
    for (const resolve of watchers) resolve()
    next?.grant()
  }

  isHeldBy(taker: Taker): boolean {
    return this.#holder === taker
  }

  /** Resolves when the turn of another process that goes on now has ended. */
  settled(): Promise<void> | undefined {
    if (!this.#holder?.isElsewhere) return undefined
    return new Promise((resolve) => this.#watchers.push(resolve))
  }
}

const ourselves: Taker = { isElsewhere: false }

export interface OwnCommitsOptions {
  durability: 'full' | 'relaxed'
  /** Makes all that was committed so far durable. */
  sync: () => Promise<void>
  checkpoints: Checkpoints
}

export class OwnCommits implements Commits {
  readonly #isRelaxed: boolean
  readonly #checkpoints: Checkpoints
  readonly #syncs: SyncGroup
  readonly #pending = new PendingRows()
  readonly #turns = new Turns()
  readonly #listeners = new Set<(synced: number) => void>()
  #synced = 0
  #isClosed = false

  constructor(options: OwnCommitsOptions) {
    this.#isRelaxed = options.durability === 'relaxed'
    this.#checkpoints = options.checkpoints
    this.#syncs = new SyncGroup(options.sync, (commit) => this.#settle(commit))
  }

  async takeTurn(taker = ourselves): Promise<void> {
    const gate = this.#checkpoints.gate
    if (gate) await gate
    await this.#turns.take(taker)
    if (!this.#isClosed) return
    this.#turns.pass()
    throw new RegistryError({ code: 'Busy', message: 'The registry is shutting down.' })
  }

  note(keys: readonly RowKey[]): number {
    const commit = this.#syncs.note()
    this.#checkpoints.note()
    this.#pending.note(commit, keys)
    if (this.#isRelaxed) this.#settle(commit)
    return commit
  }

  /** A process ended in its turn: nobody knows what it has committed. */
  noteUnknown(): void {
    const commit = this.note([])
    if (!this.#isRelaxed) this.#pending.noteUnknown(commit)
  }

  passTurn(): void {
    this.#turns.pass()
    if (this.#isClosed) return
    this.#checkpoints.startIfDue(async (restart) => {
      await this.#turns.take(ourselves)
      try {
        await restart()
      } finally {
        this.#turns.pass()
      }
    })
  }

  hasTurn(taker: Taker): boolean {
    return this.#turns.isHeldBy(taker)
  }

  get noted(): number {
    return this.#syncs.noted
  }

  get synced(): number {
    return this.#synced
  }

  reached(commit: number): Promise<void> {
    return this.#isRelaxed ? Promise.resolve() : this.#syncs.reached(commit)
  }

  seen(keys: readonly RowKey[] | undefined): Seen | Promise<Seen> {
    const settled = this.#turns.settled()
    if (settled) return settled.then(() => this.#seenSoFar(keys))
    return this.#seenSoFar(keys)
  }

  #seenSoFar(keys: readonly RowKey[] | undefined): Seen {
    const last = this.#syncs.noted
    return { last, touching: keys ? this.#pending.last(keys) : last }
  }

  /** The last commit that touched the row and may not be durable yet; 0 when there is none. */
  lastPending(key: RowKey): number {
    return this.#pending.last([key])
  }

  /** Calls back with the number of the last durable commit after each sync; gives the way to end that. */
  onSynced(listener: (synced: number) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  statistics() {
    return { syncs: this.#syncs.syncs, walBytes: this.#checkpoints.walBytes }
  }

  async close(release: () => Promise<void>): Promise<void> {
    this.#isClosed = true
    // A checkpoint under way needs the turn to write, so it goes first.
    await this.#checkpoints.end()
    await this.#turns.take(ourselves)
    await this.#checkpoints.close()
    await release()
    this.#turns.pass()
  }

  #settle(commit: number): void {
    this.#synced = commit
    this.#pending.settle(commit)
    for (const listener of this.#listeners) listener(commit)
  }
}
