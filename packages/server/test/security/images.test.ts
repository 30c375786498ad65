// Security tests about what is pushed: their numbers are those of docs/design/security-tests.md.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { digestOf, mediaTypes } from '../support/image-builder.ts'

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
  await registry.aws.ok('CreateRepository', { repositoryName: 'hostile' })
})
after(() => registry?.close())

const put = (reference: string, text: string, mediaType: string) =>
  registry.oci.send('PUT', `/v2/hostile/manifests/${reference}`, { headers: { 'content-type': mediaType }, body: text })

const codeOf = (text: string) => (JSON.parse(text) as { errors: { code: string }[] }).errors[0]?.code

test('security test 32: manifests that are too large, too deep, too many or about themselves are refused, and nothing is stored', async () => {
  const large = `{"schemaVersion":2,"mediaType":"${mediaTypes.ociManifest}","annotations":{"a":"${'x'.repeat(5 * 1024 * 1024)}"}}`
  const tooLarge = await put('large', large, mediaTypes.ociManifest)
  assert.deepEqual([tooLarge.status, codeOf(tooLarge.text)], [413, 'SIZE_INVALID'])

  const descriptor = (n: number) => ({
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(Buffer.from(`missing ${n}`)),
    size: 100,
  })
  const index = (manifests: unknown) => JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
  const many = index(Array.from({ length: 20_000 }, (_, n) => descriptor(n)))
  const tooMany = await put('many', many, mediaTypes.ociIndex)
  assert.ok(tooMany.status === 400 || tooMany.status === 404 || tooMany.status === 413, `${tooMany.status}`)

  const deep = index('['.repeat(100) + ']'.repeat(100)).replace(/"(\[+\]+)"/, '$1')
  const tooDeep = await put('deep', deep, mediaTypes.ociIndex)
  assert.deepEqual([tooDeep.status, codeOf(tooDeep.text)], [400, 'MANIFEST_INVALID'])

  // A manifest cannot hold its own digest; one that names the digest it is pushed by is another.
  const self = digestOf(Buffer.from('self'))
  const ofItself = await put(self, index([{ ...descriptor(0), digest: self }]), mediaTypes.ociIndex)
  assert.deepEqual([ofItself.status, codeOf(ofItself.text)], [400, 'DIGEST_INVALID'])

  // An index of an index of an index: each names only what is here already, so none is walked further than its own list.
  const image = fixedImage('leaf')
  for (const content of image.blobs) await registry.oci.pushBlob('hostile', content)
  let child = {
    mediaType: image.mediaType,
    digest: await registry.oci.pushManifest('hostile', 'leaf', image),
    size: image.text.length,
  }
  for (let depth = 0; depth < 40; depth++) {
    const text = index([child])
    const digest = digestOf(Buffer.from(text))
    assert.equal((await put(digest, text, mediaTypes.ociIndex)).status, 201)
    child = { mediaType: mediaTypes.ociIndex, digest, size: text.length }
  }
  const query = Array.from({ length: 1000 }, (_, n) => `tag=t${n}`).join('&')
  const text = index([child])
  const tags = await put(`${digestOf(Buffer.from(text))}?${query}`, text, mediaTypes.ociIndex)
  assert.ok(
    tags.status === 400 || tags.status === 414 || tags.status === 201,
    `${tags.status} ${tags.text.slice(0, 200)}`,
  )

  const { imageIds } = await registry.aws.ok<{ imageIds: { imageTag?: string }[] }>('ListImages', {
    repositoryName: 'hostile',
  })
  assert.deepEqual(
    imageIds.filter(({ imageTag }) => ['large', 'many', 'deep'].includes(imageTag ?? '')),
    [],
  )
})

test('security test 49: of two pushes at once to an immutable tag one wins, and a deleted tag may be pushed again', async () => {
  const repositoryName = 'immutable'
  await registry.aws.ok('CreateRepository', { repositoryName, imageTagMutability: 'IMMUTABLE' })
  const images = [fixedImage('one'), fixedImage('two')]
  for (const content of images.flatMap((image) => image.blobs)) await registry.oci.pushBlob(repositoryName, content)
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(
      images.map((image) =>
        registry.aws.call('PutImage', {
          repositoryName,
          imageManifest: image.text,
          imageManifestMediaType: image.mediaType,
          imageTag: 'release',
        }),
      ),
    )
    const refused = answers.filter(({ status }) => status !== 200)
    assert.equal(refused.length, 1)
    assert.match(refused[0]?.text ?? '', /"__type":"ImageTagAlreadyExistsException"/)
    const overwrite = await registry.oci.send('PUT', `/v2/${repositoryName}/manifests/release`, {
      headers: { 'content-type': images[0]?.mediaType ?? '' },
      body: fixedImage('one').text,
    })
    const isTheSame = answers[0]?.status === 200
    assert.equal(overwrite.status, isTheSame ? 201 : 400, overwrite.text)
    await registry.aws.ok('BatchDeleteImage', { repositoryName, imageIds: [{ imageTag: 'release' }] })
  }
})
