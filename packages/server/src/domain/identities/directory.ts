// Everybody who may sign in, and all that policies say of them, as one value in memory: a request is decided without a query. The set is
// small, and it is read again as a whole when its generation has moved, here or on another node (docs/design/access.md). Policies are compiled
// when they are first asked for, and kept over readings as long as their text is the same.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db, EntityKind } from '../../storage/metadata/schema.ts'
import { type AccessKeyRow, accessKeysTable } from '../../storage/metadata/tables/access-keys.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { readOneMoment } from '../../storage/metadata/tables/one-moment.ts'
import { brokenPolicy, type CompiledPolicy, compileStoredPolicy, type PolicyRef } from '../policies/compile-policy.ts'
import { managedPolicies } from '../policies/managed-policies.ts'
import { compileBundle, emptyBundle, type PolicyBundle } from '../policies/policy-bundle.ts'
import type { PolicyKind } from '../policies/policy-document.ts'
import { parseIds } from '../policies/principal-names.ts'
import { entityArn } from './arns.ts'
import { detailsOf } from './entity-details.ts'

export interface DirectoryEntity {
  id: string
  accountId: AccountId
  kind: EntityKind
  name: string
  path: string
  arn: string
  tags: readonly Tag[]
  boundaryArn: string | undefined
  row: EntityRow
}

export interface Permissions {
  /** Of the user and his groups, or of the role. */
  identity: PolicyBundle
  boundary: PolicyBundle | undefined
}

export interface Snapshot {
  accessKey(accessKeyId: string): AccessKeyRow | undefined
  /** By its unique id. */
  entity(entityId: string): DirectoryEntity | undefined
  entityByArn(arn: string): DirectoryEntity | undefined
  /** There is such an account, and it is not closed. */
  hasAccount(accountId: string): boolean
  permissions(entityId: string): Permissions
  /** The trust policy of a role. */
  trust(roleId: string): PolicyBundle
  /** A managed policy of the account or of AWS, compiled as a policy of that kind; one that is not there denies. */
  managedPolicy(arn: string, kind: 'identity' | 'boundary' | 'session'): CompiledPolicy
}

export interface Directory {
  /** Other nodes may have changed it a moment ago: a refusal is not to rest on that. */
  readonly mayBeOld: boolean
  /**
   * As of two seconds ago at most, and never older than what this process wrote; `now` as it is now, which may cost a query.
   * @throws RegistryError Unavailable
   */
  current(now?: 'now'): Promise<Snapshot>
}

export function createDirectory({ metadata }: { metadata: MetadataStore }): Directory {
  const compiled = new CompiledPolicies()
  let loaded: { generation: number; snapshot: Snapshot } = { generation: -1, snapshot: emptySnapshot }
  let loading: Promise<void> | undefined

  async function load(): Promise<void> {
    const { generation, ...rows } = await readOneMoment(metadata, 'identities', readAll)
    compiled.beginReading()
    loaded = { generation, snapshot: snapshotOf(rows, compiled) }
  }

  return {
    mayBeOld: metadata.isShared,
    async current(now) {
      const generation = await metadata.generation('identities', now === 'now')
      while (loaded.generation < generation) {
        loading ??= load().finally(() => {
          loading = undefined
        })
        await loading
      }
      return loaded.snapshot
    },
  }
}

/** Compiled policies by what they are and what they say. One that nobody asked for since the reading before the last is forgotten. */
class CompiledPolicies {
  #now = new Map<string, CompiledPolicy>()
  #before = new Map<string, CompiledPolicy>()

  beginReading(): void {
    this.#before = this.#now
    this.#now = new Map()
  }

  get(document: string, kind: PolicyKind, ref: PolicyRef, ids: string | null = null): CompiledPolicy {
    const key = `${kind} ${ref.accountId} ${ref.id} ${ref.arn ?? ''} ${ids ?? ''} ${document}`
    let policy = this.#now.get(key) ?? this.#before.get(key)
    policy ??= compileStoredPolicy(document, kind, ref, ids === null ? {} : { principalIds: parseIds(ids) })
    this.#now.set(key, policy)
    return policy
  }
}

type Rows = Awaited<ReturnType<typeof entitiesTable.all>> & {
  accounts: Awaited<ReturnType<typeof accountsTable.all>>
  accessKeys: AccessKeyRow[]
}

async function readAll(db: Db): Promise<Rows> {
  return {
    accounts: await accountsTable.all(db),
    accessKeys: await accessKeysTable.all(db),
    ...(await entitiesTable.all(db)),
  }
}

function snapshotOf(rows: Rows, compiled: CompiledPolicies): Snapshot {
  const open = new Set<string>(rows.accounts.flatMap((row) => (row.closed_at === null ? [row.account_id] : [])))
  const keys = new Map(rows.accessKeys.map((row) => [row.access_key_id, row]))
  const tags = Map.groupBy(rows.tags, (row) => row.entity_id)
  const inline = Map.groupBy(rows.inline, (row) => row.entity_id)
  const attachments = Map.groupBy(rows.attachments, (row) => row.entity_id)
  const memberships = Map.groupBy(rows.members, (row) => row.user_id)
  const versions = Map.groupBy(rows.versions, (row) => row.policy_id)
  const entities = new Map(
    rows.entities.map((row): [string, DirectoryEntity] => [
      row.entity_id,
      {
        id: row.entity_id,
        accountId: row.account_id,
        kind: row.kind,
        name: row.name,
        path: row.path,
        arn: entityArn(row),
        tags: tags.get(row.entity_id) ?? [],
        boundaryArn: row.boundary_arn ?? undefined,
        row,
      },
    ]),
  )
  const byArn = new Map([...entities.values()].map((entity) => [entity.arn, entity]))
  const permissionsOf = new Map<string, Permissions>()
  const trustOf = new Map<string, PolicyBundle>()

  function managedPolicy(arn: string, kind: 'identity' | 'boundary' | 'session'): CompiledPolicy {
    const ofAws = managedPolicies.get(arn)
    if (ofAws) return compiled.get(ofAws.document, kind, { kind, id: ofAws.name, arn, accountId: 'aws' })
    const entity = byArn.get(arn)
    const ref: PolicyRef = { kind, id: entity?.name ?? arn, arn, accountId: entity?.accountId ?? '' }
    const defaultVersion = entity?.kind === 'policy' ? detailsOf(entity.row, 'policy').defaultVersion : undefined
    const row = versions.get(entity?.id ?? '')?.find(({ version }) => version === defaultVersion)
    return row ? compiled.get(row.document, kind, ref) : brokenPolicy(ref, 'there is no such policy')
  }

  function policiesOf(entity: DirectoryEntity): CompiledPolicy[] {
    const { id, accountId, name } = entity
    return [
      ...(inline.get(id) ?? []).map((policy) =>
        compiled.get(policy.document, 'identity', {
          kind: 'identity',
          id: `${entity.kind}_${name}_${policy.name}`,
          accountId,
        }),
      ),
      ...(attachments.get(id) ?? []).map((row) => managedPolicy(row.policy_arn, 'identity')),
    ]
  }

  return {
    accessKey: (accessKeyId) => keys.get(accessKeyId),
    entity: (entityId) => entities.get(entityId),
    entityByArn: (arn) => byArn.get(arn),
    hasAccount: (accountId) => open.has(accountId),
    managedPolicy,

    permissions(entityId) {
      const known = permissionsOf.get(entityId)
      if (known) return known
      const entity = entities.get(entityId)
      if (!entity) return { identity: emptyBundle, boundary: undefined }
      const groups = (memberships.get(entityId) ?? []).flatMap(({ group_id }) => entities.get(group_id) ?? [])
      const made: Permissions = {
        identity: compileBundle([entity, ...groups].flatMap(policiesOf)),
        boundary:
          entity.boundaryArn === undefined ? undefined : compileBundle([managedPolicy(entity.boundaryArn, 'boundary')]),
      }
      permissionsOf.set(entityId, made)
      return made
    },

    trust(roleId) {
      const known = trustOf.get(roleId)
      if (known) return known
      const role = entities.get(roleId)
      if (!role) return emptyBundle
      const ref: PolicyRef = { kind: 'trust', id: role.name, accountId: role.accountId }
      const made = compileBundle([compiled.get(role.row.document ?? '', 'trust', ref, role.row.principal_ids ?? '{}')])
      trustOf.set(roleId, made)
      return made
    },
  }
}

const emptySnapshot = snapshotOf(
  { accounts: [], accessKeys: [], entities: [], tags: [], inline: [], attachments: [], versions: [], members: [] },
  new CompiledPolicies(),
)
