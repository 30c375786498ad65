// Whose access key it is: the door between a key id on a wire and a principal. Long-term keys are in the directory, sessions in rows of
// their own; either is let in only while everything it rests on is there and active.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { KeyRing } from '../../auth/key-ring.ts'
import type { Clock } from '../../base/clock.ts'
import { accountOfAccessKey, type Ids } from '../../base/ids.ts'
import type { Principal } from '../../base/principal.ts'
import type { MetadataStore, Transaction } from '../../storage/metadata/metadata-store.ts'
import { accessKeysTable } from '../../storage/metadata/tables/access-keys.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { administratorAccess } from '../policies/managed-policies.ts'
import { federatedUserArn, rootArn, sessionArn } from './arns.ts'
import type { Directory, Snapshot } from './directory.ts'
import { openSecret, sealSecret } from './secrets.ts'
import type { Sessions, StoredSession } from './sessions.ts'

export interface AccessKey {
  principal: Principal
  /** Opens the sealed secret of a long-term key. @throws Error when it does not open */
  secret(): string
}

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
}

export interface Identities {
  /**
   * The key, if it may be used now; as of two seconds ago at most. Of a session it is asked whether its owner still stands behind it, not
   * whether its time is over: a docker token outlives the session that it was made with (ECR GetAuthorizationToken).
   * @throws RegistryError Unavailable
   */
  findAccessKey(accessKeyId: string): Promise<AccessKey | undefined>
  /** Makes an account with its first administrator `admin`, whose key this is. What `also` does is in the same transaction. */
  createAccount(
    accountId: AccountId,
    credentials: Credentials,
    also?: (tx: Transaction) => Promise<void>,
  ): Promise<void>
}

export function createIdentities(parts: {
  metadata: MetadataStore
  directory: Directory
  sessions: Sessions
  keyRing: KeyRing
  clock: Clock
  ids: Ids
}): Identities {
  const { metadata, directory, sessions, keyRing, clock, ids } = parts

  function longTerm(snapshot: Snapshot, accessKeyId: string): AccessKey | undefined {
    const row = snapshot.accessKey(accessKeyId)
    if (row?.status !== 'Active') return undefined
    const key = { accessKeyId, accessKeyVersion: row.created_at }
    const principal = principalOfOwner(snapshot, row.account_id, row.owner_id, key)
    return principal && { principal, secret: () => openSecret(keyRing, row) }
  }

  async function temporary(snapshot: Snapshot, accessKeyId: string): Promise<AccessKey | undefined> {
    // Ids of accounts that are not here cost no query.
    const accountId = accountOfAccessKey(accessKeyId)
    const stored = accountId && snapshot.hasAccount(accountId) ? await sessions.find(accessKeyId) : undefined
    if (stored?.accountId !== accountId) return undefined
    const principal = stored && principalOfSession(snapshot, stored)
    const secret = () => {
      throw new Error('the secret of a session is in its token')
    }
    return principal && { principal, secret }
  }

  async function find(snapshot: Snapshot, accessKeyId: string): Promise<AccessKey | undefined> {
    return accessKeyId.startsWith('ASIA') ? temporary(snapshot, accessKeyId) : longTerm(snapshot, accessKeyId)
  }

  return {
    async findAccessKey(accessKeyId) {
      const snapshot = await directory.current()
      const known = await find(snapshot, accessKeyId)
      // Made on another node a moment ago, perhaps. Strangers' ids are not worth a query.
      if (known || !directory.mayBeOld || !snapshot.hasAccount(accountOfAccessKey(accessKeyId) ?? '')) return known
      return find(await directory.current('now'), accessKeyId)
    },

    async createAccount(accountId, credentials, also = async () => {}) {
      const now = clock.now()
      const userId = ids.entity('AIDA')
      const name = { account_id: accountId, access_key_id: credentials.accessKeyId }
      await metadata.write(async (tx) => {
        if (!(await accountsTable.insert(tx, { account_id: accountId, created_at: now })))
          throw new Error(`there is an account ${accountId} already`)
        const admin = { entity_id: userId, account_id: accountId, kind: 'user' as const, name: 'admin', path: '/' }
        await entitiesTable.insert(tx, { ...admin, created_at: now })
        await entitiesTable.attach(tx, userId, administratorAccess, now)
        await accessKeysTable.insert(tx, {
          ...name,
          owner_id: userId,
          sealed_secret: sealSecret(keyRing, name, credentials.secretAccessKey),
          status: 'Active',
          created_at: now,
        })
        await also(tx)
        await generationsTable.move(tx, 'identities')
      })
    },
  }
}

/** A user, or the root user of an account; undefined when there is none, or the account is closed. */
function principalOfOwner(
  snapshot: Snapshot,
  accountId: AccountId,
  ownerId: string,
  key: Pick<Principal, 'accessKeyId' | 'accessKeyVersion'>,
): Principal | undefined {
  if (!snapshot.hasAccount(accountId)) return undefined
  if (ownerId === accountId) {
    const arn = rootArn(accountId)
    return { accountId, userId: accountId, arn, ...key, caller: { kind: 'root', accountId, arn } }
  }
  const user = snapshot.entity(ownerId)
  if (user?.kind !== 'user') return undefined
  const { id: userId, arn } = user
  return { accountId, userId, arn, ...key, caller: { kind: 'user', accountId, arn, userId } }
}

function principalOfSession(snapshot: Snapshot, stored: StoredSession): Principal | undefined {
  const { accountId, kind, ownerId, name, parentKeyId, session } = stored
  const key = { accessKeyId: session.id, accessKeyVersion: session.issuedAt }
  if (kind === 'role') {
    const role = snapshot.entity(ownerId)
    if (role?.kind !== 'role' || !snapshot.hasAccount(accountId)) return undefined
    const arn = sessionArn(accountId, role.name, name)
    const caller = {
      kind: 'role-session',
      accountId,
      arn,
      roleArn: role.arn,
      roleId: role.id,
      sessionName: name,
    } as const
    return { accountId, userId: `${role.id}:${name}`, arn, ...key, session, caller }
  }
  const parent = snapshot.accessKey(parentKeyId ?? '')
  if (parent?.status !== 'Active' || parent.owner_id !== ownerId) return undefined
  const owner = principalOfOwner(snapshot, accountId, ownerId, key)
  if (!owner || kind !== 'federated-user') return owner && { ...owner, session }
  const arn = federatedUserArn(accountId, name)
  const caller = { kind: 'federated-user', accountId, arn, userId: ownerId } as const
  return { accountId, userId: `${accountId}:${name}`, arn, ...key, session, caller }
}
