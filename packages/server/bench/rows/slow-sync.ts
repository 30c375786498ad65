// A disk that takes 20 ms for a sync, by delaying the calls: do reads go on, and do concurrent pushes share their syncs?
//
// strace stops the server only at fsync and fdatasync (`--seccomp-bpf`), so all else runs at full speed. Both sides run under it, and
// differ in the delay only.

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { manifestType } from '../load/content.ts'
import { startBerth } from '../peers/berth.ts'
import { type Peer, type RunningPeer, versionOf } from '../peers/peer.ts'
import { clientsText, group, KB, type Measurement, type Row } from './row.ts'

const delayMs = 20
const repository = 'bench/slow-sync'
const smallLayer = 100 * KB
const pushesPerSecond = 20

interface TracedPeer extends RunningPeer {
  traceFile: string
}

function traced(name: string, delay: string[]): Peer {
  return {
    name,
    available: () => versionOf('strace', '--version') !== undefined,
    async start(options) {
      const traceFile = join(options.directory, 'trace')
      const calls = ['fsync', 'fdatasync'].join(',')
      const under = ['strace', '-f', '--seccomp-bpf', '-y', '-qq', '-o', traceFile, '-e', `trace=${calls}`, ...delay]
      const peer = await startBerth({ ...options, under })
      return { ...peer, name, traceFile } as TracedPeer
    },
  }
}

interface State {
  manifests: string[]
  blobs: string[]
}

export const slowSync = group<State>({
  name: 'slow-sync',
  onlyOnRequest: true,
  peers: [
    traced(`syncs of ${delayMs} ms`, ['-e', `inject=fsync,fdatasync:delay_enter=${delayMs * 1000}`]),
    traced('syncs as they are', []),
  ],
  rows: [
    read('manifest GET', 'manifests', 32),
    read('blob GET of 100 kB', 'blobs', 8),
    {
      name: 'slow-sync: small pushes, 64 clients',
      unit: 'op/s',
      rounds: 3,
      quick: true,
      job: (measurement) => pushJob(measurement, { count: 256 }, 'burst', 64),
      observe: ({ peer }) => countSyncs(peer as TracedPeer, 256),
    },
  ],
  async setUp({ peer, load }) {
    await peer.createRepository(repository)
    const push = { clients: 8, amount: { count: 50 }, repository, tagPrefix: 'v', layerSizes: [smallLayer] }
    const { images = [] } = await load.run({ kind: 'push', target: peer.target, upload: 'monolithic', ...push })
    return {
      manifests: images.map(({ tag }) => `/v2/${repository}/manifests/${tag}`),
      blobs: images.map(({ blobs }) => `/v2/${repository}/blobs/${blobs[0]?.digest}`),
    }
  },
})

function read(what: string, paths: keyof State, clients: number): Row<State> {
  return {
    name: `slow-sync: ${what}, ${clientsText(clients)}, beside ${pushesPerSecond} small pushes a second`,
    unit: 'op/s',
    aim: 0.8,
    quick: true,
    job: ({ peer, state, scale }) => ({
      kind: 'requests',
      target: peer.target,
      clients,
      amount: { seconds: 2 * scale.seconds },
      requests: state[paths].map((path) => ({ method: 'GET', path, headers: { Accept: manifestType }, status: 200 })),
    }),
    background: (measurement) =>
      pushJob(
        measurement,
        { count: Math.ceil((2 * measurement.scale.seconds + 0.5) * pushesPerSecond), perSecond: pushesPerSecond },
        `beside-${paths}`,
        16,
      ),
  }
}

function pushJob(
  { peer, round }: Measurement<State>,
  amount: { count: number; perSecond?: number },
  prefix: string,
  clients: number,
) {
  return {
    kind: 'push' as const,
    target: peer.target,
    clients,
    amount,
    repository,
    tagPrefix: `${prefix}-${round}-`,
    layerSizes: [smallLayer],
    upload: 'monolithic' as const,
  }
}

/** Reads from the trace how many syncs the pushes needed, by what was synced. */
function countSyncs({ traceFile }: TracedPeer, pushes: number): () => Record<string, number> {
  const from = statSync(traceFile).size
  return () => {
    const counts: Record<string, number> = { 'WAL syncs': 0, 'folder syncs': 0, 'database syncs': 0, 'file syncs': 0 }
    for (const [, path = ''] of readFileSync(traceFile)
      .subarray(from)
      .toString()
      .matchAll(/sync\(\d+<([^>]*)>/g)) {
      const kind = path.endsWith('-wal')
        ? 'WAL'
        : /\.(db|sqlite3?)$/.test(path)
          ? 'database'
          : isFolder(path)
            ? 'folder'
            : 'file'
      counts[`${kind} syncs`] = (counts[`${kind} syncs`] ?? 0) + 1
    }
    // Three answers of a push rest on the WAL: its two blobs and its manifest. Blobs that are not in the database have a file each.
    counts['answers per WAL sync'] = (3 * pushes) / Math.max(1, counts['WAL syncs'] ?? 0)
    counts['files per folder sync'] = (counts['file syncs'] ?? 0) / Math.max(1, counts['folder syncs'] ?? 0)
    return counts
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
