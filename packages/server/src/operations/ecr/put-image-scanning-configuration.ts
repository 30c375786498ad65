import {
  PutImageScanningConfigurationRequest,
  type PutImageScanningConfigurationResponse,
} from '@berth/api/ecr/repositories.ts'
import { checkedName, onRepository, operation } from '../operation.ts'

/** Recorded only: scanning has an issue of its own, and until then no scan status is invented. */
export const putImageScanningConfiguration = operation({
  name: 'PutImageScanningConfiguration',
  input: PutImageScanningConfigurationRequest,
  permissions: onRepository('PutImageScanningConfiguration'),
  async run(input, ctx, { repositories }): Promise<PutImageScanningConfigurationResponse> {
    const scanOnPush = input.imageScanningConfiguration.scanOnPush ?? false
    const repository = await repositories.setScanOnPush(ctx, checkedName(input.repositoryName), scanOnPush)
    return {
      registryId: repository.registryId,
      repositoryName: repository.name,
      imageScanningConfiguration: { scanOnPush: repository.scanOnPush },
    }
  },
})
