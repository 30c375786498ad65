// Judge: the start after a crash is quick, however much is stored (under a second with 100,000 images).
//
//   BERTH_TEST_IMAGES  how many images (2,000; with BERTH_TEST_SOAK 100,000)

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../support/docker-wire.ts'
import { inParallel } from './inspection.ts'
import { type ServedRegistry, serve } from './served.ts'
import { images, timeout } from './settings.ts'
import { connect } from './target.ts'
import { type Base, imageOf, ociManifest, pushBase } from './tiny-image.ts'

const count = images({ usual: 2000, soak: 100_000 })

test(`a start after SIGKILL with ${count} images finds a consistent store at once`, {
  timeout,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-start-'))
  let server: ServedRegistry | undefined
  try {
    server = await serve({ dataDir })
    const target = await connect(server)
    const repositories = Array.from({ length: 20 }, (_, index) => `store/app-${index}`)
    const bases = new Map<string, Base>()
    for (const repository of repositories) {
      await target.api?.createRepository(repository)
      bases.set(repository, await pushBase(target, repository))
    }
    const filledAt = performance.now()
    const numbers = Array.from({ length: count }, (_, index) => index)
    await inParallel(numbers, (index) => putImage(index), 32)
    const filledMs = performance.now() - filledAt
    target.close()
    await server.kill()

    const startedAt = performance.now()
    server = await serve({ dataDir, startTimeout: 60_000 })
    const listeningMs = performance.now() - startedAt
    let readyMs = Number.NaN
    while (Number.isNaN(readyMs) && performance.now() - startedAt < 60_000) {
      if ((await fetch(`${server.url}/readyz`)).status === 200) readyMs = performance.now() - startedAt
      else await sleep(5)
    }
    console.log(
      `${count} images pushed in ${Math.round(filledMs)} ms (${Math.round((count / filledMs) * 1000)}/s); ` +
        `after SIGKILL listening in ${Math.round(listeningMs)} ms, ready in ${Math.round(readyMs)} ms`,
    )

    const again = await connect(server)
    const last = count - 1
    const repository = repositories[last % 20] ?? ''
    const stored = await again.wire.getManifest(repository, `v${last}`)
    assert.equal(stored && digestOf(stored), digestOf(imageOf(bases.get(repository) as Base, `v${last}`)))
    again.close()
    await server.stop()
    // The aim is below 1 s; a busy machine may need longer.
    assert.ok(readyMs < 5000, `ready after ${readyMs} ms`)

    async function putImage(index: number): Promise<void> {
      const repository = repositories[index % 20] ?? ''
      await target.wire.putManifest(
        repository,
        `v${index}`,
        imageOf(bases.get(repository) as Base, `v${index}`),
        ociManifest,
      )
    }
  } finally {
    await server?.kill()
    await rm(dataDir, { recursive: true, force: true })
  }
})
