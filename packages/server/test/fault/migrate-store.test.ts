// Judge: a store that goes from one place to another by the real command, killed on the way, and must be whole where it arrives.
//
//   BERTH_TEST_ROUNDS  how many times it goes there and back with kills (1; with BERTH_TEST_SOAK 12)

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { digestOf } from '../support/docker-wire.ts'
import {
  type Credentials,
  createPlaces,
  migrate,
  type Place,
  type Places,
  refusalAt,
  serveAt,
  startMigration,
} from '../support/migrate-store.ts'
import { startPostgres } from '../support/postgres-server.ts'
import type { ServedRegistry } from '../support/serve.ts'
import { whyNoStore } from '../support/stores.ts'
import { inspect, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { rounds, seed, timeout } from './settings.ts'
import { steadyTarget } from './steady-target.ts'
import { connect, type Target } from './target.ts'
import { createWorkload, everySize, name, type Random, seeded, there } from './workload.ts'

const journeys = rounds({ usual: 1, soak: 12 })
const repositories = ['apps/web', 'apps/api', 'base']
const stack = /\n\s+at /

/** An installation in an embedded place of its own, with what its clients know. */
async function installation(places: Places, random: Random) {
  const ledger = createLedger()
  const workload = createWorkload({ ledger, repositories, random, lanes: 6, layerSizes: [...everySize, 6_000_000] })
  const first = places.embedded()
  const server = await serveAt(first)
  const { accessKeyId, secretAccessKey } = server
  const credentials: Credentials = { accessKeyId, secretAccessKey }
  const target = await connect(server)
  for (const repository of repositories) {
    await target.api?.createRepository(repository)
    ledger.begin([[name.repository(repository), there]]).acknowledge()
  }
  target.close()
  await server.stop()

  async function load(target: Target, ms: number): Promise<void> {
    const run = workload.run(target)
    await sleep(ms)
    await run.drain()
    assert.deepEqual(run.problems.slice(0, 5), [])
  }

  async function serving<T>(place: Place, task: (server: ServedRegistry, target: Target) => Promise<T>): Promise<T> {
    const served = await serveAt(place, { credentials })
    const connected = await connect(served)
    try {
      return await task(served, connected)
    } finally {
      connected.close()
      await served.stop()
    }
  }

  return {
    first,
    credentials,
    keyFile: join(first.dataDir, 'master-key'),
    ledger,
    load,
    serving,
    /** Fills the place with what the lanes do in some time. */
    fill: (place: Place, ms: number) => serving(place, (_, target) => load(target, ms)),
    async mustBeWhole(target: Target, where: string): Promise<void> {
      const findings = await inspect({ target, expectation: ledger.expectation() })
      console.log(`${where}: ${summary(findings)}`)
      assert.deepEqual(findings.lost.slice(0, 20), [], `${where}: ${findings.lost.length} facts are lost`)
      assert.deepEqual(findings.broken.slice(0, 20), [], `${where}: ${findings.broken.length} things are broken`)
    },
  }
}

type Installation = Awaited<ReturnType<typeof installation>>

async function succeeds(from: Place, to: Place['to']): Promise<string> {
  const { code, stdout, stderr } = await migrate(from, to)
  assert.equal(code, 0, `${stdout}${stderr}`)
  return stdout
}

async function isRefused(from: Place, to: { args: string[]; env?: Record<string, string> }, says: RegExp, code = 1) {
  const outcome = await migrate(from, to)
  assert.equal(outcome.code, code, outcome.stdout + outcome.stderr)
  assert.match(outcome.stderr, says)
  assert.doesNotMatch(outcome.stderr, stack)
}

describe('berth migrate-store', { skip: whyNoStore('postgres+s3') ?? false, timeout }, () => {
  const random = seeded(seed())
  let places: Places
  before(async () => {
    places = await createPlaces()
  })
  after(() => places.dispose())

  it('takes all of an embedded store to two nodes on PostgreSQL and S3, and back', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 3000)
    const unfinished = await own.serving(own.first, async (_, { wire }) => {
      const upload = await wire.startUpload('base')
      return wire.uploadChunk(upload, randomBytes(200_000), 0)
    })
    const shared = await places.shared(own.keyFile)
    const said = await succeeds(own.first, shared.to)
    assert.match(said, /The store is now in the PostgreSQL database \S+ at 127\.0\.0\.1:\d+, with the blobs in s3:\/\//)
    assert.match(said, /uploads {2}1 in progress were left behind/)
    assert.doesNotMatch(said, /postgres:\/\//)
    console.log(said)
    assert.match(await refusalAt(own.first), /This store was moved to the PostgreSQL database/)

    await onTwoNodes(own, shared, async (targets) => {
      for (const [number, target] of targets.entries()) await own.mustBeWhole(target, `node ${number}`)
      assert.equal(await targets[0]?.wire.uploadOffset(unfinished), undefined)
      // Numbers of rows go on behind those that were brought.
      await own.load(steadyTarget(targets), 2000)
    })

    const home = places.embedded()
    console.log(await succeeds(shared, home.to))
    assert.match(await refusalAt(shared), /This store was moved to/)
    // The key was given to the nodes; here it is found where an embedded store has it.
    home.env.BERTH_MASTER_KEY_FILE = own.keyFile
    await own.serving(home, async (_, target) => {
      await own.mustBeWhole(target, 'back in a folder')
      await own.load(target, 500)
      await own.mustBeWhole(target, 'back in a folder, after more')
    })
    const again = await migrate(shared, home.to)
    assert.deepEqual(
      [again.code, /already: there was nothing left to copy/.test(again.stdout)],
      [0, true],
      again.stderr,
    )
  })

  for (let journey = 1; journey <= journeys; journey++) {
    it(`killed at any moment and run again, it arrives whole (${journey} of ${journeys})`, async () => {
      const own = await installation(places, random)
      await own.fill(own.first, 4000)
      const shared = await places.shared(own.keyFile)
      const there = await arrive(own, own.first, shared)
      await own.serving(there, (_, target) => own.load(target, 1500))
      const home = places.embedded()
      home.env.BERTH_MASTER_KEY_FILE = own.keyFile
      await arrive(own, shared, home)
    })
  }

  /** Kills the command again and again; now and then the source is served in between, and changes. */
  async function arrive(own: Installation, from: Place, to: Place): Promise<Place> {
    let kills = 0
    let services = 0
    let hasBegun = false
    for (let patienceMs = 700; ; patienceMs += 300) {
      const migration = startMigration(from, to.to)
      const timer = setTimeout(() => migration.process.kill('SIGKILL'), patienceMs * (0.4 + random() * 0.8))
      const { code, signal, stderr } = await migration.ended
      clearTimeout(timer)
      if (code === 0) break
      assert.equal(signal, 'SIGKILL', stderr)
      kills++
      // Before that, the target is an empty place, which a server would take for its own.
      hasBegun ||= /^From .*\nto /m.test(stderr)
      if (kills % 3 !== 0 || !hasBegun) continue
      const isServed = [from, to].map(async (place) => (await refusalAt(place)) === '')
      const [isSource, isTarget] = await Promise.all(isServed)
      assert.ok(!(isSource && isTarget), 'never are there two stores')
      if (!isSource) continue
      services++
      await own.serving(from, (_, target) => own.load(target, 300))
    }
    console.log(`${kills} kills; the source was served ${services} times in between`)
    await own.serving(to, (_, target) => own.mustBeWhole(target, 'after the kills'))
    assert.match(await refusalAt(from), /This store was moved to/)
    assert.ok(kills > 0, 'it was killed')
    return to
  }

  it('stops cleanly at SIGINT, says how to go on, and goes on', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 1500)
    await pushLarge(own, 120_000_000)
    const shared = await places.shared(own.keyFile)
    const migration = startMigration(own.first, shared.to)
    let said = ''
    let isAsked = false
    migration.process.stderr?.on('data', (text: string) => {
      said += text
      if (isAsked || !said.includes('rows were copied and compared')) return
      isAsked = true
      migration.process.kill('SIGINT')
    })
    const { code, stdout, stderr } = await migration.ended
    assert.deepEqual([code, stdout], [130, ''], stderr)
    assert.match(stderr, /Stopped\. The store is where it was\. Run the same command again: it goes on from here\.\n$/)
    assert.match(await refusalAt(shared), /The copy of this store was not finished/)
    await own.serving(own.first, (_, target) => own.mustBeWhole(target, 'after SIGINT'))
    await succeeds(own.first, shared.to)
    await own.serving(shared, (_, target) => own.mustBeWhole(target, 'after going on'))
  })

  it('goes on from between the steps of the end, where never two stores are served', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 700)
    const shared = await places.shared(own.keyFile)
    await succeeds(own.first, shared.to)
    const facts = await factsOf(shared)
    const atTheEnd = {
      migrating_from: facts.get('installation_id') ?? '',
      next_blob_store: facts.get('blob_store') ?? '',
    }
    // The source is marked, the target is not free yet.
    await setFacts(shared, atTheEnd)
    assert.match(await refusalAt(own.first), /This store was moved to/)
    assert.match(await refusalAt(shared), /The copy of this store was not finished/)
    assert.match(await succeeds(own.first, shared.to), /already: there was nothing left to copy/)
    await own.serving(shared, (_, target) => own.mustBeWhole(target, 'after the second step'))

    // All is copied, and the source not marked yet; it is served once more.
    await setFacts(shared, atTheEnd)
    const database = new DatabaseSync(join(own.first.dataDir, 'berth.db'))
    database.exec("delete from meta where key = 'moved_to'")
    database.close()
    assert.match(await refusalAt(shared), /The copy of this store was not finished/)
    await own.fill(own.first, 500)
    await succeeds(own.first, shared.to)
    await own.serving(shared, (_, target) => own.mustBeWhole(target, 'after the first step'))
    assert.match(await refusalAt(own.first), /This store was moved to/)
  })

  it('ends with a sentence when the database goes away, and goes on when it is back', async () => {
    const own = await installation(places, random)
    await pushLarge(own, 160_000_000)
    const server = await startPostgres()
    try {
      // It goes with its databases.
      const postgres = { ...server, dropDatabase: async () => {} }
      const shared = await places.shared(own.keyFile, { postgres })
      const migration = startMigration(own.first, shared.to)
      let isRestarted: Promise<void> | undefined
      let said = ''
      migration.process.stderr?.on('data', (text: string) => {
        said += text
        if (said.includes('rows were copied')) isRestarted ??= server.restart('immediate')
      })
      const { code, stderr } = await migration.ended
      await isRestarted
      assert.equal(code, 1, stderr)
      assert.match(stderr, /^The copy stopped: .*\nRun the same command again: it goes on where it stopped/m)
      assert.doesNotMatch(stderr.replaceAll(/^\{.*$/gm, ''), stack)
      await succeeds(own.first, shared.to)
      await own.serving(shared, (_, target) => own.mustBeWhole(target, 'after the database was away'))
    } finally {
      await server.close()
    }
  })

  it('names what is broken in the source, and switches nothing over until it is whole', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 1500)
    const { large, missing, small } = await own.serving(own.first, async (_, { wire }) => {
      const [large, missing, small] = [randomBytes(3_000_000), randomBytes(100_000), randomBytes(3000)]
      for (const each of [large, missing, small]) await wire.pushBlob('base', each, 'monolithic')
      return { large: digestOf(large), missing: digestOf(missing), small: digestOf(small) }
    })
    const database = join(own.first.dataDir, 'berth.db')
    const path = (digest: string) => join(own.first.dataDir, 'blobs', storageKey(database, digest))
    const [largeFile, missingFile] = [path(large), path(missing)]
    const [largeBytes, missingBytes] = [await readFile(largeFile), await readFile(missingFile)]
    const flipped = Buffer.from(largeBytes)
    flipped[1_500_000] = (flipped[1_500_000] ?? 0) ^ 1
    await writeFile(largeFile, flipped)
    await unlink(missingFile)
    flipContent(database, small)

    const shared = await places.shared(own.keyFile)
    for (let run = 0; run < 2; run++) {
      const { code, stdout, stderr } = await migrate(own.first, shared.to)
      assert.deepEqual([code, stdout], [1, ''], stderr)
      assert.match(stderr, new RegExp(`blob base@${large} .*its bytes have the digest sha256:`))
      assert.match(stderr, new RegExp(`blob base@${missing} .*its bytes are missing`))
      assert.match(stderr, new RegExp(`blob base@${small} .*the content in the database has another digest`))
      assert.equal(stderr.match(/^ {2}blob /gm)?.length, 3, stderr)
      assert.match(await refusalAt(shared), /The copy of this store was not finished/)
      assert.equal(await refusalAt(own.first), '')
    }
    await writeFile(largeFile, largeBytes)
    await writeFile(missingFile, missingBytes)
    flipContent(database, small)
    await succeeds(own.first, shared.to)
    await own.serving(shared, (_, target) => own.mustBeWhole(target, 'after it was mended'))
  })

  it('finds what the target does not keep', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 1000)
    await pushLarge(own, 120_000_000)
    const shared = await places.shared(own.keyFile)
    const home = places.embedded()
    home.env.BERTH_MASTER_KEY_FILE = own.keyFile
    await succeeds(own.first, shared.to)
    // Interrupted when some blobs were verified, of which one is then removed and another is cut.
    const migration = startMigration(shared, home.to)
    while (!(await hasBlobs(home, 3)) && migration.process.exitCode === null) await sleep(5)
    migration.process.kill('SIGINT')
    const { code } = await migration.ended
    if (code === 130) {
      const [first] = await blobFiles(home)
      if (first) await unlink(first)
      const next = await migrate(shared, home.to)
      if (next.code !== 0) assert.match(next.stderr, /1 blobs that were copied earlier are not in the target any more/)
      if (next.code !== 0) await succeeds(shared, home.to)
    } else {
      assert.equal(code, 0)
      console.log('it was faster than the signal: nothing could be removed in time')
    }
    await own.serving(home, (_, target) => own.mustBeWhole(target, 'after the target had lost a blob'))
  })

  it('refuses a source or a target that is served, and nodes are refused while it works', async () => {
    const own = await installation(places, random)
    await pushLarge(own, 160_000_000)
    const shared = await places.shared(own.keyFile)
    await own.serving(own.first, () => isRefused(own.first, shared.to, /^Another process uses the data directory/))

    const migration = startMigration(own.first, shared.to)
    let said = ''
    migration.process.stderr?.on('data', (text: string) => {
      said += text
    })
    while (!said.includes('rows were copied') && migration.process.exitCode === null) await sleep(5)
    assert.match(await refusalAt(shared), /`?[Bb]erth migrate-store`? is at work on the database/)
    await isRefused(own.first, shared.to, /^Another process uses the data directory/)
    const { code, stderr } = await migration.ended
    assert.equal(code, 0, stderr)

    const home = places.embedded()
    await own.serving(shared, () =>
      isRefused(shared, home.to, /^Nodes are running on the database .*\nStop them first/),
    )
    home.env.BERTH_MASTER_KEY_FILE = own.keyFile
    await succeeds(shared, home.to)
  })

  it('refuses to mix: a database, a bucket or a folder of another installation is left as it is', async () => {
    const [own, other] = [await installation(places, random), await installation(places, random)]
    await own.fill(own.first, 500)
    await other.fill(other.first, 500)
    const theirs = await places.shared(other.keyFile)
    await succeeds(other.first, theirs.to)
    const empty = await places.shared(own.keyFile)
    await isRefused(own.first, theirs.to, /^Refusing to mix: the PostgreSQL database .* it holds another installation/)
    const theirBucket = { args: theirs.to.args, env: { ...theirs.to.env, BERTH_TO_DATABASE: 'same' } }
    await isRefused(own.first, theirBucket, /^Refusing to mix: s3:.* it belongs to another installation/)
    await isRefused(own.first, { args: other.first.to.args }, /is not empty: it holds "(?:credentials|address)"/)
    await other.serving(theirs, (_, target) => other.mustBeWhole(target, 'theirs'))
    await own.serving(own.first, (_, target) => own.mustBeWhole(target, 'ours'))

    // A copy that was finished, and then served, is not written over by one that begins again.
    await succeeds(own.first, empty.to)
    const facts = await factsOf(empty)
    assert.equal(facts.get('migrating_from'), undefined)
    const elsewhere = await places.shared(own.keyFile)
    await isRefused(own.first, elsewhere.to, /^This store was moved to the PostgreSQL database .* already/)
    await succeeds(empty, elsewhere.to)
    await isRefused(elsewhere, empty.to, /^Refusing to mix: .* it holds another copy of this one/)
  })

  it('moves the database alone, and back to the folder that the blobs stayed in', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 1500)
    const { store } = await places.shared(own.keyFile)
    const url = store.env.BERTH_DATABASE_URL ?? ''
    const half: Place = {
      ...own.first,
      env: { ...own.first.env, BERTH_DATABASE_URL: url, BERTH_MASTER_KEY_FILE: own.keyFile },
    }
    await succeeds(own.first, { args: ['--to-blob-store=same'], env: { BERTH_TO_DATABASE: url } })
    assert.match(await refusalAt(own.first), /This store was moved to the PostgreSQL database/)
    await own.serving(half, async (_, target) => {
      await own.mustBeWhole(target, 'the database in PostgreSQL')
      await own.load(target, 700)
    })
    const back = { args: ['--to-database=sqlite', '--to-blob-store=same', '--to-data-dir', own.first.dataDir], env: {} }
    await isRefused(half, back, /^Refusing to mix: .*berth\.db is not empty/)
    for (const end of ['', '-wal', '-shm']) await unlink(join(own.first.dataDir, `berth.db${end}`)).catch(() => {})
    await succeeds(half, back)
    await own.serving(own.first, (_, target) => own.mustBeWhole(target, 'the database in its folder again'))
  })

  it('moves the blobs alone, and back to an empty folder', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 1500)
    const shared = await places.shared(own.keyFile)
    const toBucket = { args: shared.to.args, env: { ...shared.to.env, BERTH_TO_DATABASE: 'same' } }
    const inBucket: Place = { ...own.first, env: { ...shared.env, ...own.first.env } }
    delete inBucket.env.BERTH_DATABASE_URL
    await succeeds(own.first, toBucket)
    assert.match(await refusalAt(own.first), /belongs to another installation|are not in/)
    await own.serving(inBucket, async (_, target) => {
      await own.mustBeWhole(target, 'the blobs in S3')
      await own.load(target, 700)
    })
    const back = (folder: string) => ({
      args: ['--to-database=same', '--to-blob-store=files', '--to-data-dir', folder],
      env: {},
    })
    await isRefused(
      inBucket,
      back(places.folder()),
      /^The configuration has a mistake:\n.*an installation has one data directory/,
      2,
    )
    await isRefused(inBucket, back(own.first.dataDir), /^Refusing to mix: .*blobs is not empty/)
    for (const each of ['blobs', 'uploads', 'blob-store-owner'])
      await rm(join(own.first.dataDir, each), { recursive: true })
    await succeeds(inBucket, back(own.first.dataDir))
    await own.serving(own.first, (_, target) => own.mustBeWhole(target, 'the blobs in files again'))
  })

  it('copies the master key of an embedded store to an embedded one, for its owner alone', async () => {
    const own = await installation(places, random)
    await own.fill(own.first, 300)
    const home = places.embedded()
    assert.match(await succeeds(own.first, home.to), /The master key was copied to/)
    assert.equal((await stat(join(home.dataDir, 'master-key'))).mode & 0o777, 0o600)
    await own.serving(home, (_, target) => own.mustBeWhole(target, 'another folder'))
  })

  async function onTwoNodes(own: Installation, place: Place, task: (targets: Target[]) => Promise<void>) {
    const servers: ServedRegistry[] = []
    const targets: Target[] = []
    try {
      for (let node = 0; node < 2; node++) {
        const server = await serveAt(place, { credentials: own.credentials, dataDir: places.folder() })
        servers.push(server)
        targets.push(await connect(server))
      }
      await task(targets)
    } finally {
      for (const target of targets) target.close()
      for (const server of servers) await server.stop()
    }
  }

  /** In layers of 20 MB. */
  const pushLarge = (own: Installation, bytes: number) =>
    own.serving(own.first, async (_, { wire }) => {
      for (let pushed = 0; pushed < bytes; pushed += 20_000_000) {
        const layer = randomBytes(20_000_000)
        const push = own.ledger.begin([[name.blob('base', digestOf(layer)), there]])
        await wire.pushBlob('base', layer, 'monolithic')
        push.acknowledge()
      }
    })
})

function storageKey(path: string, digest: string): string {
  const database = new DatabaseSync(path)
  const row = database.prepare('select storage_key from blobs where digest = ?').get(digest)
  database.close()
  return String(row?.storage_key)
}

/** Turns one bit of content that is in the database; twice, and it is right again. */
function flipContent(path: string, digest: string): void {
  const database = new DatabaseSync(path)
  const row = database.prepare('select content from blobs where digest = ?').get(digest)
  const content = Buffer.from(row?.content as Uint8Array)
  content[100] = (content[100] ?? 0) ^ 1
  database.prepare('update blobs set content = ? where digest = ?').run(content, digest)
  database.close()
}

async function blobFiles({ dataDir }: Place): Promise<string[]> {
  const entries = await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true }).catch(() => [])
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

async function hasBlobs(place: Place, count: number): Promise<boolean> {
  return (await blobFiles(place)).length >= count
}

async function setFacts(place: Place, facts: Record<string, string>): Promise<void> {
  const sql = postgres(place.env.BERTH_DATABASE_URL ?? '', { max: 1, onnotice: () => {} })
  try {
    for (const [key, value] of Object.entries(facts)) await sql`insert into meta (key, value) values (${key}, ${value})`
  } finally {
    await sql.end({ timeout: 5 })
  }
}

async function factsOf(place: Place): Promise<Map<string, string>> {
  const sql = postgres(place.env.BERTH_DATABASE_URL ?? '', { max: 1, onnotice: () => {} })
  try {
    const rows = await sql<{ key: string; value: string }[]>`select key, value from meta`
    return new Map(rows.map(({ key, value }) => [key, value]))
  } finally {
    await sql.end({ timeout: 5 })
  }
}
