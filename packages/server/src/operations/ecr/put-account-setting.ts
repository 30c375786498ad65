import { PutAccountSettingRequest, type PutAccountSettingResponse } from '@berth/api/ecr/registry.ts'
import { onAccountSetting, operation } from '../operation.ts'

export const putAccountSetting = operation({
  name: 'PutAccountSetting',
  input: PutAccountSettingRequest,
  permissions: onAccountSetting('PutAccountSetting'),
  async run({ name, value }, ctx, { registryPolicies }): Promise<PutAccountSettingResponse> {
    await registryPolicies.putSetting(ctx, name, value)
    return { name, value }
  },
})
