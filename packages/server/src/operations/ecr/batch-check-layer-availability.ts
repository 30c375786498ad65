import {
  BatchCheckLayerAvailabilityRequest,
  type BatchCheckLayerAvailabilityResponse,
  type Layer,
  type LayerFailure,
} from '@berth/api/ecr/layers.ts'
import { looseDigestPattern, parseDigest } from '@berth/api/names/digest.ts'
import { onRepository, operation } from '../operation.ts'

export const batchCheckLayerAvailability = operation({
  name: 'BatchCheckLayerAvailability',
  input: BatchCheckLayerAvailabilityRequest,
  permissions: onRepository('BatchCheckLayerAvailability'),
  async run(input, ctx, { blobs }): Promise<BatchCheckLayerAvailabilityResponse> {
    const digests = input.layerDigests.flatMap((text) => parseDigest(text) ?? [])
    const sizes = await blobs.check(ctx, input.repositoryName, digests)
    const layers: Layer[] = []
    const failures: LayerFailure[] = []
    for (const layerDigest of input.layerDigests) {
      const digest = parseDigest(layerDigest)
      const layerSize = digest && sizes.get(digest)
      if (layerDigest === '') {
        failures.push({
          layerDigest,
          failureCode: 'MissingLayerDigest',
          failureReason: 'Invalid request parameters: layer digest cannot be empty',
        })
      } else if (!looseDigestPattern.test(layerDigest)) {
        failures.push({
          layerDigest,
          failureCode: 'InvalidLayerDigest',
          failureReason:
            "Invalid request parameters: layer digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        })
      } else if (layerSize === undefined) {
        layers.push({ layerDigest, layerAvailability: 'UNAVAILABLE' })
      } else {
        layers.push({ layerDigest, layerAvailability: 'AVAILABLE', layerSize })
      }
    }
    return { layers, failures }
  },
})
