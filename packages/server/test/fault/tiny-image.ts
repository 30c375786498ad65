// Images that are small and many: one config and one layer, shared, and a manifest for each.

import { randomBytes } from 'node:crypto'
import type { Target } from './target.ts'

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json'

export interface Base {
  config: { mediaType: string; digest: string; size: number }
  layers: { mediaType: string; digest: string; size: number }[]
}

/** Pushes what the manifests of a repository name. */
export async function pushBase({ wire }: Target, repository: string): Promise<Base> {
  const [config, layer] = [Buffer.from('{"architecture":"amd64","os":"linux"}'), randomBytes(1000)]
  return {
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: await wire.pushBlob(repository, config, 'monolithic'),
      size: config.length,
    },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: await wire.pushBlob(repository, layer, 'monolithic'),
        size: layer.length,
      },
    ],
  }
}

/** A manifest of about as many bytes as asked for, different for each name. */
export function imageOf(base: Base, name: string, bytes = 0): Buffer {
  const annotations = { name, padding: randomBytes(Math.max(0, Math.floor((bytes - 600) / 2))).toString('hex') }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, ...base, annotations }))
}
