// berth root: the access key of an account's root user, who can put right what nobody else can.

import type { AccountId } from '@berth/api/names/registry.ts'
import { Command, Option } from 'commander'
import {
  addOfflineSettings,
  type Finish,
  group,
  readAccessKeyId,
  readAccountId,
  runOffline,
} from '../offline-options.ts'

const loadRootKeys = () => import('@berth/server/offline/root-keys.ts')

export function root(finish: Finish): Command {
  return group('root', "Make and delete access keys of an account's root user: the way back in.", [
    createKey(finish),
    deleteKey(finish),
  ])
}

const accountOption = () =>
  new Option('--account <id>', 'The account, by its twelve digits.').argParser(readAccountId).makeOptionMandatory()

function createKey(finish: Finish): Command {
  const command = new Command('create-key')
    .description(
      'Make an access key of the root user, whom no policy of the account can lock out, and show it once. The audit log tells of it. Delete the key when all is well again.',
    )
    .addOption(accountOption())
    .option(
      '--credentials-file <file>',
      "Write the key there, in the form of AWS's shared credentials file and closed to others, instead of showing it.",
    )
  return addOfflineSettings(command, '  berth root create-key --account 123456789012').action(
    (options: Record<string, unknown> & { account: AccountId; credentialsFile?: string }) =>
      runOffline(options, finish, async (store, output) => {
        const { account: accountId, credentialsFile } = options
        await (await loadRootKeys()).createRootKey(store, { accountId, credentialsFile }, output)
      }),
  )
}

function deleteKey(finish: Finish): Command {
  const command = new Command('delete-key')
    .description('Delete an access key of the root user. The audit log tells of it.')
    .addOption(accountOption())
    .addOption(new Option('--access-key-id <id>', 'Which one, where there are two.').argParser(readAccessKeyId))
  return addOfflineSettings(command, '  berth root delete-key --account 123456789012').action(
    (options: Record<string, unknown> & { account: AccountId; accessKeyId?: string }) =>
      runOffline(options, finish, async (store, output) => {
        const { account: accountId, accessKeyId } = options
        await (await loadRootKeys()).deleteRootKey(store, { accountId, accessKeyId }, output)
      }),
  )
}
