import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, host, startServer } from './child.ts'
import { type Peer, versionOf } from './peer.ts'

export const olareg: Peer = {
  name: 'olareg',
  available: () => versionOf('olareg', 'version') !== undefined,
  async start({ directory, under, env }) {
    const port = await freePort()
    const root = join(directory, 'data')
    await mkdir(root, { recursive: true })
    const command = ['olareg', 'serve', '--addr', host, '--port', String(port), '--dir', root, '--store-type', 'dir']
    const server = await startServer({ command, port, logFile: join(directory, 'log'), under, env })
    return { name: 'olareg', target: { host, port, headers: {} }, ...server, createRepository: async () => {} }
  },
}
