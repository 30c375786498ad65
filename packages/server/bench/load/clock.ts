// Runs an operation on many connections at once, by the clock or by the count, and times each.

import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../statistics.ts'
import { Connection } from './connection.ts'
import type { Amount, Outcome, Target } from './jobs.ts'

/** One operation on a connection; `n` counts them over all clients. Returns the bytes it moved. */
export type Operation = (connection: Connection, n: number) => Promise<number>

export async function timeOperations(
  target: Target,
  clients: number,
  amount: Amount,
  operation: Operation,
): Promise<Outcome> {
  const ports = [target.port, ...(target.otherPorts ?? [])]
  const connections = await Promise.all(
    Array.from({ length: clients }, (_, i) => Connection.open(target.host, ports[i % ports.length] ?? target.port)),
  )
  const latencies: number[] = []
  let issued = 0
  let bytes = 0
  const cpuBefore = process.cpuUsage()
  const started = performance.now()
  const deadline = amount.seconds === undefined ? Number.POSITIVE_INFINITY : started + amount.seconds * 1000
  const most = amount.count ?? Number.POSITIVE_INFINITY
  try {
    await Promise.all(
      connections.map(async (connection) => {
        let begin = performance.now()
        while (issued < most && begin < deadline) {
          const n = issued++
          if (amount.perSecond !== undefined) {
            await sleep(Math.max(0, started + (n * 1000) / amount.perSecond - begin))
            begin = performance.now()
          }
          const moved = await operation(connection, n)
          bytes += moved
          const end = performance.now()
          latencies.push(end - begin)
          begin = end
        }
      }),
    )
  } finally {
    for (const connection of connections) connection.close()
  }
  const seconds = (performance.now() - started) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  latencies.sort((a, b) => a - b)
  return {
    operations: latencies.length,
    seconds,
    bytes,
    latencyMs: { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), max: percentile(latencies, 1) },
    clientCpuSeconds: (cpu.user + cpu.system) / 1e6,
  }
}
