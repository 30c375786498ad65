// Measures the rows of a group: one server of each peer on an empty folder, the set-up, then rounds in which the peers take turns.

import { spawnSync } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job } from './load/jobs.ts'
import type { Load } from './load/load.ts'
import type { Peer, RunningPeer } from './peers/peer.ts'
import { cpuSeconds, machineCpuSeconds, peakRssBytes, resetPeakRss } from './process-stats.ts'
import type { Result, RowResults } from './results.ts'
import type { Group, Measurement, Row, Scale } from './rows/row.ts'
import type { StoreServers } from './stores/store-servers.ts'

export interface Bench {
  load: Load
  /** A second load process, for background load. */
  backgroundLoad: Load
  scale: Scale
  stores: StoreServers
  /** Where the servers keep their data; removed at the end. */
  directory: string
  /** Where CPU profiles of Berth are written, if they are wanted. */
  profileDirectory: string | undefined
  progress(text: string): void
}

export async function measureGroup(
  bench: Bench,
  group: Group<unknown>,
  peers: readonly Peer[],
  rows: readonly Row<unknown>[],
) {
  const { scale, load, stores, progress } = bench
  const running: { peer: RunningPeer; directory: string; state: unknown }[] = []
  const results: RowResults[] = []
  try {
    for (const peer of peers) {
      const directory = join(bench.directory, `${group.name}-${peer.name}`.replaceAll(' ', '-'))
      await mkdir(directory, { recursive: true })
      progress(`${group.name}: set-up of ${peer.name}`)
      const started = await peer.start({ directory, stores, ...profiling(bench, peer) })
      const one = { peer: started, directory, state: undefined as unknown }
      running.push(one)
      one.state = await group.setUp({ peer: started, load, scale, rows: new Set(rows.map((row) => row.name)) })
    }
    for (const row of rows) {
      const rounds = Math.min(scale.rounds, row.rounds ?? scale.rounds)
      const measured: Result[] = []
      for (let round = 0; round <= rounds; round++) {
        // The one that was first in this round is last in the next.
        const turn = running.map((_, i) => running[(i + round) % running.length] as (typeof running)[number])
        for (const { peer, directory, state } of turn) {
          const result = await measureOnce(bench, row, { peer, state, scale, round }, directory)
          if (round > 0) measured.push(result)
        }
      }
      progress(`${row.name}: ${peers.map(({ name }) => `${name} ${summary(measured, name)}`).join(', ')} ${row.unit}`)
      results.push({
        group: group.name,
        row: row.name,
        unit: row.unit,
        aim: row.aim ?? null,
        series: row.series ?? null,
        peers: peers.map(({ name }) => name),
        results: measured,
      })
    }
  } finally {
    for (const { peer, directory } of running) {
      await peer.stop()
      await stores.clear(directory)
      await rm(directory, { recursive: true, force: true })
    }
  }
  return results
}

async function measureOnce(
  bench: Bench,
  row: Row<unknown>,
  measurement: Measurement<unknown>,
  directory: string,
): Promise<Result> {
  const { peer, round } = measurement
  const job = warmUp(row.job(measurement), round)
  if (row.writes) spawnSync('sync', ['-f', directory])
  const observed = row.observe?.(measurement)
  const background = row.background && bench.backgroundLoad.run(row.background(measurement))
  const pids = peer.pids()
  await peer.longestPauseMs?.()
  resetPeakRss(pids)
  const before = cpuReadings(bench, pids)
  const [outcome] = await Promise.all([bench.load.run(job), background])
  const after = cpuReadings(bench, pids)
  const longestPauseMs = (await peer.longestPauseMs?.()) ?? null
  const { operations, seconds, bytes, latencyMs, clientCpuSeconds } = outcome
  const serverCpuSeconds = after.server - before.server
  const storeCpuSeconds = after.stores - before.stores
  const known = serverCpuSeconds + storeCpuSeconds + (after.bench - before.bench)
  const others = after.machine - before.machine - known
  return {
    row: row.name,
    peer: peer.name,
    round,
    value: row.unit === 'MB/s' ? bytes / 1e6 / seconds : operations / seconds,
    operations,
    seconds,
    bytes,
    latencyMs,
    serverCpuSeconds,
    storeCpuSeconds,
    peakRssBytes: peakRssBytes(pids),
    longestPauseMs,
    clientCpuSeconds,
    backgroundCores: Math.max(0, others / (after.at - before.at)),
    extra: observed?.() ?? {},
  }
}

/** The warm-up of a row by the clock is shorter. */
function warmUp(job: Job, round: number): Job {
  if (round > 0 || job.amount.seconds === undefined) return job
  return { ...job, amount: { ...job.amount, seconds: job.amount.seconds / 2 } }
}

function cpuReadings({ load, backgroundLoad, stores }: Bench, pids: number[]) {
  return {
    at: performance.now() / 1000,
    server: cpuSeconds(pids),
    bench: cpuSeconds([process.pid, load.pid, backgroundLoad.pid]),
    stores: stores.cpuSeconds(),
    machine: machineCpuSeconds(),
  }
}

function profiling({ profileDirectory }: Bench, peer: Peer) {
  if (profileDirectory === undefined || !peer.name.startsWith('berth')) return {}
  return { env: { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDirectory}` } }
}

function summary(results: readonly Result[], peer: string): string {
  const values = results.filter((result) => result.peer === peer).map(({ value }) => value)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return mean.toLocaleString('en', { maximumSignificantDigits: 3 })
}
