// Storing a manifest: everything that it names is here, its tags may move, and then it is visible, in one transaction
// (OCI end-7, ECR PutImage).

import { createHash } from 'node:crypto'
import { type Digest, digestAlgorithm } from '@berth/api/names/digest.ts'
import type { ImageTag } from '@berth/api/names/image-tag.ts'
import { ManifestError, type ParsedManifest, parseManifest, referrerArtifactType } from '@berth/api/oci/manifest.ts'
import { isManifestMediaType, type ManifestMediaType } from '@berth/api/oci/media-types.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
import { blobsTable } from '../../storage/metadata/tables/blobs.ts'
import { imagesTable, slices, tagsTable } from '../../storage/metadata/tables/images.ts'
import { type RepositoryRow, repositoriesTable } from '../../storage/metadata/tables/repositories.ts'
import { lockRepository } from '../repositories/repositories.ts'
import { isTagImmutable } from '../repositories/settings.ts'

/** ECR quotas. */
const maxImages = 100_000
const maxTagsPerImage = 1000

export interface NewImage {
  bytes: Uint8Array
  /** As the request says it; undefined leaves it to the manifest. */
  mediaType: string | undefined
  /** What the client says the digest is: its algorithm names the image, and it must be right. */
  digest: Digest | undefined
  tags: readonly ImageTag[]
}

export interface StoredImage {
  digest: Digest
  mediaType: ManifestMediaType
  subject: Digest | undefined
  /** False when the image and all its tags were there before. */
  isChanged: boolean
}

/** @throws RegistryError ManifestInvalid, UnsupportedManifestType, ImageDigestDoesNotMatch, LayersNotFound, ReferencedImagesNotFound, ImageTagAlreadyExists, LimitExceeded */
export async function putImage(
  parts: { metadata: MetadataStore; clock: Clock },
  ctx: RequestContext,
  repository: string,
  image: NewImage,
): Promise<StoredImage> {
  const inRepository = { repositoryName: repository, registryId: ctx.registry.accountId }
  const manifest = parse(image)
  const algorithm = image.digest ? digestAlgorithm(image.digest) : 'sha256'
  const digest = `${algorithm}:${createHash(algorithm).update(image.bytes).digest('hex')}` as Digest
  if (image.digest && image.digest !== digest) {
    throw new RegistryError({
      code: 'ImageDigestDoesNotMatch',
      digest: image.digest,
      calculated: digest,
      ...inRepository,
    })
  }
  const named = referencesOf(manifest)
  const tags = [...new Set(image.tags)]

  const isChanged = await parts.metadata.write(async (tx) => {
    const row = await lockRepository(tx, ctx, repository)
    // Statements that do not wait for each other are sent together: to a database on another machine each answer is a journey.
    const [size, existing, ...before] = await Promise.all([
      requireReferences(tx, row, named),
      imagesTable.find(tx.db, row.id, digest),
      ...tags.map((tag) => tagsTable.find(tx.db, row.id, tag)),
    ])
    const now = parts.clock.now()
    const moves = tags.flatMap((tag, index) => (before[index] === digest ? [] : [{ tag, before: before[index] }]))
    for (const { tag, before } of moves) {
      if (before !== undefined && isTagImmutable(row.tag_mutability, exclusionFilters(row), tag)) {
        throw new RegistryError({ code: 'ImageTagAlreadyExists', tag, ...inRepository })
      }
    }
    if ((existing?.tag_count ?? 0) + moves.length > maxTagsPerImage)
      throw limit(`An image may not have more than ${maxTagsPerImage} tags`)
    if (!existing && row.image_count >= maxImages)
      throw limit(`The repository with name '${repository}' may not hold more than ${maxImages} images`)
    const insert = async () => {
      if (existing) return
      await Promise.all([
        imagesTable.insert(tx, {
          repository_id: row.id,
          digest,
          media_type: manifest.mediaType,
          artifact_media_type: manifest.artifactType ?? manifest.configMediaType ?? null,
          artifact_type: referrerArtifactType(manifest) ?? null,
          subject_digest: manifest.subject?.digest ?? null,
          annotations: manifest.annotations ? JSON.stringify(manifest.annotations) : null,
          manifest_size: image.bytes.byteLength,
          image_size: size,
          pushed_at: now,
          pulled_at: null,
          tag_count: 0,
          manifest: image.bytes,
        }),
        imagesTable.reference(tx, row.id, digest, named.blobs, named.images),
        repositoriesTable.addImages(tx, row.id, 1),
      ])
    }
    await Promise.all([
      insert(),
      ...moves.map(({ tag, before }) => tagsTable.put(tx, row.id, tag, digest, before, now)),
    ])
    return !existing || moves.length > 0
  })
  return { digest, mediaType: manifest.mediaType, subject: manifest.subject?.digest, isChanged }
}

function limit(message: string): RegistryError {
  return new RegistryError({ code: 'LimitExceeded', message })
}

function exclusionFilters(row: RepositoryRow): string[] {
  return row.exclusion_filters === null ? [] : (JSON.parse(row.exclusion_filters) as string[])
}

function parse(image: NewImage): ParsedManifest {
  try {
    return parseManifest(image.bytes, image.mediaType)
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    const fault =
      error.fault === 'media-type-unsupported'
        ? { code: 'UnsupportedManifestType' as const, mediaType: image.mediaType ?? '' }
        : {
            code: 'ManifestInvalid' as const,
            reason: error.message,
            hasTooManyLayers: error.fault === 'too-many-descriptors',
          }
    throw new RegistryError(fault, { cause: error })
  }
}

/** What must be in the repository. A layer that may stay outside, and a subject, need not be (OCI end-7). */
function referencesOf(manifest: ParsedManifest): { blobs: Digest[]; required: Set<Digest>; images: Digest[] } {
  const required = new Set<Digest>()
  const optional = new Set<Digest>()
  const images = new Set<Digest>()
  if (manifest.config) required.add(manifest.config.digest)
  for (const layer of manifest.layers) (layer.isDistributable ? required : optional).add(layer.digest)
  // An index may name blobs: build caches do (BuildKit). They are blobs to us too.
  for (const entry of manifest.manifests) (isManifestMediaType(entry.mediaType) ? images : required).add(entry.digest)
  return {
    blobs: [...required, ...[...optional].filter((digest) => !required.has(digest))],
    required,
    images: [...images],
  }
}

/**
 * Checks that what the manifest names is here, and leaves in `named.blobs` what will be referenced. Gives the size of the image in
 * bytes: its blobs, or its largest child (ECR `imageSizeInBytes`).
 */
async function requireReferences(
  tx: Transaction,
  row: RepositoryRow,
  named: ReturnType<typeof referencesOf>,
): Promise<number> {
  const inRepository = { repositoryName: row.name, registryId: row.account_id }
  const all = <T>(digests: readonly Digest[], find: (part: readonly Digest[]) => Promise<T[]>) =>
    Promise.all([...slices(digests)].map(find)).then((parts) => parts.flat())
  const [links, images] = await Promise.all([
    all(named.blobs, (part) => blobsTable.findLinks(tx.db, row.id, part)),
    all(named.images, (part) => imagesTable.findMany(tx.db, row.id, part)),
  ])
  const sizes = new Map(links.map((link) => [link.digest, link.size]))
  const missing = [...named.required].filter((digest) => !sizes.has(digest))
  if (missing.length > 0) throw new RegistryError({ code: 'LayersNotFound', digests: missing, ...inRepository })
  named.blobs = [...sizes.keys()]

  const children = new Map(images.map((child) => [child.digest, child.image_size]))
  const absent = named.images.filter((digest) => !children.has(digest))
  if (absent.length > 0) throw new RegistryError({ code: 'ReferencedImagesNotFound', digests: absent, ...inRepository })

  const blobBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  return Math.max(blobBytes, ...children.values())
}
