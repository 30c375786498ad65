// Manifests by tag and by digest, and whether a blob is there: what kubelets and pushing clients ask for most.

import { manifestType } from '../load/content.ts'
import type { RequestTemplate } from '../load/jobs.ts'
import { clientsText, defaultAim, group, KB, type Row } from './row.ts'

interface State {
  byTag: string[]
  byDigest: string[]
  blobs: string[]
}

const repository = 'bench/small'
const images = 100

export const smallRequests = group<State>({
  name: 'small requests',
  rows: [
    ...[1, 8, 32, 64].map((clients) =>
      row('manifest GET by tag', 'GET', 'byTag', clients, clients === 32 ? 5 : defaultAim),
    ),
    row('manifest GET by digest', 'GET', 'byDigest', 32, 5),
    ...[1, 32].map((clients) => row('manifest HEAD by tag', 'HEAD', 'byTag', clients, clients === 32 ? 5 : defaultAim)),
    ...[1, 8, 32, 64].map((clients) => row('blob HEAD', 'HEAD', 'blobs', clients, defaultAim)),
  ],
  async setUp({ peer, load }) {
    await peer.createRepository(repository)
    const { images: pushed = [] } = await load.run({
      kind: 'push',
      target: peer.target,
      clients: 8,
      amount: { count: images },
      repository,
      tagPrefix: 'v',
      layerSizes: [64 * KB],
      upload: 'monolithic',
    })
    return {
      byTag: pushed.map(({ tag }) => `/v2/${repository}/manifests/${tag}`),
      byDigest: pushed.map(({ digest }) => `/v2/${repository}/manifests/${digest}`),
      blobs: pushed.flatMap(({ blobs }) => blobs.map(({ digest }) => `/v2/${repository}/blobs/${digest}`)),
    }
  },
})

function row(what: string, method: string, paths: keyof State, clients: number, aim: number): Row<State> {
  return {
    name: `${what}, ${clientsText(clients)}`,
    unit: 'op/s',
    aim,
    quick: clients === 1 || clients === 32,
    job: ({ peer, state, scale }) => ({
      kind: 'requests',
      target: peer.target,
      clients,
      amount: { seconds: scale.seconds },
      requests: state[paths].map(
        (path): RequestTemplate => ({ method, path, headers: { Accept: manifestType }, status: 200 }),
      ),
    }),
  }
}
