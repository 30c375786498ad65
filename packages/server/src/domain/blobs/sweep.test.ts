import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import { storeUnderTest } from '../../../test/support/stores.ts'
import { type TestStore, testStore } from '../../../test/support/test-store.ts'
import type { BlobStore, Staging } from '../../storage/blobs/blob-store.ts'
import { createSweep, type Sweep } from './sweep.ts'
import { createUploads, type Uploads } from './uploads.ts'

const { signal } = new AbortController()
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

/** Staged bytes of an upload that has no row. */
async function stageStray({ files, clock }: TestStore): Promise<Staging> {
  const upload = { uploadId: randomUUID(), createdAt: clock.now(), size: 0, state: null, isTakenOver: false }
  const staging = await files.openStaging(upload)
  await staging.append([Buffer.from('nobody knows me')])
  await staging.checkpoint()
  return staging
}

const promoteStray = async (store: TestStore) => (await stageStray(store)).promote()

/** However large the groups of the store are. */
async function* inGroups<T>(groups: AsyncIterable<T[]>, size: number): AsyncIterable<T[]> {
  for await (const group of groups) {
    for (let start = 0; start < group.length; start += size) yield group.slice(start, start + size)
  }
}

describe('files without a row (docs/design/uploads.md)', () => {
  test('are removed; those with a row stay, whatever their number', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, keys } = store
    for (let n = 0; n < 5; n++) await uploads.put(ctx, repository, digestOf(large(`${n}`)), body(large(`${n}`)))
    const known = await keys()
    await Promise.all(Array.from({ length: 300 }, () => promoteStray(store)))
    assert.equal(await sweep.removeStrayBlobs(signal), 300)
    assert.deepEqual(await keys(), known)
    assert.equal(await sweep.removeStrayBlobs(signal), 0)
  })

  test('rows that are being collected keep their files: the collection removes them', async (t) => {
    const { uploads, sweep, ctx, keys, metadata } = await opened(t)
    await uploads.put(ctx, repository, digestOf(large('x')), body(large('x')))
    await metadata.write((tx) => tx.db.updateTable('blobs').set({ deleting_at: 1 }).execute())
    assert.equal(await sweep.removeStrayBlobs(signal), 0)
    assert.equal((await keys()).length, 1)
  })

  test('a file that is being promoted has no row yet, and stays', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, plan, keys, rows } = store
    let removed: number | undefined
    plan.after = async (step) => {
      if (step !== 'promote') return
      assert.deepEqual([(await keys()).length, (await rows('SELECT * FROM blobs')).length], [1, 0])
      removed = await sweep.removeStrayBlobs(signal)
    }
    await uploads.put(ctx, repository, digestOf(large('x')), body(large('x')))
    assert.equal(removed, 0)
    assert.deepEqual(
      await keys(),
      (await rows('SELECT storage_key FROM blobs')).map((row) => row.storage_key),
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
    assert.equal(await sweep.removeStrayBlobs(signal), 0)
    assert.equal((await keys()).length, 1)
  })
})

describe('staged bytes at the start', () => {
  test('without an upload they are removed; with one they stay', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, staged } = store
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    for (let n = 0; n < 3; n++) await (await stageStray(store)).close()
    assert.equal(await sweep.removeStrayStaging(0), 3)
    assert.deepEqual(await staged(), [uploadId])
    assert.equal(await sweep.removeStrayStaging(0), 0)
  })

  test('a promotion that a crash cut off is no stray: the upload goes on with its bytes', async (t) => {
    const store = await opened(t)
    const { uploads, sweep, ctx, keys, staged, plan } = store
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    plan.after = (step) => {
      if (step === 'promote') throw new Error('the process ends here')
    }
    await assert.rejects(
      uploads.complete(ctx, repository, uploadId, digestOf(large('x')), { stream: Readable.from([]) }),
    )
    plan.after = () => {}
    await uploads.close()
    assert.deepEqual([(await keys()).length, await staged()], [1, []])
    assert.equal(await sweep.removeStrayBlobs(signal), 0)
    const again = createUploads(store)
    assert.equal(await again.append(ctx, repository, uploadId, body(large('y'))), 200_000)
    const both = Buffer.concat([large('x'), large('y')])
    await again.complete(ctx, repository, uploadId, digestOf(both), { stream: Readable.from([]) })
    await again.close()
    // An object of S3 can not grow: its bytes were copied to another, and what was promoted first is left.
    const left = storeUnderTest().endsWith('s3') ? 1 : 0
    assert.equal((await keys()).length, 1 + left)
    assert.equal(await sweep.removeStrayBlobs(signal), left)
    assert.equal((await keys()).length, 1)
  })
})

test('idle uploads go with their bytes, and those that went with their repository too', async (t) => {
  const store = await opened(t)
  const { uploads, sweep, ctx, clock, staged, metadata } = store
  // The age of bytes is by the clock of the disk, or of S3: yesterday they are young, whatever ours says.
  clock.advance(Date.now() - clock.now() - 24 * hours)
  for (let n = 0; n < 2; n++) {
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large('x')))
    if (n === 0) clock.advance(12 * hours + 1)
  }
  await sweep.removeLeftUploads(12 * hours)
  assert.equal((await staged()).length, 1)
  await metadata.write((tx) => tx.db.deleteFrom('repositories').execute())
  await sweep.removeLeftUploads(12 * hours)
  assert.equal(
    (await staged()).length,
    1,
    'young bytes may be of an upload whose row is younger than the look at the rows',
  )
  clock.advance(48 * hours)
  await sweep.removeLeftUploads(12 * hours)
  assert.deepEqual(await staged(), [])
})

test('a walk through the files that is told to end stops early', async (t) => {
  const store = await opened(t, ({ blobs }) => ({ ...blobs, storageKeys: () => inGroups(blobs.storageKeys(), 100) }))
  const { sweep, plan, keys } = store
  await Promise.all(Array.from({ length: 200 }, () => promoteStray(store)))
  const end = new AbortController()
  plan.before = (step) => {
    if (step === 'remove') end.abort()
  }
  await sweep.removeStrayBlobs(end.signal)
  const left = (await keys()).length
  assert.ok(left > 0 && left < 200, `${left} are left for the next time`)
})
