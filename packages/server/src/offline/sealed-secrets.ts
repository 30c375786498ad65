// What the master key ring has sealed, counted by entry, and sealed anew. Kept in the store are secrets of access keys and the canary; all else
// is carried by clients, and over after some time.

import type { KeyRing, SealPurpose } from '../auth/key-ring.ts'
import { resealSecret, secretSealedBy } from '../domain/identities/secrets.ts'
import type { MetadataStore, Transaction } from '../storage/metadata/metadata-store.ts'
import type { Db } from '../storage/metadata/schema.ts'
import { accessKeysTable } from '../storage/metadata/tables/access-keys.ts'
import { factsTable } from '../storage/metadata/tables/facts.ts'

const hourMs = 3_600_000

/** For each purpose, how long clients may carry what was sealed for it; or that it is kept in the store, and sealed anew below. */
const lifetimes: Record<SealPurpose, number | 'kept in the store'> = {
  'access-key': 'kept in the store',
  canary: 'kept in the store',
  // STS GetSessionToken: at most 36 hours.
  'session-token': 36 * hourMs,
  'docker-token': 12 * hourMs,
  'download-link': hourMs / 4,
  // These have no end of their own. Nobody goes on with a list of yesterday, or asks then why something was refused.
  'page-token': 24 * hourMs,
  'authorization-message': 24 * hourMs,
}

/** After that nothing is of worth that was sealed by an entry which seals no more. An hour more than the longest, for clocks that differ. */
export const longestLifetimeMs = hourMs + Math.max(...Object.values(lifetimes).map((each) => Number(each) || 0))

const batchSize = 200

export interface SealedSecrets {
  /** How many, by the entry that sealed them. */
  counts: ReadonlyMap<string, number>
  /** Access keys whose secret is opened by no entry: it is damaged, or was copied from another row. */
  broken: readonly string[]
}

type Ring = Pick<KeyRing, 'ids' | 'sealedBy'>

export async function countSealed(db: Db, keyRing: Ring, installationId: string): Promise<SealedSecrets> {
  const counts = new Map(keyRing.ids.map((id) => [id, 0]))
  const broken: string[] = []
  const canary = keyRing.sealedBy('canary', await storedCanary(db), installationId)
  if (canary !== undefined) counts.set(canary, 1)
  for (const row of await accessKeysTable.all(db)) {
    const id = secretSealedBy(keyRing, row)
    if (id === undefined) broken.push(row.access_key_id)
    else counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return { counts, broken }
}

async function storedCanary(db: Db): Promise<Buffer> {
  return Buffer.from((await factsTable.fact(db, 'canary')) ?? '', 'base64')
}

/** Inside a transaction. A start with a ring that lacks the newest entry is refused from then on. */
export async function sealCanary(tx: Transaction, keyRing: KeyRing, installationId: string): Promise<void> {
  await factsTable.setFact(
    tx,
    'canary',
    keyRing.seal('canary', Buffer.from('berth'), installationId).toString('base64'),
  )
}

/**
 * Seals by the newest entry what others have sealed, some rows a transaction: killed, it has done what it has done. What others hold in memory
 * opens as before, so no generation moves.
 */
export async function resealSecrets(
  metadata: MetadataStore,
  keyRing: KeyRing,
  onBatch: (done: number, total: number) => void,
): Promise<number> {
  const isOld = (id: string | undefined) => id !== undefined && id !== keyRing.ids[0]
  const rows = await metadata.read((db) => accessKeysTable.all(db))
  const old = rows.filter((row) => isOld(secretSealedBy(keyRing, row))).map((row) => row.access_key_id)
  for (let done = 0; done < old.length; done += batchSize) {
    const batch = old.slice(done, done + batchSize)
    await metadata.write(async (tx) => {
      for (const accessKeyId of batch) {
        // It may have been deleted meanwhile. A secret never changes.
        const row = await accessKeysTable.find(tx.db, accessKeyId)
        if (row) await accessKeysTable.reseal(tx, accessKeyId, resealSecret(keyRing, row))
      }
    })
    onBatch(done + batch.length, old.length)
  }
  return old.length
}
