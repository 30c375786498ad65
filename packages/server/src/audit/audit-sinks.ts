// Where lines of the audit log go: files that several processes append to, or standard output.

import { write as writeCallback } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { systemErrorCode } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { makeDataDir } from '../data-dir-files.ts'
import { type AuditFile, auditFile, auditFolder, listAuditFiles, removeExpired } from './audit-files.ts'

export interface AuditSink {
  /** For messages. */
  readonly name: string
  /** Of one line, with its end. */
  readonly maxLineBytes: number
  /** Of one call of `append`, which may bring one line end more. */
  readonly maxWriteBytes: number
  /** Whole lines of one day, in one write. Says how many bytes were taken. Throws the system's error. */
  append(day: string, lines: Uint8Array): Promise<number>
  /** Makes what was appended durable. Throws the system's error. */
  sync(): Promise<void>
  close(): Promise<void>
}

const retentionCheckMs = 3_600_000
const lineEnd = 0x0a

export interface AuditFilesOptions {
  dataDir: string
  retentionMs: number
  maxFileBytes: number
  clock: Clock
  log: Log
}

interface OpenFile extends AuditFile {
  handle: FileHandle
  inode: number
  isSynced: boolean
}

/**
 * Files of days. They are opened to append, and each write is of whole lines: what several processes write at once is in some order, and
 * never mixed.
 */
export class AuditFiles implements AuditSink {
  readonly name: string
  readonly maxLineBytes = 64 * 1024
  readonly maxWriteBytes = 1024 * 1024
  readonly #options: AuditFilesOptions
  readonly #timer: NodeJS.Timeout
  #retention: Promise<void>
  #file: OpenFile | undefined

  constructor(options: AuditFilesOptions) {
    this.name = auditFolder(options.dataDir)
    this.#options = options
    this.#retention = this.#removeExpired()
    this.#timer = setInterval(() => {
      this.#retention = this.#removeExpired()
    }, retentionCheckMs)
    this.#timer.unref()
  }

  async append(day: string, lines: Uint8Array): Promise<number> {
    const file = await this.#fileOf(day)
    const { bytesWritten } = await file.handle.write(lines, 0, lines.byteLength, null)
    file.isSynced = false
    return bytesWritten
  }

  async sync(): Promise<void> {
    const file = this.#file
    if (!file || file.isSynced) return
    try {
      await file.handle.datasync()
      file.isSynced = true
    } catch (error) {
      // The kernel tells a lost page once: what comes next begins with a file that is open anew.
      await this.#closeFile()
      throw error
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#retention
    await this.#closeFile()
  }

  /** The file for the next lines: the open one, if it is still there under its name and not full yet, by whomever it was filled. */
  async #fileOf(day: string): Promise<OpenFile> {
    const file = this.#file
    if (file?.day === day) {
      const seen = await stat(file.path).catch(() => undefined)
      if (seen?.ino === file.inode && seen.size < this.#options.maxFileBytes) return file
    }
    if (file) {
      await this.sync()
      await this.#closeFile()
    }
    let index = 0
    for (const { day: other, index: last } of await listAuditFiles(this.name)) if (other === day) index = last
    for (;;) {
      const opened = await this.#open(auditFile(this.name, day, index))
      if (opened) {
        this.#file = opened
        return opened
      }
      index += 1
    }
  }

  /** Undefined: it is full. */
  async #open(file: AuditFile): Promise<OpenFile | undefined> {
    const openToAppend = () => open(file.path, 'a+', 0o600)
    const handle = await openToAppend().catch(async (error) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error
      await makeDataDir(this.name)
      return openToAppend()
    })
    try {
      const { size, ino } = await handle.stat()
      if (size >= this.#options.maxFileBytes) {
        await handle.close()
        return undefined
      }
      if (size === 0) await syncFolder(this.name)
      else await endLine(handle, size)
      return { ...file, handle, inode: ino, isSynced: true }
    } catch (error) {
      await handle.close().catch(() => undefined)
      throw error
    }
  }

  async #closeFile(): Promise<void> {
    const handle = this.#file?.handle
    this.#file = undefined
    await handle?.close().catch(() => undefined)
  }

  async #removeExpired(): Promise<void> {
    const { retentionMs, clock, log } = this.#options
    try {
      await removeExpired(this.name, retentionMs, clock.now())
    } catch (error) {
      log.warn({ err: error, folder: this.name }, 'old files of the audit log cannot be removed')
    }
  }
}

/** A process that was killed, or a full disk, may have left the beginning of a line. */
async function endLine(handle: FileHandle, size: number): Promise<void> {
  const last = Buffer.alloc(1)
  await handle.read(last, 0, 1, size - 1)
  if (last[0] !== lineEnd) await handle.write('\n')
}

/** The name of a new file survives a power cut only after this. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const write = promisify(writeCallback)

/** The kernel mixes what several processes write to one pipe, unless a write has at most so many bytes (pipe(7), PIPE_BUF). */
const wholeWriteBytes = 4096
const readerTurns = 250
const readerTurnMs = 20

export const standardOutput: AuditSink = {
  name: 'standard output',
  maxLineBytes: wholeWriteBytes - 1,
  maxWriteBytes: wholeWriteBytes - 1,
  async append(_day, lines) {
    for (let turn = 1; ; turn += 1) {
      try {
        const { bytesWritten } = await write(1, lines)
        return bytesWritten
      } catch (error) {
        // The pipe is full: its reader is slow, or gone to sleep.
        if (systemErrorCode(error) !== 'EAGAIN' || turn === readerTurns) throw error
        await sleep(readerTurnMs)
      }
    }
  },
  sync: async () => {},
  close: async () => {},
}
