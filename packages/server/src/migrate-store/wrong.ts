// What is wrong in a store, in the words of its operator: repositories and digests instead of numbers of rows.

import type { Digest } from '@berth/api/names/digest.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'

/** Content whose bytes are not what its digest says: of a blob, or of a manifest of a repository. */
export type Wrong = { digest: Digest; reason?: string } & ({ blobId: number } | { repositoryId: number })

/** A line each. */
export async function describeWrong(metadata: MetadataStore, wrong: readonly Wrong[]): Promise<string[]> {
  const lines: string[] = []
  for (const each of wrong) {
    const kind = 'blobId' in each ? 'blob' : 'manifest'
    const names = await metadata.read((db) =>
      'blobId' in each
        ? db
            .selectFrom('blob_links as l')
            .innerJoin('repositories as r', 'r.id', 'l.repository_id')
            .select(['r.account_id', 'r.region', 'r.name'])
            .where('l.blob_id', '=', each.blobId)
            .orderBy('r.name')
            .execute()
        : db
            .selectFrom('repositories')
            .select(['account_id', 'region', 'name'])
            .where('id', '=', each.repositoryId)
            .execute(),
    )
    const where = names.map(({ account_id, region, name }) => `${name}@${each.digest} (${account_id}, ${region})`)
    const what = where.length > 0 ? where.join(', ') : `${each.digest}, which no repository has`
    lines.push(`${kind} ${what}: ${each.reason ?? 'the content in the database has another digest'}`)
  }
  return lines
}
