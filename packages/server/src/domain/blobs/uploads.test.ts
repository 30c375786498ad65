import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import { storeUnderTest } from '../../../test/support/stores.ts'
import { type TestStore, testStore } from '../../../test/support/test-store.ts'
import { until } from '../../../test/support/until.ts'
import { RegistryError } from '../../base/errors.ts'
import type { BlobStore } from '../../storage/blobs/blob-store.ts'
import { createBlobs } from './blobs.ts'
import { createSweep } from './sweep.ts'
import { createUploads, type Uploads } from './uploads.ts'

const mebibyte = 1024 * 1024
const hours = 60 * 60 * 1000
const repository = 'app'

function digestOf(bytes: Uint8Array | string, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  const digest = parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`)
  assert.ok(digest)
  return digest
}

const body = (...chunks: (Uint8Array | string)[]) => ({
  stream: Readable.from(
    chunks.map((chunk) => Buffer.from(chunk)),
    { objectMode: false },
  ),
})
const empty = () => ({ stream: Readable.from([]) })
const large = Buffer.alloc(3 * mebibyte, 'a large blob ')

interface Opened extends TestStore {
  uploads: Uploads
  has(digest: Digest): Promise<boolean>
  contentOf(digest: Digest): Promise<Buffer>
}

async function opened(t: TestContext): Promise<Opened> {
  const store = await testStore(t)
  await store.createRepository(repository)
  const uploads = createUploads(store)
  const blobs = createBlobs(store)
  t.after(() => uploads.close())
  return {
    ...store,
    uploads,
    has: (digest) =>
      blobs.stat(store.ctx, repository, digest).then(
        () => true,
        () => false,
      ),
    async contentOf(digest) {
      const { size, content, open } = await blobs.get(store.ctx, repository, digest)
      if (content) return Buffer.from(content)
      const reader = await open()
      const bytes = Buffer.alloc(size)
      await reader.read(bytes, 0)
      await reader.close()
      return bytes
    },
  }
}

/** Waits until what was written has been taken from the stream, and looked at. */
async function heard(stream: PassThrough): Promise<void> {
  await until('the body is read', () => stream.readableLength === 0)
  await nextTurn()
}

const storeFull = () => new RegistryError({ code: 'StoreFull' })
const isStoreFull = { fault: { code: 'StoreFull' } }

describe('where bytes lie (durability, rule 7)', () => {
  test('up to 64 KiB in the database, more in a file of its own', async (t) => {
    const { uploads, ctx, keys, contentOf, rows } = await opened(t)
    for (const [size, files] of [
      [0, 0],
      [65_536, 0],
      [65_537, 1],
    ] as const) {
      const bytes = Buffer.alloc(size, 'x')
      await uploads.put(ctx, repository, digestOf(bytes), body(bytes))
      assert.equal((await keys()).length, files)
      assert.ok((await contentOf(digestOf(bytes))).equals(bytes))
    }
    assert.deepEqual(await rows('SELECT upload_id FROM uploads'), [])
  })

  test('a chunk is kept before its answer: in the row while there is little, in a file otherwise', async (t) => {
    const { uploads, ctx, staged, rows } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    assert.equal(await uploads.append(ctx, repository, uploadId, body('abc')), 3)
    assert.deepEqual(await staged(), [])
    assert.deepEqual((await rows('SELECT received_bytes, head FROM uploads'))[0], {
      received_bytes: 3,
      head: Uint8Array.from(Buffer.from('abc')),
    })
    assert.equal(await uploads.append(ctx, repository, uploadId, body(Buffer.alloc(70_000))), 70_003)
    assert.deepEqual(await staged(), [uploadId])
    assert.deepEqual((await rows('SELECT received_bytes, head FROM uploads'))[0], {
      received_bytes: 70_003,
      head: null,
    })
  })

  test('after a restart the bytes are read back before anything is acknowledged, and a wrong digest leaves nothing', async (t) => {
    const store = await opened(t)
    const { uploads, ctx, has, keys, staged, rows } = store
    for (const sent of [large, Buffer.alloc(large.length, 'something else ')]) {
      const uploadId = await uploads.start(ctx, repository)
      await uploads.append(ctx, repository, uploadId, body(sent.subarray(0, 1_000_000)))
      await uploads.close()
      await uploads.append(ctx, repository, uploadId, body(sent.subarray(1_000_000)))
      const completed = uploads.complete(ctx, repository, uploadId, digestOf(large), empty())
      if (sent === large) await completed
      else
        await assert.rejects(
          completed,
          (error) => error instanceof RegistryError && error.fault.code === 'InvalidLayer',
        )
    }
    assert.ok(await has(digestOf(large)))
    assert.deepEqual([(await keys()).length, await staged(), await rows('SELECT * FROM uploads')], [1, [], []])
  })

  test('content is stored once, however many repositories push it', async (t) => {
    const { uploads, ctx, keys, createRepository, rows } = await opened(t)
    await createRepository('other')
    for (const name of [repository, 'other', repository]) await uploads.put(ctx, name, digestOf(large), body(large))
    assert.equal((await keys()).length, 1)
    assert.equal((await rows('SELECT * FROM blobs')).length, 1)
    assert.equal((await rows('SELECT * FROM blob_links')).length, 2)
  })
})

/** Where a power cut of this machine can take something away. */
const onFiles = { skip: storeUnderTest().endsWith('s3') ? 'what S3 has taken is durable' : false }

test(
  'after a power cut an upload goes on at what is left of its file, if that is less than its row says (durability, rule 8)',
  onFiles,
  async (t) => {
    const { uploads, ctx, files, clock, has, metadata } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    assert.equal(await uploads.append(ctx, repository, uploadId, body(large)), large.length)
    await uploads.close()
    const cut = { uploadId, createdAt: clock.now(), size: 100_000, state: null, isTakenOver: false }
    await (await files.openStaging(cut)).close()
    if (metadata.isShared) {
      // Who asks takes no turn from other processes, and hears what the row says: the next bytes are refused, and the row is right again.
      const next = { first: large.length, last: large.length + 1 }
      await assert.rejects(uploads.append(ctx, repository, uploadId, { ...body('xy'), range: next }), {
        fault: {
          code: 'InvalidLayerPart',
          uploadId,
          reason: `First byte of the layer part is ${large.length} instead of 100000`,
          receivedBytes: 100_000,
          repositoryName: repository,
          registryId: ctx.registry.accountId,
        },
      })
    }
    assert.equal(await uploads.receivedBytes(ctx, repository, uploadId), 100_000)
    const rest = { first: 100_000, last: large.length - 1 }
    await uploads.complete(ctx, repository, uploadId, digestOf(large), {
      ...body(large.subarray(100_000)),
      range: rest,
    })
    assert.ok(await has(digestOf(large)))
  },
)

describe('a disk without room', () => {
  test('in the middle of a chunk: StoreFull; with room again the upload goes on from its last answer', async (t) => {
    const { uploads, ctx, plan, has, contentOf } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    assert.equal(await uploads.append(ctx, repository, uploadId, body(large)), large.length)
    let appends = 0
    plan.before = (step) => {
      if (step === 'append' && ++appends > 1) throw storeFull()
    }
    await assert.rejects(uploads.append(ctx, repository, uploadId, body(large, large)), isStoreFull)
    assert.ok(appends > 1)
    plan.before = () => {}
    assert.equal(await uploads.receivedBytes(ctx, repository, uploadId), large.length)
    await uploads.complete(ctx, repository, uploadId, digestOf(Buffer.concat([large, large])), body(large))
    assert.ok(await has(digestOf(Buffer.concat([large, large]))))
    assert.ok((await contentOf(digestOf(Buffer.concat([large, large])))).equals(Buffer.concat([large, large])))
  })

  test('in the middle of a whole push: StoreFull, and nothing is left that takes room', async (t) => {
    const store = await opened(t)
    const { uploads, ctx, plan, has, staged, rows, keys } = store
    const twice = Buffer.concat([large, large])
    for (const [step, call] of [
      ['openStaging', 1],
      ['append', 1],
      ['append', 2],
      ['promote', 1],
    ] as const) {
      let calls = 0
      plan.before = (name) => {
        if (name === step && ++calls === call) throw storeFull()
      }
      await assert.rejects(uploads.put(ctx, repository, digestOf(twice), body(large, large)), isStoreFull, step)
      plan.before = () => {}
      assert.equal(await has(digestOf(twice)), false)
      // What was on its way to S3 when it was given up may have arrived.
      if (storeUnderTest().endsWith('s3')) await createSweep({ ...store, uploads }).removeStrayStaging(0)
      assert.deepEqual([await staged(), await keys(), await rows('SELECT * FROM uploads')], [[], [], []], step)
    }
    await uploads.put(ctx, repository, digestOf(twice), body(large, large))
    assert.ok(await has(digestOf(twice)))
  })

  test('at the promotion: StoreFull, and the same PUT succeeds when there is room', async (t) => {
    const { uploads, ctx, plan, has } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    await uploads.append(ctx, repository, uploadId, body(large))
    plan.before = (step) => {
      if (step === 'promote') throw storeFull()
    }
    await assert.rejects(uploads.complete(ctx, repository, uploadId, digestOf(large), empty()), isStoreFull)
    assert.equal(await has(digestOf(large)), false)
    plan.before = () => {}
    await uploads.complete(ctx, repository, uploadId, digestOf(large), empty())
    assert.ok(await has(digestOf(large)))
  })

  test('a part of the API that found no room can be sent again', async (t) => {
    const { uploads, ctx, plan, has } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    const part = Buffer.alloc(5 * mebibyte, 'p')
    const last = part.length - 1
    plan.before = (step) => {
      if (step === 'append') throw storeFull()
    }
    await assert.rejects(uploads.appendPart(ctx, repository, uploadId, 0, last, [part]), isStoreFull)
    plan.before = () => {}
    await uploads.appendPart(ctx, repository, uploadId, 0, last, [part])
    assert.equal(await uploads.completeParts(ctx, repository, uploadId, [digestOf(part)]), digestOf(part))
    assert.ok(await has(digestOf(part)))
  })
})

describe('a promotion that fails (docs/design/uploads.md)', () => {
  test('a sync that fails is not acknowledged, and makes nothing visible', async (t) => {
    const { uploads, ctx, plan, has, rows } = await opened(t)
    const failure = Object.assign(new Error('EIO'), { code: 'EIO' })
    plan.before = (step) => {
      if (step === 'promote') throw failure
    }
    await assert.rejects(uploads.put(ctx, repository, digestOf(large), body(large)), failure)
    plan.before = () => {}
    assert.equal(await has(digestOf(large)), false)
    assert.deepEqual(await rows('SELECT * FROM blobs'), [])
  })

  test('a repository that went meanwhile: the file goes too', async (t) => {
    const { uploads, ctx, plan, keys, metadata } = await opened(t)
    plan.after = async (step) => {
      if (step === 'promote') await metadata.write((tx) => tx.db.deleteFrom('repositories').execute())
    }
    await assert.rejects(uploads.put(ctx, repository, digestOf(large), body(large)), {
      fault: { code: 'RepositoryNotFound', repositoryName: repository, registryId: ctx.registry.accountId },
    })
    assert.deepEqual(await keys(), [])
  })

  test('another upload of the same bytes was faster: its file serves both, ours goes', async (t) => {
    const { uploads, ctx, plan, keys, contentOf, rows } = await opened(t)
    let isFirst = true
    plan.after = async (step) => {
      if (step !== 'promote' || !isFirst) return
      isFirst = false
      await uploads.put(ctx, repository, digestOf(large), body(large))
    }
    await uploads.put(ctx, repository, digestOf(large), body(large))
    const [row] = await rows('SELECT storage_key FROM blobs')
    assert.deepEqual(await keys(), [row?.storage_key])
    assert.ok((await contentOf(digestOf(large))).equals(large))
  })

  test('a blob that is being collected is promoted anew, and the link moves to it', async (t) => {
    const { uploads, ctx, keys, metadata, rows, contentOf } = await opened(t)
    await uploads.put(ctx, repository, digestOf(large), body(large))
    await metadata.write((tx) => tx.db.updateTable('blobs').set({ deleting_at: 1 }).execute())
    await uploads.put(ctx, repository, digestOf(large), body(large))
    assert.equal((await keys()).length, 2)
    const blobs = await rows('SELECT id, deleting_at FROM blobs ORDER BY id')
    assert.deepEqual(
      blobs.map((row) => row.deleting_at),
      [1, null],
    )
    assert.equal((await rows('SELECT blob_id FROM blob_links'))[0]?.blob_id, blobs[1]?.id)
    assert.ok((await contentOf(digestOf(large))).equals(large))
  })
})

test('a chunk whose offset could not be written down counts as not received, and is sent again', async (t) => {
  const store = await testStore(t)
  await store.createRepository(repository)
  let isAway = false
  const metadata = new Proxy(store.metadata, {
    get(target, name) {
      if (name === 'writeStatement' && isAway) return () => Promise.reject(new Error('the database is away'))
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const uploads = createUploads({ ...store, metadata })
  const { ctx } = store
  const uploadId = await uploads.start(ctx, repository)
  await uploads.append(ctx, repository, uploadId, body(large))
  isAway = true
  await assert.rejects(uploads.append(ctx, repository, uploadId, body(large)), /the database is away/)
  isAway = false
  assert.equal(await uploads.receivedBytes(ctx, repository, uploadId), large.length)
  await uploads.append(ctx, repository, uploadId, body(large))
  await uploads.complete(ctx, repository, uploadId, digestOf(Buffer.concat([large, large])), empty())
  await uploads.close()
})

describe('one at a time on an upload', () => {
  test('a newer body ends an older one; what was heard of the older counts', async (t) => {
    const { uploads, ctx } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    const stalled = new PassThrough()
    const old = uploads.append(ctx, repository, uploadId, { stream: stalled })
    const lost = assert.rejects(
      old,
      (error) => error instanceof RegistryError && error.fault.code === 'InvalidLayerPart',
    )
    stalled.write('first ')
    await heard(stalled)
    assert.equal(await uploads.append(ctx, repository, uploadId, body('second')), 12)
    await lost
    await uploads.complete(ctx, repository, uploadId, digestOf('first second'), empty())
  })

  test('a request that may not touch the upload interrupts nobody', async (t) => {
    const { uploads, ctx } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    const stream = new PassThrough()
    const running = uploads.append(ctx, repository, uploadId, { stream })
    stream.write('undisturbed')
    await heard(stream)
    const stranger = { ...ctx, principal: { ...ctx.principal, userId: 'AIDAOTHER' } }
    const notFound = (error: unknown) => error instanceof RegistryError && error.fault.code === 'UploadNotFound'
    await assert.rejects(uploads.append(stranger, repository, uploadId, body('x')), notFound)
    await assert.rejects(uploads.cancel(stranger, repository, uploadId), notFound)
    await assert.rejects(uploads.receivedBytes(stranger, repository, uploadId), notFound)
    stream.end()
    assert.equal(await running, 11)
  })

  test('a request whose client has gone before its turn disturbs nobody', async (t) => {
    const { uploads, ctx } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    const stream = new PassThrough()
    const running = uploads.append(ctx, repository, uploadId, { stream })
    stream.write('undisturbed')
    await nextTurn()
    await assert.rejects(uploads.append({ ...ctx, signal: AbortSignal.abort() }, repository, uploadId, body('x')))
    stream.end()
    assert.equal(await running, 11)
  })

  test('a client that went away keeps what it sent', async (t) => {
    const { uploads, ctx } = await opened(t)
    const controller = new AbortController()
    const uploadId = await uploads.start(ctx, repository)
    const stream = new PassThrough()
    const running = uploads.append({ ...ctx, signal: controller.signal }, repository, uploadId, { stream })
    const lost = assert.rejects(running)
    stream.write('kept')
    await heard(stream)
    controller.abort()
    await lost
    assert.equal(await uploads.receivedBytes(ctx, repository, uploadId), 4)
  })
})

describe('limits and leftovers', () => {
  test('52,000 MiB a blob, on both ways of sending', async (t) => {
    const store = await testStore(t)
    await store.createRepository(repository)
    const limit = 52_000 * mebibyte
    /** A store that has all those bytes already, and takes no more than it is given. */
    const huge: BlobStore = {
      ...store.files,
      openStaging: async ({ size }) => ({
        size,
        append: async () => {},
        checkpoint: async () => '',
        promote: async () => '',
        close: async () => {},
        remove: async () => {},
      }),
      removeStaging: async () => {},
    }
    const uploads = createUploads({ ...store, blobs: huge })
    const uploadId = await uploads.start(store.ctx, repository)
    await uploads.close()
    await store.metadata.write((tx) =>
      tx.db
        .updateTable('uploads')
        .set({ received_bytes: limit - 1 })
        .execute(),
    )
    const refused = {
      fault: { code: 'LimitExceeded', message: 'A layer may have 4200 parts and 54525952000 bytes' },
    }
    await assert.rejects(uploads.append(store.ctx, repository, uploadId, body('ab')), refused)
    await assert.rejects(
      uploads.appendPart(store.ctx, repository, uploadId, limit - 1, limit, [Buffer.from('ab')]),
      refused,
    )
    assert.equal(await uploads.append(store.ctx, repository, uploadId, body('a')), limit)
    await uploads.close()
  })

  test('idle uploads are removed with their bytes; those under way and those that were touched stay', async (t) => {
    const { uploads, ctx, clock, staged, rows } = await opened(t)
    const start = () => uploads.start(ctx, repository)
    const [idle, silent, touched, running] = [await start(), await start(), await start(), await start()]
    for (const id of [idle, touched]) await uploads.append(ctx, repository, id, body(large))
    const stream = new PassThrough()
    const body12 = uploads.append(ctx, repository, running, { stream })
    stream.write('still ')
    await heard(stream)
    clock.advance(12 * hours)
    assert.equal(await uploads.removeIdle(12 * hours), 0)
    await uploads.append(ctx, repository, touched, body(' and more'))
    clock.advance(1)
    assert.equal(await uploads.removeIdle(12 * hours), 2)
    stream.end('coming')
    assert.equal(await body12, 12)
    assert.deepEqual(await staged(), [touched])
    assert.deepEqual(
      (await rows('SELECT upload_id FROM uploads')).map((row) => row.upload_id).toSorted(),
      [touched, running].toSorted(),
    )
    for (const id of [idle, silent]) await assert.rejects(uploads.receivedBytes(ctx, repository, id))
  })

  test('more uploads than the process keeps open go on all the same', async (t) => {
    const { uploads, ctx, has } = await opened(t)
    const ids: string[] = []
    for (let n = 0; n < 1010; n++) ids.push(await uploads.start(ctx, repository))
    const first = ids.slice(0, 3)
    for (const id of first) await uploads.append(ctx, repository, id, body('before, '))
    for (let n = 0; n < 1010; n++) await uploads.start(ctx, repository)
    for (const id of first) {
      assert.equal(await uploads.receivedBytes(ctx, repository, id), 8)
      await uploads.complete(ctx, repository, id, digestOf('before, after'), body('after'))
    }
    assert.ok(await has(digestOf('before, after')))
  })

  test('the end waits for what is under way', async (t) => {
    const { uploads, ctx } = await opened(t)
    const uploadId = await uploads.start(ctx, repository)
    const stream = new PassThrough()
    const running = uploads.append(ctx, repository, uploadId, { stream })
    stream.write('x')
    await heard(stream)
    let isClosed = false
    const closed = uploads.close().then(() => {
      isClosed = true
    })
    await nextTurn()
    assert.equal(isClosed, false)
    stream.end()
    assert.equal(await running, 1)
    await closed
  })
})
