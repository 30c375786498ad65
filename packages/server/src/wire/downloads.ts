// Signed links to blobs, `/_berth/blobs/<token>`: what GetDownloadUrlForLayer gives out. The token names one blob of one repository
// and the key that asked for it, and ends after a quarter of an hour. What it names is looked up, and authorized, at each use.

import { parseDigest } from '@berth/api/names/digest.ts'
import { type RegistryName, repositoryArn } from '@berth/api/names/registry.ts'
import type { SealedValues } from '../auth/sealed-value.ts'
import type { Clock } from '../base/clock.ts'
import type { RequestContext } from '../base/request-context.ts'
import type { Blobs } from '../domain/blobs/blobs.ts'
import type { Identities } from '../domain/identities/identities.ts'
import type { Authorizer } from '../domain/policies/authorize.ts'
import type { Exchange } from '../http/exchange.ts'
import type { SendContent } from '../http/send-content.ts'
import type { Call } from './auditor.ts'
import { contextOf } from './context.ts'
import type { RedirectBlob } from './oci/blob-redirects.ts'
import { sendBlob } from './oci/blobs.ts'
import { FailedLogin, OciRefusal } from './oci/errors.ts'
import { type FailParts, fail } from './oci/fail.ts'

const lifetimeMs = 15 * 60 * 1000
export const downloadPath = '/_berth/blobs/'

export interface DownloadTicket extends RegistryName {
  repository: string
  digest: string
  accessKeyId: string
  expiresAt: number
}

export interface Downloads {
  /** Path and query. */
  link(ctx: RequestContext, repository: string, digest: string): string
  handle(exchange: Exchange): Promise<void>
}

export interface DownloadParts extends FailParts {
  tickets: SealedValues<DownloadTicket>
  installationId: string
  identities: Identities
  authorizer: Authorizer
  blobs: Blobs
  clock: Clock
  sendContent: SendContent
  redirectBlob: RedirectBlob
}

export function createDownloads(parts: DownloadParts): Downloads {
  const { tickets, installationId, identities, authorizer, blobs, clock } = parts

  async function send(exchange: Exchange, call: Call): Promise<void> {
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
      throw new OciRefusal(405, 'UNSUPPORTED', 'A download link can only be read.', { Allow: 'GET, HEAD' })
    }
    const ticket = tickets.open(exchange.path.slice(downloadPath.length), installationId)
    const digest = parseDigest(ticket?.digest ?? '')
    if (!ticket || !digest) throw new FailedLogin(403, 'DENIED', 'The download link is not valid.')
    const registry = { accountId: ticket.accountId, region: ticket.region }
    const resource = repositoryArn(registry, ticket.repository)
    call.claimedAccessKeyId = ticket.accessKeyId
    call.region = ticket.region
    call.accountId = ticket.accountId
    call.input = { registryId: ticket.accountId, repositoryName: ticket.repository, layerDigest: digest }
    call.resources = [resource]
    if (ticket.expiresAt <= clock.now())
      throw new OciRefusal(403, 'DENIED', 'The download link has expired. Ask for a new one.')
    const accessKey = await identities.findAccessKey(ticket.accessKeyId)
    if (!accessKey) throw new FailedLogin(403, 'DENIED', 'The download link is not valid any more.')
    const { principal } = accessKey
    call.principal = principal
    exchange.record.principal = principal.arn
    exchange.record.action = 'ecr:GetDownloadUrlForLayer'
    exchange.record.repository = ticket.repository
    const ctx = contextOf(exchange, principal, registry)
    await authorizer.authorize(ctx, {
      action: 'ecr:GetDownloadUrlForLayer',
      resource,
      accountId: registry.accountId,
    })
    await sendBlob(exchange, await blobs.get(ctx, ticket.repository, digest), parts)
  }

  return {
    link(ctx, repository, digest) {
      const ticket: DownloadTicket = {
        ...ctx.registry,
        repository,
        digest,
        accessKeyId: ctx.principal.accessKeyId,
        expiresAt: clock.now() + lifetimeMs,
      }
      return downloadPath + tickets.seal(ticket, installationId)
    },
    async handle(exchange) {
      const call: Call = { source: 'ecr', name: 'GetDownloadUrlForLayer' }
      try {
        await send(exchange, call)
        parts.auditor.record(exchange, call, {})
      } catch (failure) {
        fail(exchange, call, failure, parts)
      }
    },
  }
}
