// What every domain function takes first: the registry that is spoken to, who speaks, and when to give up.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Log } from './log.ts'
import type { Principal } from './principal.ts'

export interface RequestContext {
  requestId: string
  principal: Principal
  /** The registry that the request names: an account and a region. */
  registry: RegistryName
  signal: AbortSignal
  log: Log
}
