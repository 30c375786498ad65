// The worker thread that moves the WAL into the database, so that the syncs of a checkpoint never stop the event loop
// (docs/design/store.md). It also makes the first write after a finished checkpoint, since that one syncs the WAL's
// header. Two steps, so that writers wait only for the second:
//
//   backfill  writers go on. A read transaction is held at the end of the WAL, so that nobody restarts the WAL meanwhile.
//   restart   writers wait at their gate. The tail is moved, and one write of ours starts the WAL again from its beginning.

import { closeSync, openSync, readSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

export type CheckpointRequest = 'backfill' | 'restart' | 'close'
export type CheckpointReport = { error: string } | { walPages: number; isRestarted: boolean }

const { path } = workerData as { path: string }
const database = open()
const holder = open()
const wal = openSync(`${path}-wal`, 'r')
const port = parentPort
if (!port) throw new Error('the checkpointer is a worker thread')

function open(): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: 2000 })
  connection.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')
  return connection
}

function checkpoint(): { log: number; checkpointed: number } {
  const row = database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as { log: number; checkpointed: number }
  return row
}

/** The checkpoint sequence number in the header of the WAL: it changes when the WAL starts again. */
function walSequence(): number {
  const header = Buffer.alloc(16)
  readSync(wal, header, 0, 16, 0)
  return header.readUInt32BE(12)
}

function backfill(): CheckpointReport {
  if (holder.isTransaction) holder.exec('COMMIT')
  holder.exec('BEGIN; SELECT count(*) FROM meta')
  return { walPages: checkpoint().log, isRestarted: false }
}

function restart(): CheckpointReport {
  if (holder.isTransaction) holder.exec('COMMIT')
  const before = walSequence()
  let walPages = 0
  // A reader of the main thread may hold the WAL for the length of its query: then the write only appends, and we try again.
  for (let attempt = 0; attempt < 50; attempt += 1) {
    walPages = checkpoint().log
    database.exec(
      "INSERT INTO meta (key, value) VALUES ('checkpoint', '1') ON CONFLICT (key) DO UPDATE SET value = meta.value + 1",
    )
    if (walSequence() !== before) return { walPages, isRestarted: true }
  }
  return { walPages, isRestarted: false }
}

port.on('message', (request: CheckpointRequest) => {
  if (request === 'close') {
    if (holder.isTransaction) holder.exec('COMMIT')
    closeSync(wal)
    holder.close()
    database.close()
    port.close()
    return
  }
  try {
    port.postMessage(request === 'backfill' ? backfill() : restart())
  } catch (error) {
    if (holder.isTransaction) holder.exec('ROLLBACK')
    port.postMessage({ error: String(error) } satisfies CheckpointReport)
  }
})
