// Plain HTTP to `/v2/`, byte for byte: no redirects followed, nothing decompressed, nothing guessed. What the judges use to compare what
// a client pushed with what is served, and to do what no client does (cut a chunk in the middle, send the second one first).

import assert from 'node:assert/strict'
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { type Descriptor, digestOf, type ImageBuilder, isManifest, mediaTypes } from './image-builder.ts'

export interface RawAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface RawRequest {
  headers?: Record<string, string>
  body?: Buffer
  /** Send the body in chunks without a Content-Length, as docker does. */
  chunked?: boolean
}

export interface RawRegistry {
  /** `path` is absolute, or a `Location` as it came. */
  send(method: string, path: string, options?: RawRequest): Promise<RawAnswer>
  pushBlob(repository: string, bytes: Buffer, digest?: string): Promise<RawAnswer>
  /** `reference` is a tag or a digest; the digest of the bytes when left out. */
  pushManifest(repository: string, bytes: Buffer, mediaType: string, reference?: string): Promise<RawAnswer>
  /** Pushes everything that `root` needs, then `root` under its digest and each of `tags`. */
  push(repository: string, builder: ImageBuilder, root: Descriptor, ...tags: string[]): Promise<void>
  manifest(repository: string, reference: string): Promise<RawAnswer>
  blob(repository: string, digest: string): Promise<RawAnswer>
  /** Fails unless everything that `root` needs is served with exactly the bytes that the builder made. */
  assertHolds(repository: string, builder: ImageBuilder, root: Descriptor): Promise<void>
  /** Fails unless everything below `reference` is served and hashes to its digest. Returns the digests, `reference`'s last. */
  assertWhole(repository: string, reference: string): Promise<string[]>
  close(): void
}

const everyManifest = [
  mediaTypes.ociManifest,
  mediaTypes.ociIndex,
  mediaTypes.dockerManifest,
  mediaTypes.dockerList,
].join(', ')

export function rawRegistry(url: string, password: string, user = 'AWS'): RawRegistry {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

  const send = async (method: string, path: string, options: RawRequest = {}): Promise<RawAnswer> => {
    const target = new URL(path, url)
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
    const body = options.body ?? Buffer.alloc(0)
    const length: Record<string, string> =
      options.chunked || (method === 'GET' && body.length === 0) ? {} : { 'content-length': String(body.length) }
    const request = httpRequest(
      target,
      { method, agent, headers: { authorization, ...length, ...options.headers } },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
        )
      },
    )
    request.on('error', reject)
    request.end(body.length > 0 ? body : undefined)
    return await promise
  }

  const manifest = (repository: string, reference: string) =>
    send('GET', `/v2/${repository}/manifests/${reference}`, { headers: { accept: everyManifest } })
  const blob = (repository: string, digest: string) => send('GET', `/v2/${repository}/blobs/${digest}`)

  const pushBlob = async (repository: string, bytes: Buffer, digest = digestOf(bytes)): Promise<RawAnswer> => {
    const start = await send('POST', `/v2/${repository}/blobs/uploads/`)
    if (start.status !== 202) return start
    const location = start.headers.location ?? ''
    const separator = location.includes('?') ? '&' : '?'
    return await send('PUT', `${location}${separator}digest=${encodeURIComponent(digest)}`, {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream' },
    })
  }

  const pushManifest = (repository: string, bytes: Buffer, mediaType: string, reference = digestOf(bytes)) =>
    send('PUT', `/v2/${repository}/manifests/${reference}`, { body: bytes, headers: { 'content-type': mediaType } })

  const push = async (repository: string, builder: ImageBuilder, root: Descriptor, ...tags: string[]) => {
    for (const { digest, mediaType } of builder.reachable(root)) {
      const answer = isManifest(mediaType)
        ? await pushManifest(repository, builder.bytes(digest), mediaType)
        : await pushBlob(repository, builder.bytes(digest))
      assert.equal(answer.status, 201, said(`pushing ${mediaType} ${digest} to ${repository}`, answer))
      assert.equal(answer.headers['docker-content-digest'], digest, said(`pushing ${mediaType} ${digest}`, answer))
    }
    for (const tag of tags) {
      const answer = await pushManifest(repository, builder.bytes(root.digest), root.mediaType, tag)
      assert.equal(answer.status, 201, said(`tagging ${root.digest} as ${tag} in ${repository}`, answer))
    }
  }

  const fetchManifest = async (repository: string, reference: string) => {
    const answer = await manifest(repository, reference)
    assert.equal(answer.status, 200, said(`GET manifest ${repository}:${reference}`, answer))
    return answer
  }

  const assertHolds = async (repository: string, builder: ImageBuilder, root: Descriptor) => {
    for (const { digest, mediaType, size } of builder.reachable(root)) {
      const answer = isManifest(mediaType) ? await manifest(repository, digest) : await blob(repository, digest)
      assert.equal(answer.status, 200, said(`GET ${mediaType} ${digest} from ${repository}`, answer))
      const same = answer.body.equals(builder.bytes(digest))
      assert.ok(
        same,
        `${mediaType} ${digest} was pushed as ${size} bytes and came back as ${answer.body.length} others`,
      )
      assert.equal(answer.headers['docker-content-digest'], digest, `Docker-Content-Digest of ${digest}`)
      if (isManifest(mediaType)) assert.equal(answer.headers['content-type'], mediaType, `Content-Type of ${digest}`)
    }
  }

  const assertWhole = async (repository: string, reference: string): Promise<string[]> => {
    const done: string[] = []
    const visit = async (at: string): Promise<void> => {
      const { body, headers } = await fetchManifest(repository, at)
      const digest = digestOf(body)
      assert.equal(headers['docker-content-digest'], digest, `Docker-Content-Digest of ${repository}:${at}`)
      if (at.startsWith('sha256:')) assert.equal(digest, at, `the manifest served for ${at}`)
      const parsed = JSON.parse(body.toString()) as Record<'layers' | 'manifests', Descriptor[] | undefined> & {
        config?: Descriptor
      }
      for (const child of parsed.manifests ?? []) await visit(child.digest)
      for (const each of [...(parsed.layers ?? []), ...(parsed.config ? [parsed.config] : [])]) {
        const answer = await blob(repository, each.digest)
        assert.equal(answer.status, 200, said(`GET blob ${each.digest} from ${repository}`, answer))
        assert.equal(digestOf(answer.body), each.digest, `the bytes served for ${each.digest}`)
        assert.equal(answer.body.length, each.size, `the size of ${each.digest}`)
        done.push(each.digest)
      }
      done.push(digest)
    }
    await visit(reference)
    return done
  }

  return {
    send,
    pushBlob,
    pushManifest,
    push,
    manifest,
    blob,
    assertHolds,
    assertWhole,
    close: () => agent.destroy(),
  }
}

/** What was asked and what came back, for the message of an assertion. */
export function said(what: string, answer: RawAnswer): string {
  return `${what}: ${answer.status} ${JSON.stringify(answer.headers)} ${answer.body.toString('utf8', 0, 2_000)}`
}
