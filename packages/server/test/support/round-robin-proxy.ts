// A proxy in front of several nodes without any stickiness: each request, not each connection, goes to the next node in turn. Bodies pass
// as they come, both ways, and the client's `Host` stays, as links and locations are made from it.

import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'

export interface RoundRobinProxy {
  /** `http://localhost:<port>` */
  url: string
  /** The addresses that requests go to from now on, in turn. */
  setTargets(urls: readonly string[]): void
  /** How many requests each address has had. */
  counts: ReadonlyMap<string, number>
  close(): Promise<void>
}

/** A node that cannot be reached gives 502, as proxies do; a connection that breaks in the middle is broken for the client too. */
export async function startRoundRobinProxy(urls: readonly string[]): Promise<RoundRobinProxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const counts = new Map<string, number>()
  let targets = [...urls]
  let turn = 0

  function forward(request: IncomingMessage, response: ServerResponse): void {
    const target = targets[turn++ % targets.length]
    if (target === undefined) {
      response.writeHead(503).end()
      return
    }
    counts.set(target, (counts.get(target) ?? 0) + 1)
    const { hostname, port } = new URL(target)
    const onward = httpRequest({
      agent,
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    })
    onward.on('error', () => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502, { 'content-length': '0', connection: 'close' }).end()
    })
    onward.once('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
      pipeline(answer, response, () => {})
    })
    // An answer before the end of the body leaves the rest unread, so the client's connection cannot be used again.
    pipeline(request, onward, () => {})
    response.once('close', () => {
      if (!response.writableFinished) onward.destroy()
    })
  }

  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, forward)
  server.on('clientError', (_error, socket) => socket.destroy())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://localhost:${address.port}`,
    setTargets(next) {
      targets = [...next]
    },
    counts,
    async close() {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
