// May this principal do this? The one place that decides, called for every route and operation with the IAM action and the resource.
// Policies have an issue of their own; until then the administrator of an account may do everything in it, and nobody else anything.

import type { AccountId } from '@berth/api/names/registry.ts'
import { RegistryError } from '../../base/errors.ts'
import type { Principal } from '../../base/principal.ts'

export interface Access {
  /** `ecr:BatchGetImage`. */
  action: string
  /** An ARN, or `*` where ECR has no narrower resource. */
  resource: string
  /** The account that owns the resource. */
  accountId: AccountId
}

export function isAuthorized(principal: Principal, access: Access): boolean {
  return principal.isAdministrator && principal.accountId === access.accountId
}

/** @throws RegistryError AccessDenied, with AWS's sentence (IAM: cross-account access needs the leave of the resource's side too) */
export function authorize(principal: Principal, access: Access): void {
  if (isAuthorized(principal, access)) return
  const kind = principal.isAdministrator ? 'resource-based' : 'identity-based'
  throw new RegistryError({
    code: 'AccessDenied',
    message: `User: ${principal.arn} is not authorized to perform: ${access.action} on resource: ${access.resource} because no ${kind} policy allows the ${access.action} action`,
  })
}
