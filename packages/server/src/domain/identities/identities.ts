// Accounts, their users, and the access keys that sign requests. The whole set is small, so it is held in memory and read again
// after each change; the database is the truth.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { KeyRing } from '../../auth/key-ring.ts'
import type { Clock } from '../../base/clock.ts'
import type { Ids } from '../../base/ids.ts'
import type { Principal } from '../../base/principal.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
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
  /** Reads all keys; called at the start and after each change. */
  load(): Promise<void>
  /** The key, active or not, or undefined. */
  findAccessKey(accessKeyId: string): AccessKey | undefined
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
  let accessKeys = new Map<string, AccessKey>()

  async function load(): Promise<void> {
    const rows = await metadata.read((db) => identitiesTable.accessKeys(db))
    accessKeys = new Map(rows.map((row) => [row.access_key_id, present(row, keyRing)]))
  }

  return {
    load,
    findAccessKey: (accessKeyId) => accessKeys.get(accessKeyId),

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
      })
      await load()
    },

    async setAccessKeyStatus(accessKeyId, status) {
      await metadata.write((tx) => identitiesTable.setAccessKeyStatus(tx, accessKeyId, status))
      await load()
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
