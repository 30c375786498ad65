// What this process knows of an upload beyond its row: the running digest, the open staging, and the first bytes while they are few. It can be
// thrown away at any time: the next request, here or in another process, makes it again from the row. Only the running digest is
// lost then, so the bytes are read back at the end, before anything is acknowledged.

import { createHash, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { DigestAlgorithm } from '@berth/api/names/digest.ts'
import { inBatches } from '../../base/streams.ts'
import type { BlobStore, Staging } from '../../storage/blobs/blob-store.ts'
import type { UploadRow } from '../../storage/metadata/tables/uploads.ts'

/** Content up to this size lives in the database and rides its sync (docs/design/store.md). */
export const inlineBytes = 64 * 1024
const pieceBytes = 1024 * 1024

export class UploadSession {
  readonly uploadId: string
  readonly #createdAt: number
  readonly #blobs: BlobStore
  /** Undefined when this process has not seen all the bytes. */
  #hash: Hash | undefined
  #algorithm: DigestAlgorithm
  /** Digests of all the bytes that were found otherwise. */
  readonly #known = new Map<string, string>()
  #staging: Staging | undefined
  #state: string | null = null
  /** All the bytes, while they are few. */
  #head: Buffer[] | undefined = []
  #storageKey: string | undefined
  receivedBytes = 0
  /** The version of the row that this session agrees with. */
  version = 0

  constructor(upload: { uploadId: string; createdAt: number }, blobs: BlobStore, algorithm: DigestAlgorithm) {
    this.uploadId = upload.uploadId
    this.#createdAt = upload.createdAt
    this.#blobs = blobs
    this.#algorithm = algorithm
    this.#hash = createHash(algorithm)
  }

  /** Goes on where the row says. After a power cut the staging may hold less, and the session says so by `receivedBytes`. */
  static async resume(row: UploadRow, blobs: BlobStore, isTakenOver: boolean): Promise<UploadSession> {
    const session = new UploadSession({ uploadId: row.upload_id, createdAt: row.created_at }, blobs, 'sha256')
    session.version = row.version
    if (row.received_bytes === 0) return session
    if (row.head) {
      session.#keep([Buffer.from(row.head)])
      session.receivedBytes = row.head.byteLength
      return session
    }
    session.#staging = await blobs.openStaging({ ...stagedUpload(row), isTakenOver })
    session.#state = row.staging
    session.#head = undefined
    session.#hash = undefined
    session.receivedBytes = session.#staging.size
    const isSame = row.digest_epoch === blobs.stagingEpoch && session.receivedBytes === row.received_bytes
    if (isSame && row.digest) session.#known.set(row.digest.slice(0, row.digest.indexOf(':')), row.digest)
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
        this.#hash?.update(chunk)
      },
      onBatch: (chunks) => this.#append(chunks),
    })
  }

  async append(chunks: Buffer[]): Promise<void> {
    for (const chunk of chunks) this.#hash?.update(chunk)
    await this.#append(chunks)
  }

  /** True after a failed write: the digest has seen bytes that are not there. */
  isBroken = false

  async #append(chunks: Buffer[]): Promise<void> {
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (bytes > 0) this.#known.clear()
    try {
      if (this.#head && this.receivedBytes + bytes <= inlineBytes) {
        this.#head.push(...chunks)
      } else {
        const head = this.#head ?? []
        this.#staging ??= await this.#blobs.openStaging({ ...this.#staged, size: 0, isTakenOver: false })
        this.#head = undefined
        await this.#staging.append([...head, ...chunks])
      }
      this.receivedBytes += bytes
    } catch (error) {
      this.isBroken = true
      throw error
    }
  }

  #keep(chunks: Buffer[]): void {
    for (const chunk of chunks) this.#hash?.update(chunk)
    this.#head = chunks
  }

  /** From now on any process can go on with all the bytes: gives what the row must say. */
  async checkpoint(): Promise<Pick<UploadRow, 'received_bytes' | 'head' | 'staging' | 'digest' | 'digest_epoch'>> {
    const received_bytes = this.receivedBytes
    if (this.#head) {
      const head = received_bytes > 0 ? Buffer.concat(this.#head) : null
      return { received_bytes, head, staging: null, digest: null, digest_epoch: null }
    }
    this.#state = (await this.#staging?.checkpoint()) ?? this.#state
    const digest = this.#runningDigest() ?? this.#known.get('sha256') ?? null
    return { received_bytes, head: null, staging: this.#state, digest, digest_epoch: this.#blobs.stagingEpoch }
  }

  #runningDigest(): string | undefined {
    return this.#hash && `${this.#algorithm}:${this.#hash.copy().digest('hex')}`
  }

  /** The digest of all bytes. Where it is not known the bytes are read: content from memory, other bytes after they have been promoted. */
  async digest(algorithm: DigestAlgorithm): Promise<string> {
    const running = algorithm === this.#algorithm ? this.#runningDigest() : undefined
    const known = running ?? this.#known.get(algorithm)
    if (known !== undefined) return known
    const hash = createHash(algorithm)
    if (this.#head) for (const chunk of this.#head) hash.update(chunk)
    else await this.#readBack((piece) => hash.update(piece))
    const digest = `${algorithm}:${hash.digest('hex')}`
    this.#known.set(algorithm, digest)
    return digest
  }

  async #readBack(onPiece: (piece: Uint8Array) => void): Promise<void> {
    const reader = await this.#blobs.open(await this.promote())
    try {
      const buffer = Buffer.allocUnsafe(pieceBytes)
      for (let position = 0; position < this.receivedBytes; ) {
        const filled = await reader.read(buffer, position)
        if (filled === 0) throw new Error(`the bytes of upload ${this.uploadId} end at ${position}`)
        onPiece(buffer.subarray(0, filled))
        position += filled
      }
    } finally {
      await reader.close()
    }
  }

  /** The content, when it is small enough for the database. */
  get content(): Buffer | undefined {
    return this.#head && Buffer.concat(this.#head)
  }

  /** Makes the bytes durable under a storage key; nothing can be appended any more. */
  async promote(): Promise<string> {
    if (this.#storageKey !== undefined) return this.#storageKey
    if (!this.#staging) throw new Error('there are no staged bytes to promote')
    this.#storageKey = await this.#staging.promote()
    return this.#storageKey
  }

  /** Where the bytes are once they have been promoted. */
  get storageKey(): string | undefined {
    return this.#storageKey
  }

  async close(): Promise<void> {
    await this.#staging?.close().catch(() => {})
  }

  /** Removes the bytes that are not a blob. The session is over. */
  async remove(): Promise<void> {
    if (this.#storageKey === undefined) await this.#staging?.remove()
    else await this.close()
  }

  /** After a failed write: what is beyond the row gives its room back. The session is over. */
  async cutBack(row: UploadRow): Promise<void> {
    if (row.received_bytes === 0 || row.head) return this.remove()
    await this.close()
    await (await this.#blobs.openStaging({ ...stagedUpload(row), isTakenOver: false })).close()
  }

  get #staged() {
    return {
      uploadId: this.uploadId,
      createdAt: this.#createdAt,
      size: this.receivedBytes,
      state: this.#state,
    }
  }
}

/** An upload's row as the blob store takes it. */
export function stagedUpload(row: UploadRow) {
  return { uploadId: row.upload_id, createdAt: row.created_at, size: row.received_bytes, state: row.staging }
}
