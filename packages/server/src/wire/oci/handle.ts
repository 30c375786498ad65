// A request of the docker wire, step by step: match, authenticate, name, authorize, run. Any throw ends in `fail`, the only writer
// of errors.

import { type Region, repositoryArn } from '@berth/api/names/registry.ts'
import { parseRepositoryName, repositoryNamePattern } from '@berth/api/names/repository-name.ts'
import type { DockerTokens } from '../../auth/docker-token.ts'
import { RegistryError } from '../../base/errors.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { Call } from '../auditor.ts'
import { contextOf } from '../context.ts'
import { auditedAnswer, auditedName, auditedParameters } from './audited-request.ts'
import { uploadHandlers } from './blob-uploads.ts'
import { blobHandlers } from './blobs.ts'
import { authenticate } from './credentials.ts'
import { OciRefusal } from './errors.ts'
import { type FailParts, fail } from './fail.ts'
import type { Handler, OciParts } from './handler.ts'
import { manifestHandlers } from './manifests.ts'
import { referrersHandlers } from './referrers.ts'
import { sendJson } from './reply.ts'
import { type EndpointName, matchPath, type RouteMatch } from './routes.ts'
import { tagsHandlers } from './tags.ts'

export type OciWire = (exchange: Exchange) => Promise<void>

export function createOciWire(
  parts: OciParts & FailParts & { tokens: DockerTokens; isServed: (region: Region) => boolean },
): OciWire {
  const handlers: Record<EndpointName, Readonly<Record<string, Handler>>> = {
    version: { GET: version, HEAD: version },
    ...tagsHandlers(parts),
    ...manifestHandlers(parts),
    ...blobHandlers(parts),
    ...uploadHandlers(parts),
    ...referrersHandlers(parts),
  }

  function handlerOf(exchange: Exchange, match: RouteMatch | undefined): Handler {
    if (!match) throw new OciRefusal(404, 'UNSUPPORTED', 'There is no such endpoint.')
    const methods = handlers[match.endpoint]
    const handler = Object.hasOwn(methods, exchange.method) ? methods[exchange.method] : undefined
    if (handler) return handler
    throw new OciRefusal(405, 'UNSUPPORTED', 'The operation is unsupported.', {
      Allow: Object.keys(methods).join(', '),
    })
  }

  /** What was asked for by whoever did not get as far as to be asked what he wants. */
  function nameOf(exchange: Exchange): string {
    try {
      const match = matchPath(exchange.path)
      return auditedName(match, handlerOf(exchange, match).action)
    } catch {
      return auditedName(undefined, undefined)
    }
  }

  async function run(exchange: Exchange, call: Call): Promise<void> {
    const { principal, registry } = await authenticate(exchange, parts.tokens, parts.isServed, call)
    const match = matchPath(exchange.path)
    const handler = handlerOf(exchange, match)
    const ctx = contextOf(exchange, principal, registry)
    const { repository = '', reference = '' } = match ?? {}
    call.name = auditedName(match, handler.action)
    call.accountId = registry.accountId
    call.input = match && auditedParameters(exchange, registry, match)
    if (handler.action) {
      const isOfRepository = match?.endpoint !== 'catalog'
      if (isOfRepository && !parseRepositoryName(repository)) throw nameInvalid(repository)
      exchange.record.action = handler.action
      exchange.record.repository = repository
      const resource = repositoryArn(ctx.registry, repository === '' ? '*' : repository)
      call.resources = [resource]
      const access = (action: string) => ({ action, resource, accountId: ctx.registry.accountId })
      const { authorizer } = parts
      const isOpen = handler.or !== undefined && (await authorizer.isAuthorized(ctx, access(handler.or)))
      const needed = isOpen ? [] : [handler.action]
      for (const action of [...needed, ...(handler.also?.(exchange) ?? [])]) {
        await authorizer.authorize(ctx, access(action))
      }
    }
    await handler.run(exchange, ctx, repository, reference)
  }

  return async (exchange) => {
    exchange.response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0')
    const call: Call = { source: 'ecr' }
    try {
      await run(exchange, call)
      // Looking at the headers of an image is no pull.
      if (exchange.method !== 'HEAD') parts.auditor.record(exchange, call, { output: auditedAnswer(exchange) })
    } catch (failure) {
      call.name ??= nameOf(exchange)
      fail(exchange, call, failure, parts)
    }
  }
}

const version: Handler = {
  action: undefined,
  run: async (exchange) => sendJson(exchange, 200, {}),
}

function nameInvalid(name: string): RegistryError {
  const constraint =
    name.length < 2
      ? 'must have length greater than or equal to 2'
      : name.length > 256
        ? 'must have length less than or equal to 256'
        : `must satisfy regular expression '${repositoryNamePattern}'`
  return new RegistryError({ code: 'InvalidParameter', member: 'repositoryName', constraint })
}
