// What users, groups and roles are allowed: policies written into them, managed policies attached to them, and the boundary of users and
// roles (IAM PutRolePolicy, AttachRolePolicy, PutRolePermissionsBoundary and their kin).

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { policySize } from '../policies/parse-policy.ts'
import { policySizes } from '../policies/policy-faults.ts'
import { type Entities, refuseMissing } from './entities.ts'
import { checkBoundary } from './permissions-boundaries.ts'
import { isManagedPolicy, noSuchPolicy, notAttachable } from './policy-names.ts'
import { checkQuota, policiesPerEntity } from './quotas.ts'
import { readPolicy } from './written-policy.ts'

export type PolicyHolder = 'user' | 'group' | 'role'

const inlineSizes: Record<PolicyHolder, number> = {
  user: policySizes.userInline,
  group: policySizes.groupInline,
  role: policySizes.roleInline,
}

/** Every function throws NoSuchEntity when the user, group or role is not there. */
export interface EntityPolicies {
  /** Replaces one of the same name. @throws IdentityError MalformedPolicyDocument, LimitExceeded */
  put(accountId: AccountId, kind: PolicyHolder, name: string, policyName: string, document: string): Promise<void>
  /** @throws IdentityError NoSuchEntity */
  get(
    accountId: AccountId,
    kind: PolicyHolder,
    name: string,
    policyName: string,
  ): Promise<{ holder: EntityRow; document: string }>
  /** In the order of their names. */
  list(accountId: AccountId, kind: PolicyHolder, name: string): Promise<string[]>
  /** @throws IdentityError NoSuchEntity */
  delete(accountId: AccountId, kind: PolicyHolder, name: string, policyName: string): Promise<void>

  /** Nothing happens when it is attached already. @throws IdentityError NoSuchEntity, LimitExceeded, InvalidInput */
  attach(accountId: AccountId, kind: PolicyHolder, name: string, arn: string): Promise<void>
  /** @throws IdentityError NoSuchEntity, InvalidInput */
  detach(accountId: AccountId, kind: PolicyHolder, name: string, arn: string): Promise<void>
  /** Their ARNs, in order. */
  attached(accountId: AccountId, kind: PolicyHolder, name: string): Promise<string[]>

  /** @throws IdentityError NoSuchEntity */
  setBoundary(accountId: AccountId, kind: 'user' | 'role', name: string, arn: string | null): Promise<void>
}

export function createEntityPolicies(parts: {
  metadata: MetadataStore
  entities: Entities
  clock: Clock
}): EntityPolicies {
  const { metadata, entities, clock } = parts

  function read<T>(
    accountId: AccountId,
    kind: PolicyHolder,
    name: string,
    of: (db: Db, holder: EntityRow) => Promise<T>,
  ): Promise<T> {
    return metadata.read(async (db) =>
      of(db, (await entitiesTable.find(db, accountId, kind, name)) ?? refuseMissing(kind, name, accountId)),
    )
  }

  return {
    async put(accountId, kind, name, policyName, document) {
      const limit = inlineSizes[kind]
      const size = policySize(document, 'identity')
      const tooLarge = () =>
        new IdentityError('LimitExceeded', `Maximum policy size of ${limit} bytes exceeded for ${kind} ${name}`)
      // One that has no room alone is not read.
      if (size > limit) throw tooLarge()
      readPolicy(document, 'identity', { maxCharacters: limit })
      await entities.change(accountId, kind, name, async (tx, holder) => {
        const others = (await entitiesTable.inlinePolicies(tx.db, holder.entity_id)).filter(
          (policy) => policy.name !== policyName,
        )
        const taken = others.reduce((sum, policy) => sum + policySize(policy.document, 'identity'), 0)
        if (taken + size > limit) throw tooLarge()
        await entitiesTable.putInlinePolicy(tx, holder.entity_id, policyName, document)
      })
    },

    get: (accountId, kind, name, policyName) =>
      read(accountId, kind, name, async (db, holder) => {
        const all = await entitiesTable.inlinePolicies(db, holder.entity_id)
        const found = all.find((policy) => policy.name === policyName)
        if (!found) throw noSuchInlinePolicy(kind, policyName)
        return { holder, document: found.document }
      }),

    list: (accountId, kind, name) =>
      read(accountId, kind, name, async (db, holder) =>
        (await entitiesTable.inlinePolicies(db, holder.entity_id)).map((policy) => policy.name),
      ),

    delete: (accountId, kind, name, policyName) =>
      entities.change(accountId, kind, name, async (tx, holder) => {
        const wasThere = await entitiesTable.deleteInlinePolicy(tx, holder.entity_id, policyName)
        if (!wasThere) throw noSuchInlinePolicy(kind, policyName)
      }),

    attach: (accountId, kind, name, arn) =>
      entities.change(accountId, kind, name, async (tx, holder) => {
        if (!(await isManagedPolicy(tx.db, accountId, arn))) throw notAttachable(arn)
        const attached = await entitiesTable.attachedPolicies(tx.db, holder.entity_id)
        if (attached.includes(arn)) return
        checkQuota(attached.length, policiesPerEntity[kind])
        await entitiesTable.attach(tx, holder.entity_id, arn, clock.now())
      }),

    detach: (accountId, kind, name, arn) =>
      entities.change(accountId, kind, name, async (tx, holder) => {
        if (!(await entitiesTable.detach(tx, holder.entity_id, arn))) throw noSuchPolicy(arn)
      }),

    attached: (accountId, kind, name) =>
      read(accountId, kind, name, (db, holder) => entitiesTable.attachedPolicies(db, holder.entity_id)),

    setBoundary: (accountId, kind, name, arn) =>
      entities.change(accountId, kind, name, async (tx, holder) => {
        if (arn !== null) await checkBoundary(tx.db, accountId, arn)
        await entitiesTable.update(tx, holder.entity_id, { boundary_arn: arn })
      }),
  }
}

function noSuchInlinePolicy(kind: PolicyHolder, policyName: string): IdentityError {
  return new IdentityError('NoSuchEntity', `The ${kind} policy with name ${policyName} cannot be found.`)
}
