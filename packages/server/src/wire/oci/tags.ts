// Tags (OCI end-8) and the catalog, both in byte order, with pages that follow `last` or the Link header.

import type { Exchange } from '../../http/exchange.ts'
import { OciRefusal } from './errors.ts'
import type { Handler, OciParts } from './handler.ts'
import { sendJson } from './reply.ts'

/** ECR's largest page, with and without `n`. The specification lets a registry give fewer than `n`, with a Link to the rest. */
const maxPage = 1000

export function tagsHandlers({ images, repositories }: OciParts): Record<'tags' | 'catalog', Record<string, Handler>> {
  const tags: Handler = {
    action: 'ecr:ListImages',
    async run(exchange, ctx, repository) {
      const { limit, after } = pageOf(exchange)
      const page = await images.tags(ctx, repository, after, Math.max(1, limit))
      const shown = page.tags.slice(0, limit)
      if (page.hasMore && limit > 0) link(exchange, `/v2/${repository}/tags/list`, shown.at(-1) ?? '', limit)
      sendJson(exchange, 200, { name: repository, tags: shown })
    },
  }
  const catalog: Handler = {
    action: 'ecr:DescribeRepositories',
    async run(exchange, ctx) {
      const { limit, after } = pageOf(exchange)
      const page = await repositories.list(ctx, after, Math.max(1, limit))
      const names = page.repositories.slice(0, limit).map((repository) => repository.name)
      if (page.next !== undefined && limit > 0) link(exchange, '/v2/_catalog', page.next, limit)
      sendJson(exchange, 200, { repositories: names })
    },
  }
  return { tags: { GET: tags, HEAD: tags }, catalog: { GET: catalog, HEAD: catalog } }
}

function pageOf(exchange: Exchange): { limit: number; after: string | undefined } {
  const { query } = exchange
  const n = query.get('n')
  if (n !== null && !/^\d{1,9}$/.test(n))
    throw new OciRefusal(400, 'UNSUPPORTED', 'The query parameter n must be a number.')
  return { limit: Math.min(Number(n ?? maxPage), maxPage), after: lastOf(exchange) }
}

/** Where a page begins (`last`). Nothing that is listed has a NUL in its name, and a text that ends before it has the same place. */
export function lastOf(exchange: Exchange): string | undefined {
  return exchange.query.get('last')?.slice(0, 512).split('\0', 1)[0]
}

function link(exchange: Exchange, path: string, last: string, limit: number): void {
  exchange.response.setHeader('Link', `<${path}?last=${encodeURIComponent(last)}&n=${limit}>; rel="next"`)
}
