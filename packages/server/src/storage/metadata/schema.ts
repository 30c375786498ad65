// The tables as Kysely sees them. Times are milliseconds since the epoch, sizes are bytes, booleans are 0 and 1.

import type { Digest } from '@berth/api/names/digest.ts'
import type { ImageTag } from '@berth/api/names/image-tag.ts'
import type { AccountId, Region } from '@berth/api/names/registry.ts'
import type { RepositoryName } from '@berth/api/names/repository-name.ts'
import type { Generated, Kysely } from 'kysely'

export type ImageTagMutability = 'MUTABLE' | 'IMMUTABLE' | 'IMMUTABLE_WITH_EXCLUSION' | 'MUTABLE_WITH_EXCLUSION'

/** Facts of the installation: its id, the version of the schema, the sealed canary of the master key. */
interface MetaTable {
  key: string
  value: string
}

export interface AccountsTable {
  account_id: AccountId
  created_at: number
  alias: string | null
  /** Since when nobody of the account is let in. */
  closed_at: number | null
}

export type EntityKind = 'user' | 'group' | 'role' | 'policy' | 'provider'

/** What IAM calls an entity, save instance profiles and server certificates, which Berth has none of. */
export interface EntitiesTable {
  /** `AIDA…`, `AGPA…`, `AROA…`, `ANPA…`; of an identity provider an id of our own, which nobody sees. */
  entity_id: string
  account_id: AccountId
  kind: EntityKind
  /** Of an identity provider the host and path of its URL. */
  name: string
  path: string
  created_at: number
  updated_at: number
  description: string | null
  boundary_arn: string | null
  /** Of a role its trust policy, as it was written; ids of the principals that it names are beside it (JSON). */
  document: string | null
  principal_ids: string | null
  /** JSON: what only this kind has (`EntityDetails`). */
  details: string | null
}

interface EntityTagsTable {
  entity_id: string
  key: string
  value: string
}

interface InlinePoliciesTable {
  entity_id: string
  name: string
  document: string
}

interface PolicyVersionsTable {
  policy_id: string
  version: number
  document: string
  created_at: number
}

interface PolicyAttachmentsTable {
  entity_id: string
  policy_arn: string
  attached_at: number
}

interface GroupMembersTable {
  group_id: string
  user_id: string
}

export interface AccessKeysTable {
  access_key_id: string
  account_id: AccountId
  /** A user's id, or the account's for its root user. */
  owner_id: string
  /** Sealed by the key ring, bound to this row. */
  sealed_secret: Uint8Array
  status: 'Active' | 'Inactive'
  created_at: number
  last_used_at: number | null
  last_used_service: string | null
  last_used_region: string | null
}

export type SessionKind = 'role' | 'user' | 'federated-user' | 'root'

/** Temporary credentials. A row never changes; what ends a session early is that its owner is gone. */
export interface SessionsTable {
  session_id: string
  account_id: AccountId
  kind: SessionKind
  /** The role, the user, or the account. */
  owner_id: string
  name: string
  issued_at: number
  expires_at: number
  /** JSON: `SessionDetails`. */
  details: string
}

interface RepositoryPoliciesTable {
  repository_id: number
  /** As it was written. */
  document: string
  /** JSON: unique ids by the ARNs that the document names. */
  principal_ids: string
}

interface RegistryPoliciesTable {
  account_id: AccountId
  region: Region
  document: string
  principal_ids: string
}

interface AccountSettingsTable {
  account_id: AccountId
  region: Region
  name: string
  value: string
}

export interface RepositoriesTable {
  id: Generated<number>
  account_id: AccountId
  region: Region
  name: RepositoryName
  created_at: number
  tag_mutability: ImageTagMutability
  /** JSON: the wildcard filters, in the order given; null in the modes without exclusions. */
  exclusion_filters: string | null
  scan_on_push: number
  /** Blobs are stored once per scope; one scope per KMS key later. */
  key_scope: string
  /** Kept by expression, for the quota and for RepositoryNotEmpty. */
  image_count: number
}

interface RepositoryTagsTable {
  repository_id: number
  key: string
  value: string
}

/** Content, once per key scope for the whole installation. Small content is in the row, other content under the storage key. */
export interface BlobsTable {
  id: Generated<number>
  key_scope: string
  digest: Digest
  size: number
  storage_key: string | null
  content: Uint8Array | null
  created_at: number
  /** Set when collection has begun: a new upload of the digest then promotes to a row of its own. */
  deleting_at: number | null
}

/** Which repository may see which blob. */
interface BlobLinksTable {
  repository_id: number
  digest: Digest
  blob_id: number
  linked_at: number
  /** Since when no image of the repository names the blob; null while one does. */
  unreferenced_at: number | null
}

export interface ImagesTable {
  repository_id: number
  digest: Digest
  media_type: string
  /** What DescribeImages calls `artifactMediaType`. */
  artifact_media_type: string | null
  /** What a referrers list says (OCI end-12): the artifact type, or the config's media type. */
  artifact_type: string | null
  subject_digest: Digest | null
  /** JSON object: what a referrers list repeats, without reading the manifest. */
  annotations: string | null
  manifest_size: number
  image_size: number
  pushed_at: number
  pulled_at: number | null
  /** Kept by expression: the quota, and the TAGGED and UNTAGGED filters. */
  tag_count: number
  /** Last, so that reading the other columns does not read it. */
  manifest: Uint8Array
}

interface ImageTagsTable {
  repository_id: number
  tag: ImageTag
  digest: Digest
  tagged_at: number
}

/** Which image names which blob of its repository. */
interface ImageBlobsTable {
  repository_id: number
  blob_digest: Digest
  image_digest: Digest
}

/** Which index names which image of its repository. */
interface ImageChildrenTable {
  repository_id: number
  child_digest: Digest
  parent_digest: Digest
}

export interface UploadsTable {
  upload_id: string
  repository_id: number
  user_id: string
  /** Bytes that a crash of the process keeps. */
  received_bytes: number
  /** Parts of the API (UploadLayerPart), for its limits; a `/v2/` upload has none. */
  part_count: number
  /** Size of the smallest part that is not the last so far. */
  smallest_part: number | null
  last_part: number | null
  created_at: number
  updated_at: number
  /** Moves with each change, so that a process that was overtaken finds out. */
  version: Generated<number>
  /** 1 while a request works on the upload, where other processes could too. */
  is_busy: Generated<number>
  /** What the blob store needs to go on with the bytes (`Staging.checkpoint`). */
  staging: string | null
  /** All the bytes, while they are few. */
  head: Uint8Array | null
  /** The digest of the bytes received, and the epoch of the blob store in which it holds. */
  digest: string | null
  digest_epoch: string | null
}

/** Work that is done later, once (jobs/worker.ts). */
export interface JobsTable {
  job_id: string
  type: string
  /** One waiting or running job of a type has a key. */
  key: string
  payload: string
  run_at: number
  attempts: number
  /** Until when the worker that has it is left alone; null while nobody has it. */
  lease_until: number | null
  /** Moves with each claim: a worker whose lease was taken over can not finish. */
  lease_generation: number
  last_error: string | null
  created_at: number
  /** Set when it is given up: it rests until somebody looks. */
  failed_at: number | null
}

/** Work that comes again: the next time of each schedule, so that many nodes agree. */
export interface SchedulesTable {
  name: string
  next_at: number
}

/** Counters that say when a cache is old: one row for identities, for one. */
interface GenerationsTable {
  name: string
  generation: number
}

export interface Schema {
  meta: MetaTable
  accounts: AccountsTable
  entities: EntitiesTable
  entity_tags: EntityTagsTable
  inline_policies: InlinePoliciesTable
  policy_versions: PolicyVersionsTable
  policy_attachments: PolicyAttachmentsTable
  group_members: GroupMembersTable
  access_keys: AccessKeysTable
  sessions: SessionsTable
  repository_policies: RepositoryPoliciesTable
  registry_policies: RegistryPoliciesTable
  account_settings: AccountSettingsTable
  repositories: RepositoriesTable
  repository_tags: RepositoryTagsTable
  blobs: BlobsTable
  blob_links: BlobLinksTable
  images: ImagesTable
  image_tags: ImageTagsTable
  image_blobs: ImageBlobsTable
  image_children: ImageChildrenTable
  uploads: UploadsTable
  jobs: JobsTable
  schedules: SchedulesTable
  generations: GenerationsTable
}

export type Db = Kysely<Schema>
