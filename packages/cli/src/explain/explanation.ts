// A decision, in words: what was decided, by which statement, and what would have to be there.

import { members } from './iam-client.ts'
import { child, textOf, type XmlElement } from './xml.ts'

export interface Statement {
  effect: string
  /** `user`, `group`, `role`, `aws-managed`, `user-managed`, `resource`, or `none` for what is only tried. */
  source: string
  policy: string
  index: number
  sid?: string
}

export interface Explanation {
  action: string
  resource: string
  decision: 'allowed' | 'explicitDeny' | 'implicitDeny'
  decidedBy: { kind: string; policy?: string; index?: number; sid?: string }
  matched: Statement[]
  missingContext: string[]
  isAllowedByBoundary?: boolean
}

const decisions = ['allowed', 'explicitDeny', 'implicitDeny'] as const

/** Of an `EvaluationResult` of IAM SimulatePrincipalPolicy. */
export function explanationOf(result: XmlElement): Explanation {
  const decidedBy = child(result, 'DecidedBy')
  const boundary = textOf(child(result, 'PermissionsBoundaryDecisionDetail'), 'AllowedByPermissionsBoundary')
  const given = textOf(result, 'EvalDecision')
  return {
    action: textOf(result, 'EvalActionName') ?? '',
    resource: textOf(result, 'EvalResourceName') ?? '',
    decision: decisions.find((known) => known === given) ?? 'implicitDeny',
    decidedBy: {
      kind: textOf(decidedBy, 'PolicyKind') ?? '',
      ...optional('policy', textOf(decidedBy, 'SourcePolicyId')),
      ...optional('index', numberOf(decidedBy, 'StatementIndex')),
      ...optional('sid', textOf(decidedBy, 'Sid')),
    },
    matched: members(child(result, 'MatchedStatements')).map((statement) => ({
      effect: textOf(statement, 'Effect') ?? '',
      source: textOf(statement, 'SourcePolicyType') ?? '',
      policy: textOf(statement, 'SourcePolicyId') ?? '',
      index: numberOf(statement, 'StatementIndex') ?? 0,
      ...optional('sid', textOf(statement, 'Sid')),
    })),
    missingContext: members(child(result, 'MissingContextValues')).map(({ text }) => text),
    ...optional('isAllowedByBoundary', boundary === undefined ? undefined : boundary === 'true'),
  }
}

function optional<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]?: V })
}

function numberOf(element: XmlElement | undefined, name: string): number | undefined {
  const text = textOf(element, name)
  return text === undefined ? undefined : Number(text)
}

const kinds: Record<string, string> = {
  identity: 'identity policy',
  boundary: 'permissions boundary',
  repository: 'repository policy',
  registry: 'registry policy',
  resource: 'resource policy',
}

const sources: Record<string, string> = {
  user: 'inline policy of the user',
  group: 'inline policy of a group',
  role: 'inline policy of the role',
  'aws-managed': 'managed policy of AWS',
  'user-managed': 'managed policy',
  resource: 'resource policy',
}

/** Lines to read. */
export function describeExplanation(explanation: Explanation, principal: string): string {
  const { action, resource, decision, matched, missingContext } = explanation
  const verdict = { allowed: 'ALLOWED', explicitDeny: 'DENIED', implicitDeny: 'DENIED' }[decision]
  return [
    `${verdict}  ${action} on ${resource}`,
    `  ${reasonOf(explanation, principal)}`,
    ...(matched.length === 0 ? ['  No statement matches.'] : ['  Statements that match:']),
    ...matched.map((statement) => `    ${describeStatement(statement)}`),
    ...missingContext.map((key) => `  A condition asks for ${key}, which is not known: --context ${key}=<value>`),
  ].join('\n')
}

function reasonOf({ action, resource, decision, decidedBy }: Explanation, principal: string): string {
  const { kind, policy, index, sid } = decidedBy
  const where = policy === undefined ? '' : ` ${policy}${index === undefined ? '' : `, ${placeOf(index, sid)}`}`
  const name = kinds[kind] ?? kind
  if (decision === 'allowed') return `Allowed by the ${name}${where}.`
  if (decision === 'explicitDeny') return `Denied by the ${name}${where}. A Deny wins over every Allow.`
  if (kind === 'boundary')
    return `The permissions boundary of ${principal} does not allow it: one of its statements must allow ${action} on ${resource}.`
  if (kind === 'resource')
    return `The resource belongs to another account: its repository policy or registry policy must allow ${action} to ${principal}.`
  return `Nothing allows it: a policy of ${principal} must allow ${action} on ${resource}.`
}

function describeStatement({ effect, source, policy, index, sid }: Statement): string {
  return `${effect.padEnd(5)}  ${sources[source] ?? 'policy'} ${policy}, ${placeOf(index, sid)}`
}

/** As a reader of the policy counts. */
function placeOf(index: number, sid: string | undefined): string {
  return `statement ${index + 1}${sid === undefined || sid === '' ? '' : ` (${JSON.stringify(sid)})`}`
}
