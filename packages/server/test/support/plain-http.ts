// HTTP as it is on the wire, for what no client sends: the target as it is given (never normalised), any header, a body that is shorter or
// longer than it says, bytes that are no request at all.

import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  text: string
}

export interface PlainRequest {
  headers?: Record<string, string>
  body?: string | Uint8Array
  /** Send the body in chunks, without a Content-Length. */
  chunked?: boolean
}

export interface PlainHttp {
  send(method: string, target: string, request?: PlainRequest): Promise<Answer>
  /** A connection of one's own, for bytes that are written by hand. It is closed at the end. */
  connection(): Promise<RawConnection>
  close(): void
}

export interface RawConnection {
  socket: Socket
  write(bytes: string | Uint8Array): void
  /** What came so far, as soon as it contains the text. Fails when the connection ends before. */
  until(text: string): Promise<string>
  /** What came, when the server has closed the connection. */
  ended(): Promise<string>
  /** Ends it when what was written is on its way, in the middle of a request. */
  cut(): void
}

export function plainHttp(url: string): PlainHttp {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const sockets = new Set<Socket>()
  return {
    async send(method, target, { headers = {}, body, chunked = false } = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>()
      const bytes = typeof body === 'string' ? Buffer.from(body) : body
      const mayHaveBody = method !== 'GET' && method !== 'HEAD'
      const length = chunked || (bytes === undefined && !mayHaveBody) ? {} : { 'content-length': bytes?.length ?? 0 }
      const request = httpRequest(
        { agent, host: hostname, port, method, path: target, headers: { ...length, ...headers } },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.once('error', reject)
          response.once('end', () => {
            const whole = Buffer.concat(parts)
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: whole,
              text: whole.toString(),
            })
          })
        },
      )
      request.on('error', reject)
      request.end(bytes)
      return promise
    },

    async connection() {
      const socket = connect({ host: hostname, port: Number(port) })
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      await once(socket, 'connect')
      return rawConnection(socket)
    },

    close() {
      agent.destroy()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function rawConnection(socket: Socket): RawConnection {
  let received = ''
  let isClosed = false
  const changed = new EventTarget()
  const tell = () => changed.dispatchEvent(new Event('change'))
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    tell()
  })
  // A reset ends it as a close does; `close` follows.
  socket.on('error', () => {})
  socket.once('close', () => {
    isClosed = true
    tell()
  })
  return {
    socket,
    write: (bytes) => void socket.write(bytes),
    async until(text) {
      while (!received.includes(text)) {
        if (isClosed) throw new Error(`the connection ended before ${JSON.stringify(text)}: ${received}`)
        await once(changed, 'change')
      }
      return received
    },
    async ended() {
      while (!isClosed) await once(changed, 'change')
      return received
    },
    cut: () => socket.destroySoon(),
  }
}
