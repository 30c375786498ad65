// Uploads: OCI end-4 (start, single POST), end-5 (chunk), end-6 (finish), end-11 (mount), end-13 (status), end-14 (cancel).

import { type Digest, parseDigest, parseDigestAlgorithm } from '@berth/api/names/digest.ts'
import { parseRepositoryName } from '@berth/api/names/repository-name.ts'
import type { UploadBody } from '../../domain/blobs/uploads.ts'
import type { Exchange } from '../../http/exchange.ts'
import { withInterimAnswers } from '../../http/interim-answers.ts'
import { requireDigest } from './blobs.ts'
import { OciRefusal, uploadRange } from './errors.ts'
import type { Handler, OciParts } from './handler.ts'
import { sendEmpty } from './reply.ts'

export function uploadHandlers({
  blobs,
  uploads,
}: OciParts): Record<'blob-uploads' | 'blob-upload', Record<string, Handler>> {
  const created = (exchange: Exchange, repository: string, digest: Digest) =>
    sendEmpty(exchange, 201, { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest })

  const progress = (exchange: Exchange, status: number, repository: string, uploadId: string, receivedBytes: number) =>
    sendEmpty(exchange, status, {
      Location: `/v2/${repository}/blobs/uploads/${uploadId}`,
      Range: uploadRange(receivedBytes),
      'Docker-Upload-UUID': uploadId,
    })

  const start: Handler = {
    action: 'ecr:InitiateLayerUpload',
    // A mount that fails may go on as an upload in one request, so it takes the rights of both.
    also: ({ query }) => [
      ...(query.has('mount') ? ['ecr:BatchCheckLayerAvailability'] : []),
      ...(query.has('digest') ? ['ecr:UploadLayerPart', 'ecr:CompleteLayerUpload'] : []),
    ],
    async run(exchange, ctx, repository) {
      const { query } = exchange
      const mount = query.get('mount')
      if (mount !== null) {
        const digest = parseDigest(mount)
        const from = query.get('from')
        const source = from === null ? undefined : parseRepositoryName(from)
        const isLegal = digest && (from === null || source)
        if (isLegal && (await blobs.mount(ctx, repository, digest, source))) {
          created(exchange, repository, digest)
          return
        }
      }
      const digest = query.get('digest')
      if (digest !== null) {
        const whole = requireDigest(digest)
        await withInterimAnswers(exchange, () => uploads.put(ctx, repository, whole, bodyOf(exchange)))
        created(exchange, repository, whole)
        return
      }
      const algorithm = query.get('digest-algorithm')
      const known = algorithm === null ? undefined : parseDigestAlgorithm(algorithm)
      if (algorithm !== null && !known)
        throw new OciRefusal(400, 'DIGEST_INVALID', 'The digest algorithm is none of sha256 or sha512.')
      const uploadId = await uploads.start(ctx, repository, known)
      progress(exchange, 202, repository, uploadId, 0)
    },
  }

  const append: Handler = {
    action: 'ecr:UploadLayerPart',
    async run(exchange, ctx, repository, uploadId) {
      const receivedBytes = await uploads.append(ctx, repository, uploadId, bodyOf(exchange))
      progress(exchange, 202, repository, uploadId, receivedBytes)
    },
  }

  const finish: Handler = {
    action: 'ecr:CompleteLayerUpload',
    also: (exchange) => (exchange.header('content-length') === '0' ? [] : ['ecr:UploadLayerPart']),
    async run(exchange, ctx, repository, uploadId) {
      const text = exchange.query.get('digest')
      if (text === null) throw new OciRefusal(400, 'DIGEST_INVALID', 'The query parameter digest is missing.')
      const digest = requireDigest(text)
      await withInterimAnswers(exchange, () => uploads.complete(ctx, repository, uploadId, digest, bodyOf(exchange)))
      created(exchange, repository, digest)
    },
  }

  const status: Handler = {
    action: 'ecr:UploadLayerPart',
    async run(exchange, ctx, repository, uploadId) {
      progress(exchange, 204, repository, uploadId, await uploads.receivedBytes(ctx, repository, uploadId))
    },
  }

  const cancel: Handler = {
    action: 'ecr:UploadLayerPart',
    async run(exchange, ctx, repository, uploadId) {
      await uploads.cancel(ctx, repository, uploadId)
      sendEmpty(exchange, 204, {})
    },
  }

  return {
    'blob-uploads': { POST: start },
    'blob-upload': { GET: status, HEAD: status, PATCH: append, PUT: finish, DELETE: cancel },
  }
}

/** `Content-Range: <first>-<last>`, inclusive (OCI end-5); also in the form of HTTP, `bytes <first>-<last>/<size>`. */
function bodyOf(exchange: Exchange): UploadBody {
  const stream = exchange.request
  const header = exchange.header('content-range')
  if (header === undefined) return { stream }
  const match = /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header.trim())
  const [first, last] = [Number(match?.[1]), Number(match?.[2])]
  if (!match || last < first) {
    // An empty body has no last byte: `0-0` and the like with no content are taken as no range at all.
    if (exchange.header('content-length') === '0') return { stream }
    throw new OciRefusal(400, 'BLOB_UPLOAD_INVALID', 'Content-Range must be <first>-<last>.')
  }
  if (exchange.header('content-length') === '0') return { stream }
  return { stream, range: { first, last } }
}
