// Images by ECR's API: put, get, describe, list, delete; whole answers and every refusal that is reachable (ECR API 1.4, 2.4, 3.5, 3.6).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { invalidParameter } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, startOfTime } from '../support/contract-registry.ts'
import { type FixedImage, fixedImage, fixedIndex, fixedManifest } from '../support/fixed-images.ts'
import { digestOf, mediaTypes } from '../support/image-builder.ts'
import { assertOciError } from '../support/oci-wire.ts'

const unknown = `sha256:${'0'.repeat(64)}`
const digestPattern = "image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
})
after(() => registry?.close())

const inRepository = (name: string) => `in the repository with name '${name}' in registry with id '${account}'`
const inTheRepository = (name: string) => `with name '${name}' in the registry with id '${account}'`

async function create(repositoryName: string, more: object = {}): Promise<string> {
  await registry.aws.ok('CreateRepository', { repositoryName, ...more })
  return repositoryName
}

async function pushBlobs(repositoryName: string, ...contents: string[]): Promise<void> {
  for (const content of contents) await registry.oci.pushBlob(repositoryName, content)
}

function putOf(repositoryName: string, image: FixedImage, imageTag?: string, more: object = {}): object {
  return {
    repositoryName,
    imageManifest: image.text,
    imageManifestMediaType: image.mediaType,
    ...(imageTag === undefined ? {} : { imageTag }),
    ...more,
  }
}

/** With its blobs, then as many times as there are tags. */
async function push(repositoryName: string, image: FixedImage, ...tags: string[]): Promise<FixedImage> {
  await pushBlobs(repositoryName, ...image.blobs)
  for (const tag of tags.length > 0 ? tags : [undefined]) {
    await registry.aws.ok('PutImage', putOf(repositoryName, image, tag))
  }
  return image
}

const list = (repositoryName: string, more: object = {}) =>
  registry.aws.ok<{ imageIds: object[]; nextToken?: string }>('ListImages', { repositoryName, ...more })
const describeImages = (repositoryName: string, more: object = {}) =>
  registry.aws.ok<{ imageDetails: { imageDigest: string }[]; nextToken?: string }>('DescribeImages', {
    repositoryName,
    ...more,
  })

describe('PutImage', () => {
  const repositoryName = 'put'
  before(() => create(repositoryName))

  test('3.5.2: the answer holds the image, with its tag when it was given one', async () => {
    const image = fixedImage('answered')
    await pushBlobs(repositoryName, ...image.blobs)
    const inAnswer = {
      registryId: account,
      repositoryName,
      imageManifest: image.text,
      imageManifestMediaType: image.mediaType,
    }
    assert.deepEqual(await registry.aws.ok('PutImage', putOf(repositoryName, image)), {
      image: { ...inAnswer, imageId: { imageDigest: image.digest } },
    })
    assert.deepEqual(await registry.aws.ok('PutImage', putOf(repositoryName, image, 'answered')), {
      image: { ...inAnswer, imageId: { imageDigest: image.digest, imageTag: 'answered' } },
    })
  })

  test('3.5.1: the manifest is kept byte for byte, with what is no ASCII and blanks at its ends', async () => {
    const image = fixedImage('bytes', { annotations: { note: 'Fähre ⛴ 𝄞' } })
    const text = `\n ${image.text.replaceAll(',', ' ,\t')}\r\n`
    const given = fixedManifest(text, image.mediaType, image.blobs)
    await push(repositoryName, given, 'bytes')
    const { images } = await registry.aws.ok<{ images: { imageManifest: string }[] }>('BatchGetImage', {
      repositoryName,
      imageIds: [{ imageDigest: digestOf(Buffer.from(text)) }],
    })
    assert.equal(images[0]?.imageManifest, text)
    assert.equal((await registry.oci.send('GET', `/v2/${repositoryName}/manifests/bytes`)).text, text)
  })

  test('3.5.1: the media type of the document counts where none is given, and never against the one given', async () => {
    const image = fixedImage('own type', { mediaType: mediaTypes.dockerManifest })
    await pushBlobs(repositoryName, ...image.blobs)
    const { imageManifest } = putOf(repositoryName, image) as { imageManifest: string }
    const answer = await registry.aws.ok<{ image: object }>('PutImage', { repositoryName, imageManifest })
    assert.deepEqual(answer.image, {
      registryId: account,
      repositoryName,
      imageId: { imageDigest: image.digest },
      imageManifest,
      imageManifestMediaType: mediaTypes.dockerManifest,
    })
    const untyped = fixedImage('no type', { more: { mediaType: undefined } })
    await push(repositoryName, untyped)
    const invalid = invalidParameter('ImageManifest', 'Invalid JSON syntax')
    for (const [imageManifestMediaType, text] of [
      [undefined, untyped.text],
      [mediaTypes.ociManifest, image.text],
      ['application/vnd.docker.distribution.manifest.v1+prettyjws', untyped.text],
      ['text/plain', untyped.text],
      [undefined, 'no JSON'],
      [undefined, '[]'],
      [mediaTypes.ociManifest, '{}'],
      [mediaTypes.ociManifest, `${image.text}x`],
      [mediaTypes.ociManifest, '{"schemaVersion":1,"config":{},"layers":[]}'],
      [mediaTypes.ociIndex, `{"schemaVersion":2,"manifests":[],"layers":[]}`],
    ] as const) {
      await registry.aws.refused(
        'PutImage',
        { repositoryName, imageManifest: text, imageManifestMediaType },
        'InvalidParameterException',
        invalid,
      )
    }
  })

  test('1.5: more descriptors than an image may have', async () => {
    const layer = { mediaType: mediaTypes.ociLayer, digest: unknown, size: 1 }
    const image = fixedImage('many layers', { more: { layers: Array.from({ length: 10_001 }, () => layer) } })
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, image),
      'InvalidParameterException',
      invalidParameter('ImageManifest', 'Limit on number of layers per image exceeded'),
    )
  })

  test('2.1: 1 to 4,194,304 characters of manifest', async () => {
    const image = fixedImage('large')
    await pushBlobs(repositoryName, ...image.blobs)
    const padded = `${image.text}${' '.repeat(4_194_304 - image.text.length)}`
    await registry.aws.ok('PutImage', putOf(repositoryName, { ...image, text: padded }))
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, { ...image, text: `${padded} ` }),
      'InvalidParameterException',
      invalidParameter('ImageManifest', 'Member must have length less than or equal to 4194304'),
    )
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, { ...image, text: '' }),
      'InvalidParameterException',
      invalidParameter('ImageManifest', 'Member must have length greater than or equal to 1'),
    )
  })

  test('imageDigest must be that of the bytes (ImageDigestDoesNotMatchException); sha512 names the image', async () => {
    const image = await push(repositoryName, fixedImage('digest'))
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, image, 'd', { imageDigest: unknown }),
      'ImageDigestDoesNotMatchException',
      `The image with digest '${unknown}' in repository '${repositoryName}' and registry ID '${account}' does not match the image digest that Amazon ECR has calculated.`,
    )
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, image, 'd', { imageDigest: 'sha256:1' }),
      'InvalidParameterException',
      invalidParameter('imageDigest', "must satisfy regular expression 'sha256:[a-f0-9]{64}'"),
    )
    const sha512 = digestOf(Buffer.from(image.text), 'sha512')
    const answer = await registry.aws.ok<{ image: { imageId: object } }>(
      'PutImage',
      putOf(repositoryName, image, 'long', { imageDigest: sha512 }),
    )
    assert.deepEqual(answer.image.imageId, { imageDigest: sha512, imageTag: 'long' })
  })

  test('all layers that are missing are named at once (LayersNotFoundException), whatever else is there', async () => {
    const image = fixedImage('missing', { layers: ['here', 'gone 1', 'gone 2', 'gone 1'] })
    await pushBlobs(repositoryName, 'here', ...image.blobs.slice(0, 1))
    const [gone1, gone2] = ['gone 1', 'gone 2'].map((content) => digestOf(Buffer.from(content)))
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, image, 'missing'),
      'LayersNotFoundException',
      `Layers with digests '[${gone1}, ${gone2}]' required for pushing image into repository ${inTheRepository(repositoryName)} do not exist`,
    )
    assert.ok(!JSON.stringify(await list(repositoryName)).includes(image.digest))
  })

  test('layers that may be fetched elsewhere need not be here (OCI layer.md)', async () => {
    const foreign = { mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar', digest: unknown, size: 9 }
    const image = fixedImage('foreign', { more: { layers: [foreign] } })
    await push(repositoryName, image, 'foreign')
  })

  test('3.6: an index needs its children (ReferencedImagesNotFoundException), and its size is that of the largest', async () => {
    const small = fixedImage('small child')
    const large = fixedImage('large child', { layers: ['x'.repeat(500)] })
    const index = fixedIndex([small, large])
    await push(repositoryName, small)
    await registry.aws.refused(
      'PutImage',
      putOf(repositoryName, index, 'index'),
      'ReferencedImagesNotFoundException',
      `Images with digests '[${large.digest}]' required for pushing image into repository ${inTheRepository(repositoryName)} do not exist`,
    )
    await push(repositoryName, large)
    await push(repositoryName, index, 'index')
    const nested = await push(repositoryName, fixedIndex([index, small]), 'nested')
    for (const { digest } of [index, nested]) {
      const { imageDetails } = await registry.aws.ok<{ imageDetails: { imageSizeInBytes: number }[] }>(
        'DescribeImages',
        { repositoryName, imageIds: [{ imageDigest: digest }] },
      )
      assert.equal(imageDetails[0]?.imageSizeInBytes, 500 + Buffer.byteLength(large.blobs[0] ?? ''))
    }
  })

  test('1.5: tags by their form', async () => {
    const image = await push(repositoryName, fixedImage('tagged'), 'x'.repeat(128), '_', '0.a-B_c')
    const pattern = "must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'"
    for (const [tag, constraint] of [
      ['', 'Member must have length greater than or equal to 1'],
      ['x'.repeat(301), 'Member must have length less than or equal to 300'],
      ['x'.repeat(129), pattern],
      ['.a', pattern],
      ['-a', pattern],
      ['a b', pattern],
      ['a/b', pattern],
      ['a\n', pattern],
      ['ä', pattern],
    ] as const) {
      await registry.aws.refused(
        'PutImage',
        putOf(repositoryName, image, tag),
        'InvalidParameterException',
        invalidParameter('imageTag', constraint),
      )
    }
  })

  test('quotas: 1,000 tags an image, 100,000 images a repository', async () => {
    await create('quota')
    const image = await push('quota', fixedImage('quota'))
    for (let ten = 0; ten < 10; ten++) {
      const tags = Array.from({ length: 100 }, (_, n) => `tag=t${ten * 100 + n}`).join('&')
      const headers = { 'content-type': image.mediaType }
      const path = `/v2/quota/manifests/${image.digest}?${tags}`
      assert.equal((await registry.oci.send('PUT', path, { headers, body: image.text })).status, 201)
    }
    await registry.aws.refused(
      'PutImage',
      putOf('quota', image, 'one-more'),
      'LimitExceededException',
      'An image may not have more than 1000 tags',
    )
    const put = { headers: { 'content-type': image.mediaType }, body: image.text }
    const refused = await registry.oci.send('PUT', '/v2/quota/manifests/one-more', put)
    assertOciError(refused, 400, 'DENIED', 'An image may not have more than 1000 tags')
    await registry.sql(`UPDATE repositories SET image_count = 100000 WHERE name = 'quota'`)
    const next = fixedImage('next')
    await pushBlobs('quota', ...next.blobs)
    await registry.aws.refused(
      'PutImage',
      putOf('quota', next),
      'LimitExceededException',
      "The repository with name 'quota' may not hold more than 100000 images",
    )
  })
})

describe('3.5.3: what a push does to a tag', () => {
  const [one, two] = [fixedImage('one'), fixedImage('two')]
  const again = (name: string, tag: string) =>
    `Image with digest '${one.digest}' and tag '${tag}' already exists ${inRepository(name)}`
  const immutable = (name: string) =>
    `The image tag 'v1' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`
  const filters = (...texts: string[]) => texts.map((filter) => ({ filterType: 'WILDCARD', filter }))

  const cases: [name: string, settings: object, isImmutable: boolean][] = [
    ['mutable', {}, false],
    ['immutable', { imageTagMutability: 'IMMUTABLE' }, true],
    [
      'immutable-but-v',
      { imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION', imageTagMutabilityExclusionFilters: filters('v*') },
      false,
    ],
    [
      'immutable-but-w',
      { imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION', imageTagMutabilityExclusionFilters: filters('w*') },
      true,
    ],
    [
      'mutable-but-v',
      { imageTagMutability: 'MUTABLE_WITH_EXCLUSION', imageTagMutabilityExclusionFilters: filters('x', 'v1') },
      true,
    ],
    [
      'mutable-but-w',
      { imageTagMutability: 'MUTABLE_WITH_EXCLUSION', imageTagMutabilityExclusionFilters: filters('w*') },
      false,
    ],
  ]
  for (const [name, settings, isImmutable] of cases) {
    test(`${name}: a tag of another image ${isImmutable ? 'stays' : 'moves'}; the same image and tag again is an error`, async () => {
      await create(name, settings)
      await push(name, one, 'v1')
      await push(name, two, 'other')
      for (const [tag, said] of [
        ['v1', again(name, 'v1')],
        [undefined, again(name, 'null')],
      ] as const) {
        await registry.aws.refused('PutImage', putOf(name, one, tag), 'ImageAlreadyExistsException', said)
      }
      if (isImmutable) {
        const type = 'ImageTagAlreadyExistsException'
        await registry.aws.refused('PutImage', putOf(name, two, 'v1'), type, immutable(name))
      } else {
        await registry.aws.ok('PutImage', putOf(name, two, 'v1'))
      }
      const holder = isImmutable ? one : two
      const { imageIds } = await list(name)
      assert.deepEqual(imageIds, [
        { imageDigest: two.digest, imageTag: 'other' },
        { imageDigest: holder.digest, imageTag: 'v1' },
        ...(isImmutable ? [] : [{ imageDigest: one.digest }]),
      ])
    })
  }

  test('an immutable tag can be deleted, and used again (3.2.4)', async () => {
    const imageIds = [{ imageTag: 'v1' }]
    await registry.aws.ok('BatchDeleteImage', { repositoryName: 'immutable', imageIds })
    await registry.aws.ok('PutImage', putOf('immutable', two, 'v1'))
  })
})

describe('BatchGetImage', () => {
  const repositoryName = 'get'
  const image = fixedImage('got')
  const other = fixedImage('other')
  before(async () => {
    await create(repositoryName)
    await push(repositoryName, image, 'v1', 'v2')
    await push(repositoryName, other, 'other')
  })
  const got = (imageId: object, of = image) => ({
    registryId: account,
    repositoryName,
    imageId,
    imageManifest: of.text,
    imageManifestMediaType: of.mediaType,
  })

  test('by tag, by digest and by both; the tag comes back only where it was asked for', async () => {
    assert.deepEqual(
      await registry.aws.ok('BatchGetImage', {
        repositoryName,
        imageIds: [{ imageTag: 'v2' }, { imageDigest: image.digest }, { imageDigest: other.digest, imageTag: 'other' }],
      }),
      {
        images: [
          got({ imageDigest: image.digest, imageTag: 'v2' }),
          got({ imageDigest: image.digest }),
          got({ imageDigest: other.digest, imageTag: 'other' }, other),
        ],
        failures: [],
      },
    )
  })

  test('what is missing or malformed is a failure of its own, with the id as it was given', async () => {
    const notFound = { failureCode: 'ImageNotFound', failureReason: 'Requested image not found' }
    const ids: [object, { failureCode: string; failureReason: string }][] = [
      [{ imageTag: 'nothing' }, notFound],
      [{ imageDigest: unknown }, notFound],
      [{ imageDigest: 'sha256:abcd' }, notFound],
      [{ imageDigest: other.digest, imageTag: 'v1' }, notFound],
      [
        {},
        {
          failureCode: 'MissingDigestAndTag',
          failureReason: 'Invalid request parameters: both tag and digest cannot be null',
        },
      ],
      [
        { imageDigest: 'no digest', imageTag: 'v1' },
        { failureCode: 'InvalidImageDigest', failureReason: `Invalid request parameters: ${digestPattern}` },
      ],
      [
        { imageTag: 'x'.repeat(129) },
        {
          failureCode: 'InvalidImageTag',
          failureReason:
            "Invalid request parameters: image tag should satisfy the regex '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'",
        },
      ],
    ]
    const imageIds = ids.map(([id]) => id)
    assert.deepEqual(await registry.aws.ok('BatchGetImage', { repositoryName, imageIds }), {
      images: [],
      failures: ids.map(([imageId, failure]) => ({ imageId, ...failure })),
    })
    // None of these changes anything: BatchDeleteImage says the same of them (3.5.5).
    assert.deepEqual(await registry.aws.ok('BatchDeleteImage', { repositoryName, imageIds }), {
      imageIds: [],
      failures: ids.map(([imageId, failure]) => ({ imageId, ...failure })),
    })
  })

  test('acceptedMediaTypes never changes the bytes', async () => {
    const { images } = await registry.aws.ok<{ images: object[] }>('BatchGetImage', {
      repositoryName,
      imageIds: [{ imageTag: 'v1' }],
      acceptedMediaTypes: [mediaTypes.dockerManifest],
    })
    assert.deepEqual(images, [got({ imageDigest: image.digest, imageTag: 'v1' })])
  })

  test('16 MiB of manifests at most in one answer (LimitExceededException)', async () => {
    const large = fixedImage('large', { annotations: { padding: '"'.repeat(1_900_000) } })
    await push(repositoryName, large, 'large')
    const ids = (length: number) => ({
      repositoryName,
      imageIds: Array.from({ length }, () => ({ imageTag: 'large' })),
    })
    const { images } = await registry.aws.ok<{ images: object[] }>('BatchGetImage', ids(4))
    assert.deepEqual(images[3], got({ imageDigest: large.digest, imageTag: 'large' }, large))
    await registry.aws.refused(
      'BatchGetImage',
      ids(5),
      'LimitExceededException',
      'The manifests of these images have more than 16777216 bytes together. Ask for fewer at a time.',
    )
  })

  test('1.5: 1 to 100 ids', async () => {
    for (const operation of ['BatchGetImage', 'BatchDeleteImage']) {
      const ids = (length: number) => Array.from({ length }, () => ({ imageTag: 'v1' }))
      for (const [imageIds, member, constraint] of [
        [[], 'imageIds', 'Member must have length greater than or equal to 1'],
        [ids(101), 'imageIds', 'Member must have length less than or equal to 100'],
        [[{ imageTag: 'v1' }, null], 'imageIds.2.member', 'Member must not be null'],
        [[{ imageTag: '' }], 'imageIds.1.member.imageTag', 'Member must have length greater than or equal to 1'],
      ] as const) {
        await registry.aws.refused(
          operation,
          { repositoryName, imageIds },
          'InvalidParameterException',
          invalidParameter(member, constraint),
        )
      }
    }
  })
})

describe('3.5.5: BatchDeleteImage', () => {
  const remove = (repositoryName: string, ...imageIds: object[]) =>
    registry.aws.ok('BatchDeleteImage', { repositoryName, imageIds })
  const both = ({ digest }: FixedImage, imageTag: string) => ({ imageDigest: digest, imageTag })

  test('a tag goes alone while there are others; the image goes with its last', async () => {
    await create('delete/tags')
    const image = await push('delete/tags', fixedImage('tags'), 'a', 'b')
    assert.deepEqual(await remove('delete/tags', { imageTag: 'a' }), { imageIds: [both(image, 'a')], failures: [] })
    assert.deepEqual(await list('delete/tags'), { imageIds: [both(image, 'b')] })
    assert.deepEqual(await remove('delete/tags', { imageTag: 'b' }), { imageIds: [both(image, 'b')], failures: [] })
    assert.deepEqual(await list('delete/tags'), { imageIds: [] })
    await registry.aws.ok('DeleteRepository', { repositoryName: 'delete/tags' })
  })

  test('a digest takes the image and all its tags, one entry each', async () => {
    await create('delete/digest')
    const image = await push('delete/digest', fixedImage('digest'), 'b', 'a')
    const bare = await push('delete/digest', fixedImage('bare'))
    assert.deepEqual(
      await remove('delete/digest', { imageDigest: image.digest }, { imageDigest: bare.digest }, { imageTag: 'a' }),
      {
        imageIds: [both(image, 'a'), both(image, 'b'), { imageDigest: bare.digest }],
        failures: [
          {
            imageId: { imageTag: 'a' },
            failureCode: 'ImageNotFound',
            failureReason: 'Requested image not found',
          },
        ],
      },
    )
  })

  test('digest and tag that fit take the image', async () => {
    await create('delete/both')
    const image = await push('delete/both', fixedImage('both'), 'a', 'b')
    assert.deepEqual(await remove('delete/both', both(image, 'b')), {
      imageIds: [both(image, 'a'), both(image, 'b')],
      failures: [],
    })
  })

  test('the child of an index stays, with its last tag, until the index goes; in the same call if it is named first', async () => {
    await create('delete/child')
    const child = await push('delete/child', fixedImage('child'), 'c1', 'c2')
    const index = await push('delete/child', fixedIndex([child]), 'i')
    const nested = await push('delete/child', fixedIndex([index, child]))
    const parents = [index.digest, nested.digest].toSorted().join(', ')
    const refused = (imageId: object, named = parents) => ({
      imageId,
      failureCode: 'ImageReferencedByManifestList',
      failureReason: `Requested image referenced by manifest list: [${named}]`,
    })
    assert.deepEqual(
      await remove(
        'delete/child',
        { imageDigest: child.digest },
        { imageTag: 'c1' },
        { imageTag: 'c2' },
        { imageTag: 'i' },
      ),
      {
        imageIds: [both(child, 'c1')],
        failures: [
          refused({ imageDigest: child.digest }),
          refused({ imageTag: 'c2' }),
          refused({ imageTag: 'i' }, nested.digest),
        ],
      },
    )
    assert.deepEqual(
      await remove('delete/child', { imageDigest: nested.digest }, { imageTag: 'i' }, { imageDigest: child.digest }),
      { imageIds: [{ imageDigest: nested.digest }, both(index, 'i'), both(child, 'c2')], failures: [] },
    )
    await registry.aws.ok('DeleteRepository', { repositoryName: 'delete/child' })
  })

  test('a subject may go before its referrers, which stay what they are (OCI referrers)', async () => {
    await create('delete/subject')
    const subject = await push('delete/subject', fixedImage('subject'))
    const referrer = await push('delete/subject', fixedImage('referrer', { subject }))
    assert.deepEqual(await remove('delete/subject', { imageDigest: subject.digest }), {
      imageIds: [{ imageDigest: subject.digest }],
      failures: [],
    })
    assert.deepEqual(await list('delete/subject'), { imageIds: [{ imageDigest: referrer.digest }] })
  })
})

describe('3.5.6: DescribeImages', () => {
  const repositoryName = 'described'
  const helm = 'application/vnd.cncf.helm.config.v1+json'
  const plain = fixedImage('plain', { configMediaType: helm, layers: ['x'.repeat(100), 'y'] })
  const tagless = fixedImage('tagless', {
    mediaType: mediaTypes.dockerManifest,
    configMediaType: mediaTypes.dockerConfig,
  })
  const index = fixedIndex([plain, tagless])
  const artifact = fixedImage('artifact', { subject: plain, artifactType: 'application/vnd.example.sbom' })
  const second = 1000

  const common = { registryId: account, repositoryName, imageStatus: 'ACTIVE' }
  const pushedAt = (seconds: number) => startOfTime / 1000 + seconds
  const golden = {
    plain: {
      ...common,
      imageDigest: plain.digest,
      imageTags: ['a', 'b'],
      imageSizeInBytes: 101 + (plain.blobs[0]?.length ?? 0),
      imagePushedAt: pushedAt(0),
      imageManifestMediaType: mediaTypes.ociManifest,
      artifactMediaType: helm,
    },
    tagless: {
      ...common,
      imageDigest: tagless.digest,
      imageSizeInBytes: tagless.blobs.join('').length,
      imagePushedAt: pushedAt(1),
      imageManifestMediaType: mediaTypes.dockerManifest,
      artifactMediaType: mediaTypes.dockerConfig,
    },
    index: {
      ...common,
      imageDigest: index.digest,
      imageTags: ['i'],
      imageSizeInBytes: 101 + (plain.blobs[0]?.length ?? 0),
      imagePushedAt: pushedAt(2),
      imageManifestMediaType: mediaTypes.ociIndex,
    },
    artifact: {
      ...common,
      imageDigest: artifact.digest,
      imageSizeInBytes: artifact.blobs.join('').length,
      imagePushedAt: pushedAt(3),
      imageManifestMediaType: mediaTypes.ociManifest,
      artifactMediaType: 'application/vnd.example.sbom',
      subjectManifestDigest: plain.digest,
    },
  }

  before(async () => {
    await create(repositoryName)
    for (const [image, ...tags] of [[plain, 'b'], [tagless], [index, 'i'], [artifact]] as const) {
      await push(repositoryName, image, ...tags)
      registry.clock.advance(second)
    }
    // A tag that comes later changes no time of pushing (3.5.2).
    await registry.aws.ok('PutImage', putOf(repositoryName, plain, 'a'))
  })

  test('every member in its form, in the order of pushing', async () => {
    assert.deepEqual(await describeImages(repositoryName), { imageDetails: Object.values(golden) })
  })

  test('asking for the headers alone is no pull (ECR features 1.5.10)', async () => {
    registry.clock.advance(60 * second)
    await registry.oci.send('HEAD', `/v2/${repositoryName}/manifests/a`)
    const first = await describeImages(repositoryName, { imageIds: [{ imageTag: 'a' }] })
    assert.deepEqual(first, { imageDetails: [golden.plain] })
  })

  test('by ids: each image once, in the order in which it was named first', async () => {
    assert.deepEqual(
      await describeImages(repositoryName, {
        imageIds: [
          { imageDigest: artifact.digest },
          { imageTag: 'b' },
          { imageTag: 'a' },
          { imageDigest: plain.digest, imageTag: 'a' },
        ],
      }),
      { imageDetails: [golden.artifact, golden.plain] },
    )
  })

  test('one id without an image fails the whole call, and says which', async () => {
    const notFound = (digest: string, tag: string) =>
      `The image with imageId {imageDigest:'${digest}', imageTag:'${tag}'} does not exist within the repository ${inTheRepository(repositoryName)}`
    const cases: [object, string][] = [
      [{ imageTag: 'nothing' }, notFound('null', 'nothing')],
      [{ imageDigest: unknown }, notFound(unknown, 'null')],
      [{ imageDigest: plain.digest, imageTag: 'i' }, notFound(plain.digest, 'i')],
      [{ imageDigest: 'sha256:abcd' }, notFound('sha256:abcd', 'null')],
      [{ imageTag: 'x'.repeat(200) }, notFound('null', 'x'.repeat(200))],
    ]
    for (const [imageId, message] of cases) {
      const imageIds = [{ imageTag: 'a' }, imageId]
      await registry.aws.refused('DescribeImages', { repositoryName, imageIds }, 'ImageNotFoundException', message)
    }
  })

  test('ids that can be none, and ids together with pages', async () => {
    const cases: [object, string, string][] = [
      [{ imageIds: [{}] }, 'imageIds', 'both tag and digest cannot be null'],
      [{ imageIds: [{ imageDigest: 'x' }] }, 'imageIds', digestPattern],
      [{ imageIds: [] }, 'imageIds', 'Member must have length greater than or equal to 1'],
      [
        { imageIds: [{ imageTag: 'a' }], maxResults: 5 },
        'maxResults',
        'maxResults cannot be used together with imageIds',
      ],
      [
        { imageIds: [{ imageTag: 'a' }], nextToken: 'x' },
        'nextToken',
        'nextToken cannot be used together with imageIds',
      ],
      [{ nextToken: 'x' }, 'nextToken', 'Invalid next token'],
      [{ maxResults: 1001 }, 'maxResults', 'Member must have value less than or equal to 1000'],
      [
        { filter: { tagStatus: 'SOME' } },
        'filter.tagStatus',
        'Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]',
      ],
      [
        { filter: { imageStatus: 'SOME' } },
        'filter.imageStatus',
        'Member must satisfy enum value set: [ACTIVE, ARCHIVED, ACTIVATING, ANY]',
      ],
    ]
    for (const [input, member, constraint] of cases) {
      await registry.aws.refused(
        'DescribeImages',
        { repositoryName, ...input },
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    }
  })

  test('filters by tag and status; nothing is archived', async () => {
    const { plain: a, tagless: b, index: c, artifact: d } = golden
    for (const [filter, imageDetails] of [
      [{ tagStatus: 'TAGGED' }, [a, c]],
      [{ tagStatus: 'UNTAGGED' }, [b, d]],
      [{ tagStatus: 'ANY', imageStatus: 'ANY' }, [a, b, c, d]],
      [{ imageStatus: 'ACTIVE' }, [a, b, c, d]],
      [{ imageStatus: 'ARCHIVED' }, []],
      [{ tagStatus: 'TAGGED', imageStatus: 'ACTIVATING' }, []],
    ] as const) {
      assert.deepEqual(await describeImages(repositoryName, { filter }), { imageDetails }, JSON.stringify(filter))
    }
  })

  test('1.6: pages of each filter, whose tokens are for that list alone', async () => {
    for (const tagStatus of ['ANY', 'TAGGED', 'UNTAGGED']) {
      const filter = { tagStatus }
      const whole = await describeImages(repositoryName, { filter })
      const collected: object[] = []
      let nextToken: string | undefined
      do {
        const page = await describeImages(repositoryName, {
          filter,
          maxResults: 1,
          ...(nextToken ? { nextToken } : {}),
        })
        assert.equal(page.imageDetails.length, 1)
        collected.push(...page.imageDetails)
        nextToken = page.nextToken
      } while (nextToken)
      assert.deepEqual(collected, whole.imageDetails)
    }
    const { nextToken } = await describeImages(repositoryName, { maxResults: 1 })
    const invalid = invalidParameter('nextToken', 'Invalid next token')
    await create('described/not')
    for (const [operation, input] of [
      ['DescribeImages', { repositoryName, filter: { tagStatus: 'TAGGED' } }],
      ['DescribeImages', { repositoryName: 'described/not' }],
      ['ListImages', { repositoryName }],
      ['DescribeRepositories', {}],
    ] as const) {
      await registry.aws.refused(operation, { ...input, nextToken }, 'InvalidParameterException', invalid)
    }
  })

  test('images that were pushed in the same millisecond are paged by digest', async () => {
    await create('described/at-once')
    const images = Array.from({ length: 5 }, (_, n) => fixedImage(`at once ${n}`))
    for (const image of images) await push('described/at-once', image)
    const digests: string[] = []
    let nextToken: string | undefined
    do {
      const page = await describeImages('described/at-once', { maxResults: 2, ...(nextToken ? { nextToken } : {}) })
      digests.push(...page.imageDetails.map(({ imageDigest }) => imageDigest))
      nextToken = page.nextToken
    } while (nextToken)
    assert.deepEqual(digests, images.map(({ digest }) => digest).toSorted())
  })
})

describe('3.5.7: ListImages', () => {
  const repositoryName = 'listed'
  const tagged = fixedImage('tagged')
  const tagless = [fixedImage('tagless 1'), fixedImage('tagless 2')]
  const entries = [
    { imageDigest: tagged.digest, imageTag: 'B' },
    { imageDigest: tagged.digest, imageTag: 'a' },
    { imageDigest: tagged.digest, imageTag: 'a-1' },
    ...tagless.map(({ digest }) => ({ imageDigest: digest })),
  ]
  before(async () => {
    await create(repositoryName)
    await push(repositoryName, tagged, 'a-1', 'B', 'a')
    for (const image of tagless) {
      registry.clock.advance(1)
      await push(repositoryName, image)
    }
  })

  test('one entry a tag, one for each image without any', async () => {
    assert.deepEqual(await list(repositoryName), { imageIds: entries })
    for (const [filter, imageIds] of [
      [{ tagStatus: 'TAGGED' }, entries.slice(0, 3)],
      [{ tagStatus: 'UNTAGGED' }, entries.slice(3)],
      [{ imageStatus: 'ARCHIVED' }, []],
      [{ imageStatus: 'ANY' }, entries],
    ] as const) {
      assert.deepEqual(await list(repositoryName, { filter }), { imageIds }, JSON.stringify(filter))
    }
  })

  test('1.6: every page size gives all of them, once and in order', async () => {
    for (let maxResults = 1; maxResults <= 6; maxResults++) {
      const collected: object[] = []
      let nextToken: string | undefined
      do {
        const page = await list(repositoryName, { maxResults, ...(nextToken ? { nextToken } : {}) })
        assert.ok(page.imageIds.length <= maxResults)
        collected.push(...page.imageIds)
        nextToken = page.nextToken
      } while (nextToken)
      assert.deepEqual(collected, entries, `pages of ${maxResults}`)
    }
  })
})

describe('3.5.7: ListImageReferrers', () => {
  const repositoryName = 'referred'
  const subject = fixedImage('subject')
  const [signature, sbom] = ['application/vnd.example.signature', 'application/vnd.example.sbom']
  const referrers = [
    fixedImage('signed', { subject, artifactType: signature, annotations: { by: 'me' } }),
    fixedImage('listed', { subject, artifactType: sbom }),
    fixedImage('by config', { subject, configMediaType: 'application/vnd.example.config' }),
    fixedIndex([], { subject }),
  ]
  const entry = (image: FixedImage, more: object) => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.text.length,
    ...more,
    artifactStatus: 'ACTIVE',
  })
  const [first, second, third, fourth] = referrers as [FixedImage, FixedImage, FixedImage, FixedImage]
  const golden = [
    entry(first, { artifactType: signature, annotations: { by: 'me' } }),
    entry(second, { artifactType: sbom }),
    entry(third, { artifactType: 'application/vnd.example.config' }),
    entry(fourth, {}),
  ].toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  const subjectId = { imageDigest: subject.digest }
  const ask = (more: object = {}) =>
    registry.aws.ok<{ referrers: { digest: string }[]; nextToken?: string }>('ListImageReferrers', {
      repositoryName,
      subjectId,
      ...more,
    })

  before(async () => {
    await create(repositoryName)
    // Before their subject: OCI requires no order.
    for (const image of referrers) await push(repositoryName, image)
    await push(repositoryName, subject)
  })

  test('descriptors with artifact type and annotations, in the order of digests', async () => {
    assert.deepEqual(await ask(), { referrers: golden })
    assert.deepEqual(await ask({ subjectId: { imageDigest: unknown } }), { referrers: [] })
  })

  test('filters by type, any of those named', async () => {
    const of = (...types: string[]) =>
      golden.filter((each) => 'artifactType' in each && types.includes(each.artifactType as string))
    for (const artifactTypes of [[sbom], [sbom, signature], ['application/none']]) {
      assert.deepEqual(await ask({ filter: { artifactTypes } }), { referrers: of(...artifactTypes) })
    }
    assert.deepEqual(await ask({ filter: { artifactTypes: [] } }), { referrers: golden })
    assert.deepEqual(await ask({ filter: { artifactStatus: 'ANY' } }), { referrers: golden })
    assert.deepEqual(await ask({ filter: { artifactStatus: 'ARCHIVED' } }), { referrers: [] })
  })

  test('1.6: pages of 1 to 50', async () => {
    const collected: object[] = []
    let nextToken: string | undefined
    do {
      const page = await ask({ maxResults: 1, ...(nextToken ? { nextToken } : {}) })
      collected.push(...page.referrers)
      nextToken = page.nextToken
    } while (nextToken)
    assert.deepEqual(collected, golden)
    const cases: [object, string, string][] = [
      [{ maxResults: 51 }, 'maxResults', 'Member must have value less than or equal to 50'],
      [{ maxResults: 0 }, 'maxResults', 'Member must have value greater than or equal to 1'],
      [{ nextToken: 'x' }, 'nextToken', 'Invalid next token'],
      [{ subjectId: {} }, 'subjectId.imageDigest', 'Member must not be null'],
      [
        { subjectId: { imageDigest: 'x' } },
        'subjectId.imageDigest',
        "must satisfy regular expression 'sha256:[a-f0-9]{64}'",
      ],
      [
        { filter: { artifactTypes: ['a', 'b', 'c', 'd', 'e', 'f'] } },
        'filter.artifactTypes',
        'Member must have length less than or equal to 5',
      ],
      [
        { filter: { artifactTypes: [''] } },
        'filter.artifactTypes.1.member',
        'Member must have length greater than or equal to 1',
      ],
    ]
    for (const [more, member, constraint] of cases) {
      await registry.aws.refused(
        'ListImageReferrers',
        { repositoryName, subjectId, ...more },
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    }
  })
})
