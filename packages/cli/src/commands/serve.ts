// berth serve: the registry, until a signal ends it.

import { type Config, describeSetting } from '@berth/server/config.ts'
import { Command } from 'commander'
import { addSettings, configOf, precedence } from '../settings-options.ts'
import { dialects, quoteForSh, thisCommand } from '../shells.ts'

export function serve(finish: (exitCode: number) => void): Command {
  return addSettings(
    new Command('serve').description('Serve the registry. An empty data directory is initialised first, on loopback.'),
  )
    .addHelpText('after', precedence)
    .action(async (options) => {
      const config = configOf(options)
      // Imported late, as it is most of Berth: the other commands answer at once.
      const server = await import('@berth/server/main.ts')
      finish(
        await server.serve(config, {
          stdout: process.stdout,
          stderr: process.stderr,
          signals: process,
          exit: (code) => process.exit(code),
          environmentCommand: dialects.sh.evaluate(environmentCommand(config)),
        }),
      )
    })
}

/** `berth env` for this server: the shell that runs it has neither our folder nor our settings. */
function environmentCommand(config: Config): string {
  const words = [thisCommand(), 'env', '--data-dir', quoteForSh(config.dataDir)]
  if (config.region !== describeSetting('region').default) words.push('--region', config.region)
  return words.join(' ')
}
