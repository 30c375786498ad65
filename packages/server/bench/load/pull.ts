// Pulls images as a client does.

import { createHash } from 'node:crypto'
import { timeOperations } from './clock.ts'
import { type Connection, requestHead } from './connection.ts'
import { manifestType } from './content.ts'
import type { Outcome, PullJob, PushedImage } from './jobs.ts'

export function pull(job: PullJob): Promise<Outcome> {
  const { host, port, headers } = job.target
  const always = { Host: `${host}:${port}`, ...headers, Accept: `${manifestType}, */*` }

  const fetch = async (connection: Connection, method: string, path: string, digest?: string): Promise<number> => {
    const hash = job.verify && digest !== undefined ? createHash('sha256') : undefined
    const answer = await connection.exchange({
      head: requestHead(method, path, always),
      headOnly: method === 'HEAD',
      ...(hash && { onData: (piece: Uint8Array) => hash.update(piece) }),
    })
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status}: ${answer.body}`)
    if (hash && `sha256:${hash.digest('hex')}` !== digest)
      throw new Error(`${method} ${path}: other bytes than were pushed`)
    return answer.bytes
  }

  return timeOperations(job.target, job.clients, job.amount, async (connection, n) => {
    const image = job.images[n % job.images.length] as PushedImage
    const base = `/v2/${image.repository}`
    await fetch(connection, 'HEAD', `${base}/manifests/${image.tag}`)
    let bytes = await fetch(connection, 'GET', `${base}/manifests/${image.digest}`, image.digest)
    for (const { digest, size } of image.blobs) {
      const received = await fetch(connection, 'GET', `${base}/blobs/${digest}`, digest)
      if (received !== size) throw new Error(`GET ${digest}: ${received} bytes instead of ${size}`)
      bytes += received
    }
    return bytes
  })
}
