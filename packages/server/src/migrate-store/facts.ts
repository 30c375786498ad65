// The facts in `meta` by which a move is remembered, and those that it carries.
//
//   migrating_from    in the target, from its first row on: the installation whose copy it becomes. Such a store is not served
//   next_blob_store   beside the rows (in the target, or in the one database where that stays): the id of the store that blobs are going to
//   blobs_verified    beside it: which blobs are there, and were read back (verified-blobs.ts)
//   moved_to          in the source, at the end: where the store is now. Such a store is not served
//
// The end, when everything is there and proven. At each of these moments the same command goes on:
//
//   1  target   blob_store
//   2  source   moved_to               from here on, nobody is served: never may two stores be, which would grow apart
//   3  target   the other three go     from here on, the target is served
//
// Where the database stays, one transaction does it all.

import type { MetadataStore, Transaction } from '../storage/metadata/metadata-store.ts'
import { factsTable } from '../storage/metadata/tables/facts.ts'

/** Of a place, not of the installation; every other fact is carried. */
const factsOfPlace = [
  ...['schema_version', 'schema_oldest_reader', 'checkpoint', 'probe'],
  ...['blob_store', 'next_blob_store', 'blobs_verified', 'migrating_from', 'moved_to'],
]

export type Facts = ReadonlyMap<string, string>

export async function readFacts(metadata: MetadataStore): Promise<Facts> {
  const rows = await metadata.read((db) => db.selectFrom('meta').selectAll().execute())
  return new Map(rows.map(({ key, value }) => [key, value]))
}

export async function removeFacts(tx: Transaction, ...keys: string[]): Promise<void> {
  await tx.db.deleteFrom('meta').where('key', 'in', keys).execute()
}

/** Makes the target the copy of an installation, not to be served; again and again the same. */
export async function beginCopy(target: MetadataStore, facts: Facts, installationId: string): Promise<void> {
  await target.write(async (tx) => {
    await factsTable.setFact(tx, 'migrating_from', installationId)
    for (const [key, value] of facts) if (!factsOfPlace.includes(key)) await factsTable.setFact(tx, key, value)
  })
}

export interface Switch {
  source: MetadataStore
  /** The source where the database stays. */
  target: MetadataStore
  /** The id of the store that the blobs are in now; undefined where they have none yet. */
  blobStore: string | undefined
  movesBlobs: boolean
  /** What the source says from now on. */
  movedTo: string
}

/** Everything is there: the source is left, and the target is the store. */
export async function switchOver({ source, target, blobStore, movesBlobs, movedTo }: Switch): Promise<void> {
  await target.write(async (tx) => {
    if (blobStore !== undefined) await factsTable.setFact(tx, 'blob_store', blobStore)
    if (source !== target) return
    await removeFacts(tx, 'next_blob_store', 'blobs_verified')
    // Their bytes are staged in the store that was.
    if (movesBlobs) await tx.db.deleteFrom('uploads').execute()
  })
  if (source === target) return
  await source.write((tx) => factsTable.setFact(tx, 'moved_to', movedTo))
  await finishCopy(target)
}

/** The last step: from here on the target is served. */
export async function finishCopy(target: MetadataStore): Promise<void> {
  await target.write((tx) => removeFacts(tx, 'migrating_from', 'next_blob_store', 'blobs_verified'))
}
