import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapBytes } from '../../../test/support/heap.ts'
import { testStore } from '../../../test/support/test-store.ts'
import { createSessions } from './sessions.ts'

test('whoever makes sessions with as many and as long tags as there may be fills no memory', async (t) => {
  const { metadata, clock, ids, ctx } = await testStore(t)
  const { accountId } = ctx.registry
  const sessions = createSessions({ metadata, clock, ids })
  // They pack well, so a limit on their packed size lets them through.
  const tags = (n: number) =>
    Array.from({ length: 50 }, (_, i) => ({ key: `${n}-${i}-`.padEnd(128, 'k'), value: `${n}`.padEnd(256, 'v') }))
  const create = async (from: number, to: number) => {
    const made = []
    for (let n = from; n < to; n += 1)
      made.push(
        await sessions.create({
          ...{ accountId, kind: 'role', ownerId: 'AROATEST', name: `s${n}`, durationSeconds: 3600 },
          details: { tags: tags(n) },
        }),
      )
    return made.map(({ session }) => session.id)
  }
  const [first = ''] = await create(0, 100)
  const before = heapBytes()
  await create(100, 2100)
  const grown = heapBytes() - before
  assert.ok(grown < 32 * 1024 * 1024, `${grown} bytes for 2,000 sessions`)
  assert.deepEqual((await sessions.find(first))?.session.tags, tags(0))
})
