// Every operation of IAM and STS that is built, by service and name. An explicit list: what is not here is refused as unknown.

import type { IdentityOperation } from './identity-operation.ts'
import { getCallerIdentity } from './sts/get-caller-identity.ts'

const all: readonly IdentityOperation[] = [getCallerIdentity]

export const identityOperations: ReadonlyMap<string, IdentityOperation> = new Map(
  all.map((one) => [`${one.service}:${one.name}`, one]),
)
