// What a Principal element may name (IAM JSON policy elements: Principal), and how users and roles are bound to their unique ids:
// when a policy is stored its ARNs are resolved to ids, so that a user or role that is made again under an old name gets nothing
// from old policies; when it is read the ids are ARNs again, or bare ids where the entity is gone.

import { type PolicyDocument, type PrincipalEntry, renderPolicy } from './policy-document.ts'

export type PrincipalName =
  | { kind: 'everyone' }
  | { kind: 'account'; accountId: string }
  | { kind: 'user' | 'role' | 'session' | 'federated-user'; accountId: string; arn: string }
  /** `AIDA…`, `AROA…`, or `AROA…:session`. */
  | { kind: 'id'; id: string }
  | { kind: 'service'; name: string }
  /** An OIDC or SAML provider, or one of the four that need no ARN. */
  | { kind: 'provider'; name: string }

const entityArn = /^arn:aws[a-z-]*:(iam|sts)::(\d{12}):(root|(user|role|assumed-role|federated-user)\/([^*?$\s]+))$/
const entityName = /^[\w+=,.@-]{1,64}$/
const entityId = /^A(?:IDA|ROA)[A-Z2-7]{17}(?::[\w+=,.@-]{2,64})?$/
const providerArn = /^arn:aws[a-z-]*:iam::\d{12}:(?:oidc|saml)-provider\/[^*?$\s]+$/
const serviceName = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/
const knownProviders = ['accounts.google.com', 'cognito-identity.amazonaws.com', 'graph.facebook.com', 'www.amazon.com']

/** Undefined for what names nobody: a part of a name as a wildcard, a group, a malformed account. */
export function parsePrincipal({ type, text }: PrincipalEntry): PrincipalName | undefined {
  if (text.length > 1024) return undefined
  switch (type) {
    case 'AWS':
      return parseAwsPrincipal(text)
    case 'Service':
      return serviceName.test(text) ? { kind: 'service', name: text } : undefined
    case 'Federated':
      return providerArn.test(text) || knownProviders.includes(text) ? { kind: 'provider', name: text } : undefined
    case 'CanonicalUser':
      return undefined
  }
}

function parseAwsPrincipal(text: string): PrincipalName | undefined {
  if (text === '*') return { kind: 'everyone' }
  if (/^\d{12}$/.test(text)) return { kind: 'account', accountId: text }
  if (entityId.test(text)) return { kind: 'id', id: text }
  const [, service, accountId = '', resource, type, path = ''] = entityArn.exec(text) ?? []
  const names = path.split('/')
  const areNames = entityName.test(names.at(-1) ?? '') && names.every((name) => name !== '')
  if (service === 'iam' && resource === 'root') return { kind: 'account', accountId }
  if (service === 'iam' && type === 'user' && areNames) return { kind: 'user', accountId, arn: text }
  if (service === 'iam' && type === 'role' && areNames) return { kind: 'role', accountId, arn: text }
  if (service !== 'sts' || !areNames) return undefined
  if (type === 'assumed-role' && names.length === 2) return { kind: 'session', accountId, arn: text }
  if (type === 'federated-user' && names.length === 1) return { kind: 'federated-user', accountId, arn: text }
  return undefined
}

/** Unique ids by the ARN that a policy was written with. Kept with the policy. */
export type PrincipalIds = ReadonlyMap<string, string>

/** As they are kept in a row. */
export function idsText(ids: PrincipalIds): string {
  return JSON.stringify(Object.fromEntries(ids))
}

export function parseIds(text: string): PrincipalIds {
  return new Map(Object.entries(JSON.parse(text) as Record<string, string>))
}

export interface BoundPrincipals {
  ids: PrincipalIds
  /** As IAM writes them in `Invalid principal in policy: "AWS":"arn:…"`. */
  unknown: string[]
}

/**
 * Finds the ids of all users, roles and sessions that a document names. `find` gives the unique id of a user or role, role id and
 * session name (`AROA…:session`) of a session, anything for an account, id or provider that exists, and undefined for what does not.
 */
export function bindPrincipals(
  document: PolicyDocument,
  find: (name: Exclude<PrincipalName, { kind: 'everyone' | 'service' }>) => string | undefined,
): BoundPrincipals {
  const ids = new Map<string, string>()
  const unknown = new Set<string>()
  for (const entry of document.statements.flatMap(({ principals }) => principals?.entries ?? [])) {
    const name = parsePrincipal(entry)
    if (name?.kind === 'everyone' || name?.kind === 'service') continue
    const id = name && find(name)
    if (name === undefined || id === undefined) unknown.add(`"${entry.type}":"${entry.text}"`)
    else if (name.kind === 'user' || name.kind === 'role' || name.kind === 'session') ids.set(name.arn, id)
  }
  return { ids, unknown: [...unknown] }
}

/** The text to show: each bound principal by the ARN it has now, or by its bare id when it is gone. */
export function renderBoundPolicy(
  document: PolicyDocument,
  ids: PrincipalIds,
  arnOf: (id: string) => string | undefined,
): string {
  return renderPolicy(document, ({ type, text }) => {
    const id = ids.get(text) ?? (type === 'AWS' && entityId.test(text) ? text : undefined)
    return id === undefined ? text : (arnOf(id) ?? id)
  })
}
