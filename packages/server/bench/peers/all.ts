import type { StoreName } from '../../test/support/stores.ts'
import { berth, berthOn } from './berth.ts'
import { distribution3, dockerRegistry, dockerRegistryOnS3 } from './distribution.ts'
import { olareg } from './olareg.ts'
import type { Peer } from './peer.ts'
import { zot } from './zot.ts'

/** Ratios are to the second. */
export const peers: readonly Peer[] = [berth, dockerRegistry, distribution3, olareg, zot]

/** Berth on files with the peers beside it, and Berth on each of the other stores; the peer that can be on S3, where one of them is. */
export function peersOn(stores: readonly StoreName[]): readonly Peer[] {
  const others = stores.filter((store) => store !== 'files')
  const onS3 = others.some((store) => store.endsWith('s3'))
  return [...peers, ...others.map(berthOn), ...(onS3 ? [dockerRegistryOnS3] : [])]
}
