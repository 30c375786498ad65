// The bytes of one upload on their way to the bucket. They fill a part; a full part is sent while the next one fills. What is left at a
// checkpoint becomes a small object of its own, its tail, from which another process goes on.
//
//   memory    a part on its way, and one that fills; `append` waits when both are full
//   tails     a new name each time; the one that the upload's row names stays until the row names another or the upload is over
//   zombies   a process that does not know that its upload was taken over goes on writing parts, and may even complete them. Parts are
//             completed by the ETags of their own writer, and an object that others may have completed is compared with those

import { randomBytes } from 'node:crypto'
import type { Log } from '../../../base/log.ts'
import type { Staging } from '../blob-store.ts'
import type { Bucket, Part } from './bucket.ts'
import { isCode, lostUpload } from './failures.ts'
import { bytesOfParts, etagOf, isSameEtag, lastPartNumber, partBytes, stateText, type Tail } from './upload-state.ts'

const otherBytes = 'Another process changed the bytes of this upload.'

export interface StagingStart {
  uploadId: string
  key: string
  multipart?: string
  parts?: Part[]
  tail?: { stored: Tail; bytes: Uint8Array }
  /** Others know of the multipart upload, and may complete it. */
  isContested?: boolean
  /** How many part numbers are left to whoever had the upload before. */
  skippedNumbers?: number
}

export class S3Staging implements Staging {
  readonly #bucket: Bucket
  readonly #log: Log
  readonly #uploadId: string
  readonly #key: string
  readonly #isContested: boolean
  readonly #parts: Part[]
  readonly #given = new AbortController()
  #multipart: string | undefined
  #nextNumber: number
  #filling: Buffer | undefined
  #filled = 0
  /** Of a part that has arrived. */
  #spare: Buffer | undefined
  #onWay: Promise<void> | undefined
  /** Of the part that did not arrive, which is kept: only a try may be over, not the upload. */
  #failure: { error: unknown; number: number; body: Buffer } | undefined
  /** In the state that was given last: the row may name it. */
  #tail: Tail | undefined
  /** In the state before. */
  #olderTail: Tail | undefined
  /** Given, and nothing was appended since. */
  #state: string | undefined
  #isPromoted = false
  #isClosed = false
  size: number

  constructor(bucket: Bucket, log: Log, start: StagingStart) {
    this.#bucket = bucket
    this.#log = log
    this.#uploadId = start.uploadId
    this.#key = start.key
    this.#multipart = start.multipart
    this.#parts = start.parts ?? []
    this.#isContested = start.isContested ?? false
    this.#nextNumber = (this.#parts.at(-1)?.number ?? 0) + 1 + (start.skippedNumbers ?? 0)
    this.size = bytesOfParts(this.#parts)
    if (start.tail) {
      this.#tail = start.tail.stored
      this.#take(start.tail.bytes)
    }
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    this.#mustBeOpen()
    this.#mustNotHaveFailed()
    for (const chunk of chunks) {
      for (let taken = 0; taken < chunk.byteLength; ) {
        if (this.#isFull) await this.#sendPart()
        taken += this.#take(chunk.subarray(taken))
      }
    }
    if (this.#isFull && !this.#onWay) await this.#sendPart()
    this.#mustNotHaveFailed()
  }

  async checkpoint(): Promise<string> {
    this.#mustBeOpen()
    if (this.#state !== undefined) return this.#state
    this.#sendAgain()
    if (this.#isFull) await this.#sendPart()
    await this.#arrival()
    // The row names the last tail by now, or nobody will ask for another checkpoint.
    const obsolete = this.#olderTail
    const [tail] = await Promise.all([this.#storeTail(), obsolete && this.#deleteQuietly(obsolete.key)])
    this.#olderTail = this.#tail
    this.#tail = tail
    this.#state = stateText({
      key: this.#key,
      multipart: this.#multipart ?? null,
      parts: this.#parts,
      tail: tail ?? null,
      isContested: this.#isContested,
    })
    return this.#state
  }

  async promote(): Promise<string> {
    if (this.#isPromoted) return this.storageKey
    this.#mustBeOpen()
    this.#sendAgain()
    await this.#arrival()
    if (this.#multipart === undefined) {
      await this.#bucket.put(this.#key, this.#filling?.subarray(0, this.#filled) ?? new Uint8Array())
    } else {
      if (this.#filled > 0) await this.#sendPart()
      await this.#arrival()
      await this.#complete(this.#multipart)
    }
    this.#isPromoted = true
    this.#filling = this.#spare = undefined
    return this.storageKey
  }

  get storageKey(): string {
    return this.#key.replace(/^blobs\//, '')
  }

  /** Tails of promoted bytes go only now: should the process end before their transaction does, the row still names them. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#given.abort()
    await this.#onWay
    this.#filling = this.#spare = this.#failure = undefined
    if (this.#isPromoted) await this.#deleteTails()
  }

  async remove(): Promise<void> {
    await this.close()
    if (this.#isPromoted) return
    if (this.#multipart !== undefined) await this.#bucket.abortMultipart(this.#key, this.#multipart)
    await this.#deleteTails()
  }

  get #isFull(): boolean {
    return this.#filling !== undefined && this.#filled === this.#filling.length
  }

  #mustBeOpen(): void {
    if (this.#isClosed || this.#isPromoted) throw new Error('the staging is closed')
  }

  #mustNotHaveFailed(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** As much as fits into the part; gives how much that was. */
  #take(bytes: Uint8Array): number {
    if (this.#nextNumber > lastPartNumber) throw lostUpload('The upload was moved between processes too often.')
    if (!this.#filling) {
      const size = partBytes(this.#nextNumber)
      this.#filling = this.#spare?.length === size ? this.#spare : Buffer.allocUnsafeSlow(size)
      this.#spare = undefined
    }
    const taken = Math.min(bytes.byteLength, this.#filling.length - this.#filled)
    this.#filling.set(taken === bytes.byteLength ? bytes : bytes.subarray(0, taken), this.#filled)
    this.#filled += taken
    this.size += taken
    if (taken > 0) this.#state = undefined
    return taken
  }

  /** Sends what has been gathered, after the part before has arrived. */
  async #sendPart(): Promise<void> {
    await this.#arrival()
    const body = this.#filling?.subarray(0, this.#filled)
    if (!body) return
    const number = this.#nextNumber
    this.#nextNumber += 1
    this.#filling = undefined
    this.#filled = 0
    this.#startPart(number, body)
  }

  #sendAgain(): void {
    if (!this.#failure) return
    const { number, body } = this.#failure
    this.#failure = undefined
    this.#startPart(number, body)
  }

  #startPart(number: number, body: Buffer): void {
    this.#onWay = this.#putPart(number, body)
      .catch((error) => {
        this.#failure = { error, number, body }
      })
      .finally(() => {
        this.#onWay = undefined
      })
  }

  async #putPart(number: number, body: Buffer): Promise<void> {
    const { signal } = this.#given
    // Not given up on its way: what was begun must be known to be ended.
    this.#multipart ??= await this.#bucket.createMultipart(this.#key)
    const upload = { key: this.#key, multipart: this.#multipart, number }
    const etag = await this.#bucket.putPart(upload, body, signal).catch(refuseLost)
    this.#parts.push({ number, size: body.length, etag })
    this.#spare = Buffer.from(body.buffer)
  }

  async #arrival(): Promise<void> {
    await this.#onWay
    this.#mustNotHaveFailed()
  }

  async #storeTail(): Promise<Tail | undefined> {
    if (!this.#filling || this.#filled === 0) return undefined
    const key = `uploads/${this.#uploadId}/${randomBytes(6).toString('hex')}`
    return { key, ...(await this.#bucket.put(key, this.#filling.subarray(0, this.#filled))) }
  }

  /** The answer may have been lost, and a process that had the upload before may have been faster. */
  async #complete(multipart: string): Promise<void> {
    const parts = this.#parts
    const completed = await this.#bucket.completeMultipart(this.#key, multipart, parts).catch((error) => {
      if (isCode(error, 'NoSuchUpload')) return undefined
      return refuseLost(error)
    })
    // Asked again, some stores answer with the ETag that these parts would have, whatever was completed before.
    if (completed !== undefined && isSameEtag(completed, etagOf(parts)) && !this.#isContested) return
    const object = await this.#bucket.head(this.#key)
    if (!object) throw lostUpload('The bytes of this upload are gone.')
    const isOurs = isSameEtag(object.etag, etagOf(parts)) || !this.#isContested
    if (object.size !== this.size || !isOurs) throw lostUpload(otherBytes)
  }

  async #deleteTails(): Promise<void> {
    const tails = [this.#tail, this.#olderTail].filter((tail) => tail !== undefined)
    await Promise.all(tails.map(({ key }) => this.#deleteQuietly(key)))
    this.#tail = this.#olderTail = undefined
  }

  /** What stays is found by its age. */
  async #deleteQuietly(key: string): Promise<void> {
    await this.#bucket.delete(key).catch((err) => this.#log.debug({ err, key }, 'the tail of an upload stays for now'))
  }
}

function refuseLost(error: unknown): never {
  if (isCode(error, 'NoSuchUpload')) throw lostUpload('The bytes of this upload are gone.', error)
  if (isCode(error, 'InvalidPart', 'InvalidPartOrder')) throw lostUpload(otherBytes, error)
  throw error
}
