// Judge: an S3 store that is slow, refuses, resets in the middle of a part, loses answers and falls silent, under two nodes with load. What
// lives in the database alone goes on meanwhile; pushes succeed in the end or fail clearly; a pull is never short without an error.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, UnexpectedAnswer } from '../support/docker-wire.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type Nodes, startNodes, whyNoNodes } from '../support/nodes.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { inspect, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { createProbes, type ProbeAnswer, tally } from './probes.ts'
import { isSoak, rounds, seed, timeout } from './settings.ts'
import { mayPass, steadyTarget } from './steady-target.ts'
import { connect, type Target } from './target.ts'
import { createWorkload, everySize, name, seeded, there } from './workload.ts'

const MiB = 1024 * 1024
const repository = 'apps/web'
const cuts = rounds({ usual: 8, soak: 100 })
/** The registry tries again for a minute at most before it says no (storage/blobs/s3/bucket.ts). */
const longestMs = 75_000
/** Of the probes, those that touch the bucket: small blobs and manifests are in the database. */
const needsBucket = /^(?:pull of a blob|push of a blob|push in chunks)$/

describe('nodes whose S3 store misbehaves', { skip: whyNoNodes(), timeout }, () => {
  let s3: S3Server
  let proxy: FaultProxy
  let nodes: Nodes
  let targets: [Target, Target]

  before(async () => {
    s3 = await startS3Server()
    proxy = await startFaultProxy(s3.port)
    nodes = await startNodes({
      s3,
      env: async (_node, store) => ({
        BERTH_BLOB_STORE: (store.env.BERTH_BLOB_STORE ?? '').replace(`:${s3.port}`, `:${proxy.port}`),
      }),
    })
    const [first, second] = nodes.nodes
    const patient = { timeout: 2 * longestMs }
    targets = [await connect(nodes.at(first), patient), await connect(nodes.at(second), patient)]
    await targets[0].api?.createRepository(repository)
  })

  after(async () => {
    for (const target of targets ?? []) target.close()
    await proxy?.resume()
    await nodes?.close()
    await proxy?.close()
    await s3?.stop()
  })

  it('slow: everything takes longer, and nothing fails', async () => {
    const { repeated } = await underLoad(async () => {
      proxy.delay(60)
      await sleep(isSoak ? 60_000 : 5_000)
      proxy.delay(0)
    })
    assert.equal(repeated, 0, 'no request had to be repeated')
  })

  it('refusing: what needs the bucket is answered 503, manifests go on, and all is well afterwards', async () => {
    const probes = await createProbes(targets[0], 'probes/refused')
    await underLoad(async () => {
      await sleep(500)
      await proxy.refuse()
      let answers: ProbeAnswer[]
      try {
        answers = await probes.during(5_000)
      } finally {
        await proxy.resume()
      }
      console.log(tally(answers))
      const wrong = answers.filter(({ kind, outcome, ms }) =>
        needsBucket.test(kind) ? outcome !== 503 || ms > longestMs : outcome !== 200,
      )
      assert.equal(wrong.length, 0, tally(wrong))
      const afterwards = await probes.during(500)
      const failed = afterwards.filter(({ outcome }) => outcome !== 200)
      assert.equal(failed.length, 0, `afterwards:\n${tally(failed)}`)
    })
  })

  it('reset in the middle of a part, again and again: pushes succeed in the end', async () => {
    await underLoad(
      async ({ random }) => {
        for (let cut = 0; cut < cuts; cut++) {
          await within(20_000, proxy.cutAfter(Math.floor(random() * 3 * MiB), 'to server'))
          await sleep(100)
        }
      },
      [...everySize, 6 * MiB, 12 * MiB],
    )
  })

  it('answers that get lost, of each request of a push: it succeeds in the end, with the right bytes', async () => {
    const requests: [what: string, isRequest: (bytes: Buffer) => boolean][] = [
      ['CreateMultipartUpload', (bytes) => /^POST \S+\?uploads/.test(bytes.toString('latin1', 0, 2000))],
      ['UploadPart', (bytes) => /^PUT \S+partNumber=2/.test(bytes.toString('latin1', 0, 2000))],
      ['CompleteMultipartUpload', (bytes) => /^POST \S+\?uploadId=/.test(bytes.toString('latin1', 0, 2000))],
      ['PutObject', (bytes) => /^PUT [^?\s]+(?:\?x-id=PutObject)? HTTP/.test(bytes.toString('latin1', 0, 2000))],
    ]
    const steady = steadyTarget(targets, { onStartedOver: () => {} })
    for (const [what, isRequest] of requests) {
      const content = randomBytes(what === 'PutObject' ? 400_000 : 13 * MiB)
      const lost = proxy.loseAnswer(isRequest)
      await steady.wire.pushBlob(repository, content, 'chunked', 4 * MiB)
      await within(1_000, lost, `no ${what} was sent`)
      await assertOnEachNode(content)
    }
  })

  it('reset in the middle of a pull: the bytes are right to the last, or there is an error', async () => {
    const content = randomBytes(24 * MiB)
    await targets[0].wire.pushBlob(repository, content, 'monolithic')
    let [whole, broken] = [0, 0]
    for (let pull = 0; pull < cuts; pull++) {
      const target = targets[pull % 2] as Target
      // One cut is mended by another request to the store. Where all that follow are refused, the pull cannot end well.
      const isHopeless = pull % 4 === 3
      const cut = proxy
        .cutAfter(Math.floor(((pull + 1) * 20 * MiB) / (cuts + 2)), 'to client')
        .then(() => (isHopeless ? proxy.refuse() : undefined))
      try {
        const stored = await target.wire.getBlob(repository, digestOf(content))
        assert.ok(stored?.equals(content), `pull ${pull}: ${stored?.length} bytes of ${content.length}, and no error`)
        whole++
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        broken++
      } finally {
        await within(10_000, cut, 'nothing was cut')
        await proxy.resume()
      }
    }
    console.log(`${whole} pulls were whole, ${broken} ended with an error`)
    assert.equal(broken, Math.floor(cuts / 4), 'those that could not be mended')
    await assertOnEachNode(content)
  })

  it('silent for a while: pushes and pulls under way go on when it speaks again, or fail clearly', async () => {
    await underLoad(async () => {
      await sleep(300)
      proxy.stall()
      await sleep(isSoak ? 90_000 : 10_000)
      await proxy.resume()
      await sleep(500)
    })
  })

  it('killed and started again: nothing that was acknowledged is lost', async () => {
    await underLoad(async () => {
      for (let kill = 0; kill < rounds({ usual: 2, soak: 20 }); kill++) {
        await sleep(700)
        await s3.kill()
        await sleep(300)
        await s3.start()
      }
      await sleep(500)
    })
  })

  it('a push that the registry could not do says so, with 503 and a reason', async () => {
    await proxy.refuse()
    try {
      await assert.rejects(targets[0].wire.pushBlob(repository, randomBytes(7 * MiB), 'monolithic'), (error) => {
        assert.ok(error instanceof UnexpectedAnswer, String(error))
        assert.equal(error.answer.status, 503)
        assert.match(error.answer.body.toString(), /"UNAVAILABLE"[\s\S]*store of blobs/)
        return true
      })
    } finally {
      await proxy.resume()
    }
  })

  let runs = 0

  async function underLoad(
    happen: (scene: { random(): number }) => Promise<void>,
    layerSizes: number[] = [...everySize, 6 * MiB],
  ): Promise<{ repeated: number }> {
    const random = seeded(seed())
    const ledger = createLedger()
    const own = [`load/${++runs}-a`, `load/${runs}-b`]
    const workload = createWorkload({ ledger, repositories: own, random, layerSizes, laneName: `run-${runs}` })
    let [repeated, startedOver] = [0, 0]
    const slow: string[] = []
    const target = steadyTarget(targets, {
      patience: 2 * longestMs,
      onFailure(node, error, afterMs) {
        repeated++
        if (afterMs > longestMs) slow.push(`node ${node} after ${Math.round(afterMs)} ms: ${error}`)
        assert.ok(mayPass(error))
      },
      onStartedOver: () => void startedOver++,
    })
    for (const each of own) {
      await target.api.createRepository(each)
      ledger.begin([[name.repository(each), there]]).acknowledge()
    }
    const load = workload.run(target)
    try {
      await happen({ random })
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
    return { repeated }
  }

  async function assertOnEachNode(content: Buffer): Promise<void> {
    for (const [index, { wire }] of targets.entries()) {
      const stored = await wire.getBlob(repository, digestOf(content))
      assert.ok(stored?.equals(content), `node ${index} gives ${stored?.length} bytes of ${content.length}`)
    }
  }

  async function within(ms: number, promise: Promise<void>, otherwise = 'it did not happen'): Promise<void> {
    const late = sleep(ms, 'late' as const, { ref: false })
    if ((await Promise.race([promise, late])) === 'late') throw new Error(otherwise)
  }
})
