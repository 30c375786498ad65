// Repositories of a registry: their settings and resource tags (ECR CreateRepository and its neighbours).

import { repositoryArn } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { type MetadataStore, rowKey, type Transaction } from '../../storage/metadata/metadata-store.ts'
import type { Db, ImageTagMutability } from '../../storage/metadata/schema.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { type RepositoryRow, repositoriesTable } from '../../storage/metadata/tables/repositories.ts'
import { checkExclusionFilters, checkResourceTags, maxResourceTags, type ResourceTag } from './settings.ts'

/** ECR quota "Registered repositories per Region". */
const maxRepositories = 100_000

export interface Repository {
  id: number
  arn: string
  registryId: string
  name: RepositoryName
  createdAt: number
  tagMutability: ImageTagMutability
  exclusionFilters: readonly string[]
  scanOnPush: boolean
  keyScope: string
  imageCount: number
}

export interface NewRepository {
  name: RepositoryName
  tags: readonly ResourceTag[]
  tagMutability: ImageTagMutability
  exclusionFilters: readonly string[] | undefined
  scanOnPush: boolean
  encryptionType: 'AES256' | 'KMS' | 'KMS_DSSE'
}

export interface Repositories {
  /** @throws RegistryError RepositoryAlreadyExists, LimitExceeded, InvalidParameter, InvalidTagParameter, TooManyTags, Kms */
  create(ctx: RequestContext, repository: NewRepository): Promise<Repository>
  /** @throws RegistryError RepositoryNotFound */
  get(ctx: RequestContext, name: RepositoryName): Promise<Repository>
  /** All of them, in the order of the names given. @throws RegistryError RepositoryNotFound for the first that is missing */
  getAll(ctx: RequestContext, names: readonly RepositoryName[]): Promise<Repository[]>
  /** Those after a name, in the order of names; `next` is the last of the page when there are more. */
  list(
    ctx: RequestContext,
    after: string | undefined,
    limit: number,
  ): Promise<{ repositories: Repository[]; next?: string }>
  /** The repository as it was. @throws RegistryError RepositoryNotFound, RepositoryNotEmpty */
  delete(ctx: RequestContext, name: RepositoryName, force: boolean): Promise<Repository>
  /** @throws RegistryError RepositoryNotFound, InvalidParameter */
  setTagMutability(
    ctx: RequestContext,
    name: RepositoryName,
    mutability: ImageTagMutability,
    exclusionFilters: readonly string[] | undefined,
  ): Promise<Repository>
  setScanOnPush(ctx: RequestContext, name: RepositoryName, scanOnPush: boolean): Promise<Repository>
  tags(ctx: RequestContext, name: RepositoryName): Promise<ResourceTag[]>
  /** @throws RegistryError RepositoryNotFound, InvalidTagParameter, TooManyTags */
  tag(ctx: RequestContext, name: RepositoryName, tags: readonly ResourceTag[]): Promise<void>
  untag(ctx: RequestContext, name: RepositoryName, keys: readonly string[]): Promise<void>
}

/** The repository's row. @throws RegistryError RepositoryNotFound */
export async function requireRepository(db: Db, ctx: RequestContext, name: string): Promise<RepositoryRow> {
  return (await repositoriesTable.find(db, ctx.registry, name)) ?? refuseUnknown(ctx, name)
}

/** The same in a transaction that decides by what is in the repository. @throws RegistryError RepositoryNotFound */
export async function lockRepository(tx: Transaction, ctx: RequestContext, name: string): Promise<RepositoryRow> {
  return (await repositoriesTable.lock(tx, ctx.registry, name)) ?? refuseUnknown(ctx, name)
}

export function refuseUnknown(ctx: RequestContext, name: string): never {
  throw new RegistryError({ code: 'RepositoryNotFound', repositoryName: name, registryId: ctx.registry.accountId })
}

export function createRepositories(parts: { metadata: MetadataStore; clock: Clock }): Repositories {
  const { metadata, clock } = parts

  function read<T>(ctx: RequestContext, name: string, query: (db: Db, row: RepositoryRow) => Promise<T>): Promise<T> {
    return metadata.read(
      async (db) => query(db, await requireRepository(db, ctx, name)),
      () => [rowKey.repository(ctx.registry, name)],
    )
  }

  return {
    async create(ctx, given) {
      const filters = checkExclusionFilters(given.tagMutability, given.exclusionFilters)
      checkResourceTags(given.tags)
      if (given.tags.length > maxResourceTags) throw new RegistryError({ code: 'TooManyTags' })
      if (given.encryptionType !== 'AES256') {
        throw new RegistryError({
          code: 'Kms',
          kmsError: 'UnsupportedOperationException',
          message: 'This registry has no KMS keys. Use encryption type AES256.',
        })
      }
      return metadata.write(async (tx) => {
        if ((await repositoriesTable.lockCount(tx, ctx.registry)) >= maxRepositories) {
          throw new RegistryError({
            code: 'LimitExceeded',
            message: `The maximum number of repositories (${maxRepositories}) in the registry with id '${ctx.registry.accountId}' has been reached`,
          })
        }
        const row = await repositoriesTable.insert(tx, {
          account_id: ctx.registry.accountId,
          region: ctx.registry.region,
          name: given.name,
          created_at: clock.now(),
          tag_mutability: given.tagMutability,
          exclusion_filters: filters,
          scan_on_push: given.scanOnPush ? 1 : 0,
          key_scope: 'default',
          image_count: 0,
        })
        if (!row) {
          throw new RegistryError({
            code: 'RepositoryAlreadyExists',
            repositoryName: given.name,
            registryId: ctx.registry.accountId,
          })
        }
        await setTags(tx, row.id, given.tags)
        return present(row)
      })
    },

    get: (ctx, name) => read(ctx, name, async (_db, row) => present(row)),

    getAll: (ctx, names) =>
      metadata.read(async (db) => {
        const found: Repository[] = []
        for (const name of new Set(names)) found.push(present(await requireRepository(db, ctx, name)))
        return found
      }),

    async list(ctx, after, limit) {
      const rows = await metadata.read((db) => repositoriesTable.page(db, ctx.registry, after, limit + 1))
      const repositories = rows.slice(0, limit).map(present)
      const last = repositories.at(-1)
      return rows.length > limit && last ? { repositories, next: last.name } : { repositories }
    },

    delete: (ctx, name, force) =>
      metadata.write(async (tx) => {
        const row = await lockRepository(tx, ctx, name)
        if (!force && row.image_count > 0) {
          throw new RegistryError({
            code: 'RepositoryNotEmpty',
            repositoryName: name,
            registryId: ctx.registry.accountId,
          })
        }
        await repositoriesTable.delete(tx, row)
        await generationsTable.move(tx, 'resource-policies')
        return present(row)
      }),

    setTagMutability(ctx, name, mutability, exclusionFilters) {
      const filters = checkExclusionFilters(mutability, exclusionFilters)
      return metadata.write(async (tx) => {
        const row = await lockRepository(tx, ctx, name)
        const change = { tag_mutability: mutability, exclusion_filters: filters }
        await repositoriesTable.update(tx, row, change)
        return present({ ...row, ...change })
      })
    },

    setScanOnPush: (ctx, name, scanOnPush) =>
      metadata.write(async (tx) => {
        const row = await lockRepository(tx, ctx, name)
        const change = { scan_on_push: scanOnPush ? 1 : 0 }
        await repositoriesTable.update(tx, row, change)
        return present({ ...row, ...change })
      }),

    tags: (ctx, name) =>
      metadata.read(async (db) => repositoriesTable.tags(db, (await requireRepository(db, ctx, name)).id)),

    async tag(ctx, name, tags) {
      checkResourceTags(tags)
      await metadata.write(async (tx) => {
        const row = await lockRepository(tx, ctx, name)
        const keys = new Set((await repositoriesTable.tags(tx.db, row.id)).map((tag) => tag.key))
        for (const tag of tags) keys.add(tag.key)
        if (keys.size > maxResourceTags) throw new RegistryError({ code: 'TooManyTags' })
        await setTags(tx, row.id, tags)
      })
    },

    untag: (ctx, name, keys) =>
      metadata.write(async (tx) => {
        const { id } = await lockRepository(tx, ctx, name)
        // The caller may name any number of keys; there are fifty at most.
        const named = new Set(keys)
        const there = (await repositoriesTable.tags(tx.db, id)).map((tag) => tag.key)
        await repositoriesTable.removeTags(
          tx,
          id,
          there.filter((key) => named.has(key)),
        )
        await generationsTable.move(tx, 'resource-policies')
      }),
  }
}

/** Policies may ask for tags, so whoever keeps them looks again. */
async function setTags(tx: Transaction, repositoryId: number, tags: readonly ResourceTag[]): Promise<void> {
  if (tags.length === 0) return
  await repositoriesTable.setTags(tx, repositoryId, tags)
  await generationsTable.move(tx, 'resource-policies')
}

function present(row: RepositoryRow): Repository {
  return {
    id: row.id,
    arn: repositoryArn({ accountId: row.account_id, region: row.region }, row.name),
    registryId: row.account_id,
    name: row.name,
    createdAt: row.created_at,
    tagMutability: row.tag_mutability,
    exclusionFilters: row.exclusion_filters === null ? [] : (JSON.parse(row.exclusion_filters) as string[]),
    scanOnPush: row.scan_on_push === 1,
    keyScope: row.key_scope,
    imageCount: row.image_count,
  }
}
