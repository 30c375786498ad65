// Who has a data directory: one server at a time, with its workers. The kernel ends a lock with the process that holds it.
//
//   lock.db      an exclusive transaction of the server
//   workers.db   a shared one of each of its workers; a new server waits until those of the last one are gone
//
// A server that is killed leaves its workers behind for some milliseconds, until they see that it is gone. What they still do to the store
// must be over before the next server looks at it. A worker that was starting at that moment has nothing to do: requests and turns
// to write come from the server. It takes its lock, sees that its parent is gone, and ends.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from './base/errors.ts'

const workersEndMs = 30_000
/** Of two that start at the same moment each may be in the other's way for an instant, and both would be refused. */
const maxTries = 8

/** Takes the directory for a server; gives the way to let it go. @throws StartError with the way out when another has it */
export async function lockDataDir(
  dataDir: string,
  wayOut = 'Stop that one first, or give this one another folder by --data-dir.',
): Promise<() => void> {
  const server = open(join(dataDir, 'lock.db'))
  try {
    for (let tries = 1; !tryTo(server, 'BEGIN EXCLUSIVE'); tries++) {
      if (tries === maxTries) throw new StartError(`another process uses the data directory ${dataDir}`, wayOut)
      await sleep(Math.random() * 10 * tries)
    }
    await waitForWorkers(dataDir)
    return () => server.close()
  } catch (error) {
    server.close()
    throw error
  }
}

async function waitForWorkers(dataDir: string): Promise<void> {
  const path = join(dataDir, 'workers.db')
  if (!existsSync(path)) return
  const workers = open(path)
  try {
    const startedAt = performance.now()
    while (!tryTo(workers, 'BEGIN EXCLUSIVE')) {
      if (performance.now() - startedAt > workersEndMs) {
        throw new StartError(
          `worker processes of a server that has ended still use the data directory ${dataDir}`,
          'End them: they are stopped, or wait for a disk that does not answer.',
        )
      }
      await sleep(5)
    }
  } finally {
    workers.close()
  }
}

/** Joins the server that has the directory, as a worker that was started by it. @throws StartError when that one is gone */
export function joinDataDir(dataDir: string, isServerAlive: () => boolean): () => void {
  const workers = open(join(dataDir, 'workers.db'))
  const isJoined = tryTo(workers, 'BEGIN; SELECT count(*) FROM sqlite_master')
  if (isJoined && isServerAlive()) return () => workers.close()
  workers.close()
  throw new StartError('the server that started this worker is gone', 'A server starts its workers itself.')
}

/** @throws StartError when it cannot be opened */
function open(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 })
  } catch (error) {
    throw unusable(path, error)
  }
}

/** False when another process holds a lock. */
function tryTo(database: DatabaseSync, sql: string): boolean {
  try {
    database.exec(sql)
    return true
  } catch (error) {
    const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
    if (code === 5) return false
    throw unusable(database.location() ?? '', error)
  }
}

function unusable(path: string, error: unknown): StartError {
  return new StartError(`${path} cannot be opened: ${error}`, 'Make the data directory writable for this user.', {
    cause: error,
  })
}
