import { setImmediate as nextTurn } from 'node:timers/promises'
import { maxLayerPartBytes, UploadLayerPartRequest, type UploadLayerPartResponse } from '@berth/api/ecr/layers.ts'
import { LiftedString } from '@berth/api/json/strict-json.ts'
import { type Base64Text, decodeBase64 } from '@berth/api/shapes/base64.ts'
import { SerializationError } from '@berth/api/shapes/serialization-error.ts'
import { onRepository, operation } from '../operation.ts'

/** A multiple of four, so that each slice of the text stands for whole bytes. */
const sliceLength = 1024 * 1024

export const uploadLayerPart = operation({
  name: 'UploadLayerPart',
  input: UploadLayerPartRequest,
  maxBodyBytes: Math.ceil(maxLayerPartBytes / 3) * 4 + 64 * 1024,
  liftStringsOver: 64 * 1024,
  permissions: onRepository('UploadLayerPart'),
  async run(input, ctx, { uploads }): Promise<UploadLayerPartResponse> {
    const part = await decodePart(input.layerPartBlob)
    await uploads.appendPart(ctx, input.repositoryName, input.uploadId, input.partFirstByte, input.partLastByte, part)
    return {
      registryId: ctx.registry.accountId,
      repositoryName: input.repositoryName,
      uploadId: input.uploadId,
      lastByteReceived: input.partLastByte,
    }
  },
})

/** In slices with a turn of the loop between them: 20 MiB at once would stop it for tens of milliseconds. */
async function decodePart(text: Base64Text): Promise<Buffer[]> {
  if (typeof text === 'string') return [toBuffer(decodeBase64(text))]
  const slices: Buffer[] = []
  for (let start = 0; start < text.length; start += sliceLength) {
    const slice = text.bytes.subarray(start, start + sliceLength)
    const bytes = decodeBase64(new LiftedString(slice), slice)
    // Padding may stand at the very end only; within a slice decoding says so.
    const isPadded = bytes.length < (slice.length / 4) * 3
    if (isPadded && start + sliceLength < text.length) throw new SerializationError('A blob is not valid base64')
    slices.push(toBuffer(bytes))
    await nextTurn()
  }
  return slices
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
