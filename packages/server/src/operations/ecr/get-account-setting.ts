import { GetAccountSettingRequest, type GetAccountSettingResponse } from '@berth/api/ecr/registry.ts'
import { onAccountSetting, operation } from '../operation.ts'

export const getAccountSetting = operation({
  name: 'GetAccountSetting',
  input: GetAccountSettingRequest,
  permissions: onAccountSetting('GetAccountSetting'),
  run: async ({ name }, ctx, { registryPolicies }): Promise<GetAccountSettingResponse> => ({
    name,
    value: await registryPolicies.setting(ctx, name),
  }),
})
