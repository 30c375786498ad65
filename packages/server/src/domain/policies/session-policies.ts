// What comes with a request for temporary credentials and narrows or describes them: session policies and session tags (IAM, "Session
// policies" and "Pass session tags in AWS STS"), and how much room both take.

import { deflateRawSync } from 'node:zlib'
import type { AccountId } from '@berth/api/names/registry.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { Session, Tag } from '../../base/principal.ts'
import type { Snapshot } from '../identities/directory.ts'
import { managedPolicies } from './managed-policies.ts'
import { parsePolicy } from './parse-policy.ts'
import { policySizes } from './policy-faults.ts'

/** "The plaintext that you use for both inline and managed session policies" (STS AssumeRole, `PolicyArns`). */
const maxManaged = 10
/** STS quota "Session tags". */
const maxTags = 50
/** Policies, ARNs and tags together, compressed. AWS packs them otherwise, so its percentages are others. */
const maxPackedBytes = 2048

export type SessionPolicies = Session['policies']

/**
 * The policies to keep with a session of a user or role of that account. Managed ones stay managed: what they say when they are asked
 * counts. @throws IdentityError MalformedPolicyDocument, PackedPolicyTooLarge, ValidationError
 */
export function readSessionPolicies(
  snapshot: Snapshot,
  accountId: AccountId,
  { policy, policyArns }: { policy?: string | undefined; policyArns: readonly string[] },
): SessionPolicies {
  const managed = [...new Set(policyArns)]
  if (managed.length > maxManaged)
    throw new IdentityError('ValidationError', `A session may have at most ${maxManaged} managed session policies.`)
  for (const arn of managed) {
    const own = snapshot.entityByArn(arn)
    const isThere = managedPolicies.has(arn) || (own?.kind === 'policy' && own.accountId === accountId)
    if (!isThere) throw new IdentityError('ValidationError', `Policy ${arn} does not exist or is not attachable.`)
  }
  const inline = policy === undefined ? [] : [{ id: 'session', document: checkedDocument(policy) }]
  return [...inline, ...managed.map((arn) => ({ id: arn, document: '', arn }))]
}

function checkedDocument(text: string): string {
  // Here white space counts, unlike in policies of IAM.
  if (text.length > policySizes.session) throw tooLarge('policy', text.length / policySizes.session)
  const parsed = parsePolicy(text, 'session')
  if (!parsed.ok) throw new IdentityError('MalformedPolicyDocument', parsed.fault.sentence)
  return text
}

/**
 * The tags of a new session: those that the calling session hands on, and those of the request.
 * @throws IdentityError InvalidParameterValue
 */
export function readSessionTags(
  request: { tags: readonly Tag[]; transitiveTagKeys: readonly string[] },
  calling?: Pick<Session, 'tags' | 'transitiveTagKeys'>,
): { tags: readonly Tag[]; transitiveTagKeys: readonly string[] } {
  const keys = new Set(request.tags.map(({ key }) => key.toLowerCase()))
  if (keys.size < request.tags.length)
    throw invalid('Duplicate tag keys found. Please note that Tag keys are case insensitive.')
  if ([...keys].some((key) => key.startsWith('aws:')))
    throw invalid('Tag keys with the prefix aws: are reserved for system use.')
  if (!request.transitiveTagKeys.every((key) => keys.has(key.toLowerCase())))
    throw invalid('The specified transitive tag key must be included in the requested tags.')
  const handedOn = new Set(calling?.transitiveTagKeys.map((key) => key.toLowerCase()))
  if ([...keys].some((key) => handedOn.has(key)))
    throw invalid(
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    )
  const inherited = (calling?.tags ?? []).filter(({ key }) => handedOn.has(key.toLowerCase()))
  const tags = [...inherited, ...request.tags]
  if (tags.length > maxTags) throw invalid(`A session may have at most ${maxTags} tags, inherited ones among them.`)
  return { tags, transitiveTagKeys: [...inherited.map(({ key }) => key), ...new Set(request.transitiveTagKeys)] }
}

/**
 * How full the room for policies and tags is, in percent; undefined where there are none.
 * @throws IdentityError PackedPolicyTooLarge
 */
export function packedPercent(policies: SessionPolicies, tags: readonly Tag[]): number | undefined {
  if (policies.length === 0 && tags.length === 0) return undefined
  const text = [
    ...policies.map(({ document, arn }) => arn ?? document),
    ...tags.flatMap(({ key, value }) => [key, value]),
  ].join('\n')
  const share = deflateRawSync(text).length / maxPackedBytes
  if (share > 1) throw tooLarge(policies.length > 0 ? 'policy' : 'tags', share)
  return Math.ceil(share * 100)
}

function tooLarge(what: 'policy' | 'tags', share: number): IdentityError {
  const percent = `${Math.ceil(share * 100)}% of allotted space`
  return new IdentityError(
    'PackedPolicyTooLarge',
    what === 'policy'
      ? `Packed policy consumes ${percent}, please use smaller policy.`
      : `Packed size of session tags consumes ${percent}.`,
  )
}

const invalid = (message: string) => new IdentityError('InvalidParameterValue', message)
