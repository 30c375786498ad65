// The first schema: identities, repositories, images, blobs and uploads.

import { type Kysely, sql } from 'kysely'
import type { SchemaDifferences } from '../dialect.ts'

export async function up(db: Kysely<unknown>, differences: SchemaDifferences): Promise<void> {
  const { blobColumn, textColumn, numberColumn, identityColumn, keyOnlyTable } = differences
  await db.schema
    .createTable('accounts')
    .addColumn('account_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('users')
    .addColumn('user_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
    .addColumn('name', textColumn, (c) => c.notNull())
    .addColumn('is_administrator', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addUniqueConstraint('users_name', ['account_id', 'name'])
    .execute()
  await db.schema
    .createTable('access_keys')
    .addColumn('access_key_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('user_id', textColumn, (c) => c.notNull().references('users.user_id'))
    .addColumn('sealed_secret', blobColumn, (c) => c.notNull())
    .addColumn('status', textColumn, (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .execute()

  await db.schema
    .createTable('repositories')
    .addColumn('id', numberColumn, identityColumn)
    .addColumn('account_id', textColumn, (c) => c.notNull().references('accounts.account_id'))
    .addColumn('region', textColumn, (c) => c.notNull())
    .addColumn('name', textColumn, (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('tag_mutability', textColumn, (c) => c.notNull())
    .addColumn('exclusion_filters', textColumn)
    .addColumn('scan_on_push', 'integer', (c) => c.notNull())
    .addColumn('key_scope', textColumn, (c) => c.notNull())
    .addColumn('image_count', 'integer', (c) => c.notNull().defaultTo(0))
    .addUniqueConstraint('repositories_name', ['account_id', 'region', 'name'])
    .execute()
  await keyOnlyTable(
    db.schema
      .createTable('repository_tags')
      .addColumn('repository_id', numberColumn, (c) => c.notNull().references('repositories.id').onDelete('cascade'))
      .addColumn('key', textColumn, (c) => c.notNull())
      .addColumn('value', textColumn, (c) => c.notNull())
      .addPrimaryKeyConstraint('repository_tags_key', ['repository_id', 'key']),
  ).execute()

  await db.schema
    .createTable('blobs')
    .addColumn('id', numberColumn, identityColumn)
    .addColumn('key_scope', textColumn, (c) => c.notNull())
    .addColumn('digest', textColumn, (c) => c.notNull())
    .addColumn('size', 'bigint', (c) => c.notNull())
    .addColumn('storage_key', textColumn, (c) => c.unique())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('deleting_at', 'bigint')
    .addColumn('content', blobColumn)
    .execute()
  // One live row per digest and scope: this index, and no query before it, decides which of two uploads wins.
  await db.schema
    .createIndex('blobs_live')
    .unique()
    .on('blobs')
    .columns(['key_scope', 'digest'])
    .where(sql.ref('deleting_at'), 'is', null)
    .execute()
  await keyOnlyTable(
    db.schema
      .createTable('blob_links')
      .addColumn('repository_id', numberColumn, (c) => c.notNull().references('repositories.id').onDelete('cascade'))
      .addColumn('digest', textColumn, (c) => c.notNull())
      .addColumn('blob_id', numberColumn, (c) => c.notNull().references('blobs.id'))
      .addColumn('linked_at', 'bigint', (c) => c.notNull())
      .addColumn('unreferenced_at', 'bigint')
      .addPrimaryKeyConstraint('blob_links_digest', ['repository_id', 'digest']),
  ).execute()
  await db.schema.createIndex('blob_links_blob').on('blob_links').column('blob_id').execute()
  await db.schema
    .createIndex('blob_links_unreferenced')
    .on('blob_links')
    .column('unreferenced_at')
    .where(sql.ref('unreferenced_at'), 'is not', null)
    .execute()

  await db.schema
    .createTable('images')
    .addColumn('repository_id', numberColumn, (c) => c.notNull().references('repositories.id').onDelete('cascade'))
    .addColumn('digest', textColumn, (c) => c.notNull())
    .addColumn('media_type', textColumn, (c) => c.notNull())
    .addColumn('artifact_media_type', textColumn)
    .addColumn('artifact_type', textColumn)
    .addColumn('subject_digest', textColumn)
    .addColumn('annotations', textColumn)
    .addColumn('manifest_size', 'bigint', (c) => c.notNull())
    .addColumn('image_size', 'bigint', (c) => c.notNull())
    .addColumn('pushed_at', 'bigint', (c) => c.notNull())
    .addColumn('pulled_at', 'bigint')
    .addColumn('tag_count', 'integer', (c) => c.notNull())
    .addColumn('manifest', blobColumn, (c) => c.notNull())
    .addPrimaryKeyConstraint('images_digest', ['repository_id', 'digest'])
    .execute()
  const pageOrder = ['repository_id', 'pushed_at', 'digest'] as const
  await db.schema
    .createIndex('images_pushed')
    .on('images')
    .columns([...pageOrder])
    .execute()
  await db.schema
    .createIndex('images_tagged')
    .on('images')
    .columns([...pageOrder])
    .where(sql.ref('tag_count'), '>', 0)
    .execute()
  await db.schema
    .createIndex('images_untagged')
    .on('images')
    .columns([...pageOrder])
    .where(sql.ref('tag_count'), '=', 0)
    .execute()
  await db.schema
    .createIndex('images_subject')
    .on('images')
    .columns(['repository_id', 'subject_digest', 'digest'])
    .where(sql.ref('subject_digest'), 'is not', null)
    .execute()

  await keyOnlyTable(
    db.schema
      .createTable('image_tags')
      .addColumn('repository_id', numberColumn, (c) => c.notNull())
      .addColumn('tag', textColumn, (c) => c.notNull())
      .addColumn('digest', textColumn, (c) => c.notNull())
      .addColumn('tagged_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('image_tags_tag', ['repository_id', 'tag'])
      .addForeignKeyConstraint(
        'image_tags_image',
        ['repository_id', 'digest'],
        'images',
        ['repository_id', 'digest'],
        (c) => c.onDelete('cascade'),
      ),
  ).execute()
  await db.schema
    .createIndex('image_tags_digest')
    .on('image_tags')
    .columns(['repository_id', 'digest', 'tag'])
    .execute()

  await keyOnlyTable(
    db.schema
      .createTable('image_blobs')
      .addColumn('repository_id', numberColumn, (c) => c.notNull())
      .addColumn('blob_digest', textColumn, (c) => c.notNull())
      .addColumn('image_digest', textColumn, (c) => c.notNull())
      .addPrimaryKeyConstraint('image_blobs_key', ['repository_id', 'blob_digest', 'image_digest'])
      .addForeignKeyConstraint('image_blobs_link', ['repository_id', 'blob_digest'], 'blob_links', [
        'repository_id',
        'digest',
      ])
      .addForeignKeyConstraint(
        'image_blobs_image',
        ['repository_id', 'image_digest'],
        'images',
        ['repository_id', 'digest'],
        (c) => c.onDelete('cascade'),
      ),
  ).execute()
  await db.schema
    .createIndex('image_blobs_image')
    .on('image_blobs')
    .columns(['repository_id', 'image_digest'])
    .execute()

  await keyOnlyTable(
    db.schema
      .createTable('image_children')
      .addColumn('repository_id', numberColumn, (c) => c.notNull())
      .addColumn('child_digest', textColumn, (c) => c.notNull())
      .addColumn('parent_digest', textColumn, (c) => c.notNull())
      .addPrimaryKeyConstraint('image_children_key', ['repository_id', 'child_digest', 'parent_digest'])
      .addForeignKeyConstraint('image_children_child', ['repository_id', 'child_digest'], 'images', [
        'repository_id',
        'digest',
      ])
      .addForeignKeyConstraint(
        'image_children_parent',
        ['repository_id', 'parent_digest'],
        'images',
        ['repository_id', 'digest'],
        (c) => c.onDelete('cascade'),
      ),
  ).execute()
  await db.schema
    .createIndex('image_children_parent')
    .on('image_children')
    .columns(['repository_id', 'parent_digest'])
    .execute()

  await db.schema
    .createTable('uploads')
    .addColumn('upload_id', textColumn, (c) => c.primaryKey().notNull())
    .addColumn('repository_id', numberColumn, (c) => c.notNull().references('repositories.id').onDelete('cascade'))
    .addColumn('user_id', textColumn, (c) => c.notNull())
    .addColumn('received_bytes', 'bigint', (c) => c.notNull())
    .addColumn('part_count', 'integer', (c) => c.notNull())
    .addColumn('smallest_part', 'bigint')
    .addColumn('last_part', 'bigint')
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('updated_at', 'bigint', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('uploads_updated').on('uploads').column('updated_at').execute()
  await db.schema.createIndex('uploads_repository').on('uploads').column('repository_id').execute()
}
