// berth account: makes, lists, closes and opens accounts, with the store and not through the API.

import type { AccountId } from '@berth/api/names/registry.ts'
import { Command, Option } from 'commander'
import { addOfflineSettings, type Finish, group, readAccountId, runOffline } from '../offline-options.ts'

const loadAccounts = () => import('@berth/server/offline/accounts.ts')

export function account(finish: Finish): Command {
  return group('account', 'Make, list, close and open accounts.', [
    create(finish),
    list(finish),
    close(finish),
    open(finish),
  ])
}

function create(finish: Finish): Command {
  const command = new Command('create')
    .description(
      'Make an account with its administrator, the user admin, and show the access key of that one once. On PostgreSQL nodes may serve meanwhile; otherwise stop the server first.',
    )
    .addOption(new Option('--account-id <id>', 'Twelve digits. Default: random.').argParser(readAccountId))
    .option('--alias <name>', 'A name for the account: 3 to 63 lower-case letters, digits and hyphens.')
    .option(
      '--credentials-file <file>',
      "Write the key there, in the form of AWS's shared credentials file and closed to others, instead of showing it.",
    )
  return addOfflineSettings(command, createExamples).action(
    (options: Record<string, unknown> & { accountId?: AccountId; alias?: string; credentialsFile?: string }) =>
      runOffline(options, finish, async (store, output) =>
        (await loadAccounts()).createAccount(store, options, output),
      ),
  )
}

function list(finish: Finish): Command {
  const command = new Command('list')
    .description('Show the accounts: id, alias, when it was made, whether it is open, how many users and roles.')
    .option('--json', 'Print one JSON array.')
  return addOfflineSettings(command, listExamples).action((options: Record<string, unknown> & { json?: true }) =>
    runOffline(options, finish, async (store, output) =>
      (await loadAccounts()).listAccounts(store, { isJson: options.json === true }, output),
    ),
  )
}

function close(finish: Finish): Command {
  const command = new Command('close')
    .description(
      'Let nobody of an account in any more, and nobody else to its repositories. Nothing is removed. Keys, sessions and docker tokens end within two seconds, on all nodes.',
    )
    .argument('<id>', 'The account.', readAccountId)
    .option('--yes', 'It is meant. Without it the command says what would end, and ends nothing.')
  return addOfflineSettings(command, closeExamples).action(
    (accountId: AccountId, options: Record<string, unknown> & { yes?: true }) =>
      runOffline(options, finish, async (store, output) =>
        (await loadAccounts()).closeAccount(store, { accountId, isSure: options.yes === true }, output),
      ),
  )
}

function open(finish: Finish): Command {
  const command = new Command('open')
    .description('Open an account again that was closed: all is as it was.')
    .argument('<id>', 'The account.', readAccountId)
  return addOfflineSettings(command, openExamples).action((accountId: AccountId, options: Record<string, unknown>) =>
    runOffline(options, finish, async (store, output) => (await loadAccounts()).openAccount(store, accountId, output)),
  )
}

const createExamples = `  berth account create --data-dir /var/lib/berth
  berth account create --alias team-a --credentials-file ./team-a-admin`
const listExamples = `  berth account list --data-dir /var/lib/berth
  berth account list --json | jq -r '.[] | select(.closedAt == null) | .accountId'`
const closeExamples = '  berth account close 210987654321 --yes'
const openExamples = '  berth account open 210987654321'
