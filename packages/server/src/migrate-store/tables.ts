// What of a store is carried to another place: the one list of all tables, in the order in which rows may refer to others.

import type { Schema } from '../storage/metadata/schema.ts'

export type TableName = keyof Schema

export interface CarriedTable {
  name: TableName
  /** The columns of the primary key, in its order. */
  key: readonly string[]
  /** How many rows are read and written at a time. */
  page: number
  /** Numbers of the key come from a sequence, which never gives one twice. */
  hasIdentity: boolean
}

interface Carried {
  key: readonly string[]
  page?: number
  hasIdentity?: true
}

/** Rows with content are large, and a page is in memory twice. */
const contentPage = 50
const usualPage = 1000

const plans: Record<TableName, Carried | { leftOut: string }> = {
  accounts: { key: ['account_id'] },
  entities: { key: ['entity_id'] },
  entity_tags: { key: ['entity_id', 'key'] },
  inline_policies: { key: ['entity_id', 'name'] },
  policy_versions: { key: ['policy_id', 'version'] },
  policy_attachments: { key: ['entity_id', 'policy_arn'] },
  group_members: { key: ['group_id', 'user_id'] },
  access_keys: { key: ['access_key_id'] },
  sessions: { key: ['session_id'] },
  repositories: { key: ['id'], hasIdentity: true },
  repository_tags: { key: ['repository_id', 'key'] },
  repository_policies: { key: ['repository_id'] },
  registry_policies: { key: ['account_id', 'region'] },
  account_settings: { key: ['account_id', 'region', 'name'] },
  blobs: { key: ['id'], hasIdentity: true, page: contentPage * 4 },
  blob_links: { key: ['repository_id', 'digest'] },
  images: { key: ['repository_id', 'digest'], page: contentPage },
  image_tags: { key: ['repository_id', 'tag'] },
  image_blobs: { key: ['repository_id', 'blob_digest', 'image_digest'] },
  image_children: { key: ['repository_id', 'child_digest', 'parent_digest'] },
  meta: { leftOut: 'facts are carried one by one (facts.ts)' },
  uploads: { leftOut: 'an upload in progress belongs to the place where its bytes are staged' },
  jobs: { leftOut: 'what they do is found again: sweeps come by their schedule' },
  schedules: { leftOut: 'each start makes those that are not there' },
  generations: { leftOut: 'they speak of caches, and no node has one of the new store yet' },
}

export const carriedTables: readonly CarriedTable[] = Object.entries(plans).flatMap(([name, plan]) =>
  'leftOut' in plan
    ? []
    : [
        {
          name: name as TableName,
          key: plan.key,
          page: plan.page ?? usualPage,
          hasIdentity: plan.hasIdentity ?? false,
        },
      ],
)

export const leftOutTables: readonly TableName[] = Object.entries(plans).flatMap(([name, plan]) =>
  'leftOut' in plan ? [name as TableName] : [],
)
