// Access keys of users, and of root users (IAM CreateAccessKey and its neighbours). The secret is told once, when the key is made.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { KeyRing } from '../../auth/key-ring.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Ids } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
import { type AccessKeyRow, accessKeysTable } from '../../storage/metadata/tables/access-keys.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { accessKeysPerUser, checkQuota } from './quotas.ts'
import { sealSecret } from './secrets.ts'

const flushMs = 60_000
const maxNotes = 10_000

export type AccessKeyStatus = AccessKeyRow['status']

export interface AccessKeySummary {
  accessKeyId: string
  /** A user's id, or the account's for its root user. */
  ownerId: string
  status: AccessKeyStatus
  createdAt: number
  /** To the minute, as in IAM. */
  lastUse: { at: number; service: string; region: string } | undefined
}

export interface AccessKeys {
  /** @throws IdentityError LimitExceeded */
  create(accountId: AccountId, ownerId: string): Promise<AccessKeySummary & { secretAccessKey: string }>
  /** The oldest first. */
  list(ownerId: string): Promise<AccessKeySummary[]>
  /** Of all owners, each one's oldest first. */
  ofAccount(accountId: AccountId): Promise<AccessKeySummary[]>
  /** A key of the account. @throws IdentityError NoSuchEntity */
  find(accountId: AccountId, accessKeyId: string): Promise<AccessKeySummary>
  /** Whose key of the account it is, if there is one. */
  ownerOf(accountId: AccountId, accessKeyId: string): Promise<string | undefined>
  /** A disabled key, and the docker tokens made with it, are refused from now on. @throws IdentityError NoSuchEntity */
  setStatus(accountId: AccountId, ownerId: string, accessKeyId: string, status: AccessKeyStatus): Promise<void>
  /** @throws IdentityError NoSuchEntity */
  delete(accountId: AccountId, ownerId: string, accessKeyId: string): Promise<void>
  /** For GetAccessKeyLastUsed: kept in memory and written now and then, since reads do not write. */
  noteUse(accessKeyId: string, service: string, region: string): void
  close(): Promise<void>
}

export function createAccessKeys(parts: {
  metadata: MetadataStore
  keyRing: KeyRing
  clock: Clock
  ids: Ids
  log: Log
}): AccessKeys {
  const { metadata, keyRing, clock, ids, log } = parts
  let uses = new Map<string, { last_used_at: number; last_used_service: string; last_used_region: string }>()

  async function flush(): Promise<void> {
    const noted = uses
    uses = new Map()
    if (noted.size === 0) return
    await metadata.writeSoon(async (tx) => {
      for (const [accessKeyId, use] of noted) await accessKeysTable.recordUse(tx, accessKeyId, use)
    })
  }
  /** Nobody was promised the time of a use. */
  const flushOrWarn = () => flush().catch((error) => log.warn({ err: error }, 'uses of access keys were not recorded'))
  const timer = setInterval(flushOrWarn, flushMs)
  timer.unref()

  /** Inside the transaction: the key, if it is this owner's. */
  async function require(tx: Transaction, accountId: AccountId, ownerId: string, accessKeyId: string): Promise<void> {
    await accountsTable.lock(tx, accountId)
    const row = await accessKeysTable.find(tx.db, accessKeyId)
    if (row?.account_id !== accountId || row.owner_id !== ownerId) throw noSuchKey(accessKeyId)
  }

  return {
    async create(accountId, ownerId) {
      const secretAccessKey = ids.secretKey()
      const name = { account_id: accountId, access_key_id: ids.accessKey(accountId) }
      const row = {
        ...name,
        owner_id: ownerId,
        sealed_secret: sealSecret(keyRing, name, secretAccessKey),
        status: 'Active' as const,
        created_at: clock.now(),
      }
      await metadata.write(async (tx) => {
        await accountsTable.lock(tx, accountId)
        // The user may have been deleted since he was found.
        if (ownerId !== accountId && !(await entitiesTable.findById(tx.db, ownerId)))
          throw new IdentityError('NoSuchEntity', `The user with id ${ownerId} cannot be found.`)
        checkQuota((await accessKeysTable.ofOwner(tx.db, ownerId)).length, accessKeysPerUser)
        await accessKeysTable.insert(tx, row)
        await generationsTable.move(tx, 'identities')
      })
      const { access_key_id: accessKeyId, status, created_at: createdAt } = row
      return { accessKeyId, ownerId, status, createdAt, lastUse: undefined, secretAccessKey }
    },

    async list(ownerId) {
      return (await metadata.read((db) => accessKeysTable.ofOwner(db, ownerId))).map(present)
    },

    async ofAccount(accountId) {
      await flush()
      return (await metadata.read((db) => accessKeysTable.ofAccount(db, accountId))).map(present)
    },

    async find(accountId, accessKeyId) {
      await flush()
      const row = await metadata.read((db) => accessKeysTable.find(db, accessKeyId))
      if (row?.account_id !== accountId) throw noSuchKey(accessKeyId)
      return present(row)
    },

    async ownerOf(accountId, accessKeyId) {
      const row = await metadata.read((db) => accessKeysTable.find(db, accessKeyId))
      return row?.account_id === accountId ? row.owner_id : undefined
    },

    async setStatus(accountId, ownerId, accessKeyId, status) {
      await metadata.write(async (tx) => {
        await require(tx, accountId, ownerId, accessKeyId)
        await accessKeysTable.setStatus(tx, accessKeyId, status)
        await generationsTable.move(tx, 'identities')
      })
    },

    async delete(accountId, ownerId, accessKeyId) {
      await metadata.write(async (tx) => {
        await require(tx, accountId, ownerId, accessKeyId)
        await accessKeysTable.delete(tx, accessKeyId)
        await generationsTable.move(tx, 'identities')
      })
    },

    noteUse(accessKeyId, service, region) {
      if (uses.size >= maxNotes && !uses.has(accessKeyId)) return
      const minute = Math.floor(clock.now() / 60_000) * 60_000
      if (uses.get(accessKeyId)?.last_used_at === minute) return
      uses.set(accessKeyId, { last_used_at: minute, last_used_service: service, last_used_region: region })
    },

    async close() {
      clearInterval(timer)
      await flushOrWarn()
    },
  }
}

function noSuchKey(accessKeyId: string): IdentityError {
  return new IdentityError('NoSuchEntity', `The Access Key with id ${accessKeyId} cannot be found.`)
}

function present(row: AccessKeyRow): AccessKeySummary {
  const { last_used_at: at, last_used_service: service, last_used_region: region } = row
  return {
    accessKeyId: row.access_key_id,
    ownerId: row.owner_id,
    status: row.status,
    createdAt: row.created_at,
    lastUse: at !== null && service !== null && region !== null ? { at, service, region } : undefined,
  }
}
