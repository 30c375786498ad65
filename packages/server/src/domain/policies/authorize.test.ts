// What deciding leaves in memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapBytes } from '../../../test/support/heap.ts'
import { testStore } from '../../../test/support/test-store.ts'
import type { Principal } from '../../base/principal.ts'

test('whoever takes a role with ever new session policies fills no memory, though nobody changes an identity', async (t) => {
  const { authorizer, ctx } = await testStore(t)
  const session = (n: number): NonNullable<Principal['session']> => ({
    ...{ id: `ASIA${n}`, issuedAt: 0, expiresAt: Number.MAX_SAFE_INTEGER, tags: [], transitiveTagKeys: [] },
    policies: [
      {
        id: 'session',
        document: JSON.stringify({
          Version: '2012-10-17',
          Statement: Array.from({ length: 15 }, (_, i) => ({
            ...{ Sid: `S${i}`, Effect: 'Allow', Action: `ecr:*${i}` },
            Resource: `arn:aws:ecr:*:*:repository/build-${n}/${i}/*`,
          })),
        }),
      },
    ],
  })
  // Sessions are kept for long, and what is compiled for them is not.
  const sessions = Array.from({ length: 2200 }, (_, n) => session(n))
  const decide = async (from: number, to: number) => {
    for (const each of sessions.slice(from, to)) {
      const { decision } = await authorizer.decide(
        { ...ctx, principal: { ...ctx.principal, session: each } },
        { action: 'ecr:BatchGetImage', resource: '*', accountId: ctx.registry.accountId },
      )
      assert.equal(decision.decidedBy.kind, 'session')
    }
  }
  await decide(0, 1200)
  const before = heapBytes()
  await decide(1200, 2200)
  const grown = heapBytes() - before
  assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes for 1,000 more session policies`)
})
