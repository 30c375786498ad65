// Amazon's client of IAM as the judge of whole answers. Its clock is the registry's.

import { createRequire } from 'node:module'
import type { IAMClient } from '@aws-sdk/client-iam'
import type { ContractRegistry } from './contract-registry.ts'
import type { TestCredentials } from './test-registry.ts'

const require = createRequire(import.meta.url)

/** Loaded where it is used: it takes as long to load as the registry itself. */
export const amazonIam = () => require('@aws-sdk/client-iam') as typeof import('@aws-sdk/client-iam')

/** As the first administrator unless told otherwise. Whoever asks destroys it. */
export function iamClient(registry: ContractRegistry, credentials: TestCredentials = registry.credentials): IAMClient {
  const client = new (amazonIam().IAMClient)({
    endpoint: registry.url,
    region: 'us-east-1',
    credentials: { ...credentials },
    maxAttempts: 1,
  })
  // Anew for each request: the client would follow the `Date` of the answer before.
  client.middlewareStack.add(
    (next) => (request) => {
      client.config.systemClockOffset = registry.clock.now() - Date.now()
      return next(request)
    },
    { step: 'initialize' },
  )
  return client
}

/** The members of an answer, without what the client adds. */
export function membersOf<T extends { $metadata: unknown }>({ $metadata, ...members }: T): Omit<T, '$metadata'> {
  return members
}
