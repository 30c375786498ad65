// Manifests as ECR's API takes them: exact text, with the blobs that must be there first. Small and plain on purpose; the images that real
// clients copy come from `support/image-builder.ts`.

import { createHash, randomBytes } from 'node:crypto'
import { mediaTypes } from '../../support/image-builder.ts'

export const foreignLayer = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'

export interface Blob {
  bytes: Buffer
  digest: string
  size: number
}

export interface Manifest {
  /** The exact text that is pushed. */
  text: string
  digest: string
  mediaType: string
  size: number
  /** What must be in the repository before it. */
  blobs: Blob[]
}

interface Descriptor {
  mediaType: string
  digest: string
  size: number
  [member: string]: unknown
}

export function sha256(bytes: string | Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function sha512(bytes: string | Buffer): string {
  return `sha512:${createHash('sha512').update(bytes).digest('hex')}`
}

export function blob(content: string | Buffer): Blob {
  const bytes = Buffer.from(content)
  return { bytes, digest: sha256(bytes), size: bytes.length }
}

export function randomBlob(size: number): Blob {
  return blob(randomBytes(size))
}

/** A digest that nothing has. */
export function unknownDigest(): string {
  return sha256(randomBytes(32))
}

export function descriptor(of: Blob | Manifest, mediaType: string, more: Record<string, unknown> = {}): Descriptor {
  return { mediaType, digest: of.digest, size: of.size, ...more }
}

export interface ManifestParts {
  layers?: Blob[]
  config?: Blob
  configMediaType?: string
  artifactType?: string
  annotations?: Record<string, string>
  subject?: Descriptor
  /** Layer descriptors for which no blob is pushed. */
  moreLayers?: Descriptor[]
  /** Without `mediaType` in the document, as OCI allows. */
  omitMediaType?: boolean
}

/** An OCI image manifest; its own config and one small random layer unless parts are given. */
export function ociImage(parts: ManifestParts = {}): Manifest {
  const layers = parts.layers ?? [randomBlob(1000)]
  const config = parts.config ?? imageConfig()
  return manifest(
    {
      schemaVersion: 2,
      ...(parts.omitMediaType ? {} : { mediaType: mediaTypes.ociManifest }),
      ...(parts.artifactType === undefined ? {} : { artifactType: parts.artifactType }),
      config: descriptor(config, parts.configMediaType ?? mediaTypes.ociConfig),
      layers: [...layers.map((layer) => descriptor(layer, mediaTypes.ociLayerGzip)), ...(parts.moreLayers ?? [])],
      ...(parts.subject ? { subject: parts.subject } : {}),
      ...(parts.annotations ? { annotations: parts.annotations } : {}),
    },
    mediaTypes.ociManifest,
    [config, ...layers],
  )
}

export function dockerImage(parts: Pick<ManifestParts, 'layers' | 'config'> = {}): Manifest {
  const layers = parts.layers ?? [randomBlob(1000)]
  const config = parts.config ?? imageConfig()
  return manifest(
    {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: descriptor(config, mediaTypes.dockerConfig),
      layers: layers.map((layer) => descriptor(layer, mediaTypes.dockerLayer)),
    },
    mediaTypes.dockerManifest,
    [config, ...layers],
  )
}

/** An artifact that refers to a subject, as signatures and SBOMs do. */
export function referrer(subject: Manifest, artifactType: string, annotations?: Record<string, string>): Manifest {
  return ociImage({
    artifactType,
    config: blob('{}'),
    configMediaType: mediaTypes.ociEmpty,
    layers: [randomBlob(20)],
    subject: descriptor(subject, subject.mediaType),
    ...(annotations ? { annotations } : {}),
  })
}

export function imageIndex(children: Manifest[], mediaType: string = mediaTypes.ociIndex): Manifest {
  return manifest(
    {
      schemaVersion: 2,
      mediaType,
      manifests: children.map((child, position) =>
        descriptor(child, child.mediaType, {
          platform: { os: 'linux', architecture: ['amd64', 'arm64', 's390x'][position % 3] },
        }),
      ),
    },
    mediaType,
    [],
  )
}

export function manifest(document: unknown, mediaType: string, blobs: Blob[]): Manifest {
  return manifestText(JSON.stringify(document, null, 2), mediaType, blobs)
}

export function manifestText(text: string, mediaType: string, blobs: Blob[] = []): Manifest {
  return { text, digest: sha256(text), mediaType, size: Buffer.byteLength(text), blobs }
}

function imageConfig(): Blob {
  return blob(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: '2026-01-02T03:04:05Z',
      config: { Labels: { unique: randomBytes(8).toString('hex') } },
      rootfs: { type: 'layers', diff_ids: [] },
      history: [],
    }),
  )
}
