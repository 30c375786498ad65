// berth explain, as an operator reads it: a server of its own, policies written by Amazon's client.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  AttachUserPolicyCommand,
  CreatePolicyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import { readCredentials } from '@berth/server/data-dir-files.ts'
import { Berth, run } from './berth.ts'

const repository = 'arn:aws:ecr:us-east-1:123456789012:repository/app'
const alice = 'arn:aws:iam::123456789012:user/alice'
const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })

let dataDir: string
let server: Berth
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'berth-cli-'))
  server = new Berth(['serve', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--account-id', '123456789012'])
  const endpoint = await server.listening()
  const credentials = await readCredentials({ dataDir })
  assert.ok(credentials)
  const iam = new IAMClient({ endpoint, region: 'us-east-1', credentials })
  await iam.send(new CreateUserCommand({ UserName: 'alice' }))
  await iam.send(
    new PutUserPolicyCommand({
      UserName: 'alice',
      PolicyName: 'own',
      PolicyDocument: policy(
        { Sid: 'Pull', Effect: 'Allow', Action: 'ecr:BatchGetImage', Resource: repository },
        { Effect: 'Deny', Action: 'ecr:DeleteRepository', Resource: '*' },
        {
          Effect: 'Allow',
          Action: 'ecr:ListImages',
          Resource: '*',
          Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
        },
      ),
    }),
  )
  await iam.send(
    new AttachUserPolicyCommand({
      UserName: 'alice',
      PolicyArn: 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly',
    }),
  )
  await iam.send(new CreateUserCommand({ UserName: 'bound' }))
  const made = await iam.send(
    new CreatePolicyCommand({
      PolicyName: 'edge',
      PolicyDocument: policy({ Effect: 'Allow', Action: 'ecr:Get*', Resource: '*' }),
    }),
  )
  await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: 'bound', PermissionsBoundary: made.Policy?.Arn }))
  await iam.send(
    new AttachUserPolicyCommand({ UserName: 'bound', PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess' }),
  )
  iam.destroy()
})
after(async () => {
  await server?.stop()
  await rm(dataDir, { recursive: true, force: true })
})

const explain = (...args: string[]) => run(['explain', '--data-dir', dataDir, ...args])

describe('berth explain', () => {
  it('says what allows, and every statement that matches', async () => {
    const { code, stdout, stderr } = await explain(
      ...['--principal', alice, '--action', 'ecr:BatchGetImage', '--resource', repository],
    )
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n'), [
      `ALLOWED  ecr:BatchGetImage on ${repository}`,
      '  Allowed by the identity policy user_alice_own, statement 1 ("Pull").',
      '  Statements that match:',
      '    Allow  inline policy of the user user_alice_own, statement 1 ("Pull")',
      '    Allow  managed policy of AWS AmazonEC2ContainerRegistryPullOnly, statement 1',
      '',
    ])
  })

  it('says what denies, and what is missing when nothing allows', async () => {
    const { code, stdout } = await explain(
      ...['--principal', alice, '--action', 'ecr:DeleteRepository', 'ecr:PutImage', '--resource', repository],
    )
    assert.equal(code, 0)
    assert.deepEqual(stdout.split('\n'), [
      `DENIED  ecr:DeleteRepository on ${repository}`,
      '  Denied by the identity policy user_alice_own, statement 2. A Deny wins over every Allow.',
      '  Statements that match:',
      '    Deny   inline policy of the user user_alice_own, statement 2',
      '',
      `DENIED  ecr:PutImage on ${repository}`,
      `  Nothing allows it: a policy of ${alice} must allow ecr:PutImage on ${repository}.`,
      '  No statement matches.',
      '',
    ])
  })

  it('asks for what a condition wants to know, and takes it', async () => {
    const args = ['--principal', alice, '--action', 'ecr:ListImages', '--resource', repository]
    const open = await explain(...args)
    assert.match(open.stdout, /^DENIED {2}/)
    assert.match(
      open.stdout,
      /\n {2}A condition asks for aws:SourceIp, which is not known: --context aws:SourceIp=<value>\n/,
    )
    assert.match((await explain(...args, '--context', 'aws:SourceIp=10.1.2.3')).stdout, /^ALLOWED {2}/)
    assert.match((await explain(...args, '--context', 'aws:sourceip=192.0.2.1')).stdout, /^DENIED {2}/)
  })

  it('names the boundary', async () => {
    const principal = 'arn:aws:iam::123456789012:user/bound'
    const { stdout } = await explain(
      ...['--principal', principal, '--action', 'ecr:PutImage', '--resource', repository],
    )
    assert.equal(
      stdout.split('\n')[1],
      `  The permissions boundary of ${principal} does not allow it: one of its statements must allow ecr:PutImage on ${repository}.`,
    )
  })

  it('prints JSON', async () => {
    const { stdout } = await explain(
      '--principal',
      alice,
      '--action',
      'ecr:BatchGetImage',
      '--resource',
      repository,
      '--json',
    )
    assert.deepEqual(JSON.parse(stdout), [
      {
        action: 'ecr:BatchGetImage',
        resource: repository,
        decision: 'allowed',
        decidedBy: { kind: 'identity', policy: 'user_alice_own', index: 0, sid: 'Pull' },
        matched: [
          { effect: 'Allow', source: 'user', policy: 'user_alice_own', index: 0, sid: 'Pull' },
          { effect: 'Allow', source: 'aws-managed', policy: 'AmazonEC2ContainerRegistryPullOnly', index: 0 },
        ],
        missingContext: [],
      },
    ])
  })

  it('takes keys and server from the environment', async () => {
    const credentials = await readCredentials({ dataDir })
    const endpoint = await server.listening()
    const args = ['explain', '--principal', alice, '--action', 'ecr:BatchGetImage', '--resource', repository]
    const env = {
      AWS_ENDPOINT_URL_IAM: endpoint,
      AWS_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
    }
    assert.match((await run(args, { env })).stdout, /^ALLOWED {2}/)
    const wrong = await run(args, { env: { ...env, AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) } })
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /^SignatureDoesNotMatch: /)
  })

  it('says what is wrong with the question', async () => {
    const missing = await explain('--principal', 'arn:aws:iam::123456789012:user/nobody', '--action', 'ecr:PutImage')
    assert.equal(missing.code, 1)
    assert.match(
      missing.stderr,
      /^NoSuchEntity: The user with arn arn:aws:iam::123456789012:user\/nobody cannot be found\.\n/,
    )
    const elsewhere = await run([
      ...['explain', '--data-dir', dataDir, '--endpoint', 'http://127.0.0.1:1', '--principal', alice],
      ...['--action', 'ecr:PutImage'],
    ])
    assert.equal(elsewhere.code, 1)
    assert.match(elsewhere.stderr, /^http:\/\/127\.0\.0\.1:1 does not answer: /)
    assert.equal((await explain('--principal', alice)).code, 2)
    assert.equal((await explain('--principal', alice, '--action', 'ecr:PutImage', '--context', 'x')).code, 2)
    assert.match((await run(['explain', '--help'])).stdout, /--principal <arn>/)
  })
})
