// Judge: PostgreSQL restarted, stopped and frozen under load. While it is away every request is answered soon, with 503; when it is back all
// goes on with the same nodes, and what was acknowledged before is there.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../support/docker-wire.ts'
import { type Nodes, startNodes, whyNoNodes } from '../support/nodes.ts'
import { type PostgresServer, startPostgres, untilAnswering, whyNoPostgres } from '../support/postgres-server.ts'
import { until } from '../support/until.ts'
import { beginChunk } from './half-chunk.ts'
import { inspect, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { createProbes, type Probes, statusOf, tally } from './probes.ts'
import { rounds, seed, timeout } from './settings.ts'
import { steadyTarget } from './steady-target.ts'
import { connect, type Target } from './target.ts'
import { createWorkload, name, seeded, there } from './workload.ts'

/** Fast is about 5 s; a busy machine may need longer. */
const longestMs = 8_000
const restarts = rounds({ usual: 2, soak: 20 })
const repositories = ['apps/web', 'base']

describe('nodes whose PostgreSQL goes away', { skip: whyNoPostgres() ?? whyNoNodes(), timeout }, () => {
  let postgres: PostgresServer
  let nodes: Nodes
  let targets: Target[]
  let probes: Probes[]

  before(async () => {
    postgres = await startPostgres()
    nodes = await startNodes({ postgres })
    targets = []
    for (const node of nodes.nodes) targets.push(await connect(nodes.at(node), { timeout: 60_000 }))
    probes = []
    for (const [number, target] of targets.entries()) probes.push(await createProbes(target, `probes/${number}`))
  })

  after(async () => {
    for (const target of targets ?? []) target.close()
    await nodes?.close()
    await postgres?.close()
  })

  for (const mode of ['fast', 'immediate'] as const) {
    it(`restarted (${mode}) ${restarts} times under load: clients that try again succeed, nothing is lost`, async () => {
      await underLoad(async () => {
        for (let restart = 0; restart < restarts; restart++) {
          await sleep(1000)
          await postgres.restart(mode)
          await untilAnswering(postgres.url)
        }
        await sleep(1000)
      }, mode === 'immediate')
    })
  }

  it('stopped: each request is answered 503 within seconds, and none when it is back', async () => {
    await underLoad(async () => {
      await sleep(500)
      await postgres.stop('fast')
      try {
        await assertUnavailable(6_000)
      } finally {
        await postgres.start()
      }
      await assertWell()
    })
  })

  it('frozen for 15 s: the same', async () => {
    await underLoad(async () => {
      await sleep(500)
      postgres.freeze()
      try {
        await assertUnavailable(15_000)
      } finally {
        postgres.thaw()
      }
      await assertWell()
    })
  })

  it('stopped in the middle of a chunk: each node says the same of the upload afterwards, and the other one goes on with it', async () => {
    const [first, second] = targets as [Target, Target]
    const repository = 'probes/0'
    const content = randomBytes(700_001)
    const upload = await first.wire.startUpload(repository)
    await first.wire.uploadChunk(upload, content.subarray(0, 100_000), 0)
    const authorization = `Basic ${await first.api?.authorizationToken()}`
    const half = await beginChunk(
      { url: nodes.nodes[0].url, authorization, upload },
      content.subarray(100_000),
      100_000,
    )
    await postgres.stop('fast')
    const answered = await half.end()
    await postgres.start()
    await assertWell()
    assert.equal(answered, 503)
    // Which of the two it is depends on how far the node was; that they agree does not.
    const offsets = [await first.wire.uploadOffset(upload), await second.wire.uploadOffset(upload)]
    assert.equal(offsets[0], offsets[1], 'end-13')
    const [, offset = 0] = offsets
    await second.wire.uploadChunk(upload, content.subarray(offset), offset)
    await first.wire.finishUpload(upload, digestOf(content))
    for (const { wire } of targets) assert.ok((await wire.getBlob(repository, digestOf(content)))?.equals(content))
  })

  async function assertUnavailable(ms: number): Promise<void> {
    const [answers, health] = await Promise.all([
      Promise.all(probes.map((each) => each.during(ms))).then((each) => each.flat()),
      sleep(ms / 2).then(() => Promise.all(nodes.nodes.map(({ url }) => statusOf(url, '/healthz')))),
    ])
    const ready = await Promise.all(nodes.nodes.map(({ url }) => statusOf(url, '/readyz')))
    console.log(tally(answers))
    assert.ok(answers.length > 0)
    const wrong = answers.filter(({ kind, outcome, at, ms }) => {
      // The only one that may need nothing but a key, and keys may be known for two seconds.
      if (kind === 'GetAuthorizationToken' && outcome === 200 && at < 2_500) return false
      return outcome !== 503 || ms > longestMs
    })
    assert.equal(wrong.length, 0, `not 503 within ${longestMs} ms:\n${tally(wrong)}`)
    assert.deepEqual(health, [200, 200], 'the processes are alive')
    assert.deepEqual(ready, [503, 503], 'and not ready')
  }

  /** Without a restart of the nodes. The first answers after the outage may still be of it. */
  async function assertWell(): Promise<void> {
    await untilAnswering(postgres.url)
    for (const { url } of nodes.nodes)
      await until(`${url} is ready`, async () => (await statusOf(url, '/readyz')) === 200)
    // What /readyz says may be from before an outage that was shorter than its five seconds.
    for (const { wire } of targets)
      await until('it answers', async () => (await wire.send('GET', '/v2/probes/0/tags/list')).status === 200)
    const answers = (await Promise.all(probes.map((each) => each.during(1_000)))).flat()
    const wrong = answers.filter(({ outcome }) => outcome !== 200)
    assert.equal(wrong.length, 0, `after the outage:\n${tally(wrong)}`)
  }

  let runs = 0

  async function underLoad(happen: () => Promise<void>, mayForgetOffsets = false): Promise<void> {
    runs++
    const random = seeded(seed())
    const ledger = createLedger()
    // Repositories of this run's own: what a run before has left is nothing that its ledger knows of.
    const run = repositories.map((each) => `${each}-${runs}`)
    const workload = createWorkload({ ledger, repositories: run, random, laneName: `run-${runs}` })
    let repeated = 0
    const slow: string[] = []
    let startedOver = 0
    const target = steadyTarget(targets, {
      patience: 90_000,
      // A server that crashes may lose the offsets of the last moments (docs/design/store.md): they are no promise.
      ...(mayForgetOffsets ? { onStartedOver: () => void startedOver++ } : {}),
      onFailure(number, error, afterMs) {
        repeated++
        if (afterMs > longestMs) slow.push(`node ${number} after ${Math.round(afterMs)} ms: ${error}`)
      },
    })
    for (const repository of run) {
      await target.api.createRepository(repository)
      ledger.begin([[name.repository(repository), there]]).acknowledge()
    }
    const load = workload.run(target)
    try {
      await happen()
    } finally {
      await load.drain()
    }
    console.log(
      `${ledger.acknowledged} operations acknowledged, ${repeated} requests repeated, ${startedOver} uploads begun again`,
    )
    assert.deepEqual(load.problems.slice(0, 20), [], `${load.problems.length} problems`)
    assert.deepEqual(slow.slice(0, 20), [], `${slow.length} requests failed slowly`)
    for (const [number, each] of targets.entries()) {
      const findings = await inspect({ target: each, expectation: ledger.expectation() })
      console.log(`node ${number}: ${summary(findings)}`)
      assert.deepEqual(findings.lost.slice(0, 20), [], `node ${number}: ${findings.lost.length} facts are lost`)
      assert.deepEqual(findings.broken.slice(0, 20), [], `node ${number}: ${findings.broken.length} things are broken`)
    }
    for (const node of nodes.nodes) assert.ok(node.isRunning(), `${node.name} goes on`)
  }

  it('an acknowledged push survives the end of both the nodes and PostgreSQL', async () => {
    const manifest = await targets[0]?.wire.getManifest('probes/0', 'probe')
    assert.ok(manifest)
    await Promise.all(nodes.nodes.map((node) => node.kill()))
    await postgres.restart('immediate')
    for (const node of nodes.nodes) await node.start()
    const found = await targets[1]?.wire.getManifest('probes/0', 'probe')
    assert.equal(found && digestOf(found), digestOf(manifest))
  })
})
