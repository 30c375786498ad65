// Who speaks on the docker wire, and to which registry: Basic with user AWS and a token of GetAuthorizationToken
// (ECR, docs/compatibility.md).

import { parseAccountId, parseRegion, type Region, type RegistryName } from '@berth/api/names/registry.ts'
import type { DockerTokens, OpenedToken } from '../../auth/docker-token.ts'
import type { Principal } from '../../base/principal.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { Call } from '../auditor.ts'
import { FailedLogin, OciRefusal } from './errors.ts'

export interface DockerAccess {
  principal: Principal
  registry: RegistryName
}

/** Tells `call` who it is, or says to be. @throws OciRefusal 401 with the challenge, 400 or 403 as ECR answers a bad, foreign or expired token */
export async function authenticate(
  exchange: Exchange,
  tokens: DockerTokens,
  isServed: (region: Region) => boolean,
  call: Call,
): Promise<DockerAccess> {
  const { authorization, host = '' } = exchange.request.headers
  const token: OpenedToken = authorization === undefined ? { is: 'absent' } : await tokens.open(authorization)
  if (token.is === 'absent') {
    const scheme = exchange.isSecure ? 'https' : 'http'
    throw new OciRefusal(401, 'UNAUTHORIZED', 'Not Authorized', {
      'WWW-Authenticate': `Basic realm="${scheme}://${host.replace(/[^\w.:[\]-]/g, '')}/",service="ecr.amazonaws.com"`,
    })
  }
  if (token.is === 'malformed') throw new FailedLogin(400, 'DENIED', 'Your Authorization Token is invalid.')
  if ('accessKeyId' in token) call.claimedAccessKeyId = token.accessKeyId
  if (token.is === 'expired') {
    throw new OciRefusal(403, 'DENIED', 'Your authorization token has expired. Reauthenticate and try again.')
  }
  if (token.is === 'revoked')
    throw new FailedLogin(403, 'DENIED', 'The security token included in the request is invalid.')
  const { principal } = token
  exchange.record.principal = principal.arn
  call.principal = principal
  call.region = token.region
  const named = registryOfHost(host)
  if (named && named.region !== token.region) {
    throw new OciRefusal(
      400,
      'DENIED',
      `Your Authorization Token is of region ${token.region} and not of ${named.region}.`,
    )
  }
  if (!isServed(token.region)) throw new OciRefusal(400, 'DENIED', `The region ${token.region} is not served here.`)
  return { principal, registry: named ?? { accountId: principal.accountId, region: token.region } }
}

const hostPattern = /^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+$/

/** The registry of a host like `<account>.dkr.ecr.<region>.<any suffix>`; undefined for a plain host. */
export function registryOfHost(host: string): RegistryName | undefined {
  const match = hostPattern.exec(host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, ''))
  const accountId = parseAccountId(match?.[1] ?? '')
  const region = parseRegion(match?.[2] ?? '')
  return accountId && region ? { accountId, region } : undefined
}
