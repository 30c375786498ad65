// What an operator sees while it goes on: a bar on a terminal, otherwise a line each few seconds.

import type { Writable } from 'node:stream'

export type ProgressOutput = Pick<Writable, 'write'> & { isTTY?: boolean; columns?: number }

const barMs = 200
const lineMs = 5000
const barWidth = 24

export interface Progress {
  /** A sentence of its own. */
  say(sentence: string): void
  /** Something is counted that has no end that is known: rows. */
  count(what: string): { add(count: number): void; end(): void }
  /** Blobs: how many, and of how many bytes in all. */
  blobs(total: { count: number; bytes: number }): BlobProgress
}

export interface BlobProgress {
  onBytes(count: number): void
  onBlob(how: 'copied' | 'found'): void
  end(): { copied: number; found: number; bytes: number; seconds: number }
}

export function createProgress(output: ProgressOutput, now: () => number = () => performance.now()): Progress {
  const isTerminal = output.isTTY === true
  let isBarShown = false

  function clear(): void {
    if (isBarShown) output.write('\r\u001b[K')
    isBarShown = false
  }
  function show(text: string): void {
    if (!isTerminal) {
      output.write(`${text}\n`)
      return
    }
    output.write(`\r\u001b[K${text.slice(0, (output.columns ?? 80) - 1)}`)
    isBarShown = true
  }
  /** Shows the text now and then until the end. */
  function repeat(text: () => string): () => void {
    const timer = setInterval(() => show(text()), isTerminal ? barMs : lineMs)
    return () => {
      clearInterval(timer)
      clear()
    }
  }

  return {
    say(sentence) {
      clear()
      output.write(`${sentence}\n`)
    },
    count(what) {
      let counted = 0
      const end = repeat(() => `${counted.toLocaleString('en')} ${what}`)
      return {
        add(count) {
          counted += count
        },
        end,
      }
    },
    blobs(total) {
      const startedAt = now()
      const counts = { copied: 0, found: 0 }
      let bytes = 0
      const seconds = () => (now() - startedAt) / 1000
      const stop = repeat(() =>
        blobLine({ ...total, done: counts.copied + counts.found, doneBytes: bytes, seconds: seconds() }, isTerminal),
      )
      return {
        onBytes(count) {
          bytes += count
        },
        onBlob(how) {
          counts[how] += 1
        },
        end() {
          stop()
          return { ...counts, bytes, seconds: seconds() }
        },
      }
    },
  }
}

interface BlobState {
  count: number
  bytes: number
  done: number
  doneBytes: number
  seconds: number
}

/** `[#####···] 42 %  1.2 of 2.9 GB  310 of 812 blobs  85 MB/s  20 s left` */
export function blobLine({ count, bytes, done, doneBytes, seconds }: BlobState, hasBar: boolean): string {
  const part = bytes > 0 ? Math.min(1, doneBytes / bytes) : 1
  const rate = seconds > 0 ? doneBytes / seconds : 0
  const left = rate > 0 ? durationText((bytes - doneBytes) / rate) : '?'
  const full = Math.round(part * barWidth)
  const bar = hasBar ? `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}] ` : ''
  const blobs = `${done.toLocaleString('en')} of ${count.toLocaleString('en')} blobs`
  return `${bar}${Math.floor(part * 100)} %  ${sizeText(doneBytes)} of ${sizeText(bytes)}  ${blobs}  ${sizeText(rate)}/s  ${left} left`
}

/** `1.5 GB`; powers of a thousand. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let size = bytes
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${unit === 0 || size >= 99.5 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}

export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
