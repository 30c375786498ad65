// The registry in this process, on a store of its own: the real thing, with the parts that a test wants to hold (clock, log).
// BERTH_TEST_STORE says which store (stores.ts).

import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ECRClient } from '@aws-sdk/client-ecr'
import { parseAccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../src/base/clock.ts'
import { randomIds } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { type Config, parseConfig } from '../../src/config.ts'
import { createRegistry, type Registry } from '../../src/registry.ts'
import { openPeek, type Peek } from './peek.ts'
import { createStore, storeUnderTest } from './stores.ts'

/** Loaded where it is used: most tests speak to the registry byte for byte, and it takes as long to load as the registry itself. */
const require = createRequire(import.meta.url)
const sdk = () => require('@aws-sdk/client-ecr') as typeof import('@aws-sdk/client-ecr')

export { type ManualClock, manualClock } from './manual-clock.ts'

export interface TestCredentials {
  accessKeyId: string
  secretAccessKey: string
}

export interface TestRegistry {
  registry: Registry
  config: Config
  /** Other processes may use the store too. */
  isShared: boolean
  url: string
  host: string
  dataDir: string
  accountId: string
  credentials: TestCredentials
  peek: Peek
  /** Makes another account in the same store, with an administrator of its own. */
  createAccount(accountId: string): Promise<TestCredentials>
  /** Amazon's client, signing as the first administrator unless told otherwise. */
  ecr(options?: { credentials?: TestCredentials; region?: string }): ECRClient
  /** The value of an `Authorization` header for `/v2/`. */
  dockerAuthorization(options?: { credentials?: TestCredentials; region?: string }): Promise<string>
  /** Closes it and removes its store. */
  close(): Promise<void>
}

export async function testRegistry(
  options: { clock?: Clock; flags?: Record<string, string>; failedLoginBudget?: number } = {},
): Promise<TestRegistry> {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-registry-'))
  const store = await createStore(storeUnderTest())
  const config = parseConfig({
    flags: { listen: '127.0.0.1:0', dataDir, durability: 'relaxed', ...options.flags },
    env: store.env,
  })
  const registry = await createRegistry(config, {
    log: { log: silentLog, access: silentLog, flush: () => {} },
    stop: (reason) => {
      throw new Error(reason)
    },
    // Refusals are what many tests are about, and all of them come from one address.
    failedLoginBudget: options.failedLoginBudget ?? Number.POSITIVE_INFINITY,
    ...(options.clock ? { clock: options.clock } : {}),
  })
  const { url } = await registry.listen()
  if (!registry.firstCredentials) throw new Error('a new store has no first credentials')
  // Amazon's client writes into what it is given.
  const credentials = { ...registry.firstCredentials }
  const peek = openPeek(store.databaseUrl ?? join(dataDir, 'berth.db'))
  const clients: ECRClient[] = []
  const ecr: TestRegistry['ecr'] = (given = {}) => {
    const client = new (sdk().ECRClient)({
      endpoint: url,
      region: given.region ?? 'us-east-1',
      credentials: given.credentials ?? credentials,
      maxAttempts: 1,
    })
    clients.push(client)
    return client
  }
  return {
    registry,
    config,
    isShared: config.database !== undefined,
    peek,
    url,
    host: new URL(url).host,
    dataDir,
    accountId: config.accountId,
    credentials,
    async createAccount(text) {
      const accountId = parseAccountId(text)
      if (!accountId) throw new Error(`${text} is no account id`)
      const made = { accessKeyId: randomIds.accessKey(accountId), secretAccessKey: randomIds.secretKey() }
      await registry.identities.createAccount(accountId, made)
      return made
    },
    ecr,
    async dockerAuthorization(given) {
      const { GetAuthorizationTokenCommand } = sdk()
      const { authorizationData } = await ecr(given).send(new GetAuthorizationTokenCommand({}))
      return `Basic ${authorizationData?.[0]?.authorizationToken}`
    },
    async close() {
      for (const client of clients) client.destroy()
      await registry.close()
      await peek.close()
      await store.dispose()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
