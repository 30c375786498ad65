// What commands share that work on a store without a server.

import { type AccountId, parseAccountId } from '@berth/api/names/registry.ts'
import type { SettingKey } from '@berth/server/config.ts'
import type { OfflineStore, Output } from '@berth/server/offline/offline-store.ts'
import { Command, InvalidArgumentError } from 'commander'
import { addSettings, configOf, precedence } from './settings-options.ts'

/** The exit code of a command. */
export type Finish = (exitCode: number) => void

const shown: SettingKey[] = ['dataDir', 'databaseUrl', 'masterKey', 'masterKeyFile']
/** In these commands `--account-id` is the account that they are about. */
const own: SettingKey[] = ['accountId']

export function addOfflineSettings(command: Command, examples: string): Command {
  return addSettings(command, shown, own).addHelpText('after', `${precedence}\n\n${examples}`)
}

/** A command of commands. */
export function group(name: string, description: string, commands: readonly Command[]): Command {
  const made = new Command(name).description(description)
  // Not inherited by `addCommand`.
  for (const each of commands) made.addCommand(each.helpOption('-h, --help', 'show this help').exitOverride())
  return made.helpCommand(false)
}

export async function runOffline(
  options: Record<string, unknown>,
  finish: Finish,
  command: (store: OfflineStore, output: Output) => Promise<void>,
): Promise<void> {
  const config = configOf({ ...options, accountId: undefined })
  const server = await import('@berth/server/main.ts')
  const io = { stdout: process.stdout, stderr: process.stderr, exit: (code: number) => process.exit(code) }
  finish(await server.offline(config, command, io))
}

export function readAccountId(text: string): AccountId {
  const accountId = parseAccountId(text)
  if (!accountId) throw new InvalidArgumentError('Give the twelve digits of an account.')
  return accountId
}

export function readAccessKeyId(text: string): string {
  if (!/^AKIA[A-Z2-7]{16}$/.test(text)) throw new InvalidArgumentError('Give an id such as AKIAB7C2D9E4F6G8H1J3.')
  return text
}
