// What only one kind of entity has, as it is kept in its row.

import type { EntityKind } from '../../storage/metadata/schema.ts'

export interface RoleDetails {
  /** 3,600 to 43,200 (IAM CreateRole). */
  maxSessionSeconds: number
}

export interface PolicyDetails {
  /** Versions are numbered from 1 and no number comes twice. */
  defaultVersion: number
  lastVersion: number
}

export interface ProviderDetails {
  url: string
  clientIds: readonly string[]
  /** Kept and shown; certificates are checked against the trusted roots, as AWS does. */
  thumbprints: readonly string[]
  /** The keys of an issuer that cannot be reached (JSON Web Key Set). */
  staticJwks?: string
}

interface DetailsByKind {
  role: RoleDetails
  policy: PolicyDetails
  provider: ProviderDetails
}

export function detailsOf<K extends keyof DetailsByKind>(
  row: { kind: EntityKind; details: string | null },
  kind: K,
): DetailsByKind[K] {
  if (row.kind !== kind || row.details === null)
    throw new Error(`a row of kind ${row.kind} has no details of a ${kind}`)
  return JSON.parse(row.details) as DetailsByKind[K]
}

export function detailsText<K extends keyof DetailsByKind>(_kind: K, details: DetailsByKind[K]): string {
  return JSON.stringify(details)
}
