// Several nodes of one installation on this machine: each a `berth serve` on one PostgreSQL and one S3, with nothing before them. Clients spread
// their connections over all.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { whyNoStore } from '../../test/support/stores.ts'
import { type RunningBerth, startBerth } from './berth.ts'
import type { Peer } from './peer.ts'

export function nodes(count: number): Peer {
  const name = count === 1 ? '1 node' : `${count} nodes`
  return {
    name,
    available: () => whyNoStore('postgres+s3') === undefined,
    async start(options) {
      const store = await options.stores.storeOf(options.directory, 'postgres+s3')
      const started: RunningBerth[] = []
      const stop = async () => {
        for (const node of started) await node.stop()
      }
      try {
        for (let number = 1; number <= count; number++) {
          const directory = join(options.directory, `node-${number}`)
          await mkdir(directory, { recursive: true })
          // What is compared is nodes, not processes.
          started.push(await startBerth({ ...options, directory, env: { ...options.env, BERTH_WORKERS: '1' } }, store))
        }
      } catch (error) {
        await stop()
        throw error
      }
      const [first, ...others] = started
      if (!first) throw new Error('one node at least')
      return {
        ...first,
        name,
        target: { ...first.target, otherPorts: others.map(({ target }) => target.port) },
        pids: () => started.flatMap((node) => node.pids()),
        async longestPauseMs() {
          const pauses = await Promise.all(started.map((node) => node.longestPauseMs?.()))
          return Math.max(...pauses.map((pause) => pause ?? 0))
        },
        stop,
      }
    },
  }
}
