// Judge: nodes that die and nodes that are replaced, under load, with clients that go on at another node.
//
//   BERTH_TEST_ROUNDS  how many kills (4; with BERTH_TEST_SOAK 60)

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Nodes, type RegistryNode, startNodes, whyNoNodes } from '../support/nodes.ts'
import { inspect, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { rounds, seed, timeout } from './settings.ts'
import { isOfConnection, steadyTarget } from './steady-target.ts'
import { connect, type Target } from './target.ts'
import { createWorkload, everySize, name, seeded, there } from './workload.ts'

const kills = rounds({ usual: 4, soak: 60 })
const rolls = rounds({ usual: 1, soak: 10 })
const repositories = ['apps/web', 'apps/api', 'base']

describe('nodes that go and come under load', { skip: whyNoNodes(), timeout }, () => {
  it(`SIGKILL of a node loses nothing that was acknowledged, ${kills} times`, async () => {
    await underLoad(async ({ nodes, random }) => {
      for (let kill = 0; kill < kills; kill++) {
        const node = nodes.nodes[kill % 2] as RegistryNode
        await sleep(300 + random() * 1200)
        await node.kill()
        await sleep(200 + random() * 800)
        await node.start()
      }
    })
  })

  it('a rolling restart: no request fails but by the connection to the node that stops', async () => {
    const failures: string[] = []
    let stopping: number | undefined
    await underLoad(
      async ({ nodes }) => {
        for (let roll = 0; roll < rolls; roll++) {
          for (const [number, node] of nodes.nodes.entries()) {
            await sleep(700)
            stopping = number
            await node.stop()
            await node.start()
            // What was sent to it before the first connection of its next life may be told only now.
            await sleep(500)
            stopping = undefined
          }
        }
      },
      (number, error) => {
        if (number !== stopping || !isOfConnection(error)) failures.push(`node ${number}: ${error}`)
      },
    )
    assert.deepEqual(failures.slice(0, 20), [], `${failures.length} requests failed`)
  })

  interface Scene {
    nodes: Nodes
    random(): number
  }

  /** Runs the workload on both nodes while something happens to them; then both must show all that was acknowledged, and nothing broken. */
  async function underLoad(
    happen: (scene: Scene) => Promise<void>,
    onFailure?: (node: number, error: unknown) => void,
  ): Promise<void> {
    const random = seeded(seed())
    const ledger = createLedger()
    const workload = createWorkload({ ledger, repositories, random, layerSizes: [...everySize, 6 * 1024 * 1024] })
    const nodes = await startNodes()
    const targets: Target[] = []
    try {
      for (const node of nodes.nodes) targets.push(await connect(nodes.at(node), { timeout: 30_000 }))
      let repeated = 0
      const target = steadyTarget(targets, {
        onFailure(number, error) {
          repeated++
          onFailure?.(number, error)
        },
      })
      for (const repository of repositories) {
        await target.api.createRepository(repository)
        ledger.begin([[name.repository(repository), there]]).acknowledge()
      }
      const load = workload.run(target)
      await happen({ nodes, random })
      await sleep(500)
      await load.drain()
      console.log(`${ledger.acknowledged} operations acknowledged, ${repeated} requests repeated`)
      assert.deepEqual(load.problems.slice(0, 20), [], `${load.problems.length} problems`)
      for (const [number, each] of targets.entries()) {
        const findings = await inspect({ target: each, expectation: ledger.expectation() })
        console.log(`node ${number}: ${summary(findings)}`)
        assert.deepEqual(findings.lost.slice(0, 20), [], `node ${number}: ${findings.lost.length} facts are lost`)
        assert.deepEqual(
          findings.broken.slice(0, 20),
          [],
          `node ${number}: ${findings.broken.length} things are broken`,
        )
      }
      assert.ok(ledger.acknowledged > 50, 'there was load')
    } finally {
      for (const each of targets) each.close()
      await nodes.close()
    }
  }
})
