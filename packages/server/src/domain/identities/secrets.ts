// Secrets of access keys at rest: sealed by the key ring, each bound to its row, so that one that was copied to another row does not open.

import type { KeyRing } from '../../auth/key-ring.ts'

interface KeyName {
  account_id: string
  access_key_id: string
}

const boundTo = ({ account_id, access_key_id }: KeyName) => `access_keys/${account_id}/${access_key_id}`

export function sealSecret(keyRing: KeyRing, name: KeyName, secret: string): Buffer {
  return keyRing.seal('access-key', Buffer.from(secret), boundTo(name))
}

/** @throws Error when it was moved from another row or sealed by a ring that is gone */
export function openSecret(keyRing: KeyRing, row: KeyName & { sealed_secret: Uint8Array }): string {
  const secret = keyRing.open('access-key', row.sealed_secret, boundTo(row))
  if (!secret) throw new Error(`the secret of access key ${row.access_key_id} does not open`)
  return secret.toString()
}

/** The entry of the ring that opens it; undefined when none does. */
export function secretSealedBy(
  keyRing: Pick<KeyRing, 'sealedBy'>,
  row: KeyName & { sealed_secret: Uint8Array },
): string | undefined {
  return keyRing.sealedBy('access-key', row.sealed_secret, boundTo(row))
}

/** The same secret, sealed by the newest entry. @throws Error when it does not open */
export function resealSecret(keyRing: KeyRing, row: KeyName & { sealed_secret: Uint8Array }): Buffer {
  return sealSecret(keyRing, row, openSecret(keyRing, row))
}
