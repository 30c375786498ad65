// AWS's managed policies that Berth has, by their ARNs: read-only, there in every account, to be attached like an account's own.

export interface ManagedPolicy {
  arn: string
  policyId: string
  name: string
  path: string
  description: string
  document: string
}

const all: readonly ManagedPolicy[] = [
  {
    arn: 'arn:aws:iam::aws:policy/AdministratorAccess',
    policyId: 'ANPAIWMBCKSKIEE64ZLYK',
    name: 'AdministratorAccess',
    path: '/',
    description: 'Provides full access to AWS services and resources.',
    document: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
    }),
  },
]

export const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'

export const managedPolicies: ReadonlyMap<string, ManagedPolicy> = new Map(all.map((policy) => [policy.arn, policy]))
