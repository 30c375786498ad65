// What is S3's own. What every store of blobs does is in `s3-suite.test.ts`.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, type TestContext, test } from 'node:test'
import {
  bytesOf,
  contentOf,
  keysOf,
  promoted,
  same,
  stage,
  strayUploads,
  uploadOf,
} from '../../../../test/suites/blob-store.suite.ts'
import { type FaultProxy, startFaultProxy } from '../../../../test/support/fault-proxy.ts'
import { type S3Credentials, type S3Server, startS3Server, whyNoS3Server } from '../../../../test/support/s3-server.ts'
import { RegistryError } from '../../../base/errors.ts'
import { silentLog } from '../../../base/log.ts'
import type { BlobStore } from '../blob-store.ts'
import { type Bucket, openBucket, type RequestLimits, requestLimits, type S3Location } from './bucket.ts'
import { openS3, stagingBytesAtMost } from './s3.ts'
import { etagOf, lastPartNumber, parseState, partBytes } from './upload-state.ts'

const skip = whyNoS3Server()
const mebibyte = 1024 * 1024
const clock = { now: () => Date.now() }
/** A test does not wait half a minute for a store that says nothing. */
const short: RequestLimits = { attempts: 3, connect: 500, idle: 300, answer: 1500, total: 3000 }

let shared: Promise<S3Server> | undefined
after(async () => (await shared)?.stop())

function s3Server(): Promise<S3Server> {
  shared ??= startS3Server().then(async (server) => {
    await server.makeBucket('blobs')
    return server
  })
  return shared
}

interface Place {
  location: S3Location
  /** Another process on the same bucket and prefix. */
  open(options?: Options): Promise<BlobStore>
  /** What is there, past the store. */
  bucket: Bucket
}

interface Options {
  through?: FaultProxy
  limits?: Partial<RequestLimits>
  location?: Partial<S3Location>
}

async function place(t: TestContext): Promise<Place> {
  const { endpoint, region, credentials } = await s3Server()
  const location = { bucket: 'blobs', prefix: `${randomUUID()}/`, region, endpoint, credentials, isPathStyle: true }
  const bucket = await openBucket({ location, limits: requestLimits, log: silentLog })
  t.after(() => bucket.close())
  return {
    location,
    bucket,
    async open({ through, limits, location: other } = {}) {
      const proxied = through ? { endpoint: `http://127.0.0.1:${through.port}` } : {}
      const store = await openS3({
        location: { ...location, ...proxied, ...other },
        clock,
        log: silentLog,
        ...(limits ? { limits } : {}),
      })
      t.after(() => store.close())
      return store
    },
  }
}

async function proxied(t: TestContext): Promise<FaultProxy> {
  const proxy = await startFaultProxy((await s3Server()).port)
  t.after(() => proxy.close())
  return proxy
}

async function gathered<T>(groups: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = []
  for await (const group of groups) all.push(...group)
  return all
}

const tailsOf = async (bucket: Bucket) => (await gathered(bucket.list('uploads/'))).map(({ key }) => key).toSorted()
const multipartsOf = (bucket: Bucket) => gathered(bucket.listMultiparts('blobs/'))
const begins = (method: string, pattern: RegExp) => (bytes: Buffer) => {
  const [line = ''] = bytes.toString('latin1', 0, 2000).split('\r\n')
  return line.startsWith(`${method} `) && pattern.test(line)
}
const isCompletion = begins('POST', /[?&]uploadId=/)

const unavailable = { fault: { code: 'Unavailable', message: 'The store of blobs does not answer. Try again.' } }
const lost = (error: unknown) =>
  error instanceof RegistryError &&
  error.fault.code === 'UploadLost' &&
  error.fault.message.endsWith(' Begin the upload again.')

describe('parts', () => {
  test('10,000 parts hold 52,000 MiB and 4,000 numbers to spare, each as large as S3 demands', () => {
    let [bytes, number] = [0, 0]
    while (bytes < 52_000 * mebibyte) {
      number += 1
      assert.ok(partBytes(number) >= 5 * mebibyte)
      assert.ok(number === 1 || partBytes(number) >= partBytes(number - 1))
      bytes += partBytes(number)
    }
    assert.ok(number <= lastPartNumber - 4000, `${number} parts`)
    assert.equal(stagingBytesAtMost, 20 * mebibyte)
  })

  test('an upload smaller than a part is one object, and never a multipart upload', { skip }, async (t) => {
    const { open, bucket } = await place(t)
    const key = await promoted(await open(), bytesOf(5 * mebibyte - 1))
    const object = await bucket.head(`blobs/${key}`)
    assert.deepEqual([object?.size, object?.etag.includes('-')], [5 * mebibyte - 1, false])
  })

  test('a larger one is made of its parts, with the ETag that they have together', { skip }, async (t) => {
    const { open, bucket } = await place(t)
    const { state } = await stage(await open(), 'upload', bytesOf(10 * mebibyte))
    const { parts, tail, multipart, key } = parseState(state ?? '')
    assert.deepEqual(
      [parts.map(({ number, size }) => [number, size]), tail],
      [[1, 2].map((n) => [n, 5 * mebibyte]), null],
    )
    await bucket.completeMultipart(key, multipart ?? '', parts)
    assert.equal((await bucket.head(key))?.etag.replaceAll('"', ''), etagOf(parts))
  })

  test('what waits in memory is two parts, however much comes while the store says nothing', { skip }, async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const store = await open({ through: proxy })
    const staging = await store.openStaging(uploadOf('upload'))
    const chunk = bytesOf(mebibyte)
    proxy.stall()
    let accepted = 0
    const appending = (async () => {
      for (; accepted < 64; accepted++) await staging.append([chunk])
    })()
    let before = -1
    while (before !== accepted) {
      before = accepted
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.equal(accepted, 10)
    await proxy.resume()
    await appending
    const key = await staging.promote()
    await staging.close()
    const content = await contentOf(store, key, 64 * mebibyte)
    for (let at = 0; at < content.length; at += mebibyte) assert.ok(same(content.subarray(at, at + mebibyte), chunk))
  })
})

describe('tails', { skip }, () => {
  test('each checkpoint has a new one, and the one that the row still names stays until the next', async (t) => {
    const { open, bucket } = await place(t)
    const staging = await (await open()).openStaging(uploadOf('upload'))
    const named: string[] = []
    for (let turn = 0; turn < 4; turn++) {
      await staging.append([bytesOf(1000)])
      named.push(parseState(await staging.checkpoint()).tail?.key ?? '')
      // The row names the one before this one until the caller has written the state.
      assert.deepEqual(await tailsOf(bucket), named.slice(-2).toSorted())
    }
    assert.equal(new Set(named).size, 4)
    await staging.promote()
    assert.ok((await tailsOf(bucket)).includes(named.at(-1) ?? ''), 'its transaction is not over yet')
    await staging.close()
    assert.deepEqual(await tailsOf(bucket), [])
  })

  test('a checkpoint with nothing new stores nothing', async (t) => {
    const { open, bucket } = await place(t)
    const staging = await (await open()).openStaging(uploadOf('upload'))
    await staging.append([bytesOf(1000)])
    const state = await staging.checkpoint()
    assert.equal(await staging.checkpoint(), state)
    assert.equal((await tailsOf(bucket)).length, 1)
    await staging.close()
  })

  test('one that is gone: the upload goes on at the end of its parts, and says so', async (t) => {
    const { open, bucket } = await place(t)
    const store = await open()
    const bytes = bytesOf(6 * mebibyte)
    const upload = await stage(store, 'upload', bytes)
    for (const key of await tailsOf(bucket)) await bucket.delete(key)
    const staging = await store.openStaging(upload)
    assert.equal(staging.size, 5 * mebibyte)
    await staging.append([bytes.subarray(5 * mebibyte)])
    assert.ok(same(await contentOf(store, await staging.promote(), bytes.length), bytes))
    await staging.close()
  })
})

describe('an upload that another process took over', { skip }, () => {
  /** `zombie` does not know that `heir` goes on with the upload. */
  async function takenOver(t: TestContext, size: number) {
    const { open, bucket } = await place(t)
    const [first, second] = [await open(), await open()]
    const bytes = bytesOf(size)
    const zombie = await first.openStaging(uploadOf('upload'))
    await zombie.append([bytes])
    const state = await zombie.checkpoint()
    const heir = await second.openStaging(uploadOf('upload', { size, state, isTakenOver: true }))
    t.after(() => Promise.all([zombie.close(), heir.close()]))
    return { zombie, heir, bytes, store: second, bucket, state }
  }

  test('has only the bytes of its heir, whatever the other still writes and completes', async (t) => {
    const { zombie, heir, bytes, store, bucket } = await takenOver(t, 12 * mebibyte)
    const [his, other] = [bytesOf(7 * mebibyte, 3), bytesOf(7 * mebibyte, 4)]
    await zombie.append([other])
    await heir.append([his])
    await zombie.checkpoint()
    const key = await heir.promote()
    const whole = Buffer.concat([bytes, his])
    assert.ok(same(await contentOf(store, key, whole.length), whole))
    await assert.rejects(zombie.promote(), lost)
    await zombie.close()
    assert.ok(same(await contentOf(store, key, whole.length), whole))
    assert.deepEqual([await keysOf(store), await multipartsOf(bucket)], [[key], []])
  })

  test('is refused when the other completed it first, were it with as many bytes', async (t) => {
    // With a part that is still to be sent, and with all parts there: some stores then answer the second completion with the first.
    for (const size of [mebibyte, 5 * mebibyte]) {
      const { zombie, heir, store } = await takenOver(t, 10 * mebibyte)
      await zombie.append([bytesOf(size, 4)])
      await heir.append([bytesOf(size, 3)])
      await heir.checkpoint()
      const key = await zombie.promote()
      await assert.rejects(heir.promote(), lost)
      await store.remove(key)
      await assert.rejects(heir.promote(), lost)
    }
  })

  test('is refused when a part that was recorded is another now', async (t) => {
    const { heir, bucket, state } = await takenOver(t, 12 * mebibyte)
    const { key, multipart } = parseState(state)
    await bucket.putPart({ key, multipart: multipart ?? '', number: 1 }, bytesOf(5 * mebibyte, 9))
    await assert.rejects(heir.promote(), lost)
  })

  test('of a few bytes becomes an object of its own, which the other can not change', async (t) => {
    const { zombie, heir, bytes, store } = await takenOver(t, 1000)
    await zombie.append([bytesOf(10, 4)])
    await heir.append([bytesOf(10, 3)])
    const key = await heir.promote()
    assert.notEqual(await zombie.promote(), key)
    assert.ok(same(await contentOf(store, key, 1010), Buffer.concat([bytes, bytesOf(10, 3)])))
  })

  test('goes on from what the other made of exactly these bytes, and from nothing else that it made', async (t) => {
    for (const size of [1000, 12 * mebibyte]) {
      const { zombie, store, state, bytes, bucket } = await takenOver(t, size)
      await zombie.promote()
      await zombie.close()
      assert.deepEqual(await tailsOf(bucket), [])
      const again = await store.openStaging(uploadOf('upload', { size, state, isTakenOver: true }))
      assert.equal(again.size, size)
      assert.ok(same(await contentOf(store, await again.promote(), size), bytes))
      await again.close()
    }
    const { zombie, store, state } = await takenOver(t, 12 * mebibyte)
    await zombie.append([bytesOf(10)])
    await zombie.promote()
    const again = await store.openStaging(uploadOf('upload', { size: 12 * mebibyte, state, isTakenOver: true }))
    assert.equal(again.size, 0)
    await again.close()
  })
})

describe('while the store misbehaves', { skip }, () => {
  test('a part whose connection breaks is sent again', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const store = await open({ through: proxy })
    const bytes = bytesOf(12 * mebibyte)
    const broken = proxy.cutAfter(2 * mebibyte, 'to server')
    const key = await promoted(store, bytes)
    await broken
    assert.ok(same(await contentOf(store, key, bytes.length), bytes))
  })

  test('an answer of 500 and a slow store cost time and nothing else', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const store = await open({ through: proxy })
    const answered = proxy.answer(
      begins('PUT', /partNumber=2/),
      'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    )
    proxy.delay(2)
    const bytes = bytesOf(12 * mebibyte)
    const key = await promoted(store, bytes)
    await answered
    assert.ok(same(await contentOf(store, key, bytes.length), bytes))
  })

  test('a completion whose answer got lost is done, and not done twice', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const store = await open({ through: proxy })
    const bytes = bytesOf(6 * mebibyte)
    const gone = proxy.loseAnswer(isCompletion)
    const key = await promoted(store, bytes)
    await gone
    assert.ok(same(await contentOf(store, key, bytes.length), bytes))
  })

  test('a completion of which the store knows nothing any more is done when the object is there', async (t) => {
    const proxy = await proxied(t)
    const { open, bucket } = await place(t)
    const store = await open({ through: proxy })
    const bytes = bytesOf(10 * mebibyte)
    const upload = await stage(store, 'upload', bytes)
    const { key, multipart, parts } = parseState(upload.state ?? '')
    const staging = await store.openStaging(upload)
    await bucket.completeMultipart(key, multipart ?? '', parts)
    const body = '<?xml version="1.0"?><Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>'
    const head = 'HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nConnection: close'
    const answered = proxy.answer(isCompletion, `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    assert.equal(await staging.promote(), '20261114/upload')
    await answered
    await staging.close()
  })

  test('a completion that is answered 200 with an error inside is tried again', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const store = await open({ through: proxy })
    const body = '<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>Try again.</Message></Error>'
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close'
    const answered = proxy.answer(isCompletion, `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const bytes = bytesOf(6 * mebibyte)
    const key = await promoted(store, bytes)
    await answered
    assert.ok(same(await contentOf(store, key, bytes.length), bytes))
  })

  for (const [how, fault] of [
    ['refuses', (proxy: FaultProxy) => proxy.refuse()],
    ['says nothing', async (proxy: FaultProxy) => proxy.stall()],
  ] as const) {
    test(`a store that ${how}: requests end as unavailable, and the same upload goes on afterwards`, async (t) => {
      const proxy = await proxied(t)
      const { open } = await place(t)
      const store = await open({ through: proxy, limits: short })
      const bytes = bytesOf(7 * mebibyte)
      const key = await promoted(store, bytes)
      const staging = await store.openStaging(uploadOf(randomUUID()))
      await staging.append([bytes.subarray(0, 4 * mebibyte)])
      const reader = await store.open(key)
      await reader.read(Buffer.alloc(1000), 0)

      await fault(proxy)
      const start = performance.now()
      await staging.append([bytes.subarray(4 * mebibyte)])
      await Promise.all([
        assert.rejects(staging.checkpoint(), unavailable),
        assert.rejects(store.open(key), unavailable),
        assert.rejects(reader.read(Buffer.alloc(1000), mebibyte), unavailable),
        assert.rejects(store.remove(key), unavailable),
        assert.rejects(store.probe(), unavailable),
        assert.rejects(keysOf(store), unavailable),
      ])
      assert.ok(performance.now() - start < 20_000)

      await proxy.resume()
      const again = await staging.promote()
      assert.ok(same(await contentOf(store, again, bytes.length), bytes))
      await Promise.all([staging.close(), reader.close()])
    })
  }

  test('a download whose connection breaks goes on where it was', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const store = await open({ through: proxy, limits: { ...short, idle: 2000 } })
    const bytes = bytesOf(6 * mebibyte)
    const key = await promoted(await open(), bytes)
    const reader = await store.open(key)
    const read = Buffer.alloc(bytes.length)
    let breaks = 0
    for (let at = 0; at < read.length; at += mebibyte) {
      if (at % (2 * mebibyte) === 0) {
        proxy.cutAll()
        breaks += 1
      }
      assert.equal(await reader.read(read.subarray(at, at + mebibyte), at), mebibyte)
    }
    await reader.close()
    assert.ok(same(read, bytes))
    assert.equal(breaks, 3)
    assert.ok(proxy.opened >= 3, `${proxy.opened} connections`)
  })

  test('downloads that wait for their clients take nothing from others', async (t) => {
    const { open } = await place(t)
    const store = await open({ limits: { ...short, idle: 10_000 } })
    const key = await promoted(store, bytesOf(8 * mebibyte))
    const readers = await Promise.all(Array.from({ length: 100 }, () => store.open(key)))
    const bytes = bytesOf(6 * mebibyte)
    const other = await promoted(store, bytes)
    assert.ok(same(await contentOf(store, other, bytes.length), bytes))
    await Promise.all(readers.map((reader) => reader.close()))
  })

  test('a client that reads slowly does not lose its download', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const bytes = bytesOf(8 * mebibyte)
    const key = await promoted(await open(), bytes)
    const reader = await (await open({ through: proxy, limits: short })).open(key)
    const read = Buffer.alloc(bytes.length)
    for (let at = 0; at < read.length; at += 4 * mebibyte) {
      await reader.read(read.subarray(at, at + 4 * mebibyte), at)
      // Longer than the connection may be idle.
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    await reader.close()
    assert.ok(same(read, bytes))
  })
})

describe('what no row knows of', { skip }, () => {
  test('a multipart upload whose process died before its first checkpoint is aborted as a stray', async (t) => {
    const { open, bucket } = await place(t)
    const store = await open()
    const staging = await store.openStaging(uploadOf('upload'))
    await staging.append([bytesOf(11 * mebibyte)])
    await staging.append([bytesOf(1)])
    while ((await multipartsOf(bucket)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await staging.close()
    assert.deepEqual(await strayUploads(store), ['upload'])
    for (const stray of await gathered(store.strays(0))) await store.removeStray(stray)
    assert.deepEqual([await strayUploads(store), await multipartsOf(bucket)], [[], []])
  })

  test('pages end: more than one of objects and of multipart uploads', async (t) => {
    const { bucket } = await place(t)
    for (let n = 0; n < 5; n++) {
      await bucket.put(`uploads/${n}/tail`, Buffer.from('x'))
      await bucket.createMultipart(`blobs/20261114/${n}`)
    }
    const keys = (await gathered(bucket.list('uploads/', 2))).map(({ key }) => key)
    assert.deepEqual(
      keys,
      [0, 1, 2, 3, 4].map((n) => `uploads/${n}/tail`),
    )
    const uploads = (await gathered(bucket.listMultiparts('blobs/', 2))).map(({ key }) => key)
    assert.deepEqual(
      uploads,
      [0, 1, 2, 3, 4].map((n) => `blobs/20261114/${n}`),
    )
  })
})

describe('links and headers', { skip }, () => {
  test('a link gives the bytes to anybody who has it, with the headers that were asked for', async (t) => {
    const { open } = await place(t)
    const store = await open()
    const bytes = bytesOf(1000)
    const key = await promoted(store, bytes)
    const headers = { contentType: 'application/vnd.oci.image.layer.v1.tar', contentDisposition: 'attachment' }
    const link = await store.presign?.(key, headers)
    assert.ok(link)
    const answer = await fetch(link)
    assert.deepEqual(
      [answer.status, answer.headers.get('content-type'), answer.headers.get('content-disposition')],
      [200, headers.contentType, headers.contentDisposition],
    )
    assert.ok(same(new Uint8Array(await answer.arrayBuffer()), bytes))
    assert.equal(new URL(link).searchParams.get('X-Amz-Expires'), '600')
    assert.equal((await fetch(link.replace(/X-Amz-Signature=\w{4}/, 'X-Amz-Signature=0000'))).status, 403)
  })

  test('encryption is asked for with each object and each multipart upload, and with no part', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const asked: string[] = []
    void proxy.loseAnswer((bytes) => {
      const text = bytes.toString('latin1', 0, 4000)
      const [, method, path] = /^(PUT|POST) (\S+) HTTP/.exec(text) ?? []
      const what = path?.includes('partNumber=') ? 'part' : path?.includes('uploads') ? 'upload' : 'object'
      const headers = ['aws:kms', 'key-1'].every((value) => text.includes(value))
      if (method && !isCompletion(bytes)) asked.push(`${what} ${headers}`)
      return false
    })
    const location = { serverSideEncryption: 'aws:kms', kmsKeyId: 'key-1' } as const
    const store = await open({ through: proxy, location, limits: { ...short, attempts: 1 } })
    // This server may refuse encryption; what counts here is what it is asked.
    await promoted(store, bytesOf(10)).catch(() => {})
    await promoted(store, bytesOf(6 * mebibyte)).catch(() => {})
    assert.deepEqual(new Set(asked.filter((each) => !each.startsWith('part'))), new Set(['object true', 'upload true']))
    assert.ok(!asked.includes('part true'))
  })
})

describe('whose store it is', { skip }, () => {
  test('of many that claim it at once, one is told so by all', async (t) => {
    const { open } = await place(t)
    const stores = await Promise.all(Array.from({ length: 8 }, () => open()))
    const owners = await Promise.all(stores.map((store, n) => store.claim(`installation-${n}`)))
    assert.equal(new Set(owners).size, 1)
  })

  test('a store without conditional requests is claimed too', async (t) => {
    const proxy = await proxied(t)
    const { open } = await place(t)
    const body = '<?xml version="1.0"?><Error><Code>NotImplemented</Code><Message>If-None-Match</Message></Error>'
    const head = 'HTTP/1.1 501 Not Implemented\r\nContent-Type: application/xml\r\nConnection: close'
    const answered = proxy.answer(
      begins('PUT', /berth-installation/),
      `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const store = await open({ through: proxy })
    assert.equal(await store.claim('first'), 'first')
    await answered
    assert.equal(await (await open()).claim('second'), 'first')
  })
})

describe('a start with a store that can not be used', { skip }, () => {
  async function refusal(t: TestContext, location: Partial<S3Location>): Promise<string> {
    const { open } = await place(t)
    const store = await open({ location, limits: short })
    const start = performance.now()
    const error = await store.owner().then(
      () => assert.fail('the start was not refused'),
      (refused) => refused,
    )
    assert.equal(error.name, 'StartError', String(error))
    assert.ok(performance.now() - start < 10_000)
    assert.match(error.message, /^BERTH_BLOB_STORE/)
    assert.ok(error.hint.length > 0)
    return `${error.message} ${error.hint}`
  }

  test('nobody there: the endpoint is named', async (t) => {
    const proxy = await proxied(t)
    await proxy.refuse()
    const endpoint = `http://127.0.0.1:${proxy.port}`
    assert.match(await refusal(t, { endpoint }), new RegExp(`${endpoint} cannot be reached: .*ECONNREFUSED`))
  })

  test('a host that says nothing: refused in seconds', async (t) => {
    const proxy = await proxied(t)
    proxy.stall()
    assert.match(await refusal(t, { endpoint: `http://127.0.0.1:${proxy.port}` }), /cannot be reached/)
  })

  test('something that is no S3 store', async (t) => {
    const proxy = await proxied(t)
    void proxy.answer(() => true, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello')
    assert.match(await refusal(t, { endpoint: `http://127.0.0.1:${proxy.port}` }), /does not answer as S3 does/)
  })

  test('another region', async (t) => {
    const said = await refusal(t, { region: 'eu-west-1' })
    assert.match(said, /"blobs" is not in the region eu-west-1 but in us-east-1 .*region=us-east-1/)
  })

  test('no such bucket', async (t) => {
    assert.match(await refusal(t, { bucket: 'nowhere' }), /there is no bucket "nowhere"/)
  })

  test('a key that the store does not know, and a secret that is not its own', async (t) => {
    const { credentials } = await s3Server()
    const unknown = { accessKeyId: 'nobody', secretAccessKey: credentials.secretAccessKey }
    assert.match(await refusal(t, { credentials: unknown }), /access key.*BERTH_BLOB_STORE_ACCESS_KEY_ID/)
    const wrong = { accessKeyId: credentials.accessKeyId, secretAccessKey: 'wrong' }
    assert.match(await refusal(t, { credentials: wrong }), /refuses the key.*BERTH_BLOB_STORE_SECRET_ACCESS_KEY/)
  })

  const needed = [
    ...['s3:PutObject', 's3:GetObject', 's3:DeleteObject'],
    ...['s3:ListBucket', 's3:AbortMultipartUpload', 's3:ListBucketMultipartUploads'],
  ]
  let user: Promise<S3Credentials> | undefined
  const aUser = async () => {
    user ??= (async () => {
      const server = await s3Server()
      await server.makeBucket('guarded')
      return server.addUser()
    })()
    return user
  }

  test('a key that may do nothing hears of everything that it needs', async (t) => {
    const said = await refusal(t, { bucket: 'guarded', credentials: await aUser() })
    const named = needed.filter((permission) => said.includes(permission))
    // Without leave to begin a multipart upload there is none to abort.
    assert.deepEqual(
      named,
      needed.filter((permission) => permission !== 's3:AbortMultipartUpload'),
    )
  })

  for (const missing of needed) {
    test(`a key that lacks ${missing} hears of just that`, async (t) => {
      const [server, credentials] = [await s3Server(), await aUser()]
      const allowed = needed.filter((permission) => permission !== missing)
      await server.allow('guarded', credentials, allowed)
      const said = await refusal(t, { bucket: 'guarded', credentials })
      assert.match(said, new RegExp(`Missing: ${missing}[: ]`))
    })
  }

  test('a key that may do all six starts, and no more is needed for anything', async (t) => {
    const [server, credentials] = [await s3Server(), await aUser()]
    await server.allow('guarded', credentials, needed)
    const { open } = await place(t)
    const store = await open({ location: { bucket: 'guarded', credentials } })
    assert.equal(await store.owner(), undefined)
    assert.equal(await store.claim('first'), 'first')
    const bytes = bytesOf(6 * mebibyte)
    const upload = await stage(store, 'upload', bytes)
    const staging = await store.openStaging({ ...upload, isTakenOver: true })
    const key = await staging.promote()
    await staging.close()
    assert.ok(same(await contentOf(store, key, bytes.length), bytes))
    await store.remove(key)
    await store.removeStaging(await stage(store, 'other', bytes))
    assert.deepEqual([await keysOf(store), await strayUploads(store)], [[], []])
  })
})
