import { GetAccessKeyInfoRequest, GetAccessKeyInfoResponse } from '@berth/api/sts/caller.ts'
import { IdentityError } from '../../base/identity-error.ts'
import { accountOfAccessKey } from '../../base/ids.ts'
import { identityOperation } from '../identity-operation.ts'

/**
 * The account that a key id tells, whether there is such a key or not (STS GetAccessKeyInfo). Of a key that an operator chose for the first
 * start, which may tell none or another, it is the account that has it.
 */
export const getAccessKeyInfo = identityOperation({
  service: 'sts',
  name: 'GetAccessKeyInfo',
  input: GetAccessKeyInfoRequest,
  output: GetAccessKeyInfoResponse,
  permissions: () => [['sts:GetAccessKeyInfo', '*']],
  async run({ AccessKeyId }, _ctx, { directory }) {
    const snapshot = await directory.current()
    const account = snapshot.accessKey(AccessKeyId)?.account_id ?? accountOfAccessKey(AccessKeyId)
    if (account === undefined) throw new IdentityError('ValidationError', 'The access key id tells no account.')
    return { Account: account }
  },
})
