// Principals with policies of their own, as they speak to a registry on both wires: users of any account, and sessions of roles.

import assert from 'node:assert/strict'
import type { AccountId } from '@berth/api/names/registry.ts'
import { randomIds } from '../../src/base/ids.ts'
import { type AwsWire, assertAwsError } from './aws-wire.ts'
import { account, type ContractRegistry, region } from './contract-registry.ts'
import { assertOciError, type OciWire } from './oci-wire.ts'
import type { QueryCredentials } from './query-wire.ts'
import type { TestCredentials } from './test-registry.ts'

export interface Person {
  arn: string
  aws: AwsWire
  oci: OciWire
}

export interface Of {
  accountId: string
  /** Who may change its identities; the first administrator for the first account. */
  admin?: TestCredentials
}

export const policy = (...statements: object[]) => JSON.stringify({ Version: '2012-10-17', Statement: statements })
export const allow = (Action: string | string[], Resource: string | string[] = '*', more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
})
/** For policies of repositories, which have no resource. */
export const grant = (Principal: unknown, Action: string | string[], more: object = {}) => ({
  Effect: 'Allow',
  Principal,
  Action,
  ...more,
})
export const arnOf = (name: string, accountId = account, inRegion = region) =>
  `arn:aws:ecr:${inRegion}:${accountId}:repository/${name}`
/** The host by which a docker client names a registry. */
export const hostOf = (accountId: string, inRegion = region) => `${accountId}.dkr.ecr.${inRegion}.example.com`

/** Whoever signs in has this; nothing else is given without being said. */
const login = allow('ecr:GetAuthorizationToken')

/** A user with this inline policy and no other. */
export async function user(
  registry: ContractRegistry,
  name: string,
  statements: readonly object[] = [],
  { accountId, admin }: Of = { accountId: account },
): Promise<Person> {
  const userId = randomIds.entity('AIDA')
  await registry.sql(
    `INSERT INTO entities (entity_id, account_id, kind, name, path, created_at, updated_at)
     VALUES ('${userId}', '${accountId}', 'user', '${name}', '/', 0, 0)`,
  )
  const key = await registry.registry.accessKeys.create(accountId as AccountId, userId)
  await permit(registry, name, statements, { accountId, ...(admin ? { admin } : {}) })
  return speaking(registry, `arn:aws:iam::${accountId}:user/${name}`, {
    accessKeyId: key.accessKeyId,
    secretAccessKey: key.secretAccessKey,
  })
}

/** Replaces what a user's own policy says. */
export async function permit(
  registry: ContractRegistry,
  name: string,
  statements: readonly object[],
  { admin = registry.credentials }: Partial<Of> = {},
): Promise<void> {
  await registry.iam(admin).ok('PutUserPolicy', {
    UserName: name,
    PolicyName: 'own',
    PolicyDocument: policy(login, ...statements),
  })
}

/** As IAM DeleteUser leaves it. */
export async function removeUser(registry: ContractRegistry, name: string): Promise<void> {
  const ofUser = `(SELECT entity_id FROM entities WHERE name = '${name}' AND kind = 'user')`
  await registry.sql(
    `DELETE FROM access_keys WHERE owner_id IN ${ofUser}; DELETE FROM entities WHERE entity_id IN ${ofUser}`,
  )
  await registry.identitiesChanged()
}

/** A role that everybody of its account may take who may take roles. */
export async function role(
  registry: ContractRegistry,
  name: string,
  statements: readonly object[] = [],
): Promise<void> {
  const iam = registry.iam()
  await iam.ok('CreateRole', {
    RoleName: name,
    AssumeRolePolicyDocument: policy(grant({ AWS: account }, 'sts:AssumeRole')),
  })
  await iam.ok('PutRolePolicy', { RoleName: name, PolicyName: 'own', PolicyDocument: policy(login, ...statements) })
}

/** A session of a role, with a session policy or none. */
export async function session(
  registry: ContractRegistry,
  roleName: string,
  sessionName: string,
  statements?: readonly object[],
): Promise<Person> {
  const xml = await registry.sts().ok('AssumeRole', {
    RoleArn: `arn:aws:iam::${account}:role/${roleName}`,
    RoleSessionName: sessionName,
    ...(statements ? { Policy: policy(login, ...statements) } : {}),
  })
  const element = (tag: string) => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(xml)?.[1] ?? ''
  const credentials: QueryCredentials = {
    accessKeyId: element('AccessKeyId'),
    secretAccessKey: element('SecretAccessKey'),
    sessionToken: element('SessionToken'),
  }
  return speaking(registry, `arn:aws:sts::${account}:assumed-role/${roleName}/${sessionName}`, credentials)
}

export async function speaking(
  registry: ContractRegistry,
  arn: string,
  credentials: QueryCredentials,
): Promise<Person> {
  const aws = registry.awsAs(credentials)
  return { arn, aws, oci: await registry.ociAs(aws) }
}

/** IAM, "Troubleshoot access denied error messages". */
export const deniedText = ({ arn }: { arn: string }, action: string, resource: string, why: string): string =>
  `User: ${arn} is not authorized to perform: ecr:${action} on resource: ${resource} ${why}`
export const because = (kind: string, action: string) => `because no ${kind} allows the ecr:${action} action`
export const explicitly = 'with an explicit deny in a resource-based policy'

export interface PullOptions {
  repository?: string
  accountId?: string
  headers?: Record<string, string>
}

/** Nothing when the image v1 comes on both wires; else why not, which is the same on both. */
export async function whyNoPull(person: Person, options: PullOptions = {}): Promise<string | undefined> {
  const { repository = 'app', accountId = account, headers = {} } = options
  const api = await person.aws.call('BatchGetImage', {
    registryId: accountId,
    repositoryName: repository,
    imageIds: [{ imageTag: 'v1' }],
  })
  const docker = await person.oci.send('GET', `/v2/${repository}/manifests/v1`, {
    headers: { host: hostOf(accountId), ...headers },
  })
  if (api.status === 200) {
    assert.equal(docker.status, 200, `the API gives what the docker wire does not: ${docker.text}`)
    return undefined
  }
  const { message } = JSON.parse(api.text) as { message: string }
  assertAwsError(api, 'AccessDeniedException', message)
  assertOciError(docker, 403, 'DENIED', message)
  return message
}
