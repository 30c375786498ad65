import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get, type ServerResponse } from 'node:http'
import { BlockList, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { manualClock } from '../../test/support/manual-clock.ts'
import { plainHttp } from '../../test/support/plain-http.ts'
import { until } from '../../test/support/until.ts'
import { randomIds } from '../base/ids.ts'
import { silentLog } from '../base/log.ts'
import type { Exchange } from './exchange.ts'
import { createListener, type ListenerOptions } from './listener.ts'

async function listening(t: TestContext, options: Partial<ListenerOptions> = {}) {
  const finished: { wire: string; status: number }[] = []
  const errors: unknown[] = []
  const lines: Record<string, unknown>[] = []
  const listener = createListener({
    tls: undefined,
    trustedProxies: new BlockList(),
    clock: manualClock(0),
    ids: randomIds,
    log: { ...silentLog, error: (detail: unknown) => errors.push(detail) } as typeof silentLog,
    access: { ...silentLog, info: (line: Record<string, unknown>) => lines.push(line) } as typeof silentLog,
    handle: async (exchange) => {
      exchange.response.setHeader('Content-Length', 6)
      exchange.response.end('answer')
      return 'test'
    },
    onFinished: (exchange, wire) => finished.push({ wire, status: exchange.response.statusCode }),
    ...options,
  })
  const port = await listener.listen('127.0.0.1', 0)
  const http = plainHttp(`http://127.0.0.1:${port}`)
  t.after(async () => {
    http.close()
    await listener.close()
  })
  return { listener, port, http, finished, errors, lines }
}

const whyNoCertificate = spawnSync('openssl', ['version']).error
  ? 'this machine has no openssl to make a certificate'
  : false

function certificate(): { cert: Buffer; key: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'berth-tls-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const what = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost']
  execFileSync('openssl', ['req', ...what, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const made = { cert: readFileSync(cert), key: readFileSync(key) }
  rmSync(folder, { recursive: true })
  return made
}

describe('requests', () => {
  test('each is handled, counted and written down once', async (t) => {
    const { http, finished, lines } = await listening(t)
    const answer = await http.send('POST', '/path/of?secret=query', { body: '12345' })
    assert.deepEqual([answer.status, answer.text], [200, 'answer'])
    await until('it is counted', () => finished.length === 1)
    assert.deepEqual(finished, [{ wire: 'test', status: 200 }])
    const [line] = lines
    assert.deepEqual(
      { ...line, requestId: typeof line?.requestId, ms: typeof line?.ms },
      {
        requestId: 'string',
        client: '127.0.0.1',
        method: 'POST',
        path: '/path/of',
        status: 200,
        isComplete: true,
        bytesIn: 5,
        bytesOut: 6,
        ms: 'number',
      },
    )
  })

  test('the token of a download link is not written down', async (t) => {
    const { http, lines } = await listening(t)
    await http.send('GET', '/_berth/blobs/AbCdEfToken')
    await until('it is written down', () => lines.length === 1)
    assert.equal(lines[0]?.path, '/_berth/')
    assert.doesNotMatch(JSON.stringify(lines), /AbCdEf/)
  })

  test('what was not handled ends the connection, is told, and hurts nobody else', async (t) => {
    const { http, errors, finished } = await listening(t, {
      handle: async (exchange) => {
        if (exchange.path === '/bug') throw new Error('a bug')
        exchange.response.end('fine')
        return 'test'
      },
    })
    await assert.rejects(http.send('GET', '/bug'), { code: 'ECONNRESET' })
    assert.equal((await http.send('GET', '/')).text, 'fine')
    assert.equal(errors.length, 1)
    assert.match(String((errors[0] as { err: unknown }).err), /a bug/)
    assert.equal(finished[0]?.wire, 'other')
  })

  test('what is no HTTP is refused, but never in the middle of an answer', async (t) => {
    const answers: ServerResponse[] = []
    const { http } = await listening(t, {
      handle: async ({ response }) => {
        answers.push(response)
        return 'test'
      },
    })
    for (const isBegun of [false, true]) {
      answers.length = 0
      const connection = await http.connection()
      connection.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await until('the request is there', () => answers.length > 0)
      if (isBegun) {
        answers[0]?.writeHead(200, { 'content-length': 1000 })
        answers[0]?.write('the beginning')
        await connection.until('the beginning')
      }
      connection.write('this is no HTTP\r\n\r\n')
      const text = await connection.ended()
      assert.match(text, isBegun ? /^HTTP\/1\.1 200 OK\r\n.*the beginning$/s : /^HTTP\/1\.1 400 Bad Request\r\n/)
    }
  })
})

describe('who the client is', () => {
  const seen = (list: BlockList) => {
    const exchanges: Exchange[] = []
    const handle = async (exchange: Exchange) => {
      exchanges.push(exchange)
      exchange.response.end()
      return 'test'
    }
    return { exchanges, options: { trustedProxies: list, handle } }
  }
  const forwarded = {
    'x-forwarded-for': '198.51.100.1, 203.0.113.7',
    'x-forwarded-proto': 'http, https',
  }

  test('behind a trusted proxy, what that proxy added: the last of each list', async (t) => {
    const list = new BlockList()
    list.addSubnet('127.0.0.0', 8, 'ipv4')
    const { exchanges, options } = seen(list)
    const { http } = await listening(t, options)
    await http.send('GET', '/', { headers: forwarded })
    await http.send('GET', '/')
    assert.deepEqual(
      exchanges.map(({ clientAddress, isSecure }) => ({ clientAddress, isSecure })),
      [
        { clientAddress: '203.0.113.7', isSecure: true },
        { clientAddress: '127.0.0.1', isSecure: false },
      ],
    )
  })

  test('behind a chain of them, the last address that is none of theirs; what the client wrote itself is left of it', async (t) => {
    const list = new BlockList()
    list.addSubnet('127.0.0.0', 8, 'ipv4')
    list.addAddress('10.0.0.2')
    list.addAddress('fd00::2', 'ipv6')
    const { exchanges, options } = seen(list)
    const { http } = await listening(t, options)
    for (const [header, address] of [
      ['203.0.113.7, 10.0.0.2', '203.0.113.7'],
      ['192.0.2.9, 203.0.113.7, fd00::2 , ::ffff:10.0.0.2', '203.0.113.7'],
      ['10.0.0.2, 2001:db8::7,10.0.0.2', '2001:db8::7'],
      ['10.0.0.2, fd00::2', '10.0.0.2'],
      ['198.51.100.1, unknown, 10.0.0.2', 'unknown'],
      ['198.51.100.1,', ''],
    ] as const) {
      await http.send('GET', '/', { headers: { 'x-forwarded-for': header } })
      assert.equal(exchanges.at(-1)?.clientAddress, address, header)
    }
  })

  test('what others claim is not believed', async (t) => {
    const list = new BlockList()
    list.addAddress('192.0.2.1')
    for (const trusted of [list, new BlockList()]) {
      const { exchanges, options } = seen(trusted)
      const { http } = await listening(t, options)
      await http.send('GET', '/', { headers: forwarded })
      assert.deepEqual([exchanges[0]?.clientAddress, exchanges[0]?.isSecure], ['127.0.0.1', false])
    }
  })
})

describe('addresses', () => {
  test('a port that is taken is the error of the system', async (t) => {
    const { listener, port } = await listening(t)
    await assert.rejects(listener.listen('127.0.0.1', port), { code: 'EADDRINUSE' })
  })

  test('several addresses are served by one', async (t) => {
    const { listener } = await listening(t)
    const second = plainHttp(`http://127.0.0.1:${await listener.listen('127.0.0.1', 0)}`)
    assert.equal((await second.send('GET', '/')).text, 'answer')
    second.close()
  })
})

describe('the end', () => {
  test('what is under way is finished; connections without a request are closed, and nobody new is let in', async (t) => {
    const held = Promise.withResolvers<void>()
    let isSlowHere = false
    const { listener, http, port, finished } = await listening(t, {
      handle: async (exchange) => {
        if (exchange.path === '/slow') {
          isSlowHere = true
          await held.promise
        }
        exchange.response.end('answer')
        return 'test'
      },
    })
    await http.send('GET', '/')
    const slow = http.send('GET', '/slow')
    const silent = connect(port, '127.0.0.1')
    await once(silent, 'connect')
    await until('the slow request is there', () => isSlowHere)
    let isClosed = false
    const closed = listener.close().then(() => {
      isClosed = true
    })
    await once(silent, 'close')
    await assert.rejects(once(get({ host: '127.0.0.1', port, agent: false }), 'response'), { code: 'ECONNREFUSED' })
    assert.equal(isClosed, false)
    held.resolve()
    const answer = await slow
    assert.deepEqual([answer.text, answer.headers.connection], ['answer', 'close'])
    await closed
    assert.equal(finished.length, 2)
  })

  test('a TLS connection whose client never begins the handshake holds nobody up', {
    skip: whyNoCertificate,
  }, async (t) => {
    const { listener, port } = await listening(t, { tls: certificate() })
    const silent = connect(port, '127.0.0.1')
    await once(silent, 'connect')
    const closed = once(silent, 'close')
    silent.resume()
    await listener.close()
    await closed
  })

  test('an answer that is on its way is finished, and its connection ends', async (t) => {
    const held = Promise.withResolvers<void>()
    const { listener, http } = await listening(t, {
      handle: async ({ response }) => {
        response.writeHead(200, { 'content-length': 10 })
        response.write('first')
        await held.promise
        response.end('after')
        return 'test'
      },
    })
    const connection = await http.connection()
    connection.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await connection.until('first')
    const closed = listener.close()
    held.resolve()
    assert.match(await connection.ended(), /firstafter$/)
    await closed
  })

  test('what takes longer than 25 seconds is cut', async (t) => {
    let isHere = false
    const { listener, http } = await listening(t, {
      handle: () => {
        isHere = true
        return new Promise(() => {})
      },
    })
    const stuck = assert.rejects(http.send('GET', '/'), { code: 'ECONNRESET' })
    await until('the request is there', () => isHere)
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let isClosed = false
    const closed = listener.close().then(() => {
      isClosed = true
    })
    t.mock.timers.tick(24_999)
    await nextTurn()
    assert.equal(isClosed, false)
    t.mock.timers.tick(1)
    await stuck
    await closed
  })
})
