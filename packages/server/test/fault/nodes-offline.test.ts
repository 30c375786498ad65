// Judge: accounts are made and closed, and the master key is rotated, on PostgreSQL beside nodes that serve. They notice by the generation of the
// identities, within two seconds, and no request fails meanwhile.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { ecrClient } from '../clients/aws/sdk.ts'
import { berthCommand, type ServedRegistry, serve, withoutBerthSettings } from '../support/serve.ts'
import { createStore, type StoreUnderTest, whyNoStore } from '../support/stores.ts'
import { timeout } from './settings.ts'

const execute = promisify(execFile)
/** Two seconds are promised; what the test's own requests take comes on top. */
const longestMs = 2_500
const theirs = '210987654321'

describe('commands beside serving nodes', { skip: whyNoStore('postgres') ?? false, timeout }, () => {
  let folder: string
  let store: StoreUnderTest
  let server: ServedRegistry

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-offline-'))
    store = await createStore('postgres')
    server = await serve({ store, dataDir: join(folder, 'node') })
  })

  after(async () => {
    await server?.kill()
    await store?.dispose()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  /** On another machine: with a data directory of its own, and what all nodes are given. */
  async function berth(args: readonly string[], more: Record<string, string> = {}): Promise<string> {
    const env = { ...withoutBerthSettings(process.env), ...store.env, ...more }
    const command = [berthCommand, ...args, '--data-dir', join(folder, 'elsewhere')]
    return (await execute(process.execPath, command, { env })).stdout
  }

  const refused = (args: readonly string[], says: RegExp, more: Record<string, string> = {}) =>
    assert.rejects(berth(args, more), (error: Error & { code?: number; stderr?: string }) => {
      assert.equal(error.code, 1)
      assert.match(error.stderr ?? '', says)
      return true
    })

  async function isLetIn(key: { accessKeyId: string; secretAccessKey: string }): Promise<boolean> {
    const { url, region } = server
    const client = ecrClient({ url, region, ...key })
    try {
      await client.send(new GetAuthorizationTokenCommand({}))
      return true
    } catch (error) {
      assert.ok(error instanceof Error && error.name === 'UnrecognizedClientException', String(error))
      return false
    } finally {
      client.destroy()
    }
  }

  async function becomes(isIn: boolean, key: { accessKeyId: string; secretAccessKey: string }): Promise<void> {
    const startedAt = performance.now()
    while ((await isLetIn(key)) !== isIn) {
      assert.ok(performance.now() - startedAt < longestMs, `not ${isIn ? 'in' : 'out'} after two seconds`)
      await sleep(20)
    }
  }

  it('an account that is made, closed and opened is known to a serving node within two seconds', async () => {
    const said = await berth(['account', 'create', '--account-id', theirs])
    const [, accessKeyId = '', secretAccessKey = ''] = /key id +(\S+)\n +secret access key +(\S+)/.exec(said) ?? []
    const key = { accessKeyId, secretAccessKey }
    await becomes(true, key)
    await berth(['account', 'close', theirs, '--yes'])
    await becomes(false, key)
    await berth(['account', 'open', theirs])
    await becomes(true, key)
    const root = await berth(['root', 'create-key', '--account', theirs])
    const [, id = '', secret = ''] = /key id +(\S+)\n +secret access key +(\S+)/.exec(root) ?? []
    await becomes(true, { accessKeyId: id, secretAccessKey: secret })
    await berth(['root', 'delete-key', '--account', theirs])
    await becomes(false, { accessKeyId: id, secretAccessKey: secret })
  })

  it('the master key is rotated once all nodes have the new entry, and not before', async () => {
    const key = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey }
    const old = store.env.BERTH_MASTER_KEY ?? ''
    const newest = randomBytes(32).toString('base64')
    const rotated = { BERTH_MASTER_KEY: `2027:${newest} default:${old}` }

    await refused(['keys', 'rotate'], /has one entry, "default"/)
    await refused(['keys', 'rotate'], /Give all nodes the ring with that entry first .*--nodes-have-it/, rotated)
    assert.ok(await isLetIn(key))

    // All nodes know it, but none seals with it yet; then it comes first.
    for (const ring of [`default:${old} 2027:${newest}`, rotated.BERTH_MASTER_KEY]) {
      await server.stop()
      server = await serve({ store, dataDir: server.dataDir, env: { BERTH_MASTER_KEY: ring } })
      assert.ok(await isLetIn(key))
    }
    const said = await berth(['keys', 'rotate', '--nodes-have-it'], rotated)
    assert.match(said, /^The entry 2027 has sealed everything in the store; 2 secrets were sealed anew\.$/m)
    assert.match(said, /^The entry default may be removed from BERTH_MASTER_KEY after 20\S+Z/m)
    assert.ok(await isLetIn(key))
    await server.stop()
    await assert.rejects(serve({ store, dataDir: server.dataDir }), /not the one that this store was sealed with/)
    server = await serve({ store, dataDir: server.dataDir, env: { BERTH_MASTER_KEY: `2027:${newest}` } })
    assert.ok(await isLetIn(key))
  })
})
