// Principal and NotPrincipal (IAM JSON policy elements: Principal, NotPrincipal).

import { parseOperator } from './condition-operators.ts'
import { isObject, type JsonObject, type ParseContext, stringsOf } from './parse-context.ts'
import {
  type Effect,
  type PolicyStatement,
  type PrincipalEntry,
  type PrincipalList,
  type PrincipalType,
  principalTypes,
} from './policy-document.ts'
import { parsePrincipal } from './principal-names.ts'

export function parsePrincipals(
  statement: JsonObject,
  effect: Effect,
  at: string,
  context: ParseContext,
): PrincipalList | undefined {
  const { kind, faults, warnings } = context
  const plain = statement.Principal
  const negated = statement.NotPrincipal
  const value = plain ?? negated
  const isOfResource = kind === 'trust' || kind === 'repository' || kind === 'registry'
  if (!isOfResource) {
    if (value !== undefined) faults.report('identity-principal', at, `a principal in a policy of kind ${kind}`)
    return undefined
  }
  if (plain !== undefined && negated !== undefined) faults.report('syntax', at, 'both Principal and NotPrincipal')
  if (value === undefined) {
    faults.report('no-principal', at, 'no Principal')
    return undefined
  }
  const element = plain === undefined ? `${at}.NotPrincipal` : `${at}.Principal`
  const entries = entriesOf(value, element, context)
  if (entries.length === 0) faults.report('no-principal', element, 'names nobody')
  for (const entry of entries) checkEntry(entry, element, context)
  if (plain !== undefined) return { negated: false, entries }

  if (effect === 'Allow') faults.report('syntax', element, 'NotPrincipal with Allow')
  const names = entries.map(parsePrincipal)
  if (names.some((name) => name?.kind === 'everyone')) faults.report('syntax', element, 'a Deny that exempts everyone')
  const accounts = new Set(names.flatMap((name) => (name?.kind === 'account' ? [name.accountId] : [])))
  for (const name of names) {
    if (name && 'arn' in name && !accounts.has(name.accountId))
      warnings.push({ at: element, text: `List the account ${name.accountId} too, or its root user is denied.` })
    if (name?.kind === 'session')
      warnings.push({ at: element, text: `A session is exempt only if its role is listed as well: ${name.arn}` })
  }
  return { negated: true, entries }
}

function entriesOf(value: unknown, at: string, { faults }: ParseContext): PrincipalEntry[] {
  if (value === '*') return [{ type: 'AWS', text: '*' }]
  if (!isObject(value)) {
    faults.report('syntax', at, 'neither "*" nor an object')
    return []
  }
  return Object.entries(value).flatMap(([name, texts]) => {
    const type: PrincipalType | undefined = principalTypes.find((known) => known === name)
    if (!type) faults.report('syntax', at, `unknown kind of principal ${name}`)
    return type ? stringsOf(texts, `${at}.${name}`, faults).map((text) => ({ type, text })) : []
  })
}

function checkEntry(entry: PrincipalEntry, at: string, { kind, faults }: ParseContext): void {
  const name = parsePrincipal(entry)
  const quoted = `"${entry.type}":"${entry.text}"`
  if (!name) faults.report('principal', at, `not a principal: ${quoted}`, quoted)
  else if (name.kind === 'provider' && kind !== 'trust')
    faults.report('principal', at, 'identity providers stand in trust policies only', quoted)
}

export const githubIssuer = 'token.actions.githubusercontent.com'
/** Claims of its tokens, beside `sub`, that a condition may ask for (IAM, "Available keys for AWS OIDC federation"). */
export const githubClaims = [
  ...['actor', 'actor_id', 'job_workflow_ref', 'repository', 'repository_id', 'workflow', 'ref', 'environment'],
  'enterprise_id',
]
const githubKeys = ['sub', ...githubClaims].map((claim) => `${githubIssuer}:${claim}`)

/** Without a condition on who asks, every user of GitHub could assume the role. */
export function checkGithubTrust(statement: PolicyStatement, at: string, { faults }: ParseContext): void {
  const names = statement.principals?.entries.map(parsePrincipal) ?? []
  const trustsGithub = names.some(
    (name) => name?.kind === 'provider' && name.name.endsWith(`-provider/${githubIssuer}`),
  )
  if (!trustsGithub || statement.effect === 'Deny') return
  const isNarrowed = statement.conditions.some(({ operator, key, values }) => {
    const parsed = parseOperator(operator)
    if (parsed?.family !== 'string' || parsed.negated || parsed.ifExists || parsed.quantifier === 'all') return false
    // `repo:*` is as good as nothing.
    return (
      githubKeys.includes(key.toLowerCase()) && values.every((value) => /[^*?:/]/.test(value.replace(/^repo:/, '')))
    )
  })
  if (!isNarrowed) faults.report('github', at, 'no condition on a claim that tells who asks')
}
