// docker's own engine and command: login, load, push, pull by tag and digest, manifest lists, and the words of an immutable repository.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { BatchDeleteImageCommand } from '@aws-sdk/client-ecr'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { type Descriptor, imageBuilder, mediaTypes } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { fail, type RunOptions, skippedAloud, succeed, tool } from '../support/tool.ts'

const docker = tool('docker')
const dockerd = tool('dockerd')

describe('docker', { skip: docker.skip || dockerd.skip }, () => {
  let ground: ProvingGround
  let daemon: Daemon | string
  let env: Record<string, string>
  const builder = imageBuilder()

  const invoke = (args: string[], options: RunOptions = {}) => succeed(docker, args, { ...options, env })
  const refused = (args: string[], saying: RegExp, more = {}) =>
    fail(docker, args, saying, { env: { ...env, ...more } })
  const remote = (name: string) => `${ground.server.host}/${name}`
  const local = (name: string) => join(ground.folder, name)
  /** Runs on the daemon, or skips aloud where it does not start. */
  const judge = (name: string, body: () => Promise<void>) =>
    it(name, async (t) => {
      if (typeof daemon === 'string') return t.skip(daemon)
      await body()
    })
  /** An image in the engine, made of random files. Returns its id. */
  const load = async (name: string, size: number): Promise<string> => {
    const layer = builder.layer(size, 'none')
    const imported = await invoke(['import', '-', name], { input: builder.bytes(layer.descriptor.digest) })
    return imported.stdout.trim()
  }

  before(async () => {
    ground = await provingGround()
    await ground.createRepositories('dock/app', 'dock/pull', 'dock/list', 'dock/copy')
    await ground.createRepository({ repositoryName: 'dock/fixed', imageTagMutability: 'IMMUTABLE' })
    mkdirSync(local('docker'))
    const socket = `unix://${join(local('docker'), 'docker.sock')}`
    env = { DOCKER_HOST: socket, DOCKER_CONFIG: local('docker-config'), DOCKER_CLI_EXPERIMENTAL: 'enabled' }
    const args = [
      ...['--data-root', join(local('docker'), 'data'), '--exec-root', join(local('docker'), 'exec')],
      ...['--pidfile', join(local('docker'), 'docker.pid'), '--host', socket, '--storage-driver', 'vfs'],
      ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--userland-proxy=false'],
    ]
    const probe = { program: docker, args: ['--host', socket, 'version'] }
    daemon = await startDaemon(dockerd, args, probe, 60_000)
    if (typeof daemon === 'string') return void skippedAloud('docker', daemon)
    const login = ['login', '--username', 'AWS', '--password-stdin', ground.server.host]
    await invoke(login, { input: `${ground.password}\n` })
  })
  after(async () => {
    if (daemon && typeof daemon !== 'string') await daemon.stop()
    await ground?.close()
  })

  judge('is refused at login with another password', async () => {
    const args = ['login', '--username', 'AWS', '--password', 'not-it', ground.server.host]
    await refused(args, /40[0-3]|unauthorized|bad request|denied/i, { DOCKER_CONFIG: local('other-config') })
  })

  judge('pushes an image, forgets it, and pulls the same one back', async () => {
    const id = await load(remote('dock/app:v1'), 3_000_000)
    const { stdout } = await invoke(['push', remote('dock/app:v1')])
    const digest = /v1: digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1] ?? ''
    const served = await ground.raw.manifest('dock/app', 'v1')
    assert.equal(served.headers['docker-content-digest'], digest, `the digest that docker printed: ${stdout}`)
    assert.equal(served.headers['content-type'], mediaTypes.dockerManifest)
    await ground.raw.assertWhole('dock/app', 'v1')
    const [row] = await ground.images('dock/app')
    assert.equal(row?.imageDigest, digest)
    assert.deepEqual(row?.imageTags, ['v1'])

    await invoke(['rmi', remote('dock/app:v1')])
    await invoke(['pull', remote('dock/app:v1')])
    assert.equal((await invoke(['image', 'inspect', '--format', '{{.Id}}', remote('dock/app:v1')])).stdout.trim(), id)
    await invoke(['rmi', remote('dock/app:v1')])
    await invoke(['pull', remote(`dock/app@${digest}`)])
    const seen = await invoke(['image', 'inspect', '--format', '{{.Id}}', remote(`dock/app@${digest}`)])
    assert.equal(seen.stdout.trim(), id)
  })

  judge('pulls what was pushed in OCI’s formats: an image, and its own platform of an index', async () => {
    const image = builder.image({ layers: [50_000, 60_000] })
    const other = builder.image({ platform: { os: 'linux', architecture: 's390x' } })
    const index = builder.index([other, image])
    await ground.raw.push('dock/pull', builder, index, 'all')
    await ground.raw.push('dock/pull', builder, image, 'one')
    const config = JSON.parse(builder.bytes(image.digest).toString()).config as Descriptor
    for (const tag of ['one', 'all']) {
      const { stdout } = await invoke(['pull', remote(`dock/pull:${tag}`)])
      assert.match(stdout, new RegExp(`Digest: ${tag === 'one' ? image.digest : index.digest}`))
      const id = await invoke(['image', 'inspect', '--format', '{{.Id}}', remote(`dock/pull:${tag}`)])
      assert.equal(id.stdout.trim(), config.digest)
    }
  })

  judge('pushes to a second repository without sending the layers again', async () => {
    await load(remote('dock/app:shared'), 400_000)
    await invoke(['push', remote('dock/app:shared')])
    await invoke(['tag', remote('dock/app:shared'), remote('dock/copy:shared')])
    const { stdout } = await invoke(['push', remote('dock/copy:shared')])
    assert.match(stdout, /Mounted from dock\/app/, 'docker mounted the layer')
    await ground.raw.assertWhole('dock/copy', 'shared')
  })

  judge('makes and pushes a manifest list', async () => {
    const names = []
    for (const architecture of ['amd64', 'arm64']) {
      const image = builder.image({ platform: { os: 'linux', architecture }, docker: true })
      await ground.raw.push('dock/list', builder, image, architecture)
      names.push(remote(`dock/list:${architecture}`))
    }
    await invoke(['manifest', 'create', '--insecure', remote('dock/list:both'), ...names])
    await invoke(['manifest', 'push', '--insecure', remote('dock/list:both')])
    const served = await ground.raw.manifest('dock/list', 'both')
    assert.equal(served.headers['content-type'], mediaTypes.dockerList)
    await ground.raw.assertWhole('dock/list', 'both')
  })

  judge('may push a tag of an immutable repository once, and is told why not twice', async () => {
    await load(remote('dock/fixed:v1'), 1_000)
    await invoke(['push', remote('dock/fixed:v1')])
    const first = await ground.raw.manifest('dock/fixed', 'v1')
    await load(remote('dock/fixed:v1'), 2_000)
    await refused(
      ['push', remote('dock/fixed:v1')],
      /The image tag 'v1' already exists in the 'dock\/fixed' repository and cannot be overwritten because the tag is immutable\./,
    )
    assert.ok((await ground.raw.manifest('dock/fixed', 'v1')).body.equals(first.body), 'the tag did not move')
  })

  judge('no longer pulls what BatchDeleteImage deleted', async () => {
    await ground.ecr.send(new BatchDeleteImageCommand({ repositoryName: 'dock/app', imageIds: [{ imageTag: 'v1' }] }))
    await refused(['pull', remote('dock/app:v1')], /manifest unknown|not found/i)
  })

  judge('is refused by name when it pushes to a repository that does not exist', async () => {
    await load(remote('dock/nowhere:v1'), 100)
    await refused(
      ['push', remote('dock/nowhere:v1')],
      /The repository with name 'dock\/nowhere' does not exist in the registry with id '\d{12}'/,
    )
  })
})
