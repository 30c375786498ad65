// A policy as it is written, checked but not compiled (IAM policy grammar). What stands for a principal is kept as text; which user or
// role it meant is decided when the policy is stored (principal-names.ts).

export const policyKinds = ['identity', 'trust', 'repository', 'registry', 'session', 'boundary'] as const
export type PolicyKind = (typeof policyKinds)[number]

export const policyVersions = ['2008-10-17', '2012-10-17'] as const
export type PolicyVersion = (typeof policyVersions)[number]

export type Effect = 'Allow' | 'Deny'

export interface PolicyDocument {
  /** Absent means 2008-10-17, in which `${…}` is plain text. */
  version?: PolicyVersion
  id?: string
  statements: PolicyStatement[]
}

/** `Action` or, negated, `NotAction`; the same for resources. */
export interface PatternList {
  negated: boolean
  patterns: string[]
}

export const principalTypes = ['AWS', 'Service', 'Federated', 'CanonicalUser'] as const
export type PrincipalType = (typeof principalTypes)[number]

export interface PrincipalEntry {
  /** A lone `"*"` is the same as `{"AWS": "*"}`. */
  type: PrincipalType
  text: string
}

export interface PrincipalList {
  negated: boolean
  entries: PrincipalEntry[]
}

export interface ConditionEntry {
  /** As it is written, `ForAnyValue:StringLikeIfExists`. */
  operator: string
  key: string
  values: string[]
}

export interface PolicyStatement {
  sid?: string
  effect: Effect
  principals?: PrincipalList
  actions: PatternList
  resources?: PatternList
  conditions: ConditionEntry[]
}

/** Whether `${…}` is a variable in this document. */
export function hasPolicyVariables(document: PolicyDocument): boolean {
  return document.version === '2012-10-17'
}

/**
 * The text of a document, as AWS writes it: a list of one value is the value. `principalText` says what to write for a principal;
 * AWS writes the bare unique id for one that is gone.
 */
export function renderPolicy(
  document: PolicyDocument,
  principalText: (entry: PrincipalEntry) => string = (entry) => entry.text,
): string {
  return JSON.stringify({
    Version: document.version,
    Id: document.id,
    Statement: document.statements.map((statement) => renderStatement(statement, principalText)),
  })
}

function renderStatement(statement: PolicyStatement, principalText: (entry: PrincipalEntry) => string) {
  const { sid, effect, principals, actions, resources, conditions } = statement
  return {
    Sid: sid,
    Effect: effect,
    ...(principals && {
      [principals.negated ? 'NotPrincipal' : 'Principal']: renderPrincipals(principals, principalText),
    }),
    [actions.negated ? 'NotAction' : 'Action']: oneOrMany(actions.patterns),
    ...(resources && { [resources.negated ? 'NotResource' : 'Resource']: oneOrMany(resources.patterns) }),
    ...(conditions.length > 0 && { Condition: renderConditions(conditions) }),
  }
}

function renderPrincipals({ entries }: PrincipalList, principalText: (entry: PrincipalEntry) => string) {
  if (entries.length === 1 && entries[0]?.type === 'AWS' && entries[0].text === '*') return '*'
  const byType = Object.groupBy(entries, ({ type }) => type)
  return Object.fromEntries(
    principalTypes.flatMap((type) => (byType[type] ? [[type, oneOrMany(byType[type].map(principalText))]] : [])),
  )
}

function renderConditions(conditions: readonly ConditionEntry[]) {
  const byOperator = Object.groupBy(conditions, ({ operator }) => operator)
  // Object.fromEntries defines its keys, so `__proto__` is a key like any other.
  return Object.fromEntries(
    Object.entries(byOperator).map(([operator, entries = []]) => [
      operator,
      Object.fromEntries(entries.map(({ key, values }) => [key, oneOrMany(values)])),
    ]),
  )
}

function oneOrMany(values: readonly string[]): string | readonly string[] {
  return values.length === 1 && values[0] !== undefined ? values[0] : values
}
