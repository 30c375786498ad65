// What the row of an upload remembers of its bytes in the S3 store, and how large their parts are.

import { createHash } from 'node:crypto'
import type { Part } from './bucket.ts'

const mebibyte = 1024 * 1024
/** S3 takes numbers up to here. */
export const lastPartNumber = 10_000

export interface Tail {
  key: string
  size: number
  etag: string
}

export interface UploadState {
  /** Of the object that the upload becomes. */
  key: string
  multipart: string | null
  parts: Part[]
  /** What follows the parts, too little for a part of its own: an object by itself. */
  tail: Tail | null
  /** A process that had the upload before knows the multipart upload, and may complete it. */
  isContested: boolean
}

/**
 * 52,000 MiB need some 5,900 numbers, so that 4,000 are left to be skipped. The first 5,000 MiB have parts of one size, which is all
 * that some stores take.
 */
export function partBytes(number: number): number {
  return (number <= 1000 ? 5 : number <= 2000 ? 8 : 10) * mebibyte
}

/** What one staging holds in memory at most: a part on its way, and one that fills. */
export const stagingBytesAtMost = 2 * partBytes(lastPartNumber)

export function sizeOf(state: Pick<UploadState, 'parts' | 'tail'>): number {
  return bytesOfParts(state.parts) + (state.tail?.size ?? 0)
}

export function bytesOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + part.size, 0)
}

/** Short: an upload of 52,000 MiB has thousands of parts, and its row is written for each request. */
export function stateText({ key, multipart, parts, tail, isContested }: UploadState): string {
  return JSON.stringify({
    key,
    multipart,
    parts: parts.map(({ number, size, etag }) => [number, size, etag]),
    tail,
    ...(isContested ? { isContested } : {}),
  })
}

export function parseState(text: string): UploadState {
  const { key, multipart, parts, tail, isContested } = JSON.parse(text) as Omit<UploadState, 'parts'> & {
    parts: [number, number, string][]
  }
  return {
    key,
    multipart,
    parts: parts.map(([number, size, etag]) => ({ number, size, etag })),
    tail,
    isContested: isContested === true,
  }
}

/**
 * The ETag of an object made of these parts: MD5 over the parts' MD5s, and how many they are. Where the store computes others (some do for
 * encrypted objects), nothing is equal to it.
 */
export function etagOf(parts: readonly Pick<Part, 'etag'>[]): string {
  const sums = createHash('md5')
  for (const { etag } of parts) sums.update(Buffer.from(etag.replaceAll('"', ''), 'hex'))
  return `${sums.digest('hex')}-${parts.length}`
}

export function isSameEtag(a: string, b: string): boolean {
  return a.replaceAll('"', '') === b.replaceAll('"', '')
}
