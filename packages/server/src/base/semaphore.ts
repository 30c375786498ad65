// A bound on how much of something happens at once: syncs, bytes of bodies in memory. Waiters are served in order.

export class Semaphore {
  readonly #limit: number
  #used = 0
  readonly #queue: { amount: number; resolve: () => void }[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** Waits until the amount is free; more than the whole limit counts as the limit. Gives the function that frees it, once. */
  async acquire(wanted = 1): Promise<() => void> {
    const amount = Math.min(wanted, this.#limit)
    if (this.#queue.length > 0 || this.#used + amount > this.#limit) {
      await new Promise<void>((resolve) => this.#queue.push({ amount, resolve }))
    } else {
      this.#used += amount
    }
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#used -= amount
      this.#admit()
    }
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    const release = await this.acquire()
    try {
      return await task()
    } finally {
      release()
    }
  }

  #admit(): void {
    for (let next = this.#queue[0]; next && this.#used + next.amount <= this.#limit; next = this.#queue[0]) {
      this.#queue.shift()
      this.#used += next.amount
      next.resolve()
    }
  }
}
