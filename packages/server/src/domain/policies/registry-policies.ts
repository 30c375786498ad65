// The policy of a registry (ECR PutRegistryPolicy, GetRegistryPolicy, DeleteRegistryPolicy) and its settings (GetAccountSetting,
// PutAccountSetting). What they decide is in authorize.ts and where the settings are read.

import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { resourcePoliciesTable } from '../../storage/metadata/tables/resource-policies.ts'
import { type AccountSettingName, accountSettingDefaults } from './resource-policies.ts'
import { bindPolicy, shownText } from './stored-policy.ts'

const settingValues: Record<AccountSettingName, readonly string[]> = {
  BLOB_MOUNTING: ['ENABLED', 'DISABLED'],
  REGISTRY_POLICY_SCOPE: ['V1', 'V2'],
}

export interface RegistryPolicies {
  /** @throws RegistryError InvalidParameter */
  put(ctx: RequestContext, text: string): Promise<void>
  /** @throws RegistryError RegistryPolicyNotFound */
  get(ctx: RequestContext): Promise<string>
  /** The text as it was. @throws RegistryError RegistryPolicyNotFound */
  delete(ctx: RequestContext): Promise<string>
  /** @throws RegistryError InvalidParameter for a name that decides nothing here */
  setting(ctx: RequestContext, name: string): Promise<string>
  /** @throws RegistryError InvalidParameter */
  putSetting(ctx: RequestContext, name: string, value: string): Promise<void>
}

export function createRegistryPolicies({ metadata }: { metadata: MetadataStore }): RegistryPolicies {
  async function show(db: Db, { registry }: RequestContext): Promise<string> {
    const policy = await resourcePoliciesTable.ofRegistry(db, registry)
    if (policy) return shownText(db, policy, 'registry')
    throw new RegistryError({ code: 'RegistryPolicyNotFound', registryId: registry.accountId })
  }

  return {
    async put(ctx, text) {
      const policy = await metadata.read((db) => bindPolicy(db, ctx, text, 'registry'))
      await metadata.write(async (tx) => {
        await resourcePoliciesTable.putOfRegistry(tx, ctx.registry, policy)
        await generationsTable.move(tx, 'resource-policies')
      })
    },

    get: (ctx) => metadata.read((db) => show(db, ctx)),

    delete: (ctx) =>
      metadata.write(async (tx) => {
        const text = await show(tx.db, ctx)
        await resourcePoliciesTable.deleteOfRegistry(tx, ctx.registry)
        await generationsTable.move(tx, 'resource-policies')
        return text
      }),

    async setting(ctx, given) {
      const name = requireSetting(given)
      const value = await metadata.read((db) => resourcePoliciesTable.setting(db, ctx.registry, name))
      return value ?? accountSettingDefaults[name]
    },

    async putSetting(ctx, given, value) {
      const name = requireSetting(given)
      if (!settingValues[name].includes(value)) refuse('value', settingValues[name])
      await metadata.write(async (tx) => {
        await resourcePoliciesTable.putSetting(tx, ctx.registry, name, value)
        await generationsTable.move(tx, 'resource-policies')
      })
    },
  }
}

/** `BASIC_SCAN_TYPE_VERSION` is a setting of ECR's too; nothing is scanned here. */
function requireSetting(given: string): AccountSettingName {
  const name = Object.keys(settingValues).find((known): known is AccountSettingName => known === given)
  return name ?? refuse('name', Object.keys(settingValues))
}

function refuse(member: string, values: readonly string[]): never {
  const constraint = `Member must satisfy enum value set: [${values.join(', ')}]`
  throw new RegistryError({ code: 'InvalidParameter', member, constraint })
}
