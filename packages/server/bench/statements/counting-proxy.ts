// Stands between the registry and a store, and takes down what is asked, and how often the registry waits.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { host } from '../peers/child.ts'

export interface Counted {
  /** What was asked: statements, requests. */
  asked: string[]
  /** How often something was sent after the server had spoken: what travels together is one. */
  roundTrips: number
}

/** Reads what one connection sends, wherever it was cut, and tells what it asks. */
export type Reader = (data: Buffer) => string[]

export interface CountingProxy {
  port: number
  /** What has passed since the last call. */
  take(): Counted
  close(): Promise<void>
}

export async function startCountingProxy(
  store: { host: string; port: number },
  createReader: () => Reader,
): Promise<CountingProxy> {
  let counted: Counted = { asked: [], roundTrips: 0 }
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...store, noDelay: true })
    const read = createReader()
    let isAnswered = true
    client.on('data', (data) => {
      const asked = read(data)
      counted.asked.push(...asked)
      if (asked.length > 0) {
        if (isAnswered) counted.roundTrips += 1
        isAnswered = false
      }
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      isAnswered = true
      client.write(data)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      // Its end follows.
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  }).listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    take() {
      const taken = counted
      counted = { asked: [], roundTrips: 0 }
      return taken
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
