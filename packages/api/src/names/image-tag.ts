// Image tags (OCI distribution-spec, "Pulling manifests"). ECR's API model admits 300 characters; nothing could pull those.

export type ImageTag = string & { readonly __name: 'ImageTag' }

const pattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

export function parseImageTag(text: string): ImageTag | undefined {
  return pattern.test(text) ? (text as ImageTag) : undefined
}
