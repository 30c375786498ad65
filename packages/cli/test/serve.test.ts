// What an operator sees: the life of a server, and each way in which it cannot start.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateRepositoryCommand,
  DescribeRegistryCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
} from '@aws-sdk/client-ecr'
import { type Outcome, run, start, temporaryFolder } from './berth.ts'

/** Most of a test is the start of a process. */
const twoAtOnce = { concurrency: 2 }
const onAnyPort = ['--listen', '127.0.0.1:0']
const goodKey = {
  BERTH_BOOTSTRAP_ACCESS_KEY_ID: 'AKIAB7C2D9E4F6G8H1J3',
  BERTH_BOOTSTRAP_SECRET_ACCESS_KEY: 'Zk3v9Qm1tRx7Lp2sYw8nBc4hJd6gFa0eUiOq',
}
const ring = () => randomBytes(32).toString('base64')

/** One clear sentence and a way out, and no stack; on standard output at most the first key, which no later start would show. */
function refusedToStart(outcome: Outcome, says: RegExp): void {
  assert.equal(outcome.code, 1, outcome.stdout + outcome.stderr)
  assert.match(outcome.stderr, says)
  assert.equal(outcome.stderr.trimEnd().split('\n').length, 2, outcome.stderr)
  assert.doesNotMatch(outcome.stderr, /\n\s+at |StartError/)
  assert.match(outcome.stdout, /^(?:\nThe first administrator's access key, shown this once .*:\n(?: {2}.*\n){2})?$/)
}

interface Credentials {
  accessKeyId: string
  secretAccessKey: string
}

async function credentialsIn(dataDir: string): Promise<Credentials> {
  const text = await readFile(join(dataDir, 'credentials'), 'utf8')
  const read = (name: string) =>
    new RegExp(`^${name}\\s*=\\s*(\\S+)$`, 'm').exec(text)?.[1] ?? assert.fail(`${name} is not in ${text}`)
  assert.match(text, /^\[default\]$/m)
  return { accessKeyId: read('aws_access_key_id'), secretAccessKey: read('aws_secret_access_key') }
}

function client(endpoint: string, credentials: Credentials, region = 'us-east-1'): ECRClient {
  return new ECRClient({ endpoint, region, credentials, maxAttempts: 1 })
}

async function registryIdAt(url: string, credentials: Credentials): Promise<string | undefined> {
  return (await client(url, credentials).send(new DescribeRegistryCommand({}))).registryId
}

async function answer(request: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', resolve).once('error', reject)
  return promise
}

/** A blob upload that has sent half of its bytes, and what it must still send. */
async function halfUploaded(url: string, credentials: Credentials) {
  const ecr = client(url, credentials)
  await ecr.send(new CreateRepositoryCommand({ repositoryName: 'hello' }))
  const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}))
  const authorization = `Basic ${authorizationData?.[0]?.authorizationToken}`
  const begun = await fetch(`${url}/v2/hello/blobs/uploads/`, { method: 'POST', headers: { authorization } })
  assert.equal(begun.status, 202, await begun.text())
  const upload = httpRequest(new URL(begun.headers.get('location') ?? '', url), {
    method: 'PATCH',
    agent: false,
    headers: { authorization, 'content-length': 2000, 'content-type': 'application/octet-stream' },
  })
  upload.on('error', () => undefined)
  upload.write(Buffer.alloc(1000))
  await sleep(200)
  return { upload, finish: () => upload.end(Buffer.alloc(1000)) }
}

describe('the first start', twoAtOnce, () => {
  it('makes the store, and says within two seconds of work where it listens, the key, and five lines to paste', async (t) => {
    const folder = await temporaryFolder(t)
    // What it costs, not how long it took: the machine may have other things to do. On an idle one both are the same.
    const first = start(t, ['serve', ...onAnyPort, '--data-dir', join(folder, 'first')])
    const startedAt = performance.now()
    await first.listening()
    const wallMs = performance.now() - startedAt
    const seconds = await first.processorSeconds()
    t.diagnostic(`listening after ${wallMs.toFixed(0)} ms and ${seconds} s of the processor`)
    assert.ok(seconds < 2, `${seconds} s of the processor`)
    await first.stop()

    const dataDir = join(folder, 'new', 'data')
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await berth.listening()
    assert.match(url, /^http:\/\/localhost:\d+$/)
    const credentials = await credentialsIn(dataDir)
    assert.ok(berth.stdout.includes(credentials.accessKeyId) && berth.stdout.includes(credentials.secretAccessKey))
    assert.ok(berth.stdout.includes(join(dataDir, 'credentials')))
    for (const file of ['credentials', 'master-key'])
      assert.equal((await stat(join(dataDir, file))).mode & 0o777, 0o600, file)
    assert.equal((await stat(dataDir)).mode & 0o077, 0, 'the data directory is closed to others')
    assert.equal(await registryIdAt(url, credentials), '123456789012')

    const pasted = /paste:\n((?: {2}.*\n){5})$/
      .exec(berth.stdout)?.[1]
      ?.split('\n')
      .map((line) => line.trim())
    const host = new URL(url).host
    assert.match(pasted?.[0] ?? '', /^eval "\$\(.* env --data-dir .*\)"$/)
    assert.deepEqual(pasted?.slice(1, 3), [
      'aws ecr create-repository --repository-name hello',
      `aws ecr get-login-password | docker login --username AWS --password-stdin ${host}`,
    ])
    const seen = JSON.parse(
      execFileSync('sh', ['-c', `${pasted?.[0]}\n'${process.execPath}' -p 'JSON.stringify(process.env)'`], {
        cwd: '/',
        encoding: 'utf8',
      }),
    )
    assert.deepEqual(
      [seen.AWS_ENDPOINT_URL_ECR, seen.AWS_ACCESS_KEY_ID, seen.AWS_SECRET_ACCESS_KEY, seen.AWS_REGION],
      [url, credentials.accessKeyId, credentials.secretAccessKey, 'us-east-1'],
    )
    const { code, stderr } = await berth.stop()
    assert.equal(code, 0, stderr)
  })

  it('is the only one that shows the key; the store is the same at the next', async (t) => {
    const dataDir = await temporaryFolder(t)
    const first = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const { secretAccessKey, accessKeyId } = await credentialsIn(await first.listening().then(() => dataDir))
    await client(await first.listening(), { accessKeyId, secretAccessKey }).send(
      new CreateRepositoryCommand({ repositoryName: 'kept' }),
    )
    assert.equal((await first.stop()).code, 0)
    assert.ok(!existsSync(join(dataDir, 'address')), 'the address is withdrawn')

    const second = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await second.listening()
    assert.ok(!second.stdout.includes(secretAccessKey) && !second.stderr.includes(secretAccessKey))
    const { repositories } = await client(url, { accessKeyId, secretAccessKey }).send(
      new DescribeRepositoriesCommand({}),
    )
    assert.deepEqual(
      repositories?.map((repository) => repository.repositoryName),
      ['kept'],
    )
    assert.equal((await second.stop('SIGINT')).code, 0)
  })

  it('takes the account, region, registry host and key that are given, and does not repeat the secret', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(
      t,
      [
        'serve',
        ...onAnyPort,
        '--data-dir',
        dataDir,
        '--region',
        'eu-west-1',
        '--registry-host',
        'https://{account}.dkr.ecr.{region}.example.com',
      ],
      {
        env: { ...goodKey, BERTH_ACCOUNT_ID: '210987654321' },
      },
    )
    const url = await berth.listening()
    const credentials = {
      accessKeyId: goodKey.BERTH_BOOTSTRAP_ACCESS_KEY_ID,
      secretAccessKey: goodKey.BERTH_BOOTSTRAP_SECRET_ACCESS_KEY,
    }
    const ecr = client(url, credentials, 'eu-west-1')
    const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName: 'hello' }))
    assert.equal(repository?.repositoryUri, '210987654321.dkr.ecr.eu-west-1.example.com/hello')
    const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({}))
    assert.equal(authorizationData?.[0]?.proxyEndpoint, 'https://210987654321.dkr.ecr.eu-west-1.example.com')
    assert.match(berth.stdout, /docker pull 210987654321\.dkr\.ecr\.eu-west-1\.example\.com\/hello\n$/)
    assert.match(berth.stdout, /env --data-dir \S+ --region eu-west-1\)"/)
    assert.ok(!(berth.stdout + berth.stderr).includes(credentials.secretAccessKey))
    assert.ok(berth.stdout.includes(credentials.accessKeyId))
    assert.equal((await berth.stop()).code, 0)
  })

  it('with a master key of the operator writes none', async (t) => {
    const dataDir = await temporaryFolder(t)
    const env = { BERTH_MASTER_KEY: ring() }
    const first = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir], { env })
    await first.listening()
    assert.ok(!existsSync(join(dataDir, 'master-key')))
    assert.equal((await first.stop()).code, 0)
    const rotated = { BERTH_MASTER_KEY: `new:${ring()} default:${env.BERTH_MASTER_KEY}` }
    const second = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir], { env: rotated })
    assert.equal(await registryIdAt(await second.listening(), await credentialsIn(dataDir)), '123456789012')
    assert.equal((await second.stop()).code, 0)
  })
})

describe('the end', twoAtOnce, () => {
  it('by SIGTERM lets a push finish, takes no new connection, and is a success', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await berth.listening()
    const { upload, finish } = await halfUploaded(url, await credentialsIn(dataDir))
    const response = answer(upload)
    berth.process.kill('SIGTERM')
    await sleep(300)
    await assert.rejects(answer(httpRequest(`${url}/v2/`, { agent: false }).end()), /ECONNREFUSED/)
    assert.equal(berth.process.exitCode, null, 'it ended before the push did')
    finish()
    assert.ok(((await response).statusCode ?? 0) < 300)
    ;(await response).resume()
    const { code, stdout, stderr } = await berth.ended
    assert.equal(code, 0, stderr)
    assert.match(stdout, /\nStopping: /)
  })

  it('does not wait for idle connections', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await berth.listening()
    await (await fetch(`${url}/healthz`)).text()
    const startedAt = performance.now()
    assert.equal((await berth.stop()).code, 0)
    assert.ok(performance.now() - startedAt < 3000)
  })

  it('by one Ctrl-C under npm, which arrives twice, lets a push finish', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const { upload, finish } = await halfUploaded(await berth.listening(), await credentialsIn(dataDir))
    const response = answer(upload)
    berth.process.kill('SIGINT')
    await sleep(50)
    berth.process.kill('SIGINT')
    await sleep(100)
    finish()
    assert.ok(((await response).statusCode ?? 0) < 300)
    ;(await response).resume()
    assert.equal((await berth.ended).code, 0)
  })

  it('by a second signal comes at once', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const { upload } = await halfUploaded(await berth.listening(), await credentialsIn(dataDir))
    berth.process.kill('SIGINT')
    await sleep(800)
    assert.equal(berth.process.exitCode, null)
    const startedAt = performance.now()
    assert.equal((await berth.stop('SIGINT')).code, 130)
    assert.ok(performance.now() - startedAt < 3000)
    upload.destroy()
  })

  it('by SIGKILL leaves a store that starts again', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const credentials = await credentialsIn(await berth.listening().then(() => dataDir))
    const { upload } = await halfUploaded(await berth.listening(), credentials)
    await berth.stop('SIGKILL')
    upload.destroy()
    const again = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const { repositories } = await client(await again.listening(), credentials).send(
      new DescribeRepositoriesCommand({}),
    )
    assert.equal(repositories?.[0]?.repositoryName, 'hello')
    assert.equal((await again.stop()).code, 0)
  })

  it('does not come when nobody reads its output any more', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await berth.listening()
    berth.process.stdout.destroy()
    berth.process.stderr.destroy()
    for (let n = 0; n < 3; n++) {
      await (await fetch(`${url}/v2/`)).text()
      await sleep(150)
    }
    assert.equal(berth.process.exitCode, null)
    berth.process.kill('SIGTERM')
    assert.equal((await berth.ended).code, 0)
  })
})

describe('a start is refused', twoAtOnce, () => {
  it('on a port that is taken, and leaves nothing behind that hinders the next', async (t) => {
    const dataDir = await temporaryFolder(t)
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    t.after(() => other.close())
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : undefined
    refusedToStart(
      await run(['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', dataDir]),
      new RegExp(`^127\\.0\\.0\\.1:${port} is taken by another process\\..*\nGive another port, such as --listen `),
    )
    const next = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    await next.listening()
    assert.equal((await next.stop()).code, 0)
  })

  it('on an address of another machine', async (t) => {
    const args = ['serve', '--listen', '192.0.2.1:5000', '--insecure-http', '--data-dir', await temporaryFolder(t)]
    refusedToStart(await run(args, { env: goodKey }), /^192\.0\.2\.1:5000 is not an address of this machine\./)
  })

  it('when the data directory is a file, or below one', async (t) => {
    const file = join(await temporaryFolder(t), 'file')
    await writeFile(file, '')
    for (const dataDir of [file, join(file, 'data')]) {
      refusedToStart(
        await run(['serve', ...onAnyPort, '--data-dir', dataDir]),
        /file.* is not a folder.*\n.*--data-dir/,
      )
    }
  })

  it('when the data directory may not be written', async (t) => {
    // Root may write everywhere, so the command runs as `nobody`.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined
    const folder = await temporaryFolder(t)
    await chmod(folder, 0o555)
    for (const dataDir of [folder, join(folder, 'data')]) {
      refusedToStart(
        await run(['serve', ...onAnyPort, '--data-dir', dataDir], { uid }),
        /may not be written by this user.*\n.*--data-dir/,
      )
    }
  })

  it('where a file system has no place for it', {
    skip: !existsSync('/proc/self') && 'there is no /proc',
  }, async () => {
    const outcome = await run(['serve', ...onAnyPort, '--data-dir', '/proc/berth/data'])
    refusedToStart(outcome, /^\/proc\/berth cannot be made \(ENOENT\)\.\n.*--data-dir/)
  })

  it('while another process has the store open, which goes on', async (t) => {
    const dataDir = await temporaryFolder(t)
    const first = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await first.listening()
    refusedToStart(await run(['serve', ...onAnyPort, '--data-dir', dataDir]), /another/)
    refusedToStart(await run(['init', '--data-dir', dataDir]), /initialised|another/)
    assert.equal(await readFile(join(dataDir, 'address'), 'utf8'), `${url}\n`)
    assert.equal(await registryIdAt(url, await credentialsIn(dataDir)), '123456789012')
    assert.equal((await first.stop()).code, 0)
  })

  it('with another master key, or without it', async (t) => {
    const dataDir = await temporaryFolder(t)
    assert.equal((await run(['init', '--data-dir', dataDir])).code, 0)
    const args = ['serve', ...onAnyPort, '--data-dir', dataDir]
    refusedToStart(await run(args, { env: { BERTH_MASTER_KEY: ring() } }), /master key/i)
    const path = join(dataDir, 'master-key')
    const text = await readFile(path, 'utf8')
    await chmod(path, 0o644)
    refusedToStart(await run(args), /others than its owner \(mode 644\)\.\nRun: chmod 600/)
    await rm(path)
    refusedToStart(await run(args), /its master key .*master-key is gone/)
    assert.ok(!existsSync(path), 'no new key was made')
    await writeFile(path, text, { mode: 0o600 })
    const berth = start(t, args)
    await berth.listening()
    assert.equal((await berth.stop()).code, 0)
  })

  it('on data that a newer version made, and does not touch it', async (t) => {
    const dataDir = await temporaryFolder(t)
    assert.equal((await run(['init', '--data-dir', dataDir])).code, 0)
    const database = new DatabaseSync(join(dataDir, 'berth.db'))
    database.exec("UPDATE meta SET value = '9999' WHERE key IN ('schema_version', 'schema_oldest_reader')")
    database.close()
    refusedToStart(await run(['serve', ...onAnyPort, '--data-dir', dataDir]), /newer Berth.*9999/)
    const after = new DatabaseSync(join(dataDir, 'berth.db'), { readOnly: true })
    assert.equal(after.prepare("SELECT value FROM meta WHERE key = 'schema_version'").get()?.value, '9999')
    after.close()
  })

  it('on a database that is none', async (t) => {
    const dataDir = await temporaryFolder(t)
    assert.equal((await run(['init', '--data-dir', dataDir])).code, 0)
    for (const file of await readdir(dataDir)) if (/^berth\.db-/.test(file)) await rm(join(dataDir, file))
    await writeFile(join(dataDir, 'berth.db'), randomBytes(8192))
    refusedToStart(await run(['serve', ...onAnyPort, '--data-dir', dataDir]), /berth\.db cannot be opened/)
  })

  it('uninitialised on an address that others can reach', async (t) => {
    const dataDir = await temporaryFolder(t)
    const args = [
      'serve',
      '--listen',
      '0.0.0.0:0',
      '--insecure-http',
      '--registry-host',
      'localhost:5000',
      '--data-dir',
      dataDir,
    ]
    refusedToStart(await run(args), /^There is no store in .* yet\.\nRun `berth init` first/)
    assert.equal((await run(['init', '--data-dir', dataDir])).code, 0)
    const berth = start(t, args)
    await berth.listening()
    assert.equal((await berth.stop()).code, 0)
  })

  it('with TLS files that are none', async (t) => {
    const dataDir = await temporaryFolder(t)
    const file = join(dataDir, 'cert.pem')
    await writeFile(file, 'not PEM')
    const args = ['serve', ...onAnyPort, '--data-dir', join(dataDir, 'data'), '--tls-cert', file, '--tls-key', file]
    refusedToStart(await run(args), /cert\.pem/)
  })
})

describe('addresses that others can reach', twoAtOnce, () => {
  it('are served when a key is given to begin with', async (t) => {
    const dataDir = await temporaryFolder(t)
    const args = [
      'serve',
      '--listen',
      '0.0.0.0:0',
      '--insecure-http',
      '--registry-host',
      'registry.example.com',
      '--data-dir',
      dataDir,
    ]
    const berth = start(t, args, { env: goodKey })
    const { port } = new URL(await berth.listening())
    const credentials = {
      accessKeyId: goodKey.BERTH_BOOTSTRAP_ACCESS_KEY_ID,
      secretAccessKey: goodKey.BERTH_BOOTSTRAP_SECRET_ACCESS_KEY,
    }
    assert.equal(await registryIdAt(`http://127.0.0.1:${port}`, credentials), '123456789012')
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 404, 'metrics are not public')
    assert.equal((await berth.stop()).code, 0)
  })

  it('are served by TLS', async (t) => {
    const folder = await temporaryFolder(t)
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    try {
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-days',
          '1',
          '-subj',
          '/CN=localhost',
          '-addext',
          'subjectAltName=DNS:localhost',
          '-keyout',
          key,
          '-out',
          cert,
        ],
        { stdio: 'ignore' },
      )
    } catch {
      return t.skip('there is no openssl on this machine')
    }
    const berth = start(t, [
      'serve',
      ...onAnyPort,
      '--data-dir',
      join(folder, 'data'),
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    ])
    const url = await berth.listening()
    assert.match(url, /^https:\/\/localhost:\d+$/)
    const response = await answer(httpsRequest(`${url}/healthz`, { ca: await readFile(cert), agent: false }).end())
    response.resume()
    assert.equal(response.statusCode, 200)
    assert.equal((await berth.stop()).code, 0)
  })
})

describe('metrics', () => {
  it('are on the main listener on loopback, or on their own', async (t) => {
    const dataDir = await temporaryFolder(t)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    assert.equal((await fetch(`${await berth.listening()}/metrics`)).status, 200)
    assert.equal((await berth.stop()).code, 0)
    const port = 20_000 + (process.pid % 20_000)
    const other = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir, '--metrics-listen', `127.0.0.1:${port}`])
    const url = await other.listening()
    assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`)).status, 200)
    assert.equal((await fetch(`${url}/metrics`)).status, 404)
    assert.equal((await other.stop()).code, 0)
  })
})

describe('init', () => {
  it('makes the store and shows the key once; a second one is refused', async (t) => {
    const dataDir = join(await temporaryFolder(t), 'data')
    const first = await run(['init', '--data-dir', dataDir, '--account-id', '210987654321'])
    assert.deepEqual([first.code, first.stderr], [0, ''])
    const credentials = await credentialsIn(dataDir)
    assert.ok(first.stdout.includes(credentials.accessKeyId) && first.stdout.includes(credentials.secretAccessKey))
    refusedToStart(await run(['init', '--data-dir', dataDir]), /initialised already|already .*initialised/i)
    assert.deepEqual(await credentialsIn(dataDir), credentials)
    const berth = start(t, ['serve', ...onAnyPort, '--data-dir', dataDir])
    const url = await berth.listening()
    assert.ok(!berth.stdout.includes(credentials.secretAccessKey))
    assert.equal(await registryIdAt(url, credentials), '210987654321')
    assert.equal((await berth.stop()).code, 0)
  })
})

describe('--dev', twoAtOnce, () => {
  const test = { accessKeyId: 'test', secretAccessKey: 'test' }

  it('serves account 000000000000 to test/test from a store that is gone afterwards', async (t) => {
    const berth = start(t, ['serve', '--dev', ...onAnyPort])
    const url = await berth.listening()
    assert.match(berth.stdout, /^Development mode, for tests only/m)
    assert.equal(await registryIdAt(url, test), '000000000000')
    await assert.rejects(registryIdAt(url, { accessKeyId: 'test', secretAccessKey: 'guess' }), /signature/i)
    const dataDir = /kept in (\S+)\/credentials/.exec(berth.stdout)?.[1] ?? ''
    assert.equal(dirname(dataDir), tmpdir())
    assert.ok(existsSync(dataDir))
    assert.equal((await berth.stop()).code, 0)
    assert.ok(!existsSync(dataDir))
  })

  it('removes its store also when it cannot start', async (t) => {
    const temporary = await temporaryFolder(t)
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    t.after(() => other.close())
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const outcome = await run(['serve', '--dev', '--listen', `127.0.0.1:${port}`], { env: { TMPDIR: temporary } })
    refusedToStart(outcome, /is taken by another process/)
    assert.deepEqual(await readdir(temporary), [])
  })

  it('keeps a store that is given, and the two kinds of store are not mixed', async (t) => {
    const folder = await temporaryFolder(t)
    const [development, production] = [join(folder, 'development'), join(folder, 'production')]
    await mkdir(development)
    const berth = start(t, ['serve', '--dev', ...onAnyPort, '--data-dir', development])
    assert.equal(await registryIdAt(await berth.listening(), test), '000000000000')
    assert.equal((await berth.stop()).code, 0)
    const again = start(t, ['serve', '--dev', ...onAnyPort, '--data-dir', development])
    assert.equal(await registryIdAt(await again.listening(), test), '000000000000')
    assert.equal((await again.stop()).code, 0)
    refusedToStart(await run(['serve', ...onAnyPort, '--data-dir', development]), /--dev/)
    assert.equal((await run(['init', '--data-dir', production])).code, 0)
    refusedToStart(await run(['serve', '--dev', ...onAnyPort, '--data-dir', production]), /--dev/)
  })
})
