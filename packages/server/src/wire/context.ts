// From a request of a wire to what the domain takes. The signal and the log are made when they are first asked for.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { SignedRequest } from '../auth/signature.ts'
import type { Principal } from '../base/principal.ts'
import type { RequestContext } from '../base/request-context.ts'
import type { Exchange } from '../http/exchange.ts'

export function contextOf(exchange: Exchange, principal: Principal, registry: RegistryName): RequestContext {
  return {
    requestId: exchange.requestId,
    principal,
    registry,
    get origin() {
      const userAgent = exchange.header('user-agent')
      const referer = exchange.header('referer')
      return {
        sourceIp: exchange.clientAddress,
        isSecure: exchange.isSecure,
        ...(userAgent === undefined ? {} : { userAgent }),
        ...(referer === undefined ? {} : { referer }),
      }
    },
    get signal() {
      return exchange.signal
    },
    get log() {
      return exchange.log
    },
  }
}

/** What a signature covers, as it came. */
export function signedRequest({ request }: Exchange): SignedRequest {
  return { method: request.method ?? '', target: request.url ?? '', rawHeaders: request.rawHeaders }
}
