// Manifests: OCI end-3 (pull), end-7 (push), end-9 (delete).

import { parseDigest } from '@berth/api/names/digest.ts'
import { type ImageTag, parseImageTag } from '@berth/api/names/image-tag.ts'
import { maxManifestBytes } from '@berth/api/oci/manifest.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { ImageReference } from '../../domain/images/images.ts'
import type { Exchange } from '../../http/exchange.ts'
import { OciRefusal } from './errors.ts'
import type { Handler, OciParts } from './handler.ts'
import { isNotModified, sendBytes, sendEmpty, untrustedContentHeaders } from './reply.ts'

/** A push by digest may name that many tags (OCI end-7b asks for ten at least). */
const maxTagParameters = 100

export function manifestHandlers({ images, bodies }: OciParts): { manifest: Record<string, Handler> } {
  const pull: Handler = {
    action: 'ecr:BatchGetImage',
    async run(exchange, ctx, repository, text) {
      const reference = parseReference(text)
      const { response } = exchange
      const image =
        exchange.method === 'HEAD'
          ? await images.stat(ctx, repository, reference)
          : await images.pull(ctx, repository, reference)
      response.setHeader('Docker-Content-Digest', image.digest)
      response.setHeader('ETag', `"${image.digest}"`)
      if (isNotModified(exchange, image.digest)) {
        sendEmpty(exchange, 304, {})
        return
      }
      for (const [name, value] of Object.entries(untrustedContentHeaders)) response.setHeader(name, value)
      if ('bytes' in image) {
        sendBytes(exchange, 200, image.bytes as Uint8Array, image.mediaType)
        return
      }
      response.setHeader('Content-Type', image.mediaType)
      response.setHeader('Content-Length', image.size)
      response.end()
    },
  }

  const push: Handler = {
    action: 'ecr:PutImage',
    async run(exchange, ctx, repository, text) {
      const reference = parseReference(text)
      const tags = reference.kind === 'tag' ? [reference.text] : tagParameters(exchange)
      const mediaType = exchange.header('content-type')?.split(';')[0]?.trim()
      const stored = await bodies.read(exchange.request, { maxBytes: maxManifestBytes, timeoutMs: 60_000 }, (bytes) =>
        images.put(ctx, repository, {
          bytes,
          mediaType,
          digest: reference.kind === 'digest' ? reference.text : undefined,
          tags,
        }),
      )
      sendEmpty(exchange, 201, {
        Location: `/v2/${repository}/manifests/${text}`,
        'Docker-Content-Digest': stored.digest,
        ...(stored.subject ? { 'OCI-Subject': stored.subject } : {}),
        ...(reference.kind === 'digest' && tags.length > 0 ? { 'OCI-Tag': tags.join(', ') } : {}),
      })
    },
  }

  const remove: Handler = {
    action: 'ecr:BatchDeleteImage',
    async run(exchange: Exchange, ctx: RequestContext, repository, text) {
      await images.delete(ctx, repository, parseReference(text))
      sendEmpty(exchange, 202, {})
    },
  }

  return { manifest: { GET: pull, HEAD: pull, PUT: push, DELETE: remove } }
}

function parseReference(text: string): ImageReference {
  if (text.includes(':')) {
    const digest = parseDigest(text)
    if (!digest) throw new OciRefusal(400, 'DIGEST_INVALID', 'The digest is none of sha256 or sha512 in lower case.')
    return { kind: 'digest', text: digest }
  }
  const tag = parseImageTag(text)
  if (!tag)
    throw new OciRefusal(400, 'TAG_INVALID', "The tag must satisfy the expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'.")
  return { kind: 'tag', text: tag }
}

/** OCI end-7b: `?tag=<a>&tag=<b>` with a push by digest. */
function tagParameters(exchange: Exchange): ImageTag[] {
  const texts = [...new Set(exchange.query.getAll('tag'))]
  if (texts.length > maxTagParameters)
    throw new OciRefusal(414, 'TAG_INVALID', `A push may name ${maxTagParameters} tags at most.`)
  return texts.map((text) => {
    const tag = parseImageTag(text)
    if (!tag)
      throw new OciRefusal(400, 'TAG_INVALID', "A tag must satisfy the expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'.")
    return tag
  })
}
