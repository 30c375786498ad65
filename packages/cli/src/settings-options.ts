// The settings of the server as options of a command, made from the one table of settings.

import {
  type Config,
  describeSetting,
  flagOf,
  parseConfig,
  type SettingKey,
  settingKeys,
  variableOf,
} from '@berth/server/config.ts'
import { type Command, Option } from 'commander'

/**
 * Adds every setting. Help shows those of `shown` that are served (all of them when it is not given); the others work as well. Those of `but`
 * have another meaning in this command.
 */
export function addSettings(command: Command, shown?: readonly SettingKey[], but: readonly SettingKey[] = []): Command {
  for (const key of settingKeys) {
    if (but.includes(key)) continue
    const row = describeSetting(key)
    const value = row.placeholder === undefined ? '[true|false]' : `<${row.placeholder}>`
    const byDefault = row.default ?? row.otherwise
    const option = new Option(
      `--${flagOf(key)} ${value}`,
      plain(`${row.help} Default: ${byDefault}. [${variableOf(key)}]`),
    )
    command.addOption(option.hideHelp(row.isServed === false || (shown !== undefined && !shown.includes(key))))
  }
  return command
    .option(
      '--config <file>',
      'A JSON file of settings, by the names of the options in camelCase: {"dataDir": "/srv/berth"}. [BERTH_CONFIG]',
    )
    .option(
      '--dev',
      'Development: loopback only, a temporary data directory unless one is given, account 000000000000, key test/test, relaxed durability. Signatures and policies hold all the same.',
    )
}

/** The configuration of a command's options and the environment. */
export function configOf(options: Record<string, unknown>, env: NodeJS.ProcessEnv = process.env): Config {
  const flags: Record<string, string | boolean> = {}
  for (const key of [...settingKeys, 'config', 'dev']) {
    const value = options[key]
    if (typeof value === 'string' || typeof value === 'boolean') flags[key] = value
  }
  return parseConfig({ flags, env })
}

export const precedence = '\nAn option wins over its variable (in brackets), which wins over the file of settings.'

function plain(text: string): string {
  return text.replaceAll('`', '')
}
