// A registry for contract tests: a clock that stands still at a known time, so that whole answers can be compared, both wires byte for byte,
// and principals who are not the first administrator.

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { loadKeyRing } from '../../src/auth/key-ring.ts'
import { randomIds } from '../../src/base/ids.ts'
import { type AwsWire, awsWire } from './aws-wire.ts'
import { type OciWire, ociWire } from './oci-wire.ts'
import { type PlainHttp, plainHttp } from './plain-http.ts'
import {
  type ManualClock,
  manualClock,
  type TestCredentials,
  type TestRegistry,
  testRegistry,
} from './test-registry.ts'

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
  /** Runs SQL on the store, for states that take too long to reach. */
  sql(text: string): void
  /** After a change of identities by SQL: whoever keeps them reads them again. */
  identitiesChanged(): void
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
  const sql = (text: string) => {
    const database = new DatabaseSync(join(made.dataDir, 'berth.db'))
    try {
      database.exec(text)
    } finally {
      database.close()
    }
  }
  const identitiesChanged = () => sql("UPDATE generations SET generation = generation + 1 WHERE name = 'identities'")
  return {
    ...made,
    clock,
    http,
    aws,
    oci: await ociAs(aws),
    awsAs,
    ociAs,
    sql,
    async createUser(name) {
      const credentials = { accessKeyId: randomIds.accessKey(), secretAccessKey: randomIds.secretKey() }
      const userId = randomIds.user()
      const keyRing = await loadKeyRing({ dataDir: made.dataDir }, { mayCreate: false })
      const sealed = keyRing.seal(
        'access-key',
        Buffer.from(credentials.secretAccessKey),
        `access_keys/${account}/${credentials.accessKeyId}`,
      )
      sql(`
        INSERT INTO users (user_id, account_id, name, is_administrator, created_at)
          VALUES ('${userId}', '${account}', '${name}', 0, ${clock.now()});
        INSERT INTO access_keys (access_key_id, user_id, sealed_secret, status, created_at)
          VALUES ('${credentials.accessKeyId}', '${userId}', x'${sealed.toString('hex')}', 'Active', ${clock.now()})`)
      identitiesChanged()
      return credentials
    },
    identitiesChanged,
    async close() {
      http.close()
      await made.close()
    },
  }
}
