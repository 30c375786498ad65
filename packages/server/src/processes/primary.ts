// The primary: starts the workers that serve clients, gives them their connections, takes the place of those that end, and ends with them
// (docs/design/workers.md).

import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { TurnService } from '../storage/metadata/turn-service.ts'
import { createDoors, type Hand } from './doors.ts'
import { createOutbox, hearError, type ToPrimary, type ToWorker, untrustedExitCode } from './messages.ts'

/** A worker that lived longer is started again at once; after shorter lives the next ones wait, twice as long each time. */
const shortLifeMs = 10_000
const firstPauseMs = 50
const longestPauseMs = 5000
/** So many starts in a row that did not get as far as serving, while nobody else serves: there is no sense in another. */
const maxFailedStarts = 5
/** Longer than a listener drains. */
const drainMs = 40_000
const gatherMs = 1000

export interface PrimaryParts {
  workers: number
  /** What the workers must be told beside the environment and the arguments of this process. */
  environment: Record<string, string>
  /** What they are told of our stores. */
  facts: Record<string, string>
  log: Log
  /** Undefined where the database needs no turns. */
  turns: TurnService | undefined
  /** The primary's own part of what is gathered. */
  snapshot: () => Promise<object[]>
  /** Nobody serves any more, for this reason: the process must end. */
  stop: (reason: string) => void
}

export interface Primary {
  /** Binds one more address for the workers. Gives the port. @throws the system's error */
  listen(host: string, port: number): Promise<number>
  /** Resolves when every worker serves those who come to this port. @throws what the first that failed has told */
  start(port: number): Promise<void>
  /** The snapshots of all processes. */
  gather(): Promise<object[][]>
  /** No new connections; all workers finish what is under way. */
  close(): Promise<void>
}

interface Member {
  worker: Worker
  post: (message: ToWorker) => void
  startedAt: number
  /** Once it serves. */
  hand: Hand | undefined
  /** What its start failed for. */
  failure: Error | undefined
  /** Its store's conversation is over. */
  leave: () => void
}

interface Gathering {
  waitsFor: Set<Member>
  snapshots: object[][]
  done: () => void
}

export function createPrimary(parts: PrimaryParts): Primary {
  const { log } = parts
  const doors = createDoors()
  const members = new Set<Member>()
  const gatherings = new Map<number, Gathering>()
  const firstStart = Promise.withResolvers<void>()
  let port = 0
  let isStarted = false
  let isStopping = false
  let failedStarts = 0
  let shortLives = 0
  let lastGathering = 0
  let ended: (() => void) | undefined

  function fork(): void {
    const worker = cluster.fork(parts.environment)
    // A message to a process that is gone is nobody's loss.
    const { post, flush } = createOutbox<ToWorker>((messages) => void worker.send(messages, () => {}))
    let receive: (message: unknown) => void = () => {}
    const leave = parts.turns?.join({
      post: (message) => post({ kind: 'store', message }),
      onMessage: (listener) => {
        receive = listener
      },
      end(reason) {
        log.error({ pid: worker.process.pid }, `a worker process is ended: ${reason}`)
        worker.process.kill('SIGKILL')
      },
    })
    const member: Member = {
      worker,
      post,
      startedAt: performance.now(),
      hand: undefined,
      failure: undefined,
      leave: leave ?? (() => {}),
    }
    members.add(member)

    function hear(message: ToPrimary): void {
      switch (message.kind) {
        case 'store':
          receive(message.message)
          return
        case 'hello':
          post({ kind: 'start', port, facts: parts.facts })
          return
        case 'ready':
          member.hand = doors.join((id, socket) => {
            flush()
            worker.send([{ kind: 'connection', id }] satisfies ToWorker[], socket, { keepOpen: true }, () => {})
          })
          welcome()
          return
        case 'taken':
          member.hand?.confirm(message.id)
          return
        case 'failed':
          member.failure = hearError(message.error)
          return
        case 'gather':
          void gather().then((snapshots) => post({ kind: 'gathered', id: message.id, snapshots }))
          return
        case 'snapshot':
          collect(member, message.id, message.snapshot)
      }
    }

    worker.on('message', (messages: ToPrimary[]) => {
      for (const message of messages) hear(message)
    })
    worker.on('error', (error) => log.error({ err: error, pid: worker.process.pid }, 'a worker process failed'))
    worker.process.once('disconnect', () => worker.process.kill('SIGKILL'))
    worker.process.once('exit', (code, signal) => {
      void allHeard(worker).then(() => bury(member, code, signal))
    })
  }

  function welcome(): void {
    failedStarts = 0
    if (isStarted || [...members].filter((member) => member.hand).length < parts.workers) return
    isStarted = true
    firstStart.resolve()
  }

  function bury(member: Member, code: number | null, signal: string | null): void {
    members.delete(member)
    member.leave()
    member.hand?.leave()
    for (const gathering of gatherings.values()) {
      if (gathering.waitsFor.delete(member) && gathering.waitsFor.size === 0) gathering.done()
    }
    if (isStopping) {
      if (members.size === 0) ended?.()
      return
    }
    if (code === untrustedExitCode) {
      parts.stop('a worker process does not trust the store any more')
      return
    }
    const { failure } = member
    // Who is killed has not failed.
    if (!member.hand && signal !== 'SIGKILL') failedStarts += 1
    if (!isStarted && (failure || failedStarts >= maxFailedStarts)) {
      firstStart.reject(failure ?? endless(code, signal))
      return
    }
    const { pid } = member.worker.process
    log.error({ err: failure, pid, code, signal }, 'a worker process ended; another takes its place')
    if (failedStarts >= maxFailedStarts && ![...members].some((each) => each.hand)) {
      parts.stop(`${endless(code, signal).message}: ${failure?.message ?? 'see above'}`)
      return
    }
    const livedMs = performance.now() - member.startedAt
    shortLives = livedMs < shortLifeMs ? shortLives + 1 : 0
    const pauseMs = shortLives < 2 ? 0 : Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(shortLives - 2, 10))
    setTimeout(() => {
      if (!isStopping) fork()
    }, pauseMs)
  }

  async function gather(): Promise<object[][]> {
    lastGathering += 1
    const id = lastGathering
    const asked = [...members].filter((member) => member.hand)
    const { promise, resolve } = Promise.withResolvers<void>()
    const gathering: Gathering = { waitsFor: new Set(asked), snapshots: [await parts.snapshot()], done: resolve }
    gatherings.set(id, gathering)
    for (const member of asked) member.post({ kind: 'snapshot', id })
    // One that does not answer is left out.
    const timer = setTimeout(resolve, gatherMs)
    if (gathering.waitsFor.size > 0) await promise
    clearTimeout(timer)
    gatherings.delete(id)
    return gathering.snapshots
  }

  function collect(member: Member, id: number, snapshot: object[]): void {
    const gathering = gatherings.get(id)
    if (!gathering?.waitsFor.delete(member)) return
    gathering.snapshots.push(snapshot)
    if (gathering.waitsFor.size === 0) gathering.done()
  }

  return {
    listen: doors.listen,
    gather,

    start(servedPort) {
      port = servedPort
      for (let count = 0; count < parts.workers; count += 1) fork()
      return firstStart.promise
    },

    async close() {
      isStopping = true
      doors.close()
      if (members.size === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      ended = resolve
      for (const { post } of members) post({ kind: 'drain' })
      const timer = setTimeout(() => {
        for (const { worker } of members) worker.process.kill('SIGKILL')
      }, drainMs)
      await promise
      clearTimeout(timer)
    },
  }
}

/**
 * What a process said before it ended may still be in its pipe. (There is an event for the end of the pipe, but not where a connection was on
 * its way.)
 */
async function allHeard(worker: Worker): Promise<void> {
  const startedAt = performance.now()
  while (worker.process.connected && performance.now() - startedAt < longestPauseMs) await sleep(1)
}

function endless(code: number | null, signal: string | null): StartError {
  return new StartError(
    `the worker processes end before they serve anybody (${signal ?? `code ${code}`})`,
    'The log says why. With --workers 1 there are none.',
  )
}
