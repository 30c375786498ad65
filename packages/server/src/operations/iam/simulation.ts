// Asking how policies would decide (IAM SimulatePrincipalPolicy and its neighbours).

import {
  type ContextEntry,
  type EvaluationResult,
  GetContextKeysForCustomPolicyRequest,
  GetContextKeysForCustomPolicyResponse,
  GetContextKeysForPrincipalPolicyRequest,
  GetContextKeysForPrincipalPolicyResponse,
  type PolicyIdentifier,
  type PolicySource,
  SimulateCustomPolicyRequest,
  SimulateCustomPolicyResponse,
  SimulatePrincipalPolicyRequest,
  SimulatePrincipalPolicyResponse,
  type Statement,
} from '@berth/api/iam/simulation.ts'
import { type AccountId, parseAccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { PolicyRef } from '../../domain/policies/compile-policy.ts'
import type { Simulation, SimulationResult } from '../../domain/policies/simulate.ts'
import { identityOperation } from '../identity-operation.ts'
import type { Services } from '../services.ts'
import { nextMarker, openMarker } from './pages.ts'
import { onAnything } from './resources.ts'

const simulatePrincipalPolicy = identityOperation({
  service: 'iam',
  name: 'SimulatePrincipalPolicy',
  input: SimulatePrincipalPolicyRequest,
  output: SimulatePrincipalPolicyResponse,
  naming: ['PolicySourceArn'],
  permissions: ({ PolicySourceArn }) => [['iam:SimulatePrincipalPolicy', PolicySourceArn ?? '']],
  run: (input, ctx, services) =>
    run(input, ctx, services, {
      sourceArn: input.PolicySourceArn,
      policies: input.PolicyInputList ?? [],
      isExcluded: exclusion(input.PolicyExclusionList ?? []),
    }),
})

const simulateCustomPolicy = identityOperation({
  service: 'iam',
  name: 'SimulateCustomPolicy',
  input: SimulateCustomPolicyRequest,
  output: SimulateCustomPolicyResponse,
  permissions: onAnything('SimulateCustomPolicy'),
  run: (input, ctx, services) =>
    run(input, ctx, services, {
      policies: input.PolicyInputList,
      serviceControl: input.OrderedOrganizationPolicyInputList?.map(
        (level) => level.ServiceControlPolicyInputList ?? [],
      ),
    }),
})

const getContextKeysForCustomPolicy = identityOperation({
  service: 'iam',
  name: 'GetContextKeysForCustomPolicy',
  input: GetContextKeysForCustomPolicyRequest,
  output: GetContextKeysForCustomPolicyResponse,
  permissions: onAnything('GetContextKeysForCustomPolicy'),
  async run({ PolicyInputList }, { registry }, { simulations }) {
    return { ContextKeyNames: await simulations.contextKeys(registry.accountId, undefined, PolicyInputList) }
  },
})

const getContextKeysForPrincipalPolicy = identityOperation({
  service: 'iam',
  name: 'GetContextKeysForPrincipalPolicy',
  input: GetContextKeysForPrincipalPolicyRequest,
  output: GetContextKeysForPrincipalPolicyResponse,
  naming: ['PolicySourceArn'],
  permissions: ({ PolicySourceArn }) => [['iam:GetContextKeysForPrincipalPolicy', PolicySourceArn ?? '']],
  async run({ PolicySourceArn, PolicyInputList = [] }, { registry }, { simulations }) {
    return { ContextKeyNames: await simulations.contextKeys(registry.accountId, PolicySourceArn, PolicyInputList) }
  },
})

export const simulationOperations = [
  getContextKeysForCustomPolicy,
  getContextKeysForPrincipalPolicy,
  simulateCustomPolicy,
  simulatePrincipalPolicy,
]

/** What both operations take alike. */
interface CommonInput {
  PermissionsBoundaryPolicyInputList?: readonly string[]
  ActionNames: readonly string[]
  ResourceArns?: readonly string[]
  ResourcePolicy?: string
  ResourceOwner?: string
  CallerArn?: string
  ContextEntries?: readonly ContextEntry[]
  ResourceHandlingOption?: string
  MaxItems?: number
  Marker?: string
}

async function run(
  input: CommonInput,
  ctx: RequestContext,
  services: Services,
  own: Pick<Simulation, 'sourceArn' | 'policies' | 'isExcluded' | 'serviceControl'>,
) {
  if (input.ResourceHandlingOption !== undefined)
    throw new IdentityError('InvalidInput', 'ResourceHandlingOption is about resources of Amazon EC2 only.')
  const { after, limit } = openMarker(services, ctx, 'simulation', input)
  const simulation = {
    ...own,
    boundaries: input.PermissionsBoundaryPolicyInputList,
    actions: input.ActionNames,
    resources: input.ResourceArns ?? ['*'],
    resourcePolicy: input.ResourcePolicy,
    resourceOwner: ownerOf(input.ResourceOwner),
    callerArn: input.CallerArn,
    context: (input.ContextEntries ?? []).map(readEntry),
  }
  const page = { from: after === undefined ? 0 : Number(after), limit }
  const { results, next } = await services.simulations.simulate(ctx, simulation, page)
  return {
    EvaluationResults: results.map(presentResult),
    ...nextMarker(services, ctx, 'simulation', next?.toString()),
  }
}

/** An account, by its id or as the ARN of its root user. */
function ownerOf(text: string | undefined): AccountId | undefined {
  if (text === undefined) return undefined
  const owner = parseAccountId(/^arn:aws:iam::(\d{12}):root$/.exec(text)?.[1] ?? text)
  if (!owner) throw new IdentityError('InvalidInput', `Invalid ResourceOwner: ${text}`)
  return owner
}

function readEntry({
  ContextKeyName: key,
  ContextKeyValues: values = [],
  ContextKeyType: type = 'string',
}: ContextEntry) {
  if (key === undefined) throw new IdentityError('InvalidInput', 'A context entry has no ContextKeyName.')
  return { key, values, isList: type.endsWith('List') }
}

/** Which of the policies of a principal are left out. */
function exclusion(identifiers: readonly PolicyIdentifier[]): (policy: PolicyRef) => boolean {
  const tests = identifiers.map(({ PolicyType, PolicyArn, InlinePolicyIdentifier: inline, ...others }) => {
    const given = [PolicyType, PolicyArn, inline].filter((each) => each !== undefined)
    if (given.length !== 1 || Object.keys(others).length > 0)
      throw new IdentityError(
        'InvalidInput',
        'A policy to be left out is named by its type, its ARN, or as an inline policy.',
      )
    if (PolicyType !== undefined) return (policy: PolicyRef) => typeOf(policy) === PolicyType
    if (PolicyArn !== undefined) return (policy: PolicyRef) => policy.arn === PolicyArn
    const id = inline && `${inline.AttachmentType}_${inline.AttachmentName}_${inline.PolicyName}`
    return (policy: PolicyRef) => policy.arn === undefined && policy.id === id
  })
  return (policy) => tests.some((isMeant) => isMeant(policy))
}

function typeOf({ kind, arn }: PolicyRef): string {
  if (kind === 'boundary') return 'permission-boundary'
  return arn === undefined ? 'inline' : isOfAws(arn) ? 'aws-managed' : 'user-managed'
}

const isOfAws = (arn: string) => arn.startsWith('arn:aws:iam::aws:')

const decisions = { allow: 'allowed', 'explicit-deny': 'explicitDeny', 'implicit-deny': 'implicitDeny' } as const

function presentResult(result: SimulationResult): EvaluationResult {
  const { action, resource, decision, decidedBy, matched, missingKeys } = result
  const { isAllowedByBoundary, isAllowedByServiceControl } = result
  return {
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision: decisions[decision],
    MatchedStatements: matched.map(
      ({ policy, statement, sid, effect }): Statement => ({
        SourcePolicyId: policy.id,
        SourcePolicyType: sourceOf(policy),
        ...(sid === undefined ? {} : { Sid: sid }),
        ...{ Effect: effect, StatementIndex: statement },
      }),
    ),
    MissingContextValues: missingKeys,
    ...(isAllowedByServiceControl === undefined
      ? {}
      : { OrganizationsDecisionDetail: { AllowedByOrganizations: isAllowedByServiceControl } }),
    ...(isAllowedByBoundary === undefined
      ? {}
      : { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: isAllowedByBoundary } }),
    DecidedBy: {
      PolicyKind: decidedBy.kind,
      ...(decidedBy.policy === undefined ? {} : { SourcePolicyId: decidedBy.policy.id }),
      ...(decidedBy.sid === undefined ? {} : { Sid: decidedBy.sid }),
      ...(decidedBy.statement === undefined ? {} : { StatementIndex: decidedBy.statement }),
    },
  }
}

function sourceOf({ kind, arn, id }: PolicyRef): PolicySource {
  if (kind === 'repository' || kind === 'registry') return 'resource'
  if (arn !== undefined) return isOfAws(arn) ? 'aws-managed' : 'user-managed'
  const [holder] = id.split('_')
  return holder === 'user' || holder === 'group' || holder === 'role' ? holder : 'none'
}
