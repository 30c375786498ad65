// Requests that meet: whatever the database, each race has the outcome of some order, one after the other. What is counted is what is
// there, what is visible is whole, and no answer is a server error.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { assertConsistent } from '../support/consistent-rows.ts'
import { type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { type FixedImage, fixedImage, fixedIndex } from '../support/fixed-images.ts'
import { digestOf } from '../support/image-builder.ts'
import type { Answer } from '../support/plain-http.ts'

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
})
after(() => registry?.close())

/** How often a race is run: its outcome is chance. */
const rounds = 6

let numbered = 0
async function newRepository(settings: object = {}): Promise<string> {
  const repositoryName = `races/${numbered++}`
  await registry.aws.ok('CreateRepository', { repositoryName, ...settings })
  return repositoryName
}

async function pushBlobs(name: string, images: readonly FixedImage[]): Promise<void> {
  for (const content of new Set(images.flatMap((image) => image.blobs))) await registry.oci.pushBlob(name, content)
}

const variants = (count: number, name: string) =>
  Array.from({ length: count }, (_, n) => fixedImage(`${name} ${n}`, { layers: [`${name} ${n}`, 'shared'] }))

/** By both wires in turn. */
const put = (name: string, image: FixedImage, tag: string, n = 0): Promise<Answer> =>
  n % 2 === 0
    ? registry.oci.send('PUT', `/v2/${name}/manifests/${tag}`, {
        body: image.text,
        headers: { 'content-type': image.mediaType },
      })
    : registry.aws.call('PutImage', {
        repositoryName: name,
        imageManifest: image.text,
        imageManifestMediaType: image.mediaType,
        imageTag: tag,
      })

const isDone = ({ status }: Answer) => status === 200 || status === 201 || status === 202 || status === 204
const errorOf = ({ text }: Answer) =>
  (JSON.parse(text || '{}') as { __type?: string; errors?: { code: string }[] }).__type ??
  (JSON.parse(text || '{}') as { errors?: { code: string }[] }).errors?.[0]?.code

function assertAnswered(answers: readonly Answer[]): void {
  for (const { status, text } of answers) assert.ok(status < 500, `${status} ${text}`)
}

interface Details {
  imageDigest: string
  imageTags?: string[]
}
const describeImages = async (name: string): Promise<Details[]> =>
  (await registry.aws.ok<{ imageDetails: Details[] }>('DescribeImages', { repositoryName: name })).imageDetails
const removeImages = (name: string, imageIds: object[]) =>
  registry.aws.call('BatchDeleteImage', { repositoryName: name, imageIds })

describe('one tag', () => {
  test('moved by sixteen pushes at once: all succeed, one image has it, and every count is right', async () => {
    const images = variants(16, 'moving')
    for (let round = 0; round < rounds; round++) {
      const name = await newRepository()
      await pushBlobs(name, images)
      const answers = await Promise.all(images.map((image, n) => put(name, image, 'latest', n)))
      assert.ok(answers.every(isDone), answers.map(({ status, text }) => `${status} ${text}`).join('\n'))
      const details = await describeImages(name)
      assert.equal(details.length, 16)
      assert.deepEqual(
        details.flatMap(({ imageTags = [] }) => imageTags),
        ['latest'],
      )
      await assertConsistent(registry.peek.rows)
    }
  })

  test('that is immutable is given once, whoever comes first', async () => {
    const images = variants(12, 'immutable')
    for (let round = 0; round < rounds; round++) {
      const name = await newRepository({ imageTagMutability: 'IMMUTABLE' })
      await pushBlobs(name, images)
      const answers = await Promise.all(images.map((image, n) => put(name, image, 'v1', n)))
      const winner = answers.findIndex(isDone)
      assert.equal(answers.filter(isDone).length, 1)
      for (const [n, answer] of answers.entries()) {
        if (n !== winner) assert.equal(errorOf(answer), n % 2 === 0 ? 'TAG_INVALID' : 'ImageTagAlreadyExistsException')
      }
      const details = await describeImages(name)
      assert.deepEqual(details, [{ ...details[0], imageDigest: images[winner]?.digest, imageTags: ['v1'] }])
      await assertConsistent(registry.peek.rows)
    }
  })

  test('pushed and deleted at once is whole or gone', async () => {
    const [one, two] = variants(2, 'contested') as [FixedImage, FixedImage]
    for (let round = 0; round < rounds; round++) {
      const name = await newRepository()
      await pushBlobs(name, [one, two])
      const answers = await Promise.all([
        ...[one, two, one].map((image, n) => put(name, image, 'v1', n)),
        removeImages(name, [{ imageTag: 'v1' }]),
        registry.oci.send('DELETE', `/v2/${name}/manifests/v1`),
        removeImages(name, [{ imageDigest: one.digest }, { imageTag: 'v1' }]),
      ])
      assertAnswered(answers)
      await assertConsistent(registry.peek.rows)
      const pulled = await registry.oci.send('GET', `/v2/${name}/manifests/v1`)
      if (pulled.status === 200) assert.ok([one.text, two.text].includes(pulled.text))
      else assert.equal(pulled.status, 404)
    }
  })
})

describe('images and what they name', () => {
  test('an index is pushed while its children are deleted: it is there with all of them, or not at all', async () => {
    const outcomes = new Set<string>()
    for (let round = 0; round < rounds * 2; round++) {
      const children = variants(3, 'child')
      const index = fixedIndex(children)
      const name = await newRepository()
      await pushBlobs(name, children)
      for (const child of children) await registry.oci.pushManifest(name, child.digest, child)
      const [pushed, ...deleted] = await Promise.all([
        put(name, index, 'index', round),
        ...children.map((child) => removeImages(name, [{ imageDigest: child.digest }])),
      ])
      assertAnswered([pushed, ...deleted])
      const left = new Set((await describeImages(name)).map(({ imageDigest }) => imageDigest))
      if (isDone(pushed)) assert.deepEqual([...left].sort(), [index, ...children].map(({ digest }) => digest).sort())
      else assert.ok(!left.has(index.digest))
      outcomes.add(isDone(pushed) ? 'there' : String(errorOf(pushed)))
      await assertConsistent(registry.peek.rows)
    }
    for (const outcome of outcomes) {
      assert.ok(
        [
          'there',
          'MANIFEST_BLOB_UNKNOWN',
          'MANIFEST_INVALID',
          'ImagesNotFoundException',
          'ReferencedImagesNotFoundException',
        ].includes(outcome),
        outcome,
      )
    }
  })

  test('the last images that name a blob go while another comes: its grace period runs if none is left', async () => {
    for (let round = 0; round < rounds; round++) {
      const images = variants(4, 'sharing')
      const name = await newRepository()
      await pushBlobs(name, images)
      for (const image of images.slice(0, 2)) await registry.oci.pushManifest(name, image.digest, image)
      registry.clock.advance(1000)
      const answers = await Promise.all([
        ...images.slice(0, 2).map((image) => removeImages(name, [{ imageDigest: image.digest }])),
        ...images.slice(2).map((image, n) => put(name, image, `t${n}`, n)),
        ...images.slice(2).map((image) => removeImages(name, [{ imageDigest: image.digest }])),
      ])
      assertAnswered(answers)
      await assertConsistent(registry.peek.rows)
      const left = await describeImages(name)
      const [link] = await registry.peek.rows(`
        SELECT l.unreferenced_at FROM blob_links l JOIN repositories r ON r.id = l.repository_id
        WHERE r.name = '${name}' AND l.digest = '${digestOf(Buffer.from('shared'))}'`)
      assert.equal(link?.unreferenced_at, left.length === 0 ? registry.clock.now() : null)
    }
  })

  test('the same image pushed many times at once is one image', async () => {
    const image = fixedImage('same')
    const name = await newRepository()
    await pushBlobs(name, [image])
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => put(name, image, `t${n % 3}`, n)))
    assertAnswered(answers)
    for (const [n, answer] of answers.entries()) {
      if (!isDone(answer)) assert.deepEqual([n % 2, errorOf(answer)], [1, 'ImageAlreadyExistsException'])
    }
    const details = await describeImages(name)
    assert.deepEqual(details, [{ ...details[0], imageDigest: image.digest, imageTags: ['t0', 't1', 't2'] }])
    await assertConsistent(registry.peek.rows)
  })
})

describe('repositories', () => {
  test('created many times at once: one succeeds, the others hear that it is there', async () => {
    for (let round = 0; round < rounds; round++) {
      const repositoryName = `created/${round}`
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => registry.aws.call('CreateRepository', { repositoryName })),
      )
      assert.equal(answers.filter(isDone).length, 1)
      for (const answer of answers) {
        if (!isDone(answer)) assert.equal(errorOf(answer), 'RepositoryAlreadyExistsException')
      }
    }
  })

  test('deleted by force while pushes arrive: it takes all with it, and a push after it is refused', async () => {
    const images = variants(8, 'doomed')
    for (let round = 0; round < rounds; round++) {
      const name = await newRepository()
      await pushBlobs(name, images)
      const deletion = () => registry.aws.call('DeleteRepository', { repositoryName: name, force: true })
      const answers = await Promise.all([
        ...images.slice(0, 4).map((image, n) => put(name, image, `t${n}`, n)),
        deletion(),
        ...images.slice(4).map((image, n) => put(name, image, `t${n}`, n)),
        registry.oci.send('POST', `/v2/${name}/blobs/uploads/`),
        registry.oci.send('POST', `/v2/${name}/blobs/uploads/?digest=${digestOf(Buffer.from('late'))}`, {
          body: 'late',
        }),
        deletion(),
      ])
      assertAnswered(answers)
      assert.equal((await registry.oci.send('GET', `/v2/${name}/tags/list`)).status, 404)
      await assertConsistent(registry.peek.rows)
      const orphans = await registry.peek.rows(
        'SELECT 1 FROM images WHERE repository_id NOT IN (SELECT id FROM repositories)',
      )
      assert.deepEqual(orphans, [])
    }
  })

  test('deleted without force while a push arrives: the push or the deletion is refused, not both, and not neither', async () => {
    const image = fixedImage('kept')
    for (let round = 0; round < rounds; round++) {
      const name = await newRepository()
      await pushBlobs(name, [image])
      const [pushed, deleted] = await Promise.all([
        put(name, image, 'v1', round),
        registry.aws.call('DeleteRepository', { repositoryName: name }),
      ])
      assertAnswered([pushed, deleted])
      assert.notEqual(isDone(pushed), isDone(deleted), `${pushed.text} ${deleted.text}`)
      if (isDone(pushed)) assert.equal(errorOf(deleted), 'RepositoryNotEmptyException')
      assert.equal((await registry.oci.send('GET', `/v2/${name}/manifests/v1`)).status, isDone(pushed) ? 200 : 404)
      await assertConsistent(registry.peek.rows)
    }
  })
})

describe('blobs', () => {
  test('the same content uploaded to two repositories at once is stored once, and each sees it', async () => {
    for (const size of [1000, 300_000]) {
      for (let round = 0; round < rounds; round++) {
        const names = [await newRepository(), await newRepository()]
        const content = Buffer.alloc(size, `round ${round} of ${size} `)
        const digest = digestOf(content)
        const keys = (await registry.bytes.storageKeys()).length
        const answers = await Promise.all(
          [...names, ...names, ...names].map((name) =>
            registry.oci.send('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: content }),
          ),
        )
        assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
        for (const name of names) {
          assert.ok((await registry.oci.send('GET', `/v2/${name}/blobs/${digest}`)).body.equals(content))
        }
        assert.equal((await registry.peek.rows(`SELECT id FROM blobs WHERE digest = '${digest}'`)).length, 1)
        assert.equal((await registry.bytes.storageKeys()).length - keys, size > 65_536 ? 1 : 0)
      }
    }
  })

  test('mounted while the source is deleted: linked, or an upload begins', async () => {
    const content = 'mounted'
    const digest = digestOf(Buffer.from(content))
    for (let round = 0; round < rounds; round++) {
      const [source, target] = [await newRepository(), await newRepository()]
      await registry.oci.pushBlob(source, content)
      const [mounted, deleted] = await Promise.all([
        registry.oci.send('POST', `/v2/${target}/blobs/uploads/?mount=${digest}&from=${source}`),
        registry.aws.call('DeleteRepository', { repositoryName: source, force: true }),
      ])
      assert.ok([201, 202].includes(mounted.status), mounted.text)
      assert.ok(isDone(deleted), deleted.text)
      const head = await registry.oci.send('HEAD', `/v2/${target}/blobs/${digest}`)
      assert.equal(head.status, mounted.status === 201 ? 200 : 404)
      await assertConsistent(registry.peek.rows)
    }
  })
})
