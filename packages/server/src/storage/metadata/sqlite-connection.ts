// Connections to the database file, and what its errors mean.
//
// Nothing else in a process that has connections may open `berth.db` or its -shm through `fs`: closing it would drop SQLite's locks.

import { DatabaseSync } from 'node:sqlite'
import { StartError } from '../../base/errors.ts'
import type { SqliteConnection } from './dialect.ts'

export interface ConnectionOptions {
  isReadOnly?: boolean
  /**
   * How long a statement waits for another process. Nobody is waited for while all keep to their turns; but what a killed process left
   * half done in the index of the log is put right by the first who meets it, and the others find it locked for that moment.
   */
  patienceMs?: number
}

/** @throws StartError when the file is no database, or cannot be used */
export function openConnection(path: string, options: ConnectionOptions = {}): DatabaseSync {
  const { isReadOnly = false, patienceMs = 0 } = options
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, {
      readOnly: isReadOnly,
      timeout: patienceMs,
      enableForeignKeyConstraints: true,
    })
    if (!isReadOnly) database.exec('PRAGMA journal_mode = WAL')
    database.exec(
      'PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY',
    )
    return database
  } catch (error) {
    database?.close()
    throw new StartError(
      `the database ${path} cannot be opened: ${error instanceof Error ? error.message : error}`,
      'Check that the data directory is on a local disk, is writable by this user, and holds a Berth store.',
      { cause: error },
    )
  }
}

export async function inTransaction(connection: SqliteConnection, step: () => Promise<void>): Promise<void> {
  connection.run('BEGIN IMMEDIATE', [])
  try {
    await step()
    connection.run('COMMIT', [])
  } catch (error) {
    connection.run('ROLLBACK', [])
    throw error
  }
}

/** SQLITE_FULL, or an I/O error that a full disk causes (SQLITE_IOERR_WRITE, SQLITE_IOERR_SHMSIZE). */
export function isFull(error: unknown): boolean {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  return code === 13 || code === 778 || code === 4874
}
