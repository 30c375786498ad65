// A registry is an account and a region; its ARNs follow `arn:<partition>:ecr:<region>:<account>:repository/<name>`.

import { parseRepositoryName, type RepositoryName } from './repository-name.ts'

export type AccountId = string & { readonly __name: 'AccountId' }
export type Region = string & { readonly __name: 'Region' }

export interface RegistryName {
  accountId: AccountId
  region: Region
}

const accountPattern = /^[0-9]{12}$/
const regionPattern = /^[a-z]{2,4}(?:-[a-z]{2,12}){0,2}-[a-z]{2,12}-[0-9]{1,2}$|^local-[0-9]{1,2}$/

export function parseAccountId(text: string): AccountId | undefined {
  return accountPattern.test(text) ? (text as AccountId) : undefined
}

/** A region that is named like one: `eu-west-1`, `us-gov-east-1`, `local-1`. */
export function parseRegion(text: string): Region | undefined {
  return text.length <= 25 && regionPattern.test(text) ? (text as Region) : undefined
}

/** The partition of a region (AWS General Reference, "ARNs"). */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  if (region.startsWith('us-gov-')) return 'aws-us-gov'
  if (region.startsWith('eusc-')) return 'aws-eusc'
  return 'aws'
}

export function repositoryArn(registry: RegistryName, name: string): string {
  return `arn:${partitionOf(registry.region)}:ecr:${registry.region}:${registry.accountId}:repository/${name}`
}

/** The registry and repository of an ARN, or undefined when it is not the ARN of a private repository. */
export function parseRepositoryArn(arn: string): (RegistryName & { name: RepositoryName }) | undefined {
  const parts = /^arn:([a-z-]+):ecr:([^:]+):([^:]+):repository\/(.+)$/.exec(arn.length <= 2048 ? arn : '')
  const region = parseRegion(parts?.[2] ?? '')
  const accountId = parseAccountId(parts?.[3] ?? '')
  const name = parseRepositoryName(parts?.[4] ?? '')
  if (!region || !accountId || !name || parts?.[1] !== partitionOf(region)) return undefined
  return { region, accountId, name }
}
