// The encoded form of a refusal's details (STS DecodeAuthorizationMessage): sealed, so that nobody reads them without asking.

import type { AuthorizationMessage } from '../domain/policies/authorization-message.ts'
import type { KeyRing } from './key-ring.ts'
import { createSealedValues } from './sealed-value.ts'

export interface AuthorizationMessages {
  seal(message: AuthorizationMessage): string
  /** Undefined when it is not one of this installation's. */
  open(encoded: string): AuthorizationMessage | undefined
}

export function createAuthorizationMessages(keyRing: KeyRing, installationId: string): AuthorizationMessages {
  const sealed = createSealedValues<AuthorizationMessage>(keyRing, 'authorization-message')
  return {
    seal: (message) => sealed.seal(message, installationId),
    open: (encoded) => sealed.open(encoded, installationId),
  }
}
