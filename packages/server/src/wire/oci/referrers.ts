// Referrers: OCI end-12. An unknown subject has none; that is no error.

import { manifestMediaTypes } from '@berth/api/oci/media-types.ts'
import { requireDigest } from './blobs.ts'
import type { Handler, OciParts } from './handler.ts'
import { sendJson } from './reply.ts'
import { lastOf } from './tags.ts'

const pageSize = 500

export function referrersHandlers({ referrers }: OciParts): { referrers: Record<string, Handler> } {
  const list: Handler = {
    action: 'ecr:BatchGetImage',
    async run(exchange, ctx, repository, reference) {
      const subject = requireDigest(reference)
      const artifactType = exchange.query.get('artifactType')
      const after = lastOf(exchange)
      const page = await referrers.list(
        ctx,
        repository,
        subject,
        artifactType ? [artifactType] : undefined,
        after,
        pageSize,
      )
      if (artifactType) exchange.response.setHeader('OCI-Filters-Applied', 'artifactType')
      if (page.next) {
        const filter = artifactType ? `&artifactType=${encodeURIComponent(artifactType)}` : ''
        exchange.response.setHeader(
          'Link',
          `</v2/${repository}/referrers/${subject}?last=${page.next}${filter}>; rel="next"`,
        )
      }
      const index = { schemaVersion: 2, mediaType: manifestMediaTypes.ociIndex, manifests: page.referrers }
      sendJson(exchange, 200, index, manifestMediaTypes.ociIndex)
    },
  }
  return { referrers: { GET: list, HEAD: list } }
}
