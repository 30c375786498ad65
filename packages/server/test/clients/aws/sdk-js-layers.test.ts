// Amazon's JavaScript SDK against a served registry: blobs in parts, whether they are there, and the links to download them (ECR API §3.4).

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import {
  BatchCheckLayerAvailabilityCommand,
  BatchDeleteImageCommand,
  CompleteLayerUploadCommand,
  type ECRClient,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  InvalidLayerPartException,
  UploadLayerPartCommand,
  type UploadLayerPartCommandInput,
} from '@aws-sdk/client-ecr'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import type { ServedRegistry } from '../../support/serve.ts'
import { type Blob, ociImage, randomBlob, sha256, sha512, unknownDigest } from './images.ts'
import {
  complete,
  ecrClient,
  initiate,
  invalidParameter,
  newRepository,
  pushImage,
  putManifest,
  refused,
  sendPart,
  uploadBlob,
} from './sdk.ts'

const MiB = 1024 * 1024

let ground: ProvingGround
let server: ServedRegistry
let client: ECRClient
let repositoryName: string

before(async () => {
  ground = await provingGround()
  server = ground.server
  client = ecrClient(server)
  repositoryName = await newRepository(client)
})
after(async () => {
  client?.destroy()
  await ground?.close()
})

const missing = (name: string) =>
  `The repository with name '${name}' does not exist in the registry with id '${server.accountId}'`

async function check(...layerDigests: string[]) {
  const { layers, failures } = await client.send(
    new BatchCheckLayerAvailabilityCommand({ repositoryName, layerDigests }),
  )
  return { layers, failures }
}

/** Has the blob in the repository as part of an image, and returns the link to it. */
async function linkTo(blob: Blob): Promise<string> {
  await pushImage(client, repositoryName, ociImage({ layers: [blob] }))
  const { downloadUrl } = await client.send(
    new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: blob.digest }),
  )
  return downloadUrl ?? ''
}

describe('§2.4 BatchCheckLayerAvailability', () => {
  test('an unknown digest is UNAVAILABLE and no failure; an uploaded one AVAILABLE with its size, unreferenced too', async () => {
    const [known, unknown] = [randomBlob(1234), unknownDigest()]
    await uploadBlob(client, repositoryName, known)
    const { layers, failures } = await check(known.digest, unknown)
    assert.deepEqual(failures, [])
    assert.equal(layers?.length, 2)
    const found = layers.find(({ layerDigest }) => layerDigest === known.digest)
    assert.equal(found?.layerAvailability, 'AVAILABLE')
    assert.equal(found?.layerSize, 1234)
    assert.deepEqual(
      layers.find(({ layerDigest }) => layerDigest === unknown),
      { layerDigest: unknown, layerAvailability: 'UNAVAILABLE' },
    )
  })

  test('malformed items are failures, each with its code', async () => {
    const { layers, failures } = await check('nonsense', '', 'sha256:', 'sha256:xyz')
    assert.deepEqual(layers, [])
    assert.deepEqual(
      failures?.map(({ layerDigest, failureCode }) => [layerDigest ?? '', failureCode]),
      [
        ['nonsense', 'InvalidLayerDigest'],
        ['', 'MissingLayerDigest'],
        ['sha256:', 'InvalidLayerDigest'],
        ['sha256:xyz', 'InvalidLayerDigest'],
      ],
    )
  })

  test('presence in another repository does not count', async () => {
    const blob = randomBlob(100)
    await uploadBlob(client, await newRepository(client), blob)
    assert.equal((await check(blob.digest)).layers?.[0]?.layerAvailability, 'UNAVAILABLE')
  })

  test('from 1 to 100 digests of at most 1000 characters, of a repository that exists', async () => {
    const many = (count: number) => Array.from({ length: count }, unknownDigest)
    assert.equal((await check(...many(100))).layers?.length, 100)
    await refused(
      check(...many(101)),
      'InvalidParameterException',
      invalidParameter('layerDigests', 'Member must have length less than or equal to 100'),
    )
    await refused(check(), 'InvalidParameterException', /layerDigests/)
    await refused(check('x'.repeat(1001)), 'InvalidParameterException', /layerDigests/)
    await refused(
      client.send(
        new BatchCheckLayerAvailabilityCommand({ repositoryName: 'not/there', layerDigests: [unknownDigest()] }),
      ),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })
})

describe('§3.4.1 an upload by parts', () => {
  test('InitiateLayerUpload: a new UUID each time and a part size of 10 MiB', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map(() => client.send(new InitiateLayerUploadCommand({ repositoryName }))),
    )
    assert.equal(new Set(answers.map(({ uploadId }) => uploadId)).size, 3)
    for (const { uploadId, partSize } of answers) {
      assert.match(uploadId ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assert.equal(partSize, 10_485_760)
    }
    await refused(
      client.send(new InitiateLayerUploadCommand({ repositoryName: 'not/there' })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })

  test('a single part, however small: every answer names registry, repository and upload', async () => {
    const blob = randomBlob(1)
    const uploadId = await initiate(client, repositoryName)
    const { $metadata: _part, ...part } = await sendPart(client, repositoryName, uploadId, blob.bytes)
    assert.deepEqual(part, { registryId: server.accountId, repositoryName, uploadId, lastByteReceived: 0 })
    const { $metadata: _done, ...done } = await complete(client, repositoryName, uploadId, blob.digest)
    assert.deepEqual(done, { registryId: server.accountId, repositoryName, uploadId, layerDigest: blob.digest })
    assert.equal((await check(blob.digest)).layers?.[0]?.layerSize, 1)
  })

  for (const [what, sizes] of [
    ['5 MiB, 5 MiB and 100 bytes', [5 * MiB, 5 * MiB, 100]],
    ['10 MiB and 10 MiB', [10 * MiB, 10 * MiB]],
    ['20 MiB, the limit of the model, and one byte', [20 * MiB, 1]],
    ['5 MiB, 7,654,321 and 6,000,000 bytes', [5 * MiB, 7_654_321, 6_000_000]],
  ] as const) {
    test(`parts of ${what} make one blob, byte for byte`, async () => {
      const blob = randomBlob(sizes.reduce((sum, size) => sum + size, 0))
      const uploadId = await initiate(client, repositoryName)
      let first = 0
      for (const size of sizes) {
        const { lastByteReceived } = await sendPart(
          client,
          repositoryName,
          uploadId,
          blob.bytes.subarray(first, first + size),
          first,
        )
        first += size
        assert.equal(lastByteReceived, first - 1)
      }
      await complete(client, repositoryName, uploadId, blob.digest)
      const answer = await fetch(await linkTo(blob))
      assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), blob.digest)
    })
  }

  const wrongParts: [string, number, Partial<UploadLayerPartCommandInput>][] = [
    ['the second part first', 0, { partFirstByte: 1000, partLastByte: 1999 }],
    ['a gap', 1000, { partFirstByte: 1001, partLastByte: 2000 }],
    ['an overlap', 1000, { partFirstByte: 999, partLastByte: 1998 }],
    ['the same range again', 1000, { partFirstByte: 0, partLastByte: 999 }],
    ['a range longer than the bytes', 1000, { partFirstByte: 1000, partLastByte: 2999 }],
    ['a range shorter than the bytes', 1000, { partFirstByte: 1000, partLastByte: 1500 }],
    ['a range that ends before it begins', 1000, { partFirstByte: 1000, partLastByte: 5 }],
    ['a huge range', 1000, { partFirstByte: 9e15, partLastByte: 9e15 + 999 }],
    ['no bytes', 1000, { partFirstByte: 1000, partLastByte: 1000, layerPartBlob: Buffer.alloc(0) }],
  ]
  for (const [what, stored, wrong] of wrongParts) {
    test(`iam 6.31: ${what}: InvalidLayerPartException says where to go on, and the upload does`, async () => {
      const blob = randomBlob(2000)
      const uploadId = await initiate(client, repositoryName)
      if (stored > 0) await sendPart(client, repositoryName, uploadId, blob.bytes.subarray(0, stored))
      const error = await refused(
        client.send(
          new UploadLayerPartCommand({
            repositoryName,
            uploadId,
            partFirstByte: stored,
            partLastByte: stored + 999,
            layerPartBlob: blob.bytes.subarray(1000),
            ...wrong,
          }),
        ),
        'InvalidLayerPartException',
      )
      assert.ok(error instanceof InvalidLayerPartException)
      const { registryId, lastValidByteReceived } = error
      assert.deepEqual(
        [registryId, error.repositoryName, error.uploadId],
        [server.accountId, repositoryName, uploadId],
        '§1.3: the extra members',
      )
      if (stored > 0) assert.equal(lastValidByteReceived, stored - 1)
      else assert.ok(lastValidByteReceived === 0 || lastValidByteReceived === -1, `${lastValidByteReceived}`)
      // One part in all, since parts before the last must be 5 MiB: the bytes that were refused must not have been kept.
      if (stored > 0) {
        await complete(client, repositoryName, uploadId, sha256(blob.bytes.subarray(0, stored)))
      } else {
        await sendPart(client, repositoryName, uploadId, blob.bytes)
        await complete(client, repositoryName, uploadId, blob.digest)
      }
    })
  }

  const shapes: [string, Partial<UploadLayerPartCommandInput>, RegExp][] = [
    ['a negative first byte', { partFirstByte: -1 }, /partFirstByte/],
    ['a negative last byte', { partFirstByte: 0, partLastByte: -1 }, /partLastByte/],
    ['no first byte', { partFirstByte: undefined as never }, /partFirstByte/],
    ['no bytes at all', { layerPartBlob: undefined as never }, /layerPartBlob/],
    ['an upload id that is no UUID', { uploadId: 'abc' }, /uploadId/],
    ['no upload id', { uploadId: undefined as never }, /uploadId/],
    [
      'more than 20,971,520 bytes',
      { partLastByte: 20 * MiB, layerPartBlob: Buffer.alloc(20 * MiB + 1) },
      /layerPartBlob/,
    ],
  ]
  for (const [what, wrong, member] of shapes) {
    test(`§2.4 UploadLayerPart: ${what}: refused`, async () => {
      const uploadId = await initiate(client, repositoryName)
      await refused(
        client.send(
          new UploadLayerPartCommand({
            repositoryName,
            uploadId,
            partFirstByte: 0,
            partLastByte: 9,
            layerPartBlob: Buffer.alloc(10),
            ...wrong,
          }),
        ),
        'InvalidParameterException',
        member,
      )
    })
  }

  test('§1.4: parts before the last below 5 MiB are found out at completion', async () => {
    const blob = randomBlob(5 * MiB + 10)
    const uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, blob.bytes.subarray(0, 5 * MiB - 1))
    await sendPart(client, repositoryName, uploadId, blob.bytes.subarray(5 * MiB - 1), 5 * MiB - 1)
    await refused(
      complete(client, repositoryName, uploadId, blob.digest),
      'LayerPartTooSmallException',
      'All layer parts except the last part should be at least 5MB',
    )
    assert.equal((await check(blob.digest)).layers?.[0]?.layerAvailability, 'UNAVAILABLE')
  })

  test('§1.4: an upload without parts cannot be completed: zero-byte blobs do not exist on this wire', async () => {
    const uploadId = await initiate(client, repositoryName)
    await refused(
      complete(client, repositoryName, uploadId, sha256('')),
      'EmptyUploadException',
      `The upload with id '${uploadId}' in the repository with name '${repositoryName}' in registry with id '${server.accountId}' cannot be completed because it does not have any parts`,
    )
  })

  test('§2.4 CompleteLayerUpload: bytes that do not hash to the digest are not stored', async () => {
    const [blob, other] = [randomBlob(100), unknownDigest()]
    const uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, blob.bytes)
    await refused(complete(client, repositoryName, uploadId, other), 'InvalidLayerException')
    const { layers } = await check(blob.digest, other)
    assert.deepEqual([...new Set(layers?.map(({ layerAvailability }) => layerAvailability))], ['UNAVAILABLE'])
  })

  test('§2.4 CompleteLayerUpload: several digests of one layer, each of which must be right', async () => {
    const blob = randomBlob(100)
    let uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, blob.bytes)
    await refused(
      complete(client, repositoryName, uploadId, blob.digest, sha512('something else')),
      'InvalidLayerException',
    )
    uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, blob.bytes)
    const { layerDigest } = await complete(client, repositoryName, uploadId, blob.digest, sha512(blob.bytes))
    assert.equal(layerDigest, blob.digest)
  })

  test('§2.4 CompleteLayerUpload: from 1 to 100 digests that look like digests', async () => {
    const uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, Buffer.from('x'))
    await refused(complete(client, repositoryName, uploadId), 'InvalidParameterException', /layerDigests/)
    await refused(complete(client, repositoryName, uploadId, 'nonsense'), 'InvalidParameterException', /layerDigests/)
    await refused(
      complete(client, repositoryName, uploadId, ...Array.from({ length: 101 }, () => sha256('x'))),
      'InvalidParameterException',
      invalidParameter('layerDigests', 'Member must have length less than or equal to 100'),
    )
    await complete(client, repositoryName, uploadId, sha256('x'))
  })

  test('§2.6: a blob that the repository holds is LayerAlreadyExists', async () => {
    const blob = randomBlob(100)
    await uploadBlob(client, repositoryName, blob)
    const uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, blob.bytes)
    const error = await refused(complete(client, repositoryName, uploadId, blob.digest), 'LayerAlreadyExistsException')
    assert.ok(error.message.includes(blob.digest) && error.message.includes(repositoryName), error.message)
  })

  test('§3.4.1: of four uploads of one blob completed at once, one stores it and the others learn that it exists', async () => {
    const blob = randomBlob(3 * MiB)
    const uploads = await Promise.all([1, 2, 3, 4].map(() => initiate(client, repositoryName)))
    await Promise.all(uploads.map((uploadId) => sendPart(client, repositoryName, uploadId, blob.bytes)))
    const outcomes = await Promise.allSettled(
      uploads.map((uploadId) => complete(client, repositoryName, uploadId, blob.digest)),
    )
    const losers = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.equal(losers.length, 3)
    assert.deepEqual([...new Set(losers.map((loser) => loser.reason.name))], ['LayerAlreadyExistsException'])
    const answer = await fetch(await linkTo(blob))
    assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), blob.digest)
  })

  test('iam 6.31: two completions of one upload at once have one winner', async () => {
    const blob = randomBlob(3 * MiB)
    const uploadId = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, uploadId, blob.bytes)
    const outcomes = await Promise.allSettled([
      complete(client, repositoryName, uploadId, blob.digest),
      complete(client, repositoryName, uploadId, blob.digest),
    ])
    const losers = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.equal(losers.length, 1)
    assert.match(losers[0]?.reason.name, /^(UploadNotFoundException|LayerAlreadyExistsException)$/)
  })

  test('iam 6.31: two parts for the same range at once have one winner, and no byte is mixed', async () => {
    const [one, two] = [randomBlob(2 * MiB), randomBlob(2 * MiB)]
    const uploadId = await initiate(client, repositoryName)
    const outcomes = await Promise.allSettled(
      [one, two].map((part) => sendPart(client, repositoryName, uploadId, part.bytes)),
    )
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const winner = outcomes[0]?.status === 'fulfilled' ? one : two
    await complete(client, repositoryName, uploadId, winner.digest)
  })

  test('iam 6.30: an upload id of another repository, an unknown one, a finished one: UploadNotFoundException', async () => {
    const blob = randomBlob(100)
    const elsewhere = await initiate(client, await newRepository(client))
    const finished = await initiate(client, repositoryName)
    await sendPart(client, repositoryName, finished, blob.bytes)
    await complete(client, repositoryName, finished, blob.digest)
    for (const uploadId of [elsewhere, randomUUID(), finished]) {
      const part = await refused(sendPart(client, repositoryName, uploadId, blob.bytes), 'UploadNotFoundException')
      assert.ok(part.message.includes(uploadId), part.message)
      await refused(complete(client, repositoryName, uploadId, blob.digest), 'UploadNotFoundException')
    }
  })

  test('§1.4: parts and completion for an unknown repository', async () => {
    const uploadId = randomUUID()
    await refused(
      sendPart(client, 'not/there', uploadId, Buffer.from('x')),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
    await refused(
      client.send(
        new CompleteLayerUploadCommand({ repositoryName: 'not/there', uploadId, layerDigests: [sha256('x')] }),
      ),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })
})

describe('§3.4.2 GetDownloadUrlForLayer', () => {
  test('unknown: LayersNotFound; uploaded but in no image: LayerInaccessible; in an image: a link; image deleted: no link', async () => {
    const blob = randomBlob(500)
    const get = () => client.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: blob.digest }))
    await refused(
      get(),
      'LayersNotFoundException',
      `The layer with digest ${blob.digest} does not exist within the repository with name '${repositoryName}' in the registry with id '${server.accountId}'`,
    )
    await uploadBlob(client, repositoryName, blob)
    await refused(get(), 'LayerInaccessibleException')
    const image = ociImage({ layers: [blob] })
    await pushImage(client, repositoryName, image)
    const { downloadUrl, layerDigest } = await get()
    assert.equal(layerDigest, blob.digest)
    assert.ok(downloadUrl?.startsWith(`${server.url}/_berth/`), downloadUrl)
    await client.send(new BatchDeleteImageCommand({ repositoryName, imageIds: [{ imageDigest: image.digest }] }))
    await refused(get(), /^(LayerInaccessible|LayersNotFound)Exception$/)
  })

  test('an untagged image is enough, for its config too', async () => {
    const image = ociImage()
    await pushImage(client, repositoryName, image)
    for (const { digest, bytes } of image.blobs) {
      const { downloadUrl } = await client.send(
        new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: digest }),
      )
      const answer = await fetch(downloadUrl ?? '')
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes)
    }
  })

  test('the link needs no credentials and delivers the exact bytes, as an attachment that no browser runs', async () => {
    const blob = randomBlob(100_000)
    const answer = await fetch(await linkTo(blob))
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('content-length'), '100000')
    assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    assert.match(answer.headers.get('content-disposition') ?? '', /^attachment/)
    assert.match(answer.headers.get('content-security-policy') ?? '', /sandbox/)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), blob.bytes)
  })

  for (const [range, first, last] of [
    ['bytes=0-0', 0, 0],
    ['bytes=100-199', 100, 199],
    ['bytes=9990-', 9990, 9999],
    ['bytes=-5', 9995, 9999],
    ['bytes=9000-99999', 9000, 9999],
  ] as const) {
    test(`the link honours Range: ${range}`, async () => {
      const blob = randomBlob(10_000)
      const answer = await fetch(await linkTo(blob), { headers: { range } })
      assert.equal(answer.status, 206)
      assert.equal(answer.headers.get('content-range'), `bytes ${first}-${last}/10000`)
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), blob.bytes.subarray(first, last + 1))
    })
  }

  test('the link answers 416 where the blob has no such range', async () => {
    const answer = await fetch(await linkTo(randomBlob(1000)), { headers: { range: 'bytes=1000-' } })
    assert.equal(answer.status, 416)
    assert.equal(answer.headers.get('content-range'), 'bytes */1000')
  })

  test('iam 6.47: a link that was changed anywhere is refused with 403, and tells nothing', async () => {
    const [one, two] = [randomBlob(100), randomBlob(100)]
    const [link, other] = [await linkTo(one), await linkTo(two)]
    assert.equal((await fetch(link)).status, 200)
    const start = `${server.url}/_berth/`.length
    // Not the last character: base64 may leave bits of it unused.
    const places = Array.from({ length: 24 }, (_, i) => start + Math.floor(((link.length - 2 - start) * i) / 23))
    const changed = [
      ...places.map((place) => flipped(link, place)),
      link.slice(0, -4),
      `${link}AAAA`,
      link.slice(0, -20) + other.slice(-20),
      link.slice(0, start + 20) + other.slice(start + 20),
    ].filter((url) => url !== link && url !== other)
    assert.ok(changed.length > 20)
    for (const url of changed) {
      const answer = await fetch(url)
      // A change in the fixed part of the path is another address.
      assert.ok([403, 404].includes(answer.status), `${answer.status} for ${url}`)
      if (new URL(url).pathname.split('/').length === new URL(link).pathname.split('/').length) {
        const same = url.startsWith(link.slice(0, link.lastIndexOf('/') + 1))
        if (same) assert.equal(answer.status, 403, url)
      }
      const body = Buffer.from(await answer.arrayBuffer())
      assert.ok(!body.equals(one.bytes) && !body.equals(two.bytes))
    }
  })

  test('iam 6.28: a blob of another repository has no link here', async () => {
    const blob = randomBlob(100)
    await pushImage(client, await newRepository(client), ociImage({ layers: [blob] }))
    await refused(
      client.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: blob.digest })),
      'LayersNotFoundException',
    )
    await refused(putManifest(client, repositoryName, ociImage({ layers: [blob] })), 'LayersNotFoundException')
  })

  test('§2.1: a digest that is none, and a repository that is not there', async () => {
    await refused(
      client.send(new GetDownloadUrlForLayerCommand({ repositoryName, layerDigest: 'nonsense' })),
      'InvalidParameterException',
      /layerDigest/,
    )
    await refused(
      client.send(new GetDownloadUrlForLayerCommand({ repositoryName: 'not/there', layerDigest: unknownDigest() })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })
})

/** The same text with another character at one place. */
function flipped(text: string, place: number): string {
  return text.slice(0, place) + (text[place] === 'A' ? 'B' : 'A') + text.slice(place + 1)
}
