// Roles, managed policies and identity providers, made by IAM as its clients make them.

import type { QueryParameters, QueryWire } from './query-wire.ts'
import { textOf } from './query-wire.ts'

export type Statements = object | readonly object[]

export interface GivenRole {
  name: string
  trust: Statements
  /** Of an inline policy. */
  allow?: Statements
  path?: string
  maxSessionSeconds?: number
  tags?: Record<string, string>
}

export const policyText = (statements: Statements) => JSON.stringify({ Version: '2012-10-17', Statement: statements })

/** Gives the role's ARN and unique id. */
export async function createRole(iam: QueryWire, given: GivenRole): Promise<{ arn: string; id: string }> {
  const { name, trust, allow, path = '/', maxSessionSeconds = 3600, tags = {} } = given
  const made = await iam.ok('CreateRole', {
    ...{ RoleName: name, Path: path, MaxSessionDuration: maxSessionSeconds },
    ...{ AssumeRolePolicyDocument: policyText(trust), ...tagParameters(Object.entries(tags)) },
  })
  if (allow) await iam.ok('PutRolePolicy', { RoleName: name, PolicyName: 'own', PolicyDocument: policyText(allow) })
  return { arn: textOf(made, 'Arn'), id: textOf(made, 'RoleId') }
}

/** Gives the policy's ARN. */
export async function createPolicy(iam: QueryWire, name: string, statements: Statements): Promise<string> {
  return textOf(await iam.ok('CreatePolicy', { PolicyName: name, PolicyDocument: policyText(statements) }), 'Arn')
}

/** Gives the provider's ARN. */
export async function createProvider(
  iam: QueryWire,
  { url, clientIds = ['sts.amazonaws.com'], staticJwks }: { url: string; clientIds?: string[]; staticJwks?: string },
): Promise<string> {
  const made = await iam.ok('CreateOpenIDConnectProvider', {
    Url: url,
    ...Object.fromEntries(clientIds.map((id, n) => [`ClientIDList.member.${n + 1}`, id])),
    ...(staticJwks === undefined ? {} : { StaticJwks: staticJwks }),
  })
  return textOf(made, 'OpenIDConnectProviderArn')
}

/** `Tags` as a request has them. */
export function tagParameters(tags: readonly (readonly [key: string, value: string])[]): QueryParameters {
  return Object.fromEntries(
    tags.flatMap(([key, value], n) => [
      [`Tags.member.${n + 1}.Key`, key],
      [`Tags.member.${n + 1}.Value`, value],
    ]),
  )
}
