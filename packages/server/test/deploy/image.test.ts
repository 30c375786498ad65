// The image: built from deploy/Dockerfile by buildah on base images that are made here (Debian by mmdebstrap, with the Node of the clone),
// and run as it is meant to be: as its own user, without capabilities, from a read-only root.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CreateRepositoryCommand } from '@aws-sdk/client-ecr'
import { clone, deployFolder } from '../support/deployment.ts'
import { freePort } from '../support/free-port.ts'
import { dockerPassword, ecrClient } from '../support/proving-ground.ts'
import { type Outcome, run, skippedAloud, succeed, tool, toolsFolder } from '../support/tool.ts'
import { until } from '../support/until.ts'

const [buildah, podman, mmdebstrap, npm] = [tool('buildah'), tool('podman'), tool('mmdebstrap'), tool('npm')]
const missing = [buildah, podman, mmdebstrap, npm].map((each) => each.skip).find((reason) => reason !== false)
const skip = missing || (process.getuid?.() !== 0 && skippedAloud('image', 'only root may build and run it here'))

const folder = mkdtempSync(join(tmpdir(), 'berth-image-'))
const env = {
  BUILDAH_ISOLATION: 'chroot',
  CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
  CONTAINERS_CONF: join(folder, 'containers.conf'),
  REGISTRY_AUTH_FILE: join(folder, 'auth.json'),
  TMPDIR: folder,
}
const secret = 'not/a/secret+but/forty/characters/of/it0'
const settings = {
  BERTH_MASTER_KEY: Buffer.from('some bytes that are not a secret').toString('base64'),
  BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAINTERNALCHECKS01',
  BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: secret,
}

const build = (...args: string[]) => succeed(buildah, args, { env, timeoutMs: 300_000 })

/** The base image, as a file that is kept. Returns why there is none. */
async function debian(): Promise<{ file: string } | string> {
  const file = join(dirname(toolsFolder), 'debian-bookworm.tar')
  if (existsSync(file)) return { file }
  const made = join(folder, 'debian.tar')
  const { code, stderr } = await run(mmdebstrap, ['--variant=minbase', 'bookworm', made], { timeoutMs: 300_000 })
  if (code !== 0) return `mmdebstrap made no Debian: ${stderr.trim().split('\n').at(-1)}`
  mkdirSync(dirname(file), { recursive: true })
  await succeed('cp', [made, `${file}.new`])
  renameSync(`${file}.new`, file)
  return { file }
}

/** Makes both base images under the names that the Dockerfile has. */
async function makeBases(archive: string): Promise<void> {
  const dockerfile = readFileSync(join(deployFolder, 'Dockerfile'), 'utf8')
  const base = (name: string) => new RegExp(`^ARG ${name}=(\\S+)$`, 'm').exec(dockerfile)?.[1] ?? ''
  const container = (await build('from', 'scratch')).stdout.trim()
  await build('add', '--quiet', container, archive, '/')
  await build('commit', '--quiet', container, base('BASE_IMAGE'))
  const modules = (await succeed(npm, ['root', '--global'])).stdout.trim()
  await build('copy', '--quiet', container, process.execPath, '/usr/local/bin/node')
  await build('copy', '--quiet', container, join(modules, 'npm'), '/usr/local/lib/node_modules/npm')
  // This machine's way to the registry of packages, and whom it trusts.
  const npmrc = [`registry=${(await succeed(npm, ['config', 'get', 'registry'])).stdout.trim()}`]
  const authorities = process.env.NODE_EXTRA_CA_CERTS ?? '/etc/ssl/certs/ca-certificates.crt'
  if (existsSync(authorities)) {
    await build('copy', '--quiet', container, authorities, '/etc/ssl/machine.crt')
    npmrc.push('cafile=/etc/ssl/machine.crt')
  }
  writeFileSync(join(folder, 'npmrc'), `${npmrc.join('\n')}\n`)
  await build('copy', '--quiet', container, join(folder, 'npmrc'), '/usr/local/etc/npmrc')
  await build('run', container, 'ln', '-s', '../lib/node_modules/npm/bin/npm-cli.js', '/usr/local/bin/npm')
  await build('commit', '--quiet', '--rm', container, base('NODE_IMAGE'))
}

/** Arguments of `podman run`; the limits are those that any machine allows. */
function runArguments(runtime: string[], variables: Record<string, string>, ...more: string[]): string[] {
  const closed = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges']
  const here = ['--network', 'host', '--no-healthcheck', '--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']
  const set = Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  return [...runtime, 'run', '--pull', 'never', ...closed, ...here, ...set, ...more]
}

describe('the image', { skip }, () => {
  let runtime: string[] | undefined
  let unbuilt: string | undefined
  let unrun: string | undefined

  const invoke = (...args: string[]) => succeed(podman, args, { env })
  const once = (...args: string[]) => run(podman, runArguments(runtime ?? [], {}, '--rm', ...args), { env })
  const isOffline = ({ stderr, stdout }: Outcome) => /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(stderr + stdout)

  before(async () => {
    writeFileSync(env.CONTAINERS_CONF, '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
    writeFileSync(env.REGISTRY_AUTH_FILE, '{}')
    const graph = `graphroot = "${join(folder, 'root')}"\nrunroot = "${join(folder, 'run')}"\n`
    const store = (driver: string) =>
      writeFileSync(env.CONTAINERS_STORAGE_CONF, `[storage]\ndriver = "${driver}"\n${graph}`)
    // Not on every file system; the other one copies all of an image for each container.
    store('overlay')
    if ((await run(buildah, ['images'], { env })).code !== 0) store('vfs')
    const archive = await debian()
    if (typeof archive === 'string') {
      unbuilt = skippedAloud('image', archive)
      return
    }
    await makeBases(archive.file)
    const args = ['build', '--pull-never', '--format', 'docker', '--network', 'host', '--tag', 'localhost/berth']
    const dockerfile = ['--file', join(deployFolder, 'Dockerfile'), clone]
    const built = await run(buildah, [...args, ...dockerfile], { env, timeoutMs: 300_000 })
    if (built.code !== 0 && isOffline(built)) unbuilt = skippedAloud('image', 'the registry of packages is not reached')
    else assert.equal(built.code, 0, built.stderr + built.stdout)
    if (unbuilt) return
    const failures: string[] = []
    for (const each of [[], ['--runtime', 'runc']]) {
      const tried = await run(podman, runArguments(each, {}, '--rm', 'localhost/berth', 'version'), { env })
      if (tried.code === 0) {
        runtime = each
        return
      }
      failures.push(tried.stderr.trim().split('\n').at(-1) ?? '')
    }
    unrun = skippedAloud('running the image', `podman starts no container on this machine: ${failures.join(' | ')}`)
  })
  after(async () => {
    if (!skip) {
      await run(podman, ['rm', '--all', '--force', '--volumes'], { env })
      await run(buildah, ['rmi', '--all', '--force'], { env })
    }
    rmSync(folder, { recursive: true, force: true })
  })

  it('runs as a user of its own, stops by SIGTERM, and says how its health is asked', async (t) => {
    if (unbuilt) return t.skip(unbuilt)
    const [{ Config }] = JSON.parse((await invoke('image', 'inspect', 'localhost/berth')).stdout)
    assert.equal(Config.User, '10001:10001')
    assert.equal(Config.StopSignal, 'SIGTERM')
    assert.deepEqual([Config.Entrypoint, Config.Cmd], [['berth'], ['serve']])
    assert.deepEqual(Object.keys(Config.Volumes), ['/var/lib/berth'])
    assert.deepEqual(Object.keys(Config.ExposedPorts), ['5000/tcp'])
    assert.equal(Config.Labels['org.opencontainers.image.licenses'], 'Apache-2.0')
    const [{ Healthcheck }] = JSON.parse((await invoke('image', 'inspect', 'localhost/berth')).stdout)
    assert.deepEqual(Healthcheck.Test, ['CMD', 'node', '/opt/berth/healthcheck.mjs', '/healthz'])
  })

  it('holds what serves and nothing else, none of it writable', async (t) => {
    if (unbuilt || unrun) return t.skip(unbuilt ?? unrun)
    const found = async (...expression: string[]) => {
      const { code, stdout, stderr } = await once('--entrypoint', 'find', 'localhost/berth', ...expression)
      assert.equal(code, 0, stderr)
      return stdout.split('\n').filter((line) => line !== '')
    }
    const packages = '/opt/berth/packages'
    assert.deepEqual(await found('/opt/berth', '-writable', '-not', '-type', 'l'), [])
    assert.deepEqual(
      await found(packages, '(', '-name', '*.test.ts', '-o', '-name', 'test', '-o', '-name', 'bench', ')'),
      [],
    )
    const top = await found('/opt/berth', '-mindepth', '1', '-maxdepth', '1', '-printf', '%f\n')
    const expected = [
      '.npmrc',
      'LICENSE',
      'healthcheck.mjs',
      'node_modules',
      'package-lock.json',
      'package.json',
      'packages',
    ]
    assert.deepEqual(top.sort(), expected)
    const modules = await found('/opt/berth/node_modules', '-mindepth', '1', '-maxdepth', '2', '-printf', '%P\n')
    for (const name of ['typescript', '@biomejs', 'node', '@aws-sdk/client-ecr', '@types'])
      assert.ok(!modules.includes(name), `${name} is for development`)
    assert.deepEqual(await found('/usr/local', '-name', 'npm*'), [])
  })

  it('says what is missing when it is given no settings', async (t) => {
    if (unbuilt || unrun) return t.skip(unbuilt ?? unrun)
    const { code, stderr } = await once('localhost/berth')
    assert.equal(code, 2)
    assert.match(stderr, /BERTH_REGISTRY_HOST is needed/)
    assert.match(stderr, /BERTH_INSECURE_HTTP=true if a proxy/)
  })

  it('starts with its code compiled, serves pushes and pulls, drains, and goes on with its volume', async (t) => {
    if (unbuilt || unrun) return t.skip(unbuilt ?? unrun)
    const port = await freePort()
    const url = `http://localhost:${port}`
    const variables = { ...settings, BERTH_LISTEN: `127.0.0.1:${port}` }
    const start = async (name: string, more: Record<string, string> = {}) => {
      const args = ['--detach', '--name', name, '--volume', 'berth-data:/var/lib/berth', 'localhost/berth']
      await succeed(podman, runArguments(runtime ?? [], { ...variables, ...more }, ...args), { env })
      const ask = ['exec', name, 'node', '/opt/berth/healthcheck.mjs', '/readyz']
      await until(`${name} is ready`, async () => (await run(podman, ask, { env })).code === 0)
    }
    const stop = async (name: string) => {
      await invoke('stop', '--time', '40', name)
      const [{ State }] = JSON.parse((await invoke('container', 'inspect', name)).stdout)
      assert.equal(State.ExitCode, 0, `${name} ended by itself`)
    }

    await start('first', { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' })
    const dead = await run(
      podman,
      ['exec', '--env', 'BERTH_LISTEN=127.0.0.1:9', 'first', 'node', '/opt/berth/healthcheck.mjs'],
      { env },
    )
    assert.equal(dead.code, 1, 'the health check of a server that is not there')

    const key = { accessKeyId: settings.BERTH_BOOTSTRAP_ACCESS_KEY_ID, secretAccessKey: secret }
    const ecr = ecrClient({ url, region: 'us-east-1', ...key } as Parameters<typeof ecrClient>[0])
    await ecr.send(new CreateRepositoryCommand({ repositoryName: 'from/itself' }))
    const login = ['login', '--username', 'AWS', '--password-stdin', '--tls-verify=false', `localhost:${port}`]
    await succeed(podman, login, { env, input: await dockerPassword(ecr) })
    ecr.destroy()

    const container = (await build('from', 'scratch')).stdout.trim()
    await build('copy', container, join(deployFolder, 'Dockerfile'), '/Dockerfile')
    await build('commit', '--rm', container, 'localhost/small')
    const target = `localhost:${port}/from/itself:v1`
    await invoke('push', '--tls-verify=false', 'localhost/small', target)
    await stop('first')
    // Said of each file at the end, in Node's own words.
    const said = (await invoke('logs', 'first')).stderr.split('\n')
    const ofCache = (words: string) =>
      said.filter(
        (line) => line.includes('/opt/berth/packages/') && line.includes(`code cache for ESM`) && line.includes(words),
      )
    assert.ok(ofCache('was accepted').length > 50, `files found compiled: ${ofCache('was accepted').length}`)
    assert.deepEqual(ofCache('was not initialized').concat(ofCache('was rejected')), [])

    await start('second')
    await invoke('pull', '--tls-verify=false', target)
    await invoke('tag', target, 'localhost/again')
    const layers = async (image: string) =>
      JSON.parse((await invoke('image', 'inspect', image)).stdout)[0].RootFS.Layers as string[]
    assert.deepEqual(await layers('localhost/again'), await layers('localhost/small'))
    await stop('second')
  })
})
