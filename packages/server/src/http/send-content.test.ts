import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer, get, type RequestListener } from 'node:http'
import { createServer as createTlsServer, get as getTls } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { until } from '../../test/support/until.ts'
import type { BlobReader } from '../storage/blobs/blob-store.ts'
import { ClientGone, createContentSender } from './send-content.ts'

const mebibyte = 1024 * 1024
const size = 12 * mebibyte + 12_345

let folder: string
let path: string
let bytes: Buffer
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-send-'))
  path = join(folder, 'content')
  bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
  await writeFile(path, bytes)
})
after(() => rm(folder, { recursive: true, force: true }))

const hashOf = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')

async function readerOf(file: string): Promise<BlobReader> {
  const handle = await open(file)
  return {
    async read(buffer, position) {
      let filled = 0
      while (filled < buffer.byteLength) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, position + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled
    },
    close: () => handle.close(),
  }
}

interface Sending {
  port: number
  /** How each transfer ended. */
  ends: (string | undefined)[]
}

/** Sends the range that the path says, `/<first>-<length>`. */
async function sending(t: TestContext, tls?: { key: Buffer; cert: Buffer }): Promise<Sending> {
  const send = createContentSender()
  const ends: (string | undefined)[] = []
  const listener: RequestListener = (request, response) => {
    const [first = 0, length = size] = (request.url ?? '').slice(1).split('-').map(Number)
    response.setHeader('Content-Length', length)
    readerOf(path)
      .then((reader) => send(response, reader, first, length))
      .then(
        () => ends.push(undefined),
        (error) => {
          ends.push(error instanceof ClientGone ? 'gone' : String(error))
          response.destroy()
        },
      )
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, ends }
}

function fetchFrom({ port }: Sending, range: string, ca?: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const options = { host: '127.0.0.1', port, path: `/${range}`, agent: false }
  const request = ca ? getTls({ ...options, ca, servername: 'localhost' }) : get(options)
  request.on('error', reject).on('response', (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.once('end', () => resolve(Buffer.concat(parts)))
    response.once('error', reject)
  })
  return promise
}

async function openContent(): Promise<number> {
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return targets.filter((target) => target === path).length
}

const onLinux = { skip: process.platform === 'linux' ? false : 'needs /proc' }

describe('createContentSender', onLinux, () => {
  test('whole and in parts, small and large: the bytes that were asked for', async (t) => {
    const server = await sending(t)
    for (const [first, length] of [
      [0, size],
      [0, 1],
      [size - 1, 1],
      [5, 256 * 1024],
      [7, 256 * 1024 + 1],
      [1, 2 * mebibyte],
      [mebibyte - 1, 3 * mebibyte + 2],
      [0, 0],
    ] as const) {
      const answer = await fetchFrom(server, `${first}-${length}`)
      assert.equal(hashOf(answer), hashOf(bytes.subarray(first, first + length)), `${length} bytes from ${first}`)
    }
    assert.equal(await openContent(), 0)
  })

  test('many clients at once get their own bytes, whichever buffers they share one after another', async (t) => {
    const server = await sending(t)
    for (const _ of [1, 2]) {
      const answers = await Promise.all(
        Array.from({ length: 40 }, async (_, n) => {
          const [first, length] = [n * 1000, 2 * mebibyte + n]
          const answer = await fetchFrom(server, `${first}-${length}`)
          return hashOf(answer) === hashOf(bytes.subarray(first, first + length))
        }),
      )
      assert.ok(answers.every(Boolean))
    }
    assert.equal(await openContent(), 0)
  })

  test('over TLS too', async (t) => {
    if (spawnSync('openssl', ['version']).status !== 0) return t.skip('needs openssl')
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...subject],
      {
        stdio: 'ignore',
      },
    )
    const tls = { key: await readFile(key), cert: await readFile(cert) }
    const server = await sending(t, tls)
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const length = 3 * mebibyte + n
        const answer = await fetchFrom(server, `${n}-${length}`, tls.cert)
        return hashOf(answer) === hashOf(bytes.subarray(n, n + length))
      }),
    )
    assert.ok(answers.every(Boolean))
    assert.equal(await openContent(), 0)
  })

  test('a slow client gets the right bytes while others use the buffers', async (t) => {
    const server = await sending(t)
    const slow = connect(server.port, '127.0.0.1')
    slow.write(`GET /0-${size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    const received: Buffer[] = []
    slow.on('data', (chunk: Buffer) => {
      received.push(chunk)
      slow.pause()
    })
    for (let n = 0; n < 10; n++) {
      const length = 4 * mebibyte + n
      const answer = await fetchFrom(server, `${n}-${length}`)
      assert.equal(hashOf(answer), hashOf(bytes.subarray(n, n + length)))
      slow.resume()
    }
    slow.removeAllListeners('data').on('data', (chunk: Buffer) => received.push(chunk))
    slow.resume()
    await once(slow, 'close')
    const answer = Buffer.concat(received)
    assert.equal(hashOf(answer.subarray(answer.indexOf('\r\n\r\n') + 4)), hashOf(bytes))
    assert.equal(await openContent(), 0)
  })

  test('a client that goes away ends its transfer, closes the file, and spoils nobody', async (t) => {
    const server = await sending(t)
    const leaving = Array.from({ length: 10 }, () => {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET /0-${size} HTTP/1.1\r\nHost: a\r\n\r\n`)
      socket.once('data', () => socket.destroy())
      return once(socket, 'close')
    })
    const staying = await Promise.all(Array.from({ length: 10 }, () => fetchFrom(server, `0-${size}`)))
    await Promise.all(leaving)
    for (const answer of staying) assert.equal(hashOf(answer), hashOf(bytes))
    await until('all transfers have ended', () => server.ends.length === 20)
    assert.deepEqual(server.ends.toSorted(), [...Array(10).fill('gone'), ...Array(10).fill(undefined)])
    assert.equal(await openContent(), 0)
    assert.equal(hashOf(await fetchFrom(server, `0-${size}`)), hashOf(bytes))
  })

  test('content that is shorter than it should be cuts the answer: nobody takes it for whole', async (t) => {
    const server = await sending(t)
    await assert.rejects(fetchFrom(server, `${size - 10}-20`))
    await until('the transfer has ended', () => server.ends.length > 0)
    assert.deepEqual(server.ends, ['Error: a blob is shorter than its row says'])
    assert.equal(await openContent(), 0)
  })

  test('a client that is gone before the first byte', async (t) => {
    const server = await sending(t)
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`GET /0-${size} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await once(socket, 'connect')
    socket.resetAndDestroy()
    await nextTurn()
    assert.equal(hashOf(await fetchFrom(server, '0-100')), hashOf(bytes.subarray(0, 100)))
    await until('no file is open', async () => (await openContent()) === 0)
  })
})
