// What this process knows of an upload beyond its row: the running digest, the open file, and who is at work on it. It can be thrown
// away at any time: the next request makes it again from the row and the staged bytes, reading those once to rebuild the digest.

import { createHash, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { DigestAlgorithm } from '@berth/api/names/digest.ts'
import { inBatches } from '../../base/streams.ts'
import type { BlobStore, Staging } from '../../storage/blobs/blob-store.ts'

/** Content up to this size lives in the database and rides its sync (docs/design/store.md). */
export const inlineBytes = 64 * 1024

export class UploadSession {
  readonly uploadId: string
  readonly #blobs: BlobStore
  #hash: Hash
  #algorithm: DigestAlgorithm
  #staging: Staging | undefined
  /** All the bytes, while they are few. */
  #head: Buffer[] | undefined = []
  receivedBytes = 0

  constructor(uploadId: string, blobs: BlobStore, algorithm: DigestAlgorithm) {
    this.uploadId = uploadId
    this.#blobs = blobs
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
  }

  /** Goes on with an upload of an earlier process: at the smaller of the row's offset and the file's length. */
  static async resume(uploadId: string, blobs: BlobStore, receivedBytes: number): Promise<UploadSession> {
    const session = new UploadSession(uploadId, blobs, 'sha256')
    if (receivedBytes === 0) return session
    session.#staging = await blobs.openStaging(uploadId, receivedBytes)
    session.receivedBytes = session.#staging.size
    session.#head = session.receivedBytes <= inlineBytes ? [] : undefined
    for await (const piece of blobs.readStaging(uploadId)) {
      session.#hash.update(piece)
      session.#head?.push(Buffer.from(piece))
    }
    return session
  }

  /** The digest will be of this algorithm; costs nothing before the first byte. */
  expect(algorithm: DigestAlgorithm): void {
    if (this.receivedBytes > 0 || algorithm === this.#algorithm) return
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
  }

  /** Takes a body as it arrives. When it fails, `receivedBytes` counts what is kept, or the session is unusable (`isBroken`). */
  async receive(
    body: Readable,
    options: { batchBytes: number; signal: AbortSignal; limitBytes: (received: number) => void },
  ): Promise<void> {
    let heard = this.receivedBytes
    await inBatches(body, {
      batchBytes: options.batchBytes,
      signal: options.signal,
      onChunk: (chunk) => {
        options.limitBytes(heard + chunk.length)
        heard += chunk.length
        this.#hash.update(chunk)
      },
      onBatch: (chunks) => this.#append(chunks),
    })
  }

  async append(chunks: Buffer[]): Promise<void> {
    for (const chunk of chunks) this.#hash.update(chunk)
    await this.#append(chunks)
  }

  /** True after a failed write: the digest has seen bytes that are not there. */
  isBroken = false

  async #append(chunks: Buffer[]): Promise<void> {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    try {
      if (this.#head && this.receivedBytes + bytes <= inlineBytes) {
        this.#head.push(...chunks)
      } else {
        const staged = this.#staging ?? (await this.#blobs.openStaging(this.uploadId, 0))
        this.#staging = staged
        const unstaged = this.#head && staged.size === 0 ? this.#head : []
        this.#head = undefined
        await staged.append([...unstaged, ...chunks])
      }
      this.receivedBytes += bytes
    } catch (error) {
      this.isBroken = true
      throw error
    }
  }

  /** Brings everything into the file, so that a crash of the process keeps it. Not durable. */
  async stage(): Promise<void> {
    if (this.receivedBytes === (this.#staging?.size ?? 0)) return
    this.#staging ??= await this.#blobs.openStaging(this.uploadId, 0)
    const missing = Buffer.concat(this.#head ?? []).subarray(this.#staging.size)
    await this.#staging.append([missing])
  }

  /** The digest of all bytes. For another algorithm than the running one the bytes are read again. */
  async digest(algorithm: DigestAlgorithm): Promise<string> {
    if (algorithm === this.#algorithm) return `${algorithm}:${this.#hash.copy().digest('hex')}`
    const hash = createHash(algorithm)
    if (this.#head) for (const chunk of this.#head) hash.update(chunk)
    else for await (const piece of this.#blobs.readStaging(this.uploadId)) hash.update(piece)
    return `${algorithm}:${hash.digest('hex')}`
  }

  /** The content, when it is small enough for the database. */
  get content(): Buffer | undefined {
    return this.#head && Buffer.concat(this.#head)
  }

  /** Makes the bytes durable under a storage key. The session is over. */
  async promote(): Promise<string> {
    if (!this.#staging) throw new Error('there are no staged bytes to promote')
    const storageKey = await this.#blobs.promote(this.uploadId, this.#staging)
    this.#staging = undefined
    return storageKey
  }

  async close(): Promise<void> {
    await this.#staging?.close().catch(() => {})
  }

  /** After a failed write: what is beyond the bytes that were acknowledged gives its room back. The session is over. */
  async cutBack(acknowledgedBytes: number): Promise<void> {
    await this.close()
    if (acknowledgedBytes === 0) await this.#blobs.removeStaging(this.uploadId)
    else await (await this.#blobs.openStaging(this.uploadId, acknowledgedBytes)).close()
  }

  async remove(): Promise<void> {
    await this.close()
    if (this.#staging) await this.#blobs.removeStaging(this.uploadId)
  }
}
