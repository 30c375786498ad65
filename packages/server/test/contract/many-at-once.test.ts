// Many clients at once push, mount, move tags, delete images and repositories, on both wires. No answer is a server error, nothing that is
// read is anything but what its digest says, and at the end what is visible is whole and nothing else takes room.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contractRegistry } from '../support/contract-registry.ts'
import { fixedImage, fixedIndex } from '../support/fixed-images.ts'
import { digestOf } from '../support/image-builder.ts'
import { brokenReferences } from '../support/peek.ts'
import type { Answer } from '../support/plain-http.ts'
import { seededRandom } from '../support/random.ts'

const clients = 10
const turns = 25

test('many clients at once', async (t) => {
  const registry = await contractRegistry()
  t.after(() => registry.close())
  const { aws, oci } = registry
  const { below, pick } = seededRandom(20261114)
  const names = ['one', 'two', 'three']
  for (const repositoryName of names) await aws.ok('CreateRepository', { repositoryName })
  const images = Array.from({ length: 6 }, (_, n) =>
    fixedImage(`image ${n}`, { layers: [`layer ${n}`, 'shared', 'x'.repeat(70_000 + (n % 3))] }),
  )
  const all = [...images, fixedIndex(images.slice(0, 2))]
  const answers: Record<string, number> = {}

  function note(what: string, answer: Answer): Answer {
    assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text}`)
    answers[`${what} ${answer.status}`] = (answers[`${what} ${answer.status}`] ?? 0) + 1
    return answer
  }

  async function pushBlob(name: string, content: string): Promise<void> {
    const digest = digestOf(Buffer.from(content))
    const uploads = `/v2/${name}/blobs/uploads/`
    const way = below(3)
    if (way === 0) note('mount', await oci.send('POST', `${uploads}?mount=${digest}&from=${pick(names)}`))
    if (way === 1) note('post', await oci.send('POST', `${uploads}?digest=${digest}`, { body: content }))
    if (way < 2) return
    const { headers, status } = note('start', await oci.send('POST', uploads))
    if (status !== 202) return
    note('patch', await oci.send('PATCH', String(headers.location), { body: content.slice(0, 30_000) }))
    note('put', await oci.send('PUT', `${headers.location}?digest=${digest}`, { body: content.slice(30_000) }))
  }

  async function turn(): Promise<void> {
    const name = pick(names)
    const image = pick(all)
    const manifest = `/v2/${name}/manifests/${pick(['v1', 'v2', image.digest])}`
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        for (const content of image.blobs) await pushBlob(name, content)
        note(
          'manifest',
          await oci.send('PUT', manifest, { body: image.text, headers: { 'content-type': image.mediaType } }),
        )
        return
      case 3:
        note('untag', await oci.send('DELETE', manifest))
        return
      case 4: {
        const imageIds = [{ imageTag: 'v1' }, { imageDigest: image.digest }]
        note('delete', await aws.call('BatchDeleteImage', { repositoryName: name, imageIds }))
        return
      }
      case 5: {
        const answer = note('pull', await oci.send('GET', manifest))
        if (answer.status === 200) assert.equal(digestOf(answer.body), answer.headers['docker-content-digest'])
        return
      }
      case 6: {
        const digest = digestOf(Buffer.from(images[0]?.blobs[3] ?? ''))
        const answer = note('blob', await oci.send('GET', `/v2/${name}/blobs/${digest}`))
        if (answer.status === 200) assert.equal(digestOf(answer.body), digest)
        return
      }
      default:
        if (below(5) > 0) return
        note('remove', await aws.call('DeleteRepository', { repositoryName: name, force: true }))
        note('create', await aws.call('CreateRepository', { repositoryName: name }))
    }
  }

  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let n = 0; n < turns; n++) await turn()
    }),
  )
  for (const each of ['manifest 201', 'manifest 404', 'mount 201', 'pull 200', 'blob 200', 'remove 200']) {
    assert.ok(answers[each], `${each} is among ${JSON.stringify(answers)}`)
  }

  const { rows } = registry.peek
  assert.deepEqual(await rows(brokenReferences), [])
  for (const { name, digest } of await rows(
    'SELECT r.name, l.digest FROM blob_links l JOIN repositories r ON r.id = l.repository_id',
  )) {
    assert.equal(digestOf((await oci.send('GET', `/v2/${name}/blobs/${digest}`)).body), digest)
  }
  const keys = (await rows('SELECT storage_key FROM blobs WHERE storage_key IS NOT NULL')).map((row) =>
    String(row.storage_key),
  )
  assert.deepEqual(await registry.bytes.storageKeys(), keys.toSorted())
})
