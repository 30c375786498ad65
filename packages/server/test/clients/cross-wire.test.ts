// One store, two wires: what a client pushes, the ECR API shows; what the API stores, a client pulls; what either deletes or forbids is gone and
// forbidden on both. The clients are skopeo, crane and oras; the API is spoken by Amazon's own client.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  BatchCheckLayerAvailabilityCommand,
  BatchDeleteImageCommand,
  BatchGetImageCommand,
  CompleteLayerUploadCommand,
  DeleteRepositoryCommand,
  type ECRServiceException,
  GetDownloadUrlForLayerCommand,
  InitiateLayerUploadCommand,
  ListImageReferrersCommand,
  ListImagesCommand,
  PutImageCommand,
  PutImageTagMutabilityCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr'
import { type ContainersTools, containersTools, login } from '../support/containers-tools.ts'
import { type Descriptor, digestOf, imageBuilder, isManifest, mediaTypes } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { said } from '../support/raw-registry.ts'
import { assertSameLayout } from '../support/same-content.ts'
import { fail, succeed, tool } from '../support/tool.ts'

const skopeo = tool('skopeo')
const crane = tool('crane')
const oras = tool('oras')

describe('one store, two wires', () => {
  let ground: ProvingGround
  let containers: ContainersTools
  let env: Record<string, string>
  const builder = imageBuilder()

  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)
  const skopeoArgs = (args: string[]) => ['--insecure-policy', '--registries-conf', containers.registriesFile, ...args]
  const runSkopeo = (...args: string[]) => succeed(skopeo, skopeoArgs(args), { env })

  before(async () => {
    ground = await provingGround()
    containers = containersTools(ground, 'containers')
    env = { ...containers.env, DOCKER_CONFIG: ground.folder }
    const stdin = { env, input: ground.password }
    if (!skopeo.skip) await login(skopeo, ground, containers)
    const credentials = ['--username', 'AWS', '--password-stdin']
    if (!crane.skip) await succeed(crane, ['auth', 'login', ground.server.host, ...credentials], stdin)
    if (!oras.skip) await succeed(oras, ['login', ground.server.host, ...credentials], stdin)
  })
  after(() => ground?.close())

  it('shows in DescribeImages what skopeo pushed: digests, sizes, media types, tags', {
    skip: skopeo.skip,
  }, async () => {
    await ground.createRepositories('wire/shown')
    const small = builder.image({ layers: [10_000] })
    const large = builder.image({ platform: { os: 'linux', architecture: 'arm64' }, layers: [400_000, 5_000] })
    const index = builder.index([small, large])
    builder.writeLayout(local('shown'), { all: index })
    const before = Date.now()
    await runSkopeo('copy', '--all', `oci:${local('shown')}:all`, `docker://${remote('wire/shown:all')}`)
    await runSkopeo('copy', '--all', `oci:${local('shown')}:all`, `docker://${remote('wire/shown:latest')}`)

    const rows = new Map((await ground.images('wire/shown')).map((row) => [row.imageDigest, row]))
    assert.deepEqual([...rows.keys()].sort(), [small.digest, large.digest, index.digest].sort())
    for (const image of [small, large]) {
      const row = rows.get(image.digest)
      assert.equal(row?.imageManifestMediaType, mediaTypes.ociManifest)
      assert.equal(row?.artifactMediaType, mediaTypes.ociConfig)
      assert.equal(row?.imageTags, undefined, 'imageTags of an untagged image')
      const { layers, config } = JSON.parse(builder.bytes(image.digest).toString()) as {
        layers: Descriptor[]
        config: Descriptor
      }
      const sum = layers.reduce((total, layer) => total + layer.size, 0)
      assert.ok(
        row?.imageSizeInBytes === sum || row?.imageSizeInBytes === sum + config.size,
        `imageSizeInBytes is ${row?.imageSizeInBytes}, the layers are ${sum} and the config ${config.size}`,
      )
    }
    const top = rows.get(index.digest)
    assert.equal(top?.imageManifestMediaType, mediaTypes.ociIndex)
    assert.deepEqual([...(top?.imageTags ?? [])].sort(), ['all', 'latest'])
    assert.equal(
      top?.imageSizeInBytes,
      rows.get(large.digest)?.imageSizeInBytes,
      'an index is as large as its largest child',
    )
    const pushedAt = top?.imagePushedAt?.getTime() ?? 0
    assert.ok(pushedAt >= before - 1_000 && pushedAt <= Date.now() + 1_000, `imagePushedAt ${top?.imagePushedAt}`)

    const listed = await ground.ecr.send(new ListImagesCommand({ repositoryName: 'wire/shown' }))
    assert.deepEqual(
      listed.imageIds?.map((id) => `${id.imageDigest} ${id.imageTag ?? '-'}`).sort(),
      [`${small.digest} -`, `${large.digest} -`, `${index.digest} all`, `${index.digest} latest`].sort(),
    )
  })

  it('gives the API the same bytes that crane pushed: manifests, and layers by their link', {
    skip: crane.skip,
  }, async () => {
    await ground.createRepositories('wire/bytes')
    const image = builder.image({ layers: [250_000, 10] })
    builder.writeLayout(local('bytes'), { one: image })
    await succeed(crane, ['push', local('bytes'), remote('wire/bytes:one')], { env })
    const got = await ground.ecr.send(
      new BatchGetImageCommand({ repositoryName: 'wire/bytes', imageIds: [{ imageTag: 'one' }] }),
    )
    assert.deepEqual(got.failures, [])
    assert.equal(got.images?.[0]?.imageManifest, builder.bytes(image.digest).toString())
    assert.equal(got.images?.[0]?.imageManifestMediaType, mediaTypes.ociManifest)
    const blobs = builder.reachable(image).filter(({ mediaType }) => !isManifest(mediaType))
    const available = await ground.ecr.send(
      new BatchCheckLayerAvailabilityCommand({
        repositoryName: 'wire/bytes',
        layerDigests: [...blobs.map((blob) => blob.digest), digestOf(Buffer.from('nothing'))],
      }),
    )
    assert.deepEqual(
      available.layers?.map(({ layerAvailability }) => layerAvailability),
      [...blobs.map(() => 'AVAILABLE'), 'UNAVAILABLE'],
    )
    assert.deepEqual(
      available.layers?.slice(0, -1).map(({ layerSize }) => layerSize),
      blobs.map((blob) => blob.size),
    )
    for (const { digest } of blobs) {
      const { downloadUrl } = await ground.ecr.send(
        new GetDownloadUrlForLayerCommand({ repositoryName: 'wire/bytes', layerDigest: digest }),
      )
      const response = await fetch(downloadUrl ?? '')
      assert.equal(response.status, 200, `GET ${downloadUrl}`)
      const bytes = Buffer.from(await response.arrayBuffer())
      assert.ok(bytes.equals(builder.bytes(digest)), `${digest} by its download link`)
    }
  })

  it('lets skopeo and crane pull what was put by the API alone, layer parts and all', async () => {
    await ground.createRepositories('wire/put')
    const image = builder.image({ layers: [12_000_000, 100] })
    for (const { digest, mediaType } of builder.reachable(image)) {
      if (isManifest(mediaType)) continue
      await uploadLayer(ground, 'wire/put', builder.bytes(digest))
    }
    const put = await ground.ecr.send(
      new PutImageCommand({
        repositoryName: 'wire/put',
        imageManifest: builder.bytes(image.digest).toString(),
        imageTag: 'api',
      }),
    )
    assert.deepEqual(put.image?.imageId, { imageDigest: image.digest, imageTag: 'api' })
    await ground.raw.assertHolds('wire/put', builder, image)
    await ground.raw.assertWhole('wire/put', 'api')
    if (!skopeo.skip) {
      await runSkopeo('copy', `docker://${remote('wire/put:api')}`, `oci:${local('put-skopeo')}:api`)
      assertSameLayout(builder, image, local('put-skopeo'))
    }
    if (!crane.skip) {
      await succeed(crane, ['pull', '--format=oci', remote('wire/put:api'), local('put-crane')], { env })
      assertSameLayout(builder, image, local('put-crane'))
    }
  })

  it('retags by BatchGetImage and PutImage, and crane sees the new tag at once', { skip: crane.skip }, async () => {
    const got = await ground.ecr.send(
      new BatchGetImageCommand({ repositoryName: 'wire/bytes', imageIds: [{ imageTag: 'one' }] }),
    )
    const imageManifest = got.images?.[0]?.imageManifest ?? ''
    await ground.ecr.send(new PutImageCommand({ repositoryName: 'wire/bytes', imageManifest, imageTag: 'two' }))
    const { stdout } = await succeed(crane, ['ls', remote('wire/bytes')], { env })
    assert.deepEqual(stdout.trim().split('\n'), ['one', 'two'])
    const digest = (await succeed(crane, ['digest', remote('wire/bytes:two')], { env })).stdout.trim()
    assert.equal(digest, digestOf(Buffer.from(imageManifest)))
  })

  it('deletes by the API what a client then no longer finds, the last tag taking the image along', async () => {
    await ground.createRepositories('wire/api-deletes')
    const image = builder.image()
    await ground.raw.push('wire/api-deletes', builder, image, 'a', 'b')
    const remove = (...imageIds: { imageTag?: string; imageDigest?: string }[]) =>
      ground.ecr.send(new BatchDeleteImageCommand({ repositoryName: 'wire/api-deletes', imageIds }))

    await remove({ imageTag: 'a' })
    assert.equal((await ground.raw.manifest('wire/api-deletes', 'a')).status, 404)
    assert.equal((await ground.raw.manifest('wire/api-deletes', 'b')).status, 200)
    await remove({ imageTag: 'b' })
    const gone = await ground.raw.manifest('wire/api-deletes', image.digest)
    assert.equal(gone.status, 404, said('the image whose last tag the API deleted', gone))
    assert.match(gone.body.toString(), /"MANIFEST_UNKNOWN"/)
    if (!crane.skip) {
      await fail(crane, ['manifest', remote(`wire/api-deletes@${image.digest}`)], /MANIFEST_UNKNOWN/, { env })
    }
    const again = await remove({ imageDigest: image.digest })
    assert.equal(again.failures?.[0]?.failureCode, 'ImageNotFound')
  })

  it('deletes by a client what the API then no longer shows, a tag leaving the image (end-9)', async () => {
    await ground.createRepositories('wire/client-deletes')
    const image = builder.image()
    await ground.raw.push('wire/client-deletes', builder, image, 'a')
    const tag = await ground.raw.send('DELETE', '/v2/wire/client-deletes/manifests/a')
    assert.equal(tag.status, 202, said('DELETE of a tag', tag))
    const [row] = await ground.images('wire/client-deletes')
    assert.equal(row?.imageDigest, image.digest)
    assert.equal(row?.imageTags, undefined)
    const whole = await ground.raw.send('DELETE', `/v2/wire/client-deletes/manifests/${image.digest}`)
    assert.equal(whole.status, 202, said('DELETE of an image', whole))
    const got = await ground.ecr.send(
      new BatchGetImageCommand({ repositoryName: 'wire/client-deletes', imageIds: [{ imageDigest: image.digest }] }),
    )
    assert.equal(got.failures?.[0]?.failureCode, 'ImageNotFound')
    assert.deepEqual(await ground.images('wire/client-deletes'), [])
  })

  it('keeps the child of an index from deletion on both wires, until the index is gone', async () => {
    await ground.createRepositories('wire/child')
    const child = builder.image()
    const index = builder.index([child])
    await ground.raw.push('wire/child', builder, index, 'all')
    const byClient = await ground.raw.send('DELETE', `/v2/wire/child/manifests/${child.digest}`)
    assert.equal(byClient.status, 405, said('DELETE of a child', byClient))
    assert.match(byClient.body.toString(), /Requested image referenced by manifest list: \[sha256:/)
    const request = { repositoryName: 'wire/child', imageIds: [{ imageDigest: child.digest }] }
    const byApi = await ground.ecr.send(new BatchDeleteImageCommand(request))
    assert.equal(byApi.failures?.[0]?.failureCode, 'ImageReferencedByManifestList')
    assert.match(byApi.failures?.[0]?.failureReason ?? '', new RegExp(index.digest))
    await ground.raw.assertWhole('wire/child', 'all')

    const top = await ground.raw.send('DELETE', `/v2/wire/child/manifests/${index.digest}`)
    assert.equal(top.status, 202, said('DELETE of the index', top))
    const now = await ground.ecr.send(new BatchDeleteImageCommand(request))
    assert.deepEqual(now.failures, [])
    assert.equal((await ground.raw.manifest('wire/child', child.digest)).status, 404)
  })

  it('refuses to move a tag of an immutable repository on both wires, and allows it when it is mutable again', async () => {
    await ground.createRepository({ repositoryName: 'wire/fixed', imageTagMutability: 'IMMUTABLE' })
    const first = builder.image()
    const second = builder.image()
    await ground.raw.push('wire/fixed', builder, first, 'v1')
    await ground.raw.push('wire/fixed', builder, second)
    const sentence =
      "The image tag 'v1' already exists in the 'wire/fixed' repository and cannot be overwritten because the tag is immutable."

    const byRaw = await ground.raw.pushManifest('wire/fixed', builder.bytes(second.digest), second.mediaType, 'v1')
    assert.equal(byRaw.status, 400, said('PUT of another image under the tag', byRaw))
    assert.deepEqual(JSON.parse(byRaw.body.toString()).errors[0], { code: 'TAG_INVALID', message: sentence })
    const put = (image: Descriptor) =>
      ground.ecr.send(
        new PutImageCommand({
          repositoryName: 'wire/fixed',
          imageManifest: builder.bytes(image.digest).toString(),
          imageTag: 'v1',
        }),
      )
    await assert.rejects(put(second), (error: ECRServiceException) => {
      assert.equal(error.name, 'ImageTagAlreadyExistsException')
      assert.equal(error.message, sentence)
      return true
    })
    if (!skopeo.skip) {
      builder.writeLayout(local('fixed'), { two: second })
      const args = skopeoArgs(['copy', `oci:${local('fixed')}:two`, `docker://${remote('wire/fixed:v1')}`])
      await fail(skopeo, args, /cannot be overwritten because the tag is immutable/, { env })
    }
    assert.ok(
      (await ground.raw.manifest('wire/fixed', 'v1')).body.equals(builder.bytes(first.digest)),
      'v1 did not move',
    )

    const same = await ground.raw.pushManifest('wire/fixed', builder.bytes(first.digest), first.mediaType, 'v1')
    assert.equal(same.status, 201, said('the same image under the same tag again', same))
    await assert.rejects(put(first), { name: 'ImageAlreadyExistsException' })

    await ground.ecr.send(
      new PutImageTagMutabilityCommand({ repositoryName: 'wire/fixed', imageTagMutability: 'MUTABLE' }),
    )
    assert.equal((await put(second)).image?.imageId?.imageDigest, second.digest)
    assert.ok((await ground.raw.manifest('wire/fixed', 'v1')).body.equals(builder.bytes(second.digest)), 'v1 moved')
  })

  it('keeps to the exclusions of immutability on both wires', async () => {
    await ground.createRepository({
      repositoryName: 'wire/excluded',
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'dev-*' }],
    })
    const [first, second] = [builder.image(), builder.image()]
    await ground.raw.push('wire/excluded', builder, first, 'dev-1', 'v1')
    await ground.raw.push('wire/excluded', builder, second, 'dev-1')
    const refused = await ground.raw.pushManifest('wire/excluded', builder.bytes(second.digest), second.mediaType, 'v1')
    assert.equal(refused.status, 400, said('PUT under a tag that is not excluded', refused))
    assert.match(refused.body.toString(), /cannot be overwritten because the tag is immutable\./)
    await ground.ecr.send(
      new PutImageCommand({
        repositoryName: 'wire/excluded',
        imageManifest: builder.bytes(first.digest).toString(),
        imageTag: 'dev-1',
      }),
    )
    const served = await ground.raw.manifest('wire/excluded', 'dev-1')
    assert.equal(served.headers['docker-content-digest'], first.digest)
  })

  it('lists in ListImageReferrers what oras attached, and by the referrers API what PutImage put', async () => {
    await ground.createRepositories('wire/referrers')
    const subject = builder.image()
    await ground.raw.push('wire/referrers', builder, subject, 'v1')
    const signature = builder.artifact({
      artifactType: 'application/vnd.example.signature',
      annotations: { by: 'api' },
      subject,
    })
    await ground.raw.pushBlob('wire/referrers', Buffer.from('{}'))
    await ground.ecr.send(
      new PutImageCommand({
        repositoryName: 'wire/referrers',
        imageManifest: builder.bytes(signature.digest).toString(),
        imageManifestMediaType: mediaTypes.ociManifest,
      }),
    )
    const expected = ['application/vnd.example.signature']
    if (!oras.skip) {
      const attach = ['attach', '--artifact-type', 'application/vnd.example.note', '--annotation', 'by=oras']
      await succeed(oras, [...attach, remote('wire/referrers:v1')], { env })
      expected.unshift('application/vnd.example.note')
    }
    const byClient = await ground.raw.send('GET', `/v2/wire/referrers/referrers/${subject.digest}`)
    const entries = JSON.parse(byClient.body.toString()).manifests as Descriptor[]
    const byApi = await ground.ecr.send(
      new ListImageReferrersCommand({ repositoryName: 'wire/referrers', subjectId: { imageDigest: subject.digest } }),
    )
    assert.deepEqual(entries.map((each) => each.artifactType).sort(), expected)
    const order = (a: { digest?: string | undefined }, b: { digest?: string | undefined }) =>
      (a.digest ?? '').localeCompare(b.digest ?? '')
    assert.deepEqual(
      (byApi.referrers ?? []).sort(order).map(({ digest, mediaType, artifactType, size, annotations }) => ({
        digest,
        mediaType,
        artifactType,
        size,
        annotations,
      })),
      entries.sort(order).map(({ digest, mediaType, artifactType, size, annotations }) => ({
        digest,
        mediaType,
        artifactType,
        size,
        annotations,
      })),
    )
  })

  it('knows nothing of a repository any more that DeleteRepository removed with its images', async () => {
    await ground.createRepositories('wire/removed')
    const image = builder.image()
    await ground.raw.push('wire/removed', builder, image, 'v1')
    await assert.rejects(ground.ecr.send(new DeleteRepositoryCommand({ repositoryName: 'wire/removed' })), {
      name: 'RepositoryNotEmptyException',
    })
    await ground.ecr.send(new DeleteRepositoryCommand({ repositoryName: 'wire/removed', force: true }))
    for (const path of ['manifests/v1', 'tags/list', `blobs/${image.digest}`]) {
      const answer = await ground.raw.send('GET', `/v2/wire/removed/${path}`)
      assert.equal(answer.status, 404, said(`GET ${path}`, answer))
      assert.match(answer.body.toString(), /"NAME_UNKNOWN"/)
    }
    const upload = await ground.raw.send('POST', '/v2/wire/removed/blobs/uploads/')
    assert.equal(upload.status, 404, said('POST of an upload', upload))
    await ground.createRepositories('wire/removed')
    assert.deepEqual(await ground.images('wire/removed'), [], 'a new repository of the same name is empty')
    const { layers } = JSON.parse(builder.bytes(image.digest).toString()) as { layers: Descriptor[] }
    const layer = await ground.raw.blob('wire/removed', layers[0]?.digest ?? '')
    assert.equal(layer.status, 404, said('a blob of the repository that was here before', layer))
  })
})

/** Amazon's way: InitiateLayerUpload, parts of at most 5 MiB, CompleteLayerUpload. */
async function uploadLayer(ground: ProvingGround, repositoryName: string, bytes: Buffer): Promise<void> {
  const { uploadId } = await ground.ecr.send(new InitiateLayerUploadCommand({ repositoryName }))
  const partBytes = 5 * 1024 * 1024
  for (let first = 0; first < bytes.length; first += partBytes) {
    const part = bytes.subarray(first, first + partBytes)
    await ground.ecr.send(
      new UploadLayerPartCommand({
        repositoryName,
        uploadId,
        partFirstByte: first,
        partLastByte: first + part.length - 1,
        layerPartBlob: part,
      }),
    )
  }
  const layerDigest = digestOf(bytes)
  const completed = await ground.ecr.send(
    new CompleteLayerUploadCommand({ repositoryName, uploadId, layerDigests: [layerDigest] }),
  )
  assert.equal(completed.layerDigest, layerDigest)
}
