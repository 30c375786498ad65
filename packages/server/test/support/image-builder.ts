// Images made in the test: random layers, their configs, manifests, indexes and artifacts, kept in memory and written out as an OCI
// layout that every client can read. Nothing comes from the internet, and no two images share a byte unless the test says so.

import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'

export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const

export interface Platform {
  os: string
  architecture: string
  variant?: string
}

export interface Descriptor {
  mediaType: string
  digest: string
  size: number
  platform?: Platform
  artifactType?: string
  annotations?: Record<string, string>
}

export interface Layer {
  descriptor: Descriptor
  /** The digest of the tar inside. */
  diffId: string
}

interface Manifest {
  mediaType?: string
  config?: Descriptor
  layers?: Descriptor[]
  manifests?: Descriptor[]
  subject?: Descriptor
}

export interface ImageOptions {
  platform?: Platform
  /** Layers that exist already, or the sizes of new ones. Two small ones when left out. */
  layers?: (Layer | number)[]
  annotations?: Record<string, string>
  subject?: Descriptor
  /** Docker's schema 2 media types in place of OCI's. */
  docker?: boolean
}

export interface ArtifactOptions {
  artifactType: string
  files?: { mediaType: string; bytes: Buffer; annotations?: Record<string, string> }[]
  subject?: Descriptor
  annotations?: Record<string, string>
}

export interface IndexOptions {
  annotations?: Record<string, string>
  subject?: Descriptor
  artifactType?: string
  docker?: boolean
}

export interface ImageBuilder {
  layer(size: number, compression?: 'gzip' | 'zstd' | 'none', docker?: boolean): Layer
  image(options?: ImageOptions): Descriptor
  index(children: Descriptor[], options?: IndexOptions): Descriptor
  artifact(options: ArtifactOptions): Descriptor
  blob(bytes: Buffer, mediaType?: string): Descriptor
  /** The bytes behind a digest. Throws when this builder did not make them. */
  bytes(digest: string): Buffer
  /** Everything that a descriptor needs, children before parents, itself last. Subjects are not part of it. */
  reachable(root: Descriptor): Descriptor[]
  /** Writes an OCI layout: everything that `tags` reach. Returns the folder. */
  writeLayout(folder: string, tags: Record<string, Descriptor>): string
}

export function digestOf(bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export function imageBuilder(): ImageBuilder {
  const content = new Map<string, Buffer>()
  let files = 0

  const blob = (bytes: Buffer, mediaType = 'application/octet-stream'): Descriptor => {
    const digest = digestOf(bytes)
    content.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: unknown, mediaType: string) => blob(Buffer.from(JSON.stringify(value)), mediaType)
  const bytes = (digest: string): Buffer => {
    const found = content.get(digest)
    if (!found) throw new Error(`${digest} was not made by this builder`)
    return found
  }

  const layer = (size: number, compression: 'gzip' | 'zstd' | 'none' = 'gzip', docker = false): Layer => {
    files += 1
    const tar = tarOf(`file-${files}.bin`, randomBytes(size))
    if (compression === 'none') return { descriptor: blob(tar, mediaTypes.ociLayer), diffId: digestOf(tar) }
    if (compression === 'zstd') {
      return { descriptor: blob(zstdCompressSync(tar), mediaTypes.ociLayerZstd), diffId: digestOf(tar) }
    }
    const packed = gzipSync(tar, { level: 1 })
    return {
      descriptor: blob(packed, docker ? mediaTypes.dockerLayer : mediaTypes.ociLayerGzip),
      diffId: digestOf(tar),
    }
  }

  const image = (options: ImageOptions = {}): Descriptor => {
    const { platform = { os: 'linux', architecture: 'amd64' }, docker = false } = options
    const layers = (options.layers ?? [2_000, 30_000]).map((each) =>
      typeof each === 'number' ? layer(each, 'gzip', docker) : each,
    )
    const config = json(
      {
        created: '2026-01-02T03:04:05Z',
        ...platform,
        config: { Env: ['PATH=/bin'], Labels: { made: randomBytes(8).toString('hex') } },
        rootfs: { type: 'layers', diff_ids: layers.map((each) => each.diffId) },
        history: layers.map(() => ({ created: '2026-01-02T03:04:05Z', created_by: 'a test' })),
      },
      docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
    )
    const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest
    const manifest = json(
      {
        schemaVersion: 2,
        mediaType,
        config,
        layers: layers.map((each) => each.descriptor),
        ...(options.subject ? { subject: plain(options.subject) } : {}),
        ...(options.annotations ? { annotations: options.annotations } : {}),
      },
      mediaType,
    )
    return { ...manifest, platform }
  }

  const index = (children: Descriptor[], options: IndexOptions = {}): Descriptor => {
    const mediaType = options.docker ? mediaTypes.dockerList : mediaTypes.ociIndex
    return json(
      {
        schemaVersion: 2,
        mediaType,
        ...(options.artifactType ? { artifactType: options.artifactType } : {}),
        manifests: children,
        ...(options.subject ? { subject: plain(options.subject) } : {}),
        ...(options.annotations ? { annotations: options.annotations } : {}),
      },
      mediaType,
    )
  }

  const artifact = (options: ArtifactOptions): Descriptor => {
    const config = blob(Buffer.from('{}'), mediaTypes.ociEmpty)
    const layers = (options.files ?? []).map((file) => ({
      ...blob(file.bytes, file.mediaType),
      ...(file.annotations ? { annotations: file.annotations } : {}),
    }))
    const manifest = json(
      {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        artifactType: options.artifactType,
        config,
        layers: layers.length > 0 ? layers : [config],
        ...(options.subject ? { subject: plain(options.subject) } : {}),
        ...(options.annotations ? { annotations: options.annotations } : {}),
      },
      mediaTypes.ociManifest,
    )
    return manifest
  }

  const reachable = (root: Descriptor) => reachableFrom(root, bytes)

  const writeLayout = (folder: string, tags: Record<string, Descriptor>): string => {
    mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true })
    for (const root of Object.values(tags)) {
      for (const { digest } of reachable(root)) writeFileSync(join(folder, blobPath(digest)), bytes(digest))
    }
    const manifests = Object.entries(tags).map(([tag, root]) => ({
      ...root,
      annotations: { ...root.annotations, 'org.opencontainers.image.ref.name': tag },
    }))
    writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
    return folder
  }

  return { layer, image, index, artifact, blob, bytes, reachable, writeLayout }
}

/** Everything that `root` needs, children before parents, `root` last, each once. */
export function reachableFrom(root: Descriptor, bytes: (digest: string) => Buffer): Descriptor[] {
  const seen = new Map<string, Descriptor>()
  const walk = (descriptor: Descriptor) => {
    if (seen.has(descriptor.digest)) return
    if (isManifest(descriptor.mediaType)) {
      const manifest = JSON.parse(bytes(descriptor.digest).toString()) as Manifest
      for (const child of [...(manifest.manifests ?? []), ...(manifest.layers ?? [])]) walk(child)
      if (manifest.config) walk(manifest.config)
    }
    seen.set(descriptor.digest, descriptor)
  }
  walk(root)
  return [...seen.values()]
}

export function isManifest(mediaType: string): boolean {
  return (
    mediaType === mediaTypes.ociManifest ||
    mediaType === mediaTypes.ociIndex ||
    mediaType === mediaTypes.dockerManifest ||
    mediaType === mediaTypes.dockerList
  )
}

/** Reads a file of an OCI layout that a client wrote. */
export function readLayoutBlob(folder: string, digest: string): Buffer {
  return readFileSync(join(folder, blobPath(digest)))
}

/** The descriptors in `index.json` of an OCI layout that a client wrote. */
export function readLayoutIndex(folder: string): Descriptor[] {
  return (JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { manifests: Descriptor[] }).manifests
}

function blobPath(digest: string): string {
  return join('blobs', ...digest.split(':'))
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}

/** A tar with one file, in the ustar format. */
function tarOf(name: string, body: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, length, 'latin1')
  header.write(name, 0, 100, 'latin1')
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(body.length, 124, 12)
  octal(1_767_323_045, 136, 12)
  header.write('        ', 148, 8, 'latin1')
  header.write('0', 156, 1, 'latin1')
  header.write('ustar\x0000', 257, 8, 'latin1')
  let sum = 0
  for (const byte of header) sum += byte
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1')
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512), Buffer.alloc(1024)])
}
