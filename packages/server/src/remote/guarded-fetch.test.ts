import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  createOidcProvider,
  json,
  keysPath,
  misbehaving,
  type OidcProvider,
  whyNoOidcProvider,
} from '../../test/support/oidc-provider.ts'
import { succeed } from '../../test/support/tool.ts'
import { createGuardedFetch, FetchError, type Resolve } from './guarded-fetch.ts'

const skip = { skip: whyNoOidcProvider }
const limits = { maxBytes: 65_536, timeoutMs: 20_000 }
/** An address of AS112, where nothing answers (RFC 7534, RFC 7535). */
const publicAddress = '192.31.196.1'

const address = (text: string) => ({ address: text, family: text.includes(':') ? 6 : 4 })
const to =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map(address)

/** Gives each answer once. */
function changing(...answers: string[][]): { resolve: Resolve; hosts: string[] } {
  const hosts: string[] = []
  const resolve: Resolve = async (host) => {
    const next = answers[hosts.length]
    hosts.push(host)
    if (!next) throw new Error('asked too often')
    return next.map(address)
  }
  return { resolve, hosts }
}

let provider: OidcProvider

/** Of what a fetch is refused for: the message, and whether another try may help. */
async function refusal(fetching: Promise<unknown>): Promise<[string, boolean]> {
  const error = await fetching.then(
    () => assert.fail('it was fetched'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof FetchError, String(error))
  return [error.message, error.isTransient]
}

describe('a guarded fetch', skip, () => {
  before(async () => {
    provider = await createOidcProvider(['issuer.example.com'])
  })
  after(() => provider.close())

  const trusting = (options: { resolve?: Resolve; allowedHosts?: string[] } = {}) =>
    createGuardedFetch({ ca: provider.ca, allowedHosts: [provider.host], ...options })
  const keysOf = (host: string) => `https://${host}:${provider.port}${keysPath}`

  it('gives the body and how long it may be kept', async () => {
    for (const [cacheControl, maxAgeSeconds] of [
      [undefined, undefined],
      ['public, max-age=3600', 3600],
      ['Max-Age="60",must-revalidate', 60],
      ['max-age=-1', undefined],
      ['s-maxage=7', undefined],
      ['no-store, max-age=5', 0],
      ['no-cache', 0],
    ] as const) {
      provider.cacheControl = cacheControl
      const { body, ...rest } = await trusting().fetchJson(`${provider.url}${keysPath}`, limits)
      assert.deepEqual(JSON.parse(body.toString()), provider.keySet())
      assert.deepEqual(rest, maxAgeSeconds === undefined ? {} : { maxAgeSeconds }, cacheControl)
    }
  })

  it('asks for one name once, and shows that name in TLS and in the request', async () => {
    let host: string | undefined
    provider.answers.set('/host', (request, response) => {
      host = request.headers.host
      assert.equal(request.headers.connection, 'close')
      json({})(request, response)
    })
    const { resolve, hosts } = changing(['127.0.0.1'])
    const allowedHosts = [`issuer.example.com:${provider.port}`]
    await trusting({ resolve, allowedHosts }).fetchJson(`https://issuer.example.com:${provider.port}/host`, limits)
    assert.deepEqual([hosts, host], [['issuer.example.com'], `issuer.example.com:${provider.port}`])
  })

  it('tries all addresses that were found, and no others', async () => {
    const allowedHosts = ['issuer.example.com']
    const { body } = await trusting({ allowedHosts, resolve: to('::1', '127.0.0.1') }).fetchJson(
      keysOf('issuer.example.com'),
      limits,
    )
    assert.deepEqual(JSON.parse(body.toString()), provider.keySet())
  })

  for (const [name, addresses, inside] of [
    ['a private address', ['127.0.0.1'], '127.0.0.1'],
    ['a public and a private address', [publicAddress, '127.0.0.1'], '127.0.0.1'],
    ['a private address of IPv6', ['::1', publicAddress], '::1'],
    ['a mapped address', ['::ffff:127.0.0.1'], '::ffff:127.0.0.1'],
    ['the metadata service', ['169.254.169.254'], '169.254.169.254'],
  ] as const) {
    it(`security test 21: does not reach a name that leads to ${name}`, async () => {
      provider.requests.clear()
      const { fetchJson } = trusting({ resolve: to(...addresses) })
      const [message, isTransient] = await refusal(fetchJson(keysOf('issuer.example.com'), limits))
      assert.deepEqual(
        [message, isTransient, provider.requests.size],
        [`issuer.example.com leads to ${inside}, which is not public`, false, 0],
      )
    })
  }

  it('security test 21: stays with the address that was checked when the name leads elsewhere a moment later', async () => {
    provider.requests.clear()
    const { resolve, hosts } = changing([publicAddress], ['127.0.0.1'])
    const [, isTransient] = await refusal(
      trusting({ resolve }).fetchJson(keysOf('issuer.example.com'), { ...limits, timeoutMs: 500 }),
    )
    assert.deepEqual([hosts, isTransient, provider.requests.size], [['issuer.example.com'], true, 0])
  })

  it('looks at the name again the next time', async () => {
    const { resolve, hosts } = changing([publicAddress], ['127.0.0.1'])
    const { fetchJson } = trusting({ resolve })
    await refusal(fetchJson(keysOf('issuer.example.com'), { ...limits, timeoutMs: 100 }))
    assert.match((await refusal(fetchJson(keysOf('issuer.example.com'), limits)))[0], /leads to 127\.0\.0\.1/)
    assert.equal(hosts.length, 2)
  })

  it('does not even look at what the text of the URL refuses', async () => {
    const { resolve, hosts } = changing()
    const { fetchJson } = trusting({ resolve })
    for (const [url, says] of [
      ['http://issuer.example.com/', 'the URL must begin with https://'],
      ['https://169.254.169.254/', 'the URL must not have an address that is not public'],
      [`https://127.0.0.1:${provider.port}/`, 'the URL must not have an address that is not public'],
      [`https://2130706433:${provider.port}/`, 'the URL must not have an address that is not public'],
      ['https://localhost/', 'the URL must have a public host'],
    ] as const) {
      assert.deepEqual(await refusal(fetchJson(url, limits)), [says, false])
    }
    assert.deepEqual(hosts, [])
  })

  it('reaches an address that the operator allows', async () => {
    const allowedHosts = [`127.0.0.1:${provider.port}`]
    const { body } = await trusting({ allowedHosts }).fetchJson(keysOf('127.0.0.1'), limits)
    assert.deepEqual(JSON.parse(body.toString()), provider.keySet())
  })

  it('does not talk to whom nobody vouches for, nor under another name', async () => {
    const allowedHosts = ['issuer.example.com', 'other.example.com']
    const resolve = to('127.0.0.1')
    const strangers = createGuardedFetch({ allowedHosts, resolve })
    assert.match((await refusal(strangers.fetchJson(keysOf('issuer.example.com'), limits)))[0], /certificate/)
    const { fetchJson } = trusting({ allowedHosts, resolve })
    assert.match(
      (await refusal(fetchJson(keysOf('other.example.com'), limits)))[0],
      /ERR_TLS_CERT_ALTNAME_INVALID|altnames/,
    )
  })

  const answer = async (listener: RequestListener, own: Partial<typeof limits> = {}) => {
    provider.answers.set('/answer', listener)
    return await refusal(trusting().fetchJson(`${provider.url}/answer`, { ...limits, ...own }))
  }

  it('security test 21: follows no redirect', async () => {
    provider.requests.clear()
    for (const location of ['/keys', `https://127.0.0.1:${provider.port}/keys`, 'https://169.254.169.254/'])
      assert.deepEqual(await answer(misbehaving.redirectTo(location)), ['it answered 302; nothing is followed', false])
    assert.deepEqual([...provider.requests.keys()], ['/answer'])
  })

  for (const [status, isTransient] of [
    [204, false],
    [404, false],
    [429, true],
    [500, true],
    [503, true],
  ] as const) {
    it(`does not take a ${status}`, async () =>
      assert.deepEqual(await answer(misbehaving.status(status)), [`it answered ${status}`, isTransient]))
  }

  it('does not take what is encoded', async () =>
    assert.deepEqual(await answer((_, response) => response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('{}')), [
      'its answer is encoded, which was not asked for',
      false,
    ]))

  it('reads no more than it was told, whatever the length says', async () => {
    const tooLong = ['its answer has more than 65536 bytes', false]
    assert.deepEqual(await answer(misbehaving.huge), tooLong)
    assert.deepEqual(
      await answer((_, response) => response.writeHead(200, { 'Content-Length': 65_537 }).flushHeaders()),
      tooLong,
    )
    provider.answers.set('/just', (_, response) => response.end(' '.repeat(65_536)))
    assert.equal((await trusting().fetchJson(`${provider.url}/just`, limits)).body.length, 65_536)
  })

  it('does not take half of an answer', async () => {
    const [, isTransient] = await answer((request, response) => {
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('{}', () => request.socket.destroy())
    })
    assert.equal(isTransient, true)
  })

  it('waits for nobody longer than it was told', async () => {
    const late = ['it did not answer in time', true]
    assert.deepEqual(await answer(misbehaving.silent, { timeoutMs: 200 }), late)
    assert.deepEqual(await answer(misbehaving.slow, { timeoutMs: 200 }), late)
    const never: Resolve = () => new Promise(() => undefined)
    const waiting = trusting({ resolve: never }).fetchJson('https://issuer.example.com/', { ...limits, timeoutMs: 50 })
    assert.deepEqual(await refusal(waiting), late)
    const ofCaller = trusting().fetchJson(`${provider.url}/answer`, { ...limits, signal: AbortSignal.timeout(50) })
    assert.deepEqual(await refusal(ofCaller), late)
  })

  it('is not held by lookups that hang, beyond its time', async () => {
    const { promise, resolve: letGo } = Promise.withResolvers<void>()
    const hosts: string[] = []
    const { fetchJson } = trusting({
      allowedHosts: [],
      async resolve(host) {
        hosts.push(host)
        await promise
        return [address('10.0.0.1')]
      },
    })
    const fetching = ['a', 'b', 'c'].map((name) =>
      refusal(fetchJson(`https://${name}.example.com/`, { ...limits, timeoutMs: 50 })),
    )
    for (const [message] of await Promise.all(fetching)) assert.equal(message, 'it did not answer in time')
    assert.deepEqual(hosts, ['a.example.com', 'b.example.com'])
    letGo()
    assert.match((await refusal(fetchJson('https://d.example.com/', limits)))[0], /leads to 10\.0\.0\.1/)
    assert.deepEqual(hosts, ['a.example.com', 'b.example.com', 'd.example.com'])
  })

  it('ends with whom changes the protocol, or speaks no TLS', async () => {
    const [, isTransient] = await answer((request) => {
      request.socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n')
    })
    assert.equal(isTransient, true)
    const plain = createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\n\r\n{}'))
    const port = await new Promise<number>((resolve) => {
      plain.listen(0, '127.0.0.1', () => {
        const bound = plain.address()
        resolve(typeof bound === 'object' && bound ? bound.port : 0)
      })
    })
    const { fetchJson } = trusting({ allowedHosts: [`127.0.0.1:${port}`] })
    assert.equal((await refusal(fetchJson(`https://127.0.0.1:${port}/`, limits)))[1], true)
    await new Promise((resolve) => plain.close(resolve))
    assert.equal((await refusal(fetchJson(`https://127.0.0.1:${port}/`, limits)))[1], true)
  })

  it('knows no proxy of the environment', async () => {
    const script = `
      import { createGuardedFetch } from ${JSON.stringify(fileURLToPath(new URL('./guarded-fetch.ts', import.meta.url)))}
      const { fetchJson } = createGuardedFetch({ ca: process.env.CA, allowedHosts: [process.env.HOST] })
      const { body } = await fetchJson(process.env.URL, { maxBytes: 65536, timeoutMs: 20000 })
      process.stdout.write(body)`
    provider.answers.set('/no-proxy', json({ reached: 'without a proxy' }))
    const nowhere = 'http://127.0.0.1:1'
    const { stdout } = await succeed(process.execPath, ['--input-type=module', '--eval', script], {
      env: {
        ...{ CA: provider.ca, HOST: provider.host, URL: `${provider.url}/no-proxy` },
        ...{ NODE_USE_ENV_PROXY: '1', HTTPS_PROXY: nowhere, https_proxy: nowhere, HTTP_PROXY: nowhere, NO_PROXY: '' },
      },
    })
    assert.deepEqual(JSON.parse(stdout), { reached: 'without a proxy' })
  })
})
