// The endpoints of the OCI distribution specification, as rows, and the reading of a path. Repository names contain slashes and may
// contain any word of a path, so a path is matched from its right end.

import { RegistryError } from '../../base/errors.ts'

export type EndpointName =
  | 'version'
  | 'catalog'
  | 'tags'
  | 'manifest'
  | 'blob'
  | 'blob-uploads'
  | 'blob-upload'
  | 'referrers'

export interface RouteMatch {
  endpoint: EndpointName
  /** As the path says it: not checked yet. Empty for the version and the catalog. */
  repository: string
  /** The tag, digest or upload id at the end; empty where the endpoint has none. */
  reference: string
}

/** What a path under `/v2/` names, or undefined when it is no endpoint. @throws RegistryError InvalidParameter for a hostile path */
export function matchPath(path: string): RouteMatch | undefined {
  if (path === '/v2' || path === '/v2/') return { endpoint: 'version', repository: '', reference: '' }
  const segments = path.slice('/v2/'.length).split('/').map(decodeSegment)
  const count = segments.length
  const last = segments[count - 1] ?? ''
  const second = segments[count - 2]
  const third = segments[count - 3]
  const before = (n: number) => segments.slice(0, count - n).join('/')

  if (count === 1) return last === '_catalog' ? { endpoint: 'catalog', repository: '', reference: '' } : undefined
  if (count >= 4 && third === 'blobs' && second === 'uploads') {
    return last === ''
      ? { endpoint: 'blob-uploads', repository: before(3), reference: '' }
      : { endpoint: 'blob-upload', repository: before(3), reference: last }
  }
  if (count < 3) return undefined
  const repository = before(2)
  if (second === 'blobs' && last === 'uploads') return { endpoint: 'blob-uploads', repository, reference: '' }
  if (second === 'tags' && last === 'list') return { endpoint: 'tags', repository, reference: '' }
  if (second === 'manifests') return { endpoint: 'manifest', repository, reference: last }
  if (second === 'blobs') return { endpoint: 'blob', repository, reference: last }
  if (second === 'referrers') return { endpoint: 'referrers', repository, reference: last }
  return undefined
}

/** Clients may escape the colon of a digest. Whatever would make two paths of one name is refused. */
function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  let decoded: string
  try {
    decoded = decodeURIComponent(segment)
  } catch {
    decoded = '/'
  }
  if (
    decoded.includes('/') ||
    decoded.includes('\\') ||
    decoded.includes('\0') ||
    decoded === '.' ||
    decoded === '..'
  ) {
    throw new RegistryError({
      code: 'InvalidParameter',
      member: 'repositoryName',
      constraint: 'must not contain an encoded slash or dot segment',
    })
  }
  return decoded
}
