// What every store of blobs does, whatever it is made of. A backend opens a store on a place of its own, and opens it again as another
// process would after this one has ended.

import assert from 'node:assert/strict'
import { createCipheriv, createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import type { BlobStore, StagedUpload } from '../../src/storage/blobs/blob-store.ts'

export interface BlobStoreBackend {
  name: string
  /** For node:test's `skip`. */
  skip?: string | false
  open(t: TestContext): Promise<{ store: BlobStore; reopen(): Promise<BlobStore> }>
}

const mebibyte = 1024 * 1024

/** Bytes that are different at each position, so that nothing can be in a wrong place. Fewer are the beginning of more. */
export function bytesOf(size: number, seed = 1): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size))
}

export const createdAt = Date.UTC(2026, 10, 14, 12)

/** An upload that begins, or goes on where `known` says. */
export function uploadOf(uploadId: string, known: Partial<StagedUpload> = {}): StagedUpload {
  return { uploadId, createdAt, size: 0, state: null, isTakenOver: false, ...known }
}

/** Gives what the upload's row would remember. */
export async function stage(store: BlobStore, uploadId: string, ...chunks: Uint8Array[]): Promise<StagedUpload> {
  const staging = await store.openStaging(uploadOf(uploadId))
  await staging.append(chunks)
  const state = await staging.checkpoint()
  await staging.close()
  return uploadOf(uploadId, { size: staging.size, state })
}

export async function promoted(store: BlobStore, bytes: Uint8Array): Promise<string> {
  const staging = await store.openStaging(uploadOf(randomUUID()))
  await staging.append([bytes])
  const key = await staging.promote()
  await staging.close()
  return key
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

export async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = []
  for await (const group of store.storageKeys()) {
    assert.ok(group.length > 0)
    keys.push(...group)
  }
  return keys.toSorted()
}

/** Ids of uploads of which something is staged, each once. */
export async function strayUploads(store: BlobStore, olderThanMs = 0): Promise<string[]> {
  const found = new Set<string>()
  for await (const group of store.strays(olderThanMs)) for (const { uploadId } of group) found.add(uploadId)
  return [...found].toSorted()
}

export const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

export function blobStoreSuite(backend: BlobStoreBackend): void {
  const options = backend.skip ? { skip: backend.skip } : {}

  describe(`staging in ${backend.name}`, options, () => {
    test('keeps what is appended in order, in one call and over many', async (t) => {
      const { store } = await backend.open(t)
      const bytes = bytesOf(2 * mebibyte + 321)
      const staging = await store.openStaging(uploadOf('upload'))
      assert.equal(staging.size, 0)
      await staging.append([bytes.subarray(0, 10), bytes.subarray(10, 10), bytes.subarray(10, 1000)])
      await staging.append([])
      await staging.append([Buffer.alloc(0)])
      assert.equal(staging.size, 1000)
      for (let at = 1000; at < bytes.length; at += 300_000) await staging.append([bytes.subarray(at, at + 300_000)])
      assert.equal(staging.size, bytes.length)
      const key = await staging.promote()
      assert.ok(same(await contentOf(store, key, bytes.length), bytes))
      await staging.close()
    })

    test('a caller may use its buffer again once it was appended', async (t) => {
      const { store } = await backend.open(t)
      const staging = await store.openStaging(uploadOf('upload'))
      const buffer = Buffer.alloc(mebibyte)
      for (let turn = 1; turn <= 12; turn++) await staging.append([buffer.fill(turn)])
      const content = await contentOf(store, await staging.promote(), 12 * mebibyte)
      for (let turn = 1; turn <= 12; turn++) {
        assert.ok(content.subarray((turn - 1) * mebibyte, turn * mebibyte).every((byte) => byte === turn))
      }
      await staging.close()
    })

    for (const [name, isTakenOver] of [
      ['after a restart', false],
      ['in another process that took it over', true],
    ] as const) {
      test(`goes on ${name}, cut back to what counts, and says so when less is there`, async (t) => {
        const { store, reopen } = await backend.open(t)
        const bytes = bytesOf(5000)
        const before = await stage(store, 'upload', bytes)
        const again = await reopen()
        const cut = await again.openStaging({ ...before, size: 3000, isTakenOver })
        assert.equal(cut.size, 3000)
        await cut.append([bytes.subarray(3000, 3100)])
        const state = await cut.checkpoint()
        await cut.close()
        const less = await again.openStaging(uploadOf('upload', { size: 9999, state, isTakenOver }))
        assert.equal(less.size, 3100)
        assert.ok(same(await contentOf(again, await less.promote(), 3100), bytes.subarray(0, 3100)))
        await less.close()
      })

      test(`goes on ${name} through many checkpoints`, async (t) => {
        const { store, reopen } = await backend.open(t)
        const bytes = bytesOf(13 * mebibyte + 5)
        const step = 3 * mebibyte - 7
        let upload = uploadOf('upload')
        for (let at = 0; at < bytes.length; at += step) {
          const opened = at % 2 === 0 ? store : await reopen()
          const staging = await opened.openStaging({ ...upload, isTakenOver: isTakenOver && at > 0 })
          assert.equal(staging.size, at)
          await staging.append([bytes.subarray(at, at + 1000)])
          await staging.checkpoint()
          await staging.append([bytes.subarray(at + 1000, at + step)])
          upload = uploadOf('upload', { size: staging.size, state: await staging.checkpoint() })
          await staging.close()
        }
        const staging = await store.openStaging({ ...upload, isTakenOver })
        const key = await staging.promote()
        await staging.close()
        assert.ok(same(await contentOf(store, key, bytes.length), bytes))
        assert.deepEqual(await keysOf(store), [key])
      })
    }

    test('is removed, once or twice, and of others nothing', async (t) => {
      const { store } = await backend.open(t)
      const uploads: StagedUpload[] = []
      for (const id of ['one', 'two', 'three']) uploads.push(await stage(store, id, bytesOf(6 * mebibyte)))
      const [one, , three] = uploads
      assert.ok(one && three)
      await store.removeStaging(one)
      await store.removeStaging(one)
      await store.removeStaging(uploadOf('never there'))
      assert.deepEqual(await strayUploads(store), ['three', 'two'])
      const staging = await store.openStaging(three)
      await staging.append([bytesOf(10)])
      await staging.remove()
      await staging.close()
      assert.deepEqual([await strayUploads(store), await keysOf(store)], [['two'], []])
    })

    test('what no upload claims is found by its age, and removed', async (t) => {
      const { store } = await backend.open(t)
      for (const id of ['one', 'two']) await stage(store, id, bytesOf(6 * mebibyte))
      assert.deepEqual(await strayUploads(store), ['one', 'two'])
      // The store's clock is the machine's own.
      assert.deepEqual(await strayUploads(store, 400 * 24 * 3600 * 1000), [])
      for await (const group of store.strays(0)) {
        for (const stray of group) {
          if (stray.uploadId !== 'one') continue
          await store.removeStray(stray)
          await store.removeStray(stray)
        }
      }
      assert.deepEqual(await strayUploads(store), ['two'])
    })
  })

  describe(`storage keys in ${backend.name}`, options, () => {
    test('a promotion gives the bytes a key of their own and ends the staging', async (t) => {
      const { store, reopen } = await backend.open(t)
      for (const size of [1, 70_000, 3 * mebibyte + 7, 11 * mebibyte]) {
        const bytes = bytesOf(size)
        const key = await promoted(store, bytes)
        assert.ok(same(await contentOf(store, key, size), bytes), `${size} bytes`)
        assert.ok(same(await contentOf(await reopen(), key, size), bytes), `${size} bytes, opened again`)
      }
      assert.deepEqual(await strayUploads(store), [])
      assert.equal((await keysOf(store)).length, 4)
    })

    test('a key names the day of the upload, and ends with its id', async (t) => {
      const { store } = await backend.open(t)
      const staging = await store.openStaging(uploadOf('upload'))
      await staging.append([bytesOf(10)])
      assert.equal(await staging.promote(), '20261114/upload')
      await staging.close()
      const other = await store.openStaging({ ...(await stage(store, 'other', bytesOf(10))), isTakenOver: true })
      assert.match(await other.promote(), /^20261114\/other(\.\w+)?$/)
      await other.close()
    })

    test('a promotion that is repeated gives the same key', async (t) => {
      const { store } = await backend.open(t)
      const staging = await store.openStaging(uploadOf('upload'))
      await staging.append([bytesOf(10)])
      const key = await staging.promote()
      assert.deepEqual([await staging.promote(), await keysOf(store)], [key, [key]])
      await staging.close()
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

    for (const [name, isTakenOver] of [
      ['the same process again', false],
      ['another process', true],
    ] as const) {
      // The process ended between the promotion and its transaction.
      test(`a promotion that no row knows of is of no harm to ${name}: the upload goes on, and ends`, async (t) => {
        const { store, reopen } = await backend.open(t)
        for (const size of [50_000, 7 * mebibyte]) {
          const bytes = bytesOf(size + 10_000)
          const uploadId = randomUUID()
          const staging = await store.openStaging(uploadOf(uploadId))
          await staging.append([bytes.subarray(0, size)])
          const upload = uploadOf(uploadId, { size, state: await staging.checkpoint(), isTakenOver })
          await staging.promote()

          const again = await reopen()
          const repeated = await again.openStaging(upload)
          assert.equal(repeated.size, size)
          const first = await repeated.promote()
          assert.ok(same(await contentOf(again, first, size), bytes.subarray(0, size)))
          const later = { ...upload, state: await repeated.checkpoint().catch(() => upload.state) }
          const longer = await again.openStaging(later)
          assert.equal(longer.size, size)
          await longer.append([bytes.subarray(size)])
          const key = await longer.promote()
          assert.ok(same(await contentOf(again, key, bytes.length), bytes))
          for (const over of [staging, repeated, longer]) await over.close()
        }
      })
    }

    test('many uploads at once keep their own bytes', async (t) => {
      const { store } = await backend.open(t)
      const contents = Array.from({ length: 20 }, (_, n) => bytesOf(100_000 + n, n + 1))
      const keys = await Promise.all(contents.map((bytes) => promoted(store, bytes)))
      const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
      const read = await Promise.all(keys.map((key, n) => contentOf(store, key, contents[n]?.length ?? 0)))
      assert.deepEqual(read.map(hash), contents.map(hash))
    })

    test('a blob of another store comes under its own key, whole or not at all', async (t) => {
      const { store } = await backend.open(t)
      for (const [name, size] of [
        ['small', 10],
        ['large', 6 * mebibyte],
      ] as const) {
        const bytes = bytesOf(size)
        await store.import(`20250102/${name}`, size, Readable.from([bytes.subarray(0, 4), bytes.subarray(4)]))
        assert.ok(same(await contentOf(store, `20250102/${name}`, size), bytes))
        await assert.rejects(store.import(`20250102/${name}-cut`, size + 1, Readable.from([bytes])), /bytes instead of/)
      }
      assert.deepEqual(await keysOf(store), ['20250102/large', '20250102/small'])
      assert.deepEqual(await strayUploads(store), [])
    })
  })

  describe(`the owner of ${backend.name}`, options, () => {
    test('is who claims it first, and stays', async (t) => {
      const { store, reopen } = await backend.open(t)
      assert.equal(await store.owner(), undefined)
      assert.equal(await store.claim('first'), 'first')
      assert.equal(await store.claim('second'), 'first')
      assert.equal(await (await reopen()).owner(), 'first')
      assert.deepEqual([await keysOf(store), await strayUploads(store)], [[], []])
    })
  })

  test(`a probe of ${backend.name} leaves nothing that could be taken for a blob`, options, async (t) => {
    const { store } = await backend.open(t)
    await store.probe()
    await store.probe()
    assert.deepEqual([await keysOf(store), await strayUploads(store)], [[], []])
  })
}
