// Pushes images of random content. The content is made and hashed before the clock starts.

import { timeOperations } from './clock.ts'
import { type Answer, type Connection, requestHead } from './connection.ts'
import { type Content, type ImageContent, manifestType, randomImage } from './content.ts'
import type { Outcome, PushJob } from './jobs.ts'

const defaultChunkSize = 10 * 1024 * 1024

export async function push(job: PushJob): Promise<Outcome> {
  const count = job.amount.count
  if (count === undefined) throw new Error('a push needs a count: its images are made before the clock starts')
  const images = Array.from({ length: count }, (_, n) =>
    randomImage(job.repository, `${job.tagPrefix}${n}`, job.layerSizes),
  )
  const outcome = await timeOperations(job.target, job.clients, job.amount, async (connection, n) => {
    const image = images[n]
    return image ? pushImage(new Pusher(connection, job), image) : 0
  })
  return { ...outcome, images: images.map(({ contents: _, ...image }) => image) }
}

async function pushImage(pusher: Pusher, image: ImageContent): Promise<number> {
  let bytes = 0
  for (const content of image.contents) {
    await pusher.uploadBlob(image.repository, content)
    bytes += content.size
  }
  const manifest = Buffer.from(image.manifest)
  await pusher.send(201, 'PUT', `/v2/${image.repository}/manifests/${image.tag}`, { 'Content-Type': manifestType }, [
    manifest,
  ])
  return bytes + manifest.length
}

class Pusher {
  private readonly connection: Connection
  private readonly job: PushJob

  constructor(connection: Connection, job: PushJob) {
    this.connection = connection
    this.job = job
  }

  async uploadBlob(repository: string, content: Content): Promise<void> {
    await this.send(404, 'HEAD', `/v2/${repository}/blobs/${content.digest}`)
    let location = locationOf(await this.send(202, 'POST', `/v2/${repository}/blobs/uploads/`, {}, []))
    let rest = content.pieces
    if (this.job.upload === 'chunked') {
      let offset = 0
      for (const chunk of chunksOf(content.pieces, this.job.chunkSize ?? defaultChunkSize)) {
        const size = sizeOf(chunk)
        const headers = {
          'Content-Type': 'application/octet-stream',
          'Content-Range': `${offset}-${offset + size - 1}`,
        }
        location = locationOf(await this.send(202, 'PATCH', location, headers, chunk))
        offset += size
      }
      rest = []
    }
    const completed = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(content.digest)}`
    await this.send(201, 'PUT', completed, { 'Content-Type': 'application/octet-stream' }, rest)
  }

  async send(
    status: number,
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: readonly Uint8Array[],
  ): Promise<Answer> {
    const { host, port, headers: always } = this.job.target
    const length = body === undefined ? {} : { 'Content-Length': String(sizeOf(body)) }
    const head = requestHead(method, path, { Host: `${host}:${port}`, ...always, ...headers, ...length })
    const answer = await this.connection.exchange({ head, headOnly: method === 'HEAD', ...(body && { body }) })
    if (answer.status !== status)
      throw new Error(`${method} ${path}: ${answer.status} instead of ${status}: ${answer.body}`)
    return answer
  }
}

/** The path of an upload, whether the registry names it by path or by URL. */
function locationOf(answer: Answer): string {
  const location = /\r\nlocation: *(\S+)/i.exec(answer.head)?.[1]
  if (!location) throw new Error(`an answer without a Location: ${answer.head}`)
  return location.replace(/^https?:\/\/[^/]+/, '')
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  let size = 0
  for (const piece of pieces) size += piece.length
  return size
}

function chunksOf(pieces: readonly Uint8Array[], chunkSize: number): Uint8Array[][] {
  const chunks: Uint8Array[][] = [[]]
  let room = chunkSize
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      if (room === 0) {
        chunks.push([])
        room = chunkSize
      }
      const part = piece.subarray(at, at + room)
      chunks.at(-1)?.push(part)
      room -= part.length
      at += part.length
    }
  }
  return chunks
}
