// A registry for contract tests: a clock that stands still at a known time, so that whole answers can be compared, both wires byte for byte,
// and principals who are not the first administrator.

import { type AwsWire, awsWire } from './aws-wire.ts'
import { setKeyStatus } from './key-status.ts'
import { type OciWire, ociWire } from './oci-wire.ts'
import type { Sql } from './peek.ts'
import { type PlainHttp, plainHttp } from './plain-http.ts'
import { type QueryCredentials, type QueryWire, queryWire, textOf } from './query-wire.ts'
import { openStoredBytes, type StoredBytes } from './stored-bytes.ts'
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
  /** As the first administrator unless told otherwise. */
  iam(credentials?: QueryCredentials): QueryWire
  sts(credentials?: QueryCredentials, region?: string): QueryWire
  /** A user of the account with these managed policies and no others. */
  createUser(name: string, policies?: readonly string[]): Promise<TestCredentials>
  setKeyStatus(accessKeyId: string, status: 'Active' | 'Inactive'): Promise<void>
  bytes: StoredBytes
  /** Runs SQL on the store, for states that take too long to reach. */
  sql(text: Sql): Promise<void>
  /** After a change of identities by SQL: whoever keeps them reads them again. */
  identitiesChanged(): Promise<void>
}

export async function contractRegistry(
  flags: Record<string, string> = {},
  options: { failedLoginBudget?: number } = {},
): Promise<ContractRegistry> {
  const clock = manualClock(startOfTime)
  const made = await testRegistry({ ...options, clock, flags })
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
  // A change through the registry itself: it reads all identities again.
  const identitiesChanged = () => setKeyStatus(made.registry, made.credentials.accessKeyId, 'Active')
  const iam: ContractRegistry['iam'] = (credentials = made.credentials) =>
    queryWire({ http, host: made.host, clock, credentials, service: 'iam' })
  const administrator = iam()
  return {
    ...made,
    clock,
    http,
    aws,
    oci: await ociAs(aws),
    awsAs,
    ociAs,
    iam,
    sts: (credentials = made.credentials, inRegion = region) =>
      queryWire({ http, host: made.host, clock, credentials, service: 'sts', region: inRegion }),
    bytes,
    sql,
    async createUser(name, policies = []) {
      await administrator.ok('CreateUser', { UserName: name })
      for (const arn of policies) await administrator.ok('AttachUserPolicy', { UserName: name, PolicyArn: arn })
      const made = await administrator.ok('CreateAccessKey', { UserName: name })
      return { accessKeyId: textOf(made, 'AccessKeyId'), secretAccessKey: textOf(made, 'SecretAccessKey') }
    },
    setKeyStatus: (accessKeyId, status) => setKeyStatus(made.registry, accessKeyId, status),
    identitiesChanged,
    async close() {
      http.close()
      bytes.close()
      await made.close()
    },
  }
}
