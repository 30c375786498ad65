// Taking a role (STS AssumeRole and AssumeRoleWithWebIdentity): its trust policy decides, and what the request asks for is checked only
// after that, so that a refusal tells nobody which roles there are, or how long they may be had.

import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Tag } from '../../base/principal.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { Authorizer } from '../policies/authorize.ts'
import type { AssumeRoleInputs, WebIdentityInputs } from '../policies/context-keys.ts'
import { assumeRoleDenialMessage, rootAssumesRoleMessage, webIdentityDenialMessage } from '../policies/denial.ts'
import { packedPercent, readSessionPolicies, readSessionTags } from '../policies/session-policies.ts'
import { sessionArn } from './arns.ts'
import type { Directory, DirectoryEntity, Snapshot } from './directory.ts'
import { detailsOf } from './entity-details.ts'
import type { Sessions, StoredSession } from './sessions.ts'

const defaultSeconds = 3600
/** IAM, "Role chaining". */
const maxChainedSeconds = 3600

export interface RoleSessionRequest {
  roleArn: string
  sessionName: string
  durationSeconds?: number | undefined
  policy?: string | undefined
  policyArns: readonly string[]
  tags: readonly Tag[]
  transitiveTagKeys: readonly string[]
  sourceIdentity?: string | undefined
}

/** Whom an identity provider has vouched for, by a token that has been verified. */
export interface VouchedFor {
  providerArn: string
  webIdentity: WebIdentityInputs
}

export interface RoleSession {
  stored: StoredSession
  /** `AROA…:session`. */
  assumedRoleId: string
  arn: string
  packedPolicySize: number | undefined
}

export interface RoleSessions {
  /** @throws IdentityError AccessDenied, ValidationError, InvalidParameterValue, MalformedPolicyDocument, PackedPolicyTooLarge */
  assume(ctx: RequestContext, request: RoleSessionRequest & { externalId?: string | undefined }): Promise<RoleSession>
  /** For whoever has no key of ours. @throws IdentityError, as `assume` */
  assumeWithWebIdentity(ctx: RequestContext, request: RoleSessionRequest, by: VouchedFor): Promise<RoleSession>
}

/** The account of a role's ARN. @throws IdentityError ValidationError, for what is no such ARN */
export function accountOfRole(roleArn: string): AccountId {
  const account = /^arn:aws:iam::([0-9]{12}):role\/[\w+=,.@/-]+$/.exec(roleArn)?.[1]
  if (account === undefined) throw new IdentityError('ValidationError', 'Request ARN is invalid')
  return account as AccountId
}

export function createRoleSessions(parts: {
  authorizer: Authorizer
  directory: Directory
  sessions: Sessions
}): RoleSessions {
  const { authorizer, directory, sessions } = parts

  /** Everything that the role's trust policy must allow. */
  async function requireTrust(
    ctx: RequestContext,
    role: DirectoryEntity,
    wanted: {
      action: string
      tags: readonly Tag[]
      requestTags: readonly Tag[]
      assumeRole: AssumeRoleInputs
      webIdentity?: WebIdentityInputs
    },
    refuse: (action: string) => Error,
  ): Promise<void> {
    const { action, tags, requestTags, assumeRole, webIdentity } = wanted
    const actions = [
      action,
      // Also for those that a session hands on (IAM, "Chaining roles with session tags").
      ...(tags.length > 0 ? ['sts:TagSession'] : []),
      ...(assumeRole.sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
    ]
    for (const each of actions) {
      const { decision } = await authorizer.decideTrust(ctx, role.id, {
        action: each,
        resource: role.arn,
        accountId: role.accountId,
        facts: { assumeRole, requestTags, ...(webIdentity ? { webIdentity } : {}) },
      })
      if (decision.decision !== 'allow') throw refuse(each)
    }
  }

  async function create(
    snapshot: Snapshot,
    role: DirectoryEntity,
    request: RoleSessionRequest & { isChained: boolean; federatedProvider?: string },
  ): Promise<RoleSession> {
    const { sessionName, tags, transitiveTagKeys, sourceIdentity, federatedProvider } = request
    const durationSeconds = allowedSeconds(request, detailsOf(role.row, 'role').maxSessionSeconds)
    const policies = readSessionPolicies(snapshot, role.accountId, request)
    const packedPolicySize = packedPercent(policies, tags)
    const stored = await sessions.create({
      accountId: role.accountId,
      kind: 'role',
      ownerId: role.id,
      name: sessionName,
      durationSeconds,
      details: {
        policies,
        tags,
        transitiveTagKeys,
        ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
        ...(federatedProvider === undefined ? {} : { federatedProvider }),
      },
    })
    const arn = sessionArn(role.accountId, role.name, sessionName)
    return { stored, assumedRoleId: `${role.id}:${sessionName}`, arn, packedPolicySize }
  }

  return {
    async assume(ctx, request) {
      const { caller, session: calling, arn } = ctx.principal
      const { roleArn, sessionName, externalId } = request
      accountOfRole(roleArn)
      if (caller.kind === 'root') throw new IdentityError('AccessDenied', rootAssumesRoleMessage)
      if (
        calling?.sourceIdentity !== undefined &&
        (request.sourceIdentity ?? calling.sourceIdentity) !== calling.sourceIdentity
      )
        throw new IdentityError('ValidationError', 'The source identity is already set for this assume role session')
      const sourceIdentity = calling?.sourceIdentity ?? request.sourceIdentity
      const { tags, transitiveTagKeys } = readSessionTags(request, calling)
      const refuse = (action: string) =>
        new IdentityError('AccessDenied', assumeRoleDenialMessage(arn, roleArn, action))

      const snapshot = await directory.current('now')
      const role = findRole(snapshot, roleArn)
      if (!role) throw refuse('sts:AssumeRole')
      const assumeRole = {
        roleSessionName: sessionName,
        transitiveTagKeys: request.transitiveTagKeys,
        ...(externalId === undefined ? {} : { externalId }),
        ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
      }
      const wanted = { action: 'sts:AssumeRole', tags, requestTags: request.tags, assumeRole }
      await requireTrust(ctx, role, wanted, refuse)
      const isChained = caller.kind === 'role-session'
      return create(snapshot, role, { ...request, tags, transitiveTagKeys, sourceIdentity, isChained })
    },

    async assumeWithWebIdentity(ctx, request, { providerArn, webIdentity }) {
      const { roleArn, sessionName, sourceIdentity } = request
      const accountId = accountOfRole(roleArn)
      const { tags, transitiveTagKeys } = readSessionTags(request)
      const refuse = () => new IdentityError('AccessDenied', webIdentityDenialMessage)

      const snapshot = await directory.current('now')
      const role = findRole(snapshot, roleArn)
      if (!role) throw refuse()
      const caller = { kind: 'web-identity', accountId, arn: providerArn, provider: providerArn } as const
      const asProvider = {
        ...ctx,
        principal: { ...ctx.principal, accountId, arn: providerArn, caller },
        registry: { ...ctx.registry, accountId },
      }
      const assumeRole = {
        roleSessionName: sessionName,
        transitiveTagKeys,
        ...(sourceIdentity === undefined ? {} : { sourceIdentity }),
      }
      const action = 'sts:AssumeRoleWithWebIdentity'
      await requireTrust(asProvider, role, { action, tags, requestTags: tags, assumeRole, webIdentity }, refuse)
      return create(snapshot, role, {
        ...{ ...request, tags, transitiveTagKeys },
        isChained: false,
        federatedProvider: providerArn,
      })
    },
  }
}

function findRole(snapshot: Snapshot, roleArn: string): DirectoryEntity | undefined {
  const role = snapshot.entityByArn(roleArn)
  return role?.kind === 'role' && snapshot.hasAccount(role.accountId) ? role : undefined
}

/** @throws IdentityError ValidationError */
function allowedSeconds(
  { durationSeconds = defaultSeconds, isChained }: { durationSeconds?: number | undefined; isChained: boolean },
  maxSessionSeconds: number,
): number {
  if (isChained && durationSeconds > maxChainedSeconds)
    throw new IdentityError(
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    )
  if (durationSeconds > maxSessionSeconds)
    throw new IdentityError(
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    )
  return durationSeconds
}
