// What an operation of IAM or STS is. The order is that of ECR's operations (operation.ts): the shape, the members that name the resource,
// authorization, then all other constraints, then the domain.

import type { IamOperationName } from '@berth/api/iam/operation-names.ts'
import { awsValidationMessage } from '@berth/api/iam/validation-message.ts'
import { decode } from '@berth/api/shapes/decode.ts'
import type { Decoded, Infer, StructureShape } from '@berth/api/shapes/shape.ts'
import { firstViolation, type Violation, validate } from '@berth/api/shapes/violations.ts'
import type { StsOperationName } from '@berth/api/sts/operation-names.ts'
import { IdentityError } from '../base/identity-error.ts'
import type { RequestContext } from '../base/request-context.ts'
import type { Permission } from './operation.ts'
import type { Services } from './services.ts'

export interface IdentityOperation {
  readonly service: 'iam' | 'sts'
  readonly name: IamOperationName | StsOperationName
  readonly input: StructureShape
  readonly output: StructureShape
  /** Runs without a signature: what it is given proves who asks. */
  readonly isUnsigned: boolean
  /** `heard` learns of the resources that are asked for, for the audit log. @throws RegistryError, IdentityError, SerializationError */
  execute(input: unknown, ctx: RequestContext, services: Services, heard: (resource: string) => void): Promise<object>
}

export interface IdentityOperationSpec<I extends StructureShape, O extends StructureShape> {
  service: 'iam' | 'sts'
  name: IamOperationName | StsOperationName
  input: I
  output: O
  isUnsigned?: true
  /** Members that are checked before authorization, since the resource's name is made of them. */
  naming?: readonly (keyof I['members'] & string)[]
  /** Asked in the caller's account. Actions that `run` decides by itself (a role's trust policy) are not here. */
  permissions: (
    input: Decoded<I>,
    ctx: RequestContext,
    services: Services,
  ) => readonly Permission[] | Promise<readonly Permission[]>
  run(input: Infer<I>, ctx: RequestContext, services: Services): Promise<Infer<O>>
}

export function identityOperation<I extends StructureShape, O extends StructureShape>(
  spec: IdentityOperationSpec<I, O>,
): IdentityOperation {
  return {
    service: spec.service,
    name: spec.name,
    input: spec.input,
    output: spec.output,
    isUnsigned: spec.isUnsigned ?? false,
    async execute(given, ctx, services, heard) {
      const input = decode(spec.input, given)
      refuse(firstViolation(spec.input, input, { only: spec.naming ?? [] }))
      refuseLimitedSession(spec, ctx)
      for (const [action, resource, facts = {}] of await spec.permissions(input, ctx, services)) {
        heard(resource)
        await services.authorizer.authorize(ctx, { action, resource, accountId: ctx.registry.accountId, facts })
      }
      const { value, violation } = validate(spec.input, input)
      refuse(violation)
      return (await spec.run(value as Infer<I>, ctx, services)) as object
    },
  }
}

function refuse(violation: Violation | undefined): void {
  if (violation) throw new IdentityError('ValidationError', awsValidationMessage(violation))
}

/**
 * Sessions of GetSessionToken without a second factor, and federated users, have no IAM, and of STS only this (STS GetSessionToken,
 * GetFederationToken; IAM, "Compare AWS STS credentials"). What makes either takes a key that is no session's.
 */
const openTo: Record<'role' | 'user' | 'federated', (name: string) => boolean> = {
  role: (name) => name !== 'GetSessionToken' && name !== 'GetFederationToken',
  user: (name) => name === 'GetCallerIdentity' || name === 'AssumeRole',
  federated: (name) => name === 'GetCallerIdentity',
}

function refuseLimitedSession(
  operation: { service: 'iam' | 'sts'; name: string },
  { principal }: RequestContext,
): void {
  const { session, caller } = principal
  if (!session) return
  const kind = caller.kind === 'role-session' ? 'role' : caller.kind === 'federated-user' ? 'federated' : 'user'
  const { service, name } = operation
  if (service === 'iam' && kind !== 'role')
    throw new IdentityError('InvalidClientTokenId', 'The security token included in the request is invalid')
  if (service === 'sts' && !openTo[kind](name))
    throw new IdentityError('AccessDenied', `Cannot call ${name} with session credentials`)
}
