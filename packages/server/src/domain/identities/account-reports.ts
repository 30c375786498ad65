// All that an account has, for those who look after it: counts (IAM GetAccountSummary), everybody with his policies (IAM
// GetAccountAuthorizationDetails), everybody with his credentials (IAM GenerateCredentialReport).

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db, EntityKind } from '../../storage/metadata/schema.ts'
import { accessKeysTable } from '../../storage/metadata/tables/access-keys.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { shownTexts } from '../policies/bound-principals.ts'
import type { AccessKeySummary, AccessKeys } from './access-keys.ts'
import type { EntityRow } from './entities.ts'
import { entityQuotas } from './quotas.ts'

export interface EntityDetail {
  row: EntityRow
  tags: Tag[]
  inline: { name: string; document: string }[]
  attached: string[]
  /** Of a user: names. */
  groups: string[]
  /** Of a role. */
  trustPolicy: string
}

export interface CredentialsOfUser {
  /** Undefined for the root user. */
  row: EntityRow | undefined
  createdAt: number
  keys: AccessKeySummary[]
}

export interface AccountReports {
  accountCreatedAt(accountId: AccountId): Promise<number>
  counts(accountId: AccountId): Promise<{ entities: Map<EntityKind, number>; versions: number; rootKeys: number }>
  /** Those after a name; `next` is the last of the page when there are more. */
  details(
    accountId: AccountId,
    kind: 'user' | 'group' | 'role',
    page: { after: string | undefined; limit: number },
  ): Promise<{ details: EntityDetail[]; next: string | undefined }>
  /** The root user first, then users in the order of their names. */
  credentials(accountId: AccountId): Promise<{ at: number; users: CredentialsOfUser[] }>
}

export function createAccountReports(parts: {
  metadata: MetadataStore
  accessKeys: AccessKeys
  clock: Clock
}): AccountReports {
  const { metadata, accessKeys, clock } = parts

  return {
    async accountCreatedAt(accountId) {
      const account = await metadata.read((db) => accountsTable.find(db, accountId))
      return account?.created_at ?? 0
    },

    counts: (accountId) =>
      metadata.read(async (db) => ({
        entities: await entitiesTable.count(db, accountId),
        versions: await entitiesTable.countVersions(db, accountId),
        rootKeys: (await accessKeysTable.ofOwner(db, accountId)).length,
      })),

    details: (accountId, kind, { after, limit }) =>
      metadata.read(async (db) => {
        const rows = await entitiesTable.page(db, accountId, kind, { after, limit: limit + 1 })
        const details: EntityDetail[] = []
        for (const row of rows.slice(0, limit)) details.push(await detailOf(db, row))
        return { details, next: rows.length > limit ? details.at(-1)?.row.name : undefined }
      }),

    async credentials(accountId) {
      const keys = Map.groupBy(await accessKeys.ofAccount(accountId), ({ ownerId }) => ownerId)
      return metadata.read(async (db) => {
        const account = await accountsTable.find(db, accountId)
        const rows = await entitiesTable.page(db, accountId, 'user', { limit: entityQuotas.user.limit })
        const root = { row: undefined, createdAt: account?.created_at ?? 0, keys: keys.get(accountId) ?? [] }
        const users = rows.map((row) => ({ row, createdAt: row.created_at, keys: keys.get(row.entity_id) ?? [] }))
        return { at: clock.now(), users: [root, ...users] }
      })
    },
  }
}

async function detailOf(db: Db, row: EntityRow): Promise<EntityDetail> {
  const { entity_id: id, document, principal_ids } = row
  const groups = row.kind === 'user' ? await entitiesTable.groupsOf(db, id) : []
  const trust = { document: document ?? '', principal_ids: principal_ids ?? '{}' }
  const [trustPolicy = ''] = row.kind === 'role' ? await shownTexts(db, [trust], 'trust') : []
  return {
    row,
    tags: await entitiesTable.tags(db, id),
    inline: await entitiesTable.inlinePolicies(db, id),
    attached: await entitiesTable.attachedPolicies(db, id),
    groups: groups.map(({ name }) => name),
    trustPolicy,
  }
}
