// What every store of blobs does, whatever it is made of. A backend opens a store on a place of its own, and opens it again as another
// process would after this one has ended.

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import type { BlobStore } from '../../src/storage/blobs/blob-store.ts'

export interface BlobStoreBackend {
  name: string
  open(t: TestContext): Promise<{ store: BlobStore; reopen(): Promise<BlobStore> }>
}

const mebibyte = 1024 * 1024

/** Bytes that are different at each position, so that nothing can be in a wrong place. */
export function bytesOf(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  let state = seed
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[at] = state >>> 24
  }
  return bytes
}

export async function stage(store: BlobStore, uploadId: string, ...chunks: Uint8Array[]): Promise<void> {
  const staging = await store.openStaging(uploadId, 0)
  await staging.append(chunks)
  await staging.close()
}

export async function promoted(store: BlobStore, bytes: Uint8Array): Promise<string> {
  const uploadId = randomUUID()
  const staging = await store.openStaging(uploadId, 0)
  await staging.append([bytes])
  return store.promote(uploadId, staging)
}

export async function contentOf(store: BlobStore, storageKey: string, size: number): Promise<Buffer> {
  const reader = await store.open(storageKey)
  try {
    const buffer = Buffer.alloc(size + 10)
    const filled = await reader.read(buffer, 0)
    return buffer.subarray(0, filled)
  } finally {
    await reader.close()
  }
}

async function stagedBytes(store: BlobStore, uploadId: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of store.readStaging(uploadId)) {
    assert.ok(piece.byteLength > 0 && piece.byteLength <= mebibyte)
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const group of store.storageKeys()) {
    assert.ok(group.length > 0)
    keys.push(...group)
  }
  return keys.toSorted()
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

export function blobStoreSuite(backend: BlobStoreBackend): void {
  describe(`staging in ${backend.name}`, () => {
    test('keeps what is appended in order, in one call and over many', async (t) => {
      const { store } = await backend.open(t)
      const bytes = bytesOf(2 * mebibyte + 321)
      const staging = await store.openStaging('upload', 0)
      assert.equal(staging.size, 0)
      await staging.append([bytes.subarray(0, 10), bytes.subarray(10, 10), bytes.subarray(10, 1000)])
      await staging.append([])
      await staging.append([Buffer.alloc(0)])
      assert.equal(staging.size, 1000)
      for (let at = 1000; at < bytes.length; at += 300_000) await staging.append([bytes.subarray(at, at + 300_000)])
      assert.equal(staging.size, bytes.length)
      assert.ok(same(await stagedBytes(store, 'upload'), bytes))
      await staging.close()
      assert.ok(same(await stagedBytes(store, 'upload'), bytes))
      assert.deepEqual(await store.stagedUploads(), ['upload'])
    })

    test('goes on after a restart, cut back to what counts, and says so when less is there', async (t) => {
      const { store, reopen } = await backend.open(t)
      const bytes = bytesOf(5000)
      await stage(store, 'upload', bytes)
      const again = await reopen()
      assert.deepEqual(await again.stagedUploads(), ['upload'])
      const cut = await again.openStaging('upload', 3000)
      assert.equal(cut.size, 3000)
      await cut.append([bytes.subarray(3000, 3100)])
      await cut.close()
      assert.ok(same(await stagedBytes(again, 'upload'), bytes.subarray(0, 3100)))
      const less = await again.openStaging('upload', 9999)
      assert.equal(less.size, 3100)
      await less.close()
      const empty = await again.openStaging('upload', 0)
      assert.equal(empty.size, 0)
      await empty.close()
      assert.equal((await stagedBytes(again, 'upload')).length, 0)
    })

    test('is removed, once or twice, and of others nothing', async (t) => {
      const { store } = await backend.open(t)
      for (const id of ['one', 'two']) await stage(store, id, bytesOf(10))
      await store.removeStaging('one')
      await store.removeStaging('one')
      await store.removeStaging('never there')
      assert.deepEqual(await store.stagedUploads(), ['two'])
    })
  })

  describe(`storage keys in ${backend.name}`, () => {
    test('a promotion gives the bytes a key of their own and ends the staging', async (t) => {
      const { store, reopen } = await backend.open(t)
      for (const size of [1, 70_000, 3 * mebibyte + 7]) {
        const bytes = bytesOf(size)
        const key = await promoted(store, bytes)
        assert.ok(same(await contentOf(store, key, size), bytes), `${size} bytes`)
        assert.ok(same(await contentOf(await reopen(), key, size), bytes), `${size} bytes, opened again`)
      }
      assert.deepEqual(await store.stagedUploads(), [])
      assert.equal((await keysOf(store)).length, 3)
    })

    test('equal content has other keys: a late removal never hits what was pushed again', async (t) => {
      const { store } = await backend.open(t)
      const bytes = bytesOf(100)
      const [first, second] = [await promoted(store, bytes), await promoted(store, bytes)]
      assert.notEqual(first, second)
      await store.remove(first)
      assert.ok(same(await contentOf(store, second, 100), bytes))
      assert.deepEqual(await keysOf(store), [second])
    })

    test('a reader reads anywhere, several at a time, and less only at the end', async (t) => {
      const { store } = await backend.open(t)
      const bytes = bytesOf(mebibyte + 100)
      const reader = await store.open(await promoted(store, bytes))
      const read = async (position: number, length: number) => {
        const buffer = Buffer.alloc(length)
        return buffer.subarray(0, await reader.read(buffer, position))
      }
      const parts = await Promise.all([read(0, 10), read(mebibyte, 50), read(500, 700_000), read(mebibyte + 90, 50)])
      assert.ok(same(parts[0], bytes.subarray(0, 10)))
      assert.ok(same(parts[1], bytes.subarray(mebibyte, mebibyte + 50)))
      assert.ok(same(parts[2], bytes.subarray(500, 700_500)))
      assert.ok(same(parts[3], bytes.subarray(mebibyte + 90)))
      assert.equal((await read(bytes.length, 10)).length, 0)
      assert.equal((await read(bytes.length + 1000, 10)).length, 0)
      assert.equal((await read(5, 0)).length, 0)
      await reader.close()
    })

    test('what is removed is gone, once or twice; one who reads it goes on', async (t) => {
      const { store } = await backend.open(t)
      const bytes = bytesOf(1000)
      const key = await promoted(store, bytes)
      const reader = await store.open(key)
      await store.remove(key)
      await store.remove(key)
      const buffer = Buffer.alloc(1000)
      assert.equal(await reader.read(buffer, 0), 1000)
      assert.ok(same(buffer, bytes))
      await reader.close()
      await assert.rejects(store.open(key))
      assert.deepEqual(await keysOf(store), [])
    })

    test('hundreds are listed once each', async (t) => {
      const { store } = await backend.open(t)
      const keys = await Promise.all(Array.from({ length: 600 }, (_, n) => promoted(store, bytesOf(1 + (n % 7)))))
      assert.deepEqual(await keysOf(store), keys.toSorted())
    })

    test('a promotion that is taken back is staging again, and goes on', async (t) => {
      const { store, reopen } = await backend.open(t)
      const bytes = bytesOf(50_000)
      const uploadId = randomUUID()
      const staging = await store.openStaging(uploadId, 0)
      await staging.append([bytes.subarray(0, 40_000)])
      await store.promote(uploadId, staging)
      const again = await reopen()
      assert.equal(await again.demote('never there'), false)
      assert.equal(await again.demote(uploadId), true)
      assert.equal(await again.demote(uploadId), false)
      assert.deepEqual([await keysOf(again), await again.stagedUploads()], [[], [uploadId]])
      const resumed = await again.openStaging(uploadId, 40_000)
      await resumed.append([bytes.subarray(40_000)])
      const key = await again.promote(uploadId, resumed)
      assert.ok(same(await contentOf(again, key, bytes.length), bytes))
    })

    test('many uploads at once keep their own bytes', async (t) => {
      const { store } = await backend.open(t)
      const contents = Array.from({ length: 20 }, (_, n) => bytesOf(100_000 + n, n + 1))
      const keys = await Promise.all(contents.map((bytes) => promoted(store, bytes)))
      const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
      const read = await Promise.all(keys.map((key, n) => contentOf(store, key, contents[n]?.length ?? 0)))
      assert.deepEqual(read.map(hash), contents.map(hash))
    })
  })

  test(`a probe of ${backend.name} leaves nothing that could be taken for a blob`, async (t) => {
    const { store } = await backend.open(t)
    await store.probe()
    await store.probe()
    assert.deepEqual([await keysOf(store), await store.stagedUploads()], [[], []])
  })
}
