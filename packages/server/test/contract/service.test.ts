// What operators ask of a running server: is it alive, may it have work, how is it doing.

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { silentLog } from '../../src/base/log.ts'
import { parseConfig } from '../../src/config.ts'
import { createRegistry } from '../../src/registry.ts'
import { assertAwsError, awsWire } from '../support/aws-wire.ts'
import { type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { digestOf } from '../support/image-builder.ts'
import { manualClock } from '../support/manual-clock.ts'
import { assertOciError } from '../support/oci-wire.ts'
import { plainHttp } from '../support/plain-http.ts'
import { storeUnderTest } from '../support/stores.ts'

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
})
after(() => registry?.close())

const get = async (target: string, headers: Record<string, string> = {}) => {
  const { status, text, headers: answered } = await registry.http.send('GET', target, { headers })
  return { status, text, type: answered['content-type'] }
}

/** The methods of all open files of this process, to be replaced for a while. */
async function fileMethods(): Promise<{ datasync(): Promise<void>; writev(): Promise<unknown> }> {
  const file = await open('/dev/null', 'r')
  await file.close()
  return Object.getPrototypeOf(file) as { datasync(): Promise<void>; writev(): Promise<unknown> }
}

/** These make the disk fail on which blobs are. */
const onFiles = { skip: storeUnderTest().endsWith('s3') ? 'blobs are in S3, and not on a disk' : false }

test('/healthz: the process answers', async () => {
  assert.deepEqual(await get('/healthz'), { status: 200, text: 'ok\n', type: 'text/plain; charset=utf-8' })
  assert.equal((await registry.http.send('HEAD', '/healthz')).text, '')
})

test('/readyz: what is written can be read; asked of the disk at most every five seconds', onFiles, async (t) => {
  assert.deepEqual(await get('/readyz'), { status: 200, text: 'ready\n', type: 'text/plain; charset=utf-8' })
  // A folder where the probe's file must be: the disk can not be written as it should.
  const probe = join(registry.dataDir, 'probe')
  await rename(probe, `${probe}.away`)
  await mkdir(probe)
  t.after(async () => {
    await rm(probe, { recursive: true, force: true })
  })
  assert.equal((await get('/readyz')).status, 200)
  registry.clock.advance(4999)
  assert.equal((await get('/readyz')).status, 200)
  registry.clock.advance(1)
  const answer = await get('/readyz')
  assert.equal(answer.status, 503)
  assert.match(answer.text, /^not ready: EISDIR: /)
  await rm(probe, { recursive: true })
  assert.equal((await get('/readyz')).status, 503)
  registry.clock.advance(5000)
  assert.equal((await get('/readyz')).status, 200)
})

describe('/metrics', () => {
  test('counts requests by wire, action and status, and what the store does', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'counted' })
    await registry.oci.pushBlob('counted', 'x'.repeat(100_000))
    await registry.oci.send('GET', '/v2/counted/manifests/none')
    const { status, text, type } = await get('/metrics')
    assert.equal(status, 200)
    assert.match(String(type), /^text\/plain/)
    for (const line of [
      /^berth_request_duration_seconds_count\{wire="ecr",action="ecr:CreateRepository",status="200"\} 1$/m,
      /^berth_request_duration_seconds_count\{wire="oci",action="ecr:BatchGetImage",status="404"\} 1$/m,
      /^berth_request_duration_seconds_count\{wire="oci",action="ecr:CompleteLayerUpload",status="201"\} 1$/m,
      /^berth_store_commits_total [1-9]\d*$/m,
      /^berth_store_wal_bytes \d+$/m,
      /^berth_store_file_syncs_total 0$/m,
      /^process_resident_memory_bytes \d+$/m,
    ]) {
      assert.match(text, line)
    }
  })

  test('is not for those who come through a proxy', async () => {
    assert.equal((await get('/metrics', { 'x-forwarded-for': '192.0.2.1' })).status, 404)
  })

  test('has no label that a client could fill at will', async () => {
    for (const target of ['/v2/zzz/manifests/zzz', '/zzz', '/v2/zzz']) await registry.oci.send('GET', target)
    await registry.aws.call('Zzz')
    assert.doesNotMatch((await get('/metrics')).text, /zzz/i)
  })

  test('has a listener of its own where it is asked for', async () => {
    const apart = await contractRegistry({ metricsListen: '127.0.0.1:0' })
    try {
      assert.equal((await apart.http.send('GET', '/metrics')).status, 404)
    } finally {
      await apart.close()
    }
  })
})

test(
  'a disk without room: each wire says so in its words, nothing is lost, and it goes on when there is room',
  onFiles,
  async (t) => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'full' })
    const location = await registry.oci.startUpload('full')
    const { uploadId } = await registry.aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName: 'full' })
    const bytes = Buffer.alloc(100_000, 'x')
    const digest = digestOf(bytes)
    const part = {
      repositoryName: 'full',
      uploadId,
      partFirstByte: 0,
      partLastByte: bytes.length - 1,
      layerPartBlob: bytes.toString('base64'),
    }
    const message = 'The registry has no room left on its disk. Nothing was stored; free some space and try again.'
    const mock = t.mock.method(await fileMethods(), 'writev', () =>
      Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })),
    )
    assertOciError(await registry.oci.send('PATCH', location, { body: bytes }), 507, 'DENIED', message)
    assertOciError(
      await registry.oci.send('POST', `/v2/full/blobs/uploads/?digest=${digest}`, { body: bytes }),
      507,
      'DENIED',
      message,
    )
    assertAwsError(await registry.aws.call('UploadLayerPart', part), 'ServerException', message, {}, 500)
    mock.mock.restore()
    assert.equal((await registry.oci.send('HEAD', `/v2/full/blobs/${digest}`)).status, 404)
    assert.equal((await registry.oci.send('GET', location)).headers.range, '0-0')
    await registry.aws.ok('UploadLayerPart', part)
    await registry.aws.ok('CompleteLayerUpload', { repositoryName: 'full', uploadId, layerDigests: [digest] })
    assert.equal((await registry.oci.send('PUT', `${location}?digest=${digest}`, { body: bytes })).status, 201)
  },
)

test('a sync that fails: what rests on it is not acknowledged, and the process is stopped with the reason (durability, rule 2)', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'berth-failing-'))
  const clock = manualClock()
  const reasons: string[] = []
  const failing = await createRegistry(parseConfig({ flags: { listen: '127.0.0.1:0', dataDir }, env: {} }), {
    clock,
    log: { log: silentLog, access: silentLog, flush: () => {} },
    stop: (reason) => reasons.push(reason),
  })
  const { url } = await failing.listen()
  const http = plainHttp(url)
  const credentials = failing.firstCredentials ?? { accessKeyId: '', secretAccessKey: '' }
  const aws = awsWire({ http, host: new URL(url).host, clock, credentials })
  t.after(async () => {
    http.close()
    await failing.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  await aws.ok('CreateRepository', { repositoryName: 'before' })

  const mock = t.mock.method(await fileMethods(), 'datasync', () => Promise.reject(new Error('EIO')))
  const answer = await aws.call('CreateRepository', { repositoryName: 'after' })
  mock.mock.restore()
  assert.equal(answer.status, 500)
  assert.equal((JSON.parse(answer.text) as { __type: string }).__type, 'ServerException')
  assert.deepEqual(reasons, [
    'a sync to the disk failed (Error: EIO); what was not acknowledged may be lost, so the process stops',
  ])
  assert.equal((await aws.call('DescribeRepositories', { repositoryNames: ['after'] })).status, 500)
})
