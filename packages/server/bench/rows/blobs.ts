// Downloads of one blob, from the page cache.

import { clientsText, defaultAim, group, KB, type Row } from './row.ts'

interface State {
  large: string
  small: string[]
}

const repository = 'bench/blobs'

export const blobs = group<State>({
  name: 'blobs',
  rows: [
    large(1, 1.5, 8),
    large(4, 1, 16),
    {
      name: 'blob GET of 16 kB, 32 clients',
      unit: 'op/s',
      aim: defaultAim,
      job: ({ peer, state, scale }) => ({
        kind: 'requests',
        target: peer.target,
        clients: 32,
        amount: { seconds: scale.seconds },
        requests: state.small.map((path) => ({ method: 'GET', path, status: 200 })),
      }),
    },
  ],
  async setUp({ peer, load }) {
    await peer.createRepository(repository)
    const push = async (count: number, size: number) => {
      const job = {
        target: peer.target,
        clients: 1,
        amount: { count },
        repository,
        tagPrefix: `of-${size}-`,
        layerSizes: [size],
      }
      const { images = [] } = await load.run({ kind: 'push', upload: 'monolithic', ...job })
      await load.run({ kind: 'pull', target: peer.target, clients: 1, amount: { count }, images, verify: true })
      return images.map((image) => `/v2/${repository}/blobs/${image.blobs[0]?.digest}`)
    }
    return { large: (await push(1, 256 * 1024 * KB))[0] ?? '', small: await push(50, 16 * KB) }
  },
})

function large(clients: number, aim: number, count: number): Row<State> {
  return {
    name: `blob GET of 256 MB, ${clientsText(clients)}`,
    unit: 'MB/s',
    aim,
    quick: true,
    job: ({ peer, state, scale, round }) => ({
      kind: 'requests',
      target: peer.target,
      clients,
      amount: { count: scale.quick || round === 0 ? count / 2 : count },
      requests: [{ method: 'GET', path: state.large, status: 200 }],
    }),
  }
}
