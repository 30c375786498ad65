// Policies of repositories (ECR SetRepositoryPolicy, GetRepositoryPolicy, DeleteRepositoryPolicy): set, shown, removed. What they decide
// is in authorize.ts.

import { repositoryArn } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { resourcePoliciesTable, type StoredPolicy } from '../../storage/metadata/tables/resource-policies.ts'
import { lockRepository, requireRepository } from '../repositories/repositories.ts'
import type { Authorizer } from './authorize.ts'
import type { ResourcePolicies } from './resource-policies.ts'
import { bindPolicy, shownText } from './stored-policy.ts'

/** ECR has published no sentence for it. */
const lockOut =
  'The policy would prevent you from setting another policy in the future. Use force to set it all the same'

export interface RepositoryPolicies {
  /**
   * Without `force` not one that would keep the caller from setting it again.
   * @throws RegistryError RepositoryNotFound, InvalidParameter
   */
  set(ctx: RequestContext, name: RepositoryName, text: string, force: boolean): Promise<void>
  /** @throws RegistryError RepositoryNotFound, RepositoryPolicyNotFound */
  get(ctx: RequestContext, name: RepositoryName): Promise<string>
  /** The text as it was. @throws RegistryError RepositoryNotFound, RepositoryPolicyNotFound */
  delete(ctx: RequestContext, name: RepositoryName): Promise<string>
}

export function createRepositoryPolicies(parts: {
  metadata: MetadataStore
  authorizer: Authorizer
  resourcePolicies: ResourcePolicies
}): RepositoryPolicies {
  const { metadata, authorizer, resourcePolicies } = parts

  async function refuseLockOut(ctx: RequestContext, name: RepositoryName, policy: StoredPolicy): Promise<void> {
    const { accountId } = ctx.registry
    const access = { action: 'ecr:SetRepositoryPolicy', resource: repositoryArn(ctx.registry, name), accountId }
    const compiled = resourcePolicies.compileForRepository(ctx.registry, name, policy)
    const { decision } = await authorizer.decideWith(ctx, access, compiled)
    if (decision.decision !== 'allow')
      throw new RegistryError({ code: 'InvalidParameter', member: 'PolicyText', constraint: lockOut })
  }

  async function show(db: Db, ctx: RequestContext, name: RepositoryName, repositoryId: number): Promise<string> {
    const policy = await resourcePoliciesTable.ofRepository(db, repositoryId)
    if (policy) return shownText(db, policy, 'repository')
    const { accountId } = ctx.registry
    throw new RegistryError({ code: 'RepositoryPolicyNotFound', repositoryName: name, registryId: accountId })
  }

  return {
    async set(ctx, name, text, force) {
      // Whoever is made again under a name between the two is not whom the policy means: it is bound to ids.
      const policy = await metadata.read(async (db) => {
        await requireRepository(db, ctx, name)
        return bindPolicy(db, ctx, text, 'repository')
      })
      if (!force) await refuseLockOut(ctx, name, policy)
      await metadata.write(async (tx) => {
        const { id } = await lockRepository(tx, ctx, name)
        await resourcePoliciesTable.putOfRepository(tx, id, policy)
        await generationsTable.move(tx, 'resource-policies')
      })
    },

    get: (ctx, name) => metadata.read(async (db) => show(db, ctx, name, (await requireRepository(db, ctx, name)).id)),

    delete: (ctx, name) =>
      metadata.write(async (tx) => {
        const { id } = await lockRepository(tx, ctx, name)
        const text = await show(tx.db, ctx, name, id)
        await resourcePoliciesTable.deleteOfRepository(tx, id)
        await generationsTable.move(tx, 'resource-policies')
        return text
      }),
  }
}
