// Policies that name principals, on their way into a row and out of it: bound to unique ids when they are written, and shown with the ARNs
// that those ids have when they are read (IAM JSON policy elements: Principal).

import type { AccountId } from '@berth/api/names/registry.ts'
import type { Db } from '../../storage/metadata/schema.ts'
import { accountsTable } from '../../storage/metadata/tables/accounts.ts'
import { type EntityRow, entitiesTable } from '../../storage/metadata/tables/entities.ts'
import type { StoredPolicy } from '../../storage/metadata/tables/resource-policies.ts'
import { entityArn, sessionArn } from '../identities/arns.ts'
import { parsePolicy } from './parse-policy.ts'
import type { PolicyDocument, PolicyKind } from './policy-document.ts'
import {
  type BoundPrincipals,
  bindPrincipals,
  type PrincipalName,
  parseIds,
  parsePrincipal,
  renderBoundPolicy,
} from './principal-names.ts'

export type BoundKind = Extract<PolicyKind, 'trust' | 'repository' | 'registry'>

type Findable = Exclude<PrincipalName, { kind: 'everyone' | 'service' }>

/** Looks up everybody whom a document names. A closed account, as one that is not there, has nobody. */
export async function bindToIds(db: Db, document: PolicyDocument, kind: BoundKind): Promise<BoundPrincipals> {
  const names = new Map<string, Findable>()
  for (const entry of document.statements.flatMap(({ principals }) => principals?.entries ?? [])) {
    const name = parsePrincipal(entry)
    if (name && name.kind !== 'everyone' && name.kind !== 'service') names.set(textOf(name), name)
  }
  const ids = new Map<string, string>()
  for (const [text, name] of names) {
    const id = await idOf(db, name, kind)
    if (id !== undefined) ids.set(text, id)
  }
  return bindPrincipals(document, (name) => ids.get(textOf(name)))
}

/** No two of them have the same text. */
function textOf(name: Findable): string {
  if ('arn' in name) return name.arn
  return name.kind === 'account' ? name.accountId : name.kind === 'id' ? name.id : name.name
}

async function idOf(db: Db, name: Findable, kind: BoundKind): Promise<string | undefined> {
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
      // A role may trust a provider that is made later. ECR's policies know none.
      return kind === 'trust' ? name.name : undefined
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

/** The texts as they were written, save where somebody whom one names has another ARN now, or is gone. In the order of the policies. */
export async function shownTexts(db: Db, policies: readonly StoredPolicy[], kind: BoundKind): Promise<string[]> {
  const bound = policies.map((policy) => ({ document: policy.document, ids: parseIds(policy.principal_ids) }))
  const entityIds = new Set(bound.flatMap(({ ids }) => [...ids.values()].map((id) => id.split(':')[0] ?? id)))
  const rows = await entitiesTable.findByIds(db, [...entityIds])
  const entities = new Map(rows.map((row) => [row.entity_id, row]))
  const arnOf = (id: string) => arnOfId(id, entities)
  return bound.map(({ document, ids }) => {
    if ([...ids].every(([arn, id]) => arnOf(id) === arn)) return document
    const parsed = parsePolicy(document, kind, { maxCharacters: Number.POSITIVE_INFINITY })
    return parsed.ok ? renderBoundPolicy(parsed.document, ids, arnOf) : document
  })
}

function arnOfId(id: string, entities: ReadonlyMap<string, EntityRow>): string | undefined {
  const [entityId = '', sessionName] = id.split(':')
  const row = entities.get(entityId)
  if (!row || sessionName === undefined) return row && entityArn(row)
  return sessionArn(row.account_id, row.name, sessionName)
}
