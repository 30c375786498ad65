// Small values that clients carry for us and must not read or change: page tokens and download links. Each is sealed for one
// purpose and bound to where it may be used, so that one of another account, repository or operation does not open.

import type { KeyRing, SealPurpose } from './key-ring.ts'

const maxLength = 4096

export interface SealedValues<T> {
  seal(value: T, boundTo: string): string
  /** Undefined when it is not one of ours, or bound to something else. */
  open(text: string, boundTo: string): T | undefined
}

export function createSealedValues<T>(keyRing: KeyRing, purpose: SealPurpose): SealedValues<T> {
  return {
    seal: (value, boundTo) => keyRing.seal(purpose, Buffer.from(JSON.stringify(value)), boundTo).toString('base64url'),
    open(text, boundTo) {
      if (text.length > maxLength || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
      const plaintext = keyRing.open(purpose, Buffer.from(text, 'base64url'), boundTo)
      return plaintext ? (JSON.parse(plaintext.toString()) as T) : undefined
    },
  }
}
