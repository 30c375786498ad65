// What every metadata store does, by SQLite: in the process that owns the file, and in workers beside it (docs/design/workers.md).

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { describeMetadataStore } from '../../../test/suites/metadata-store.suite.ts'
import { silentLog } from '../../base/log.ts'
import { openSqlite, openSqliteWorker } from './sqlite.ts'
import type { StoreChannel } from './turn-service.ts'

async function owned(t: TestContext, isShared: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'berth-suite-'))
  const path = join(folder, 'berth.db')
  const open = () =>
    openSqlite({
      path,
      durability: 'full',
      log: silentLog,
      onFailedSync: (error) => assert.fail(`a sync failed: ${error}`),
      isShared,
    })
  const closing: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })]
  t.after(async () => {
    for (const close of closing.reverse()) await close()
  })
  return { path, open, closing }
}

describeMetadataStore({
  name: 'SQLite',
  hasOtherStarts: false,
  async open(t) {
    const { open, closing } = await owned(t, false)
    const store = await open()
    let isOpen = true
    closing.push(async () => {
      if (isOpen) await store.close()
    })
    return {
      store,
      other: store,
      async reopen() {
        isOpen = false
        const again = await open()
        closing.push(() => again.close())
        return again
      },
    }
  },
})

/** Two ends of a pipe between processes: values of JSON, later, in order. */
function createPipe(): [owner: StoreChannel, worker: StoreChannel] {
  const receivers: ((message: unknown) => void)[] = [() => {}, () => {}]
  const end = (own: number, peer: number): StoreChannel => ({
    post(message) {
      const text = JSON.stringify(message)
      setImmediate(() => receivers[peer]?.(JSON.parse(text)))
    },
    onMessage(receive) {
      receivers[own] = receive
    },
    end: (reason) => assert.fail(reason),
  })
  return [end(0, 1), end(1, 0)]
}

describeMetadataStore({
  name: 'SQLite with workers',
  hasOtherStarts: false,
  async open(t) {
    const { path, open, closing } = await owned(t, true)
    const owner = await open()
    closing.push(() => owner.close())
    const join = () => {
      const [atOwner, atWorker] = createPipe()
      const leave = owner.join(atOwner)
      const store = openSqliteWorker({ path, durability: 'full' }, atWorker)
      let isOpen = true
      const close = async () => {
        if (isOpen) await store.close()
        isOpen = false
        leave()
      }
      closing.push(close)
      return Object.assign(store, { isOver: () => (isOpen = false) })
    }
    const [store, other] = [join(), join()]
    return {
      store,
      other,
      async reopen() {
        store.isOver()
        return join()
      },
    }
  },
})
