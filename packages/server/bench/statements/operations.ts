// A push and a pull, request by request, each one a row of the count.

import { CreateRepositoryCommand, DescribeImagesCommand, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import { Connection, requestHead } from '../load/connection.ts'
import { type Content, manifestType, randomImage } from '../load/content.ts'
import type { RunningBerth } from '../peers/berth.ts'

/** Does one operation and says what it was. */
export type Count = <T>(operation: string, run: () => Promise<T>) => Promise<T>

/** The operations in the order in which clients do them, once; `n` makes the names its own. */
export async function pushAndPull({ target, ecr }: RunningBerth, n: number, count: Count): Promise<void> {
  const connection = await Connection.open(target.host, target.port)
  const send = async (status: number, method: string, path: string, type = '', pieces?: readonly Uint8Array[]) => {
    const length = pieces?.reduce((sum, piece) => sum + piece.length, 0)
    const headers = {
      Host: `${target.host}:${target.port}`,
      ...target.headers,
      ...(type && { 'Content-Type': type }),
      ...(length !== undefined && { 'Content-Length': String(length) }),
    }
    const head = requestHead(method, path, headers)
    const answer = await connection.exchange({ head, headOnly: method === 'HEAD', ...(pieces && { body: pieces }) })
    if (answer.status !== status)
      throw new Error(`${method} ${path}: ${answer.status} instead of ${status}: ${answer.body}`)
    return /\r\nlocation: *(?:https?:\/\/[^/]+)?(\S+)/i.exec(answer.head)?.[1] ?? ''
  }
  const bytes = 'application/octet-stream'
  const closing = (location: string, { digest }: Content) =>
    `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`
  try {
    const [repositoryName, other] = [`statements/r${n}`, `statements/other${n}`]
    const base = `/v2/${repositoryName}`
    // Blobs as small as the config are rows.
    const image = randomImage(repositoryName, 'first', [100_000, 100_000])
    const [layer, second, config] = image.contents as [Content, Content, Content]
    const manifest = [Buffer.from(image.manifest)]
    await ecr.send(new CreateRepositoryCommand({ repositoryName: other }))

    await count('GetAuthorizationToken', () => ecr.send(new GetAuthorizationTokenCommand({})))
    await count('CreateRepository', () => ecr.send(new CreateRepositoryCommand({ repositoryName })))
    await count('blob HEAD, absent', () => send(404, 'HEAD', `${base}/blobs/${layer.digest}`))
    let upload = await count('POST upload', () => send(202, 'POST', `${base}/blobs/uploads/`, '', []))
    upload = await count('PATCH', () => send(202, 'PATCH', upload, bytes, layer.pieces))
    await count('PUT blob, empty after the PATCH', () => send(201, 'PUT', closing(upload, layer), bytes, []))
    upload = await send(202, 'POST', `${base}/blobs/uploads/`, '', [])
    await count('PUT blob, monolithic', () => send(201, 'PUT', closing(upload, second), bytes, second.pieces))
    upload = await send(202, 'POST', `${base}/blobs/uploads/`, '', [])
    await count('PUT small blob, monolithic', () => send(201, 'PUT', closing(upload, config), bytes, config.pieces))
    await count('POST that mounts', () =>
      send(201, 'POST', `/v2/${other}/blobs/uploads/?mount=${layer.digest}&from=${repositoryName}`, '', []),
    )
    await count('PUT manifest', () => send(201, 'PUT', `${base}/manifests/first`, manifestType, manifest))
    await count('PUT manifest, another tag', () => send(201, 'PUT', `${base}/manifests/second`, manifestType, manifest))
    await count('manifest HEAD by tag', () => send(200, 'HEAD', `${base}/manifests/first`))
    await count('manifest GET by tag', () => send(200, 'GET', `${base}/manifests/first`))
    await count('manifest GET by digest', () => send(200, 'GET', `${base}/manifests/${image.digest}`))
    await count('blob HEAD', () => send(200, 'HEAD', `${base}/blobs/${layer.digest}`))
    await count('blob GET', () => send(200, 'GET', `${base}/blobs/${layer.digest}`))
    await count('tags/list', () => send(200, 'GET', `${base}/tags/list`))
    await count('DescribeImages', () => ecr.send(new DescribeImagesCommand({ repositoryName })))
  } finally {
    connection.close()
  }
}
