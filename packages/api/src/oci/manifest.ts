// Reads a manifest: an image (a config and layers) or an index (other manifests), in Docker's or OCI's form.
//
// A registry and its clients must not see different things in the same bytes. So what is ambiguous is refused: a document
// that could be read as either kind (CVE-2021-41190), one whose own media type is another than it was pushed with, equal
// keys, and a member such as `Layers`, which Go's reader takes for `layers` and others do not. Unknown members are fine.

import { JsonError, readJson } from '../json/strict-json.ts'
import { type Digest, parseDigest } from '../names/digest.ts'
import {
  isManifestMediaType,
  isMediaType,
  isOciMediaType,
  type ManifestMediaType,
  manifestKind,
  nonDistributableMediaTypes,
  schema1MediaTypes,
} from './media-types.ts'

/** 4 MiB: what OCI asks a registry to take at least (end-7), and what ECR takes at most (`ImageManifest`). */
export const maxManifestBytes = 4_194_304
export const maxDescriptors = 10_000

export interface Platform {
  architecture?: string
  os?: string
  osVersion?: string
  variant?: string
}

export interface Descriptor {
  mediaType: string
  digest: Digest
  size: number
  urls?: readonly string[]
  platform?: Platform
  /** False for layers that may stay outside the registry. */
  isDistributable: boolean
}

interface ManifestBase {
  mediaType: ManifestMediaType
  artifactType?: string
  subject?: Descriptor
  annotations?: Readonly<Record<string, string>>
  /** Empty in an index. */
  layers: readonly Descriptor[]
  /** Empty in an image. */
  manifests: readonly Descriptor[]
}

export interface ParsedImage extends ManifestBase {
  kind: 'image'
  config: Descriptor
  configMediaType: string
}

export interface ParsedIndex extends ManifestBase {
  kind: 'index'
  config?: never
  configMediaType?: never
}

export type ParsedManifest = ParsedImage | ParsedIndex

export type ManifestFault =
  | 'too-large'
  | 'not-json'
  | 'media-type-missing'
  | 'media-type-unsupported'
  | 'media-type-mismatch'
  | 'too-many-descriptors'
  | 'invalid'

/** `message` is one sentence for whoever pushed. */
export class ManifestError extends Error {
  readonly fault: ManifestFault

  constructor(fault: ManifestFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ManifestError'
    this.fault = fault
  }
}

/**
 * Reads a manifest that was pushed as `mediaType`, or, when the client named none, as what its own `mediaType` says.
 * Throws `ManifestError`.
 */
export function parseManifest(bytes: Uint8Array, mediaType: string | undefined): ParsedManifest {
  if (bytes.length > maxManifestBytes) {
    throw new ManifestError('too-large', `The manifest has ${bytes.length} bytes, ${maxManifestBytes} are allowed.`)
  }
  const root = readRoot(bytes)
  const type = acceptedMediaType(root, mediaType)
  if (root.schemaVersion !== 2) throw invalid('schemaVersion is not 2')

  const kind = manifestKind(type)
  for (const foreign of kind === 'image' ? ['manifests', 'fsLayers'] : ['config', 'layers', 'fsLayers']) {
    if (isPresent(root[foreign])) throw invalid(`${foreign} does not belong in an ${kind}`)
  }

  const member = kind === 'image' ? 'layers' : 'manifests'
  const entries = readArray(root, member)
  if (entries.length > maxDescriptors) {
    throw new ManifestError(
      'too-many-descriptors',
      `The manifest names ${entries.length} descriptors, ${maxDescriptors} are allowed.`,
    )
  }
  const descriptors = entries.map((entry, n) => readDescriptor(entry, `${member}[${n}]`))
  const annotations = readAnnotations(root.annotations, 'annotations')
  const base = {
    mediaType: type,
    ...(annotations && { annotations }),
    ...(isOciMediaType(type) && readOciMembers(root)),
  }

  if (kind === 'index') return { kind, ...base, layers: [], manifests: descriptors }
  const config = readDescriptor(root.config, 'config')
  return { kind, ...base, config, configMediaType: config.mediaType, layers: descriptors, manifests: [] }
}

/**
 * The artifact type under which a manifest is listed as a referrer (OCI end-12): its own; for an image without one, the
 * media type of the config; for an index without one, none.
 */
export function referrerArtifactType(manifest: ParsedManifest): string | undefined {
  return manifest.artifactType ?? manifest.configMediaType
}

type Members = Record<string, unknown>

function readRoot(bytes: Uint8Array): Members {
  let root: unknown
  try {
    root = readJson(bytes)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw new ManifestError('not-json', `The manifest is ${error.message}.`, { cause: error })
  }
  return readObject(root, 'the document')
}

function acceptedMediaType(root: Members, given: string | undefined): ManifestMediaType {
  const own = isPresent(root.mediaType) ? root.mediaType : undefined
  if (own !== undefined && typeof own !== 'string') throw invalid('mediaType is not a string')
  const mediaType = given ?? own
  if (mediaType === undefined) {
    throw new ManifestError('media-type-missing', 'The manifest has no mediaType, and none was given with it.')
  }
  if (own !== undefined && own !== mediaType) {
    throw new ManifestError('media-type-mismatch', 'The mediaType of the manifest is another than it was pushed with.')
  }
  if (schema1MediaTypes.includes(mediaType)) {
    throw new ManifestError('media-type-unsupported', 'Docker manifests of schema 1 are not supported.')
  }
  if (!isManifestMediaType(mediaType)) {
    throw new ManifestError('media-type-unsupported', 'The media type is not that of a manifest.')
  }
  return mediaType
}

/** Docker's readers know none of these. */
function readOciMembers(root: Members): { artifactType?: string; subject?: Descriptor } {
  const { artifactType } = root
  const hasArtifactType = isPresent(artifactType) && artifactType !== ''
  return {
    ...(hasArtifactType && { artifactType: readMediaType(artifactType, 'artifactType') }),
    ...(isPresent(root.subject) && { subject: readDescriptor(root.subject, 'subject') }),
  }
}

function readDescriptor(value: unknown, at: string): Descriptor {
  const members = readObject(value, at)
  const mediaType = readMediaType(members.mediaType, `${at}.mediaType`)
  const digest = typeof members.digest === 'string' ? parseDigest(members.digest) : undefined
  if (!digest) throw invalid(`${at}.digest is not a sha256 or sha512 digest`)
  const { size } = members
  if (!isSize(size)) throw invalid(`${at}.size is not a whole number of bytes`)
  if (isPresent(members.data) && base64Size(members.data) !== size) {
    throw invalid(`${at}.data is not base64 of as many bytes as its size says`)
  }
  readAnnotations(members.annotations, `${at}.annotations`)
  const isDistributable = !nonDistributableMediaTypes.includes(mediaType)
  return {
    mediaType,
    digest,
    size,
    isDistributable,
    ...(isPresent(members.urls) && { urls: readUrls(members.urls, `${at}.urls`) }),
    ...(isPresent(members.platform) && { platform: readPlatform(members.platform, `${at}.platform`) }),
  }
}

function readMediaType(value: unknown, at: string): string {
  if (typeof value !== 'string' || !isMediaType(value)) throw invalid(`${at} is not a media type`)
  return value
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** How many bytes the text decodes to, by its length; undefined when it cannot be base64. Whoever uses the data checks it. */
function base64Size(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0
  return (value.length / 4) * 3 - padding
}

function readUrls(value: unknown, at: string): string[] {
  if (!Array.isArray(value)) throw invalid(`${at} is not a list`)
  return value.map((url: unknown, n) => {
    if (typeof url !== 'string') throw invalid(`${at}[${n}] is not a string`)
    return url
  })
}

const platformMembers = { architecture: 'architecture', os: 'os', osVersion: 'os.version', variant: 'variant' } as const

function readPlatform(value: unknown, at: string): Platform {
  const members = readObject(value, at)
  const platform: Platform = {}
  for (const name of ['architecture', 'os', 'osVersion', 'variant'] as const) {
    const text = members[platformMembers[name]]
    if (!isPresent(text)) continue
    if (typeof text !== 'string') throw invalid(`${at}.${platformMembers[name]} is not a string`)
    platform[name] = text
  }
  return platform
}

function readAnnotations(value: unknown, at: string): Readonly<Record<string, string>> | undefined {
  if (!isPresent(value)) return undefined
  if (!isObject(value)) throw invalid(`${at} is not an object`)
  if (!isStringRecord(value)) throw invalid(`${at} has a value that is not a string`)
  return value
}

function isStringRecord(value: Members): value is Record<string, string> {
  return Object.values(value).every((text) => typeof text === 'string')
}

/** Go writes an empty list as null, so null is one. A list that is missing is not. */
function readArray(root: Members, member: string): unknown[] {
  const value = root[member]
  if (value === undefined) throw invalid(`${member} is missing`)
  if (value === null) return []
  if (!Array.isArray(value)) throw invalid(`${member} is not a list`)
  return value
}

function readObject(value: unknown, at: string): Members {
  if (value === undefined) throw invalid(`${at} is missing`)
  if (!isObject(value)) throw invalid(`${at} is not an object`)
  for (const key of Object.keys(value)) {
    if (knownMembers.has(key)) continue
    const known = foldedMembers.get(fold(key))
    if (known !== undefined) throw invalid(`${at} has a member that some readers take for ${known}`)
  }
  return value
}

const knownMembers = new Set([
  ...[
    'schemaVersion',
    'mediaType',
    'artifactType',
    'config',
    'layers',
    'manifests',
    'subject',
    'annotations',
    'fsLayers',
  ],
  ...['digest', 'size', 'urls', 'data', 'platform'],
  ...Object.values(platformMembers),
])

/** As Go's encoding/json compares names when none is equal: without case, `ſ` as `s`, the Kelvin sign as `k`. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase()
}

const foldedMembers = new Map([...knownMembers].map((name) => [fold(name), name]))

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null
}

function invalid(problem: string): ManifestError {
  return new ManifestError('invalid', `The manifest is invalid: ${problem}.`)
}
