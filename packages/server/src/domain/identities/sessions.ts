// Temporary credentials as they are kept: one row a session, named by its access key id, which never changes. What ends a session before its
// time is that its owner is gone: the role, the user, or the key that asked for it. The secret is in the token that its holder brings
// (auth/session-token.ts), and nowhere else.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import type { Ids } from '../../base/ids.ts'
import type { Session, Tag } from '../../base/principal.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import type { SessionKind } from '../../storage/metadata/schema.ts'
import { type SessionRow, sessionsTable } from '../../storage/metadata/tables/sessions.ts'

/** Rows outlive their sessions, since a docker token of 12 hours may be made in the last moment. */
const keptAfterMs = 13 * 60 * 60 * 1000
const maxCached = 10_000
/** Of what the rows keep as JSON: most have a few hundred, and tags that pack well may make 20,000. */
const maxCachedCharacters = 8 * 1024 * 1024

/** What a row keeps as JSON. */
export interface SessionDetails {
  policies?: Session['policies']
  tags?: readonly Tag[]
  transitiveTagKeys?: readonly string[]
  sourceIdentity?: string
  federatedProvider?: string
  /** Of GetSessionToken and GetFederationToken: the key that asked, which the session does not outlive. */
  parentKeyId?: string
}

export interface NewSession {
  accountId: AccountId
  kind: SessionKind
  /** The role, the user, or the account. */
  ownerId: string
  name: string
  durationSeconds: number
  details: SessionDetails
}

export interface StoredSession {
  accountId: AccountId
  kind: SessionKind
  ownerId: string
  name: string
  parentKeyId: string | undefined
  session: Session
}

export interface Sessions {
  create(session: NewSession): Promise<StoredSession>
  /** The session of a temporary access key, expired or not. */
  find(accessKeyId: string): Promise<StoredSession | undefined>
  /** Removes rows that nothing can rest on any more; how many they were. */
  removeExpired(limit: number): Promise<number>
}

export function createSessions(parts: { metadata: MetadataStore; clock: Clock; ids: Ids }): Sessions {
  const { metadata, clock, ids } = parts
  /** A row never changes, so it may be kept for ever; that there is none is never kept. */
  const cache = new Map<string, { stored: StoredSession; characters: number }>()
  let cachedCharacters = 0

  function forget(accessKeyId: string): void {
    cachedCharacters -= cache.get(accessKeyId)?.characters ?? 0
    cache.delete(accessKeyId)
  }

  function remember(row: SessionRow): StoredSession {
    const stored = present(row)
    const characters = row.details.length
    // Two may have read the same row.
    forget(row.session_id)
    for (const oldest of cache.keys()) {
      if (cache.size < maxCached && cachedCharacters + characters <= maxCachedCharacters) break
      forget(oldest)
    }
    cache.set(row.session_id, { stored, characters })
    cachedCharacters += characters
    return stored
  }

  return {
    async create({ accountId, kind, ownerId, name, durationSeconds, details }) {
      const now = clock.now()
      const row: SessionRow = {
        session_id: ids.accessKey(accountId, 'ASIA'),
        account_id: accountId,
        kind,
        owner_id: ownerId,
        name,
        issued_at: now,
        expires_at: now + durationSeconds * 1000,
        details: JSON.stringify(details),
      }
      await metadata.write((tx) => sessionsTable.insert(tx, row))
      return remember(row)
    },

    async find(accessKeyId) {
      const known = cache.get(accessKeyId)
      if (known) return known.stored
      const row = await metadata.read((db) => sessionsTable.find(db, accessKeyId))
      return row && remember(row)
    },

    removeExpired: (limit) => metadata.write((tx) => sessionsTable.deleteExpired(tx, clock.now() - keptAfterMs, limit)),
  }
}

function present(row: SessionRow): StoredSession {
  const details = JSON.parse(row.details) as SessionDetails
  return {
    accountId: row.account_id,
    kind: row.kind,
    ownerId: row.owner_id,
    name: row.name,
    parentKeyId: details.parentKeyId,
    session: {
      id: row.session_id,
      issuedAt: row.issued_at,
      expiresAt: row.expires_at,
      policies: details.policies ?? [],
      tags: details.tags ?? [],
      transitiveTagKeys: details.transitiveTagKeys ?? [],
      ...(details.sourceIdentity === undefined ? {} : { sourceIdentity: details.sourceIdentity }),
      ...(details.federatedProvider === undefined ? {} : { federatedProvider: details.federatedProvider }),
    },
  }
}
