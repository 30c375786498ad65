// berth init: a store without a server, for machines on which the first start is not on loopback.

import { Command } from 'commander'
import { addSettings, configOf, precedence } from '../settings-options.ts'

export function init(finish: (exitCode: number) => void): Command {
  const command = new Command('init').description(
    "Make the store: account, master key and the first administrator's access key, which is printed once. Refuses if it is made already.",
  )
  return addSettings(command, [
    'dataDir',
    'accountId',
    'region',
    'bootstrapAccessKeyId',
    'bootstrapSecretAccessKey',
    'bootstrapSecretAccessKeyFile',
    'masterKey',
    'masterKeyFile',
  ])
    .addHelpText('after', precedence)
    .action(async (options) => {
      const config = configOf(options)
      const server = await import('@berth/server/main.ts')
      finish(await server.init(config, { stdout: process.stdout, stderr: process.stderr }))
    })
}
