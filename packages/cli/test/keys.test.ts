// What an operator sees of berth keys: the master key changes, and no key, token or start is lost by it, wherever it is stopped.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DescribeRegistryCommand, ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import type { AccountId } from '@berth/api/names/registry.ts'
import { createKeyRing, type KeyRing, parseKeyRing } from '@berth/server/auth/key-ring.ts'
import { randomIds } from '@berth/server/base/ids.ts'
import { sealSecret } from '@berth/server/domain/identities/secrets.ts'
import { type Outcome, run, start, temporaryFolder } from './berth.ts'

const account = '123456789012' as AccountId
const keyLifeMs = 37 * 3_600_000

function done({ code, stdout, stderr }: Outcome): string {
  assert.equal(code, 0, stdout + stderr)
  return stdout
}

function refused({ code, stdout, stderr }: Outcome, says: RegExp): void {
  assert.deepEqual([code, stdout], [1, ''], stderr)
  assert.match(stderr, says)
  assert.equal(stderr.trimEnd().split('\n').length, 2, stderr)
}

interface Entry {
  id: string
  isNewest: boolean
  secrets: number
  mayBeRemoved: boolean
  supersededAt: string | null
  endsAt: string | null
}

class Store {
  readonly dataDir: string
  readonly #test: TestContext
  env: Record<string, string> = {}

  constructor(t: TestContext, dataDir: string) {
    this.#test = t
    this.dataDir = dataDir
  }

  static async make(t: TestContext, env: Record<string, string> = {}): Promise<Store> {
    const store = new Store(t, join(await temporaryFolder(t), 'data'))
    store.env = env
    done(await store.run('init'))
    return store
  }

  run(...args: string[]): Promise<Outcome> {
    return run([...args, '--data-dir', this.dataDir], { env: this.env })
  }

  start(...args: string[]) {
    return start(this.#test, [...args, '--data-dir', this.dataDir], { env: this.env })
  }

  async entries(): Promise<Entry[]> {
    return JSON.parse(done(await this.run('keys', 'list', '--json')))
  }

  /** Serves it, shows that the first administrator is let in, and says whether a docker token is. */
  async serve(token?: string): Promise<{ token: string; status: number }> {
    const server = this.start('serve', '--listen', '127.0.0.1:0')
    const endpoint = await server.listening()
    const text = await readFile(join(this.dataDir, 'credentials'), 'utf8')
    const [, accessKeyId = '', secretAccessKey = ''] = /key_id = (\S+)\n.*key = (\S+)/.exec(text) ?? []
    const client = new ECRClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    })
    assert.equal((await client.send(new DescribeRegistryCommand({}))).registryId, account)
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}))
    const made = `Basic ${authorizationData?.[0]?.authorizationToken}`
    const answer = await fetch(`${endpoint}/v2/`, { headers: { authorization: token ?? made } })
    await answer.arrayBuffer()
    assert.equal((await server.stop()).code, 0)
    return { token: made, status: answer.status }
  }

  database<T>(use: (database: DatabaseSync) => T): T {
    const database = new DatabaseSync(join(this.dataDir, 'berth.db'))
    try {
      return use(database)
    } finally {
      database.close()
    }
  }

  /** As if the rotation had been so long ago. */
  makeOlder(byMs: number): void {
    this.database((database) => {
      const row = database.prepare("SELECT value FROM meta WHERE key = 'superseded_keys'").get()
      const keys = JSON.parse(String(row?.value)) as { at: number }[]
      const older = JSON.stringify(keys.map((key) => ({ ...key, at: key.at - byMs })))
      database.prepare("UPDATE meta SET value = ? WHERE key = 'superseded_keys'").run(older)
    })
  }

  async ring(): Promise<KeyRing> {
    const parsed = parseKeyRing(await readFile(join(this.dataDir, 'master-key'), 'utf8'))
    assert.ok('entries' in parsed)
    return createKeyRing(parsed.entries, 'test')
  }

  /** Access keys of the administrator, sealed as the server would. */
  async addAccessKeys(count: number): Promise<void> {
    const ring = await this.ring()
    this.database((database) => {
      const owner = String(database.prepare('SELECT owner_id FROM access_keys').get()?.owner_id)
      const insert = database.prepare(
        `INSERT INTO access_keys (access_key_id, account_id, owner_id, sealed_secret, status, created_at)
          VALUES (?, ?, ?, ?, 'Active', 1)`,
      )
      database.exec('BEGIN')
      for (let n = 0; n < count; n++) {
        const name = { account_id: account, access_key_id: randomIds.accessKey(account) }
        insert.run(name.access_key_id, account, owner, sealSecret(ring, name, randomIds.secretKey()))
      }
      database.exec('COMMIT')
    })
  }
}

const secretsOf = (entries: readonly Entry[]) => entries.map(({ id, secrets }) => [id, secrets])

describe('the ring of the data directory', () => {
  it('is rotated: keys and docker tokens of before go on; after 37 hours the old entry is dropped, with the tokens that it sealed', async (t) => {
    const store = await Store.make(t)
    assert.deepEqual(secretsOf(await store.entries()), [['key-1', 2]])
    const { token } = await store.serve()

    const startedAt = Date.now()
    const said = done(await store.run('keys', 'rotate'))
    assert.match(said, /^The ring in \S+master-key has the new entry key-2\. Keep a copy of it\.$/m)
    assert.match(said, /^The entry key-2 has sealed everything in the store; 1 secrets were sealed anew\.$/m)
    assert.match(
      said,
      /^The entry key-1 is kept for the tokens that it sealed: run `berth keys prune` after 20\S+Z\.$/m,
    )
    const [newest, old] = await store.entries()
    assert.deepEqual(newest, {
      id: 'key-2',
      isNewest: true,
      secrets: 2,
      mayBeRemoved: false,
      supersededAt: null,
      endsAt: null,
    })
    assert.ok(old)
    const { supersededAt, endsAt, ...rest } = old
    assert.deepEqual(rest, { id: 'key-1', isNewest: false, secrets: 0, mayBeRemoved: false })
    const at = Date.parse(supersededAt ?? '')
    assert.ok(at >= startedAt && at <= Date.now())
    assert.equal(Date.parse(endsAt ?? '') - at, keyLifeMs)
    assert.equal((await store.serve(token)).status, 200)

    store.makeOlder(keyLifeMs - 600_000)
    assert.match(done(await store.run('keys', 'prune')), /^The entry key-1 is kept/)
    assert.equal((await store.serve(token)).status, 200)
    store.makeOlder(600_000)
    assert.match(done(await store.run('keys', 'list')), /^key-1 {2}0 +opens, since 20\S+Z {2}yes$/m)
    assert.match(done(await store.run('keys', 'prune')), /^Dropped from \S+master-key: key-1\. Backups from before/)
    assert.deepEqual(secretsOf(await store.entries()), [['key-2', 2]])
    assert.equal((await store.serve(token)).status, 400)
    assert.equal(done(await store.run('keys', 'prune')), 'The ring has one entry, key-2: there is nothing to drop.\n')
  })

  it('is rotated again: an older rotation that is over is dropped by the same command', async (t) => {
    const store = await Store.make(t)
    done(await store.run('keys', 'rotate'))
    store.makeOlder(keyLifeMs)
    const said = done(await store.run('keys', 'rotate'))
    assert.match(said, /has the new entry key-3/)
    assert.match(said, /Dropped from \S+: key-1\./)
    assert.deepEqual(secretsOf(await store.entries()), [
      ['key-3', 2],
      ['key-2', 0],
    ])
    assert.equal((await store.serve()).status, 200)
  })

  it('killed after the new entry was written, the rotation goes on with that one', async (t) => {
    const store = await Store.make(t)
    const path = join(store.dataDir, 'master-key')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace(/^key-1:/m, `key-2:${randomBytes(32).toString('base64')}\nkey-1:`))
    assert.deepEqual(secretsOf(await store.entries()), [
      ['key-2', 0],
      ['key-1', 2],
    ])
    const said = done(await store.run('keys', 'rotate'))
    assert.doesNotMatch(said, /new entry/)
    assert.deepEqual(secretsOf(await store.entries()), [
      ['key-2', 2],
      ['key-1', 0],
    ])
  })

  it('killed in the middle, it is served, and the same command goes on where it stopped', async (t) => {
    const store = await Store.make(t)
    const total = 20_000
    await store.addAccessKeys(total - 1)
    const { token } = await store.serve()
    const rotation = store.start('keys', 'rotate')
    for (let turn = 0; !/^Sealed \d+ of/m.test(rotation.stderr); turn++) {
      assert.ok(turn < 6000 && rotation.process.exitCode === null, rotation.stdout + rotation.stderr)
      await sleep(5)
    }
    rotation.process.kill('SIGKILL')
    await rotation.ended

    const [newest, old] = await store.entries()
    assert.ok(newest && old && newest.secrets > 1 && old.secrets > 0, JSON.stringify([newest, old]))
    assert.equal(newest.secrets + old.secrets, total + 1)
    assert.deepEqual([newest.id, old.id, old.mayBeRemoved], ['key-2', 'key-1', false])
    assert.equal((await store.serve(token)).status, 200)
    assert.match(
      done(await store.run('keys', 'prune')),
      /^The entry key-1 still seals \d+ secrets: run `berth keys rotate`\.$/m,
    )

    // Its canary is sealed by the new entry already; without the old one it must not be served all the same.
    const path = join(store.dataDir, 'master-key')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace(/^key-1:.*\n/m, ''))
    refused(await store.run('serve', '--listen', '127.0.0.1:0'), /lacks the entry "key-1", which still seals secrets/)
    await writeFile(path, text)

    const said = done(await store.run('keys', 'rotate'))
    assert.doesNotMatch(said, /new entry/)
    assert.match(said, new RegExp(`; ${old.secrets} secrets were sealed anew`))
    assert.deepEqual(secretsOf(await store.entries()), [
      ['key-2', total + 1],
      ['key-1', 0],
    ])
    assert.equal((await store.serve(token)).status, 200)
  })

  it('tells of secrets that no entry opens, and rotates all others', async (t) => {
    const store = await Store.make(t)
    await store.addAccessKeys(2)
    const broken = store.database((database) => {
      const [one, two] = database.prepare('SELECT access_key_id FROM access_keys WHERE created_at = 1').all()
      database
        .prepare(
          `UPDATE access_keys SET sealed_secret = (SELECT sealed_secret FROM access_keys WHERE access_key_id = ?)
            WHERE access_key_id = ?`,
        )
        .run(String(one?.access_key_id), String(two?.access_key_id))
      return String(two?.access_key_id)
    })
    const outcome = await store.run('keys', 'rotate')
    assert.match(done(outcome), /; 2 secrets were sealed anew\.$/m)
    assert.match(outcome.stderr, new RegExp(`^No entry opens the secrets of these access keys, .*: ${broken}\\. `, 'm'))
    assert.deepEqual(secretsOf(await store.entries()), [
      ['key-2', 3],
      ['key-1', 0],
    ])
  })
})

describe('a ring that the operator gives', () => {
  it('is never written: the operator puts the new entry first, and is told when the old one may go', async (t) => {
    const [old, newer] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
    const store = await Store.make(t, { BERTH_MASTER_KEY: old })
    refused(await store.run('keys', 'rotate'), /has one entry, "default", and so there is nothing to rotate to/)
    const { token } = await store.serve()

    store.env = { BERTH_MASTER_KEY: `2027:${newer} default:${old}` }
    assert.match(done(await store.run('keys', 'list')), /^default {2}2 {8}opens {2}after a rotation$/m)
    assert.match(
      done(await store.run('keys', 'prune')),
      /^The entry default still seals 2 secrets: run `berth keys rotate`\.$/m,
    )
    assert.equal((await store.serve(token)).status, 200)
    const said = done(await store.run('keys', 'rotate'))
    assert.match(
      said,
      /^The entry default may be removed from BERTH_MASTER_KEY after 20\S+Z, when the tokens that it sealed are over\.$/m,
    )
    assert.match(done(await store.run('keys', 'rotate')), /; 0 secrets were sealed anew/)
    assert.deepEqual(secretsOf(await store.entries()), [
      ['2027', 2],
      ['default', 0],
    ])
    assert.equal((await store.serve(token)).status, 200)
    store.makeOlder(keyLifeMs)
    assert.equal(done(await store.run('keys', 'prune')), 'The entry default may be removed from BERTH_MASTER_KEY.\n')

    store.env = { BERTH_MASTER_KEY: `2027:${newer}` }
    assert.equal((await store.serve(token)).status, 400)
    store.env = { BERTH_MASTER_KEY: old }
    refused(await store.run('serve', '--listen', '127.0.0.1:0'), /is not the one that this store was sealed with/)
  })
})
