// BERTH_BLOB_REDIRECT=on: real clients fetch blobs from a real S3 store by presigned links, and those who would fail at it get them from us.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createDockerWire, digestOf } from '../support/docker-wire.ts'
import { imageBuilder } from '../support/image-builder.ts'
import { type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { assertSameLayout } from '../support/same-content.ts'
import { createStore, type StoreUnderTest, whyNoStore } from '../support/stores.ts'
import { succeed, tool } from '../support/tool.ts'

const why = whyNoStore('s3')
const skopeo = tool('skopeo')
const oras = tool('oras')

describe('blobs by presigned links', { skip: why ?? false }, () => {
  let ground: ProvingGround
  let store: StoreUnderTest
  const builder = imageBuilder()
  const image = builder.image({ layers: [1_000_000, 200_000] })
  const large = randomBytes(300_000)
  const path = `/v2/redirect/app/blobs/${digestOf(large)}`
  const wireTo = (host: string) =>
    createDockerWire({
      url: `http://${host}:${new URL(ground.server.url).port}`,
      authorization: `Basic ${Buffer.from(`AWS:${ground.password}`).toString('base64')}`,
    })

  before(async () => {
    store = await createStore('s3')
    ground = await provingGround({ env: { ...store.env, BERTH_BLOB_REDIRECT: 'on' } })
    await ground.createRepositories('redirect/app')
    const wire = wireTo('localhost')
    await wire.pushBlob('redirect/app', large, 'chunked')
    wire.close()
  })
  after(async () => {
    await ground?.close()
    await store?.dispose()
  })

  it('a GET leads to the store, where the bytes are, also for a range; a HEAD does not', async () => {
    const wire = wireTo('localhost')
    const { status, headers } = await wire.send('GET', path)
    assert.deepEqual([status, headers['docker-content-digest']], [307, digestOf(large)])
    const link = headers.location ?? ''
    assert.equal(new URL(link).hostname, '127.0.0.1')
    const answer = await fetch(link)
    assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(large))
    const part = await fetch(link, { headers: { range: 'bytes=10-19' } })
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(large.subarray(10, 20)))
    const head = await wire.send('HEAD', path)
    assert.deepEqual([head.status, head.headers['content-length']], [200, String(large.length)])
    const cached = await wire.send('GET', path, { 'If-None-Match': `"${digestOf(large)}"` })
    assert.equal(cached.status, 304)
    wire.close()
  })

  it('the bytes come from here for clients that repeat their credentials, and where the store has the host that was called', async () => {
    const localhost = wireTo('localhost')
    for (const agent of ['Wget/1.21.3', 'Apache-HttpClient/4.5.14 (Java/17)', 'Java-http-client/21']) {
      const { status, body } = await localhost.send('GET', path, { 'User-Agent': agent })
      assert.equal(status, 200, agent)
      assert.ok(body.equals(large))
    }
    localhost.close()
    const address = wireTo('127.0.0.1')
    assert.equal((await address.send('GET', path)).status, 200)
    address.close()
  })

  // crane has a guard of its own: it follows no link to a private address, such as that of a test.
  it('skopeo and oras push and pull through it, every byte the same', { skip: skopeo.skip || oras.skip }, async () => {
    const local = (name: string) => join(ground.folder, name)
    const remote = `${ground.server.host}/redirect/app`
    builder.writeLayout(local('layout'), { one: image })
    const user = `AWS:${ground.password}`
    const to = ['--dest-creds', user, '--dest-tls-verify=false']
    await succeed(skopeo, ['copy', ...to, `oci:${local('layout')}:one`, `docker://${remote}:one`])
    const from = ['--src-creds', user, '--src-tls-verify=false']
    await succeed(skopeo, ['copy', ...from, `docker://${remote}:one`, `oci:${local('skopeo')}:one`])
    assertSameLayout(builder, image, local('skopeo'))
    const plain = ['--from-plain-http', '--from-username', 'AWS', '--from-password', ground.password]
    await succeed(oras, ['copy', ...plain, '--to-oci-layout', `${remote}:one`, `${local('oras')}:one`])
    assertSameLayout(builder, image, local('oras'))
    assert.match(
      ground.server.log(),
      /"path":"\/v2\/redirect\/app\/blobs\/[^"]+","principal":"[^"]+","action":"[^"]+","repository":"[^"]+","status":307/,
    )
  })
})
