// Blobs: OCI end-2. DELETE is not offered, as in ECR: blobs go when nothing names them.

import { type Digest, parseDigest } from '@berth/api/names/digest.ts'
import type { BlobContent } from '../../domain/blobs/blobs.ts'
import type { Exchange } from '../../http/exchange.ts'
import { parseRange } from '../../http/ranges.ts'
import { OciRefusal } from './errors.ts'
import type { Handler, OciParts } from './handler.ts'
import { isNotModified, sendEmpty, untrustedContentHeaders } from './reply.ts'

export function blobHandlers({ blobs, sendContent, redirectBlob }: OciParts): { blob: Record<string, Handler> } {
  const head: Handler = {
    // Pushers look before they upload, pullers before they fetch: either may.
    action: 'ecr:BatchCheckLayerAvailability',
    or: 'ecr:GetDownloadUrlForLayer',
    async run(exchange, ctx, repository, reference) {
      const digest = requireDigest(reference)
      const size = await blobs.stat(ctx, repository, digest)
      setContentHeaders(exchange, digest)
      exchange.response.setHeader('Content-Length', size)
      exchange.response.end()
    },
  }
  const get: Handler = {
    action: 'ecr:GetDownloadUrlForLayer',
    async run(exchange, ctx, repository, reference) {
      await sendBlob(exchange, await blobs.get(ctx, repository, requireDigest(reference)), {
        sendContent,
        redirectBlob,
      })
    },
  }
  const remove: Handler = {
    action: 'ecr:BatchDeleteImage',
    async run() {
      throw new OciRefusal(405, 'UNSUPPORTED', 'Blobs are not deleted one by one. Delete the images that name them.', {
        Allow: 'GET, HEAD',
      })
    },
  }
  return { blob: { GET: get, HEAD: head, DELETE: remove } }
}

export function requireDigest(text: string): Digest {
  const digest = parseDigest(text)
  if (!digest) throw new OciRefusal(400, 'DIGEST_INVALID', 'The digest is none of sha256 or sha512 in lower case.')
  return digest
}

function setContentHeaders(exchange: Exchange, digest: Digest): void {
  const { response } = exchange
  response.setHeader('Content-Type', 'application/octet-stream')
  response.setHeader('Docker-Content-Digest', digest)
  response.setHeader('ETag', `"${digest}"`)
  response.setHeader('Accept-Ranges', 'bytes')
  for (const [name, value] of Object.entries(untrustedContentHeaders)) response.setHeader(name, value)
}

/** Sends a blob, or the range of it that is asked for, or tells where it is. The signed download link sends the same. */
export async function sendBlob(
  exchange: Exchange,
  blob: BlobContent,
  { sendContent, redirectBlob }: Pick<OciParts, 'sendContent' | 'redirectBlob'>,
): Promise<void> {
  const { response } = exchange
  setContentHeaders(exchange, blob.digest)
  if (isNotModified(exchange, blob.digest)) {
    sendEmpty(exchange, 304, {})
    return
  }
  const link = await redirectBlob(exchange, blob)
  if (link !== undefined) {
    response.removeHeader('Content-Type')
    sendEmpty(exchange, 307, { Location: link, 'Cache-Control': 'no-store' })
    return
  }
  const ifRange = exchange.header('if-range')
  const asked = ifRange === undefined || ifRange === `"${blob.digest}"` ? exchange.header('range') : undefined
  const range = parseRange(asked, blob.size)
  if (range.is === 'unsatisfiable') {
    throw new OciRefusal(416, 'SIZE_INVALID', 'The range is not inside the blob.', {
      'Content-Range': `bytes */${blob.size}`,
    })
  }
  const [first, length] = range.is === 'part' ? [range.first, range.last - range.first + 1] : [0, blob.size]
  if (range.is === 'part') {
    response.statusCode = 206
    response.setHeader('Content-Range', `bytes ${range.first}-${range.last}/${blob.size}`)
  }
  response.setHeader('Content-Length', length)
  if (exchange.method === 'HEAD') response.end()
  else if (blob.content) response.end(blob.content.subarray(first, first + length))
  else await sendContent(response, await blob.open(), first, length)
}
