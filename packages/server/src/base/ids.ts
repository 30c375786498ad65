// Random names: every id that a client sees is unguessable.

import { randomBytes, randomUUID } from 'node:crypto'

export interface Ids {
  request(): string
  upload(): string
  /** `AKIA` and 16 characters of base32, as IAM makes them. */
  accessKey(): string
  /** A user's unique id: `AIDA` and 17 characters. */
  user(): string
  /** 40 characters of base64, as IAM makes them. */
  secretKey(): string
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

function base32Text(length: number): string {
  return Array.from(randomBytes(length), (byte) => base32[byte & 31]).join('')
}

export const randomIds: Ids = {
  request: () => randomUUID(),
  upload: () => randomUUID(),
  accessKey: () => `AKIA${base32Text(16)}`,
  user: () => `AIDA${base32Text(17)}`,
  secretKey: () => randomBytes(30).toString('base64'),
}
