// The condition keys of a request (IAM, "AWS global condition context keys"; Service Authorization Reference: Amazon ECR, AWS STS).
// Nothing is computed before a condition asks for it: most requests are decided without one.

import type { Caller, Tag } from '../../base/principal.ts'
import { CaseVariants, type ContextKeys, type ContextValue } from './context.ts'

export interface ContextInputs {
  caller: Caller
  /** Milliseconds. */
  now: number
  region: string
  resourceAccountId: string
  /** TLS all the way, as far as it can be trusted to be known. */
  isSecureTransport: boolean
  sourceIp?: string
  /** A listener that stands for a VPC: the address is then `aws:VpcSourceIp` and not `aws:SourceIp`. */
  vpc?: { vpcId?: string; endpointId?: string }
  userAgent?: string
  referer?: string
  organizationId?: string
  /** Tags of the user or the role. */
  principalTags?: readonly Tag[]
  /** Of temporary credentials. */
  session?: SessionInputs
  /** Called once at most, and only if a condition asks. */
  resourceTags?: () => readonly Tag[]
  /** Tags that the request brings. */
  requestTags?: readonly Tag[]
  /** Tag keys that the request names without values (UntagResource). */
  requestTagKeys?: readonly string[]
  /** The boundary that an IAM request sets, or that its user or role has. */
  permissionsBoundary?: string
  /** The managed policy that an IAM request attaches or detaches. */
  policyArn?: string
  /** Of GetAccountSetting and PutAccountSetting. */
  accountSetting?: string
  assumeRole?: AssumeRoleInputs
  webIdentity?: WebIdentityInputs
}

export interface SessionInputs {
  /** Milliseconds. */
  issuedAt: number
  /** They override tags of the role. */
  tags?: readonly Tag[]
  federatedProvider?: string
  sourceIdentity?: string
  mfaAuthenticatedAt?: number
}

export interface AssumeRoleInputs {
  externalId?: string
  roleSessionName?: string
  sourceIdentity?: string
  transitiveTagKeys?: readonly string[]
}

export interface WebIdentityInputs {
  /** Without scheme: `token.actions.githubusercontent.com`. */
  issuer: string
  claims: ReadonlyMap<string, string | readonly string[]>
}

export function createContextKeys(inputs: ContextInputs): ContextKeys {
  const made = new Array<ReadonlyMap<string, ContextValue> | undefined>(tagFamilies.length)
  let claims: ReadonlyMap<string, ContextValue> | undefined
  return {
    get(key) {
      const single = singleKeys.get(key)
      if (single) return single(inputs)
      for (const { prefix, place, of } of tagPrefixes) {
        if (!key.startsWith(prefix)) continue
        const tags = made[place] ?? tagsByKey(of(inputs))
        made[place] = tags
        return tags.get(key.slice(prefix.length))
      }
      if (!inputs.webIdentity) return undefined
      claims ??= claimsByKey(inputs.webIdentity)
      return claims.get(key)
    },
  }
}

const truth = (value: boolean) => String(value)
const time = (milliseconds: number) => new Date(milliseconds).toISOString()

/** A list that the request does not have is an absent key, not an empty one. */
function listed(values: readonly string[] | undefined): readonly string[] | undefined {
  return values && values.length > 0 ? values : undefined
}

const singleKeys: ReadonlyMap<string, (inputs: ContextInputs) => ContextValue | undefined> = new Map<
  string,
  (inputs: ContextInputs) => ContextValue | undefined
>([
  ['aws:principalarn', ({ caller }) => principalArn(caller)],
  ['aws:principalaccount', ({ caller }) => accountOf(caller)],
  ['aws:principaltype', ({ caller }) => principalTypes[caller.kind]],
  ['aws:userid', ({ caller }) => userId(caller)],
  ['aws:username', ({ caller }) => (caller.kind === 'user' ? lastPart(caller.arn) : undefined)],
  ['aws:principalorgid', ({ organizationId }) => organizationId],
  ['aws:principalisawsservice', ({ caller }) => truth(caller.kind === 'service')],
  ['aws:principalservicename', ({ caller }) => (caller.kind === 'service' ? caller.service : undefined)],
  ['aws:viaawsservice', () => 'false'],

  ['aws:sourceip', ({ sourceIp, vpc }) => (vpc ? undefined : sourceIp)],
  ['aws:vpcsourceip', ({ sourceIp, vpc }) => (vpc ? sourceIp : undefined)],
  ['aws:sourcevpc', ({ vpc }) => vpc?.vpcId],
  ['aws:sourcevpce', ({ vpc }) => vpc?.endpointId],
  ['aws:securetransport', ({ isSecureTransport }) => truth(isSecureTransport)],
  ['aws:useragent', ({ userAgent }) => userAgent],
  ['aws:referer', ({ referer }) => referer],
  ['aws:currenttime', ({ now }) => time(now)],
  ['aws:epochtime', ({ now }) => String(Math.floor(now / 1000))],
  ['aws:requestedregion', ({ region }) => region],
  ['aws:resourceaccount', ({ resourceAccountId }) => resourceAccountId],

  ['aws:tokenissuetime', ({ session }) => session && time(session.issuedAt)],
  ['aws:multifactorauthpresent', ({ session }) => session && truth(session.mfaAuthenticatedAt !== undefined)],
  ['aws:multifactorauthage', (inputs) => multiFactorAge(inputs)],
  ['aws:federatedprovider', ({ caller, session }) => provider(caller) ?? session?.federatedProvider],
  ['aws:sourceidentity', ({ session }) => session?.sourceIdentity],

  ['aws:tagkeys', (inputs) => listed(tagKeys(inputs))],
  ['ecr:accountsetting', ({ accountSetting }) => accountSetting],
  ['iam:permissionsboundary', ({ permissionsBoundary }) => permissionsBoundary],
  ['iam:policyarn', ({ policyArn }) => policyArn],
  ['sts:externalid', ({ assumeRole }) => assumeRole?.externalId],
  ['sts:rolesessionname', ({ assumeRole }) => assumeRole?.roleSessionName],
  ['sts:sourceidentity', ({ assumeRole }) => assumeRole?.sourceIdentity],
  ['sts:transitivetagkeys', ({ assumeRole }) => listed(assumeRole?.transitiveTagKeys)],
])

const principalTypes: Record<Caller['kind'], string | undefined> = {
  user: 'User',
  'role-session': 'AssumedRole',
  'federated-user': 'FederatedUser',
  root: 'Account',
  service: undefined,
  'web-identity': undefined,
}

/** Of a session it is the role, with its path. */
function principalArn(caller: Caller): string | undefined {
  if (caller.kind === 'service' || caller.kind === 'web-identity') return undefined
  return caller.kind === 'role-session' ? caller.roleArn : caller.arn
}

function accountOf(caller: Caller): string | undefined {
  return caller.kind === 'service' || caller.kind === 'web-identity' ? undefined : caller.accountId
}

function userId(caller: Caller): string | undefined {
  switch (caller.kind) {
    case 'user':
      return caller.userId
    case 'role-session':
      return `${caller.roleId}:${caller.sessionName}`
    case 'federated-user':
      return `${caller.accountId}:${lastPart(caller.arn)}`
    case 'root':
      return caller.accountId
    default:
      return undefined
  }
}

const provider = (caller: Caller) => (caller.kind === 'web-identity' ? caller.provider : undefined)
const lastPart = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1)

function multiFactorAge({ session, now }: ContextInputs): string | undefined {
  return session?.mfaAuthenticatedAt === undefined
    ? undefined
    : String(Math.floor((now - session.mfaAuthenticatedAt) / 1000))
}

function tagKeys({ requestTags = [], requestTagKeys = [] }: ContextInputs): string[] {
  return [...requestTags.map(({ key }) => key), ...requestTagKeys]
}

/** Tags, and the prefixes that conditions ask for them by. */
const tagFamilies: readonly { prefixes: readonly string[]; of(inputs: ContextInputs): readonly Tag[] }[] = [
  { prefixes: ['aws:principaltag/'], of: principalTags },
  { prefixes: ['aws:requesttag/'], of: ({ requestTags = [] }) => requestTags },
  {
    prefixes: ['aws:resourcetag/', 'ecr:resourcetag/', 'iam:resourcetag/'],
    of: ({ resourceTags }) => resourceTags?.() ?? [],
  },
]

const tagPrefixes = tagFamilies.flatMap(({ prefixes, of }, place) => prefixes.map((prefix) => ({ prefix, place, of })))

/** Keys of IAM's tags are the same when they differ only by case, so a session's tag replaces the role's. */
function principalTags({ principalTags: tags = [], session }: ContextInputs): readonly Tag[] {
  if (!session?.tags) return tags
  const overriding = new Set(session.tags.map(({ key }) => key.toLowerCase()))
  return [...tags.filter(({ key }) => !overriding.has(key.toLowerCase())), ...session.tags]
}

/** Tags of repositories may differ by case alone, and a condition cannot say which one it means. */
function tagsByKey(tags: readonly Tag[]): Map<string, ContextValue> {
  const values = new Map<string, string | CaseVariants>()
  for (const { key, value } of tags) {
    const lower = key.toLowerCase()
    const other = values.get(lower)
    if (other === undefined) values.set(lower, value)
    else values.set(lower, new CaseVariants([...(typeof other === 'string' ? [other] : other.values), value]))
  }
  return values
}

function claimsByKey({ issuer, claims }: WebIdentityInputs): Map<string, ContextValue> {
  const values = new Map<string, ContextValue>()
  for (const [name, value] of claims) values.set(`${issuer}:${name}`.toLowerCase(), value)
  return values
}
