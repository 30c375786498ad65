// A way to PostgreSQL on which notifications get lost: everything passes but the messages that LISTEN is for.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface DeafPostgres {
  /** The database of the given URL, by this way. */
  url: string
  /** How many notifications were dropped. */
  readonly dropped: number
  close(): Promise<void>
}

export async function startDeafPostgres(databaseUrl: string): Promise<DeafPostgres> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let dropped = 0

  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) })
    let rest: Buffer = Buffer.alloc(0)
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(upstream)
    // Every message of a server is a letter and a length, which counts itself.
    upstream.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes])
      while (rest.length >= 5 && rest.length >= 1 + rest.readUInt32BE(1)) {
        const end = 1 + rest.readUInt32BE(1)
        if (rest[0] === 'A'.charCodeAt(0)) dropped++
        else client.write(rest.subarray(0, end))
        rest = rest.subarray(end)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(address.port)
  return {
    url: url.href,
    get dropped() {
      return dropped
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
