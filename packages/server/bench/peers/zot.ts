import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, host, startServer } from './child.ts'
import { type Peer, versionOf } from './peer.ts'

export const zot: Peer = {
  name: 'zot',
  available: () => versionOf('zot', '--version') !== undefined,
  async start({ directory, under, env }) {
    const port = await freePort()
    const configuration = join(directory, 'config.json')
    await writeFile(
      configuration,
      JSON.stringify({
        distSpecVersion: '1.1.1',
        storage: { rootDirectory: join(directory, 'data') },
        http: { address: host, port: String(port) },
        log: { level: 'error' },
      }),
    )
    const server = await startServer({
      command: ['zot', 'serve', configuration],
      port,
      logFile: join(directory, 'log'),
      under,
      env,
    })
    return { name: 'zot', target: { host, port, headers: {} }, ...server, createRepository: async () => {} }
  },
}
