// What requests ask a database, for the tests of its plans: the text that the tables really send.

import assert from 'node:assert/strict'
import { parseDigest } from '@berth/api/names/digest.ts'
import { parseImageTag } from '@berth/api/names/image-tag.ts'
import { parseAccountId, parseRegion } from '@berth/api/names/registry.ts'
import type { Transaction } from '../../src/storage/metadata/metadata-store.ts'
import type { Db } from '../../src/storage/metadata/schema.ts'
import { blobsTable } from '../../src/storage/metadata/tables/blobs.ts'
import { factsTable } from '../../src/storage/metadata/tables/facts.ts'
import { imagesTable, tagsTable } from '../../src/storage/metadata/tables/images.ts'
import { repositoriesTable } from '../../src/storage/metadata/tables/repositories.ts'
import { uploadsTable } from '../../src/storage/metadata/tables/uploads.ts'

export type Query = (db: Db, tx: Transaction) => Promise<unknown>

function checked<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}

export const registry = {
  accountId: checked(parseAccountId('123456789012')),
  region: checked(parseRegion('us-east-1')),
}
export const digest = checked(parseDigest(`sha256:${'0'.repeat(64)}`))
const digests = [digest, checked(parseDigest(`sha256:${'1'.repeat(64)}`))]
const tag = checked(parseImageTag('v1'))
const position = { pushedAt: 1, digest }

/** Pages of lists, each a range of an index in its order. */
export const pageQueries = {
  'tags, first page': (db) => tagsTable.page(db, 1, undefined, 101),
  'tags after one': (db) => tagsTable.page(db, 1, 'v1', 101),
  'names of tags after one': (db) => tagsTable.names(db, 1, 'v1', 101),
  'the catalog': (db) => repositoriesTable.page(db, registry, 'a', 101),
  'images of any status': (db) => imagesTable.page(db, 1, 'ANY', undefined, 101),
  'images of any status after one': (db) => imagesTable.page(db, 1, 'ANY', position, 101),
  'images with a tag': (db) => imagesTable.page(db, 1, 'TAGGED', undefined, 101),
  'images with a tag after one': (db) => imagesTable.page(db, 1, 'TAGGED', position, 101),
  'images without a tag': (db) => imagesTable.page(db, 1, 'UNTAGGED', undefined, 101),
  'images without a tag after one': (db) => imagesTable.page(db, 1, 'UNTAGGED', position, 101),
  referrers: (db) => imagesTable.referrers(db, 1, digest, undefined, digest, 501),
  'referrers of some types': (db) => imagesTable.referrers(db, 1, digest, ['a/b', 'c/d'], undefined, 501),
  'uploads that are idle': (db) => uploadsTable.idleSince(db, 1, 1000),
} satisfies Record<string, Query>

/** What is found by a search. */
export const lookUps: Record<string, Query> = {
  'a repository': (db) => repositoriesTable.find(db, registry, 'a'),
  'the tags of a repository': (db) => repositoriesTable.tags(db, 1),
  'a pull by tag': (db) => imagesTable.pull(db, registry, 'a', { kind: 'tag', text: tag }, true),
  'a pull by digest': (db) => imagesTable.pull(db, registry, 'a', { kind: 'digest', text: digest }, true),
  'the headers of an image by tag': (db) => imagesTable.pull(db, registry, 'a', { kind: 'tag', text: tag }, false),
  'an image': (db) => imagesTable.find(db, 1, digest),
  'several images': (db) => imagesTable.findMany(db, 1, digests),
  'a manifest': (db) => imagesTable.manifest(db, 1, digest),
  'the indexes that name an image': (db) => imagesTable.parents(db, 1, digest),
  'whether an image names a blob': (db) => imagesTable.isReferenced(db, 1, digest),
  'a tag': (db) => tagsTable.find(db, 1, tag),
  'the tags of images': (db) => tagsTable.ofImages(db, 1, digests),
  'a blob of a repository': (db) => blobsTable.findInRepository(db, registry, 'a', digest, true),
  'what a HEAD of a blob asks': (db) => blobsTable.findInRepository(db, registry, 'a', digest, false),
  'the live row of a digest': (db) => blobsTable.findLive(db, 'default', digest),
  'links of a repository': (db) => blobsTable.findLinks(db, 1, digests),
  'rows of storage keys': (db) => blobsTable.knownStorageKeys(db, ['a', 'b']),
  'an upload': (db) => uploadsTable.find(db, 'x'),
  'uploads by id': (db) => uploadsTable.known(db, ['x', 'y']),
  'a fact': (db) => factsTable.fact(db, 'x'),
  'a new tag': (_, tx) => tagsTable.put(tx, 1, tag, digest, undefined, 0).catch(refusedByReference),
  'the end of a tag': (_, tx) => tagsTable.delete(tx, 1, tag, digest),
  'the end of an image': (_, tx) => imagesTable.delete(tx, 1, digest, 0),
  'the end of a repository': (_, tx) =>
    repositoriesTable.delete(tx, {
      id: 1,
      account_id: registry.accountId,
      region: registry.region,
      name: 'a' as never,
      created_at: 0,
      tag_mutability: 'MUTABLE',
      exclusion_filters: null,
      scan_on_push: 0,
      key_scope: 'default',
      image_count: 0,
    }),
  'a grace period that begins again': (_, tx) => blobsTable.extendGrace(tx, 1, digests, 0),
  'how far an upload is': (_, tx) => uploadsTable.update(tx, 'x', 1, { received_bytes: 1 }),
  'an upload that is claimed': (_, tx) => uploadsTable.claim(tx, 'x', 1, 0),
  'the end of an upload': (_, tx) => uploadsTable.delete(tx, 'x', 1),
  'a recorded pull': (_, tx) => imagesTable.recordPull(tx, 1, digest, 0),
}

/** There are no rows: only the text of the statements is wanted. */
function refusedByReference(error: unknown): void {
  assert.match(String(error), /foreign key/i)
}
