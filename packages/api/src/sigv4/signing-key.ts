// The signing key (IAM User Guide, "Create a signed AWS API request", step 4): good for one day, region and service.

import { type CredentialScope, scopeTerminator } from './string-to-sign.ts'

/** The key has the type that the given HMAC makes. */
export function deriveSigningKey<Key extends Uint8Array>(
  { hmacSha256 }: { hmacSha256: (key: string | Uint8Array, text: string) => Key },
  secretAccessKey: string,
  { date, region, service }: CredentialScope,
): Key {
  const dateKey = hmacSha256(`AWS4${secretAccessKey}`, date)
  return hmacSha256(hmacSha256(hmacSha256(dateKey, region), service), scopeTerminator)
}
