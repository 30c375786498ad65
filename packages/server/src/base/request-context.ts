// What every domain function takes first: the registry that is spoken to, who speaks and from where, and when to give up.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Log } from './log.ts'
import type { Principal } from './principal.ts'

/** What conditions of policies may ask about the connection (IAM, "Properties of the network" and "of the request"). */
export interface Origin {
  /** As far as proxies are trusted. */
  sourceIp: string
  /** TLS all the way, as far as it can be trusted to be known. */
  isSecure: boolean
  userAgent?: string
  referer?: string
}

export interface RequestContext {
  requestId: string
  principal: Principal
  /** The registry that the request names: an account and a region. */
  registry: RegistryName
  origin: Origin
  signal: AbortSignal
  log: Log
}
