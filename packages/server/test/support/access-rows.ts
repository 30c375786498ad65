// Roles, managed policies and identity providers in a store, without asking IAM for them.

import { randomIds } from '../../src/base/ids.ts'
import { type ContractRegistry, account as home } from './contract-registry.ts'

const text = (value: string) => `'${value.replaceAll("'", "''")}'`

export interface AccessRows {
  /** Gives its ARN and id. `trust` is a Statement, `allow` a Statement of an inline policy. */
  role(given: {
    name: string
    trust: object | readonly object[]
    allow?: object | readonly object[]
    path?: string
    account?: string
    maxSessionSeconds?: number
    tags?: Record<string, string>
  }): Promise<{ arn: string; id: string }>
  policy(name: string, statement: object | readonly object[], account?: string): Promise<string>
  provider(given: { url: string; clientIds?: string[]; staticJwks?: string; account?: string }): Promise<string>
  /** An inline policy of a user or role. */
  inline(entityId: string, name: string, statement: object | readonly object[]): Promise<void>
  idOf(arn: string): Promise<string>
  remove(entityId: string): Promise<void>
}

export function accessRows(registry: ContractRegistry): AccessRows {
  const { sql, peek, clock, identitiesChanged } = registry
  const document = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: statement })

  async function insert(row: Record<string, string | number>, ...more: string[]): Promise<void> {
    const at = clock.now()
    const columns = { path: '/', created_at: at, updated_at: at, ...row }
    const values = Object.values(columns).map((value) => (typeof value === 'string' ? text(value) : value))
    await sql(
      [`INSERT INTO entities (${Object.keys(columns).join(', ')}) VALUES (${values.join(', ')})`, ...more].join(';\n'),
    )
    await identitiesChanged()
  }

  async function idOf(arn: string): Promise<string> {
    const [, , , , account = '', rest = ''] = arn.split(':')
    const kind = rest.slice(0, rest.indexOf('/'))
    const name = rest.slice(rest.lastIndexOf('/') + 1)
    const rows = await peek.rows(
      `SELECT entity_id FROM entities WHERE account_id = ${text(account)} AND kind = ${text(kind)} AND name = ${text(name)}`,
    )
    return String(rows[0]?.entity_id ?? '')
  }

  /** What binds a trust policy to those whom it names. */
  async function principalIds(trust: object): Promise<string> {
    const arns = [...JSON.stringify(trust).matchAll(/arn:aws:(?:iam|sts)::\d{12}:(?:user|role|assumed-role)\/[^"]+/g)]
    const ids = await Promise.all(
      arns.map(async ([arn]): Promise<[string, string]> => {
        const [, account = '', role = '', session = ''] = /::(\d+):assumed-role\/([^/]+)\/(.+)$/.exec(arn) ?? []
        return [
          arn,
          session === '' ? await idOf(arn) : `${await idOf(`arn:aws:iam::${account}:role/${role}`)}:${session}`,
        ]
      }),
    )
    return JSON.stringify(Object.fromEntries(ids))
  }

  return {
    idOf,
    async role({ name, trust, allow, path = '/', account = home, maxSessionSeconds = 3600, tags = {} }) {
      const id = randomIds.entity('AROA')
      await insert(
        {
          ...{ entity_id: id, account_id: account, kind: 'role', name, path, document: document(trust) },
          ...{ principal_ids: await principalIds(trust), details: JSON.stringify({ maxSessionSeconds }) },
        },
        ...Object.entries(tags).map(
          ([key, value]) =>
            `INSERT INTO entity_tags (entity_id, key, value) VALUES ('${id}', ${text(key)}, ${text(value)})`,
        ),
        ...(allow
          ? [
              `INSERT INTO inline_policies (entity_id, name, document) VALUES ('${id}', 'own', ${text(document(allow))})`,
            ]
          : []),
      )
      return { arn: `arn:aws:iam::${account}:role${path}${name}`, id }
    },
    async policy(name, statement, account = home) {
      const id = randomIds.entity('ANPA')
      await insert(
        {
          ...{ entity_id: id, account_id: account, kind: 'policy', name },
          details: JSON.stringify({ defaultVersion: 1, lastVersion: 1 }),
        },
        `INSERT INTO policy_versions (policy_id, version, document, created_at)
          VALUES ('${id}', 1, ${text(document(statement))}, ${clock.now()})`,
      )
      return `arn:aws:iam::${account}:policy/${name}`
    },
    async provider({ url, clientIds = ['sts.amazonaws.com'], staticJwks, account = home }) {
      const name = url.slice('https://'.length)
      await insert({
        ...{ entity_id: randomIds.entity('AOPA'), account_id: account, kind: 'provider', name },
        details: JSON.stringify({ url, clientIds, thumbprints: [], ...(staticJwks ? { staticJwks } : {}) }),
      })
      return `arn:aws:iam::${account}:oidc-provider/${name}`
    },
    async inline(entityId, name, statement) {
      await sql(
        `INSERT INTO inline_policies (entity_id, name, document) VALUES ('${entityId}', '${name}', ${text(document(statement))})`,
      )
      await identitiesChanged()
    },
    async remove(entityId) {
      await sql(`DELETE FROM entities WHERE entity_id = '${entityId}'`)
      await identitiesChanged()
    },
  }
}
