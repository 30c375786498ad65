// Temporary credentials out of an answer of STS.

import type { Credentials } from '@aws-sdk/client-sts'

export interface SessionCredentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
}

/** From the XML of an answer. */
export function credentialsIn(xml: string): SessionCredentials {
  const element = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1] ?? ''
  return {
    accessKeyId: element('AccessKeyId'),
    secretAccessKey: element('SecretAccessKey'),
    sessionToken: element('SessionToken'),
  }
}

/** From an answer of Amazon's client. */
export function credentialsOf(credentials: Credentials | undefined): SessionCredentials {
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = credentials ?? {}
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
}
