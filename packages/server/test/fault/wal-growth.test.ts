// Judge: the write-ahead log stays bounded while small writes never stop (docs/design/store.md).
//
//   BERTH_TEST_SECONDS  how long they go on (15; with BERTH_TEST_SOAK 60)

import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { latencies } from './figures.ts'
import { serve } from './served.ts'
import { seconds, timeout } from './settings.ts'
import { connect } from './target.ts'
import { imageOf, ociManifest, pushBase } from './tiny-image.ts'

const duration = seconds({ usual: 15, soak: 60 })
const connections = 16
const mebibyte = 1024 * 1024
const bound = 256 * mebibyte

test(`the WAL stays under 256 MiB in ${duration} s of manifests over ${connections} connections (docs/design/store.md)`, {
  timeout,
}, async () => {
  const server = await serve()
  try {
    const target = await connect(server, { connections: connections + 2 })
    await target.api?.createRepository('busy')
    const base = await pushBase(target, 'busy')
    const times: number[] = []
    let going = true
    const write = async (connection: number) => {
      for (let count = 0; going; count++) {
        const startedAt = performance.now()
        // Half of them move the connection's own tag, half make a new one.
        const tag = count % 2 === 0 ? `latest-${connection}` : `${connection}-${count}`
        await target.wire.putManifest('busy', tag, imageOf(base, `${connection}-${count}`, 2000), ociManifest)
        times.push(performance.now() - startedAt)
      }
    }
    const writers = Promise.all(Array.from({ length: connections }, (_, connection) => write(connection)))
    const end = performance.now() + duration * 1000
    let largest = 0
    while (performance.now() < end) {
      // A writer that fails ends the wait.
      await Promise.race([sleep(50), writers])
      largest = Math.max(largest, await walBytes(server.dataDir))
    }
    going = false
    await writers
    console.log(
      `${times.length} manifests in ${duration} s (${Math.round(times.length / duration)}/s): ${latencies(times)}; ` +
        `largest WAL ${(largest / mebibyte).toFixed(1)} MiB`,
    )
    target.close()
    assert.ok(largest > 0, `no *-wal file was found in ${server.dataDir}`)
    assert.ok(largest < bound, `the WAL grew to ${largest} bytes`)
    await server.stop()
  } finally {
    await server.kill()
  }
})

/** The largest `*-wal` file. */
async function walBytes(directory: string): Promise<number> {
  const names = (await readdir(directory, { recursive: true })).filter((each) => each.endsWith('-wal'))
  const sizes = await Promise.all(
    names.map((each) =>
      stat(join(directory, each)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return Math.max(0, ...sizes)
}
