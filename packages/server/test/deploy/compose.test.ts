// The compose project, as docker compose would load it, with secrets as its own script makes them.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parseConfig } from '../../src/config.ts'
import { type ComposeProject, checkProgram, clone, deployFolder } from '../support/deployment.ts'
import { freePort } from '../support/free-port.ts'
import { fail, run, succeed, tool } from '../support/tool.ts'

const check = await checkProgram()
const versitygw = tool('versitygw')

/** The variables of a file such as `.env`. */
function variablesOf(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => /^\w+=/.test(line))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  )
}

describe('the compose project', () => {
  let folder = ''
  let secrets: Record<string, string> = {}
  before(async () => {
    folder = join(mkdtempSync(join(tmpdir(), 'berth-compose-')), 'compose')
    cpSync(join(deployFolder, 'compose'), folder, { recursive: true, filter: (path) => !path.endsWith('.env') })
    await succeed(join(folder, 'make-secrets'), [])
    secrets = variablesOf(readFileSync(join(folder, '.env'), 'utf8'))
  })
  after(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

  const load = async (...files: string[]) => {
    const { stdout } = await succeed(check, ['compose', ...files], { cwd: folder, env: secrets })
    return JSON.parse(stdout) as ComposeProject
  }

  it('has secrets of its own in a file that only its owner reads, made once', async () => {
    assert.equal(statSync(join(folder, '.env')).mode & 0o777, 0o600)
    assert.equal(new Set(Object.values(secrets)).size, 6, 'six secrets, none twice')
    await fail(join(folder, 'make-secrets'), [], /is there already/)
    const other = join(folder, '..', 'other')
    mkdirSync(other)
    cpSync(join(folder, 'make-secrets'), join(other, 'make-secrets'))
    await succeed(join(other, 'make-secrets'), [])
    const others = variablesOf(readFileSync(join(other, '.env'), 'utf8'))
    for (const [name, value] of Object.entries(others)) assert.notEqual(value, secrets[name], name)
  })

  it('shows in its example what the script makes, without a value', () => {
    const example = variablesOf(readFileSync(join(folder, '.env.example'), 'utf8'))
    assert.deepEqual(Object.keys(example).sort(), Object.keys(secrets).sort())
    assert.deepEqual(new Set(Object.values(example)), new Set(['']))
  })

  it('is refused while a secret is missing', { skip: check.skip }, async () => {
    for (const missing of Object.keys(secrets)) {
      const complaint = new RegExp(`required variable ${missing} is missing a value: run ./make-secrets`)
      await fail(check, ['compose', 'compose.yaml'], complaint, { cwd: folder, env: { ...secrets, [missing]: '' } })
    }
  })

  it('gives the nodes settings that Berth accepts', { skip: check.skip }, async () => {
    const { services } = await load('compose.yaml')
    const env = services.berth?.environment ?? {}
    const config = parseConfig({ env: { ...env, BERTH_DATA_DIR: '/var/lib/berth' } })
    assert.equal(config.database?.host, 'postgres')
    assert.equal(config.blobStore?.endpoint, 'http://s3:7070')
    assert.equal(config.blobStore?.isPathStyle, true)
    assert.equal(config.audit.target, 'stdout')
    assert.equal(config.bootstrap?.accessKeyId, secrets.BERTH_BOOTSTRAP_ACCESS_KEY_ID)
  })

  it('publishes the proxy alone, on this machine alone unless it is told otherwise', { skip: check.skip }, async () => {
    const { services, networks } = await load('compose.yaml')
    for (const [name, service] of Object.entries(services)) {
      assert.equal(service.ports !== undefined, name === 'proxy', `ports of ${name}`)
      assert.ok('inside' in service.networks, name)
      assert.equal('outside' in service.networks, name === 'proxy', `networks of ${name}`)
    }
    assert.equal(networks.inside?.internal, true)
    assert.deepEqual(
      services.proxy?.ports?.map(({ host_ip, published }) => `${host_ip}:${published}`),
      ['127.0.0.1:5000'],
    )
    const tls = await load('compose.yaml', 'compose.tls.yaml')
    assert.deepEqual(
      tls.services.proxy?.ports?.map(({ published }) => published),
      ['5000', '443'],
    )
  })

  it('names one version of each image, and runs Berth as the chart does', { skip: check.skip }, async () => {
    const { services } = await load('compose.yaml')
    for (const [name, { image }] of Object.entries(services)) assert.match(image, /:v?\d+\.\d+(?:\.\d+)?$/, name)
    const { read_only, cap_drop, tmpfs, stop_grace_period } = services.berth ?? {}
    assert.deepEqual([read_only, cap_drop, stop_grace_period], [true, ['ALL'], '40s'])
    assert.deepEqual(tmpfs?.map((each) => each.split(':')[0]).sort(), ['/tmp', '/var/lib/berth'])
  })

  it('builds its image with the Node that the clone runs on', () => {
    const dockerfile = readFileSync(join(deployFolder, 'Dockerfile'), 'utf8')
    const { devDependencies } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as {
      devDependencies: { node: string }
    }
    assert.equal(/^ARG NODE_IMAGE=\S*\/node:([\d.]+)-/m.exec(dockerfile)?.[1], devDependencies.node)
  })

  it('makes its bucket on the S3 server, and leaves one that is there', { skip: versitygw.skip }, async () => {
    const port = await freePort()
    const files = join(folder, '..', 's3')
    mkdirSync(files)
    const script = join(deployFolder, 'compose', 'create-bucket.mjs')
    const env = {
      BERTH_BLOB_STORE: `s3://berth?endpoint=http://127.0.0.1:${port}&pathStyle=true`,
      BERTH_BLOB_STORE_ACCESS_KEY_ID: secrets.S3_ACCESS_KEY_ID ?? '',
      BERTH_BLOB_STORE_SECRET_ACCESS_KEY: secrets.S3_SECRET_ACCESS_KEY ?? '',
    }
    // The script begins first: it waits for the server.
    const first = succeed(process.execPath, [script], { env })
    const server = spawn(versitygw.path, ['posix', files], {
      env: {
        ...process.env,
        VGW_PORT: `127.0.0.1:${port}`,
        ROOT_ACCESS_KEY: secrets.S3_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: secrets.S3_SECRET_ACCESS_KEY,
      },
      stdio: 'ignore',
    })
    const ended = once(server, 'exit')
    try {
      assert.match((await first).stdout, /berth has been made/)
      assert.match((await succeed(process.execPath, [script], { env })).stdout, /berth is there/)
      const wrong = await run(process.execPath, [script], { env: { ...env, BERTH_BLOB_STORE_SECRET_ACCESS_KEY: 'no' } })
      assert.equal(wrong.code, 1)
      assert.match(wrong.stderr, /The bucket berth cannot be made/)
    } finally {
      server.kill('SIGKILL')
      await ended
    }
  })
})
