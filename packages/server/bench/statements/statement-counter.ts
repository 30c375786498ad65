// Stands between a client and PostgreSQL, and takes down what is run, and how often the client waits.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { host } from '../peers/child.ts'
import { FrontendMessages } from './frontend-messages.ts'

export interface Counted {
  statements: string[]
  /** How often something was sent after the server had spoken: statements that travel together are one. */
  roundTrips: number
}

export interface StatementCounter {
  port: number
  /** What has passed since the last call. */
  take(): Counted
  close(): Promise<void>
}

export async function startStatementCounter(database: { host: string; port: number }): Promise<StatementCounter> {
  let counted: Counted = { statements: [], roundTrips: 0 }
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...database, noDelay: true })
    const messages = new FrontendMessages()
    let isAnswered = true
    client.on('data', (data) => {
      const statements = messages.receive(data)
      counted.statements.push(...statements)
      if (statements.length > 0) {
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
      counted = { statements: [], roundTrips: 0 }
      return taken
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
