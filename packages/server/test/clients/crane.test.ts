// crane (go-containerregistry): pushes OCI layouts and tarballs, copies, tags, appends, lists over pages and catalogs, validates every layer,
// deletes by digest.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { type Descriptor, digestOf, imageBuilder, mediaTypes } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { assertSameLayout } from '../support/same-content.ts'
import { fail, succeed, tool } from '../support/tool.ts'

const crane = tool('crane')

describe('crane', { skip: crane.skip }, () => {
  let ground: ProvingGround
  let env: Record<string, string>
  const builder = imageBuilder()

  const invoke = (...args: string[]) => succeed(crane, args, { env })
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)

  before(async () => {
    ground = await provingGround()
    env = { DOCKER_CONFIG: ground.folder }
    await ground.createRepositories('crane/app', 'crane/copy', 'crane/list', 'crane/many', 'crane/gone')
    const args = ['auth', 'login', ground.server.host, '--username', 'AWS', '--password-stdin']
    await succeed(crane, args, { env, input: ground.password })
  })
  after(() => ground?.close())

  it('pushes an image from an OCI layout and pulls it into another, every byte the same', async () => {
    const image = builder.image({ layers: [1_000_000, 10, 1] })
    builder.writeLayout(local('layout'), { one: image })
    const { stdout } = await invoke('push', local('layout'), remote('crane/app:one'))
    assert.equal(stdout.trim(), remote(`crane/app@${image.digest}`))
    await ground.raw.assertHolds('crane/app', builder, image)
    await invoke('pull', '--format=oci', remote('crane/app:one'), local('back'))
    assertSameLayout(builder, image, local('back'))

    assert.equal((await invoke('digest', remote('crane/app:one'))).stdout.trim(), image.digest)
    assert.ok((await invoke('manifest', remote('crane/app:one'))).bytes.equals(builder.bytes(image.digest)))
    const { config, layers } = JSON.parse(builder.bytes(image.digest).toString())
    assert.ok((await invoke('config', remote('crane/app:one'))).bytes.equals(builder.bytes(config.digest)))
    for (const layer of layers as Descriptor[]) {
      const { bytes } = await invoke('blob', remote(`crane/app@${layer.digest}`))
      assert.ok(bytes.equals(builder.bytes(layer.digest)), `blob ${layer.digest}`)
    }
    await invoke('validate', '--remote', remote('crane/app:one'))
  })

  it('pushes an index with images and artifacts in it, validates and pulls it whole', async () => {
    const index = builder.index([
      builder.image(),
      builder.image({ platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }),
      builder.image({ platform: { os: 'unknown', architecture: 'unknown' } }),
    ])
    builder.writeLayout(local('index'), { all: index })
    await invoke('push', '--index', local('index'), remote('crane/list:raw'))
    // crane pushes the layout's own index.json: the index that we made is its child.
    await ground.raw.assertHolds('crane/list', builder, index)
    await ground.raw.assertWhole('crane/list', 'raw')
    await invoke('tag', remote(`crane/list@${index.digest}`), 'all')
    await invoke('validate', '--remote', remote('crane/list:all'))
    await invoke('pull', '--format=oci', remote('crane/list:all'), local('index-back'))
    assertSameLayout(builder, index, local('index-back'))
    const arm = await invoke('digest', '--platform', 'linux/arm/v7', remote('crane/list:all'))
    const children = JSON.parse(builder.bytes(index.digest).toString()).manifests as Descriptor[]
    assert.equal(arm.stdout.trim(), children[1]?.digest)
  })

  it('copies between repositories with the digest kept, one tag and all tags', async () => {
    await invoke('copy', remote('crane/list:all'), remote('crane/copy:all'))
    const { body } = await ground.raw.manifest('crane/list', 'all')
    assert.ok((await ground.raw.manifest('crane/copy', 'all')).body.equals(body), 'the copy is the same index')
    await ground.raw.assertWhole('crane/copy', 'all')
    await invoke('copy', '--all-tags', remote('crane/app'), remote('crane/copy'))
    assert.deepEqual((await invoke('ls', remote('crane/copy'))).stdout.trim().split('\n'), ['all', 'one'])
  })

  it('builds an image by appending a tarball to nothing and to an image that is here', async () => {
    const layer = builder.layer(123_456, 'none')
    writeFileSync(local('layer.tar'), builder.bytes(layer.descriptor.digest))
    await invoke('append', '--oci-empty-base', '--new_layer', local('layer.tar'), '--new_tag', remote('crane/app:new'))
    await ground.raw.assertWhole('crane/app', 'new')
    await invoke('append', '-b', remote('crane/app:one'), '-f', local('layer.tar'), '-t', remote('crane/app:appended'))
    await ground.raw.assertWhole('crane/app', 'appended')
    const appended = JSON.parse((await ground.raw.manifest('crane/app', 'appended')).body.toString())
    const last = (appended.layers as Descriptor[]).at(-1)
    const { body } = await ground.raw.blob('crane/app', last?.digest ?? '')
    assert.equal(digestOf(gunzipSync(body)), layer.diffId, 'the appended layer unpacks to the tarball')

    await invoke('mutate', remote('crane/app:one'), '--label', 'colour=blue', '--tag', remote('crane/app:blue'))
    const config = JSON.parse((await invoke('config', remote('crane/app:blue'))).stdout)
    assert.equal(config.config.Labels.colour, 'blue')
  })

  it('makes Docker tarballs from what is here, and pushes them as schema 2', async () => {
    await invoke('pull', remote('crane/app:new'), local('docker.tar'))
    await invoke('push', local('docker.tar'), remote('crane/app:docker'))
    const served = await ground.raw.manifest('crane/app', 'docker')
    assert.equal(served.headers['content-type'], mediaTypes.dockerManifest)
    await ground.raw.assertWhole('crane/app', 'docker')
  })

  it('makes an index of images that are here already', async () => {
    const names = ['-m', remote('crane/app:one'), '-m', remote('crane/app:new')]
    await invoke('index', 'append', ...names, '-t', remote('crane/app:joined'))
    const joined = JSON.parse((await ground.raw.manifest('crane/app', 'joined')).body.toString())
    assert.equal(joined.manifests.length, 2)
    await ground.raw.assertWhole('crane/app', 'joined')
  })

  it('lists tags over several pages and every repository of the catalog', async () => {
    const image = builder.image()
    const tags = Array.from({ length: 205 }, (_, n) => `t-${n}`).sort()
    await ground.raw.push('crane/many', builder, image, ...tags)
    assert.deepEqual((await invoke('ls', remote('crane/many'))).stdout.trim().split('\n'), tags)

    const repositories = Array.from({ length: 130 }, (_, n) => `catalog/r${n}`)
    await ground.createRepositories(...repositories)
    const listed = (await invoke('catalog', ground.server.host)).stdout.trim().split('\n')
    const own = ['crane/app', 'crane/copy', 'crane/gone', 'crane/list', 'crane/many']
    assert.deepEqual([...listed].sort(), [...repositories, ...own].sort())
  })

  it('deletes an image by digest, and a tag alone by its name (end-9)', async () => {
    const image = builder.image()
    await ground.raw.push('crane/gone', builder, image, 'a', 'b')
    await invoke('delete', remote('crane/gone:a'))
    assert.deepEqual((await invoke('ls', remote('crane/gone'))).stdout.trim().split('\n'), ['b'])
    await invoke('delete', remote(`crane/gone@${image.digest}`))
    await fail(crane, ['manifest', remote(`crane/gone@${image.digest}`)], /MANIFEST_UNKNOWN|404/, { env })
    await fail(crane, ['manifest', remote('crane/gone:b')], /MANIFEST_UNKNOWN|404/, { env })
    assert.deepEqual(await ground.images('crane/gone'), [])
  })

  it('is refused by name when it pushes to a repository that does not exist', async () => {
    const message =
      /NAME_UNKNOWN: The repository with name 'crane\/nowhere' does not exist in the registry with id '\d{12}'/
    await fail(crane, ['push', local('layout'), remote('crane/nowhere:one')], message, { env })
  })

  it('is refused without a login, and told so', async () => {
    writeFileSync(local('empty.json'), '{}')
    const nobody = { DOCKER_CONFIG: join(ground.folder, 'nobody') }
    await fail(crane, ['ls', remote('crane/app')], /UNAUTHORIZED|401/, { env: nobody })
    assert.match(readFileSync(local('config.json'), 'utf8'), new RegExp(ground.server.host))
  })
})
