// Amazon's JavaScript SDK as a judge of IAM and STS where it is not like the other clients: policy documents come as they are on the wire,
// errors are classes, credentials are found and renewed by its providers, and it sets its clock by ours.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CreateRepositoryCommand, DescribeRegistryCommand, ECRClient, type ECRClientConfig } from '@aws-sdk/client-ecr'
import {
  AttachRolePolicyCommand,
  CreateAccessKeyCommand,
  CreateOpenIDConnectProviderCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteConflictException,
  DeleteUserCommand,
  EntityAlreadyExistsException,
  GetRoleCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  IAMClient,
  type IAMClientConfig,
  IAMServiceException,
  ListRolesCommand,
  MalformedPolicyDocumentException,
  NoSuchEntityException,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  paginateListAttachedRolePolicies,
  paginateListPolicies,
  paginateListUsers,
  waitUntilPolicyExists,
  waitUntilRoleExists,
  waitUntilUserExists,
} from '@aws-sdk/client-iam'
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  ExpiredTokenException,
  GetCallerIdentityCommand,
  InvalidIdentityTokenException,
  STSClient,
  type STSClientConfig,
  STSServiceException,
} from '@aws-sdk/client-sts'
import { createOidcProvider, type OidcProvider, whyNoOidcProvider } from '../../support/oidc-provider.ts'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import { ownSettings } from './own-settings.ts'

let ground: ProvingGround
let provider: OidcProvider
let accountId: string
let iam: IAMClient
let sts: STSClient

before(async () => {
  if (whyNoOidcProvider) return
  provider = await createOidcProvider()
  ground = await provingGround({
    env: { BERTH_OIDC_ALLOWED_HOSTS: provider.host, BERTH_OIDC_CA_FILE: provider.caFile },
  })
  accountId = ground.server.accountId
  iam = new IAMClient(asAdmin())
  sts = new STSClient(asAdmin())
})
after(async () => {
  iam?.destroy()
  sts?.destroy()
  await ground?.close()
  await provider?.close()
})

/** Where the registry is; one attempt for each call, so that a refusal is seen and not retried. */
const place = () => ({ region: ground.server.region, endpoint: ground.server.url, maxAttempts: 1 })
const asAdmin = (): IAMClientConfig & STSClientConfig & ECRClientConfig => {
  const { accessKeyId, secretAccessKey } = ground.server
  return { ...place(), credentials: { accessKeyId, secretAccessKey } }
}

const iamArn = (resource: string) => `arn:aws:iam::${accountId}:${resource}`
const documentOf = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
const allow = (Action: string | string[]) => documentOf({ Effect: 'Allow', Action, Resource: '*' })
const trust = (Principal: object, Action = 'sts:AssumeRole', Condition = {}) =>
  documentOf({ Effect: 'Allow', Principal, Action, Condition })

let names = 0
async function newUser(): Promise<string> {
  const UserName = `sdk-user-${++names}`
  await iam.send(new CreateUserCommand({ UserName }))
  return UserName
}

async function newRole(trusted: string, allowed: string | string[]): Promise<string> {
  const RoleName = `sdk-role-${++names}`
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trusted }))
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'may', PolicyDocument: allow(allowed) }))
  return iamArn(`role/${RoleName}`)
}

const identityOf = async (client: STSClient) => (await client.send(new GetCallerIdentityCommand({}))).Arn
const sessionArn = (roleArn: string, session: string) =>
  `arn:aws:sts::${accountId}:assumed-role/${roleArn.split('/').at(-1)}/${session}`

/** The modelled class, the status, a request id; and the text where it is known. */
async function refused<T extends IAMServiceException | STSServiceException>(
  call: Promise<unknown>,
  type: abstract new (...args: never[]) => T,
  code: string,
  status: number,
  message?: string,
): Promise<void> {
  const error = await call.then(
    (value) => assert.fail(`${code} wanted, but it was accepted: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  if (!(error instanceof type)) throw error
  assert.equal(error.name, code)
  assert.equal(error.$metadata.httpStatusCode, status)
  assert.equal(error.$fault, 'client')
  assert.match(error.$metadata.requestId ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  if (message !== undefined) assert.equal(error.message, message)
}

describe('the JavaScript SDK: IAM', { skip: whyNoOidcProvider }, () => {
  test('policy documents are percent-encoded, and are what was sent when they are decoded', async () => {
    const awkward = documentOf({
      Effect: 'Allow',
      Action: 'ecr:*',
      Resource: '*',
      Condition: { StringLike: { 'aws:PrincipalTag/team': ['a+b & <c> %20 \'ü"\\ (!*)~'] } },
    })
    const UserName = await newUser()
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'awkward', PolicyDocument: awkward }))
    const { PolicyDocument = '' } = await iam.send(new GetUserPolicyCommand({ UserName, PolicyName: 'awkward' }))
    assert.match(PolicyDocument, /^%7B%22Version%22[\w.~%-]+$/, 'RFC 3986: nothing but unreserved characters')
    assert.equal(decodeURIComponent(PolicyDocument), awkward)
    const trusted = trust({ AWS: accountId })
    const RoleName = (await newRole(trusted, 'ecr:*')).split('/').at(-1) ?? ''
    const { Role } = await iam.send(new GetRoleCommand({ RoleName }))
    assert.equal(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ''), trusted)
  })

  test('errors are the classes of the model, with status and request id', async () => {
    const UserName = await newUser()
    await refused(
      iam.send(new GetUserCommand({ UserName: 'nobody' })),
      NoSuchEntityException,
      'NoSuchEntityException',
      404,
      'The user with name nobody cannot be found.',
    )
    await refused(
      iam.send(new CreateUserCommand({ UserName })),
      EntityAlreadyExistsException,
      'EntityAlreadyExistsException',
      409,
      `User with name ${UserName} already exists.`,
    )
    await refused(
      iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'may', PolicyDocument: '{}' })),
      MalformedPolicyDocumentException,
      'MalformedPolicyDocumentException',
      400,
    )
    await iam.send(new CreateAccessKeyCommand({ UserName }))
    await refused(
      iam.send(new DeleteUserCommand({ UserName })),
      DeleteConflictException,
      'DeleteConflictException',
      409,
    )
    await refused(iam.send(new ListRolesCommand({ Marker: 'x' })), IAMServiceException, 'ValidationError', 400)
  })

  test('paginators visit each once; waiters see what was made', async () => {
    const made = new Set([await newUser(), await newUser(), await newUser()])
    const seen: string[] = []
    for await (const page of paginateListUsers({ client: iam, pageSize: 2 }, {})) {
      seen.push(...(page.Users ?? []).map((user) => user.UserName ?? ''))
    }
    assert.equal(new Set(seen).size, seen.length)
    assert.deepEqual(
      [...made].filter((name) => !seen.includes(name)),
      [],
    )

    const RoleName = (await newRole(trust({ AWS: accountId }), 'ecr:*')).split('/').at(-1) ?? ''
    const policies: string[] = []
    for await (const page of paginateListPolicies({ client: iam, pageSize: 3 }, { Scope: 'AWS' })) {
      policies.push(...(page.Policies ?? []).map((policy) => policy.Arn ?? ''))
    }
    const attached = policies.filter((arn) => /AmazonEC2ContainerRegistry/.test(arn)).sort()
    assert.ok(attached.length >= 3, policies.join())
    for (const PolicyArn of attached) await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }))
    const found: string[] = []
    for await (const page of paginateListAttachedRolePolicies({ client: iam, pageSize: 1 }, { RoleName })) {
      found.push(...(page.AttachedPolicies ?? []).map((policy) => policy.PolicyArn ?? ''))
    }
    assert.deepEqual(found.sort(), attached)

    const waiting = { client: iam, maxWaitTime: 5 }
    assert.equal((await waitUntilUserExists(waiting, { UserName: [...made][0] })).state, 'SUCCESS')
    assert.equal((await waitUntilRoleExists(waiting, { RoleName })).state, 'SUCCESS')
    assert.equal((await waitUntilPolicyExists(waiting, { PolicyArn: attached[0] })).state, 'SUCCESS')
  })
})

describe('the JavaScript SDK: credentials', { skip: whyNoOidcProvider }, () => {
  test('a provider that takes a role is asked once while its session lasts, and again when it is about to end', async () => {
    const roleArn = await newRole(trust({ AWS: accountId }), 'ecr:DescribeRegistry')
    const clientOf = (leftMs: number) => {
      const keys: string[] = []
      const client = new ECRClient({
        ...place(),
        async credentials() {
          const { Credentials } = await sts.send(
            new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: `taken-${keys.length}`, DurationSeconds: 900 }),
          )
          const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = Credentials ?? {}
          keys.push(AccessKeyId)
          return {
            accessKeyId: AccessKeyId,
            secretAccessKey: SecretAccessKey,
            sessionToken: SessionToken,
            expiration: new Date(Date.now() + leftMs),
          }
        },
      })
      return { client, keys }
    }
    const keysFor = async (leftMs: number) => {
      const { client, keys } = clientOf(leftMs)
      for (let i = 0; i < 3; i++) await client.send(new DescribeRegistryCommand({}))
      client.destroy()
      return new Set(keys).size
    }
    assert.equal(await keysFor(900_000), 1)
    // The SDK counts the last five minutes of a session as over.
    assert.ok((await keysFor(60_000)) >= 3)
  })

  test('a profile with role_arn and source_profile, found by the client itself', async () => {
    const roleArn = await newRole(trust({ AWS: accountId }), 'ecr:DescribeRegistry')
    const { accessKeyId, secretAccessKey, url } = ground.server
    const config = join(ground.folder, 'profiles')
    writeFileSync(
      config,
      `[profile base]
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
[profile deploy]
role_arn = ${roleArn}
source_profile = base
role_session_name = by-profile
region = us-east-1
`,
    )
    await inEnvironment({ AWS_CONFIG_FILE: config, AWS_ENDPOINT_URL: url, AWS_PROFILE: 'deploy' }, async () => {
      const [caller, ecr] = [new STSClient({ maxAttempts: 1 }), new ECRClient({ maxAttempts: 1 })]
      assert.equal(await identityOf(caller), sessionArn(roleArn, 'by-profile'))
      assert.equal((await ecr.send(new DescribeRegistryCommand({}))).registryId, accountId)
      await assert.rejects(ecr.send(new CreateRepositoryCommand({ repositoryName: 'by/profile' })), {
        name: 'AccessDeniedException',
        message: `User: ${sessionArn(roleArn, 'by-profile')} is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:us-east-1:${accountId}:repository/by/profile because no identity-based policy allows the ecr:CreateRepository action`,
      })
      caller.destroy()
      ecr.destroy()
    })
  })

  test('a web identity: by the environment, found by the client itself; and its errors', async () => {
    const { OpenIDConnectProviderArn = '' } = await iam.send(
      new CreateOpenIDConnectProviderCommand({ Url: provider.url, ClientIDList: ['sts.amazonaws.com'] }),
    )
    const issuer = provider.url.replace('https://', '')
    const condition = { StringEquals: { [`${issuer}:sub`]: 'repo:org/app:ref:refs/heads/main' } }
    const roleArn = await newRole(
      trust({ Federated: OpenIDConnectProviderArn }, 'sts:AssumeRoleWithWebIdentity', condition),
      'ecr:DescribeRegistry',
    )
    const tokenFile = join(ground.folder, 'token')
    writeFileSync(tokenFile, provider.issue())
    const settings = {
      AWS_ENDPOINT_URL: ground.server.url,
      AWS_REGION: 'us-east-1',
      AWS_ROLE_ARN: roleArn,
      AWS_ROLE_SESSION_NAME: 'by-token',
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
    }
    await inEnvironment(settings, async () => {
      const caller = new STSClient({ maxAttempts: 1 })
      assert.equal(await identityOf(caller), sessionArn(roleArn, 'by-token'))
      caller.destroy()
    })

    // Nobody's: the operation is not signed.
    const unsigned = new STSClient({ ...place(), credentials: () => assert.fail('credentials were asked for') })
    const ask = (claims: Record<string, unknown>, algorithm: 'ES256' | 'RS256' = 'ES256') =>
      unsigned.send(
        new AssumeRoleWithWebIdentityCommand({
          RoleArn: roleArn,
          RoleSessionName: 'job',
          WebIdentityToken: provider.issue(claims, { algorithm }),
        }),
      )
    const { AssumedRoleUser, Provider, Audience } = await ask({})
    assert.deepEqual(
      [AssumedRoleUser?.Arn, Provider, Audience],
      [sessionArn(roleArn, 'job'), OpenIDConnectProviderArn, 'sts.amazonaws.com'],
    )
    const audience = ask({ aud: 'another' })
    await refused(
      audience,
      InvalidIdentityTokenException,
      'InvalidIdentityTokenException',
      400,
      'Incorrect token audience',
    )
    await refused(ask({ exp: 1, iat: 1 }), ExpiredTokenException, 'ExpiredTokenException', 400)
    const otherSubject = ask({ sub: 'repo:eve/app:ref:refs/heads/main' })
    await refused(otherSubject, STSServiceException, 'AccessDenied', 403)
    unsigned.destroy()
  })

  test('a clock that is off: 4 minutes are accepted, of 6 the client learns and tries again', async (t) => {
    const ask = async (maxAttempts: number) => {
      const clients = [
        new STSClient({ ...asAdmin(), maxAttempts }),
        new IAMClient({ ...asAdmin(), maxAttempts }),
      ] as const
      const [caller, reader] = clients
      const calls = [() => caller.send(new GetCallerIdentityCommand({})), () => reader.send(new GetUserCommand({}))]
      const outcomes: (number | undefined | Error)[] = []
      for (const call of calls) {
        outcomes.push(
          await call().then(
            ({ $metadata }) => $metadata.attempts,
            (error: Error) => error,
          ),
        )
      }
      for (const client of clients) client.destroy()
      return outcomes
    }
    const now = Date.now()
    for (const minutes of [-4, 4, -6, 6]) {
      t.mock.timers.enable({ apis: ['Date'], now: now + minutes * 60_000 })
      const isFar = Math.abs(minutes) > 5
      const [once, again] = [await ask(1), await ask(2)]
      t.mock.timers.reset()
      for (const outcome of once) {
        if (!isFar) assert.equal(outcome, 1)
        else {
          assert.ok(outcome instanceof Error)
          assert.equal(outcome.name, 'SignatureDoesNotMatch')
          assert.match(outcome.message, minutes < 0 ? /^Signature expired: / : /^Signature not yet current: /)
        }
      }
      assert.deepEqual(again, isFar ? [2, 2] : [1, 1], `${minutes} minutes`)
    }
  })
})

/** With these settings of AWS and no others. */
async function inEnvironment(settings: Record<string, string>, action: () => Promise<void>): Promise<void> {
  const all = { ...ownSettings, ...settings }
  Object.assign(process.env, all)
  try {
    await action()
  } finally {
    for (const name of Object.keys(all)) delete process.env[name]
  }
}
