import { GetCallerIdentityRequest, GetCallerIdentityResponse } from '@berth/api/sts/caller.ts'
import { identityOperation } from '../identity-operation.ts'

/** Needs no permission, and a Deny does not stop it: it tells the caller what he proved already (STS GetCallerIdentity). */
export const getCallerIdentity = identityOperation({
  service: 'sts',
  name: 'GetCallerIdentity',
  input: GetCallerIdentityRequest,
  output: GetCallerIdentityResponse,
  permissions: () => [],
  async run(_input, { principal }) {
    return { UserId: principal.userId, Account: principal.accountId, Arn: principal.arn }
  },
})
