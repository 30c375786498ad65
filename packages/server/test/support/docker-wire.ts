// The docker wire (`/v2/`) as docker speaks it, over plain node:http: for judges that must know when an answer arrived, what was under
// way when a connection broke, and what a status was, which a finished client would hide behind its retries.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** An answer with another status than the caller can use. */
export class UnexpectedAnswer extends Error {
  readonly answer: Answer
  constructor(method: string, path: string, answer: Answer) {
    super(`${method} ${path} was answered ${answer.status}: ${answer.body.subarray(0, 600).toString()}`)
    this.answer = answer
  }
}

/** How a blob is pushed: POST then PUT; POST, a PATCH for each chunk, then an empty PUT; or one POST with everything. */
export type PushMode = 'monolithic' | 'chunked' | 'single-post'

export interface Upload {
  /** Path and query, to be used as it came. */
  location: string
}

export interface DockerWireOptions {
  url: string
  /** The value of `Authorization`, where the registry wants one. */
  authorization?: string
  /** How many connections may be open at the same time; they are kept alive. */
  connections?: number
  /** After how many silent milliseconds a request counts as broken. */
  timeout?: number
}

export const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const

export function digestOf(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

export function createDockerWire(options: DockerWireOptions) {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections ?? 64 })
  const base = new URL(options.url)

  /** Sends one request and waits for the whole answer. Throws what broke the connection, if no answer came. */
  async function send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Uint8Array,
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const request = httpRequest({
      agent,
      host: base.hostname,
      port: base.port,
      method,
      path,
      timeout: options.timeout ?? 120_000,
      headers: {
        ...(options.authorization ? { authorization: options.authorization } : {}),
        ...(body || method !== 'GET' ? { 'content-length': String(body?.length ?? 0) } : {}),
        ...headers,
      },
    })
    request.once('timeout', () =>
      request.destroy(new Error(`${method} ${path}: the connection was silent for too long`)),
    )
    // A server that has no room answers before it read everything, and may close while we still write: the answer counts.
    request.on('error', reject)
    request.once('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) })
      })
      response.once('error', reject)
      response.once('aborted', () => reject(new Error(`${method} ${path}: the answer was cut short`)))
    })
    if (body && body.length > 65_536) {
      if (!request.write(body.subarray(0, 65_536)))
        await Promise.race([once(request, 'drain'), promise.catch(() => undefined)])
      request.end(body.subarray(65_536))
    } else {
      request.end(body)
    }
    return promise
  }

  async function expect(
    statuses: number[],
    method: string,
    path: string,
    headers?: Record<string, string>,
    body?: Uint8Array,
  ): Promise<Answer> {
    const answer = await send(method, path, headers, body)
    if (!statuses.includes(answer.status)) throw new UnexpectedAnswer(method, path, answer)
    return answer
  }

  const bytes = { 'content-type': 'application/octet-stream' }

  function uploadIn(answer: Answer): Upload {
    const location = new URL(answer.headers.location ?? '', base)
    return { location: location.pathname + location.search }
  }

  const withDigest = ({ location }: Upload, digest: string) =>
    `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`

  const wire = {
    send,
    expect,

    /** end-4a */
    async startUpload(repository: string): Promise<Upload> {
      return uploadIn(await expect([202], 'POST', `/v2/${repository}/blobs/uploads/`))
    },

    /** end-5: a chunk at `offset`; what comes back is where the upload goes on. */
    async uploadChunk(upload: Upload, chunk: Uint8Array, offset: number): Promise<Upload> {
      const range = { 'content-range': `${offset}-${offset + chunk.length - 1}` }
      return uploadIn(await expect([202], 'PATCH', upload.location, { ...bytes, ...range }, chunk))
    },

    /** end-6 */
    async finishUpload(upload: Upload, digest: string, rest?: Uint8Array): Promise<void> {
      await expect([201], 'PUT', withDigest(upload, digest), rest ? bytes : {}, rest)
    },

    /** end-13: how many bytes the server has, or undefined when it knows of no such upload. */
    async uploadOffset(upload: Upload): Promise<number | undefined> {
      const answer = await expect([204, 404], 'GET', upload.location)
      if (answer.status === 404) return undefined
      // `0-0` is said both for nothing and for one byte; the judges have no uploads of a single byte.
      const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(answer.headers.range ?? '')?.[1] ?? 0)
      return last === 0 ? 0 : last + 1
    },

    async pushBlob(repository: string, content: Uint8Array, mode: PushMode, chunkBytes = 256 * 1024): Promise<string> {
      const digest = digestOf(content)
      if (mode === 'single-post') {
        const path = `/v2/${repository}/blobs/uploads/?digest=${encodeURIComponent(digest)}`
        const answer = await expect([201, 202], 'POST', path, bytes, content)
        // end-4b: a registry without it says 202, and the push goes on as if the bytes had not been sent.
        if (answer.status === 202) await wire.finishUpload(uploadIn(answer), digest, content)
        return digest
      }
      let upload = await wire.startUpload(repository)
      if (mode === 'monolithic') {
        await wire.finishUpload(upload, digest, content)
        return digest
      }
      for (let offset = 0; offset < content.length; offset += chunkBytes) {
        upload = await wire.uploadChunk(upload, content.subarray(offset, offset + chunkBytes), offset)
      }
      await wire.finishUpload(upload, digest)
      return digest
    },

    /** end-11: true when the blob was mounted, false when the registry wants the bytes. */
    async mountBlob(repository: string, digest: string, from: string): Promise<boolean> {
      const path = `/v2/${repository}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`
      return (await expect([201, 202], 'POST', path)).status === 201
    },

    /** end-3 for blobs, without the bytes. */
    async hasBlob(repository: string, digest: string): Promise<boolean> {
      return (await expect([200, 404], 'HEAD', `/v2/${repository}/blobs/${digest}`)).status === 200
    },

    /** end-2: the bytes; undefined for 404. */
    async getBlob(repository: string, digest: string): Promise<Buffer | undefined> {
      const answer = await expect([200, 404], 'GET', `/v2/${repository}/blobs/${digest}`)
      return answer.status === 200 ? answer.body : undefined
    },

    /** end-7 */
    async putManifest(repository: string, reference: string, manifest: Uint8Array, mediaType: string): Promise<void> {
      await expect([201], 'PUT', `/v2/${repository}/manifests/${reference}`, { 'content-type': mediaType }, manifest)
    },

    /** end-3: the bytes; undefined for 404. */
    async getManifest(repository: string, reference: string): Promise<Buffer | undefined> {
      const path = `/v2/${repository}/manifests/${reference}`
      const answer = await expect([200, 404], 'GET', path, { accept: manifestTypes.join(', ') })
      return answer.status === 200 ? answer.body : undefined
    },

    /** end-9: by tag or by digest. */
    async deleteManifest(repository: string, reference: string): Promise<void> {
      await expect([202], 'DELETE', `/v2/${repository}/manifests/${reference}`)
    },

    /** end-8, all pages; undefined for 404. */
    async listTags(repository: string): Promise<string[] | undefined> {
      const tags: string[] = []
      let path: string | undefined = `/v2/${repository}/tags/list?n=500`
      while (path !== undefined) {
        const answer = await expect([200, 404], 'GET', path)
        if (answer.status === 404) return undefined
        tags.push(...((JSON.parse(answer.body.toString()) as { tags: string[] | null }).tags ?? []))
        const next: string | undefined = /^<([^>]+)>\s*;\s*rel="?next"?/.exec(String(answer.headers.link ?? ''))?.[1]
        const url = next === undefined ? undefined : new URL(next, base)
        path = url && url.pathname + url.search
      }
      return tags
    },

    close() {
      agent.destroy()
    },
  }
  return wire
}

export type DockerWire = ReturnType<typeof createDockerWire>
