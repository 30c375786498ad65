import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { after, before, beforeEach, describe, it } from 'node:test'
import { pino } from 'pino'
import { type ManualClock, manualClock } from '../../test/support/manual-clock.ts'
import {
  configurationPath,
  createOidcProvider,
  json,
  keysPath,
  misbehaving,
  type OidcProvider,
  whyNoOidcProvider,
} from '../../test/support/oidc-provider.ts'
import { IdentityError } from '../base/identity-error.ts'
import { createGuardedFetch, type FetchJson } from '../remote/guarded-fetch.ts'
import { createKeySets, type KeySets, refuseKeySet, type WantedKey } from './key-sets.ts'

const minute = 60_000
const hour = 60 * minute

interface Trial {
  clock: ManualClock
  /** What the operator was told. */
  reasons: string[]
  keySets: KeySets
}

function trial(fetchJson: FetchJson): Trial {
  const clock = manualClock()
  const reasons: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => reasons.push(JSON.parse(line).reason) })
  return { clock, reasons, keySets: createKeySets({ fetchJson, clock, log }) }
}

async function refusal(finding: Promise<unknown>): Promise<string> {
  const error = await finding.then(
    () => assert.fail('a key was found'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof IdentityError, String(error))
  return error.code
}

const jwk = (key: KeyObject, more: object = {}) => ({ ...key.export({ format: 'jwk' }), ...more })

describe('the keys of a provider', { skip: whyNoOidcProvider }, () => {
  let provider: OidcProvider
  let { clock, reasons, keySets } = {} as Trial

  before(async () => {
    provider = await createOidcProvider()
  })
  after(() => provider.close())
  beforeEach(() => {
    provider.answers.clear()
    provider.requests.clear()
    provider.cacheControl = undefined
    ;({ clock, reasons, keySets } = trial(
      createGuardedFetch({ ca: provider.ca, allowedHosts: [provider.host] }).fetchJson,
    ))
  })

  const wanted = (keyId: string | undefined = provider.signingKey('RS256').keyId): WantedKey => ({
    algorithm: 'RS256',
    keyId,
  })
  const find = (want: WantedKey = wanted()) => keySets.find(provider, want)
  /** Fetches of the configuration and of the keys. */
  const fetches = () => [provider.requests.get(configurationPath) ?? 0, provider.requests.get(keysPath) ?? 0]
  const isOf = (key: KeyObject) => key.equals(createPublicKey(provider.signingKey('RS256').key))

  it('are fetched once, however many ask at once', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, () => find()))
    assert.ok(found.every(isOf))
    assert.deepEqual(fetches(), [1, 1])
    await find({ algorithm: 'ES384', keyId: provider.signingKey('ES384').keyId })
    assert.deepEqual(fetches(), [1, 1])
  })

  for (const [cacheControl, keptMs] of [
    [undefined, 5 * minute],
    ['no-store', 5 * minute],
    ['max-age=1', 5 * minute],
    ['max-age=3600', hour],
    ['max-age=9999999999', 24 * hour],
  ] as const) {
    it(`are kept for ${keptMs / minute} minutes when it says ${cacheControl}`, async () => {
      provider.cacheControl = cacheControl
      await find()
      clock.advance(keptMs - 1)
      await find()
      assert.deepEqual(fetches(), [1, 1])
      clock.advance(1)
      await find()
      assert.deepEqual(fetches(), [2, 2])
    })
  }

  it('are fetched for a name that is not among them, once a minute', async () => {
    provider.cacheControl = 'max-age=86400'
    const [old, { keyId }] = [await find(), provider.signingKey('RS256')]
    provider.rotate()
    assert.equal(await refusal(find()), 'InvalidIdentityToken')
    clock.advance(minute - 1)
    assert.equal(await refusal(find()), 'InvalidIdentityToken')
    assert.deepEqual(fetches(), [1, 1])
    clock.advance(1)
    const found = await Promise.all([find(), find(), find()])
    assert.ok(found.every(isOf) && !isOf(old))
    assert.deepEqual(fetches(), [2, 2])
    for (let i = 0; i < 50; i++) assert.equal(await refusal(find(wanted(`made-up-${i}`))), 'InvalidIdentityToken')
    assert.deepEqual(fetches(), [2, 2])
    // What is gone from the set is not believed any more.
    assert.equal(await refusal(find(wanted(keyId))), 'InvalidIdentityToken')
    clock.advance(minute)
    await Promise.all(Array.from({ length: 50 }, (_, i) => refusal(find(wanted(`made-up-${i}`)))))
    assert.deepEqual(fetches(), [3, 3])
  })

  it('hold for a day when it cannot be reached, which is tried once a minute', async () => {
    await find()
    provider.answers.set(configurationPath, misbehaving.status(503))
    clock.advance(5 * minute)
    assert.ok(isOf(await find()))
    assert.ok(isOf(await find()))
    assert.deepEqual(fetches(), [2, 1])
    clock.advance(minute)
    assert.ok(isOf(await find()))
    assert.deepEqual(fetches(), [3, 1])
    assert.equal(await refusal(find(wanted('unknown'))), 'IDPCommunicationError')
    clock.advance(24 * hour - 6 * minute - 1)
    assert.ok(isOf(await find()))
    clock.advance(1)
    assert.equal(await refusal(find()), 'IDPCommunicationError')
    provider.answers.clear()
    clock.advance(minute)
    assert.ok(isOf(await find()))
    clock.advance(minute)
    assert.equal(await refusal(find(wanted('unknown'))), 'InvalidIdentityToken')
    assert.deepEqual([...new Set(reasons)], ['it answered 503'])
  })

  it('are tried again after five seconds when there are none', async () => {
    provider.answers.set(keysPath, misbehaving.status(500))
    assert.equal(await refusal(find()), 'IDPCommunicationError')
    provider.answers.clear()
    clock.advance(4_999)
    assert.equal(await refusal(find()), 'IDPCommunicationError')
    assert.deepEqual(fetches(), [1, 1])
    clock.advance(1)
    assert.ok(isOf(await find()))
    assert.deepEqual(fetches(), [2, 2])
  })

  it('are none when it has taken all of them back', async () => {
    await find()
    provider.answers.set(keysPath, json({ keys: [] }))
    clock.advance(5 * minute)
    assert.equal(await refusal(find()), 'InvalidIdentityToken')
    assert.deepEqual(reasons, [])
  })

  it('are of an issuer with a path, whose slash at the end is not repeated', async () => {
    for (const path of ['/id/A1', '/']) {
      const url = `${provider.url}${path}`
      const at = `${path === '/' ? '' : path}${configurationPath}`
      provider.answers.set(at, json({ issuer: url, jwks_uri: `${provider.url}${keysPath}` }))
      assert.ok(isOf(await keySets.find({ url }, wanted())), path)
    }
  })

  it('are not fetched when they are given', async () => {
    const source = { url: provider.url, staticJwks: JSON.stringify(provider.keySet()) }
    assert.ok(isOf(await keySets.find(source, wanted())))
    provider.rotate()
    assert.equal(await refusal(keySets.find(source, wanted())), 'InvalidIdentityToken')
    assert.equal(await refusal(keySets.find({ ...source, staticJwks: '{' }, wanted())), 'InvalidIdentityToken')
    assert.deepEqual(fetches(), [0, 0])
  })

  const configuration = (members: (url: string) => unknown) => () =>
    provider.answers.set(configurationPath, json(members(provider.url)))
  const keys = (body: string) => () => provider.answers.set(keysPath, (_, response) => response.end(body))

  /** What a provider does, what STS says then, and what the operator is told. */
  for (const [name, misbehave, code, reason] of [
    [
      'names another issuer',
      configuration(() => ({ issuer: 'https://a.example.com', jwks_uri: 'https://a.example.com/' })),
      'InvalidIdentityToken',
      /^its configuration names another issuer$/,
    ],
    [
      'names its issuer with a slash',
      configuration((url) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` })),
      'InvalidIdentityToken',
      /^its configuration names another issuer$/,
    ],
    [
      'names no issuer',
      configuration((url) => ({ jwks_uri: `${url}/keys` })),
      'InvalidIdentityToken',
      /^its configuration names another issuer$/,
    ],
    [
      'does not say where its keys are',
      configuration((url) => ({ issuer: url })),
      'InvalidIdentityToken',
      /^its configuration does not say where its keys are$/,
    ],
    [
      'has a list for the place of its keys',
      configuration((url) => ({ issuer: url, jwks_uri: [url] })),
      'InvalidIdentityToken',
      /^its configuration does not say where its keys are$/,
    ],
    [
      'has its keys on http',
      configuration((url) => ({ issuer: url, jwks_uri: url.replace('https', 'http') })),
      'InvalidIdentityToken',
      /^the URL must begin with https:\/\/$/,
    ],
    [
      'has its keys at the metadata service',
      configuration((url) => ({ issuer: url, jwks_uri: 'https://169.254.169.254/latest' })),
      'InvalidIdentityToken',
      /^the URL must not have an address that is not public$/,
    ],
    [
      'has its keys on this machine',
      configuration((url) => ({ issuer: url, jwks_uri: `https://127.1:${new URL(url).port}/keys` })),
      'InvalidIdentityToken',
      /^the URL must not have an address that is not public$/,
    ],
    [
      'has its keys in a file',
      configuration((url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' })),
      'InvalidIdentityToken',
      /^the URL must begin with/,
    ],
    [
      'has its keys inside',
      configuration((url) => ({ issuer: url, jwks_uri: 'https://vault.internal/keys' })),
      'InvalidIdentityToken',
      /^the URL must have a public host$/,
    ],
    [
      'leads elsewhere',
      () => provider.answers.set(configurationPath, misbehaving.redirectTo('https://169.254.169.254/')),
      'InvalidIdentityToken',
      /^it answered 302; nothing is followed$/,
    ],
    [
      'leads elsewhere for its keys',
      () => provider.answers.set(keysPath, misbehaving.redirectTo('/')),
      'InvalidIdentityToken',
      /^it answered 302; nothing is followed$/,
    ],
    [
      'has no configuration',
      () => provider.answers.set(configurationPath, misbehaving.status(404)),
      'InvalidIdentityToken',
      /^it answered 404$/,
    ],
    [
      'is broken',
      () => provider.answers.set(configurationPath, misbehaving.status(502)),
      'IDPCommunicationError',
      /^it answered 502$/,
    ],
    [
      'answers without end',
      () => provider.answers.set(keysPath, misbehaving.huge),
      'InvalidIdentityToken',
      /^its answer has more than 1048576 bytes$/,
    ],
    [
      'ends the connection',
      () => provider.answers.set(keysPath, (request) => request.socket.destroy()),
      'IDPCommunicationError',
      /hang up|ECONNRESET/,
    ],
    [
      'answers with HTML',
      () => provider.answers.set(configurationPath, (_, response) => response.end('<html>')),
      'InvalidIdentityToken',
      /^its configuration is no JSON that is taken: not JSON, at byte 0$/,
    ],
    ['answers with a list', configuration(() => []), 'InvalidIdentityToken', /^its configuration is no object$/],
    [
      'has the same member twice',
      keys('{"keys":[],"keys":[]}'),
      'InvalidIdentityToken',
      /^its key set is no JSON that is taken: the same key twice/,
    ],
    ['has no list of keys', keys('{"keys":{}}'), 'InvalidIdentityToken', /^its key set has no list of keys$/],
    [
      'has too many keys',
      keys(JSON.stringify({ keys: Array(201).fill({ kty: 'oct' }) })),
      'InvalidIdentityToken',
      /^its key set has more than 200 keys$/,
    ],
  ] as const) {
    it(`are none when it ${name}`, async () => {
      misbehave()
      assert.equal(await refusal(find()), code)
      assert.equal(reasons.length, 1)
      assert.match(reasons[0] ?? '', reason)
    })
  }

  it('are none when it takes more than five seconds for all of it', async () => {
    const slow = await Promise.all(
      [misbehaving.silent, misbehaving.slow].map(async (answer) => {
        const other = await createOidcProvider()
        other.answers.set(keysPath, answer)
        const fetchJson = createGuardedFetch({ ca: other.ca, allowedHosts: [other.host] }).fetchJson
        const begin = performance.now()
        const code = await refusal(trial(fetchJson).keySets.find(other, wanted()))
        const ms = performance.now() - begin
        await other.close()
        return { code, isBounded: ms > 4_900 && ms < 60_000 }
      }),
    )
    assert.deepEqual(slow, Array(2).fill({ code: 'IDPCommunicationError', isBounded: true }))
  })

  it('are of the providers that were asked for last: of 200', async () => {
    const asked: string[] = []
    const fetchJson: FetchJson = async (url) => {
      const { origin, pathname } = new URL(url)
      if (pathname === keysPath) return { body: Buffer.from(JSON.stringify(provider.keySet())), maxAgeSeconds: 3600 }
      asked.push(origin)
      return { body: Buffer.from(JSON.stringify({ issuer: origin, jwks_uri: `${origin}${keysPath}` })) }
    }
    const { keySets: many } = trial(fetchJson)
    const issuer = (i: number) => `https://i${i}.example.com`
    for (let i = 0; i < 200; i++) await many.find({ url: issuer(i) }, wanted())
    const [used, added, oldest] = [[5, 0], 200, 1]
    for (const i of used) await many.find({ url: issuer(i) }, wanted())
    assert.equal(asked.length, 200)
    await many.find({ url: issuer(added) }, wanted())
    for (const i of used) await many.find({ url: issuer(i) }, wanted())
    assert.equal(asked.length, 201)
    await many.find({ url: issuer(oldest) }, wanted())
    assert.deepEqual(asked.slice(200), [issuer(added), issuer(oldest)])
  })
})

describe('a key set', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  const k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey
  const edwards = generateKeyPairSync('ed25519').publicKey
  const { keySets } = trial(() => assert.fail('it was fetched'))
  const find = (keys: unknown[], want: WantedKey) =>
    keySets.find({ url: 'https://a.example.com', staticJwks: JSON.stringify({ keys }) }, want)

  const named: WantedKey = { algorithm: 'RS256', keyId: 'a' }
  const unnamed: WantedKey = { algorithm: 'RS256' }
  for (const [name, keys, want, found] of [
    ['has the key that is named', [jwk(other, { kid: 'b' }), jwk(rsa, { kid: 'a' })], named, rsa],
    ['has the first of that name', [jwk(rsa, { kid: 'a' }), jwk(other, { kid: 'a' })], named, rsa],
    ['has the one of that name that fits', [jwk(ec, { kid: 'a' }), jwk(rsa, { kid: 'a' })], named, rsa],
    ['has no key of that name', [jwk(rsa, { kid: 'A' })], named, undefined],
    ['has a key without a name for a token with one', [jwk(rsa)], named, undefined],
    ['has a number for a name', [jwk(rsa, { kid: 1 })], { algorithm: 'RS256', keyId: '1' }, undefined],
    ['has one key for a token that names none', [jwk(ec), jwk(rsa, { kid: 'a' })], unnamed, rsa],
    [
      'has two keys for a token that names none',
      [jwk(rsa, { kid: 'a' }), jwk(other, { kid: 'b' })],
      unnamed,
      undefined,
    ],
    ['has keys for certain algorithms', [jwk(rsa, { alg: 'RS512' }), jwk(other, { alg: 'RS256' })], unnamed, other],
    ['has a key for another algorithm', [jwk(rsa, { kid: 'a', alg: 'RS512' })], named, undefined],
    ['has a key for encryption', [jwk(rsa, { kid: 'a', use: 'enc' })], named, undefined],
    ['has a key for signatures', [jwk(rsa, { kid: 'a', use: 'sig', key_ops: ['verify'] })], named, rsa],
    ['has a key that verifies nothing', [jwk(rsa, { kid: 'a', key_ops: ['encrypt'] })], named, undefined],
    ['has a key that does odd things', [jwk(rsa, { kid: 'a', key_ops: 'verify' })], named, undefined],
    ['has a weak key', [jwk(weak, { kid: 'a' })], named, undefined],
    ['has a key of a curve', [jwk(ec, { kid: 'a' })], { algorithm: 'ES256', keyId: 'a' }, ec],
    ['has a key of another curve', [jwk(ec, { kid: 'a' })], { algorithm: 'ES384', keyId: 'a' }, undefined],
    ['has a key of a curve that is not taken', [jwk(k1, { kid: 'a' })], { algorithm: 'ES256', keyId: 'a' }, undefined],
    [
      'has a key of a curve that calls itself another',
      [{ ...jwk(k1), kid: 'a', crv: 'P-256' }],
      { algorithm: 'ES256', keyId: 'a' },
      undefined,
    ],
    ['has a curve called RSA', [{ ...jwk(ec), kid: 'a', crv: 'RSA' }], { algorithm: 'RS256', keyId: 'a' }, undefined],
    [
      'has a type called P-256',
      [{ ...jwk(ec), kid: 'a', kty: 'P-256' }],
      { algorithm: 'ES256', keyId: 'a' },
      undefined,
    ],
    [
      'has a point that is not on its curve',
      [{ ...jwk(ec), kid: 'a', y: jwk(ec).x }],
      { algorithm: 'ES256', keyId: 'a' },
      undefined,
    ],
    ['has a secret', [{ kty: 'oct', k: 'AAAA', kid: 'a', alg: 'RS256' }], named, undefined],
    ['has keys of kinds that are not taken', [jwk(edwards, { kid: 'a' }), jwk(rsa, { kid: 'a' })], named, rsa],
    [
      'has things that are no keys',
      [null, 7, 'x', [], {}, { kty: 'RSA' }, { kty: 'RSA', n: 1, e: 2, kid: 'a' }, jwk(rsa, { kid: 'a' })],
      named,
      rsa,
    ],
    ['has a certificate beside a key', [jwk(rsa, { kid: 'a', x5c: ['MIIB'], x5u: 'https://127.0.0.1/' })], named, rsa],
    ['has a certificate instead of a key', [{ kty: 'RSA', kid: 'a', x5c: ['MIIB'] }], named, undefined],
  ] as const) {
    it(name, async () => {
      if (found) assert.ok((await find([...keys], want)).equals(found))
      else assert.equal(await refusal(find([...keys], want)), 'InvalidIdentityToken')
    })
  }

  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (const [name, text, refused] of [
    ['a public key', JSON.stringify({ keys: [jwk(rsa, { kid: 'a' })] }), undefined],
    ['a key beside unknown ones', JSON.stringify({ keys: [jwk(edwards), jwk(ec)] }), undefined],
    ['nothing', '', 'is no JSON that is taken: not JSON, at byte 0'],
    ['a key alone', JSON.stringify(jwk(rsa)), 'has no list of keys'],
    ['no keys', '{"keys":[]}', 'has no public key of RSA, P-256, P-384 or P-521'],
    [
      'keys that are not taken',
      JSON.stringify({ keys: [jwk(weak), jwk(edwards)] }),
      'has no public key of RSA, P-256, P-384 or P-521',
    ],
    ['a private key', JSON.stringify({ keys: [jwk(pair.privateKey)] }, null, 1), 'has a private or secret key'],
    [
      'a secret beside a key',
      JSON.stringify({ keys: [jwk(rsa), { kty: 'oct', k: 'AAAA' }] }),
      'has a private or secret key',
    ],
    ['too many keys', JSON.stringify({ keys: Array(201).fill(0) }), 'has more than 200 keys'],
  ] as const) {
    it(`that is given may ${refused === undefined ? '' : 'not '}be ${name}`, () =>
      assert.equal(refuseKeySet(text), refused))
  }
})
