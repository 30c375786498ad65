// How the process that owns the database file serves the stores of its workers (docs/design/workers.md): turns to write, and what is
// durable. One such conversation for each worker.
//
//   worker                               owner
//     turn        I want to write   →
//                                   ←    granted     the number of the last commit
//     passed      rows of each commit →              … which are numbered from there
//     wait        up to this number →
//     seen        which of these rows are pending? →  … answered when the turn that goes on now has ended
//                                   ←    answer      the last commit, and the rows that are pending
//                                   ←    synced      durable up to this number

import type { RowKey } from './metadata-store.ts'
import type { OwnCommits } from './sqlite-commits.ts'
import type { StoreChannel } from './turn-service.ts'

export type ToOwner =
  | { kind: 'turn' }
  | { kind: 'passed'; commits: readonly (readonly RowKey[])[] }
  | { kind: 'wait'; commit: number }
  /** What rests on all rows waits for the last commit. */
  | { kind: 'seen'; keys: readonly RowKey[]; isAll: boolean }

export type ToWorker =
  | { kind: 'granted'; noted: number; synced: number }
  | { kind: 'answer'; last: number; pending: readonly (readonly [RowKey, number])[]; synced: number }
  | { kind: 'synced'; synced: number }

/** What no worker waits for, but would like to know soon, is synced after so long: its reads ask until then. */
const idleSyncMs = 20
/** A turn takes milliseconds. A process that keeps it for so long is stopped or stuck, and all others wait for it. */
const longestTurnMs = 30_000

/** Serves one worker. The function that comes back says that its process is gone, and its locks with it. */
export function serveTurns(commits: OwnCommits, worker: StoreChannel): () => void {
  const taker = { isElsewhere: true }
  const post = (message: ToWorker) => worker.post(message)
  let isGone = false
  let wanted = 0
  let idleSync: NodeJS.Timeout | undefined
  let turnTimer: NodeJS.Timeout | undefined

  const stopListening = commits.onSynced((synced) => {
    if (wanted === 0) return
    if (wanted <= synced) wanted = 0
    post({ kind: 'synced', synced })
  })

  async function grantTurn(): Promise<void> {
    await commits.takeTurn(taker)
    if (isGone) {
      commits.passTurn()
      return
    }
    post({ kind: 'granted', noted: commits.noted, synced: commits.synced })
    turnTimer = setTimeout(() => {
      // Twice, since it may be this process that was stopped, with the answer in its pipe.
      turnTimer = setTimeout(() => worker.end('it does not give back the turn to write'), 1000)
    }, longestTurnMs)
  }

  /** Tells the worker when the commit is durable. */
  function tellWhenDurable(commit: number): void {
    if (commit <= commits.synced) {
      post({ kind: 'synced', synced: commits.synced })
      return
    }
    wanted = Math.max(wanted, commit)
    // Of a failed sync hears whoever opened the store.
    commits.reached(commit).catch(() => {})
  }

  async function answer(keys: readonly RowKey[], isAll: boolean): Promise<void> {
    const { last } = await commits.seen(isAll ? undefined : keys)
    const pending = keys.flatMap((key) => {
      const commit = commits.lastPending(key)
      return commit > commits.synced ? [[key, commit] as const] : []
    })
    post({ kind: 'answer', last, pending, synced: commits.synced })
    const touching = isAll ? last : Math.max(0, ...pending.map(([, commit]) => commit))
    if (touching > commits.synced) tellWhenDurable(touching)
    if (last > Math.max(commits.synced, touching)) {
      wanted = Math.max(wanted, last)
      idleSync ??= setTimeout(() => {
        idleSync = undefined
        tellWhenDurable(commits.noted)
      }, idleSyncMs)
    }
  }

  worker.onMessage((received) => {
    if (isGone) return
    const message = received as ToOwner
    switch (message.kind) {
      case 'turn':
        // Refused only when this store is closed, after the last worker.
        grantTurn().catch(() => {})
        return
      case 'passed':
        clearTimeout(turnTimer)
        for (const keys of message.commits) commits.note(keys)
        commits.passTurn()
        return
      case 'wait':
        tellWhenDurable(message.commit)
        return
      case 'seen':
        void answer(message.keys, message.isAll)
    }
  })

  return () => {
    isGone = true
    stopListening()
    clearTimeout(idleSync)
    clearTimeout(turnTimer)
    if (!commits.hasTurn(taker)) return
    commits.noteUnknown()
    commits.passTurn()
  }
}
