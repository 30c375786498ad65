// Attacks on the store and its first start: another master key, a secret that was moved to another row, a second `init`, secrets that everybody
// knows, and the development mode on a network.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { contractRegistry } from '../support/contract-registry.ts'
import { berthCommand, withoutBerthSettings } from '../support/serve.ts'
import { createStore, whyNoStore } from '../support/stores.ts'

async function temporaryFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'berth-security-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** The command, to its end. */
async function berth(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [berthCommand, ...args], {
    env: { ...withoutBerthSettings(process.env), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A server that should have refused to start would never end.
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, stdout, stderr }
}

const onAnyPort = ['--listen', '127.0.0.1:0']
const masterKey = () => randomBytes(32).toString('base64')
const showsKey = /secret access key/

describe('security test 52: the master key', () => {
  test('a restored backup is not served with another master key, and is with its own', async (t) => {
    const folder = await temporaryFolder(t)
    const [original, restored] = [join(folder, 'original'), join(folder, 'restored')]
    const key = masterKey()
    assert.equal((await berth(['init', '--data-dir', original], { BERTH_MASTER_KEY: key })).code, 0)
    assert.equal((await berth(['init', '--data-dir', restored], { BERTH_MASTER_KEY: masterKey() })).code, 0)
    await copyFile(join(original, 'berth.db'), join(restored, 'berth.db'))
    for (const [env, says] of [
      [{ BERTH_MASTER_KEY: masterKey() }, /not the one that this store was sealed with/],
      // The right key under another id does not open: the id is sealed in.
      [{ BERTH_MASTER_KEY: `other:${key}` }, /not the one that this store was sealed with/],
      [{}, /its master key .* is gone/],
    ] as const) {
      for (const command of [
        ['serve', ...onAnyPort],
        ['root', 'create-key', '--account', '123456789012'],
      ]) {
        const { code, stdout, stderr } = await berth([...command, '--data-dir', restored], { ...env })
        assert.deepEqual([code, stdout], [1, ''], `${command}: ${stderr}`)
        assert.match(stderr, says)
      }
    }
    assert.ok(!existsSync(join(restored, 'master-key')), 'no new key was made')
    assert.equal((await berth(['account', 'list', '--data-dir', restored], { BERTH_MASTER_KEY: key })).code, 0)
  })

  test("a secret that was copied from another user's row opens for neither of them", async () => {
    const registry = await contractRegistry()
    try {
      const attacker = await registry.createUser('mallory')
      const forged = { ...attacker, accessKeyId: registry.credentials.accessKeyId }
      const sts = registry.sts
      assert.match(await sts(attacker).ok('GetCallerIdentity'), /user\/mallory/)
      assert.equal((await sts(forged).call('GetCallerIdentity')).status, 403)
      // Who writes to the database, but has not the ring, gives the administrator a secret that he knows.
      await registry.sql(
        `UPDATE access_keys SET sealed_secret =
           (SELECT sealed_secret FROM access_keys WHERE access_key_id = '${attacker.accessKeyId}')
         WHERE access_key_id = '${registry.credentials.accessKeyId}'`,
      )
      await registry.setKeyStatus(attacker.accessKeyId, 'Active')
      for (const credentials of [forged, registry.credentials]) {
        const answer = await sts(credentials).call('GetCallerIdentity')
        assert.equal(answer.status, 500, answer.text)
        assert.doesNotMatch(answer.text, /arn:aws|access_keys|does not open/)
      }
      assert.match(await sts(attacker).ok('GetCallerIdentity'), /user\/mallory/)
    } finally {
      await registry.close()
    }
  })
})

describe('security test 53: the first start', () => {
  test('a second init is refused, and changes nothing', async (t) => {
    const dataDir = join(await temporaryFolder(t), 'data')
    assert.match((await berth(['init', '--data-dir', dataDir])).stdout, showsKey)
    const files = ['master-key', 'credentials']
    const before = await Promise.all(files.map((file) => readFile(join(dataDir, file), 'utf8')))
    const second = await berth(['init', '--data-dir', dataDir, '--account-id', '210987654321'])
    assert.deepEqual([second.code, second.stdout], [1, ''])
    assert.match(second.stderr, /initialised already/)
    assert.deepEqual(await Promise.all(files.map((file) => readFile(join(dataDir, file), 'utf8'))), before)
    assert.match((await berth(['account', 'list', '--data-dir', dataDir])).stdout, /^123456789012 /m)
  })

  test('of two init at once in one folder one wins', async (t) => {
    const dataDir = join(await temporaryFolder(t), 'data')
    const pair = await Promise.all([0, 1].map(() => berth(['init', '--data-dir', dataDir])))
    const said = pair.map(({ stdout, stderr }) => stdout + stderr).join('\n')
    assert.deepEqual(pair.map(({ code }) => code).toSorted(), [0, 1], said)
    const [loser] = pair.filter(({ code }) => code === 1)
    assert.match(loser?.stderr ?? '', /initialised already|another process uses/i)
    assert.doesNotMatch(loser?.stdout ?? '', showsKey)
  })

  test('of two init at once on one database one wins, and only its key is known', {
    skip: whyNoStore('postgres') ?? false,
  }, async (t) => {
    const folder = await temporaryFolder(t)
    for (let round = 0; round < 3; round++) {
      const store = await createStore('postgres')
      const { BERTH_BOOTSTRAP_ACCESS_KEY_ID, BERTH_BOOTSTRAP_SECRET_ACCESS_KEY, ...env } = store.env
      try {
        const pair = await Promise.all(
          [0, 1].map((number) => berth(['init', '--data-dir', join(folder, `${round}-${number}`)], env)),
        )
        const said = pair.map(({ stdout, stderr }) => stdout + stderr).join('\n')
        assert.deepEqual(pair.map(({ code }) => code).toSorted(), [0, 1], said)
        const winner = pair.findIndex(({ code }) => code === 0)
        assert.match(pair[winner]?.stdout ?? '', showsKey)
        assert.doesNotMatch(pair[1 - winner]?.stdout ?? '', showsKey)
        const { stdout } = await berth(
          ['account', 'list', '--json', '--data-dir', join(folder, `${round}-${winner}`)],
          env,
        )
        assert.deepEqual(
          (JSON.parse(stdout) as { users: number }[]).map(({ users }) => users),
          [1],
        )
      } finally {
        await store.dispose()
      }
    }
  })

  for (const [name, env] of [
    ["Amazon's documentation", { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }],
    ['another store', { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'minioadminminioadminminioadminminioadmin' }],
    ['tests', { BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'test' }],
    ['an id of the documentation', { BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE' }],
  ] as const) {
    test(`a start with a secret that everybody knows from ${name} is refused, and makes nothing`, async (t) => {
      const dataDir = join(await temporaryFolder(t), 'data')
      const good = {
        BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAB7C2D9E4F6G8H1J3',
        BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: randomBytes(30).toString('hex'),
      }
      for (const command of [['serve', ...onAnyPort], ['init']]) {
        const { code, stdout, stderr } = await berth([...command, '--data-dir', dataDir], { ...good, ...env })
        assert.deepEqual([code, stdout], [2, ''], stderr)
        assert.match(stderr, /known example|32 to 128 characters/)
        assert.ok(!existsSync(dataDir))
      }
    })
  }

  for (const listen of ['0.0.0.0:0', '[::]:0', '10.0.0.1:5000']) {
    test(`--dev on ${listen} is refused`, async (t) => {
      const dataDir = join(await temporaryFolder(t), 'data')
      const args = ['serve', '--dev', '--listen', listen, '--insecure-http', '--registry-host', 'r.example.com']
      const { code, stdout, stderr } = await berth([...args, '--data-dir', dataDir])
      assert.deepEqual([code, stdout, existsSync(dataDir)], [2, '', false], stderr)
      assert.match(stderr, /--dev is for loopback only/)
    })
  }
})
