// What users, groups, roles, managed policies and identity providers have in common: they are found by name, changed by one transaction that
// holds their account's lock and moves the directory's generation, and refuse in the same words (IAM, "Common errors").

import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
import type { EntityKind } from '../../storage/metadata/schema.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { type EntityRow, entitiesTable, type NewEntity } from '../../storage/metadata/tables/entities.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { entityArn } from './arns.ts'
import { checkQuota, entityQuotas } from './quotas.ts'

export type { EntityRow }

export interface Entities {
  /** @throws IdentityError NoSuchEntity */
  get(accountId: AccountId, kind: EntityKind, name: string): Promise<EntityRow>
  find(accountId: AccountId, kind: EntityKind, name: string): Promise<EntityRow | undefined>
  /** What policies are asked about: of an entity that is not there, what its ARN would be without a path. */
  arn(accountId: AccountId, kind: EntityKind, name: string): Promise<string>
  /** Those after a name, in the order of lower-case names; `next` is the last of the page when there are more. */
  list(
    accountId: AccountId,
    kind: EntityKind,
    page: { pathPrefix?: string; after?: string | undefined; limit: number },
  ): Promise<{ rows: EntityRow[]; next?: string }>
  /** @throws IdentityError EntityAlreadyExists, LimitExceeded, and what `also` throws */
  create(row: NewEntity, also?: (tx: Transaction) => Promise<void>): Promise<EntityRow>
  /** One transaction about an entity that is there. @throws IdentityError NoSuchEntity, and what `change` throws */
  change<T>(
    accountId: AccountId,
    kind: EntityKind,
    name: string,
    change: (tx: Transaction, row: EntityRow) => Promise<T>,
  ): Promise<T>
}

export function createEntities({ metadata }: { metadata: MetadataStore }): Entities {
  const find: Entities['find'] = (accountId, kind, name) =>
    metadata.read((db) => entitiesTable.find(db, accountId, kind, name))

  return {
    find,
    async get(accountId, kind, name) {
      return (await find(accountId, kind, name)) ?? refuseMissing(kind, name, accountId)
    },

    async arn(accountId, kind, name) {
      return entityArn((await find(accountId, kind, name)) ?? { account_id: accountId, kind, name, path: '/' })
    },

    async list(accountId, kind, page) {
      const rows = await metadata.read((db) =>
        entitiesTable.page(db, accountId, kind, { ...page, limit: page.limit + 1 }),
      )
      const last = rows[page.limit - 1]
      return rows.length > page.limit && last ? { rows: rows.slice(0, page.limit), next: last.name } : { rows }
    },

    create: (row, also = async () => {}) =>
      metadata.write(async (tx) => {
        const { account_id: accountId, kind, name } = row
        await accountsTable.lock(tx, accountId)
        checkQuota((await entitiesTable.count(tx.db, accountId)).get(kind) ?? 0, entityQuotas[kind])
        if (!(await entitiesTable.insert(tx, row))) refuseExisting(kind, name)
        await also(tx)
        await generationsTable.move(tx, 'identities')
        return (await entitiesTable.findById(tx.db, row.entity_id)) ?? refuseMissing(kind, name, accountId)
      }),

    change: (accountId, kind, name, change) =>
      metadata.write(async (tx) => {
        await accountsTable.lock(tx, accountId)
        const row = (await entitiesTable.find(tx.db, accountId, kind, name)) ?? refuseMissing(kind, name, accountId)
        const result = await change(tx, row)
        await generationsTable.move(tx, 'identities')
        return result
      }),
  }
}

/** IAM's sentence for what is not there. @throws IdentityError NoSuchEntity */
export function refuseMissing(kind: EntityKind, name: string, accountId: AccountId): never {
  const message =
    kind === 'policy'
      ? `Policy ${entityArn({ account_id: accountId, kind, name, path: '/' })} does not exist or is not attachable.`
      : kind === 'provider'
        ? `OpenIDConnect Provider not found for arn ${entityArn({ account_id: accountId, kind, name, path: '/' })}`
        : `The ${kind} with name ${name} cannot be found.`
  throw new IdentityError('NoSuchEntity', message)
}

/** @throws IdentityError EntityAlreadyExists */
export function refuseExisting(kind: EntityKind, name: string): never {
  const message =
    kind === 'provider'
      ? `Provider with url https://${name} already exists.`
      : kind === 'policy'
        ? `A policy called ${name} already exists. Duplicate names are not allowed.`
        : `${kind.charAt(0).toUpperCase()}${kind.slice(1)} with name ${name} already exists.`
  throw new IdentityError('EntityAlreadyExists', message)
}
