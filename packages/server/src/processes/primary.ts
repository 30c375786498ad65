// The primary: starts the workers that serve clients, takes the place of those that end, and ends with them (docs/design/workers.md).

import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { TurnService } from '../storage/metadata/turn-service.ts'
import { createOutbox, hearError, type ToPrimary, type ToWorker, untrustedExitCode } from './messages.ts'

/** A worker that lived longer is started again at once; the next ones wait, twice as long each time. */
const shortLifeMs = 10_000
const firstPauseMs = 50
const longestPauseMs = 5000
/** So many starts in a row that did not get as far as listening: there is no sense in another. */
const maxFailedStarts = 5
/** Longer than a listener drains. */
const drainMs = 40_000
const gatherMs = 1000

export interface PrimaryParts {
  workers: number
  /** Where they listen; 0 lets the system choose. */
  port: number
  /** What the workers must be told beside the environment and the arguments of this process. */
  environment: Record<string, string>
  /** What they are told of our stores. */
  facts: Record<string, string>
  log: Log
  /** Undefined where the database needs no turns. */
  turns: TurnService | undefined
  /** The primary's own part of what `gather` collects. */
  snapshot: () => Promise<object[]>
  /** Nobody serves any more, for this reason: the process must end. */
  stop: (reason: string) => void
}

export interface Primary {
  /** Resolves when every worker listens. @throws whatever the first that failed has told */
  start(): Promise<{ url: string }>
  /** All workers finish what is under way. */
  close(): Promise<void>
}

interface Member {
  worker: Worker
  post: (message: ToWorker) => void
  startedAt: number
  /** What it was told; port 0 is one and the same for all that were told so. */
  port: number | undefined
  url: string | undefined
  /** What its start failed for. */
  failure: Error | undefined
  leave: () => void
}

interface Gathering {
  waitsFor: Set<Member>
  snapshots: object[][]
  done: () => void
}

export function createPrimary(parts: PrimaryParts): Primary {
  const { log } = parts
  const members = new Set<Member>()
  const gatherings = new Map<number, Gathering>()
  const firstStart = Promise.withResolvers<{ url: string }>()
  /** Where clients find us, once the first worker listens. */
  let url: string | undefined
  let isStarted = false
  let isStopping = false
  let failedStarts = 0
  let shortLives = 0
  let lastGathering = 0
  let ended: (() => void) | undefined

  function fork(): void {
    const worker = cluster.fork(parts.environment)
    // A message to a process that is gone is nobody's loss.
    const post = createOutbox<ToWorker>((messages) => void worker.send(messages, () => {}))
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
      port: undefined,
      url: undefined,
      failure: undefined,
      leave: leave ?? (() => {}),
    }
    members.add(member)
    worker.on('message', (messages: ToPrimary[]) => {
      for (const message of messages) {
        if (message.kind === 'store') receive(message.message)
        else hear(member, message)
      }
    })
    // Its locks are gone when it has ended, not when its pipe has.
    worker.process.once('exit', (code, signal) => bury(member, code, signal))
    worker.on('error', (error) => log.error({ err: error, pid: worker.process.pid }, 'a worker process failed'))
  }

  function hear(member: Member, message: Exclude<ToPrimary, { kind: 'store' }>): void {
    switch (message.kind) {
      case 'hello':
        member.port = portNow()
        member.post({ kind: 'start', port: member.port, facts: parts.facts })
        if (isStopping) member.post({ kind: 'drain' })
        return
      case 'listening':
        rise(member, message.url)
        return
      case 'failed':
        member.failure = hearError(message.error)
        return
      case 'gather':
        void gather().then((snapshots) => member.post({ kind: 'gathered', id: message.id, snapshots }))
        return
      case 'snapshot': {
        const gathering = gatherings.get(message.id)
        if (!gathering?.waitsFor.delete(member)) return
        gathering.snapshots.push(message.snapshot)
        if (gathering.waitsFor.size === 0) gathering.done()
      }
    }
  }

  /** A port that the system chose stays ours while somebody listens on it; the next who listens after all have ended asks for it. */
  function portNow(): number {
    for (const { url, port } of members) if (url !== undefined && port !== undefined) return port
    return url === undefined ? parts.port : portOf(url)
  }

  function rise(member: Member, memberUrl: string): void {
    if (url !== undefined && memberUrl !== url) {
      // The last of those whose port it was told to share has ended meanwhile.
      member.worker.process.kill('SIGKILL')
      return
    }
    url = memberUrl
    member.url = memberUrl
    failedStarts = 0
    if (isStarted || [...members].filter((each) => each.url !== undefined).length < parts.workers) return
    isStarted = true
    firstStart.resolve({ url })
  }

  function bury(member: Member, code: number | null, signal: string | null): void {
    members.delete(member)
    member.leave()
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
    if (member.url === undefined) failedStarts += 1
    const { failure } = member
    if (!isStarted && (failure || failedStarts >= maxFailedStarts)) {
      firstStart.reject(failure ?? endless(code, signal))
      return
    }
    log.error(
      { err: failure, pid: member.worker.process.pid, code, signal },
      'a worker process ended; another takes its place',
    )
    if (failedStarts >= maxFailedStarts) {
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
    const asked = [...members].filter((member) => member.url !== undefined)
    const { promise, resolve } = Promise.withResolvers<void>()
    const gathering: Gathering = { waitsFor: new Set(asked), snapshots: [await parts.snapshot()], done: resolve }
    gatherings.set(id, gathering)
    for (const member of asked) member.post({ kind: 'snapshot', id })
    const timer = new AbortController()
    await Promise.race([promise, sleep(gatherMs, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    gatherings.delete(id)
    return gathering.snapshots
  }

  return {
    start() {
      cluster.setupPrimary({ silent: false })
      for (let count = 0; count < parts.workers; count += 1) fork()
      return firstStart.promise
    },

    async close() {
      isStopping = true
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

function endless(code: number | null, signal: string | null): StartError {
  return new StartError(
    `the worker processes end before they serve anybody (${signal ?? `code ${code}`})`,
    'The log says why. With --workers 1 there are none.',
  )
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url)
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}
