// May this principal do this? The one place that decides, asked for every route and operation with the IAM action and the resource: it
// brings together who asks, what the request says and all policies that have a say, and lets `evaluate` decide.

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Clock } from '../../base/clock.ts'
import { RegistryError } from '../../base/errors.ts'
import type { Principal, Tag } from '../../base/principal.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { Directory, Snapshot } from '../identities/directory.ts'
import { type AuthorizationMessage, authorizationMessage, recordedContext } from './authorization-message.ts'
import { type CompiledPolicy, compileStoredPolicy } from './compile-policy.ts'
import { type ContextInputs, createContextKeys } from './context-keys.ts'
import { denialMessage } from './denial.ts'
import { type Decision, type EvaluateOptions, evaluate, type Guard, type PolicySet } from './evaluate.ts'
import { evaluateTrust } from './evaluate-trust.ts'
import { administratorAccess } from './managed-policies.ts'
import { compileBundle, emptyBundle, type PolicyBundle } from './policy-bundle.ts'
import type { Request } from './request.ts'
import type { ResourcePolicies } from './resource-policies.ts'

/** What a request itself says that conditions may ask about; see `ContextInputs`. */
export type AccessFacts = Pick<
  ContextInputs,
  | 'requestTags'
  | 'requestTagKeys'
  | 'permissionsBoundary'
  | 'policyArn'
  | 'accountSetting'
  | 'assumeRole'
  | 'webIdentity'
>

export interface Access {
  /** `ecr:BatchGetImage`. */
  action: string
  /** An ARN, or `*` where AWS has no narrower resource. */
  resource: string
  /** The account that owns the resource. */
  accountId: AccountId
  facts?: AccessFacts
}

/** A decision with what it was made about, for sentences, the audit log and whoever wants it explained. */
export interface Decided {
  request: Request
  decision: Decision
}

export interface Authorizer {
  /** @throws RegistryError AccessDenied, with AWS's sentence */
  authorize(ctx: RequestContext, access: Access): Promise<void>
  isAuthorized(ctx: RequestContext, access: Access): Promise<boolean>
  decide(ctx: RequestContext, access: Access, options?: EvaluateOptions): Promise<Decided>
  /** Whether the principal may take the role (`sts:AssumeRole` and what comes with it): its trust policy has a say. */
  decideTrust(ctx: RequestContext, roleId: string, access: Access, options?: EvaluateOptions): Promise<Decided>
  /** As `decide`, with another policy in the place of the repository's. */
  decideWith(ctx: RequestContext, access: Access, repositoryPolicy: CompiledPolicy): Promise<Decided>
}

export function createAuthorizer(parts: {
  directory: Directory
  resourcePolicies: ResourcePolicies
  clock: Clock
  /** Seals what a refused caller may ask about (STS DecodeAuthorizationMessage). */
  sealMessage: (message: AuthorizationMessage) => string
}): Authorizer {
  const { directory, resourcePolicies, clock, sealMessage } = parts

  /** What was allowed on another node a moment ago is allowed here too: before it is refused, it is looked at as it is now. */
  async function decide(ctx: RequestContext, access: Access, options?: EvaluateOptions) {
    const decided = await decideAsOf(undefined, ctx, access, options)
    const isFinal = decided.decision.decision === 'allow' || !directory.mayBeOld
    return log(ctx, isFinal ? decided : await decideAsOf('now', ctx, access, options))
  }

  async function decideAsOf(now: 'now' | undefined, ctx: RequestContext, access: Access, options?: EvaluateOptions) {
    const snapshot = await directory.current(now)
    const { accountId, action, resource } = access
    const isEcr = action.startsWith('ecr:')
    const side = isEcr
      ? await resourcePolicies.of({ accountId, region: ctx.registry.region }, action, resource, now)
      : undefined
    const tags = side ? () => side.tags : () => entityOf(snapshot, access)?.tags ?? []
    const request = requestOf(ctx, access, snapshot, tags)
    // What an account that is closed has said is not heard any more: nobody reaches what it holds.
    const resourceSide = side && snapshot.hasAccount(accountId) ? side.policies : emptyBundle
    const policies = { ...policiesOf(snapshot, ctx.principal), resource: resourceSide }
    const decision = isRecovery(request) ? recovered : evaluate(request, policies, options)
    if (decision.decision === 'allow' || ctx.principal.accountId === accountId) return { request, policies, decision }
    return refusedAbroad(ctx, access, { snapshot, request, policies, decision, options })
  }

  /**
   * Conditions of the caller's own side could sound the tags of what is not his, and with them what is there: unless the other account
   * gives him leave, he is refused as if it had none.
   */
  function refusedAbroad(
    ctx: RequestContext,
    access: Access,
    found: Decided & { snapshot: Snapshot; policies: PolicySet; options: EvaluateOptions | undefined },
  ): Decided & { policies: PolicySet } {
    const { snapshot, request, policies, decision, options } = found
    const { resource } = policies
    const theirs = evaluate(request, { identity: emptyBundle, guards: [], resource }, { explain: true })
    const isForbidden = theirs.decision === 'explicit-deny'
    if (!isForbidden && theirs.matched?.some(({ effect }) => effect === 'Allow')) return { request, policies, decision }
    const untagged = requestOf(ctx, access, snapshot, () => [])
    const own = evaluate(untagged, { ...policies, resource: emptyBundle }, options)
    return { request: untagged, policies, decision: isForbidden && own.decision !== 'explicit-deny' ? theirs : own }
  }

  /** Decided once more, to see all that had a say: refusals are rare, and all else should not pay for it. */
  function encodedMessage(request: Request, policies: PolicySet, decision: Decision): string {
    const context = recordedContext(request.context)
    const { matched = [] } = evaluate({ ...request, context }, policies, { explain: true })
    return sealMessage(authorizationMessage(request, decision, { matched, looked: context.looked }))
  }

  function requestOf(
    ctx: RequestContext,
    access: Access,
    snapshot: Snapshot,
    resourceTags: () => readonly Tag[],
  ): Request {
    const { principal, origin, registry } = ctx
    const { caller, session } = principal
    const entity = entityOf(snapshot, access)
    return {
      caller,
      action: access.action,
      resource: access.resource,
      resourceAccountId: access.accountId,
      context: createContextKeys({
        caller,
        now: clock.now(),
        region: registry.region,
        resourceAccountId: access.accountId,
        isSecureTransport: origin.isSecure,
        sourceIp: origin.sourceIp,
        ...(origin.userAgent === undefined ? {} : { userAgent: origin.userAgent }),
        ...(origin.referer === undefined ? {} : { referer: origin.referer }),
        principalTags: snapshot.entity(ownerId(principal))?.tags ?? [],
        ...(session ? { session } : {}),
        resourceTags,
        ...(entity?.boundaryArn === undefined ? {} : { permissionsBoundary: entity.boundaryArn }),
        ...access.facts,
      }),
    }
  }

  return {
    decide,
    async isAuthorized(ctx, access) {
      return (await decide(ctx, access)).decision.decision === 'allow'
    },
    async authorize(ctx, access) {
      const { request, policies, decision } = await decide(ctx, access)
      if (decision.decision === 'allow') return
      const encoded = encodedMessage(request, policies, decision)
      throw new RegistryError({ code: 'AccessDenied', message: denialMessage(request, decision), encoded })
    },
    async decideTrust(ctx, roleId, access, options) {
      const snapshot = await directory.current('now')
      const role = snapshot.entity(roleId)
      const request = requestOf(ctx, access, snapshot, () => role?.tags ?? [])
      const trust = snapshot.hasAccount(access.accountId) ? snapshot.trust(roleId) : emptyBundle
      const policies = { ...policiesOf(snapshot, ctx.principal), trust }
      return log(ctx, { request, decision: evaluateTrust(request, policies, options) })
    },
    async decideWith(ctx, access, repositoryPolicy) {
      const snapshot = await directory.current('now')
      const registry = { accountId: access.accountId, region: ctx.registry.region }
      const side = await resourcePolicies.of(registry, access.action, access.resource, 'now')
      const others = side.policies.policies.filter(({ ref }) => ref.kind !== 'repository')
      const request = requestOf(ctx, access, snapshot, () => side.tags)
      const resource = compileBundle([...others, repositoryPolicy])
      const policies = { ...policiesOf(snapshot, ctx.principal), resource }
      return log(ctx, { request, decision: isRecovery(request) ? recovered : evaluate(request, policies) })
    },
  }
}

/** What an ARN of IAM names, in the account that is asked: the ARN is the caller's text, and may name another. */
function entityOf(snapshot: Snapshot, { resource, accountId }: Access) {
  const entity = snapshot.entityByArn(resource)
  return entity?.accountId === accountId ? entity : undefined
}

/** Whose policies and tags a principal has: the user's or the role's. */
export function ownerId({ accountId, caller }: Principal): string {
  if (caller.kind === 'role-session') return caller.roleId
  return caller.kind === 'user' || caller.kind === 'federated-user' ? caller.userId : accountId
}

/** Whom a root user vouches for has what his session policies allow of everything (STS GetFederationToken). */
function isFederatedByRoot({ accountId, caller }: Principal): boolean {
  return caller.kind === 'federated-user' && caller.userId === accountId
}

/** The policies on the caller's side. */
export function policiesOf(snapshot: Snapshot, principal: Principal): Pick<PolicySet, 'identity' | 'guards'> {
  const { identity, boundary } = isFederatedByRoot(principal)
    ? { identity: compileBundle([snapshot.managedPolicy(administratorAccess, 'identity')]), boundary: undefined }
    : snapshot.permissions(ownerId(principal))
  const guards: Guard[] = boundary ? [{ kind: 'boundary', bundle: boundary }] : []
  const policies = principal.session?.policies ?? []
  if (policies.length > 0)
    guards.push({ kind: 'session', bundle: sessionBundle(snapshot, principal.accountId, policies) })
  return { identity, guards }
}

type SessionPolicies = NonNullable<Principal['session']>['policies']

/** Whoever may take a role brings as many session policies as he likes, and the longest takes some 50 KB when it is compiled. */
const maxSessions = 1000
const sessionBundles = new WeakMap<Snapshot, Map<SessionPolicies, PolicyBundle>>()
/** Those that came with the request for the session: they stay as they are when identities change. */
const ownSessionPolicies = new Map<SessionPolicies[number], CompiledPolicy>()

/** Several session policies are one voice; managed ones are looked up anew when a policy may have changed. */
function sessionBundle(snapshot: Snapshot, accountId: AccountId, policies: SessionPolicies): PolicyBundle {
  const bundles = sessionBundles.get(snapshot) ?? new Map<SessionPolicies, PolicyBundle>()
  sessionBundles.set(snapshot, bundles)
  return kept(bundles, policies, () =>
    compileBundle(
      policies.map((policy) => {
        if (policy.arn !== undefined) return snapshot.managedPolicy(policy.arn, 'session')
        const ref = { kind: 'session', id: policy.id, accountId } as const
        return kept(ownSessionPolicies, policy, () => compileStoredPolicy(policy.document, 'session', ref))
      }),
    ),
  )
}

/** The oldest makes room. */
function kept<K, V>(cache: Map<K, V>, key: K, make: () => V): V {
  const known = cache.get(key)
  if (known !== undefined) return known
  const oldest = cache.size >= maxSessions ? cache.keys().next().value : undefined
  if (oldest !== undefined) cache.delete(oldest)
  const made = make()
  cache.set(key, made)
  return made
}

/** A Deny of a resource policy must not lock an account out for ever: its root user may always put such a policy right. */
const recoveries = ['SetRepositoryPolicy', 'GetRepositoryPolicy', 'DeleteRepositoryPolicy']
  .concat('PutRegistryPolicy', 'GetRegistryPolicy', 'DeleteRegistryPolicy')
  .map((name) => `ecr:${name}`)

const recovered: Decision = { decision: 'allow', decidedBy: { kind: 'root' } }

function isRecovery({ caller, action, resourceAccountId }: Request): boolean {
  return caller.kind === 'root' && caller.accountId === resourceAccountId && recoveries.includes(action)
}

function log<D extends Decided>(ctx: RequestContext, decided: D): D {
  const { fault, decidedBy } = decided.decision
  if (fault !== undefined)
    ctx.log.error(
      { err: fault, requestId: ctx.requestId, policy: decidedBy.policy },
      'a policy could not be evaluated, so it denies',
    )
  return decided
}
