// STS AssumeRole: whole answers by Amazon's client, refusals byte for byte, and what a session may do with both wires.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import type { AccountId } from '@berth/api/names/registry.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { createPolicy, createRole, tagParameters as tags } from '../support/given-access.ts'
import { assertQueryError, type QueryCredentials, type QueryParameters } from '../support/query-wire.ts'
import { credentialsIn, credentialsOf } from '../support/sts-session.ts'
import type { TestCredentials } from '../support/test-registry.ts'

const other = '210987654321'
const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`
const trusting = (principal: string | string[], more: object = {}) => ({
  Effect: 'Allow',
  Principal: { AWS: principal },
  Action: 'sts:AssumeRole',
  ...more,
})
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

async function asAmazon<T>(credentials: QueryCredentials, use: (client: STSClient) => Promise<T>): Promise<T> {
  const client = new STSClient({
    endpoint: registry.url,
    region,
    credentials: { ...credentials },
    systemClockOffset: registry.clock.now() - Date.now(),
    maxAttempts: 1,
  })
  try {
    return await use(client)
  } finally {
    client.destroy()
  }
}

const assume = (credentials: QueryCredentials, input: AssumeRoleCommandInput) =>
  asAmazon(credentials, (client) => client.send(new AssumeRoleCommand(input)))

const sessionOf = async (credentials: QueryCredentials, RoleArn: string, more: QueryParameters = {}) =>
  credentialsIn(await registry.sts(credentials).ok('AssumeRole', { RoleArn, RoleSessionName: 'job', ...more }))

const refusal = (caller: string, roleArn: string, action = 'sts:AssumeRole') =>
  [403, 'AccessDenied', `User: ${caller} is not authorized to perform: ${action} on resource: ${roleArn}`] as const

describe('a session of a role', () => {
  test('the whole answer; the path of the role is in no ARN of a session, and the session is who it says', async () => {
    const { arn, id } = await createRole(registry.iam(), {
      name: 'deploy',
      path: '/ci/',
      trust: trusting(userArn('alice')),
    })
    assert.equal(arn, `arn:aws:iam::${account}:role/ci/deploy`)
    const { $metadata, Credentials, ...answer } = await assume(alice, { RoleArn: arn, RoleSessionName: 'run-42' })
    assert.equal($metadata.httpStatusCode, 200)
    assert.match(Credentials?.AccessKeyId ?? '', /^ASIA[A-Z2-7]{16}$/)
    assert.match(Credentials?.SecretAccessKey ?? '', /^[A-Za-z0-9]{40}$/)
    assert.deepEqual(Credentials?.Expiration, new Date('2026-11-14T13:00:00Z'))
    const size = Credentials?.SessionToken?.length ?? 0
    assert.ok(size > 0 && size < 400)
    assert.deepEqual(answer, {
      AssumedRoleUser: {
        AssumedRoleId: `${id}:run-42`,
        Arn: `arn:aws:sts::${account}:assumed-role/deploy/run-42`,
      },
      SessionTokenSize: size,
      SessionTokenUtilization: Math.ceil((size * 100) / 4096),
    })
    const { $metadata: _, ...identity } = await asAmazon(credentialsOf(Credentials), (client) =>
      client.send(new GetCallerIdentityCommand({})),
    )
    assert.deepEqual(identity, {
      UserId: `${id}:run-42`,
      Account: account,
      Arn: `arn:aws:sts::${account}:assumed-role/deploy/run-42`,
    })
  })

  test('may do what the role may, on both wires, and no more; it ends in time', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'shipped' })
    const { arn } = await createRole(registry.iam(), {
      name: 'reader',
      trust: trusting(userArn('alice')),
      allow: allow(['ecr:DescribeRepositories', 'ecr:GetAuthorizationToken', 'ecr:ListImages']),
    })
    const session = await sessionOf(alice, arn, { DurationSeconds: 900 })
    const aws = registry.awsAs(session)
    await aws.ok('DescribeRepositories', { repositoryNames: ['shipped'] })
    const caller = `arn:aws:sts::${account}:assumed-role/reader/job`
    await aws.refused(
      'CreateRepository',
      { repositoryName: 'mine' },
      'AccessDeniedException',
      `User: ${caller} is not authorized to perform: ecr:CreateRepository on resource: arn:aws:ecr:${region}:${account}:repository/mine because no identity-based policy allows the ecr:CreateRepository action`,
    )
    const docker = await registry.ociAs(aws)
    assert.equal((await docker.send('GET', '/v2/shipped/tags/list')).status, 200)
    assert.equal((await docker.send('POST', '/v2/shipped/blobs/uploads/')).status, 403)
    registry.clock.advance(900_000)
    await aws.refused(
      'DescribeRepositories',
      {},
      'ExpiredTokenException',
      'The security token included in the request is expired',
    )
    assertQueryError(
      await registry.sts(session).call('GetCallerIdentity'),
      403,
      'ExpiredToken',
      'The security token included in the request is expired',
    )
  })

  test('a role of another account is taken by who may there and here; the session is of the role’s account', async () => {
    const { arn } = await createRole(registry.iam(), {
      name: 'visited',
      trust: trusting(other, { Condition: { StringEquals: { 'sts:ExternalId': 'contract/7' } } }),
      allow: allow('ecr:*'),
    })
    const admin = `arn:aws:iam::${other}:user/admin`
    const sts = registry.sts(stranger)
    const input = { RoleArn: arn, RoleSessionName: 'visit' }
    await sts.refused('AssumeRole', input, ...refusal(admin, arn))
    await sts.refused('AssumeRole', { ...input, ExternalId: 'contract/8' }, ...refusal(admin, arn))
    const session = await sessionOf(stranger, arn, { ExternalId: 'contract/7' })
    const { repositories } = await registry
      .awsAs(session)
      .ok<{ repositories: { registryId: string }[] }>('DescribeRepositories')
    assert.deepEqual([...new Set(repositories.map(({ registryId }) => registryId))], [account])
  })

  test('MinimumSessionTokenSize: the token is as long as was asked for, and is one', async () => {
    const { arn } = await createRole(registry.iam(), { name: 'long', trust: trusting(userArn('alice')) })
    const { Credentials, SessionTokenSize, SessionTokenUtilization } = await assume(alice, {
      RoleArn: arn,
      RoleSessionName: 'long',
      MinimumSessionTokenSize: 2048,
    })
    assert.equal(SessionTokenSize, Credentials?.SessionToken?.length)
    assert.ok((SessionTokenSize ?? 0) >= 2048 && (SessionTokenUtilization ?? 0) >= 50)
    await registry.sts(credentialsOf(Credentials)).ok('GetCallerIdentity')
  })
})

describe('who may not', () => {
  test('nobody learns which roles there are: the sentence and the answer are the same', async () => {
    const { arn } = await createRole(registry.iam(), { name: 'closed-1', trust: trusting(other), allow: allow('*') })
    const sts = registry.sts(alice)
    const missing = `arn:aws:iam::${account}:role/closed-2`
    const elsewhere = 'arn:aws:iam::999999999999:role/closed-1'
    const plain = async (roleArn: string) => {
      const input = { RoleArn: roleArn, RoleSessionName: 'job', DurationSeconds: 43_200 }
      await sts.refused('AssumeRole', input, ...refusal(userArn('alice'), roleArn))
      const { text, headers } = await sts.call('AssumeRole', input)
      const names = Object.keys(headers).toSorted()
      return { names, text: text.replace(roleArn, '').replace(/<RequestId>[^<]+/, '') }
    }
    const there = await plain(arn)
    assert.deepEqual(await plain(missing), there)
    assert.deepEqual(await plain(elsewhere), there)
  })

  test('root users take no roles', async () => {
    const { arn } = await createRole(registry.iam(), { name: 'open', trust: trusting(account) })
    const root = await registry.registry.accessKeys.create(account as AccountId, account)
    await registry
      .sts(root)
      .refused(
        'AssumeRole',
        { RoleArn: arn, RoleSessionName: 'job' },
        403,
        'AccessDenied',
        'Roles may not be assumed by root accounts.',
      )
  })

  test('what is asked for wrongly is told in the words of AWS', async () => {
    const { arn } = await createRole(registry.iam(), {
      name: 'asked',
      trust: trusting(userArn('alice'), { Action: ['sts:AssumeRole', 'sts:TagSession'] }),
      maxSessionSeconds: 7200,
    })
    const foreign = await createPolicy(registry.iam(stranger), 'foreign', allow('ecr:*'))
    const cases: [QueryParameters, number, string, string][] = [
      [{ RoleArn: userArn('alice') }, 400, 'ValidationError', 'Request ARN is invalid'],
      [{ RoleArn: `${arn}$` }, 400, 'ValidationError', 'Request ARN is invalid'],
      [
        { DurationSeconds: 899 },
        400,
        'ValidationError',
        "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
      ],
      [
        { DurationSeconds: 7201 },
        400,
        'ValidationError',
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      ],
      [
        { SerialNumber: 'arn:aws:iam::123456789012:mfa/alice', TokenCode: '123456' },
        403,
        'AccessDenied',
        'MultiFactorAuthentication failed with invalid MFA one time pass code.',
      ],
      [
        { 'ProvidedContexts.member.1.ContextAssertion': 'somebody' },
        400,
        'ValidationError',
        'There are no context providers, so ProvidedContexts must be left out.',
      ],
      [{ Policy: '{' }, 400, 'MalformedPolicyDocument', 'Syntax errors in policy.'],
      [
        { Policy: JSON.stringify({ Version: '2012-10-17', Statement: trusting('*') }) },
        400,
        'MalformedPolicyDocument',
        'Policy document should not specify a principal.',
      ],
      [
        { Policy: `${JSON.stringify({ Version: '2012-10-17', Statement: allow('ecr:*') })}${' '.repeat(2048)}` },
        400,
        'PackedPolicyTooLarge',
        'Packed policy consumes 105% of allotted space, please use smaller policy.',
      ],
      [
        { 'PolicyArns.member.1.arn': foreign },
        400,
        'ValidationError',
        `Policy ${foreign} does not exist or is not attachable.`,
      ],
      [
        Object.fromEntries(
          Array.from({ length: 11 }, (_, n) => [
            `PolicyArns.member.${n + 1}.arn`,
            `arn:aws:iam::${account}:policy/p${n}`,
          ]),
        ),
        400,
        'ValidationError',
        'A session may have at most 10 managed session policies.',
      ],
      [
        tags([
          ['Team', 'a'],
          ['team', 'b'],
        ]),
        400,
        'InvalidParameterValue',
        'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
      ],
      [
        tags([['AWS:team', 'a']]),
        400,
        'InvalidParameterValue',
        'Tag keys with the prefix aws: are reserved for system use.',
      ],
      [
        { ...tags([['team', 'a']]), 'TransitiveTagKeys.member.1': 'project' },
        400,
        'InvalidParameterValue',
        'The specified transitive tag key must be included in the requested tags.',
      ],
      [
        tags(Array.from({ length: 50 }, (_, n) => [`key-${n}`, noise(256, n)])),
        400,
        'PackedPolicyTooLarge',
        'Packed size of session tags consumes {} of allotted space.',
      ],
    ]
    for (const [input, status, code, message] of cases) {
      const answer = await registry.sts(alice).call('AssumeRole', { RoleArn: arn, RoleSessionName: 'job', ...input })
      // How well random text packs is zlib's affair, as long as it is too much.
      const percent = /tags consumes (\d+)%/.exec(answer.text)?.[1]
      if (percent !== undefined) assert.ok(Number(percent) > 100)
      assertQueryError(answer, status, code, message.replace('{}', `${percent}%`))
    }
    await sessionOf(alice, arn, { DurationSeconds: 7200 })
  })
})

test('security test 41: a session policy narrows and never widens; managed ones count as they are now', async () => {
  const { arn } = await createRole(registry.iam(), {
    name: 'narrowed',
    trust: trusting(userArn('alice')),
    allow: allow(['ecr:DescribeRepositories', 'ecr:DescribeRegistry']),
  })
  const may = async (parameters: QueryParameters) => {
    const aws = registry.awsAs(await sessionOf(alice, arn, parameters))
    const answers = ['DescribeRepositories', 'DescribeRegistry', 'GetAuthorizationToken'].map(async (operation) => [
      operation,
      (await aws.call(operation)).status === 200,
    ])
    return Object.fromEntries(await Promise.all(answers)) as Record<string, boolean>
  }
  const policy = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: statement })
  const all = { DescribeRepositories: true, DescribeRegistry: true, GetAuthorizationToken: false }
  assert.deepEqual(await may({}), all)
  assert.deepEqual(await may({ Policy: policy(allow('*')) }), all)
  assert.deepEqual(await may({ Policy: policy(allow('ecr:DescribeRegistry')) }), {
    ...all,
    DescribeRepositories: false,
  })
  assert.deepEqual(await may({ 'PolicyArns.member.1.arn': 'arn:aws:iam::aws:policy/AdministratorAccess' }), all)
  const managed = await createPolicy(registry.iam(), 'registry-only', allow('ecr:DescribeRegistry'))
  const both = { Policy: policy(allow('ecr:GetAuthorizationToken')), 'PolicyArns.member.1.arn': managed }
  assert.deepEqual(await may(both), { ...all, DescribeRepositories: false })

  const session = await sessionOf(alice, arn, { 'PolicyArns.member.1.arn': managed })
  await registry.awsAs(session).ok('DescribeRegistry')
  await registry
    .awsAs(session)
    .refused(
      'DescribeRepositories',
      {},
      'AccessDeniedException',
      `User: arn:aws:sts::${account}:assumed-role/narrowed/job is not authorized to perform: ecr:DescribeRepositories on resource: arn:aws:ecr:${region}:${account}:repository/* because no session policy allows the ecr:DescribeRepositories action`,
    )
  await registry.iam().ok('DeletePolicy', { PolicyArn: managed })
  assert.equal((await registry.awsAs(session).call('DescribeRegistry')).status, 400)

  const packed = await assume(alice, { RoleArn: arn, RoleSessionName: 'packed', Policy: policy(allow('ecr:*')) })
  assert.ok((packed.PackedPolicySize ?? 0) > 0 && (packed.PackedPolicySize ?? 0) < 20)
})

test('security test 41: a chain of roles ends after an hour, whatever the roles would give', async () => {
  const first = await createRole(registry.iam(), {
    name: 'first',
    trust: trusting(userArn('alice')),
    allow: allow('sts:AssumeRole'),
    maxSessionSeconds: 43_200,
  })
  const second = await createRole(registry.iam(), {
    name: 'second',
    trust: trusting(first.arn),
    maxSessionSeconds: 43_200,
  })
  const session = await sessionOf(alice, first.arn, { DurationSeconds: 43_200 })
  const input = { RoleArn: second.arn, RoleSessionName: 'job' }
  await registry
    .sts(session)
    .refused(
      'AssumeRole',
      { ...input, DurationSeconds: 3601 },
      400,
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    )
  const { Credentials } = await assume(session, { ...input, DurationSeconds: 3600 })
  assert.equal(Credentials?.Expiration?.getTime(), Math.floor(registry.clock.now() / 1000) * 1000 + 3_600_000)
  await registry.sts(alice).refused('AssumeRole', input, ...refusal(userArn('alice'), second.arn))
})

test('session tags: the role must let them in, conditions see them, and transitive ones go on as they are', async () => {
  const untagged = await createRole(registry.iam(), { name: 'untagged', trust: trusting(userArn('alice')) })
  await registry
    .sts(alice)
    .refused(
      'AssumeRole',
      { RoleArn: untagged.arn, RoleSessionName: 'job', ...tags([['team', 'blue']]) },
      ...refusal(userArn('alice'), untagged.arn, 'sts:TagSession'),
    )
  const tagged = await createRole(registry.iam(), {
    name: 'tagged',
    trust: [
      trusting(userArn('alice')),
      trusting(userArn('alice'), {
        Action: 'sts:TagSession',
        Condition: {
          StringEquals: { 'aws:RequestTag/team': ['blue', 'green'] },
          'ForAllValues:StringEquals': { 'aws:TagKeys': ['team', 'Team', 'job'] },
        },
      }),
    ],
    allow: [
      allow('ecr:DescribeRegistry', { Condition: { StringEquals: { 'aws:PrincipalTag/team': 'blue' } } }),
      allow(['sts:AssumeRole', 'sts:TagSession']),
    ],
    tags: { team: 'grey' },
  })
  const wrong = [
    tags([['team', 'red']]),
    tags([['other', 'blue']]),
    tags([
      ['team', 'blue'],
      ['other', 'x'],
    ]),
  ]
  for (const each of wrong)
    await registry
      .sts(alice)
      .refused(
        'AssumeRole',
        { RoleArn: tagged.arn, RoleSessionName: 'job', ...each },
        ...refusal(userArn('alice'), tagged.arn, 'sts:TagSession'),
      )
  const may = async (more: QueryParameters) =>
    (await registry.awsAs(await sessionOf(alice, tagged.arn, more)).call('DescribeRegistry')).status === 200
  assert.equal(await may({}), false)
  assert.equal(await may(tags([['Team', 'green']])), false)
  assert.equal(await may(tags([['Team', 'blue']])), true)

  const chained = await createRole(registry.iam(), {
    name: 'chained',
    trust: trusting(tagged.arn, { Action: ['sts:AssumeRole', 'sts:TagSession'] }),
    allow: allow('ecr:DescribeRegistry', {
      Condition: { StringEquals: { 'aws:PrincipalTag/team': 'blue' }, Null: { 'aws:PrincipalTag/job': 'true' } },
    }),
  })
  const session = await sessionOf(alice, tagged.arn, {
    ...tags([
      ['team', 'blue'],
      ['job', '7'],
    ]),
    'TransitiveTagKeys.member.1': 'TEAM',
  })
  const next = await sessionOf(session, chained.arn)
  await registry.awsAs(next).ok('DescribeRegistry')
  await registry
    .sts(session)
    .refused(
      'AssumeRole',
      { RoleArn: chained.arn, RoleSessionName: 'job', ...tags([['TEAM', 'red']]) },
      400,
      'InvalidParameterValue',
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    )
  const strict = await createRole(registry.iam(), { name: 'strict', trust: trusting(tagged.arn) })
  await registry
    .sts(session)
    .refused(
      'AssumeRole',
      { RoleArn: strict.arn, RoleSessionName: 'job' },
      ...refusal(`arn:aws:sts::${account}:assumed-role/tagged/job`, strict.arn, 'sts:TagSession'),
    )
})

test('a source identity: the role must let it in, it goes through every chain, and nobody changes it', async () => {
  const trust = (principal: string) => trusting(principal, { Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'] })
  const plain = await createRole(registry.iam(), { name: 'anonymous', trust: trusting(userArn('alice')) })
  await registry
    .sts(alice)
    .refused(
      'AssumeRole',
      { RoleArn: plain.arn, RoleSessionName: 'job', SourceIdentity: 'alice' },
      ...refusal(userArn('alice'), plain.arn, 'sts:SetSourceIdentity'),
    )
  const first = await createRole(registry.iam(), {
    name: 'known',
    trust: trust(userArn('alice')),
    allow: allow(['sts:AssumeRole', 'sts:SetSourceIdentity']),
  })
  const second = await createRole(registry.iam(), {
    name: 'known-too',
    trust: trust(first.arn),
    allow: allow('ecr:DescribeRegistry', { Condition: { StringEquals: { 'aws:SourceIdentity': 'alice' } } }),
  })
  const made = await assume(alice, { RoleArn: first.arn, RoleSessionName: 'job', SourceIdentity: 'alice' })
  assert.equal(made.SourceIdentity, 'alice')
  const session = credentialsOf(made.Credentials)
  const chained = await assume(session, { RoleArn: second.arn, RoleSessionName: 'job' })
  assert.equal(chained.SourceIdentity, 'alice')
  await registry.awsAs(credentialsOf(chained.Credentials)).ok('DescribeRegistry')
  await registry
    .sts(session)
    .refused(
      'AssumeRole',
      { RoleArn: second.arn, RoleSessionName: 'job', SourceIdentity: 'bob' },
      400,
      'ValidationError',
      'The source identity is already set for this assume role session',
    )
})

/** Text that packs badly, the same each time. */
function noise(length: number, seed: number): string {
  let state = seed + 1
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647
    return (state % 36).toString(36)
  }).join('')
}
