// What `/metrics` shows, in the form of Prometheus.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { AggregatorRegistry, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Exchange } from './exchange.ts'

const delayResolutionMs = 5

export interface Statistics {
  commits: number
  walSyncs: number
  walBytes: number
  fileSyncs: number
  folderSyncs: number
  auditDroppedEvents: number
}

export interface JobStatistics {
  ended: readonly { type: string; outcome: string; count: number }[]
  running: number
  oldestDueMs: number
  resting: number
}

export interface Metrics {
  /** Counts a finished request. `wire` is the protocol: `oci`, `ecr`, `download`, `other`. */
  observe(exchange: Exchange, wire: string, seconds: number): void
  /** The numbers of this process, for those who show them together. */
  snapshot(): Promise<object[]>
  /** The numbers of this process, or of all whose snapshots are given. */
  render(snapshots?: object[][]): Promise<{ contentType: string; text: string }>
  close(): void
}

export function createMetrics(numbers: () => Statistics, jobs: { statistics(): Promise<JobStatistics> }): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  delay.enable()
  const requests = new Histogram({
    name: 'berth_request_duration_seconds',
    help: 'Time from a request to the end of its answer',
    labelNames: ['wire', 'action', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  })
  new Gauge({
    name: 'berth_event_loop_pause_max_seconds',
    help: 'The longest pause of the event loop since the last scrape',
    aggregator: 'max',
    registers: [registry],
    collect() {
      this.set(Math.max(0, delay.max / 1e9 - delayResolutionMs / 1000))
      delay.reset()
    },
  })
  const gauges: Record<keyof Statistics, [name: string, help: string]> = {
    commits: ['berth_store_commits_total', 'Transactions committed'],
    walSyncs: ['berth_store_wal_syncs_total', 'Syncs of the write-ahead log, each shared by all commits that waited'],
    walBytes: ['berth_store_wal_bytes', 'Estimated size of the write-ahead log since its last restart'],
    fileSyncs: ['berth_store_file_syncs_total', 'Syncs of blob files'],
    auditDroppedEvents: ['berth_audit_dropped_events', 'Events that the audit log has lost since the start'],
    folderSyncs: ['berth_store_folder_syncs_total', 'Syncs of blob folders, each shared by all promotions that waited'],
  }
  for (const [key, [name, help]] of Object.entries(gauges) as [keyof Statistics, [string, string]][]) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(numbers()[key])
      },
    })
  }
  showJobs(registry, jobs)
  return {
    observe(exchange, wire, seconds) {
      const action = exchange.record.action ?? 'none'
      requests.labels(wire, action, String(exchange.response.statusCode)).observe(seconds)
    },
    snapshot: () => registry.getMetricsAsJSON(),
    async render(snapshots) {
      const shown = snapshots ? AggregatorRegistry.aggregate(snapshots) : registry
      return { contentType: registry.contentType, text: await shown.metrics() }
    },
    close() {
      delay.disable()
      registry.clear()
    },
  }
}

/** What the database knows of jobs is the same in each process, so the sum over processes would be wrong: the largest is shown. */
function showJobs(registry: Registry, jobs: { statistics(): Promise<JobStatistics> }): void {
  let asked: Promise<JobStatistics | undefined> | undefined
  /** One question for all numbers of a scrape, which shows what can be shown while the database is away. */
  const ask = () => {
    asked ??= jobs
      .statistics()
      .catch(() => undefined)
      .finally(() => {
        asked = undefined
      })
    return asked
  }
  const show = (name: string, help: string, aggregator: 'sum' | 'max', number: (now: JobStatistics) => number) =>
    new Gauge({
      name,
      help,
      aggregator,
      registers: [registry],
      async collect() {
        const now = await ask()
        if (now) this.set(number(now))
      },
    })
  show('berth_jobs_running', 'Jobs that are running', 'sum', ({ running }) => running)
  show(
    'berth_jobs_oldest_due_seconds',
    'How long the oldest job that is due has been waiting',
    'max',
    ({ oldestDueMs }) => oldestDueMs / 1000,
  )
  show('berth_jobs_resting', 'Jobs that were given up after their last attempt', 'max', ({ resting }) => resting)
  new Gauge({
    name: 'berth_jobs_ended_total',
    help: 'Runs of jobs that ended, by their outcome',
    labelNames: ['type', 'outcome'],
    registers: [registry],
    async collect() {
      for (const { type, outcome, count } of (await ask())?.ended ?? []) this.labels(type, outcome).set(count)
    },
  })
}
