// From the text of a policy to a document, or to the one mistake that AWS would tell (IAM policy grammar; ECR SetRepositoryPolicy and
// PutRegistryPolicy). Everything that the evaluator relies on is checked here, so that a policy which is stored can be compiled. What
// would be skipped later, a Deny with an unknown operator for one, is refused now.

import { readJson } from '@berth/api/json/strict-json.ts'
import { checkActions } from './parse-actions.ts'
import { parseConditions } from './parse-conditions.ts'
import { isObject, type JsonObject, type ParseContext, type PolicyWarning, stringsOf } from './parse-context.ts'
import { checkGithubTrust, parsePrincipals } from './parse-principals.ts'
import { checkResources } from './parse-resources.ts'
import {
  type Effect,
  type PatternList,
  type PolicyDocument,
  type PolicyKind,
  type PolicyStatement,
  type PolicyVersion,
  policyVersions,
} from './policy-document.ts'
import {
  createFaultCollector,
  type FaultCollector,
  type PolicyFault,
  policyFault,
  policySizes,
} from './policy-faults.ts'

export interface ParseOptions {
  /** Instead of the limit of the kind; see `policySizes`. */
  maxCharacters?: number
  /** IAM CreatePolicy and CreatePolicyVersion take no older version, and none at all is an older one. */
  requires2012?: boolean
}

export type ParsedPolicy =
  | { ok: true; document: PolicyDocument; warnings: PolicyWarning[] }
  | { ok: false; fault: PolicyFault }

const defaultSizes: Record<PolicyKind, number> = {
  identity: policySizes.managed,
  boundary: policySizes.managed,
  session: policySizes.session,
  trust: policySizes.trust,
  repository: policySizes.ecr,
  registry: policySizes.ecr,
}

/** IAM's bound on the text as it is sent, white space and all. */
const longestText = 131_072
const maxStatements = 1000

const topElements = ['Version', 'Id', 'Statement']
const statementElements = [
  ...['Sid', 'Effect', 'Principal', 'NotPrincipal', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'],
]

/** Never throws, whatever the text. */
export function parsePolicy(text: string, kind: PolicyKind, options: ParseOptions = {}): ParsedPolicy {
  const limit = options.maxCharacters ?? defaultSizes[kind]
  const size = policySize(text, kind)
  if (text.length > longestText || size > limit) {
    const reason = `the text has ${size} characters, the limit is ${limit}`
    return { ok: false, fault: policyFault(kind, 'too-long', '', reason, String(limit)) }
  }
  if (!/^[\t\n\r\u0020-\u00ff]*$/.test(text)) {
    const reason = 'the text has characters outside U+0020 to U+00FF'
    return { ok: false, fault: policyFault(kind, 'characters', '', reason) }
  }
  const faults = createFaultCollector(kind)
  const warnings: PolicyWarning[] = []
  let value: unknown
  try {
    value = readJson(new TextEncoder().encode(text), { maxDepth: 16 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'not JSON'
    return { ok: false, fault: policyFault(kind, 'syntax', '', reason) }
  }
  const document = parseDocument(value, { kind, faults, warnings, variables: false }, options.requires2012 ?? false)
  const fault = faults.first()
  return fault ? { ok: false, fault } : { ok: true, document, warnings }
}

/** How much of its limit a text uses up. */
export function policySize(text: string, kind: PolicyKind): number {
  if (kind === 'repository' || kind === 'registry') return text.length
  let size = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit !== 0x20 && unit !== 0x09 && unit !== 0x0a && unit !== 0x0d) size++
  }
  return size
}

function parseDocument(value: unknown, context: ParseContext, requires2012: boolean): PolicyDocument {
  const { faults } = context
  if (!isObject(value)) {
    faults.report('syntax', '', 'the policy is not an object')
    return { statements: [] }
  }
  refuseOthers(value, topElements, '', faults)
  const version = parseVersion(value.Version, faults)
  if (requires2012 && version !== '2012-10-17') faults.report('version', 'Version', 'not 2012-10-17')
  if (value.Id !== undefined && typeof value.Id !== 'string') faults.report('syntax', 'Id', 'not a string')

  const list: unknown[] = Array.isArray(value.Statement) ? value.Statement : [value.Statement]
  if (list.length === 0) faults.report('syntax', 'Statement', 'no statement')
  if (list.length > maxStatements) faults.report('syntax', 'Statement', `more than ${maxStatements} statements`)
  const inner = { ...context, variables: version === '2012-10-17' }
  const statements = list
    .slice(0, maxStatements)
    .flatMap((statement, i) => parseStatement(statement, `Statement[${i}]`, inner))
  checkSids(statements, context)
  return {
    ...(version && { version }),
    ...(typeof value.Id === 'string' && { id: value.Id }),
    statements,
  }
}

function refuseOthers(value: JsonObject, known: readonly string[], at: string, faults: FaultCollector): void {
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) faults.report('syntax', at, `unknown element ${name}`)
  }
}

function parseVersion(value: unknown, faults: FaultCollector): PolicyVersion | undefined {
  if (value === undefined) return undefined
  const version = policyVersions.find((known) => known === value)
  if (!version) faults.report('syntax', 'Version', `not one of ${policyVersions.join(', ')}`)
  return version
}

function parseStatement(value: unknown, at: string, context: ParseContext): PolicyStatement[] {
  const { faults } = context
  if (!isObject(value)) {
    faults.report('syntax', at, 'not a statement')
    return []
  }
  refuseOthers(value, statementElements, at, faults)
  if (value.Sid !== undefined && typeof value.Sid !== 'string') faults.report('syntax', `${at}.Sid`, 'not a string')
  const effect = parseEffect(value.Effect, at, faults)
  const principals = parsePrincipals(value, effect, at, context)
  const actions = parsePatterns(value, 'Action', at, faults)
  const resources = parsePatterns(value, 'Resource', at, faults)
  checkActions(actions, at, context)
  checkResources(resources, at, context)
  const statement: PolicyStatement = {
    ...(typeof value.Sid === 'string' && { sid: value.Sid }),
    effect,
    ...(principals && { principals }),
    actions: actions ?? { negated: false, patterns: [] },
    ...(resources && { resources }),
    conditions: parseConditions(value.Condition, effect, `${at}.Condition`, context),
  }
  if (context.kind === 'trust') checkGithubTrust(statement, at, context)
  return [statement]
}

function parseEffect(value: unknown, at: string, faults: FaultCollector): Effect {
  if (value === 'Allow' || value === 'Deny') return value
  // IAM finds the wrong case only in a later pass than a wrong word.
  const isMiswritten = typeof value === 'string' && /^(?:allow|deny)$/i.test(value)
  faults.report(isMiswritten ? 'legacy' : 'syntax', `${at}.Effect`, 'neither Allow nor Deny')
  return 'Deny'
}

function parsePatterns(
  statement: JsonObject,
  name: 'Action' | 'Resource',
  at: string,
  faults: FaultCollector,
): PatternList | undefined {
  const plain = statement[name]
  const negated = statement[`Not${name}`]
  if (plain !== undefined && negated !== undefined) faults.report('syntax', at, `both ${name} and Not${name}`)
  const value = plain ?? negated
  if (value === undefined) return undefined
  const element = plain === undefined ? `Not${name}` : name
  return { negated: plain === undefined, patterns: stringsOf(value, `${at}.${element}`, faults) }
}

function checkSids(statements: readonly PolicyStatement[], { kind, faults }: ParseContext): void {
  // ECR takes any, and the same twice.
  if (kind === 'repository' || kind === 'registry') return
  const seen = new Set<string>()
  for (const [i, { sid }] of statements.entries()) {
    if (!sid) continue
    if (!/^[0-9A-Za-z]*$/.test(sid)) faults.report('sid-characters', `Statement[${i}].Sid`, 'letters and digits only')
    if (seen.has(sid)) faults.report('sid-repeated', `Statement[${i}].Sid`, `a second ${sid}`)
    seen.add(sid)
  }
}
