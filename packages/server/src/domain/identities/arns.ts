// ARNs of IAM (IAM, "Identifiers").

import type { EntityKind } from '../../storage/metadata/schema.ts'

const resourceTypes: Record<EntityKind, string> = {
  user: 'user',
  group: 'group',
  role: 'role',
  policy: 'policy',
  provider: 'oidc-provider',
}

interface Named {
  account_id: string
  kind: EntityKind
  name: string
  path: string
}

/** `arn:aws:iam::111122223333:user/path/name`; a provider's has the host and path of its URL. */
export function entityArn({ account_id, kind, name, path }: Named): string {
  return `arn:aws:iam::${account_id}:${resourceTypes[kind]}${path}${name}`
}

export function rootArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:root`
}

export function sessionArn(accountId: string, roleName: string, sessionName: string): string {
  return `arn:aws:sts::${accountId}:assumed-role/${roleName}/${sessionName}`
}

export function federatedUserArn(accountId: string, name: string): string {
  return `arn:aws:sts::${accountId}:federated-user/${name}`
}
