// A policy that IAM or STS is asked to take: read, or refused in their words (IAM, "MalformedPolicyDocument").

import { IdentityError } from '../../base/identity-error.ts'
import { type ParseOptions, parsePolicy } from '../policies/parse-policy.ts'
import type { PolicyDocument, PolicyKind } from '../policies/policy-document.ts'
import type { PolicyFault } from '../policies/policy-faults.ts'

/** @throws IdentityError MalformedPolicyDocument, LimitExceeded, InvalidInput */
export function readPolicy(
  text: string,
  kind: Exclude<PolicyKind, 'repository' | 'registry'>,
  options?: ParseOptions,
): PolicyDocument {
  const parsed = parsePolicy(text, kind, options)
  if (!parsed.ok) throw policyRefusal(parsed.fault)
  return parsed.document
}

export function policyRefusal({ error, sentence }: PolicyFault): IdentityError {
  // InvalidParameter is ECR's, for policies of repositories and registries.
  return new IdentityError(error === 'InvalidParameter' ? 'MalformedPolicyDocument' : error, sentence)
}
