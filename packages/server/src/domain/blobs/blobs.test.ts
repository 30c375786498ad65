import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import { testStore } from '../../../test/support/test-store.ts'
import { createBlobs } from './blobs.ts'
import { createUploads } from './uploads.ts'

const minutes = 60 * 1000

function digestOf(text: string): Digest {
  const digest = parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`)
  assert.ok(digest)
  return digest
}

async function opened(t: TestContext) {
  const store = await testStore(t)
  const uploads = createUploads(store)
  t.after(() => uploads.close())
  await store.createRepository('app')
  const push = async (content: string, repository = 'app') => {
    await uploads.put(store.ctx, repository, digestOf(content), { stream: Readable.from([Buffer.from(content)]) })
    return digestOf(content)
  }
  const linkOf = async (digest: Digest, repositoryId = 1) =>
    (
      await store.rows(
        `SELECT unreferenced_at FROM blob_links WHERE digest = '${digest}' AND repository_id = ${repositoryId}`,
      )
    )[0]?.unreferenced_at
  return { ...store, blobs: createBlobs(store), push, linkOf }
}

describe('the grace period of a blob that no image names', () => {
  test('a look begins it anew, but is not written more than once an hour', async (t) => {
    const { blobs, push, linkOf, clock, ctx, metadata } = await opened(t)
    const digest = await push('content')
    const start = clock.now()
    const looks = [() => blobs.stat(ctx, 'app', digest), () => blobs.check(ctx, 'app', [digest, digestOf('unknown')])]
    for (const look of looks) {
      const before = await linkOf(digest)
      clock.advance(60 * minutes)
      const { commits } = metadata.statistics()
      await look()
      assert.deepEqual([await linkOf(digest), metadata.statistics().commits], [before, commits])
      clock.advance(1)
      await look()
      assert.equal(await linkOf(digest), clock.now())
    }
    assert.ok(clock.now() > start)
  })

  test('reading the content is no look, and blobs that an image names are left alone', async (t) => {
    const { blobs, push, linkOf, clock, ctx, metadata } = await opened(t)
    const digest = await push('content')
    const start = clock.now()
    clock.advance(1000 * minutes)
    await blobs.get(ctx, 'app', digest)
    assert.equal(await linkOf(digest), start)
    await metadata.write((tx) => tx.db.updateTable('blob_links').set({ unreferenced_at: null }).execute())
    const { commits } = metadata.statistics()
    await blobs.stat(ctx, 'app', digest)
    await blobs.check(ctx, 'app', [digest])
    assert.deepEqual([await linkOf(digest), metadata.statistics().commits], [null, commits])
  })

  test('pushing and mounting what is there begin it anew, unless an image names it', async (t) => {
    const { blobs, push, linkOf, clock, ctx, createRepository, metadata } = await opened(t)
    await createRepository('other')
    const digest = await push('content')
    await blobs.mount(ctx, 'other', digest, 'app')
    clock.advance(minutes)
    await push('content')
    assert.equal(await linkOf(digest), clock.now())
    await blobs.mount(ctx, 'other', digest, 'app')
    assert.equal(await linkOf(digest, 2), clock.now())
    await metadata.write((tx) => tx.db.updateTable('blob_links').set({ unreferenced_at: null }).execute())
    clock.advance(minutes)
    await push('content')
    await blobs.mount(ctx, 'other', digest, 'app')
    assert.deepEqual([await linkOf(digest), await linkOf(digest, 2)], [null, null])
  })
})

describe('mounts (OCI end-11)', () => {
  test('a source that loses the blob between the look and the transaction mounts nothing', async (t) => {
    const { push, ctx, createRepository, metadata, rows, clock, files, authorizer } = await opened(t)
    await createRepository('other')
    const digest = await push('content')
    const racing = createBlobs({
      blobs: files,
      authorizer,
      clock,
      metadata: {
        ...metadata,
        read: (queries, restsOn) => metadata.read(queries, restsOn),
        write: async (change) => {
          await metadata.write((tx) => tx.db.deleteFrom('blob_links').execute())
          return metadata.write(change)
        },
      },
    })
    assert.equal(await racing.mount(ctx, 'other', digest, 'app'), false)
    assert.deepEqual(await rows('SELECT * FROM blob_links'), [])
  })

  test('another key scope is as good as none', async (t) => {
    const { blobs, push, ctx, createRepository, metadata } = await opened(t)
    await createRepository('other')
    const digest = await push('content')
    await metadata.write((tx) =>
      tx.db.updateTable('repositories').set({ key_scope: 'kms-key-1' }).where('id', '=', 2).execute(),
    )
    for (const from of ['app', undefined]) assert.equal(await blobs.mount(ctx, 'other', digest, from), false)
  })

  test('content that is being collected is not mounted', async (t) => {
    const { blobs, push, ctx, createRepository, metadata } = await opened(t)
    await createRepository('other')
    const digest = await push('content')
    await metadata.write((tx) => tx.db.updateTable('blobs').set({ deleting_at: 1 }).execute())
    assert.equal(await blobs.mount(ctx, 'other', digest, 'app'), false)
  })
})
