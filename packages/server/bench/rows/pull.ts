// Pulls of whole images, from the page cache. Every image is pulled and hashed once before the clock starts.

import type { PushedImage } from '../load/jobs.ts'
import { clientsText, defaultAim, GiB, group, MB, type Row } from './row.ts'

interface Size {
  name: string
  layerSizes: number[]
  /** Different images that are pulled in turn. */
  images: number
  loads: { clients: number; count?: number; aim?: number; quick?: boolean }[]
}

const repository = 'bench/pull'

const sizes: Size[] = [
  {
    name: '1 MB',
    layerSizes: [1 * MB],
    images: 30,
    loads: [{ clients: 1, quick: true }, { clients: 8, quick: true }, { clients: 32 }, { clients: 64 }],
  },
  { name: '10 MB', layerSizes: [1 * MB, 2 * MB, 3 * MB, 4 * MB], images: 8, loads: [{ clients: 1 }, { clients: 8 }] },
  {
    name: '100 MB',
    layerSizes: [10 * MB, 20 * MB, 30 * MB, 40 * MB],
    images: 2,
    loads: [
      { clients: 1, count: 10 },
      { clients: 4, count: 24, aim: 1 },
    ],
  },
  { name: '1 GiB', layerSizes: [GiB], images: 1, loads: [{ clients: 1, count: 2 }] },
]

type State = Map<string, PushedImage[]>

export const pulls = group<State>({
  name: 'pull',
  rows: sizes.flatMap((size) => size.loads.map((load) => row(size, load))),
  async setUp({ peer, load, rows }) {
    await peer.createRepository(repository)
    const state: State = new Map()
    for (const { name, layerSizes, images: count } of sizes) {
      if (![...rows].some((row) => row.includes(`of ${name},`))) continue
      const push = { clients: 1, amount: { count }, repository, tagPrefix: `${name.replace(' ', '-')}-`, layerSizes }
      const { images = [] } = await load.run({ kind: 'push', target: peer.target, upload: 'monolithic', ...push })
      await load.run({ kind: 'pull', target: peer.target, clients: 1, amount: { count }, images, verify: true })
      state.set(name, images)
    }
    return state
  },
})

function row({ name }: Size, { clients, count, aim = defaultAim, quick = false }: Size['loads'][number]): Row<State> {
  return {
    name: `pull of ${name}, ${clientsText(clients)}`,
    unit: 'MB/s',
    aim,
    quick,
    job: ({ peer, state, scale }) => ({
      kind: 'pull',
      target: peer.target,
      clients,
      amount: count === undefined ? { seconds: scale.seconds } : { count },
      images: state.get(name) ?? [],
    }),
  }
}
