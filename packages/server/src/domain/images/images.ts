// Images: manifests with a place in a repository, and the tags that point at them (OCI end-3, end-7, end-9; ECR PutImage,
// BatchGetImage, BatchDeleteImage, DescribeImages, ListImages).

import type { Digest } from '@berth/api/names/digest.ts'
import type { ImageTag } from '@berth/api/names/image-tag.ts'
import type { ManifestMediaType } from '@berth/api/oci/media-types.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { type MetadataStore, type RowKey, rowKey } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import {
  type ImagePosition,
  type ImageRow,
  imagesTable,
  slices,
  type TagStatus,
  tagsTable,
} from '../../storage/metadata/tables/images.ts'
import { lockRepository, refuseUnknown, requireRepository } from '../repositories/repositories.ts'
import { type DeleteOutcome, deleteImages, type ImageId, untagOrDelete } from './delete-images.ts'
import type { PullTimes } from './pull-times.ts'
import { type NewImage, putImage, type StoredImage } from './put-image.ts'

export type { ImagePosition } from '../../storage/metadata/tables/images.ts'

export type ImageReference = { kind: 'tag'; text: ImageTag } | { kind: 'digest'; text: Digest }

export interface Manifest {
  digest: Digest
  mediaType: ManifestMediaType
  size: number
  bytes: Uint8Array
}

export interface ImageDetail extends ImageRow {
  tags: readonly ImageTag[]
}

export interface ImageName {
  digest: Digest
  tag?: ImageTag
}

/** Where a page of ListImages ended: among the tags, or among the images without one. */
export type ListPosition = { tag: string } | { untagged: ImagePosition | null }

export interface Images {
  /** The manifest as it was pushed; counts as a pull. @throws RegistryError RepositoryNotFound, ImageNotFound */
  pull(ctx: RequestContext, repository: string, reference: ImageReference): Promise<Manifest>
  /** The same without the bytes; does not count as a pull. */
  stat(ctx: RequestContext, repository: string, reference: ImageReference): Promise<Omit<Manifest, 'bytes'>>
  /** @throws RegistryError for each rule of PutImage; nothing has changed then */
  put(ctx: RequestContext, repository: string, image: NewImage): Promise<StoredImage>
  /** Removes the tag alone, or the image with all its tags (OCI end-9). @throws RegistryError ImageNotFound, ImageReferencedByManifestList */
  delete(ctx: RequestContext, repository: string, reference: ImageReference): Promise<void>
  /** In order, one outcome an id, all in one transaction (ECR BatchDeleteImage). */
  deleteAll(ctx: RequestContext, repository: string, ids: readonly ImageId[]): Promise<DeleteOutcome[]>
  /** @throws RegistryError ImageNotFound for the first that is missing */
  describe(ctx: RequestContext, repository: string, ids: readonly Partial<ImageName>[]): Promise<ImageDetail[]>
  /** In the order of pushing. */
  describePage(
    ctx: RequestContext,
    repository: string,
    status: TagStatus,
    after: ImagePosition | undefined,
    limit: number,
  ): Promise<{ images: ImageDetail[]; next?: ImagePosition }>
  /** Tags in byte order, then images without a tag in the order of pushing. */
  list(
    ctx: RequestContext,
    repository: string,
    status: TagStatus,
    after: ListPosition | undefined,
    limit: number,
  ): Promise<{ names: ImageName[]; next?: ListPosition }>
  /** Tags in byte order after a text; `hasMore` says whether there are others. */
  tags(
    ctx: RequestContext,
    repository: string,
    after: string | undefined,
    limit: number,
  ): Promise<{ tags: ImageTag[]; hasMore: boolean }>
}

export function createImages(parts: { metadata: MetadataStore; clock: Clock; pullTimes: PullTimes }): Images {
  const { metadata, clock, pullTimes } = parts

  async function find(ctx: RequestContext, repository: string, reference: ImageReference, withManifest: boolean) {
    const found = await metadata.read(
      (db) => imagesTable.pull(db, ctx.registry, repository, reference, withManifest),
      (result) => {
        const keys: RowKey[] = [rowKey.repository(ctx.registry, repository)]
        if (result && reference.kind === 'tag') keys.push(rowKey.tag(result.repositoryId, reference.text))
        if (result?.image) keys.push(rowKey.image(result.repositoryId, result.image.digest))
        else if (result && reference.kind === 'digest') keys.push(rowKey.image(result.repositoryId, reference.text))
        return keys
      },
    )
    if (!found) return refuseUnknown(ctx, repository)
    if (!found.image) throw notFound(ctx, repository, reference)
    const { digest, media_type, manifest_size, manifest } = found.image
    return {
      repositoryId: found.repositoryId,
      digest,
      mediaType: media_type as ManifestMediaType,
      size: manifest_size,
      bytes: manifest,
    }
  }

  async function withTags(db: Db, repositoryId: number, rows: ImageRow[]): Promise<ImageDetail[]> {
    const tagsOf = new Map<Digest, ImageTag[]>()
    const tagged = rows.filter((row) => row.tag_count > 0).map((row) => row.digest)
    for (const part of slices(tagged)) {
      for (const { digest, tag } of await tagsTable.ofImages(db, repositoryId, part)) {
        const tags = tagsOf.get(digest)
        if (tags) tags.push(tag)
        else tagsOf.set(digest, [tag])
      }
    }
    return rows.map((row) => ({ ...row, tags: tagsOf.get(row.digest)?.sort() ?? [] }))
  }

  return {
    async pull(ctx, repository, reference) {
      const { repositoryId, bytes, ...image } = await find(ctx, repository, reference, true)
      if (!bytes) throw new Error(`image ${image.digest} has no manifest`)
      pullTimes.note(repositoryId, image.digest)
      return { ...image, bytes }
    },

    async stat(ctx, repository, reference) {
      const { digest, mediaType, size } = await find(ctx, repository, reference, false)
      return { digest, mediaType, size }
    },

    put: (ctx, repository, image) => putImage({ metadata, clock }, ctx, repository, image),

    delete: (ctx, repository, reference) =>
      metadata.write(async (tx) =>
        untagOrDelete(tx, await lockRepository(tx, ctx, repository), reference, clock.now()),
      ),

    deleteAll: (ctx, repository, ids) =>
      metadata.write(async (tx) => deleteImages(tx, await lockRepository(tx, ctx, repository), ids, clock.now())),

    describe: (ctx, repository, ids) =>
      metadata.read(async (db) => {
        const { id } = await requireRepository(db, ctx, repository)
        const rows = new Map<Digest, ImageRow>()
        for (const { digest, tag } of ids) {
          const tagged = tag === undefined ? digest : await tagsTable.find(db, id, tag)
          const row =
            tagged !== undefined && (digest ?? tagged) === tagged ? await imagesTable.find(db, id, tagged) : undefined
          if (!row) throw notFound(ctx, repository, { ...(digest ? { digest } : {}), ...(tag ? { tag } : {}) })
          rows.set(row.digest, row)
        }
        return withTags(db, id, [...rows.values()])
      }),

    describePage: (ctx, repository, status, after, limit) =>
      metadata.read(async (db) => {
        const { id } = await requireRepository(db, ctx, repository)
        const rows = await imagesTable.page(db, id, status, after, limit + 1)
        const images = await withTags(db, id, rows.slice(0, limit))
        const last = images.at(-1)
        return rows.length > limit && last
          ? { images, next: { pushedAt: last.pushed_at, digest: last.digest } }
          : { images }
      }),

    list: (ctx, repository, status, after, limit) =>
      metadata.read(async (db) => {
        const { id } = await requireRepository(db, ctx, repository)
        const names: ImageName[] = []
        let untaggedAfter: ImagePosition | null = null
        if (after && 'untagged' in after) {
          untaggedAfter = after.untagged
        } else if (status !== 'UNTAGGED') {
          const tags = await tagsTable.page(db, id, after?.tag, limit + 1)
          for (const { tag, digest } of tags.slice(0, limit)) names.push({ digest, tag })
          const last = names.at(-1)
          if (tags.length > limit && last?.tag) return { names, next: { tag: last.tag } }
        }
        if (status === 'TAGGED') return { names }
        const room = limit - names.length
        const rows = await imagesTable.page(db, id, 'UNTAGGED', untaggedAfter ?? undefined, room + 1)
        const page = rows.slice(0, room)
        names.push(...page.map(({ digest }) => ({ digest })))
        if (rows.length <= room) return { names }
        const last = page.at(-1)
        return { names, next: { untagged: last ? { pushedAt: last.pushed_at, digest: last.digest } : null } }
      }),

    tags: (ctx, repository, after, limit) =>
      metadata.read(async (db) => {
        const { id } = await requireRepository(db, ctx, repository)
        const tags = await tagsTable.names(db, id, after, limit + 1)
        return { tags: tags.slice(0, limit), hasMore: tags.length > limit }
      }),
  }
}

function notFound(
  ctx: RequestContext,
  repository: string,
  reference: ImageReference | Partial<ImageName>,
): RegistryError {
  const { digest, tag }: Partial<ImageName> = 'kind' in reference ? { [reference.kind]: reference.text } : reference
  return new RegistryError({
    code: 'ImageNotFound',
    ...(digest ? { imageDigest: digest } : {}),
    ...(tag ? { imageTag: tag } : {}),
    repositoryName: repository,
    registryId: ctx.registry.accountId,
  })
}
