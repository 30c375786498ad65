// Judge: what one node has acknowledged, every other one shows at once, and what was deleted never again (product: read-after-write holds
// everywhere). Each round writes on one node and reads on the other, with nothing in between.
//
//   BERTH_TEST_ROUNDS   how often (1000)
//   BERTH_TEST_SECONDS  how long the writers go on (5; with BERTH_TEST_SOAK 60)

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BatchGetImageCommand, ECRClient } from '@aws-sdk/client-ecr'
import { digestOf } from '../support/docker-wire.ts'
import { type Nodes, startNodes, whyNoNodes } from '../support/nodes.ts'
import { inParallel } from './inspection.ts'
import { rounds, seconds, timeout } from './settings.ts'
import { connect, type Target } from './target.ts'
import { type Base, imageOf, ociManifest, pushBase } from './tiny-image.ts'

const repository = 'apps/web'
const times = rounds({ usual: 1000, soak: 5000 })

describe('reading after writing, over several nodes', { skip: whyNoNodes(), timeout }, () => {
  let nodes: Nodes
  let targets: [Target, Target]
  let clients: [ECRClient, ECRClient]
  let base: Base

  before(async () => {
    nodes = await startNodes()
    const [first, second] = nodes.nodes
    targets = [await connect(nodes.at(first)), await connect(nodes.at(second))]
    clients = [sdk(first.url), sdk(second.url)]
    await targets[0].api?.createRepository(repository)
    base = await pushBase(targets[0], repository)
  })

  after(async () => {
    for (const each of targets ?? []) each.close()
    for (const each of clients ?? []) each.destroy()
    await nodes?.close()
  })

  const sdk = (endpoint: string) => {
    const { region, accessKeyId, secretAccessKey } = nodes.at()
    return new ECRClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 })
  }

  /** Writer and reader change places each round; four pairs at a time, each with tags of its own. */
  async function eachRound(act: (round: number, writer: 0 | 1, reader: 0 | 1) => Promise<void>): Promise<void> {
    await inParallel(
      Array.from({ length: times }, (_, round) => round),
      (round) => (round % 2 ? act(round, 1, 0) : act(round, 0, 1)),
      4,
    )
  }

  it(`a tag that one node moved is never old on the other, ${times} times`, async () => {
    const moved = new Map<string, Promise<void>>()
    await eachRound(async (round, writer, reader) => {
      const tag = `moving-${round % 8}`
      // The rounds of one tag come one after the other.
      const turn = (moved.get(tag) ?? Promise.resolve()).then(async () => {
        const manifest = imageOf(base, `round ${round}`)
        await targets[writer].wire.putManifest(repository, tag, manifest, ociManifest)
        const pulled = await targets[reader].wire.getManifest(repository, tag)
        assert.equal(pulled && digestOf(pulled), digestOf(manifest), `round ${round}: docker pull`)
        const { images } = await clients[reader].send(
          new BatchGetImageCommand({ repositoryName: repository, imageIds: [{ imageTag: tag }] }),
        )
        assert.equal(images?.[0]?.imageId?.imageDigest, digestOf(manifest), `round ${round}: BatchGetImage`)
        assert.equal(images?.[0]?.imageManifest, manifest.toString(), `round ${round}: BatchGetImage`)
      })
      moved.set(tag, turn)
      await turn
    })
  })

  it(`what one node deleted is never there on the other, ${times} times`, async () => {
    await eachRound(async (round, writer, reader) => {
      const tag = `deleted-${round}`
      const manifest = imageOf(base, tag)
      await targets[writer].wire.putManifest(repository, tag, manifest, ociManifest)
      assert.ok(await targets[reader].wire.getManifest(repository, tag), `round ${round}: it was there`)
      if (round % 4 < 2) await targets[writer].wire.deleteManifest(repository, digestOf(manifest))
      else await targets[writer].api?.deleteImage(repository, { imageTag: tag })
      assert.equal(await targets[reader].wire.getManifest(repository, tag), undefined, `round ${round}: by tag`)
      const byDigest = await targets[reader].wire.getManifest(repository, digestOf(manifest))
      assert.equal(byDigest, undefined, `round ${round}: by digest`)
      const { failures } = await clients[reader].send(
        new BatchGetImageCommand({ repositoryName: repository, imageIds: [{ imageTag: tag }] }),
      )
      assert.equal(failures?.[0]?.failureCode, 'ImageNotFound', `round ${round}: BatchGetImage`)
    })
  })

  it('a blob and a repository that one node made are on the other, and gone when they are gone', async () => {
    await eachRound(async (round, writer, reader) => {
      if (round % 10 !== 0) return
      const name = `made/${round}`
      await targets[writer].api?.createRepository(name)
      const content = Buffer.from(`blob of round ${round}`)
      const digest = await targets[reader].wire.pushBlob(name, content, 'monolithic')
      assert.ok(await targets[writer].wire.hasBlob(name, digest), `round ${round}`)
      await targets[writer].api?.deleteRepository(name)
      assert.equal(await targets[reader].wire.hasBlob(name, digest), false, `round ${round}`)
      assert.equal(await targets[reader].wire.listTags(name), undefined, `round ${round}`)
    })
  })

  it('16 writers move tags on both nodes; every tag is what was acknowledged last', async () => {
    interface Move {
      digest: string
      begunAt: number
      endedAt: number
    }
    const last = new Map<string, string>()
    const shared: Move[] = []
    const endAt = performance.now() + seconds({ usual: 5, soak: 60 }) * 1000
    let count = 0
    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        for (let move = 0; performance.now() < endAt; move++) {
          const manifest = imageOf(base, `writer ${writer}, move ${move}`)
          const digest = digestOf(manifest)
          // Tags of the writer's own, each on both nodes in turn; every tenth time the one tag that all of them move.
          const tag = move % 10 === 9 ? 'everybody' : `writer-${writer}-${move % 3}`
          const { wire } = targets[(move + writer) % 2] as Target
          const begunAt = performance.now()
          await wire.putManifest(repository, tag, manifest, ociManifest)
          count++
          if (tag === 'everybody') shared.push({ digest, begunAt, endedAt: performance.now() })
          else last.set(tag, digest)
        }
      }),
    )
    console.log(`16 writers moved tags ${count} times`)
    for (const { wire } of targets) {
      await inParallel(last, async ([tag, digest]) => {
        const manifest = await wire.getManifest(repository, tag)
        assert.equal(manifest && digestOf(manifest), digest, tag)
      })
    }
    // Nobody knows which of the moves at the same time was the last; but none that had ended before another began.
    const latestBegin = Math.max(...shared.map(({ begunAt }) => begunAt))
    const candidates = shared.filter(({ endedAt }) => endedAt >= latestBegin).map(({ digest }) => digest)
    const found = await Promise.all(targets.map(({ wire }) => wire.getManifest(repository, 'everybody')))
    const digests = found.map((manifest) => manifest && digestOf(manifest))
    assert.equal(digests[0], digests[1], 'both nodes say the same')
    assert.ok(digests[0] && candidates.includes(digests[0]), `${digests[0]} is none of ${candidates}`)
  })
})
