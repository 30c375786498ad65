// Judge: what SIGKILL leaves, again and again on one data directory, under parallel pushes. The page cache survives the process, so this
// proves nothing about syncs (that is power-cut.test.ts); it proves the order of steps: that no crash point leaves something visible
// without its bytes, that uploads go on where their status says, and that the start after it is quick.
//
//   BERTH_TEST_ROUNDS  how many kills (20; with BERTH_TEST_SOAK 200)

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDockerWire } from '../support/docker-wire.ts'
import { median } from './figures.ts'
import { inspect, resumeUploads, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { type ServedRegistry, serve } from './served.ts'
import { rounds, seed, timeout } from './settings.ts'
import { connect } from './target.ts'
import { createWorkload, name, seeded, there } from './workload.ts'

const kills = rounds({ usual: 20, soak: 200 })

test('SIGKILL at any moment loses no answer, breaks nothing visible, and uploads go on (docs/design/store.md)', {
  timeout,
}, async () => {
  const random = seeded(seed())
  const ledger = createLedger()
  const repositories = ['apps/web', 'apps/api', 'base']
  const workload = createWorkload({ ledger, repositories, random })
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-kill-'))
  const starts: number[] = []
  let interrupted = 0
  let resumed = 0
  let server: ServedRegistry | undefined
  try {
    server = await serve({ dataDir })
    const firstAuthorization = `Basic ${await (await connect(server)).api?.authorizationToken()}`
    let target = await connect(server)
    for (const repository of repositories) {
      await target.api?.createRepository(repository)
      ledger.begin([[name.repository(repository), there]]).acknowledge()
    }
    for (let kill = 1; kill <= kills; kill++) {
      const load = workload.run(target)
      await sleep(20 + random() * 600)
      load.expectFailure()
      await server.kill()
      await load.ended
      target.close()

      const startedAt = performance.now()
      server = await serve({ dataDir })
      starts.push(performance.now() - startedAt)
      target = await connect(server)

      // Everything that was touched since the last round, one in ten of the rest; all there is at every tenth kill and at the end.
      const all = kill % 10 === 0 || kill === kills
      const expectation = ledger.expectation()
      const touched = new Set(ledger.touched())
      const only = new Set([...expectation.keys()].filter((register) => touched.has(register) || random() < 0.1))
      const findings = await inspect({ target, expectation, ...(all ? {} : { only }) })
      ledger.settle(findings.values)
      const broken = workload.takeUploads()
      const uploads = await resumeUploads(target, broken, 'crash', ledger)
      interrupted += broken.length
      resumed += uploads.resumed
      if (all) console.log(`kill ${kill}: ${ledger.acknowledged} operations acknowledged so far; ${summary(findings)}`)

      assert.deepEqual(findings.lost.slice(0, 20), [], `kill ${kill}: ${findings.lost.length} facts are lost`)
      assert.deepEqual(findings.broken.slice(0, 20), [], `kill ${kill}: ${findings.broken.length} things are broken`)
      assert.deepEqual([...load.problems, ...uploads.problems].slice(0, 20), [], `kill ${kill}`)
    }
    const wire = createDockerWire({ url: server.url, authorization: firstAuthorization })
    assert.equal(
      (await wire.send('GET', '/v2/')).status,
      200,
      'a docker token from before the first kill is good still',
    )
    wire.close()
    target.close()
    await server.stop()
    const [middle, worst] = [median(starts), Math.max(...starts)].map(Math.round)
    console.log(
      `${kills} kills, ${resumed} of ${interrupted} uploads gone on with; start to listening: median ${middle} ms, worst ${worst} ms`,
    )
    // The aim is below 1 s; a busy machine may need longer.
    assert.ok(median(starts) < 5000, `the start takes ${middle} ms`)
  } finally {
    await server?.kill()
    await rm(dataDir, { recursive: true, force: true })
  }
})
