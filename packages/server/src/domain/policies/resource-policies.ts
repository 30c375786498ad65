// The policies that stand on the resource's side: the repository's and its registry's, with the repository's tags, which conditions ask
// for. Kept until the generation moves, so a request is decided without a query (docs/design/access.md).

import { parseRepositoryArn, type RegistryName } from '@berth/api/names/registry.ts'
import type { Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { readOneMoment } from '../../storage/metadata/tables/one-moment.ts'
import { repositoriesTable } from '../../storage/metadata/tables/repositories.ts'
import { resourcePoliciesTable, type StoredPolicy } from '../../storage/metadata/tables/resource-policies.ts'
import { type CompiledPolicy, compileStoredPolicy, type PolicyRef } from './compile-policy.ts'
import { compileBundle, emptyBundle, type PolicyBundle } from './policy-bundle.ts'
import { parseIds } from './principal-names.ts'

/** Names of ECR PutAccountSetting that decide something here, with their defaults for new registries. */
export const accountSettingDefaults = { REGISTRY_POLICY_SCOPE: 'V2', BLOB_MOUNTING: 'ENABLED' } as const
export type AccountSettingName = keyof typeof accountSettingDefaults

/** What a registry policy of scope V1 is asked about (ECR, "Registry permissions"). */
const scopeV1 = ['ecr:replicateimage', 'ecr:batchimportupstreamimage', 'ecr:createrepository']

export interface ResourceSide {
  /** Repository policy and registry policy with one voice. */
  policies: PolicyBundle
  tags: readonly Tag[]
}

export interface ResourcePolicies {
  /** What has a say in an action of ECR on a repository's ARN, or on `*`; as old as `Directory.current`. */
  of(registry: RegistryName, action: string, resource: string, now?: 'now'): Promise<ResourceSide>
  /** Compiles a text as the policy of that repository, to ask it before it is stored. */
  compileForRepository(registry: RegistryName, name: string, policy: StoredPolicy): CompiledPolicy
}

const nothing: ResourceSide = { policies: emptyBundle, tags: [] }
const maxCached = 10_000

interface Cached {
  inScopeV2: ResourceSide
  /** Without the registry policy, for the actions that it is not asked about in scope V1. */
  withoutRegistry: ResourceSide
  scope: string
}

export function createResourcePolicies({ metadata }: { metadata: MetadataStore }): ResourcePolicies {
  let cache = { generation: -1, entries: new Map<string, Cached>() }

  async function load(registry: RegistryName, name: string): Promise<Cached> {
    const found = await readOneMoment(metadata, 'resource-policies', async (db) => {
      const repository = name === '' ? undefined : await repositoriesTable.find(db, registry, name)
      return {
        registryPolicy: await resourcePoliciesTable.ofRegistry(db, registry),
        scope: await resourcePoliciesTable.setting(db, registry, 'REGISTRY_POLICY_SCOPE'),
        policy: repository && (await resourcePoliciesTable.ofRepository(db, repository.id)),
        tags: repository ? await repositoriesTable.tags(db, repository.id) : [],
      }
    })
    const { accountId, region } = registry
    const own = found.policy ? [compileForRepository(registry, name, found.policy)] : []
    const ofRegistry = found.registryPolicy
      ? [compile(found.registryPolicy, { kind: 'registry', id: `${accountId}/${region}`, accountId })]
      : []
    const side = (policies: CompiledPolicy[]): ResourceSide =>
      policies.length === 0 && found.tags.length === 0
        ? nothing
        : { policies: policies.length === 0 ? emptyBundle : compileBundle(policies), tags: found.tags }
    return {
      inScopeV2: side([...own, ...ofRegistry]),
      withoutRegistry: side(own),
      scope: found.scope ?? accountSettingDefaults.REGISTRY_POLICY_SCOPE,
    }
  }

  return {
    async of(registry, action, resource, now) {
      const generation = await metadata.generation('resource-policies', now === 'now')
      if (cache.generation < generation) cache = { generation, entries: new Map() }
      const { entries } = cache
      const name = parseRepositoryArn(resource)?.name ?? ''
      const key = `${registry.accountId}/${registry.region}/${name}`
      let cached = entries.get(key)
      if (!cached) {
        cached = await load(registry, name)
        const oldest = entries.size >= maxCached ? entries.keys().next().value : undefined
        if (oldest !== undefined) entries.delete(oldest)
        entries.set(key, cached)
      }
      const asksRegistry = cached.scope === 'V2' || scopeV1.includes(action.toLowerCase())
      return asksRegistry ? cached.inScopeV2 : cached.withoutRegistry
    },
    compileForRepository,
  }
}

function compileForRepository({ accountId }: RegistryName, name: string, policy: StoredPolicy): CompiledPolicy {
  return compile(policy, { kind: 'repository', id: name, accountId })
}

function compile({ document, principal_ids }: StoredPolicy, ref: PolicyRef & { kind: 'repository' | 'registry' }) {
  return compileStoredPolicy(document, ref.kind, ref, { principalIds: parseIds(principal_ids) })
}
