// Goes on with an upload, here or in another process, from what its row remembers.

import { randomBytes, randomInt } from 'node:crypto'
import type { Log } from '../../../base/log.ts'
import type { StagedUpload, Staging } from '../blob-store.ts'
import type { Bucket, RequestLimits, StoredObject } from './bucket.ts'
import { openReader } from './reader.ts'
import { S3Staging } from './staging.ts'
import { bytesOfParts, etagOf, isSameEtag, parseState, sizeOf, type UploadState } from './upload-state.ts'

/** More parts than a process sends before it finds that its upload was taken over; its parts would only make ours fail. */
const skippedNumbers = { from: 50, to: 150 }
const copyBytes = 1024 * 1024

export async function openStaging(
  parts: { bucket: Bucket; limits: RequestLimits; log: Log },
  upload: StagedUpload,
): Promise<Staging> {
  const { bucket, log } = parts
  const { uploadId, isTakenOver } = upload
  const before = upload.state === null ? undefined : parseState(upload.state)
  const isContested = isTakenOver || before?.isContested === true
  const fresh = () => new S3Staging(bucket, log, { uploadId, key: keyOf(upload, isTakenOver || before !== undefined) })
  if (!before || upload.size === 0) return fresh()

  const [object, bytes] = await Promise.all([bucket.head(before.key), before.tail && bucket.read(before.tail.key)])
  const tail = before.tail && bytes?.length === before.tail.size ? { stored: before.tail, bytes } : undefined
  if (before.multipart === null) {
    if (tail) {
      // Whoever had the upload may still make an object of the old key.
      const key = isTakenOver || object ? keyOf(upload, true) : before.key
      return new S3Staging(bucket, log, { uploadId, key, tail: cut(tail, upload.size) })
    }
  } else if (!object) {
    const kept = partsWithin(before, upload.size)
    const room = upload.size - bytesOfParts(kept)
    return new S3Staging(bucket, log, {
      uploadId,
      key: before.key,
      multipart: before.multipart,
      parts: kept,
      isContested,
      ...(tail && kept.length === before.parts.length && room > 0 ? { tail: cut(tail, room) } : {}),
      skippedNumbers: isTakenOver ? randomInt(skippedNumbers.from, skippedNumbers.to) : 0,
    })
  }
  // A process ended between the promotion and its transaction.
  if (!object || (isContested && !isOf(before, object))) return fresh()
  const size = Math.min(upload.size, sizeOf(before), object.size)
  return new PromotedStaging(parts, { key: before.key, size: object.size, state: upload.state ?? '' }, size, fresh)
}

/** A key that no other content has had: its first one, or one of many. */
function keyOf(upload: Pick<StagedUpload, 'uploadId' | 'createdAt'>, isAnother: boolean): string {
  const day = new Date(upload.createdAt).toISOString().slice(0, 10).replaceAll('-', '')
  return `blobs/${day}/${upload.uploadId}${isAnother ? `.${randomBytes(4).toString('hex')}` : ''}`
}

function cut<T extends { bytes: Uint8Array }>(tail: T, size: number): T {
  return { ...tail, bytes: tail.bytes.subarray(0, size) }
}

/** Parts can be left out and not shortened. */
function partsWithin(state: UploadState, size: number) {
  let sum = 0
  return state.parts.filter((part) => {
    sum += part.size
    return sum <= size
  })
}

/** Whether an object that anybody may have made consists of these bytes and no others. */
function isOf({ parts, tail, multipart }: UploadState, object: StoredObject): boolean {
  if (object.size !== sizeOf({ parts, tail })) return false
  if (multipart === null) return tail !== null && isSameEtag(object.etag, tail.etag)
  return isSameEtag(object.etag, etagOf(tail ? [...parts, tail] : parts))
}

/** Bytes that are an object already, of which no row knows. Mostly they are wanted as they are; to go on with them they are read once. */
class PromotedStaging implements Staging {
  readonly #parts: { bucket: Bucket; limits: RequestLimits; log: Log }
  readonly #object: { key: string; size: number; state: string }
  readonly #size: number
  readonly #fresh: () => S3Staging
  #copy: S3Staging | undefined
  #isPromoted = false

  constructor(
    parts: { bucket: Bucket; limits: RequestLimits; log: Log },
    object: { key: string; size: number; state: string },
    size: number,
    fresh: () => S3Staging,
  ) {
    this.#parts = parts
    this.#object = object
    this.#size = size
    this.#fresh = fresh
  }

  get size(): number {
    return this.#copy?.size ?? this.#size
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    if (!this.#copy && chunks.every((chunk) => chunk.byteLength === 0)) return
    await (await this.#copied()).append(chunks)
  }

  async checkpoint(): Promise<string> {
    return this.#copy ? this.#copy.checkpoint() : this.#object.state
  }

  async promote(): Promise<string> {
    if (this.#copy || this.#object.size !== this.#size) return (await this.#copied()).promote()
    this.#isPromoted = true
    return this.#object.key.replace(/^blobs\//, '')
  }

  async close(): Promise<void> {
    await this.#copy?.close()
  }

  async remove(): Promise<void> {
    await this.#copy?.remove()
    if (this.#isPromoted) return
    // No row was ever given this key.
    await this.#parts.bucket.delete(this.#object.key)
  }

  async #copied(): Promise<S3Staging> {
    if (this.#copy) return this.#copy
    const copy = this.#fresh()
    const reader = await openReader(this.#parts.bucket, this.#object.key, this.#parts.limits)
    try {
      const buffer = Buffer.allocUnsafeSlow(copyBytes)
      while (copy.size < this.#size) {
        const filled = await reader.read(buffer.subarray(0, this.#size - copy.size), copy.size)
        await copy.append([buffer.subarray(0, filled)])
      }
    } catch (error) {
      await copy.remove().catch(() => {})
      throw error
    } finally {
      await reader.close()
    }
    this.#copy = copy
    return copy
  }
}
