// Images whose subject is another (OCI end-12, ECR ListImageReferrers): those of the database, and those that an older client listed
// in a fallback tag `<algorithm>-<64 characters of hex>` (OCI "Referrers Tag Schema"), as far as they are really here.

import type { Digest } from '@berth/api/names/digest.ts'
import { parseImageTag } from '@berth/api/names/image-tag.ts'
import { parseManifest } from '@berth/api/oci/manifest.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { type ImageRow, imagesTable, slices, tagsTable } from '../../storage/metadata/tables/images.ts'
import { requireRepository } from '../repositories/repositories.ts'

export interface Referrer {
  mediaType: string
  digest: Digest
  size: number
  artifactType?: string
  annotations?: Record<string, string>
}

export interface Referrers {
  /** A page in the order of digests; `next` is the last of the page when there are more. @throws RegistryError RepositoryNotFound */
  list(
    ctx: RequestContext,
    repository: string,
    subject: Digest,
    artifactTypes: readonly string[] | undefined,
    after: string | undefined,
    limit: number,
  ): Promise<{ referrers: Referrer[]; next?: Digest }>
}

export function createReferrers({ metadata }: { metadata: MetadataStore }): Referrers {
  return {
    list: (ctx, repository, subject, artifactTypes, after, limit) =>
      metadata.read(async (db) => {
        const { id } = await requireRepository(db, ctx, repository)
        const rows = await imagesTable.referrers(db, id, subject, artifactTypes, after, limit + 1)
        const listed = await fallbackReferrers(db, id, subject)
        const all = [...rows.map(fromRow), ...listed]
          .filter(
            ({ digest, artifactType }) =>
              (after === undefined || digest > after) && isWanted(artifactTypes, artifactType),
          )
          .sort((a, b) => (a.digest < b.digest ? -1 : 1))
        const referrers = all.slice(0, limit)
        const last = referrers.at(-1)
        return all.length > limit && last ? { referrers, next: last.digest } : { referrers }
      }),
  }
}

function isWanted(artifactTypes: readonly string[] | undefined, artifactType: string | undefined): boolean {
  return artifactTypes === undefined || (artifactType !== undefined && artifactTypes.includes(artifactType))
}

function fromRow(row: ImageRow): Referrer {
  return {
    mediaType: row.media_type,
    digest: row.digest,
    size: row.manifest_size,
    ...(row.artifact_type !== null ? { artifactType: row.artifact_type } : {}),
    ...(row.annotations !== null ? { annotations: JSON.parse(row.annotations) as Record<string, string> } : {}),
  }
}

/** Entries of the fallback index whose images are here and do not name the subject themselves: those the database lists already. */
async function fallbackReferrers(db: Db, repositoryId: number, subject: Digest): Promise<Referrer[]> {
  const [algorithm = '', hex = ''] = subject.split(':')
  const tag = parseImageTag(`${algorithm}-${hex.slice(0, 64)}`)
  const digest = tag && (await tagsTable.find(db, repositoryId, tag))
  const index = digest && (await imagesTable.find(db, repositoryId, digest))
  const bytes = index && (await imagesTable.manifest(db, repositoryId, digest))
  if (!bytes) return []
  const listed = new Set(parseManifest(bytes, index.media_type).manifests.map((entry) => entry.digest))
  const referrers: Referrer[] = []
  for (const part of slices([...listed])) {
    const rows = await imagesTable.findMany(db, repositoryId, part)
    referrers.push(...rows.filter((row) => row.subject_digest !== subject).map(fromRow))
  }
  return referrers
}
