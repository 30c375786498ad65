import { DecodeAuthorizationMessageRequest, DecodeAuthorizationMessageResponse } from '@berth/api/sts/caller.ts'
import { IdentityError } from '../../base/identity-error.ts'
import { decodedMessage } from '../../domain/policies/authorization-message.ts'
import { identityOperation } from '../identity-operation.ts'

/** Why a request was refused, for those whom it concerns (STS DecodeAuthorizationMessage). */
export const decodeAuthorizationMessage = identityOperation({
  service: 'sts',
  name: 'DecodeAuthorizationMessage',
  input: DecodeAuthorizationMessageRequest,
  output: DecodeAuthorizationMessageResponse,
  permissions: () => [['sts:DecodeAuthorizationMessage', '*']],
  async run({ EncodedMessage }, { principal }, { authorizationMessages }) {
    const message = authorizationMessages.open(EncodedMessage)
    const decoded = message && decodedMessage(message, principal.accountId)
    // One sentence for all: what belongs to others is not to be told from nonsense.
    if (decoded === undefined) throw new IdentityError('InvalidAuthorizationMessageException', 'Message is not valid')
    return { DecodedMessage: decoded }
  },
})
