// What is known of entries of the master key ring that are not the newest any more: a fact of the installation, since a ring is a text without
// times. Entries are told by their ids.

import type { Transaction } from '../metadata-store.ts'
import type { Db } from '../schema.ts'
import { factsTable } from './facts.ts'

const fact = 'superseded_keys'

export interface SupersededKey {
  id: string
  /** From then on nothing was sealed with it. */
  at: number
  /** There may be rows that only it opens. */
  isInUse: boolean
}

export async function readSupersededKeys(db: Db): Promise<SupersededKey[]> {
  return JSON.parse((await factsTable.fact(db, fact)) ?? '[]') as SupersededKey[]
}

export async function setSupersededKeys(tx: Transaction, keys: readonly SupersededKey[]): Promise<void> {
  await factsTable.setFact(tx, fact, JSON.stringify(keys))
}
