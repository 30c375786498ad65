// What an operator sees: the command from outside, without a server.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, it } from 'node:test'
import { describeSetting, flagOf, settingKeys, variableOf } from '@berth/server/config.ts'
import { run, temporaryFolder } from './berth.ts'

const stack = /\n\s+at /

/** Most of a test is the start of a process. */
const twoAtOnce = { concurrency: 2 }

describe('help', twoAtOnce, () => {
  it('lists the commands', async () => {
    const { code, stdout, stderr } = await run(['--help'])
    assert.deepEqual([code, stderr], [0, ''])
    for (const command of ['serve', 'init', 'env', 'account', 'root', 'keys', 'audit', 'migrate-store', 'version'])
      assert.match(stdout, new RegExp(`^  ${command} `, 'm'))
  })

  it('of serve lists every setting that is served, with its variable and default', async () => {
    const { code, stdout } = await run(['serve', '--help'])
    assert.equal(code, 0)
    const text = stdout.replaceAll(/\s+/g, ' ')
    for (const key of settingKeys) {
      const row = describeSetting(key)
      const isShown = row.isServed !== false
      assert.equal(text.includes(` --${flagOf(key)} `), isShown, key)
      assert.equal(text.includes(`[${variableOf(key)}]`), isShown, key)
      if (isShown && row.default) assert.ok(text.includes(`Default: ${row.default}.`), key)
    }
    assert.match(text, / --dev /)
  })

  for (const command of ['init', 'env', 'account', 'root', 'keys', 'audit', 'migrate-store', 'version']) {
    it(`of ${command}`, async () => {
      const { code, stdout } = await run([command, '--help'])
      assert.equal(code, 0)
      assert.match(stdout, new RegExp(`^Usage: berth ${command} `))
    })
  }
})

describe('version', () => {
  it('is a command and an option', async () => {
    assert.match((await run(['version'])).stdout, /^berth \d+\.\d+\.\d+ \(Node 24\.[\d.]+, \w+ \w+\)\n$/)
    assert.match((await run(['--version'])).stdout, /^berth \d+\.\d+\.\d+\n$/)
  })
})

describe('what is not understood ends with code 2', twoAtOnce, () => {
  for (const [name, args, says] of [
    ['no command', [], /^Usage: berth/],
    ['an unknown command', ['srve'], /unknown command 'srve'\n\(Did you mean serve\?\)/],
    ['an unknown option', ['serve', '--data-dri', 'x'], /unknown option '--data-dri'\n\(Did you mean --data-dir\?\)/],
    ['an option without its value', ['serve', '--region'], /argument missing/],
    ['an argument too many', ['serve', 'now'], /too many arguments/],
    ['an unknown shell', ['env', '--shell', 'cmd'], /Allowed choices are sh, bash, zsh, fish, powershell/],
  ] as const) {
    it(name, async () => {
      const { code, stdout, stderr } = await run(args)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, says)
    })
  }

  it('a configuration with mistakes, all of which are told, without a stack', async (t) => {
    const { code, stdout, stderr } = await run(['serve', '--listen', 'x', '--data-dir', await temporaryFolder(t)], {
      env: { BERTH_REGION: 'mars', BERTH_BLOB_STOR: 's3://x' },
    })
    assert.deepEqual([code, stdout], [2, ''])
    for (const says of [
      /^ {2}--listen is "x"/m,
      /^ {2}BERTH_REGION holds "mars"/m,
      /^ {2}BERTH_BLOB_STOR is not a setting; the nearest is BERTH_BLOB_STORE\.$/m,
    ]) {
      assert.match(stderr, says)
    }
    assert.doesNotMatch(stderr, stack)
  })

  it('what this version does not serve', async () => {
    const { code, stderr } = await run(['serve', '--blob-grace', '1h'])
    assert.equal(code, 2)
    assert.match(stderr, /--blob-grace asks for what this version does not serve: such blobs are not removed yet/)
  })
})

describe('addresses that others can reach', twoAtOnce, () => {
  it('need TLS or the word of the operator', async () => {
    const { code, stderr } = await run(['serve', '--listen', '10.0.0.1:5000'])
    assert.equal(code, 2)
    assert.match(stderr, /BERTH_TLS_CERT and BERTH_TLS_KEY, or BERTH_INSECURE_HTTP=true/)
  })

  it('need a registry host when they are all addresses', async () => {
    const { code, stderr } = await run(['serve', '--listen', '0.0.0.0:5000', '--insecure-http'])
    assert.equal(code, 2)
    assert.match(stderr, /BERTH_REGISTRY_HOST is needed/)
  })

  it('are not for --dev', async () => {
    const { code, stderr } = await run([
      'serve',
      '--dev',
      '--listen',
      '0.0.0.0:5000',
      '--insecure-http',
      '--registry-host',
      'r.example.com',
    ])
    assert.equal(code, 2)
    assert.match(stderr, /--dev is for loopback only/)
  })
})

describe('an older Node', () => {
  const node = '/usr/bin/node'
  const version = existsSync(node) ? execFileSync(node, ['--version'], { encoding: 'utf8' }).trim() : undefined
  const isOlder = version !== undefined && Number(/^v(\d+)/.exec(version)?.[1]) < 24

  it('is told which one is needed, and how to get it', {
    skip: !isOlder && `${node} is ${version ?? 'not there'}`,
  }, async () => {
    for (const args of [[], ['serve'], ['--version']]) {
      const { code, stdout, stderr } = await run(args, { node })
      assert.deepEqual([code, stdout], [1, ''])
      assert.ok(
        stderr.startsWith(`Berth needs Node 24 or newer, and this is Node ${version?.slice(1)} (${node}).\n`),
        stderr,
      )
      assert.match(stderr, /`npm ci` .*`npm start`/)
      assert.doesNotMatch(stderr, stack)
    }
  })
})

describe('env without a server', twoAtOnce, () => {
  it('says where it looked for the key', async (t) => {
    const dataDir = await temporaryFolder(t)
    const { code, stdout, stderr } = await run(['env', '--data-dir', dataDir])
    assert.deepEqual([code, stdout], [1, ''])
    assert.ok(stderr.startsWith(`There is no ${dataDir}/credentials`), stderr)
  })

  it('knows the key of --dev and the configured address', async () => {
    const { code, stdout } = await run(['env', '--dev', '--listen', ':5055', '--region', 'eu-west-1'])
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^export AWS_ENDPOINT_URL_ECR=http:\/\/localhost:5055;\nexport AWS_ENDPOINT_URL_IAM=http:\/\/localhost:5055;\nexport AWS_ENDPOINT_URL_STS=http:\/\/localhost:5055;\nexport AWS_ACCESS_KEY_ID=test;\nexport AWS_SECRET_ACCESS_KEY=test;\nexport AWS_REGION=eu-west-1;/,
    )
  })

  it('cannot know a port that the system will pick', async () => {
    const { code, stderr } = await run(['env', '--dev', '--listen', ':0'])
    assert.equal(code, 1)
    assert.match(stderr, /^No server is running/)
  })
})
