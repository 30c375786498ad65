// containerd by its own client `ctr`: the pull that Kubernetes nodes make (HEAD by tag, manifest and blobs by digest), and a push.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { type Descriptor, imageBuilder } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { fail, skippedAloud, succeed, tool } from '../support/tool.ts'

const containerd = tool('containerd')
const ctr = tool('ctr')

describe('containerd', { skip: containerd.skip || ctr.skip }, () => {
  let ground: ProvingGround
  let daemon: Daemon | string
  let socket: string
  const builder = imageBuilder()

  const invoke = (...args: string[]) => succeed(ctr, ['--address', socket, '--namespace', 'judge', ...args])
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)
  const access = () => ['--plain-http', '--user', `AWS:${ground.password}`]
  /** Runs on the daemon, or skips aloud where it does not start. */
  const judge = (name: string, body: () => Promise<void>) =>
    it(name, async (t) => {
      if (typeof daemon === 'string') return t.skip(daemon)
      await body()
    })
  const assertInStore = async (root: Descriptor) => {
    for (const { digest, mediaType } of builder.reachable(root)) {
      const { bytes } = await invoke('content', 'get', digest)
      assert.ok(bytes.equals(builder.bytes(digest)), `${mediaType} ${digest} in containerd's store`)
    }
  }
  const forget = async (...names: string[]) => {
    await invoke('images', 'rm', '--sync', ...names)
    assert.equal((await invoke('content', 'ls', '-q')).stdout.trim(), '', 'the store is empty again')
  }

  before(async () => {
    ground = await provingGround()
    await ground.createRepositories('node/app', 'node/list', 'node/pushed')
    const folder = local('containerd')
    socket = join(folder, 'containerd.sock')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'config.toml'),
      [
        'version = 2',
        `root = "${join(folder, 'root')}"`,
        `state = "${join(folder, 'state')}"`,
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
        '[grpc]',
        `address = "${socket}"`,
        '[ttrpc]',
        `address = "${join(folder, 'ttrpc.sock')}"`,
      ].join('\n'),
    )
    const probe = { program: ctr, args: ['--address', socket, 'version'] }
    daemon = await startDaemon(containerd, ['--config', join(folder, 'config.toml')], probe)
    if (typeof daemon === 'string') skippedAloud('containerd', daemon)
  })
  after(async () => {
    if (daemon && typeof daemon !== 'string') await daemon.stop()
    await ground?.close()
  })

  judge('pulls an image by tag and by digest, unpacks it, and holds every byte of it', async () => {
    const image = builder.image({ layers: [2_000_000, 1_000] })
    await ground.raw.push('node/app', builder, image, 'one')
    await invoke('images', 'pull', ...access(), '--snapshotter', 'native', remote('node/app:one'))
    await assertInStore(image)
    await forget(remote('node/app:one'))
    const byDigest = remote(`node/app@${image.digest}`)
    await invoke('images', 'pull', ...access(), '--snapshotter', 'native', byDigest)
    await assertInStore(image)
    await forget(byDigest)
  })

  judge('pulls all platforms of an index, Docker’s kind too', async () => {
    const platforms = ['amd64', 'arm64', 's390x'].map((architecture) => ({ os: 'linux', architecture }))
    const oci = builder.index(platforms.map((platform) => builder.image({ platform })))
    const docker = builder.index(
      platforms.map((platform) => builder.image({ platform, docker: true })),
      { docker: true },
    )
    await ground.raw.push('node/list', builder, oci, 'oci')
    await ground.raw.push('node/list', builder, docker, 'docker')
    for (const [tag, root] of Object.entries({ oci, docker })) {
      await invoke('content', 'fetch', ...access(), '--all-platforms', remote(`node/list:${tag}`))
      await assertInStore(root)
      await forget(remote(`node/list:${tag}`))
    }
  })

  judge('imports a layout and pushes it with all its platforms, every byte the same', async () => {
    const index = builder.index([
      builder.image(),
      builder.image({ platform: { os: 'linux', architecture: 'ppc64le' }, layers: [600_000] }),
    ])
    builder.writeLayout(local('layout'), { all: index })
    await succeed('tar', ['-C', local('layout'), '-cf', local('layout.tar'), '.'])
    const name = remote('node/pushed:all')
    const base = remote('node/pushed')
    await invoke('images', 'import', '--all-platforms', '--no-unpack', '--base-name', base, local('layout.tar'))
    await invoke('images', 'push', ...access(), name)
    await ground.raw.assertHolds('node/pushed', builder, index)
    await ground.raw.assertWhole('node/pushed', 'all')
    // Everything is there already: the second push sends nothing and succeeds.
    await invoke('images', 'push', ...access(), name)
    await forget(name)
  })

  judge('is told what is missing, and that it may not come in', async () => {
    const pull = ['--address', socket, '--namespace', 'judge', 'images', 'pull', '--snapshotter', 'native']
    await fail(ctr, [...pull, ...access(), remote('node/app:missing')], /not found/i)
    await fail(ctr, [...pull, '--plain-http', remote('node/app:one')], /401|unauthorized|authorization failed/i)
  })
})
