-- Version 3 of the SQLite schema, after all migrations.

CREATE TABLE "meta" (
  "key" text not null primary key,
  "value" text not null
);

CREATE TABLE "accounts" (
  "account_id" text not null primary key,
  "created_at" bigint not null,
  "alias" text,
  "closed_at" bigint
);

CREATE TABLE "repositories" (
  "id" integer primary key autoincrement,
  "account_id" text not null references "accounts" ("account_id"),
  "region" text not null,
  "name" text not null,
  "created_at" bigint not null,
  "tag_mutability" text not null,
  "exclusion_filters" text,
  "scan_on_push" integer not null,
  "key_scope" text not null,
  "image_count" integer default 0 not null,
  constraint "repositories_name" unique ("account_id", "region", "name")
);

CREATE TABLE "repository_tags" (
  "repository_id" integer not null references "repositories" ("id") on delete cascade,
  "key" text not null,
  "value" text not null,
  constraint "repository_tags_key" primary key ("repository_id", "key")
) without rowid;

CREATE TABLE "blobs" (
  "id" integer primary key autoincrement,
  "key_scope" text not null,
  "digest" text not null,
  "size" bigint not null,
  "storage_key" text unique,
  "created_at" bigint not null,
  "deleting_at" bigint,
  "content" blob
);

CREATE UNIQUE INDEX "blobs_live" on "blobs" ("key_scope", "digest") where "deleting_at" is null;

CREATE TABLE "blob_links" (
  "repository_id" integer not null references "repositories" ("id") on delete cascade,
  "digest" text not null,
  "blob_id" integer not null references "blobs" ("id"),
  "linked_at" bigint not null,
  "unreferenced_at" bigint,
  constraint "blob_links_digest" primary key ("repository_id", "digest")
) without rowid;

CREATE INDEX "blob_links_blob" on "blob_links" ("blob_id");

CREATE INDEX "blob_links_unreferenced" on "blob_links" ("unreferenced_at") where "unreferenced_at" is not null;

CREATE TABLE "images" (
  "repository_id" integer not null references "repositories" ("id") on delete cascade,
  "digest" text not null,
  "media_type" text not null,
  "artifact_media_type" text,
  "artifact_type" text,
  "subject_digest" text,
  "annotations" text,
  "manifest_size" bigint not null,
  "image_size" bigint not null,
  "pushed_at" bigint not null,
  "pulled_at" bigint,
  "tag_count" integer not null,
  "manifest" blob not null,
  constraint "images_digest" primary key ("repository_id", "digest")
);

CREATE INDEX "images_pushed" on "images" ("repository_id", "pushed_at", "digest");

CREATE INDEX "images_tagged" on "images" ("repository_id", "pushed_at", "digest") where "tag_count" > 0;

CREATE INDEX "images_untagged" on "images" ("repository_id", "pushed_at", "digest") where "tag_count" = 0;

CREATE INDEX "images_subject" on "images" ("repository_id", "subject_digest", "digest") where "subject_digest" is not null;

CREATE TABLE "image_tags" (
  "repository_id" integer not null,
  "tag" text not null,
  "digest" text not null,
  "tagged_at" bigint not null,
  constraint "image_tags_tag" primary key ("repository_id", "tag"),
  constraint "image_tags_image" foreign key ("repository_id", "digest") references "images" ("repository_id", "digest") on delete cascade
) without rowid;

CREATE INDEX "image_tags_digest" on "image_tags" ("repository_id", "digest", "tag");

CREATE TABLE "image_blobs" (
  "repository_id" integer not null,
  "blob_digest" text not null,
  "image_digest" text not null,
  constraint "image_blobs_key" primary key ("repository_id", "blob_digest", "image_digest"),
  constraint "image_blobs_link" foreign key ("repository_id", "blob_digest") references "blob_links" ("repository_id", "digest"),
  constraint "image_blobs_image" foreign key ("repository_id", "image_digest") references "images" ("repository_id", "digest") on delete cascade
) without rowid;

CREATE INDEX "image_blobs_image" on "image_blobs" ("repository_id", "image_digest");

CREATE TABLE "image_children" (
  "repository_id" integer not null,
  "child_digest" text not null,
  "parent_digest" text not null,
  constraint "image_children_key" primary key ("repository_id", "child_digest", "parent_digest"),
  constraint "image_children_child" foreign key ("repository_id", "child_digest") references "images" ("repository_id", "digest"),
  constraint "image_children_parent" foreign key ("repository_id", "parent_digest") references "images" ("repository_id", "digest") on delete cascade
) without rowid;

CREATE INDEX "image_children_parent" on "image_children" ("repository_id", "parent_digest");

CREATE TABLE "uploads" (
  "upload_id" text not null primary key,
  "repository_id" integer not null references "repositories" ("id") on delete cascade,
  "user_id" text not null,
  "received_bytes" bigint not null,
  "part_count" integer not null,
  "smallest_part" bigint,
  "last_part" bigint,
  "created_at" bigint not null,
  "updated_at" bigint not null,
  "version" integer default 0 not null,
  "is_busy" integer default 0 not null,
  "staging" text,
  "head" blob,
  "digest" text,
  "digest_epoch" text
);

CREATE INDEX "uploads_updated" on "uploads" ("updated_at");

CREATE INDEX "uploads_repository" on "uploads" ("repository_id");

CREATE TABLE "jobs" (
  "job_id" text not null primary key,
  "type" text not null,
  "key" text not null,
  "payload" text not null,
  "run_at" bigint not null,
  "attempts" integer default 0 not null,
  "lease_until" bigint,
  "lease_generation" integer default 0 not null,
  "last_error" text,
  "created_at" bigint not null,
  "failed_at" bigint
);

CREATE UNIQUE INDEX "jobs_waiting" on "jobs" ("type", "key") where "lease_until" is null and "failed_at" is null;

CREATE INDEX "jobs_due" on "jobs" ("type", "run_at") where "failed_at" is null;

CREATE INDEX "jobs_leased" on "jobs" ("type", "key") where "lease_until" is not null;

CREATE INDEX "jobs_failed" on "jobs" ("type", "key") where "failed_at" is not null;

CREATE TABLE "schedules" (
  "name" text not null primary key,
  "next_at" bigint not null
);

CREATE TABLE "generations" (
  "name" text not null primary key,
  "generation" bigint not null
);

CREATE UNIQUE INDEX "accounts_alias" on "accounts" ("alias") where "alias" is not null;

CREATE TABLE "entities" (
  "entity_id" text not null primary key,
  "account_id" text not null references "accounts" ("account_id"),
  "kind" text not null,
  "name" text not null,
  "path" text not null,
  "created_at" bigint not null,
  "updated_at" bigint not null,
  "description" text,
  "boundary_arn" text,
  "document" text,
  "principal_ids" text,
  "details" text
);

CREATE UNIQUE INDEX entities_name on entities (account_id, kind, lower(name));

CREATE TABLE "entity_tags" (
  "entity_id" text not null references "entities" ("entity_id") on delete cascade,
  "key" text not null,
  "value" text not null,
  constraint "entity_tags_key" primary key ("entity_id", "key")
) without rowid;

CREATE TABLE "inline_policies" (
  "entity_id" text not null references "entities" ("entity_id") on delete cascade,
  "name" text not null,
  "document" text not null,
  constraint "inline_policies_name" primary key ("entity_id", "name")
);

CREATE TABLE "policy_versions" (
  "policy_id" text not null references "entities" ("entity_id") on delete cascade,
  "version" integer not null,
  "document" text not null,
  "created_at" bigint not null,
  constraint "policy_versions_version" primary key ("policy_id", "version")
);

CREATE TABLE "policy_attachments" (
  "entity_id" text not null references "entities" ("entity_id") on delete cascade,
  "policy_arn" text not null,
  "attached_at" bigint not null,
  constraint "policy_attachments_key" primary key ("entity_id", "policy_arn")
) without rowid;

CREATE INDEX "policy_attachments_policy" on "policy_attachments" ("policy_arn");

CREATE TABLE "group_members" (
  "group_id" text not null references "entities" ("entity_id") on delete cascade,
  "user_id" text not null references "entities" ("entity_id") on delete cascade,
  constraint "group_members_key" primary key ("group_id", "user_id")
) without rowid;

CREATE INDEX "group_members_user" on "group_members" ("user_id");

CREATE TABLE "access_keys" (
  "access_key_id" text not null primary key,
  "account_id" text not null references "accounts" ("account_id"),
  "owner_id" text not null,
  "sealed_secret" blob not null,
  "status" text not null,
  "created_at" bigint not null,
  "last_used_at" bigint,
  "last_used_service" text,
  "last_used_region" text
);

CREATE INDEX "access_keys_owner" on "access_keys" ("owner_id");

CREATE TABLE "sessions" (
  "session_id" text not null primary key,
  "account_id" text not null references "accounts" ("account_id"),
  "kind" text not null,
  "owner_id" text not null,
  "name" text not null,
  "issued_at" bigint not null,
  "expires_at" bigint not null,
  "details" text not null
);

CREATE INDEX "sessions_expired" on "sessions" ("expires_at");

CREATE TABLE "repository_policies" (
  "repository_id" integer not null primary key references "repositories" ("id") on delete cascade,
  "document" text not null,
  "principal_ids" text not null
);

CREATE TABLE "registry_policies" (
  "account_id" text not null references "accounts" ("account_id"),
  "region" text not null,
  "document" text not null,
  "principal_ids" text not null,
  constraint "registry_policies_registry" primary key ("account_id", "region")
);

CREATE TABLE "account_settings" (
  "account_id" text not null references "accounts" ("account_id"),
  "region" text not null,
  "name" text not null,
  "value" text not null,
  constraint "account_settings_name" primary key ("account_id", "region", "name")
) without rowid;
