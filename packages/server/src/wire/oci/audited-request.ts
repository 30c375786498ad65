// A request of the docker wire in the words of ECR's API, for the audit log: what `docker push` does reads like what `aws ecr` does.

import type { RegistryName } from '@berth/api/names/registry.ts'
import type { Exchange } from '../../http/exchange.ts'
import type { RouteMatch } from './routes.ts'

/** The operation of ECR that does the same as the action of a row; without one it is the question whether a login is good. */
export function auditedName(match: RouteMatch | undefined, action: string | undefined): string {
  if (match?.endpoint === 'referrers') return 'ListImageReferrers'
  return action?.replace(/^ecr:/, '') ?? 'DockerLogin'
}

/** `requestParameters` of CloudTrail, as ECR has them for that operation. */
export function auditedParameters(
  exchange: Exchange,
  registry: RegistryName,
  { endpoint, repository, reference }: RouteMatch,
): object | undefined {
  if (endpoint === 'version') return undefined
  const registryId = registry.accountId
  if (endpoint === 'catalog') return { registryId }
  const about = { registryId, repositoryName: repository }
  const { query } = exchange
  const given = (member: string, parameter: string) =>
    query.has(parameter) ? { [member]: query.get(parameter) as string } : {}
  switch (endpoint) {
    case 'tags':
      return about
    case 'manifest': {
      const imageId = reference.includes(':') ? { imageDigest: reference } : { imageTag: reference }
      if (exchange.method !== 'PUT') return { ...about, imageIds: [imageId] }
      const tags = query.getAll('tag')
      const imageManifestMediaType = exchange.header('content-type')
      return {
        ...about,
        ...imageId,
        ...(tags.length > 0 ? { imageTags: tags } : {}),
        ...(imageManifestMediaType === undefined ? {} : { imageManifestMediaType }),
      }
    }
    case 'blob':
      return { ...about, layerDigest: reference }
    case 'referrers':
      return { ...about, subjectId: { imageDigest: reference } }
    case 'blob-uploads':
      return { ...about, ...given('layerDigest', 'digest'), ...given('mount', 'mount'), ...given('from', 'from') }
    case 'blob-upload':
      return { ...about, uploadId: reference, ...given('layerDigest', 'digest') }
  }
}

/** `responseElements`: what the headers of a change's answer say. */
export function auditedAnswer({ response }: Exchange): object | undefined {
  const text = (name: string) => response.getHeader(name)
  const [digest, uploadId] = [text('docker-content-digest'), text('docker-upload-uuid')]
  if (digest === undefined && uploadId === undefined) return undefined
  return { ...(digest === undefined ? {} : { digest }), ...(uploadId === undefined ? {} : { uploadId }) }
}
