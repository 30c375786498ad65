// Figures that the judges print.

export function quantile(of: readonly number[], share: number): number {
  const sorted = of.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (of: readonly number[]) => quantile(of, 0.5)

/** `median 1.2 ms, p99 3.4 ms, worst 5.6 ms` */
export function latencies(of: readonly number[]): string {
  const [middle, high, worst] = [0.5, 0.99, 1].map((share) => quantile(of, share).toFixed(1))
  return `median ${middle} ms, p99 ${high} ms, worst ${worst} ms`
}
