// Rows of repository policies, registry policies and account settings.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Transaction } from '../metadata-store.ts'
import type { Db } from '../schema.ts'

/** A policy as it was written, and unique ids by the ARNs that it names (JSON). */
export interface StoredPolicy {
  document: string
  principal_ids: string
}

export const resourcePoliciesTable = {
  ofRepository(db: Db, repositoryId: number): Promise<StoredPolicy | undefined> {
    return db
      .selectFrom('repository_policies')
      .select(['document', 'principal_ids'])
      .where('repository_id', '=', repositoryId)
      .executeTakeFirst()
  },

  async putOfRepository(tx: Transaction, repositoryId: number, policy: StoredPolicy): Promise<void> {
    await tx.db
      .insertInto('repository_policies')
      .values({ repository_id: repositoryId, ...policy })
      .onConflict((conflict) => conflict.column('repository_id').doUpdateSet({ ...policy }))
      .execute()
  },

  async deleteOfRepository(tx: Transaction, repositoryId: number): Promise<void> {
    await tx.db.deleteFrom('repository_policies').where('repository_id', '=', repositoryId).execute()
  },

  ofRegistry(db: Db, { accountId, region }: RegistryName): Promise<StoredPolicy | undefined> {
    return db
      .selectFrom('registry_policies')
      .select(['document', 'principal_ids'])
      .where('account_id', '=', accountId)
      .where('region', '=', region)
      .executeTakeFirst()
  },

  async putOfRegistry(tx: Transaction, { accountId, region }: RegistryName, policy: StoredPolicy): Promise<void> {
    await tx.db
      .insertInto('registry_policies')
      .values({ account_id: accountId, region, ...policy })
      .onConflict((conflict) => conflict.columns(['account_id', 'region']).doUpdateSet({ ...policy }))
      .execute()
  },

  async deleteOfRegistry(tx: Transaction, { accountId, region }: RegistryName): Promise<void> {
    await tx.db
      .deleteFrom('registry_policies')
      .where('account_id', '=', accountId)
      .where('region', '=', region)
      .execute()
  },

  async setting(db: Db, { accountId, region }: RegistryName, name: string): Promise<string | undefined> {
    const row = await db
      .selectFrom('account_settings')
      .select('value')
      .where('account_id', '=', accountId)
      .where('region', '=', region)
      .where('name', '=', name)
      .executeTakeFirst()
    return row?.value
  },

  async putSetting(tx: Transaction, { accountId, region }: RegistryName, name: string, value: string): Promise<void> {
    await tx.db
      .insertInto('account_settings')
      .values({ account_id: accountId, region, name, value })
      .onConflict((conflict) => conflict.columns(['account_id', 'region', 'name']).doUpdateSet({ value }))
      .execute()
  },
}
