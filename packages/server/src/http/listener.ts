// The sockets: addresses, TLS, limits and times, one Exchange a request, the access log, and the drain at the end.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, BlockList, Socket } from 'node:net'
import { isIPv6 } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { systemErrorCode } from '../base/errors.ts'
import type { Ids } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { Exchange } from './exchange.ts'

/** One header may have 16 KiB, since tokens of ECR itself reach several, all of them twice that. */
const maxHeaderSize = 32 * 1024
const headersTimeoutMs = 30_000
/** A connection on which nothing moves for this long is cut: while a request arrives, and while its answer is made and read. */
const receiveTimeoutMs = 60_000
const answerTimeoutMs = 300_000
const keepAliveTimeoutMs = 75_000
const maxConnections = 10_000
/** How much of a body that nobody wants is read, so that the client can read the answer. */
const maxUnreadBytes = 64 * 1024 * 1024
const drainMs = 25_000

export interface ListenerOptions {
  tls: { cert: Buffer; key: Buffer } | undefined
  trustedProxies: BlockList
  clock: Clock
  ids: Ids
  log: Log
  /** Where the line of each request goes. */
  access: Log
  /** Handles a request; gives the name of its wire. */
  handle: (exchange: Exchange) => Promise<string>
  onFinished: (exchange: Exchange, wire: string, seconds: number) => void
}

export interface Listener {
  /** Binds one more address; port 0 lets the system choose. Gives the port. @throws the system's error */
  listen(host: string, port: number): Promise<number>
  /** Serves a connection that another process has accepted. */
  take(socket: Socket): void
  /** Stops accepting, waits for what is under way, cuts what takes too long. */
  close(): Promise<void>
}

export function createListener(options: ListenerOptions): Listener {
  const servers: Server[] = []
  const answering = new Set<ServerResponse>()
  /** Connections on which no request has come yet: Node does not count them as idle. */
  const unused = new Set<Socket>()
  /** Connections that were accepted elsewhere, and the server that has them. */
  const taken = new Set<Socket>()
  let takingServer: Server | undefined
  let isClosing = false

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const exchange = createExchange(request, response, options)
    const { socket } = request
    unused.delete(socket)
    answering.add(response)
    socket.setTimeout(receiveTimeoutMs)
    request.once('end', () => socket.setTimeout(answerTimeoutMs))
    if (isClosing) response.setHeader('Connection', 'close')
    response.once('prefinish', () => {
      if (!request.complete && mayHaveBody(request)) limitUnreadBody(request)
    })
    const handled = options.handle(exchange).catch((error) => {
      exchange.log.error({ err: error, requestId: exchange.requestId }, 'a request was not handled')
      response.destroy()
      return 'other'
    })
    response.once('close', () => {
      answering.delete(response)
      if (isClosing) socket.end()
      const milliseconds = performance.now() - exchange.startedAt
      // A short answer is out before its handler has returned.
      void handled.then((wire) => {
        options.onFinished(exchange, wire, milliseconds / 1000)
        logAccess(options.access, exchange, milliseconds)
      })
    })
  }

  function createHttpServer(): Server {
    const settings = {
      maxHeaderSize,
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0,
      keepAliveTimeout: keepAliveTimeoutMs,
    }
    const server = options.tls ? createTlsServer({ ...settings, ...options.tls }, serve) : createServer(settings, serve)
    server.maxConnections = maxConnections
    server.setTimeout(receiveTimeoutMs)
    server.on('clientError', (error, socket: Socket) => {
      // In the middle of an answer nothing else may be written: cut, so that nobody takes it for whole.
      const isAnswered = [...answering].some((response) => response.socket === socket && response.headersSent)
      if (isAnswered) socket.destroy()
      else refuseMalformed(error, socket)
    })
    const watch = (socket: Socket) => {
      unused.add(socket)
      socket.once('close', () => unused.delete(socket))
    }
    server.on(options.tls ? 'secureConnection' : 'connection', watch)
    if (options.tls) {
      // Until the handshake is over there is only the socket below, and a client may never begin it.
      const handshakes = new Map<string, Socket>()
      server.on('connection', (socket: Socket) => {
        const peer = peerOf(socket)
        handshakes.set(peer, socket)
        watch(socket)
        socket.once('close', () => handshakes.delete(peer))
      })
      server.on('secureConnection', (socket: Socket) => {
        const below = handshakes.get(peerOf(socket))
        if (below) unused.delete(below)
      })
    }
    return server
  }

  return {
    async listen(host, port) {
      const server = createHttpServer()
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port, ...(isIPv6(host) ? { ipv6Only: host !== '::' } : {}) }, resolve)
      })
      servers.push(server)
      return (server.address() as AddressInfo).port
    },

    take(socket) {
      if (isClosing || taken.size >= maxConnections) {
        socket.destroy()
        return
      }
      if (!takingServer) {
        takingServer = createHttpServer()
        // It never listens, and this is when Node begins to look at the times of requests.
        takingServer.emit('listening')
        servers.push(takingServer)
      }
      taken.add(socket)
      socket.once('close', () => taken.delete(socket))
      // As sockets are that a server has accepted: the client may have said all, and listen still.
      socket.allowHalfOpen = true
      socket.setNoDelay(true)
      takingServer.emit('connection', socket)
    },

    async close() {
      isClosing = true
      const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
      for (const server of servers) server.closeIdleConnections()
      for (const socket of unused) socket.destroy()
      for (const response of answering) if (!response.headersSent) response.setHeader('Connection', 'close')
      const timer = setTimeout(() => {
        for (const server of servers) server.closeAllConnections()
        for (const socket of taken) socket.destroy()
      }, drainMs)
      await Promise.all(closed)
      for (const socket of taken) await new Promise((resolve) => socket.once('close', resolve))
      clearTimeout(timer)
    },
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

function createExchange(request: IncomingMessage, response: ServerResponse, options: ListenerOptions): Exchange {
  const peer = request.socket.remoteAddress ?? ''
  const isProxied = isListed(options.trustedProxies, peer)
  const forwardedFor = isProxied ? forwardedAddress(request.headers['x-forwarded-for'], options) : undefined
  const forwardedProto = isProxied ? lastValue(request.headers['x-forwarded-proto']) : undefined
  return new Exchange({
    request,
    response,
    requestId: options.ids.request(),
    startedAt: performance.now(),
    clientAddress: forwardedFor ?? peer,
    isSecure: forwardedProto === undefined ? options.tls !== undefined : forwardedProto === 'https',
    log: options.log,
  })
}

function isListed(list: BlockList, address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  return plain !== '' && list.rules.length > 0 && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

/** Each proxy adds whom it heard: from the right, the first that is no trusted proxy itself is the client. The rest is hearsay. */
function forwardedAddress(
  header: string | string[] | undefined,
  { trustedProxies }: ListenerOptions,
): string | undefined {
  const addresses = valuesOf(header)
  return addresses.findLast((address) => !isListed(trustedProxies, address)) ?? addresses[0]
}

/** What the nearest proxy, the trusted one, has added. */
function lastValue(header: string | string[] | undefined): string | undefined {
  return valuesOf(header).at(-1)
}

function valuesOf(header: string | string[] | undefined): string[] {
  const text = Array.isArray(header) ? header.join(',') : header
  return text?.split(',').map((value) => value.trim()) ?? []
}

/**
 * The client may still be sending what was refused: some of it is read, so that it gets to the answer, and no more. This must begin
 * before the answer is sent: of a request that nobody has read from by then, Node throws away all that comes, uncounted.
 */
function limitUnreadBody(request: IncomingMessage): void {
  let unread = 0
  request.on('data', (chunk: Buffer) => {
    unread += chunk.length
    if (unread > maxUnreadBytes) request.socket.destroy()
  })
  request.on('error', () => {})
  // Whoever refused the body may have paused it, and the next request on this connection waits behind it.
  request.read()
  request.resume()
}

function mayHaveBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

/** Requests that Node's parser refuses never become an Exchange. */
function refuseMalformed(error: Error, socket: Socket): void {
  if (!socket.writable) return
  const status =
    systemErrorCode(error) === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : systemErrorCode(error) === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function logAccess(access: Log, exchange: Exchange, milliseconds: number): void {
  const { record, request, response } = exchange
  access.info({
    requestId: exchange.requestId,
    client: exchange.clientAddress,
    method: exchange.method,
    path: exchange.path.startsWith('/_berth/') ? '/_berth/' : exchange.path.slice(0, 512),
    ...record,
    status: response.statusCode,
    isComplete: response.writableFinished,
    bytesIn: Number(request.headers['content-length'] ?? 0),
    bytesOut: Number(response.getHeader('content-length') ?? 0),
    ms: Math.round(milliseconds * 10) / 10,
  })
}
