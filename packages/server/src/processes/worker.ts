// A worker, as it sees its primary. It lives as long as the primary does: whatever it could still say afterwards, nobody would keep.

import cluster from 'node:cluster'
import { Socket } from 'node:net'
import type { StoreChannel } from '../storage/metadata/turn-service.ts'
import { createOutbox, type ToPrimary, type ToWorker, tellError } from './messages.ts'

export interface PrimaryLink {
  /** The port by which clients know us. */
  port: number
  /** What the primary tells of its stores. */
  facts: Record<string, string>
  store: StoreChannel
  /** Whether the process that started this one still runs. */
  isPrimaryAlive(): boolean
  /** From now on the primary gives us connections, and may ask for a snapshot. */
  tellReady(how: { take: (socket: Socket) => void; snapshot: () => Promise<object[]> }): void
  /** The start failed; resolves when the primary has been told. */
  tellFailure(error: unknown): Promise<void>
  /** The snapshots of all processes, this one too. */
  gather(): Promise<object[][]>
  /** Resolves when the primary asks to finish. */
  drained: Promise<void>
}

/** Whether this process was started by a primary. */
export const isWorker = cluster.isWorker

/** Joins the primary that started this process. */
export async function joinPrimary(): Promise<PrimaryLink> {
  const parent = process.ppid
  // Before Node's own listener, which would end the process in order.
  process.prependListener('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  const { post } = createOutbox<ToPrimary>((messages) => void process.send?.(messages, undefined, undefined, () => {}))
  const started = Promise.withResolvers<Extract<ToWorker, { kind: 'start' }>>()
  const drained = Promise.withResolvers<void>()
  const gathering = new Map<number, (snapshots: object[][]) => void>()
  let lastGathering = 0
  let receive: (message: unknown) => void = () => {}
  let take: (socket: Socket) => void = () => {}
  let snapshot = async (): Promise<object[]> => []

  process.on('message', (messages: ToWorker[], handle: unknown) => {
    for (const message of messages) {
      switch (message.kind) {
        case 'store':
          receive(message.message)
          break
        case 'start':
          started.resolve(message)
          break
        case 'connection':
          post({ kind: 'taken', id: message.id })
          // Undefined when the client has gone meanwhile.
          if (handle instanceof Socket) take(handle)
          break
        case 'drain':
          drained.resolve()
          break
        case 'snapshot':
          void snapshot().then((taken) => post({ kind: 'snapshot', id: message.id, snapshot: taken }))
          break
        case 'gathered':
          gathering.get(message.id)?.(message.snapshots)
          gathering.delete(message.id)
      }
    }
  })
  post({ kind: 'hello' })

  const { port, facts } = await started.promise
  return {
    port,
    facts,
    store: {
      post: (message) => post({ kind: 'store', message }),
      onMessage: (listener) => {
        receive = listener
      },
      end: (reason) => {
        throw new Error(`a worker does not end its primary: ${reason}`)
      },
    },
    isPrimaryAlive: () => process.ppid === parent && process.connected,
    tellReady(how) {
      take = how.take
      snapshot = how.snapshot
      post({ kind: 'ready' })
    },
    tellFailure: (error) =>
      new Promise((resolve) => {
        const messages: ToPrimary[] = [{ kind: 'failed', error: tellError(error) }]
        process.send?.(messages, undefined, undefined, () => resolve())
      }),
    gather() {
      lastGathering += 1
      const { promise, resolve } = Promise.withResolvers<object[][]>()
      gathering.set(lastGathering, resolve)
      post({ kind: 'gather', id: lastGathering })
      return promise
    },
    drained: drained.promise,
  }
}
