// Signing keys of Signature Version 4: made from a secret for a day, a region and a service, and kept.

import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'
import type { Digests } from '@berth/api/sigv4/digests.ts'
import { deriveSigningKey as deriveSigningKeyWith } from '@berth/api/sigv4/signing-key.ts'

/** What signing needs from Node. */
export const nodeDigests = {
  sha256Hex: (data) => hash('sha256', typeof data === 'string' ? Buffer.from(data, 'latin1') : data, 'hex'),
  hmacSha256: (key: string | Uint8Array | KeyObject, text) => createHmac('sha256', key).update(text).digest(),
} satisfies Digests

/** A KeyObject, since Node makes one of any other key at each call: 12 µs instead of 2 for an HMAC (Node 24.21). */
export function deriveSigningKey(secretAccessKey: string, date: string, region: string, service: string): KeyObject {
  return createSecretKey(deriveSigningKeyWith(nodeDigests, secretAccessKey, { date, region, service }))
}

export interface SigningKeyName {
  accessKeyId: string
  /** Changes whenever the secret of this id does. */
  secretVersion: string | number
  date: string
  region: string
  service: string
}

/**
 * Signing keys that were derived before, so that a secret is unsealed once a day. Put a key here only after a signature matched:
 * the region in a credential is anybody's text, and strangers must not push out the keys that are in use. That the access key is
 * active is asked before the cache: a request in flight may put its key back after `forget`.
 */
export class SigningKeyCache {
  readonly #keys = new Map<string, KeyObject>()
  readonly #limit: number

  constructor(limit = 4096) {
    this.#limit = limit
  }

  get(name: SigningKeyName): KeyObject | undefined {
    return this.#keys.get(cacheKey(name))
  }

  /** The oldest key makes room. */
  put(name: SigningKeyName, signingKey: KeyObject): void {
    const key = cacheKey(name)
    if (this.#keys.size >= this.#limit && !this.#keys.has(key)) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest)
        break
      }
    }
    this.#keys.set(key, signingKey)
  }

  /** For a key that was disabled or deleted. */
  forget(accessKeyId: string): void {
    const prefix = `${accessKeyId}/`
    for (const key of this.#keys.keys()) {
      if (key.startsWith(prefix)) this.#keys.delete(key)
    }
  }
}

/** No part holds a slash: `parseSignature` splits the credential at every one. */
function cacheKey({ accessKeyId, secretVersion, date, region, service }: SigningKeyName): string {
  return `${accessKeyId}/${secretVersion}/${date}/${region}/${service}`
}
