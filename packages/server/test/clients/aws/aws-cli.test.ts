// The AWS CLI against a served registry: every operation as a person or a script calls it, with the CLI's own paging, its texts for errors,
// and `get-login-password` into each docker client on this machine. Sections are those of the ECR API reference.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { imageBuilder, mediaTypes } from '../../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import { run, skippedAloud, succeed, type Tool, tool } from '../../support/tool.ts'
import { awsCli, cli, skeleton, skip, version } from './aws-cli.ts'
import { blob, imageIndex, type Manifest, ociImage, randomBlob, referrer, sha256, unknownDigest } from './images.ts'
import { ownSettings } from './own-settings.ts'
import { ecrClient, invalidParameter, pushImage } from './sdk.ts'

const MiB = 1024 * 1024

let ground: ProvingGround
let accountId: string

before(async () => {
  if (skip !== false) return
  ground = await provingGround()
  accountId = ground.server.accountId
})
after(async () => {
  await ground?.close()
})

const environment = () => ({ ...ownSettings, ...ground.server.awsEnvironment(), AWS_DEFAULT_OUTPUT: 'json' })

const person = awsCli(environment)
const text = (...words: string[]) => person.text('ecr', ...words)
const aws = (...words: string[]) => person.json('ecr', ...words)
const refusedBy = (code: string, message: string | RegExp, ...words: string[]) =>
  person.refused(code, message, 'ecr', ...words)

/** The CLI prints times as text in version 2, and as ECR sent them, in seconds, in version 1. */
const timeOf = (printed: string | number) => (typeof printed === 'number' ? printed * 1000 : Date.parse(printed))

let names = 0
async function newRepository(...args: string[]): Promise<string> {
  const name = `cli/repository-${++names}`
  await aws('create-repository', '--repository-name', name, ...args)
  return name
}

const arnOf = (name: string) => `arn:aws:ecr:us-east-1:${accountId}:repository/${name}`
const missing = (name: string) =>
  `The repository with name '${name}' does not exist in the registry with id '${accountId}'`

/** A file for `file://` and `fileb://` arguments. */
function file(name: string, content: string | Buffer): string {
  const path = join(ground.folder, name)
  writeFileSync(path, content)
  return path
}

/** Pushes by the SDK what a test of the CLI only reads. */
async function push(name: string, manifest: Manifest, ...tags: string[]): Promise<Manifest> {
  const client = ecrClient(ground.server)
  await pushImage(client, name, manifest, ...tags)
  client.destroy()
  return manifest
}

describe(`${version} tokens and the registry`, { skip, concurrency: 2 }, () => {
  test('§3.1 get-authorization-token', async () => {
    const { authorizationData } = await aws('get-authorization-token')
    assert.equal(authorizationData.length, 1)
    assert.equal(authorizationData[0].proxyEndpoint, ground.server.url)
    assert.match(Buffer.from(authorizationData[0].authorizationToken, 'base64').toString(), /^AWS:.+/)
    const hours = (timeOf(authorizationData[0].expiresAt) - Date.now()) / 3_600_000
    assert.ok(hours > 11.9 && hours < 12.1, authorizationData[0].expiresAt)
  })

  test('§3.1 get-login-password: one line, and it opens /v2/', async () => {
    const printed = await text('get-login-password')
    assert.match(printed, /^\S+\n$/)
    const basic = Buffer.from(`AWS:${printed.trim()}`).toString('base64')
    const answer = await fetch(`${ground.server.url}/v2/`, { headers: { authorization: `Basic ${basic}` } })
    assert.equal(answer.status, 200)
  })

  test('the credentials file of the data directory is all that the CLI needs', async () => {
    const { AWS_ENDPOINT_URL_ECR = '' } = ground.server.awsEnvironment()
    const printed = await succeed(cli, ['ecr', 'describe-registry', '--region', 'us-east-1'], {
      env: {
        ...ownSettings,
        AWS_ENDPOINT_URL_ECR,
        AWS_SHARED_CREDENTIALS_FILE: join(ground.server.dataDir, 'credentials'),
      },
    })
    assert.deepEqual(JSON.parse(printed.stdout), { registryId: accountId, replicationConfiguration: { rules: [] } })
  })

  test('iam §1.6: a wrong secret and an unknown key', async () => {
    const refused = async (env: Record<string, string>) =>
      (await run(cli, ['ecr', 'describe-registry'], { env: { ...environment(), ...env } })).stderr
    assert.match(
      await refused({ AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) }),
      /\(InvalidSignatureException\) when calling the DescribeRegistry operation: The request signature we calculated does not match the signature you provided\. Check your AWS Secret Access Key and signing method\. Consult the service documentation for details\.\n/,
    )
    assert.match(
      await refused({ AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }),
      /\(UnrecognizedClientException\) when calling the DescribeRegistry operation: The security token included in the request is invalid\.\n/,
    )
  })

  test('iam 6.1: a call that is not signed', async () => {
    const outcome = await run(cli, ['ecr', 'describe-registry', '--no-sign-request'], { env: environment() })
    assert.match(outcome.stderr, /\(MissingAuthenticationTokenException\)/)
  })
})

describe(`${version} repositories`, { skip, concurrency: 2 }, () => {
  test('§2.4 create-repository, describe-repositories, delete-repository', async () => {
    const { repository } = await aws('create-repository', '--repository-name', 'team/app')
    const { createdAt, ...rest } = repository
    assert.ok(Math.abs(timeOf(createdAt) - Date.now()) < 60_000, createdAt)
    assert.deepEqual(rest, {
      repositoryArn: arnOf('team/app'),
      registryId: accountId,
      repositoryName: 'team/app',
      repositoryUri: `${ground.server.host}/team/app`,
      imageTagMutability: 'MUTABLE',
      imageScanningConfiguration: { scanOnPush: false },
      encryptionConfiguration: { encryptionType: 'AES256' },
    })
    assert.deepEqual((await aws('describe-repositories', '--repository-names', 'team/app')).repositories, [repository])
    await refusedBy(
      'RepositoryAlreadyExistsException',
      `The repository with name 'team/app' already exists in the registry with id '${accountId}'`,
      ...['create-repository', '--repository-name', 'team/app'],
    )
    assert.deepEqual(await aws('delete-repository', '--repository-name', 'team/app'), { repository })
    for (const command of [
      ['delete-repository', '--repository-name', 'team/app'],
      ['describe-repositories', '--repository-names', 'team/app'],
    ]) {
      await refusedBy('RepositoryNotFoundException', missing('team/app'), ...command)
    }
  })

  test('§3.2.5 delete-repository: refused while there are images, unless forced', async () => {
    const name = await newRepository()
    await push(name, ociImage(), 'v1')
    await refusedBy(
      'RepositoryNotEmptyException',
      `The repository with name '${name}' in registry with id '${accountId}' cannot be deleted because it still contains images`,
      ...['delete-repository', '--repository-name', name],
    )
    assert.equal((await aws('delete-repository', '--repository-name', name, '--force')).repository.repositoryName, name)
  })

  test('§1.6 describe-repositories: --page-size, --max-items and --starting-token visit each once', async () => {
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.push(await newRepository())
    const all = (await aws('describe-repositories', '--page-size', '2')).repositories
    const seen = all.map((repository: { repositoryName: string }) => repository.repositoryName)
    assert.equal(new Set(seen).size, seen.length)
    assert.deepEqual(
      made.filter((name) => !seen.includes(name)),
      [],
    )
    const part = await aws('describe-repositories', '--page-size', '2', '--max-items', '3')
    assert.equal(part.repositories.length, 3)
    const next = await aws(
      'describe-repositories',
      '--page-size',
      '2',
      '--max-items',
      '2',
      '--starting-token',
      part.NextToken,
    )
    const together = new Set(
      [...part.repositories, ...next.repositories].map(
        (repository: { repositoryName: string }) => repository.repositoryName,
      ),
    )
    assert.equal(together.size, 5)
  })

  test('§1.5: names and numbers out of bounds, in the texts of ECR', async () => {
    await refusedBy(
      'InvalidParameterException',
      invalidParameter(
        'repositoryName',
        "must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'",
      ),
      ...['create-repository', '--repository-name', 'Team/App'],
    )
    await refusedBy(
      'InvalidParameterException',
      invalidParameter('maxResults', 'Member must have value less than or equal to 1000'),
      ...['describe-repositories', '--no-paginate', '--max-results', '1001'],
    )
  })

  test('§3.2.4 put-image-tag-mutability', async () => {
    const name = await newRepository()
    const answer = await aws(
      'put-image-tag-mutability',
      '--repository-name',
      name,
      '--image-tag-mutability',
      'IMMUTABLE',
    )
    assert.deepEqual(answer, { registryId: accountId, repositoryName: name, imageTagMutability: 'IMMUTABLE' })
    await push(name, ociImage(), 'v1')
    const other = await push(name, ociImage())
    await refusedBy(
      'ImageTagAlreadyExistsException',
      `The image tag 'v1' already exists in the '${name}' repository and cannot be overwritten because the tag is immutable.`,
      ...[
        'put-image',
        '--repository-name',
        name,
        '--image-tag',
        'v1',
        '--image-manifest',
        `file://${file('moved', other.text)}`,
      ],
    )
  })

  test('§3.2.4 put-image-tag-mutability with exclusion filters', async (t) => {
    const filters = '--image-tag-mutability-exclusion-filters'
    if (!(await skeleton('put-image-tag-mutability'))?.includes('imageTagMutabilityExclusionFilters')) {
      return t.skip(skippedAloud(filters, `${version} does not know them; the JavaScript SDK judges them`))
    }
    const name = await newRepository(
      '--image-tag-mutability',
      'IMMUTABLE_WITH_EXCLUSION',
      filters,
      'filterType=WILDCARD,filter=dev-*',
    )
    const [first, second] = [await push(name, ociImage(), 'v1', 'dev-1'), await push(name, ociImage())]
    const put = (tag: string) => [
      ...['put-image', '--repository-name', name, '--image-tag', tag],
      ...['--image-manifest', `file://${file(`excluded-${tag}`, second.text)}`],
    ]
    await aws(...put('dev-1'))
    await refusedBy('ImageTagAlreadyExistsException', /immutable/, ...put('v1'))
    const answer = await aws(
      ...['put-image-tag-mutability', '--repository-name', name, '--image-tag-mutability', 'MUTABLE_WITH_EXCLUSION'],
      ...[filters, 'filterType=WILDCARD,filter=v*', 'filterType=WILDCARD,filter=latest'],
    )
    assert.deepEqual(answer, {
      registryId: accountId,
      repositoryName: name,
      imageTagMutability: 'MUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [
        { filterType: 'WILDCARD', filter: 'v*' },
        { filterType: 'WILDCARD', filter: 'latest' },
      ],
    })
    await refusedBy('ImageTagAlreadyExistsException', /immutable/, ...put('v1'))
    const { imageIds } = await aws('list-images', '--repository-name', name, '--filter', 'tagStatus=TAGGED')
    assert.deepEqual(
      Object.fromEntries(
        imageIds.map((id: { imageTag: string; imageDigest: string }) => [id.imageTag, id.imageDigest]),
      ),
      { v1: first.digest, 'dev-1': second.digest },
    )
    await refusedBy(
      'InvalidParameterException',
      invalidParameter(
        'imageTagMutabilityExclusionFilters',
        "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as IMMUTABLE_WITH_EXCLUSION",
      ),
      ...['put-image-tag-mutability', '--repository-name', name, '--image-tag-mutability', 'IMMUTABLE_WITH_EXCLUSION'],
    )
  })

  test('§2.4 put-image-scanning-configuration', async () => {
    const name = await newRepository()
    for (const scanOnPush of [true, false]) {
      const setting = ['--image-scanning-configuration', `scanOnPush=${scanOnPush}`]
      assert.deepEqual(await aws('put-image-scanning-configuration', '--repository-name', name, ...setting), {
        registryId: accountId,
        repositoryName: name,
        imageScanningConfiguration: { scanOnPush },
      })
      const { repositories } = await aws('describe-repositories', '--repository-names', name)
      assert.deepEqual(repositories[0].imageScanningConfiguration, { scanOnPush })
    }
  })

  test('§3.3 set-repository-policy, get-repository-policy, delete-repository-policy', async () => {
    const name = await newRepository()
    const named = ['--repository-name', name]
    const policyText = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 'ecr:BatchGetImage' }],
    })
    const whole = { registryId: accountId, repositoryName: name, policyText }
    const set = (text: string) => ['set-repository-policy', ...named, '--policy-text', text]
    assert.deepEqual(await aws(...set(policyText)), whole)
    assert.deepEqual(await aws('get-repository-policy', ...named), whole)
    await refusedBy(
      'InvalidParameterException',
      invalidParameter('PolicyText', 'Invalid repository policy provided'),
      ...set('{}'),
    )
    const lockOut = policyText.replace('Allow', 'Deny').replace('BatchGetImage', '*')
    await refusedBy(
      'InvalidParameterException',
      /prevent you from setting another policy in the future/,
      ...set(lockOut),
    )
    assert.deepEqual(await aws('delete-repository-policy', ...named), whole)
    await refusedBy(
      'RepositoryPolicyNotFoundException',
      `Repository policy does not exist for the repository with name '${name}' in the registry with id '${accountId}'`,
      ...['get-repository-policy', ...named],
    )
  })

  test('§3.13 put-registry-policy, get-registry-policy, delete-registry-policy', async () => {
    const policyText = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { AWS: accountId }, Action: 'ecr:ReplicateImage', Resource: arnOf('*') },
      ],
    })
    const whole = { registryId: accountId, policyText }
    assert.deepEqual(await aws('put-registry-policy', '--policy-text', policyText), whole)
    assert.deepEqual(await aws('get-registry-policy'), whole)
    assert.deepEqual(await aws('delete-registry-policy'), whole)
    await refusedBy(
      'RegistryPolicyNotFoundException',
      `Registry policy does not exist in the registry with id '${accountId}'`,
      'get-registry-policy',
    )
  })

  test('§3.14 put-account-setting, get-account-setting', async (t) => {
    if (!(await skeleton('put-account-setting'))) {
      return t.skip(skippedAloud('put-account-setting', `${version} does not know it; the contract tests judge it`))
    }
    for (const [name, value] of [
      ['REGISTRY_POLICY_SCOPE', 'V2'],
      ['BLOB_MOUNTING', 'ENABLED'],
    ] as const) {
      assert.deepEqual(await aws('put-account-setting', '--name', name, '--value', value), { name, value })
      assert.deepEqual(await aws('get-account-setting', '--name', name), { name, value })
    }
  })

  test('§3.16 tag-resource, list-tags-for-resource, untag-resource', async () => {
    const name = await newRepository('--tags', 'Key=team,Value=blue')
    const tags = async () => (await aws('list-tags-for-resource', '--resource-arn', arnOf(name))).tags
    assert.deepEqual(await tags(), [{ Key: 'team', Value: 'blue' }])
    assert.deepEqual(
      await aws('tag-resource', '--resource-arn', arnOf(name), '--tags', 'Key=team,Value=red', 'Key=x,Value='),
      {},
    )
    assert.deepEqual(await aws('untag-resource', '--resource-arn', arnOf(name), '--tag-keys', 'x', 'unknown'), {})
    assert.deepEqual(await tags(), [{ Key: 'team', Value: 'red' }])
    await refusedBy(
      'InvalidTagParameterException',
      'Tag parameters are invalid',
      ...['tag-resource', '--resource-arn', arnOf(name), '--tags', 'Key=,Value=x'],
    )
    await refusedBy(
      'InvalidParameterException',
      invalidParameter('resourceArn', 'Invalid ARN'),
      ...['list-tags-for-resource', '--resource-arn', 'team/app'],
    )
    await refusedBy(
      'RepositoryNotFoundException',
      missing('not/there'),
      ...['list-tags-for-resource', '--resource-arn', arnOf('not/there')],
    )
  })
})

describe(`${version} layers`, { skip, concurrency: 2 }, () => {
  const partFile = (name: string, bytes: Buffer) => `fileb://${file(name, bytes)}`
  const uploadPart = (name: string, uploadId: string, first: number, last: number, part: string) => [
    ...['upload-layer-part', '--repository-name', name, '--upload-id', uploadId],
    ...['--part-first-byte', `${first}`, '--part-last-byte', `${last}`, '--layer-part-blob', part],
  ]
  const completeUpload = (name: string, uploadId: string, digest: string) => [
    ...['complete-layer-upload', '--repository-name', name, '--upload-id', uploadId, '--layer-digests', digest],
  ]

  test('§3.4.1: a layer in two parts, from initiate-layer-upload to the download of its link', {
    timeout: 180_000,
  }, async () => {
    const name = await newRepository()
    const layer = randomBlob(5 * MiB + 1000)
    const check = async () => {
      const digests = ['--layer-digests', layer.digest, 'nonsense']
      return await aws('batch-check-layer-availability', '--repository-name', name, ...digests)
    }
    const unavailable = await check()
    assert.deepEqual(unavailable.layers, [{ layerDigest: layer.digest, layerAvailability: 'UNAVAILABLE' }])
    assert.equal(unavailable.failures.length, 1)
    assert.equal(unavailable.failures[0].failureCode, 'InvalidLayerDigest')

    const { uploadId, partSize } = await aws('initiate-layer-upload', '--repository-name', name)
    assert.equal(partSize, 10 * MiB)
    const first = partFile('first-part', layer.bytes.subarray(0, 5 * MiB))
    const second = partFile('second-part', layer.bytes.subarray(5 * MiB))
    assert.deepEqual(await aws(...uploadPart(name, uploadId, 0, 5 * MiB - 1, first)), {
      registryId: accountId,
      repositoryName: name,
      uploadId,
      lastByteReceived: 5 * MiB - 1,
    })
    await refusedBy('InvalidLayerPartException', /./, ...uploadPart(name, uploadId, 0, 999, second))
    await aws(...uploadPart(name, uploadId, 5 * MiB, 5 * MiB + 999, second))
    assert.deepEqual(await aws(...completeUpload(name, uploadId, layer.digest)), {
      registryId: accountId,
      repositoryName: name,
      uploadId,
      layerDigest: layer.digest,
    })
    const [available] = (await check()).layers
    assert.deepEqual([available.layerAvailability, available.layerSize], ['AVAILABLE', layer.size])
    await refusedBy('UploadNotFoundException', /./, ...completeUpload(name, uploadId, layer.digest))

    const link = ['get-download-url-for-layer', '--repository-name', name, '--layer-digest', layer.digest]
    await refusedBy('LayerInaccessibleException', /./, ...link)
    await push(name, ociImage({ layers: [layer] }), 'v1')
    const { downloadUrl, layerDigest } = await aws(...link)
    assert.equal(layerDigest, layer.digest)
    const curl = tool('curl')
    if (curl.skip === false) {
      const whole = await succeed(curl, ['--silent', '--fail', downloadUrl])
      assert.equal(sha256(whole.bytes), layer.digest)
      const range = await succeed(curl, ['--silent', '--fail', '--range', '5242000-5242999', downloadUrl])
      assert.deepEqual(range.bytes, layer.bytes.subarray(5_242_000, 5_243_000))
    }
  })

  test('§1.4: an upload without parts, one of small parts, one with another digest', async () => {
    const name = await newRepository()
    const initiate = async () => (await aws('initiate-layer-upload', '--repository-name', name)).uploadId as string
    const empty = await initiate()
    await refusedBy(
      'EmptyUploadException',
      `The upload with id '${empty}' in the repository with name '${name}' in registry with id '${accountId}' cannot be completed because it does not have any parts`,
      ...completeUpload(name, empty, sha256('')),
    )
    const small = await initiate()
    await aws(...uploadPart(name, small, 0, 2, partFile('abc', Buffer.from('abc'))))
    await aws(...uploadPart(name, small, 3, 5, partFile('def', Buffer.from('def'))))
    await refusedBy(
      'LayerPartTooSmallException',
      'All layer parts except the last part should be at least 5MB',
      ...completeUpload(name, small, sha256('abcdef')),
    )
    const other = await initiate()
    await aws(...uploadPart(name, other, 0, 2, partFile('ghi', Buffer.from('ghi'))))
    await refusedBy('InvalidLayerException', /./, ...completeUpload(name, other, sha256('xyz')))
  })

  test('§1.4 get-download-url-for-layer: of an unknown layer', async () => {
    const name = await newRepository()
    const digest = unknownDigest()
    await refusedBy(
      'LayersNotFoundException',
      `The layer with digest ${digest} does not exist within the repository with name '${name}' in the registry with id '${accountId}'`,
      ...['get-download-url-for-layer', '--repository-name', name, '--layer-digest', digest],
    )
  })
})

describe(`${version} images`, { skip, concurrency: 2 }, () => {
  test('§3.5 put-image, batch-get-image, describe-images, list-images, batch-delete-image', {
    timeout: 180_000,
  }, async () => {
    const name = await newRepository()
    const image = ociImage({ annotations: { greeting: 'grüß dich' } })
    const put = (...args: string[]) => [
      ...['put-image', '--repository-name', name],
      ...['--image-manifest', `file://${file(image.digest, image.text)}`, ...args],
    ]
    await refusedBy('LayersNotFoundException', /^Layers with digests '\[sha256:\w+, sha256:\w+\]' required/, ...put())
    await push(name, ociImage({ layers: image.blobs }))
    const { image: answer } = await aws(...put('--image-tag', 'v1'))
    assert.deepEqual(answer.imageId, { imageDigest: image.digest, imageTag: 'v1' })
    assert.equal(answer.imageManifest, image.text)
    await aws(...put('--image-tag', 'v2', '--image-digest', image.digest))
    await refusedBy(
      'ImageAlreadyExistsException',
      `Image with digest '${image.digest}' and tag 'v1' already exists in the repository with name '${name}' in registry with id '${accountId}'`,
      ...put('--image-tag', 'v1'),
    )
    const wrong = unknownDigest()
    await refusedBy(
      'ImageDigestDoesNotMatchException',
      `The image with digest '${wrong}' in repository '${name}' and registry ID '${accountId}' does not match the image digest that Amazon ECR has calculated.`,
      ...put('--image-tag', 'v3', '--image-digest', wrong),
    )

    const got = await aws('batch-get-image', '--repository-name', name, '--image-ids', 'imageTag=v1', 'imageTag=absent')
    assert.equal(got.images[0].imageManifest, image.text)
    assert.deepEqual(got.failures, [
      { imageId: { imageTag: 'absent' }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
    ])
    // The retag recipe of ECR's documentation.
    const query = ['--query', 'images[].imageManifest', '--output', 'text']
    const manifest = await text('batch-get-image', '--repository-name', name, '--image-ids', 'imageTag=v1', ...query)
    assert.equal(manifest.trim(), image.text.trim())

    const { imageDetails } = await aws('describe-images', '--repository-name', name, '--image-ids', 'imageTag=v2')
    assert.equal(imageDetails.length, 1)
    const { imagePushedAt, imageSizeInBytes, imageTags, lastRecordedPullTime: _, ...detail } = imageDetails[0]
    assert.deepEqual(detail, {
      registryId: accountId,
      repositoryName: name,
      imageDigest: image.digest,
      imageManifestMediaType: mediaTypes.ociManifest,
      artifactMediaType: mediaTypes.ociConfig,
      imageStatus: 'ACTIVE',
    })
    assert.ok(Math.abs(timeOf(imagePushedAt) - Date.now()) < 120_000, imagePushedAt)
    assert.ok(imageSizeInBytes >= 1000)
    assert.deepEqual(imageTags.toSorted(), ['v1', 'v2'])
    await refusedBy(
      'ImageNotFoundException',
      `The image with imageId {imageDigest:'null', imageTag:'absent'} does not exist within the repository with name '${name}' in the registry with id '${accountId}'`,
      ...['describe-images', '--repository-name', name, '--image-ids', 'imageTag=absent'],
    )

    const { imageIds } = await aws('list-images', '--repository-name', name, '--filter', 'tagStatus=TAGGED')
    assert.deepEqual(imageIds.map((id: { imageTag: string }) => id.imageTag).toSorted(), ['v1', 'v2'])

    const ids = ['--image-ids', 'imageTag=v1', 'imageTag=absent', `imageDigest=${image.digest}`]
    assert.deepEqual(await aws('batch-delete-image', '--repository-name', name, ...ids), {
      imageIds: [
        { imageDigest: image.digest, imageTag: 'v1' },
        { imageDigest: image.digest, imageTag: 'v2' },
      ],
      failures: [
        { imageId: { imageTag: 'absent' }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
      ],
    })
  })

  test('§3.5.5 batch-delete-image: a child of an index stays', async () => {
    const name = await newRepository()
    const child = await push(name, ociImage(), 'child')
    const index = await push(name, imageIndex([child]), 'all')
    const { imageIds, failures } = await aws(
      ...['batch-delete-image', '--repository-name', name, '--image-ids', `imageDigest=${child.digest}`],
    )
    assert.deepEqual(imageIds, [])
    assert.deepEqual(failures, [
      {
        imageId: { imageDigest: child.digest },
        failureCode: 'ImageReferencedByManifestList',
        failureReason: `Requested image referenced by manifest list: [${index.digest}]`,
      },
    ])
  })

  test('§1.6 describe-images and list-images: --page-size, --max-items and --starting-token', async () => {
    const name = await newRepository()
    const digests: string[] = []
    const parts = { config: blob('{}'), layers: [] }
    for (let i = 0; i < 7; i++) {
      digests.push((await push(name, ociImage({ ...parts, annotations: { i: `${i}` } }), `v${i}`)).digest)
    }
    for (const [command, member] of [
      ['describe-images', 'imageDetails'],
      ['list-images', 'imageIds'],
    ] as const) {
      const digestsOf = (page: Record<string, { imageDigest: string }[]>) =>
        (page[member] ?? []).map(({ imageDigest }) => imageDigest)
      const all = await aws(command, '--repository-name', name, '--page-size', '3')
      assert.deepEqual(digestsOf(all).toSorted(), digests.toSorted(), command)
      const part = await aws(command, '--repository-name', name, '--page-size', '3', '--max-items', '4')
      assert.equal(part[member].length, 4)
      const rest = await aws(command, '--repository-name', name, '--page-size', '3', '--starting-token', part.NextToken)
      assert.deepEqual([...digestsOf(part), ...digestsOf(rest)].toSorted(), digests.toSorted(), command)
    }
    // The common idiom for the newest image (§3.5.6).
    const newest = await text(
      ...['describe-images', '--repository-name', name, '--output', 'text'],
      ...['--query', 'sort_by(imageDetails,& imagePushedAt)[-1].imageDigest'],
    )
    assert.equal(newest.trim(), digests.at(-1))
  })

  test('§3.5.7 list-image-referrers', async (t) => {
    if (!(await skeleton('list-image-referrers'))) {
      return t.skip(skippedAloud('list-image-referrers', `${version} does not know it; the JavaScript SDK judges it`))
    }
    const name = await newRepository()
    const image = await push(name, ociImage(), 'v1')
    const signature = await push(name, referrer(image, 'application/vnd.example.signature'))
    const sbom = await push(name, referrer(image, 'application/spdx+json', { from: 'a test' }))
    const list = async (...args: string[]) => {
      const subject = ['--subject-id', `imageDigest=${image.digest}`]
      return await aws('list-image-referrers', '--repository-name', name, ...subject, ...args)
    }
    const { referrers } = await list()
    assert.deepEqual(
      referrers.map((each: { digest: string; size: number }) => [each.digest, each.size]).toSorted(),
      [signature, sbom].map(({ digest, size }) => [digest, size]).toSorted(),
    )
    const filtered = (await list('--filter', 'artifactTypes=application/spdx+json')).referrers
    assert.equal(filtered.length, 1)
    assert.deepEqual(filtered[0].annotations, { from: 'a test' })
    const page = await list('--max-results', '1')
    assert.equal(page.referrers.length, 1)
    const next = await list('--max-results', '1', '--next-token', page.nextToken)
    assert.notEqual(next.referrers[0].digest, page.referrers[0].digest)
  })
})

/** How each client takes a password from standard input, and a command that then needs it. */
interface LoginClient {
  name: string
  login(host: string): string[]
  prepare?(host: string): string[]
  use?(image: string): string[]
  /** It only writes the password down: whether it is right shows with the first use. */
  believesAnything?: boolean
}

const loginClients: LoginClient[] = [
  {
    name: 'skopeo',
    login: (host) => ['login', '--tls-verify=false', '--username', 'AWS', '--password-stdin', host],
    use: (image) => ['list-tags', '--tls-verify=false', `docker://${image}`],
  },
  {
    name: 'podman',
    login: (host) => ['login', '--tls-verify=false', '--username', 'AWS', '--password-stdin', host],
    use: (image) => ['search', '--tls-verify=false', '--list-tags', image],
  },
  {
    name: 'buildah',
    login: (host) => ['login', '--tls-verify=false', '--username', 'AWS', '--password-stdin', host],
  },
  {
    name: 'crane',
    login: (host) => ['auth', 'login', host, '--username', 'AWS', '--password-stdin'],
    use: (image) => ['ls', image],
    believesAnything: true,
  },
  {
    name: 'oras',
    login: (host) => ['login', '--plain-http', '--username', 'AWS', '--password-stdin', host],
    use: (image) => ['repo', 'tags', '--plain-http', image],
  },
  {
    name: 'regctl',
    prepare: (host) => ['registry', 'set', '--skip-check', '--tls', 'disabled', host],
    login: (host) => ['registry', 'login', '--user', 'AWS', '--pass-stdin', host],
    use: (image) => ['tag', 'ls', image],
  },
  { name: 'docker', login: (host) => ['login', '--username', 'AWS', '--password-stdin', host] },
]

describe(`${version} get-login-password into each client`, { skip }, () => {
  let image: string

  before(async () => {
    if (skip !== false) return
    await aws('create-repository', '--repository-name', 'login/app')
    await push('login/app', ociImage(), 'logged-in')
    image = `${ground.server.host}/login/app`
  })

  const home = (client: string) => {
    const folder = join(ground.folder, `home-${client}`)
    mkdirSync(folder, { recursive: true })
    return {
      HOME: folder,
      DOCKER_CONFIG: folder,
      REGISTRY_AUTH_FILE: join(folder, 'auth.json'),
      XDG_CONFIG_HOME: folder,
    }
  }

  for (const client of loginClients) {
    const program: Tool = tool(client.name)
    test(`${client.name} login`, { skip: program.skip }, async () => {
      const env = home(client.name)
      const { host } = ground.server
      if (client.prepare) await succeed(program, client.prepare(host), { env })
      // The line of ECR's documentation, in a shell: aws ecr get-login-password | <client> login --password-stdin
      const pipe = `"$AWS_PROGRAM" ecr get-login-password | "$CLIENT_PROGRAM" "$@"`
      await succeed('/bin/sh', ['-c', pipe, 'sh', ...client.login(host)], {
        env: { ...environment(), ...env, AWS_PROGRAM: cli.path, CLIENT_PROGRAM: program.path },
      })
      if (client.use) {
        const used = await succeed(program, client.use(image), { env })
        assert.match(used.stdout, /logged-in/)
      }
      const wrong = home(`${client.name}-refused`)
      if (client.prepare) await succeed(program, client.prepare(host), { env: wrong })
      let refused = await run(program, client.login(host), { env: wrong, input: 'not a token' })
      if (client.believesAnything && client.use) refused = await run(program, client.use(image), { env: wrong })
      assert.notEqual(refused.code, 0, `a wrong password is refused: ${refused.stdout}`)
    })
  }

  const skopeo = tool('skopeo')
  test('pushed by skopeo with that password, read by describe-images, retagged by the CLI, pulled by skopeo', {
    skip: skopeo.skip,
  }, async () => {
    const builder = imageBuilder()
    const root = builder.image()
    const from = builder.writeLayout(join(ground.folder, 'layout'), { here: root })
    const password = (await text('get-login-password')).trim()
    const credentials = `AWS:${password}`
    await aws('create-repository', '--repository-name', 'login/skopeo')
    const to = `docker://${ground.server.host}/login/skopeo`
    await succeed(
      skopeo,
      ['copy', '--dest-tls-verify=false', '--dest-creds', credentials, `oci:${from}:here`, `${to}:v1`],
      {
        env: home('skopeo-copy'),
      },
    )
    const { imageDetails } = await aws('describe-images', '--repository-name', 'login/skopeo')
    assert.deepEqual(
      imageDetails.map((each: { imageDigest: string; imageTags: string[] }) => [each.imageDigest, each.imageTags]),
      [[root.digest, ['v1']]],
    )
    const manifest = file('skopeo-manifest', builder.bytes(root.digest))
    await aws(
      ...['put-image', '--repository-name', 'login/skopeo', '--image-tag', 'stable'],
      ...['--image-manifest', `file://${manifest}`],
    )
    const back = join(ground.folder, `back-${randomBytes(4).toString('hex')}`)
    await succeed(
      skopeo,
      ['copy', '--src-tls-verify=false', '--src-creds', credentials, `${to}:stable`, `oci:${back}:here`],
      {
        env: home('skopeo-copy'),
      },
    )
    await aws('batch-delete-image', '--repository-name', 'login/skopeo', '--image-ids', `imageDigest=${root.digest}`)
    const gone = await run(skopeo, ['inspect', '--tls-verify=false', '--creds', credentials, `${to}:stable`])
    assert.match(gone.stderr, /manifest unknown|Requested image not found/i)
  })
})
