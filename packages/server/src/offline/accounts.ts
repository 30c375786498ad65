// berth account: accounts are made, closed and opened by the operator, with the store and not through the API.

import { CreateAccountAliasRequest } from '@berth/api/iam/account.ts'
import type { AccountId } from '@berth/api/names/registry.ts'
import { firstViolation } from '@berth/api/shapes/violations.ts'
import { StartError } from '../base/errors.ts'
import { type AccountRow, accountsTable } from '../storage/metadata/tables/accounts.ts'
import { entitiesTable } from '../storage/metadata/tables/entities.ts'
import { generationsTable } from '../storage/metadata/tables/generations.ts'
import { handOver } from './credentials.ts'
import { type OfflineStore, type Output, recordOffline } from './offline-store.ts'
import { table } from './table.ts'

export interface NewAccount {
  /** A random one where none is given. */
  accountId?: AccountId | undefined
  alias?: string | undefined
  credentialsFile?: string | undefined
}

/** Makes an account with its administrator `admin`, and hands over that one's key. @throws StartError */
export async function createAccount(store: OfflineStore, options: NewAccount, output: Output): Promise<void> {
  const { metadata, identities, ids } = store
  const { accountId = ids.account(), alias, credentialsFile } = options
  if (alias !== undefined) requireAlias(alias)
  await metadata.read(async (db) => requireFree(await accountsTable.all(db), accountId, alias))
  await handOver(credentialsFile, output, async (keep) => {
    const credentials = { accessKeyId: ids.accessKey(accountId), secretAccessKey: ids.secretKey() }
    await keep(credentials)
    await recordOffline(store, {
      name: 'CreateAccount',
      command: 'account create',
      accountId,
      requestParameters: { accountId, ...(alias === undefined ? {} : { alias }) },
      responseElements: { accountId, userName: 'admin', accessKeyId: credentials.accessKeyId },
    })
    await identities.createAccount(accountId, credentials, async (tx) => {
      if (alias === undefined) return
      requireFree(
        (await accountsTable.all(tx.db)).filter((row) => row.account_id !== accountId),
        accountId,
        alias,
      )
      await accountsTable.update(tx, accountId, { alias })
    })
    const named = alias === undefined ? '' : ` (${alias})`
    return {
      sentence: `Made account ${accountId}${named}. Its administrator, the user admin, has the access key`,
      credentials,
    }
  })
}

function requireAlias(alias: string): void {
  if (!firstViolation(CreateAccountAliasRequest, { AccountAlias: alias })) return
  throw new StartError(
    `"${alias}" can not be the alias of an account`,
    'Give 3 to 63 lower-case letters, digits and single hyphens, with no hyphen at the ends.',
  )
}

function requireFree(accounts: readonly AccountRow[], accountId: AccountId, alias: string | undefined): void {
  if (accounts.some((row) => row.account_id === accountId))
    throw new StartError(`there is an account ${accountId} already`, 'Give another id, or none: then it is random.')
  const owner = alias === undefined ? undefined : accounts.find((row) => row.alias === alias)
  if (owner) throw new StartError(`account ${owner.account_id} has the alias "${alias}"`, 'Give another alias.')
}

export async function listAccounts(
  { metadata, accountId: first }: OfflineStore,
  { isJson }: { isJson: boolean },
  { out }: Output,
): Promise<void> {
  const accounts = await metadata.read(async (db) => {
    const found: { row: AccountRow; users: number; roles: number }[] = []
    for (const row of await accountsTable.all(db)) {
      const counts = await entitiesTable.count(db, row.account_id)
      found.push({ row, users: counts.get('user') ?? 0, roles: counts.get('role') ?? 0 })
    }
    return found
  })
  const time = (at: number) => new Date(at).toISOString()
  if (isJson) {
    const values = accounts.map(({ row, users, roles }) => ({
      accountId: row.account_id,
      alias: row.alias,
      createdAt: time(row.created_at),
      closedAt: row.closed_at === null ? null : time(row.closed_at),
      isFirst: row.account_id === first,
      users,
      roles,
    }))
    out(`${JSON.stringify(values, null, 2)}\n`)
    return
  }
  const rows = accounts.map(({ row, users, roles }) => [
    row.account_id,
    row.alias ?? '-',
    time(row.created_at),
    row.closed_at === null ? 'open' : `closed ${time(row.closed_at)}`,
    String(users),
    String(roles),
  ])
  out(table([['ACCOUNT', 'ALIAS', 'CREATED', 'STATE', 'USERS', 'ROLES'], ...rows]))
}

/** Nobody of the account is let in any more, and nobody reaches what it holds. All of it stays. @throws StartError */
export async function closeAccount(
  store: OfflineStore,
  { accountId, isSure }: { accountId: AccountId; isSure: boolean },
  { out }: Output,
): Promise<void> {
  if (accountId === store.accountId)
    throw new StartError(
      `account ${accountId} is the first of this installation, which can not be closed`,
      'Disable the access keys of its users instead (IAM UpdateAccessKey).',
    )
  const { closed_at: closedAt } = await requireAccount(store, accountId)
  if (closedAt !== null) {
    out(`Account ${accountId} is closed already, since ${new Date(closedAt).toISOString()}.\n`)
    return
  }
  if (!isSure) {
    const counts = await store.metadata.read((db) => entitiesTable.count(db, accountId))
    throw new StartError(
      `closing account ${accountId} ends the access keys, sessions and docker tokens of its users (${counts.get('user') ?? 0}) and roles (${counts.get('role') ?? 0}), and nobody reaches its repositories any more`,
      `If that is meant, run the same with --yes. Nothing is removed: \`berth account open ${accountId}\` undoes it.`,
    )
  }
  await setClosedAt(store, accountId, store.clock.now())
  out(`Closed account ${accountId}. What it holds stays; \`berth account open ${accountId}\` opens it again.\n`)
}

/** Undoes `closeAccount`. @throws StartError */
export async function openAccount(store: OfflineStore, accountId: AccountId, { out }: Output): Promise<void> {
  const { closed_at: closedAt } = await requireAccount(store, accountId)
  if (closedAt === null) {
    out(`Account ${accountId} is open already.\n`)
    return
  }
  await setClosedAt(store, accountId, null)
  out(`Opened account ${accountId}. Its keys, and sessions and tokens that are not over, work again.\n`)
}

/** @throws StartError when there is none */
export async function requireAccount({ metadata }: OfflineStore, accountId: AccountId): Promise<AccountRow> {
  const row = await metadata.read((db) => accountsTable.find(db, accountId))
  if (!row) throw new StartError(`there is no account ${accountId}`, '`berth account list` shows those that there are.')
  return row
}

async function setClosedAt(store: OfflineStore, accountId: AccountId, closedAt: number | null): Promise<void> {
  const isClosing = closedAt !== null
  await recordOffline(store, {
    name: isClosing ? 'CloseAccount' : 'OpenAccount',
    command: isClosing ? 'account close' : 'account open',
    accountId,
    requestParameters: { accountId },
  })
  await store.metadata.write(async (tx) => {
    await accountsTable.lock(tx, accountId)
    await accountsTable.update(tx, accountId, { closed_at: closedAt })
    await generationsTable.move(tx, 'identities')
  })
}
