// The string to sign and the credential scope in it (IAM User Guide, "Create a signed AWS API request", step 3).

export const signingAlgorithm = 'AWS4-HMAC-SHA256'
export const scopeTerminator = 'aws4_request'

export interface CredentialScope {
  /** `yyyymmdd`: the first eight digits of the request's date. */
  date: string
  region: string
  service: string
}

export function credentialScope({ date, region, service }: CredentialScope): string {
  return `${date}/${region}/${service}/${scopeTerminator}`
}

/** `amzDate` is `yyyymmddThhmmssZ`, also when the request carried a `Date` header instead. */
export function stringToSign(amzDate: string, scope: CredentialScope, canonicalRequestHash: string): string {
  return `${signingAlgorithm}\n${amzDate}\n${credentialScope(scope)}\n${canonicalRequestHash}`
}
