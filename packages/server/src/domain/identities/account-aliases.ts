// The alias of an account (IAM CreateAccountAlias): one at most, and no two accounts of the installation have the same.

import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'

export interface AccountAliases {
  find(accountId: AccountId): Promise<string | undefined>
  /** In the place of the one that it had. @throws IdentityError EntityAlreadyExists */
  set(accountId: AccountId, alias: string): Promise<void>
  /** @throws IdentityError NoSuchEntity when it is not the account's */
  remove(accountId: AccountId, alias: string): Promise<void>
}

export function createAccountAliases({ metadata }: { metadata: MetadataStore }): AccountAliases {
  return {
    async find(accountId) {
      const row = await metadata.read((db) => accountsTable.find(db, accountId))
      return row?.alias ?? undefined
    },

    set: (accountId, alias) =>
      metadata.write(async (tx) => {
        await accountsTable.lock(tx, accountId)
        // Before the look: whoever else moves it waits here, so two accounts cannot both find the alias free.
        await generationsTable.move(tx, 'identities')
        const holder = await accountsTable.findByAlias(tx.db, alias)
        if (holder && holder.account_id !== accountId)
          throw new IdentityError('EntityAlreadyExists', `The account alias ${alias} already exists.`)
        await accountsTable.update(tx, accountId, { alias })
      }),

    remove: (accountId, alias) =>
      metadata.write(async (tx) => {
        const row = await accountsTable.lock(tx, accountId)
        if (row?.alias !== alias) throw new IdentityError('NoSuchEntity', `The account alias ${alias} cannot be found.`)
        await accountsTable.update(tx, accountId, { alias: null })
        await generationsTable.move(tx, 'identities')
      }),
  }
}
