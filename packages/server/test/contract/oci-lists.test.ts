// Lists on the docker wire: tags, the catalog, referrers (OCI end-8, end-12; ECR features 1.5.7, 1.5.9).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { type FixedImage, fixedImage, fixedIndex } from '../support/fixed-images.ts'
import { digestOf, mediaTypes } from '../support/image-builder.ts'
import { assertHeaders, assertOciError, type OciWire } from '../support/oci-wire.ts'

const nameUnknown = `The repository with name 'missing' does not exist in the registry with id '${account}'`

let registry: ContractRegistry
let oci: OciWire
before(async () => {
  registry = await contractRegistry()
  oci = registry.oci
})
after(() => registry?.close())

async function create(repositoryName: string): Promise<string> {
  await registry.aws.ok('CreateRepository', { repositoryName })
  return repositoryName
}

async function push(name: string, reference: string, image: FixedImage): Promise<FixedImage> {
  for (const content of image.blobs) await oci.pushBlob(name, content)
  await oci.pushManifest(name, reference, image)
  return image
}

/** The target of the next page, if there is one. */
function nextOf(link: string | string[] | undefined): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(String(link ?? ''))?.[1]
}

/** All pages, as a client that follows the links gets them. */
async function pagesOf<T>(target: string): Promise<T[]> {
  const pages: T[] = []
  let next: string | undefined = target
  while (next !== undefined) {
    const answer = await oci.send('GET', next)
    assert.equal(answer.status, 200, answer.text)
    pages.push(JSON.parse(answer.text) as T)
    next = nextOf(answer.headers.link)
  }
  return pages
}

describe('end-8: tags', () => {
  const name = 'tagged'
  const sorted = ['0.1', '1.0', 'B', '_', 'a', 'a-1', 'a.1', 'a1', 'aB', 'b'].toSorted()
  const target = `/v2/${name}/tags/list`
  before(async () => {
    await create(name)
    const image = await push(name, 'a1', fixedImage('tagged'))
    for (const tag of ['b', 'B', '1.0', 'a', 'a-1', 'aB', 'a.1', '_', '0.1']) await oci.pushManifest(name, tag, image)
  })

  test('all of them in byte order, without a link', async () => {
    const answer = await oci.send('GET', target)
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [200, { name, tags: sorted }])
    assertHeaders(answer, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(answer.body.length),
      'docker-distribution-api-version': 'registry/2.0',
      link: undefined,
    })
    const head = await oci.send('HEAD', target)
    assert.deepEqual([head.status, head.text], [200, ''])
  })

  test('n at a time, with the link to the rest, until there is none', async () => {
    for (const n of [1, 3, 9, 10, 11, 1000, 999_999_999]) {
      const pages = await pagesOf<{ name: string; tags: string[] }>(`${target}?n=${n}`)
      assert.deepEqual(
        pages.flatMap((page) => page.tags),
        sorted,
        `n=${n}`,
      )
      assert.equal(pages.length, Math.ceil(sorted.length / n))
    }
    const first = await oci.send('GET', `${target}?n=4`)
    assertHeaders(first, { link: `<${target}?last=${sorted[3]}&n=4>; rel="next"` })
  })

  test('n=0 is an empty list and no link', async () => {
    const answer = await oci.send('GET', `${target}?n=0`)
    assert.deepEqual(
      [answer.status, JSON.parse(answer.text), answer.headers.link],
      [200, { name, tags: [] }, undefined],
    )
  })

  test('after any text that last gives, whether it is a tag or not', async () => {
    for (const last of ['a', 'a.', 'zzz', '', 'a%2F..', '%FF', 'x'.repeat(3000)]) {
      const answer = await oci.send('GET', `${target}?last=${last}`)
      const after = new URLSearchParams(`last=${last}`).get('last') ?? ''
      assert.deepEqual(JSON.parse(answer.text), { name, tags: sorted.filter((tag) => tag > after) }, last)
    }
  })

  test('an n that is no number: 400', async () => {
    for (const n of ['', 'x', '-1', '1.5', '1e3', '0x10', '9'.repeat(20), '%20']) {
      assertOciError(
        await oci.send('GET', `${target}?n=${n}`),
        400,
        'UNSUPPORTED',
        'The query parameter n must be a number.',
      )
    }
  })

  test('a repository without tags has an empty list; one that is missing has none', async () => {
    await create('tagless')
    assert.deepEqual(JSON.parse((await oci.send('GET', '/v2/tagless/tags/list')).text), { name: 'tagless', tags: [] })
    assertOciError(await oci.send('GET', '/v2/missing/tags/list'), 404, 'NAME_UNKNOWN', nameUnknown)
  })

  test('a page has a thousand at most', async () => {
    await create('many')
    const image = await push('many', 'first', fixedImage('many'))
    await registry.sql(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
      INSERT INTO image_tags (repository_id, tag, digest, tagged_at)
      SELECT id, 't' || substr(CAST(10000 + i AS text), 2), '${image.digest}', 0 FROM n, repositories WHERE name = 'many'`)
    for (const query of ['', '?n=1001', '?n=5000']) {
      const pages = await pagesOf<{ tags: string[] }>(`/v2/many/tags/list${query}`)
      assert.deepEqual(
        pages.map((page) => page.tags.length),
        [1000, 201],
      )
    }
  })
})

describe('_catalog (ECR features 1.5.7)', () => {
  test('the repositories of the registry in byte order, in pages like tags', async () => {
    const there = await registry.ociAs(registry.awsAs(registry.credentials, 'ap-south-1'))
    const india = registry.awsAs(registry.credentials, 'ap-south-1')
    assert.deepEqual(JSON.parse((await there.send('GET', '/v2/_catalog')).text), { repositories: [] })
    const names = ['b/a', 'a1', 'b-a', 'b1', 'z/y/x']
    for (const repositoryName of names) await india.ok('CreateRepository', { repositoryName })
    const sorted = names.toSorted()
    assert.deepEqual(JSON.parse((await there.send('GET', '/v2/_catalog')).text), { repositories: sorted })
    const first = await there.send('GET', '/v2/_catalog?n=2')
    assert.deepEqual(JSON.parse(first.text), { repositories: sorted.slice(0, 2) })
    assertHeaders(first, { link: `</v2/_catalog?last=${encodeURIComponent(sorted[1] ?? '')}&n=2>; rel="next"` })
    const second = await there.send('GET', nextOf(first.headers.link) ?? '')
    assert.deepEqual(JSON.parse(second.text), { repositories: sorted.slice(2, 4) })
    const third = await there.send('GET', nextOf(second.headers.link) ?? '')
    assert.deepEqual([JSON.parse(third.text), third.headers.link], [{ repositories: sorted.slice(4) }, undefined])
    const none = await there.send('GET', '/v2/_catalog?n=0')
    assert.deepEqual([JSON.parse(none.text), none.headers.link], [{ repositories: [] }, undefined])
    assertOciError(
      await there.send('GET', '/v2/_catalog?n=x'),
      400,
      'UNSUPPORTED',
      'The query parameter n must be a number.',
    )
  })

  test('another account sees its own only', async () => {
    const theirs = await registry.ociAs(registry.awsAs(await registry.createAccount('210987654321')))
    assert.deepEqual(JSON.parse((await theirs.send('GET', '/v2/_catalog')).text), { repositories: [] })
  })
})

describe('end-12: referrers', () => {
  const name = 'referred'
  const signature = 'application/vnd.example.signature+json'
  const subject = fixedImage('subject')
  const target = `/v2/${name}/referrers/${subject.digest}`
  const entryOf = ({ mediaType, digest, text }: FixedImage, more: object = {}) => ({
    mediaType,
    digest,
    size: Buffer.byteLength(text),
    ...more,
  })
  const indexOf = (...manifests: { digest: string }[]) => ({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: manifests.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
  })
  const referrersOf = async (of: string, query = '') => {
    const answer = await oci.send('GET', `/v2/${name}/referrers/${of}${query}`)
    assert.equal(answer.status, 200, answer.text)
    return JSON.parse(answer.text) as object
  }

  const signed = fixedImage('signed', { subject, artifactType: signature, annotations: { by: 'Zoë' } })
  const byConfig = fixedImage('by config', { subject, configMediaType: 'application/vnd.example.config' })
  const index = fixedIndex([], { subject })
  const typedIndex = fixedIndex([], { subject, artifactType: signature })
  const all = [
    entryOf(signed, { artifactType: signature, annotations: { by: 'Zoë' } }),
    entryOf(byConfig, { artifactType: 'application/vnd.example.config' }),
    entryOf(index),
    entryOf(typedIndex, { artifactType: signature }),
  ]
  before(async () => {
    await create(name)
    await push(name, signed.digest, signed)
    await push(name, subject.digest, subject)
    for (const image of [byConfig, index, typedIndex]) await push(name, image.digest, image)
  })

  test('an index of descriptors, with artifact type and annotations, pushed before or after the subject', async () => {
    const answer = await oci.send('GET', target)
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [200, indexOf(...all)])
    assertHeaders(answer, {
      'content-type': mediaTypes.ociIndex,
      'content-length': String(answer.body.length),
      'oci-filters-applied': undefined,
      link: undefined,
      'docker-distribution-api-version': 'registry/2.0',
    })
    assert.equal((await oci.send('HEAD', target)).status, 200)
  })

  test('a filter by artifact type is said to be applied', async () => {
    const filtered = await oci.send('GET', `${target}?artifactType=${encodeURIComponent(signature)}`)
    assert.deepEqual(
      JSON.parse(filtered.text),
      indexOf(...all.filter((entry) => 'artifactType' in entry && entry.artifactType === signature)),
    )
    assertHeaders(filtered, { 'oci-filters-applied': 'artifactType' })
    assert.deepEqual(await referrersOf(subject.digest, '?artifactType=application/none'), indexOf())
    assert.deepEqual(await referrersOf(subject.digest, '?artifactType='), indexOf(...all))
  })

  test('nobody has an empty list; no digest is 400; a missing repository is 404', async () => {
    for (const digest of [`sha256:${'0'.repeat(64)}`, `sha512:${'0'.repeat(128)}`]) {
      assert.deepEqual(await referrersOf(digest), indexOf())
    }
    for (const digest of ['v1', 'sha256:0', `md5:${'0'.repeat(32)}`]) {
      assertOciError(
        await oci.send('GET', `/v2/${name}/referrers/${digest}`),
        400,
        'DIGEST_INVALID',
        'The digest is none of sha256 or sha512 in lower case.',
      )
    }
    assertOciError(await oci.send('GET', `/v2/missing/referrers/${subject.digest}`), 404, 'NAME_UNKNOWN', nameUnknown)
  })

  test('a referrer that is deleted is listed no more; one whose subject is deleted still is', async () => {
    const short = await push(name, 'short', fixedImage('short', { subject: signed }))
    const stays = await push(name, 'stays', fixedImage('stays', { subject: short }))
    assert.deepEqual(await referrersOf(signed.digest), indexOf(entryOf(short, { artifactType: mediaTypes.ociConfig })))
    await oci.send('DELETE', `/v2/${name}/manifests/${short.digest}`)
    assert.deepEqual(await referrersOf(signed.digest), indexOf())
    assert.deepEqual(await referrersOf(short.digest), indexOf(entryOf(stays, { artifactType: mediaTypes.ociConfig })))
  })

  test('a fallback tag of an older client is merged: its images that are here, each once (Referrers Tag Schema)', async () => {
    const old = await push(
      name,
      'old',
      fixedImage('old', { artifactType: signature, configMediaType: mediaTypes.ociEmpty }),
    )
    const gone = fixedImage('gone', { subject })
    const fallback = fixedIndex([old, signed])
    await push(name, subject.digest.replace(':', '-'), fallback)
    const oldEntry = entryOf(old, { artifactType: signature })
    assert.deepEqual(await referrersOf(subject.digest), indexOf(...all, oldEntry))
    const filtered = indexOf(
      ...all.filter((each) => 'artifactType' in each && each.artifactType === signature),
      oldEntry,
    )
    assert.deepEqual(await referrersOf(subject.digest, `?artifactType=${encodeURIComponent(signature)}`), filtered)
    assert.ok(!JSON.stringify(await referrersOf(subject.digest)).includes(gone.digest))
    // Tags of other tools that look alike are no index: they change nothing.
    await push(name, `${subject.digest.replace(':', '-')}.sig`, fixedImage('cosign'))
    await push(name, subject.digest.replace(':', '-'), fixedImage('no index'))
    assert.deepEqual(await referrersOf(subject.digest), indexOf(...all))
  })

  test('the fallback tag of a sha512 subject has 64 characters of its digest', async () => {
    const long = digestOf(Buffer.from(subject.text), 'sha512')
    const old = await push(name, 'old-512', fixedImage('old 512'))
    await push(name, `sha512-${long.slice('sha512:'.length, 'sha512:'.length + 64)}`, fixedIndex([old]))
    assert.deepEqual(await referrersOf(long), indexOf(entryOf(old, { artifactType: mediaTypes.ociConfig })))
  })

  test('500 a page, with a link that keeps the filter', async () => {
    await create('crowd')
    const crowded = fixedImage('crowded')
    await push('crowd', 'subject', crowded)
    const images = Array.from({ length: 501 }, (_, n) =>
      fixedIndex([], { subject: crowded, artifactType: signature, annotations: { n: String(n) } }),
    )
    for (let start = 0; start < images.length; start += 50) {
      await Promise.all(images.slice(start, start + 50).map((image) => oci.pushManifest('crowd', image.digest, image)))
    }
    const expected = images.map(({ digest }) => digest).toSorted()
    for (const query of ['', `?artifactType=${encodeURIComponent(signature)}`]) {
      const pages = await pagesOf<{ manifests: { digest: string }[] }>(`/v2/crowd/referrers/${crowded.digest}${query}`)
      assert.deepEqual(
        pages.map((page) => page.manifests.length),
        [500, 1],
      )
      assert.deepEqual(
        pages.flatMap((page) => page.manifests.map(({ digest }) => digest)),
        expected,
      )
    }
    const first = await oci.send(
      'GET',
      `/v2/crowd/referrers/${crowded.digest}?artifactType=${encodeURIComponent(signature)}`,
    )
    assertHeaders(first, {
      link: `</v2/crowd/referrers/${crowded.digest}?last=${expected[499]}&artifactType=${encodeURIComponent(signature)}>; rel="next"`,
    })
  })
})
