// Pushes of images of 1, 10 and 100 MB and of a 1 GiB layer, as clients do them. Each size has servers and folders of its own, so that
// no more than one size fills the disk at a time.

import { clientsText, defaultAim, GiB, type Group, group, MB, type Row } from './row.ts'

type Upload = 'monolithic' | 'chunked'
interface Load {
  clients: number
  /** Pushes of one measurement. */
  count: number
  aim?: number
  quick?: boolean
}

export const pushes: Group<unknown>[] = [
  size('1 MB', [1 * MB], {
    monolithic: [
      { clients: 1, count: 40, quick: true },
      { clients: 8, count: 120, aim: 3, quick: true },
      { clients: 32, count: 192 },
      { clients: 64, count: 256 },
    ],
    chunked: [
      { clients: 1, count: 40 },
      { clients: 8, count: 120, aim: 3 },
      { clients: 32, count: 192 },
    ],
  }),
  size('10 MB', [1 * MB, 2 * MB, 3 * MB, 4 * MB], {
    monolithic: [
      { clients: 1, count: 8 },
      { clients: 8, count: 32, quick: true },
    ],
    chunked: [
      { clients: 1, count: 8 },
      { clients: 8, count: 32 },
    ],
  }),
  size('100 MB', [10 * MB, 20 * MB, 30 * MB, 40 * MB], {
    monolithic: [
      { clients: 1, count: 3 },
      { clients: 4, count: 8 },
    ],
    chunked: [{ clients: 1, count: 3 }],
  }),
  size('1 GiB', [GiB], {
    monolithic: [{ clients: 1, count: 1, aim: 2, quick: true }],
    chunked: [{ clients: 1, count: 1, aim: 2 }],
  }),
]

function size(name: string, layerSizes: number[], loads: Record<Upload, Load[]>): Group<unknown> {
  const repository = 'bench/push'
  const row = (upload: Upload, { clients, count, aim = defaultAim, quick = false }: Load): Row<undefined> => ({
    name: `push of ${name}, ${upload}, ${clientsText(clients)}`,
    unit: 'MB/s',
    aim,
    quick,
    writes: true,
    ...(count < 8 && { rounds: 3 }),
    job: ({ peer, round, scale }) => ({
      kind: 'push',
      target: peer.target,
      clients,
      amount: { count: count > 8 && (scale.quick || round === 0) ? Math.ceil(count / 3) : count },
      repository,
      tagPrefix: `${upload}-${clients}-${round}-`,
      layerSizes: count === 1 && round === 0 ? [64 * MB] : layerSizes,
      upload,
    }),
  })
  return group<undefined>({
    name: `push of ${name}`,
    rows: [
      ...loads.monolithic.map((load) => row('monolithic', load)),
      ...loads.chunked.map((load) => row('chunked', load)),
    ],
    async setUp({ peer }) {
      await peer.createRepository(repository)
      return undefined
    },
  })
}
