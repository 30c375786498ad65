// Blobs as a repository sees them: only those that were pushed or mounted to it (OCI end-2, end-11; ECR
// BatchCheckLayerAvailability, GetDownloadUrlForLayer).

import type { Digest } from '@berth/api/names/digest.ts'
import { repositoryArn } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { BlobReader, BlobStore } from '../../storage/blobs/blob-store.ts'
import { type MetadataStore, rowKey } from '../../storage/metadata/metadata-store.ts'
import { blobsTable, type LinkedBlob } from '../../storage/metadata/tables/blobs.ts'
import { imagesTable } from '../../storage/metadata/tables/images.ts'
import { resourcePoliciesTable } from '../../storage/metadata/tables/resource-policies.ts'
import type { Authorizer } from '../policies/authorize.ts'
import { refuseUnknown, requireRepository } from '../repositories/repositories.ts'

/** An unreferenced link is extended by a look at it, but not written for each look. */
const extendAfterMs = 60 * 60 * 1000

export interface BlobContent {
  digest: Digest
  size: number
  /** Where the content is small, all of it. */
  content: Uint8Array | undefined
  /** Opens other content. */
  open(): Promise<BlobReader>
  /** A link by which it can be fetched from the blob store, where it is there and the store has such links. */
  presign?(headers: { contentType: string; contentDisposition: string }): Promise<string>
}

export interface Blobs {
  /** @throws RegistryError RepositoryNotFound, LayerNotFound */
  get(ctx: RequestContext, repository: string, digest: Digest): Promise<BlobContent>
  /** The size in bytes; keeps an unreferenced blob for another grace period. @throws RegistryError RepositoryNotFound, LayerNotFound */
  stat(ctx: RequestContext, repository: string, digest: Digest): Promise<number>
  /** The sizes of those that the repository sees. @throws RegistryError RepositoryNotFound */
  check(ctx: RequestContext, repository: string, digests: readonly Digest[]): Promise<Map<Digest, number>>
  /** @throws RegistryError LayerNotFound, LayerInaccessible when no image names it */
  requireReferenced(ctx: RequestContext, repository: string, digest: Digest): Promise<void>
  /**
   * Links a blob of another repository of this registry, `from` or, without it, any that the caller may read. False where that is
   * not possible, whatever the reason (OCI end-11; it takes the same registry, leave to read, the same key scope, and the
   * account setting BLOB_MOUNTING).
   */
  mount(ctx: RequestContext, repository: string, digest: Digest, from: string | undefined): Promise<boolean>
}

export function createBlobs(parts: {
  metadata: MetadataStore
  blobs: BlobStore
  authorizer: Authorizer
  clock: Clock
}): Blobs {
  const { metadata, authorizer, clock } = parts

  async function find(
    ctx: RequestContext,
    repository: string,
    digest: Digest,
    withContent = false,
  ): Promise<LinkedBlob> {
    const found = await metadata.read(
      (db) => blobsTable.findInRepository(db, ctx.registry, repository, digest, withContent),
      (result) => [
        rowKey.repository(ctx.registry, repository),
        ...(result ? [rowKey.blobLink(result.repositoryId, digest)] : []),
      ],
    )
    if (!found) return refuseUnknown(ctx, repository)
    if (!found.blob) {
      throw new RegistryError({
        code: 'LayerNotFound',
        digest,
        repositoryName: repository,
        registryId: ctx.registry.accountId,
      })
    }
    return found.blob
  }

  /** A pusher that saw the blob here will name it soon: its grace period begins again. */
  async function extendGrace(
    repositoryId: number,
    links: readonly { digest: Digest; unreferenced_at: number | null }[],
  ): Promise<void> {
    const now = clock.now()
    const old = links.filter((link) => link.unreferenced_at !== null && link.unreferenced_at < now - extendAfterMs)
    if (old.length === 0) return
    const digests = old.map((link) => link.digest)
    await metadata.write((tx) => blobsTable.extendGrace(tx, repositoryId, digests, now))
  }

  async function firstReadable<S extends { name: string }>(ctx: RequestContext, sources: readonly S[]) {
    const { accountId } = ctx.registry
    for (const source of sources) {
      const resource = repositoryArn(ctx.registry, source.name)
      if (await authorizer.isAuthorized(ctx, { action: 'ecr:GetDownloadUrlForLayer', resource, accountId }))
        return source
    }
    return undefined
  }

  return {
    async get(ctx, repository, digest) {
      const { size, content, storage_key } = await find(ctx, repository, digest, true)
      const { presign } = parts.blobs
      return {
        ...(storage_key !== null && presign ? { presign: (headers) => presign(storage_key, headers) } : {}),
        digest,
        size,
        content: content ?? undefined,
        async open() {
          if (storage_key === null) throw new Error(`blob ${digest} has neither content nor a storage key`)
          return parts.blobs.open(storage_key)
        },
      }
    },

    async stat(ctx, repository, digest) {
      const blob = await find(ctx, repository, digest)
      await extendGrace(blob.repository_id, [blob])
      return blob.size
    },

    async check(ctx, repository, digests) {
      const { id, links } = await metadata.read(async (db) => {
        const { id } = await requireRepository(db, ctx, repository)
        return { id, links: digests.length === 0 ? [] : await blobsTable.findLinks(db, id, digests) }
      })
      await extendGrace(id, links)
      return new Map(links.map((link) => [link.digest, link.size]))
    },

    async requireReferenced(ctx, repository, digest) {
      const blob = await find(ctx, repository, digest)
      if (await metadata.read((db) => imagesTable.isReferenced(db, blob.repository_id, digest))) return
      throw new RegistryError({
        code: 'LayerInaccessible',
        digest,
        repositoryName: repository,
        registryId: ctx.registry.accountId,
      })
    },

    async mount(ctx, repository, digest, from) {
      const { sources, setting } = await metadata.read(async (db) => {
        const { key_scope } = await requireRepository(db, ctx, repository)
        return {
          sources: await blobsTable.findSources(db, ctx.registry, key_scope, digest, from),
          setting: await resourcePoliciesTable.setting(db, ctx.registry, 'BLOB_MOUNTING'),
        }
      })
      const source = await firstReadable(ctx, sources)
      if (!source || setting === 'DISABLED') return false
      return metadata.write(async (tx) => {
        const { id } = await requireRepository(tx.db, ctx, repository)
        // The source may have lost the blob since; inside the transaction nothing can take it away.
        if (!(await blobsTable.isLinked(tx.db, source.repository_id, digest))) return false
        await blobsTable.link(tx, id, digest, source.blob_id, clock.now())
        return true
      })
    },
  }
}
