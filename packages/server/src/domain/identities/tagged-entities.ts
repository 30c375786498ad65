// Tags of users, roles, managed policies and identity providers in the store (IAM TagRole and its kin).

import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { managedPolicies } from '../policies/managed-policies.ts'
import { entityArn } from './arns.ts'
import { type Entities, refuseMissing } from './entities.ts'
import { withoutTags, withTags } from './entity-tags.ts'
import { noSuchPolicy } from './policy-names.ts'
import { noSuchProvider } from './providers.ts'

/** Users and roles are named by their names, managed policies and providers by their ARNs. */
export type TaggedName = { kind: 'user' | 'role'; name: string } | { kind: 'policy' | 'provider'; arn: string }

/** Every function throws NoSuchEntity when there is none of that name. */
export interface TaggedEntities {
  /** In the order of their keys. */
  list(accountId: AccountId, of: TaggedName): Promise<Tag[]>
  /** @throws IdentityError InvalidInput, LimitExceeded */
  tag(accountId: AccountId, of: TaggedName, tags: readonly Tag[]): Promise<void>
  /** @throws IdentityError InvalidInput */
  untag(accountId: AccountId, of: TaggedName, keys: readonly string[]): Promise<void>
}

export function createTaggedEntities(parts: { metadata: MetadataStore; entities: Entities }): TaggedEntities {
  const { metadata, entities } = parts

  function change(accountId: AccountId, of: TaggedName, tagsOf: (present: Tag[]) => Tag[]): Promise<void> {
    const name = nameOf(of)
    return entities.change(accountId, of.kind, name, async (tx, row) => {
      checkArn(of, row)
      const tags = tagsOf(await entitiesTable.tags(tx.db, row.entity_id))
      await entitiesTable.setTags(tx, row.entity_id, tags)
    })
  }

  return {
    list: (accountId, of) =>
      metadata.read(async (db) => {
        const name = nameOf(of)
        const row = await entitiesTable.find(db, accountId, of.kind, name)
        if (!row) return refuseMissing(of.kind, name, accountId)
        checkArn(of, row)
        return entitiesTable.tags(db, row.entity_id)
      }),
    tag: (accountId, of, tags) => change(accountId, of, (present) => withTags(present, tags)),
    untag: (accountId, of, keys) => change(accountId, of, (present) => withoutTags(present, keys)),
  }
}

const arnForms = {
  policy: /^arn:aws:iam::\d{12}:policy\/(?:.*\/)?([^/]+)$/,
  provider: /^arn:aws:iam::\d{12}:oidc-provider\/(.+)$/,
}

/** @throws IdentityError NoSuchEntity for what is no ARN of the kind, AccessDenied for policies of AWS */
function nameOf(of: TaggedName): string {
  if ('name' in of) return of.name
  if (managedPolicies.has(of.arn))
    throw new IdentityError('AccessDenied', `${of.arn} is a policy of AWS, which nobody may change.`)
  const [, name] = arnForms[of.kind].exec(of.arn) ?? []
  return name ?? missing(of)
}

/** Names are found in any case, and what was authorized is the ARN. */
function checkArn(of: TaggedName, row: EntityRow): void {
  if ('arn' in of && entityArn(row) !== of.arn) missing(of)
}

function missing({ kind, arn }: Extract<TaggedName, { arn: string }>): never {
  throw kind === 'policy' ? noSuchPolicy(arn) : noSuchProvider(arn)
}
