// An identity provider that speaks OpenID Connect over https: discovery, keys that rotate, tokens, and every fault that one may have. Its
// certificate is of an authority of its own, and is good for `localhost`, 127.0.0.1 and the names in `names`.

import { execFileSync, spawnSync } from 'node:child_process'
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** For node:test's `skip`. */
export const whyNoOidcProvider = spawnSync('openssl', ['version']).error
  ? 'this machine has no openssl to make a certificate'
  : false

export const configurationPath = '/.well-known/openid-configuration'
export const keysPath = '/keys'

export type TokenAlgorithm = 'RS256' | 'RS384' | 'RS512' | 'ES256' | 'ES384' | 'ES512'

export interface OidcProvider {
  /** The issuer: `https://localhost:<port>`. */
  url: string
  port: number
  /** `localhost:<port>`, as `BERTH_OIDC_ALLOWED_HOSTS` takes it. */
  host: string
  /** PEM of the authority, and a file with it. */
  ca: string
  caFile: string
  /** How often each path was asked for. */
  requests: Map<string, number>
  /** What is answered instead, by path. */
  answers: Map<string, RequestListener>
  /** `Cache-Control` of the keys. */
  cacheControl: string | undefined
  /** The public keys, as they are served. */
  keySet(): { keys: Record<string, unknown>[] }
  /** New keys instead of the old ones. */
  rotate(): void
  /** The private key of an algorithm. */
  signingKey(algorithm: TokenAlgorithm): { keyId: string; key: KeyObject }
  /**
   * A token of the provider for ten minutes, for `sts.amazonaws.com`. Claims and header override; one that is undefined is left out.
   * `now` is in milliseconds.
   */
  issue(claims?: Record<string, unknown>, options?: IssueOptions): string
  close(): Promise<void>
}

export interface IssueOptions {
  algorithm?: TokenAlgorithm
  header?: Record<string, unknown>
  key?: KeyObject
  now?: number
}

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const

export async function createOidcProvider(names: readonly string[] = []): Promise<OidcProvider> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-oidc-'))
  const { cert, key, ca, caFile } = certificates(folder, ['localhost', ...names])
  let generation = 0
  let keys = makeKeys(generation)

  const requests = new Map<string, number>()
  const answers = new Map<string, RequestListener>()
  const server = createServer({ cert, key }, (request, response) => {
    const path = request.url ?? ''
    requests.set(path, (requests.get(path) ?? 0) + 1)
    const answer = answers.get(path)
    if (answer) return answer(request, response)
    if (path === configurationPath)
      return json({ issuer: provider.url, jwks_uri: `${provider.url}${keysPath}` })(request, response)
    if (path === keysPath) {
      if (provider.cacheControl !== undefined) response.setHeader('Cache-Control', provider.cacheControl)
      return json(provider.keySet())(request, response)
    }
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const provider: OidcProvider = {
    ...{ url: `https://localhost:${port}`, port, host: `localhost:${port}`, ca, caFile, requests, answers },
    cacheControl: undefined,
    keySet: () => ({
      keys: [...keys].map(([algorithm, { keyId, publicKey }]) => ({
        ...publicKey.export({ format: 'jwk' }),
        ...{ kid: keyId, alg: algorithm, use: 'sig' },
      })),
    }),
    rotate() {
      generation += 1
      keys = makeKeys(generation)
    },
    signingKey(algorithm) {
      const pair = keys.get(algorithm)
      if (!pair) throw new Error(`no key for ${algorithm}`)
      return { keyId: pair.keyId, key: pair.privateKey }
    },
    issue(claims = {}, { algorithm = 'RS256', header = {}, key: ofAnother, now = Date.now() } = {}) {
      const { keyId, key: own } = provider.signingKey(algorithm)
      const seconds = Math.floor(now / 1000)
      const times = { iat: seconds, exp: seconds + 600 }
      return signToken(
        { alg: algorithm, typ: 'JWT', kid: keyId, ...header },
        { iss: provider.url, sub: 'repo:org/app:ref:refs/heads/main', aud: 'sts.amazonaws.com', ...times, ...claims },
        ofAnother ?? own,
      )
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return provider
}

/** A token of any header and claims, signed as the algorithm of the header says where that is one of ours, or with an empty signature. */
export function signToken(header: Record<string, unknown>, claims: Record<string, unknown>, key: KeyObject): string {
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${signature(String(header.alg), input, key)}`
}

/** The signature of an input, whatever it holds. */
export function signature(algorithm: string, input: string, key: KeyObject): string {
  const hash = `sha${algorithm.slice(2)}`
  if (/^RS/.test(algorithm))
    return sign(hash, Buffer.from(input), { key, padding: constants.RSA_PKCS1_PADDING }).toString('base64url')
  if (/^ES/.test(algorithm))
    return sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  return ''
}

export function json(value: unknown): RequestListener {
  return (_, response) => response.setHeader('Content-Type', 'application/json').end(JSON.stringify(value))
}

export const misbehaving = {
  /** Takes the request and says nothing. */
  silent: () => undefined,
  /** Begins an answer and does not end it. */
  slow: (_, response) => void response.writeHead(200).write('{"keys":['),
  /** An answer without end. */
  huge: (_, response) => {
    const more = () => {
      while (response.write(' '.repeat(65_536)));
    }
    response.writeHead(200).on('drain', more)
    more()
  },
  redirectTo:
    (location: string): RequestListener =>
    (_, response) =>
      response.writeHead(302, { Location: location }).end(),
  status:
    (status: number): RequestListener =>
    (_, response) =>
      response.writeHead(status).end('{}'),
} satisfies Record<string, RequestListener | ((argument: never) => RequestListener)>

function makeKeys(generation: number) {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pairs = [
    ...(['RS256', 'RS384', 'RS512'] as const).map((algorithm) => ({ algorithm, ...rsa })),
    ...(['ES256', 'ES384', 'ES512'] as const).map((algorithm) => ({
      algorithm,
      ...generateKeyPairSync('ec', { namedCurve: curves[algorithm] }),
    })),
  ]
  return new Map(pairs.map((pair) => [pair.algorithm, { ...pair, keyId: `${pair.algorithm}-${generation}` }]))
}

function certificates(folder: string, names: readonly string[]) {
  const file = (name: string) => join(folder, name)
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'ignore' })
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  writeFileSync(file('leaf.cnf'), `subjectAltName=IP:127.0.0.1,${names.map((name) => `DNS:${name}`).join(',')}\n`)
  openssl(
    'req',
    '-x509',
    ...fresh,
    '-subj',
    '/CN=An authority of a test',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.pem'),
  )
  openssl('req', ...fresh, '-subj', '/CN=An identity provider', '-keyout', file('leaf.key'), '-out', file('leaf.csr'))
  const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2']
  openssl('x509', '-req', '-in', file('leaf.csr'), ...signer, '-extfile', file('leaf.cnf'), '-out', file('leaf.pem'))
  return {
    cert: readFileSync(file('leaf.pem')),
    key: readFileSync(file('leaf.key')),
    ca: readFileSync(file('ca.pem'), 'utf8'),
    caFile: file('ca.pem'),
  }
}
