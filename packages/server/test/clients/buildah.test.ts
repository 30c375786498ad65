// buildah: builds an image from nothing, and one on top of an image that it pulls from the registry; pushes both, and an index of them.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ContainersTools, containersTools, login } from '../support/containers-tools.ts'
import { type Descriptor, digestOf, mediaTypes } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { fail, succeed, tool } from '../support/tool.ts'

const buildah = tool('buildah')

describe('buildah', { skip: buildah.skip }, () => {
  let ground: ProvingGround
  let tools: ContainersTools
  const secret = randomBytes(300_000)

  const invoke = (...args: string[]) => succeed(buildah, args, { env: tools.env })
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)
  const layersOf = async (repository: string, reference: string) => {
    const { body } = await ground.raw.manifest(repository, reference)
    return (JSON.parse(body.toString()) as { layers: Descriptor[] }).layers.map((each) => each.digest)
  }

  before(async () => {
    ground = await provingGround()
    tools = containersTools(ground, 'buildah')
    await ground.createRepositories('built/base', 'built/app', 'built/list', 'built/docker')
    await login(buildah, ground, tools)
    writeFileSync(local('payload.bin'), secret)
  })
  after(async () => {
    if (!ground) return
    await succeed(buildah, ['rm', '--all'], { env: tools.env })
    await succeed(buildah, ['rmi', '--all', '--force'], { env: tools.env })
    await ground.close()
  })

  it('builds from scratch, pushes, and finds the same file in what it pulls again', async () => {
    const container = (await invoke('from', '--name', 'base', 'scratch')).stdout.trim()
    await invoke('copy', container, local('payload.bin'), '/payload.bin')
    await invoke('config', '--label', 'org.example.kind=base', container)
    await invoke('commit', '--rm', '--format', 'oci', container, 'localhost/base')
    await invoke('push', '--digestfile', local('base.digest'), 'localhost/base', `docker://${remote('built/base:v1')}`)
    const digest = readFileSync(local('base.digest'), 'utf8').trim()
    const served = await ground.raw.manifest('built/base', 'v1')
    assert.equal(digestOf(served.body), digest)
    await ground.raw.assertWhole('built/base', 'v1')

    await invoke('rmi', '--all', '--force')
    const again = (await invoke('from', '--pull-always', '--name', 'again', remote('built/base:v1'))).stdout.trim()
    const mounted = (await invoke('mount', again)).stdout.trim()
    assert.ok(readFileSync(join(mounted, 'payload.bin')).equals(secret), 'the file in the pulled image')
    await invoke('umount', again)
    await invoke('rm', again)
  })

  it('builds a Containerfile on the image in the registry, whose layers it does not send again', async () => {
    const context = local('context')
    mkdirSync(context)
    writeFileSync(join(context, 'more.txt'), 'one more file\n')
    writeFileSync(join(context, 'Containerfile'), `FROM ${remote('built/base:v1')}\nCOPY more.txt /more.txt\n`)
    await invoke('build', '--pull-always', '--layers', '--tag', 'localhost/app', context)
    await invoke('push', 'localhost/app', `docker://${remote('built/app:v1')}`)
    await ground.raw.assertWhole('built/app', 'v1')
    const base = await layersOf('built/base', 'v1')
    const app = await layersOf('built/app', 'v1')
    assert.equal(app.length, base.length + 1)
    assert.equal(app[0], base[0], 'the layer of the base image kept its digest')
  })

  it('pushes in Docker’s format when asked', async () => {
    await invoke('push', '--format', 'v2s2', 'localhost/app', `docker://${remote('built/docker:v1')}`)
    const served = await ground.raw.manifest('built/docker', 'v1')
    assert.equal(served.headers['content-type'], mediaTypes.dockerManifest)
    await ground.raw.assertWhole('built/docker', 'v1')
  })

  it('pushes an index of several images', async () => {
    await invoke('manifest', 'create', 'several')
    await invoke('manifest', 'add', 'several', 'localhost/app')
    const base = `docker://${remote('built/base:v1')}`
    await invoke('manifest', 'add', '--tls-verify=false', '--arch', 'arm64', 'several', base)
    const target = `docker://${remote('built/list:v1')}`
    await invoke('manifest', 'push', '--tls-verify=false', '--all', '--format', 'oci', 'several', target)
    const served = await ground.raw.manifest('built/list', 'v1')
    assert.equal(served.headers['content-type'], mediaTypes.ociIndex)
    const whole = await ground.raw.assertWhole('built/list', 'v1')
    assert.ok(whole.length >= 7, `two images and their index: ${whole}`)
    const rows = (await ground.images('built/list')).map((each) => each.imageDigest)
    assert.equal(rows.length, 3, 'DescribeImages shows the index and both images')
  })

  it('is refused by name when it pushes to a repository that does not exist', async () => {
    await fail(
      buildah,
      ['push', 'localhost/app', `docker://${remote('built/nowhere:v1')}`],
      /The repository with name 'built\/nowhere' does not exist in the registry with id '\d{12}'/,
      { env: tools.env },
    )
  })
})
