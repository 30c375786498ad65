import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { importJWK, SignJWT } from 'jose'
import { manualClock } from '../../test/support/manual-clock.ts'
import {
  createOidcProvider,
  type IssueOptions,
  type OidcProvider,
  signature,
  signToken,
  type TokenAlgorithm,
  whyNoOidcProvider,
} from '../../test/support/oidc-provider.ts'
import { IdentityError } from '../base/identity-error.ts'
import { silentLog } from '../base/log.ts'
import { createGuardedFetch } from '../remote/guarded-fetch.ts'
import { createWebIdentities, type WebIdentities, type WebIdentity, type WebIdentityProvider } from './web-identity.ts'

const notAToken =
  'InvalidIdentityToken The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)'
const noKey =
  "InvalidIdentityToken Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
const badSignature = 'InvalidIdentityToken The signature of the token is not valid'
const wrongAudience = 'InvalidIdentityToken Incorrect token audience'
const missing = (claim: string) => `InvalidIdentityToken Missing a required claim: ${claim}`

const github = 'https://token.actions.githubusercontent.com'
const minute = 60_000
const now = Date.parse('2026-03-04T05:06:07Z')
const seconds = now / 1000
const algorithms: readonly TokenAlgorithm[] = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

let provider: OidcProvider
let attacker: OidcProvider
let identities: WebIdentities
let saved: WebIdentityProvider

const issue = (claims?: Record<string, unknown>, options: IssueOptions = {}) =>
  provider.issue(claims, { now, ...options })
const verify = (token: string, as: WebIdentityProvider = saved): Promise<WebIdentity> =>
  identities.verify(token, (issuer) => (`https://${issuer}` === as.url ? as : undefined))

/** The code and the sentence of a refusal, which may not have any part of the token but the issuer. */
async function refusal(token: string, as?: WebIdentityProvider): Promise<string> {
  const error = await verify(token, as).then(
    () => assert.fail('it was taken'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof IdentityError, String(error))
  for (const part of token.split('.')) if (part.length > 8) assert.ok(!error.message.includes(part), error.message)
  return `${error.code} ${error.message}`
}

describe('a web identity token (STS AssumeRoleWithWebIdentity)', { skip: whyNoOidcProvider }, () => {
  before(async () => {
    ;[provider, attacker] = await Promise.all([createOidcProvider(), createOidcProvider()])
    identities = createWebIdentities({
      fetchJson: createGuardedFetch({ ca: provider.ca + attacker.ca, allowedHosts: [provider.host, attacker.host] })
        .fetchJson,
      clock: manualClock(now),
      log: silentLog,
    })
    saved = {
      arn: `arn:aws:iam::111122223333:oidc-provider/${provider.host}`,
      url: provider.url,
      clientIds: ['sts.amazonaws.com', 'client-b'],
    }
  })
  after(() => Promise.all([provider.close(), attacker.close()]))

  it('says who brings it', async () => {
    assert.deepEqual(await verify(issue()), {
      provider: saved,
      issuer: provider.host,
      subject: 'repo:org/app:ref:refs/heads/main',
      audience: 'sts.amazonaws.com',
      claims: new Map([
        ['aud', 'sts.amazonaws.com'],
        ['sub', 'repo:org/app:ref:refs/heads/main'],
      ]),
      tags: [],
      transitiveTagKeys: [],
      expiresAt: now + 10 * minute,
    })
  })

  for (const algorithm of algorithms) {
    it(`may be signed by ${algorithm}`, async () => {
      const { keyId, key } = provider.signingKey(algorithm)
      assert.equal((await verify(issue({}, { algorithm }))).issuer, provider.host)
      // Signed by another writer of tokens.
      const claims = { iss: provider.url, sub: 'a', aud: ['sts.amazonaws.com'], iat: seconds, exp: seconds + 60 }
      const byJose = await new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, kid: keyId })
        .sign(await importJWK(key.export({ format: 'jwk' }), algorithm))
      assert.equal((await verify(byJose)).subject, 'a')
    })
  }

  it('is looked for with its issuer as it stands in the token', async () => {
    const asked: string[] = []
    const find = (issuer: string) => void asked.push(issuer)
    for (const iss of [`${provider.url}/`, `${provider.url}/path`, 'https://Example.com', github])
      await assert.rejects(identities.verify(issue({ iss }), find), {
        name: 'IdentityError',
        code: 'InvalidIdentityToken',
        message: `No OpenIDConnect provider found in your account for ${iss}`,
      })
    assert.deepEqual(asked, [`${provider.host}/`, `${provider.host}/path`, 'Example.com', github.slice(8)])
  })

  it('is not of a provider whose URL is another', async () => {
    const slash = { ...saved, url: `${provider.url}/` }
    await assert.rejects(
      identities.verify(issue(), () => slash),
      { message: `No OpenIDConnect provider found in your account for ${provider.url}` },
    )
  })

  /** Claims over those of a good token, and what is said. */
  const claimCases: readonly [name: string, claims: Record<string, unknown>, says: string | undefined][] = [
    ['without iss', { iss: undefined }, missing('iss')],
    ['without sub', { sub: undefined }, missing('sub')],
    ['without aud', { aud: undefined }, missing('aud')],
    ['without iat', { iat: undefined }, missing('iat')],
    ['without exp', { exp: undefined }, missing('exp')],
    ['with nothing as its issuer', { iss: '' }, missing('iss')],
    ['with nothing as its subject', { sub: '' }, missing('sub')],
    ['with null as its subject', { sub: null }, missing('sub')],
    ['with null as its time', { iat: null }, missing('iat')],
    ['with a number as its issuer', { iss: 1 }, notAToken],
    ['with a list as its issuer', { iss: [github] }, notAToken],
    ['with a number as its subject', { sub: 1 }, notAToken],
    ['with an object as its subject', { sub: { toString: 'x' } }, notAToken],
    ['with a number as its audience', { aud: 7 }, notAToken],
    ['with numbers as its audiences', { aud: ['sts.amazonaws.com', 7] }, notAToken],
    ['with a list as its party', { azp: ['sts.amazonaws.com'] }, notAToken],
    ['with a text as its end', { exp: String(seconds + 60) }, notAToken],
    ['with a text as its time', { iat: String(seconds) }, notAToken],
    ['with a text as its begin', { nbf: 'now' }, notAToken],
    ['with true as its end', { exp: true }, notAToken],
    ['with an end after all times', { exp: 1e15 }, notAToken],
    ['with a time before all times', { iat: -1 }, notAToken],
    ['with a line break in its issuer', { iss: 'https://a.example.com\nx' }, notAToken],
    ['with an issuer that is too long', { iss: `https://a.example.com/${'a'.repeat(240)}` }, notAToken],
    [
      'of an issuer on http',
      { iss: `http://a.example.com` },
      'InvalidIdentityToken No OpenIDConnect provider found in your account for http://a.example.com',
    ],
    [
      'of an issuer that is no URL',
      { iss: 'kubernetes/serviceaccount' },
      'InvalidIdentityToken No OpenIDConnect provider found in your account for kubernetes/serviceaccount',
    ],

    ['for another audience', { aud: 'sts.amazonaws.com.example.com' }, wrongAudience],
    ['for an audience in other letters', { aud: 'STS.amazonaws.com' }, wrongAudience],
    ['for no audience', { aud: [] }, wrongAudience],
    ['for other audiences', { aud: ['a', 'b'] }, wrongAudience],
    ['for another party, and a known audience', { azp: 'other' }, wrongAudience],
    ['for no party, and a known audience', { azp: '' }, missing('azp')],
    ['for a known party, and another audience', { azp: 'client-b', aud: 'other' }, undefined],
    ['for a list of one', { aud: ['client-b'] }, undefined],

    ['with the longest subject', { sub: 'a'.repeat(255) }, undefined],
    ['with a subject of one letter', { sub: 'a' }, undefined],
    ['with a subject in other letters', { sub: 'repo:org/app:ref:refs/heads/größer' }, undefined],
    ...['a'.repeat(256), 'a\nb', 'a\u0000', 'a\u009b', '\ud800'].map(
      (sub): [string, Record<string, unknown>, string] => [
        `with the subject ${JSON.stringify(sub.slice(0, 9))} of ${sub.length}`,
        { sub },
        'InvalidIdentityToken The subject of the token must have 1 to 255 characters, none of them for control',
      ],
    ),

    ['that ended four minutes ago, as clocks differ', { exp: seconds - 299 }, undefined],
    [
      'that ended five minutes ago',
      { exp: seconds - 300 },
      `ExpiredTokenException Token expired: current date/time ${seconds} must be before the expiration date/time ${seconds - 300}`,
    ],
    [
      'that ended long ago',
      { iat: seconds - 7200, exp: seconds - 3600.5 },
      `ExpiredTokenException Token expired: current date/time ${seconds} must be before the expiration date/time ${seconds - 3601}`,
    ],
    ['of a day ago', { iat: seconds - 86_400 }, undefined],
    ['of more than a day ago', { iat: seconds - 86_401 }, 'ExpiredTokenException Token too old: 86401'],
    ['of five minutes from now', { iat: seconds + 300 }, undefined],
    [
      'of more than five minutes from now',
      { iat: seconds + 301 },
      `InvalidIdentityToken Token not yet valid: current date/time ${seconds} must not be before ${seconds + 301}`,
    ],
    ['that begins in five minutes', { nbf: seconds + 300 }, undefined],
    [
      'that begins later',
      { nbf: seconds + 3600 },
      `InvalidIdentityToken Token not yet valid: current date/time ${seconds} must not be before ${seconds + 3600}`,
    ],
    ['with times that have fractions', { iat: seconds - 0.5, exp: seconds + 100.25, nbf: 0 }, undefined],
  ]
  for (const [name, claims, says] of claimCases) {
    it(`${name} is ${says === undefined ? 'taken' : 'refused'}`, async () => {
      if (says === undefined) await verify(issue(claims))
      else assert.equal(await refusal(issue(claims)), says)
    })
  }

  it('is for its party, or for the first audience that the provider knows', async () => {
    for (const [claims, audience] of [
      [{ azp: 'client-b', aud: ['other', 'sts.amazonaws.com'] }, 'client-b'],
      [{ aud: ['other', 'client-b', 'sts.amazonaws.com'] }, 'client-b'],
    ] as const) {
      const identity = await verify(issue(claims))
      assert.deepEqual([identity.audience, identity.claims.get('aud')], [audience, audience])
    }
  })

  describe('that is forged', () => {
    const forger = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const forgerEc = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })
    const good = () => ({
      iss: provider.url,
      sub: 'repo:org/app:ref:refs/heads/main',
      aud: 'sts.amazonaws.com',
      iat: seconds,
      exp: seconds + 60,
    })
    const publicKey = (algorithm: TokenAlgorithm) => createPublicKey(provider.signingKey(algorithm).key)
    /** With a key of the forger's, under the name of the provider's. */
    const forged = (header: Record<string, unknown> = {}) =>
      signToken({ alg: 'RS256', kid: provider.signingKey('RS256').keyId, ...header }, good(), forger.privateKey)
    const byHmac = (secret: string | Buffer, header: Record<string, unknown> = {}) => {
      const input = `${encoded({ alg: 'HS256', kid: provider.signingKey('RS256').keyId, ...header })}.${encoded(good())}`
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
    }
    const pem = () => publicKey('RS256').export({ format: 'pem', type: 'spki' })
    const parts = (token: string) => token.split('.') as [string, string, string]

    const forgeries: readonly [name: string, token: () => string, says: string][] = [
      ['without a signature', () => `${encoded({ alg: 'none' })}.${encoded(good())}.`, notAToken],
      ['without a signature, in other letters', () => `${encoded({ alg: 'nOnE' })}.${encoded(good())}.AAAA`, notAToken],
      [
        'with the signature of another algorithm taken off',
        () => `${parts(issue()).slice(0, 2).join('.')}.`,
        notAToken,
      ],
      [
        'with alg none over a good signature',
        () => `${encoded({ alg: 'none' })}.${parts(issue()).slice(1).join('.')}`,
        notAToken,
      ],
      ['with the public key as a secret (PEM)', () => byHmac(pem()), notAToken],
      ['with the public key as a secret (PEM without its end)', () => byHmac(pem().toString().trim()), notAToken],
      [
        'with the public key as a secret (DER)',
        () => byHmac(publicKey('RS256').export({ format: 'der', type: 'spki' })),
        notAToken,
      ],
      ['with the public key as a secret (JWK)', () => byHmac(JSON.stringify(jwkOf(publicKey('RS256')))), notAToken],
      ['with an HMAC that is called RS256', () => byHmac(pem(), { alg: 'RS256' }), badSignature],
      ['with an HMAC of nothing', () => byHmac('', { kid: '/dev/null' }), notAToken],
      ['by another key', () => forged(), badSignature],
      [
        'by another key of a curve',
        () => signToken({ alg: 'ES256', kid: provider.signingKey('ES256').keyId }, good(), forgerEc.privateKey),
        badSignature,
      ],
      ['by a key in the header', () => forged({ jwk: { ...jwkOf(forger.publicKey), kid: 'mine' } }), badSignature],
      ['by a key in the header under its own name', () => forged({ jwk: jwkOf(forger.publicKey), kid: 'mine' }), noKey],
      ['by a certificate in the header', () => forged({ x5c: ['MIIB'], x5t: 'AAAA' }), badSignature],
      ['by keys at a URL', () => forged({ jku: `${attacker.url}/keys`, x5u: `${attacker.url}/cert` }), badSignature],
      [
        'by keys at a URL, as the attacker names them',
        () => attackerSigned({ jku: `${attacker.url}/keys` }),
        badSignature,
      ],
      ['by a key that is a path', () => forged({ kid: '../../../../dev/null' }), noKey],
      ['by a key that is a URL', () => forged({ kid: `${attacker.url}/keys` }), noKey],
      ['by a key that is a query', () => forged({ kid: "x' UNION SELECT 'key' --" }), noKey],
      ['by a key that every object has', () => forged({ kid: '__proto__' }), noKey],
      ['by a key that is a number', () => forged({ kid: 0 }), notAToken],
      ['by a key with a long name', () => forged({ kid: 'a'.repeat(257) }), notAToken],
      ['by a key without a name', () => forged({ kid: undefined, alg: 'RS256' }), badSignature],
      ['by the key of another algorithm', () => issue({}, { header: { kid: 'RS512-0' } }), noKey],
      ['by the key of a curve, called RSA', () => issue({}, { header: { kid: 'ES256-0' } }), noKey],
      ['with an algorithm that RSA keys have too', () => issue({}, { header: { alg: 'PS256' } }), notAToken],
      ['with an algorithm that nobody has', () => issue({}, { header: { alg: 'toString' } }), notAToken],
      ['with an algorithm that is a list', () => issue({}, { header: { alg: ['RS256'] } }), notAToken],
      ['without an algorithm', () => issue({}, { header: { alg: undefined } }), notAToken],
      [
        'with extensions that must be understood',
        () => issue({}, { header: { crit: ['b64'], b64: false } }),
        notAToken,
      ],
      ['with no extensions that must be understood', () => issue({}, { header: { crit: [] } }), notAToken],
      ['with a signature of zeros', () => zeros('ES256', 64), badSignature],
      ['with a signature of zeros of RSA', () => zeros('RS256', 256), badSignature],
      ['with a signature in DER', () => inDer(), badSignature],
      ['with half of its signature', () => halved(), badSignature],
      [
        'with other claims',
        () => swapped(1, encoded({ ...good(), sub: 'repo:org/app:ref:refs/heads/evil' })),
        badSignature,
      ],
      ['with another header', () => swapped(0, encoded({ alg: 'RS256', kid: 'RS256-0', typ: 'other' })), badSignature],
    ]
    const attackerSigned = (header: Record<string, unknown>) =>
      signToken(
        { alg: 'RS256', kid: attacker.signingKey('RS256').keyId, ...header },
        good(),
        attacker.signingKey('RS256').key,
      )
    const swapped = (place: 0 | 1, part: string) => parts(issue()).with(place, part).join('.')
    const zeros = (algorithm: TokenAlgorithm, length: number) =>
      swappedSignature(issue({}, { algorithm }), Buffer.alloc(length).toString('base64url'))
    const swappedSignature = (token: string, other: string) => [...parts(token).slice(0, 2), other].join('.')
    const halved = () => {
      const [, , whole] = parts(issue())
      return swappedSignature(issue(), Buffer.from(whole, 'base64url').subarray(0, 128).toString('base64url'))
    }
    const inDer = () => {
      const token = issue({}, { algorithm: 'ES256' })
      const input = token.slice(0, token.lastIndexOf('.'))
      return `${input}.${sign('sha256', Buffer.from(input), provider.signingKey('ES256').key).toString('base64url')}`
    }

    for (const [name, token, says] of forgeries) {
      it(`${name} is refused`, async () => {
        await verify(issue())
        attacker.requests.clear()
        assert.equal(await refusal(token()), says)
        assert.equal(attacker.requests.size, 0, 'the attacker was asked')
      })
    }

    it('by an issuer of the attacker, with the subject of another, is nobody here', async () => {
      const token = attacker.issue({}, { now })
      assert.equal(
        await refusal(token),
        `InvalidIdentityToken No OpenIDConnect provider found in your account for ${attacker.url}`,
      )
      const theirs = { ...saved, url: attacker.url, arn: 'arn:aws:iam::444455556666:oidc-provider/theirs' }
      assert.equal((await verify(token, theirs)).provider.arn, theirs.arn)
    })

    it('by an issuer of the attacker, in the name of another, is refused', async () => {
      assert.equal(await refusal(attacker.issue({ iss: provider.url }, { now })), badSignature)
    })
  })

  describe('that is no token', () => {
    const bytes = (text: string | Buffer) => Buffer.from(text).toString('base64url')
    const header = () => encoded({ alg: 'RS256', kid: provider.signingKey('RS256').keyId })
    /** Signed well, whatever it is. */
    const raw = (first: string, second: string) =>
      `${first}.${second}.${signature('RS256', `${first}.${second}`, provider.signingKey('RS256').key)}`
    const claims = () => ({ iss: provider.url, sub: 'a', aud: 'sts.amazonaws.com', iat: seconds, exp: seconds + 60 })
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

    const cases: readonly [name: string, token: () => string][] = [
      ['nothing', () => ''],
      ['three characters', () => 'a.b'],
      ['a word', () => 'not-a-token'],
      ['two parts', () => issue().split('.').slice(0, 2).join('.')],
      ['four parts', () => `${issue()}.AAAA`],
      ['five parts, as what is encrypted', () => `${issue()}.AAAA.AAAA`],
      ['no header', () => issue().replace(/^[^.]+/, '')],
      ['a line break at the end', () => `${issue()}\n`],
      ['a space before', () => ` ${issue()}`],
      ['padding', () => `${issue()}==`],
      [
        'base64 of the other alphabet',
        () => raw(`${bytes('{"alg":"RS256","a":"???>>>"}').replaceAll('_', '/')}`, encoded(claims())),
      ],
      [
        'another spelling of the same bytes',
        () => raw(`${encoded({ alg: 'RS256', a: 1 }).slice(0, -1)}R`, encoded(claims())),
      ],
      ['more than 20,000 characters', () => issue({ filler: 'a'.repeat(20_000) })],
      ['a header that is no JSON', () => raw(bytes('{"alg":"RS256"'), encoded(claims()))],
      ['a header that is a list', () => raw(encoded(['RS256']), encoded(claims()))],
      ['claims that are no JSON', () => raw(header(), bytes('x'))],
      ['claims that are null', () => raw(header(), bytes('null'))],
      ['claims that are a text', () => raw(header(), bytes('"x"'))],
      [
        'claims that are not UTF-8',
        () => raw(header(), bytes(Buffer.from(`${JSON.stringify(claims()).slice(0, -1)},"x":"\xff"}`, 'latin1'))),
      ],
      ['claims with a byte order mark', () => raw(header(), bytes(`\ufeff${JSON.stringify(claims())}`))],
      ['a claim twice', () => raw(header(), bytes(`${JSON.stringify(claims()).slice(0, -1)},"sub":"b"}`))],
      [
        'a claim twice, spelled in two ways',
        () => raw(header(), bytes(`${JSON.stringify(claims()).slice(0, -1)},"s\\u0075b":"b"}`)),
      ],
      [
        'a claim twice inside another',
        () => raw(header(), bytes(`${JSON.stringify(claims()).slice(0, -1)},"x":{"a":1,"a":1}}`)),
      ],
      [
        'a member of the header twice',
        () =>
          raw(bytes(`{"alg":"none",${JSON.stringify({ alg: 'RS256', kid: 'RS256-0' }).slice(1)}`), encoded(claims())),
      ],
      ['more than a token has', () => raw(header(), bytes(`${JSON.stringify(claims())}{}`))],
      [
        'claims that are too deep',
        () => raw(header(), bytes(`${JSON.stringify(claims()).slice(0, -1)},"x":${nested(8)}}`)),
      ],
      ['too many claims', () => issue(Object.fromEntries(Array.from({ length: 252 }, (_, i) => [`c${i}`, 0])))],
      [
        'too many members of the header',
        () => issue({}, { header: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}`, 0])) }),
      ],
    ]
    for (const [name, token] of cases) {
      it(`but ${name} is refused`, async () => assert.equal(await refusal(token()), notAToken))
    }

    it('but nearly is, is taken', async () => {
      await verify(issue({ filler: 'a'.repeat(14_000) }))
      await verify(raw(header(), bytes(`${JSON.stringify(claims()).slice(0, -1)},"x":${nested(7)}}`)))
      await verify(issue(Object.fromEntries(Array.from({ length: 251 }, (_, i) => [`c${i}`, 0]))))
      await verify(issue({}, { header: Object.fromEntries(Array.from({ length: 29 }, (_, i) => [`c${i}`, 0])) }))
      assert.equal(
        (await verify(issue(JSON.parse('{"__proto__":{"sub":"b"},"constructor":"x"}')))).subject,
        'repo:org/app:ref:refs/heads/main',
      )
    })
  })

  it('brings session tags and a source identity, once its signature is known', async () => {
    const claims = {
      'https://aws.amazon.com/tags': { principal_tags: { Project: ['app'] }, transitive_tag_keys: ['Project'] },
      'https://aws.amazon.com/source_identity': 'octocat',
    }
    const { tags, transitiveTagKeys, sourceIdentity } = await verify(issue(claims))
    assert.deepEqual(
      { tags, transitiveTagKeys, sourceIdentity },
      { tags: [{ key: 'Project', value: 'app' }], transitiveTagKeys: ['Project'], sourceIdentity: 'octocat' },
    )
    const odd = { 'https://aws.amazon.com/source_identity': 'octo cat' }
    assert.match(await refusal(issue(odd)), /^IDPRejectedClaim The source identity must have/)
    assert.equal(await refusal(issue(odd, { key: attacker.signingKey('RS256').key })), badSignature)
  })

  it('is refused by what its text says before any key is fetched', async () => {
    const fresh = createWebIdentities({
      fetchJson: () => assert.fail('it was fetched'),
      clock: manualClock(now),
      log: silentLog,
    })
    for (const claims of [{ aud: 'other' }, { exp: seconds - 3600 }, { sub: undefined }, { iat: seconds + 3600 }])
      await assert.rejects(
        fresh.verify(issue(claims), () => saved),
        { name: 'IdentityError' },
      )
  })
})
