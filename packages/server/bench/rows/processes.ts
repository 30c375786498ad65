// What one more adds: a second process on the embedded store, a second node on PostgreSQL and S3. The same requests for both counts, which take
// turns. On a machine whose cores are busy with one server and the client, more servers have nothing to run on.

import { manifestType } from '../load/content.ts'
import { berthWith } from '../peers/berth.ts'
import { nodes as nodesOf } from '../peers/nodes.ts'
import type { Peer } from '../peers/peer.ts'
import { type Group, group, KB, type Row } from './row.ts'

interface State {
  manifests: string[]
  blobs: string[]
}

const repository = 'bench/processes'
const clients = 32
const workers = (count: number) =>
  berthWith(count === 1 ? '1 worker' : `${count} workers`, 'files', { BERTH_WORKERS: String(count) })

export const moreWorkers = pair('workers', [workers(2), workers(1)])
export const moreNodes: Group<unknown> = { ...pair('nodes', [nodesOf(2), nodesOf(1)]), store: 'postgres+s3' }

function pair(name: string, peers: readonly [Peer, Peer]): Group<unknown> {
  const read = (what: string, method: string, paths: keyof State): Row<State> => ({
    name: `${name}: ${what}, ${clients} clients`,
    unit: 'op/s',
    quick: method === 'GET',
    job: ({ peer, state, scale }) => ({
      kind: 'requests',
      target: peer.target,
      clients,
      amount: { seconds: scale.seconds },
      requests: state[paths].map((path) => ({ method, path, headers: { Accept: manifestType }, status: 200 })),
    }),
  })
  const push = (size: string, layerSize: number, count: number): Row<State> => ({
    name: `${name}: pushes of ${size}, ${clients} clients`,
    unit: 'op/s',
    quick: count > 200,
    writes: true,
    job: ({ peer, round, scale }) => ({
      kind: 'push',
      target: peer.target,
      clients,
      amount: { count: scale.quick || round === 0 ? count / 2 : count },
      repository,
      tagPrefix: `${layerSize}-${round}-`,
      layerSizes: [layerSize],
      upload: 'monolithic',
    }),
  })
  return group<State>({
    name,
    peers,
    rows: [
      read('manifest GET by tag', 'GET', 'manifests'),
      read('blob HEAD', 'HEAD', 'blobs'),
      push('16 kB', 16 * KB, 256),
      push('1 MB', 1000 * KB, 192),
    ],
    async setUp({ peer, load }) {
      await peer.createRepository(repository)
      const job = { clients: 8, amount: { count: 100 }, repository, tagPrefix: 'v', layerSizes: [64 * KB] }
      const { images = [] } = await load.run({ kind: 'push', target: peer.target, upload: 'monolithic', ...job })
      return {
        manifests: images.map(({ tag }) => `/v2/${repository}/manifests/${tag}`),
        blobs: images.flatMap(({ blobs }) => blobs.map(({ digest }) => `/v2/${repository}/blobs/${digest}`)),
      }
    },
  })
}
