// CNCF distribution: Debian's `docker-registry` (2.8), and `registry` (3) when it is on PATH. Both without authentication, without an
// access log and with the descriptor cache in memory, which is the fastest that they can be set to.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, host, startServer } from './child.ts'
import { type Peer, type StartOptions, versionOf } from './peer.ts'

function distribution(name: string, command: string, isTheRightVersion: (version: string) => boolean): Peer {
  return {
    name,
    available: () => isTheRightVersion(versionOf(command, '--version') ?? ''),
    async start({ directory, under, env }: StartOptions) {
      const port = await freePort()
      const root = join(directory, 'data')
      await mkdir(root, { recursive: true })
      const configuration = join(directory, 'config.json')
      await writeFile(
        configuration,
        JSON.stringify({
          version: '0.1',
          log: { level: 'error', accesslog: { disabled: true } },
          storage: {
            cache: { blobdescriptor: 'inmemory' },
            filesystem: { rootdirectory: root },
            maintenance: { uploadpurging: { enabled: false } },
          },
          http: { addr: `${host}:${port}` },
        }),
      )
      const server = await startServer({
        command: [command, 'serve', configuration],
        port,
        logFile: join(directory, 'log'),
        under,
        env: { OTEL_TRACES_EXPORTER: 'none', ...env },
      })
      return { name, target: { host, port, headers: {} }, ...server, createRepository: async () => {} }
    },
  }
}

export const dockerRegistry = distribution('docker-registry', 'docker-registry', (version) => version !== '')
export const distribution3 = distribution('distribution 3', 'registry', (version) => / v?3\./.test(version))
