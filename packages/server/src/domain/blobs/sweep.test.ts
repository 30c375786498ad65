import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import { type TestStore, testStore } from '../../../test/support/test-store.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import { createSweep, type Sweep } from './sweep.ts'
import { createUploads, type Uploads } from './uploads.ts'

const repository = 'app'
const hours = 60 * 60 * 1000
const large = (seed: string) => Buffer.alloc(100_000, `${seed} `)

function digestOf(bytes: Uint8Array): Digest {
  const digest = parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  assert.ok(digest)
  return digest
}

const body = (bytes: Uint8Array) => ({ stream: Readable.from([Buffer.from(bytes)]) })

interface Opened extends TestStore {
  uploads: Uploads
  sweep: Sweep
}

async function opened(
  t: TestContext,
  blobsOf: (store: TestStore) => BlobStore = (store) => store.blobs,
): Promise<Opened> {
  const store = await testStore(t)
  await store.createRepository(repository)
  const uploads = createUploads(store)
  t.after(() => uploads.close())
  return { ...store, uploads, sweep: createSweep({ ...store, blobs: blobsOf(store), uploads }) }
}

async function promoteStray({ files }: TestStore): Promise<string> {
  const uploadId = randomUUID()
  const staging = await files.openStaging(uploadId, 0)
  await staging.append([Buffer.from('nobody knows me')])
  return files.promote(uploadId, staging)
}

describe('files without a row (docs/design/uploads.md)', () => {
  test('are removed; those with a row stay, whatever their number', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, keys } = store
    for (let n = 0; n < 5; n++) await uploads.put(ctx, repository, digestOf(large(`${n}`)), body(large(`${n}`)))
    const known = await keys()
    await Promise.all(Array.from({ length: 300 }, () => promoteStray(store)))
    assert.equal(await sweep.removeStrayBlobs(), 300)
    assert.deepEqual(await keys(), known)
    assert.equal(await sweep.removeStrayBlobs(), 0)
  })

  test('rows that are being collected keep their files: the collection removes them', async (t) => {
    const { uploads, sweep, ctx, keys, metadata } = await opened(t)
    await uploads.put(ctx, repository, digestOf(large('x')), body(large('x')))
    await metadata.write((tx) => tx.db.updateTable('blobs').set({ deleting_at: 1 }).execute())
    assert.equal(await sweep.removeStrayBlobs(), 0)
    assert.equal((await keys()).length, 1)
  })

  test('a file that is being promoted has no row yet, and stays', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, plan, keys, rows } = store
    let removed: number | undefined
    plan.after = async (step) => {
      if (step !== 'promote') return
      assert.deepEqual([(await keys()).length, rows('SELECT * FROM blobs').length], [1, 0])
      removed = await sweep.removeStrayBlobs()
    }
    await uploads.put(ctx, repository, digestOf(large('x')), body(large('x')))
    assert.equal(removed, 0)
    assert.deepEqual(
      await keys(),
      rows('SELECT storage_key FROM blobs').map((row) => row.storage_key),
    )
  })

  test('a promotion that ends between the list of files and the look at the rows is seen as one or the other', async (t) => {
    // The list was made while the file was there and its row was not; by the time of the look the row is there.
    let beforeLook: () => Promise<void> = async () => {}
    const store = await opened(t, (made) => ({
      ...made.blobs,
      async *storageKeys() {
        for await (const group of made.files.storageKeys()) {
          await beforeLook()
          yield group
        }
      },
    }))
    const { uploads, sweep, ctx, plan, keys } = store
    const listed = Promise.withResolvers<void>()
    const mayCommit = Promise.withResolvers<void>()
    plan.after = async (step) => {
      if (step !== 'promote') return
      listed.resolve()
      await mayCommit.promise
    }
    const pushing = uploads.put(ctx, repository, digestOf(large('x')), body(large('x')))
    beforeLook = async () => {
      mayCommit.resolve()
      await pushing
    }
    await listed.promise
    assert.equal(await sweep.removeStrayBlobs(), 0)
    assert.equal((await keys()).length, 1)
  })
})

describe('staged bytes at the start', () => {
  test('without an upload they are removed; with one they stay', async (t) => {
    const { uploads, sweep, ctx, files } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    for (let n = 0; n < 3; n++) {
      const staging = await files.openStaging(randomUUID(), 0)
      await staging.append([Buffer.from('left')])
      await staging.close()
    }
    assert.equal(await sweep.removeStrayStaging(), 3)
    assert.deepEqual(await files.stagedUploads(), [uploadId])
    assert.equal(await sweep.removeStrayStaging(), 0)
  })

  test('a promotion that a crash cut off is taken back: the upload goes on, and no stray is left', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, files, keys } = store
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    await uploads.close()
    const staging = await files.openStaging(uploadId, 100_000)
    await files.promote(uploadId, staging)
    assert.equal(await sweep.takeBackPromotions(), 1)
    assert.equal(await sweep.takeBackPromotions(), 0)
    assert.deepEqual([await keys(), await files.stagedUploads()], [[], [uploadId]])
    const again = createUploads(store)
    assert.equal(await again.receivedBytes(ctx, repository, uploadId), 100_000)
    await again.complete(ctx, repository, uploadId, digestOf(large('x')), { stream: Readable.from([]) })
    await again.close()
    assert.equal(await sweep.removeStrayBlobs(), 0)
  })
})

describe('in the background', () => {
  test('strays go at the start, idle uploads every ten minutes, and nothing goes on after the end', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const store = await opened(t)
    const { uploads, sweep, ctx, clock, keys, files } = store
    await promoteStray(store)
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    sweep.start(12 * hours)
    while ((await keys()).length > 0) await nextTurn()
    clock.advance(12 * hours + 1)
    t.mock.timers.tick(10 * 60 * 1000)
    while ((await files.stagedUploads()).length > 0) await nextTurn()
    await sweep.close()
    const other = await uploads.start(ctx, repository)
    clock.advance(100 * hours)
    t.mock.timers.tick(100 * hours)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    assert.equal(await uploads.receivedBytes(ctx, repository, other), 0)
  })

  test('the end waits for a sweep that runs, which stops early', async (t) => {
    const store = await opened(t)
    const { sweep, plan, keys } = store
    await Promise.all(Array.from({ length: 600 }, () => promoteStray(store)))
    const held = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    plan.before = async (step) => {
      if (step !== 'remove') return
      begun.resolve()
      await held.promise
    }
    sweep.start(hours)
    await begun.promise
    let isClosed = false
    const closed = sweep.close().then(() => {
      isClosed = true
    })
    await nextTurn()
    assert.equal(isClosed, false)
    held.resolve()
    await closed
    const left = (await keys()).length
    assert.ok(left > 0 && left < 600, `${left} are left for the next start`)
  })

  test('a failure is tried again later', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const { sweep, uploads, plan, ctx, clock, files } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    clock.advance(13 * hours)
    let failures = 0
    plan.before = (step) => {
      if (step === 'removeStaging' && ++failures === 1) throw new Error('EIO')
    }
    sweep.start(12 * hours)
    t.mock.timers.tick(10 * 60 * 1000)
    while (failures === 0) await nextTurn()
    t.mock.timers.tick(10 * 60 * 1000)
    while ((await files.stagedUploads()).length > 0) await nextTurn()
    await sweep.close()
  })
})
