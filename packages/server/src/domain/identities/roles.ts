// Roles of an account (IAM CreateRole and its neighbours). Whom a role trusts is bound to unique ids when its trust policy is written.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import type { Ids } from '../../base/ids.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { bindToIds, shownTexts } from '../policies/bound-principals.ts'
import { unknownPrincipalFault } from '../policies/policy-faults.ts'
import { idsText } from '../policies/principal-names.ts'
import { checkNoPolicies } from './delete-conflicts.ts'
import { type Entities, refuseMissing } from './entities.ts'
import { detailsOf, detailsText } from './entity-details.ts'
import { checkTags } from './entity-tags.ts'
import { checkBoundary } from './permissions-boundaries.ts'
import { policyRefusal, readPolicy } from './written-policy.ts'

export interface NewRole {
  name: string
  path: string
  trustPolicy: string
  description?: string | undefined
  maxSessionSeconds?: number | undefined
  boundaryArn?: string | undefined
  tags: readonly Tag[]
}

export interface Role {
  row: EntityRow
  /** As it is shown: with the ARNs that those it names have now. */
  trustPolicy: string
  maxSessionSeconds: number
  tags: readonly Tag[]
}

export interface Roles {
  /** @throws IdentityError EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, InvalidInput, NoSuchEntity for the boundary */
  create(accountId: AccountId, role: NewRole): Promise<Role>
  /** @throws IdentityError NoSuchEntity */
  get(accountId: AccountId, name: string): Promise<Role>
  /** Without their tags, as in IAM ListRoles. */
  list(
    accountId: AccountId,
    page: { pathPrefix?: string; after?: string | undefined; limit: number },
  ): Promise<{ roles: Role[]; next?: string }>
  /** Absent members stay as they are. @throws IdentityError NoSuchEntity */
  update(
    accountId: AccountId,
    name: string,
    change: Pick<NewRole, 'description' | 'maxSessionSeconds'>,
  ): Promise<EntityRow>
  /** @throws IdentityError NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
  setTrustPolicy(accountId: AccountId, name: string, trustPolicy: string): Promise<void>
  /** Only when no policies hang on it. Its sessions end. @throws IdentityError NoSuchEntity, DeleteConflict */
  delete(accountId: AccountId, name: string): Promise<void>
}

const defaultMaxSessionSeconds = 3600

export function createRoles(parts: { metadata: MetadataStore; entities: Entities; clock: Clock; ids: Ids }): Roles {
  const { metadata, entities, clock, ids } = parts

  /** What a row keeps of a trust policy. @throws IdentityError MalformedPolicyDocument, LimitExceeded */
  async function bound(text: string): Promise<{ document: string; principal_ids: string }> {
    const document = readPolicy(text, 'trust')
    const { ids: found, unknown } = await metadata.read((db) => bindToIds(db, document, 'trust'))
    const [stranger] = unknown
    if (stranger !== undefined) throw policyRefusal(unknownPrincipalFault('trust', stranger))
    return { document: text, principal_ids: idsText(found) }
  }

  async function get(accountId: AccountId, name: string): Promise<Role> {
    return metadata.read(async (db) => {
      const row = (await entitiesTable.find(db, accountId, 'role', name)) ?? refuseMissing('role', name, accountId)
      const [role] = await present(db, [row])
      return { ...(role ?? refuseMissing('role', name, accountId)), tags: await entitiesTable.tags(db, row.entity_id) }
    })
  }

  return {
    get,

    async create(accountId, { name, path, trustPolicy, description, maxSessionSeconds, boundaryArn, tags }) {
      checkTags(tags)
      const roleId = ids.entity('AROA')
      const row = {
        ...{ entity_id: roleId, account_id: accountId, kind: 'role' as const, name, path, created_at: clock.now() },
        ...{ description: description || null, boundary_arn: boundaryArn ?? null, ...(await bound(trustPolicy)) },
        details: detailsText('role', { maxSessionSeconds: maxSessionSeconds ?? defaultMaxSessionSeconds }),
      }
      await entities.create(row, async (tx) => {
        if (boundaryArn !== undefined) await checkBoundary(tx.db, accountId, boundaryArn)
        await entitiesTable.setTags(tx, roleId, tags)
      })
      return get(accountId, name)
    },

    async list(accountId, page) {
      const { rows, next } = await entities.list(accountId, 'role', page)
      const roles = await metadata.read((db) => present(db, rows))
      return next === undefined ? { roles } : { roles, next }
    },

    update: (accountId, name, { description, maxSessionSeconds }) =>
      entities.change(accountId, 'role', name, async (tx, row) => {
        const details = detailsOf(row, 'role')
        const change = {
          // An empty one is none.
          description: description === undefined ? row.description : description || null,
          details: detailsText('role', {
            ...details,
            ...(maxSessionSeconds === undefined ? {} : { maxSessionSeconds }),
          }),
          updated_at: clock.now(),
        }
        await entitiesTable.update(tx, row.entity_id, change)
        return { ...row, ...change }
      }),

    async setTrustPolicy(accountId, name, trustPolicy) {
      const change = await bound(trustPolicy)
      await entities.change(accountId, 'role', name, (tx, row) =>
        entitiesTable.update(tx, row.entity_id, { ...change, updated_at: clock.now() }),
      )
    },

    delete: (accountId, name) =>
      entities.change(accountId, 'role', name, async (tx, { entity_id: roleId }) => {
        await checkNoPolicies(tx.db, roleId)
        await entitiesTable.delete(tx, roleId)
      }),
  }
}

async function present(db: Db, rows: readonly EntityRow[]): Promise<Role[]> {
  const policies = rows.map((row) => ({ document: row.document ?? '', principal_ids: row.principal_ids ?? '{}' }))
  const texts = await shownTexts(db, policies, 'trust')
  return rows.map((row, i) => ({
    row,
    trustPolicy: texts[i] ?? '',
    maxSessionSeconds: detailsOf(row, 'role').maxSessionSeconds,
    tags: [],
  }))
}
