// Accounts, their users, and the access keys that sign requests. The whole set is small, so it is held in memory and read again
// when its generation has moved, here or on another node; the database is the truth.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { KeyRing } from '../../auth/key-ring.ts'
import type { Clock } from '../../base/clock.ts'
import type { Ids } from '../../base/ids.ts'
import type { Principal } from '../../base/principal.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { type AccessKeyRow, identitiesTable } from '../../storage/metadata/tables/identities.ts'

export interface AccessKey {
  principal: Principal
  isActive: boolean
  /** Changes when the secret does. */
  version: number
  /** Opens the sealed secret. @throws Error when it was moved from another row or sealed by a ring that is gone */
  secret(): string
}

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
}

export interface Identities {
  /** The key, active or not, or undefined, as of two seconds ago at most. @throws RegistryError Unavailable */
  findAccessKey(accessKeyId: string): Promise<AccessKey | undefined>
  /**
   * Makes an account with its first administrator `admin`, whose key this is. What `also` does is in the same transaction.
   */
  createAccount(
    accountId: AccountId,
    credentials: Credentials,
    also?: (tx: Transaction) => Promise<void>,
  ): Promise<void>
  /** Disabled keys, and docker tokens made with them, are refused from now on. */
  setAccessKeyStatus(accessKeyId: string, status: 'Active' | 'Inactive'): Promise<void>
}

export function createIdentities(parts: {
  metadata: MetadataStore
  keyRing: KeyRing
  clock: Clock
  ids: Ids
}): Identities {
  const { metadata, keyRing, clock, ids } = parts
  let loaded = { generation: -1, accessKeys: new Map<string, AccessKey>() }
  let loading: Promise<void> | undefined

  async function load(): Promise<void> {
    const { generation, rows } = await metadata.read(async (db) => ({
      // First: rows that are newer than it are read again, never the other way round.
      generation: await generationsTable.find(db, 'identities'),
      rows: await identitiesTable.accessKeys(db),
    }))
    loaded = { generation, accessKeys: new Map(rows.map((row) => [row.access_key_id, present(row, keyRing)])) }
  }

  async function current(): Promise<Map<string, AccessKey>> {
    const generation = await metadata.generation('identities')
    while (loaded.generation < generation) {
      loading ??= load().finally(() => {
        loading = undefined
      })
      await loading
    }
    return loaded.accessKeys
  }

  return {
    async findAccessKey(accessKeyId) {
      return (await current()).get(accessKeyId)
    },

    async createAccount(accountId, credentials, also = async () => {}) {
      const now = clock.now()
      const user_id = ids.user()
      await metadata.write(async (tx) => {
        await identitiesTable.insertAccount(tx, { account_id: accountId, created_at: now })
        await identitiesTable.insertUser(tx, {
          user_id,
          account_id: accountId,
          name: 'admin',
          is_administrator: 1,
          created_at: now,
        })
        await identitiesTable.insertAccessKey(tx, {
          access_key_id: credentials.accessKeyId,
          user_id,
          sealed_secret: keyRing.seal(
            'access-key',
            Buffer.from(credentials.secretAccessKey),
            sealedFor(accountId, credentials.accessKeyId),
          ),
          status: 'Active',
          created_at: now,
        })
        await also(tx)
        await generationsTable.move(tx, 'identities')
      })
    },

    async setAccessKeyStatus(accessKeyId, status) {
      await metadata.write(async (tx) => {
        await identitiesTable.setAccessKeyStatus(tx, accessKeyId, status)
        await generationsTable.move(tx, 'identities')
      })
    },
  }
}

/** Binds a sealed secret to its row, so that it opens in no other. */
function sealedFor(accountId: string, accessKeyId: string): string {
  return `access_keys/${accountId}/${accessKeyId}`
}

function present(row: AccessKeyRow, keyRing: KeyRing): AccessKey {
  return {
    principal: {
      accountId: row.account_id,
      userId: row.user_id,
      arn: `arn:aws:iam::${row.account_id}:user/${row.name}`,
      accessKeyId: row.access_key_id,
      isAdministrator: row.is_administrator === 1,
    },
    isActive: row.status === 'Active',
    version: row.created_at,
    secret() {
      const secret = keyRing.open('access-key', row.sealed_secret, sealedFor(row.account_id, row.access_key_id))
      if (!secret) throw new Error(`the secret of access key ${row.access_key_id} does not open`)
      return secret.toString()
    },
  }
}
