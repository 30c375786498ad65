// What the primary and a worker say to each other. What their stores say travels with it, unread.

import { StartError } from '../base/errors.ts'

export type ToPrimary =
  | { kind: 'store'; message: unknown }
  /** The worker runs, and asks what it must know. */
  | { kind: 'hello' }
  /** It can take connections. */
  | { kind: 'ready' }
  /** It has this connection. */
  | { kind: 'taken'; id: number }
  /** The start failed. */
  | { kind: 'failed'; error: ToldError }
  /** Asks for the snapshots of all processes. */
  | { kind: 'gather'; id: number }
  | { kind: 'snapshot'; id: number; snapshot: object[] }

export type ToWorker =
  | { kind: 'store'; message: unknown }
  /** Clients know us by this port. The facts are the primary's, of its stores. */
  | { kind: 'start'; port: number; facts: Record<string, string> }
  /** The connection travels beside it. */
  | { kind: 'connection'; id: number }
  /** Finish what is under way, and end. */
  | { kind: 'drain' }
  | { kind: 'snapshot'; id: number }
  | { kind: 'gathered'; id: number; snapshots: object[][] }

/** An exit code: the store can not be trusted any more, so that no other worker may go on either. */
export const untrustedExitCode = 70

/** Messages of one turn of the loop travel together. `send` takes them all. */
export function createOutbox<M>(send: (messages: M[]) => void): { post: (message: M) => void; flush: () => void } {
  let waiting: M[] = []
  const flush = () => {
    if (waiting.length === 0) return
    const messages = waiting
    waiting = []
    send(messages)
  }
  return {
    post(message) {
      waiting.push(message)
      // After the microtasks: a transaction, and the wait of whoever made it, are over by then.
      if (waiting.length === 1) process.nextTick(flush)
    },
    flush,
  }
}

/** An error on its way to the process that can tell it to the operator. */
export interface ToldError {
  message: string
  hint?: string
  stack?: string
  /** `code`, `syscall` and `path` of a system error. */
  details: Record<string, string>
}

const told = ['code', 'syscall', 'path']

export function tellError(error: unknown): ToldError {
  if (!(error instanceof Error)) return { message: String(error), details: {} }
  const details: ToldError['details'] = {}
  for (const [key, value] of Object.entries(error)) {
    if (told.includes(key) && typeof value === 'string') details[key] = value
  }
  return {
    message: error.message,
    ...(error instanceof StartError ? { hint: error.hint } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    details,
  }
}

export function hearError({ message, hint, stack, details }: ToldError): Error {
  if (hint !== undefined) return new StartError(message, hint)
  return Object.assign(new Error(message), details, stack === undefined ? {} : { stack })
}
