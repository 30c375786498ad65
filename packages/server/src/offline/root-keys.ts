// berth root: the access key of an account's root user, for the day on which nobody else can put its policies right. It is made here only,
// by who has the store, and never without a line in the audit log.

import type { AccountId } from '@berth/api/names/registry.ts'
import { StartError } from '../base/errors.ts'
import { IdentityError } from '../base/identity-error.ts'
import { type AccessKeys, createAccessKeys } from '../domain/identities/access-keys.ts'
import { requireAccount } from './accounts.ts'
import { handOver } from './credentials.ts'
import { type OfflineStore, type Output, recordOffline } from './offline-store.ts'

async function withAccessKeys(store: OfflineStore, use: (accessKeys: AccessKeys) => Promise<void>): Promise<void> {
  const accessKeys = createAccessKeys(store)
  try {
    await use(accessKeys)
  } finally {
    await accessKeys.close()
  }
}

/** @throws StartError when the account is not there or closed, or its root user has two keys */
export async function createRootKey(
  store: OfflineStore,
  { accountId, credentialsFile }: { accountId: AccountId; credentialsFile?: string | undefined },
  output: Output,
): Promise<void> {
  const { closed_at: closedAt } = await requireAccount(store, accountId)
  if (closedAt !== null)
    throw new StartError(`account ${accountId} is closed`, `Open it first: \`berth account open ${accountId}\`.`)
  await withAccessKeys(store, (accessKeys) =>
    handOver(credentialsFile, output, async (keep) => {
      const credentials = await create(accessKeys, accountId)
      try {
        await recordOffline(store, {
          name: 'CreateAccessKey',
          command: 'root create-key',
          accountId,
          requestParameters: { userName: '<root_account>' },
          responseElements: {
            accessKey: { accessKeyId: credentials.accessKeyId, status: 'Active', userName: '<root_account>' },
          },
        })
        await keep(credentials)
      } catch (error) {
        await accessKeys.delete(accountId, accountId, credentials.accessKeyId)
        throw error
      }
      return { sentence: `The root user of account ${accountId} has the access key`, credentials }
    }),
  )
}

async function create(accessKeys: AccessKeys, accountId: AccountId) {
  try {
    return await accessKeys.create(accountId, accountId)
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error
    const keys = (await accessKeys.list(accountId)).map(({ accessKeyId }) => accessKeyId)
    throw new StartError(
      `the root user of account ${accountId} has two access keys already: ${keys.join(' and ')}`,
      `Delete one first: \`berth root delete-key --account ${accountId} --access-key-id ${keys[0]}\`.`,
    )
  }
}

/** Of several keys one must be named. @throws StartError when there is none, or not that one */
export async function deleteRootKey(
  store: OfflineStore,
  { accountId, accessKeyId }: { accountId: AccountId; accessKeyId?: string | undefined },
  { out }: Output,
): Promise<void> {
  await requireAccount(store, accountId)
  await withAccessKeys(store, async (accessKeys) => {
    const keys = (await accessKeys.list(accountId)).map((key) => key.accessKeyId)
    const [only, ...others] = keys.filter((key) => accessKeyId === undefined || key === accessKeyId)
    if (only === undefined)
      throw new StartError(
        accessKeyId === undefined
          ? `the root user of account ${accountId} has no access key`
          : `the root user of account ${accountId} has no access key ${accessKeyId}`,
        keys.length === 0 ? 'There is nothing to delete.' : `It has ${keys.join(' and ')}.`,
      )
    if (others.length > 0)
      throw new StartError(
        `the root user of account ${accountId} has two access keys: ${keys.join(' and ')}`,
        'Say which one to delete by --access-key-id.',
      )
    await recordOffline(store, {
      name: 'DeleteAccessKey',
      command: 'root delete-key',
      accountId,
      requestParameters: { userName: '<root_account>', accessKeyId: only },
    })
    await accessKeys.delete(accountId, accountId, only)
    out(`Deleted the access key ${only} of the root user of account ${accountId}.\n`)
  })
}
