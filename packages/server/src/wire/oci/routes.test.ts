import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RegistryError } from '../../base/errors.ts'
import { type EndpointName, matchPath } from './routes.ts'

const match = (endpoint: EndpointName, repository = '', reference = '') => ({ endpoint, repository, reference })

const rows: [path: string, expected: ReturnType<typeof matchPath>][] = [
  ['/v2', match('version')],
  ['/v2/', match('version')],
  ['/v2/_catalog', match('catalog')],
  ['/v2/a/tags/list', match('tags', 'a')],
  ['/v2/a/b/c/tags/list', match('tags', 'a/b/c')],
  ['/v2/a/manifests/v1', match('manifest', 'a', 'v1')],
  ['/v2/a/manifests/sha256:00', match('manifest', 'a', 'sha256:00')],
  ['/v2/a/manifests/sha256%3a00', match('manifest', 'a', 'sha256:00')],
  ['/v2/a/manifests/', match('manifest', 'a', '')],
  ['/v2/a/blobs/sha256:00', match('blob', 'a', 'sha256:00')],
  ['/v2/a/blobs/uploads', match('blob-uploads', 'a')],
  ['/v2/a/blobs/uploads/', match('blob-uploads', 'a')],
  ['/v2/a/b/blobs/uploads/', match('blob-uploads', 'a/b')],
  ['/v2/a/blobs/uploads/id', match('blob-upload', 'a', 'id')],
  ['/v2/a/referrers/sha256:00', match('referrers', 'a', 'sha256:00')],

  // Names may contain any word of a path: the right end decides.
  ['/v2/tags/list/tags/list', match('tags', 'tags/list')],
  ['/v2/manifests/manifests/manifests', match('manifest', 'manifests', 'manifests')],
  ['/v2/a/blobs/uploads/manifests/v1', match('manifest', 'a/blobs/uploads', 'v1')],
  ['/v2/a/blobs/uploads/tags/list', match('tags', 'a/blobs/uploads')],
  ['/v2/a/blobs/uploads/blobs/uploads/', match('blob-uploads', 'a/blobs/uploads')],
  ['/v2/a/blobs/uploads/blobs/uploads/id', match('blob-upload', 'a/blobs/uploads', 'id')],
  ['/v2/a/blobs/uploads/blobs/sha256:00', match('blob', 'a/blobs/uploads', 'sha256:00')],
  ['/v2/blobs/uploads/manifests/v1', match('manifest', 'blobs/uploads', 'v1')],
  ['/v2/_catalog/tags/list', match('tags', '_catalog')],
  ['/v2/v2/v2/manifests/v2', match('manifest', 'v2/v2', 'v2')],

  // Whether a name is one is for the caller to say.
  ['/v2//manifests/v1', match('manifest', '', 'v1')],
  ['/v2/../manifests/v1', match('manifest', '..', 'v1')],
  ['/v2/A B/manifests/v1', match('manifest', 'A B', 'v1')],

  ['/v2/a', undefined],
  ['/v2/a/', undefined],
  ['/v2/a/b', undefined],
  ['/v2/a/tags', undefined],
  ['/v2/a/tags/other', undefined],
  ['/v2/tags/list', undefined],
  ['/v2/manifests/v1', undefined],
  ['/v2/blobs/uploads/', undefined],
  ['/v2/a/blobs', undefined],
  ['/v2/a/blobs/uploads/id/more', undefined],
  ['/v2/_catalog/', undefined],
  ['/v2/a/Manifests/v1', undefined],
]

describe('matchPath (OCI distribution-spec, "Endpoints")', () => {
  for (const [path, expected] of rows) test(path, () => assert.deepEqual(matchPath(path), expected))

  for (const segment of [
    '%2F',
    '%2f',
    'a%2Fb',
    '%5C',
    '%00',
    'a%00',
    '%2e',
    '%2E%2e',
    '%',
    '%4',
    '%zz',
    '%ff',
    '%ed%a0%80',
  ]) {
    test(`${segment} makes no path at all`, () => {
      for (const path of [
        `/v2/${segment}/manifests/v1`,
        `/v2/a/manifests/${segment}`,
        `/v2/a/blobs/uploads/${segment}`,
      ]) {
        assert.throws(
          () => matchPath(path),
          (error) => error instanceof RegistryError && error.fault.code === 'InvalidParameter',
        )
      }
    })
  }

  test('a path of thousands of segments costs what its length costs', () => {
    const path = `/v2/${'a/'.repeat(16_000)}manifests/v1`
    const start = performance.now()
    assert.equal(matchPath(path)?.endpoint, 'manifest')
    assert.ok(performance.now() - start < 500)
  })
})
