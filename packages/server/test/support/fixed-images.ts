// Images that are the same in each run, so that whole answers can be written down: small, made of texts, in Docker's or OCI's form.

import { digestOf, mediaTypes } from './image-builder.ts'

export interface FixedImage {
  text: string
  mediaType: string
  digest: string
  /** Contents that must be in the repository before it. */
  blobs: string[]
}

export interface FixedOptions {
  mediaType?: string
  configMediaType?: string
  artifactType?: string
  annotations?: Record<string, string>
  subject?: FixedImage | { mediaType: string; digest: string; size: number }
  layers?: string[]
  /** Members that are put in as they are, or taken out when undefined. */
  more?: Record<string, unknown>
}

/** An image whose config and only layer say the name. */
export function fixedImage(name: string, options: FixedOptions = {}): FixedImage {
  const config = `{"name":${JSON.stringify(name)}}`
  const layers = options.layers ?? [`layer of ${name}`]
  const { mediaType = mediaTypes.ociManifest } = options
  return fixedManifest(
    {
      schemaVersion: 2,
      mediaType,
      ...(options.artifactType === undefined ? {} : { artifactType: options.artifactType }),
      config: descriptorOf(config, options.configMediaType ?? mediaTypes.ociConfig),
      layers: layers.map((layer) => descriptorOf(layer, mediaTypes.ociLayer)),
      ...(options.subject ? { subject: descriptorOfImage(options.subject) } : {}),
      ...(options.annotations ? { annotations: options.annotations } : {}),
      ...options.more,
    },
    mediaType,
    [config, ...layers],
  )
}

export function fixedIndex(children: FixedImage[], options: FixedOptions = {}): FixedImage {
  const { mediaType = mediaTypes.ociIndex } = options
  return fixedManifest(
    {
      schemaVersion: 2,
      mediaType,
      ...(options.artifactType === undefined ? {} : { artifactType: options.artifactType }),
      manifests: children.map(descriptorOfImage),
      ...(options.subject ? { subject: descriptorOfImage(options.subject) } : {}),
      ...(options.annotations ? { annotations: options.annotations } : {}),
      ...options.more,
    },
    mediaType,
    [],
  )
}

export function fixedManifest(document: unknown, mediaType: string, blobs: string[] = []): FixedImage {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  return { text, mediaType, digest: digestOf(Buffer.from(text)), blobs }
}

export function descriptorOf(content: string, mediaType: string): { mediaType: string; digest: string; size: number } {
  const bytes = Buffer.from(content)
  return { mediaType, digest: digestOf(bytes), size: bytes.length }
}

function descriptorOfImage(image: FixedImage | { mediaType: string; digest: string; size: number }) {
  const size = 'text' in image ? Buffer.byteLength(image.text) : image.size
  return { mediaType: image.mediaType, digest: image.digest, size }
}
