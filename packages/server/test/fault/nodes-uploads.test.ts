// Judge: one upload, many nodes. Chunks and parts of one push go to a different node each time, in sizes around what an S3 store can take as a
// part, and a node that slept through the end of an upload wakes up with bytes of it in its hands.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompleteLayerUploadCommand,
  ECRClient,
  InitiateLayerUploadCommand,
  UploadLayerPartCommand,
} from '@aws-sdk/client-ecr'
import { type DockerWire, digestOf, type Upload } from '../support/docker-wire.ts'
import { type Nodes, startNodes, whyNoNodes } from '../support/nodes.ts'
import { beginChunk } from './half-chunk.ts'
import { isSoak, timeout } from './settings.ts'
import { mayPass } from './steady-target.ts'
import { connect, type Target } from './target.ts'

const MiB = 1024 * 1024
const repository = 'apps/web'
const pauseSeconds = isSoak ? 60 : 20

describe('uploads over several nodes', { skip: whyNoNodes(), timeout }, () => {
  let nodes: Nodes
  let targets: [Target, Target]
  let throughProxy: Target

  before(async () => {
    nodes = await startNodes()
    const [first, second] = nodes.nodes
    targets = [await connect(nodes.at(first)), await connect(nodes.at(second))]
    throughProxy = await connect(nodes.at())
    await targets[0].api?.createRepository(repository)
  })

  after(async () => {
    for (const target of [...(targets ?? []), throughProxy]) target?.close()
    await nodes?.close()
  })

  const chunkings: [name: string, sizes: number[]][] = [
    ['many small ones', Array.from({ length: 60 }, (_, index) => 20_000 + 7_919 * index)],
    ['single bytes', Array.from({ length: 20 }, () => 1)],
    ['just below 5 MiB', [5 * MiB - 1, 5 * MiB - 1, 5 * MiB - 1]],
    ['5 MiB', [5 * MiB, 5 * MiB, 5 * MiB]],
    ['just above 5 MiB', [5 * MiB + 1, 5 * MiB + 1, 5 * MiB + 1]],
    ['across the border and back', [5 * MiB - 1, 1, 1, 5 * MiB - 1, 2, 5 * MiB, 3 * MiB, 3 * MiB, 17]],
    ['a large one among small ones', [100, 13 * MiB + 5, 100, 100, 11 * MiB, 1]],
  ]
  for (const [name, sizes] of chunkings) {
    it(`chunks that alternate between nodes make one blob: ${name}`, async () => {
      const content = randomBytes(sizes.reduce((sum, size) => sum + size, 0))
      const digest = digestOf(content)
      for (const start of [0, 1]) {
        // The second time the blob is there, and its upload must come to the same end.
        let turn = start
        const next = () => wireOf(turn++)
        let upload = await next().startUpload(repository)
        let offset = 0
        for (const size of sizes) {
          upload = await next().uploadChunk(upload, content.subarray(offset, offset + size), offset)
          offset += size
          assert.equal(await next().uploadOffset(upload), offset === 1 ? 0 : offset, 'end-13, on the other node')
          turn++
        }
        await next().finishUpload(upload, digest)
        await assertOnEachNode(digest, content)
      }
    })
  }

  it('a proxy without stickiness may stand in front: pushes of many clients at once', async () => {
    const contents = Array.from({ length: 8 }, (_, index) => randomBytes(6 * MiB + index))
    const before = new Map(nodes.proxy.counts)
    const digests = await Promise.all(
      contents.map((content, index) =>
        throughProxy.wire.pushBlob(repository, content, 'chunked', index % 2 ? 700_001 : 5 * MiB),
      ),
    )
    for (const { url } of nodes.nodes) {
      const had = (nodes.proxy.counts.get(url) ?? 0) - (before.get(url) ?? 0)
      assert.ok(had > 20, `${url} had ${had} of the requests`)
    }
    for (const [index, digest] of digests.entries()) await assertOnEachNode(digest, contents[index] as Buffer)
  })

  it('UploadLayerPart alternates between nodes', async () => {
    const clients = nodes.nodes.map((node) => {
      const { url, region, ...credentials } = nodes.at(node)
      return new ECRClient({ endpoint: url, region, credentials, maxAttempts: 1 })
    })
    try {
      for (const partBytes of [5 * MiB, 5 * MiB + 1, 10 * MiB]) {
        let turn = 0
        const client = () => clients[turn++ % clients.length] as ECRClient
        const content = randomBytes(2 * partBytes + 12_345)
        const { uploadId } = await client().send(new InitiateLayerUploadCommand({ repositoryName: repository }))
        for (let first = 0; first < content.length; first += partBytes) {
          const layerPartBlob = content.subarray(first, first + partBytes)
          const answer = await client().send(
            new UploadLayerPartCommand({
              repositoryName: repository,
              uploadId,
              partFirstByte: first,
              partLastByte: first + layerPartBlob.length - 1,
              layerPartBlob,
            }),
          )
          assert.equal(answer.lastByteReceived, first + layerPartBlob.length - 1)
        }
        const layerDigests = [digestOf(content)]
        const done = await client().send(
          new CompleteLayerUploadCommand({ repositoryName: repository, uploadId, layerDigests }),
        )
        assert.equal(done.layerDigest, digestOf(content))
        await assertOnEachNode(digestOf(content), content)
      }
    } finally {
      for (const client of clients) client.destroy()
    }
  })

  for (const wakesUp of ['before the end of the upload', 'after it'] as const) {
    it(`a node that sleeps ${pauseSeconds} s in the middle of a chunk, and wakes up ${wakesUp}, changes nothing`, async () => {
      const [sleeper, other] = nodes.nodes
      const content = randomBytes(14 * MiB + 77)
      const digest = digestOf(content)
      const firstBytes = 3 * MiB
      let upload = await wireOf(0).startUpload(repository)
      upload = await wireOf(0).uploadChunk(upload, content.subarray(0, firstBytes), 0)
      // Half of the next chunk arrives, then the node stops; other bytes than the ones that the client will send to the other node.
      const wrong = randomBytes(8 * MiB)
      const authorization = `Basic ${await targets[0].api?.authorizationToken()}`
      const half = await beginChunk({ url: sleeper.url, authorization, upload }, wrong, firstBytes)
      sleeper.pause()
      try {
        const resumedAt = await goOn(wireOf(1), upload, content, firstBytes)
        console.log(`the other node went on after ${resumedAt.tries} tries, ${Math.round(resumedAt.afterMs)} ms`)
        const { offset } = resumedAt
        const finish = async () => {
          await wireOf(1).uploadChunk(upload, content.subarray(offset), offset)
          await wireOf(1).finishUpload(upload, digest)
        }
        await sleep(Math.max(0, pauseSeconds * 1000 - resumedAt.afterMs))
        if (wakesUp === 'after it') await finish()
        sleeper.resume()
        const answered = await half.end()
        console.log(`the node that slept answered ${answered}`)
        assert.notEqual(answered, 202, 'bytes that were too late are not acknowledged')
        if (wakesUp === 'before the end of the upload') await finish()
      } finally {
        sleeper.resume()
      }
      await assertOnEachNode(digest, content)
      assert.ok(other.isRunning() && sleeper.isRunning())
    })
  }

  const wireOf = (turn: number): DockerWire => (targets[turn % 2] as Target).wire

  async function assertOnEachNode(digest: string, content: Buffer): Promise<void> {
    for (const [index, { wire }] of targets.entries()) {
      const stored = await wire.getBlob(repository, digest)
      assert.ok(stored, `${digest} is not on node ${index}`)
      assert.equal(digestOf(stored), digestOf(content), `the bytes from node ${index}`)
    }
  }

  /** As a client that lost its connection does: asks where the upload stands, and sends on from there, until a chunk is acknowledged. */
  async function goOn(wire: DockerWire, upload: Upload, content: Buffer, acknowledged: number) {
    const begunAt = performance.now()
    for (let tries = 1; ; tries++) {
      try {
        const offset = await wire.uploadOffset(upload)
        assert.equal(offset, acknowledged, 'what was acknowledged is there, and nothing else')
        await wire.uploadChunk(upload, content.subarray(offset, offset + 1000), offset)
        return { offset: offset + 1000, tries, afterMs: performance.now() - begunAt }
      } catch (error) {
        if (!mayPass(error) || performance.now() - begunAt > 120_000) throw error
        await sleep(500)
      }
    }
  }
})
