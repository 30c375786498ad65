// CNCF distribution: Debian's `docker-registry` (2.8), and `registry` (3) when it is on PATH. Both without authentication, without an
// access log and with the descriptor cache in memory, which is the fastest that they can be set to.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { whyNoStore } from '../../test/support/stores.ts'
import { freePort, host, startServer } from './child.ts'
import { type Peer, type StartOptions, versionOf } from './peer.ts'

interface Kind {
  name: string
  command: string
  isTheRightVersion: (version: string) => boolean
  /** The storage driver by its name in the configuration, with its settings. */
  driver: (options: StartOptions) => Promise<Record<string, unknown>>
}

function distribution({ name, command, isTheRightVersion, driver }: Kind): Peer {
  return {
    name,
    available: () => isTheRightVersion(versionOf(command, '--version') ?? ''),
    async start(options) {
      const { directory, under, env } = options
      const port = await freePort()
      const configuration = join(directory, 'config.json')
      await writeFile(
        configuration,
        JSON.stringify({
          version: '0.1',
          log: { level: 'error', accesslog: { disabled: true } },
          storage: {
            cache: { blobdescriptor: 'inmemory' },
            ...(await driver(options)),
            maintenance: { uploadpurging: { enabled: false } },
            // Clients get the bytes from the registry, as from all others.
            redirect: { disable: true },
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

async function files({ directory }: StartOptions) {
  const rootdirectory = join(directory, 'data')
  await mkdir(rootdirectory, { recursive: true })
  return { filesystem: { rootdirectory } }
}

const debians = { command: 'docker-registry', isTheRightVersion: (version: string) => version !== '' }

export const dockerRegistry = distribution({ name: 'docker-registry', ...debians, driver: files })

export const distribution3 = distribution({
  name: 'distribution 3',
  command: 'registry',
  isTheRightVersion: (version) => / v?3\./.test(version),
  driver: files,
})

/** On the S3 server that Berth has, in a bucket of its own. */
export const dockerRegistryOnS3: Peer = onS3(distribution({ name: 'docker-registry on s3', ...debians, driver: s3 }))

function onS3(peer: Peer): Peer {
  return { ...peer, available: () => whyNoStore('s3') === undefined && peer.available() }
}

async function s3({ directory, stores }: StartOptions) {
  const { server, bucket } = await stores.bucketOf(directory)
  const { accessKeyId: accesskey, secretAccessKey: secretkey } = server.credentials
  const { region, endpoint: regionendpoint } = server
  return { s3: { accesskey, secretkey, region, regionendpoint, bucket, secure: false } }
}
