// A push that is cut and goes on: the connection lost in the middle of a chunk, the server killed and started again on the same folder, the
// status asked, the rest sent, the digest checked. Plain HTTP, as a client that resumes would speak it (OCI end-13, end-5, end-6).

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateRepositoryCommand } from '@aws-sdk/client-ecr'
import { digestOf } from '../support/image-builder.ts'
import { dockerPassword, ecrClient } from '../support/proving-ground.ts'
import { type RawRegistry, rawRegistry, said } from '../support/raw-registry.ts'
import { type ServedRegistry, serve } from '../support/serve.ts'

describe('an upload that is cut', () => {
  let dataDir: string
  let server: ServedRegistry
  let password: string
  let raw: RawRegistry

  /** Starts the server on the folder. The password is kept: it must outlive a restart. */
  const start = async () => {
    server = await serve({ dataDir })
    const ecr = ecrClient(server)
    password ??= await dockerPassword(ecr)
    raw = rawRegistry(server.url, password)
    return ecr
  }
  const restart = async () => {
    raw.close()
    await server.kill()
    const ecr = await start()
    ecr.destroy()
  }
  const startUpload = async () => {
    const answer = await raw.send('POST', '/v2/cut/blobs/uploads/')
    assert.equal(answer.status, 202, said('POST of an upload', answer))
    return pathOf(answer.headers.location)
  }
  const patch = (path: string, bytes: Buffer, from: number, to: number) =>
    raw.send('PATCH', path, {
      body: bytes.subarray(from, to),
      headers: { 'content-type': 'application/octet-stream', 'content-range': `${from}-${to - 1}` },
    })
  /** Asks how far the upload is. */
  const status = async (path: string) => {
    const answer = await raw.send('GET', path)
    assert.equal(answer.status, 204, said('GET of the upload', answer))
    const range = /^0-(\d+)$/.exec(String(answer.headers.range))
    assert.ok(range, said('the Range of the upload', answer))
    return { received: Number(range[1]) + 1, path: pathOf(answer.headers.location) }
  }
  const finish = async (path: string, bytes: Buffer, from: number, digest = digestOf(bytes)) => {
    const answer = await raw.send('PUT', `${path}${path.includes('?') ? '&' : '?'}digest=${digest}`, {
      body: bytes.subarray(from),
      headers: { 'content-type': 'application/octet-stream', 'content-range': `${from}-${bytes.length - 1}` },
    })
    assert.equal(answer.status, 201, said('PUT that ends the upload', answer))
    const served = await raw.blob('cut', digest)
    assert.equal(served.status, 200, said('GET of the blob', served))
    assert.ok(served.body.equals(bytes), `the blob of ${bytes.length} bytes came back as ${served.body.length} others`)
  }

  /**
   * Sends the head of a PATCH and `sent` bytes of its body, then cuts the connection, with the server's knowledge or (RST) without it having
   * read everything.
   */
  const cutPatch = async (path: string, bytes: Buffer, from: number, sent: number, reset: boolean) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    const head = [
      `PATCH ${path} HTTP/1.1`,
      `Host: ${server.host}`,
      `Authorization: Basic ${Buffer.from(`AWS:${password}`).toString('base64')}`,
      'Content-Type: application/octet-stream',
      `Content-Range: ${from}-${bytes.length - 1}`,
      `Content-Length: ${bytes.length - from}`,
    ]
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => socket.write(`${head.join('\r\n')}\r\n\r\n`, () => resolve()))
    await new Promise<void>((resolve) => socket.write(bytes.subarray(from, from + sent), () => resolve()))
    // The bytes are on their way; the server needs a moment to take them in.
    await sleep(300)
    if (reset) socket.resetAndDestroy()
    else socket.destroy()
    await sleep(100)
  }

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'berth-resume-'))
    const ecr = await start()
    await ecr.send(new CreateRepositoryCommand({ repositoryName: 'cut' }))
    ecr.destroy()
  })
  after(async () => {
    raw?.close()
    await server?.stop()
    if (dataDir) await rm(dataDir, { recursive: true, force: true })
  })

  for (const [how, reset] of [
    ['closed', false],
    ['reset', true],
  ] as const) {
    it(`goes on where the status says after the connection was ${how} in the middle of a chunk`, async () => {
      const bytes = randomBytes(9_000_000)
      let path = await startUpload()
      path = pathOf((await patch(path, bytes, 0, 2_000_000)).headers.location)
      await cutPatch(path, bytes, 2_000_000, 3_500_000, reset)
      const now = await status(path)
      assert.ok(now.received >= 2_000_000, `the acknowledged chunk is kept; the status says ${now.received}`)
      assert.ok(now.received <= 5_500_000, `nothing is claimed that was not sent; the status says ${now.received}`)
      await finish(now.path, bytes, now.received)
    })
  }

  it('goes on after the server was killed in the middle of a chunk and started again', async () => {
    const bytes = randomBytes(7_000_000)
    let path = await startUpload()
    path = pathOf((await patch(path, bytes, 0, 3_000_000)).headers.location)
    const cutting = cutPatch(path, bytes, 3_000_000, 2_000_000, false)
    await sleep(150)
    await restart()
    await cutting
    const now = await status(path)
    assert.ok(now.received >= 3_000_000, `the acknowledged chunk is kept; the status says ${now.received}`)
    assert.ok(now.received <= 5_000_000, `nothing is claimed that was not sent; the status says ${now.received}`)
    const answer = await patch(now.path, bytes, now.received, 6_000_000)
    assert.equal(answer.status, 202, said('PATCH after the restart', answer))
    assert.equal(answer.headers.range, '0-5999999')
    await finish(pathOf(answer.headers.location), bytes, 6_000_000)
  })

  it('survives a kill after every chunk, and takes no bytes twice', async () => {
    const bytes = randomBytes(2_500_000)
    let path = await startUpload()
    for (let from = 0; from < 2_000_000; from += 500_000) {
      const answer = await patch(path, bytes, from, from + 500_000)
      assert.equal(answer.status, 202, said(`PATCH from ${from}`, answer))
      await restart()
      const now = await status(pathOf(answer.headers.location))
      assert.equal(now.received, from + 500_000, 'the status after the restart')
      const again = await patch(now.path, bytes, from, from + 500_000)
      assert.equal(again.status, 416, said('the same chunk again', again))
      assert.equal(again.headers.range, `0-${from + 499_999}`, said('the same chunk again', again))
      path = now.path
    }
    await finish(path, bytes, 2_000_000)
  })

  it('ends with sha512 after a restart too, where the digest is computed anew', async () => {
    const bytes = randomBytes(1_000_000)
    let path = await startUpload()
    path = pathOf((await patch(path, bytes, 0, 700_000)).headers.location)
    await restart()
    const now = await status(path)
    await finish(now.path, bytes, now.received, digestOf(bytes, 'sha512'))
  })

  it('still refuses wrong bytes at the end, after a restart', async () => {
    const bytes = randomBytes(300_000)
    let path = await startUpload()
    path = pathOf((await patch(path, bytes, 0, 200_000)).headers.location)
    await restart()
    const wrong = randomBytes(100_000)
    const digest = digestOf(bytes)
    const answer = await raw.send('PUT', `${path}${path.includes('?') ? '&' : '?'}digest=${digest}`, {
      body: wrong,
      headers: { 'content-type': 'application/octet-stream', 'content-range': '200000-299999' },
    })
    assert.equal(answer.status, 400, said('PUT with other bytes than the digest says', answer))
    assert.equal((await raw.blob('cut', digest)).status, 404, 'nothing is visible under the digest')
  })

  it('is gone after it was cancelled (end-14), before a restart and after one', async () => {
    const path = await startUpload()
    const cancelled = await raw.send('DELETE', path)
    assert.equal(cancelled.status, 204, said('DELETE of the upload', cancelled))
    for (const moment of ['at once', 'after a restart']) {
      const answer = await raw.send('GET', path)
      assert.equal(answer.status, 404, said(`GET of the cancelled upload ${moment}`, answer))
      assert.match(answer.body.toString(), /"BLOB_UPLOAD_UNKNOWN"/)
      await restart()
    }
  })

  it('downloads on where a download was cut, by Range', async () => {
    const bytes = randomBytes(5_000_000)
    await raw.pushBlob('cut', bytes)
    const path = `/v2/cut/blobs/${digestOf(bytes)}`
    const first = await raw.send('GET', path, { headers: { range: 'bytes=0-1999999' } })
    await restart()
    const etag = String(first.headers.etag ?? '')
    const rest = await raw.send('GET', path, {
      headers: { range: 'bytes=2000000-', ...(etag && { 'if-range': etag }) },
    })
    assert.equal(rest.status, 206, said('GET of the rest', { ...rest, body: Buffer.alloc(0) }))
    assert.equal(rest.headers['content-range'], 'bytes 2000000-4999999/5000000')
    assert.ok(Buffer.concat([first.body, rest.body]).equals(bytes), 'the two parts together are the blob')
  })
})

/** Path and query of a Location: after a restart the server has another port. */
function pathOf(location: string | undefined): string {
  assert.ok(location, 'the answer has a Location')
  const url = new URL(location, 'http://localhost')
  return url.pathname + url.search
}
