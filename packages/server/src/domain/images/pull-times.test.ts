import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import { type TestStore, testStore } from '../../../test/support/test-store.ts'
import { createPullTimes, type PullTimes } from './pull-times.ts'

const digestOf = (n: number) => parseDigest(`sha256:${n.toString(16).padStart(64, '0')}`) as Digest

async function opened(
  t: TestContext,
  images: number,
): Promise<TestStore & { pullTimes: PullTimes; recorded(): Promise<unknown[]> }> {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const store = await testStore(t)
  const id = await store.createRepository('app')
  await store.metadata.write(async (tx) => {
    for (let n = 0; n < images; n++) {
      await tx.db
        .insertInto('images')
        .values({
          repository_id: id,
          digest: digestOf(n),
          media_type: 'application/vnd.oci.image.index.v1+json',
          artifact_media_type: null,
          artifact_type: null,
          subject_digest: null,
          annotations: null,
          manifest_size: 1,
          image_size: 0,
          pushed_at: 0,
          pulled_at: null,
          tag_count: 0,
          manifest: Buffer.from('x'),
        })
        .execute()
    }
  })
  return {
    ...store,
    pullTimes: createPullTimes(store),
    recorded: async () =>
      (await store.rows('SELECT pulled_at FROM images ORDER BY digest')).map((row) => row.pulled_at),
  }
}

describe('pull times (ECR lastRecordedPullTime)', () => {
  test('a pull writes nothing; five seconds later the last time of each image is there', async (t) => {
    const { pullTimes, recorded, clock, metadata } = await opened(t, 2)
    const { commits } = metadata.statistics()
    pullTimes.note(1, digestOf(0))
    clock.advance(1000)
    pullTimes.note(1, digestOf(0))
    const last = clock.now()
    clock.advance(1000)
    assert.deepEqual([await recorded(), metadata.statistics().commits], [[null, null], commits])
    t.mock.timers.tick(4999)
    await nextTurn()
    assert.deepEqual(await recorded(), [null, null])
    t.mock.timers.tick(1)
    while ((await recorded())[0] === null) await nextTurn()
    assert.deepEqual(await recorded(), [last, null])
    await pullTimes.close()
  })

  test('many images are written in few transactions', async (t) => {
    const { pullTimes, recorded, clock, metadata } = await opened(t, 450)
    for (let n = 0; n < 450; n++) pullTimes.note(1, digestOf(n))
    const { commits } = metadata.statistics()
    await pullTimes.flush()
    assert.equal(metadata.statistics().commits - commits, 3)
    assert.ok((await recorded()).every((at) => at === clock.now()))
    await pullTimes.close()
  })

  test('without a pull nothing is written; an image that is gone is no error', async (t) => {
    const { pullTimes, metadata } = await opened(t, 1)
    const { commits } = metadata.statistics()
    t.mock.timers.tick(60_000)
    await pullTimes.flush()
    assert.equal(metadata.statistics().commits, commits)
    pullTimes.note(1, digestOf(99))
    pullTimes.note(77, digestOf(0))
    await pullTimes.flush()
    await pullTimes.close()
  })

  test('the end writes what was noted, and is the last', async (t) => {
    const { pullTimes, recorded, clock } = await opened(t, 1)
    pullTimes.note(1, digestOf(0))
    await pullTimes.close()
    assert.deepEqual(await recorded(), [clock.now()])
    pullTimes.note(1, digestOf(0))
    t.mock.timers.tick(60_000)
    await nextTurn()
    assert.deepEqual(await recorded(), [clock.now()])
  })

  test('a write that fails is told to the log and to nobody else, at the end of the process too', async (t) => {
    const { metadata, clock, log } = await opened(t, 1)
    const warnings: unknown[] = []
    const pullTimes = createPullTimes({
      clock,
      log: { ...log, warn: (detail: unknown) => warnings.push(detail) } as typeof log,
      metadata: { ...metadata, writeSoon: () => Promise.reject(new Error('no room')) },
    })
    pullTimes.note(1, digestOf(0))
    t.mock.timers.tick(5000)
    while (warnings.length === 0) await nextTurn()
    pullTimes.note(1, digestOf(0))
    await pullTimes.close()
    assert.equal(warnings.length, 2)
  })
})
