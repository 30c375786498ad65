// berth env: what a shell needs so that `aws`, the SDKs and Terraform talk to the server of this machine.
//
// The key goes into the environment rather than AWS_SHARED_CREDENTIALS_FILE: there it wins over whatever `~/.aws/config` says about the
// default profile (a role, a sign-in), for every SDK. A profile or a session token of before would win over it or spoil it, so both go.

import { StartError } from '@berth/server/base/errors.ts'
import { type Credentials, credentialsFile, readCredentials } from '@berth/server/data-dir-files.ts'
import { Command, Option } from 'commander'
import { serverAddress } from '../server-address.ts'
import { addSettings, configOf, precedence } from '../settings-options.ts'
import { dialects, quoteForSh, type Shell, shells, thisCommand } from '../shells.ts'

export function environment(): Command {
  const command = new Command('env')
    .description('Print the variables that point AWS clients of a shell at the server: eval "$(berth env)"')
    .addOption(new Option('--shell <shell>', 'The shell to print for.').choices(shells).default('sh'))
  return addSettings(command, ['dataDir', 'listen', 'region'])
    .addHelpText('after', precedence)
    .action(async (options: Record<string, unknown> & { shell: Shell }) => {
      const config = configOf(options)
      const url = await serverAddress(config)
      const credentials = (await readCredentials(config)) ?? (config.isDev ? config.bootstrap : undefined)
      if (!credentials) {
        throw new StartError(
          `There is no ${credentialsFile(config)}, where the first start keeps its access key.`,
          'Name the data directory of the server by --data-dir, or make one: berth serve, or berth init.',
        )
      }
      const typed = [thisCommand(), ...process.argv.slice(2).map(quoteForSh)].join(' ')
      process.stdout.write(exportsFor(options.shell, { url, region: config.region, credentials }, typed))
    })
}

export interface ClientSettings {
  url: string
  region: string
  credentials: Credentials
}

/** `command` is what printed them, for the comment that says how to use the output. */
export function exportsFor(shell: Shell, { url, region, credentials }: ClientSettings, command: string): string {
  const { set, unset, evaluate } = dialects[shell]
  return [
    ...['ECR', 'IAM', 'STS'].map((service) => set(`AWS_ENDPOINT_URL_${service}`, url)),
    set('AWS_ACCESS_KEY_ID', credentials.accessKeyId),
    set('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey),
    set('AWS_REGION', region),
    set('AWS_DEFAULT_REGION', region),
    unset('AWS_SESSION_TOKEN'),
    unset('AWS_PROFILE'),
    unset('AWS_DEFAULT_PROFILE'),
    unset('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'),
    `# Run: ${evaluate(command)}`,
    '',
  ].join('\n')
}
