// A store on disk, opened: locked, migrated, its master key proven, its first account made if this is the first start.
//
//   <data-dir>/lock.db       an exclusive transaction of the process that has the folder; dies with it
//   <data-dir>/berth.db      the metadata (storage/metadata/sqlite.ts)
//   <data-dir>/uploads, blobs  bytes (storage/blobs/filesystem.ts)
//   <data-dir>/master-key    the key ring, unless it is given (auth/key-ring.ts)
//   <data-dir>/credentials   the first administrator's key, in the form of AWS's shared credentials file
//
// The first start writes the credentials file before the transaction that makes the account: a crash between the two leaves no
// account, and the next start begins again.

import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type AccountId, parseAccountId } from '@berth/api/names/registry.ts'
import { type KeyRing, loadKeyRing } from './auth/key-ring.ts'
import type { Clock } from './base/clock.ts'
import { StartError } from './base/errors.ts'
import type { Ids } from './base/ids.ts'
import type { Log } from './base/log.ts'
import type { Config } from './config.ts'
import { type Credentials, credentialsFile, makeDataDir } from './data-dir-files.ts'
import { createIdentities, type Identities } from './domain/identities/identities.ts'
import type { MetadataStore } from './storage/metadata/metadata-store.ts'
import { openSqlite } from './storage/metadata/sqlite.ts'
import { identitiesTable } from './storage/metadata/tables/identities.ts'

export interface Installation {
  id: string
  /** The first account, whatever the configuration says now. */
  accountId: AccountId
  metadata: MetadataStore
  keyRing: KeyRing
  identities: Identities
  /** Only when this start made the first account. */
  firstCredentials: Credentials | undefined
  close(): Promise<void>
}

export interface InstallationParts {
  clock: Clock
  ids: Ids
  log: Log
  onFailedSync: (error: unknown) => void
  /** Whether a folder without a store becomes one; otherwise that is an error with a way out. */
  mayInitialise: boolean
}

/** @throws StartError for everything that the operator can act on */
export async function openInstallation(config: Config, parts: InstallationParts): Promise<Installation> {
  await makeDataDir(config.dataDir)
  const unlock = lock(config.dataDir)
  let metadata: MetadataStore | undefined
  try {
    metadata = await openSqlite({
      path: join(config.dataDir, 'berth.db'),
      durability: config.durability,
      log: parts.log,
      onFailedSync: parts.onFailedSync,
    })
    const opened = await openStore(config, parts, metadata)
    const store = metadata
    return {
      ...opened,
      metadata: store,
      async close() {
        await store.close()
        unlock()
      },
    }
  } catch (error) {
    await metadata?.close()
    unlock()
    throw error
  }
}

/** One process per data directory. @throws StartError when another has it */
function lock(dataDir: string): () => void {
  const path = join(dataDir, 'lock.db')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const isLocked = error instanceof Error && 'errcode' in error && error.errcode === 5
    if (!isLocked) {
      throw new StartError(`${path} cannot be opened: ${error}`, 'Make the data directory writable for this user.', {
        cause: error,
      })
    }
    throw new StartError(
      `another process uses the data directory ${dataDir}`,
      'Stop that one first, or give this one another folder by --data-dir.',
      { cause: error },
    )
  }
  return () => database.close()
}

type Opened = Omit<Installation, 'metadata' | 'close'>

async function openStore(config: Config, parts: InstallationParts, metadata: MetadataStore): Promise<Opened> {
  const { clock, ids } = parts
  const fact = (key: string) => metadata.read((db) => identitiesTable.fact(db, key))
  const id = await fact('installation_id')
  if (id !== undefined) {
    await requireMode(config, await fact('mode'))
    const keyRing = await loadKeyRing(config, { mayCreate: false })
    const canary = keyRing.open('canary', Buffer.from((await fact('canary')) ?? '', 'base64'), id)
    if (!canary) {
      throw new StartError(
        `the master key from ${keyRing.origin} is not the one that this store was sealed with`,
        'Give the key ring of this installation; without it the access keys in the store can not be opened.',
      )
    }
    const identities = createIdentities({ metadata, keyRing, clock, ids })
    await identities.load()
    const accountId = parseAccountId((await fact('account_id')) ?? '') ?? config.accountId
    return { id, accountId, keyRing, identities, firstCredentials: undefined }
  }

  if (!parts.mayInitialise) {
    throw new StartError(
      `there is no store in ${config.dataDir} yet`,
      'Run `berth init` first, or give BERTH_BOOTSTRAP_ACCESS_KEY_ID and BERTH_BOOTSTRAP_SECRET_ACCESS_KEY_FILE.',
    )
  }
  const keyRing = await loadKeyRing(config, { mayCreate: true })
  const identities = createIdentities({ metadata, keyRing, clock, ids })
  const newId = ids.request()
  const firstCredentials = config.bootstrap ?? { accessKeyId: ids.accessKey(), secretAccessKey: ids.secretKey() }
  await writeCredentials(config, firstCredentials)
  await identities.createAccount(config.accountId, firstCredentials, async (tx) => {
    await identitiesTable.setFact(tx, 'installation_id', newId)
    await identitiesTable.setFact(tx, 'account_id', config.accountId)
    await identitiesTable.setFact(tx, 'mode', config.isDev ? 'dev' : 'normal')
    await identitiesTable.setFact(tx, 'canary', keyRing.seal('canary', Buffer.from('berth'), newId).toString('base64'))
  })
  return { id: newId, accountId: config.accountId, keyRing, identities, firstCredentials }
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
  const text = `[default]\naws_access_key_id = ${credentials.accessKeyId}\naws_secret_access_key = ${credentials.secretAccessKey}\n`
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const folder = await open(config.dataDir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
