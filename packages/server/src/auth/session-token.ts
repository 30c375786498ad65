// The session token of temporary credentials (STS): sealed, and it carries the secret that goes with its access key, so that no store
// holds one. Without the right token a temporary key id is worth nothing, and the token of another key does not fit.

import type { KeyRing } from './key-ring.ts'

/** STS, "Session token size". */
export const maxSessionTokenLength = 4096

interface Payload {
  key: string
  secret: string
  /** Makes the token as long as was asked for. */
  pad?: string
}

export interface SessionTokens {
  /** At least so many characters long: some who take tokens prepare for longer ones (STS `MinimumSessionTokenSize`). */
  seal(accessKeyId: string, secretAccessKey: string, minLength?: number): string
  /** The secret of that key; undefined when the token is not ours, or of another key. */
  open(token: string, accessKeyId: string): string | undefined
}

export function createSessionTokens(keyRing: KeyRing, installationId: string): SessionTokens {
  const sealed = (payload: Payload) =>
    keyRing.seal('session-token', Buffer.from(JSON.stringify(payload)), installationId).toString('base64url')

  return {
    seal(accessKeyId, secretAccessKey, minLength = 0) {
      const payload: Payload = { key: accessKeyId, secret: secretAccessKey }
      const token = sealed(payload)
      const missing = minLength - token.length
      if (missing <= 0) return token
      // Four characters hold three bytes, and the member's name takes some of them.
      return sealed({ ...payload, pad: ' '.repeat(Math.max(0, Math.ceil((missing * 3) / 4) - ',"pad":""'.length)) })
    },
    open(token, accessKeyId) {
      if (token.length > maxSessionTokenLength || !/^[A-Za-z0-9_-]+$/.test(token)) return undefined
      const plaintext = keyRing.open('session-token', Buffer.from(token, 'base64url'), installationId)
      const payload = plaintext && (JSON.parse(plaintext.toString()) as Payload)
      return payload?.key === accessKeyId ? payload.secret : undefined
    },
  }
}
