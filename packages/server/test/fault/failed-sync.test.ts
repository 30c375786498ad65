// Judge: a sync that fails (strace answers it EIO) is never retried and never acknowledged: the process says why and stops, since the
// kernel may have dropped the pages, and would say of the next sync that all is well (docs/design/store.md).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../support/docker-wire.ts'
import { inspect } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { type ServedRegistry, serve } from './served.ts'
import { timeout } from './settings.ts'
import { straceAttached, whyNoStrace } from './strace.ts'
import { connect, type Target } from './target.ts'
import { name, there } from './workload.ts'

const skip = whyNoStrace()
const repository = 'app'
/** Large enough to be a file. */
const fileBytes = 150_001

interface Case {
  title: string
  /** What fails; the path is found from outside, by what was pushed. */
  inject: string
  path(dataDir: string, target: Target): Promise<string | undefined>
  /** Sends what needs that sync; must not be told that it was done. */
  push(target: Target): Promise<unknown>
}

const cases: Case[] = [
  {
    title: 'of the WAL',
    inject: 'fdatasync,fsync:error=EIO',
    path: (dataDir) => find(dataDir, (path) => path.endsWith('-wal')),
    push: ({ wire }) => wire.pushBlob(repository, randomBytes(1000), 'single-post'),
  },
  {
    title: 'of a folder of blobs',
    inject: 'fsync:error=EIO',
    async path(dataDir, { wire }) {
      await wire.pushBlob(repository, randomBytes(fileBytes), 'monolithic')
      const stored = await find(dataDir, (_, size) => size === fileBytes)
      return stored && dirname(stored)
    },
    push: ({ wire }) => wire.pushBlob(repository, randomBytes(fileBytes + 1), 'single-post'),
  },
  {
    title: "of a blob's file",
    inject: 'fdatasync:error=EIO',
    path: async () => undefined,
    push: ({ wire }) => wire.pushBlob(repository, randomBytes(fileBytes + 1), 'single-post'),
  },
]

for (const { title, inject, path, push } of cases) {
  test(`a failed sync ${title} is not acknowledged, and the process stops with the reason (docs/design/store.md)`, {
    skip,
    timeout,
  }, async () => {
    await withServer(async (server, target) => {
      await using _strace = await straceAttached(pidOf(server), inject, await path(server.dataDir, target))
      const exited = once(server.process, 'exit')
      const answer = push(target)
      await assert.rejects(answer, 'the push was acknowledged')
      await Promise.race([exited, sleep(20_000, undefined, { ref: false })])
      assert.notEqual(server.process.exitCode, null, 'the server goes on, or had to be killed')
      assert.notEqual(server.process.exitCode, 0)
      assert.match(server.log(), /EIO/, 'the log says why')
    })
  })
}

test('a sync that failed while an upload was still arriving is not forgotten at its end (docs/design/store.md)', {
  skip,
  timeout,
}, async () => {
  await withServer(async (server, { wire }) => {
    // Large enough for the server to sync, if it does so before the end.
    const content = randomBytes(160 * 1024 * 1024)
    let upload = await wire.startUpload(repository)
    upload = await wire.uploadChunk(upload, content.subarray(0, fileBytes), 0)
    const staged = await find(server.dataDir, (_, size) => size === fileBytes)
    assert.ok(staged, 'the upload is not in a file of its own')
    let digest: string | undefined = digestOf(content)
    {
      await using strace = await straceAttached(pidOf(server), 'fdatasync,fsync:error=EIO', staged)
      try {
        upload = await wire.uploadChunk(upload, content.subarray(fileBytes), fileBytes)
      } catch {
        digest = undefined
      }
      await sleep(500)
      console.log(`${strace.injected()} syncs failed before the end of the upload`)
      if (strace.injected() === 0) return
    }
    // The disk is well again, and says so, but the bytes of the sync that failed are gone.
    if (digest) await assert.rejects(wire.finishUpload(upload, digest), 'the upload was acknowledged')
  })
})

/** A server with a repository and an image's blob in it; what was acknowledged must be there after all that happens to it. */
async function withServer(use: (server: ServedRegistry, target: Target) => Promise<void>): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-failed-sync-'))
  const ledger = createLedger()
  let server: ServedRegistry | undefined
  try {
    server = await serve({ dataDir })
    const target = await connect(server, { timeout: 30_000 })
    await target.api?.createRepository(repository)
    const blob = await target.wire.pushBlob(repository, randomBytes(fileBytes - 1), 'monolithic')
    ledger.begin([[name.blob(repository, blob), there]]).acknowledge()
    await use(server, target)
    target.close()
    await server.kill()

    server = await serve({ dataDir })
    const later = await connect(server)
    const { lost, broken } = await inspect({ target: later, expectation: ledger.expectation() })
    assert.deepEqual([...lost, ...broken], [])
    later.close()
    await server.stop()
  } finally {
    await server?.kill()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function find(directory: string, wanted: (path: string, size: number) => boolean): Promise<string | undefined> {
  for (const each of await readdir(directory, { recursive: true })) {
    const path = join(directory, each)
    const found = await stat(path).catch(() => undefined)
    if (found?.isFile() && wanted(path, found.size)) return path
  }
  return undefined
}

function pidOf(server: ServedRegistry): number {
  const { pid } = server.process
  if (pid === undefined) throw new Error('the server has no process')
  return pid
}
