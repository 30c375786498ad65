// Rows of blobs (content, once per key scope) and of blob links (which repository may see which content).

import type { Digest } from '@berth/api/names/digest.ts'
import type { RegistryName } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import type { Insertable, Selectable } from 'kysely'
import { hotQuery } from '../hot-query.ts'
import { rowKey, type Transaction } from '../metadata-store.ts'
import type { BlobsTable, Db } from '../schema.ts'

export type BlobRow = Selectable<BlobsTable>

/** A blob as a repository sees it. */
export interface LinkedBlob {
  repository_id: number
  digest: Digest
  blob_id: number
  size: number
  storage_key: string | null
  content: Uint8Array | null
  unreferenced_at: number | null
}

type ByRepository = { accountId: string; region: string; name: string; digest: string }

type LinkedRow = Omit<LinkedBlob, 'digest' | 'blob_id' | 'size' | 'content'> & {
  blob_id: number | null
  size: number | null
  content?: Uint8Array | null
}

// With and without the content: a HEAD has no use for it.
const findInRepository = [linkedBlob(true), linkedBlob(false)] as const

function linkedBlob(withContent: boolean) {
  return hotQuery<ByRepository, LinkedRow>((db, p) =>
    db
      .selectFrom('repositories as r')
      .leftJoin('blob_links as l', (join) =>
        join.onRef('l.repository_id', '=', 'r.id').on('l.digest', '=', p('digest') as never),
      )
      .leftJoin('blobs as b', 'b.id', 'l.blob_id')
      .select(['r.id as repository_id', 'b.id as blob_id', 'b.size', 'b.storage_key', 'l.unreferenced_at'])
      .$if(withContent, (query) => query.select('b.content'))
      .where('r.account_id', '=', p('accountId') as never)
      .where('r.region', '=', p('region') as never)
      .where('r.name', '=', p('name') as never),
  )
}

const findLive = hotQuery<{ keyScope: string; digest: string }, { id: number }>((db, p) =>
  db
    .selectFrom('blobs')
    .select('id')
    .where('key_scope', '=', p('keyScope'))
    .where('digest', '=', p('digest') as never)
    .where('deleting_at', 'is', null),
)

export const blobsTable = {
  /**
   * The repository's id and, when the repository sees it, the blob, its content only if that is wanted; undefined when there is no such
   * repository.
   */
  async findInRepository(
    db: Db,
    registry: RegistryName,
    name: string,
    digest: Digest,
    withContent: boolean,
  ): Promise<{ repositoryId: number; blob: LinkedBlob | undefined } | undefined> {
    const [row] = await findInRepository[withContent ? 0 : 1](db, {
      accountId: registry.accountId,
      region: registry.region,
      name,
      digest,
    })
    if (!row) return undefined
    const { blob_id, size, content = null } = row
    const blob = blob_id === null || size === null ? undefined : { ...row, digest, blob_id, size, content }
    return { repositoryId: row.repository_id, blob }
  },

  /** The row that holds the content now and is not being collected. */
  async findLive(db: Db, keyScope: string, digest: Digest): Promise<number | undefined> {
    return (await findLive(db, { keyScope, digest }))[0]?.id
  },

  /** The new row's id, or undefined when a live row of this digest and scope is there: the unique index decides. */
  async insert(tx: Transaction, row: Insertable<BlobsTable>): Promise<number | undefined> {
    const inserted = await tx.db
      .insertInto('blobs')
      .values(row)
      .onConflict((conflict) => conflict.columns(['key_scope', 'digest']).where('deleting_at', 'is', null).doNothing())
      .returning('id')
      .executeTakeFirst()
    return inserted?.id
  },

  /** Links a blob to a repository; a link that is there and unreferenced begins its grace period again. */
  async link(tx: Transaction, repositoryId: number, digest: Digest, blobId: number, now: number): Promise<void> {
    tx.touch(rowKey.blobLink(repositoryId, digest))
    await tx.db
      .insertInto('blob_links')
      .values({ repository_id: repositoryId, digest, blob_id: blobId, linked_at: now, unreferenced_at: now })
      .onConflict((conflict) =>
        conflict
          .columns(['repository_id', 'digest'])
          .doUpdateSet({ blob_id: blobId, unreferenced_at: now })
          .where('blob_links.unreferenced_at', 'is not', null),
      )
      .execute()
  },

  /** The same where there is no link yet; false where there is: the primary key decides, also between two at once. */
  async linkNew(tx: Transaction, repositoryId: number, digest: Digest, blobId: number, now: number): Promise<boolean> {
    tx.touch(rowKey.blobLink(repositoryId, digest))
    const inserted = await tx.db
      .insertInto('blob_links')
      .values({ repository_id: repositoryId, digest, blob_id: blobId, linked_at: now, unreferenced_at: now })
      .onConflict((conflict) => conflict.columns(['repository_id', 'digest']).doNothing())
      .returning('digest')
      .executeTakeFirst()
    return inserted !== undefined
  },

  /**
   * Repositories of the registry that see the blob in the key scope, `from` alone if it is given; a hundred at most. SQLite keeps the
   * order of a cross join: from the one live row over its links, never through all repositories.
   */
  findSources(
    db: Db,
    registry: RegistryName,
    keyScope: string,
    digest: Digest,
    from: string | undefined,
  ): Promise<{ repository_id: number; name: string; blob_id: number }[]> {
    return db
      .selectFrom('blobs as b')
      .crossJoin('blob_links as l')
      .crossJoin('repositories as r')
      .select(['l.repository_id', 'r.name', 'l.blob_id'])
      .where('b.key_scope', '=', keyScope)
      .where('b.digest', '=', digest)
      .where('b.deleting_at', 'is', null)
      .whereRef('l.blob_id', '=', 'b.id')
      .whereRef('r.id', '=', 'l.repository_id')
      .where('r.account_id', '=', registry.accountId)
      .where('r.region', '=', registry.region)
      .where('r.key_scope', '=', keyScope)
      .$if(from !== undefined, (query) =>
        query.where('l.repository_id', '=', (e) =>
          e
            .selectFrom('repositories')
            .select('id')
            .where('account_id', '=', registry.accountId)
            .where('region', '=', registry.region)
            .where('name', '=', (from ?? '') as RepositoryName),
        ),
      )
      .limit(100)
      .execute()
  },

  async isLinked(db: Db, repositoryId: number, digest: Digest): Promise<boolean> {
    return (await blobsTable.findLinks(db, repositoryId, [digest])).length > 0
  },

  /** The links of a repository among the digests, with the size of their content. */
  findLinks(
    db: Db,
    repositoryId: number,
    digests: readonly Digest[],
  ): Promise<{ digest: Digest; size: number; unreferenced_at: number | null }[]> {
    return db
      .selectFrom('blob_links as l')
      .innerJoin('blobs as b', 'b.id', 'l.blob_id')
      .select(['l.digest', 'b.size', 'l.unreferenced_at'])
      .where('l.repository_id', '=', repositoryId)
      .where('l.digest', 'in', digests)
      .execute()
  },

  /** Extends the grace period of links that nothing references; referenced links are left as they are. */
  async extendGrace(tx: Transaction, repositoryId: number, digests: readonly Digest[], now: number): Promise<void> {
    await tx.db
      .updateTable('blob_links')
      .set({ unreferenced_at: now })
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', digests)
      .where('unreferenced_at', 'is not', null)
      .execute()
  },

  /** Which of the storage keys belong to a row. */
  async knownStorageKeys(db: Db, keys: readonly string[]): Promise<Set<string>> {
    const rows = await db.selectFrom('blobs').select('storage_key').where('storage_key', 'in', keys).execute()
    return new Set(rows.flatMap((row) => row.storage_key ?? []))
  },
}
