// The proxy's configuration, run by the real HAProxy with nothing changed but where it listens and where the nodes are. Behind it are real
// nodes for what clients see, and bare HTTP servers for what a node is sent.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CreateRepositoryCommand } from '@aws-sdk/client-ecr'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { deployFolder } from '../support/deployment.ts'
import { freePort } from '../support/free-port.ts'
import { digestOf, imageBuilder } from '../support/image-builder.ts'
import { startNodes, whyNoNodes } from '../support/nodes.ts'
import { plainHttp } from '../support/plain-http.ts'
import { dockerPassword, ecrClient } from '../support/proving-ground.ts'
import { rawRegistry } from '../support/raw-registry.ts'
import { type ServedRegistry, serve } from '../support/serve.ts'
import { succeed, tool } from '../support/tool.ts'
import { until } from '../support/until.ts'

const haproxy = tool('haproxy')
const curl = tool('curl')
const configuration = readFileSync(join(deployFolder, 'compose', 'haproxy.cfg'), 'utf8')

/** The configuration with another address, and nodes by their ports instead of their name. */
function configurationFor(port: number, nodes: number[]): string {
  const changes: [RegExp, string][] = [
    [/^ {2}bind :5000$/gm, `  bind 127.0.0.1:${port}`],
    [
      /^ {2}server-template node 16 berth:5000 (check) resolvers names init-addr none$/gm,
      nodes.map((node) => `  server node-${node} 127.0.0.1:${node} $1`).join('\n'),
    ],
  ]
  return changes.reduce((text, [from, to]) => {
    assert.equal(text.match(from)?.length, 1, `${from} in haproxy.cfg`)
    return text.replace(from, to)
  }, configuration)
}

async function startProxy(folder: string, port: number, nodes: number[]): Promise<Daemon> {
  const file = join(folder, `haproxy-${port}.cfg`)
  writeFileSync(file, configurationFor(port, nodes))
  await succeed(haproxy, ['-c', '-f', file])
  // Its answer while no node has passed its check is a 503: it is there.
  const probe = { program: curl, args: ['--silent', '--output', '/dev/null', `http://127.0.0.1:${port}/healthz`] }
  const daemon = await startDaemon(haproxy, ['-db', '-f', file], probe)
  if (typeof daemon === 'string') throw new Error(daemon)
  return daemon
}

const statusOf = (url: string) => fetch(url).then((answer) => answer.status)

describe('the proxy of the compose project', { skip: haproxy.skip || curl.skip }, () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-proxy-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('is a configuration that HAProxy accepts as it is, alone and with TLS', async () => {
    writeFileSync(join(folder, 'as-it-is.cfg'), configuration)
    await succeed(haproxy, ['-c', '-f', join(folder, 'as-it-is.cfg')])
    const openssl = tool('openssl')
    if (openssl.skip) return
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=registry']
    await succeed(openssl, ['req', '-x509', ...curve, '-days', '2', '-keyout', key, '-out', certificate])
    writeFileSync(join(folder, 'certificate.pem'), readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
    const tls = readFileSync(join(deployFolder, 'compose', 'haproxy.tls.cfg'), 'utf8')
    writeFileSync(join(folder, 'tls.cfg'), tls.replaceAll('/usr/local/etc/haproxy/', `${folder}/`))
    await succeed(haproxy, ['-c', '-f', join(folder, 'as-it-is.cfg'), '-f', join(folder, 'tls.cfg')])
  })

  describe('before real nodes', () => {
    let node: ServedRegistry
    let proxy: Daemon
    let url = ''
    before(async () => {
      const [port, nobody] = [await freePort(), await freePort()]
      url = `http://localhost:${port}`
      node = await serve({ args: ['--registry-host', `localhost:${port}`, '--trusted-proxies', '127.0.0.1'] })
      // One node of two is not there, as after a crash.
      proxy = await startProxy(folder, port, [nobody, Number(new URL(node.url).port)])
      await until('the proxy has found the node', async () => (await statusOf(`${url}/readyz`)) === 200)
    })
    after(async () => {
      await proxy?.stop()
      await node?.stop()
    })

    it('passes signed requests, pushes and pulls, also a layer of 96 MiB, past a node that is gone', async () => {
      const ecr = ecrClient({ ...node, url })
      await ecr.send(new CreateRepositoryCommand({ repositoryName: 'through/proxy' }))
      const raw = rawRegistry(url, await dockerPassword(ecr))
      const builder = imageBuilder()
      const image = builder.image({ layers: [builder.layer(100_000, 'none'), builder.layer(96 * 1024 * 1024, 'none')] })
      await raw.push('through/proxy', builder, image, 'v1')
      await raw.assertHolds('through/proxy', builder, image)
      raw.close()
      ecr.destroy()
    })

    it('tells a node whose request it is', async () => {
      const request = httpRequest(`${url}/v2/whose/manifests/one`, { localAddress: '127.0.0.7' })
      request.end()
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      answer.resume()
      const line = () =>
        node
          .log()
          .split('\n')
          .find((each) => each.includes('/v2/whose/'))
      await until('the node has logged it', () => line() !== undefined)
      assert.equal((JSON.parse(line() ?? '{}') as { client?: string }).client, '127.0.0.7')
    })

    it('does not show the metrics of a node to who comes through it', async () => {
      assert.equal(await statusOf(`${url}/metrics`), 404)
    })
  })

  describe('before two nodes of one installation', { skip: whyNoNodes() }, () => {
    it('answers every pull, and keeps every push, while one node after the other is stopped and started', async () => {
      const nodes = await startNodes()
      const port = await freePort()
      const url = `http://localhost:${port}`
      const ports = nodes.nodes.map((each) => Number(new URL(each.url).port))
      const proxy = await startProxy(folder, port, ports)
      const ecr = ecrClient({ ...nodes.at(), url } as Parameters<typeof ecrClient>[0])
      try {
        await until('the proxy has found a node', async () => (await statusOf(`${url}/readyz`)) === 200)
        await ecr.send(new CreateRepositoryCommand({ repositoryName: 'rolling/app' }))
        const raw = rawRegistry(url, await dockerPassword(ecr))
        const builder = imageBuilder()
        const image = builder.image({ layers: [200_000, 10] })
        await raw.push('rolling/app', builder, image, 'v1')

        let isOver = false
        let pulls = 0
        const pull = async () => {
          for (; !isOver; pulls++) await raw.assertHolds('rolling/app', builder, image)
        }
        const pushed: Buffer[] = []
        const push = async () => {
          while (!isOver) {
            const blob = randomBytes(50_000)
            // A node that goes may cut what changes something; the client, not the proxy, says it again.
            if ((await raw.pushBlob('rolling/app', blob)).status === 201) pushed.push(blob)
          }
        }
        const roll = async () => {
          for (const node of nodes.nodes) {
            const before = pulls
            await node.stop()
            await until('pulls went on without it', () => pulls > before + 3)
            await node.start()
            const again = statusOf.bind(undefined, `${node.url}/readyz`)
            await until('it is ready again', async () => (await again()) === 200)
          }
          isOver = true
        }
        await Promise.all([pull(), pull(), push(), roll()])
        assert.ok(pushed.length > 0)
        for (const blob of pushed) {
          const { status, body } = await raw.blob('rolling/app', digestOf(blob))
          assert.ok(status === 200 && body.equals(blob), `a blob that was acknowledged: ${status}`)
        }
        raw.close()
      } finally {
        ecr.destroy()
        await proxy.stop()
        await nodes.close()
      }
    })
  })

  describe('before servers that look at what they are sent', () => {
    type Handle = (request: IncomingMessage, response: ServerResponse) => void
    let handle: Handle
    const servers: Server[] = []
    let ready = [true, true]
    let proxy: Daemon
    let url = ''
    before(async () => {
      for (const index of [0, 1]) {
        const server = createServer((request, response) => {
          if (request.url === '/readyz') response.writeHead(ready[index] ? 200 : 503).end()
          else {
            response.setHeader('X-Node', String(index))
            handle(request, response)
          }
        })
        servers.push(server.listen(0, '127.0.0.1'))
        await once(server, 'listening')
      }
      const port = await freePort()
      url = `http://127.0.0.1:${port}`
      handle = (_request, response) => response.end()
      const ports = servers.map((server) => (server.address() as AddressInfo).port)
      proxy = await startProxy(folder, port, ports)
      await until('both nodes are in use', async () => (await nodesOf(12)).size === 2)
    })
    after(async () => {
      await proxy?.stop()
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    })
    /** Which nodes answer so many requests. */
    const nodesOf = async (requests: number) => {
      const nodes = new Set<string | null>()
      for (let i = 0; i < requests; i++) nodes.add((await fetch(`${url}/v2/`)).headers.get('x-node'))
      return nodes
    }

    it('passes the host, the path and the query as they came, and who asked', async () => {
      let seen: IncomingMessage | undefined
      handle = (request, response) => {
        seen = request
        response.end()
      }
      const http = plainHttp(url)
      const target = '/v2/a%2fb/../c//d/blobs/uploads/?digest=sha256%3Aab&n=%41&empty='
      const headers = { host: '123456789012.dkr.ecr.us-east-1.example.com', 'x-forwarded-for': '203.0.113.9' }
      await http.send('GET', target, { headers })
      http.close()
      assert.equal(seen?.url, target)
      assert.equal(seen?.headers.host, headers.host)
      assert.equal(seen?.headers['x-forwarded-proto'], 'http')
      assert.match(String(seen?.headers['x-forwarded-for']), /(^|, )127\.0\.0\.1$/, 'the last one is ours')
    })

    it('sends a body on while it comes, in both directions', async () => {
      const started = Promise.withResolvers<void>()
      let received = 0
      const hash = createHash('sha256')
      handle = (request, response) => {
        request.on('data', (chunk: Buffer) => {
          received += chunk.length
          hash.update(chunk)
          started.resolve()
        })
        request.once('end', () => response.end(hash.digest('hex')))
        // Before the end of the request: docker reads headers early.
        response.writeHead(202)
        response.flushHeaders()
      }
      const parts = Array.from({ length: 16 }, () => randomBytes(2 * 1024 * 1024))
      const request = httpRequest(`${url}/v2/a/blobs/uploads/1`, { method: 'PATCH' })
      const answered = once(request, 'response') as Promise<[IncomingMessage]>
      request.write(parts[0])
      await started.promise
      assert.ok(received > 0, 'the node has bytes of a request that has not ended')
      const [response] = await answered
      assert.equal(response.statusCode, 202)
      for (const part of parts.slice(1)) request.write(part)
      request.end()
      let digest = ''
      for await (const chunk of response) digest += chunk
      assert.equal(digest, createHash('sha256').update(Buffer.concat(parts)).digest('hex'))
    })

    it('asks once more when a node drops what only reads, and never when it may have changed something', async () => {
      for (const [method, expected] of [
        ['GET', [200, 2]],
        ['HEAD', [200, 2]],
        ['POST', [502, 1]],
        ['PATCH', [502, 1]],
        ['PUT', [502, 1]],
        ['DELETE', [502, 1]],
      ] as const) {
        let asked = 0
        handle = (request, response) => {
          asked++
          if (asked === 1) request.socket.destroy()
          else response.end()
        }
        const http = plainHttp(url)
        const { status } = await http.send(method, '/v2/a/blobs/uploads/')
        http.close()
        assert.deepEqual([status, asked], expected, method)
      }
    })

    it('sends nothing to a node that is not ready, and uses it again when it is', async () => {
      handle = (_request, response) => response.end()
      ready = [false, true]
      await until('the first node is left out', async () => !(await nodesOf(6)).has('0'))
      assert.deepEqual(await nodesOf(20), new Set(['1']))
      ready = [true, true]
      await until('both are in use', async () => (await nodesOf(12)).size === 2)
    })
  })
})
