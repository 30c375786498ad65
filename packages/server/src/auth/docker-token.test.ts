import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { parseRegion } from '@berth/api/names/registry.ts'
import type { Principal } from '../base/principal.ts'
import type { AccessKey, Identities } from '../domain/identities/identities.ts'
import { createDockerTokens } from './docker-token.ts'
import { createKeyRing, type KeyRing } from './key-ring.ts'

const region = parseRegion('eu-west-1') as NonNullable<ReturnType<typeof parseRegion>>
const hours = 60 * 60 * 1000
const start = Date.UTC(2026, 10, 14)

function tokens(options: { keyRing?: KeyRing; installationId?: string; isSessionBound?: boolean } = {}) {
  let now = start
  const principal = { accessKeyId: 'AKIA1', accessKeyVersion: 1 } as Principal
  const accessKey: AccessKey = { principal, secret: () => 'secret' }
  const known = new Map([['AKIA1', accessKey]])
  const keyRing = options.keyRing ?? createKeyRing([{ id: 'one', key: randomBytes(32) }], 'test')
  const opened: string[] = []
  const made = createDockerTokens({
    keyRing: {
      ...keyRing,
      open: (purpose, sealed, aad) => {
        opened.push(purpose)
        return keyRing.open(purpose, sealed, aad)
      },
    },
    identities: { findAccessKey: async (id: string) => known.get(id) } as Identities,
    clock: { now: () => now },
    installationId: options.installationId ?? 'here',
    isSessionBound: options.isSessionBound ?? false,
  })
  return {
    ...made,
    principal,
    keyRing,
    accessKey,
    known,
    opened,
    advance(milliseconds: number) {
      now += milliseconds
    },
  }
}

const headerOf = (password: string, user = 'AWS', scheme = 'Basic') =>
  `${scheme} ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('docker tokens (ECR GetAuthorizationToken)', () => {
  test('a token names its key and region, for twelve hours', async () => {
    const { issue, open, principal, advance } = tokens()
    const { password, expiresAt } = issue(principal, region)
    assert.equal(expiresAt, start + 12 * hours)
    assert.match(password, /^[A-Za-z0-9_-]{40,400}$/)
    assert.deepEqual(await open(headerOf(password)), { is: 'valid', principal, region })
    advance(12 * hours - 1)
    assert.equal((await open(headerOf(password))).is, 'valid')
    advance(1)
    assert.deepEqual(await open(headerOf(password)), { is: 'expired', accessKeyId: 'AKIA1' })
  })

  test('no two are equal, and none says anything in clear', async () => {
    const { issue, principal } = tokens()
    const [one, two] = [issue(principal, region).password, issue(principal, region).password]
    assert.notEqual(one, two)
    assert.ok(!Buffer.from(one, 'base64url').toString('latin1').includes('AKIA1'))
  })

  test('what is no token of ours is malformed, whatever it is', async () => {
    const { issue, open, principal } = tokens()
    const { password } = issue(principal, region)
    for (const header of [
      '',
      'Basic',
      'Basic ',
      'Basic  ',
      'Bearer x',
      `Bearer ${Buffer.from(`AWS:${password}`).toString('base64')}`,
      headerOf(password, 'aws'),
      headerOf(password, ''),
      headerOf(''),
      headerOf('x'),
      headerOf(`${password}AAAA`),
      headerOf(password.slice(0, -1)),
      headerOf(`B${password.slice(1)}`),
      headerOf(`${password} `),
      headerOf('x'.repeat(600)),
      `${headerOf(password)}\u0000`,
      `Basic ${Buffer.from(password).toString('base64')}`,
      `Basic ${'A'.repeat(100_000)}`,
    ]) {
      assert.deepEqual(await open(header), { is: 'malformed' }, header.slice(0, 80))
    }
    assert.equal((await open(headerOf(password, 'AWS', 'bAsIc'))).is, 'valid')
  })

  test('neither user nor password is no credential at all', async () => {
    assert.deepEqual(await tokens().open(headerOf('', '')), { is: 'absent' })
  })

  test('a token of another installation, or sealed by another ring, is none', async () => {
    const ours = tokens()
    const { password } = ours.issue(ours.principal, region)
    assert.equal(
      (await tokens({ keyRing: ours.keyRing, installationId: 'there' }).open(headerOf(password))).is,
      'malformed',
    )
    assert.equal((await tokens().open(headerOf(password))).is, 'malformed')
  })

  test('a value that was sealed for another purpose is none', async () => {
    const { keyRing, open } = tokens()
    const payload = Buffer.from(JSON.stringify({ key: 'AKIA1', region, expiresAt: start + hours }))
    for (const purpose of ['page-token', 'download-link', 'canary'] as const) {
      assert.equal((await open(headerOf(keyRing.seal(purpose, payload, 'here').toString('base64url')))).is, 'malformed')
    }
  })

  test('the key behind it is asked for at each use: disabled, deleted or made again it ends the token at once', async () => {
    const { issue, open, accessKey, known, principal } = tokens()
    const header = headerOf(issue(principal, region).password)
    assert.equal((await open(header)).is, 'valid')
    known.set('AKIA1', { ...accessKey, principal: { ...principal, accessKeyVersion: 2 } })
    assert.deepEqual(await open(header), { is: 'revoked', accessKeyId: 'AKIA1' })
    known.set('AKIA1', accessKey)
    assert.equal((await open(header)).is, 'valid')
    known.clear()
    assert.deepEqual(await open(header), { is: 'revoked', accessKeyId: 'AKIA1' })
  })

  test('a token is opened once, and its end is seen all the same', async () => {
    const { issue, open, opened, advance, principal } = tokens()
    const header = headerOf(issue(principal, region).password)
    for (let use = 0; use < 5; use++) await open(header)
    assert.equal(opened.length, 1)
    advance(12 * hours)
    assert.equal((await open(header)).is, 'expired')
    assert.equal(opened.length, 1)
  })

  test('garbage is not remembered', async () => {
    const { open, opened } = tokens()
    for (let n = 0; n < 3; n++) await open(headerOf('A'.repeat(60)))
    assert.equal(opened.length, 3)
  })
})
