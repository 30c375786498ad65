// Judge: a key that was disabled on one node is of no use on any other two seconds later (product: keys may be cached for two seconds at
// most), also where the notifications of PostgreSQL never arrive.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAccountId } from '@berth/api/names/registry.ts'
import { randomIds } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { parseConfig } from '../../src/config.ts'
import { createRegistry, type Registry } from '../../src/registry.ts'
import { type DeafPostgres, startDeafPostgres } from '../support/deaf-postgres.ts'
import { createDockerWire, type DockerWire } from '../support/docker-wire.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { setKeyStatus } from '../support/key-status.ts'
import { type Nodes, startNodes, whyNoNodes } from '../support/nodes.ts'
import { rounds, timeout } from './settings.ts'
import { mayPass } from './steady-target.ts'
import { createApi, isNamed, type RegistryApi } from './target.ts'

const times = rounds({ usual: 5, soak: 100 })
/** Two seconds are promised; what the test's own requests take comes on top. */
const longestMs = 2_500

describe('a key that is disabled', { skip: whyNoNodes(), timeout }, () => {
  let nodes: Nodes
  let third: Registry
  let dataDir: string
  let deaf: DeafPostgres
  let way: FaultProxy

  before(async () => {
    // The first node hears what PostgreSQL says to those that listen, the second one never does.
    nodes = await startNodes({
      async env(number, store) {
        if (number !== 1) return {}
        const onWay = new URL(store.databaseUrl ?? '')
        way = await startFaultProxy(Number(onWay.port), { host: onWay.hostname })
        onWay.hostname = '127.0.0.1'
        onWay.port = String(way.port)
        deaf = await startDeafPostgres(onWay.href)
        return { BERTH_DATABASE_URL: deaf.url }
      },
    })
    dataDir = await mkdtemp(join(tmpdir(), 'berth-third-'))
    third = await createRegistry(parseConfig({ flags: { listen: '127.0.0.1:0', dataDir }, env: nodes.store.env }), {
      log: { log: silentLog, access: silentLog, flush: () => {} },
      stop(reason) {
        throw new Error(reason)
      },
    })
  })

  after(async () => {
    await third?.close()
    await nodes?.close()
    await deaf?.close()
    await way?.close()
    if (dataDir) await rm(dataDir, { recursive: true, force: true })
  })

  it(`is out on the other nodes within two seconds, and in again, with its tokens, ${times} times`, async () => {
    const { credentials } = nodes.store
    assert.ok(credentials)
    // The one key of the first account: nobody else needs it meanwhile.
    const clients = await Promise.all(nodes.nodes.map((node) => clientOf(node.url, credentials)))
    try {
      let worstMs = 0
      for (let round = 0; round < times; round++) {
        await setKeyStatus(third, credentials.accessKeyId, 'Inactive')
        worstMs = Math.max(worstMs, ...(await Promise.all(clients.map((client) => client.untilIs('refused')))))
        // Out means out: no node falls back to what it knew.
        await sleep(300)
        for (const client of clients) assert.equal(await client.ask(), 'refused', `round ${round}`)
        await setKeyStatus(third, credentials.accessKeyId, 'Active')
        await Promise.all(clients.map((client) => client.untilIs('let in')))
      }
      assert.ok(deaf.dropped > 0, 'the second node was told nothing, though there was something to tell')
      console.log(`out on both nodes after ${Math.round(worstMs)} ms at worst; ${deaf.dropped} notifications were lost`)
      assert.ok(worstMs < longestMs, `${worstMs} ms`)
    } finally {
      for (const client of clients) client.close()
    }
  })

  it('is of no use on a node that is cut off from the database: after two seconds it lets nobody in, until it hears again', async () => {
    const { credentials } = nodes.store
    assert.ok(credentials)
    const cutOff = await clientOf(nodes.nodes[1].url, credentials)
    const other = await clientOf(nodes.nodes[0].url, credentials)
    try {
      const stalledAt = performance.now()
      way.stall()
      await setKeyStatus(third, credentials.accessKeyId, 'Inactive')
      // What a request is answered that comes two seconds later, and all that come until then may be let in.
      const states: { at: number; state: string }[] = []
      while (performance.now() - stalledAt < 8_000) {
        const at = performance.now() - stalledAt
        states.push({ at, state: await cutOff.ask() })
        await sleep(100)
      }
      assert.ok(states.some(({ at }) => at > 2_000))
      assert.deepEqual(
        states.filter(({ at, state }) => at > 2_000 && state !== 'refused'),
        [],
      )
      assert.equal(await other.ask(), 'refused')
      await setKeyStatus(third, credentials.accessKeyId, 'Active')
      assert.equal(await cutOff.ask(), 'refused')
      await way.resume()
      await cutOff.untilIs('let in')
    } finally {
      await way.resume()
      cutOff.close()
      other.close()
    }
  })

  it('of a new account is known at once on the nodes that have never heard of it', async () => {
    const accountId = parseAccountId('210987654321')
    assert.ok(accountId)
    const made = { accessKeyId: randomIds.accessKey(accountId), secretAccessKey: randomIds.secretKey() }
    await third.identities.createAccount(accountId, made)
    const begunAt = performance.now()
    for (const { url } of nodes.nodes) {
      const api = createApi({ url, region: 'us-east-1', ...made })
      for (;;) {
        try {
          await api.createRepository(`of-${new URL(url).port}`)
          break
        } catch (error) {
          assert.ok(isNamed(error, 'UnrecognizedClientException'), String(error))
          assert.ok(performance.now() - begunAt < longestMs, 'two seconds')
          await sleep(50)
        }
      }
      api.close()
    }
  })
})

interface KeyHolder {
  ask(): Promise<'let in' | 'refused'>
  /** Gives after how many milliseconds. */
  untilIs(state: 'let in' | 'refused'): Promise<number>
  close(): void
}

/** Asks with the key itself and with a docker token of it. A node that does not know lets nobody in. */
async function clientOf(url: string, key: { accessKeyId: string; secretAccessKey: string }): Promise<KeyHolder> {
  const api: RegistryApi = createApi({ url, region: 'us-east-1', ...key })
  const wire: DockerWire = createDockerWire({ url, authorization: `Basic ${await api.authorizationToken()}` })

  async function ask(): Promise<'let in' | 'refused'> {
    const [byKey, byToken] = await Promise.all([
      api.listRepositories().then(
        () => true,
        (error: unknown) => {
          // Who asks again and again with a key that is none is told to wait.
          const isRefused = ['UnrecognizedClientException', 'ThrottlingException'].some((name) => isNamed(error, name))
          if (isRefused || mayPass(error)) return false
          throw error
        },
      ),
      wire.send('GET', '/v2/').then(({ status }) => {
        assert.ok([200, 401, 403, 429, 503].includes(status), `GET /v2/ is answered ${status}`)
        return status === 200
      }),
    ])
    return byKey || byToken ? 'let in' : 'refused'
  }

  return {
    ask,
    async untilIs(state) {
      const begunAt = performance.now()
      while ((await ask()) !== state) {
        if (performance.now() - begunAt > 30_000) throw new Error(`the key is never ${state} on ${url}`)
        await sleep(20)
      }
      return performance.now() - begunAt
    },
    close() {
      api.close()
      wire.close()
    },
  }
}
