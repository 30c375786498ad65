// Blobs on the docker wire and by download link (OCI end-2, end-10, end-11; RFC 9110, 13 and 14; ECR API 3.4.2, 3.4.3).

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { digestOf } from '../support/image-builder.ts'
import { assertHeaders, assertOciError } from '../support/oci-wire.ts'
import type { Answer } from '../support/plain-http.ts'

const unknown = `sha256:${'0'.repeat(64)}`
const hours = 60 * 60 * 1000

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
  for (const repositoryName of ['app', 'other']) await registry.aws.ok('CreateRepository', { repositoryName })
})
after(() => registry?.close())

const notFound = (digest: string, name = 'app') =>
  `The layer with digest ${digest} does not exist within the repository with name '${name}' in the registry with id '${account}'`
const nameUnknown = `The repository with name 'missing' does not exist in the registry with id '${account}'`
const badDigest = 'The digest is none of sha256 or sha512 in lower case.'

/** Small content is in the database, large content in a file: both must look the same. */
const small = Buffer.from('0123456789')
const large = Buffer.alloc(3 * 1024 * 1024 + 17)
for (let at = 0; at < large.length; at++) large[at] = (at * 2654435761) >>> 13
const contents = [
  ['from the database', small],
  ['from a file', large],
  ['empty', Buffer.alloc(0)],
] as const

function contentHeaders(digest: string): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    'content-disposition': 'attachment',
    'content-security-policy': "default-src 'none'; sandbox",
    'docker-distribution-api-version': 'registry/2.0',
  }
}

function assertContent(answer: Answer, status: number, digest: string, body: Uint8Array, headers: object = {}): void {
  assert.equal(answer.status, status, answer.text.slice(0, 200))
  assertHeaders(answer, { ...contentHeaders(digest), 'content-length': String(body.length), ...headers })
  assert.ok(answer.body.equals(body), `${answer.body.length} bytes are not the ${body.length} expected`)
}

for (const [where, bytes] of contents) {
  describe(`end-2: a blob ${where}`, () => {
    let digest: string
    let target: string
    before(async () => {
      digest = await registry.oci.pushBlob('app', bytes)
      target = `/v2/app/blobs/${digest}`
    })

    test('GET gives the bytes, HEAD their number', async () => {
      assertContent(await registry.oci.send('GET', target), 200, digest, bytes, { 'content-range': undefined })
      const head = await registry.oci.send('HEAD', target)
      assert.deepEqual([head.status, head.body.length], [200, 0])
      assertHeaders(head, { ...contentHeaders(digest), 'content-length': String(bytes.length) })
    })

    test('If-None-Match: 304 for its digest, in all forms of the header', async () => {
      for (const given of [`"${digest}"`, `W/"${digest}"`, `"x", "${digest}"`, '*']) {
        const answer = await registry.oci.send('GET', target, { headers: { 'if-none-match': given } })
        assert.deepEqual([answer.status, answer.body.length], [304, 0], given)
        assertHeaders(answer, { etag: `"${digest}"`, 'docker-content-digest': digest })
      }
      for (const given of [digest, `"${unknown}"`, '']) {
        const answer = await registry.oci.send('GET', target, { headers: { 'if-none-match': given } })
        assert.equal(answer.status, 200, given)
      }
    })

    if (bytes.length === 0) {
      test('no range is inside nothing', async () => {
        const headers = { range: 'bytes=0-' }
        assertOciError(
          await registry.oci.send('GET', target, { headers }),
          416,
          'SIZE_INVALID',
          'The range is not inside the blob.',
          { 'content-range': 'bytes */0' },
        )
      })
      return
    }

    test('a Range gives that part (206), wherever it begins and ends', async () => {
      const last = bytes.length - 1
      const ranges: [header: string, first: number, last: number][] = [
        ['bytes=0-0', 0, 0],
        ['bytes=0-4', 0, 4],
        ['bytes=3-', 3, last],
        ['bytes=-4', last - 3, last],
        [`bytes=-${bytes.length * 2}`, 0, last],
        [`bytes=${last}-${last}`, last, last],
        [`bytes=5-${last + 1000}`, 5, last],
        ['bytes= 2 - 5', 2, 5],
        [
          `bytes=${Math.floor(last / 3)}-${Math.floor((2 * last) / 3)}`,
          Math.floor(last / 3),
          Math.floor((2 * last) / 3),
        ],
      ]
      for (const [range, from, to] of ranges) {
        assertContent(
          await registry.oci.send('GET', target, { headers: { range } }),
          206,
          digest,
          bytes.subarray(from, to + 1),
          { 'content-range': `bytes ${from}-${to}/${bytes.length}` },
        )
      }
    })

    test('a Range that is no single range of bytes is ignored; one outside is 416 with the size', async () => {
      for (const range of [
        'bytes=0-1,3-4',
        'bytes=',
        'bytes=-',
        'bytes=a-b',
        'lines=0-1',
        'bytes 0-1',
        'bytes=1--2',
        '',
      ]) {
        assertContent(await registry.oci.send('GET', target, { headers: { range } }), 200, digest, bytes)
      }
      for (const range of [`bytes=${bytes.length}-`, 'bytes=5-4', 'bytes=-0', `bytes=${'9'.repeat(400)}-`]) {
        assertOciError(
          await registry.oci.send('GET', target, { headers: { range } }),
          416,
          'SIZE_INVALID',
          'The range is not inside the blob.',
          { 'content-range': `bytes */${bytes.length}` },
        )
      }
    })

    test('If-Range: the range only of the content it names', async () => {
      for (const [ifRange, status] of [
        [`"${digest}"`, 206],
        [`"${unknown}"`, 200],
        ['Sat, 14 Nov 2026 12:00:00 GMT', 200],
      ] as const) {
        const headers = { range: 'bytes=0-0', 'if-range': ifRange }
        assert.equal((await registry.oci.send('GET', target, { headers })).status, status, ifRange)
      }
    })
  })
}

describe('end-2: what is not there', () => {
  test('a blob that nobody has, or that another repository has: 404 BLOB_UNKNOWN', async () => {
    const digest = await registry.oci.pushBlob('other', 'of the other')
    for (const each of [unknown, digest]) {
      assertOciError(await registry.oci.send('GET', `/v2/app/blobs/${each}`), 404, 'BLOB_UNKNOWN', notFound(each))
      const head = await registry.oci.send('HEAD', `/v2/app/blobs/${each}`)
      assert.deepEqual([head.status, head.text], [404, ''])
    }
  })

  test('a repository that is missing: 404 NAME_UNKNOWN', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await registry.oci.send(method, `/v2/missing/blobs/${unknown}`)
      if (method === 'GET') assertOciError(answer, 404, 'NAME_UNKNOWN', nameUnknown)
      else assert.equal(answer.status, 405)
    }
  })

  test('digests of another form: 400 DIGEST_INVALID; sha512 is one of ours', async () => {
    for (const digest of [
      'x',
      'sha256:abc',
      `sha256:${'A'.repeat(64)}`,
      `sha384:${'a'.repeat(96)}`,
      `sha512:${'a'.repeat(64)}`,
      `sha256:${'a'.repeat(65)}`,
    ]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await registry.oci.send(method, `/v2/app/blobs/${digest}`)
        if (method === 'GET') assertOciError(answer, 400, 'DIGEST_INVALID', badDigest)
        else assert.equal(answer.status, 400)
      }
    }
    const sha512 = await registry.oci.pushBlob('app', 'long digest', 'sha512')
    assertContent(
      await registry.oci.send('GET', `/v2/app/blobs/${sha512}`),
      200,
      `sha512:${createHash('sha512').update('long digest').digest('hex')}`,
      Buffer.from('long digest'),
    )
  })

  test('end-10: blobs are not deleted one by one: 405', async () => {
    const digest = await registry.oci.pushBlob('app', 'to stay')
    assertOciError(
      await registry.oci.send('DELETE', `/v2/app/blobs/${digest}`),
      405,
      'UNSUPPORTED',
      'Blobs are not deleted one by one. Delete the images that name them.',
      { allow: 'GET, HEAD' },
    )
    assert.equal((await registry.oci.send('GET', `/v2/app/blobs/${digest}`)).text, 'to stay')
  })
})

describe('end-11: mounts', () => {
  const mount = (target: string, query: string) => registry.oci.send('POST', `/v2/${target}/blobs/uploads/?${query}`)
  const assertMounted = (answer: Answer, target: string, digest: string) => {
    assert.deepEqual([answer.status, answer.body.length], [201, 0])
    assertHeaders(answer, { location: `/v2/${target}/blobs/${digest}`, 'docker-content-digest': digest })
  }
  const assertUpload = (answer: Answer, target: string) => {
    assert.equal(answer.status, 202)
    assert.match(String(answer.headers.location), new RegExp(`^/v2/${target}/blobs/uploads/[0-9a-f-]{36}$`))
    assert.equal(answer.headers['docker-content-digest'], undefined)
  }

  before(async () => {
    for (const repositoryName of ['from', 'into', 'anonymous'])
      await registry.aws.ok('CreateRepository', { repositoryName })
  })

  test('from a repository that holds the blob, large or small, named or not: 201, and the bytes are here', async () => {
    for (const bytes of [small, large]) {
      const digest = await registry.oci.pushBlob('from', bytes)
      assertMounted(await mount('into', `mount=${digest}&from=from`), 'into', digest)
      assertMounted(await mount('into', `mount=${encodeURIComponent(digest)}&from=from`), 'into', digest)
      assertMounted(await mount('anonymous', `mount=${digest}`), 'anonymous', digest)
      assertMounted(await mount('into', `mount=${digest}&from=into`), 'into', digest)
      for (const name of ['into', 'anonymous']) {
        assert.ok((await registry.oci.send('GET', `/v2/${name}/blobs/${digest}`)).body.equals(bytes))
      }
    }
  })

  test('a mounted blob stays when its source goes', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'short/lived' })
    const digest = await registry.oci.pushBlob('short/lived', 'survives')
    await mount('into', `mount=${digest}&from=short/lived`)
    await registry.aws.ok('DeleteRepository', { repositoryName: 'short/lived', force: true })
    assert.equal((await registry.oci.send('GET', `/v2/into/blobs/${digest}`)).text, 'survives')
  })

  test('whatever is in the way, the answer is the ordinary 202 (3.4.3)', async () => {
    const digest = await registry.oci.pushBlob('from', 'not for everybody')
    const frankfurt = await registry.ociAs(registry.awsAs(registry.credentials, 'eu-central-1'))
    await registry.awsAs(registry.credentials, 'eu-central-1').ok('CreateRepository', { repositoryName: 'into' })
    for (const query of [
      `mount=${unknown}&from=from`,
      `mount=${digest}&from=missing`,
      `mount=${digest}&from=other`,
      `mount=${digest}&from=NO..NAME`,
      `mount=${digest}&from=`,
      'mount=x&from=from',
      'mount=',
      `mount=${unknown}`,
    ]) {
      assertUpload(await mount('into', query), 'into')
    }
    for (const query of [`mount=${digest}&from=from`, `mount=${digest}`]) {
      assertUpload(await frankfurt.send('POST', `/v2/into/blobs/uploads/?${query}`), 'into')
    }
    assertOciError(
      await registry.oci.send('GET', `/v2/into/blobs/${digest}`),
      404,
      'BLOB_UNKNOWN',
      notFound(digest, 'into'),
    )
  })

  test('a source that the caller may not read is as good as none', async () => {
    const digest = await registry.oci.pushBlob('from', 'of the first account')
    const aws = registry.awsAs(await registry.createAccount('210987654321'))
    await aws.ok('CreateRepository', { repositoryName: 'into' })
    const theirs = await registry.ociAs(aws)
    for (const query of [`mount=${digest}&from=from`, `mount=${digest}`]) {
      assertUpload(await theirs.send('POST', `/v2/into/blobs/uploads/?${query}`), 'into')
    }
  })

  test('into a repository that is missing: 404 NAME_UNKNOWN', async () => {
    const digest = await registry.oci.pushBlob('from', 'nowhere to go')
    assertOciError(await mount('missing', `mount=${digest}&from=from`), 404, 'NAME_UNKNOWN', nameUnknown)
  })
})

describe('3.4.2: download links', () => {
  const layer = 'x'.repeat(70_000)
  const image = fixedImage('linked', { layers: [layer, 'second'] })
  let link: string
  const linkTo = async (content: string, aws = registry.aws) => {
    const layerDigest = digestOf(Buffer.from(content))
    const { downloadUrl } = await aws.ok<{ downloadUrl: string }>('GetDownloadUrlForLayer', {
      repositoryName: 'linked',
      layerDigest,
    })
    return new URL(downloadUrl).pathname
  }
  const get = (target: string, method = 'GET', headers: Record<string, string> = {}) =>
    registry.http.send(method, target, { headers })
  const assertDenied = (answer: Answer, message: string) => {
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [403, { errors: [{ code: 'DENIED', message }] }])
  }

  before(async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'linked' })
    for (const content of image.blobs) await registry.oci.pushBlob('linked', content)
    await registry.oci.pushManifest('linked', 'v1', image)
    link = await linkTo(layer)
  })

  test('whoever holds it reads the blob, whole or in parts, and nothing else', async () => {
    const digest = digestOf(Buffer.from(layer))
    const { 'docker-distribution-api-version': _, ...headers } = contentHeaders(digest)
    const whole = await get(link)
    assert.deepEqual([whole.status, whole.text], [200, layer])
    assertHeaders(whole, headers)
    const head = await get(link, 'HEAD')
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '70000'])
    assert.equal((await get(link, 'GET', { range: 'bytes=0-2' })).text, 'xxx')
    assert.equal((await get(link, 'GET', { authorization: 'Bearer whatever' })).status, 200)
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await get(link, method)
      assert.deepEqual(
        [answer.status, answer.headers.allow, JSON.parse(answer.text)],
        [405, 'GET, HEAD', { errors: [{ code: 'UNSUPPORTED', message: 'A download link can only be read.' }] }],
      )
    }
  })

  test('a quarter of an hour later it is over', async () => {
    registry.clock.advance(hours / 4 - 1)
    assert.equal((await get(link)).status, 200)
    registry.clock.advance(1)
    assertDenied(await get(link), 'The download link has expired. Ask for a new one.')
    registry.clock.advance(-hours / 4)
  })

  test('a link that was changed, or made up, is none', async () => {
    const [path, token] = [link.slice(0, link.lastIndexOf('/') + 1), link.slice(link.lastIndexOf('/') + 1)]
    const flipped = token.startsWith('A') ? 'B' : 'A'
    for (const changed of [
      '',
      'x',
      flipped + token.slice(1),
      `${token}A`,
      token.slice(0, -4),
      `${token}/..`,
      'x'.repeat(5000),
    ]) {
      assertDenied(await get(path + changed), 'The download link is not valid.')
    }
    const answer = await registry.aws.ok<{ nextToken?: string }>('DescribeRepositories', { maxResults: 1 })
    assertDenied(await get(path + answer.nextToken), 'The download link is not valid.')
  })

  test('it ends with the access key that asked for it, and with the blob', async () => {
    const user = await registry.createUser('downloader', ['arn:aws:iam::aws:policy/AdministratorAccess'])
    const theirs = await linkTo(layer, registry.awsAs(user))
    assert.equal((await get(theirs)).status, 200)
    await registry.sql(
      "DELETE FROM policy_attachments WHERE entity_id IN (SELECT entity_id FROM entities WHERE name = 'downloader')",
    )
    await registry.identitiesChanged()
    assertDenied(
      await get(theirs),
      `User: arn:aws:iam::${account}:user/downloader is not authorized to perform: ecr:GetDownloadUrlForLayer on resource: arn:aws:ecr:us-east-1:${account}:repository/linked because no identity-based policy allows the ecr:GetDownloadUrlForLayer action`,
    )
    await registry.setKeyStatus(user.accessKeyId, 'Inactive')
    assertDenied(await get(theirs), 'The download link is not valid any more.')
    assert.equal((await get(link)).status, 200)

    await registry.aws.ok('DeleteRepository', { repositoryName: 'linked', force: true })
    const gone = await get(link)
    assert.deepEqual(
      [gone.status, JSON.parse(gone.text)],
      [
        404,
        {
          errors: [
            {
              code: 'NAME_UNKNOWN',
              message: `The repository with name 'linked' does not exist in the registry with id '${account}'`,
            },
          ],
        },
      ],
    )
  })
})
