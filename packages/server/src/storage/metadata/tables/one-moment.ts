// Several queries that must be of one moment: half of what came between them may be a permission without the Deny that was set before it.
// A reading is no transaction, so it is done again when a generation has moved meanwhile, and at last while nobody can move it.

import type { MetadataStore } from '../metadata-store.ts'
import type { Db } from '../schema.ts'
import { type GenerationName, generationsTable } from './generations.ts'

const maxTries = 3

export async function readOneMoment<T extends object>(
  metadata: MetadataStore,
  name: GenerationName,
  queries: (db: Db) => Promise<T>,
): Promise<T & { generation: number }> {
  for (let tries = 0; tries < maxTries; tries += 1) {
    const found = await metadata.read(async (db) => {
      const generation = await generationsTable.find(db, name)
      const result = await queries(db)
      return generation === (await generationsTable.find(db, name)) ? { ...result, generation } : undefined
    })
    if (found) return found
  }
  return metadata.writeSoon(async (tx) => {
    const generation = await generationsTable.lock(tx, name)
    return { ...(await queries(tx.db)), generation }
  })
}
