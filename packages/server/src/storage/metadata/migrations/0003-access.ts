// Principals and policies (IAM, STS): users become one kind of entity beside groups, roles, managed policies and identity providers;
// sessions; policies of repositories and registries. Until now an administrator might do everything and others nothing: programs that
// know no policies must not serve what has some, so this breaks with them (`oldestReader`).

import { type Kysely, sql } from 'kysely'
import type { SchemaDifferences } from '../dialect.ts'

export async function up(db: Kysely<unknown>, differences: SchemaDifferences): Promise<void> {
  const { blobColumn, textColumn, numberColumn, keyOnlyTable } = differences
  await db.schema.alterTable('accounts').addColumn('alias', textColumn).execute()
  await db.schema.alterTable('accounts').addColumn('closed_at', 'bigint').execute()
  await db.schema
    .createIndex('accounts_alias')
    .unique()
    .on('accounts')
    .column('alias')
    .where(sql.ref('alias'), 'is not', null)
    .execute()

  await db.schema
    .createTable('entities')
    .addColumn('entity_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
    .addColumn('kind', textColumn, (c) => c.notNull())
    .addColumn('name', textColumn, (c) => c.notNull())
    .addColumn('path', textColumn, (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .addColumn('description', textColumn)
    .addColumn('boundary_arn', textColumn)
    .addColumn('document', textColumn)
    .addColumn('principal_ids', textColumn)
    .addColumn('details', textColumn)
    .execute()
  // Names are the same when they differ only by case (IAM, "Names and identifiers"); this index decides, and lists are read by it.
  await sql`create unique index entities_name on entities (account_id, kind, lower(name))`.execute(db)
  await keyOnlyTable(
    db.schema
      .createTable('entity_tags')
      .addColumn('entity_id', textColumn, (c) => c.notNull().references('entities.entity_id').onDelete('cascade'))
      .addColumn('key', textColumn, (c) => c.notNull())
      .addColumn('value', textColumn, (c) => c.notNull())
      .addPrimaryKeyConstraint('entity_tags_key', ['entity_id', 'key']),
  ).execute()
  await db.schema
    .createTable('inline_policies')
    .addColumn('entity_id', textColumn, (c) => c.notNull().references('entities.entity_id').onDelete('cascade'))
    .addColumn('name', textColumn, (c) => c.notNull())
    .addColumn('document', textColumn, (c) => c.notNull())
    .addPrimaryKeyConstraint('inline_policies_name', ['entity_id', 'name'])
    .execute()
  await db.schema
    .createTable('policy_versions')
    .addColumn('policy_id', textColumn, (c) => c.notNull().references('entities.entity_id').onDelete('cascade'))
    .addColumn('version', 'integer', (c) => c.notNull())
    .addColumn('document', textColumn, (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('policy_versions_version', ['policy_id', 'version'])
    .execute()
  await keyOnlyTable(
    db.schema
      .createTable('policy_attachments')
      .addColumn('entity_id', textColumn, (c) => c.notNull().references('entities.entity_id').onDelete('cascade'))
      .addColumn('policy_arn', textColumn, (c) => c.notNull())
      .addColumn('attached_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('policy_attachments_key', ['entity_id', 'policy_arn']),
  ).execute()
  await db.schema.createIndex('policy_attachments_policy').on('policy_attachments').column('policy_arn').execute()
  await keyOnlyTable(
    db.schema
      .createTable('group_members')
      .addColumn('group_id', textColumn, (c) => c.notNull().references('entities.entity_id').onDelete('cascade'))
      .addColumn('user_id', textColumn, (c) => c.notNull().references('entities.entity_id').onDelete('cascade'))
      .addPrimaryKeyConstraint('group_members_key', ['group_id', 'user_id']),
  ).execute()
  await db.schema.createIndex('group_members_user').on('group_members').column('user_id').execute()

  await sql`
    insert into entities (entity_id, account_id, kind, name, path, created_at, updated_at)
    select user_id, account_id, 'user', name, '/', created_at, created_at from users`.execute(db)
  await sql`
    insert into policy_attachments (entity_id, policy_arn, attached_at)
    select user_id, 'arn:aws:iam::aws:policy/AdministratorAccess', created_at from users where is_administrator = 1`.execute(
    db,
  )
  await db.schema.alterTable('access_keys').renameTo('access_keys_of_users').execute()
  await db.schema
    .createTable('access_keys')
    .addColumn('access_key_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
    // A user, or the account itself for its root user.
    .addColumn('owner_id', textColumn, (c) => c.notNull())
    .addColumn('sealed_secret', blobColumn, (c) => c.notNull())
    .addColumn('status', textColumn, (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('last_used_at', 'bigint')
    .addColumn('last_used_service', textColumn)
    .addColumn('last_used_region', textColumn)
    .execute()
  await db.schema.createIndex('access_keys_owner').on('access_keys').column('owner_id').execute()
  await sql`
    insert into access_keys (access_key_id, account_id, owner_id, sealed_secret, status, created_at)
    select k.access_key_id, u.account_id, k.user_id, k.sealed_secret, k.status, k.created_at
    from access_keys_of_users as k join users as u on u.user_id = k.user_id`.execute(db)
  await db.schema.dropTable('access_keys_of_users').execute()
  await db.schema.dropTable('users').execute()

  await db.schema
    .createTable('sessions')
    .addColumn('session_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
    .addColumn('kind', textColumn, (c) => c.notNull())
    .addColumn('owner_id', textColumn, (c) => c.notNull())
    .addColumn('name', textColumn, (c) => c.notNull())
    .addColumn('issued_at', 'bigint', (c) => c.notNull())
    .addColumn('expires_at', 'bigint', (c) => c.notNull())
    .addColumn('details', textColumn, (c) => c.notNull())
    .execute()
  await db.schema.createIndex('sessions_expired').on('sessions').column('expires_at').execute()

  await db.schema
    .createTable('repository_policies')
    .addColumn('repository_id', numberColumn, (c) =>
      c.primaryKey().notNull().references('repositories.id').onDelete('cascade'),
    )
    .addColumn('document', textColumn, (c) => c.notNull())
    .addColumn('principal_ids', textColumn, (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('registry_policies')
    .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
    .addColumn('region', textColumn, (c) => c.notNull())
    .addColumn('document', textColumn, (c) => c.notNull())
    .addColumn('principal_ids', textColumn, (c) => c.notNull())
    .addPrimaryKeyConstraint('registry_policies_registry', ['account_id', 'region'])
    .execute()
  await keyOnlyTable(
    db.schema
      .createTable('account_settings')
      .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
      .addColumn('region', textColumn, (c) => c.notNull())
      .addColumn('name', textColumn, (c) => c.notNull())
      .addColumn('value', textColumn, (c) => c.notNull())
      .addPrimaryKeyConstraint('account_settings_name', ['account_id', 'region', 'name']),
  ).execute()
}
