// Where the server of a data directory is: where it says that it runs, or where it will by its settings.

import { StartError } from '@berth/server/base/errors.ts'
import { addressText, type Config } from '@berth/server/config.ts'
import { runningAddress } from '@berth/server/data-dir-files.ts'

/** @throws StartError when neither says it */
export async function serverAddress(config: Config): Promise<string> {
  return (await runningAddress(config)) ?? configuredAddress(config)
}

function configuredAddress(config: Config): string {
  const { host, port } = config.listen
  if (port === 0) {
    throw new StartError(
      `No server is running on ${config.dataDir}, and port 0 does not say where one will be.`,
      'Start it first, or name its data directory by --data-dir.',
    )
  }
  const scheme = config.tls ? 'https' : 'http'
  const isLocal = config.isLoopback || host === '0.0.0.0' || host === '::'
  return `${scheme}://${addressText({ host: isLocal ? 'localhost' : host, port })}`
}
