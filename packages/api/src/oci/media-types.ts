// The media types of manifests and of what they name (OCI image-spec, media-types.md; Docker "Image Manifest V 2, Schema 2").
// Config and layer types are open: any well-formed type may be pushed. The lists here are the ones that mean something to us.

/** What the registry stores as a manifest. */
export const manifestMediaTypes = {
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
} as const

export type ManifestMediaType = (typeof manifestMediaTypes)[keyof typeof manifestMediaTypes]
export type ManifestKind = 'image' | 'index'

const kinds: Record<ManifestMediaType, ManifestKind> = {
  [manifestMediaTypes.dockerManifest]: 'image',
  [manifestMediaTypes.dockerManifestList]: 'index',
  [manifestMediaTypes.ociManifest]: 'image',
  [manifestMediaTypes.ociIndex]: 'index',
}

export function isManifestMediaType(text: string): text is ManifestMediaType {
  return Object.hasOwn(kinds, text)
}

export function manifestKind(mediaType: ManifestMediaType): ManifestKind {
  return kinds[mediaType]
}

export function isOciMediaType(mediaType: ManifestMediaType): boolean {
  return mediaType === manifestMediaTypes.ociManifest || mediaType === manifestMediaTypes.ociIndex
}

/** Docker's schema 1, whose digest is not that of its bytes. Refused. */
export const schema1MediaTypes: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]

export const configMediaTypes = {
  docker: 'application/vnd.docker.container.image.v1+json',
  oci: 'application/vnd.oci.image.config.v1+json',
  /** The two bytes `{}`, for what needs no config (OCI image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
  empty: 'application/vnd.oci.empty.v1+json',
} as const

export const layerMediaTypes: readonly string[] = [
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
]

/** Layers that are fetched from `urls` and need not be in the registry (OCI image-spec, layer.md, "Non-Distributable Layers"). */
export const nonDistributableMediaTypes: readonly string[] = [
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
]

const restrictedName = '[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}'
const pattern = new RegExp(`^${restrictedName}/${restrictedName}(?:;[\\x20-\\x7e]*)?$`)

/** `type/subtype` as RFC 6838, section 4.2, has it, with parameters if there are any; 255 characters at most. */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && pattern.test(text)
}
