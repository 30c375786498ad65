// Group commit: everybody who changed a file waits for one sync, which must have *begun* after their change (docs/design/store.md).
// A sync that failed is never tried again. While one sync runs, the next group gathers.
//
//   change a ── sync 1 begins ── change b, change c ── sync 1 ends: a is safe ── sync 2 begins ── ends: b and c are safe

interface Waiter {
  change: number
  resolve: () => void
  reject: (error: unknown) => void
}

export class SyncGroup {
  readonly #sync: () => Promise<void>
  readonly #onSynced: (change: number) => void
  #noted = 0
  #synced = 0
  #isRunning = false
  #failure: unknown
  #waiters: Waiter[] = []
  /** How many syncs ran, for the metrics. */
  syncs = 0

  /** `sync` makes everything written so far durable. `onSynced` hears the number of the last change that is safe. */
  constructor(sync: () => Promise<void>, onSynced: (change: number) => void = () => {}) {
    this.#sync = sync
    this.#onSynced = onSynced
  }

  /** Says that something was written; gives the number to wait for. */
  note(): number {
    this.#noted += 1
    return this.#noted
  }

  get noted(): number {
    return this.#noted
  }

  /** Resolves when the change is durable; at once if it is. Rejects for ever after a sync has failed: it is never tried again. */
  reached(change: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (change <= this.#synced) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiters.push({ change, resolve, reject })
    if (!this.#isRunning) {
      this.#isRunning = true
      // The other commits of this turn of the loop join the group before it leaves.
      setImmediate(() => void this.#run())
    }
    return promise
  }

  async #run(): Promise<void> {
    while (this.#synced < this.#noted && this.#waiters.length > 0) {
      const target = this.#noted
      try {
        await this.#sync()
      } catch (error) {
        this.#fail(error)
        return
      }
      this.syncs += 1
      this.#synced = target
      this.#onSynced(target)
      const waiters = this.#waiters
      this.#waiters = waiters.filter((waiter) => waiter.change > target)
      for (const waiter of waiters) if (waiter.change <= target) waiter.resolve()
    }
    this.#isRunning = false
  }

  #fail(error: unknown): void {
    this.#failure = error
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }
}
