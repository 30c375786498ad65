// Amazon's JavaScript SDK against a served registry: images, their tags, deletion, lists and referrers (ECR API §3.5 to §3.7).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  CreateRepositoryCommand,
  DescribeImagesCommand,
  type DescribeImagesCommandInput,
  type ECRClient,
  type ImageDetail,
  type ImageIdentifier,
  ListImageReferrersCommand,
  type ListImageReferrersCommandInput,
  ListImagesCommand,
  type ListImagesCommandInput,
  PutImageCommand,
  type PutImageCommandInput,
  paginateDescribeImages,
  paginateListImages,
} from '@aws-sdk/client-ecr'
import { mediaTypes } from '../../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import type { ServedRegistry } from '../../support/serve.ts'
import {
  blob,
  descriptor,
  dockerImage,
  foreignLayer,
  imageIndex,
  type Manifest,
  manifest,
  manifestText,
  ociImage,
  randomBlob,
  referrer,
  sha256,
  unknownDigest,
} from './images.ts'
import { ecrClient, invalidParameter, newRepository, pushImage, putManifest, refused, uploadBlob } from './sdk.ts'

let ground: ProvingGround
let server: ServedRegistry
let client: ECRClient

before(async () => {
  ground = await provingGround()
  server = ground.server
  client = ecrClient(server)
})
after(async () => {
  client?.destroy()
  await ground?.close()
})

const missing = (name: string) =>
  `The repository with name '${name}' does not exist in the registry with id '${server.accountId}'`
const invalidManifest = invalidParameter('ImageManifest', 'Invalid JSON syntax')

async function describeImages(repositoryName: string, input: Partial<DescribeImagesCommandInput> = {}) {
  const { imageDetails } = await client.send(new DescribeImagesCommand({ repositoryName, ...input }))
  return imageDetails ?? []
}

async function detailOf(repositoryName: string, imageDigest: string): Promise<ImageDetail> {
  const [detail] = await describeImages(repositoryName, { imageIds: [{ imageDigest }] })
  assert.ok(detail)
  return detail
}

/** Every tag of the repository with its digest, and '' for images without a tag. */
async function listed(repositoryName: string, input: Partial<ListImagesCommandInput> = {}) {
  const { imageIds } = await client.send(new ListImagesCommand({ repositoryName, ...input }))
  return (imageIds ?? []).map(({ imageTag, imageDigest }) => `${imageTag ?? ''}@${imageDigest}`).toSorted()
}

async function getImages(repositoryName: string, ...imageIds: ImageIdentifier[]) {
  const { images, failures } = await client.send(new BatchGetImageCommand({ repositoryName, imageIds }))
  return { images, failures }
}

async function deleteImages(repositoryName: string, ...imageIds: ImageIdentifier[]) {
  const { imageIds: deleted, failures } = await client.send(new BatchDeleteImageCommand({ repositoryName, imageIds }))
  return { deleted, failures }
}

describe('§3.5.1 PutImage: what is accepted', () => {
  for (const [what, make] of [
    ['an OCI image', () => ociImage()],
    ['a docker schema 2 image', () => dockerImage()],
    ['an image without layers', () => ociImage({ layers: [] })],
    [
      'an artifact with a config type of its own',
      () => ociImage({ configMediaType: 'application/vnd.cncf.helm.config.v1+json' }),
    ],
    ['an image with one layer twice', () => ociImage({ layers: [blob('same'), blob('same')] })],
    [
      'an image whose foreign layers are elsewhere',
      () =>
        ociImage({
          moreLayers: [
            { mediaType: foreignLayer, digest: unknownDigest(), size: 77, urls: ['https://example.com/layer'] },
          ],
        }),
    ],
  ] satisfies [string, () => Manifest][]) {
    test(`${what} comes back byte for byte, with its media type`, async () => {
      const repositoryName = await newRepository(client)
      const image = make()
      for (const each of image.blobs) await uploadBlob(client, repositoryName, each)
      const { image: answer } = await putManifest(client, repositoryName, image, 'v1')
      assert.deepEqual(answer, {
        registryId: server.accountId,
        repositoryName,
        imageId: { imageDigest: image.digest, imageTag: 'v1' },
        imageManifest: image.text,
        imageManifestMediaType: image.mediaType,
      })
      const { images, failures } = await getImages(repositoryName, { imageTag: 'v1' })
      assert.deepEqual(failures, [])
      assert.deepEqual(images, [answer])
    })
  }

  test('the text is stored as it is: white space, escapes, member order and letters of every kind', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage({ annotations: { greeting: 'grüß\u00a0dich 🦭', path: 'a/b' } })
    const text = `\n\t${image.text.replace('"a/b"', '"a\\/b\\u00e9"').replaceAll('  ', '\t ')}\r\n`
    const odd = manifestText(text, image.mediaType, image.blobs)
    await pushImage(client, repositoryName, odd, 'odd')
    const { images } = await getImages(repositoryName, { imageDigest: sha256(text) })
    assert.equal(images?.[0]?.imageManifest, text)
  })

  test('the media type is in the document or in the call; a manifest without either is Invalid JSON syntax', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage({ omitMediaType: true })
    for (const each of image.blobs) await uploadBlob(client, repositoryName, each)
    await refused(
      client.send(new PutImageCommand({ repositoryName, imageManifest: image.text })),
      'InvalidParameterException',
      invalidManifest,
    )
    await client.send(
      new PutImageCommand({ repositoryName, imageManifest: image.text, imageManifestMediaType: image.mediaType }),
    )
    const typed = ociImage()
    for (const each of typed.blobs) await uploadBlob(client, repositoryName, each)
    const { image: answer } = await client.send(new PutImageCommand({ repositoryName, imageManifest: typed.text }))
    assert.equal(answer?.imageManifestMediaType, typed.mediaType)
  })

  for (const [what, imageManifest, imageManifestMediaType] of [
    ['no JSON', '{"schemaVersion": 2,', mediaTypes.ociManifest],
    ['a JSON text', '"manifest"', mediaTypes.ociManifest],
    ['a JSON list', '[]', mediaTypes.ociManifest],
    ['an empty object', '{}', mediaTypes.ociManifest],
    ['an image without config', `{"schemaVersion":2,"mediaType":"${mediaTypes.ociManifest}","layers":[]}`, undefined],
    ['an index without manifests', `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}"}`, undefined],
    ['a document of another kind', '{"name":"left-pad","version":"1.0.0"}', undefined],
  ] as const) {
    test(`${what} is Invalid JSON syntax`, async () => {
      await refused(
        client.send(
          new PutImageCommand({
            repositoryName: await newRepository(client),
            imageManifest,
            ...(imageManifestMediaType ? { imageManifestMediaType } : {}),
          }),
        ),
        'InvalidParameterException',
        invalidManifest,
      )
    })
  }

  test('schema 1 is refused', async () => {
    const imageManifest = JSON.stringify({
      schemaVersion: 1,
      name: 'a/b',
      tag: 'v1',
      architecture: 'amd64',
      fsLayers: [],
      history: [],
    })
    for (const type of ['v1+json', 'v1+prettyjws']) {
      await refused(
        client.send(
          new PutImageCommand({
            repositoryName: await newRepository(client),
            imageManifest,
            imageManifestMediaType: `application/vnd.docker.distribution.manifest.${type}`,
          }),
        ),
        'InvalidParameterException',
      )
    }
  })

  test('a media type in the call that differs from the one in the document is refused', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    for (const each of image.blobs) await uploadBlob(client, repositoryName, each)
    await refused(
      client.send(
        new PutImageCommand({
          repositoryName,
          imageManifest: image.text,
          imageManifestMediaType: mediaTypes.dockerManifest,
        }),
      ),
      'InvalidParameterException',
    )
  })

  test('§1.4: an imageDigest that is not the digest of the text', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    for (const each of image.blobs) await uploadBlob(client, repositoryName, each)
    const put = (imageDigest: string) =>
      client.send(new PutImageCommand({ repositoryName, imageManifest: image.text, imageDigest }))
    const wrong = unknownDigest()
    await refused(
      put(wrong),
      'ImageDigestDoesNotMatchException',
      `The image with digest '${wrong}' in repository '${repositoryName}' and registry ID '${server.accountId}' does not match the image digest that Amazon ECR has calculated.`,
    )
    assert.deepEqual(await describeImages(repositoryName), [])
    await put(image.digest)
  })

  test('§1.4: every missing blob is named, the config too, and nothing is stored', async () => {
    const repositoryName = await newRepository(client)
    const present = randomBlob(10)
    const image = ociImage({ layers: [randomBlob(10), present, randomBlob(10)] })
    await uploadBlob(client, repositoryName, present)
    const error = await refused(putManifest(client, repositoryName, image, 'v1'), 'LayersNotFoundException')
    const digests =
      /^Layers with digests '\[(.*)\]' required for pushing image into repository with name '(.*)' in the registry with id '(\d+)' do not exist$/.exec(
        error.message,
      )
    assert.ok(digests, error.message)
    assert.deepEqual(digests.slice(2), [repositoryName, server.accountId])
    assert.deepEqual(
      digests[1]?.split(', ').toSorted(),
      image.blobs
        .filter(({ digest }) => digest !== present.digest)
        .map(({ digest }) => digest)
        .toSorted(),
    )
    assert.deepEqual(await describeImages(repositoryName), [])
  })

  test('§1.4: an index needs its children in the repository', async () => {
    const repositoryName = await newRepository(client)
    const children = [ociImage(), ociImage(), ociImage()]
    const [present, ...absent] = children as [Manifest, Manifest, Manifest]
    await pushImage(client, repositoryName, present)
    const index = imageIndex(children)
    const error = await refused(putManifest(client, repositoryName, index, 'v1'), 'ReferencedImagesNotFoundException')
    const text = (order: Manifest[]) =>
      `Images with digests '[${order.map(({ digest }) => digest).join(', ')}]' required for pushing image into repository with name '${repositoryName}' in the registry with id '${server.accountId}' do not exist`
    assert.ok([text(absent), text(absent.toReversed())].includes(error.message), error.message)
    for (const child of absent) await pushImage(client, repositoryName, child)
    await putManifest(client, repositoryName, index, 'v1')
  })

  for (const mediaType of [mediaTypes.ociIndex, mediaTypes.dockerList]) {
    test(`a nested ${mediaType} comes back as it was pushed`, async () => {
      const repositoryName = await newRepository(client)
      const children = mediaType === mediaTypes.ociIndex ? [ociImage(), ociImage()] : [dockerImage(), dockerImage()]
      const inner = imageIndex(children, mediaType)
      const outer = imageIndex([inner, children[0] as Manifest], mediaType)
      for (const child of children) await pushImage(client, repositoryName, child)
      await pushImage(client, repositoryName, inner)
      await pushImage(client, repositoryName, outer, 'all')
      const { images } = await getImages(repositoryName, { imageTag: 'all' })
      assert.equal(images?.[0]?.imageManifest, outer.text)
      assert.equal(images?.[0]?.imageManifestMediaType, mediaType)
    })
  }

  test('an index without children, and a referrer whose subject is absent, are accepted', async () => {
    const repositoryName = await newRepository(client)
    await pushImage(client, repositoryName, imageIndex([]), 'empty')
    await pushImage(client, repositoryName, referrer(ociImage(), 'application/vnd.example.sbom'), 'sbom')
  })

  test('iam 6.28: a child in another repository does not count', async () => {
    const child = ociImage()
    await pushImage(client, await newRepository(client), child)
    await refused(
      putManifest(client, await newRepository(client), imageIndex([child])),
      'ReferencedImagesNotFoundException',
    )
  })

  test('§2.1: a manifest of 4,194,304 characters is stored, one more is refused', async () => {
    const repositoryName = await newRepository(client)
    const sized = (length: number) => {
      const small = ociImage({ annotations: { padding: '' } })
      return manifestText(
        small.text.replace('"padding": ""', `"padding": "${'x'.repeat(length - small.text.length)}"`),
        small.mediaType,
        small.blobs,
      )
    }
    const [largest, tooLarge] = [sized(4_194_304), sized(4_194_305)]
    assert.deepEqual([largest.text.length, tooLarge.text.length], [4_194_304, 4_194_305])
    await pushImage(client, repositoryName, largest, 'largest')
    const { images } = await getImages(repositoryName, { imageTag: 'largest' })
    assert.ok(images?.[0]?.imageManifest === largest.text)
    for (const each of tooLarge.blobs) await uploadBlob(client, repositoryName, each)
    await refused(putManifest(client, repositoryName, tooLarge, 'v1'), 'InvalidParameterException', /4194304/)
  })

  const shapes: [string, Partial<PutImageCommandInput>, string | RegExp][] = [
    ['no manifest', { imageManifest: undefined as never }, /must not be null/],
    ['an empty manifest', { imageManifest: '' }, /^Invalid parameter at '[iI]mageManifest'/],
    [
      'a tag of 301 characters',
      { imageTag: 'x'.repeat(301) },
      invalidParameter('imageTag', 'Member must have length less than or equal to 300'),
    ],
    [
      'an empty tag',
      { imageTag: '' },
      invalidParameter('imageTag', 'Member must have length greater than or equal to 1'),
    ],
    ['a tag with a slash', { imageTag: 'a/b' }, /^Invalid parameter at 'imageTag'/],
    ['a tag that looks like a digest', { imageTag: unknownDigest() }, /^Invalid parameter at 'imageTag'/],
    ['a tag that begins with a dot', { imageTag: '.v1' }, /^Invalid parameter at 'imageTag'/],
    ['a digest that is none', { imageDigest: 'nonsense' }, /^Invalid parameter at 'imageDigest'/],
  ]
  for (const [what, wrong, text] of shapes) {
    test(`§1.5, §3.7 PutImage: ${what}: refused`, async () => {
      const repositoryName = await newRepository(client)
      const image = ociImage()
      for (const each of image.blobs) await uploadBlob(client, repositoryName, each)
      await refused(
        client.send(new PutImageCommand({ repositoryName, imageManifest: image.text, ...wrong })),
        'InvalidParameterException',
        text,
      )
      assert.deepEqual(await describeImages(repositoryName), [])
    })
  }

  test('§1.4 PutImage: of an unknown repository', async () => {
    await refused(putManifest(client, 'not/there', ociImage()), 'RepositoryNotFoundException', missing('not/there'))
  })
})

describe('§3.5.2, §3.5.3 PutImage: where the tag goes', () => {
  for (const imageTagMutability of ['MUTABLE', 'IMMUTABLE'] as const) {
    test(`§3.5.3 ${imageTagMutability}: a new tag is stored; the same digest under it again is ImageAlreadyExists`, async () => {
      const repositoryName = await newRepository(client, { imageTagMutability })
      const image = ociImage()
      await pushImage(client, repositoryName, image, 'v1')
      await refused(
        putManifest(client, repositoryName, image, 'v1'),
        'ImageAlreadyExistsException',
        `Image with digest '${image.digest}' and tag 'v1' already exists in the repository with name '${repositoryName}' in registry with id '${server.accountId}'`,
      )
    })

    test(`§3.5.3 ${imageTagMutability}: without tag, a new digest is stored untagged and a known one refused`, async () => {
      const repositoryName = await newRepository(client, { imageTagMutability })
      const [untagged, tagged] = [ociImage(), ociImage()]
      await pushImage(client, repositoryName, untagged)
      await pushImage(client, repositoryName, tagged, 'v1')
      for (const image of [untagged, tagged]) {
        const error = await refused(putManifest(client, repositoryName, image), 'ImageAlreadyExistsException')
        assert.ok(error.message.startsWith(`Image with digest '${image.digest}' and tag 'null'`), error.message)
      }
      assert.deepEqual(await listed(repositoryName), [`@${untagged.digest}`, `v1@${tagged.digest}`].toSorted())
    })

    test(`§3.5.2 ${imageTagMutability}: another tag for a known digest is added and does not change when it was pushed`, async () => {
      const repositoryName = await newRepository(client, { imageTagMutability })
      const image = ociImage()
      await pushImage(client, repositoryName, image)
      const { imagePushedAt } = await detailOf(repositoryName, image.digest)
      await sleep(20)
      await pushImage(client, repositoryName, image, 'v1', 'v2')
      const detail = await detailOf(repositoryName, image.digest)
      assert.deepEqual(detail.imagePushedAt, imagePushedAt)
      assert.deepEqual(detail.imageTags?.toSorted(), ['v1', 'v2'])
    })
  }

  test('§3.5.3 IMMUTABLE: the tag of another digest is ImageTagAlreadyExists and does not move', async () => {
    const repositoryName = await newRepository(client, { imageTagMutability: 'IMMUTABLE' })
    const [first, second] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, first, 'v1')
    await pushImage(client, repositoryName, second, 'v2')
    const third = ociImage()
    for (const each of third.blobs) await uploadBlob(client, repositoryName, each)
    for (const image of [second, third]) {
      await refused(
        putManifest(client, repositoryName, image, 'v1'),
        'ImageTagAlreadyExistsException',
        `The image tag 'v1' already exists in the '${repositoryName}' repository and cannot be overwritten because the tag is immutable.`,
      )
    }
    assert.deepEqual(await listed(repositoryName), [`v1@${first.digest}`, `v2@${second.digest}`].toSorted())
  })

  test('§3.5.3 MUTABLE: the tag moves; its last image stays, untagged, pushed when it was', async () => {
    const repositoryName = await newRepository(client)
    const [first, second] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, first, 'v1')
    const { imagePushedAt } = await detailOf(repositoryName, first.digest)
    await sleep(20)
    await pushImage(client, repositoryName, second, 'v1')
    assert.deepEqual(await listed(repositoryName), [`@${first.digest}`, `v1@${second.digest}`].toSorted())
    const detail = await detailOf(repositoryName, first.digest)
    assert.deepEqual(detail.imagePushedAt, imagePushedAt)
    assert.equal('imageTags' in detail && detail.imageTags !== undefined, false, '§1.2: omitted, not []')
  })

  test('the retag recipe: BatchGetImage, then PutImage of that text under another tag', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'v1')
    const { images } = await getImages(repositoryName, { imageTag: 'v1' })
    const text = images?.[0]?.imageManifest ?? ''
    const { image: answer } = await client.send(
      new PutImageCommand({ repositoryName, imageManifest: text, imageTag: 'stable' }),
    )
    assert.equal(answer?.imageId?.imageDigest, image.digest)
  })

  test('§4.1: an image has 1000 tags at most, also when they come at once', { timeout: 300_000 }, async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'tag-0')
    const putTags = (first: number, count: number) =>
      Promise.allSettled(
        Array.from({ length: count }, (_, i) => putManifest(client, repositoryName, image, `tag-${first + i}`)),
      )
    for (let next = 1; next < 991; next += 33) await putTags(next, 33)
    const last = await putTags(991, 40)
    const refusals = last.filter((outcome) => outcome.status === 'rejected')
    assert.equal(refusals.length, 31)
    assert.deepEqual([...new Set(refusals.map(({ reason }) => reason.name))], ['LimitExceededException'])
    assert.equal((await detailOf(repositoryName, image.digest)).imageTags?.length, 1000)
    await deleteImages(repositoryName, { imageTag: 'tag-500' })
    await putManifest(client, repositoryName, image, 'one-in-place-of-another')
  })
})

describe('§3.5.4 BatchGetImage', () => {
  test('by tag, by digest and by both; every other id is a failure of its own', async () => {
    const repositoryName = await newRepository(client)
    const [image, other] = [ociImage(), dockerImage()]
    await pushImage(client, repositoryName, image, 'v1', 'v2')
    await pushImage(client, repositoryName, other, 'other')
    const absent = unknownDigest()
    const { images, failures } = await getImages(
      repositoryName,
      { imageTag: 'v1' },
      { imageDigest: other.digest },
      { imageTag: 'v2', imageDigest: image.digest },
      { imageTag: 'absent' },
      { imageDigest: absent },
      {},
      { imageDigest: 'nonsense' },
    )
    assert.deepEqual(
      images?.map(({ imageManifest }) => imageManifest),
      [image.text, other.text, image.text],
    )
    assert.deepEqual(
      images?.map(({ imageId }) => imageId?.imageDigest),
      [image.digest, other.digest, image.digest],
    )
    assert.deepEqual([images?.[0]?.imageId?.imageTag, images?.[2]?.imageId?.imageTag], ['v1', 'v2'])
    assert.deepEqual(failures, [
      { imageId: { imageTag: 'absent' }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
      { imageId: { imageDigest: absent }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
      {
        imageId: {},
        failureCode: 'MissingDigestAndTag',
        failureReason: 'Invalid request parameters: both tag and digest cannot be null',
      },
      {
        imageId: { imageDigest: 'nonsense' },
        failureCode: 'InvalidImageDigest',
        failureReason:
          "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
      },
    ])
  })

  test('§3.7: a malformed tag is InvalidImageTag, and a tag of another digest is a failure', async () => {
    const repositoryName = await newRepository(client)
    const [image, other] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, image, 'v1')
    await pushImage(client, repositoryName, other, 'v2')
    const { images, failures } = await getImages(
      repositoryName,
      { imageTag: 'no/tag' },
      { imageTag: 'v1', imageDigest: other.digest },
    )
    assert.deepEqual(images, [])
    assert.equal(failures?.[0]?.failureCode, 'InvalidImageTag')
    assert.match(failures?.[1]?.failureCode ?? '', /^(ImageTagDoesNotMatchDigest|ImageNotFound)$/)
  })

  test('§3.5.4: the stored manifest comes back whether or not its type is accepted', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'v1')
    for (const acceptedMediaTypes of [[mediaTypes.ociManifest], ['application/json', mediaTypes.dockerManifest]]) {
      const { images, failures } = await client.send(
        new BatchGetImageCommand({ repositoryName, imageIds: [{ imageTag: 'v1' }], acceptedMediaTypes }),
      )
      assert.deepEqual(failures, [])
      assert.equal(images?.[0]?.imageManifest, image.text)
      assert.equal(images?.[0]?.imageManifestMediaType, mediaTypes.ociManifest)
    }
  })

  test('§4.3: from 1 to 100 ids and accepted types, of a repository that exists', async () => {
    const repositoryName = await newRepository(client)
    const ids = (count: number) => Array.from({ length: count }, (_, i) => ({ imageTag: `t${i}` }))
    assert.equal((await getImages(repositoryName, ...ids(100))).failures?.length, 100)
    await refused(
      getImages(repositoryName, ...ids(101)),
      'InvalidParameterException',
      invalidParameter('imageIds', 'Member must have length less than or equal to 100'),
    )
    await refused(getImages(repositoryName), 'InvalidParameterException', /imageIds/)
    await refused(
      client.send(new BatchGetImageCommand({ repositoryName, imageIds: undefined as never })),
      'InvalidParameterException',
      invalidParameter('imageIds', 'Member must not be null'),
    )
    await refused(
      client.send(
        new BatchGetImageCommand({
          repositoryName,
          imageIds: ids(1),
          acceptedMediaTypes: Array.from({ length: 101 }, () => mediaTypes.ociManifest),
        }),
      ),
      'InvalidParameterException',
      /acceptedMediaTypes/,
    )
    await refused(getImages('not/there', ...ids(1)), 'RepositoryNotFoundException', missing('not/there'))
  })
})

describe('§3.5.5 BatchDeleteImage', () => {
  let repositoryName: string
  let image: Manifest
  const notFound = (imageId: ImageIdentifier) => ({
    imageId,
    failureCode: 'ImageNotFound',
    failureReason: 'Requested image not found',
  })

  async function fresh(...tags: string[]) {
    repositoryName = await newRepository(client)
    image = ociImage()
    await pushImage(client, repositoryName, image, ...tags)
  }

  test('by tag, of an image with other tags: only the tag goes', async () => {
    await fresh('v1', 'v2')
    assert.deepEqual(await deleteImages(repositoryName, { imageTag: 'v1' }), {
      deleted: [{ imageDigest: image.digest, imageTag: 'v1' }],
      failures: [],
    })
    assert.deepEqual(await listed(repositoryName), [`v2@${image.digest}`])
  })

  test('by tag, the last one: the image goes', async () => {
    await fresh('v1')
    assert.deepEqual(await deleteImages(repositoryName, { imageTag: 'v1' }), {
      deleted: [{ imageDigest: image.digest, imageTag: 'v1' }],
      failures: [],
    })
    assert.deepEqual(await listed(repositoryName), [])
  })

  test('by digest: the image and every tag go, one entry each', async () => {
    await fresh('v1', 'v2', 'v3')
    const { deleted, failures } = await deleteImages(repositoryName, { imageDigest: image.digest })
    assert.deepEqual(failures, [])
    assert.deepEqual(
      deleted?.toSorted((a, b) => (a.imageTag ?? '').localeCompare(b.imageTag ?? '')),
      ['v1', 'v2', 'v3'].map((imageTag) => ({ imageDigest: image.digest, imageTag })),
    )
    assert.deepEqual(await listed(repositoryName), [])
  })

  test('by digest, untagged: one entry without tag', async () => {
    await fresh()
    assert.deepEqual(await deleteImages(repositoryName, { imageDigest: image.digest }), {
      deleted: [{ imageDigest: image.digest }],
      failures: [],
    })
  })

  test('by tag and digest that belong together: the tag is gone in any case', async () => {
    await fresh('v1', 'v2')
    const { deleted, failures } = await deleteImages(repositoryName, { imageTag: 'v1', imageDigest: image.digest })
    assert.deepEqual(failures, [])
    assert.ok(deleted?.some(({ imageTag, imageDigest }) => imageTag === 'v1' && imageDigest === image.digest))
    assert.ok(!(await listed(repositoryName)).includes(`v1@${image.digest}`))
  })

  test('by tag and digest that do not belong together: a failure, and nothing changes', async () => {
    await fresh('v1')
    const other = ociImage()
    await pushImage(client, repositoryName, other, 'v2')
    const { deleted, failures } = await deleteImages(repositoryName, { imageTag: 'v1', imageDigest: other.digest })
    assert.deepEqual(deleted, [])
    assert.match(failures?.[0]?.failureCode ?? '', /^(ImageTagDoesNotMatchDigest|ImageNotFound)$/)
    assert.equal((await listed(repositoryName)).length, 2)
  })

  test('neither, nonsense and unknown: a failure each with its text, while the rest of the call is done', async () => {
    await fresh('v1')
    const absent = unknownDigest()
    const { deleted, failures } = await deleteImages(
      repositoryName,
      {},
      { imageDigest: 'nonsense' },
      { imageTag: 'absent' },
      { imageDigest: absent },
      { imageTag: 'v1' },
    )
    assert.deepEqual(deleted, [{ imageDigest: image.digest, imageTag: 'v1' }])
    assert.deepEqual(failures, [
      {
        imageId: {},
        failureCode: 'MissingDigestAndTag',
        failureReason: 'Invalid request parameters: both tag and digest cannot be null',
      },
      {
        imageId: { imageDigest: 'nonsense' },
        failureCode: 'InvalidImageDigest',
        failureReason:
          "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
      },
      notFound({ imageTag: 'absent' }),
      notFound({ imageDigest: absent }),
    ])
  })

  test('a child of an index stays, by digest and by its last tag; another tag of it may go', async () => {
    await fresh('child', 'second')
    const index = imageIndex([image])
    await pushImage(client, repositoryName, index, 'all')
    const protectedChild = (imageId: ImageIdentifier) => ({
      imageId,
      failureCode: 'ImageReferencedByManifestList',
      failureReason: `Requested image referenced by manifest list: [${index.digest}]`,
    })
    const byDigest = await deleteImages(repositoryName, { imageDigest: image.digest })
    assert.deepEqual(byDigest, { deleted: [], failures: [protectedChild({ imageDigest: image.digest })] })
    assert.deepEqual((await deleteImages(repositoryName, { imageTag: 'second' })).failures, [])
    const { deleted, failures } = await deleteImages(repositoryName, { imageTag: 'child' })
    assert.deepEqual(deleted, [])
    assert.equal(failures?.[0]?.failureCode, 'ImageReferencedByManifestList')
    assert.equal(failures?.[0]?.failureReason, `Requested image referenced by manifest list: [${index.digest}]`)
    assert.deepEqual(await listed(repositoryName), [`all@${index.digest}`, `child@${image.digest}`].toSorted())

    assert.deepEqual((await deleteImages(repositoryName, { imageDigest: index.digest })).failures, [])
    assert.deepEqual(await listed(repositoryName), [`child@${image.digest}`], 'children outlive their index')
    assert.deepEqual((await deleteImages(repositoryName, { imageDigest: image.digest })).failures, [])
  })

  test('every index that holds a child is named', async () => {
    await fresh()
    const indexes = [imageIndex([image]), imageIndex([image, image])]
    for (const index of indexes) await pushImage(client, repositoryName, index)
    const { failures } = await deleteImages(repositoryName, { imageDigest: image.digest })
    const named = /: \[(.*)\]$/.exec(failures?.[0]?.failureReason ?? '')?.[1]?.split(', ')
    assert.deepEqual(named?.toSorted(), indexes.map(({ digest }) => digest).toSorted())
  })

  test('an index and then its child in one call: both go', async () => {
    await fresh()
    const index = imageIndex([image])
    await pushImage(client, repositoryName, index)
    const { failures } = await deleteImages(
      repositoryName,
      { imageDigest: index.digest },
      { imageDigest: image.digest },
    )
    assert.deepEqual(failures, [])
    assert.deepEqual(await listed(repositoryName), [])
  })

  test('a child deleted while an index of it is pushed: there is never an index without its child', async () => {
    for (let round = 0; round < 10; round++) {
      await fresh()
      const index = imageIndex([image])
      await Promise.allSettled([
        putManifest(client, repositoryName, index, 'all'),
        deleteImages(repositoryName, { imageDigest: image.digest }),
      ])
      const left = await listed(repositoryName)
      if (left.includes(`all@${index.digest}`)) assert.ok(left.includes(`@${image.digest}`), left.join(' '))
      else assert.deepEqual(left, [])
    }
  })

  test('the same id twice in one call: deleted once, and nothing else is harmed', async () => {
    await fresh('v1')
    const { deleted } = await deleteImages(repositoryName, { imageTag: 'v1' }, { imageTag: 'v1' })
    assert.deepEqual(deleted, [{ imageDigest: image.digest, imageTag: 'v1' }])
  })

  test('§3.2.4: an immutable tag may be deleted, and then used for another image', async () => {
    repositoryName = await newRepository(client, { imageTagMutability: 'IMMUTABLE' })
    const [first, second] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, first, 'v1')
    await deleteImages(repositoryName, { imageTag: 'v1' })
    await pushImage(client, repositoryName, second, 'v1')
    assert.deepEqual(await listed(repositoryName), [`v1@${second.digest}`])
  })

  test('a deleted image can be pushed again at once, and is then as old as its second push', async () => {
    await fresh('v1')
    const { imagePushedAt } = await detailOf(repositoryName, image.digest)
    await deleteImages(repositoryName, { imageDigest: image.digest })
    await sleep(20)
    await pushImage(client, repositoryName, image, 'v1')
    const again = await detailOf(repositoryName, image.digest)
    assert.ok(Number(again.imagePushedAt) > Number(imagePushedAt))
  })

  test('§4.3: from 1 to 100 ids, of a repository that exists', async () => {
    await fresh()
    const ids = (count: number) => Array.from({ length: count }, (_, i) => ({ imageTag: `t${i}` }))
    assert.equal((await deleteImages(repositoryName, ...ids(100))).failures?.length, 100)
    await refused(
      deleteImages(repositoryName, ...ids(101)),
      'InvalidParameterException',
      invalidParameter('imageIds', 'Member must have length less than or equal to 100'),
    )
    await refused(deleteImages(repositoryName), 'InvalidParameterException', /imageIds/)
    await refused(
      client.send(new BatchDeleteImageCommand({ repositoryName, imageIds: undefined as never })),
      'InvalidParameterException',
      invalidParameter('imageIds', 'Member must not be null'),
    )
    await refused(deleteImages('not/there', ...ids(1)), 'RepositoryNotFoundException', missing('not/there'))
  })
})

describe('§3.5.6 DescribeImages', () => {
  test('a tagged image, field by field', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage({ layers: [randomBlob(3000), randomBlob(4000)] })
    const before = Date.now()
    await pushImage(client, repositoryName, image, 'v1', 'v2')
    const { imagePushedAt, imageSizeInBytes, imageTags, ...rest } = await detailOf(repositoryName, image.digest)
    assert.deepEqual(rest, {
      registryId: server.accountId,
      repositoryName,
      imageDigest: image.digest,
      imageManifestMediaType: mediaTypes.ociManifest,
      artifactMediaType: mediaTypes.ociConfig,
      imageStatus: 'ACTIVE',
    })
    assert.deepEqual(imageTags?.toSorted(), ['v1', 'v2'])
    const blobs = image.blobs.reduce((sum, { size }) => sum + size, 0)
    assert.ok(
      (imageSizeInBytes ?? 0) >= 7000 && (imageSizeInBytes ?? 0) <= blobs + image.size,
      `${imageSizeInBytes} is about the ${blobs} bytes of its blobs`,
    )
    assert.ok(Number(imagePushedAt) >= before - 1000 && Number(imagePushedAt) <= Date.now() + 1000)
  })

  test('an index: the size of its largest child, and no artifact type', async () => {
    const repositoryName = await newRepository(client)
    const children = [1000, 90_000, 5000].map((size) => ociImage({ layers: [randomBlob(size)] }))
    for (const child of children) await pushImage(client, repositoryName, child)
    const index = imageIndex(children)
    await pushImage(client, repositoryName, index, 'all')
    const detail = await detailOf(repositoryName, index.digest)
    const largest = await detailOf(repositoryName, children[1]?.digest ?? '')
    assert.equal(detail.imageSizeInBytes, largest.imageSizeInBytes)
    assert.equal(detail.imageManifestMediaType, mediaTypes.ociIndex)
    assert.equal(detail.artifactMediaType, undefined)
  })

  test('artifacts: their artifactType or the type of their config, and the digest of their subject', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    const signature = referrer(image, 'application/vnd.example.signature')
    const chart = ociImage({ configMediaType: 'application/vnd.cncf.helm.config.v1+json' })
    for (const each of [image, signature, chart]) await pushImage(client, repositoryName, each)
    const detail = await detailOf(repositoryName, signature.digest)
    assert.equal(detail.artifactMediaType, 'application/vnd.example.signature')
    assert.equal(detail.subjectManifestDigest, image.digest)
    const chartDetail = await detailOf(repositoryName, chart.digest)
    assert.equal(chartDetail.artifactMediaType, 'application/vnd.cncf.helm.config.v1+json')
    assert.equal(chartDetail.subjectManifestDigest, undefined)
    assert.equal((await detailOf(repositoryName, image.digest)).artifactMediaType, mediaTypes.ociConfig)
  })

  test('lastRecordedPullTime is absent until the image is pulled', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'v1')
    assert.equal((await detailOf(repositoryName, image.digest)).lastRecordedPullTime, undefined)
    const before = Date.now()
    await getImages(repositoryName, { imageTag: 'v1' })
    const deadline = Date.now() + 30_000
    let pulled: Date | undefined
    while (pulled === undefined && Date.now() < deadline) {
      pulled = (await detailOf(repositoryName, image.digest)).lastRecordedPullTime
      if (pulled === undefined) await sleep(250)
    }
    assert.ok(pulled && Number(pulled) >= before - 1000 && Number(pulled) <= Date.now() + 1000, `${pulled}`)
  })

  test('nothing is invented: no scan status, even with scanOnPush', async () => {
    const repositoryName = await newRepository(client, { imageScanningConfiguration: { scanOnPush: true } })
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'v1')
    const detail = await detailOf(repositoryName, image.digest)
    assert.equal(detail.imageScanStatus, undefined)
    assert.equal(detail.imageScanFindingsSummary, undefined)
  })

  test('§2.4: by ids: every one must be there, and one that is not fails the whole call', async () => {
    const repositoryName = await newRepository(client)
    const [image, other] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, image, 'v1')
    await pushImage(client, repositoryName, other, 'v2')
    const both = await describeImages(repositoryName, { imageIds: [{ imageTag: 'v1' }, { imageDigest: other.digest }] })
    assert.deepEqual(both.map(({ imageDigest }) => imageDigest).toSorted(), [image.digest, other.digest].toSorted())
    const absent = unknownDigest()
    const text = (digest: string, tag: string) =>
      `The image with imageId {imageDigest:'${digest}', imageTag:'${tag}'} does not exist within the repository with name '${repositoryName}' in the registry with id '${server.accountId}'`
    for (const [imageId, message] of [
      [{ imageTag: 'absent' }, text('null', 'absent')],
      [{ imageDigest: absent }, text(absent, 'null')],
      [{ imageDigest: absent, imageTag: 'v1' }, text(absent, 'v1')],
    ] as const) {
      await refused(
        describeImages(repositoryName, { imageIds: [{ imageTag: 'v1' }, imageId] }),
        'ImageNotFoundException',
        message,
      )
    }
  })

  test('filters: tagged, untagged, any; of archived images there are none', async () => {
    const repositoryName = await newRepository(client)
    const [tagged, untagged] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, tagged, 'v1')
    await pushImage(client, repositoryName, untagged)
    const digests = async (filter: DescribeImagesCommandInput['filter']) =>
      (await describeImages(repositoryName, { filter })).map(({ imageDigest }) => imageDigest).toSorted()
    const both = [tagged.digest, untagged.digest].toSorted()
    assert.deepEqual(await digests({ tagStatus: 'TAGGED' }), [tagged.digest])
    assert.deepEqual(await digests({ tagStatus: 'UNTAGGED' }), [untagged.digest])
    assert.deepEqual(await digests({ tagStatus: 'ANY' }), both)
    assert.deepEqual(await digests({ imageStatus: 'ACTIVE' }), both)
    assert.deepEqual(await digests({ imageStatus: 'ANY' }), both)
    assert.deepEqual(await digests({ imageStatus: 'ARCHIVED' }), [])
    assert.deepEqual(await listed(repositoryName, { filter: { tagStatus: 'TAGGED' } }), [`v1@${tagged.digest}`])
    assert.deepEqual(await listed(repositoryName, { filter: { tagStatus: 'UNTAGGED' } }), [`@${untagged.digest}`])
    assert.deepEqual(await listed(repositoryName, { filter: { imageStatus: 'ARCHIVED' } }), [])
  })

  for (const [what, input, text] of [
    ['ids with maxResults', { imageIds: [{ imageTag: 'v1' }], maxResults: 5 }, undefined],
    ['ids with a token', { imageIds: [{ imageTag: 'v1' }], nextToken: 'x' }, undefined],
    [
      'more than 100 ids',
      { imageIds: Array.from({ length: 101 }, (_, i) => ({ imageTag: `t${i}` })) },
      invalidParameter('imageIds', 'Member must have length less than or equal to 100'),
    ],
    ['no ids in the list', { imageIds: [] }, undefined],
    ['maxResults 0', { maxResults: 0 }, undefined],
    [
      'maxResults 1001',
      { maxResults: 1001 },
      invalidParameter('maxResults', 'Member must have value less than or equal to 1000'),
    ],
    ['a token that nobody gave out', { nextToken: 'bm90IGEgdG9rZW4' }, undefined],
    ['an unknown tag status', { filter: { tagStatus: 'SOME' as never } }, undefined],
    ['an unknown image status', { filter: { imageStatus: 'LOST' as never } }, undefined],
  ] satisfies [string, Partial<DescribeImagesCommandInput>, string | undefined][]) {
    test(`§1.6, §2.4 DescribeImages${'imageIds' in input ? '' : ' and ListImages'}: ${what}: refused`, async () => {
      const repositoryName = await newRepository(client)
      await refused(describeImages(repositoryName, input), 'InvalidParameterException', text)
      if (!('imageIds' in input)) await refused(listed(repositoryName, input), 'InvalidParameterException', text)
    })
  }

  test('§1.4: an unknown repository', async () => {
    for (const call of [
      new DescribeImagesCommand({ repositoryName: 'not/there' }),
      new DescribeImagesCommand({ repositoryName: 'not/there', imageIds: [{ imageTag: 'v1' }] }),
    ]) {
      await refused(client.send(call), 'RepositoryNotFoundException', missing('not/there'))
    }
    await refused(listed('not/there'), 'RepositoryNotFoundException', missing('not/there'))
  })
})

describe('§1.6 pages', () => {
  let repositoryName: string
  let neighbour: string
  const images: Manifest[] = []

  before(async () => {
    repositoryName = await newRepository(client)
    neighbour = await newRepository(client)
    const config = blob('{}')
    for (const name of [repositoryName, neighbour]) await uploadBlob(client, name, config)
    for (let number = 0; number < 25; number++) {
      images.push(ociImage({ config, layers: [], annotations: { number: String(number) } }))
    }
    for (const [number, image] of images.entries()) {
      await putManifest(client, repositoryName, image, ...(number % 5 === 0 ? [] : [`tag-${number}`]))
      await putManifest(client, neighbour, image, `tag-${number}`)
      if (number % 7 === 3) await putManifest(client, repositoryName, image, `also-${number}`)
    }
  })

  for (const pageSize of [1, 4, 24, 25, 26]) {
    test(`paginateDescribeImages, ${pageSize} a page: every image once, and no token at the end`, async () => {
      const seen: string[] = []
      for await (const page of paginateDescribeImages({ client, pageSize }, { repositoryName })) {
        assert.ok((page.imageDetails?.length ?? 0) <= pageSize)
        seen.push(...(page.imageDetails ?? []).map(({ imageDigest }) => imageDigest ?? ''))
        assert.notEqual(page.nextToken, '')
      }
      assert.deepEqual(seen.toSorted(), images.map(({ digest }) => digest).toSorted())
    })
  }

  test('paginateListImages: every tag and every untagged image once', async () => {
    const seen: string[] = []
    for await (const page of paginateListImages({ client, pageSize: 3 }, { repositoryName })) {
      assert.ok((page.imageIds?.length ?? 0) <= 3)
      seen.push(...(page.imageIds ?? []).map(({ imageTag, imageDigest }) => `${imageTag ?? ''}@${imageDigest}`))
    }
    const expected = images.flatMap(({ digest }, number) => {
      const tags = [...(number % 5 === 0 ? [] : [`tag-${number}`]), ...(number % 7 === 3 ? [`also-${number}`] : [])]
      return tags.length > 0 ? tags.map((tag) => `${tag}@${digest}`) : [`@${digest}`]
    })
    assert.deepEqual(seen.toSorted(), expected.toSorted())
  })

  test('a filter holds on every page', async () => {
    const seen: ImageDetail[] = []
    const pages = paginateDescribeImages({ client, pageSize: 2 }, { repositoryName, filter: { tagStatus: 'UNTAGGED' } })
    for await (const page of pages) seen.push(...(page.imageDetails ?? []))
    assert.ok(seen.length >= 4 && seen.length <= 5, `${seen.length}`)
    assert.ok(seen.every(({ imageTags }) => imageTags === undefined))
  })

  test('pages stay sound while images are deleted between them', async () => {
    const name = await newRepository(client)
    await uploadBlob(client, name, blob('{}'))
    for (const image of images) await putManifest(client, name, image)
    const seen: string[] = []
    for await (const page of paginateDescribeImages({ client, pageSize: 5 }, { repositoryName: name })) {
      const digests = (page.imageDetails ?? []).map(({ imageDigest }) => imageDigest ?? '')
      seen.push(...digests)
      await deleteImages(name, ...digests.map((imageDigest) => ({ imageDigest })))
    }
    assert.deepEqual(seen.toSorted(), images.map(({ digest }) => digest).toSorted())
  })

  test('iam 6.48: a token of another repository, of another operation or edited is refused', async () => {
    const describe = (name: string, nextToken?: string) =>
      client.send(
        new DescribeImagesCommand({ repositoryName: name, maxResults: 2, ...(nextToken ? { nextToken } : {}) }),
      )
    const list = (name: string, nextToken?: string) =>
      client.send(new ListImagesCommand({ repositoryName: name, maxResults: 2, ...(nextToken ? { nextToken } : {}) }))
    const described = (await describe(repositoryName)).nextToken ?? ''
    const listing = (await list(repositoryName)).nextToken ?? ''
    assert.ok(described && listing)
    const middle = described.length >> 1
    const edited = described.slice(0, middle) + (described[middle] === 'A' ? 'B' : 'A') + described.slice(middle + 1)
    await refused(describe(neighbour, described), 'InvalidParameterException')
    await refused(list(neighbour, listing), 'InvalidParameterException')
    await refused(describe(repositoryName, listing), 'InvalidParameterException')
    await refused(list(repositoryName, described), 'InvalidParameterException')
    await refused(describe(repositoryName, edited), 'InvalidParameterException')
    assert.equal((await describe(repositoryName, described)).imageDetails?.length, 2)
  })

  test('§1.6: the default page holds 100 images', { timeout: 120_000 }, async () => {
    const name = await newRepository(client)
    const config = blob('{}')
    await uploadBlob(client, name, config)
    const many = Array.from({ length: 101 }, (_, i) => ociImage({ config, layers: [], annotations: { i: String(i) } }))
    await Promise.all(many.map((image) => putManifest(client, name, image)))
    const page = await client.send(new DescribeImagesCommand({ repositoryName: name }))
    assert.equal(page.imageDetails?.length, 100)
    assert.ok(page.nextToken)
    const ids = await client.send(new ListImagesCommand({ repositoryName: name }))
    assert.equal(ids.imageIds?.length, 100)
    const all = await client.send(new DescribeImagesCommand({ repositoryName: name, maxResults: 1000 }))
    assert.equal(all.imageDetails?.length, 101)
    assert.equal(all.nextToken, undefined)
  })
})

describe('§3.5.7 ListImageReferrers', () => {
  const list = (repositoryName: string, imageDigest: string, more: Partial<ListImageReferrersCommandInput> = {}) =>
    client.send(new ListImageReferrersCommand({ repositoryName, subjectId: { imageDigest }, ...more }))

  test('descriptors as in the referrers index: type, size, artifact type, annotations', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    const sbom = referrer(image, 'application/spdx+json', { 'org.opencontainers.image.created': '2026-01-02' })
    const typeless = ociImage({
      configMediaType: 'application/vnd.example.config.v1+json',
      subject: descriptor(image, image.mediaType),
    })
    const index = manifest(
      {
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        artifactType: 'application/vnd.example.set',
        manifests: [],
        subject: descriptor(image, image.mediaType),
      },
      mediaTypes.ociIndex,
      [],
    )
    // Before the subject and after it.
    await pushImage(client, repositoryName, sbom)
    await pushImage(client, repositoryName, image, 'v1')
    await pushImage(client, repositoryName, typeless)
    await pushImage(client, repositoryName, index)
    await pushImage(client, repositoryName, ociImage(), 'unrelated')
    const { referrers, nextToken } = await list(repositoryName, image.digest)
    assert.equal(nextToken, undefined)
    const plain = (referrers ?? []).map(({ artifactStatus, annotations, ...rest }) => {
      assert.ok(artifactStatus === undefined || artifactStatus === 'ACTIVE')
      return { ...rest, ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}) }
    })
    assert.deepEqual(
      plain.toSorted((a, b) => (a.digest ?? '').localeCompare(b.digest ?? '')),
      [
        {
          digest: sbom.digest,
          mediaType: mediaTypes.ociManifest,
          artifactType: 'application/spdx+json',
          size: sbom.size,
          annotations: { 'org.opencontainers.image.created': '2026-01-02' },
        },
        {
          digest: typeless.digest,
          mediaType: mediaTypes.ociManifest,
          artifactType: 'application/vnd.example.config.v1+json',
          size: typeless.size,
        },
        {
          digest: index.digest,
          mediaType: mediaTypes.ociIndex,
          artifactType: 'application/vnd.example.set',
          size: index.size,
        },
      ].toSorted((a, b) => a.digest.localeCompare(b.digest)),
    )
  })

  test('the filter by artifact types comes before paging; pages default to 20 and hold 50 at most', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'v1')
    await uploadBlob(client, repositoryName, blob('{}'))
    for (let number = 0; number < 54; number++) {
      const artifact = ociImage({
        artifactType: `application/vnd.example.kind${number % 3}`,
        config: blob('{}'),
        layers: [],
        annotations: { number: String(number) },
        subject: descriptor(image, image.mediaType),
      })
      await putManifest(client, repositoryName, artifact)
    }
    const first = await list(repositoryName, image.digest)
    assert.equal(first.referrers?.length, 20)
    assert.ok(first.nextToken)
    const largest = await list(repositoryName, image.digest, { maxResults: 50 })
    assert.equal(largest.referrers?.length, 50)
    const visit = async (filter: ListImageReferrersCommandInput['filter'], maxResults: number) => {
      const seen: string[] = []
      let nextToken: string | undefined
      do {
        const page = await list(repositoryName, image.digest, {
          ...(filter ? { filter } : {}),
          maxResults,
          ...(nextToken ? { nextToken } : {}),
        })
        assert.ok((page.referrers?.length ?? 0) <= maxResults)
        seen.push(...(page.referrers ?? []).map(({ artifactType }) => artifactType ?? ''))
        nextToken = page.nextToken
      } while (nextToken)
      return seen
    }
    assert.equal((await visit(undefined, 7)).length, 54)
    const kinds = ['application/vnd.example.kind0', 'application/vnd.example.kind2']
    const filtered = await visit({ artifactTypes: kinds }, 7)
    assert.equal(filtered.length, 36)
    assert.deepEqual([...new Set(filtered)].toSorted(), kinds)
    assert.deepEqual(await visit({ artifactTypes: ['application/vnd.example.none'] }, 7), [])
    assert.equal((await visit({ artifactStatus: 'ANY' }, 50)).length, 54)
    assert.deepEqual(await visit({ artifactStatus: 'ARCHIVED' }, 50), [])
    await refused(
      list(repositoryName, unknownDigest(), { nextToken: first.nextToken }),
      /^(InvalidParameter|Validation)Exception$/,
    )
  })

  test('an unknown subject has no referrers; a deleted referrer is none', async () => {
    const repositoryName = await newRepository(client)
    assert.deepEqual((await list(repositoryName, unknownDigest())).referrers, [])
    const image = ociImage()
    const sbom = referrer(image, 'application/spdx+json')
    await pushImage(client, repositoryName, sbom)
    assert.equal((await list(repositoryName, image.digest)).referrers?.length, 1, 'the subject need not be there')
    await deleteImages(repositoryName, { imageDigest: sbom.digest })
    assert.deepEqual((await list(repositoryName, image.digest)).referrers, [])
  })

  for (const [what, more] of [
    ['maxResults 51', { maxResults: 51 }],
    ['maxResults 0', { maxResults: 0 }],
    ['six artifact types', { filter: { artifactTypes: ['a', 'b', 'c', 'd', 'e', 'f'] } }],
    ['an empty artifact type', { filter: { artifactTypes: [''] } }],
    ['an unknown status', { filter: { artifactStatus: 'LOST' as never } }],
    ['no subject', { subjectId: undefined as never }],
    ['a subject without digest', { subjectId: {} as never }],
    ['a token that nobody gave out', { nextToken: 'bm90IGEgdG9rZW4' }],
  ] satisfies [string, Partial<ListImageReferrersCommandInput>][]) {
    test(`§2.4 ListImageReferrers: ${what}: refused`, async () => {
      const repositoryName = await newRepository(client)
      await refused(list(repositoryName, unknownDigest(), more), /^(InvalidParameter|Validation)Exception$/)
    })
  }

  test('§1.4: an unknown repository', async () => {
    await refused(list('not/there', unknownDigest()), 'RepositoryNotFoundException', missing('not/there'))
  })
})

describe('one store, two wires', () => {
  test('what the API pushed is served by /v2/, and a tag deleted there is gone here', async () => {
    const repositoryName = 'wires/app'
    await client.send(new CreateRepositoryCommand({ repositoryName }))
    const image = ociImage()
    await pushImage(client, repositoryName, image, 'v1', 'v2')
    const served = await ground.raw.manifest(repositoryName, 'v1')
    assert.equal(served.status, 200)
    assert.equal(served.body.toString(), image.text)
    for (const each of image.blobs) {
      assert.deepEqual((await ground.raw.blob(repositoryName, each.digest)).body, each.bytes)
    }
    assert.equal((await ground.raw.send('DELETE', `/v2/${repositoryName}/manifests/v1`)).status, 202)
    assert.deepEqual(await listed(repositoryName), [`v2@${image.digest}`])
    await deleteImages(repositoryName, { imageTag: 'v2' })
    assert.equal((await ground.raw.manifest(repositoryName, image.digest)).status, 404)
  })
})
