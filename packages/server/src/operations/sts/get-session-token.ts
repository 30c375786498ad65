import { GetSessionTokenRequest, GetSessionTokenResponse } from '@berth/api/sts/sessions.ts'
import { identityOperation } from '../identity-operation.ts'
import { credentialsOf, durationSeconds, refuseSecondFactor } from './credentials.ts'

/** Takes no permission: the session is the caller himself, for a while (STS GetSessionToken). It ends with the key that asked. */
export const getSessionToken = identityOperation({
  service: 'sts',
  name: 'GetSessionToken',
  input: GetSessionTokenRequest,
  output: GetSessionTokenResponse,
  permissions: () => [],
  async run(input, { principal }, services) {
    refuseSecondFactor(input)
    const { accountId, userId, accessKeyId, caller } = principal
    const isRoot = caller.kind === 'root'
    const stored = await services.sessions.create({
      accountId,
      kind: 'user',
      ownerId: userId,
      name: '',
      durationSeconds: durationSeconds(isRoot, input.DurationSeconds),
      details: { parentKeyId: accessKeyId },
    })
    return credentialsOf(services, stored, input)
  },
})
