// Uploads on the docker wire: whole, streamed, in chunks, broken off and resumed (OCI end-4 to end-6, end-13, end-14;
// ECR features 1.5.3).

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { parseConfig } from '../../src/config.ts'
import { createRegistry } from '../../src/registry.ts'
import { awsWire } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { digestOf } from '../support/image-builder.ts'
import { assertHeaders, assertOciError, type OciWire, ociWire } from '../support/oci-wire.ts'
import { type Answer, plainHttp, type RawConnection } from '../support/plain-http.ts'
import { createStore, storeUnderTest } from '../support/stores.ts'
import { manualClock } from '../support/test-registry.ts'
import { until } from '../support/until.ts'

const name = 'app'
const unknown = `sha256:${'0'.repeat(64)}`
const badDigest = 'The digest is none of sha256 or sha512 in lower case.'

let registry: ContractRegistry
let oci: OciWire
before(async () => {
  registry = await contractRegistry()
  oci = registry.oci
  await registry.aws.ok('CreateRepository', { repositoryName: name })
})
after(() => registry?.close())

const idOf = (location: string) => String(location.split('/').at(-1))
const stagedUploads = () => registry.bytes.stagedUploads()
const uploadNotFound = (location: string) =>
  `The upload with id '${idOf(location)}' does not exist in the repository with name '${name}' in the registry with id '${account}'`
const mismatch = (given: string, content: string | Buffer) =>
  `None of the provided digests [${given}] match the calculated digest '${digestOf(Buffer.from(content))}' of the layer`

function assertProgress(answer: Answer, status: number, location: string, range: string): void {
  assert.deepEqual([answer.status, answer.body.length], [status, 0], answer.text)
  assertHeaders(answer, {
    location,
    range,
    'docker-upload-uuid': idOf(location),
    'content-length': status === 204 ? undefined : '0',
    'docker-distribution-api-version': 'registry/2.0',
  })
}

function assertCreated(answer: Answer, digest: string): void {
  assert.deepEqual([answer.status, answer.body.length], [201, 0], answer.text)
  assertHeaders(answer, {
    location: `/v2/${name}/blobs/${digest}`,
    'docker-content-digest': digest,
    'content-length': '0',
  })
}

async function assertHolds(digest: string, content: string | Uint8Array): Promise<void> {
  const answer = await oci.send('GET', `/v2/${name}/blobs/${digest}`)
  assert.equal(answer.status, 200, answer.text)
  assert.ok(answer.body.equals(Buffer.from(content)), `the blob ${digest} has other bytes`)
}

const patch = (location: string, body: string | Uint8Array, range?: string, chunked = false) =>
  oci.send('PATCH', location, { body, chunked, headers: range === undefined ? {} : { 'content-range': range } })
const put = (location: string, digest: string, body: string | Uint8Array = '', chunked = false) =>
  oci.send('PUT', `${location}?digest=${digest}`, { body, chunked })
const status = (location: string) => oci.send('GET', location)

describe('end-4a and end-6: POST, then PUT', () => {
  test('an upload begins with nothing: 202 and where to go on, with and without the last slash', async () => {
    for (const target of [`/v2/${name}/blobs/uploads/`, `/v2/${name}/blobs/uploads`]) {
      const answer = await oci.send('POST', target)
      const location = String(answer.headers.location)
      assert.match(location, /^\/v2\/app\/blobs\/uploads\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      assertProgress(answer, 202, location, '0-0')
    }
  })

  test('the PUT may bring everything, with a length or in chunks of HTTP; an empty blob is one', async () => {
    for (const content of ['', 'a', 'x'.repeat(65_536), 'x'.repeat(65_537), 'y'.repeat(3 * 1024 * 1024)]) {
      for (const chunked of [false, true]) {
        const digest = digestOf(Buffer.from(content))
        assertCreated(await put(await oci.startUpload(name), digest, content, chunked), digest)
        await assertHolds(digest, content)
      }
    }
    assert.deepEqual(await stagedUploads(), [])
  })

  test('a blob that is there already is created again without a complaint', async () => {
    const digest = await oci.pushBlob(name, 'again')
    assertCreated(await put(await oci.startUpload(name), digest, 'again'), digest)
  })

  test('a digest of other bytes: 400 DIGEST_INVALID, and the upload is over', async () => {
    for (const content of ['some', 'z'.repeat(200_000)]) {
      const location = await oci.startUpload(name)
      assertOciError(await put(location, unknown, content), 400, 'DIGEST_INVALID', mismatch(unknown, content))
      assertOciError(await status(location), 404, 'BLOB_UPLOAD_UNKNOWN', uploadNotFound(location))
    }
    assert.deepEqual(await stagedUploads(), [])
  })

  test('a digest that is none, or not there: 400, and the upload goes on', async () => {
    const location = await oci.startUpload(name)
    for (const digest of ['x', 'sha256:', `sha256:${'A'.repeat(64)}`, 'md5:d41d8cd98f00b204e9800998ecf8427e']) {
      assertOciError(await put(location, digest, 'body'), 400, 'DIGEST_INVALID', badDigest)
    }
    assertOciError(
      await oci.send('PUT', location, { body: 'body' }),
      400,
      'DIGEST_INVALID',
      'The query parameter digest is missing.',
    )
    assertProgress(await status(location), 204, location, '0-0')
    assertCreated(await put(location, digestOf(Buffer.from('body')), 'body'), digestOf(Buffer.from('body')))
  })

  test('sha512, whether it is known from the start, at the end, or after the first bytes', async () => {
    const content = 'q'.repeat(100_000)
    const digest = digestOf(Buffer.from(content), 'sha512')
    assertCreated(await put(await oci.startUpload(name, '?digest-algorithm=sha512'), digest, content), digest)
    assertCreated(await put(await oci.startUpload(name), digest, content), digest)
    const location = await oci.startUpload(name)
    await patch(location, content.slice(0, 70_000))
    assertCreated(await put(location, digest, content.slice(70_000)), digest)
    await assertHolds(digest, content)
    const other = await oci.startUpload(name, '?digest-algorithm=sha512')
    assertCreated(await put(other, digestOf(Buffer.from('then 256')), 'then 256'), digestOf(Buffer.from('then 256')))
    assertOciError(
      await oci.send('POST', `/v2/${name}/blobs/uploads/?digest-algorithm=md5`),
      400,
      'DIGEST_INVALID',
      'The digest algorithm is none of sha256 or sha512.',
    )
  })

  test('into a repository that is missing: 404 NAME_UNKNOWN at the first request', async () => {
    assertOciError(
      await oci.send('POST', '/v2/missing/blobs/uploads/'),
      404,
      'NAME_UNKNOWN',
      `The repository with name 'missing' does not exist in the registry with id '${account}'`,
    )
  })
})

describe('end-4b: everything in one POST', () => {
  const post = (digest: string, body: string) =>
    oci.send('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body })

  test('201, for any size', async () => {
    for (const content of ['', 'one post', 'p'.repeat(300_000)]) {
      const digest = digestOf(Buffer.from(content))
      assertCreated(await post(digest, content), digest)
      await assertHolds(digest, content)
    }
  })

  test('a digest of other bytes, or none: 400, and nothing is left', async () => {
    for (const content of ['other', 'o'.repeat(300_000)]) {
      assertOciError(await post(unknown, content), 400, 'DIGEST_INVALID', mismatch(unknown, content))
    }
    assertOciError(await post('x', 'other'), 400, 'DIGEST_INVALID', badDigest)
    assert.deepEqual(await stagedUploads(), [])
  })
})

describe('end-5: chunks', () => {
  test('one after another, with and without Content-Range; each answer says how far it is', async () => {
    const location = await oci.startUpload(name)
    assertProgress(await patch(location, 'abc', '0-2'), 202, location, '0-2')
    assertProgress(await patch(location, 'def'), 202, location, '0-5')
    assertProgress(await patch(location, 'g'.repeat(100_000), 'bytes 6-100005/*'), 202, location, '0-100005')
    assertProgress(await patch(location, 'h', undefined, true), 202, location, '0-100006')
    assertProgress(await patch(location, 'i', 'bytes=100007-100007'), 202, location, '0-100007')
    assertProgress(await patch(location, '', '0-0'), 202, location, '0-100007')
    assertProgress(await status(location), 204, location, '0-100007')
    const content = `abcdef${'g'.repeat(100_000)}hij`
    const digest = digestOf(Buffer.from(content))
    const last = { body: 'j', headers: { 'content-range': '100008-100008' } }
    assertCreated(await oci.send('PUT', `${location}?digest=${digest}`, last), digest)
    await assertHolds(digest, content)
    assertOciError(await status(location), 404, 'BLOB_UPLOAD_UNKNOWN', uploadNotFound(location))
  })

  test('a chunk that is not the next: 416 with what is there, on PATCH and PUT; nothing of it counts', async () => {
    const location = await oci.startUpload(name)
    const where = (range: string) => ({ range, location, 'docker-upload-uuid': idOf(location) })
    const refusal = (first: number, received: number) =>
      `First byte of the layer part is ${first} instead of ${received}`
    assertOciError(await patch(location, 'def', '3-5'), 416, 'BLOB_UPLOAD_INVALID', refusal(3, 0), where('0-0'))
    await patch(location, 'abc', '0-2')
    for (const first of [0, 2, 4, 1000]) {
      assertOciError(
        await patch(location, 'def', `${first}-${first + 2}`),
        416,
        'BLOB_UPLOAD_INVALID',
        refusal(first, 3),
        where('0-2'),
      )
    }
    assertOciError(
      await oci.send('PUT', `${location}?digest=${unknown}`, { body: 'x', headers: { 'content-range': '9-9' } }),
      416,
      'BLOB_UPLOAD_INVALID',
      refusal(9, 3),
      where('0-2'),
    )
    assertProgress(await patch(location, 'def', '3-5'), 202, location, '0-5')
    assertCreated(await put(location, digestOf(Buffer.from('abcdef'))), digestOf(Buffer.from('abcdef')))
  })

  test('a Content-Range that is none: 400; one of another length than the body: 416, and the offset is true', async () => {
    const location = await oci.startUpload(name)
    for (const range of ['x', '5-3', '-', '1', 'bytes 0-', '0-2,3-4', `0-${'9'.repeat(40)}`]) {
      assertOciError(
        await patch(location, 'abc', range),
        400,
        'BLOB_UPLOAD_INVALID',
        'Content-Range must be <first>-<last>.',
      )
    }
    assertProgress(await status(location), 204, location, '0-0')
    assertOciError(
      await patch(location, 'abc', '0-9'),
      416,
      'BLOB_UPLOAD_INVALID',
      'The layer part has 3 bytes instead of 10',
      { range: '0-2' },
    )
    assertOciError(
      await patch(location, 'defgh', '3-4'),
      416,
      'BLOB_UPLOAD_INVALID',
      'The layer part is longer than its range 3-4',
      { range: '0-2' },
    )
    await patch(location, 'def', '3-5')
    assertCreated(await put(location, digestOf(Buffer.from('abcdef'))), digestOf(Buffer.from('abcdef')))
  })
})

describe('end-13 and end-14: asking and cancelling', () => {
  test('HEAD says what GET says', async () => {
    const location = await oci.startUpload(name)
    await patch(location, 'abcd')
    assertProgress(await oci.send('HEAD', location), 204, location, '0-3')
  })

  test('a cancelled upload is gone with its bytes', async () => {
    const location = await oci.startUpload(name)
    await patch(location, 'c'.repeat(100_000))
    assert.ok((await stagedUploads()).includes(idOf(location)))
    assert.deepEqual([(await oci.send('DELETE', location)).status], [204])
    assert.ok(!(await stagedUploads()).includes(idOf(location)))
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      assertOciError(await oci.send(method, location), 404, 'BLOB_UPLOAD_UNKNOWN', uploadNotFound(location))
    }
    assertOciError(await put(location, unknown), 404, 'BLOB_UPLOAD_UNKNOWN', uploadNotFound(location))
  })

  test('an upload that nobody began, of another repository, or of another user', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'next' })
    const location = await oci.startUpload(name)
    assert.equal((await oci.send('GET', location.replace('/app/', '/next/'))).status, 404)
    for (const id of [
      'x',
      '6f1c5a0e-7a1b-4d1e-9f0a-0123456789ab',
      `${idOf(location)}x`,
      "' OR 1=1 --",
      'x'.repeat(5000),
    ]) {
      const target = `/v2/${name}/blobs/uploads/${encodeURIComponent(id)}`
      assertOciError(await oci.send('PATCH', target), 404, 'BLOB_UPLOAD_UNKNOWN', uploadNotFound(id))
    }
    const user = await registry.createUser('colleague', ['arn:aws:iam::aws:policy/AdministratorAccess'])
    const theirs = await registry.ociAs(registry.awsAs(user))
    assertOciError(await theirs.send('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN', uploadNotFound(location))
    assert.equal((await status(location)).status, 204)
  })
})

describe('bodies that break off, and requests that cross', () => {
  let authorization: string
  before(async () => {
    const { authorizationData } = await registry.aws.ok<{ authorizationData: [{ authorizationToken: string }] }>(
      'GetAuthorizationToken',
    )
    authorization = `Basic ${authorizationData[0].authorizationToken}`
  })

  async function begin(method: string, target: string, length: number, ...headers: string[]): Promise<RawConnection> {
    const connection = await registry.http.connection()
    const lines = [`${method} ${target} HTTP/1.1`, 'Host: localhost', `Authorization: ${authorization}`, ...headers]
    connection.write(`${lines.join('\r\n')}\r\nContent-Length: ${length}\r\n\r\n`)
    return connection
  }

  const rangeOf = async (location: string) => String((await status(location)).headers.range)

  async function finished(): Promise<number> {
    const { text } = await registry.http.send('GET', '/metrics')
    const count = /^berth_request_duration_seconds_count\{wire="oci",action="ecr:(?:Upload|Complete)Layer.*\} (\d+)$/gm
    return [...text.matchAll(count)].reduce((sum, [, number]) => sum + Number(number), 0)
  }

  /**
   * Waits until the request has ended whose connection is gone. A database elsewhere may answer later than that, and then nobody hears the
   * body, of which nobody was promised anything.
   */
  async function assertKept(location: string, sent: number, finishedBefore: number): Promise<void> {
    await until('the request has ended', async () => (await finished()) > finishedBefore)
    if (!registry.isShared) assert.equal(await rangeOf(location), `0-${sent - 1}`)
  }

  /** What a client does whose connection was lost: asks how far it came, and sends the rest. */
  async function goOn(location: string, content: string): Promise<void> {
    const range = await rangeOf(location)
    const kept = range === '0-0' ? 0 : Number(range.slice(2)) + 1
    const rest = await patch(location, content.slice(kept), `${kept}-${content.length - 1}`)
    assertProgress(rest, 202, location, `0-${content.length - 1}`)
    assertCreated(await put(location, digestOf(Buffer.from(content))), digestOf(Buffer.from(content)))
    await assertHolds(digestOf(Buffer.from(content)), content)
  }

  test('a connection that is cut keeps what came, and the next chunk goes on there', async () => {
    for (const sent of [5, 150_000, 2_500_000]) {
      const location = await oci.startUpload(name)
      const bytes = Buffer.alloc(sent, 'k')
      const before = await finished()
      const connection = await begin('PATCH', location, 10_000_000)
      connection.write(bytes)
      connection.cut()
      await assertKept(location, sent, before)
      await goOn(location, `${bytes}end`)
    }
  })

  test('a PUT that is cut makes no blob, and its upload goes on', async () => {
    const location = await oci.startUpload(name)
    const content = 'm'.repeat(120_000)
    const digest = digestOf(Buffer.from(content))
    const before = await finished()
    const connection = await begin('PUT', `${location}?digest=${digest}`, content.length)
    connection.write(content.slice(0, 100_000))
    connection.cut()
    await assertKept(location, 100_000, before)
    assert.equal((await oci.send('HEAD', `/v2/${name}/blobs/${digest}`)).status, 404)
    await goOn(location, content)
  })

  test('a single POST that is cut leaves nothing', async () => {
    const before = (await stagedUploads()).length
    const connection = await begin('POST', `/v2/${name}/blobs/uploads/?digest=${unknown}`, 20_000_000)
    connection.write(Buffer.alloc(8_000_000))
    await until('the bytes are staged', async () => (await stagedUploads()).length > before)
    connection.cut()
    await until('the staged bytes are gone', async () => (await stagedUploads()).length === before)
  })

  test('asking leaves a running body alone; a newer request takes over from one whose body does not come', async () => {
    const location = await oci.startUpload(name)
    const stalled = await begin('PATCH', location, 10_000_000, 'Connection: close')
    stalled.write(Buffer.alloc(3_000_000, 's'))
    await until('some of the body is there', async () => (await rangeOf(location)) !== '0-0')
    const answer = await patch(location, 'taken over')
    const kept = Number(String(answer.headers.range).slice(2)) + 1 - 'taken over'.length
    assert.ok(kept >= 1_000_000 && kept <= 3_000_000, `${kept} bytes were kept`)
    const old = await stalled.ended()
    assert.match(old, /^HTTP\/1\.1 416 /)
    assert.match(old, /"message":"the transfer was given up"/)
    const content = `${'s'.repeat(kept)}taken over`
    assertCreated(await put(location, digestOf(Buffer.from(content))), digestOf(Buffer.from(content)))
  })

  test('the same PUT twice at once: one makes the blob, the other finds its upload taken; the blob is whole', async () => {
    const location = await oci.startUpload(name)
    const content = 'u'.repeat(500_000)
    const digest = digestOf(Buffer.from(content))
    await patch(location, content)
    const answers = await Promise.all([put(location, digest), put(location, digest)])
    const [made, other] = answers.map((answer) => answer.status).toSorted()
    assert.equal(made, 201)
    // The newer of two requests ends the body of the older one, if that is not over yet.
    assert.ok(other === 404 || (registry.isShared && other === 416), `the other is answered ${other}`)
    await assertHolds(digest, content)
  })

  test('the same blob by many uploads at once: all get 201, and one file holds it', async () => {
    const content = Buffer.alloc(400_000, 'one of many')
    const digest = digestOf(content)
    const before = await registry.bytes.storageKeys()
    const locations = await Promise.all(Array.from({ length: 8 }, () => oci.startUpload(name)))
    const answers = await Promise.all(locations.map((location) => put(location, digest, content)))
    assert.deepEqual(
      answers.map((answer) => answer.status),
      Array.from({ length: 8 }, () => 201),
    )
    await assertHolds(digest, content)
    assert.equal((await registry.bytes.storageKeys()).length, before.length + 1)
  })

  test('a body that nobody wants is read up to a bound, and then the connection ends', async () => {
    for (const [method, target] of [
      ['PATCH', `/v2/${name}/blobs/uploads/nobody`],
      ['PUT', `/v2/${name}/manifests/v1`],
      ['POST', '/'],
    ] as const) {
      const connection = await begin(method, target, 1024 * 1024 * 1024)
      await connection.until('\r\n\r\n')
      const piece = Buffer.alloc(1024 * 1024)
      let pieces = 0
      while (!connection.socket.destroyed && pieces < 100) {
        pieces += 1
        await new Promise((resolve) => connection.socket.write(piece, resolve))
      }
      await connection.ended()
      assert.ok(pieces < 100, `${method} ${target}: ${pieces} MiB were taken`)
    }
  })

  test('after a body that was refused the connection serves the next request', async () => {
    for (const [method, target, length] of [
      ['PATCH', `/v2/${name}/blobs/uploads/nobody`, 2_000_000],
      ['PUT', `/v2/${name}/manifests/v1`, 5_000_000],
      ['POST', '/', 2_000_000],
    ] as const) {
      const connection = await begin(method, target, length)
      connection.write(Buffer.alloc(length))
      const next = ['GET /v2/ HTTP/1.1', 'Host: localhost', `Authorization: ${authorization}`, 'Connection: close']
      connection.write(`${next.join('\r\n')}\r\n\r\n`)
      const answers = (await connection.ended()).match(/HTTP\/1\.1 \d+/g)
      assert.deepEqual([answers?.length, answers?.at(-1)], [2, 'HTTP/1.1 200'], `${method} ${target}`)
    }
  })

  test('a body that is longer than its Content-Length: what was promised counts, the rest is no request', async () => {
    const location = await oci.startUpload(name)
    const before = await finished()
    const connection = await begin('PATCH', location, 3)
    connection.write('abc and more\r\n\r\n')
    assert.match(await connection.ended(), /^HTTP\/1\.1 400 Bad Request\r\n/)
    await assertKept(location, 3, before)
    await goOn(location, 'abc, and the end')
  })

  test('Expect: 100-continue is answered before the body is sent', async () => {
    const location = await oci.startUpload(name)
    const connection = await begin('PATCH', location, 5, 'Expect: 100-continue', 'Connection: close')
    await connection.until('HTTP/1.1 100 Continue\r\n\r\n')
    connection.write('hello')
    assert.match(await connection.ended(), /HTTP\/1\.1 202 Accepted/)
  })
})

describe('limits', () => {
  test('10,000 uploads at a time: 429 and when to come again; the API says it in its words', async () => {
    const crowded = await contractRegistry()
    try {
      await crowded.aws.ok('CreateRepository', { repositoryName: name })
      await crowded.sql(`
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
        INSERT INTO uploads (upload_id, repository_id, user_id, received_bytes, part_count, created_at, updated_at)
        SELECT 'u' || i, 1, 'x', 0, 0, 0, 0 FROM n`)
      const location = await crowded.oci.startUpload(name)
      const message = 'Too many uploads are in progress. Finish or cancel some.'
      assertOciError(await crowded.oci.send('POST', `/v2/${name}/blobs/uploads/`), 429, 'TOOMANYREQUESTS', message, {
        'retry-after': '1',
      })
      await crowded.aws.refused('InitiateLayerUpload', { repositoryName: name }, 'ThrottlingException', message)
      await crowded.oci.send('DELETE', location)
      await crowded.oci.startUpload(name)
    } finally {
      await crowded.close()
    }
  })
})

test('an upload goes on after a restart, at what its last answer said', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-restart-'))
  const store = await createStore(storeUnderTest())
  t.after(async () => {
    await store.dispose()
    await rm(dataDir, { recursive: true, force: true })
  })
  const clock = manualClock()
  const config = parseConfig({ flags: { listen: '127.0.0.1:0', dataDir, durability: 'relaxed' }, env: store.env })
  let credentials = { accessKeyId: '', secretAccessKey: '' }

  const run = async (use: (oci: OciWire, recovered: readonly string[]) => Promise<void>) => {
    const log = { log: silentLog, access: silentLog, flush: () => {} }
    const restarted = await createRegistry(config, { clock, log })
    credentials = restarted.firstCredentials ?? credentials
    const { url } = await restarted.listen()
    const http = plainHttp(url)
    try {
      const aws = awsWire({ http, host: new URL(url).host, clock, credentials })
      if (restarted.firstCredentials) await aws.ok('CreateRepository', { repositoryName: name })
      const { authorizationData } = await aws.ok<{ authorizationData: [{ authorizationToken: string }] }>(
        'GetAuthorizationToken',
      )
      await use(ociWire(http, `Basic ${authorizationData[0].authorizationToken}`), restarted.recovered)
    } finally {
      http.close()
      await restarted.close()
    }
  }

  const sizes = [10, 70_000, 2_500_000]
  const content = (size: number) => Buffer.alloc(size, `upload of ${size} bytes `)
  const locations: string[] = []
  await run(async (wire) => {
    for (const size of sizes) {
      const location = await wire.startUpload(name)
      await wire.send('PATCH', location, { body: content(size) })
      locations.push(location)
    }
  })
  await run(async (wire, recovered) => {
    // Of a shared store other nodes may be at work on them.
    const isShared = store.databaseUrl !== undefined
    assert.deepEqual(recovered, isShared ? [] : ['3 uploads were under way; their clients can go on.'])
    for (const [n, size] of sizes.entries()) {
      const location = locations[n] ?? ''
      assertProgress(await wire.send('GET', location), 204, location, `0-${size - 1}`)
      const whole = Buffer.concat([content(size), Buffer.from(' and the rest')])
      const algorithm = n === 1 ? 'sha512' : 'sha256'
      const digest = digestOf(whole, algorithm)
      const answer = await wire.send('PUT', `${location}?digest=${digest}`, { body: ' and the rest' })
      assert.equal(answer.status, 201, answer.text)
      assert.ok((await wire.send('GET', `/v2/${name}/blobs/${digest}`)).body.equals(whole))
    }
  })
  await run(async (wire, recovered) => {
    assert.deepEqual(recovered, [])
    assert.equal((await wire.send('GET', locations[0] ?? '')).status, 404)
  })
})
