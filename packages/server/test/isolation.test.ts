// Accounts and regions in one store are registries of their own. Whatever one of them knows (a name, a digest, an upload id, a page token, a
// link, a docker token) is tried on the other, on both wires. Rows are those of the security tests in the IAM reference.

import assert from 'node:assert/strict'
import { get } from 'node:http'
import { after, before, describe, test } from 'node:test'
import {
  BatchCheckLayerAvailabilityCommand,
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  CreateRepositoryCommand,
  DeleteRepositoryCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  type ECRClient,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  ListImageReferrersCommand,
  ListImagesCommand,
  ListTagsForResourceCommand,
  PutImageCommand,
  PutImageScanningConfigurationCommand,
  PutImageTagMutabilityCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-ecr'
import { blob, imageIndex, type Manifest, ociImage, randomBlob, referrer, sha256 } from './clients/aws/images.ts'
import {
  complete,
  ecrClient,
  initiate,
  pushImage,
  putManifest,
  refused,
  sendPart,
  uploadBlob,
} from './clients/aws/sdk.ts'
import { dockerPassword } from './support/proving-ground.ts'
import { type RawAnswer, type RawRegistry, rawRegistry, said } from './support/raw-registry.ts'
import { manualClock, type TestRegistry, testRegistry } from './support/test-registry.ts'

const ours = '123456789012'
const theirs = '210987654321'
const home = 'us-east-1'
const abroad = 'eu-west-1'
/** In both accounts; only ours holds the image. */
const name = 'shared/app'
/** In our account only. */
const secretName = 'only/ours'

interface Side {
  account: string
  client: ECRClient
  /** On the plain host the token says which registry is meant. */
  docker: RawRegistry
}

let registry: TestRegistry
let us: Side
let them: Side
let usAbroad: Side
let image: Manifest
let signature: Manifest

before(async () => {
  registry = await testRegistry()
  const side = async (account: string, region: string, key: { accessKeyId: string; secretAccessKey: string }) => {
    const client = ecrClient({ url: registry.url, region, ...key })
    return { account, client, docker: rawRegistry(registry.url, await dockerPassword(client)) }
  }
  us = await side(ours, home, registry.credentials)
  usAbroad = await side(ours, abroad, registry.credentials)
  them = await side(theirs, home, await registry.createAccount(theirs))
  image = ociImage({ layers: [randomBlob(5000)] })
  signature = referrer(image, 'application/vnd.example.signature')
  for (const { client } of [us, them]) await client.send(new CreateRepositoryCommand({ repositoryName: name }))
  await us.client.send(new CreateRepositoryCommand({ repositoryName: secretName, tags: [{ Key: 'a', Value: 'b' }] }))
  await pushImage(us.client, name, image, 'v1', 'v2', 'v3')
  await pushImage(us.client, name, signature)
  await pushImage(us.client, secretName, image, 'v1')
})
after(async () => {
  for (const side of [us, usAbroad, them]) {
    side?.client.destroy()
    side?.docker.close()
  }
  await registry?.close()
})

const registryHost = (account: string, region: string) => `${account}.dkr.ecr.${region}.localhost`
const missing = (repositoryName: string, account: string) =>
  `The repository with name '${repositoryName}' does not exist in the registry with id '${account}'`
const denied = (caller: string, action: string, account: string, repositoryName: string) =>
  new RegExp(
    `^User: arn:aws:iam::${caller}:user/\\S+ is not authorized to perform: ecr:${action} on resource: arn:aws:ecr:${home}:${account}:repository/${repositoryName} because no (identity|resource)-based policy allows the ecr:${action} action$`,
  )

async function expectDocker(
  answer: Promise<RawAnswer>,
  status: number | number[],
  code?: string,
  message?: string | RegExp,
): Promise<RawAnswer> {
  const got = await answer
  assert.ok([status].flat().includes(got.status), said(`${status} ${code ?? ''} expected`, got))
  if (code) {
    const error = (JSON.parse(got.body.toString()) as { errors: { code: string; message: string }[] }).errors[0]
    assert.equal(error?.code, code, said(`${code} expected`, got))
    if (typeof message === 'string') assert.equal(error.message, message)
    else if (message) assert.match(error.message, message)
  }
  return got
}

describe('repositories of another account', () => {
  test('each account lists its own only, on both wires', async () => {
    const names = async ({ client }: Side) =>
      (await client.send(new DescribeRepositoriesCommand({}))).repositories?.map((each) => each.repositoryName)
    assert.deepEqual(await names(us), [secretName, name].toSorted())
    assert.deepEqual(await names(them), [name])
    const catalog = async ({ docker }: Side) =>
      (JSON.parse((await docker.send('GET', '/v2/_catalog')).body.toString()) as { repositories: string[] })
        .repositories
    assert.deepEqual(await catalog(us), [secretName, name].toSorted())
    assert.deepEqual(await catalog(them), [name])
  })

  test('the ARN and the id of a repository are those of its account', async () => {
    const { repositories } = await them.client.send(new DescribeRepositoriesCommand({ repositoryNames: [name] }))
    assert.equal(repositories?.[0]?.registryId, theirs)
    assert.equal(repositories?.[0]?.repositoryArn, `arn:aws:ecr:${home}:${theirs}:repository/${name}`)
  })

  test('our name is unknown in their registry, and their registry is named in the text', async () => {
    await refused(
      them.client.send(new DescribeImagesCommand({ repositoryName: secretName })),
      'RepositoryNotFoundException',
      missing(secretName, theirs),
    )
    await expectDocker(them.docker.manifest(secretName, 'v1'), 404, 'NAME_UNKNOWN', missing(secretName, theirs))
    await expectDocker(them.docker.send('GET', `/v2/${secretName}/tags/list`), 404, 'NAME_UNKNOWN')
    await expectDocker(them.docker.send('POST', `/v2/${secretName}/blobs/uploads/`), 404, 'NAME_UNKNOWN')
  })

  for (const [what, repositoryName] of [
    ['that is there', secretName],
    ['that is not there', 'never/made'],
  ] as const) {
    test(`6.24: registryId of our account with their key: denied, for a repository ${what}`, async () => {
      const target = { registryId: ours, repositoryName }
      const imageIds = [{ imageTag: 'v1' }]
      const layerDigest = image.blobs[1]?.digest ?? ''
      const calls: [string, Promise<unknown>][] = [
        ['DescribeImages', them.client.send(new DescribeImagesCommand(target))],
        ['ListImages', them.client.send(new ListImagesCommand(target))],
        ['BatchGetImage', them.client.send(new BatchGetImageCommand({ ...target, imageIds }))],
        ['BatchDeleteImage', them.client.send(new BatchDeleteImageCommand({ ...target, imageIds }))],
        ['PutImage', them.client.send(new PutImageCommand({ ...target, imageManifest: image.text }))],
        ['InitiateLayerUpload', them.client.send(new InitiateLayerUploadCommand(target))],
        ['GetDownloadUrlForLayer', them.client.send(new GetDownloadUrlForLayerCommand({ ...target, layerDigest }))],
        [
          'BatchCheckLayerAvailability',
          them.client.send(new BatchCheckLayerAvailabilityCommand({ ...target, layerDigests: [layerDigest] })),
        ],
        // It has no action of its own (§2.4).
        [
          'BatchGetImage',
          them.client.send(new ListImageReferrersCommand({ ...target, subjectId: { imageDigest: image.digest } })),
        ],
        [
          'PutImageTagMutability',
          them.client.send(new PutImageTagMutabilityCommand({ ...target, imageTagMutability: 'IMMUTABLE' })),
        ],
        [
          'PutImageScanningConfiguration',
          them.client.send(
            new PutImageScanningConfigurationCommand({ ...target, imageScanningConfiguration: { scanOnPush: true } }),
          ),
        ],
        ['DeleteRepository', them.client.send(new DeleteRepositoryCommand({ ...target, force: true }))],
        [
          'DescribeRepositories',
          them.client.send(new DescribeRepositoriesCommand({ registryId: ours, repositoryNames: [repositoryName] })),
        ],
      ]
      const outcomes = await Promise.allSettled(calls.map(([, call]) => call))
      assert.ok(outcomes.every(({ status }) => status === 'rejected'))
      for (const [action, call] of calls) {
        await refused(call, 'AccessDeniedException', denied(theirs, action, ours, repositoryName))
      }
      await refused(
        them.client.send(new CreateRepositoryCommand({ registryId: ours, repositoryName: 'planted/here' })),
        'AccessDeniedException',
      )
    })

    test(`6.25: the ARN of our repository with their key: denied, for a repository ${what}`, async () => {
      const resourceArn = `arn:aws:ecr:${home}:${ours}:repository/${repositoryName}`
      for (const [action, call] of [
        ['ListTagsForResource', () => them.client.send(new ListTagsForResourceCommand({ resourceArn }))],
        [
          'TagResource',
          () => them.client.send(new TagResourceCommand({ resourceArn, tags: [{ Key: 'x', Value: 'y' }] })),
        ],
        ['UntagResource', () => them.client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a'] }))],
      ] as const) {
        await refused(call(), 'AccessDeniedException', denied(theirs, action, ours, repositoryName))
      }
    })

    test(`6.24: their docker token at the host of our registry: denied, for a repository ${what}`, async () => {
      const headers = { host: registryHost(ours, home) }
      const at = (method: string, path: string) =>
        them.docker.send(method, `/v2/${repositoryName}/${path}`, { headers })
      const digest = image.blobs[1]?.digest ?? ''
      for (const [action, answer] of [
        ['BatchGetImage', at('GET', 'manifests/v1')],
        ['BatchGetImage', at('GET', `manifests/${image.digest}`)],
        ['GetDownloadUrlForLayer', at('GET', `blobs/${digest}`)],
        ['ListImages', at('GET', 'tags/list')],
        ['BatchGetImage', at('GET', `referrers/${image.digest}`)],
        ['InitiateLayerUpload', at('POST', 'blobs/uploads/')],
        ['BatchDeleteImage', at('DELETE', `manifests/${image.digest}`)],
      ] as const) {
        await expectDocker(answer, 403, 'DENIED', denied(theirs, action, ours, repositoryName))
      }
      for (const head of [at('HEAD', 'manifests/v1'), at('HEAD', `blobs/${digest}`)]) await expectDocker(head, 403)
    })
  }

  test('none of it changed anything of ours', async () => {
    const { tags } = await us.client.send(
      new ListTagsForResourceCommand({ resourceArn: `arn:aws:ecr:${home}:${ours}:repository/${secretName}` }),
    )
    assert.deepEqual(tags, [{ Key: 'a', Value: 'b' }])
    const { repositories } = await us.client.send(new DescribeRepositoriesCommand({ repositoryNames: [secretName] }))
    assert.equal(repositories?.[0]?.imageTagMutability, 'MUTABLE')
    assert.equal((await us.docker.manifest(secretName, 'v1')).status, 200)
  })

  test('the same names at the host of their own registry are theirs', async () => {
    const headers = { host: registryHost(theirs, home) }
    await expectDocker(them.docker.send('GET', `/v2/${name}/tags/list`, { headers }), 200)
    await expectDocker(
      them.docker.send('GET', `/v2/${secretName}/tags/list`, { headers }),
      404,
      'NAME_UNKNOWN',
      missing(secretName, theirs),
    )
    await expectDocker(
      us.docker.send('GET', `/v2/${secretName}/tags/list`, { headers: { host: registryHost(ours, home) } }),
      200,
    )
  })
})

describe('6.28: digests of another account', () => {
  test('the API: unavailable, not found, no link, and nothing to refer to', async () => {
    const digests = [...image.blobs.map(({ digest }) => digest), image.digest]
    const { layers } = await them.client.send(
      new BatchCheckLayerAvailabilityCommand({ repositoryName: name, layerDigests: digests }),
    )
    assert.deepEqual(
      layers?.map((layer) => layer.layerAvailability),
      digests.map(() => 'UNAVAILABLE'),
    )
    assert.ok(layers?.every((layer) => layer.layerSize === undefined))
    for (const layerDigest of digests) {
      await refused(
        them.client.send(new GetDownloadUrlForLayerCommand({ repositoryName: name, layerDigest })),
        'LayersNotFoundException',
      )
    }
    const imageDigest = image.digest
    const { failures } = await them.client.send(
      new BatchGetImageCommand({ repositoryName: name, imageIds: [{ imageDigest }, { imageTag: 'v1' }] }),
    )
    assert.deepEqual(
      failures?.map(({ failureCode }) => failureCode),
      ['ImageNotFound', 'ImageNotFound'],
    )
    await refused(
      them.client.send(new DescribeImagesCommand({ repositoryName: name, imageIds: [{ imageDigest }] })),
      'ImageNotFoundException',
    )
    await refused(putManifest(them.client, name, image), 'LayersNotFoundException')
    await refused(putManifest(them.client, name, imageIndex([image])), 'ReferencedImagesNotFoundException')
    const { referrers } = await them.client.send(
      new ListImageReferrersCommand({ repositoryName: name, subjectId: { imageDigest } }),
    )
    assert.deepEqual(referrers, [])
  })

  test('/v2/: HEAD and GET are 404, a manifest that refers to them is refused, referrers are none', async () => {
    for (const { digest } of image.blobs) {
      await expectDocker(them.docker.blob(name, digest), 404, 'BLOB_UNKNOWN')
      await expectDocker(them.docker.send('HEAD', `/v2/${name}/blobs/${digest}`), 404)
    }
    await expectDocker(them.docker.manifest(name, image.digest), 404, 'MANIFEST_UNKNOWN')
    await expectDocker(
      them.docker.pushManifest(name, Buffer.from(image.text), image.mediaType),
      [400, 404],
      'MANIFEST_BLOB_UNKNOWN',
    )
    const answer = await expectDocker(them.docker.send('GET', `/v2/${name}/referrers/${image.digest}`), 200)
    assert.deepEqual((JSON.parse(answer.body.toString()) as { manifests: unknown[] }).manifests, [])
  })

  test('6.29: a mount from our repository, from one that is not there and from one without the blob: 202 each time', async () => {
    const digest = image.blobs[1]?.digest ?? ''
    const answers: RawAnswer[] = []
    for (const from of [name, secretName, 'never/made', 'Not A Name']) {
      const query = `mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`
      answers.push(await expectDocker(them.docker.send('POST', `/v2/${name}/blobs/uploads/?${query}`), 202))
    }
    const shape = ({ status, headers, body }: RawAnswer) => [status, Object.keys(headers).toSorted(), body.length]
    for (const answer of answers) assert.deepEqual(shape(answer), shape(answers[0] as RawAnswer))
    await expectDocker(them.docker.send('HEAD', `/v2/${name}/blobs/${digest}`), 404)
  })

  test('the same bytes pushed by both are held by both: one may delete its own, the other keeps its', async () => {
    const both = ociImage({ layers: [randomBlob(3000)] })
    await pushImage(us.client, name, both, 'both')
    // No LayerAlreadyExists on the way: what is ours is not there for them.
    for (const each of both.blobs) {
      const uploadId = await initiate(them.client, name)
      await sendPart(them.client, name, uploadId, each.bytes)
      await complete(them.client, name, uploadId, each.digest)
    }
    await putManifest(them.client, name, both, 'both')
    await us.client.send(new BatchDeleteImageCommand({ repositoryName: name, imageIds: [{ imageTag: 'both' }] }))
    assert.equal((await us.docker.manifest(name, both.digest)).status, 404)
    assert.equal((await them.docker.manifest(name, 'both')).body.toString(), both.text)
    for (const each of both.blobs) assert.deepEqual((await them.docker.blob(name, each.digest)).body, each.bytes)
  })
})

describe('6.30: upload ids of another account', () => {
  test('an upload begun by our API call is unknown to them, and goes on for us', async () => {
    const bytes = Buffer.from('begun by us')
    const uploadId = await initiate(us.client, name)
    await refused(sendPart(them.client, name, uploadId, bytes), 'UploadNotFoundException')
    await refused(complete(them.client, name, uploadId, sha256(bytes)), 'UploadNotFoundException')
    for (const [method, query] of [
      ['GET', ''],
      ['PATCH', ''],
      ['PUT', `?digest=${encodeURIComponent(sha256(bytes))}`],
      ['DELETE', ''],
    ] as const) {
      await expectDocker(
        them.docker.send(
          method,
          `/v2/${name}/blobs/uploads/${uploadId}${query}`,
          method === 'GET' ? {} : { body: bytes },
        ),
        404,
        'BLOB_UPLOAD_UNKNOWN',
      )
    }
    await sendPart(us.client, name, uploadId, bytes)
    await complete(us.client, name, uploadId, sha256(bytes))
  })

  test('an upload begun by our docker client is unknown to them, and goes on for us', async () => {
    const bytes = Buffer.from('begun by our docker')
    const digest = encodeURIComponent(sha256(bytes))
    const location = (await us.docker.send('POST', `/v2/${name}/blobs/uploads/`)).headers.location ?? ''
    const uploadId = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(location)?.[0] ?? ''
    assert.ok(uploadId, location)
    const withDigest = `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
    await expectDocker(them.docker.send('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectDocker(them.docker.send('PATCH', location, { body: bytes }), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectDocker(them.docker.send('PUT', withDigest, { body: bytes }), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectDocker(them.docker.send('DELETE', location), 404, 'BLOB_UPLOAD_UNKNOWN')
    await refused(sendPart(them.client, name, uploadId, bytes), 'UploadNotFoundException')
    const otherRepository = new URL(location, registry.url).pathname.replace(name, secretName)
    await expectDocker(us.docker.send('PATCH', otherRepository, { body: bytes }), 404, 'BLOB_UPLOAD_UNKNOWN')
    await expectDocker(us.docker.send('PUT', withDigest, { body: bytes }), 201)
    await expectDocker(us.docker.send('PUT', withDigest, { body: bytes }), 404, 'BLOB_UPLOAD_UNKNOWN')
  })

  test('6.31: chunks out of order are 416 and say where to go on; of two completions at once, one wins', async () => {
    const bytes = randomBlob(2000)
    let location = (await us.docker.send('POST', `/v2/${name}/blobs/uploads/`)).headers.location ?? ''
    const chunk = (first: number, last: number, body: Buffer) =>
      us.docker.send('PATCH', location, { body, headers: { 'content-range': `${first}-${last}` } })
    await expectDocker(chunk(1000, 1999, bytes.bytes.subarray(1000)), 416)
    location = (await expectDocker(chunk(0, 999, bytes.bytes.subarray(0, 1000)), 202)).headers.location ?? location
    for (const [first, last] of [
      [0, 999],
      [999, 1998],
      [1001, 2000],
      [5000, 5999],
    ] as const) {
      const answer = await expectDocker(chunk(first, last, bytes.bytes.subarray(1000)), 416)
      assert.equal(answer.headers.range, '0-999')
    }
    location = (await expectDocker(chunk(1000, 1999, bytes.bytes.subarray(1000)), 202)).headers.location ?? location
    const withDigest = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(bytes.digest)}`
    const answers = await Promise.all([us.docker.send('PUT', withDigest), us.docker.send('PUT', withDigest)])
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    assert.ok(statuses.includes(201), statuses.join())
    assert.ok(
      statuses.every((status) => [201, 404, 409].includes(status)),
      statuses.join(),
    )
    assert.deepEqual((await us.docker.blob(name, bytes.digest)).body, bytes.bytes)
  })
})

describe('6.48: page tokens of another account', () => {
  test('DescribeRepositories, DescribeImages, ListImages, ListImageReferrers', async () => {
    const other = referrer(image, 'application/vnd.example.sbom')
    await pushImage(us.client, name, other)
    const pages: ((client: ECRClient, nextToken?: string) => Promise<{ nextToken?: string | undefined }>)[] = [
      (client, nextToken) =>
        client.send(new DescribeRepositoriesCommand({ maxResults: 1, ...(nextToken ? { nextToken } : {}) })),
      (client, nextToken) =>
        client.send(
          new DescribeImagesCommand({ repositoryName: name, maxResults: 1, ...(nextToken ? { nextToken } : {}) }),
        ),
      (client, nextToken) =>
        client.send(
          new ListImagesCommand({ repositoryName: name, maxResults: 1, ...(nextToken ? { nextToken } : {}) }),
        ),
      (client, nextToken) =>
        client.send(
          new ListImageReferrersCommand({
            repositoryName: name,
            subjectId: { imageDigest: image.digest },
            maxResults: 1,
            ...(nextToken ? { nextToken } : {}),
          }),
        ),
    ]
    for (const [position, page] of pages.entries()) {
      const { nextToken } = await page(us.client)
      assert.ok(nextToken, `the first page of list ${position} has a token`)
      await refused(page(them.client, nextToken), /^(InvalidParameter|Validation)Exception$/)
      await page(us.client, nextToken)
    }
  })
})

describe('6.47: download links', () => {
  const link = async (side: Side, digest: string) => {
    const { downloadUrl } = await side.client.send(
      new GetDownloadUrlForLayerCommand({ repositoryName: name, layerDigest: digest }),
    )
    return downloadUrl ?? ''
  }

  test('a link is good for its blob only: no part of a link of theirs makes one for a blob of ours', async () => {
    const own = ociImage({ layers: [randomBlob(700)] })
    await pushImage(them.client, name, own, 'own')
    const digest = image.blobs[1]?.digest ?? ''
    const [ourLink, theirLink] = [await link(us, digest), await link(them, own.blobs[1]?.digest ?? '')]
    const mixes: string[] = []
    for (const [to, from] of [
      [theirLink, ourLink],
      [ourLink, theirLink],
    ] as const) {
      const start = new URL('/_berth/blobs/', registry.url).href.length
      for (const cut of [start, start + 10, start + 40, start + 100, to.length - 40, to.length - 10]) {
        mixes.push(to.slice(0, cut) + from.slice(cut))
      }
    }
    for (const mixed of mixes) {
      if (mixed !== ourLink && mixed !== theirLink) assert.equal((await fetch(mixed)).status, 403, mixed)
    }
    assert.equal((await (await fetch(ourLink)).arrayBuffer()).byteLength, 5000)
    assert.equal((await (await fetch(theirLink)).arrayBuffer()).byteLength, 700)
  })

  test('a docker token is no key to the address of links, and a link none to /v2/', async () => {
    const url = new URL(await link(us, image.blobs[1]?.digest ?? ''))
    const folder = url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1)
    for (const path of [folder, `${folder}${image.blobs[1]?.digest}`, `${folder}x`]) {
      const answer = await us.docker.send('GET', path)
      assert.ok([403, 404].includes(answer.status), said(path, answer))
    }
    const sealed = url.pathname.slice(folder.length)
    const basic = Buffer.from(`AWS:${sealed}`).toString('base64')
    const answer = await fetch(new URL(`/v2/${name}/manifests/v1`, url), {
      headers: { authorization: `Basic ${basic}` },
    })
    assert.ok([400, 401, 403].includes(answer.status), `${answer.status}`)
  })

  test('a link ends after 15 minutes at the latest', async () => {
    const clock = manualClock()
    const own = await testRegistry({ clock })
    const client = ecrClient({ url: own.url, region: home, ...own.credentials })
    try {
      await client.send(new CreateRepositoryCommand({ repositoryName: name }))
      const each = ociImage()
      await pushImage(client, name, each)
      const { downloadUrl = '' } = await client.send(
        new GetDownloadUrlForLayerCommand({ repositoryName: name, layerDigest: each.blobs[0]?.digest ?? '' }),
      )
      clock.advance(60_000)
      assert.equal((await fetch(downloadUrl)).status, 200)
      clock.advance(14 * 60_000 + 1000)
      assert.equal((await fetch(downloadUrl)).status, 403)
    } finally {
      client.destroy()
      await own.close()
    }
  })
})

describe('regions of one account', () => {
  test('a repository of one region is not in another: the list is empty there, the name free', async () => {
    const { repositories } = await usAbroad.client.send(new DescribeRepositoriesCommand({}))
    assert.deepEqual(repositories, [])
    await refused(
      usAbroad.client.send(new DescribeImagesCommand({ repositoryName: name })),
      'RepositoryNotFoundException',
      missing(name, ours),
    )
    const { repository } = await usAbroad.client.send(new CreateRepositoryCommand({ repositoryName: name }))
    assert.equal(repository?.repositoryArn, `arn:aws:ecr:${abroad}:${ours}:repository/${name}`)
    const { imageDetails } = await usAbroad.client.send(new DescribeImagesCommand({ repositoryName: name }))
    assert.deepEqual(imageDetails, [])
  })

  test('6.28: digests, upload ids and page tokens do not cross', async () => {
    const { layers } = await usAbroad.client.send(
      new BatchCheckLayerAvailabilityCommand({
        repositoryName: name,
        layerDigests: image.blobs.map(({ digest }) => digest),
      }),
    )
    assert.deepEqual([...new Set(layers?.map((layer) => layer.layerAvailability))], ['UNAVAILABLE'])
    await refused(putManifest(usAbroad.client, name, image), 'LayersNotFoundException')
    const uploadId = await initiate(us.client, name)
    await refused(sendPart(usAbroad.client, name, uploadId, Buffer.from('x')), 'UploadNotFoundException')
    const { nextToken } = await us.client.send(new DescribeImagesCommand({ repositoryName: name, maxResults: 1 }))
    await refused(
      usAbroad.client.send(new DescribeImagesCommand({ repositoryName: name, nextToken })),
      'InvalidParameterException',
    )
  })

  test('6.25: the ARN of another region is not taken for one of this region', async () => {
    const resourceArn = `arn:aws:ecr:${home}:${ours}:repository/${secretName}`
    await refused(usAbroad.client.send(new ListTagsForResourceCommand({ resourceArn })), /Exception$/)
    await refused(
      usAbroad.client.send(new TagResourceCommand({ resourceArn, tags: [{ Key: 'from', Value: 'abroad' }] })),
      /Exception$/,
    )
    const { tags } = await us.client.send(new ListTagsForResourceCommand({ resourceArn }))
    assert.deepEqual(tags, [{ Key: 'a', Value: 'b' }])
  })

  test('on the plain host the docker token says which region is meant', async () => {
    await uploadBlob(usAbroad.client, name, blob('abroad only'))
    const digest = sha256('abroad only')
    assert.equal((await usAbroad.docker.blob(name, digest)).status, 200)
    await expectDocker(us.docker.blob(name, digest), 404, 'BLOB_UNKNOWN')
    await expectDocker(usAbroad.docker.manifest(name, 'v1'), 404, 'MANIFEST_UNKNOWN')
    await expectDocker(usAbroad.docker.manifest(secretName, 'v1'), 404, 'NAME_UNKNOWN', missing(secretName, ours))
  })

  test('6.17: a docker token at a host of another region is 400', async () => {
    for (const [docker, region, status] of [
      [us.docker, abroad, 400],
      [usAbroad.docker, home, 400],
      [us.docker, home, 200],
      [usAbroad.docker, abroad, 200],
    ] as const) {
      const headers = { host: registryHost(ours, region) }
      await expectDocker(docker.send('GET', '/v2/', { headers }), status)
      await expectDocker(docker.send('GET', `/v2/${name}/tags/list`, { headers }), status)
    }
  })
})

describe('6.17: another installation', () => {
  test('its docker token is refused here', async () => {
    const other = await testRegistry()
    const client = ecrClient({ url: other.url, region: home, ...other.credentials })
    const docker = rawRegistry(registry.url, await dockerPassword(client))
    try {
      await expectDocker(docker.send('GET', '/v2/'), [400, 403])
      await expectDocker(docker.manifest(name, 'v1'), [400, 403])
    } finally {
      docker.close()
      client.destroy()
      await other.close()
    }
  })
})

/** GET with our docker token, of a path that no URL parser has put in order first. */
async function getAsWritten(path: string): Promise<RawAnswer> {
  const authorization = await registry.dockerAuthorization()
  const { hostname, port } = new URL(registry.url)
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  get({ host: hostname, port, path, headers: { authorization } }, (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.once('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) })
    })
  }).once('error', reject)
  return await promise
}

describe('6.26, 6.27: names and digests on the docker wire', () => {
  for (const path of [
    '/v2/../x/manifests/v1',
    '/v2/shared/../only/ours/manifests/v1',
    '/v2/shared/%2e%2e/only/ours/manifests/v1',
    '/v2/only%2fours/manifests/v1',
    '/v2/only%2Fours/tags/list',
    '/v2/only//ours/manifests/v1',
    '/v2/only/./ours/manifests/v1',
    '/v2/Only/Ours/manifests/v1',
    '/v2/only/ours%00/manifests/v1',
    '/v2/only/o%75rs%20/manifests/v1',
    `/v2/${'a'.repeat(257)}/manifests/v1`,
    '/v2/_catalog/manifests/v1',
    '/v2/оnly/ours/manifests/v1'.replace('о', encodeURIComponent('о')),
  ]) {
    test(`6.26: ${path.length > 60 ? `${path.slice(0, 12)}… of ${path.length}` : path} reaches no repository`, async () => {
      const answer = await getAsWritten(path)
      assert.ok([400, 404].includes(answer.status), said(path, answer))
      assert.notEqual(answer.headers['docker-content-digest'], image.digest)
    })
  }

  test('6.26: legal names made of the words of paths reach their own repository', async () => {
    for (const repositoryName of ['xx/manifests/yy', 'xx/blobs/uploads', 'xx/tags/list', 'v2', 'xx/referrers/yy']) {
      await us.client.send(new CreateRepositoryCommand({ repositoryName }))
      const own = ociImage()
      await pushImage(us.client, repositoryName, own, 'v1')
      const answer = await expectDocker(us.docker.manifest(repositoryName, 'v1'), 200)
      assert.equal(answer.body.toString(), own.text)
      const tags = await expectDocker(us.docker.send('GET', `/v2/${repositoryName}/tags/list`), 200)
      assert.deepEqual(JSON.parse(tags.body.toString()), { name: repositoryName, tags: ['v1'] })
      const start = await expectDocker(us.docker.send('POST', `/v2/${repositoryName}/blobs/uploads/`), 202)
      assert.ok(start.headers.location?.includes(`/v2/${repositoryName}/blobs/uploads/`), start.headers.location)
    }
  })

  test('6.27: digests that are none, of another form, or of other bytes', async () => {
    const digest = image.blobs[1]?.digest ?? ''
    const hex = digest.slice('sha256:'.length)
    for (const bad of [
      `sha256:${hex.toUpperCase()}`,
      `sha256:${hex.slice(1)}`,
      `sha512:${hex}`,
      `sha256+b64:${hex}`,
      'sha256:',
    ]) {
      const answer = await us.docker.blob(name, bad)
      assert.ok([400, 404].includes(answer.status), said(bad, answer))
      const push = await us.docker.pushBlob(name, Buffer.from('some bytes'), bad)
      await expectDocker(Promise.resolve(push), 400, 'DIGEST_INVALID')
    }
    const other = randomBlob(10)
    await expectDocker(us.docker.pushBlob(name, Buffer.from('other bytes'), other.digest), 400, 'DIGEST_INVALID')
    await expectDocker(us.docker.send('HEAD', `/v2/${name}/blobs/${other.digest}`), 404)
    const wrong = ociImage()
    const put = await us.docker.pushManifest(name, Buffer.from(image.text), image.mediaType, wrong.digest)
    assert.equal(put.status, 400, said('a manifest under the digest of another', put))
    await expectDocker(us.docker.manifest(name, wrong.digest), 404, 'MANIFEST_UNKNOWN')
  })
})
