// Random names: every id that a client sees is unguessable, save the part of an access key's that says its account.

import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { AccountId } from '@berth/api/names/registry.ts'

/** Prefixes of unique ids (IAM, "Unique identifiers"); the last is of our own, for providers, which have none in AWS. */
export type EntityPrefix = 'AIDA' | 'AROA' | 'AGPA' | 'ANPA' | 'AOPA'

export interface Ids {
  request(): string
  upload(): string
  /** Twelve digits, never with a leading zero: programs keep account ids as numbers. */
  account(): AccountId
  /** `AKIA`, or `ASIA` for temporary credentials, and 16 characters of base32 that tell the account. */
  accessKey(accountId: AccountId, prefix?: 'AKIA' | 'ASIA'): string
  /** The prefix and 17 characters of base32. */
  entity(prefix: EntityPrefix): string
  /** 40 letters and digits: some tools ask for new keys until there is no other character in the secret. */
  secretKey(): string
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const base62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}

/** The 80 bits after the prefix: one that is set, the account in 40, and 39 at random (as ids of AWS since 2019 are read). */
function accountText(accountId: AccountId): string {
  const random = BigInt(`0x${randomBytes(5).toString('hex')}`) & 0x7fffffffffn
  let bits = (1n << 79n) | (BigInt(accountId) << 39n) | random
  let text = ''
  for (let n = 0; n < 16; n++) {
    text = `${base32[Number(bits & 31n)]}${text}`
    bits >>= 5n
  }
  return text
}

/** The account that an access key id tells, or undefined for text that is no such id. The key need not exist (STS GetAccessKeyInfo). */
export function accountOfAccessKey(accessKeyId: string): AccountId | undefined {
  if (!/^A[KS]IA[A-Z2-7]{16}$/.test(accessKeyId)) return undefined
  let bits = 0n
  for (const letter of accessKeyId.slice(4)) bits = (bits << 5n) | BigInt(base32.indexOf(letter))
  const account = (bits >> 39n) & 0xffffffffffn
  return bits >> 79n === 1n && account < 1_000_000_000_000n
    ? (account.toString().padStart(12, '0') as AccountId)
    : undefined
}

export const randomIds: Ids = {
  request: () => randomUUID(),
  upload: () => randomUUID(),
  account: () => String(randomInt(1e11, 1e12)) as AccountId,
  accessKey: (accountId, prefix = 'AKIA') => `${prefix}${accountText(accountId)}`,
  entity: (prefix) => `${prefix}${randomText(base32, 17)}`,
  secretKey: () => randomText(base62, 40),
}
