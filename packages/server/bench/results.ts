// What is measured, as it is kept in the raw results.

export type Unit = 'op/s' | 'MB/s' | 'ms'

/** One measurement of one peer in one round. */
export interface Result {
  row: string
  peer: string
  round: number
  /** In the row's unit. */
  value: number
  operations: number
  seconds: number
  bytes: number
  latencyMs: { p50: number; p99: number; max: number }
  serverCpuSeconds: number
  /** Of PostgreSQL and S3 together, where any peer of the run keeps data there. */
  storeCpuSeconds: number
  peakRssBytes: number
  longestPauseMs: number | null
  clientCpuSeconds: number
  /** Cores that others than the bench kept busy meanwhile. */
  backgroundCores: number
  extra: Record<string, number>
}

export interface RowResults {
  group: string
  row: string
  unit: Unit
  aim: number | null
  series: string | null
  /** The first is compared with the second. */
  peers: string[]
  results: Result[]
}
