// Rows of images, their tags, and what they reference.

import type { Digest } from '@berth/api/names/digest.ts'
import type { ImageTag } from '@berth/api/names/image-tag.ts'
import type { RegistryName } from '@berth/api/names/registry.ts'
import { type Insertable, type Selectable, sql } from 'kysely'
import { hotQuery } from '../hot-query.ts'
import { rowKey, type Transaction } from '../metadata-store.ts'
import type { Db, ImagesTable } from '../schema.ts'

export type ImageRow = Omit<Selectable<ImagesTable>, 'manifest'>

const imageColumns = [
  'repository_id',
  'digest',
  'media_type',
  'artifact_media_type',
  'artifact_type',
  'subject_digest',
  'annotations',
  'manifest_size',
  'image_size',
  'pushed_at',
  'pulled_at',
  'tag_count',
] as const satisfies (keyof ImageRow)[]

/** An image as a pull sees it; `manifest` is left out where only the headers are wanted. */
export interface PulledImage {
  digest: Digest
  media_type: string
  manifest_size: number
  manifest: Uint8Array | undefined
}

type InRegistry = { accountId: string; region: string; name: string; reference: string }
type PullRow = {
  repository_id: number
  digest: Digest | null
  media_type: string | null
  manifest_size: number | null
  manifest?: Uint8Array | null
}

// Repository, tag and manifest in one statement each: the hottest reads of a registry.
const pullQueries = {
  tag: [pullByTag(true), pullByTag(false)],
  digest: [pullByDigest(true), pullByDigest(false)],
} as const

function pullByTag(withManifest: boolean) {
  return hotQuery<InRegistry, PullRow>((db, p) =>
    db
      .selectFrom('repositories as r')
      .leftJoin('image_tags as t', (join) =>
        join.onRef('t.repository_id', '=', 'r.id').on('t.tag', '=', p('reference') as never),
      )
      .leftJoin('images as i', (join) =>
        join.onRef('i.repository_id', '=', 't.repository_id').onRef('i.digest', '=', 't.digest'),
      )
      .select(['r.id as repository_id', 'i.digest', 'i.media_type', 'i.manifest_size'])
      .$if(withManifest, (query) => query.select('i.manifest'))
      .where('r.account_id', '=', p('accountId') as never)
      .where('r.region', '=', p('region') as never)
      .where('r.name', '=', p('name') as never),
  )
}

function pullByDigest(withManifest: boolean) {
  return hotQuery<InRegistry, PullRow>((db, p) =>
    db
      .selectFrom('repositories as r')
      .leftJoin('images as i', (join) =>
        join.onRef('i.repository_id', '=', 'r.id').on('i.digest', '=', p('reference') as never),
      )
      .select(['r.id as repository_id', 'i.digest', 'i.media_type', 'i.manifest_size'])
      .$if(withManifest, (query) => query.select('i.manifest'))
      .where('r.account_id', '=', p('accountId') as never)
      .where('r.region', '=', p('region') as never)
      .where('r.name', '=', p('name') as never),
  )
}

export type TagStatus = 'TAGGED' | 'UNTAGGED' | 'ANY'
export interface ImagePosition {
  pushedAt: number
  digest: string
}

export const imagesTable = {
  /** The repository's id and the image, if it is there; undefined when there is no such repository. */
  async pull(
    db: Db,
    registry: RegistryName,
    name: string,
    reference: { kind: 'tag' | 'digest'; text: string },
    withManifest: boolean,
  ): Promise<{ repositoryId: number; image: PulledImage | undefined } | undefined> {
    const query = pullQueries[reference.kind][withManifest ? 0 : 1]
    const [row] = await query(db, {
      accountId: registry.accountId,
      region: registry.region,
      name,
      reference: reference.text,
    })
    if (!row) return undefined
    const { digest, media_type, manifest_size, manifest } = row
    const image =
      digest === null || media_type === null || manifest_size === null
        ? undefined
        : { digest, media_type, manifest_size, manifest: manifest ?? undefined }
    return { repositoryId: row.repository_id, image }
  },

  find(db: Db, repositoryId: number, digest: Digest): Promise<ImageRow | undefined> {
    return db
      .selectFrom('images')
      .select(imageColumns)
      .where('repository_id', '=', repositoryId)
      .where('digest', '=', digest)
      .executeTakeFirst()
  },

  findMany(db: Db, repositoryId: number, digests: readonly Digest[]): Promise<ImageRow[]> {
    return db
      .selectFrom('images')
      .select(imageColumns)
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', digests)
      .execute()
  },

  async manifest(db: Db, repositoryId: number, digest: Digest): Promise<Uint8Array | undefined> {
    const row = await db
      .selectFrom('images')
      .select('manifest')
      .where('repository_id', '=', repositoryId)
      .where('digest', '=', digest)
      .executeTakeFirst()
    return row?.manifest
  },

  /** A page in the order of pushing, after the position given; an index range for each tag status. */
  page(
    db: Db,
    repositoryId: number,
    status: TagStatus,
    after: ImagePosition | undefined,
    limit: number,
  ): Promise<ImageRow[]> {
    return db
      .selectFrom('images')
      .select(imageColumns)
      .where('repository_id', '=', repositoryId)
      .$if(status === 'TAGGED', (query) => query.where('tag_count', '>', sql.lit(0)))
      .$if(status === 'UNTAGGED', (query) => query.where('tag_count', '=', sql.lit(0)))
      .$if(after !== undefined, (query) =>
        query.where(sql<boolean>`(pushed_at, digest) > (${after?.pushedAt ?? 0}, ${after?.digest ?? ''})`),
      )
      .orderBy('pushed_at')
      .orderBy('digest')
      .limit(limit)
      .execute()
  },

  /** False when the image is there already. */
  async insert(tx: Transaction, row: Insertable<ImagesTable>): Promise<boolean> {
    tx.touch(rowKey.image(row.repository_id, row.digest))
    const result = await tx.db
      .insertInto('images')
      .values(row)
      .onConflict((conflict) => conflict.columns(['repository_id', 'digest']).doNothing())
      .executeTakeFirst()
    return (result.numInsertedOrUpdatedRows ?? 0n) > 0n
  },

  /** Records what a new image names, and takes the blobs it names out of their grace period. */
  async reference(
    tx: Transaction,
    repositoryId: number,
    image: Digest,
    blobs: readonly Digest[],
    children: readonly Digest[],
  ): Promise<void> {
    const insertBlobs = [...slices(blobs)].flatMap((part) => [
      tx.db
        .insertInto('image_blobs')
        .values(part.map((blob_digest) => ({ repository_id: repositoryId, blob_digest, image_digest: image })))
        .execute(),
      tx.db
        .updateTable('blob_links')
        .set({ unreferenced_at: null })
        .where('repository_id', '=', repositoryId)
        .where('digest', 'in', part)
        .where('unreferenced_at', 'is not', null)
        .execute(),
    ])
    const insertChildren = [...slices(children)].map((part) =>
      tx.db
        .insertInto('image_children')
        .values(part.map((child_digest) => ({ repository_id: repositoryId, child_digest, parent_digest: image })))
        .execute(),
    )
    await Promise.all([...insertBlobs, ...insertChildren])
  },

  /** Removes the image with its tags and references; blobs that no other image names begin their grace period. */
  async delete(tx: Transaction, repositoryId: number, digest: Digest, now: number): Promise<void> {
    tx.touch(rowKey.image(repositoryId, digest))
    for (const tag of await tagsTable.ofImage(tx.db, repositoryId, digest)) tx.touch(rowKey.tag(repositoryId, tag))
    const named = await tx.db
      .selectFrom('image_blobs')
      .select('blob_digest')
      .where('repository_id', '=', repositoryId)
      .where('image_digest', '=', digest)
      .execute()
    await tx.db.deleteFrom('images').where('repository_id', '=', repositoryId).where('digest', '=', digest).execute()
    for (const part of slices(named.map((row) => row.blob_digest))) {
      await tx.db
        .updateTable('blob_links')
        .set({ unreferenced_at: now })
        .where('repository_id', '=', repositoryId)
        .where('digest', 'in', part)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('image_blobs as other')
                .select('other.image_digest')
                .where('other.repository_id', '=', repositoryId)
                .whereRef('other.blob_digest', '=', 'blob_links.digest'),
            ),
          ),
        )
        .execute()
    }
  },

  /** The indexes of the repository that name the image. */
  async parents(db: Db, repositoryId: number, child: Digest): Promise<Digest[]> {
    const rows = await db
      .selectFrom('image_children')
      .select('parent_digest')
      .where('repository_id', '=', repositoryId)
      .where('child_digest', '=', child)
      .orderBy('parent_digest')
      .limit(100)
      .execute()
    return rows.map((row) => row.parent_digest)
  },

  /** A page of the images whose subject is the digest, in the order of digests. */
  referrers(
    db: Db,
    repositoryId: number,
    subject: Digest,
    artifactTypes: readonly string[] | undefined,
    after: string | undefined,
    limit: number,
  ): Promise<ImageRow[]> {
    return db
      .selectFrom('images')
      .select(imageColumns)
      .where('repository_id', '=', repositoryId)
      .where('subject_digest', '=', subject)
      .where('digest', '>', (after ?? '') as Digest)
      .$if(artifactTypes !== undefined, (query) => query.where('artifact_type', 'in', artifactTypes ?? []))
      .orderBy('digest')
      .limit(limit)
      .execute()
  },

  async isReferenced(db: Db, repositoryId: number, blob: Digest): Promise<boolean> {
    const row = await db
      .selectFrom('image_blobs')
      .select('image_digest')
      .where('repository_id', '=', repositoryId)
      .where('blob_digest', '=', blob)
      .limit(1)
      .executeTakeFirst()
    return row !== undefined
  },

  /** The later of the times stays: nodes write what they noted when they come to it. */
  async recordPull(tx: Transaction, repositoryId: number, digest: Digest, at: number): Promise<void> {
    await tx.db
      .updateTable('images')
      .set({ pulled_at: at })
      .where('repository_id', '=', repositoryId)
      .where('digest', '=', digest)
      .where((e) => e.or([e('pulled_at', 'is', null), e('pulled_at', '<', at)]))
      .execute()
  },
}

const tagNames = hotQuery<{ repositoryId: number; after: string; limit: number }, { tag: ImageTag }>((db, p) =>
  db
    .selectFrom('image_tags')
    .select('tag')
    .where('repository_id', '=', p('repositoryId'))
    .where('tag', '>', p('after') as never)
    .orderBy('tag')
    .limit(p('limit')),
)

export const tagsTable = {
  async find(db: Db, repositoryId: number, tag: ImageTag): Promise<Digest | undefined> {
    const row = await db
      .selectFrom('image_tags')
      .select('digest')
      .where('repository_id', '=', repositoryId)
      .where('tag', '=', tag)
      .executeTakeFirst()
    return row?.digest
  },

  /** A page of tags in byte order, after the text given, with their digests. */
  page(
    db: Db,
    repositoryId: number,
    after: string | undefined,
    limit: number,
  ): Promise<{ tag: ImageTag; digest: Digest }[]> {
    return db
      .selectFrom('image_tags')
      .select(['tag', 'digest'])
      .where('repository_id', '=', repositoryId)
      .where('tag', '>', (after ?? '') as ImageTag)
      .orderBy('tag')
      .limit(limit)
      .execute()
  },

  async ofImage(db: Db, repositoryId: number, digest: Digest): Promise<ImageTag[]> {
    return (await tagsTable.ofImages(db, repositoryId, [digest])).map((row) => row.tag)
  },

  /** Without an order: the planner would rather walk through all tags of the repository in theirs. */
  ofImages(db: Db, repositoryId: number, digests: readonly Digest[]): Promise<{ tag: ImageTag; digest: Digest }[]> {
    return db
      .selectFrom('image_tags')
      .select(['tag', 'digest'])
      .where('repository_id', '=', repositoryId)
      .where('digest', 'in', digests)
      .execute()
  },

  /** The same without the digests. */
  async names(db: Db, repositoryId: number, after: string | undefined, limit: number): Promise<ImageTag[]> {
    return (await tagNames(db, { repositoryId, after: after ?? '', limit })).map((row) => row.tag)
  },

  /** Points the tag at the image instead of `before`, and keeps the counts of both. */
  async put(
    tx: Transaction,
    repositoryId: number,
    tag: ImageTag,
    digest: Digest,
    before: Digest | undefined,
    now: number,
  ): Promise<void> {
    tx.touch(rowKey.tag(repositoryId, tag))
    await Promise.all([
      tx.db
        .insertInto('image_tags')
        .values({ repository_id: repositoryId, tag, digest, tagged_at: now })
        .onConflict((conflict) => conflict.columns(['repository_id', 'tag']).doUpdateSet({ digest, tagged_at: now }))
        .execute(),
      before === undefined ? undefined : addTags(tx, repositoryId, before, -1),
      addTags(tx, repositoryId, digest, 1),
    ])
  },

  async delete(tx: Transaction, repositoryId: number, tag: ImageTag, digest: Digest): Promise<void> {
    tx.touch(rowKey.tag(repositoryId, tag))
    await tx.db.deleteFrom('image_tags').where('repository_id', '=', repositoryId).where('tag', '=', tag).execute()
    await addTags(tx, repositoryId, digest, -1)
  },
}

async function addTags(tx: Transaction, repositoryId: number, digest: Digest, delta: number): Promise<void> {
  tx.touch(rowKey.image(repositoryId, digest))
  await tx.db
    .updateTable('images')
    .set((e) => ({ tag_count: e('tag_count', '+', delta) }))
    .where('repository_id', '=', repositoryId)
    .where('digest', '=', digest)
    .execute()
}

/** Long lists go to the database in parts: each part is a statement of its own, and all but the last have the same text. */
export function* slices<T>(items: readonly T[], size = 500): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
