// skopeo: logs in, copies single and multi-architecture images both ways without changing a byte, converts to Docker's schema 2, mounts
// between repositories, lists more tags than a page holds, and deletes.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ContainersTools, containersTools, login } from '../support/containers-tools.ts'
import { type Descriptor, digestOf, imageBuilder, mediaTypes } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { assertSameLayout } from '../support/same-content.ts'
import { fail, type RunOptions, succeed, tool } from '../support/tool.ts'

const skopeo = tool('skopeo')

describe('skopeo', { skip: skopeo.skip }, () => {
  let ground: ProvingGround
  let tools: ContainersTools
  const builder = imageBuilder()

  const everywhere = () => ['--insecure-policy', '--registries-conf', tools.registriesFile]
  const invoke = (args: string[]) => succeed(skopeo, [...everywhere(), ...args], { env: tools.env })
  const refused = (args: string[], saying: RegExp, options: RunOptions = {}) =>
    fail(skopeo, [...everywhere(), ...args], saying, { env: tools.env, ...options })
  const remote = (name: string) => `docker://${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)

  before(async () => {
    ground = await provingGround()
    tools = containersTools(ground, 'skopeo')
    await ground.createRepositories('team/app', 'team/other', 'team/list', 'team/docker', 'team/many', 'team/dir')
    await login(skopeo, ground, tools)
  })
  after(() => ground?.close())

  it('logs in with the password of GetAuthorizationToken, and is told when the password is another', async () => {
    const host = ground.server.host
    const shown = await invoke(['login', '--get-login', '--tls-verify=false', host])
    assert.equal(shown.stdout.trim(), 'AWS')
    const env = { ...tools.env, REGISTRY_AUTH_FILE: local('wrong-auth.json') }
    const args = ['login', '--username', 'AWS', '--password-stdin', '--tls-verify=false', host]
    await refused(args, /40[0-3]|unauthorized|invalid username\/password|bad request|denied/i, {
      env,
      input: 'not-the-password\n',
    })
    await refused(['list-tags', '--no-creds', remote('team/app')], /unauthorized|authentication required|401/i)
  })

  it('pushes an image and pulls it back, every byte the same', async () => {
    const image = builder.image({ layers: [5_000, 700_000, 3] })
    builder.writeLayout(local('image'), { one: image })
    await invoke(['copy', `oci:${local('image')}:one`, remote('team/app:one')])
    await ground.raw.assertHolds('team/app', builder, image)

    const manifest = await invoke(['inspect', '--raw', remote('team/app:one')])
    assert.ok(manifest.bytes.equals(builder.bytes(image.digest)), 'inspect --raw shows the manifest as it was pushed')
    const inspected = JSON.parse((await invoke(['inspect', remote('team/app:one')])).stdout) as Record<string, unknown>
    assert.equal(inspected.Digest, image.digest)
    assert.deepEqual(inspected.RepoTags, ['one'])

    await invoke(['copy', remote('team/app:one'), `oci:${local('image-back')}:one`])
    assertSameLayout(builder, image, local('image-back'))
    await invoke(['copy', remote(`team/app@${image.digest}`), `oci:${local('image-by-digest')}:one`])
    assertSameLayout(builder, image, local('image-by-digest'))
  })

  it('pushes the layers of an image that are here already no second time', async () => {
    const layer = builder.layer(400_000)
    const first = builder.image({ layers: [layer] })
    const second = builder.image({ layers: [layer, 100] })
    builder.writeLayout(local('shared'), { first, second })
    await invoke(['copy', `oci:${local('shared')}:first`, remote('team/app:first')])
    const { stderr } = await invoke(['--debug', 'copy', `oci:${local('shared')}:second`, remote('team/app:second')])
    const posts = stderr.split('\n').filter((line) => /"POST http/.test(line)).length
    assert.equal(posts, 2, `only the new layer and the config are uploaded:\n${stderr}`)
    await ground.raw.assertHolds('team/app', builder, second)
  })

  it('pushes a multi-architecture index with all its images, and pulls all or the one for a platform', async () => {
    const amd64 = builder.image({ platform: { os: 'linux', architecture: 'amd64' } })
    const arm64 = builder.image({ platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } })
    const index = builder.index([amd64, arm64], { annotations: { 'org.example.team': 'harbour' } })
    builder.writeLayout(local('index'), { all: index })
    await invoke(['copy', '--all', `oci:${local('index')}:all`, remote('team/list:all')])
    await ground.raw.assertHolds('team/list', builder, index)

    await invoke(['copy', '--all', remote('team/list:all'), `oci:${local('index-back')}:all`])
    assertSameLayout(builder, index, local('index-back'))
    await invoke(['--override-arch', 'arm64', 'copy', remote('team/list:all'), `oci:${local('arm')}:arm`])
    assertSameLayout(builder, arm64, local('arm'))
  })

  it('pushes zstd and uncompressed layers as they are', async () => {
    const image = builder.image({ layers: [builder.layer(50_000, 'zstd'), builder.layer(20_000, 'none')] })
    builder.writeLayout(local('zstd'), { one: image })
    await invoke(['copy', '--preserve-digests', `oci:${local('zstd')}:one`, remote('team/app:zstd')])
    await ground.raw.assertHolds('team/app', builder, image)
  })

  it('converts to Docker schema 2 and manifest lists, which are served by their own media types', async () => {
    const index = builder.index([builder.image(), builder.image({ platform: { os: 'linux', architecture: 's390x' } })])
    builder.writeLayout(local('docker'), { all: index })
    await invoke(['copy', '--all', '--format', 'v2s2', `oci:${local('docker')}:all`, remote('team/docker:all')])
    const list = await ground.raw.manifest('team/docker', 'all')
    assert.equal(list.headers['content-type'], mediaTypes.dockerList)
    const children = (JSON.parse(list.body.toString()) as { manifests: Descriptor[] }).manifests
    for (const child of children) {
      const answer = await ground.raw.manifest('team/docker', child.digest)
      assert.equal(answer.headers['content-type'], mediaTypes.dockerManifest)
    }
    const whole = await ground.raw.assertWhole('team/docker', 'all')
    const types = (await ground.images('team/docker')).map((each) => each.imageManifestMediaType).sort()
    assert.deepEqual(types, [mediaTypes.dockerList, mediaTypes.dockerManifest, mediaTypes.dockerManifest].sort())

    await invoke(['copy', '--all', remote('team/docker:all'), `dir:${local('docker-back')}`])
    assert.ok(
      readFileSync(join(local('docker-back'), 'manifest.json')).equals(list.body),
      'the list came back as it was',
    )
    for (const digest of whole.slice(0, -1)) {
      const hex = digest.split(':')[1] as string
      const isChild = children.some((child) => child.digest === digest)
      const file = readFileSync(join(local('docker-back'), isChild ? `${hex}.manifest.json` : hex))
      assert.equal(digestOf(file), digest, `the file that skopeo wrote for ${digest}`)
    }
  })

  it('copies between repositories by mounting the blobs, without sending them (end-11)', async () => {
    const image = builder.image({ layers: [900_000] })
    builder.writeLayout(local('mount'), { one: image })
    await invoke(['copy', `oci:${local('mount')}:one`, remote('team/app:mount')])
    const { stderr } = await invoke(['--debug', 'copy', remote('team/app:mount'), remote('team/other:mount')])
    assert.match(stderr, /\.\.\. mount OK/, 'the layer was mounted')
    const uploads = stderr.split('\n').filter((line) => /"PATCH http/.test(line)).length
    assert.ok(uploads <= 1, `at most the config was sent:\n${stderr}`)
    await ground.raw.assertHolds('team/other', builder, image)
  })

  it('lists tags over several pages, in order', async () => {
    const image = builder.image()
    const tags = Array.from({ length: 231 }, (_, n) => `v${(n * 7919) % 1000}`).sort()
    await ground.raw.push('team/many', builder, image, ...tags)
    const { stdout } = await invoke(['list-tags', remote('team/many')])
    assert.deepEqual((JSON.parse(stdout) as { Tags: string[] }).Tags, tags)
  })

  it('deletes what a tag points at, and both wires agree that it is gone', async () => {
    const image = builder.image()
    builder.writeLayout(local('deleted'), { one: image })
    await invoke(['copy', `oci:${local('deleted')}:one`, remote('team/dir:one')])
    await invoke(['copy', `oci:${local('deleted')}:one`, remote('team/dir:two')])
    await invoke(['delete', remote('team/dir:one')])
    for (const reference of [':one', ':two', `@${image.digest}`]) {
      await refused(['inspect', '--raw', remote(`team/dir${reference}`)], /manifest unknown|not found/i)
    }
    assert.deepEqual(await ground.images('team/dir'), [])
  })

  it('is refused by name when it pushes to a repository that does not exist', async () => {
    builder.writeLayout(local('nowhere'), { one: builder.image() })
    await refused(
      ['copy', `oci:${local('nowhere')}:one`, remote('team/nowhere:one')],
      /The repository with name 'team\/nowhere' does not exist in the registry with id '\d{12}'/,
    )
  })
})
