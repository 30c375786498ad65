// Would this be allowed, and why (IAM SimulatePrincipalPolicy, SimulateCustomPolicy)? Decided by `evaluate`, as real requests are, about
// the policies of a user, group or role, about policies that are only tried, or both.
//
// Of a repository of the account its policy and its registry's are asked too, unless a resource policy is given to be tried. Those of other
// accounts are not: with made-up addresses and tags they could be sounded.

import { setImmediate } from 'node:timers/promises'
import { type AccountId, parseAccountId, parseRepositoryArn } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Caller, Tag } from '../../base/principal.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { MetadataStore } from '../../storage/metadata/metadata-store.ts'
import { sessionArn } from '../identities/arns.ts'
import type { Directory, DirectoryEntity, Snapshot } from '../identities/directory.ts'
import { policyRefusal, readPolicy } from '../identities/written-policy.ts'
import { uniqueKeys } from './asked-keys.ts'
import { bindToIds } from './bound-principals.ts'
import { type CompiledPolicy, compilePolicy, type PolicyRef } from './compile-policy.ts'
import { createContextKeys } from './context-keys.ts'
import {
  type DecidedBy,
  type Decision,
  evaluate,
  type Guard,
  type MatchedStatement,
  type PolicySet,
} from './evaluate.ts'
import { parsePolicy } from './parse-policy.ts'
import { compileBundle, emptyBundle, type PolicyBundle } from './policy-bundle.ts'
import type { Request } from './request.ts'
import type { ResourcePolicies } from './resource-policies.ts'
import { type ContextEntry, readEntries, simulatedContext } from './simulation-context.ts'

/** Policies to be tried: each at most as long as all that a role may have written into it, and all of them together. */
const maxCharacters = 10_240
const maxCharactersTogether = 65_536
/** However many results are asked for, a page ends when so much time has been spent on it. */
const pageMs = 2000

export interface Simulation {
  /** A user, group or role of the account, whose policies are asked; without one only policies that are given. */
  sourceArn?: string | undefined
  /** Policies that are asked with those of the source. */
  policies: readonly string[]
  /** In the place of the source's. */
  boundaries?: readonly string[] | undefined
  /** Service control policies, level by level. */
  serviceControl?: readonly (readonly string[])[] | undefined
  /** In the place of the policies of repository and registry. */
  resourcePolicy?: string | undefined
  /** Whether a policy of the source is left out. */
  isExcluded?: ((policy: PolicyRef) => boolean) | undefined
  actions: readonly string[]
  resources: readonly string[]
  /** The account that owns the resources, if their ARNs do not say it. */
  resourceOwner?: AccountId | undefined
  /** A user of the account who calls, in the place of the source. */
  callerArn?: string | undefined
  context: readonly ContextEntry[]
}

export interface SimulationResult {
  action: string
  resource: string
  decision: Decision['decision']
  decidedBy: DecidedBy
  matched: readonly MatchedStatement[]
  missingKeys: readonly string[]
  /** Undefined: there is none. */
  isAllowedByBoundary: boolean | undefined
  isAllowedByServiceControl: boolean | undefined
}

export interface Simulations {
  /**
   * Results from one place on, action by action and resource by resource; `next` is the place of the first that is left.
   * @throws IdentityError NoSuchEntity, InvalidInput, MalformedPolicyDocument, LimitExceeded
   */
  simulate(
    ctx: RequestContext,
    simulation: Simulation,
    page: { from: number; limit: number },
  ): Promise<{ results: SimulationResult[]; next?: number }>
  /** Keys that policies ask for. @throws IdentityError NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
  contextKeys(accountId: AccountId, sourceArn: string | undefined, policies: readonly string[]): Promise<string[]>
}

/** All that is the same for each action and resource. */
interface Prepared extends Pick<PolicySet, 'identity' | 'guards'> {
  snapshot: Snapshot
  caller: Caller
  isCallerKnown: boolean
  principalTags: readonly Tag[]
  /** What is tried in the place of the policies of repository and registry. */
  resource: PolicyBundle | undefined
  given: ReturnType<typeof readEntries>
  /** All that its policies ask for, as they are written. */
  keys: readonly string[]
}

export function createSimulations(parts: {
  metadata: MetadataStore
  directory: Directory
  resourcePolicies: ResourcePolicies
  clock: Clock
}): Simulations {
  const { metadata, directory, resourcePolicies, clock } = parts

  async function prepare({ registry }: RequestContext, simulation: Simulation): Promise<Prepared> {
    const { policies, boundaries, serviceControl = [], resourcePolicy, isExcluded = () => false } = simulation
    const { accountId } = registry
    checkSizes([policies, boundaries ?? [], serviceControl.flat(), resourcePolicy ?? []].flat())
    const snapshot = await directory.current('now')
    const { source, caller } = participants(snapshot, accountId, simulation)
    const known = source && snapshot.permissions(source.id)
    const identity = [
      ...(known?.identity.policies ?? []).filter(({ ref }) => !isExcluded(ref)),
      ...tried(policies, 'identity', accountId, 'PolicyInputList'),
    ]
    const boundary = boundaries
      ? tried(boundaries, 'boundary', accountId, 'PermissionsBoundaryPolicyInputList')
      : (known?.boundary?.policies ?? []).filter(({ ref }) => !isExcluded(ref))
    const levels = serviceControl.map((texts, i) =>
      tried(texts, 'service-control', accountId, `OrderedOrganizationPolicyInputList.${i + 1}`),
    )
    const resource = resourcePolicy === undefined ? [] : [await boundResourcePolicy(resourcePolicy, caller, accountId)]
    const guards: Guard[] = [
      ...levels.map((level) => ({ kind: 'service-control' as const, bundle: compileBundle(level) })),
      ...(boundary.length > 0 ? [{ kind: 'boundary' as const, bundle: compileBundle(boundary) }] : []),
    ]
    const keys = [...identity, ...boundary, ...levels.flat(), ...resource].flatMap((policy) => policy.askedKeys)
    return {
      ...{ snapshot, caller, guards, identity: compileBundle(identity), given: readEntries(simulation.context) },
      isCallerKnown: simulation.callerArn !== undefined || (source !== undefined && source.kind !== 'group'),
      principalTags: snapshot.entityByArn(caller.arn)?.tags ?? source?.tags ?? [],
      resource: resource.length > 0 ? compileBundle(resource) : undefined,
      keys,
    }
  }

  /** A policy of a repository, or one with resources as registries have. */
  async function boundResourcePolicy(text: string, caller: UserCaller | RoleCaller, accountId: AccountId) {
    const options = { maxCharacters }
    const asRepository = parsePolicy(text, 'repository', options)
    const isRegistry = !asRepository.ok && asRepository.fault.code === 'trust-resource'
    const kind = isRegistry ? 'registry' : 'repository'
    const parsed = isRegistry ? parsePolicy(text, kind, options) : asRepository
    if (!parsed.ok) throw policyRefusal(parsed.fault)
    const { ids } = await metadata.read((db) => bindToIds(db, parsed.document, kind))
    // Whoever is not there is nobody, and nothing is told of who is there in other accounts.
    const own = caller.kind === 'user' ? [[caller.arn, caller.userId] as const] : []
    return compilePolicy(
      parsed.document,
      { kind, id: 'ResourcePolicy', accountId },
      {
        principalIds: new Map([...ids, ...own]),
      },
    )
  }

  async function decide(ctx: RequestContext, prepared: Prepared, action: string, resource: string, owner: AccountId) {
    const { snapshot, caller, identity, guards, principalTags, given, isCallerKnown } = prepared
    const registry = { accountId: owner, region: parseRepositoryArn(resource)?.region ?? ctx.registry.region }
    const isOwn = owner === ctx.registry.accountId
    const isEcr = action.toLowerCase().startsWith('ecr:')
    const side = isEcr && isOwn ? await resourcePolicies.of(registry, action, resource, 'now') : undefined
    const entity = isOwn ? snapshot.entityByArn(resource) : undefined
    const known = createContextKeys({
      ...{ caller, principalTags, region: registry.region, resourceAccountId: owner, now: clock.now() },
      isSecureTransport: false,
      resourceTags: () => side?.tags ?? entity?.tags ?? [],
      ...(entity?.boundaryArn === undefined ? {} : { permissionsBoundary: entity.boundaryArn }),
    })
    const context = simulatedContext(given, known, { isCallerKnown, isResourceKnown: isOwn })
    const resourceSide = prepared.resource ?? side?.policies ?? emptyBundle
    const request = { caller, action, resource, resourceAccountId: owner, context }
    const decision = evaluate(request, { identity, guards, resource: resourceSide }, { explain: true })
    const keys = [...prepared.keys, ...resourceSide.policies.flatMap((policy) => policy.askedKeys)]
    return present(request, decision, guards, spelled(context.missing, keys))
  }

  return {
    async simulate(ctx, simulation, { from, limit }) {
      const { actions, resources, resourceOwner } = simulation
      checkNames(actions, resources)
      const prepared = await prepare(ctx, simulation)
      const count = actions.length * resources.length
      const endsAt = performance.now() + pageMs
      const results: SimulationResult[] = []
      let place = from
      while (place < count && results.length < limit && (place === from || performance.now() < endsAt)) {
        const action = actions[Math.floor(place / resources.length)] ?? ''
        const resource = resources[place % resources.length] ?? ''
        const owner = ownerOf(resource) ?? resourceOwner ?? ctx.registry.accountId
        results.push(await decide(ctx, prepared, action, resource, owner))
        place += 1
        // Others wait too.
        await setImmediate()
      }
      return place < count ? { results, next: place } : { results }
    },

    async contextKeys(accountId, sourceArn, texts) {
      checkSizes(texts)
      const snapshot = await directory.current('now')
      const source = sourceArn === undefined ? undefined : holderOf(snapshot, accountId, sourceArn)
      const { identity, boundary } = source ? snapshot.permissions(source.id) : { identity: emptyBundle }
      const policies = [
        ...identity.policies,
        ...(boundary?.policies ?? []),
        ...tried(texts, 'identity', accountId, 'PolicyInputList'),
      ]
      return uniqueKeys(policies.flatMap((policy) => policy.askedKeys)).toSorted()
    },
  }
}

// Who takes part

type UserCaller = Extract<Caller, { kind: 'user' }>
type RoleCaller = Extract<Caller, { kind: 'role-session' }>

/** @throws IdentityError NoSuchEntity, InvalidInput */
function holderOf(snapshot: Snapshot, accountId: AccountId, arn: string): DirectoryEntity {
  const [, kind] = /^arn:aws:iam::\d{12}:(user|group|role)\/.+$/.exec(arn) ?? []
  if (kind === undefined)
    throw new IdentityError('InvalidInput', `Invalid Entity Arn: ${arn} does not clearly define entity type and name.`)
  const entity = snapshot.entityByArn(arn)
  if (entity?.accountId !== accountId || entity.kind !== kind)
    throw new IdentityError('NoSuchEntity', `The ${kind} with arn ${arn} cannot be found.`)
  return entity
}

function participants(
  snapshot: Snapshot,
  accountId: AccountId,
  { sourceArn, callerArn }: Pick<Simulation, 'sourceArn' | 'callerArn'>,
): { source: DirectoryEntity | undefined; caller: UserCaller | RoleCaller } {
  const source = sourceArn === undefined ? undefined : holderOf(snapshot, accountId, sourceArn)
  const calling = callerArn === undefined ? source : holderOf(snapshot, accountId, callerArn)
  if (callerArn !== undefined && calling?.kind !== 'user')
    throw new IdentityError('InvalidInput', `Invalid CallerArn: ${callerArn} is not the ARN of a user.`)
  if (calling?.kind === 'role') {
    const { id: roleId, arn: roleArn, name } = calling
    const arn = sessionArn(accountId, name, simulatedSession)
    return { source, caller: { kind: 'role-session', accountId, arn, roleArn, roleId, sessionName: simulatedSession } }
  }
  return { source, caller: { kind: 'user', accountId, arn: calling?.arn ?? '', userId: calling?.id ?? '' } }
}

/** A role has no session before it is taken. */
const simulatedSession = 'simulation'

function ownerOf(resource: string): AccountId | undefined {
  return parseAccountId(resource.split(':')[4] ?? '')
}

// What is tried

/** @throws IdentityError LimitExceeded */
function checkSizes(texts: readonly string[]): void {
  if (texts.reduce((sum, text) => sum + text.length, 0) > maxCharactersTogether)
    throw new IdentityError(
      'LimitExceeded',
      `Policies to be simulated may have ${maxCharactersTogether} characters together.`,
    )
}

/** @throws IdentityError MalformedPolicyDocument, LimitExceeded */
function tried(
  texts: readonly string[],
  kind: 'identity' | 'boundary' | 'service-control',
  accountId: AccountId,
  list: string,
): CompiledPolicy[] {
  return texts.map((text, i) => {
    const document = readPolicy(text, kind === 'boundary' ? kind : 'identity', { maxCharacters })
    return compilePolicy(document, { kind, id: `${list}.${i + 1}`, accountId })
  })
}

/** @throws IdentityError InvalidInput */
function checkNames(actions: readonly string[], resources: readonly string[]): void {
  for (const action of actions) {
    if (!/^[\w-]+:\w+$/.test(action)) throw new IdentityError('InvalidInput', `Invalid Entity Action: ${action}`)
  }
  for (const resource of resources) {
    if (resource !== '*' && !/^arn:aws[a-z-]*:[\w-]+:[\w-]*:(?:\d{12}|aws)?:\S+$/.test(resource))
      throw new IdentityError('InvalidInput', `Invalid Entity Resource: ${resource}`)
  }
}

// What is told

function present(
  { action, resource }: Pick<Request, 'action' | 'resource'>,
  { decision, decidedBy, matched = [] }: Decision,
  guards: readonly Guard[],
  missingKeys: readonly string[],
): SimulationResult {
  const isAllowedBy = (kind: Guard['kind']) => {
    if (!guards.some((guard) => guard.kind === kind)) return undefined
    const own = matched.filter(({ policy }) => policy.kind === kind)
    return own.some(({ effect }) => effect === 'Allow') && !own.some(({ effect }) => effect === 'Deny')
  }
  return {
    ...{ action, resource, decision, decidedBy, matched, missingKeys },
    isAllowedByBoundary: isAllowedBy('boundary'),
    isAllowedByServiceControl: isAllowedBy('service-control'),
  }
}

/** Keys in lower case as the policies write them. */
function spelled(keys: ReadonlySet<string>, written: readonly string[]): string[] {
  const spellings = new Map(written.toReversed().map((key) => [key.toLowerCase(), key]))
  return [...keys].map((key) => spellings.get(key) ?? key)
}
