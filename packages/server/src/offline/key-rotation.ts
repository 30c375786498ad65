// berth keys: the master key ring's newest entry changes, and nothing is lost by it (docs/guides/keys.md).
//
//   1  a new entry comes first: by this command in the data directory's ring, by the operator in a ring that he gives
//   2  in one transaction: the canary is sealed by it; the older entries are noted, with the time, as still in use
//   3  the secrets in the store are sealed by it, some a transaction
//   4  none is left that an older entry sealed: noted as not in use any more
//   5  when tokens that an older entry sealed are over, it is dropped: by this command, or by the operator
//
// Killed after 1 or within 2 to 4, the store is served by either ring that has both entries, and the same command goes on: it makes a new
// entry only where the newest one has sealed everything. Until 4 a start refuses a ring without the older entries.

import { addKeyEntry, dropKeyEntries, type KeyRing } from '../auth/key-ring.ts'
import { StartError } from '../base/errors.ts'
import {
  readSupersededKeys,
  type SupersededKey,
  setSupersededKeys,
} from '../storage/metadata/tables/superseded-keys.ts'
import type { OfflineStore, Output } from './offline-store.ts'
import { countSealed, longestLifetimeMs, resealSecrets, type SealedSecrets, sealCanary } from './sealed-secrets.ts'
import { table } from './table.ts'

const maxRounds = 3

interface KeyEntry {
  id: string
  isNewest: boolean
  /** What it has sealed in the store. */
  secrets: number
  supersededAt: number | undefined
  /** From when on it may be removed, once it has no secrets; undefined before a rotation has noted it. */
  endsAt: number | undefined
  mayBeRemoved: boolean
}

interface Inspected extends SealedSecrets {
  superseded: readonly SupersededKey[]
}

/** Whether the ring is in the data directory, where nobody else changes it. */
function isRingOurs({ config }: OfflineStore): boolean {
  return config.masterKey === undefined && config.masterKeyFile === undefined
}

function inspect({ metadata, id }: OfflineStore, keyRing: KeyRing): Promise<Inspected> {
  return metadata.read(async (db) => ({
    ...(await countSealed(db, keyRing, id)),
    superseded: await readSupersededKeys(db),
  }))
}

function entriesOf({ clock }: OfflineStore, keyRing: KeyRing, { counts, superseded }: Inspected): KeyEntry[] {
  return keyRing.ids.map((id, index) => {
    const isNewest = index === 0
    const at = isNewest ? undefined : superseded.find((key) => key.id === id)?.at
    const endsAt = at === undefined ? undefined : at + longestLifetimeMs
    const secrets = counts.get(id) ?? 0
    const mayBeRemoved = secrets === 0 && endsAt !== undefined && endsAt <= clock.now()
    return { id, isNewest, secrets, supersededAt: at, endsAt, mayBeRemoved }
  })
}

function hasOld(keyRing: KeyRing, { counts }: SealedSecrets): boolean {
  return keyRing.ids.slice(1).some((id) => (counts.get(id) ?? 0) > 0)
}

/** Makes the newest entry the only one that seals anything in the store. @throws StartError */
export async function rotateKeys(
  store: OfflineStore,
  { isKnownToNodes }: { isKnownToNodes: boolean },
  output: Output,
): Promise<void> {
  const { config, metadata, clock, id } = store
  let { keyRing } = store
  let found = await inspect(store, keyRing)
  const isUnderWay = hasOld(keyRing, found)
  if (!isUnderWay && !isRingOurs(store) && keyRing.ids.length === 1)
    throw new StartError(
      `the ring from ${keyRing.origin} has one entry, "${keyRing.ids[0]}", and so there is nothing to rotate to`,
      'Put a new one before it, as in `2027:<new> default:<old>`; `openssl rand -base64 32` makes one.',
    )
  if (config.database && !isKnownToNodes && (isUnderWay || isRingOurs(store)))
    throw new StartError(
      `secrets would be sealed by the newest entry of the ring from ${keyRing.origin}, which a node that was not given it can not open`,
      'Give all nodes the ring with that entry first and restart them; then run the same with --nodes-have-it (docs/guides/keys.md).',
    )
  if (!isUnderWay && isRingOurs(store)) {
    keyRing = await addKeyEntry(config)
    output.out(`The ring in ${keyRing.origin} has the new entry ${keyRing.ids[0]}. Keep a copy of it.\n`)
    found = await inspect(store, keyRing)
  }
  const now = clock.now()
  await metadata.write(async (tx) => {
    const known = await readSupersededKeys(tx.db)
    const older = keyRing.ids.slice(1).map((each) => {
      const isInUse = (found.counts.get(each) ?? 0) > 0
      // One that has sealed something may have done so since it was noted, where an operator went back to it for a while.
      return { id: each, isInUse, at: (isInUse ? undefined : known.find((key) => key.id === each)?.at) ?? now }
    })
    await setSupersededKeys(tx, older)
    await sealCanary(tx, keyRing, id)
  })
  await resealAll(store, keyRing, output)
  await metadata.write(async (tx) => {
    const known = await readSupersededKeys(tx.db)
    await setSupersededKeys(
      tx,
      known.map((key) => ({ ...key, isInUse: false })),
    )
  })
  await prune({ ...store, keyRing }, output)
}

async function resealAll({ metadata, id }: OfflineStore, keyRing: KeyRing, output: Output): Promise<void> {
  let sealed = 0
  let saidAt = Number.NEGATIVE_INFINITY
  const say = (done: number, total: number) => {
    const now = performance.now()
    if (done < total && now - saidAt < 1000) return
    saidAt = now
    output.progress(`Sealed ${done} of ${total} secrets.\n`)
  }
  for (let round = 0; round < maxRounds; round++) {
    sealed += await resealSecrets(metadata, keyRing, say)
    const left = await metadata.read((db) => countSealed(db, keyRing, id))
    if (left.broken.length > 0 && round === 0) output.progress(describeBroken(left.broken))
    if (hasOld(keyRing, left)) continue
    output.out(`The entry ${keyRing.ids[0]} has sealed everything in the store; ${sealed} secrets were sealed anew.\n`)
    return
  }
  throw new StartError(
    'secrets are still being sealed by an older entry: a node that serves this store has a ring in which that one comes first',
    'Give all nodes the ring with the new entry first and restart them, then run the same again.',
  )
}

function describeBroken(broken: readonly string[]): string {
  const some = broken.slice(0, 10).join(', ')
  const more = broken.length > 10 ? ` and ${broken.length - 10} more` : ''
  return `No entry opens the secrets of these access keys, which are of no use: ${some}${more}. Delete them.\n`
}

/** Drops the older entries that nothing needs any more, or says which the operator may remove. */
export async function prune(store: OfflineStore, output: Output): Promise<void> {
  let { keyRing } = store
  const entries = entriesOf(store, keyRing, await inspect(store, keyRing))
  const ended = entries.filter((entry) => entry.mayBeRemoved).map((entry) => entry.id)
  if (ended.length > 0 && isRingOurs(store)) {
    keyRing = await dropKeyEntries(store.config, ended)
    await store.metadata.write(async (tx) => {
      const known = await readSupersededKeys(tx.db)
      await setSupersededKeys(
        tx,
        known.filter((key) => keyRing.ids.includes(key.id)),
      )
    })
    output.out(
      `Dropped from ${keyRing.origin}: ${ended.join(', ')}. Backups from before the rotation need the ring of then.\n`,
    )
  }
  for (const entry of entries) {
    if (entry.isNewest || (entry.mayBeRemoved && isRingOurs(store))) continue
    output.out(`${describeEnd(entry, isRingOurs(store), keyRing.origin)}\n`)
  }
  if (entries.length === 1) output.out(`The ring has one entry, ${entries[0]?.id}: there is nothing to drop.\n`)
}

function describeEnd({ id, secrets, endsAt, mayBeRemoved }: KeyEntry, isOurs: boolean, origin: string): string {
  if (secrets > 0) return `The entry ${id} still seals ${secrets} secrets: run \`berth keys rotate\`.`
  if (endsAt === undefined) return `When the entry ${id} was superseded is not known: run \`berth keys rotate\`.`
  if (mayBeRemoved) return `The entry ${id} may be removed from ${origin}.`
  const at = new Date(endsAt).toISOString()
  return isOurs
    ? `The entry ${id} is kept for the tokens that it sealed: run \`berth keys prune\` after ${at}.`
    : `The entry ${id} may be removed from ${origin} after ${at}, when the tokens that it sealed are over.`
}

export async function listKeys(store: OfflineStore, { isJson }: { isJson: boolean }, output: Output): Promise<void> {
  const found = await inspect(store, store.keyRing)
  const entries = entriesOf(store, store.keyRing, found)
  const time = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString())
  if (isJson) {
    const values = entries.map(({ supersededAt, endsAt, ...entry }) => ({
      ...entry,
      supersededAt: time(supersededAt),
      endsAt: time(endsAt),
    }))
    output.out(`${JSON.stringify(values, null, 2)}\n`)
    return
  }
  const rows = entries.map((entry) => [
    entry.id,
    String(entry.secrets),
    entry.isNewest ? 'seals' : entry.supersededAt === undefined ? 'opens' : `opens, since ${time(entry.supersededAt)}`,
    entry.isNewest ? 'no' : entry.mayBeRemoved ? 'yes' : entry.secrets > 0 ? 'after a rotation' : afterwards(entry),
  ])
  output.out(table([['ENTRY', 'SECRETS', 'USE', 'MAY BE REMOVED'], ...rows]))
  if (found.broken.length > 0) output.progress(describeBroken(found.broken))
}

function afterwards({ endsAt }: KeyEntry): string {
  return endsAt === undefined ? 'after a rotation' : `after ${new Date(endsAt).toISOString()}`
}
