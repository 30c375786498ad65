// From what a wire knows of a request to an event of the audit log: which requests are written down, and as what
// (docs/design/audit-log.md). A wire fills in a `Call` step by step, and records it where its answer is known.

import { parseAccountId } from '@berth/api/names/registry.ts'
import type { AuditEvent, AuditIdentity } from '../audit/audit-event.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Clock } from '../base/clock.ts'
import { accountOfAccessKey } from '../base/ids.ts'
import type { Principal } from '../base/principal.ts'
import type { Directory, Snapshot } from '../domain/identities/directory.ts'
import type { Exchange } from '../http/exchange.ts'
import { Throttled } from './throttles.ts'

/** What is known of a request so far. */
export interface Call {
  source: AuditEvent['source']
  /** The operation, or on `/v2/` the one of ECR that does the same. */
  name?: string
  region?: string
  /** Undefined while nobody has proved who he is. */
  principal?: Principal
  claimedAccessKeyId?: string
  /** What the request is about, as far as its input does not name it as an ARN. */
  accountId?: string
  resources?: readonly string[]
  input?: unknown
}

export type Outcome =
  | { output?: unknown }
  /** What was answered, and what it was made of. */
  | { error: { code: string; message: string }; thrown: unknown }

export interface Auditor {
  /** Never throws, and never waits. */
  record(exchange: Exchange, call: Call, outcome: Outcome): void
  /** What was recorded has reached the log. */
  settled(): Promise<void>
}

/** These change nothing that an answer would show (CloudTrail, `readOnly`). */
const readOnly = /^(?:Assume|BatchCheck|BatchGet|Decode|Describe|Generate|Get|List|Simulate|Validate|DockerLogin$)/

/** What opens the registry to somebody for a while is written down like a change. */
const sessions = new Set(['AssumeRole', 'AssumeRoleWithWebIdentity', 'GetFederationToken', 'GetSessionToken'])
const logins = new Set([...sessions, 'GetAuthorizationToken'])

/** Reads of images: only where they are asked for (BERTH_AUDIT_PULLS). */
const pulls = new Set(['BatchGetImage', 'GetDownloadUrlForLayer'])

/** A push has many of these, which its CompleteLayerUpload stands for. */
const chunk = 'UploadLayerPart'

const denials = new Set([
  ...['AccessDenied', 'AccessDeniedException', 'DENIED'],
  ...['MissingAuthenticationToken', 'MissingAuthenticationTokenException'],
  ...['IncompleteSignature', 'IncompleteSignatureException', 'SignatureDoesNotMatch', 'InvalidSignatureException'],
  ...['InvalidClientTokenId', 'UnrecognizedClientException', 'ExpiredToken', 'ExpiredTokenException'],
  ...['InvalidIdentityToken', 'IDPRejectedClaim'],
])

/** `docker` begins with a request without credentials, to hear where to log in: an answer that refuses nobody. */
const challenge = 'UNAUTHORIZED'

export function createAuditor(parts: {
  auditLog: AuditLog
  directory: Pick<Directory, 'current'>
  clock: Clock
  homeAccountId: string
  homeRegion: string
  includesPulls: boolean
}): Auditor {
  const { auditLog, directory, clock, homeAccountId, homeRegion, includesPulls } = parts
  /** Events that wait for the directory, and those that came after them: a log is read in its order. */
  let waiting = 0
  let written = Promise.resolve()

  function isRecorded({ name }: Call, outcome: Outcome): boolean {
    if ('error' in outcome) {
      const { error, thrown } = outcome
      if (thrown instanceof Throttled) return thrown.summary !== undefined
      if (denials.has(error.code)) return true
      if (name === undefined || error.code === challenge) return false
      return sessions.has(name) || (!readOnly.test(name) && name !== chunk)
    }
    if (name === undefined || name === chunk) return false
    return pulls.has(name) ? includesPulls : logins.has(name) || !readOnly.test(name)
  }

  return {
    record(exchange, call, outcome) {
      if (!isRecorded(call, outcome)) return
      const at = clock.now()
      const write = (snapshot: Snapshot | undefined) =>
        auditLog.record({ at, region: homeRegion, ...eventOf(exchange, call, outcome, snapshot, homeAccountId) })
      const snapshot = needsDirectory(call) ? directory.current().catch(() => undefined) : undefined
      if (!snapshot && waiting === 0) {
        write(undefined)
        return
      }
      waiting += 1
      written = written.then(async () => {
        write(await snapshot)
        waiting -= 1
      })
    },
    settled: () => written,
  }
}

/** Whether it takes more than the call itself: which accounts there are, or whom a session stands for. */
function needsDirectory(call: Call): boolean {
  const { principal } = call
  if (!principal || principal.caller.kind === 'federated-user') return true
  return accountsOf(call).some((accountId) => accountId !== principal.accountId)
}

function eventOf(
  exchange: Exchange,
  call: Call,
  outcome: Outcome,
  snapshot: Snapshot | undefined,
  homeAccountId: string,
): Omit<AuditEvent, 'at' | 'region'> & { region?: string } {
  const { source, name = 'Unknown', region, principal, claimedAccessKeyId, input } = call
  const userAgent = exchange.header('user-agent')
  const resources = resourcesOf(call)
  const output = 'error' in outcome ? undefined : outcome.output
  const identity = principal ? identityOf(principal, snapshot) : webIdentityOf(output)
  const recipients = accountsOf(call).filter(
    (accountId) => accountId === principal?.accountId || snapshot?.hasAccount(accountId),
  )
  return {
    source,
    name,
    ...(region === undefined ? {} : { region }),
    sourceAddress: exchange.clientAddress,
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(identity ? { identity } : {}),
    ...(claimedAccessKeyId === undefined ? {} : { claimedAccessKeyId }),
    ...(input === undefined ? {} : { requestParameters: membersOf(source, input) }),
    ...(output !== undefined && (!readOnly.test(name) || sessions.has(name))
      ? { responseElements: membersOf(source, output) }
      : {}),
    ...('error' in outcome ? { error: errorOf(outcome) } : {}),
    requestId: exchange.requestId,
    isReadOnly: readOnly.test(name),
    ...(resources.length > 0 ? { resources } : {}),
    recipients: recipients.length > 0 ? recipients : [homeAccountId],
    category: pulls.has(name) ? 'Data' : 'Management',
  }
}

function errorOf({ error, thrown }: Extract<Outcome, { error: unknown }>): { code: string; message: string } {
  const { code, message } = error
  return { code, message: thrown instanceof Throttled && thrown.summary !== undefined ? thrown.summary : message }
}

/** The accounts that an event belongs to, if they exist: the caller's, or that of the key id he names, and the resource's. */
function accountsOf(call: Call): string[] {
  const { principal, claimedAccessKeyId = '', accountId } = call
  const caller = principal?.accountId ?? accountOfAccessKey(claimedAccessKeyId)
  const others = [accountId, ...resourcesOf(call).map((resource) => resource.accountId)]
  return [...new Set([caller, ...others].filter((one) => one !== undefined))]
}

function resourcesOf({ resources = [], input }: Call): { arn: string; accountId: string }[] {
  const named = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {}
  const arns = new Set([...resources, named.resourceArn, named.RoleArn])
  return [...arns].flatMap((arn) => {
    if (typeof arn !== 'string') return []
    const accountId = parseAccountId(arn.split(':', 5)[4] ?? '')
    return accountId ? [{ arn, accountId }] : []
  })
}

function identityOf(principal: Principal, snapshot: Snapshot | undefined): AuditIdentity {
  const { accountId, userId: principalId, arn, accessKeyId, caller, session } = principal
  const common = { principalId, arn, accountId, accessKeyId }
  const times = session && { createdAt: session.issuedAt, isMfaAuthenticated: false }
  switch (caller.kind) {
    case 'root':
      return { type: 'Root', ...common, ...(times ? { session: times } : {}) }
    case 'user':
      return { type: 'IAMUser', ...common, userName: lastOf(arn), ...(times ? { session: times } : {}) }
    case 'role-session': {
      const { roleArn, roleId } = caller
      const issuer = { type: 'Role', principalId: roleId, arn: roleArn, accountId, userName: lastOf(roleArn) } as const
      const webIdProvider = session?.federatedProvider
      return {
        type: 'AssumedRole',
        ...common,
        ...(times ? { session: { issuer, ...times, ...(webIdProvider ? { webIdProvider } : {}) } } : {}),
      }
    }
    case 'federated-user': {
      const user = snapshot?.entity(caller.userId)
      const issuer = user && {
        issuer: { type: 'User', principalId: user.id, arn: user.arn, accountId, userName: user.name } as const,
      }
      return { type: 'FederatedUser', ...common, ...(times ? { session: { ...issuer, ...times } } : {}) }
    }
    case 'service':
      return { type: 'AWSService', principalId: caller.service, arn }
    case 'web-identity':
      return { type: 'WebIdentityUser', principalId, identityProvider: caller.provider }
  }
}

/** Who brought a web identity token is known when it was found good, from the answer (STS AssumeRoleWithWebIdentity). */
function webIdentityOf(output: unknown): AuditIdentity | undefined {
  if (typeof output !== 'object' || output === null || !('SubjectFromWebIdentityToken' in output)) return undefined
  const { SubjectFromWebIdentityToken: userName, Provider, Audience } = output as Record<string, unknown>
  return {
    type: 'WebIdentityUser',
    principalId: `${Provider}:${Audience}:${userName}`,
    userName: String(userName),
    identityProvider: String(Provider),
  }
}

function lastOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}

/** CloudTrail's members begin with a small letter, those of IAM and STS with a capital one. */
function membersOf(source: Call['source'], value: unknown): unknown {
  if (source === 'ecr') return value
  if (Array.isArray(value)) return value.map((element) => membersOf(source, element))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.charAt(0).toLowerCase() + name.slice(1),
      membersOf(source, member),
    ]),
  )
}
