// Compares what a client wrote on disk with what the test made.

import assert from 'node:assert/strict'
import { type Descriptor, type ImageBuilder, readLayoutBlob, readLayoutIndex } from './image-builder.ts'

/** Fails unless the OCI layout in `folder` holds `root` and everything that it needs, byte for byte. */
export function assertSameLayout(builder: ImageBuilder, root: Descriptor, folder: string): void {
  const digests = readLayoutIndex(folder).map((each) => each.digest)
  assert.ok(digests.includes(root.digest), `the index of ${folder} names ${digests}, not ${root.digest}`)
  for (const { digest, mediaType } of builder.reachable(root)) {
    const same = readLayoutBlob(folder, digest).equals(builder.bytes(digest))
    assert.ok(same, `${mediaType} ${digest} came back with other bytes`)
  }
}
