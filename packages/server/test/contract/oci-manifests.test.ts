// Manifests and tags on the docker wire (OCI end-3, end-7, end-9; ECR features 1.5.5, 1.5.6, 1.5.8; ECR API 3.2.4).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { type FixedImage, fixedImage, fixedIndex, fixedManifest } from '../support/fixed-images.ts'
import { digestOf, mediaTypes } from '../support/image-builder.ts'
import { assertHeaders, assertOciError, type OciWire } from '../support/oci-wire.ts'
import type { Answer } from '../support/plain-http.ts'

const unknown = `sha256:${'0'.repeat(64)}`
const badDigest = 'The digest is none of sha256 or sha512 in lower case.'
const badTag = "The tag must satisfy the expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'."
const notFound = 'Requested image not found'
const nameUnknown = `The repository with name 'missing' does not exist in the registry with id '${account}'`

let registry: ContractRegistry
let oci: OciWire
before(async () => {
  registry = await contractRegistry()
  oci = registry.oci
})
after(() => registry?.close())

async function create(repositoryName: string, more: object = {}): Promise<string> {
  await registry.aws.ok('CreateRepository', { repositoryName, ...more })
  return repositoryName
}

async function pushBlobs(name: string, ...images: FixedImage[]): Promise<void> {
  for (const { blobs } of images) for (const content of blobs) await oci.pushBlob(name, content)
}

const put = (name: string, reference: string, image: FixedImage, contentType: string | undefined = image.mediaType) =>
  oci.send('PUT', `/v2/${name}/manifests/${reference}`, {
    body: image.text,
    headers: contentType === undefined ? {} : { 'content-type': contentType },
  })

async function push(name: string, reference: string, image: FixedImage): Promise<FixedImage> {
  await pushBlobs(name, image)
  const answer = await put(name, reference, image)
  assert.equal(answer.status, 201, answer.text)
  return image
}

const tagsOf = async (name: string) =>
  (JSON.parse((await oci.send('GET', `/v2/${name}/tags/list`)).text) as { tags: string[] }).tags

function assertStored(answer: Answer, name: string, reference: string, digest: string, more: object = {}): void {
  assert.deepEqual([answer.status, answer.body.length], [201, 0], answer.text)
  assertHeaders(answer, {
    location: `/v2/${name}/manifests/${reference}`,
    'docker-content-digest': digest,
    'content-length': '0',
    'docker-distribution-api-version': 'registry/2.0',
    'oci-subject': undefined,
    'oci-tag': undefined,
    ...more,
  })
}

describe('end-3: pulling', () => {
  const name = 'pulled'
  const image = fixedImage('pulled', { annotations: { note: 'Fähre ⛴' } })
  before(async () => {
    await create(name)
    await push(name, 'v1', image)
  })
  const headers = {
    'content-type': image.mediaType,
    'content-length': String(Buffer.byteLength(image.text)),
    'docker-content-digest': image.digest,
    etag: `"${image.digest}"`,
    'x-content-type-options': 'nosniff',
    'content-disposition': 'attachment',
    'content-security-policy': "default-src 'none'; sandbox",
    'docker-distribution-api-version': 'registry/2.0',
  }

  test('by tag and by digest, whatever is accepted: the bytes that were pushed, with their type and digest', async () => {
    for (const reference of ['v1', image.digest]) {
      for (const accept of [undefined, '*/*', mediaTypes.ociManifest, mediaTypes.dockerManifest, 'text/html']) {
        const answer = await oci.send('GET', `/v2/${name}/manifests/${reference}`, {
          headers: accept === undefined ? {} : { accept },
        })
        assert.deepEqual([answer.status, answer.text], [200, image.text])
        assertHeaders(answer, headers)
      }
      const head = await oci.send('HEAD', `/v2/${name}/manifests/${reference}`)
      assert.deepEqual([head.status, head.text], [200, ''])
      assertHeaders(head, headers)
    }
  })

  test('If-None-Match with the digest: 304 and no bytes', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await oci.send(method, `/v2/${name}/manifests/v1`, {
        headers: { 'if-none-match': `"${image.digest}"` },
      })
      assert.deepEqual([answer.status, answer.body.length], [304, 0])
      assertHeaders(answer, { etag: `"${image.digest}"`, 'docker-content-digest': image.digest })
    }
  })

  test('what is not there: 404 MANIFEST_UNKNOWN, or NAME_UNKNOWN; what is no reference: 400', async () => {
    for (const reference of ['nothing', unknown, `sha512:${'0'.repeat(128)}`]) {
      assertOciError(await oci.send('GET', `/v2/${name}/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN', notFound)
      assert.equal((await oci.send('HEAD', `/v2/${name}/manifests/${reference}`)).status, 404)
    }
    assertOciError(await oci.send('GET', '/v2/missing/manifests/v1'), 404, 'NAME_UNKNOWN', nameUnknown)
    for (const reference of ['.v1', '-v1', 'x'.repeat(129), 'a%20b', 'a+b', '']) {
      assertOciError(await oci.send('GET', `/v2/${name}/manifests/${reference}`), 400, 'TAG_INVALID', badTag)
    }
    for (const reference of ['sha256:x', `sha256:${'A'.repeat(64)}`, 'md5:d41d8cd98f00b204e9800998ecf8427e', ':']) {
      assertOciError(await oci.send('GET', `/v2/${name}/manifests/${reference}`), 400, 'DIGEST_INVALID', badDigest)
    }
  })
})

describe('end-7: pushing', () => {
  const name = 'pushed'
  before(() => create(name))

  test('each kind of manifest, by tag and by digest, and again: 201 each time', async () => {
    const oneImage = fixedImage('oci')
    const kinds = [
      oneImage,
      fixedImage('docker', { mediaType: mediaTypes.dockerManifest, configMediaType: mediaTypes.dockerConfig }),
      fixedImage('no layers', { layers: [] }),
      fixedImage('artifact', { artifactType: 'application/vnd.example', configMediaType: mediaTypes.ociEmpty }),
      fixedImage('unknown members', { more: { 'org.example': { a: [1] }, note: null } }),
      fixedIndex([oneImage]),
      fixedIndex([oneImage], { mediaType: mediaTypes.dockerList }),
      fixedIndex([]),
    ]
    for (const [n, image] of kinds.entries()) {
      await pushBlobs(name, image)
      for (const reference of [`kind-${n}`, image.digest, `kind-${n}`]) {
        assertStored(await put(name, reference, image), name, reference, image.digest)
      }
      const pulled = await oci.send('GET', `/v2/${name}/manifests/kind-${n}`)
      assert.deepEqual([pulled.text, pulled.headers['content-type']], [image.text, image.mediaType])
    }
  })

  test('the type of the document counts where the request has none, and may have parameters', async () => {
    const image = await push(name, 'typed', fixedImage('typed'))
    assertStored(
      await oci.send('PUT', `/v2/${name}/manifests/untyped`, { body: image.text }),
      name,
      'untyped',
      image.digest,
    )
    assertStored(await put(name, 'typed', image, `${image.mediaType}; charset=utf-8`), name, 'typed', image.digest)
    const silent = fixedImage('silent', { more: { mediaType: undefined } })
    await push(name, 'silent', silent)
    assertOciError(
      await oci.send('PUT', `/v2/${name}/manifests/silent`, { body: silent.text }),
      400,
      'MANIFEST_INVALID',
      'The manifest has no mediaType, and none was given with it.',
    )
  })

  test('sha512: the digest that was pushed with is the name', async () => {
    const image = fixedImage('long')
    await pushBlobs(name, image)
    const sha512 = digestOf(Buffer.from(image.text), 'sha512')
    assertStored(await put(name, sha512, image), name, sha512, sha512)
    assertHeaders(await oci.send('GET', `/v2/${name}/manifests/${sha512}`), { 'docker-content-digest': sha512 })
    assertOciError(await oci.send('GET', `/v2/${name}/manifests/${image.digest}`), 404, 'MANIFEST_UNKNOWN', notFound)
  })

  test('a manifest of blobs by sha512 needs exactly those', async () => {
    const digest = await oci.pushBlob(name, 'only by sha512', 'sha512')
    const layer = { mediaType: mediaTypes.ociLayer, digest, size: 14 }
    await push(name, 'by-sha512', fixedImage('by sha512', { layers: [], more: { layers: [layer] } }))
    const other = { ...layer, digest: digestOf(Buffer.from('only by sha512')) }
    const missing = fixedImage('by sha256', { layers: [], more: { layers: [other] } })
    await pushBlobs(name, missing)
    assert.equal((await put(name, 'by-sha256', missing)).status, 404)
  })

  test('end-7b: ?tag= with a digest gives the image these tags, in one change', async () => {
    const image = await push(name, 'seven', fixedImage('seven'))
    const target = (query: string, digest = image.digest) => `${digest}?${query}`
    assertStored(await put(name, target('tag=a&tag=b&tag=a'), image), name, image.digest, image.digest, {
      'oci-tag': 'a, b',
    })
    for (const tag of ['a', 'b']) {
      assertHeaders(await oci.send('HEAD', `/v2/${name}/manifests/${tag}`), { 'docker-content-digest': image.digest })
    }
    assertOciError(
      await put(name, target('tag=ok&tag=.no'), image),
      400,
      'TAG_INVALID',
      "A tag must satisfy the expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'.",
    )
    assertOciError(
      await put(name, target(Array.from({ length: 101 }, (_, n) => `tag=t${n}`).join('&')), image),
      414,
      'TAG_INVALID',
      'A push may name 100 tags at most.',
    )
    assert.ok(!(await tagsOf(name)).some((tag) => tag === 'ok' || tag === 't0'))
    // With a tag in the path the parameter has no meaning.
    assertStored(await put(name, 'eight?tag=nine', image), name, 'eight', image.digest)
    assert.ok(!(await tagsOf(name)).includes('nine'))
  })

  test('a subject is answered in OCI-Subject, whether it is there or not', async () => {
    const subject = fixedImage('the subject')
    const referrer = fixedImage('the referrer', { subject })
    await pushBlobs(name, subject, referrer)
    const said = { 'oci-subject': subject.digest }
    assertStored(await put(name, referrer.digest, referrer), name, referrer.digest, referrer.digest, said)
    assertStored(await put(name, 'subject', subject), name, 'subject', subject.digest)
    assertStored(await put(name, 'referrer', referrer), name, 'referrer', referrer.digest, said)
  })

  test('what it names must be here: 404 MANIFEST_BLOB_UNKNOWN with all that is missing, and nothing is stored', async () => {
    const image = fixedImage('lacking', { layers: ['gone 1', 'gone 2'] })
    const [config, one, two] = image.blobs.map((content) => digestOf(Buffer.from(content)))
    const inRepository = `with name '${name}' in the registry with id '${account}'`
    assertOciError(
      await put(name, 'lacking', image),
      404,
      'MANIFEST_BLOB_UNKNOWN',
      `Layers with digests '[${config}, ${one}, ${two}]' required for pushing image into repository ${inRepository} do not exist`,
    )
    assertOciError(
      await put(name, 'lacking', fixedIndex([image, fixedImage('lacking too')])),
      404,
      'MANIFEST_BLOB_UNKNOWN',
      `Images with digests '[${image.digest}, ${fixedImage('lacking too').digest}]' required for pushing image into repository ${inRepository} do not exist`,
    )
    for (const reference of ['lacking', image.digest]) {
      assert.equal((await oci.send('HEAD', `/v2/${name}/manifests/${reference}`)).status, 404)
    }
  })

  test('blobs and images of another repository are not here', async () => {
    await create('pushed/elsewhere')
    const image = await push('pushed/elsewhere', 'v1', fixedImage('elsewhere'))
    assert.equal((await put(name, 'elsewhere', image)).status, 404)
    assert.equal((await put(name, 'elsewhere', fixedIndex([image]))).status, 404)
  })

  test('an index may name blobs, as build caches do, and layers may be elsewhere (OCI layer.md)', async () => {
    const blob = { mediaType: mediaTypes.ociLayerGzip, digest: await oci.pushBlob(name, 'cached'), size: 6 }
    await push(name, 'cache', fixedIndex([], { more: { manifests: [blob] } }))
    assert.equal(
      (await put(name, 'cache', fixedIndex([], { more: { manifests: [{ ...blob, digest: unknown }] } }))).status,
      404,
    )
    const foreign = { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', digest: unknown, size: 9 }
    await push(name, 'foreign', fixedImage('foreign', { layers: [], more: { layers: [foreign] } }))
  })

  test('a digest of other bytes: 400 DIGEST_INVALID with the sentence of ECR', async () => {
    const image = await push(name, 'digest', fixedImage('digest'))
    assertOciError(
      await put(name, unknown, image),
      400,
      'DIGEST_INVALID',
      `The image with digest '${unknown}' in repository '${name}' and registry ID '${account}' does not match the image digest that Amazon ECR has calculated.`,
    )
  })

  test('documents that are none, or could be read in two ways: 400 MANIFEST_INVALID', async () => {
    const image = await push(name, 'sound', fixedImage('sound'))
    const object = JSON.parse(image.text) as Record<string, unknown>
    const written = (more: object) => JSON.stringify({ ...object, ...more })
    const cases: [text: string | Buffer, message: string | RegExp, mediaType?: string][] = [
      ['', /^The manifest is .*\.$/],
      ['no JSON', /^The manifest is .*\.$/],
      [`${image.text}{}`, /^The manifest is .*\.$/],
      [Buffer.from(image.text.replace('{', '{"x":"\xff",'), 'latin1'), /^The manifest is .*\.$/],
      [image.text.replace('{', '{"schemaVersion":2,'), /^The manifest is .*\.$/],
      ['[]', 'The manifest is invalid: the document is not an object.'],
      [written({ schemaVersion: 1 }), 'The manifest is invalid: schemaVersion is not 2.'],
      [written({ manifests: [] }), 'The manifest is invalid: manifests does not belong in an image.'],
      [written({ fsLayers: [] }), 'The manifest is invalid: fsLayers does not belong in an image.'],
      [
        written({ Layers: [] }),
        'The manifest is invalid: the document has a member that some readers take for layers.',
      ],
      [
        written({ mediaType: mediaTypes.ociIndex }),
        'The mediaType of the manifest is another than it was pushed with.',
      ],
      [written({ layers: undefined }), 'The manifest is invalid: layers is missing.'],
      [written({ config: undefined }), 'The manifest is invalid: config is missing.'],
      [
        written({ layers: [{ mediaType: 'a/b', digest: 'sha256:x', size: 1 }] }),
        'The manifest is invalid: layers[0].digest is not a sha256 or sha512 digest.',
      ],
      [
        written({ layers: [{ mediaType: 'a/b', digest: unknown, size: -1 }] }),
        'The manifest is invalid: layers[0].size is not a whole number of bytes.',
      ],
      [image.text, 'The mediaType of the manifest is another than it was pushed with.', 'text/plain'],
      [written({ mediaType: undefined }), 'Unsupported manifest type: "text/plain"', 'text/plain'],
      [
        written({ mediaType: undefined }),
        'Unsupported manifest type: "application/vnd.docker.distribution.manifest.v1+prettyjws"',
        'application/vnd.docker.distribution.manifest.v1+prettyjws',
      ],
    ]
    for (const [body, message, mediaType = mediaTypes.ociManifest] of cases) {
      const headers = { 'content-type': mediaType }
      const answer = await oci.send('PUT', `/v2/${name}/manifests/broken`, { body, headers })
      const said = (JSON.parse(answer.text) as { errors: [{ message: string }] }).errors[0].message
      assertOciError(answer, 400, 'MANIFEST_INVALID', said)
      if (typeof message === 'string') assert.equal(said, message)
      else assert.match(said, message)
    }
    assert.equal((await oci.send('HEAD', `/v2/${name}/manifests/broken`)).status, 404)
  })

  test('4 MiB and no more: 413 SIZE_INVALID, announced or not', async () => {
    const image = fixedImage('large')
    await pushBlobs(name, image)
    const largest = fixedManifest(image.text + ' '.repeat(4 * 1024 * 1024 - image.text.length), image.mediaType)
    assertStored(await put(name, 'large', largest), name, 'large', largest.digest)
    assert.equal((await oci.send('GET', `/v2/${name}/manifests/large`)).text, largest.text)
    const headers = { 'content-type': image.mediaType }
    for (const chunked of [false, true]) {
      assertOciError(
        await oci.send('PUT', `/v2/${name}/manifests/large`, { body: `${largest.text} `, headers, chunked }),
        413,
        'SIZE_INVALID',
        'The manifest is larger than 4 MiB.',
      )
    }
  })

  test('into a repository that is missing: 404; under a name that is no tag: 400', async () => {
    const image = fixedImage('nowhere')
    assertOciError(await put('missing', 'v1', image), 404, 'NAME_UNKNOWN', nameUnknown)
    assertOciError(await put(name, '.v1', image), 400, 'TAG_INVALID', badTag)
    assertOciError(await put(name, 'sha256:1', image), 400, 'DIGEST_INVALID', badDigest)
  })
})

describe('3.2.4: immutable tags', () => {
  const [one, two] = [fixedImage('one'), fixedImage('two')]
  const filters = (...texts: string[]) => texts.map((filter) => ({ filterType: 'WILDCARD', filter }))
  const refusal = (name: string, tag: string) =>
    `The image tag '${tag}' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`

  const cases: [name: string, settings: object, movable: string[], fixed: string[]][] = [
    ['immutable', { imageTagMutability: 'IMMUTABLE' }, [], ['v1', 'latest']],
    [
      'immutable-but',
      {
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        imageTagMutabilityExclusionFilters: filters('latest', 'sha256-*'),
      },
      ['latest', `sha256-${'0'.repeat(64)}`],
      ['v1', 'latest2'],
    ],
    [
      'mutable-but',
      { imageTagMutability: 'MUTABLE_WITH_EXCLUSION', imageTagMutabilityExclusionFilters: filters('v*.*', '*-final') },
      ['latest', 'v1', 'final'],
      ['v1.0', 'v.', 'x-final'],
    ],
  ]
  for (const [name, settings, movable, fixed] of cases) {
    test(`${name}: the same image again is no move (201); another image is refused (400 TAG_INVALID) or moves`, async () => {
      await create(name, settings)
      await pushBlobs(name, one, two)
      for (const tag of [...movable, ...fixed]) {
        for (const _ of [1, 2]) assertStored(await put(name, tag, one), name, tag, one.digest)
      }
      for (const tag of movable) assertStored(await put(name, tag, two), name, tag, two.digest)
      for (const tag of fixed) assertOciError(await put(name, tag, two), 400, 'TAG_INVALID', refusal(name, tag))
      for (const tag of fixed) {
        assertHeaders(await oci.send('HEAD', `/v2/${name}/manifests/${tag}`), { 'docker-content-digest': one.digest })
      }
      // Untagged pushes and deletes are never affected; a tag that was deleted is free.
      assertStored(await put(name, two.digest, two), name, two.digest, two.digest)
      for (const tag of fixed) {
        assert.equal((await oci.send('DELETE', `/v2/${name}/manifests/${tag}`)).status, 202)
        assertStored(await put(name, tag, two), name, tag, two.digest)
      }
    })
  }

  test('of several tags one that is immutable refuses them all', async () => {
    await create('all-or-none', { imageTagMutability: 'IMMUTABLE' })
    await push('all-or-none', 'taken', one)
    await pushBlobs('all-or-none', two)
    const answer = await put('all-or-none', `${two.digest}?tag=free&tag=taken`, two)
    assertOciError(answer, 400, 'TAG_INVALID', refusal('all-or-none', 'taken'))
    assert.deepEqual(await tagsOf('all-or-none'), ['taken'])
    assert.equal((await oci.send('HEAD', `/v2/all-or-none/manifests/${two.digest}`)).status, 404)
  })

  test('two pushes at once to an immutable tag: one is stored, the other refused', async () => {
    await create('race', { imageTagMutability: 'IMMUTABLE' })
    await pushBlobs('race', one, two)
    const answers = await Promise.all([put('race', 'v1', one), put('race', 'v1', two)])
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 400])
    const winner = answers[0]?.status === 201 ? one : two
    assertHeaders(await oci.send('HEAD', '/v2/race/manifests/v1'), { 'docker-content-digest': winner.digest })
  })
})

describe('end-9: deleting', () => {
  const remove = (name: string, reference: string) => oci.send('DELETE', `/v2/${name}/manifests/${reference}`)
  const assertDeleted = (answer: Answer) => {
    assert.deepEqual([answer.status, answer.text], [202, ''])
    assertHeaders(answer, { 'content-length': '0' })
  }

  test('a tag goes alone, even the last; a digest takes the image with all its tags', async () => {
    const name = await create('deleted')
    const image = await push(name, 'a', fixedImage('deleted'))
    await push(name, 'b', image)
    for (const tag of ['a', 'b']) {
      assertDeleted(await remove(name, tag))
      assertOciError(await remove(name, tag), 404, 'MANIFEST_UNKNOWN', notFound)
    }
    assert.equal((await oci.send('GET', `/v2/${name}/manifests/${image.digest}`)).text, image.text)
    await push(name, 'c', image)
    assertDeleted(await remove(name, image.digest))
    assert.deepEqual(await tagsOf(name), [])
    assertOciError(await remove(name, image.digest), 404, 'MANIFEST_UNKNOWN', notFound)
    assertOciError(await oci.send('GET', `/v2/${name}/manifests/c`), 404, 'MANIFEST_UNKNOWN', notFound)
  })

  test('the child of an index, nested or not, stays while it does: 405 with its parents', async () => {
    const name = await create('protected')
    const child = await push(name, 'child', fixedImage('child'))
    const index = await push(name, 'index', fixedIndex([child]))
    const nested = await push(name, 'nested', fixedIndex([index]))
    const refusal = (parent: FixedImage) => `Requested image referenced by manifest list: [${parent.digest}]`
    assertOciError(await remove(name, child.digest), 405, 'UNSUPPORTED', refusal(index))
    assertOciError(await remove(name, index.digest), 405, 'UNSUPPORTED', refusal(nested))
    assertDeleted(await remove(name, 'child'))
    for (const image of [nested, index, child]) assertDeleted(await remove(name, image.digest))
    assert.deepEqual(await tagsOf(name), [])
  })

  test('a subject may go while its referrers stay', async () => {
    const name = await create('orphaned')
    const subject = await push(name, 'subject', fixedImage('subject'))
    const referrer = await push(name, 'referrer', fixedImage('referrer', { subject }))
    assertDeleted(await remove(name, subject.digest))
    assert.equal((await oci.send('GET', `/v2/${name}/manifests/${referrer.digest}`)).text, referrer.text)
  })

  test('what is not there, and what is no reference', async () => {
    assertOciError(await remove('deleted', unknown), 404, 'MANIFEST_UNKNOWN', notFound)
    assertOciError(await remove('missing', 'v1'), 404, 'NAME_UNKNOWN', nameUnknown)
    assertOciError(await remove('deleted', '-'), 400, 'TAG_INVALID', badTag)
    assertOciError(await remove('deleted', 'sha256:0'), 400, 'DIGEST_INVALID', badDigest)
  })

  test('blobs of a deleted image stay for a while, so that it can be pushed again', async () => {
    const name = await create('again')
    const image = await push(name, 'v1', fixedImage('again'))
    assertDeleted(await remove(name, image.digest))
    assert.equal((await put(name, 'v1', image)).status, 201)
  })
})

describe('one store, two wires', () => {
  test('what docker pushes the API describes, and what the API deletes docker does not find', async () => {
    const name = await create('both')
    const image = await push(name, 'v1', fixedImage('both'))
    const { imageDetails } = await registry.aws.ok<{ imageDetails: { imageDigest: string; imageTags: string[] }[] }>(
      'DescribeImages',
      { repositoryName: name },
    )
    assert.deepEqual(
      imageDetails.map(({ imageDigest, imageTags }) => ({ imageDigest, imageTags })),
      [{ imageDigest: image.digest, imageTags: ['v1'] }],
    )
    await registry.aws.ok('BatchDeleteImage', { repositoryName: name, imageIds: [{ imageTag: 'v1' }] })
    for (const reference of ['v1', image.digest]) {
      assertOciError(await oci.send('GET', `/v2/${name}/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN', notFound)
    }
  })
})
