// What the rows of a store must say of each other at any time.

import assert from 'node:assert/strict'
import { brokenReferences, type Peek } from './peek.ts'

/** Compares what is kept by expression with what a count finds. */
export async function assertConsistent(rows: Peek['rows']): Promise<void> {
  assert.deepEqual(await rows(brokenReferences), [])
  assert.deepEqual(
    await rows(`SELECT name, image_count FROM repositories r
                WHERE image_count != (SELECT count(*) FROM images i WHERE i.repository_id = r.id)`),
    [],
    'image_count',
  )
  assert.deepEqual(
    await rows(`SELECT i.digest, tag_count FROM images i WHERE tag_count !=
                (SELECT count(*) FROM image_tags t WHERE t.repository_id = i.repository_id AND t.digest = i.digest)`),
    [],
    'tag_count',
  )
  assert.deepEqual(
    await rows(`SELECT l.digest, l.unreferenced_at FROM blob_links l WHERE (l.unreferenced_at IS NULL) !=
                EXISTS (SELECT 1 FROM image_blobs b WHERE b.repository_id = l.repository_id AND b.blob_digest = l.digest)`),
    [],
    'unreferenced_at',
  )
  assert.deepEqual(
    await rows(`SELECT c.parent_digest FROM image_children c
                LEFT JOIN images i ON i.repository_id = c.repository_id AND i.digest = c.child_digest
                WHERE i.digest IS NULL`),
    [],
    'children of an index',
  )
}
