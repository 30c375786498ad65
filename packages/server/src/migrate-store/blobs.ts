// Blobs, from one store to another, a few at a time. Bytes are hashed while they are copied, and the copy is read back and hashed again:
// nothing counts as copied whose digest was not seen on both sides. What is wrong in the source is collected, and the rest goes on.

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Digest, digestAlgorithm } from '@berth/api/names/digest.ts'
import { RegistryError, systemErrorCode } from '../base/errors.ts'
import type { BlobReader, BlobStore } from '../storage/blobs/blob-store.ts'
import { isCode } from '../storage/blobs/s3/failures.ts'
import type { MetadataStore } from '../storage/metadata/metadata-store.ts'
import { blobsTable } from '../storage/metadata/tables/blobs.ts'
import type { VerifiedBlobs } from './verified-blobs.ts'

const atOnce = 4
const chunkBytes = 1024 * 1024
const page = 500
/** A store that does not answer for a while is asked again; its driver has tried several times by then. */
const pausesMs = [1000, 5000, 20_000]

export interface BlobCopy {
  /** Where the rows of the blobs are. */
  metadata: MetadataStore
  source: BlobStore
  target: BlobStore
  verified: VerifiedBlobs
  /** The target may hold blobs of an earlier run that it did not remember. */
  isResumed: boolean
  signal: AbortSignal
  /** Bytes that were copied or found; less than nothing when they must be copied again. */
  onBytes(count: number): void
  onBlob(how: 'copied' | 'found'): void
}

export interface WrongBlob {
  blobId: number
  digest: Digest
  reason: string
}

interface StoredBlob {
  id: number
  digest: Digest
  size: number
  storageKey: string
}

/** @throws RegistryError when a store does not answer, and what `signal` was aborted with */
export async function copyBlobs(copy: BlobCopy): Promise<WrongBlob[]> {
  const { verified, signal } = copy
  const wrong: WrongBlob[] = []
  const blobs = blobsToCopy(copy)
  const end = new AbortController()
  const task = { ...copy, signal: AbortSignal.any([signal, end.signal]) }
  const work = async () => {
    for (let next = await blobs.next(); !next.done; next = await blobs.next()) {
      const blob = next.value
      try {
        await copyBlob(task, blob)
        verified.verified(blob.id)
      } catch (error) {
        if (!(error instanceof WrongBytes)) throw error
        verified.failed(blob.id)
        wrong.push({ blobId: blob.id, digest: blob.digest, reason: error.message })
      }
      await verified.saveSoon()
      task.signal.throwIfAborted()
    }
  }
  const workers = Array.from({ length: atOnce }, () =>
    work().catch((error) => {
      end.abort(error)
      throw error
    }),
  )
  const ended = await Promise.allSettled(workers)
  await verified.save()
  signal.throwIfAborted()
  for (const result of ended) if (result.status === 'rejected') throw end.signal.reason
  return wrong
}

/** In the order of their ids. */
async function* blobsToCopy({ metadata, verified }: BlobCopy): AsyncGenerator<StoredBlob, undefined> {
  const query = (after: number, ids: readonly number[]) =>
    metadata.read((db) =>
      db
        .selectFrom('blobs')
        .select(['id', 'digest', 'size', 'storage_key'])
        .where('storage_key', 'is not', null)
        .where((e) => (ids.length > 0 ? e('id', 'in', ids) : e('id', '>', after)))
        .orderBy('id')
        .limit(page)
        .execute(),
    )
  const again = [...verified.except]
  for (let after = verified.upTo; ; ) {
    const ids = again.splice(0, page)
    const rows = await query(after, ids)
    for (const { id, digest, size, storage_key } of rows) {
      if (storage_key === null) continue
      verified.take(id)
      yield { id, digest, size, storageKey: storage_key }
    }
    if (ids.length > 0) continue
    if (rows.length < page) return undefined
    after = rows.at(-1)?.id ?? after
  }
}

/** What is in the source, or comes back from the target, is not what it should be. */
class WrongBytes extends Error {}

async function copyBlob(copy: BlobCopy, blob: StoredBlob): Promise<void> {
  if (copy.isResumed && (await isWhole(copy, blob))) {
    copy.onBytes(blob.size)
    copy.onBlob('found')
    return
  }
  let copied = 0
  for (let attempt = 0; ; attempt += 1) {
    try {
      const onBytes = (count: number) => {
        copied += count
        copy.onBytes(count)
      }
      await copy.target.import(
        blob.storageKey,
        blob.size,
        Readable.from(bytesOf(copy, blob, onBytes), { highWaterMark: 2 }),
      )
      if (await isWhole(copy, blob)) {
        copy.onBlob('copied')
        return
      }
      throw new WrongBytes('the target does not give back the bytes that were written to it')
    } catch (error) {
      copy.onBytes(-copied)
      copied = 0
      copy.signal.throwIfAborted()
      const pause = pausesMs[attempt]
      const mayPass = error instanceof RegistryError && error.fault.code === 'Unavailable'
      if (!mayPass || pause === undefined) throw error
      await sleep(pause, undefined, { signal: copy.signal })
    }
  }
}

/** The bytes of the source, hashed on the way: the last of them is followed by an error unless the digest is right. */
async function* bytesOf(copy: BlobCopy, blob: StoredBlob, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  const reader = await openIfThere(copy.source, blob.storageKey)
  if (!reader) throw new WrongBytes('its bytes are missing')
  const hash = createHash(digestAlgorithm(blob.digest))
  let size = 0
  try {
    for await (const chunk of chunksOf(reader, copy.signal)) {
      hash.update(chunk)
      size += chunk.length
      onBytes(chunk.length)
      // Too many, which the digest will say: the target is not filled with them.
      if (size <= blob.size) yield chunk
    }
  } finally {
    await reader.close()
  }
  const calculated = `${digestAlgorithm(blob.digest)}:${hash.digest('hex')}`
  if (size !== blob.size) throw new WrongBytes(`it has ${size} bytes instead of ${blob.size}`)
  if (calculated !== blob.digest) throw new WrongBytes(`its bytes have the digest ${calculated}`)
}

/** Whether the target gives back the whole blob. */
async function isWhole({ target, signal }: BlobCopy, { storageKey, size, digest }: StoredBlob): Promise<boolean> {
  const reader = await openIfThere(target, storageKey)
  if (!reader) return false
  const hash = createHash(digestAlgorithm(digest))
  let read = 0
  try {
    for await (const chunk of chunksOf(reader, signal)) {
      hash.update(chunk)
      read += chunk.length
      if (read > size) return false
    }
  } finally {
    await reader.close()
  }
  return read === size && `${digestAlgorithm(digest)}:${hash.digest('hex')}` === digest
}

async function* chunksOf(reader: BlobReader, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    signal.throwIfAborted()
    const buffer = Buffer.allocUnsafeSlow(chunkBytes)
    const filled = await reader.read(buffer, position)
    if (filled > 0) yield buffer.subarray(0, filled)
    if (filled < chunkBytes) return
    position += filled
  }
}

async function openIfThere(store: BlobStore, storageKey: string): Promise<BlobReader | undefined> {
  try {
    return await store.open(storageKey)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || isCode(error, 'NoSuchKey')) return undefined
    throw error
  }
}

/** How many blobs the rows name that the store does not list: none, unless somebody has removed what was verified earlier. */
export async function countMissing(metadata: MetadataStore, store: BlobStore): Promise<number> {
  let there = 0
  for await (const keys of store.storageKeys()) {
    there += (await metadata.read((db) => blobsTable.knownStorageKeys(db, keys))).size
  }
  return (await storedBlobs(metadata)).count - there
}

/** What the rows name that is in the store of blobs. */
export async function storedBlobs(metadata: MetadataStore, after = 0): Promise<{ count: number; bytes: number }> {
  const row = await metadata.read((db) =>
    db
      .selectFrom('blobs')
      .select((e) => [e.fn.countAll<number>().as('count'), e.fn.sum<number | null>('size').as('bytes')])
      .where('storage_key', 'is not', null)
      .where('id', '>', after)
      .executeTakeFirstOrThrow(),
  )
  return { count: Number(row.count), bytes: Number(row.bytes ?? 0) }
}
