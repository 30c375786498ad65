// What can be wrong with the text of a policy, and the sentence that AWS answers with: IAM has one for each mistake
// (MalformedPolicyDocument), ECR one for all (InvalidParameterException of SetRepositoryPolicy and PutRegistryPolicy).

import type { PolicyKind } from './policy-document.ts'

/** In the order in which IAM looks for them; of several mistakes the first is told. */
const order = [
  'too-long',
  'characters',
  'syntax',
  'version',
  'legacy',
  'identity-principal',
  'no-principal',
  'trust-resource',
  'sid-characters',
  'sid-repeated',
  'no-actions',
  'no-resources',
  'resource-form',
  'resource-partition',
  'resource-vendor',
  'no-vendor',
  'colons',
  'vendor',
  'trust-action',
  'principal',
  'github',
] as const

export type PolicyFaultCode = (typeof order)[number]

export interface PolicyFault {
  code: PolicyFaultCode
  /** `Statement[1].Action[0]`, or nothing where the whole text is meant. */
  at: string
  /** What is wrong in our own words, for the log and for people who write policies. */
  reason: string
  error: 'MalformedPolicyDocument' | 'LimitExceeded' | 'InvalidInput' | 'InvalidParameter'
  /** The sentence of AWS. For ECR it is the constraint of `Invalid parameter at 'PolicyText' failed to satisfy constraint: '…'`. */
  sentence: string
}

/** The most characters that a text may have, white space not counted (IAM and AWS STS quotas; ECR counts every character). */
export const policySizes = {
  userInline: 2048,
  groupInline: 5120,
  roleInline: 10240,
  managed: 6144,
  trust: 2048,
  trustAtMost: 4096,
  session: 2048,
  ecr: 10240,
} as const

const fixedSentences: Partial<Record<PolicyFaultCode, string>> = {
  characters: 'The specified value for policyDocument is invalid. It must contain only printable ASCII characters.',
  syntax: 'Syntax errors in policy.',
  version: 'Policy document must be version 2012-10-17 or greater.',
  legacy: 'The policy failed legacy parsing',
  'identity-principal': 'Policy document should not specify a principal.',
  'no-principal': 'Missing required field Principal cannot be empty!',
  'trust-resource': 'Has prohibited field Resource.',
  'sid-characters':
    'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
  'sid-repeated': 'Statement IDs (SID) in a single policy must be unique.',
  'no-actions': 'Policy statement must contain actions.',
  'no-resources': 'Policy statement must contain resources.',
  'resource-vendor': 'Resource vendor must be fully qualified and cannot contain regexes.',
  'no-vendor': 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
  colons: 'Actions/Condition can contain only one colon.',
  'trust-action':
    'Trust Policy statement actions can only be sts:AssumeRole, sts:AssumeRoleWithSAML, and sts:AssumeRoleWithWebIdentity',
  github:
    'Trust policy for the identity provider token.actions.githubusercontent.com must evaluate token.actions.githubusercontent.com:sub or another identifying claim.',
}

/** `subject` is what the sentence quotes: the resource, the vendor, the principal, the limit. */
export function policyFault(
  kind: PolicyKind,
  code: PolicyFaultCode,
  at: string,
  reason: string,
  subject = '',
): PolicyFault {
  if (kind === 'repository' || kind === 'registry') {
    const sentence =
      code === 'too-long'
        ? `Member must have length less than or equal to ${subject}`
        : `Invalid ${kind} policy provided`
    return { code, at, reason, error: 'InvalidParameter', sentence }
  }
  const error =
    code === 'too-long' ? 'LimitExceeded' : code === 'characters' ? 'InvalidInput' : 'MalformedPolicyDocument'
  return { code, at, reason, error, sentence: fixedSentences[code] ?? quotingSentence(kind, code, subject) }
}

function quotingSentence(kind: PolicyKind, code: PolicyFaultCode, subject: string): string {
  switch (code) {
    case 'too-long':
      return `Cannot exceed quota for ${kind === 'trust' ? 'ACLSizePerRole' : 'PolicySize'}: ${subject}`
    case 'resource-form':
      return `Resource ${subject} must be in ARN format or "*".`
    case 'resource-partition':
      return `Partition "${subject.split(':')[1] ?? ''}" is not valid for resource "${subject}".`
    case 'vendor':
      return `Vendor ${subject} is not valid`
    default:
      return `Invalid principal in policy: ${subject}`
  }
}

/** The answer where a named principal does not exist (ECR SetRepositoryPolicy; IAM CreateRole). */
export function unknownPrincipalFault(kind: PolicyKind, principal: string): PolicyFault {
  const fault = policyFault(kind, 'principal', 'Principal', `${principal} does not exist`, principal)
  return kind === 'repository' || kind === 'registry' ? { ...fault, sentence: 'Principal not found' } : fault
}

/** Keeps the mistake that is told. */
export function createFaultCollector(kind: PolicyKind) {
  let first: PolicyFault | undefined
  return {
    report(code: PolicyFaultCode, at: string, reason: string, subject?: string): void {
      if (first && order.indexOf(first.code) <= order.indexOf(code)) return
      first = policyFault(kind, code, at, reason, subject)
    },
    first: () => first,
  }
}

export type FaultCollector = ReturnType<typeof createFaultCollector>
