// Callers without a key: a job of GitHub Actions, as aws-actions/configure-aws-credentials and amazon-ecr-login make their requests for it, and
// a pod of Kubernetes, as its SDKs find the token that is mounted for it. Both end in a push and a pull by a registry's client.

import assert from 'node:assert/strict'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { CreateRepositoryCommand, ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr'
import {
  CreateAccessKeyCommand,
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from '@aws-sdk/client-iam'
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  PackedPolicyTooLargeException,
  STSClient,
} from '@aws-sdk/client-sts'
import { createProvider } from '../../support/given-access.ts'
import { createOidcProvider, type OidcProvider, whyNoOidcProvider } from '../../support/oidc-provider.ts'
import { plainHttp } from '../../support/plain-http.ts'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import { queryWire } from '../../support/query-wire.ts'
import { type OpenClient, type RegistryClient, registryClients } from '../../support/registry-clients.ts'
import { credentialsOf, type SessionCredentials } from '../../support/sts-session.ts'
import { run, tool } from '../../support/tool.ts'
import * as cli from './aws-cli.ts'
import { ownSettings } from './own-settings.ts'
import * as boto3 from './python-judge.ts'

const clients = registryClients.filter(({ name }) => name === 'skopeo' || name === 'crane')
const github = 'https://token.actions.githubusercontent.com'

let ground: ProvingGround
/** GitHub's tokens are signed by it as well: that issuer cannot be reached from a test, so its keys are given to IAM. */
let provider: OidcProvider
let accountId: string
let iam: IAMClient

before(async () => {
  if (whyNoOidcProvider) return
  provider = await createOidcProvider()
  ground = await provingGround({
    env: { BERTH_OIDC_ALLOWED_HOSTS: provider.host, BERTH_OIDC_CA_FILE: provider.caFile },
  })
  accountId = ground.server.accountId
  iam = new IAMClient({ ...place(), credentials: ground.server })
  await ground.createRepositories('shop/app', 'other/app')
})
after(async () => {
  iam?.destroy()
  await ground?.close()
  await provider?.close()
})

const place = () => ({ region: ground.server.region, endpoint: ground.server.url, maxAttempts: 1 })
const iamArn = (resource: string) => `arn:aws:iam::${accountId}:${resource}`
const sessionArn = (role: string, session: string) => `arn:aws:sts::${accountId}:assumed-role/${role}/${session}`

const push = [
  ...['ecr:BatchCheckLayerAvailability', 'ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload'],
  ...['ecr:PutImage', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
]
const pushPolicy = (repository: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' },
      { Effect: 'Allow', Action: push, Resource: `arn:aws:ecr:us-east-1:${accountId}:repository/${repository}` },
    ],
  })
const trustOf = (Principal: object, Action: string | string[], Condition: object) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action, Condition }] })
const federatedTrust = (issuer: string, condition: object) =>
  trustOf({ Federated: iamArn(`oidc-provider/${issuer}`) }, 'sts:AssumeRoleWithWebIdentity', condition)

async function newRole(RoleName: string, trusted: string, allowed = pushPolicy('shop/*')): Promise<string> {
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trusted }))
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'push', PolicyDocument: allowed }))
  return iamArn(`role/${RoleName}`)
}

async function openClient(t: TestContext, client: RegistryClient): Promise<OpenClient> {
  const folder = join(ground.folder, `${t.name.replaceAll(/\W+/g, '-').slice(0, 40)}`)
  const opened = await client.open({ folder, host: ground.server.host })
  if (typeof opened === 'string') assert.fail(opened)
  t.after(() => opened.close())
  return opened
}

/** Logs in, pushes and pulls in `shop/`, and is refused elsewhere. */
async function pushesAndPulls(t: TestContext, client: RegistryClient, password: string): Promise<void> {
  const opened = await openClient(t, client)
  const { host } = ground.server
  const login = await opened.login('job', host, password)
  assert.equal(login.code, 0, login.stderr)
  const pushed = await opened.push('job', `${host}/shop/app:${client.name}`)
  assert.equal(pushed.code, 0, pushed.stderr)
  const pulled = await opened.pull('job', `${host}/shop/app:${client.name}`)
  assert.equal(pulled.code, 0, pulled.stderr)
  const refused = await opened.push('job', `${host}/other/app:${client.name}`)
  assert.notEqual(refused.code, 0, refused.stdout)
  assert.match(refused.stderr + refused.stdout, client.saysOfRefusedPush)
}

describe('a job of GitHub Actions', { skip: whyNoOidcProvider }, () => {
  /** What such a token holds (GitHub, "OpenID Connect reference"). */
  const claims = (more: Record<string, unknown> = {}) => ({
    ...{ iss: github, jti: 'example-id', sub: 'repo:acme/shop:ref:refs/heads/main', aud: 'sts.amazonaws.com' },
    ...{
      ref: 'refs/heads/main',
      ref_type: 'branch',
      ref_protected: 'true',
      sha: 'a'.repeat(40),
      base_ref: '',
      head_ref: '',
    },
    ...{ repository: 'acme/shop', repository_id: '74', repository_visibility: 'private', event_name: 'push' },
    ...{ repository_owner: 'acme', repository_owner_id: '65', enterprise_id: '345', enterprise: 'acme-inc' },
    ...{ run_id: '1', run_number: '10', run_attempt: '2', runner_environment: 'github-hosted' },
    ...{ actor: 'ada', actor_id: '12', workflow: 'release', workflow_sha: 'a'.repeat(40) },
    ...{ workflow_ref: 'acme/shop/.github/workflows/release.yml@refs/heads/main' },
    ...{ job_workflow_ref: 'acme/ci/.github/workflows/release.yml@refs/heads/main', job_workflow_sha: 'b'.repeat(40) },
    ...{ nbf: Math.floor(Date.now() / 1000) - 5 },
    ...more,
  })
  const issuer = github.replace('https://', '')
  const asked = {
    StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com', [`${issuer}:repository_id`]: '74' },
    StringLike: {
      [`${issuer}:sub`]: 'repo:acme/shop:*',
      [`${issuer}:job_workflow_ref`]: 'acme/ci/.github/workflows/release.yml@*',
    },
  }
  let roleArn: string

  before(async () => {
    const http = plainHttp(ground.server.url)
    const credentials = { ...ground.server }
    const clock = { now: () => Date.now() }
    const wire = queryWire({ http, host: ground.server.host, clock, credentials, service: 'iam' })
    await createProvider(wire, { url: github, staticJwks: JSON.stringify(provider.keySet()) })
    http.close()
    roleArn = await newRole('shop-release', federatedTrust(issuer, asked))
  })

  /** configure-aws-credentials, `role-to-assume` with the job's token: AssumeRoleWithWebIdentity without any credentials of its own. */
  async function assumeByToken(more: Record<string, unknown> = {}): Promise<SessionCredentials> {
    const sts = new STSClient({ ...place(), customUserAgent: 'configure-aws-credentials-for-github-actions' })
    const { Credentials } = await sts
      .send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: roleArn,
          RoleSessionName: 'GitHubActions',
          DurationSeconds: 3600,
          WebIdentityToken: provider.issue(claims(more)),
        }),
      )
      .finally(() => sts.destroy())
    return credentialsOf(Credentials)
  }

  /** What the action does last: it asks who it is now. */
  async function identityOf(credentials: SessionCredentials) {
    const sts = new STSClient({ ...place(), credentials })
    return sts.send(new GetCallerIdentityCommand({})).finally(() => sts.destroy())
  }

  /** amazon-ecr-login: the user and the password for docker, and where they are for. */
  async function ecrLogin(credentials: SessionCredentials): Promise<{ user: string; password: string; host: string }> {
    const ecr = new ECRClient({ ...place(), credentials, customUserAgent: 'amazon-ecr-login-action' })
    const { authorizationData } = await ecr.send(new GetAuthorizationTokenCommand({})).finally(() => ecr.destroy())
    const [data] = authorizationData ?? []
    const token = Buffer.from(data?.authorizationToken ?? '', 'base64').toString('utf-8')
    const [user = '', password = ''] = token.split(':', 2)
    return { user, password, host: data?.proxyEndpoint?.replace(/^https?:\/\//, '') ?? '' }
  }

  for (const client of clients) {
    test(`takes its role by its token, logs in and pushes by ${client.name}`, { skip: client.skip }, async (t) => {
      const credentials = await assumeByToken()
      // It can be told to ask again until a secret has no special characters.
      assert.match(credentials.secretAccessKey, /^[A-Za-z0-9]{40}$/)
      const { Account, Arn } = await identityOf(credentials)
      assert.deepEqual([Account, Arn], [accountId, sessionArn('shop-release', 'GitHubActions')])
      const { user, password, host } = await ecrLogin(credentials)
      assert.deepEqual([user, host], ['AWS', ground.server.host])
      await pushesAndPulls(t, client, password)
    })
  }

  test('of another repository, branch name, workflow or audience gets nothing', async () => {
    const strangers: [Record<string, unknown>, string, string | RegExp][] = [
      [
        { sub: 'repo:eve/shop:ref:refs/heads/main' },
        'AccessDenied',
        'Not authorized to perform sts:AssumeRoleWithWebIdentity',
      ],
      [{ sub: 'repo:acme/shop-2:ref:refs/heads/main' }, 'AccessDenied', /^Not authorized/],
      [{ repository_id: '75' }, 'AccessDenied', /^Not authorized/],
      [{ job_workflow_ref: 'acme/shop/.github/workflows/own.yml@refs/heads/main' }, 'AccessDenied', /^Not authorized/],
      [{ job_workflow_ref: undefined }, 'AccessDenied', /^Not authorized/],
      [{ aud: 'https://github.com/acme' }, 'InvalidIdentityTokenException', 'Incorrect token audience'],
      [{ iss: `${github}/eve` }, 'InvalidIdentityTokenException', /^No OpenIDConnect provider found in your account/],
    ]
    for (const [claim, name, message] of strangers) {
      await assert.rejects(assumeByToken(claim), { name, message }, JSON.stringify(claim))
    }
  })

  test('a trust policy that lets in all of GitHub is not kept', async () => {
    const everybody = federatedTrust(issuer, { StringEquals: { [`${issuer}:aud`]: 'sts.amazonaws.com' } })
    const change = new UpdateAssumeRolePolicyCommand({ RoleName: 'shop-release', PolicyDocument: everybody })
    await assert.rejects(iam.send(change), { name: 'MalformedPolicyDocumentException' })
    await assumeByToken()
  })

  test('with a key of a user instead: the action tags the session, and does without tags that are too many', async () => {
    const UserName = 'runner'
    await iam.send(new CreateUserCommand({ UserName }))
    const allowed = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['sts:AssumeRole', 'sts:TagSession'], Resource: iamArn('role/tagged-*') }],
    })
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'take', PolicyDocument: allowed }))
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
    const { AccessKeyId = '', SecretAccessKey = '' } = AccessKey ?? {}
    const ofRepository = { StringEquals: { 'aws:RequestTag/Repository': 'acme/shop' } }
    const mayCreate = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'ecr:CreateRepository',
          Resource: `arn:aws:ecr:us-east-1:${accountId}:repository/\${aws:PrincipalTag/Repository}/*`,
        },
      ],
    })
    const trusted = trustOf({ AWS: iamArn('user/runner') }, ['sts:AssumeRole', 'sts:TagSession'], ofRepository)
    const tagged = await newRole('tagged-release', trusted, mayCreate)
    const sts = new STSClient({
      ...place(),
      credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey },
    })
    const tags = (repository: string, more: [string, string][] = []) =>
      [
        ['GitHub', 'Actions'],
        ['Repository', repository],
        ['Workflow', 'release'],
        ['Action', '__aws-actions_configure-aws-credentials'],
        ['Actor', 'ada'],
        ['Branch', 'refs/heads/main'],
        ['Commit', 'a'.repeat(40)],
        ...more,
      ].map(([Key, Value]) => ({ Key, Value }))
    const take = (Tags: ReturnType<typeof tags>) =>
      sts.send(
        new AssumeRoleCommand({ RoleArn: tagged, RoleSessionName: 'GitHubActions', DurationSeconds: 3600, Tags }),
      )
    const many = Array.from({ length: 43 }, (_, n): [string, string] => [`${n}${random(100)}`, random(250)])
    await assert.rejects(take(tags('acme/shop', many)), PackedPolicyTooLargeException)
    await assert.rejects(take(tags('eve/shop')), { name: 'AccessDenied' })
    const { Credentials } = await take(tags('acme/shop'))
    sts.destroy()
    const ecr = new ECRClient({ ...place(), credentials: credentialsOf(Credentials) })
    await ecr.send(new CreateRepositoryCommand({ repositoryName: 'acme/shop/app' }))
    const elsewhere = ecr.send(new CreateRepositoryCommand({ repositoryName: 'acme/other/app' }))
    await assert.rejects(elsewhere, { name: 'AccessDeniedException' })
    ecr.destroy()
  })
})

describe('a pod of Kubernetes', { skip: whyNoOidcProvider }, () => {
  const claims = (namespace: string, serviceAccount: string) => ({
    aud: ['sts.amazonaws.com'],
    jti: '7b1c5f0e-0000-4000-8000-000000000000',
    'kubernetes.io': {
      namespace,
      node: { name: 'node-1', uid: 'e0000000-0000-4000-8000-000000000001' },
      pod: { name: 'build-5d9', uid: 'e0000000-0000-4000-8000-000000000002' },
      serviceaccount: { name: serviceAccount, uid: 'e0000000-0000-4000-8000-000000000003' },
    },
    nbf: Math.floor(Date.now() / 1000),
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
  })
  let roleArn: string

  before(async () => {
    const issuer = provider.url.replace('https://', '')
    const made = new CreateOpenIDConnectProviderCommand({ Url: provider.url, ClientIDList: ['sts.amazonaws.com'] })
    await iam.send(made)
    const asked = {
      StringEquals: {
        [`${issuer}:aud`]: 'sts.amazonaws.com',
        [`${issuer}:sub`]: 'system:serviceaccount:shop:build',
        [`${issuer}:kubernetes.io/namespace`]: 'shop',
      },
    }
    roleArn = await newRole('shop-build', federatedTrust(issuer, asked))
  })

  /**
   * As the kubelet mounts a projected token: `token` is a link through `..data`, which is replaced as a whole when the token is renewed. The
   * variables are those of the webhook that EKS has for it, and where STS is.
   */
  function mounted(name: string, token: string) {
    const volume = join(ground.folder, name, 'var', 'run', 'secrets', 'eks.amazonaws.com', 'serviceaccount')
    mkdirSync(volume, { recursive: true })
    let renewed = 0
    const renew = (fresh: string) => {
      const folder = `..2026_01_01_00_00_0${++renewed}`
      mkdirSync(join(volume, folder))
      writeFileSync(join(volume, folder, 'token'), fresh, { mode: 0o600 })
      symlinkSync(folder, join(volume, '..data_tmp'))
      renameSync(join(volume, '..data_tmp'), join(volume, '..data'))
    }
    renew(token)
    symlinkSync(join('..data', 'token'), join(volume, 'token'))
    const env = {
      ...ownSettings,
      HOME: join(ground.folder, name),
      AWS_ROLE_ARN: roleArn,
      AWS_WEB_IDENTITY_TOKEN_FILE: join(volume, 'token'),
      AWS_STS_REGIONAL_ENDPOINTS: 'regional',
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_ECR: ground.server.url,
      AWS_ENDPOINT_URL_STS: ground.server.url,
    }
    return { env, renew }
  }

  for (const client of clients) {
    const skip = cli.skip || client.skip
    test(`gets its password by the AWS CLI, and pushes by ${client.name}`, { skip }, async (t) => {
      const { env } = mounted(`cli-${client.name}`, provider.issue(claims('shop', 'build')))
      const pod = cli.awsCli(() => ({ ...env, AWS_ROLE_SESSION_NAME: 'build-5d9' }))
      const asked = await pod.json('sts', 'get-caller-identity', '--output', 'json')
      assert.equal(asked.Arn, sessionArn('shop-build', 'build-5d9'))
      await pushesAndPulls(t, client, (await pod.text('ecr', 'get-login-password')).trim())
    })
  }

  test('by the AWS CLI: another service account, or the same in another namespace, gets nothing', {
    skip: cli.skip,
  }, async () => {
    for (const [namespace, account] of [
      ['shop', 'default'],
      ['stage', 'build'],
    ] as const) {
      const { env } = mounted(`other-${namespace}-${account}`, provider.issue(claims(namespace, account)))
      const denied = 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
      await cli.awsCli(() => env).refused('AccessDenied', denied, 'sts', 'get-caller-identity')
    }
    const borrowed = { ...claims('stage', 'build'), sub: 'system:serviceaccount:shop:build' }
    const { env } = mounted('borrowed', provider.issue(borrowed))
    await cli.awsCli(() => env).refused('AccessDenied', /^Not authorized/, 'sts', 'get-caller-identity')
  })

  test('by boto3: the token is read anew when it was renewed, and one that is over is refused', {
    skip: boto3.skip,
  }, async () => {
    const python = tool('python3')
    const asks =
      'import boto3; print(boto3.client("sts").get_caller_identity()["Arn"]); boto3.client("ecr").get_authorization_token()'
    const { env, renew } = mounted('boto3', provider.issue(claims('shop', 'build')))
    const ask = () => run(python, ['-c', asks], { env: { ...env, AWS_ROLE_SESSION_NAME: 'build' } })
    const first = await ask()
    assert.equal(first.stdout.trim(), sessionArn('shop-build', 'build'), first.stderr)
    renew(provider.issue(claims('shop', 'build')))
    const second = await ask()
    assert.equal(second.stdout.trim(), sessionArn('shop-build', 'build'), second.stderr)
    assert.equal(second.code, 0, second.stderr)
    renew(provider.issue({ ...claims('shop', 'build'), exp: Math.floor(Date.now() / 1000) - 600 }))
    const late = await ask()
    assert.match(late.stderr, /\(ExpiredTokenException\) when calling the AssumeRoleWithWebIdentity operation/)
  })
})

/** Text that does not compress. */
function random(length: number): string {
  return Array.from({ length }, () => Math.floor(Math.random() * 36).toString(36)).join('')
}
