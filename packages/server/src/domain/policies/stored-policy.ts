// A policy of a repository or a registry on its way into its row and out of it: parsed and bound to unique ids when it is set, and shown
// with the ARNs that its principals have now (ECR SetRepositoryPolicy, PutRegistryPolicy).

import type { AccountId } from '@berth/api/names/registry.ts'
import { RegistryError } from '../../base/errors.ts'
import type { RequestContext } from '../../base/request-context.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { entitiesTable } from '../../storage/metadata/tables/entities.ts'
import type { StoredPolicy } from '../../storage/metadata/tables/resource-policies.ts'
import { entityArn, sessionArn } from '../identities/arns.ts'
import { parsePolicy } from './parse-policy.ts'
import type { PolicyDocument } from './policy-document.ts'
import { type PolicyFault, unknownPrincipalFault } from './policy-faults.ts'
import {
  bindPrincipals,
  idsText,
  type PrincipalName,
  parseIds,
  parsePrincipal,
  renderBoundPolicy,
} from './principal-names.ts'

type ResourceKind = 'repository' | 'registry'
type Findable = Exclude<PrincipalName, { kind: 'everyone' | 'service' }>

/** The row of a text. @throws RegistryError InvalidParameter, with ECR's one sentence for most mistakes */
export async function bindPolicy(db: Db, ctx: RequestContext, text: string, kind: ResourceKind): Promise<StoredPolicy> {
  const parsed = parsePolicy(text, kind)
  if (!parsed.ok) return refuse(ctx, parsed.fault)
  const ids = await idsOf(db, parsed.document)
  const bound = bindPrincipals(parsed.document, (name) => ids.get(textOf(name)))
  const [unknown] = bound.unknown
  if (unknown !== undefined) return refuse(ctx, unknownPrincipalFault(kind, unknown))
  return { document: text, principal_ids: idsText(bound.ids) }
}

/** ECR does not say what is wrong; the log does. */
function refuse({ log, requestId }: RequestContext, { at, reason, sentence }: PolicyFault): never {
  log.info({ requestId, at, reason: reason.slice(0, 200) }, 'a policy was refused')
  throw new RegistryError({ code: 'InvalidParameter', member: 'PolicyText', constraint: sentence })
}

/** Of all that the document names, by `textOf`; what does not exist is not there. */
async function idsOf(db: Db, document: PolicyDocument): Promise<Map<string, string>> {
  const names = new Map<string, Findable>()
  for (const entry of document.statements.flatMap(({ principals }) => principals?.entries ?? [])) {
    const name = parsePrincipal(entry)
    if (name && name.kind !== 'everyone' && name.kind !== 'service') names.set(textOf(name), name)
  }
  const ids = new Map<string, string>()
  for (const [text, name] of names) {
    const id = await idOf(db, name)
    if (id !== undefined) ids.set(text, id)
  }
  return ids
}

/** No two of them have the same text. */
function textOf(name: Findable): string {
  if ('arn' in name) return name.arn
  return name.kind === 'account' ? name.accountId : name.kind === 'id' ? name.id : name.name
}

async function idOf(db: Db, name: Findable): Promise<string | undefined> {
  switch (name.kind) {
    case 'account':
      return (await isOpen(db, name.accountId)) ? name.accountId : undefined
    case 'federated-user':
      return (await isOpen(db, name.accountId)) ? name.arn : undefined
    case 'user':
    case 'role': {
      const row = await findEntity(db, name.accountId, name.kind, partsOf(name.arn).at(-1))
      return row && entityArn(row) === name.arn ? row.entity_id : undefined
    }
    case 'session': {
      const [, roleName = '', sessionName] = partsOf(name.arn)
      const row = await findEntity(db, name.accountId, 'role', roleName)
      return row?.name === roleName ? `${row.entity_id}:${sessionName}` : undefined
    }
    case 'id': {
      const [entityId = '', sessionName] = name.id.split(':')
      const row = await entitiesTable.findById(db, entityId)
      const isNamed = row?.kind === 'role' || (row?.kind === 'user' && sessionName === undefined)
      return row && isNamed && (await isOpen(db, row.account_id)) ? name.id : undefined
    }
    case 'provider':
      return undefined
  }
}

const partsOf = (arn: string) => arn.split('/')

async function isOpen(db: Db, accountId: string): Promise<boolean> {
  const account = await accountsTable.find(db, accountId as AccountId)
  return account !== undefined && account.closed_at === null
}

async function findEntity(db: Db, accountId: string, kind: 'user' | 'role', name = '') {
  if (!(await isOpen(db, accountId))) return undefined
  return entitiesTable.find(db, accountId as AccountId, kind, name)
}

/** The text as it was set, unless somebody whom it names has another ARN now, or is gone. */
export async function shownText(db: Db, policy: StoredPolicy, kind: ResourceKind): Promise<string> {
  const ids = parseIds(policy.principal_ids)
  const rows = await entitiesTable.findByIds(db, [...new Set([...ids.values()].map((id) => id.split(':')[0] ?? id))])
  const entities = new Map(rows.map((row) => [row.entity_id, row]))
  const arnOf = (id: string) => {
    const [entityId = '', sessionName] = id.split(':')
    const row = entities.get(entityId)
    if (!row || sessionName === undefined) return row && entityArn(row)
    return sessionArn(row.account_id, row.name, sessionName)
  }
  if ([...ids].every(([arn, id]) => arnOf(id) === arn)) return policy.document
  const parsed = parsePolicy(policy.document, kind)
  return parsed.ok ? renderBoundPolicy(parsed.document, ids, arnOf) : policy.document
}
