// Blobs by ECR's API: check, initiate, parts, complete, download; whole answers and every refusal that is reachable
// (ECR API 1.4, 2.4, 3.4).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { invalidParameter, targetPrefix } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { digestOf, mediaTypes } from '../support/image-builder.ts'

const repositoryName = 'layers'
const mebibyte = 1024 * 1024
const unknown = `sha256:${'0'.repeat(64)}`

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
  await registry.aws.ok('CreateRepository', { repositoryName })
})
after(() => registry?.close())

const inRepository = `in the repository with name '${repositoryName}' in registry with id '${account}'`
const inTheRepository = `in the repository with name '${repositoryName}' in the registry with id '${account}'`
const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')

async function initiate(): Promise<string> {
  return (await registry.aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName })).uploadId
}

function partOf(uploadId: string, bytes: Uint8Array | string, partFirstByte = 0, more: object = {}): object {
  const { length } = Buffer.from(bytes)
  return {
    repositoryName,
    uploadId,
    partFirstByte,
    partLastByte: partFirstByte + length - 1,
    layerPartBlob: base64(bytes),
    ...more,
  }
}

const sendPart = (...part: Parameters<typeof partOf>) => registry.aws.ok('UploadLayerPart', partOf(...part))
const complete = (uploadId: string, ...layerDigests: string[]) =>
  registry.aws.ok('CompleteLayerUpload', { repositoryName, uploadId, layerDigests })

async function upload(content: string): Promise<string> {
  const uploadId = await initiate()
  await sendPart(uploadId, content)
  await complete(uploadId, digestOf(Buffer.from(content)))
  return digestOf(Buffer.from(content))
}

const uploadNotFound = (uploadId: string) => `The upload with id '${uploadId}' does not exist ${inTheRepository}`

describe('3.4.1: from InitiateLayerUpload to CompleteLayerUpload', () => {
  test('an id that is a UUID, and the size of parts that is preferred', async () => {
    const answer = await registry.aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName })
    assert.match(answer.uploadId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.deepEqual(answer, { uploadId: answer.uploadId, partSize: 10_485_760 })
  })

  test('parts are echoed by their last byte, the end by the digest', async () => {
    const uploadId = await initiate()
    const [first, last] = [Buffer.alloc(5 * mebibyte, 'a'), Buffer.from('the end')]
    const inUpload = { registryId: account, repositoryName, uploadId }
    assert.deepEqual(await sendPart(uploadId, first), { ...inUpload, lastByteReceived: 5 * mebibyte - 1 })
    assert.deepEqual(await sendPart(uploadId, last, first.length), {
      ...inUpload,
      lastByteReceived: first.length + last.length - 1,
    })
    const layerDigest = digestOf(Buffer.concat([first, last]))
    assert.deepEqual(await complete(uploadId, layerDigest), { ...inUpload, layerDigest })
    assert.deepEqual(
      await registry.aws.ok('BatchCheckLayerAvailability', { repositoryName, layerDigests: [layerDigest] }),
      {
        layers: [{ layerDigest, layerAvailability: 'AVAILABLE', layerSize: first.length + last.length }],
        failures: [],
      },
    )
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName, uploadId, layerDigests: [layerDigest] },
      'UploadNotFoundException',
      uploadNotFound(uploadId),
    )
  })

  test('digests of one layer in several algorithms, in any case of letters; the answer has sha256', async () => {
    const bytes = Buffer.from('two digests')
    const uploadId = await initiate()
    await sendPart(uploadId, bytes)
    const sha256 = digestOf(bytes)
    const upperCase = `sha256:${sha256.slice(7).toUpperCase()}`
    assert.deepEqual(await complete(uploadId, digestOf(bytes, 'sha512'), upperCase), {
      registryId: account,
      repositoryName,
      uploadId,
      layerDigest: sha256,
    })
  })

  test('a part of 20 MiB is taken, and one byte more is not (2.1)', async () => {
    const uploadId = await initiate()
    const bytes = Buffer.alloc(20 * mebibyte, 7)
    await sendPart(uploadId, bytes)
    await registry.aws.refused(
      'UploadLayerPart',
      partOf(uploadId, Buffer.alloc(20 * mebibyte + 1), bytes.length),
      'InvalidParameterException',
      invalidParameter('layerPartBlob', 'Member must have length less than or equal to 20971520'),
    )
    await complete(uploadId, digestOf(bytes))
  })

  test('a part that is not where the last one ended, or not as long as it says, tells where to go on', async () => {
    const uploadId = await initiate()
    const extra = (lastValidByteReceived: number) => ({
      registryId: account,
      repositoryName,
      uploadId,
      lastValidByteReceived,
    })
    const refused = (part: object, message: string, last: number) =>
      registry.aws.refused('UploadLayerPart', part, 'InvalidLayerPartException', message, extra(last))
    await refused(partOf(uploadId, 'abc', 5), 'First byte of the layer part is 5 instead of 0', 0)
    await sendPart(uploadId, 'abc')
    await refused(partOf(uploadId, 'abc'), 'First byte of the layer part is 0 instead of 3', 2)
    await refused(partOf(uploadId, 'abc', 4), 'First byte of the layer part is 4 instead of 3', 2)
    await refused(partOf(uploadId, 'abc', 3, { partLastByte: 6 }), 'The layer part has 3 bytes instead of 4', 2)
    await refused(partOf(uploadId, 'abc', 3, { partLastByte: 1 }), 'The layer part has 3 bytes instead of -1', 2)
    await sendPart(uploadId, 'def', 3)
    await refused(partOf(uploadId, '', 6, { partLastByte: 6 }), 'The layer part has 0 bytes instead of 1', 5)
  })

  test('a part that is no base64 is a SerializationException, and changes nothing', async () => {
    const uploadId = await initiate()
    const padded = `${'A'.repeat(mebibyte - 4)}AA==${'A'.repeat(400)}`
    for (const layerPartBlob of ['Q', 'QQ', 'QQ=', 'Q===', 'QQ==QQ==', 'Q-_=', 'QR==', ' QQ=', padded]) {
      const part = partOf(uploadId, 'A', 0, { layerPartBlob, partLastByte: (mebibyte / 4) * 3 - 2 + 300 - 1 })
      await registry.aws.refused('UploadLayerPart', part, 'SerializationException', 'A blob is not valid base64')
    }
    await sendPart(uploadId, 'abc')
  })

  test('an upload without bytes cannot be completed (EmptyUploadException)', async () => {
    const uploadId = await initiate()
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName, uploadId, layerDigests: [unknown] },
      'EmptyUploadException',
      `The upload with id '${uploadId}' ${inRepository} cannot be completed because it does not have any parts`,
    )
    await sendPart(uploadId, 'not empty any more')
    await complete(uploadId, digestOf(Buffer.from('not empty any more')))
  })

  test('a part below 5 MiB that is not the last shows at the end (LayerPartTooSmallException)', async () => {
    const uploadId = await initiate()
    await sendPart(uploadId, 'small')
    await sendPart(uploadId, 'last', 5)
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName, uploadId, layerDigests: [digestOf(Buffer.from('smalllast'))] },
      'LayerPartTooSmallException',
      'All layer parts except the last part should be at least 5MB',
    )
  })

  test('a digest that is not that of the bytes ends the upload (InvalidLayerException)', async () => {
    const uploadId = await initiate()
    await sendPart(uploadId, 'some bytes')
    const calculated = digestOf(Buffer.from('some bytes'))
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName, uploadId, layerDigests: [calculated, unknown] },
      'InvalidLayerException',
      `None of the provided digests [${calculated}, ${unknown}] match the calculated digest '${calculated}' of the layer`,
    )
    await registry.aws.refused(
      'UploadLayerPart',
      partOf(uploadId, 'more', 10),
      'UploadNotFoundException',
      uploadNotFound(uploadId),
    )
    assert.deepEqual(
      await registry.aws.ok('BatchCheckLayerAvailability', { repositoryName, layerDigests: [calculated] }),
      { layers: [{ layerDigest: calculated, layerAvailability: 'UNAVAILABLE' }], failures: [] },
    )
  })

  test('a layer that is there already (LayerAlreadyExistsException), whether large or small; the upload is over', async () => {
    for (const content of ['twice', 'x'.repeat(100_000)]) {
      const digest = await upload(content)
      const uploadId = await initiate()
      await sendPart(uploadId, content)
      const again = { repositoryName, uploadId, layerDigests: [digest] }
      await registry.aws.refused(
        'CompleteLayerUpload',
        again,
        'LayerAlreadyExistsException',
        `The layer with digest '${digest}' already exists ${inRepository}`,
      )
      await registry.aws.refused('CompleteLayerUpload', again, 'UploadNotFoundException', uploadNotFound(uploadId))
    }
  })

  test('an upload of another repository, of another user, or of nobody does not exist', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'elsewhere' })
    const uploadId = await initiate()
    await registry.aws.refused(
      'UploadLayerPart',
      partOf(uploadId, 'x', 0, { repositoryName: 'elsewhere' }),
      'UploadNotFoundException',
      `The upload with id '${uploadId}' does not exist in the repository with name 'elsewhere' in the registry with id '${account}'`,
    )
    const nobodys = '6f1c5a0e-7a1b-4d1e-9f0a-0123456789ab'
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName, uploadId: nobodys, layerDigests: [unknown] },
      'UploadNotFoundException',
      uploadNotFound(nobodys),
    )
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName, uploadId: 'x', layerDigests: [unknown] },
      'InvalidParameterException',
      invalidParameter(
        'uploadId',
        'Member must satisfy regular expression pattern: [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
      ),
    )
  })

  test('1.5: members with the wrong form', async () => {
    const uploadId = await initiate()
    const pattern = 'Member must satisfy regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'
    const cases: [string, object, string, string][] = [
      [
        'UploadLayerPart',
        partOf(uploadId, 'x', -1),
        'partFirstByte',
        'Member must have value greater than or equal to 0',
      ],
      [
        'UploadLayerPart',
        partOf(uploadId, 'x', 0, { partLastByte: -1 }),
        'partLastByte',
        'Member must have value greater than or equal to 0',
      ],
      ['CompleteLayerUpload', { layerDigests: ['x'] }, 'layerDigests.1.member', pattern],
      [
        'CompleteLayerUpload',
        { layerDigests: [] },
        'layerDigests',
        'Member must have length greater than or equal to 1',
      ],
      [
        'CompleteLayerUpload',
        { layerDigests: Array.from({ length: 101 }, () => unknown) },
        'layerDigests',
        'Member must have length less than or equal to 100',
      ],
      ['GetDownloadUrlForLayer', { layerDigest: 'sha256:xyz' }, 'layerDigest', pattern],
    ]
    for (const [operation, input, member, constraint] of cases) {
      await registry.aws.refused(
        operation,
        { repositoryName, uploadId, ...input },
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    }
  })

  test('quota: 4,200 parts', async () => {
    const uploadId = await initiate()
    await sendPart(uploadId, 'x')
    await registry.sql(`UPDATE uploads SET part_count = 4200 WHERE upload_id = '${uploadId}'`)
    await registry.aws.refused(
      'UploadLayerPart',
      partOf(uploadId, 'y', 1),
      'LimitExceededException',
      'A layer may have 4200 parts and 54525952000 bytes',
    )
  })
})

describe('BatchCheckLayerAvailability', () => {
  test('one entry a digest, in order; only malformed ones are failures (2.4)', async () => {
    const digest = await upload('checked')
    assert.deepEqual(
      await registry.aws.ok('BatchCheckLayerAvailability', {
        repositoryName,
        layerDigests: [
          unknown,
          digest,
          '',
          'no digest',
          digest,
          'md5:abcd',
          digestOf(Buffer.from('checked'), 'sha512'),
        ],
      }),
      {
        layers: [
          { layerDigest: unknown, layerAvailability: 'UNAVAILABLE' },
          { layerDigest: digest, layerAvailability: 'AVAILABLE', layerSize: 7 },
          { layerDigest: digest, layerAvailability: 'AVAILABLE', layerSize: 7 },
          { layerDigest: 'md5:abcd', layerAvailability: 'UNAVAILABLE' },
          { layerDigest: digestOf(Buffer.from('checked'), 'sha512'), layerAvailability: 'UNAVAILABLE' },
        ],
        failures: [
          {
            layerDigest: '',
            failureCode: 'MissingLayerDigest',
            failureReason: 'Invalid request parameters: layer digest cannot be empty',
          },
          {
            layerDigest: 'no digest',
            failureCode: 'InvalidLayerDigest',
            failureReason:
              "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
          },
        ],
      },
    )
  })

  test('a layer of another repository is not available here', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'neighbour' })
    const layerDigest = await upload('of the neighbour')
    assert.deepEqual(
      await registry.aws.ok('BatchCheckLayerAvailability', {
        repositoryName: 'neighbour',
        layerDigests: [layerDigest],
      }),
      { layers: [{ layerDigest, layerAvailability: 'UNAVAILABLE' }], failures: [] },
    )
  })

  test('1 to 100 texts of up to 1,000 characters', async () => {
    const check = (layerDigests: unknown, member: string, constraint: string) =>
      registry.aws.refused(
        'BatchCheckLayerAvailability',
        { repositoryName, layerDigests },
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    await check([], 'layerDigests', 'Member must have length greater than or equal to 1')
    await check(
      Array.from({ length: 101 }, () => unknown),
      'layerDigests',
      'Member must have length less than or equal to 100',
    )
    await check(['x'.repeat(1001)], 'layerDigests.1.member', 'Member must have length less than or equal to 1000')
    await check([unknown, null], 'layerDigests.2.member', 'Member must not be null')
  })
})

describe('3.4.2: GetDownloadUrlForLayer', () => {
  test('a layer that nobody has, of a form we know or not', async () => {
    for (const layerDigest of [unknown, 'md5:abcd']) {
      await registry.aws.refused(
        'GetDownloadUrlForLayer',
        { repositoryName, layerDigest },
        'LayersNotFoundException',
        `The layer with digest ${layerDigest} does not exist within the repository with name '${repositoryName}' in the registry with id '${account}'`,
      )
    }
  })

  test('a layer becomes accessible with the first image that names it', async () => {
    const config = await upload('{}')
    const layerDigest = await upload('to be downloaded')
    await registry.aws.refused(
      'GetDownloadUrlForLayer',
      { repositoryName, layerDigest },
      'LayerInaccessibleException',
      `The layer with digest '${layerDigest}' ${inRepository} is not accessible because no image references it`,
    )
    await registry.aws.ok('PutImage', {
      repositoryName,
      imageManifest: JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociEmpty, digest: config, size: 2 },
        layers: [{ mediaType: mediaTypes.ociLayer, digest: layerDigest, size: 16 }],
      }),
    })
    const answer = await registry.aws.ok<{ downloadUrl: string }>('GetDownloadUrlForLayer', {
      repositoryName,
      layerDigest,
    })
    assert.deepEqual(answer, { downloadUrl: answer.downloadUrl, layerDigest })
    assert.ok(answer.downloadUrl.startsWith(`http://${registry.host}/_berth/blobs/`), answer.downloadUrl)
    const { pathname } = new URL(answer.downloadUrl)
    assert.equal((await registry.http.send('GET', pathname)).text, 'to be downloaded')
  })
})

test('an upload that one wire began, the other ends', async () => {
  const uploadId = await initiate()
  await sendPart(uploadId, 'begun by the API, ')
  const location = `/v2/${repositoryName}/blobs/uploads/${uploadId}`
  assert.equal((await registry.oci.send('PATCH', location, { body: 'ended by docker' })).headers.range, '0-32')
  const digest = digestOf(Buffer.from('begun by the API, ended by docker'))
  assert.equal((await registry.oci.send('PUT', `${location}?digest=${digest}`)).status, 201)

  const started = await registry.oci.startUpload(repositoryName)
  await registry.oci.send('PATCH', started, { body: 'the other way' })
  await complete(String(started.split('/').at(-1)), digestOf(Buffer.from('the other way')))
})

test('a body above the limit of the operation is refused before it is read', async () => {
  const answer = await registry.aws.send({
    target: `${targetPrefix}.UploadLayerPart`,
    body: 'x'.repeat(28_100_000),
  })
  assert.equal(answer.status, 413)
})
