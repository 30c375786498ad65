import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createUrlGuard } from './guarded-url.ts'

const guard = createUrlGuard(['issuer', 'kubernetes.default.svc', '10.0.0.1:6443', '[fd00::1]', 'only.internal:22'])

const [noHost, noAddress] = ['must have a public host', 'must not have an address that is not public']
const [noUser, noFragment] = ['must not hold a user or a password', 'must not have a fragment']
const [noPort, noScheme] = ['must have port 443, or one from 1024', 'must begin with https://']
const noText = 'must be of printable ASCII, without \\'

/** Whatever is fetched: the configuration, and where it says that the keys are. */
const urls: readonly [url: string, refused: string | undefined][] = [
  ['https://issuer.example.com', undefined],
  ['https://issuer.example.com/a/b?c=d&e', undefined],
  ['https://ISSUER.example.com/', undefined],
  ['https://issuer.example.com:8443/keys', undefined],
  ['https://xn--bcher-kva.example/', undefined],
  ['https://a_b.example.com/', undefined],
  ['https://8.8.8.8/', undefined],
  ['https://134744072/', undefined],
  ['https://[2606:4700:4700::1111]/', undefined],
  ['https://localhost.example.com/', undefined],
  ['https://internal.example.com/', undefined],

  ['http://issuer.example.com', noScheme],
  ['HTTPS://issuer.example.com', noScheme],
  ['https:/issuer.example.com', noScheme],
  ['https:issuer.example.com', noScheme],
  [' https://issuer.example.com', noScheme],
  ['//issuer.example.com', noScheme],
  ['file:///etc/passwd', noScheme],
  ['gopher://issuer.example.com', noScheme],
  ['data:application/json,{}', noScheme],
  ['', noScheme],
  ['https://', 'cannot be read'],
  ['https://issuer..example.com/', noHost],
  ['https://.example.com/', noHost],
  ['https://issuer.example.com./', noHost],
  ['https://-a.example.com/', noHost],
  ['https://*.example.com/', noHost],
  ['https://example.1.2.3.4/', 'cannot be read'],
  ['https://a%00b.example.com/', 'cannot be read'],
  [`https://${'a'.repeat(64)}.example.com/`, noHost],
  [`https://${'abcdefg.'.repeat(40)}com/`, noHost],
  [`https://issuer.example.com/${'a'.repeat(2048)}`, 'must not be longer than 2048 characters'],

  ['https://user@issuer.example.com/', noUser],
  ['https://user:password@issuer.example.com/', noUser],
  ['https://:@issuer.example.com/', noUser],
  ['https://@issuer.example.com/', noUser],
  ['https://issuer.example.com@127.0.0.1/', noUser],
  ['https://issuer.example.com#@127.0.0.1/', noFragment],
  ['https://issuer.example.com/#', noFragment],
  ['https://issuer.example.com/?a#b', noFragment],
  ['https://127.0.0.1\\@issuer.example.com/', noText],
  ['https:\\\\issuer.example.com', noScheme],
  ['https://issuer.example.com/\t', noText],
  ['https://issuer.exa\nmple.com/', noText],
  ['https://issuer.example.com/a b', noText],
  ['https://bücher.example/', noText],
  ['https://①②⑦.⓪.⓪.①/', noText],

  ['https://issuer.example.com:22/', noPort],
  ['https://issuer.example.com:80/', noPort],
  ['https://issuer.example.com:0/', noPort],
  ['https://issuer.example.com:1023/', noPort],
  ['https://issuer.example.com:65536/', 'cannot be read'],

  ['https://localhost/', noHost],
  ['https://LOCALHOST:8443/', noHost],
  ['https://localhost./', noHost],
  ['https://a.localhost/', noHost],
  ['https://metadata.google.internal/', noHost],
  ['https://internal/', noHost],
  ['https://registry/', noHost],
  ['https://l%6fcalhost/', noHost],

  ['https://169.254.169.254/latest/meta-data', noAddress],
  ['https://127.0.0.1/', noAddress],
  ['https://127.0.0.1./', noAddress],
  ['https://127.1/', noAddress],
  ['https://2130706433/', noAddress],
  ['https://0x7f000001/', noAddress],
  ['https://0x7f.0.0.1/', noAddress],
  ['https://0177.0.0.1/', noAddress],
  ['https://017700000001/', noAddress],
  ['https://0/', noAddress],
  ['https://%31%32%37.0.0.1/', noAddress],
  ['https://10.0.0.1/', noAddress],
  ['https://[::1]/', noAddress],
  ['https://[::]/', noAddress],
  ['https://[::ffff:127.0.0.1]/', noAddress],
  ['https://[::ffff:a9fe:a9fe]/', noAddress],
  ['https://[64:ff9b::a9fe:a9fe]/', noAddress],
  ['https://[2002:7f00:1::]/', noAddress],
  ['https://[fe80::1%25eth0]/', 'cannot be read'],

  // What the operator allows, and no more
  ['https://issuer/', undefined],
  ['https://issuer:8443/', undefined],
  ['https://issuer:22/', noPort],
  ['https://kubernetes.default.svc/openid/v1/jwks', undefined],
  ['https://kubernetes.default.svc./', noHost],
  ['https://a.issuer/', undefined],
  ['https://10.0.0.1:6443/', undefined],
  ['https://0xa.1:6443/', undefined],
  ['https://10.0.0.1:6444/', noAddress],
  ['https://10.0.0.1/', noAddress],
  ['https://[fd00:0::1]/', undefined],
  ['https://[fd00::2]/', noAddress],
  ['https://only.internal:22/', undefined],
  ['https://only.internal/', noHost],
  ['http://issuer/', noScheme],
  ['https://user@issuer/', noUser],
]

describe('what is fetched', () => {
  for (const [url, refused] of urls) {
    it(`${JSON.stringify(url.slice(0, 60))} ${refused ?? 'may be fetched'}`, () => {
      const guarded = guard.read(url)
      assert.equal('refused' in guarded ? guarded.refused : undefined, refused)
    })
  }

  it('is judged by the same reading that is connected to', () => {
    const guarded = guard.read('https://134744072:443/keys')
    assert.ok('url' in guarded)
    assert.deepEqual([guarded.url.host, guarded.isAllowedHost], ['8.8.8.8', false])
  })
})

describe('the URL of an identity provider (IAM CreateOpenIDConnectProvider)', () => {
  for (const [url, refused] of [
    ['https://token.actions.githubusercontent.com', undefined],
    ['https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE', undefined],
    ['https://example.auth0.com/', undefined],
    ['https://Issuer.Example.com/Path', undefined],
    ['https://issuer.example.com:8443', undefined],
    ['https://kubernetes.default.svc', undefined],
    // Reached by nobody, and with keys that are given need not be.
    ['https://kubernetes.default.svc.cluster.local', undefined],
    [`https://issuer.example.com/${'a'.repeat(228)}`, undefined],
    [`https://issuer.example.com/${'a'.repeat(229)}`, 'must not be longer than 255 characters'],
    ['http://issuer.example.com', noScheme],
    ['https://169.254.169.254', noAddress],
    ['https://localhost', noHost],
    ['https://issuer.example.com?a=b', 'must not have a query'],
    ['https://issuer.example.com/?', 'must not have a query'],
    ['https://issuer.example.com#a', noFragment],
    ['https://user@issuer.example.com', noUser],
    ['https://issuer.example.com:443', 'must be spelled https://issuer.example.com/'],
    ['https://issuer.example.com/a/../b', 'must be spelled https://issuer.example.com/b'],
    ['https://issuer.example.com/./a', 'must be spelled https://issuer.example.com/a'],
    ['https://issuer.example.com/%2e%2e/a', 'must be spelled https://issuer.example.com/a'],
    ['https://134744072', 'must be spelled https://8.8.8.8/'],
    ['https://issuer.exa%6dple.com', 'must be spelled https://issuer.example.com/'],
  ] as const) {
    it(`${url.slice(0, 60)} ${refused ?? 'may be saved'}`, () => assert.equal(guard.refuseIssuer(url), refused))
  }
})
