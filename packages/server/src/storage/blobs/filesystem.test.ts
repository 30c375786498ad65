import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  blobStoreSuite,
  bytesOf,
  contentOf,
  keysOf,
  promoted,
  stage,
  strayUploads,
  uploadOf,
} from '../../../test/suites/blob-store.suite.ts'
import type { BlobStore } from './blob-store.ts'
import { type FilesystemOptions, openFilesystem } from './filesystem.ts'

const day = '20261114'
const clock = { now: () => Date.UTC(2026, 10, 14, 12) }

interface Opened {
  store: BlobStore
  dataDir: string
  failures: unknown[]
  reopen(): Promise<BlobStore>
}

async function opened(t: TestContext, options: Partial<FilesystemOptions> = {}): Promise<Opened> {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-files-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const failures: unknown[] = []
  const reopen = () =>
    openFilesystem({
      dataDir,
      durability: 'full',
      clock,
      concurrentSyncs: 2,
      onFailedSync: (error) => failures.push(error),
      ...options,
    })
  return { store: await reopen(), dataDir, failures, reopen }
}

for (const durability of ['full', 'relaxed'] as const) {
  blobStoreSuite({ name: `files (${durability})`, open: (t) => opened(t, { durability }) })
}

type FileMethods = {
  datasync(): Promise<void>
  sync(): Promise<void>
  writev(buffers: Uint8Array[], position: number): Promise<{ bytesWritten: number }>
}

/** The methods of all open files, to be replaced for a while. */
async function fileMethods(): Promise<FileMethods> {
  const handle = await open('/dev/null', 'r')
  await handle.close()
  return Object.getPrototypeOf(handle) as FileMethods
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

async function staged(store: BlobStore, bytes: Uint8Array) {
  const uploadId = randomUUID()
  const staging = await store.openStaging(uploadOf(uploadId))
  await staging.append([bytes])
  return { uploadId, staging }
}

describe('how a blob becomes durable (durability, rule 5)', () => {
  test('bytes, rename, then the syncs of the file and of its folder at once', async (t) => {
    const { store, dataDir } = await opened(t)
    const { uploadId, staging } = await staged(store, bytesOf(1000))
    const target = join(dataDir, 'blobs', day, uploadId)
    const source = join(dataDir, 'uploads', uploadId)
    const steps: string[] = []
    const methods = await fileMethods()
    const { datasync, sync } = methods
    t.mock.method(methods, 'datasync', function (this: unknown) {
      steps.push(`file: ${existsSync(source) ? 'staged' : 'renamed'}`)
      return datasync.call(this)
    })
    t.mock.method(methods, 'sync', function (this: unknown) {
      steps.push(`folder: ${existsSync(target) ? 'there' : 'not yet'}`)
      return sync.call(this)
    })
    assert.equal(await staging.promote(), `${day}/${uploadId}`)
    // The new folder of the day becomes durable in `blobs` first.
    assert.deepEqual(steps[0], 'folder: not yet')
    assert.deepEqual(steps.slice(1).toSorted(), ['file: renamed', 'folder: there'])
    steps.length = 0
    await promoted(store, bytesOf(10))
    assert.deepEqual(steps.map((step) => step.split(':')[0]).toSorted(), ['file', 'folder'])
  })

  test('many promotions share the syncs of their folder, and file syncs leave threads for others', async (t) => {
    const { store } = await opened(t)
    await promoted(store, bytesOf(1))
    const methods = await fileMethods()
    const { datasync } = methods
    let running = 0
    let most = 0
    t.mock.method(methods, 'datasync', async function (this: unknown) {
      running += 1
      most = Math.max(most, running)
      await datasync.call(this)
      running -= 1
    })
    const before = store.statistics()
    await Promise.all(Array.from({ length: 40 }, () => promoted(store, bytesOf(100))))
    const after = store.statistics()
    assert.equal(after.fileSyncs - before.fileSyncs, 40)
    assert.ok(after.folderSyncs - before.folderSyncs < 40, `${after.folderSyncs - before.folderSyncs} folder syncs`)
    assert.equal(most, 2)
  })

  test('relaxed makes no sync at all', async (t) => {
    const methods = await fileMethods()
    const calls = [t.mock.method(methods, 'datasync'), t.mock.method(methods, 'sync')]
    const { store } = await opened(t, { durability: 'relaxed' })
    await promoted(store, bytesOf(1000))
    assert.deepEqual(
      calls.map((call) => call.mock.callCount()),
      [0, 0],
    )
    assert.deepEqual(store.statistics(), { fileSyncs: 0, folderSyncs: 0 })
  })

  test('each day has a folder of its own, the day when the upload began', async (t) => {
    const { store } = await opened(t)
    const began = Date.UTC(2026, 11, 31, 23, 59, 59, 999)
    const keys: string[] = []
    for (const createdAt of [began, began + 1]) {
      const staging = await store.openStaging(uploadOf(randomUUID(), { createdAt }))
      await staging.append([bytesOf(1)])
      keys.push(await staging.promote())
    }
    assert.deepEqual(
      keys.map((key) => key.split('/')[0]),
      ['20261231', '20270101'],
    )
    assert.equal((await contentOf(store, keys[0] ?? '', 1)).length, 1)
  })
})

describe('a disk that fails', () => {
  test('a file sync that fails stops the process', async (t) => {
    const { store, failures } = await opened(t)
    const { staging } = await staged(store, bytesOf(1000))
    const failure = systemError('EIO')
    t.mock.method(await fileMethods(), 'datasync', () => Promise.reject(failure))
    await assert.rejects(staging.promote(), failure)
    await staging.close()
    assert.deepEqual(failures, [failure])
  })

  test('a folder sync that fails stops the process, and no later promotion is acknowledged', async (t) => {
    const { store, failures } = await opened(t)
    await promoted(store, bytesOf(1))
    const failure = systemError('EIO')
    const mock = t.mock.method(await fileMethods(), 'sync', () => Promise.reject(failure))
    await assert.rejects(promoted(store, bytesOf(2)), failure)
    mock.mock.restore()
    await assert.rejects(promoted(store, bytesOf(3)), failure)
    assert.deepEqual(failures, [failure])
  })

  test('a sync on the way that failed is remembered at the end, though a later one succeeds', async (t) => {
    const { store, failures } = await opened(t)
    const methods = await fileMethods()
    const failure = systemError('EIO')
    const mock = t.mock.method(methods, 'datasync', () => Promise.reject(failure))
    const { staging } = await staged(store, Buffer.alloc(64 * 1024 * 1024))
    while (mock.mock.callCount() === 0) await nextTurn()
    await nextTurn()
    mock.mock.restore()
    await assert.rejects(staging.promote(), failure)
    await staging.close()
    assert.deepEqual(failures, [failure])
  })

  test('no room: StoreFull when bytes are appended or synced, and the process goes on', async (t) => {
    const { store, dataDir, failures } = await opened(t)
    const methods = await fileMethods()
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const { staging } = await staged(store, bytesOf(1000))
      const full = t.mock.method(methods, 'writev', () => Promise.reject(systemError(code)))
      await assert.rejects(staging.append([bytesOf(10)]), { fault: { code: 'StoreFull' } })
      assert.equal(staging.size, 1000)
      full.mock.restore()
      await staging.append([bytesOf(10)])
      const unsynced = t.mock.method(methods, 'datasync', () => Promise.reject(systemError(code)))
      await assert.rejects(staging.promote(), { fault: { code: 'StoreFull' } })
      unsynced.mock.restore()
      assert.deepEqual(await readdir(join(dataDir, 'blobs', day)).catch(() => []), [], 'the bytes are staged again')
      await staging.close()
    }
    assert.deepEqual(failures, [])
    await promoted(store, bytesOf(5))
  })

  test('a write that the system cuts short goes on where it was cut', async (t) => {
    const { store } = await opened(t)
    const methods = await fileMethods()
    const { writev } = methods
    t.mock.method(methods, 'writev', function (this: unknown, buffers: Uint8Array[], position: number) {
      return writev.call(this, [Buffer.from(buffers[0] ?? []).subarray(0, 7)], position)
    })
    const bytes = bytesOf(100)
    const staging = await store.openStaging(uploadOf(randomUUID()))
    await staging.append([bytes.subarray(0, 3), bytes.subarray(3, 50), bytes.subarray(50)])
    assert.equal(staging.size, 100)
    const key = await staging.promote()
    assert.ok((await contentOf(store, key, 100)).equals(bytes))
  })

  test('a probe says what is wrong', async (t) => {
    const { store, dataDir } = await opened(t)
    await rm(dataDir, { recursive: true })
    await assert.rejects(store.probe(), { code: 'ENOENT' })
  })
})

test('what others put beside the files is left alone: a folder may be a file system of its own', async (t) => {
  const { store, dataDir, reopen } = await opened(t)
  for (const folder of ['blobs', 'uploads']) {
    await mkdir(join(dataDir, folder, 'lost+found'))
    await writeFile(join(dataDir, folder, 'lost+found', '#1234'), 'found')
  }
  await writeFile(join(dataDir, 'blobs', '.hidden'), 'hidden')
  const key = await promoted(store, bytesOf(10))
  assert.deepEqual(await keysOf(await reopen()), [key])
  assert.deepEqual(await strayUploads(store), [])
})

test('nothing stays open', { skip: process.platform === 'linux' ? false : 'needs /proc' }, async (t) => {
  const { store, dataDir } = await opened(t)
  const key = await promoted(store, bytesOf(100))
  await contentOf(store, key, 100)
  await stage(store, randomUUID(), bytesOf(10))
  for await (const _ of store.strays(0)) break
  for await (const _ of store.storageKeys()) break
  await store.probe()
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  assert.deepEqual(
    targets.filter((target) => target.startsWith(dataDir)),
    [],
  )
})
