// Reads an object as it is wanted: one answer of the store, read in order as far as the reader goes, and a new one where he jumps. A
// connection that breaks or goes silent is made again from where it was.

import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobReader } from '../blob-store.ts'
import type { Bucket, RequestLimits } from './bucket.ts'
import { isTransient, unavailable } from './failures.ts'

const backoffMs = 100

/** The store is asked at once, for the beginning: that is what most read, and who can not be served hears it before the first byte. */
export async function openReader(bucket: Bucket, key: string, limits: RequestLimits): Promise<BlobReader> {
  const first = await bucket.get(key)
  const size = first.length
  let body: Readable | undefined = guarded(first.body)
  /** Where the next byte of `body` is in the object. */
  let at = 0
  let rest: Buffer | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let isClosed = false

  function drop(): void {
    body?.destroy()
    body = undefined
    rest = undefined
  }

  async function seek(position: number): Promise<void> {
    drop()
    const answer = await bucket.get(key, position)
    body = guarded(answer.body)
    at = position
    // Closed meanwhile.
    if (isClosed) drop()
  }

  /** Some bytes from `at` on. @throws when the connection is of no use any more */
  async function next(stream: Readable): Promise<Buffer> {
    if (rest) return rest
    for (;;) {
      const chunk = stream.read() as Buffer | null
      if (chunk !== null) return chunk
      if (stream.errored) throw new BrokenAnswer('the connection broke', { cause: stream.errored })
      if (stream.readableEnded || stream.destroyed) throw new BrokenAnswer('the answer ended too early')
      await somethingHappens(stream, limits.idle)
    }
  }

  async function fill(buffer: Uint8Array, position: number): Promise<number> {
    const wanted = Math.max(0, Math.min(buffer.byteLength, size - position))
    let failures = 0
    for (let filled = 0; filled < wanted; ) {
      if (isClosed) throw new Error('the reader is closed')
      try {
        if (!body || at !== position + filled) await seek(position + filled)
        if (!body) continue
        const chunk = await next(body)
        const taken = Math.min(chunk.length, wanted - filled)
        buffer.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), filled)
        rest = taken === chunk.length ? undefined : chunk.subarray(taken)
        filled += taken
        at += taken
        failures = 0
      } catch (error) {
        drop()
        // The store was asked several times already where it did not answer at all.
        if (!(error instanceof BrokenAnswer)) throw isTransient(error) ? unavailable(error) : error
        failures += 1
        if (failures >= limits.attempts) throw unavailable(error)
        await sleep(backoffMs * 2 ** failures * (0.5 + Math.random()))
      }
    }
    return wanted
  }

  return {
    read(buffer, position) {
      const filled = turn.then(() => fill(buffer, position))
      turn = filled.catch(() => {})
      return filled
    },
    async close() {
      isClosed = true
      drop()
    },
  }
}

class BrokenAnswer extends Error {}

/** Errors are seen when the next bytes are wanted; one that comes earlier must not end the process. */
function guarded(body: Readable): Readable {
  return body.on('error', () => {})
}

async function somethingHappens(stream: Readable, idleMs: number): Promise<void> {
  const controller = new AbortController()
  const { signal } = controller
  const timer = setTimeout(() => stream.destroy(new BrokenAnswer(`the store sent nothing for ${idleMs} ms`)), idleMs)
  try {
    await Promise.race(['readable', 'end', 'close'].map((event) => once(stream, event, { signal })))
  } catch {
    // The stream's own error, which the caller looks at.
  } finally {
    clearTimeout(timer)
    controller.abort()
  }
}
