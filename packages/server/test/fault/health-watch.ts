// A thread that asks /healthz again and again, so that what it measures is the server and not the pushes of the test beside it.

import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createDockerWire } from '../support/docker-wire.ts'

/** Starts asking. The function that comes back ends it, and gives how long each answer took, in milliseconds. */
export async function watchHealth(url: string): Promise<() => Promise<number[]>> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { url } })
  const next = () =>
    new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
  await next()
  return async () => {
    const times = next()
    worker.postMessage('end')
    return (await times) as number[]
  }
}

async function watch(port: NonNullable<typeof parentPort>, url: string): Promise<void> {
  const wire = createDockerWire({ url })
  const times: number[] = []
  let going = true
  port.once('message', () => {
    going = false
  })
  for (let count = 0; going; count++) {
    const startedAt = performance.now()
    await wire.expect([200], 'GET', '/healthz')
    if (count === 10) port.postMessage('warm')
    if (count > 10) times.push(performance.now() - startedAt)
    await sleep(1)
  }
  wire.close()
  port.postMessage(times)
}

if (!isMainThread && parentPort) await watch(parentPort, (workerData as { url: string }).url)
