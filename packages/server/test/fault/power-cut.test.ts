// Judge: what a power cut leaves. How the cut is made, and what it cannot show, is at the head of `support/loop-device.ts`.
//
// A life is: an empty disk, the server, clients that push, move and delete on all wires at once; a cut at a random moment; the server
// started on what the disk held at that moment; inspection; clients again, on that; the next cut. So the server also recovers
// from what a recovery left.
//
//   BERTH_TEST_ROUNDS  how many cuts (3; with BERTH_TEST_SOAK 30)
//   BERTH_TEST_SEED    of what the clients do
//
// The judge is judged too: the server in `relaxed` mode, and a disk that answers syncs without doing them (by strace), must be seen to lose
// something that was acknowledged.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { calmWriteback, type PowerCutDisk, powerCutDisk, whyNoLoopDevices } from '../support/loop-device.ts'
import { type Findings, inspect, resumeUploads, summary } from './inspection.ts'
import { createLedger, type Expectation } from './ledger.ts'
import { type ServedRegistry, type ServeOptions, serve } from './served.ts'
import { rounds, seed, timeout } from './settings.ts'
import { strace, whyNoStrace } from './strace.ts'
import { connect } from './target.ts'
import { createWorkload, name, seeded, there, type WorkloadOptions } from './workload.ts'

const cuts = rounds({ usual: 3, soak: 30 })
const skip = whyNoLoopDevices()
const skipUnderStrace = skip || whyNoStrace()

const diskMiB = 2048

interface Life {
  cuts: number
  server?: ServeOptions
  journal?: boolean
  workload?: Pick<WorkloadOptions, 'lanes' | 'layerSizes'>
  /** Called with what each cut left. */
  judge(findings: Findings, problems: string[]): void
}

/** As many cuts as asked for; a new life begins when a disk is half full. */
async function live(life: Life): Promise<void> {
  using _calm = calmWriteback()
  for (let done = 0; done < life.cuts; ) done += await liveOnce({ ...life, cuts: life.cuts - done })
}

/** Returns how many cuts there were. */
async function liveOnce(life: Life): Promise<number> {
  const { cuts, server: serveOptions, journal = true, workload: shape = {}, judge } = life
  const random = seeded(seed())
  const ledger = createLedger()
  const repositories = ['apps/web', 'apps/api', 'base']
  const workload = createWorkload({ ledger, repositories, random, ...shape })
  const start = (disk: PowerCutDisk) => serve({ ...serveOptions, dataDir: join(disk.path, 'berth') })

  let disk = await powerCutDisk({ sizeMiB: diskMiB, journal })
  let server: ServedRegistry | undefined
  try {
    server = await start(disk)
    let target = await connect(server)
    for (const repository of repositories) {
      await target.api?.createRepository(repository)
      ledger.begin([[name.repository(repository), there]]).acknowledge()
    }
    let cut = 0
    while (cut < cuts && (await disk.free()) > (diskMiB * 1024 * 1024) / 2) {
      cut++
      const before = ledger.acknowledged
      const load = workload.run(target)
      await sleep(500 + random() * 3500)
      let expectation: Expectation = new Map()
      let whileOff = ledger.acknowledged
      const next = await disk.cutPower(async () => {
        // Long enough for an answer that waits for no sync to be sent.
        await sleep(50 + random() * 300)
        whileOff = ledger.acknowledged - whileOff
        expectation = ledger.expectation()
      })
      load.expectFailure()
      await server.kill()
      await load.ended
      target.close()
      const old = disk
      disk = next
      await old[Symbol.asyncDispose]()

      const startedAt = performance.now()
      server = await start(disk)
      const startMs = Math.round(performance.now() - startedAt)
      target = await connect(server)
      const findings = await inspect({ target, expectation })
      ledger.forget()
      ledger.settle(findings.values)
      const broken = workload.takeUploads()
      const uploads = await resumeUploads(target, broken, 'power cut', ledger)
      console.log(
        `cut ${cut}: ${ledger.acknowledged - before} operations acknowledged, ${whileOff} of them about or after the cut; ` +
          `started in ${startMs} ms; ${uploads.resumed} of ${broken.length} uploads gone on with; ${summary(findings)}`,
      )
      judge(findings, [...load.problems, ...uploads.problems])
    }
    target.close()
    await server.stop()
    return cut
  } finally {
    await server?.kill()
    await disk[Symbol.asyncDispose]()
  }
}

function nothingIsLost(findings: Findings, problems: string[]): void {
  assert.deepEqual(findings.lost.slice(0, 20), [], `${findings.lost.length} facts are lost`)
  assert.deepEqual(findings.broken.slice(0, 20), [], `${findings.broken.length} things are broken`)
  assert.deepEqual(problems.slice(0, 20), [])
}

test('a success answer is durable against a power cut before it is sent (docs/design/store.md)', {
  skip,
  timeout,
}, async () => {
  await live({ cuts, judge: nothingIsLost })
})

test('an answer waits for a sync that began after its commit, on a slow disk too (docs/design/store.md)', {
  skip: skipUnderStrace,
  timeout,
}, async () => {
  // With time before *and* after each sync, whoever joins a sync that is under way is answered long before the next one is done.
  const slow = 'fdatasync,fsync:delay_enter=15000:delay_exit=15000'
  await live({ cuts, server: { under: strace(slow) }, judge: nothingIsLost })
})

test('a blob is durable by name too: its folder is synced before its row (docs/design/store.md)', {
  skip,
  timeout,
}, async () => {
  await live({ cuts, journal: false, judge: nothingIsLost })
})

test('a checkpoint loses nothing, wherever it is cut (docs/design/store.md)', { skip, timeout }, async () => {
  // Blobs that live in the database: the WAL fills and is written back again and again.
  await live({ cuts, workload: { lanes: 16, layerSizes: [50_000, 65_536] }, judge: nothingIsLost })
})

test('several worker processes answer only what is durable, whoever committed it (docs/design/workers.md)', {
  skip,
  timeout,
}, async () => {
  await live({ cuts, server: { env: { BERTH_WORKERS: '3' } }, judge: nothingIsLost })
})

test('what a start finds after a crash is durable before it is shown (docs/design/store.md)', {
  skip,
  timeout,
}, async () => {
  // The process dies, the disk stops taking anything, and the server starts on what is still in memory. If it answers at all while
  // nothing can get durable, its answers must rest on what the disk has.
  const random = seeded(seed())
  const disk = await powerCutDisk({ sizeMiB: 1024 })
  let after: PowerCutDisk | undefined
  let server: ServedRegistry | undefined
  try {
    const ledger = createLedger()
    const repositories = ['apps/web', 'base']
    const workload = createWorkload({ ledger, repositories, random })
    const dataDir = join(disk.path, 'berth')
    server = await serve({ dataDir })
    const target = await connect(server)
    for (const repository of repositories) {
      await target.api?.createRepository(repository)
      ledger.begin([[name.repository(repository), there]]).acknowledge()
    }
    const load = workload.run(target)
    await sleep(1000 + random() * 1000)
    load.expectFailure()
    await server.kill()
    await load.ended
    target.close()

    let starting: Promise<ServedRegistry> | undefined
    let answers = 0
    after = await disk.cutPower(async () => {
      starting = serve({ dataDir, startTimeout: 60_000 })
      const early = await Promise.race([starting, sleep(5000, undefined, { ref: false })])
      if (!early) return
      const seen = await connect(early, { timeout: 3000 })
      const { values } = await inspect({
        target: seen,
        expectation: ledger.expectation(),
        only: new Set(ledger.touched()),
      })
      answers = values.size
      ledger.settle([...values].filter(([, value]) => value !== undefined))
      seen.close()
    })
    const expectation = ledger.expectation()
    server = await starting
    await server?.kill()
    server = await serve({ dataDir: join(after.path, 'berth') })
    const later = await connect(server)
    const findings = await inspect({ target: later, expectation })
    console.log(`${answers} answers while nothing could get durable; ${summary(findings)}`)
    nothingIsLost(findings, [])
    later.close()
    await server.stop()
  } finally {
    await server?.kill()
    await after?.[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
  }
})

/** One life that must end in loss. */
async function mustLose(server: ServeOptions): Promise<void> {
  let missing = 0
  // One cut may fall just after the disk was written by itself: a busy machine does that more often.
  for (let attempt = 0; attempt < 4 && missing === 0; attempt += 1) {
    await live({
      cuts: 1,
      server,
      judge: ({ lost, broken }) => {
        missing += lost.length + broken.length
      },
    })
  }
  assert.notEqual(missing, 0, 'nothing was lost: this judge sees nothing')
}

test('the judge is not blind: relaxed durability loses the last answers, never the database (docs/design/store.md)', {
  skip,
  timeout,
}, async () => {
  await mustLose({ env: { BERTH_DURABILITY: 'relaxed' } })
})

test('the judge is not blind: a disk that only says that it synced loses what was answered', {
  skip: skipUnderStrace,
  timeout,
}, async () => {
  try {
    await mustLose({ under: strace('fdatasync,fsync:retval=0') })
  } catch (error) {
    // Here, and only here, the database itself may be gone.
    if (error instanceof assert.AssertionError) throw error
    console.log(`the server did not start again: ${error instanceof Error ? error.message.slice(0, 400) : error}`)
  }
})
