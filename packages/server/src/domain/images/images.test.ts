// The rows behind images. Whatever is pushed, tagged, moved and deleted, in whatever order: counts, references and grace periods are those
// that a look at all rows would find, and what is visible is whole.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import { type ImageTag, parseImageTag } from '@berth/api/names/image-tag.ts'
import { assertConsistent } from '../../../test/support/consistent-rows.ts'
import { type FixedImage, fixedImage, fixedIndex } from '../../../test/support/fixed-images.ts'
import { seededRandom } from '../../../test/support/random.ts'
import { type TestStore, testStore } from '../../../test/support/test-store.ts'
import { RegistryError } from '../../base/errors.ts'
import { createUploads, type Uploads } from '../blobs/uploads.ts'
import { createImages, type Images } from './images.ts'
import { createReferrers } from './referrers.ts'

const repository = 'app'

function checked<T>(value: T | undefined): T {
  assert.ok(value !== undefined)
  return value
}

const digestOf = (text: string) => checked(parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`))
const tagOf = (text: string) => checked(parseImageTag(text))
const named = (image: FixedImage) => checked(parseDigest(image.digest))

interface Opened extends TestStore {
  images: Images
  uploads: Uploads
  pushBlob(content: string): Promise<Digest>
  put(image: FixedImage, ...tags: string[]): Promise<boolean>
}

async function opened(t: TestContext): Promise<Opened> {
  const store = await testStore(t)
  await store.createRepository(repository)
  const uploads = createUploads(store)
  t.after(() => uploads.close())
  const pullTimes = { note() {}, flush: async () => {}, close: async () => {} }
  const images = createImages({ ...store, pullTimes })
  const { ctx } = store
  return {
    ...store,
    uploads,
    images,
    async pushBlob(content) {
      await uploads.put(ctx, repository, digestOf(content), { stream: Readable.from([Buffer.from(content)]) })
      return digestOf(content)
    },
    async put(image, ...tags) {
      const { isChanged } = await images.put(ctx, repository, {
        bytes: Buffer.from(image.text),
        mediaType: image.mediaType,
        digest: undefined,
        tags: tags.map(tagOf),
      })
      return isChanged
    },
  }
}

describe('the rows behind images', () => {
  test('stay consistent over any order of pushes, tags and deletes, on both wires', async (t) => {
    const store = await opened(t)
    const { images, put, pushBlob, ctx, clock } = store
    const singles = Array.from({ length: 4 }, (_, n) =>
      fixedImage(`image ${n}`, { layers: [`layer ${n}`, 'shared by all', `shared by some ${n % 2}`] }),
    )
    const [a, b, c, d] = singles as [FixedImage, FixedImage, FixedImage, FixedImage]
    const index = fixedIndex([a, b])
    const all = [
      ...singles,
      index,
      fixedIndex([index, c]),
      fixedImage('refers', { subject: d, layers: ['shared by all'] }),
    ]
    for (const content of new Set(all.flatMap((image) => image.blobs))) await pushBlob(content)
    await assertConsistent(store.rows)

    const { below, pick } = seededRandom(20261114)
    const tags = ['v1', 'v2', 'latest']
    const refusals = new Map<string, number>()
    const attempt = async (change: () => Promise<unknown>) => {
      try {
        await change()
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error
        refusals.set(error.fault.code, (refusals.get(error.fault.code) ?? 0) + 1)
      }
    }
    for (let n = 0; n < 300; n++) {
      clock.advance(1)
      const image = pick(all)
      const tag = pick(tags)
      const digest = named(image)
      await attempt(async () => {
        switch (below(6)) {
          case 0:
            return put(image)
          case 1:
          case 2:
            return put(image, tag)
          case 3:
            return images.delete(ctx, repository, { kind: 'tag', text: tagOf(tag) })
          case 4:
            return images.delete(ctx, repository, { kind: 'digest', text: digest })
          default:
            return images.deleteAll(ctx, repository, [{ imageTag: tag }, { imageDigest: digest, imageTag: tag }, {}])
        }
      })
      await assertConsistent(store.rows)
    }
    // The test is worth something only if it met the hard cases.
    for (const code of ['ImageReferencedByManifestList', 'ReferencedImagesNotFound', 'ImageNotFound']) {
      assert.ok((refusals.get(code) ?? 0) > 3, `${code}: ${refusals.get(code)}`)
    }
  })

  test('a push that is refused changes nothing, whatever it had done before it was', async (t) => {
    const { images, put, pushBlob, ctx, rows, metadata } = await opened(t)
    const [one, two] = [fixedImage('one'), fixedImage('two')]
    for (const content of [...one.blobs, ...two.blobs]) await pushBlob(content)
    await put(one, 'taken')
    await metadata.write((tx) => tx.db.updateTable('repositories').set({ tag_mutability: 'IMMUTABLE' }).execute())
    const before = JSON.stringify(await rows('SELECT digest, tag_count FROM images ORDER BY digest'))
    await assert.rejects(
      images.put(ctx, repository, {
        bytes: Buffer.from(two.text),
        mediaType: two.mediaType,
        digest: undefined,
        tags: [tagOf('free'), tagOf('taken')],
      }),
      {
        fault: {
          code: 'ImageTagAlreadyExists',
          tag: 'taken',
          repositoryName: repository,
          registryId: ctx.registry.accountId,
        },
      },
    )
    assert.equal(JSON.stringify(await rows('SELECT digest, tag_count FROM images ORDER BY digest')), before)
    assert.deepEqual(await rows(`SELECT * FROM image_tags WHERE tag = 'free'`), [])
  })

  test('repeating a push says that nothing changed, and leaves the time of pushing', async (t) => {
    const { put, pushBlob, rows, clock } = await opened(t)
    const image = fixedImage('again')
    for (const content of image.blobs) await pushBlob(content)
    assert.equal(await put(image, 'a'), true)
    const pushedAt = clock.now()
    clock.advance(1000)
    assert.deepEqual(
      [await put(image), await put(image, 'a'), await put(image, 'a', 'b'), await put(image, 'b')],
      [false, false, true, false],
    )
    assert.deepEqual(await rows('SELECT pushed_at, tag_count FROM images'), [{ pushed_at: pushedAt, tag_count: 2 }])
  })

  test('a blob enters its grace period with the last image that named it, and leaves it with the next', async (t) => {
    const { images, put, pushBlob, ctx, rows, clock } = await opened(t)
    const [one, two] = [fixedImage('one', { layers: ['shared'] }), fixedImage('two', { layers: ['shared'] })]
    for (const content of [...one.blobs, ...two.blobs]) await pushBlob(content)
    const since = async () =>
      (await rows(`SELECT unreferenced_at FROM blob_links WHERE digest = '${digestOf('shared')}'`))[0]?.unreferenced_at
    const pushedAt = clock.now()
    assert.equal(await since(), pushedAt)
    await put(one)
    await put(two)
    assert.equal(await since(), null)
    clock.advance(1000)
    await images.delete(ctx, repository, { kind: 'digest', text: named(one) })
    assert.equal(await since(), null)
    await images.delete(ctx, repository, { kind: 'digest', text: named(two) })
    assert.equal(await since(), clock.now())
    clock.advance(1000)
    await put(one)
    assert.equal(await since(), null)
  })

  test('a repository that is deleted takes its rows and leaves the content for collection', async (t) => {
    const store = await opened(t)
    const { put, pushBlob, rows, metadata } = store
    const image = fixedImage('gone')
    for (const content of image.blobs) await pushBlob(content)
    await put(image, 'v1')
    await put(fixedIndex([image]), 'index')
    const { repositoriesTable } = await import('../../storage/metadata/tables/repositories.ts')
    await metadata.write(async (tx) => {
      const row = checked(await repositoriesTable.find(tx.db, store.ctx.registry, repository))
      await repositoriesTable.delete(tx, row)
    })
    for (const table of [
      'repositories',
      'images',
      'image_tags',
      'image_blobs',
      'image_children',
      'blob_links',
      'uploads',
    ]) {
      assert.deepEqual(await rows(`SELECT * FROM ${table}`), [], table)
    }
    assert.equal((await rows('SELECT * FROM blobs')).length, image.blobs.length)
  })

  test('thousands of layers are checked, referenced and released in parts', async (t) => {
    const { images, put, pushBlob, ctx, rows, metadata } = await opened(t)
    const config = await pushBlob('{}')
    const layers = Array.from({ length: 1300 }, (_, n) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: digestOf(`layer ${n}`),
      size: 1,
    }))
    const image = fixedImage('wide', {
      more: { config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 }, layers },
    })
    await assert.rejects(put(image), (error) => {
      assert.ok(error instanceof RegistryError && error.fault.code === 'LayersNotFound')
      assert.deepEqual(
        error.fault.digests,
        layers.map((layer) => layer.digest),
      )
      return true
    })
    await metadata.write(async (tx) => {
      for (const { digest } of layers) {
        await tx.db
          .insertInto('blobs')
          .values({
            key_scope: 'default',
            digest,
            size: 1,
            storage_key: null,
            content: Buffer.alloc(1),
            created_at: 0,
            deleting_at: null,
          })
          .execute()
      }
    })
    await metadata.write(async (tx) => {
      const blobs = await tx.db.selectFrom('blobs').select(['id', 'digest']).where('size', '=', 1).execute()
      for (const { id, digest } of blobs) {
        await tx.db
          .insertInto('blob_links')
          .values({ repository_id: 1, digest, blob_id: id, linked_at: 0, unreferenced_at: 0 })
          .execute()
      }
    })
    await put(image)
    const open = async () =>
      (await rows('SELECT count(*) AS n FROM blob_links WHERE unreferenced_at IS NOT NULL'))[0]?.n
    assert.equal(await open(), 0)
    assert.deepEqual(await rows('SELECT image_size FROM images'), [{ image_size: 1302 }])
    await images.delete(ctx, repository, { kind: 'digest', text: named(image) })
    assert.equal(await open(), 1301)
  })
})

describe('lists', () => {
  test('every page size gives every image and name once, in the order of each list', async (t) => {
    const { images, put, pushBlob, ctx, clock } = await opened(t)
    for (let n = 0; n < 12; n++) {
      const image = fixedImage(`listed ${n}`)
      for (const content of image.blobs) await pushBlob(content)
      await put(image, ...Array.from({ length: n % 3 }, (_, m) => `tag-${n}-${m}`))
      if (n % 4 === 3) clock.advance(1)
    }
    for (const status of ['ANY', 'TAGGED', 'UNTAGGED'] as const) {
      const whole = await images.describePage(ctx, repository, status, undefined, 1000)
      const names = await images.list(ctx, repository, status, undefined, 1000)
      assert.deepEqual([whole.next, names.next], [undefined, undefined])
      for (let size = 1; size <= 13; size++) {
        const details: unknown[] = []
        let after: Awaited<ReturnType<Images['describePage']>>['next']
        do {
          const page = await images.describePage(ctx, repository, status, after, size)
          assert.ok(page.images.length <= size)
          details.push(...page.images)
          after = page.next
        } while (after)
        assert.deepEqual(details, whole.images, `${status} by ${size}`)

        const listed: { digest: Digest; tag?: ImageTag }[] = []
        let position: Awaited<ReturnType<Images['list']>>['next']
        do {
          const page = await images.list(ctx, repository, status, position, size)
          assert.ok(page.names.length <= size)
          listed.push(...page.names)
          position = page.next
        } while (position)
        assert.deepEqual(listed, names.names, `${status} by ${size}`)
      }
    }
  })

  test('referrers of a subject: those who name it and those of a fallback tag, each once, in pages of any size', async (t) => {
    const store = await opened(t)
    const { put, pushBlob, ctx } = store
    const referrers = createReferrers(store)
    const subject = fixedImage('subject')
    const named = Array.from({ length: 5 }, (_, n) => fixedIndex([], { subject, annotations: { n: `${n}` } }))
    const listed = Array.from({ length: 4 }, (_, n) => fixedIndex([], { annotations: { listed: `${n}` } }))
    for (const content of subject.blobs) await pushBlob(content)
    for (const image of [...named, ...listed]) await put(image)
    await put(fixedIndex([...listed, checked(named[0])]), subject.digest.replace(':', '-'))
    const expected = [...named, ...listed].map((image) => image.digest).toSorted()
    for (let size = 1; size <= 10; size++) {
      const found: string[] = []
      let after: string | undefined
      do {
        const page = await referrers.list(ctx, repository, checked(parseDigest(subject.digest)), undefined, after, size)
        assert.ok(page.referrers.length <= size)
        found.push(...page.referrers.map((referrer) => referrer.digest))
        after = page.next
      } while (after)
      assert.deepEqual(found, expected, `pages of ${size}`)
    }
  })
})
