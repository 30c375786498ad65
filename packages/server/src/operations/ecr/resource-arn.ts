// Operations on an ARN: the ARN, and nothing else in the request, says whose repository it is.

import type { PrivateOperationName } from '@berth/api/ecr/operation-names.ts'
import { parseRepositoryArn, type RegistryName } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import { RegistryError } from '../../base/errors.ts'
import type { AccessFacts } from '../../domain/policies/authorize.ts'
import type { Caller, Permission } from '../operation.ts'

type WithArn = { resourceArn?: string }

/** @throws RegistryError InvalidParameter for an ARN of something else, or of another region than the request's */
function parse(arn: string | undefined): RegistryName & { name: RepositoryName } {
  const parsed = parseRepositoryArn(arn ?? '')
  if (!parsed) throw new RegistryError({ code: 'InvalidParameter', member: 'resourceArn', constraint: 'Invalid ARN' })
  return parsed
}

export const onResourceArn = <I extends WithArn = WithArn>(
  name: PrivateOperationName,
  facts: (input: I) => AccessFacts = () => ({}),
) => ({
  naming: ['resourceArn'] as const,
  registry(input: WithArn, caller: Caller): RegistryName {
    const { accountId, region } = parse(input.resourceArn)
    if (region !== caller.region) {
      throw new RegistryError({ code: 'InvalidParameter', member: 'resourceArn', constraint: 'Invalid ARN' })
    }
    return { accountId, region }
  },
  permissions: (input: I): Permission[] => [[`ecr:${name}`, input.resourceArn ?? '*', facts(input)]],
})

/** The repository of an ARN that was checked before. */
export function repositoryOfArn(arn: string): RepositoryName {
  return parse(arn).name
}
