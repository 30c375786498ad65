import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BodyError, createBodyReader } from './body.ts'

const limits = { maxBytes: 100, timeoutMs: 60_000 }
const mebibyte = 1024 * 1024

/** Requests as a server gets them. */
async function server(t: TestContext) {
  const arrived: IncomingMessage[] = []
  const listener = createServer((request) => {
    arrived.push(request)
    listener.emit('arrived')
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  t.after(() => {
    listener.closeAllConnections()
    listener.close()
  })
  return {
    async next(): Promise<IncomingMessage> {
      while (arrived.length === 0) await once(listener, 'arrived')
      return arrived.shift() as IncomingMessage
    },
    send(headers: Record<string, string | number>) {
      const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers })
      request.on('error', () => {})
      request.flushHeaders()
      t.after(() => request.destroy())
      return request
    },
    port,
  }
}

const neverUsed = async () => assert.fail('the body was used')
const isTooLarge = (error: unknown) => error instanceof BodyError && error.reason === 'too-large'
const isIncomplete = (error: unknown) => error instanceof BodyError && error.reason === 'incomplete'

describe('createBodyReader', () => {
  test('hands over all bytes, in order, to the one who uses them and to the one who listens', async (t) => {
    const { send, next } = await server(t)
    const { read } = createBodyReader(10 * mebibyte)
    for (const [headers, pieces] of [
      [{ 'content-length': 6 }, ['ab', 'cd', 'ef']],
      [{ 'transfer-encoding': 'chunked' }, ['ab', 'cd', 'ef']],
      [{ 'content-length': 0 }, []],
      [{ 'transfer-encoding': 'chunked' }, []],
      [{ 'content-length': 2 * mebibyte }, ['x'.repeat(mebibyte), 'y'.repeat(mebibyte)]],
    ] as [Record<string, string | number>, string[]][]) {
      const client = send(headers)
      const heard: Buffer[] = []
      const reading = read(
        await next(),
        { maxBytes: 2 * mebibyte, timeoutMs: 60_000 },
        async (body) => body.toString(),
        (chunk) => heard.push(chunk),
      )
      for (const piece of pieces) client.write(piece)
      client.end()
      const text = await reading
      assert.equal(text, pieces.join(''))
      assert.equal(Buffer.concat(heard).toString(), pieces.join(''))
    }
  })

  test('a body that is announced too large is refused before a byte is read', async (t) => {
    const { send, next } = await server(t)
    send({ 'content-length': 101 })
    const request = await next()
    await assert.rejects(createBodyReader(mebibyte).read(request, limits, neverUsed), isTooLarge)
    assert.equal(request.readableFlowing, null)
  })

  test('a body that turns out too large is refused at the byte that is too many', async (t) => {
    const { send, next } = await server(t)
    const client = send({ 'transfer-encoding': 'chunked' })
    const heard: Buffer[] = []
    const reading = createBodyReader(mebibyte).read(await next(), limits, neverUsed, (chunk) => heard.push(chunk))
    const refused = assert.rejects(reading, isTooLarge)
    client.write('x'.repeat(100))
    while (Buffer.concat(heard).length < 100) await nextTurn()
    client.write('y')
    await refused
    assert.equal(Buffer.concat(heard).length, 100)
  })

  test('a body that breaks off is incomplete, whether it had a length or not', async (t) => {
    const { send, next } = await server(t)
    for (const headers of [{ 'content-length': 50 }, { 'transfer-encoding': 'chunked' }]) {
      const client = send(headers)
      client.write('half')
      const refused = assert.rejects(createBodyReader(mebibyte).read(await next(), limits, neverUsed), isIncomplete)
      client.destroy()
      await refused
    }
  })

  test('a request whose connection is gone already is incomplete', async (t) => {
    const { port, next } = await server(t)
    const socket = connect(port, '127.0.0.1')
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
    const request = await next()
    socket.destroy()
    while (!request.destroyed) await nextTurn()
    await assert.rejects(createBodyReader(mebibyte).read(request, limits, neverUsed), isIncomplete)
  })

  test('a body that comes too slowly is given up, and no timer stays', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { send, next } = await server(t)
    const client = send({ 'content-length': 50 })
    client.write('slow')
    const reading = createBodyReader(mebibyte).read(await next(), limits, neverUsed)
    const refused = assert.rejects(reading, (error) => error instanceof BodyError && error.reason === 'too-slow')
    t.mock.timers.tick(59_999)
    t.mock.timers.tick(1)
    await refused
  })

  test('large bodies wait for their share of memory until those before them are used; small ones never wait', async (t) => {
    const { send, next } = await server(t)
    const { read } = createBodyReader(3 * mebibyte)
    const large = { maxBytes: 8 * mebibyte, timeoutMs: 60_000 }
    const using = Promise.withResolvers<void>()
    const used: string[] = []
    const start = async (name: string, size: number, wait: Promise<void>) => {
      const client = send({ 'content-length': size })
      client.end(Buffer.alloc(size))
      const request = await next()
      return read(request, large, async (body) => {
        used.push(`${name}: ${body.length}`)
        await wait
      })
    }
    const first = start('first', 2 * mebibyte, using.promise)
    while (used.length === 0) await nextTurn()
    const second = start('second', 2 * mebibyte, Promise.resolve())
    await start('small', 1000, Promise.resolve())
    assert.deepEqual(used, [`first: ${2 * mebibyte}`, 'small: 1000'])
    using.resolve()
    await Promise.all([first, second])
    assert.equal(used[2], `second: ${2 * mebibyte}`)
    // More than the whole budget is possible, alone.
    await start('huge', 5 * mebibyte, Promise.resolve())
  })

  test('the share is given back when the use fails, or the body does', async (t) => {
    const { send, next } = await server(t)
    const { read } = createBodyReader(2 * mebibyte)
    const large = { maxBytes: 2 * mebibyte, timeoutMs: 60_000 }
    for (const fails of ['use', 'body']) {
      const client = send({ 'content-length': 2 * mebibyte })
      const reading = read(await next(), large, async () => {
        throw new Error('the use failed')
      })
      const failed = assert.rejects(reading)
      if (fails === 'use') client.end(Buffer.alloc(2 * mebibyte))
      else client.destroy()
      await failed
    }
    const client = send({ 'content-length': 2 * mebibyte })
    client.end(Buffer.alloc(2 * mebibyte))
    assert.equal(await read(await next(), large, async (body) => body.length), 2 * mebibyte)
  })
})
