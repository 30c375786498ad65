// Whole bodies in memory, under three bounds: their own size, a budget that all large bodies share, and time.

import type { IncomingMessage } from 'node:http'
import { Semaphore } from '../base/semaphore.ts'

/** Bodies above this size wait for their share of the budget. */
const freeBytes = 1024 * 1024

export class BodyError extends Error {
  readonly reason: 'too-large' | 'too-slow' | 'incomplete'

  constructor(reason: 'too-large' | 'too-slow' | 'incomplete') {
    super(`the body is ${reason}`)
    this.reason = reason
  }
}

export interface BodyReader {
  /**
   * Reads the body and hands it to `use`; its memory counts until `use` is done. `onChunk` hears the bytes as they arrive.
   * @throws BodyError
   */
  read<T>(
    request: IncomingMessage,
    limits: { maxBytes: number; timeoutMs: number },
    use: (body: Buffer) => Promise<T>,
    onChunk?: (chunk: Buffer) => void,
  ): Promise<T>
}

/** `budgetBytes` bounds what all large bodies together may take. */
export function createBodyReader(budgetBytes: number): BodyReader {
  const budget = new Semaphore(budgetBytes)
  return {
    async read(request, limits, use, onChunk = () => {}) {
      const announced =
        request.headers['content-length'] === undefined ? undefined : Number(request.headers['content-length'])
      if (announced !== undefined && announced > limits.maxBytes) throw new BodyError('too-large')
      // Without a length the body may take all that it is allowed.
      const reserved = announced ?? limits.maxBytes
      const release = reserved > freeBytes ? await budget.acquire(reserved) : () => {}
      try {
        return await use(await gather(request, announced, limits, onChunk))
      } finally {
        release()
      }
    },
  }
}

function gather(
  request: IncomingMessage,
  announced: number | undefined,
  limits: { maxBytes: number; timeoutMs: number },
  onChunk: (chunk: Buffer) => void,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const whole = announced !== undefined && announced > freeBytes ? Buffer.allocUnsafe(announced) : undefined
  const chunks: Buffer[] = []
  let bytes = 0
  const stop = () => {
    clearTimeout(timer)
    request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
  }
  const fail = (reason: BodyError['reason']) => {
    stop()
    request.pause()
    reject(new BodyError(reason))
  }
  const timer = setTimeout(() => fail('too-slow'), limits.timeoutMs)
  const onData = (chunk: Buffer) => {
    if (bytes + chunk.length > limits.maxBytes) {
      fail('too-large')
      return
    }
    onChunk(chunk)
    if (whole) chunk.copy(whole, bytes)
    else chunks.push(chunk)
    bytes += chunk.length
  }
  const onEnd = () => {
    stop()
    if (announced !== undefined && bytes !== announced) reject(new BodyError('incomplete'))
    else resolve(whole ?? (chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)))
  }
  const onClose = () => fail('incomplete')
  if (request.destroyed && !request.complete) {
    clearTimeout(timer)
    return Promise.reject(new BodyError('incomplete'))
  }
  request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  return promise
}
