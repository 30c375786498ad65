// podman: pulls what another client pushed, pushes what it holds, makes and pushes a manifest list, all as root with storage of its own.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type ContainersTools, containersTools, login } from '../support/containers-tools.ts'
import { type Descriptor, digestOf, imageBuilder, mediaTypes, readLayoutBlob } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { fail, succeed, tool } from '../support/tool.ts'

const podman = tool('podman')

describe('podman', { skip: podman.skip }, () => {
  let ground: ProvingGround
  let tools: ContainersTools
  const builder = imageBuilder()

  const invoke = (...args: string[]) => succeed(podman, args, { env: tools.env })
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)

  before(async () => {
    ground = await provingGround()
    tools = containersTools(ground, 'podman')
    await ground.createRepositories('team/app', 'team/list', 'team/copy', 'team/built')
    await login(podman, ground, tools)
  })
  after(async () => {
    if (!ground) return
    await succeed(podman, ['system', 'reset', '--force'], { env: tools.env })
    await ground.close()
  })

  it('pulls an image by tag and by digest with every byte as it was pushed, and pushes it on', async () => {
    const image = builder.image({ layers: [builder.layer(500_000), builder.layer(7)] })
    await ground.raw.push('team/app', builder, image, 'one')
    await invoke('pull', remote('team/app:one'))
    const inspected = JSON.parse((await invoke('image', 'inspect', remote('team/app:one'))).stdout) as {
      Digest: string
      RootFS: { Layers: string[] }
    }[]
    assert.equal(inspected[0]?.Digest, image.digest)
    const config = JSON.parse(builder.bytes(configOf(builder.bytes(image.digest)).digest).toString())
    assert.deepEqual(inspected[0]?.RootFS.Layers, config.rootfs.diff_ids)

    await invoke('rmi', remote('team/app:one'))
    await invoke('pull', remote(`team/app@${image.digest}`))
    await invoke('tag', remote(`team/app@${image.digest}`), remote('team/copy:two'))
    await invoke('push', '--digestfile', local('digest'), remote('team/copy:two'))
    const pushed = readFileSync(local('digest'), 'utf8').trim()
    const served = await ground.raw.manifest('team/copy', 'two')
    assert.equal(digestOf(served.body), pushed, 'the digest that podman wrote down')
    await ground.raw.assertWhole('team/copy', 'two')
    assert.equal(
      configOf(served.body).digest,
      configOf(builder.bytes(image.digest)).digest,
      'the config kept its digest',
    )
    assert.deepEqual(
      (await ground.images('team/copy')).map(({ imageDigest, imageTags }) => ({ imageDigest, imageTags })),
      [{ imageDigest: pushed, imageTags: ['two'] }],
    )
  })

  it('imports, pushes and exports an image, whose layer comes back as the tar that went in', async () => {
    const layer = builder.layer(90_000, 'none')
    const image = builder.image({ layers: [layer] })
    builder.writeLayout(local('layout'), { one: image })
    // podman names the image after the path, which must then be a lower-case one.
    const options = { env: tools.env, cwd: ground.folder }
    const { stdout } = await succeed(podman, ['pull', '--quiet', 'oci:layout:one'], options)
    await invoke('tag', stdout.trim(), remote('team/built:one'))
    await invoke('push', remote('team/built:one'))
    await ground.raw.assertWhole('team/built', 'one')
    await invoke('rmi', '--force', stdout.trim())
    await invoke('pull', remote('team/built:one'))
    await invoke('push', '--compress=false', remote('team/built:one'), `oci:${local('out')}:one`)
    const [exported] = JSON.parse(readFileSync(join(local('out'), 'index.json'), 'utf8')).manifests as Descriptor[]
    const layers = JSON.parse(readLayoutBlob(local('out'), exported?.digest ?? '').toString()).layers as Descriptor[]
    assert.equal(layers.length, 1)
    const config = configOf(readLayoutBlob(local('out'), exported?.digest ?? ''))
    const diffIds = JSON.parse(readLayoutBlob(local('out'), config.digest).toString()).rootfs.diff_ids
    assert.deepEqual(diffIds, [layer.diffId])
  })

  it('makes a manifest list from images in the registry, pushes it with all of them, and reads it back', async () => {
    const amd64 = builder.image({ platform: { os: 'linux', architecture: 'amd64' } })
    const riscv = builder.image({ platform: { os: 'linux', architecture: 'riscv64' } })
    await ground.raw.push('team/list', builder, amd64, 'amd64')
    await ground.raw.push('team/list', builder, riscv, 'riscv64')
    await invoke('manifest', 'create', 'both')
    await invoke('manifest', 'add', 'both', `docker://${remote('team/list:amd64')}`)
    await invoke('manifest', 'add', '--arch', 'riscv64', 'both', `docker://${remote('team/list:riscv64')}`)
    await invoke('manifest', 'push', '--all', '--format', 'oci', 'both', `docker://${remote('team/list:both')}`)

    const served = await ground.raw.manifest('team/list', 'both')
    assert.equal(served.headers['content-type'], mediaTypes.ociIndex)
    const children = (JSON.parse(served.body.toString()) as { manifests: Descriptor[] }).manifests
    assert.deepEqual(new Set(children.map((each) => each.digest)), new Set([amd64.digest, riscv.digest]))
    await ground.raw.assertWhole('team/list', 'both')
    const seen = JSON.parse((await invoke('manifest', 'inspect', remote('team/list:both'))).stdout) as {
      manifests: Descriptor[]
    }
    assert.deepEqual(seen.manifests.map((each) => each.digest).sort(), children.map((each) => each.digest).sort())

    const { stdout } = await invoke('pull', '--quiet', '--arch', 'riscv64', remote('team/list:both'))
    const pulled = JSON.parse((await invoke('image', 'inspect', stdout.trim())).stdout)
    assert.equal(pulled[0].Architecture, 'riscv64')
    assert.equal(stdout.trim(), configOf(builder.bytes(riscv.digest)).digest.slice('sha256:'.length))
  })

  it('searches for tags with the listing of the registry', async () => {
    const { stdout } = await invoke('search', '--list-tags', remote('team/list'))
    const tags = stdout.trim().split('\n').slice(1)
    assert.deepEqual(
      tags.map((line) => line.split(/\s+/)[1]),
      ['amd64', 'both', 'riscv64'],
    )
  })

  it('is told that an image is not here, and refused without a login', async () => {
    await fail(podman, ['pull', remote('team/app:missing')], /manifest unknown|not found/i, { env: tools.env })
    writeFileSync(local('nobody.json'), '{}')
    const env = { ...tools.env, REGISTRY_AUTH_FILE: local('nobody.json') }
    await fail(podman, ['pull', remote('team/app:one')], /unauthorized|authentication required|401/i, { env })
  })
})

function configOf(manifest: Buffer): Descriptor {
  return (JSON.parse(manifest.toString()) as { config: Descriptor }).config
}
