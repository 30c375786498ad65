// Random images. Each blob begins with bytes of its own and goes on with a shared block of random bytes, so that none equals another and
// making many costs a hash each, not a gigabyte of memory.

import { createHash, randomBytes, randomFillSync } from 'node:crypto'
import type { PushedImage } from './jobs.ts'

export interface Content {
  digest: string
  size: number
  pieces: readonly Uint8Array[]
}

const ownBytes = 64
const pieceSize = 4 * 1024 * 1024
let block: Buffer | undefined

export function randomContent(size: number): Content {
  block ??= randomFillSync(Buffer.allocUnsafe(128 * 1024 * 1024))
  const pieces: Buffer[] = [randomBytes(Math.min(ownBytes, size))]
  for (let at = pieces[0]?.length ?? 0; at < size; ) {
    const offset = at % block.length
    const piece = block.subarray(offset, Math.min(offset + pieceSize, offset + size - at))
    pieces.push(piece)
    at += piece.length
  }
  return describe(pieces)
}

export interface ImageContent extends PushedImage {
  contents: Content[]
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'

export function randomImage(repository: string, tag: string, layerSizes: readonly number[]): ImageContent {
  const layers = layerSizes.map(randomContent)
  const config = describe([
    Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: { Env: [`SEED=${randomBytes(16).toString('hex')}`] },
        rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
      }),
    ),
  ])
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.size },
    layers: layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })),
  })
  const contents = [...layers, config]
  const { digest } = describe([Buffer.from(manifest)])
  return { repository, tag, digest, manifest, blobs: contents.map(({ digest, size }) => ({ digest, size })), contents }
}

/** Other manifests of the same image: `number` of them, each with its own digest. */
export function annotated(manifest: string, seed: string): string {
  return JSON.stringify({ ...JSON.parse(manifest), annotations: { 'com.example.seed': seed } })
}

function describe(pieces: readonly Uint8Array[]): Content {
  const hash = createHash('sha256')
  let size = 0
  for (const piece of pieces) {
    hash.update(piece)
    size += piece.length
  }
  return { digest: `sha256:${hash.digest('hex')}`, size, pieces }
}
