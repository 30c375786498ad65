// Managed policies by the ARNs that requests name them by: AWS's own, and those of the account. Names are found in any case, and ARNs match
// in theirs only: what was authorized for an ARN is done to what has exactly that ARN.

import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { managedPolicies } from '../policies/managed-policies.ts'
import { entityArn } from './arns.ts'

const policyArn = /^arn:aws:iam::(?:\d{12}|aws):policy\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,128})$/

/** The policy of the account that has this ARN. @throws IdentityError InvalidInput for what is no ARN of a policy */
export async function findPolicy(db: Db, accountId: AccountId, arn: string): Promise<EntityRow | undefined> {
  const [, name] = policyArn.exec(arn) ?? []
  if (name === undefined) throw new IdentityError('InvalidInput', `ARN ${arn} is not valid.`)
  const row = await entitiesTable.find(db, accountId, 'policy', name)
  return row && entityArn(row) === arn ? row : undefined
}

/** Of AWS, or of the account; asked under the account's lock, so that the policy is not deleted meanwhile. @throws IdentityError InvalidInput */
export async function isManagedPolicy(db: Db, accountId: AccountId, arn: string): Promise<boolean> {
  return managedPolicies.has(arn) || (await findPolicy(db, accountId, arn)) !== undefined
}

export function noSuchPolicy(arn: string): IdentityError {
  return new IdentityError('NoSuchEntity', `Policy ${arn} was not found.`)
}

export function notAttachable(arn: string): IdentityError {
  return new IdentityError('NoSuchEntity', `Policy ${arn} does not exist or is not attachable.`)
}
