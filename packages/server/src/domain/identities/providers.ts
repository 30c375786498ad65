// OpenID Connect providers that an account trusts (IAM CreateOpenIDConnectProvider and its neighbours). A provider is named by its URL, which
// is what the tokens call their issuer.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Ids } from '../../base/ids.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { entityArn } from './arns.ts'
import type { Entities } from './entities.ts'
import { detailsOf, detailsText, type ProviderDetails } from './entity-details.ts'
import { checkTags } from './entity-tags.ts'
import { checkQuota, clientIdsPerProvider } from './quotas.ts'

const scheme = 'https://'
const maxThumbprints = 5

export interface NewProvider extends Pick<ProviderDetails, 'url' | 'clientIds' | 'thumbprints' | 'staticJwks'> {
  tags: readonly Tag[]
}

export interface Provider extends ProviderDetails {
  arn: string
  createdAt: number
  tags: readonly Tag[]
}

/** Every function that takes an ARN throws NoSuchEntity where no provider has it. */
export interface Providers {
  /** Its ARN. @throws IdentityError ValidationError, EntityAlreadyExists, LimitExceeded, InvalidInput */
  create(accountId: AccountId, provider: NewProvider): Promise<string>
  get(accountId: AccountId, arn: string): Promise<Provider>
  /** ARNs, in order. */
  list(accountId: AccountId): Promise<string[]>
  delete(accountId: AccountId, arn: string): Promise<void>
  /** @throws IdentityError LimitExceeded */
  addClientId(accountId: AccountId, arn: string, clientId: string): Promise<void>
  removeClientId(accountId: AccountId, arn: string, clientId: string): Promise<void>
  /** @throws IdentityError ValidationError, InvalidInput */
  setThumbprints(accountId: AccountId, arn: string, thumbprints: readonly string[]): Promise<void>
}

export function createProviders(parts: {
  metadata: MetadataStore
  entities: Entities
  clock: Clock
  ids: Ids
  /** Why a provider may not have this URL, to be read after "The URL". */
  refuseIssuerUrl: (url: string) => string | undefined
  /** Why a text can not be the key set of a provider, to be read after "The key set". */
  refuseKeySet: (text: string) => string | undefined
}): Providers {
  const { metadata, entities, clock, ids, refuseIssuerUrl, refuseKeySet } = parts

  function change(accountId: AccountId, arn: string, of: (details: ProviderDetails) => ProviderDetails): Promise<void> {
    return entities.change(accountId, 'provider', nameOf(arn), async (tx, row) => {
      if (entityArn(row) !== arn) throw noSuchProvider(arn)
      const details = detailsText('provider', of(detailsOf(row, 'provider')))
      await entitiesTable.update(tx, row.entity_id, { details, updated_at: clock.now() })
    })
  }

  return {
    async create(accountId, { tags, ...details }) {
      const { url, clientIds, thumbprints, staticJwks } = details
      const refusedUrl = refuseIssuerUrl(url)
      if (refusedUrl !== undefined) throw invalid(`Invalid Open ID Connect Provider URL: it ${refusedUrl}.`)
      const refusedKeys = staticJwks === undefined ? undefined : refuseKeySet(staticJwks)
      if (refusedKeys !== undefined) throw invalid(`Invalid StaticJwks: the key set ${refusedKeys}.`)
      const ownClientIds = [...new Set(clientIds)]
      checkQuota(ownClientIds.length - 1, clientIdsPerProvider)
      checkTags(tags)
      const kept = { ...details, clientIds: ownClientIds, thumbprints: checkedThumbprints(thumbprints) }
      const name = { account_id: accountId, kind: 'provider' as const, name: url.slice(scheme.length), path: '/' }
      const row = { ...name, entity_id: ids.entity('AOPA'), created_at: clock.now() }
      await entities.create({ ...row, details: detailsText('provider', kept) }, (tx) =>
        entitiesTable.setTags(tx, row.entity_id, tags),
      )
      return entityArn(row)
    },

    get: (accountId, arn) =>
      metadata.read(async (db) => {
        const row = await find(db, accountId, arn)
        const tags = await entitiesTable.tags(db, row.entity_id)
        return { ...detailsOf(row, 'provider'), arn, createdAt: row.created_at, tags }
      }),

    async list(accountId) {
      const rows = await metadata.read((db) => entitiesTable.page(db, accountId, 'provider', { limit: 1000 }))
      return rows.map(entityArn)
    },

    delete: (accountId, arn) =>
      entities.change(accountId, 'provider', nameOf(arn), async (tx, row) => {
        if (entityArn(row) !== arn) throw noSuchProvider(arn)
        await entitiesTable.delete(tx, row.entity_id)
      }),

    addClientId: (accountId, arn, clientId) =>
      change(accountId, arn, (details) => {
        if (details.clientIds.includes(clientId)) return details
        checkQuota(details.clientIds.length, clientIdsPerProvider)
        return { ...details, clientIds: [...details.clientIds, clientId] }
      }),

    removeClientId: (accountId, arn, clientId) =>
      change(accountId, arn, (details) => ({
        ...details,
        clientIds: details.clientIds.filter((each) => each !== clientId),
      })),

    async setThumbprints(accountId, arn, thumbprints) {
      const checked = checkedThumbprints(thumbprints)
      await change(accountId, arn, (details) => ({ ...details, thumbprints: checked }))
    },
  }
}

async function find(db: Db, accountId: AccountId, arn: string): Promise<EntityRow> {
  const row = await entitiesTable.find(db, accountId, 'provider', nameOf(arn))
  if (!row || entityArn(row) !== arn) throw noSuchProvider(arn)
  return row
}

function nameOf(arn: string): string {
  const [, name] = /^arn:aws:iam::\d{12}:oidc-provider\/(.+)$/.exec(arn) ?? []
  if (name === undefined) throw noSuchProvider(arn)
  return name
}

export function noSuchProvider(arn: string): IdentityError {
  return new IdentityError('NoSuchEntity', `OpenIDConnect Provider not found for arn ${arn}`)
}

/** Digests by SHA-1 as 40 hexadecimal digits. */
function checkedThumbprints(thumbprints: readonly string[]): readonly string[] {
  if (thumbprints.length > maxThumbprints)
    throw new IdentityError('InvalidInput', `Thumbprint list must contain at most ${maxThumbprints} entries.`)
  if (!thumbprints.every((each) => /^[\da-f]{40}$/i.test(each))) throw invalid('A thumbprint is 40 hexadecimal digits.')
  return thumbprints
}

const invalid = (message: string) => new IdentityError('ValidationError', message)
