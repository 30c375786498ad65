// How long a registry takes from the start of its process to its first answer: on an empty folder, and on the folder of that start.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bench } from './measure.ts'
import type { Peer } from './peers/peer.ts'
import { cpuSeconds, peakRssBytes } from './process-stats.ts'
import type { Result, RowResults } from './results.ts'

export const startRows = ['start on an empty folder', 'start on the folder of before'] as const

export async function measureStarts(
  bench: Bench,
  peers: readonly Peer[],
  rows: readonly string[],
): Promise<RowResults[]> {
  bench.progress('start')
  const results: Result[] = []
  for (let round = 0; round <= bench.scale.rounds; round++) {
    for (const peer of peers) {
      const directory = join(bench.directory, `start-${peer.name}`.replaceAll(' ', '-'))
      await mkdir(directory, { recursive: true })
      for (const row of startRows) {
        const running = await peer.start({ directory, stores: bench.stores })
        const result = toResult(row, peer.name, round, running.startedInMs, running.pids())
        await running.stop()
        if (round > 0) results.push(result)
      }
      await bench.stores.clear(directory)
      await rm(directory, { recursive: true, force: true })
    }
  }
  return rows.map((row) => ({
    group: 'start',
    row,
    unit: 'ms',
    aim: null,
    series: null,
    peers: peers.map(({ name }) => name),
    results: results.filter((result) => result.row === row),
  }))
}

function toResult(row: string, peer: string, round: number, startedInMs: number, pids: number[]): Result {
  return {
    row,
    peer,
    round,
    value: startedInMs,
    operations: 1,
    seconds: startedInMs / 1000,
    bytes: 0,
    latencyMs: { p50: startedInMs, p99: startedInMs, max: startedInMs },
    serverCpuSeconds: cpuSeconds(pids),
    storeCpuSeconds: 0,
    peakRssBytes: peakRssBytes(pids),
    longestPauseMs: null,
    clientCpuSeconds: 0,
    backgroundCores: 0,
    extra: {},
  }
}
