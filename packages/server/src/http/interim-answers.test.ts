import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../base/log.ts'
import { Exchange } from './exchange.ts'
import { withInterimAnswers } from './interim-answers.ts'

/** Serves one request whose task takes so many minutes of the mocked clock; gives what the client heard. */
async function heard(t: TestContext, minutes: number, request: string): Promise<string> {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const begun = Promise.withResolvers<void>()
  const done = Promise.withResolvers<string>()
  const server = createServer(async (incoming, response) => {
    incoming.resume()
    await once(incoming, 'end')
    const init = { requestId: '', startedAt: 0, clientAddress: '', isSecure: false, log: silentLog }
    const exchange = new Exchange({ request: incoming, response, ...init })
    response.end(
      await withInterimAnswers(exchange, () => {
        begun.resolve()
        return done.promise
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  socket.write(request)
  await begun.promise
  t.mock.timers.tick(minutes * 60_000)
  done.resolve('created')
  await once(socket, 'close')
  server.close()
  return text
}

const put = (version: string) =>
  `PUT / HTTP/${version}\r\nHost: here\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`
const interim = /HTTP\/1\.1 100 Continue\r\n\r\n/g

test('a short task is answered, and nothing else is said', async (t) => {
  const text = await heard(t, 0, put('1.1'))
  assert.equal(text.match(interim), null)
  assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*created/)
})

test('a task of ten minutes says four times that it goes on, which is as often as every client bears', async (t) => {
  const text = await heard(t, 10, put('1.1'))
  assert.equal(text.match(interim)?.length, 4)
  assert.match(text.replaceAll(interim, ''), /^HTTP\/1\.1 200 OK[\s\S]*created/)
})

test('a client of HTTP/1.0 knows no interim answers', async (t) => {
  assert.equal((await heard(t, 10, put('1.0'))).match(interim), null)
})
