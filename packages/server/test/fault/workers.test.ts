// Judge: one server of three worker processes on one port and one SQLite (docs/design/workers.md), with the real command. Workers are killed
// under load, and the primary; what one worker acknowledged, every other one shows; nothing that was acknowledged is lost.
//
//   BERTH_TEST_ROUNDS   how many kills, of workers and of primaries (12 and 4; with BERTH_TEST_SOAK 200 and 60); how many reads after
//                       writes (1000)
//   BERTH_TEST_SECONDS  how long the watched load goes on (5; with BERTH_TEST_SOAK 60)

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDockerWire, digestOf } from '../support/docker-wire.ts'
import { until } from '../support/until.ts'
import { watchHealth } from './health-watch.ts'
import { inParallel, inspect, resumeUploads, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { type ServedRegistry, serve } from './served.ts'
import { rounds, seconds, seed, timeout } from './settings.ts'
import { steadyTarget } from './steady-target.ts'
import { connect, createApi } from './target.ts'
import { imageOf, ociManifest, pushBase } from './tiny-image.ts'
import { createWorkload, name, seeded, there } from './workload.ts'

const workers = 3
const env = { BERTH_WORKERS: String(workers) }
const repositories = ['apps/web', 'apps/api', 'base']
const workerKills = rounds({ usual: 12, soak: 200 })
const primaryKills = rounds({ usual: 4, soak: 60 })
const readsAfterWrites = rounds({ usual: 1000, soak: 5000 })
const skip = process.platform === 'linux' ? false : 'needs /proc'

/** Processes that a process has started, by their ids. */
async function childrenOf(pid: number | undefined): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

async function makeRepositories(server: ServedRegistry, ledger: ReturnType<typeof createLedger>): Promise<void> {
  const target = await connect(server)
  for (const repository of repositories) {
    await target.api?.createRepository(repository)
    ledger.begin([[name.repository(repository), there]]).acknowledge()
  }
  target.close()
}

/** The numbers of a metric's lines, summed. */
async function metric(server: ServedRegistry, named: string): Promise<number> {
  const wire = createDockerWire({ url: server.url })
  const { body } = await wire.expect([200], 'GET', '/metrics')
  wire.close()
  const lines = body.toString().split('\n')
  return lines
    .filter((line) => line.startsWith(`${named}{`) || line.startsWith(`${named} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

describe('several worker processes on one store (docs/design/workers.md)', { skip, timeout }, () => {
  it(`SIGKILL of a worker under load loses nothing, and another takes its place, ${workerKills} times`, async () => {
    const random = seeded(seed())
    const ledger = createLedger()
    const server = await serve({ env })
    try {
      await makeRepositories(server, ledger)
      const target = await connect(server)
      let repeated = 0
      const steady = steadyTarget([target], { onFailure: () => repeated++ })
      const workload = createWorkload({ ledger, repositories, random })
      const load = workload.run(steady)
      const killed = new Set<number>()
      for (let kill = 0; kill < workerKills; kill++) {
        await sleep(300 + random() * 1000)
        assert.ok(isRunning(server.process.pid), `the server has ended: ${server.log().slice(-4000)}`)
        const alive = (await childrenOf(server.process.pid)).filter((pid) => !killed.has(pid))
        const pid = alive[Math.floor(random() * alive.length)]
        if (pid === undefined) continue
        process.kill(pid, 'SIGKILL')
        killed.add(pid)
      }
      assert.ok(isRunning(server.process.pid), `the server has ended: ${server.log().slice(-4000)}`)
      await load.drain()
      await until(
        'every worker has been replaced',
        async () => (await childrenOf(server.process.pid)).length === workers,
      )
      const findings = await inspect({ target: steady, expectation: ledger.expectation() })
      console.log(
        `${killed.size} workers killed, ${ledger.acknowledged} operations acknowledged, ${repeated} requests repeated; ${summary(findings)}`,
      )
      assert.deepEqual(load.problems.slice(0, 20), [])
      assert.deepEqual(findings.lost.slice(0, 20), [], `${findings.lost.length} facts are lost`)
      assert.deepEqual(findings.broken.slice(0, 20), [], `${findings.broken.length} things are broken`)
      assert.ok(ledger.acknowledged > 20, 'there was load')
      target.close()
      await server.stop()
    } finally {
      await server.kill()
    }
  })

  it(`SIGKILL of the primary: its workers end, and the next server finds all, ${primaryKills} times`, async () => {
    const random = seeded(seed())
    const ledger = createLedger()
    const dataDir = await mkdtemp(join(tmpdir(), 'berth-workers-'))
    const workload = createWorkload({ ledger, repositories, random })
    let server = await serve({ dataDir, env })
    try {
      await makeRepositories(server, ledger)
      for (let kill = 1; kill <= primaryKills; kill++) {
        const target = await connect(server)
        const load = workload.run(target)
        await sleep(100 + random() * 700)
        const old = server
        const orphans = await childrenOf(old.process.pid)
        load.expectFailure()
        const exited = once(old.process, 'exit')
        old.process.kill('SIGKILL')
        await exited
        // At once: the workers of the last one may still be there for a moment.
        server = await serve({ dataDir, env: kill % 2 ? env : {} })
        assert.deepEqual(
          orphans.filter((pid) => isRunning(pid)),
          [],
          'workers of the killed primary live',
        )
        await load.ended
        target.close()
        const again = await connect(server)
        const findings = await inspect({ target: again, expectation: ledger.expectation() })
        ledger.settle(findings.values)
        const uploads = await resumeUploads(again, workload.takeUploads(), 'crash', ledger)
        console.log(`kill ${kill}: ${ledger.acknowledged} operations acknowledged so far; ${summary(findings)}`)
        assert.deepEqual(findings.lost.slice(0, 20), [], `kill ${kill}: ${findings.lost.length} facts are lost`)
        assert.deepEqual(findings.broken.slice(0, 20), [], `kill ${kill}: ${findings.broken.length} things are broken`)
        assert.deepEqual([...load.problems, ...uploads.problems].slice(0, 20), [], `kill ${kill}`)
        again.close()
      }
      await server.stop()
    } finally {
      await server.kill()
      await rm(dataDir, { recursive: true, force: true })
    }
  })

  it(`a tag that one worker moved is never old in another, ${readsAfterWrites} times`, async () => {
    const server = await serve({ env })
    try {
      const repository = 'apps/web'
      const first = await connect(server)
      await first.api?.createRepository(repository)
      const base = await pushBase(first, repository)
      const authorization = `Basic ${await first.api?.authorizationToken()}`
      // One connection each, and the primary deals connections out in turn: each wire has a worker, and all workers have some.
      const wires = Array.from({ length: 6 }, () =>
        createDockerWire({ url: server.url, authorization, connections: 1 }),
      )
      await inParallel(
        Array.from({ length: readsAfterWrites }, (_, round) => round),
        async (round) => {
          const writer = wires[round % wires.length]
          const reader = wires[(round + 1 + (round % 5)) % wires.length]
          const tag = `moving-${round % 4}`
          const manifest = imageOf(base, `round ${round}`)
          await writer?.putManifest(repository, tag, manifest, ociManifest)
          const pulled = await reader?.getManifest(repository, tag)
          assert.equal(pulled && digestOf(pulled), digestOf(manifest), `round ${round}`)
        },
        1,
      )
      for (const wire of wires) wire.close()
      first.close()
      await server.stop()
    } finally {
      await server.kill()
    }
  })

  it('no event loop is held up under load, a scrape counts all workers, and SIGTERM ends all in order', async () => {
    const random = seeded(seed())
    const ledger = createLedger()
    const server = await serve({ env })
    try {
      await makeRepositories(server, ledger)
      const target = await connect(server)
      const workload = createWorkload({ ledger, repositories, random })
      await metric(server, 'berth_event_loop_pause_max_seconds')
      const load = workload.run(target)
      const healthTimes = await watchHealth(server.url)
      await sleep(seconds({ usual: 5, soak: 60 }) * 1000)
      const times = (await healthTimes()).toSorted((a, b) => a - b)
      const pause = await metric(server, 'berth_event_loop_pause_max_seconds')
      await load.drain()
      assert.deepEqual(load.problems.slice(0, 20), [])
      const [p99, worst] = [times[Math.floor(times.length * 0.99)] ?? 0, times.at(-1) ?? 0]
      console.log(
        `${ledger.acknowledged} operations; /healthz: 99 % in ${p99.toFixed(1)} ms, worst ${worst.toFixed(1)} ms; longest pause of a loop ${Math.round(pause * 1000)} ms`,
      )
      // Far above what a sync in an event loop would need to be seen on a busy machine.
      assert.ok(p99 < 500, `${p99} ms`)

      const api = createApi(server)
      for (let count = 0; count < 12; count++) {
        const wire = createDockerWire({ url: server.url })
        await wire.expect([200], 'GET', '/healthz')
        wire.close()
      }
      const counts = await Promise.all(
        Array.from({ length: 6 }, () => metric(server, 'berth_request_duration_seconds_count')),
      )
      // The scrapes themselves count when they have been answered.
      const total = ledger.acknowledged + times.length
      assert.ok(
        counts.every((count) => count >= total),
        `${counts} counted of ${total}`,
      )
      const commits = await metric(server, 'berth_store_commits_total')
      assert.ok(commits >= ledger.acknowledged / 4, `${commits} commits`)
      api.close()

      const pids = await childrenOf(server.process.pid)
      assert.equal(pids.length, workers)
      const going = workload.run(target)
      await sleep(200)
      going.expectFailure()
      await server.stop()
      await going.ended
      assert.deepEqual(going.problems.slice(0, 20), [])
      assert.deepEqual(pids.filter(isRunning), [])
      target.close()
    } finally {
      await server.kill()
    }
  })

  it('what keeps a worker from starting is said as it is without workers', async () => {
    const server = await serve({})
    try {
      await assert.rejects(
        serve({ env, args: ['--listen', new URL(server.url).host.replace('localhost', '127.0.0.1')] }),
        /is taken by another process/,
      )
      await server.stop()
    } finally {
      await server.kill()
    }
  })
})

/** Nobody may have asked yet how it ended. */
function isRunning(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    return false
  }
}
