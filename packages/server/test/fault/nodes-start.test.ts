// Judge: nodes that start at the same time, with the wrong settings, or on a schema of another version.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import postgres from 'postgres'
import { berthCommand, type ServedRegistry, serve, withoutBerthSettings } from '../support/serve.ts'
import { createStore, type StoreUnderTest, whyNoStore } from '../support/stores.ts'
import { timeout } from './settings.ts'
import { createApi } from './target.ts'

/** "Within seconds": a start that waits for what does not come. */
const longestStartMs = 40_000

describe('starts of nodes', { skip: whyNoStore('postgres+s3') ?? false, timeout }, () => {
  let folder: string
  const stores: StoreUnderTest[] = []
  const children = new Set<ChildProcess>()

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-starts-'))
  })

  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    for (const store of stores) await store.dispose()
    await rm(folder, { recursive: true, force: true })
  })

  it('two first starts at once, without a key given: both serve, and one key opens both', async () => {
    for (let round = 0; round < 4; round++) {
      const env = withoutKey((await newStore()).env)
      const pair = await Promise.all([0, 1].map((number) => starting(['serve'], env, `pair-${round}-${number}`)))
      try {
        const listening = pair.map(({ output }) => /is listening on (\S+)/.exec(output())?.[1])
        assert.ok(listening[0] && listening[1], pair.map(({ output }) => output()).join('\n'))
        const keys = pair.flatMap(({ output }) => keysIn(output()))
        assert.equal(keys.length, 1, `one key is shown:\n${pair.map(({ output }) => output()).join('\n')}`)
        for (const url of listening) {
          const api = createApi({ url: url ?? '', region: 'us-east-1', ...(keys[0] as Key) })
          assert.deepEqual(await api.listRepositories(), [])
          api.close()
        }
      } finally {
        for (const { child } of pair) await ended(child, 'SIGTERM')
      }
    }
  })

  it('two first starts at once, with a key given: both serve, and the key opens both', async () => {
    const store = await newStore()
    const pair = await Promise.all([0, 1].map((number) => serve({ store, dataDir: join(folder, `given-${number}`) })))
    for (const server of pair) {
      const api = createApi(server)
      assert.deepEqual(await api.listRepositories(), [])
      api.close()
    }
    for (const server of pair) await server.stop()
  })

  it('two `berth init` at once: one makes the installation and shows its key, the other says that there is one', async () => {
    const { env } = await newStore()
    const pair = await Promise.all(
      [0, 1].map((number) => starting(['init'], withoutKey(env), `init-${number}`, 'to the end')),
    )
    const codes = pair.map(({ child }) => child.exitCode)
    assert.deepEqual(codes.toSorted(), [0, 1], pair.map(({ output }) => output()).join('\n'))
    const [winner, loser] = codes[0] === 0 ? pair : pair.toReversed()
    assert.match(loser?.output() ?? '', /initialised already/)
    assert.equal(keysIn(loser?.output() ?? '').length, 0)
    const [key] = keysIn(winner?.output() ?? '')
    assert.ok(key)
    const { child, output } = await starting(['serve'], withoutKey(env), 'after-init')
    const api = createApi({ url: /is listening on (\S+)/.exec(output())?.[1] ?? '', region: 'us-east-1', ...key })
    assert.deepEqual(await api.listRepositories(), [])
    api.close()
    await ended(child, 'SIGTERM')
  })

  it('a node with another master key is refused', async () => {
    const store = await initialised()
    const env = { ...store.env, BERTH_MASTER_KEY: randomBytes(32).toString('base64') }
    await assertRefused(env, /master key/i)
  })

  it("another installation's bucket is refused", async () => {
    const [one, other] = [await initialised(), await initialised()]
    const mixed = { ...one.env, BERTH_DATABASE_URL: one.env.BERTH_DATABASE_URL ?? '', ...bucketOf(other) }
    await assertRefused(
      mixed,
      /BERTH_BLOB_STORE[\s\S]*another installation|another installation[\s\S]*BERTH_BLOB_STORE/,
    )
  })

  it("a new database with another installation's bucket is refused, and stays empty", async () => {
    const [fresh, other] = [await newStore(), await initialised()]
    await assertRefused({ ...fresh.env, ...bucketOf(other) }, /BERTH_BLOB_STORE/)
    const server = await serve({ store: fresh, dataDir: join(folder, 'fresh-after-all') })
    await server.stop()
  })

  it('a database that cannot be reached, or does not let in, is named by its setting within seconds', async () => {
    const store = await newStore()
    const url = (change: (url: URL) => void) => {
      const changed = new URL(store.env.BERTH_DATABASE_URL ?? '')
      change(changed)
      return { ...store.env, BERTH_DATABASE_URL: changed.href }
    }
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const address = silent.address()
    const silentPort = address !== null && typeof address === 'object' ? String(address.port) : ''
    try {
      const cases: [what: string, env: Record<string, string>][] = [
        ['nobody listens', url((to) => Object.assign(to, { port: '1' }))],
        ['nobody answers', url((to) => Object.assign(to, { port: silentPort }))],
        ['no such host', url((to) => Object.assign(to, { hostname: 'db.invalid' }))],
        ['wrong password', url((to) => Object.assign(to, { password: 'wrong' }))],
        ['no such database', url((to) => Object.assign(to, { pathname: '/none_of_this_name' }))],
      ]
      for (const [what, env] of cases) {
        const said = await assertRefused(env, /BERTH_DATABASE_URL/, what)
        const password = new URL(env.BERTH_DATABASE_URL ?? '').password
        assert.ok(!said.includes(password), `${what}: the password is not shown`)
      }
    } finally {
      silent.close()
    }
  })

  it('a bucket that cannot be reached, or does not let in, is named by its setting within seconds', async () => {
    const store = await newStore()
    const url = (change: (url: URL) => void) => {
      const changed = new URL(store.env.BERTH_BLOB_STORE ?? '')
      change(changed)
      return { ...store.env, BERTH_BLOB_STORE: changed.href }
    }
    const cases: [what: string, env: Record<string, string>, says: RegExp][] = [
      ['nobody listens', url((to) => to.searchParams.set('endpoint', 'http://127.0.0.1:1')), /127\.0\.0\.1:1\b/],
      ['no such bucket', url((to) => Object.assign(to, { host: 'none-of-this-name' })), /none-of-this-name/],
      [
        'wrong secret',
        { ...store.env, BERTH_BLOB_STORE_SECRET_ACCESS_KEY: 'not-the-secret-of-this-access-key-at-all' },
        /BERTH_BLOB_STORE_SECRET_ACCESS_KEY/,
      ],
    ]
    for (const [what, env, says] of cases) {
      const said = await assertRefused(env, /BERTH_BLOB_STORE/, what)
      assert.match(said, says, what)
      assert.doesNotMatch(said, /TypeError/, what)
    }
  })

  it('a schema of the next version serves if it says that this version can work with it, and is refused if not', async () => {
    const store = await initialised()
    const sql = postgres(store.env.BERTH_DATABASE_URL ?? '', { max: 1, onnotice: () => {} })
    try {
      const [row] = await sql<{ value: string }[]>`select value from meta where key = 'schema_version'`
      const next = Number(row?.value) + 1
      assert.ok(next > 1)
      await sql`update meta set value = ${String(next)} where key = 'schema_version'`
      const server = await serve({ store, dataDir: join(folder, 'older') })
      const api = createApi(server)
      await api.createRepository('made/by-the-version-before')
      api.close()
      await server.stop()
      await sql`update meta set value = ${String(next)} where key = 'schema_oldest_reader'`
      const said = await assertRefused(store.env, /newer Berth/)
      assert.match(said, new RegExp(`version ${next}`))
    } finally {
      await sql.end()
    }
  })

  async function newStore(): Promise<StoreUnderTest> {
    const store = await createStore('postgres+s3')
    stores.push(store)
    return store
  }

  /** One that had a first start. */
  async function initialised(): Promise<StoreUnderTest> {
    const store = await newStore()
    const server: ServedRegistry = await serve({ store, dataDir: join(folder, `first-${stores.length}`) })
    await server.stop()
    return store
  }

  const bucketOf = ({ env }: StoreUnderTest) =>
    Object.fromEntries(Object.entries(env).filter(([key]) => key.startsWith('BERTH_BLOB_STORE')))

  /** The start ends by itself, says why, and shows no stack. Gives what it said. */
  async function assertRefused(env: Record<string, string>, why: RegExp, what = ''): Promise<string> {
    const begunAt = performance.now()
    const dataDir = `refused-${randomBytes(4).toString('hex')}`
    const { child, output } = await starting(['serve'], env, dataDir, 'to the end')
    const took = performance.now() - begunAt
    console.log(`${what ? `${what}, ` : ''}after ${Math.round(took)} ms: ${output().trim()}`)
    assert.equal(child.exitCode, 1, `${what}: ${output()}`)
    assert.match(output(), why, what)
    assert.doesNotMatch(output(), /^\s+at /m, `${what}: no stack`)
    assert.ok(took < longestStartMs, `${what}: ${took} ms`)
    return output()
  }

  /** Runs the command until it listens, or until it ends. */
  async function starting(
    command: string[],
    env: Record<string, string>,
    dataDir: string,
    until: 'it listens' | 'to the end' = 'it listens',
  ) {
    const where = ['--data-dir', join(folder, dataDir), '--listen', '127.0.0.1:0']
    const child = spawn(process.execPath, [berthCommand, ...command, ...where], {
      env: { ...withoutBerthSettings(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.add(child)
    let text = ''
    const done = Promise.withResolvers<void>()
    const hear = (part: string) => {
      text += part
      if (until === 'it listens' && text.includes('To push and pull')) done.resolve()
    }
    child.stdout.setEncoding('utf8').on('data', hear)
    child.stderr.setEncoding('utf8').on('data', hear)
    child.once('close', () => done.resolve())
    const timer = setTimeout(() => child.kill('SIGKILL'), 2 * longestStartMs)
    await done.promise
    clearTimeout(timer)
    return { child, output: () => text }
  }

  async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill(signal)
    await closed
  }
})

interface Key {
  accessKeyId: string
  secretAccessKey: string
}

function withoutKey(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('BERTH_BOOTSTRAP_')))
}

/** The keys that a start or `berth init` shows. */
function keysIn(output: string): Key[] {
  return [...output.matchAll(/access key id\s+(\S+)\s+secret access key\s+(\S+)/g)].map((match) => ({
    accessKeyId: match[1] ?? '',
    secretAccessKey: match[2] ?? '',
  }))
}
