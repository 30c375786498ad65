import { berth } from './berth.ts'
import { distribution3, dockerRegistry } from './distribution.ts'
import { olareg } from './olareg.ts'
import type { Peer } from './peer.ts'
import { zot } from './zot.ts'

/** Ratios are to the second. */
export const peers: readonly Peer[] = [berth, dockerRegistry, distribution3, olareg, zot]
