// Managed policies as an account has them: its own, with up to five versions, and AWS's, which it may only read and attach (IAM CreatePolicy
// and its neighbours, "Versioning IAM policies").

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Ids } from '../../base/ids.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { type EntityRow, entitiesTable, type PolicyVersionRow } from '../../storage/metadata/tables/entities.ts'
import { type PolicyUsage, policyUsageTable } from '../../storage/metadata/tables/policy-usage.ts'
import { type ManagedPolicy, managedPolicies } from '../policies/managed-policies.ts'
import { entityArn } from './arns.ts'
import type { Entities } from './entities.ts'
import { detailsOf, detailsText } from './entity-details.ts'
import { checkTags } from './entity-tags.ts'
import { findPolicy, noSuchPolicy } from './policy-names.ts'
import { readPolicy } from './written-policy.ts'

/** IAM quota "Versions per policy". */
export const maxVersions = 5

const severalVersions =
  "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy."

export interface NewPolicy {
  name: string
  path: string
  document: string
  description?: string | undefined
  tags: readonly Tag[]
}

export interface CustomerPolicy {
  policyId: string
  arn: string
  name: string
  path: string
  description: string | undefined
  defaultVersion: number
  createdAt: number
  updatedAt: number
  usage: PolicyUsage
}

export interface PolicyVersion {
  version: number
  document: string
  isDefault: boolean
  createdAt: number
}

export interface PolicyFilter {
  scope: 'All' | 'AWS' | 'Local'
  isUsed?: ((usage: PolicyUsage) => boolean) | undefined
  pathPrefix: string
}

/** Every function that takes an ARN throws NoSuchEntity where no policy has it, and InvalidInput where it is none. */
export interface CustomerPolicies {
  /** @throws IdentityError EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, InvalidInput */
  create(accountId: AccountId, policy: NewPolicy): Promise<CustomerPolicy & { tags: readonly Tag[] }>
  get(accountId: AccountId, arn: string): Promise<CustomerPolicy & { tags: readonly Tag[] }>
  /** The account's own come first, each kind in the order of names. */
  list(accountId: AccountId, filter: PolicyFilter): Promise<CustomerPolicy[]>
  /** @throws IdentityError DeleteConflict */
  delete(accountId: AccountId, arn: string): Promise<void>

  /** @throws IdentityError LimitExceeded, MalformedPolicyDocument */
  createVersion(accountId: AccountId, arn: string, document: string, isDefault: boolean): Promise<PolicyVersion>
  /** `v3`. */
  version(accountId: AccountId, arn: string, versionId: string): Promise<PolicyVersion>
  /** The newest first. */
  versions(accountId: AccountId, arn: string): Promise<PolicyVersion[]>
  setDefaultVersion(accountId: AccountId, arn: string, versionId: string): Promise<void>
  /** @throws IdentityError DeleteConflict for the default version */
  deleteVersion(accountId: AccountId, arn: string, versionId: string): Promise<void>

  /** Users, groups and roles that it is attached to, and users and roles that it bounds, each in the order of names. */
  usedBy(accountId: AccountId, arn: string): Promise<{ attached: EntityRow[]; bounded: EntityRow[] }>
}

export function createCustomerPolicies(parts: {
  metadata: MetadataStore
  entities: Entities
  clock: Clock
  ids: Ids
}): CustomerPolicies {
  const { metadata, entities, clock, ids } = parts

  /** One transaction about a policy of the account. */
  async function change<T>(
    accountId: AccountId,
    arn: string,
    fn: (tx: Transaction, row: EntityRow) => Promise<T>,
  ): Promise<T> {
    const { name } = await metadata.read(async (db) => (await findPolicy(db, accountId, arn)) ?? refuse(arn))
    return entities.change(accountId, 'policy', name, (tx, row) => {
      // Another may have taken the name meanwhile, in another path.
      if (entityArn(row) !== arn) throw noSuchPolicy(arn)
      return fn(tx, row)
    })
  }

  async function get(accountId: AccountId, arn: string) {
    return metadata.read(async (db) => {
      const usage = {
        attachments: (await entitiesTable.attachedTo(db, accountId, arn)).length,
        boundaries: (await entitiesTable.boundedBy(db, accountId, arn)).length,
      }
      const ofAws = managedPolicies.get(arn)
      if (ofAws) return { ...presentOfAws(ofAws, usage), tags: [] }
      const row = (await findPolicy(db, accountId, arn)) ?? refuse(arn)
      return { ...present(row, usage), tags: await entitiesTable.tags(db, row.entity_id) }
    })
  }

  async function versions(accountId: AccountId, arn: string): Promise<PolicyVersion[]> {
    const ofAws = managedPolicies.get(arn)
    if (ofAws) {
      const { version, document, updatedAt: createdAt } = ofAws
      return [{ version, document, isDefault: true, createdAt }]
    }
    return metadata.read(async (db) => {
      const row = (await findPolicy(db, accountId, arn)) ?? refuse(arn)
      return (await versionsOf(db, row)).map((version) => presentVersion(version, row))
    })
  }

  return {
    get,
    versions,

    async create(accountId, { name, path, document, description, tags }) {
      checkTags(tags)
      readPolicy(document, 'identity', { requires2012: true })
      const policyId = ids.entity('ANPA')
      const at = clock.now()
      const row = await entities.create(
        {
          ...{ entity_id: policyId, account_id: accountId, kind: 'policy' as const, name, path, created_at: at },
          description: description ?? null,
          details: detailsText('policy', { defaultVersion: 1, lastVersion: 1 }),
        },
        async (tx) => {
          await entitiesTable.insertVersion(tx, { policy_id: policyId, version: 1, document, created_at: at })
          await entitiesTable.setTags(tx, policyId, tags)
        },
      )
      return { ...present(row, { attachments: 0, boundaries: 0 }), tags }
    },

    async list(accountId, { scope, isUsed = () => true, pathPrefix }) {
      const { rows, usage } = await metadata.read(async (db) => ({
        rows: scope === 'AWS' ? [] : await entitiesTable.page(db, accountId, 'policy', { pathPrefix, limit: 10_000 }),
        usage: await policyUsageTable.ofAccount(db, accountId),
      }))
      const usageOf = (arn: string) => usage.get(arn) ?? { attachments: 0, boundaries: 0 }
      const ofAws = scope === 'Local' ? [] : [...managedPolicies.values()]
      return [
        ...rows.map((row) => present(row, usageOf(entityArn(row)))),
        ...ofAws
          .filter(({ path }) => path.startsWith(pathPrefix))
          .map((policy) => presentOfAws(policy, usageOf(policy.arn))),
      ].filter((policy) => isUsed(policy.usage))
    },

    delete: (accountId, arn) =>
      change(accountId, arn, async (tx, { entity_id: policyId }) => {
        const isAttached = (await entitiesTable.attachedTo(tx.db, accountId, arn)).length > 0
        const isBoundary = (await entitiesTable.boundedBy(tx.db, accountId, arn)).length > 0
        if (isAttached || isBoundary) throw conflict('Cannot delete a policy attached to entities.')
        if ((await entitiesTable.versions(tx.db, policyId)).length > 1) throw conflict(severalVersions)
        await entitiesTable.delete(tx, policyId)
      }),

    async createVersion(accountId, arn, document, isDefault) {
      readPolicy(document, 'identity', { requires2012: true })
      return change(accountId, arn, async (tx, row) => {
        if ((await entitiesTable.versions(tx.db, row.entity_id)).length >= maxVersions)
          throw new IdentityError(
            'LimitExceeded',
            `A managed policy can have up to ${maxVersions} versions. Before you create a new version, you must delete an existing version.`,
          )
        const { defaultVersion, lastVersion } = detailsOf(row, 'policy')
        const version = lastVersion + 1
        const at = clock.now()
        await entitiesTable.insertVersion(tx, { policy_id: row.entity_id, version, document, created_at: at })
        const details = detailsText('policy', {
          defaultVersion: isDefault ? version : defaultVersion,
          lastVersion: version,
        })
        await entitiesTable.update(tx, row.entity_id, { details, updated_at: at })
        return { version, document, isDefault, createdAt: at }
      })
    },

    async version(accountId, arn, versionId) {
      const found = (await versions(accountId, arn)).find(({ version }) => `v${version}` === versionId)
      if (!found) throw noSuchVersion(arn, versionId)
      return found
    },

    setDefaultVersion: (accountId, arn, versionId) =>
      change(accountId, arn, async (tx, row) => {
        const { version } = await findVersion(tx.db, row, arn, versionId)
        const details = detailsText('policy', { ...detailsOf(row, 'policy'), defaultVersion: version })
        await entitiesTable.update(tx, row.entity_id, { details })
      }),

    deleteVersion: (accountId, arn, versionId) =>
      change(accountId, arn, async (tx, row) => {
        const { version } = await findVersion(tx.db, row, arn, versionId)
        if (version === detailsOf(row, 'policy').defaultVersion)
          throw conflict('Cannot delete the default version of a policy.')
        await entitiesTable.deleteVersion(tx, row.entity_id, version)
      }),

    usedBy: (accountId, arn) =>
      metadata.read(async (db) => {
        if (!managedPolicies.has(arn) && !(await findPolicy(db, accountId, arn))) throw noSuchPolicy(arn)
        return {
          attached: await entitiesTable.attachedTo(db, accountId, arn),
          bounded: await entitiesTable.boundedBy(db, accountId, arn),
        }
      }),
  }
}

/** AWS's are there, and nobody may change them. */
function refuse(arn: string): never {
  if (managedPolicies.has(arn))
    throw new IdentityError('AccessDenied', `${arn} is a policy of AWS, which nobody may change.`)
  throw noSuchPolicy(arn)
}

const conflict = (message: string) => new IdentityError('DeleteConflict', message)

function noSuchVersion(arn: string, versionId: string): IdentityError {
  return new IdentityError('NoSuchEntity', `Policy ${arn} version ${versionId} does not exist or is not attachable.`)
}

const versionsOf = (db: Db, row: EntityRow) => entitiesTable.versions(db, row.entity_id)

async function findVersion(db: Db, row: EntityRow, arn: string, versionId: string): Promise<PolicyVersionRow> {
  const found = (await versionsOf(db, row)).find(({ version }) => `v${version}` === versionId)
  if (!found) throw noSuchVersion(arn, versionId)
  return found
}

function presentVersion({ version, document, created_at: createdAt }: PolicyVersionRow, row: EntityRow): PolicyVersion {
  return { version, document, createdAt, isDefault: version === detailsOf(row, 'policy').defaultVersion }
}

function present(row: EntityRow, usage: PolicyUsage): CustomerPolicy {
  return {
    policyId: row.entity_id,
    arn: entityArn(row),
    name: row.name,
    path: row.path,
    description: row.description ?? undefined,
    defaultVersion: detailsOf(row, 'policy').defaultVersion,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    usage,
  }
}

function presentOfAws(policy: ManagedPolicy, usage: PolicyUsage): CustomerPolicy {
  const { policyId, arn, name, path, description, version: defaultVersion, createdAt, updatedAt } = policy
  return { policyId, arn, name, path, description, defaultVersion, createdAt, updatedAt, usage }
}
