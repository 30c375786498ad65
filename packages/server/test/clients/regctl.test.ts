// regctl (regclient): the strict one. Chunked pushes with small chunks, mounts, sha512, layouts with referrers and digest tags, tag deletion by
// the specification, paging by `n` and `last`.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Descriptor, digestOf, imageBuilder, mediaTypes, readLayoutBlob } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { said } from '../support/raw-registry.ts'
import { assertSameLayout } from '../support/same-content.ts'
import { fail, type RunOptions, succeed, tool } from '../support/tool.ts'

const regctl = tool('regctl')

describe('regctl', { skip: regctl.skip }, () => {
  let ground: ProvingGround
  let env: Record<string, string>
  const builder = imageBuilder()
  const amd64 = builder.image({ layers: [300_000] })
  const arm64 = builder.image({ platform: { os: 'linux', architecture: 'arm64' } })
  const index = builder.index([amd64, arm64])

  const invoke = (args: string[], options: RunOptions = {}) => succeed(regctl, args, { ...options, env })
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)
  const lines = async (...args: string[]) => (await invoke(args)).stdout.trim().split('\n')

  before(async () => {
    ground = await provingGround()
    env = { REGCTL_CONFIG: local('regctl.json'), DOCKER_CONFIG: local('docker') }
    await ground.createRepositories('reg/app', 'reg/copy', 'reg/512', 'reg/tags', 'reg/gone', 'reg/blobs')
    await invoke(['registry', 'set', ground.server.host, '--tls', 'disabled', '--skip-check'])
    await invoke(['registry', 'login', ground.server.host, '--user', 'AWS', '--pass-stdin'], { input: ground.password })
  })
  after(() => ground?.close())

  it('copies a multi-architecture layout in and out, every byte the same', async () => {
    builder.writeLayout(local('layout'), { all: index })
    await invoke(['image', 'copy', `ocidir://${local('layout')}:all`, remote('reg/app:all')])
    await ground.raw.assertHolds('reg/app', builder, index)
    assert.deepEqual(await lines('image', 'digest', remote('reg/app:all')), [index.digest])
    assert.deepEqual(await lines('image', 'digest', '--platform', 'linux/arm64', remote('reg/app:all')), [arm64.digest])
    await invoke(['image', 'copy', remote('reg/app:all'), `ocidir://${local('back')}:all`])
    assertSameLayout(builder, index, local('back'))
    const raw = await invoke(['manifest', 'get', remote('reg/app:all'), '--format', 'raw-body'])
    assert.ok(raw.bytes.equals(builder.bytes(index.digest)), 'the index as regctl got it')
    const head = await invoke(['manifest', 'head', remote('reg/app:all')])
    assert.equal(head.stdout.trim(), index.digest)
  })

  it('pushes blobs in small chunks, each answered with the right range (end-5, end-6)', async () => {
    const chunked = { ...env, REGCTL_CONFIG: local('chunked.json') }
    const set = ['registry', 'set', ground.server.host, '--tls', 'disabled', '--skip-check']
    await succeed(regctl, [...set, '--blob-chunk', '65536', '--blob-max', '1000'], { env: chunked })
    const login = ['registry', 'login', ground.server.host, '--user', 'AWS', '--pass-stdin']
    await succeed(regctl, login, { env: chunked, input: ground.password })
    const bytes = randomBytes(1_000_003)
    const options = { env: chunked, input: bytes }
    const put = await succeed(regctl, ['blob', 'put', '-v', 'trace', remote('reg/blobs')], options)
    const chunks = put.stderr.split('\n').filter((line) => line.includes('req-method=PATCH')).length
    assert.equal(chunks, Math.ceil(bytes.length / 65_536), put.stderr)
    assert.equal(put.stdout.trim(), digestOf(bytes))
    const served = await ground.raw.blob('reg/blobs', digestOf(bytes))
    assert.ok(served.body.equals(bytes), said('the blob pushed in chunks', served))
    const got = await invoke(['blob', 'get', remote('reg/blobs'), digestOf(bytes)])
    assert.ok(got.bytes.equals(bytes), 'the blob as regctl got it')
  })

  it('copies between repositories and finds the blobs already there', async () => {
    await invoke(['image', 'copy', remote('reg/app:all'), remote('reg/copy:all')])
    await ground.raw.assertHolds('reg/copy', builder, index)
    await invoke(['image', 'copy', '--force-recursive', remote('reg/app:all'), remote('reg/copy:again')])
    const { layers } = JSON.parse(builder.bytes(amd64.digest).toString()) as { layers: Descriptor[] }
    const digest = layers[0]?.digest ?? ''
    await invoke(['blob', 'copy', remote('reg/app'), remote('reg/blobs'), digest])
    assert.ok((await ground.raw.blob('reg/blobs', digest)).body.equals(builder.bytes(digest)))
  })

  it('converts an image to sha512 and pushes it; what comes back has the sha512 digest', async () => {
    const args = ['image', 'mod', remote('reg/app:all'), '--digest-algo', 'sha512', '--create', remote('reg/512:all')]
    await invoke(args)
    const children = await invoke(['manifest', 'get', remote('reg/512:all'), '--format', 'raw-body'])
    const { manifests } = JSON.parse(children.stdout) as { manifests: Descriptor[] }
    assert.equal(manifests.length, 2)
    for (const child of manifests) {
      assert.match(child.digest, /^sha512:[0-9a-f]{128}$/)
      const manifest = await ground.raw.manifest('reg/512', child.digest)
      assert.equal(manifest.status, 200, said(`GET ${child.digest}`, manifest))
      assert.equal(digestOf(manifest.body, 'sha512'), child.digest)
      assert.equal(manifest.headers['docker-content-digest'], child.digest)
      const { layers, config } = JSON.parse(manifest.body.toString()) as { layers: Descriptor[]; config: Descriptor }
      for (const each of [...layers, config]) {
        assert.match(each.digest, /^sha512:/)
        const blob = await ground.raw.blob('reg/512', each.digest)
        assert.equal(blob.status, 200, said(`GET ${each.digest}`, blob))
        assert.equal(digestOf(blob.body, 'sha512'), each.digest)
      }
    }
  })

  it('puts artifacts with subjects, lists and filters them, and copies them with their image', async () => {
    const put = (type: string, text: string, ...more: string[]) =>
      invoke(['artifact', 'put', '--artifact-type', type, '--subject', remote('reg/app:all'), ...more], { input: text })
    await put('application/vnd.example.sbom', 'an sbom', '--annotation', 'org.example.n=1')
    await put('application/vnd.example.signature', 'a signature')
    const listed = await invoke(['artifact', 'list', remote('reg/app:all'), '--format', 'body'])
    const entries = (JSON.parse(listed.stdout) as { manifests: Descriptor[] }).manifests
    assert.deepEqual(entries.map((each) => each.artifactType).sort(), [
      'application/vnd.example.sbom',
      'application/vnd.example.signature',
    ])
    const filter = ['--filter-artifact-type', 'application/vnd.example.sbom', '--format', 'body']
    const filtered = JSON.parse((await invoke(['artifact', 'list', remote('reg/app:all'), ...filter])).stdout)
    assert.equal(filtered.manifests.length, 1)
    assert.equal(filtered.manifests[0].annotations['org.example.n'], '1')
    assert.match((await invoke(['artifact', 'tree', remote('reg/app:all')])).stdout, /vnd\.example\.signature/)

    await invoke(['image', 'copy', '--referrers', remote('reg/app:all'), remote('reg/copy:with')])
    const copied = JSON.parse((await invoke(['artifact', 'list', remote('reg/copy:with'), '--format', 'body'])).stdout)
    const digests = (list: Descriptor[]) => list.map((each) => each.digest).sort()
    assert.deepEqual(digests(copied.manifests), digests(entries))
    await invoke(['image', 'copy', '--referrers', remote('reg/app:all'), `ocidir://${local('with')}:all`])
    for (const { digest } of entries) {
      const { body } = await ground.raw.manifest('reg/app', digest)
      assert.ok(readLayoutBlob(local('with'), digest).equals(body), `${digest} in the layout`)
    }
  })

  it('copies the tags that other tools name after a digest', async () => {
    const signature = builder.artifact({ artifactType: 'application/vnd.example.cosign' })
    await ground.raw.push('reg/app', builder, signature, `${index.digest.replace(':', '-')}.sig`)
    await invoke(['image', 'copy', '--digest-tags', remote('reg/app:all'), remote('reg/copy:signed')])
    await ground.raw.assertHolds('reg/copy', builder, signature)
    const tags = await lines('tag', 'ls', remote('reg/copy'))
    assert.ok(tags.includes(`${index.digest.replace(':', '-')}.sig`), `the signature's tag among ${tags}`)
  })

  it('lists tags page by page with n and last (end-8b), and repositories', async () => {
    const image = builder.image()
    const all = Array.from({ length: 150 }, (_, n) => `x${n}`).sort()
    await ground.raw.push('reg/tags', builder, image, ...all)
    assert.deepEqual(await lines('tag', 'ls', remote('reg/tags'), '--limit', '1000'), all)
    const seen: string[] = []
    for (;;) {
      const last = seen.at(-1)
      const after = last ? ['--last', last] : []
      const page = (await invoke(['tag', 'ls', remote('reg/tags'), '--limit', '40', ...after])).stdout.trim()
      if (page === '') break
      const tags = page.split('\n')
      assert.ok(tags.length <= 40, `a page of ${tags.length}`)
      seen.push(...tags)
      assert.ok(seen.length <= all.length, 'paging ends')
    }
    assert.deepEqual(seen, all)
    const repositories = ['reg/512', 'reg/app', 'reg/blobs', 'reg/copy', 'reg/gone', 'reg/tags']
    assert.deepEqual(await lines('repo', 'ls', ground.server.host), repositories)
  })

  it('deletes one tag and keeps the image and its other tag; then deletes the image (end-9)', async () => {
    const image = builder.image()
    await ground.raw.push('reg/gone', builder, image, 'a', 'b')
    await invoke(['tag', 'delete', remote('reg/gone:a')])
    assert.deepEqual(await lines('tag', 'ls', remote('reg/gone')), ['b'])
    await invoke(['tag', 'delete', remote('reg/gone:b')])
    assert.deepEqual(await lines('manifest', 'head', remote(`reg/gone@${image.digest}`)), [image.digest])
    const [row] = await ground.images('reg/gone')
    assert.deepEqual({ digest: row?.imageDigest, tags: row?.imageTags ?? [] }, { digest: image.digest, tags: [] })
    await invoke(['manifest', 'delete', remote(`reg/gone@${image.digest}`)])
    await fail(regctl, ['manifest', 'head', remote(`reg/gone@${image.digest}`)], /not found|404/i, { env })
    assert.deepEqual(await ground.images('reg/gone'), [])
  })

  it('builds an image from a folder and an index of platforms, and exports it as a tarball', async () => {
    mkdirSync(local('rootfs'))
    writeFileSync(join(local('rootfs'), 'hello.txt'), 'hello\n')
    const mod = ['image', 'mod', remote('reg/app:all'), '--create', remote('reg/app:more')]
    await invoke([...mod, '--layer-add', `dir=${local('rootfs')}`, '--annotation', '[*]org.example.by=regctl'])
    await ground.raw.assertWhole('reg/app', 'more')
    const create = ['index', 'create', remote('reg/app:docker-list'), '--media-type', mediaTypes.dockerList]
    await invoke([...create, '--ref', remote('reg/app:all'), '--platform', 'linux/amd64'])
    const served = await ground.raw.manifest('reg/app', 'docker-list')
    assert.equal(served.headers['content-type'], mediaTypes.dockerList)
    await invoke(['image', 'export', '--platform', 'linux/amd64', remote('reg/app:all'), local('export.tar')])
    await invoke(['image', 'import', remote('reg/app:imported'), local('export.tar')])
    assert.deepEqual(await lines('image', 'digest', remote('reg/app:imported')), [amd64.digest])
  })

  it('is refused by name when it pushes to a repository that does not exist', async () => {
    await fail(
      regctl,
      ['image', 'copy', `ocidir://${local('layout')}:all`, remote('reg/nowhere:one')],
      /404|not found/i,
      {
        env,
      },
    )
  })
})
