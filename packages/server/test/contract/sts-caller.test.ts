// Who somebody is, proved to third parties by a URL that was signed beforehand (STS GetCallerIdentity); and why somebody was refused (STS
// DecodeAuthorizationMessage).

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { DecodeAuthorizationMessageCommand, STSClient } from '@aws-sdk/client-sts'
import { SignatureV4 } from '@smithy/signature-v4'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { createRole, policyText, type Statements } from '../support/given-access.ts'
import type { Answer } from '../support/plain-http.ts'
import { assertQueryError, type QueryCredentials } from '../support/query-wire.ts'
import { credentialsIn } from '../support/sts-session.ts'
import type { TestCredentials } from '../support/test-registry.ts'

const other = '210987654321'
const header = 'x-berth-authorization-message'
const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`
const allow = (action: string | string[], more: object = {}) => ({
  Effect: 'Allow',
  Action: action,
  Resource: '*',
  ...more,
})

let registry: ContractRegistry
let alice: TestCredentials
let stranger: TestCredentials
before(async () => {
  registry = await contractRegistry()
  alice = await registry.createUser('alice')
  stranger = await registry.createAccount(other)
})
after(() => registry?.close())

const give = (name: string, statements: Statements) =>
  registry.iam().ok('PutUserPolicy', { UserName: name, PolicyName: 'own', PolicyDocument: policyText(statements) })

describe('a presigned GetCallerIdentity', () => {
  /** What the signer of Amazon's client takes for a hash. */
  class Sha256 {
    #hash
    constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
      this.#hash =
        secret === undefined
          ? createHash('sha256')
          : createHmac('sha256', typeof secret === 'string' ? secret : bytesOf(secret))
    }
    update(data: string | ArrayBuffer | ArrayBufferView) {
      this.#hash.update(typeof data === 'string' ? data : bytesOf(data))
    }
    async digest() {
      return new Uint8Array(this.#hash.digest())
    }
    reset() {}
  }
  const bytesOf = (data: ArrayBuffer | ArrayBufferView) =>
    ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)

  /** As `aws eks get-token` and Vault make it: the header says what the URL was made for, and is signed with it. */
  async function presigned(
    credentials: QueryCredentials,
    headers: Record<string, string>,
    expiresIn = 60,
  ): Promise<{ path: string; headers: Record<string, string> }> {
    const { hostname, port } = new URL(registry.url)
    const signer = new SignatureV4({ credentials, region, service: 'sts', sha256: Sha256 })
    const signed = await signer.presign(
      {
        ...{ method: 'GET', protocol: 'http:', hostname, port: Number(port), path: '/' },
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: registry.host, ...headers },
      },
      {
        ...{ expiresIn, signingDate: new Date(registry.clock.now()) },
        unhoistableHeaders: new Set(Object.keys(headers)),
      },
    )
    const query = Object.entries(signed.query ?? {}).map(([key, value]): [string, string] => [key, String(value)])
    return {
      path: `/?${new URLSearchParams(query)}`.replaceAll('+', '%20'),
      headers: { host: registry.host, ...headers },
    }
  }
  const show = ({ path, headers }: { path: string; headers: Record<string, string> }) =>
    registry.http.send('GET', path, { headers })

  for (const name of ['x-k8s-aws-id', 'x-vault-aws-iam-server-id']) {
    test(`whoever is shown it learns who made it, with the signed header ${name} and only with it`, async () => {
      const role = await createRole(registry.iam(), {
        name: `node-${name}`,
        trust: { Effect: 'Allow', Principal: { AWS: userArn('alice') }, Action: 'sts:AssumeRole' },
      })
      const session = credentialsIn(
        await registry.sts(alice).ok('AssumeRole', { RoleArn: role.arn, RoleSessionName: 'node-1' }),
      )
      const arns: [QueryCredentials, string][] = [
        [alice, userArn('alice')],
        [session, `arn:aws:sts::${account}:assumed-role/node-${name}/node-1`],
      ]
      for (const [credentials, arn] of arns) {
        const url = await presigned(credentials, { [name]: 'cluster-1' })
        assert.match(url.path, new RegExp(`X-Amz-SignedHeaders=host%3B${name}`))
        const answer = await show(url)
        assert.equal(answer.status, 200, answer.text)
        assert.match(answer.text, new RegExp(`<Arn>${arn}</Arn>`))
        const elsewhere = await show({ ...url, headers: { ...url.headers, [name]: 'cluster-2' } })
        assert.match(elsewhere.text, /<Code>SignatureDoesNotMatch<\/Code>/)
        const bare = await show({ ...url, headers: { host: registry.host } })
        assert.equal(bare.status, 403)
      }
    })
  }

  test('it is over when it says so', async () => {
    const url = await presigned(alice, { 'x-k8s-aws-id': 'cluster-1' })
    assert.equal((await show(url)).status, 200)
    registry.clock.advance(61_000)
    const answer = await show(url)
    assert.equal(answer.status, 403)
    assert.match(answer.text, /<Code>SignatureDoesNotMatch<\/Code><Message>Signature expired/)
  })
})

describe('DecodeAuthorizationMessage', () => {
  const encodedIn = ({ headers }: Answer): string => {
    const encoded = String(headers[header] ?? '')
    assert.match(encoded, /^[A-Za-z0-9_-]{100,2100}$/)
    return encoded
  }
  const decode = async (encoded: string, credentials: TestCredentials = registry.credentials): Promise<unknown> => {
    const client = new STSClient({
      ...{ endpoint: registry.url, region, credentials: { ...credentials }, maxAttempts: 1 },
      systemClockOffset: registry.clock.now() - Date.now(),
    })
    try {
      const { DecodedMessage } = await client.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: encoded }))
      return JSON.parse(DecodedMessage ?? '')
    } finally {
      client.destroy()
    }
  }
  const item = (value: string) => ({ value })

  test('what was refused, by which statement, and what its condition looked at', async () => {
    const carol = await registry.createUser('carol')
    await give('carol', [
      allow('ecr:*'),
      {
        ...{ Sid: 'NotFromHome', Effect: 'Deny', Action: 'ecr:Create*', Resource: '*' },
        Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
      },
    ])
    const answer = await registry.awsAs(carol).call('CreateRepository', { repositoryName: 'mine' })
    const resource = `arn:aws:ecr:${region}:${account}:repository/mine`
    // The body is ECR's to the letter.
    assert.deepEqual(JSON.parse(answer.text), {
      __type: 'AccessDeniedException',
      message: `User: ${userArn('carol')} is not authorized to perform: ecr:CreateRepository on resource: ${resource} with an explicit deny in an identity-based policy`,
    })
    const user = await registry.iam().ok('GetUser', { UserName: 'carol' })
    const id = /<UserId>([^<]+)</.exec(user)?.[1]
    const own = { policyType: 'identity', policy: 'user_carol_own' }
    assert.deepEqual(await decode(encodedIn(answer)), {
      allowed: false,
      explicitDeny: true,
      matchedStatements: {
        items: [
          { statementId: 'NotFromHome', effect: 'DENY', ...own, statement: 1 },
          { statementId: '', effect: 'ALLOW', ...own, statement: 0 },
        ],
      },
      failures: { items: [] },
      decidedBy: { statementId: 'NotFromHome', effect: 'DENY', ...own, statement: 1 },
      context: {
        principal: { id, name: 'carol', arn: userArn('carol') },
        action: 'ecr:CreateRepository',
        resource,
        conditions: { items: [{ key: 'aws:sourceip', values: { items: [item('127.0.0.1')] } }] },
      },
    })
  })

  test('it comes on every wire, and with no answer but a refusal', async () => {
    const dave = await registry.createUser('dave')
    await give('dave', allow('ecr:GetAuthorizationToken'))
    const docker = await registry.ociAs(registry.awsAs(dave))
    const refusals: [string, Answer][] = [
      ['ecr:DescribeRepositories', await registry.awsAs(dave).call('DescribeRepositories')],
      ['ecr:DescribeRepositories', await docker.send('GET', '/v2/_catalog')],
      ['iam:ListUsers', await registry.iam(dave).call('ListUsers')],
      ['sts:GetFederationToken', await registry.sts(dave).call('GetFederationToken', { Name: 'guest' })],
    ]
    for (const [action, answer] of refusals) {
      const decoded = (await decode(encodedIn(answer))) as { explicitDeny: boolean; context: { action: string } }
      assert.equal(decoded.context.action, action)
      assert.equal(decoded.explicitDeny, false)
    }
    const others = [
      await registry.awsAs(dave).call('GetAuthorizationToken'),
      await registry.aws.call('DescribeRepositories', { repositoryNames: ['not-there'] }),
      await docker.send('GET', '/v2/'),
      await registry
        .sts(dave)
        .call('AssumeRole', { RoleArn: `arn:aws:iam::${account}:role/x`, RoleSessionName: 'job' }),
    ]
    for (const { headers } of others) assert.equal(headers[header], undefined)
  })

  test('between accounts each side sees its own policies only, and no conditions', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'shared' })
    const deny = {
      ...{ Sid: 'Secret', Effect: 'Deny', Principal: '*', Action: 'ecr:ListImages' },
      Condition: { StringNotEquals: { 'aws:ResourceTag/tier': 'public' } },
    }
    await registry.aws.ok('SetRepositoryPolicy', { repositoryName: 'shared', policyText: policyText([deny]) })
    const answer = await registry.awsAs(stranger).call('ListImages', { registryId: account, repositoryName: 'shared' })
    const encoded = encodedIn(answer)
    const context = {
      ...{ action: 'ecr:ListImages', resource: `arn:aws:ecr:${region}:${account}:repository/shared` },
      conditions: { items: [] },
    }
    const admin = 'arn:aws:iam::aws:policy/AdministratorAccess'
    const strange = (await decode(encoded, stranger)) as Record<string, unknown> & { context: object }
    assert.deepEqual(strange.matchedStatements, {
      items: [{ statementId: '', effect: 'ALLOW', policyType: 'identity', policy: admin, statement: 0 }],
    })
    assert.deepEqual(strange.decidedBy, { policyType: 'repository' })
    const { principal, ...rest } = strange.context as { principal: { arn: string } }
    assert.equal(principal.arn, `arn:aws:iam::${other}:user/admin`)
    assert.deepEqual(rest, context)
    const owner = (await decode(encoded)) as { decidedBy: { statementId: string } }
    assert.equal(owner.decidedBy.statementId, 'Secret')
  })

  test('whom it does not concern, or who invents one, is told that it is none', async () => {
    const encoded = encodedIn(await registry.awsAs(alice).call('DescribeRegistry'))
    const invalid = [400, 'InvalidAuthorizationMessageException', 'Message is not valid'] as const
    await registry.sts(stranger).refused('DecodeAuthorizationMessage', { EncodedMessage: encoded }, ...invalid)
    const changed = `${encoded.slice(0, 50)}${encoded[50] === 'A' ? 'B' : 'A'}${encoded.slice(51)}`
    for (const EncodedMessage of [changed, 'x', '/..', 'A'.repeat(10_240)])
      await registry.sts().refused('DecodeAuthorizationMessage', { EncodedMessage }, ...invalid)
    assertQueryError(
      await registry.sts(alice).call('DecodeAuthorizationMessage', { EncodedMessage: encoded }),
      403,
      'AccessDenied',
      `User: ${userArn('alice')} is not authorized to perform: sts:DecodeAuthorizationMessage on resource: * because no identity-based policy allows the sts:DecodeAuthorizationMessage action`,
    )
  })
})
