// Judge: a disk whose syncs take 20 ms or more (strace delays them) is shared by all who wait for it, and stops nobody who does not
// (docs/design/store.md).
//
// 64 clients push at the same time. The log of strace says how often each file was synced, and the pushes say how many answers had to
// wait for such a sync: the config, the layer and the manifest of each push for the WAL, each layer that is a file for its folder.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../support/docker-wire.ts'
import { latencies, median } from './figures.ts'
import { watchHealth } from './health-watch.ts'
import { serve } from './served.ts'
import { timeout } from './settings.ts'
import { strace, whyNoStrace } from './strace.ts'
import { connect } from './target.ts'
import { imageOf, ociManifest } from './tiny-image.ts'

const pushes = 64
const skip = whyNoStrace()

interface Sync {
  /** In seconds, of strace's clock. */
  at: number
  path: string
}

async function pushTogether(layerBytes: number, delayMs: number) {
  const directory = await mkdtemp(join(tmpdir(), 'berth-slow-'))
  const log = join(directory, 'strace.log')
  const dataDir = join(directory, 'data')
  const server = await serve({ dataDir, under: strace(`fdatasync,fsync:delay_enter=${delayMs * 1000}`, log) })
  try {
    const target = await connect(server, { connections: pushes })
    const { wire } = target
    await target.api?.createRepository('small')
    // The first blob of a day has a folder made for it, and connections are opened: both before the clock starts.
    await wire.pushBlob('small', randomBytes(layerBytes), 'monolithic')
    await Promise.all(Array.from({ length: pushes }, () => wire.expect([200], 'GET', '/v2/')))

    const stopWatching = await watchHealth(server.url)
    const pushTimes: number[] = []
    const startedAt = performance.timeOrigin + performance.now()
    const acknowledged = await Promise.all(
      Array.from({ length: pushes }, async (_, number) => {
        const start = performance.now()
        const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', number }))
        const layer = randomBytes(layerBytes)
        const [configDigest, layerDigest] = await Promise.all([
          wire.pushBlob('small', config, 'monolithic'),
          wire.pushBlob('small', layer, 'monolithic'),
        ])
        const manifest = imageOf(
          {
            config: {
              mediaType: 'application/vnd.oci.image.config.v1+json',
              digest: configDigest,
              size: config.length,
            },
            layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layerDigest, size: layer.length }],
          },
          `push-${number}`,
        )
        await wire.putManifest('small', `push-${number}`, manifest, ociManifest)
        pushTimes.push(performance.now() - start)
        return { tag: `push-${number}`, digest: digestOf(manifest), blobs: [configDigest, layerDigest] }
      }),
    )
    const endedAt = performance.timeOrigin + performance.now()
    const healthTimes = await stopWatching()
    for (const { tag, digest, blobs } of acknowledged) {
      const manifest = await wire.getManifest('small', tag)
      assert.equal(manifest && digestOf(manifest), digest, tag)
      for (const blob of blobs) {
        const content = await wire.getBlob('small', blob)
        assert.equal(content && digestOf(content), blob)
      }
    }
    target.close()
    await server.stop()
    const all = await syncsIn(log)
    assert.ok(all.length > 0, 'strace saw no sync at all')
    const syncs = all.filter(({ at }) => at * 1000 >= startedAt && at * 1000 <= endedAt)
    const wal = syncs.filter(({ path }) => path.endsWith('-wal')).length
    const folders = (await Promise.all(syncs.map(({ path }) => isFolder(path)))).filter(Boolean).length
    console.log(
      `${pushes} pushes with layers of ${layerBytes} bytes and syncs of ${delayMs} ms in ${Math.round(endedAt - startedAt)} ms: ${latencies(pushTimes)}\n` +
        `  /healthz beside them (${healthTimes.length} times): ${latencies(healthTimes)}\n` +
        `  ${syncs.length} syncs, of the WAL ${wal}, of folders ${folders}`,
    )
    return { wal, folders, healthTimes }
  } finally {
    await server.kill()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The calls in a log of strace -y -ttt, each once, also when it was written in two halves. */
async function syncsIn(log: string): Promise<Sync[]> {
  // strace outlives the server for a moment.
  let text = ''
  for (let attempt = 0; attempt < 200 && !/^\d+ +[\d.]+ \+\+\+ .* \+\+\+$/m.test(text.slice(-2000)); attempt++) {
    if (attempt > 0) await sleep(25)
    text = await readFile(log, 'utf8')
  }
  return [...text.matchAll(/^\d+ +([\d.]+) (?:fdatasync|fsync)\(\d+<([^>]*)>/gm)].map(([, at, path]) => ({
    at: Number(at),
    path: path ?? '',
  }))
}

async function isFolder(path: string): Promise<boolean> {
  // The file of an upload has moved since.
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** At the median, because one slow moment of a busy machine says nothing. */
function staysResponsive(healthTimes: number[], delayMs: number): void {
  assert.ok(median(healthTimes) < delayMs, `/healthz takes ${median(healthTimes)} ms at the median: it waits for syncs`)
}

test('64 small pushes at once share each sync of the WAL tenfold, and /healthz waits for none', {
  skip,
  timeout,
}, async () => {
  const delayMs = 20
  const { wal, healthTimes } = await pushTogether(10_000, delayMs)
  const waiting = pushes * 3
  assert.ok(wal > 0, 'the WAL was not synced at all')
  assert.ok(waiting / wal >= 10, `${waiting} answers waited for ${wal} syncs of the WAL`)
  staysResponsive(healthTimes, delayMs)
})

test('64 pushes of files at once share the syncs of their folder too (docs/design/store.md)', {
  skip,
  timeout,
}, async () => {
  // Five times as slow: here each push also has a sync of its own to do, and their spread over a busy machine must not count.
  const delayMs = 100
  const { folders, healthTimes } = await pushTogether(150_000, delayMs)
  assert.ok(folders > 0, 'no folder was synced at all')
  // At best as many as there are file syncs at a time; on a busy machine their ends are spread, so less is asked here.
  assert.ok(pushes / folders >= 5, `${pushes} files waited for ${folders} syncs of folders`)
  staysResponsive(healthTimes, delayMs)
})
