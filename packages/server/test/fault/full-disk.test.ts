// Judge: a disk that fills up in the middle of pushes, and gets room again. It is a small ext4 of its own (`support/loop-device.ts`), with a
// ballast file that gives the room back.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, UnexpectedAnswer, type Upload } from '../support/docker-wire.ts'
import { loopDisk, whyNoLoopDevices } from '../support/loop-device.ts'
import { inspect, summary } from './inspection.ts'
import { createLedger } from './ledger.ts'
import { type ServedRegistry, serve } from './served.ts'
import { seed, timeout } from './settings.ts'
import { connect, isNamed } from './target.ts'
import { createWorkload, name, seeded, there } from './workload.ts'

const mebibyte = 1024 * 1024

/** The two ways of saying that there is no room: 507 on the docker wire, ECR's ServerException. */
function isRefusal(error: unknown): boolean {
  return (error instanceof UnexpectedAnswer && error.answer.status === 507) || isNamed(error, 'ServerException')
}

test('a full disk answers 507 or ServerException, keeps what was acknowledged, and recovers when there is room (README.md)', {
  skip: whyNoLoopDevices(),
  timeout,
}, async () => {
  const ledger = createLedger()
  const repositories = ['apps/web', 'base']
  const disk = await loopDisk({ sizeMiB: 96 })
  const ballast = join(disk.path, 'ballast')
  const filler = join(disk.path, 'filler')
  let server: ServedRegistry | undefined
  try {
    await fill(ballast, 24 * mebibyte)
    server = await serve({ dataDir: join(disk.path, 'berth') })
    const pid = server.process.pid
    const target = await connect(server, { timeout: 30_000 })
    const { wire, api } = target
    assert.ok(api)
    for (const repository of repositories) {
      await api.createRepository(repository)
      ledger.begin([[name.repository(repository), there]]).acknowledge()
    }
    const readiness = async () => (await wire.send('GET', '/readyz')).status
    assert.equal(await until(readiness, 200), 200, 'ready while there is room')

    const uploads = await Promise.all([1, 2, 3, 4].map(() => wire.startUpload('base')))
    const workload = createWorkload({ ledger, repositories, random: seeded(seed()), isRefusal })
    const load = workload.run(target)
    assert.ok(await until(() => load.refused >= 20 || load.problems.length > 0, true), 'the disk never got full')
    // The big ones do not fit any more; now nothing does.
    const filled = await fill(filler, Number.POSITIVE_INFINITY)
    await sleep(1000)
    await load.drain()
    console.log(`${ledger.acknowledged} operations acknowledged, ${load.refused} refused, ${filled} bytes were left`)
    assert.deepEqual(load.problems.slice(0, 20), [], 'other answers than success, 507 and ServerException')

    assert.equal(await until(readiness, 503), 503, '/readyz says nothing of a full disk')
    assert.equal((await wire.send('GET', '/healthz')).status, 200, 'the process is well')

    const big = randomBytes(2.5 * mebibyte)
    await keepsTheConnection(server, uploads)
    for (const mode of ['monolithic', 'chunked', 'single-post'] as const) {
      await assert.rejects(wire.pushBlob('base', big, mode), isRefusal, `${mode} push of a blob that has no room`)
    }
    await assert.rejects(api.pushLayer('base', big), isRefusal, 'UploadLayerPart without room')
    assert.equal(await wire.hasBlob('base', digestOf(big)), false)

    const whileFull = await inspect({ target, expectation: ledger.expectation() })
    console.log(`while full: ${summary(whileFull)}`)
    assert.deepEqual([...whileFull.lost, ...whileFull.broken].slice(0, 20), [], 'reads on a full disk')

    await rm(filler)
    await rm(ballast)
    const roomAt = performance.now()
    const again = async () => {
      try {
        await wire.pushBlob('base', big, 'chunked')
        return true
      } catch (error) {
        if (!isRefusal(error)) throw error
        return false
      }
    }
    assert.ok(await until(again, true), 'pushes are still refused though there is room')
    ledger.begin([[name.blob('base', digestOf(big)), there]]).acknowledge()
    const pushedMs = Math.round(performance.now() - roomAt)
    assert.equal(await until(readiness, 200), 200, '/readyz stays red though there is room')
    console.log(`room again: a push after ${pushedMs} ms, ready after ${Math.round(performance.now() - roomAt)} ms`)

    const onward = workload.run(target)
    await sleep(300)
    await onward.drain()
    assert.deepEqual(onward.problems.slice(0, 20), [])
    assert.equal(server.process.pid, pid)
    assert.equal(server.process.exitCode, null, 'the server was not started again')
    assert.doesNotMatch(server.log(), /on garbage collection/, 'a refusal left a file open')
    target.close()

    await server.kill()
    server = await serve({ dataDir: join(disk.path, 'berth') })
    const later = await connect(server)
    const afterwards = await inspect({ target: later, expectation: ledger.expectation() })
    console.log(`after a kill: ${summary(afterwards)}`)
    assert.deepEqual([...afterwards.lost, ...afterwards.broken].slice(0, 20), [])
    later.close()
    await server.stop()
  } finally {
    await server?.kill()
    await disk[Symbol.asyncDispose]()
  }
})

/** A refusal in the middle of a body leaves the connection of use, or closes it; the next request on it is not left hanging. */
async function keepsTheConnection(server: ServedRegistry, uploads: Upload[]): Promise<void> {
  const { wire, close } = await connect(server, { connections: 1, timeout: 10_000 })
  for (const [index, upload] of uploads.entries()) {
    const size = 0.5 + index
    const refused = await wire.send('PATCH', upload.location, {}, randomBytes(size * mebibyte))
    assert.equal(refused.status, 507, `a PATCH of ${size} MiB`)
    assert.equal(
      (await wire.send('GET', '/v2/')).status,
      200,
      `the request after a refusal in the middle of ${size} MiB`,
    )
  }
  close()
}

/** Writes up to so many bytes, or until there is no room; returns how many. */
async function fill(path: string, bytes: number): Promise<number> {
  const file = await open(path, 'w')
  let written = 0
  try {
    for (let size = mebibyte; size >= 512 && written < bytes; ) {
      try {
        const { bytesWritten } = await file.write(Buffer.alloc(Math.min(size, bytes - written)))
        written += bytesWritten
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
        size /= 2
      }
    }
    await file.sync()
  } finally {
    await file.close()
  }
  return written
}

/** Asks again for up to thirty seconds; returns the last answer. */
async function until<T>(ask: () => T | Promise<T>, wanted: T): Promise<T> {
  const end = performance.now() + 30_000
  for (;;) {
    const answer = await ask()
    if (answer === wanted || performance.now() > end) return answer
    await sleep(100)
  }
}
