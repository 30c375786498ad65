// Content digests: `sha256:<64 hex>` and `sha512:<128 hex>`, lower case (OCI image-spec, descriptor.md#digests).

export type Digest = string & { readonly __name: 'Digest' }
export type DigestAlgorithm = 'sha256' | 'sha512'

const pattern = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/

/** The digest, or undefined when the text is none that a registry can verify. */
export function parseDigest(text: string): Digest | undefined {
  return pattern.test(text) ? (text as Digest) : undefined
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm
}

export function parseDigestAlgorithm(text: string): DigestAlgorithm | undefined {
  return text === 'sha256' || text === 'sha512' ? text : undefined
}

/** What ECR's API accepts as the text of a digest before it looks for the image (`LayerDigest`, ECR API model). */
export const looseDigestPattern = /^[a-zA-Z0-9\-_+.]+:[a-fA-F0-9]+$/
