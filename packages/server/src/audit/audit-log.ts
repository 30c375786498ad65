// The audit log: who did what, from where, and whether it was allowed (docs/design/audit-log.md). Nobody waits for it: events gather for at
// most 100 ms, are written together, and synced once. A disk that is full fails no request: events wait in memory, up to a bound, and
// those beyond it are counted.

import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { AuditEvent } from './audit-event.ts'
import { dayOf } from './audit-files.ts'
import { auditLines } from './audit-record.ts'
import { AuditFiles, type AuditSink, standardOutput } from './audit-sinks.ts'

export interface AuditLog {
  /** Never throws, and never waits. */
  record(event: AuditEvent): void
  /** What was recorded so far is written, or was tried. */
  flush(): Promise<void>
  close(): Promise<void>
  /** Events that were lost since the start. */
  readonly droppedEvents: number
}

export interface AuditLogOptions {
  target: 'file' | 'stdout' | 'off'
  dataDir: string
  retentionMs: number
  clock: Clock
  log: Log
  /** A file that has reached it is followed by another one. */
  maxFileBytes?: number
}

const gatherMs = 100
/** So much is not left to gather any longer. */
const hurryBytes = 1024 * 1024
const retryMs = 1000
const reportMs = 60_000
const maxWaitingBytes = 8 * 1024 * 1024

export const silentAuditLog: AuditLog = {
  record: () => {},
  flush: async () => {},
  close: async () => {},
  droppedEvents: 0,
}

export function createAuditLog(options: AuditLogOptions): AuditLog {
  const { target, clock, log, maxFileBytes = 64 * 1024 * 1024 } = options
  if (target === 'off') return silentAuditLog
  const sink = target === 'stdout' ? standardOutput : new AuditFiles({ ...options, maxFileBytes })
  return new GatheringAuditLog(sink, clock, log)
}

class GatheringAuditLog implements AuditLog {
  readonly #sink: AuditSink
  readonly #clock: Clock
  readonly #log: Log
  /** The oldest first; those that are being written are still among them. */
  #waiting: { day: string; line: string }[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #isClosed = false
  #isFailing = false
  /** The last write ended within a line. */
  #isLineOpen = false
  #dropped = 0
  #droppedAtReport = 0
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(sink: AuditSink, clock: Clock, log: Log) {
    this.#sink = sink
    this.#clock = clock
    this.#log = log
  }

  get droppedEvents(): number {
    return this.#dropped
  }

  record(event: AuditEvent): void {
    try {
      const day = dayOf(event.at)
      for (const line of auditLines(event, this.#sink.maxLineBytes)) this.#take(day, line)
    } catch (error) {
      this.#drop(error)
    }
  }

  async flush(): Promise<void> {
    await this.#writing
    if (this.#waiting.length > 0) await this.#write()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.flush()
    clearTimeout(this.#timer)
    this.#dropped += this.#waiting.length
    if (this.#dropped > this.#droppedAtReport) {
      this.#log.error({ lost: this.#dropped - this.#droppedAtReport, to: this.#sink.name }, 'audit events were lost')
    }
    this.#waiting = []
    await this.#sink.close()
  }

  #take(day: string, line: string): void {
    if (this.#isClosed || this.#waitingBytes + line.length > maxWaitingBytes) {
      this.#drop(undefined)
      return
    }
    this.#waiting.push({ day, line })
    this.#waitingBytes += line.length
    if (this.#waitingBytes > hurryBytes && !this.#isFailing) void this.#write()
    else this.#schedule()
  }

  #drop(error: unknown): void {
    this.#dropped += 1
    this.#report(error)
  }

  #schedule(): void {
    if (this.#timer || this.#writing || this.#isClosed) return
    this.#timer = setTimeout(() => void this.#write(), this.#isFailing ? retryMs : gatherMs)
    this.#timer.unref()
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = undefined
      if (this.#waiting.length > 0) this.#schedule()
    })
    return this.#writing
  }

  async #writeWaiting(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#writeSome()
      await this.#sink.sync()
      if (this.#isFailing) this.#log.info({ to: this.#sink.name }, 'audit events are written again')
      this.#isFailing = false
    } catch (error) {
      this.#isFailing = true
      this.#report(error)
    }
  }

  /** The lines that come first, of one day and as many as one write may have. */
  async #writeSome(): Promise<void> {
    const day = this.#waiting[0]?.day ?? ''
    const lines: string[] = this.#isLineOpen ? ['\n'] : []
    let bytes = 0
    for (const next of this.#waiting) {
      if (next.day !== day || bytes + next.line.length > this.#sink.maxWriteBytes) break
      lines.push(next.line)
      bytes += next.line.length
    }
    let taken = await this.#sink.append(day, Buffer.from(lines.join(''), 'latin1'))
    if (this.#isLineOpen && taken > 0) {
      taken -= 1
      this.#isLineOpen = false
    }
    let whole = 0
    for (let next = this.#waiting[0]; next && next.line.length <= taken; next = this.#waiting[whole]) {
      taken -= next.line.length
      this.#waitingBytes -= next.line.length
      whole += 1
    }
    this.#waiting.splice(0, whole)
    // A line that was cut is written again as a whole; who reads skips its beginning.
    if (taken > 0) this.#isLineOpen = true
    if (whole === 0) throw new Error('not even one line was taken')
  }

  #report(error: unknown): void {
    const now = this.#clock.now()
    if (Math.abs(now - this.#reportedAt) < reportMs) return
    this.#reportedAt = now
    this.#log.error(
      {
        ...(error === undefined ? {} : { err: error }),
        to: this.#sink.name,
        lost: this.#dropped - this.#droppedAtReport,
        waiting: this.#waiting.length,
      },
      'audit events cannot be written',
    )
    this.#droppedAtReport = this.#dropped
  }
}
