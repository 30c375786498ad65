// A real S3 server for a test: versitygw over a folder, on a free port of this machine, with random keys. What it keeps goes with the test.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { succeed, type Tool, tool } from './tool.ts'
import { until } from './until.ts'

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
}

export interface S3Server {
  port: number
  /** `http://127.0.0.1:<port>` */
  endpoint: string
  region: string
  /** Of a user who may do everything. */
  credentials: S3Credentials
  /** Buckets are its folders, objects the files below them. */
  folder: string
  makeBucket(name: string): Promise<void>
  /** Somebody who may do nothing until a bucket's policy says otherwise. */
  addUser(): Promise<S3Credentials>
  /** Allows the actions to that user, in the bucket and on its objects; replaces what was allowed before. */
  allow(bucket: string, user: S3Credentials, actions: readonly string[]): Promise<void>
  /** What `BERTH_BLOB_STORE` says for a bucket here; `through` is the port of a proxy before it. */
  url(bucket: string, prefix?: string, through?: number): string
  /** SIGKILL and wait; what it stored stays. */
  kill(): Promise<void>
  /** After `kill`: on the same port, with what was stored. */
  start(): Promise<void>
  pause(): void
  resume(): void
  stop(): Promise<void>
}

const region = 'us-east-1'
let gateway: Tool | undefined

/** For node:test's `skip`: false, or why there is no S3 server on this machine. Said aloud once. */
export function whyNoS3Server(): string | false {
  gateway ??= tool('versitygw')
  return gateway.skip
}

export async function startS3Server(): Promise<S3Server> {
  const reason = whyNoS3Server()
  if (reason !== false || !gateway) throw new Error(reason || 'no S3 server')
  const { path } = gateway
  const home = await mkdtemp(join(tmpdir(), 'berth-s3-'))
  const [folder, users] = [join(home, 'buckets'), join(home, 'users')]
  for (const made of [folder, users]) await mkdir(made)
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const credentials = randomCredentials()
  let child: ChildProcess | undefined
  let output = ''

  async function start(): Promise<void> {
    const own = [`--port=127.0.0.1:${port}`, `--region=${region}`, '--keep-alive', '--quiet']
    const started = spawn(path, [...own, `--iam-dir=${users}`, '--iam-cache-disable', 'posix', folder], {
      env: {
        PATH: process.env.PATH,
        ROOT_ACCESS_KEY_ID: credentials.accessKeyId,
        ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000)
      })
    }
    await until('the S3 server listens', async () => {
      if (started.exitCode !== null) throw new Error(`versitygw ended with ${started.exitCode}: ${output}`)
      return isListening(port)
    })
    // It ends with the process; it does not keep it.
    started.unref()
    for (const stream of [started.stdout, started.stderr]) if (stream instanceof Socket) stream.unref()
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    ending.ref()
    const exited = once(ending, 'exit')
    ending.kill(signal)
    // One that is paused hears of it only then.
    ending.kill('SIGCONT')
    await exited
  }

  const admin = (...args: string[]) =>
    succeed(path, [
      'admin',
      `--access=${credentials.accessKeyId}`,
      `--secret=${credentials.secretAccessKey}`,
      `--endpoint-url=${endpoint}`,
      ...args,
    ])

  const abandon = () => {
    child?.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true, maxRetries: 3 })
  }
  process.once('exit', abandon)
  await start()
  return {
    port,
    endpoint,
    region,
    credentials,
    folder,
    start,
    async makeBucket(name) {
      const { S3Client, CreateBucketCommand } = await import('@aws-sdk/client-s3')
      const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
      await client.send(new CreateBucketCommand({ Bucket: name }))
      client.destroy()
      await access(join(folder, name))
    },
    async addUser() {
      const user = randomCredentials()
      await admin('create-user', `--access=${user.accessKeyId}`, `--secret=${user.secretAccessKey}`, '--role=user')
      return user
    },
    async allow(bucket, user, actions) {
      const { S3Client, PutBucketPolicyCommand } = await import('@aws-sdk/client-s3')
      const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
      const ofBucket = ['s3:ListBucket', 's3:ListBucketMultipartUploads']
      const statement = (resource: string, allowed: readonly string[]) =>
        allowed.length === 0
          ? []
          : [{ Effect: 'Allow', Principal: { AWS: [user.accessKeyId] }, Action: allowed, Resource: [resource] }]
      const policy = {
        Version: '2012-10-17',
        Statement: [
          ...statement(
            `arn:aws:s3:::${bucket}`,
            actions.filter((action) => ofBucket.includes(action)),
          ),
          ...statement(
            `arn:aws:s3:::${bucket}/*`,
            actions.filter((action) => !ofBucket.includes(action)),
          ),
        ],
      }
      await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }))
      client.destroy()
    },
    url: (bucket, prefix = '', through = port) =>
      `s3://${bucket}/${prefix}?region=${region}&endpoint=http://127.0.0.1:${through}&pathStyle=true`,
    kill: () => end('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async stop() {
      await end('SIGTERM')
      process.off('exit', abandon)
      await rm(home, { recursive: true, force: true })
    },
  }
}

function randomCredentials(): S3Credentials {
  return { accessKeyId: `key${randomBytes(8).toString('hex')}`, secretAccessKey: randomBytes(20).toString('hex') }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
