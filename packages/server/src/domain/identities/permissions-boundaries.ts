// Which policies may be the permissions boundary of a user or a role (IAM, "Permissions boundaries for IAM entities").

import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import { managedPolicies } from '../policies/managed-policies.ts'
import { entityArn } from './arns.ts'

/**
 * A managed policy of AWS or of the account. Asked under the account's lock, so that the policy is not deleted meanwhile.
 * @throws IdentityError NoSuchEntity
 */
export async function checkBoundary(db: Db, accountId: AccountId, arn: string): Promise<void> {
  if (managedPolicies.has(arn)) return
  const policy = await entitiesTable.find(db, accountId, 'policy', arn.slice(arn.lastIndexOf('/') + 1))
  if (!policy || entityArn(policy) !== arn)
    throw new IdentityError('NoSuchEntity', `Scope ARN: ${arn} does not exist or is not attachable.`)
}
