// An installation: its stores opened and migrated, its master key proven, its blobs its own, its first account made if this is
// the first start.
//
//   <data-dir>/master-key    the key ring, unless it is given (auth/key-ring.ts)
//   <data-dir>/credentials   the first administrator's key, in the form of AWS's shared credentials file
//
// The first start writes the credentials file before the transaction that makes the account: a crash between the two leaves no
// account, and the next start begins again. The database and the blob store both carry the installation's id, so that neither is
// ever used with the other half of something else.

import { open, rename } from 'node:fs/promises'
import { type AccountId, parseAccountId } from '@berth/api/names/registry.ts'
import { type KeyRing, loadKeyRing } from './auth/key-ring.ts'
import type { Clock } from './base/clock.ts'
import { StartError } from './base/errors.ts'
import type { Ids } from './base/ids.ts'
import type { Config } from './config.ts'
import { type Credentials, credentialsFile, credentialsText, makeDataDir, syncFolder } from './data-dir-files.ts'
import { createDirectory, type Directory } from './domain/identities/directory.ts'
import { createIdentities, type Identities } from './domain/identities/identities.ts'
import { createSessions, type Sessions } from './domain/identities/sessions.ts'
import type { MetadataStore } from './storage/metadata/metadata-store.ts'
import { factsTable } from './storage/metadata/tables/facts.ts'
import { readSupersededKeys } from './storage/metadata/tables/superseded-keys.ts'
import { blobPlace, isShared, openMetadataAlone, openStores, type StoreParts, type Stores } from './stores.ts'

export interface Installation extends Stores {
  id: string
  /** The first account, whatever the configuration says now. */
  accountId: AccountId
  keyRing: KeyRing
  directory: Directory
  sessions: Sessions
  identities: Identities
  /** Only when this start made the first account. */
  firstCredentials: Credentials | undefined
}

export interface InstallationParts extends StoreParts {
  ids: Ids
  /** Whether a place without a store becomes one; otherwise that is an error with a way out. */
  mayInitialise: boolean
}

/** @throws StartError for everything that the operator can act on */
export async function openInstallation(config: Config, parts: InstallationParts): Promise<Installation> {
  const stores = await openStores(config, parts)
  try {
    const opened = await (parts.joins
      ? openExisting(config, parts, stores)
      : stores.metadata.exclusively(async () => {
          const found = await openOrInitialise(config, parts, stores)
          await requireOwnBlobs(config, parts.ids, stores, found.id)
          return found
        }))
    return { ...opened, ...stores }
  } catch (error) {
    await stores.close()
    throw error
  }
}

type Opened = Omit<Installation, keyof Stores>

/** What a command has of an installation that it does not serve. */
export type InstallationWithoutBlobs = Omit<Opened, 'firstCredentials'> & Pick<Stores, 'metadata' | 'close'>

/** @throws StartError for everything that the operator can act on, also where there is none yet */
export async function openWithoutBlobs(
  config: Config,
  parts: StoreParts & Pick<InstallationParts, 'ids'>,
): Promise<InstallationWithoutBlobs> {
  const stores = await openMetadataAlone(config, parts)
  try {
    if ((await fact(stores.metadata, 'installation_id')) === undefined) throw noStore(config)
    return { ...(await openExisting(config, parts, stores)), ...stores }
  } catch (error) {
    await stores.close()
    throw error
  }
}

const fact = (metadata: MetadataStore, key: string) => metadata.read((db) => factsTable.fact(db, key))

async function openOrInitialise(config: Config, parts: InstallationParts, stores: Stores): Promise<Opened> {
  if ((await fact(stores.metadata, 'installation_id')) !== undefined) return openExisting(config, parts, stores)
  if (!parts.mayInitialise) throw noStore(config)
  return initialise(config, parts, stores)
}

function noStore(config: Config): StartError {
  return new StartError(
    `there is no store in ${config.database ? 'the database' : config.dataDir} yet`,
    'Run `berth init` first, or give BERTH_BOOTSTRAP_ACCESS_KEY_ID and BERTH_BOOTSTRAP_SECRET_ACCESS_KEY_FILE.',
  )
}

async function openExisting(
  config: Config,
  { clock, ids }: Pick<InstallationParts, 'clock' | 'ids'>,
  { metadata }: Pick<Stores, 'metadata'>,
): Promise<Opened> {
  const id = (await fact(metadata, 'installation_id')) ?? ''
  await requireMode(config, await fact(metadata, 'mode'))
  await requireWhole(metadata)
  const keyRing = await loadKeyRing(config, { mayCreate: false })
  const canary = keyRing.open('canary', Buffer.from((await fact(metadata, 'canary')) ?? '', 'base64'), id)
  if (!canary) {
    throw new StartError(
      `the master key from ${keyRing.origin} is not the one that this store was sealed with`,
      'Give the key ring of this installation; without it the access keys in the store can not be opened.',
    )
  }
  await requireWholeRing(metadata, keyRing)
  const accountId = parseAccountId((await fact(metadata, 'account_id')) ?? '') ?? config.accountId
  return { id, accountId, keyRing, ...identitiesOf({ metadata, keyRing, clock, ids }), firstCredentials: undefined }
}

async function initialise(
  config: Config,
  { clock, ids }: InstallationParts,
  { metadata, blobs }: Stores,
): Promise<Opened> {
  if (hasMark(config) && (await blobs.owner()) !== undefined) throw foreignBlobs(config)
  // Keys that nobody gave must be kept somewhere.
  if (!config.bootstrap || !isShared(config)) await makeDataDir(config.dataDir)
  const keyRing = await loadKeyRing(config, { mayCreate: true })
  const access = identitiesOf({ metadata, keyRing, clock, ids })
  const id = ids.request()
  const firstCredentials = config.bootstrap ?? {
    accessKeyId: ids.accessKey(config.accountId),
    secretAccessKey: ids.secretKey(),
  }
  if (!config.bootstrap || !isShared(config)) await writeCredentials(config, firstCredentials)
  await access.identities.createAccount(config.accountId, firstCredentials, async (tx) => {
    await factsTable.setFact(tx, 'installation_id', id)
    await factsTable.setFact(tx, 'account_id', config.accountId)
    await factsTable.setFact(tx, 'mode', config.isDev ? 'dev' : 'normal')
    await factsTable.setFact(tx, 'canary', keyRing.seal('canary', Buffer.from('berth'), id).toString('base64'))
  })
  return { id, accountId: config.accountId, keyRing, ...access, firstCredentials }
}

function identitiesOf(parts: { metadata: MetadataStore; keyRing: KeyRing; clock: Clock; ids: Ids }) {
  const directory = createDirectory(parts)
  const sessions = createSessions(parts)
  return { directory, sessions, identities: createIdentities({ ...parts, directory, sessions }) }
}

/**
 * The mark of a blob store is `<installation id>/<store id>`, and the database has the same store id. A store without a mark is taken
 * only while the database names none: later that would be an empty place where the blobs should be.
 */
async function requireOwnBlobs(config: Config, ids: Ids, { metadata, blobs }: Stores, id: string): Promise<void> {
  if (!hasMark(config)) return
  const known = await fact(metadata, 'blob_store')
  const owner = await blobs.owner()
  if (known !== undefined) {
    if (owner === `${id}/${known}`) return
    if (owner !== undefined) throw foreignBlobs(config)
    throw new StartError(
      `the blobs of this installation are not in ${blobPlace(config)} (${config.blobStore ? 'BERTH_BLOB_STORE' : '--data-dir'})`,
      'Give the place where they are (BERTH_BLOB_STORE, or the data directory), or bring them here with `berth migrate-store`.',
    )
  }
  const [ownerId, storeId] = (owner ?? (await blobs.claim(`${id}/${ids.request()}`))).split('/')
  if (ownerId !== id || storeId === undefined) throw foreignBlobs(config)
  await metadata.write((tx) => factsTable.setFact(tx, 'blob_store', storeId))
}

/**
 * Where nothing waits for the disk, a power cut may take the account and leave the mark: what lies in one folder is then not marked.
 */
function hasMark({ durability, database, blobStore }: Config): boolean {
  return durability === 'full' || database !== undefined || blobStore !== undefined
}

function foreignBlobs(config: Config): StartError {
  return new StartError(
    `${blobPlace(config)} (${config.blobStore ? 'BERTH_BLOB_STORE' : '--data-dir'}) belongs to another installation`,
    'Give each installation a bucket, a prefix or a folder of its own, and each database its own blobs.',
  )
}

/** A store that `berth migrate-store` has left, or has not finished, is not served. */
async function requireWhole(metadata: MetadataStore): Promise<void> {
  const movedTo = await fact(metadata, 'moved_to')
  if (movedTo !== undefined) {
    throw new StartError(
      `this store was moved to ${movedTo}, and is not served any more`,
      'Serve that one. To come back, run `berth migrate-store` from there to an empty place.',
    )
  }
  if ((await fact(metadata, 'migrating_from')) !== undefined) {
    throw new StartError(
      'the copy of this store was not finished',
      'Run the same `berth migrate-store` again: it goes on where it stopped.',
    )
  }
}

/** While `berth keys rotate` is under way the canary is sealed by the new entry, and other secrets are not yet. */
async function requireWholeRing(metadata: MetadataStore, keyRing: KeyRing): Promise<void> {
  const needed = (await metadata.read(readSupersededKeys)).filter(({ isInUse }) => isInUse)
  const missing = needed.find(({ id }) => !keyRing.ids.includes(id))
  if (!missing) return
  throw new StartError(
    `the ring from ${keyRing.origin} lacks the entry "${missing.id}", which still seals secrets in this store`,
    'Put that entry back, and let `berth keys rotate` come to its end before it is removed.',
  )
}

async function requireMode(config: Config, mode: string | undefined): Promise<void> {
  if ((mode === 'dev') === config.isDev) return
  throw new StartError(
    config.isDev
      ? `the store in ${config.dataDir} is not a development store`
      : `the store in ${config.dataDir} was made with --dev, where everybody knows the keys`,
    config.isDev
      ? 'Start without --dev, or give another folder by --data-dir.'
      : 'Start with --dev, or give another folder by --data-dir.',
  )
}

/** Whole or not at all, durable, and readable by its owner alone. */
async function writeCredentials(config: Config, credentials: Credentials): Promise<void> {
  const path = credentialsFile(config)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(credentialsText(credentials))
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(config.dataDir)
}
