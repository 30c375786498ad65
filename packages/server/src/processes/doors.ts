// Where clients connect. The primary accepts connections, reads nothing from them, and deals them out to the workers in turn: each gets
// the next one, unless it has not taken the last ones yet while another has. (Node's `cluster` does the same, but a connection that is on its
// way to a worker that dies is lost there: the client waits for ever. Here the next worker gets it.)

import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net'

export interface Hand {
  /** The worker has the connection; until then it is ours. */
  confirm(id: number): void
  /** The worker is gone, and has said all that it had to say. */
  leave(): void
}

export interface Doors {
  /** Binds one more address; port 0 lets the system choose. Gives the port. @throws the system's error */
  listen(host: string, port: number): Promise<number>
  /** A worker can take connections: `give` sends it one, which stays open here. */
  join(give: (id: number, socket: Socket) => void): Hand
  /** No new connections. */
  close(): void
}

export function createDoors(): Doors {
  const servers: Server[] = []
  /** In the order of their turns. */
  let hands: { give: (id: number, socket: Socket) => void; unconfirmed: Map<number, Socket> }[] = []
  /** Connections for which there is no worker at the moment. */
  const waiting: Socket[] = []
  let lastId = 0
  let isClosed = false

  function deal(socket: Socket): void {
    const fewest = Math.min(...hands.map(({ unconfirmed }) => unconfirmed.size))
    const hand = hands.find(({ unconfirmed }) => unconfirmed.size === fewest)
    if (!hand) {
      if (isClosed) socket.destroy()
      else waiting.push(socket)
      return
    }
    hands = [...hands.filter((each) => each !== hand), hand]
    lastId += 1
    hand.unconfirmed.set(lastId, socket)
    hand.give(lastId, socket)
  }

  return {
    async listen(host, port) {
      const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
        // Nothing is read or written here: what is wrong with it, the worker will see.
        socket.on('error', () => {})
        deal(socket)
      })
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port, ...(isIPv6(host) ? { ipv6Only: host !== '::' } : {}) }, resolve)
      })
      servers.push(server)
      return (server.address() as AddressInfo).port
    },

    join(give) {
      const hand = { give, unconfirmed: new Map<number, Socket>() }
      hands.push(hand)
      for (const socket of waiting.splice(0)) deal(socket)
      return {
        confirm(id) {
          hand.unconfirmed.get(id)?.destroy()
          hand.unconfirmed.delete(id)
        },
        leave() {
          hands = hands.filter((each) => each !== hand)
          for (const socket of hand.unconfirmed.values()) deal(socket)
        },
      }
    },

    close() {
      isClosed = true
      for (const server of servers) server.close()
      for (const socket of waiting.splice(0)) socket.destroy()
    },
  }
}
