// A proxy on this machine between Berth and a server that it uses, which a test tells to misbehave: to delay, to cut a connection, to say
// nothing, to refuse. Bytes pass as they are, so it serves any protocol over TCP.

import { once } from 'node:events'
import { createServer, connect as open, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Direction = 'to server' | 'to client'

/** What a fault is told of: bytes that are about to pass on a connection. */
export interface Passing {
  direction: Direction
  bytes: Buffer
}

export interface FaultProxy {
  port: number
  /** Connections that are open now, and that were ever opened. */
  readonly connections: number
  readonly opened: number
  /** Each piece of bytes waits this long, in milliseconds; 0 again: no more. */
  delay(milliseconds: number): void
  /** The next connection that passes so many bytes in a direction (from now on) is reset. Resolves when that has happened. */
  cutAfter(bytes: number, direction: Direction): Promise<void>
  /**
   * The request that the next matching bytes begin reaches the server, and its answer gets lost: the connection is reset when the answer
   * comes. Resolves when that has happened.
   */
  loseAnswer(isRequest: (bytes: Buffer) => boolean): Promise<void>
  /** The next matching bytes do not reach the server; the client is given this instead, and the end of the connection. */
  answer(isRequest: (bytes: Buffer) => boolean, answer: string): Promise<void>
  /** New connections are refused, and the open ones reset. */
  refuse(): Promise<void>
  /** Nothing passes any more, and nobody is told; new connections are accepted. */
  stall(): void
  /** After `refuse` or `stall`: all is well again, and what was held back passes. */
  resume(): Promise<void>
  /** Resets all open connections. */
  cutAll(): void
  close(): Promise<void>
}

interface Cut {
  direction: Direction
  left: Map<Socket, number>
  bytes: number
  done: () => void
}

interface Interception {
  isRequest: (bytes: Buffer) => boolean
  answer: string | undefined
  done: () => void
}

/** Listens on a free port of 127.0.0.1 and passes everything on to `port` of this machine. */
export async function startFaultProxy(port: number, options: { host?: string } = {}): Promise<FaultProxy> {
  const pairs = new Set<{ client: Socket; server: Socket }>()
  let opened = 0
  let delayMs = 0
  let cut: Cut | undefined
  let interceptions: Interception[] = []
  /** Those that wait for the end of a stall. */
  let held: { promise: Promise<void>; resolve: () => void } | undefined

  const listener = createServer((client) => {
    opened += 1
    const server = open(port, options.host ?? '127.0.0.1')
    const pair = { client, server }
    pairs.add(pair)
    const reset = () => {
      pairs.delete(pair)
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    /** The answer to a request on this connection is to be lost. */
    let losing: Interception | undefined

    async function pass(from: Socket, to: Socket, direction: Direction): Promise<void> {
      for await (const piece of from) {
        const bytes = piece as Buffer
        if (delayMs > 0) await sleep(delayMs)
        while (held) await held.promise
        if (direction === 'to client' && losing) {
          losing.done()
          return reset()
        }
        const found = direction === 'to server' && interceptions.find(({ isRequest }) => isRequest(bytes))
        if (found) {
          interceptions = interceptions.filter((other) => other !== found)
          if (found.answer !== undefined) {
            found.done()
            client.end(found.answer)
            server.destroy()
            // The rest of the request goes nowhere.
            for await (const _ of from);
            return
          }
          losing = found
        }
        if (cut?.direction === direction) {
          const left = cut.left.get(from) ?? cut.bytes
          if (bytes.length >= left) {
            to.write(bytes.subarray(0, left))
            const { done } = cut
            cut = undefined
            // What was passed on arrives before the reset.
            await sleep(20)
            done()
            return reset()
          }
          cut.left.set(from, left - bytes.length)
        }
        if (!to.write(bytes) && !to.destroyed) await Promise.race([once(to, 'drain'), once(to, 'close')])
      }
      to.end()
    }
    client.on('error', reset)
    server.on('error', reset)
    client.on('close', () => pairs.delete(pair))
    pass(client, server, 'to server').catch(reset)
    pass(server, client, 'to client').catch(reset)
  })
  listener.on('error', () => {})

  async function listen(wanted: number): Promise<number> {
    listener.listen(wanted, '127.0.0.1')
    await once(listener, 'listening')
    const address = listener.address()
    if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
    return address.port
  }

  function cutAll(): void {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    pairs.clear()
  }

  const own = await listen(0)
  const intercept = (isRequest: Interception['isRequest'], answer: string | undefined) =>
    new Promise<void>((done) => interceptions.push({ isRequest, answer, done }))
  return {
    port: own,
    get connections() {
      return pairs.size
    },
    get opened() {
      return opened
    },
    delay(milliseconds) {
      delayMs = milliseconds
    },
    cutAfter: (bytes, direction) =>
      new Promise((done) => {
        cut = { bytes, direction, left: new Map(), done }
      }),
    loseAnswer: (isRequest) => intercept(isRequest, undefined),
    answer: (isRequest, answer) => intercept(isRequest, answer),
    async refuse() {
      const closed = listener.listening ? once(listener, 'close') : undefined
      listener.close()
      cutAll()
      await closed
    },
    stall() {
      held ??= Promise.withResolvers<void>()
    },
    async resume() {
      held?.resolve()
      held = undefined
      if (!listener.listening) await listen(own)
    },
    cutAll,
    async close() {
      held?.resolve()
      held = undefined
      const closed = listener.listening ? once(listener, 'close') : undefined
      listener.close()
      cutAll()
      await closed
    },
  }
}
