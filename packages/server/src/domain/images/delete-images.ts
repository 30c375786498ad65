// Deleting images and tags, by the rules of each wire: the API removes an image with its last tag, `/v2/` removes the tag alone
// (ECR BatchDeleteImage, 3.5.5; OCI end-9). A child of an index stays while the index does, on both.

import { type Digest, looseDigestPattern, parseDigest } from '@berth/api/names/digest.ts'
import { type ImageTag, parseImageTag } from '@berth/api/names/image-tag.ts'
import { RegistryError } from '../../base/errors.ts'
import type { Transaction } from '../../storage/metadata/metadata-store.ts'
import { imagesTable, tagsTable } from '../../storage/metadata/tables/images.ts'
import { type RepositoryRow, repositoriesTable } from '../../storage/metadata/tables/repositories.ts'
import type { ImageReference } from './images.ts'

/** An id as the API gives it: texts that may be anything. */
export interface ImageId {
  imageDigest?: string
  imageTag?: string
}

export type DeleteOutcome =
  | { id: ImageId; deleted: { imageDigest: Digest; imageTag?: ImageTag }[] }
  | { id: ImageId; failureCode: string; failureReason: string }

/** What is wrong with the texts of an id, or undefined (ECR, batch operations). */
export function imageIdFailure(id: ImageId): { failureCode: string; failureReason: string } | undefined {
  if (id.imageDigest === undefined && id.imageTag === undefined) {
    return {
      failureCode: 'MissingDigestAndTag',
      failureReason: 'Invalid request parameters: both tag and digest cannot be null',
    }
  }
  if (id.imageDigest !== undefined && !looseDigestPattern.test(id.imageDigest)) {
    return {
      failureCode: 'InvalidImageDigest',
      failureReason:
        "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
    }
  }
  if (id.imageTag !== undefined && !parseImageTag(id.imageTag)) {
    return {
      failureCode: 'InvalidImageTag',
      failureReason:
        "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
    }
  }
  return undefined
}

export const imageNotFound = { failureCode: 'ImageNotFound', failureReason: 'Requested image not found' }

export async function deleteImages(
  tx: Transaction,
  row: RepositoryRow,
  ids: readonly ImageId[],
  now: number,
): Promise<DeleteOutcome[]> {
  const outcomes: DeleteOutcome[] = []
  for (const id of ids) {
    const failure = imageIdFailure(id)
    outcomes.push(failure ? { id, ...failure } : await deleteImage(tx, row, id, now))
  }
  return outcomes
}

async function deleteImage(tx: Transaction, row: RepositoryRow, id: ImageId, now: number): Promise<DeleteOutcome> {
  const tag = id.imageTag === undefined ? undefined : parseImageTag(id.imageTag)
  const named = id.imageDigest === undefined ? undefined : parseDigest(id.imageDigest)
  const tagged = tag === undefined ? named : await tagsTable.find(tx.db, row.id, tag)
  const digest = id.imageDigest !== undefined && tagged !== named ? undefined : tagged
  if (digest === undefined || !(await imagesTable.find(tx.db, row.id, digest))) return { id, ...imageNotFound }

  const tags = await tagsTable.ofImage(tx.db, row.id, digest)
  if (tag !== undefined && id.imageDigest === undefined && tags.length > 1) {
    await tagsTable.delete(tx, row.id, tag, digest)
    return { id, deleted: [{ imageDigest: digest, imageTag: tag }] }
  }
  const parents = await imagesTable.parents(tx.db, row.id, digest)
  if (parents.length > 0) {
    const failureReason = `Requested image referenced by manifest list: [${parents.join(', ')}]`
    return { id, failureCode: 'ImageReferencedByManifestList', failureReason }
  }
  await removeImage(tx, row, digest, now)
  return {
    id,
    deleted:
      tags.length === 0 ? [{ imageDigest: digest }] : tags.map((imageTag) => ({ imageDigest: digest, imageTag })),
  }
}

export async function untagOrDelete(
  tx: Transaction,
  row: RepositoryRow,
  reference: ImageReference,
  now: number,
): Promise<void> {
  const inRepository = { repositoryName: row.name, registryId: row.account_id }
  if (reference.kind === 'tag') {
    const digest = await tagsTable.find(tx.db, row.id, reference.text)
    if (digest === undefined)
      throw new RegistryError({ code: 'ImageNotFound', imageTag: reference.text, ...inRepository })
    await tagsTable.delete(tx, row.id, reference.text, digest)
    return
  }
  const digest = reference.text
  if (!(await imagesTable.find(tx.db, row.id, digest))) {
    throw new RegistryError({ code: 'ImageNotFound', imageDigest: digest, ...inRepository })
  }
  const parents = await imagesTable.parents(tx.db, row.id, digest)
  if (parents.length > 0) throw new RegistryError({ code: 'ImageReferencedByManifestList', parents, ...inRepository })
  await removeImage(tx, row, digest, now)
}

async function removeImage(tx: Transaction, row: RepositoryRow, digest: Digest, now: number): Promise<void> {
  await imagesTable.delete(tx, row.id, digest, now)
  await repositoriesTable.addImages(tx, row.id, -1)
}
