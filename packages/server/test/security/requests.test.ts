// Security tests of what requests may name and bring. Their numbers are those of docs/design/security-tests.md.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type AwsWire, targetPrefix } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { freePort } from '../support/free-port.ts'
import { digestOf } from '../support/image-builder.ts'
import type { OciWire } from '../support/oci-wire.ts'
import { type Answer, plainHttp } from '../support/plain-http.ts'
import { tool } from '../support/tool.ts'

const other = '210987654321'
const administrator = 'arn:aws:iam::aws:policy/AdministratorAccess'

let registry: ContractRegistry
let aws: AwsWire
let oci: OciWire
let foreigner: AwsWire
before(async () => {
  registry = await contractRegistry()
  ;({ aws, oci } = registry)
  foreigner = registry.awsAs(await registry.createAccount(other))
  for (const repositoryName of ['app', 'other']) await aws.ok('CreateRepository', { repositoryName })
  await foreigner.ok('CreateRepository', { repositoryName: 'app' })
})
after(() => registry?.close())

const codeOf = ({ status, text }: Answer): [status: number, code: string | undefined] => {
  const body = JSON.parse(text) as { __type?: string; errors?: { code: string }[] }
  return [status, body.__type ?? body.errors?.[0]?.code]
}

test('security test 26: hostile repository names reach nothing, and legal ones made of the words of paths their own', async () => {
  const words = ['..', 'a//b', 'a/./b', 'a/../b', 'a%2fb', 'a%2Fb', '%2e%2e', 'app/', 'App', 'аpp', 'a\0b', '_catalog']
  for (const name of [...words, 'a'.repeat(257)]) {
    const refused = await aws.call('DescribeRepositories', { repositoryNames: [name] })
    assert.deepEqual(codeOf(refused), [400, 'InvalidParameterException'], JSON.stringify(name))
    const path = `/v2/${encodeURI(name.replace('\0', '')).replaceAll('%25', '%')}${name.includes('\0') ? '%00' : ''}`
    const answer = await oci.send('GET', `${path}/manifests/v1`)
    assert.deepEqual(codeOf(answer), [400, 'NAME_INVALID'], path)
  }
  for (const repositoryName of ['a/manifests/b', 'x/blobs/uploads', 'tags/list']) {
    await aws.ok('CreateRepository', { repositoryName })
    const digest = await oci.pushBlob(repositoryName, repositoryName)
    assert.equal((await oci.send('GET', `/v2/${repositoryName}/blobs/${digest}`)).text, repositoryName)
  }
})

test('security test 27: a digest is what the bytes have, in its one form', async () => {
  const bytes = Buffer.from('bytes of test 27')
  const hex = digestOf(bytes).slice('sha256:'.length)
  const forms = [
    `sha256:${hex.toUpperCase()}`,
    `sha256:${hex.slice(1)}`,
    `sha512:${hex}`,
    `sha256+b64:${hex}`,
    'sha256:',
  ]
  for (const digest of forms) {
    const push = await oci.send('POST', `/v2/app/blobs/uploads/?digest=${encodeURIComponent(digest)}`, { body: bytes })
    assert.deepEqual(codeOf(push), [400, 'DIGEST_INVALID'], digest)
    assert.deepEqual(codeOf(await oci.send('GET', `/v2/app/blobs/${digest}`)), [400, 'DIGEST_INVALID'], digest)
  }
  const foreign = digestOf(Buffer.from('other bytes'))
  const wrong = await oci.send('POST', `/v2/app/blobs/uploads/?digest=${foreign}`, { body: bytes })
  assert.deepEqual(codeOf(wrong), [400, 'DIGEST_INVALID'])
  assert.equal((await oci.send('HEAD', `/v2/app/blobs/${foreign}`)).status, 404)
  const [image, another] = [fixedImage('of 27'), fixedImage('another')]
  for (const blob of [...image.blobs, ...another.blobs]) await oci.pushBlob('app', blob)
  const headers = { 'content-type': image.mediaType }
  const put = await oci.send('PUT', `/v2/app/manifests/${another.digest}`, { headers, body: image.text })
  assert.deepEqual(codeOf(put), [400, 'DIGEST_INVALID'])
  assert.equal((await oci.send('GET', `/v2/app/manifests/${another.digest}`)).status, 404)
  // A tag that looks like a digest is none: a colon makes it a digest, and without one it is of another image.
  const tag = `sha256-${hex}`
  await oci.pushManifest('app', tag, image)
  assert.equal((await oci.send('GET', `/v2/app/manifests/${tag}`)).headers['docker-content-digest'], image.digest)
  assert.equal((await oci.send('GET', `/v2/app/manifests/sha256:${hex}`)).status, 404)
})

test('security test 30: an upload is of its repository, its account and its user, until it is complete', async () => {
  const location = await oci.startUpload('app')
  const uploadId = location.slice(location.lastIndexOf('/') + 1)
  const bob = registry.awsAs(await registry.createUser('bob', [administrator]))
  const theirs: [string, OciWire, string][] = [
    ['another repository', oci, 'other'],
    ['another user', await registry.ociAs(bob), 'app'],
    ['another account', await registry.ociAs(foreigner), 'app'],
  ]
  for (const [whose, wire, repository] of theirs) {
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
      const path = `/v2/${repository}/blobs/uploads/${uploadId}${method === 'PUT' ? `?digest=${digestOf(Buffer.alloc(0))}` : ''}`
      assert.deepEqual(codeOf(await wire.send(method, path)), [404, 'BLOB_UPLOAD_UNKNOWN'], `${whose}: ${method}`)
    }
  }
  const part = { repositoryName: 'app', uploadId, partFirstByte: 0, partLastByte: 0, layerPartBlob: 'QQ==' }
  for (const wire of [bob, foreigner])
    assert.deepEqual(codeOf(await wire.call('UploadLayerPart', part)), [400, 'UploadNotFoundException'])
  const bytes = Buffer.from('ours')
  assert.equal((await oci.send('PUT', `${location}?digest=${digestOf(bytes)}`, { body: bytes })).status, 201)
  assert.deepEqual(codeOf(await oci.send('PATCH', location, { body: bytes })), [404, 'BLOB_UPLOAD_UNKNOWN'])
})

test('security test 31: chunks that are not the next are refused, and of two completions one wins', async () => {
  const location = await oci.startUpload('app')
  const append = (range: string, body: string) =>
    oci.send('PATCH', location, { headers: { 'content-range': range }, body })
  assert.equal((await append('0-3', 'abcd')).status, 202)
  for (const range of ['5-8', '0-3', '2-5', '999999999999998-999999999999999'])
    assert.deepEqual(codeOf(await append(range, 'xxxx')), [416, 'BLOB_UPLOAD_INVALID'], range)
  for (const range of ['-4-7', '7-4', '4-99999999999999999999'])
    assert.deepEqual(codeOf(await append(range, 'xxxx')), [400, 'BLOB_UPLOAD_INVALID'], range)
  const { uploadId } = await aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName: 'app' })
  const part = { repositoryName: 'app', uploadId, partFirstByte: 4, partLastByte: 4, layerPartBlob: 'QQ==' }
  assert.deepEqual(codeOf(await aws.call('UploadLayerPart', part)), [400, 'InvalidLayerPartException'])
  const digest = digestOf(Buffer.from('abcd'))
  const ends = await Promise.all([1, 2, 3].map(() => oci.send('PUT', `${location}?digest=${digest}`)))
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), [201, 404, 404])
  assert.equal((await oci.send('GET', `/v2/app/blobs/${digest}`)).text, 'abcd')
})

test('security test 33: JSON bombs are refused before they are built, and cost next to nothing', async () => {
  const target = `${targetPrefix}.DescribeRepositories`
  const deep = 500_000
  const bombs: [what: string, body: string, refused: boolean][] = [
    ['brackets', '['.repeat(1024 * 1024), true],
    ['lists', '['.repeat(deep) + ']'.repeat(deep), true],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, true],
    ['65 deep', `{"a":${'['.repeat(64)}${']'.repeat(64)}}`, true],
    ['two members of one name', '{"maxResults":1,"maxResults":2}', true],
    ['two members of one name, escaped', '{"maxResults":1,"max\\u0052esults":2}', true],
    ['a huge number', '{"maxResults":1e999999}', true],
    ['a long number', `{"maxResults":${'9'.repeat(1_000_000)}}`, true],
    ['63 deep, of what nobody knows', `{"a":${'['.repeat(62)}${']'.repeat(62)}}`, false],
  ]
  for (const [what, body, isRefused] of bombs) {
    const begunAt = process.cpuUsage()
    const answer = await aws.send({ target, body })
    const { user, system } = process.cpuUsage(begunAt)
    assert.equal(answer.status, isRefused ? 400 : 200, `${what}: ${answer.text.slice(0, 200)}`)
    // Time of this process, not of the machine: JSON.parse alone takes ten times as long for the deepest.
    assert.ok(user + system < 500_000, `${what}: ${user + system} µs`)
  }
  assert.equal((await aws.send({ target, body: ' '.repeat(1024 * 1024 + 1) })).status, 413)
  for (const body of ['['.repeat(deep) + ']'.repeat(deep), '{"schemaVersion":2,"schemaVersion":2}'])
    assert.deepEqual(
      codeOf(
        await oci.send('PUT', '/v2/app/manifests/bomb', { headers: { 'content-type': 'application/json' }, body }),
      ),
      [400, 'MANIFEST_INVALID'],
    )
})

test('security test 46: what a browser fetches is a download of nothing that it would run', async () => {
  const html = '<script>alert(document.cookie)</script>'
  const digest = await oci.pushBlob('app', html)
  const image = fixedImage('of 46')
  for (const blob of image.blobs) await oci.pushBlob('app', blob)
  await oci.pushManifest('app', 'page', image)
  for (const type of ['text/html', 'image/svg+xml', 'application/xhtml+xml']) {
    const headers = { 'content-type': type }
    const untyped = JSON.stringify({ ...(JSON.parse(image.text) as object), mediaType: type })
    const put = await oci.send('PUT', '/v2/app/manifests/html', { headers, body: untyped })
    assert.deepEqual(codeOf(put), [400, 'MANIFEST_INVALID'], type)
  }
  const page = { accept: 'text/html,application/xhtml+xml,*/*', 'sec-fetch-dest': 'document', cookie: 'session=x' }
  const expected = {
    'x-content-type-options': 'nosniff',
    'content-disposition': 'attachment',
    'content-security-policy': "default-src 'none'; sandbox",
    'set-cookie': undefined,
    'access-control-allow-origin': undefined,
  }
  const link = await linkTo(aws, image.blobs[1] ?? '', 'app')
  for (const [path, type] of [
    [`/v2/app/blobs/${digest}`, 'application/octet-stream'],
    ['/v2/app/manifests/page', image.mediaType],
    [link, 'application/octet-stream'],
  ] as const) {
    const answer = await oci.send('GET', path, { headers: page })
    assert.equal(answer.status, 200, path)
    assert.equal(answer.headers['content-type'], type)
    for (const [name, value] of Object.entries(expected)) assert.equal(answer.headers[name], value, `${path}: ${name}`)
  }
  assert.equal((await registry.http.send('GET', '/v2/app/tags/list', { headers: { cookie: 'session=x' } })).status, 401)
})

test('security test 47: a link is for its blob, its quarter of an hour, and as long as its owner may read', async () => {
  const user = await registry.createUser('reader', [administrator])
  const image = fixedImage('of 47')
  for (const blob of image.blobs) await oci.pushBlob('app', blob)
  await oci.pushManifest('app', 'linked', image)
  const layer = image.blobs[1] ?? ''
  const link = await linkTo(registry.awsAs(user), layer, 'app')
  const get = (path: string) => registry.http.send('GET', path)
  assert.equal((await get(link)).text, layer)
  const token = link.slice(link.lastIndexOf('/') + 1)
  const folder = link.slice(0, -token.length)
  const flipped = Buffer.from(token, 'base64url')
  for (const at of [0, 1, 13, flipped.length >> 1, flipped.length - 1]) {
    flipped[at] = (flipped[at] ?? 0) ^ 1
    assert.deepEqual(codeOf(await get(folder + flipped.toString('base64url'))), [403, 'DENIED'], `byte ${at}`)
    flipped[at] = (flipped[at] ?? 0) ^ 1
  }
  for (const path of [`${link}?digest=${image.digest}`, `${link}?X-Amz-Expires=604800`])
    assert.equal((await get(path)).text, layer, 'a query changes nothing')
  const { rows } = registry.peek
  const [{ entity_id } = {}] = await rows("SELECT entity_id FROM entities WHERE name = 'reader'")
  await registry.sql(`DELETE FROM policy_attachments WHERE entity_id = '${entity_id}'`)
  await registry.identitiesChanged()
  assert.deepEqual(codeOf(await get(link)), [403, 'DENIED'])
  const later = await linkTo(aws, layer, 'app')
  registry.clock.advance(15 * 60_000 - 1)
  assert.equal((await get(later)).status, 200)
  registry.clock.advance(1)
  assert.deepEqual(codeOf(await get(later)), [403, 'DENIED'])
})

test('security test 48: a page token is of its account, its list and its user, and as it was given', async () => {
  for (const repositoryName of ['p1', 'p2', 'p3']) await foreigner.ok('CreateRepository', { repositoryName })
  const page = { maxResults: 1 }
  const { nextToken } = await aws.ok<{ nextToken: string }>('DescribeRepositories', page)
  const edited = `${nextToken.slice(0, -2)}${nextToken.endsWith('AA') ? 'BB' : 'AA'}`
  const refused: [string, AwsWire, string][] = [
    ['of another account', foreigner, nextToken],
    ['edited', aws, edited],
    ['made up', aws, 'bmV4dA=='],
    ['cut', aws, nextToken.slice(0, 10)],
  ]
  for (const [what, wire, token] of refused) {
    const answer = await wire.call('DescribeRepositories', { ...page, nextToken: token })
    assert.deepEqual(codeOf(answer), [400, 'InvalidParameterException'], what)
  }
  const images = await aws.call('ListImages', { repositoryName: 'app', ...page, nextToken })
  assert.deepEqual(codeOf(images), [400, 'InvalidParameterException'], 'of another list')
  await aws.ok('DescribeRepositories', { ...page, nextToken })
})

async function linkTo(wire: AwsWire, layer: string, repositoryName: string): Promise<string> {
  const layerDigest = digestOf(Buffer.from(layer))
  const input = { repositoryName, layerDigest, registryId: account }
  const { downloadUrl } = await wire.ok<{ downloadUrl: string }>('GetDownloadUrlForLayer', input)
  return downloadUrl.slice(registry.url.length)
}

/** The beginning of a request within a request: whoever reads the outer one in another way than its neighbour takes it for the next one. */
const smuggled = 'GET /_berth/blobs/smuggled HTTP/1.1\r\nHost: a\r\nX: '
const chunked = `0\r\n\r\n${smuggled}`
const ambiguous: [what: string, head: string, body: string][] = [
  ['a length and a coding', `Content-Length: ${chunked.length}\r\nTransfer-Encoding: chunked`, chunked],
  [
    'a coding and a length',
    `Transfer-Encoding: chunked\r\nContent-Length: 4`,
    `60\r\n${smuggled.padEnd(0x60, 'x')}\r\n0\r\n\r\n`,
  ],
  ['two lengths', `Content-Length: 0\r\nContent-Length: ${smuggled.length}`, smuggled],
  ['a list of lengths', `Content-Length: 0, ${smuggled.length}`, smuggled],
  ['a length with a sign', `Content-Length: +${smuggled.length}`, smuggled],
  ['a blank before the colon', `Transfer-Encoding : chunked\r\nContent-Length: ${chunked.length}`, chunked],
  ['an unknown coding', `Transfer-Encoding: xchunked\r\nContent-Length: ${chunked.length}`, chunked],
  ['two codings', `Transfer-Encoding: chunked, identity`, chunked],
  ['a folded coding', `Transfer-Encoding:\r\n chunked\r\nContent-Length: ${chunked.length}`, chunked],
  ['a folded header', `X-Folded: a\r\n Content-Length: 4\r\nContent-Length: 0`, smuggled],
  ['a bare line feed', `X-Bare: a\nTransfer-Encoding: chunked`, chunked],
  ['a chunk size with a sign', 'Transfer-Encoding: chunked', `+0\r\n\r\n${smuggled}`],
  ['a chunk size with a prefix', 'Transfer-Encoding: chunked', `0x0\r\n\r\n${smuggled}`],
  ['a line feed in a chunk extension', 'Transfer-Encoding: chunked', `1;a=\nx\r\nA\r\n0\r\n\r\n${smuggled}`],
]

describe('security test 43: requests that can be read in two ways', () => {
  const requestOf = (head: string, body: string) => `POST /v2/ HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n${body}`
  /** Requests of the registry that went to the address of the smuggled one. */
  const smuggledRequests = async () =>
    (await registry.http.send('GET', '/metrics')).text
      .split('\n')
      .filter((line) => /^berth_request_duration_seconds_count\{wire="download",action="none"/.test(line))

  for (const [what, head, body] of ambiguous) {
    test(`security test 43: ${what} is 400, and the connection ends`, async () => {
      const before = await smuggledRequests()
      const connection = await registry.http.connection()
      connection.write(requestOf(head, body))
      assert.match(await connection.ended(), /^HTTP\/1\.1 400 Bad Request\r\n/)
      assert.deepEqual(await smuggledRequests(), before)
    })
  }

  test('security test 43: extensions of chunks are no part of the body', async () => {
    const location = await oci.startUpload('app')
    const authorization = await tokenOf(aws)
    const connection = await registry.http.connection()
    const head = `PUT ${location}?digest=${digestOf(Buffer.from('abcdef'))} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}`
    connection.write(`${head}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`)
    connection.write('4;name=value;other="4"\r\nabcd\r\n2\r\nef\r\n0;last\r\n\r\n')
    assert.match(await connection.ended(), /^HTTP\/1\.1 201 Created\r\n/)
  })

  for (const name of ['nginx', 'haproxy'] as const) {
    const [proxy, curl] = [tool(name), tool('curl')]
    test(`security test 43: through ${name} nobody gets the answer to a smuggled request`, {
      skip: proxy.skip || curl.skip,
    }, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'berth-smuggling-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      const port = await freePort()
      const file = join(folder, 'proxy.conf')
      writeFileSync(file, configurations[name](folder, port, registry.host))
      const url = `http://127.0.0.1:${port}`
      const args = name === 'nginx' ? ['-c', file, '-p', folder, '-e', join(folder, 'errors')] : ['-db', '-f', file]
      const started = await startDaemon(proxy, args, { program: curl, args: ['-sf', `${url}/healthz`] })
      if (typeof started === 'string') assert.fail(started)
      const daemon: Daemon = started
      const http = plainHttp(url)
      const before = await smuggledRequests()
      try {
        for (const [what, head, body] of ambiguous) {
          const connection = await http.connection()
          connection.write(requestOf(head, body))
          // Its answer, or none while the proxy waits for the end of what it takes for the next request.
          await connection.until('HTTP/1.1 ').catch(() => '')
          for (let n = 0; n < 3; n += 1) {
            const { status, text } = await http.send('GET', '/healthz')
            assert.deepEqual([status, text], [200, 'ok\n'], what)
          }
          connection.cut()
        }
        assert.deepEqual(await smuggledRequests(), before)
      } finally {
        http.close()
        await daemon.stop()
      }
    })
  }
})

/** As they are used in front of a registry, with connections to it that are kept and shared. */
const configurations = {
  nginx: (folder: string, port: number, host: string) => `
    daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/errors;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
      upstream registry { server ${host}; keepalive 1; }
      server {
        listen 127.0.0.1:${port};
        client_max_body_size 0;
        location / {
          proxy_pass http://registry; proxy_http_version 1.1; proxy_request_buffering off;
          proxy_set_header Connection ""; proxy_set_header Host $http_host;
        }
      }
    }`,
  haproxy: (_folder: string, port: number, host: string) => `
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend all
  bind 127.0.0.1:${port}
  default_backend registry
backend registry
  server node ${host}
`,
}

async function tokenOf(wire: AwsWire): Promise<string> {
  const { authorizationData } = await wire.ok<{ authorizationData: [{ authorizationToken: string }] }>(
    'GetAuthorizationToken',
  )
  return `Basic ${authorizationData[0].authorizationToken}`
}
