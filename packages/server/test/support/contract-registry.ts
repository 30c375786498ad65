// A registry for contract tests: a clock that stands still at a known time, so that whole answers can be compared, both wires byte for byte,
// and principals who are not the first administrator.

import { loadKeyRing } from '../../src/auth/key-ring.ts'
import { randomIds } from '../../src/base/ids.ts'
import { generationsChannel } from '../../src/storage/metadata/tables/generations.ts'
import { type AwsWire, awsWire } from './aws-wire.ts'
import { type OciWire, ociWire } from './oci-wire.ts'
import { bytesLiteral, type Sql } from './peek.ts'
import { type PlainHttp, plainHttp } from './plain-http.ts'
import { openStoredBytes, type StoredBytes } from './stored-bytes.ts'
import {
  type ManualClock,
  manualClock,
  type TestCredentials,
  type TestRegistry,
  testRegistry,
} from './test-registry.ts'
import { until } from './until.ts'

/** 2026-11-14T12:00:00.250Z */
export const startOfTime = Date.UTC(2026, 10, 14, 12, 0, 0, 250)
export const account = '123456789012'
export const region = 'us-east-1'

export interface ContractRegistry extends TestRegistry {
  clock: ManualClock
  http: PlainHttp
  aws: AwsWire
  oci: OciWire
  awsAs(credentials: TestCredentials, region?: string): AwsWire
  ociAs(aws: AwsWire): Promise<OciWire>
  /** A user of the account who is no administrator: there is no API for that yet, so the row is put into the database. */
  createUser(name: string): Promise<TestCredentials>
  bytes: StoredBytes
  /** Runs SQL on the store, for states that take too long to reach. */
  sql(text: Sql): Promise<void>
  /** After a change of identities by SQL: whoever keeps them reads them again. */
  identitiesChanged(): Promise<void>
}

export async function contractRegistry(flags: Record<string, string> = {}): Promise<ContractRegistry> {
  const clock = manualClock(startOfTime)
  const made = await testRegistry({ clock, flags })
  const http = plainHttp(made.url)
  const awsAs = (credentials: TestCredentials, inRegion = region) =>
    awsWire({ http, host: made.host, clock, credentials, region: inRegion })
  const ociAs = async (aws: AwsWire) => {
    const { authorizationData } = await aws.ok<{ authorizationData: [{ authorizationToken: string }] }>(
      'GetAuthorizationToken',
    )
    return ociWire(http, `Basic ${authorizationData[0].authorizationToken}`)
  }
  const aws = awsAs(made.credentials)
  const bytes = openStoredBytes(made.config)
  const sql = (text: Sql) => made.peek.run(text)
  const identitiesChanged = async () => {
    const moved = "UPDATE generations SET generation = generation + 1 WHERE name = 'identities'"
    await sql({ sqlite: moved, postgres: `${moved}; NOTIFY ${generationsChannel}` })
    const keys = await made.peek.rows(
      'SELECT k.access_key_id, u.is_administrator FROM access_keys k JOIN users u ON u.user_id = k.user_id',
    )
    // A notification arrives when it arrives.
    await until('the registry knows of the change', async () => {
      for (const { access_key_id, is_administrator } of keys) {
        const key = await made.registry.identities.findAccessKey(String(access_key_id))
        if (key?.principal.isAdministrator !== (is_administrator === 1)) return false
      }
      return true
    })
  }
  return {
    ...made,
    clock,
    http,
    aws,
    oci: await ociAs(aws),
    awsAs,
    ociAs,
    bytes,
    sql,
    async createUser(name) {
      const credentials = { accessKeyId: randomIds.accessKey(), secretAccessKey: randomIds.secretKey() }
      const userId = randomIds.user()
      const keyRing = await loadKeyRing(made.config, { mayCreate: false })
      const sealed = keyRing.seal(
        'access-key',
        Buffer.from(credentials.secretAccessKey),
        `access_keys/${account}/${credentials.accessKeyId}`,
      )
      const secret = bytesLiteral(sealed)
      const insert = (bytes: string) => `
        INSERT INTO users (user_id, account_id, name, is_administrator, created_at)
          VALUES ('${userId}', '${account}', '${name}', 0, ${clock.now()});
        INSERT INTO access_keys (access_key_id, user_id, sealed_secret, status, created_at)
          VALUES ('${credentials.accessKeyId}', '${userId}', ${bytes}, 'Active', ${clock.now()})`
      await sql({ sqlite: insert(secret.sqlite), postgres: insert(secret.postgres) })
      await identitiesChanged()
      return credentials
    },
    identitiesChanged,
    async close() {
      http.close()
      bytes.close()
      await made.close()
    },
  }
}
