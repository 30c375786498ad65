// What an operation of an AWS API is, and the order in which each one runs: the shape, the members that name the
// resource, authorization, then all other constraints, then the domain.

import type { PrivateOperationName } from '@berth/api/ecr/operation-names.ts'
import { type AccountId, parseAccountId, type RegistryName, repositoryArn } from '@berth/api/names/registry.ts'
import { parseRepositoryName, type RepositoryName } from '@berth/api/names/repository-name.ts'
import { decode } from '@berth/api/shapes/decode.ts'
import type { Decoded, Infer, StructureShape } from '@berth/api/shapes/shape.ts'
import { firstViolation, type Violation, validate } from '@berth/api/shapes/violations.ts'
import { RegistryError } from '../base/errors.ts'
import type { Principal, Tag } from '../base/principal.ts'
import type { RequestContext } from '../base/request-context.ts'
import type { AccessFacts } from '../domain/policies/authorize.ts'
import type { Services } from './services.ts'

/** An IAM action, the resource it is asked for, and what the request says that conditions may ask about. */
export type Permission = readonly [action: string, resource: string, facts?: AccessFacts]

/** Who calls, and the region that the request was signed for. */
export interface Caller {
  principal: Principal
  region: RegistryName['region']
  context(registry: RegistryName): RequestContext
}

export interface Operation {
  readonly name: PrivateOperationName
  readonly maxBodyBytes: number
  /** Members with texts above this size stay bytes; see `readJson`. */
  readonly liftStringsOver: number | undefined
  /** Runs it; `heard` learns the repository for the log as soon as it is known. @throws RegistryError, SerializationError */
  execute(json: unknown, caller: Caller, services: Services, heard: (repository: string) => void): Promise<unknown>
}

export interface OperationSpec<S extends StructureShape, O extends object> {
  name: PrivateOperationName
  input: S
  maxBodyBytes?: number
  liftStringsOver?: number
  /** Members that are checked before authorization, since the resource's name is made of them. */
  naming?: readonly (keyof S['members'] & string)[]
  /** The registry that the request is about; that of `registryId`, or the caller's, unless the operation says otherwise. */
  registry?: (input: Decoded<S>, caller: Caller) => RegistryName
  permissions: (input: Decoded<S>, registry: RegistryName) => readonly Permission[]
  run(input: Infer<S>, ctx: RequestContext, services: Services): Promise<O>
}

const defaultMaxBodyBytes = 1024 * 1024

export function operation<S extends StructureShape, O extends object>(spec: OperationSpec<S, O>): Operation {
  const naming = spec.naming ?? ['registryId', 'repositoryName'].filter((name) => name in spec.input.members)
  return {
    name: spec.name,
    maxBodyBytes: spec.maxBodyBytes ?? defaultMaxBodyBytes,
    liftStringsOver: spec.liftStringsOver,
    async execute(json, caller, services, heard) {
      const input = decode(spec.input, json)
      refuse(firstViolation(spec.input, input, { only: naming }))
      const registry = spec.registry?.(input, caller) ?? registryOf(input, caller)
      heard(text(input, 'repositoryName') ?? '')
      const ctx = caller.context(registry)
      for (const [action, resource, facts = {}] of spec.permissions(input, registry)) {
        await services.authorizer.authorize(ctx, { action, resource, accountId: registry.accountId, facts })
      }
      const { value, violation } = validate(spec.input, input)
      refuse(violation)
      return spec.run(value as Infer<S>, ctx, services)
    },
  }
}

function refuse(violation: Violation | undefined): void {
  if (violation)
    throw new RegistryError({ code: 'InvalidParameter', member: violation.member, constraint: violation.constraint })
}

function text(input: object, member: string): string | undefined {
  const value: unknown = (input as Record<string, unknown>)[member]
  return typeof value === 'string' ? value : undefined
}

function registryOf(input: object, caller: Caller): RegistryName {
  const accountId: AccountId | undefined = parseAccountId(text(input, 'registryId') ?? '')
  return { accountId: accountId ?? caller.principal.accountId, region: caller.region }
}

/** The permission of most operations: the action of their name on the repository they name. */
export function onRepository(
  name: PrivateOperationName,
): (input: { repositoryName?: string }, registry: RegistryName) => Permission[] {
  return (input, registry) => [[`ecr:${name}`, repositoryArn(registry, input.repositoryName ?? '*')]]
}

/** Tags that a request brings, for conditions; what is no tag yet is left to the check of the shape. */
export function tagFacts(tags: readonly ({ Key?: string; Value?: string } | null)[] | undefined): Tag[] {
  return (tags ?? []).flatMap((tag) =>
    tag?.Key === undefined || tag.Value === undefined ? [] : [{ key: tag.Key, value: tag.Value }],
  )
}

/** The permission of operations that no resource narrows. */
export function onAnything(name: PrivateOperationName): () => Permission[] {
  return () => [[`ecr:${name}`, '*']]
}

/** The permission of GetAccountSetting and PutAccountSetting: conditions may ask for the setting's name. */
export function onAccountSetting(name: PrivateOperationName): (input: { name?: string }) => Permission[] {
  return (input) => [[`ecr:${name}`, '*', input.name === undefined ? {} : { accountSetting: input.name }]]
}

/** A name that the shape has checked already. */
export function checkedName(name: string): RepositoryName {
  return parseRepositoryName(name) ?? fail(`unchecked repository name ${name}`)
}

function fail(message: string): never {
  throw new Error(message)
}
