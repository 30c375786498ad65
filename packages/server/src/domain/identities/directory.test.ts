import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KyselyPlugin } from 'kysely'
import { testStore } from '../../../test/support/test-store.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { generationsTable } from '../../storage/metadata/tables/generations.ts'
import { administratorAccess } from '../policies/managed-policies.ts'
import { createDirectory } from './directory.ts'

for (const [times, what] of [
  [1, 'once'],
  [100, 'again and again'],
] as const) {
  test(`a permission is never seen without the boundary that was set before it: changes while all is read, ${what}`, async (t) => {
    const { metadata, ctx } = await testStore(t)
    const [accountId, userId] = [ctx.registry.accountId, 'AIDABOUNDED']
    type Change = Parameters<typeof metadata.write<void>>[0]
    const change = (of: Change) =>
      metadata.write(async (tx) => {
        await of(tx)
        await generationsTable.move(tx, 'identities')
      })
    await change(async (tx) => {
      const name = { account_id: accountId, kind: 'user' as const, name: 'bounded', path: '/' }
      await entitiesTable.insert(tx, { ...name, entity_id: userId, created_at: 0 })
    })
    let [left, reads] = [times as number, 0]
    /** Somebody sets a boundary and then gives a permission, just when users have been read and attachments have not. */
    const between = async () => {
      if (left-- <= 0) return
      await change((tx) => entitiesTable.update(tx, userId, { boundary_arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }))
      await change((tx) => entitiesTable.attach(tx, userId, administratorAccess, 0))
    }
    const snapshot = await createDirectory({ metadata: interrupted(metadata, between, () => reads++) }).current('now')
    const { identity, boundary } = snapshot.permissions(userId)
    assert.deepEqual([identity.policies.length, boundary?.policies.length], [1, 1])
    assert.ok(reads < 10, `${reads} readings`)
  })
}

/** The store, with something that happens between the reading of users and that of all else. */
function interrupted(metadata: MetadataStore, between: () => Promise<void>, onRead: () => void): MetadataStore {
  const ofEntities = new WeakSet<object>()
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      const isOfEntities = node.kind === 'SelectQueryNode' && JSON.stringify(node.from).includes('"entities"')
      if (isOfEntities) ofEntities.add(queryId)
      return node
    },
    async transformResult({ result, queryId }) {
      if (ofEntities.has(queryId)) {
        onRead()
        await between()
      }
      return result
    },
  }
  return Object.assign(Object.create(metadata) as MetadataStore, {
    read: ((queries, restsOn) =>
      metadata.read((db) => queries(db.withPlugin(plugin)), restsOn)) as MetadataStore['read'],
    generation: metadata.generation.bind(metadata),
    writeSoon: metadata.writeSoon.bind(metadata),
  })
}
