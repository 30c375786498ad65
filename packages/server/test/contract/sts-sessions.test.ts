// Temporary credentials of users and of the root user (STS GetSessionToken and GetFederationToken), what sessions may ask of STS, and what
// becomes of tokens that are changed, mixed up, outlived or revoked.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import type { AccountId } from '@berth/api/names/registry.ts'
import { randomIds } from '../../src/base/ids.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { createPolicy, createRole, policyText, type Statements, tagParameters } from '../support/given-access.ts'
import { assertOciError, ociWire } from '../support/oci-wire.ts'
import { assertQueryError, type QueryCredentials, type QueryParameters } from '../support/query-wire.ts'
import { credentialsIn, credentialsOf, type SessionCredentials } from '../support/sts-session.ts'
import type { TestCredentials } from '../support/test-registry.ts'

const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`
const allow = (action: string | string[], more: object = {}) => ({
  Effect: 'Allow',
  Action: action,
  Resource: '*',
  ...more,
})
const trusting = (arn: string) => ({ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' })
const invalidToken = 'The security token included in the request is invalid.'
const expiredToken = 'The security token included in the request is expired'

let registry: ContractRegistry
let alice: TestCredentials
let root: TestCredentials
before(async () => {
  registry = await contractRegistry({}, { failedLoginBudget: 1000 })
  alice = await registry.createUser('alice')
  await may('alice', allow('ecr:*'))
  root = await registry.registry.accessKeys.create(account as AccountId, account)
})
after(() => registry?.close())

const may = (name: string, statements: Statements, policy = 'own') =>
  registry.iam().ok('PutUserPolicy', { UserName: name, PolicyName: policy, PolicyDocument: policyText(statements) })

async function asAmazon<T>(credentials: QueryCredentials, use: (client: STSClient) => Promise<T>): Promise<T> {
  const systemClockOffset = registry.clock.now() - Date.now()
  const common = { endpoint: registry.url, region, systemClockOffset, maxAttempts: 1 }
  const client = new STSClient({ ...common, credentials: { ...credentials } })
  try {
    return await use(client)
  } finally {
    client.destroy()
  }
}

const identityOf = async (credentials: QueryCredentials) => {
  const { $metadata: _, ...identity } = await asAmazon(credentials, (client) =>
    client.send(new GetCallerIdentityCommand({})),
  )
  return identity
}

const roleSession = async (by: QueryCredentials, RoleArn: string, more: QueryParameters = {}) =>
  credentialsIn(await registry.sts(by).ok('AssumeRole', { RoleArn, RoleSessionName: 'job', ...more }))

const secondsLeft = (expiration: Date | undefined) =>
  ((expiration?.getTime() ?? 0) - Math.floor(registry.clock.now() / 1000) * 1000) / 1000

describe('GetSessionToken', () => {
  test('is the user himself for a while, twelve hours unless told', async () => {
    for (const [DurationSeconds, seconds] of [
      [undefined, 43_200],
      [900, 900],
      [129_600, 129_600],
    ] as const) {
      const { $metadata, Credentials, ...rest } = await asAmazon(alice, (client) =>
        client.send(new GetSessionTokenCommand({ DurationSeconds })),
      )
      assert.equal($metadata.httpStatusCode, 200)
      assert.deepEqual(rest, {
        SessionTokenSize: Credentials?.SessionToken?.length,
        SessionTokenUtilization: Math.ceil(((Credentials?.SessionToken?.length ?? 0) * 100) / 4096),
      })
      assert.equal(secondsLeft(Credentials?.Expiration), seconds)
      const identity = await identityOf(credentialsOf(Credentials))
      assert.deepEqual(identity, await identityOf(alice))
      assert.equal(identity.Arn, userArn('alice'))
      await registry.awsAs(credentialsOf(Credentials)).ok('DescribeRegistry')
    }
  })

  test('of a root user an hour at most', async () => {
    for (const DurationSeconds of [undefined, 43_200]) {
      const { Credentials } = await asAmazon(root, (client) =>
        client.send(new GetSessionTokenCommand({ DurationSeconds })),
      )
      assert.equal(secondsLeft(Credentials?.Expiration), 3600)
      assert.equal((await identityOf(credentialsOf(Credentials))).Arn, `arn:aws:iam::${account}:root`)
    }
  })

  test('there are no second factors, so no code of one is right', async () => {
    const given = { SerialNumber: `arn:aws:iam::${account}:mfa/alice`, TokenCode: '123456' }
    const message = 'MultiFactorAuthentication failed with invalid MFA one time pass code.'
    await registry.sts(alice).refused('GetSessionToken', given, 403, 'AccessDenied', message)
  })

  test('ends with the key that asked, on both wires', async () => {
    const bob = await registry.createUser('bob')
    await may('bob', allow('ecr:*'))
    const session = credentialsIn(await registry.sts(bob).ok('GetSessionToken'))
    const docker = await registry.ociAs(registry.awsAs(session))
    assert.equal((await docker.send('GET', '/v2/_catalog')).status, 200)
    await registry.setKeyStatus(bob.accessKeyId, 'Inactive')
    await registry.awsAs(session).refused('DescribeRegistry', {}, 'UnrecognizedClientException', invalidToken)
    assertOciError(await docker.send('GET', '/v2/_catalog'), 403, 'DENIED', invalidToken)
    await registry.setKeyStatus(bob.accessKeyId, 'Active')
    await registry.awsAs(session).ok('DescribeRegistry')
  })
})

describe('GetFederationToken', () => {
  let by: TestCredentials
  before(async () => {
    by = await registry.createUser('broker')
    await may('broker', [allow(['ecr:DescribeRegistry', 'ecr:DescribeRepositories']), allow('sts:GetFederationToken')])
  })
  const federate = async (of: QueryCredentials, more: QueryParameters = {}) =>
    credentialsIn(await registry.sts(of).ok('GetFederationToken', { Name: 'guest', ...more }))

  test('the whole answer; a guest is nobody’s user, and may what both the policy and the user allow', async () => {
    const Policy = policyText(allow('ecr:DescribeRegistry'))
    const { $metadata, Credentials, PackedPolicySize, ...answer } = await asAmazon(by, (client) =>
      client.send(new GetFederationTokenCommand({ Name: 'guest', Policy })),
    )
    assert.equal($metadata.httpStatusCode, 200)
    const guest = `arn:aws:sts::${account}:federated-user/guest`
    const size = Credentials?.SessionToken?.length ?? 0
    assert.deepEqual(answer, {
      FederatedUser: { FederatedUserId: `${account}:guest`, Arn: guest },
      SessionTokenSize: size,
      SessionTokenUtilization: Math.ceil((size * 100) / 4096),
    })
    assert.ok((PackedPolicySize ?? 0) > 0 && (PackedPolicySize ?? 100) < 20)
    assert.equal(secondsLeft(Credentials?.Expiration), 43_200)
    const session = credentialsOf(Credentials)
    assert.deepEqual(await identityOf(session), { UserId: `${account}:guest`, Account: account, Arn: guest })
    const aws = registry.awsAs(session)
    await aws.ok('DescribeRegistry')
    const resource = `arn:aws:ecr:${region}:${account}:repository/*`
    await aws.refused(
      'DescribeRepositories',
      {},
      'AccessDeniedException',
      `User: ${guest} is not authorized to perform: ecr:DescribeRepositories on resource: ${resource} because no session policy allows the ecr:DescribeRepositories action`,
    )
  })

  test('without a policy a guest may nothing; a policy gives him no more than the user has', async () => {
    const without = registry.awsAs(await federate(by))
    const with_ = registry.awsAs(await federate(by, { Policy: policyText(allow('*')) }))
    assert.match((await without.call('DescribeRegistry')).text, /because no session policy allows/)
    await with_.ok('DescribeRegistry')
    assert.match((await with_.call('GetAuthorizationToken')).text, /because no identity-based policy allows/)
    const managed = await createPolicy(registry.iam(), 'guests', allow('ecr:DescribeRegistry'))
    await registry.awsAs(await federate(by, { 'PolicyArns.member.1.arn': managed })).ok('DescribeRegistry')
  })

  test('the root user’s guest may what his policy says, for an hour at most', async () => {
    const answer = await asAmazon(root, (client) =>
      client.send(new GetFederationTokenCommand({ Name: 'guest', Policy: policyText(allow('ecr:CreateRepository')) })),
    )
    assert.equal(secondsLeft(answer.Credentials?.Expiration), 3600)
    const aws = registry.awsAs(credentialsOf(answer.Credentials))
    await aws.ok('CreateRepository', { repositoryName: 'of-a-guest' })
    assert.match((await aws.call('DescribeRegistry')).text, /because no session policy allows/)
    const without = registry.awsAs(await federate(root))
    assert.match((await without.call('DescribeRegistry')).text, /because no session policy allows/)
  })

  test('takes sts:GetFederationToken, and sts:TagSession with tags, which conditions see', async () => {
    const guest = `arn:aws:sts::${account}:federated-user/guest`
    const refusal = (user: string, action: string) =>
      `User: ${userArn(user)} is not authorized to perform: ${action} on resource: ${guest} because no identity-based policy allows the ${action} action`
    const refused = (caller: TestCredentials, more: QueryParameters, message: string) =>
      registry.sts(caller).refused('GetFederationToken', { Name: 'guest', ...more }, 403, 'AccessDenied', message)
    await refused(alice, {}, refusal('alice', 'sts:GetFederationToken'))
    const tags = tagParameters([['team', 'blue']])
    await refused(by, tags, refusal('broker', 'sts:TagSession'))
    await may(
      'broker',
      allow('sts:TagSession', { Condition: { StringEquals: { 'aws:RequestTag/team': 'blue' } } }),
      'tags',
    )
    await refused(by, tagParameters([['team', 'red']]), refusal('broker', 'sts:TagSession'))
    const Policy = policyText(
      allow('ecr:DescribeRegistry', { Condition: { StringEquals: { 'aws:PrincipalTag/team': 'blue' } } }),
    )
    await registry.awsAs(await federate(by, { ...tags, Policy })).ok('DescribeRegistry')
    assert.equal((await registry.awsAs(await federate(by, { Policy })).call('DescribeRegistry')).status, 400)
    const message =
      "1 validation error detected: Value 'g' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2"
    await registry.sts(by).refused('GetFederationToken', { Name: 'g' }, 400, 'ValidationError', message)
  })
})

describe('what sessions may ask of STS and IAM', () => {
  const calls: Record<string, QueryParameters> = {
    GetCallerIdentity: {},
    AssumeRole: { RoleSessionName: 'job' },
    GetSessionToken: {},
    GetFederationToken: { Name: 'guest' },
    GetAccessKeyInfo: { AccessKeyId: 'AKIAIOSFODNN7EXAMPLE' },
    DecodeAuthorizationMessage: { EncodedMessage: 'x' },
  }

  test('each kind what AWS gives it', async () => {
    const target = await createRole(registry.iam(), { name: 'target', trust: trusting(account) })
    const source = await createRole(registry.iam(), {
      name: 'source',
      trust: trusting(userArn('admin')),
      allow: allow('*'),
    })
    const admin = registry.credentials
    const policy = { Policy: policyText(allow('*')) }
    const sessions: Record<string, { of: SessionCredentials; open: string[] }> = {
      role: {
        of: await roleSession(admin, source.arn),
        open: ['GetCallerIdentity', 'AssumeRole', 'GetAccessKeyInfo', 'DecodeAuthorizationMessage'],
      },
      user: {
        of: credentialsIn(await registry.sts(admin).ok('GetSessionToken')),
        open: ['GetCallerIdentity', 'AssumeRole'],
      },
      federated: {
        of: credentialsIn(await registry.sts(admin).ok('GetFederationToken', { Name: 'guest', ...policy })),
        open: ['GetCallerIdentity'],
      },
    }
    for (const [kind, { of, open }] of Object.entries(sessions)) {
      for (const [action, parameters] of Object.entries(calls)) {
        const answer = await registry.sts(of).call(action, { RoleArn: target.arn, ...parameters })
        const isClosed = answer.text.includes(`Cannot call ${action} with session credentials`)
        assert.equal(isClosed, !open.includes(action), `${kind} ${action}: ${answer.text}`)
        if (isClosed) assertQueryError(answer, 403, 'AccessDenied', `Cannot call ${action} with session credentials`)
      }
      const iam = await registry.iam(of).call('ListUsers')
      assert.equal(iam.status, kind === 'role' ? 200 : 403, `${kind}: ${iam.text}`)
    }
  })

  test('GetAccessKeyInfo: the account that an id tells, whether it is there or not, for whoever may ask', async () => {
    const ask = (AccessKeyId: string) =>
      asAmazon(registry.credentials, (client) => client.send(new GetAccessKeyInfoCommand({ AccessKeyId })))
    for (const key of [alice.accessKeyId, registry.credentials.accessKeyId])
      assert.equal((await ask(key)).Account, account)
    // An id of AWS that its documentation shows with its account.
    assert.equal((await ask('ASIAY34FZKBOKMUTVV7A')).Account, '609629065308')
    await registry
      .sts()
      .refused(
        'GetAccessKeyInfo',
        { AccessKeyId: 'not_an_access_key' },
        400,
        'ValidationError',
        'The access key id tells no account.',
      )
    await registry
      .sts(alice)
      .refused(
        'GetAccessKeyInfo',
        { AccessKeyId: alice.accessKeyId },
        403,
        'AccessDenied',
        `User: ${userArn('alice')} is not authorized to perform: sts:GetAccessKeyInfo on resource: * because no identity-based policy allows the sts:GetAccessKeyInfo action`,
      )
  })

  test('GetAccessKeyInfo: a key that an operator chose is of the account that has it', async (t) => {
    const key = { accessKeyId: 'AKIACHOSENBYOPERATOR', secretAccessKey: randomIds.secretKey() }
    const chosen = await contractRegistry({
      bootstrapAccessKeyId: key.accessKeyId,
      bootstrapSecretAccessKey: key.secretAccessKey,
    })
    t.after(() => chosen.close())
    const answer = await chosen.sts(key).ok('GetAccessKeyInfo', { AccessKeyId: key.accessKeyId })
    assert.match(answer, new RegExp(`<Account>${account}</Account>`))
  })
})

describe('tokens that are not good', () => {
  let sessionA: SessionCredentials
  let sessionB: SessionCredentials
  before(async () => {
    sessionA = credentialsIn(await registry.sts(alice).ok('GetSessionToken'))
    sessionB = credentialsIn(await registry.sts(alice).ok('GetSessionToken'))
  })

  async function refusedEverywhere(credentials: QueryCredentials): Promise<void> {
    await registry.awsAs(credentials).refused('DescribeRegistry', {}, 'UnrecognizedClientException', invalidToken)
    for (const wire of [registry.sts(credentials), registry.iam(credentials)])
      assertQueryError(await wire.call('GetCallerIdentity'), 403, 'InvalidClientTokenId', invalidToken)
  }

  test('security test 11: a key with somebody else’s token, without its own, or with one that it has no use for', async () => {
    await registry.awsAs(sessionA).ok('DescribeRegistry')
    await refusedEverywhere({ ...alice, sessionToken: sessionA.sessionToken })
    const { sessionToken: _, ...keyOnly } = sessionA
    await refusedEverywhere(keyOnly)
    await refusedEverywhere({ ...sessionA, sessionToken: sessionB.sessionToken })
    await refusedEverywhere({ ...sessionB, sessionToken: sessionA.sessionToken })
  })

  test('security test 12: one bit of a session token, its key, its kind', async () => {
    const bytes = Buffer.from(sessionA.sessionToken, 'base64url')
    const withBit = (place: number, bit = 0) => {
      const changed = Buffer.from(bytes)
      changed[place] = (changed[place] ?? 0) ^ (1 << bit)
      return { ...sessionA, sessionToken: changed.toString('base64url') }
    }
    // The version, the key of the ring, the nonce, the text, the tag.
    for (const place of [0, 1, 2, 20, bytes.length - 1]) await refusedEverywhere(withBit(place, place % 8))

    const { authorizationData } = await registry
      .awsAs(alice)
      .ok<{ authorizationData: [{ authorizationToken: string }] }>('GetAuthorizationToken')
    const [, password = ''] = Buffer.from(authorizationData[0].authorizationToken, 'base64').toString().split(':')
    await refusedEverywhere({ ...sessionA, sessionToken: password })
    const asPassword = Buffer.from(`AWS:${sessionA.sessionToken}`).toString('base64')
    const answer = await registry.http.send('GET', '/v2/', { headers: { authorization: `Basic ${asPassword}` } })
    assertOciError(answer, 400, 'DENIED', 'Your Authorization Token is invalid.')
  })

  test('security test 17: tokens of another installation, and of another region', async (t) => {
    const elsewhere = await contractRegistry()
    t.after(() => elsewhere.close())
    const foreign = credentialsIn(await elsewhere.sts().ok('GetSessionToken'))
    await refusedEverywhere({ ...sessionA, sessionToken: foreign.sessionToken })
    await refusedEverywhere(foreign)
    const { authorizationData } = await elsewhere.aws.ok<{ authorizationData: [{ authorizationToken: string }] }>(
      'GetAuthorizationToken',
    )
    const basic = `Basic ${authorizationData[0].authorizationToken}`
    assertOciError(
      await registry.http.send('GET', '/v2/', { headers: { authorization: basic } }),
      400,
      'DENIED',
      'Your Authorization Token is invalid.',
    )
    const ireland = await registry.ociAs(registry.awsAs(sessionA, 'eu-west-1'))
    const host = `${account}.dkr.ecr.${region}.example.com`
    assertOciError(
      await ireland.send('GET', '/v2/', { headers: { host } }),
      400,
      'DENIED',
      `Your Authorization Token is of region eu-west-1 and not of ${region}.`,
    )
  })
})

describe('sessions that are over', () => {
  test('security test 16: a docker token outlives its session of a quarter of an hour, as in ECR', async () => {
    const session = credentialsIn(await registry.sts(alice).ok('GetSessionToken', { DurationSeconds: 900 }))
    const docker = await registry.ociAs(registry.awsAs(session))
    registry.clock.advance(16 * 60_000)
    await registry.awsAs(session).refused('DescribeRegistry', {}, 'ExpiredTokenException', expiredToken)
    assert.equal((await docker.send('GET', '/v2/_catalog')).status, 200)
    registry.clock.advance(12 * 3_600_000 - 16 * 60_000)
    const message = 'Your authorization token has expired. Reauthenticate and try again.'
    assertOciError(await docker.send('GET', '/v2/_catalog'), 403, 'DENIED', message)
  })

  test('security test 16: with BERTH_TOKEN_SESSION_BOUND it ends with its session, and says so', async (t) => {
    const bound = await contractRegistry({ tokenSessionBound: 'true' })
    t.after(() => bound.close())
    const session = credentialsIn(await bound.sts().ok('GetSessionToken', { DurationSeconds: 900 }))
    type Answer = { authorizationData: [{ authorizationToken: string; expiresAt: number }] }
    const { authorizationData } = await bound.awsAs(session).ok<Answer>('GetAuthorizationToken')
    assert.equal(authorizationData[0].expiresAt, (bound.clock.now() + 900_000) / 1000)
    const docker = ociWire(bound.http, `Basic ${authorizationData[0].authorizationToken}`)
    bound.clock.advance(899_000)
    assert.equal((await docker.send('GET', '/v2/_catalog')).status, 200)
    bound.clock.advance(61_000)
    const message = 'Your authorization token has expired. Reauthenticate and try again.'
    assertOciError(await docker.send('GET', '/v2/_catalog'), 403, 'DENIED', message)
    // A key that is no session's has no end that a token could have.
    const long = await bound.aws.ok<Answer>('GetAuthorizationToken')
    assert.equal(long.authorizationData[0].expiresAt, (bound.clock.now() + 43_200_000) / 1000)
  })

  test('security test 15: AWSRevokeOlderSessions ends keys and docker tokens of before, and no others', async () => {
    const statements = [allow('ecr:*'), allow('sts:AssumeRole')]
    const role = await createRole(registry.iam(), {
      name: 'revoked',
      trust: trusting(userArn('alice')),
      allow: statements,
    })
    const before = await roleSession(alice, role.arn)
    const dockerBefore = await registry.ociAs(registry.awsAs(before))
    assert.equal((await dockerBefore.send('GET', '/v2/_catalog')).status, 200)
    registry.clock.advance(1000)
    // As the console writes it when somebody revokes the sessions of a role.
    await registry.iam().ok('PutRolePolicy', {
      RoleName: 'revoked',
      PolicyName: 'AWSRevokeOlderSessions',
      PolicyDocument: policyText({
        Effect: 'Deny',
        Action: ['*'],
        Resource: ['*'],
        Condition: { DateLessThan: { 'aws:TokenIssueTime': new Date(registry.clock.now()).toISOString() } },
      }),
    })
    const denied = (action: string, resource: string) =>
      `User: arn:aws:sts::${account}:assumed-role/revoked/job is not authorized to perform: ${action} on resource: ${resource} with an explicit deny in an identity-based policy`
    const repositories = `arn:aws:ecr:${region}:${account}:repository/*`
    await registry
      .awsAs(before)
      .refused('DescribeRepositories', {}, 'AccessDeniedException', denied('ecr:DescribeRepositories', repositories))
    assertOciError(
      await dockerBefore.send('GET', '/v2/_catalog'),
      403,
      'DENIED',
      denied('ecr:DescribeRepositories', repositories),
    )
    const since = await roleSession(alice, role.arn)
    await registry.awsAs(since).ok('DescribeRepositories')
    const dockerSince = await registry.ociAs(registry.awsAs(since))
    assert.equal((await dockerSince.send('GET', '/v2/_catalog')).status, 200)
  })

  test('security tests 15, 18: with its role a session and its docker tokens are gone; another of the name does not wake them', async () => {
    const make = () =>
      createRole(registry.iam(), { name: 'phoenix', trust: trusting(userArn('alice')), allow: allow('ecr:*') })
    const first = await make()
    const session = await roleSession(alice, first.arn)
    const docker = await registry.ociAs(registry.awsAs(session))
    const heir = await createRole(registry.iam(), { name: 'heir', trust: trusting(first.arn), allow: allow('ecr:*') })
    await registry.iam().ok('PutRolePolicy', {
      RoleName: 'phoenix',
      PolicyName: 'chain',
      PolicyDocument: policyText(allow('sts:AssumeRole')),
    })
    await roleSession(session, heir.arn)
    const isDead = async () => {
      await registry.awsAs(session).refused('DescribeRegistry', {}, 'UnrecognizedClientException', invalidToken)
      assertOciError(await docker.send('GET', '/v2/_catalog'), 403, 'DENIED', invalidToken)
    }
    for (const PolicyName of ['own', 'chain'])
      await registry.iam().ok('DeleteRolePolicy', { RoleName: 'phoenix', PolicyName })
    await registry.iam().ok('DeleteRole', { RoleName: 'phoenix' })
    await isDead()

    const second = await make()
    await registry.iam().ok('PutRolePolicy', {
      RoleName: 'phoenix',
      PolicyName: 'chain',
      PolicyDocument: policyText(allow('sts:AssumeRole')),
    })
    assert.equal(second.arn, first.arn)
    assert.notEqual(second.id, first.id)
    await isDead()
    // The heir trusted the role that is gone, and not whoever has its name now.
    const again = await roleSession(alice, second.arn)
    await registry
      .sts(again)
      .refused(
        'AssumeRole',
        { RoleArn: heir.arn, RoleSessionName: 'job' },
        403,
        'AccessDenied',
        `User: arn:aws:sts::${account}:assumed-role/phoenix/job is not authorized to perform: sts:AssumeRole on resource: ${heir.arn}`,
      )
  })
})

test('security test 54: who is denied everything is still told who he is; a key that is disabled is not', async () => {
  const eve = await registry.createUser('eve')
  await may('eve', { Effect: 'Deny', Action: '*', Resource: '*' })
  assert.equal((await identityOf(eve)).Arn, userArn('eve'))
  assert.equal((await registry.awsAs(eve).call('DescribeRegistry')).status, 400)
  const session = credentialsIn(await registry.sts(eve).ok('GetSessionToken'))
  assert.equal((await identityOf(session)).Arn, userArn('eve'))
  await registry.setKeyStatus(eve.accessKeyId, 'Inactive')
  for (const credentials of [eve, session])
    assertQueryError(
      await registry.sts(credentials).call('GetCallerIdentity'),
      403,
      'InvalidClientTokenId',
      invalidToken,
    )
})
