// The store below the domain, without a wire: the real database and the real place of bytes, of the test's own, for tests of the rules above
// them. BERTH_TEST_STORE says which (stores.ts).

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseAccountId, parseRegion } from '@berth/api/names/registry.ts'
import { parseRepositoryName } from '@berth/api/names/repository-name.ts'
import { randomIds } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import type { RequestContext } from '../../src/base/request-context.ts'
import { parseConfig } from '../../src/config.ts'
import { createDirectory } from '../../src/domain/identities/directory.ts'
import { type Authorizer, createAuthorizer } from '../../src/domain/policies/authorize.ts'
import { administratorAccess } from '../../src/domain/policies/managed-policies.ts'
import { createResourcePolicies } from '../../src/domain/policies/resource-policies.ts'
import { createRepositories } from '../../src/domain/repositories/repositories.ts'
import type { BlobStore } from '../../src/storage/blobs/blob-store.ts'
import type { MetadataStore } from '../../src/storage/metadata/metadata-store.ts'
import { accountsTable } from '../../src/storage/metadata/tables/accounts.ts'
import { entitiesTable } from '../../src/storage/metadata/tables/entities.ts'
import { generationsTable } from '../../src/storage/metadata/tables/generations.ts'
import { openStores } from '../../src/stores.ts'
import { type FaultPlan, faultyBlobStore } from './faulty-blob-store.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'
import { openPeek, type Sql } from './peek.ts'
import { createStore, type StoreName, storeUnderTest } from './stores.ts'

export interface TestStore {
  metadata: MetadataStore
  /** With the faults of `plan`. */
  blobs: BlobStore
  /** Without them. */
  files: BlobStore
  plan: FaultPlan
  clock: ManualClock
  ids: typeof randomIds
  authorizer: Authorizer
  log: typeof silentLog
  dataDir: string
  ctx: RequestContext
  /** Makes a repository of the context's registry; gives the number of its row. */
  createRepository(name: string): Promise<number>
  /** The rows of a query, read past the store. */
  rows(sql: Sql): Promise<Record<string, unknown>[]>
  /** Storage keys, in order. */
  keys(): Promise<string[]>
  /** Uploads with staged bytes. */
  staged(): Promise<string[]>
}

/** Closed and removed after the test. */
export async function testStore(t: TestContext, name: StoreName = storeUnderTest()): Promise<TestStore> {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-store-'))
  const clock = manualClock(Date.UTC(2026, 10, 14, 12))
  const store = await createStore(name)
  const config = parseConfig({ flags: { dataDir, durability: 'relaxed' }, env: store.env })
  const { metadata, blobs, close } = await openStores(config, {
    clock,
    log: silentLog,
    onFailedSync(error) {
      throw error
    },
  })
  const peek = openPeek(store.databaseUrl ?? join(dataDir, 'berth.db'))
  const plan: FaultPlan = {}
  const accountId = parseAccountId('123456789012')
  const region = parseRegion('us-east-1')
  if (!accountId || !region) throw new Error('no registry')
  const registry = { accountId, region }
  await metadata.write(async (tx) => {
    await accountsTable.insert(tx, { account_id: accountId, created_at: 0 })
    const user = { entity_id: 'AIDATEST', account_id: accountId, kind: 'user' as const, name: 'admin', path: '/' }
    await entitiesTable.insert(tx, { ...user, created_at: 0 })
    await entitiesTable.attach(tx, 'AIDATEST', administratorAccess, 0)
    await generationsTable.move(tx, 'identities')
  })
  const ctx: RequestContext = {
    requestId: 'test',
    principal: {
      accountId,
      userId: 'AIDATEST',
      arn: `arn:aws:iam::${accountId}:user/admin`,
      accessKeyId: 'AKIATEST',
      accessKeyVersion: 0,
      caller: { kind: 'user', accountId, arn: `arn:aws:iam::${accountId}:user/admin`, userId: 'AIDATEST' },
    },
    registry,
    origin: { sourceIp: '127.0.0.1', isSecure: false },
    signal: new AbortController().signal,
    log: silentLog,
  }
  t.after(async () => {
    await close()
    await peek.close()
    await store.dispose()
    await rm(dataDir, { recursive: true, force: true })
  })
  return {
    metadata,
    files: blobs,
    blobs: faultyBlobStore(blobs, plan),
    plan,
    clock,
    ids: randomIds,
    authorizer: createAuthorizer({
      directory: createDirectory({ metadata }),
      resourcePolicies: createResourcePolicies({ metadata }),
      clock,
      sealMessage: () => 'sealed',
    }),
    log: silentLog,
    dataDir,
    ctx,
    async createRepository(text) {
      const name = parseRepositoryName(text)
      if (!name) throw new Error(`${text} is no name`)
      const { id } = await createRepositories({ metadata, clock }).create(ctx, {
        name,
        tags: [],
        tagMutability: 'MUTABLE',
        exclusionFilters: undefined,
        scanOnPush: false,
        encryptionType: 'AES256',
      })
      return id
    },
    rows: (sql) => peek.rows(sql),
    async keys() {
      const keys: string[] = []
      for await (const group of blobs.storageKeys()) keys.push(...group)
      return keys.sort()
    },
    async staged() {
      const ids = new Set<string>()
      for await (const strays of blobs.strays(0)) for (const { uploadId } of strays) ids.add(uploadId)
      return [...ids]
    },
  }
}
