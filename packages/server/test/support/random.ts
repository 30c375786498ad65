// Chance that is the same in each run.

export interface Random {
  /** A whole number from 0 on, below the one given. */
  below(limit: number): number
  pick<T>(values: readonly T[]): T
}

export function seededRandom(seed: number): Random {
  let state = seed
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  return {
    below,
    pick(values) {
      const value = values[below(values.length)]
      if (value === undefined) throw new Error('nothing to pick from')
      return value
    },
  }
}
