// The session token of temporary credentials (STS): sealed, and it carries the secret that goes with its access key, so that no store
// holds one. Without the right token a temporary key id is worth nothing, and the token of another key does not fit.

import type { KeyRing } from './key-ring.ts'

const maxLength = 1024

interface Payload {
  key: string
  secret: string
}

export interface SessionTokens {
  seal(accessKeyId: string, secretAccessKey: string): string
  /** The secret of that key; undefined when the token is not ours, or of another key. */
  open(token: string, accessKeyId: string): string | undefined
}

export function createSessionTokens(keyRing: KeyRing, installationId: string): SessionTokens {
  return {
    seal(accessKeyId, secretAccessKey) {
      const payload: Payload = { key: accessKeyId, secret: secretAccessKey }
      return keyRing.seal('session-token', Buffer.from(JSON.stringify(payload)), installationId).toString('base64url')
    },
    open(token, accessKeyId) {
      if (token.length > maxLength || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined
      const plaintext = keyRing.open('session-token', Buffer.from(token, 'base64url'), installationId)
      const payload = plaintext && (JSON.parse(plaintext.toString()) as Payload)
      return payload?.key === accessKeyId ? payload.secret : undefined
    },
  }
}
