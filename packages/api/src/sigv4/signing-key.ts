// The signing key (IAM User Guide, "Create a signed AWS API request", step 4): good for one day, region and service.

import type { Digests } from './digests.ts'
import { type CredentialScope, scopeTerminator } from './string-to-sign.ts'

export function deriveSigningKey(
  { hmacSha256 }: Pick<Digests, 'hmacSha256'>,
  secretAccessKey: string,
  { date, region, service }: CredentialScope,
): Uint8Array {
  const dateKey = hmacSha256(`AWS4${secretAccessKey}`, date)
  return hmacSha256(hmacSha256(hmacSha256(dateKey, region), service), scopeTerminator)
}
