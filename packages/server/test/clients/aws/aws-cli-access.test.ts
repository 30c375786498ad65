// The AWS CLI against a served registry as somebody types it who gives others access: users with keys and policies, roles that are taken by
// a command, by a profile and by a web identity, what policies would allow, and keys that are taken away.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createOidcProvider, type OidcProvider, whyNoOidcProvider } from '../../support/oidc-provider.ts'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import { run, skippedAloud, succeed } from '../../support/tool.ts'
import { type AwsCli, awsCli, cli, skeleton, skip, version } from './aws-cli.ts'
import { ownSettings } from './own-settings.ts'

let ground: ProvingGround
let provider: OidcProvider
let accountId: string

before(async () => {
  if (skip || whyNoOidcProvider) return
  provider = await createOidcProvider()
  ground = await provingGround({
    env: { BERTH_OIDC_ALLOWED_HOSTS: provider.host, BERTH_OIDC_CA_FILE: provider.caFile },
  })
  accountId = ground.server.accountId
})
after(async () => {
  await ground?.close()
  await provider?.close()
})

/** Of everybody: the endpoints. The CLI keeps the sessions of profiles at home. */
const everyones = () => ({
  ...ownSettings,
  HOME: ground.folder,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_DEFAULT_OUTPUT: 'json',
  AWS_ENDPOINT_URL_ECR: ground.server.url,
  AWS_ENDPOINT_URL_IAM: ground.server.url,
  AWS_ENDPOINT_URL_STS: ground.server.url,
})

const admin = awsCli(() => ({ ...everyones(), ...ground.server.awsEnvironment() }))
const { json: aws, text, refused } = admin

interface Key {
  AccessKeyId: string
  SecretAccessKey: string
  SessionToken?: string
}

function withKey({ AccessKeyId, SecretAccessKey, SessionToken }: Key): AwsCli {
  const session = SessionToken === undefined ? {} : { AWS_SESSION_TOKEN: SessionToken }
  return awsCli(() => ({
    ...everyones(),
    ...{ AWS_ACCESS_KEY_ID: AccessKeyId, AWS_SECRET_ACCESS_KEY: SecretAccessKey, ...session },
  }))
}

let files = 0
function file(content: unknown): string {
  const path = join(ground.folder, `file-${++files}`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const document = (content: unknown) => `file://${file(content)}`

const statement = (Effect: 'Allow' | 'Deny', Action: string | string[], more: object = { Resource: '*' }) => ({
  Version: '2012-10-17',
  Statement: [{ Effect, Action, ...more }],
})
const trust = (Principal: object, Action = 'sts:AssumeRole', Condition = {}) =>
  statement('Allow', Action, { Principal, Condition })
const iamArn = (resource: string) => `arn:aws:iam::${accountId}:${resource}`
const sessionArn = (role: string, session: string) => `arn:aws:sts::${accountId}:assumed-role/${role}/${session}`
const repositoryArn = (name: string) => `arn:aws:ecr:us-east-1:${accountId}:repository/${name}`
const notAuthorized = (arn: string, action: string, resource: string) =>
  `User: ${arn} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`

let names = 0
/** A user with a key, and with a policy of his own where there is one. */
async function newUser(policy?: object): Promise<{ name: string; key: Key; as: AwsCli }> {
  const name = `user-${++names}`
  await aws('iam', 'create-user', '--user-name', name)
  if (policy) {
    const named = ['--user-name', name, '--policy-name', 'may', '--policy-document', document(policy)]
    assert.equal(await text('iam', 'put-user-policy', ...named), '')
  }
  const { AccessKey } = await aws('iam', 'create-access-key', '--user-name', name)
  return { name, key: AccessKey, as: withKey(AccessKey) }
}

async function newRole(trusted: object, policy: object, ...more: string[]): Promise<string> {
  const name = `role-${++names}`
  const trustPolicy = ['--assume-role-policy-document', document(trusted)]
  await aws('iam', 'create-role', '--role-name', name, ...trustPolicy, ...more)
  const inline = ['--role-name', name, '--policy-name', 'may', '--policy-document', document(policy)]
  await text('iam', 'put-role-policy', ...inline)
  return name
}

/** A `~/.aws/config` of somebody's own. */
function withProfiles(config: string): AwsCli {
  const path = file(config)
  return awsCli(() => ({ ...everyones(), AWS_CONFIG_FILE: path }))
}

const identityOf = async (person: AwsCli, ...more: string[]) =>
  (await person.json('sts', 'get-caller-identity', ...more)).Arn

describe(`${version} users and keys`, { skip: skip || whyNoOidcProvider, concurrency: 2 }, () => {
  test('create-user, create-access-key, put-user-policy: the user may what he was given; his key is taken away', async () => {
    const tags = ['--tags', 'Key=team,Value=blue']
    const { User } = await aws('iam', 'create-user', '--user-name', 'ci', '--path', '/robots/', ...tags)
    const { CreateDate, UserId, ...rest } = User
    assert.match(CreateDate, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d/)
    assert.match(UserId, /^AIDA[A-Z2-7]{17}$/)
    const arn = iamArn('user/robots/ci')
    assert.deepEqual(rest, { Path: '/robots/', UserName: 'ci', Arn: arn, Tags: [{ Key: 'team', Value: 'blue' }] })
    const { AccessKey } = await aws('iam', 'create-access-key', '--user-name', 'ci')
    const ci = withKey(AccessKey)
    assert.deepEqual(await ci.json('sts', 'get-caller-identity'), { UserId, Account: accountId, Arn: arn })
    const describing = ['ecr', 'describe-repositories']
    const everything = repositoryArn('*')
    await ci.refused('AccessDeniedException', notAuthorized(arn, 'ecr:DescribeRepositories', everything), ...describing)
    const policy = statement('Allow', 'ecr:DescribeRepositories')
    const own = ['--user-name', 'ci', '--policy-name', 'pull']
    await text('iam', 'put-user-policy', ...own, '--policy-document', document(policy))
    assert.deepEqual(await aws('iam', 'get-user-policy', ...own), {
      UserName: 'ci',
      PolicyName: 'pull',
      PolicyDocument: policy,
    })
    await ci.json(...describing)
    await ci.refused('AccessDenied', notAuthorized(arn, 'iam:ListUsers', iamArn('user/')), 'iam', 'list-users')

    const key = ['--user-name', 'ci', '--access-key-id', AccessKey.AccessKeyId]
    assert.equal(await text('iam', 'update-access-key', ...key, '--status', 'Inactive'), '')
    const invalid = 'The security token included in the request is invalid.'
    await ci.refused('UnrecognizedClientException', invalid, ...describing)
    await ci.refused('InvalidClientTokenId', /^The security token/, 'sts', 'get-caller-identity')
    await text('iam', 'update-access-key', ...key, '--status', 'Active')
    await ci.json(...describing)
    const used = await aws('iam', 'get-access-key-last-used', '--access-key-id', AccessKey.AccessKeyId)
    assert.equal(used.UserName, 'ci')
    // Of the uses of one minute the first is noted.
    assert.match(used.AccessKeyLastUsed.ServiceName, /^(sts|ecr|iam)$/)
    await text('iam', 'delete-access-key', ...key)
    await ci.refused('UnrecognizedClientException', invalid, ...describing)
  })

  test('what is not there, what is there already, and what is still in use', async () => {
    const { name } = await newUser()
    const named = ['--user-name', name]
    await refused('EntityAlreadyExists', `User with name ${name} already exists.`, 'iam', 'create-user', ...named)
    await refused(
      'NoSuchEntity',
      'The user with name nobody cannot be found.',
      ...['iam', 'get-user', '--user-name', 'nobody'],
    )
    await refused(
      'DeleteConflict',
      /^Cannot delete entity, must delete access keys first/,
      'iam',
      'delete-user',
      ...named,
    )
    await refused(
      'MalformedPolicyDocument',
      /./,
      ...['iam', 'put-user-policy', ...named, '--policy-name', 'may', '--policy-document', '{"Version":"2012-10-17"}'],
    )
    await refused('ValidationError', /at 'userName' failed to satisfy/, 'iam', 'create-user', '--user-name', 'a b')
  })

  test('list-users in pages, --query and wait', async () => {
    for (const name of ['one', 'two', 'three']) {
      await aws('iam', 'create-user', '--user-name', `page-${name}`, '--path', '/pages/')
    }
    const listing = ['iam', 'list-users', '--path-prefix', '/pages/']
    const everybody = await text(...listing, '--page-size', '1', '--query', 'Users[].UserName', '--output', 'text')
    assert.deepEqual(everybody.trim().split(/\s+/), ['page-one', 'page-three', 'page-two'])
    const part = await aws(...listing, '--max-items', '2')
    assert.equal(part.Users.length, 2)
    const rest = await aws(...listing, '--starting-token', part.NextToken)
    assert.deepEqual(
      rest.Users.map((user: { UserName: string }) => user.UserName),
      ['page-two'],
    )
    assert.equal(await text('iam', 'wait', 'user-exists', '--user-name', 'page-one'), '')
  })

  test('a group gives its members what they may, and takes it back', async () => {
    const { name, as: member } = await newUser()
    await aws('iam', 'create-group', '--group-name', 'readers')
    const policy = 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly'
    await text('iam', 'attach-group-policy', '--group-name', 'readers', '--policy-arn', policy)
    const membership = ['--group-name', 'readers', '--user-name', name]
    await text('iam', 'add-user-to-group', ...membership)
    await member.json('ecr', 'describe-repositories')
    const { Groups } = await aws('iam', 'list-groups-for-user', '--user-name', name)
    assert.deepEqual(
      Groups.map((group: { GroupName: string }) => group.GroupName),
      ['readers'],
    )
    await text('iam', 'remove-user-from-group', ...membership)
    await member.refused(
      'AccessDeniedException',
      /because no identity-based policy allows/,
      'ecr',
      'describe-repositories',
    )
  })

  test('create-policy and its versions; a permissions boundary', async () => {
    const { name, as: user } = await newUser(statement('Allow', 'ecr:*'))
    const created = await aws(
      ...['iam', 'create-policy', '--policy-name', 'boundary', '--description', 'at most'],
      ...['--policy-document', document(statement('Allow', 'ecr:List*'))],
    )
    const policyArn = created.Policy.Arn
    assert.equal(policyArn, iamArn('policy/boundary'))
    await text('iam', 'put-user-permissions-boundary', '--user-name', name, '--permissions-boundary', policyArn)
    await user.refused(
      'AccessDeniedException',
      /because no permissions boundary allows the ecr:DescribeRepositories action\n$/,
      ...['ecr', 'describe-repositories'],
    )
    const version = await aws(
      ...['iam', 'create-policy-version', '--policy-arn', policyArn, '--set-as-default'],
      ...['--policy-document', document(statement('Allow', 'ecr:Describe*'))],
    )
    assert.deepEqual([version.PolicyVersion.VersionId, version.PolicyVersion.IsDefaultVersion], ['v2', true])
    await user.json('ecr', 'describe-repositories')
    const first = await aws('iam', 'get-policy-version', '--policy-arn', policyArn, '--version-id', 'v1')
    assert.deepEqual(first.PolicyVersion.Document, statement('Allow', 'ecr:List*'))
    await refused('DeleteConflict', /./, 'iam', 'delete-policy', '--policy-arn', policyArn)
  })

  test('the account: alias, summary, credential report, everything at once', async () => {
    await text('iam', 'create-account-alias', '--account-alias', 'wharf')
    assert.deepEqual((await aws('iam', 'list-account-aliases')).AccountAliases, ['wharf'])
    await text('iam', 'delete-account-alias', '--account-alias', 'wharf')
    assert.ok((await aws('iam', 'get-account-summary')).SummaryMap.Users >= 1)
    assert.equal((await aws('iam', 'generate-credential-report')).State, 'COMPLETE')
    const report = await text('iam', 'get-credential-report', '--query', 'Content', '--output', 'text')
    assert.match(Buffer.from(report, 'base64').toString(), /^user,arn,.*\n<root_account>,/)
    const details = await aws('iam', 'get-account-authorization-details', '--filter', 'User')
    assert.ok(details.UserDetailList.some((user: { UserName: string }) => user.UserName === 'admin'))
  })
})

describe(`${version} roles`, { skip: skip || whyNoOidcProvider, concurrency: 2 }, () => {
  test('assume-role: the credentials that it prints are the role, and no more', async () => {
    const role = await newRole(trust({ AWS: accountId }), statement('Allow', 'ecr:DescribeRepositories'))
    const taking = ['sts', 'assume-role', '--role-arn', iamArn(`role/${role}`), '--role-session-name', 'build']
    const { Credentials, AssumedRoleUser } = await aws(...taking, '--duration-seconds', '900')
    assert.equal(AssumedRoleUser.Arn, sessionArn(role, 'build'))
    const minutes = (Date.parse(Credentials.Expiration) - Date.now()) / 60_000
    assert.ok(minutes > 14 && minutes <= 15.1, Credentials.Expiration)
    const session = withKey(Credentials)
    assert.equal(await identityOf(session), sessionArn(role, 'build'))
    await session.json('ecr', 'describe-repositories')
    await session.refused(
      'AccessDeniedException',
      notAuthorized(sessionArn(role, 'build'), 'ecr:CreateRepository', repositoryArn('mine')),
      ...['ecr', 'create-repository', '--repository-name', 'mine'],
    )
    await refused(
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      ...[...taking, '--duration-seconds', '3601'],
    )
    const { as: user } = await newUser()
    await user.refused(
      'AccessDenied',
      `User: ${await identityOf(user)} is not authorized to perform: sts:AssumeRole on resource: ${iamArn('role/none')}`,
      ...['sts', 'assume-role', '--role-arn', iamArn('role/none'), '--role-session-name', 'build'],
    )
    await text('iam', 'delete-role-policy', '--role-name', role, '--policy-name', 'may')
    await session.refused('AccessDeniedException', /./, 'ecr', 'describe-repositories')
    await text('iam', 'delete-role', '--role-name', role)
    await session.refused('UnrecognizedClientException', /./, 'ecr', 'describe-repositories')
  })

  test('profiles with role_arn: one after the other, with an external id, by a session that is kept at home', async () => {
    const { key, name } = await newUser(statement('Allow', 'sts:AssumeRole'))
    const condition = { StringEquals: { 'sts:ExternalId': 'x-1' } }
    const first = await newRole(trust({ AWS: iamArn(`user/${name}`) }, 'sts:AssumeRole', condition), {
      ...statement('Allow', ['sts:AssumeRole', 'ecr:DescribeRepositories']),
    })
    const second = await newRole(trust({ AWS: iamArn(`role/${first}`) }), statement('Allow', 'ecr:CreateRepository'))
    const person = withProfiles(`
[profile base]
aws_access_key_id = ${key.AccessKeyId}
aws_secret_access_key = ${key.SecretAccessKey}
[profile first]
role_arn = ${iamArn(`role/${first}`)}
source_profile = base
external_id = x-1
role_session_name = one
[profile second]
role_arn = ${iamArn(`role/${second}`)}
source_profile = first
role_session_name = two
[profile wrong]
role_arn = ${iamArn(`role/${first}`)}
source_profile = base
external_id = x-2
`)
    assert.equal(await identityOf(person, '--profile', 'first'), sessionArn(first, 'one'))
    await person.json('ecr', 'describe-repositories', '--profile', 'first')
    assert.equal(await identityOf(person, '--profile', 'second'), sessionArn(second, 'two'))
    await person.json('ecr', 'create-repository', '--repository-name', 'chained/app', '--profile', 'second')
    await person.refused('AccessDeniedException', /./, 'ecr', 'describe-repositories', '--profile', 'second')
    await person.refused('AccessDenied', /sts:AssumeRole/, 'ecr', 'describe-repositories', '--profile', 'wrong')
  })

  test('assume-role-with-web-identity: by command, by profile and by the environment, without any key', async () => {
    const issuer = provider.url.replace('https://', '')
    const made = await aws(
      ...['iam', 'create-open-id-connect-provider', '--url', provider.url, '--client-id-list', 'sts.amazonaws.com'],
    )
    const condition = { StringLike: { [`${issuer}:sub`]: 'repo:org/app:*' } }
    const role = await newRole(
      trust({ Federated: made.OpenIDConnectProviderArn }, 'sts:AssumeRoleWithWebIdentity', condition),
      statement('Allow', 'ecr:DescribeRepositories'),
    )
    const roleArn = iamArn(`role/${role}`)
    const tokenFile = file(provider.issue())
    const nobody = awsCli(everyones)
    const taking = ['sts', 'assume-role-with-web-identity', '--role-arn', roleArn, '--role-session-name', 'typed']
    const answer = await nobody.json(...taking, '--web-identity-token', `file://${tokenFile}`)
    assert.equal(answer.SubjectFromWebIdentityToken, 'repo:org/app:ref:refs/heads/main')
    assert.equal(answer.Provider, made.OpenIDConnectProviderArn)
    assert.equal(await identityOf(withKey(answer.Credentials)), sessionArn(role, 'typed'))
    const environment = { AWS_ROLE_ARN: roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ROLE_SESSION_NAME: 'env' }
    const pod = awsCli(() => ({ ...everyones(), ...environment }))
    assert.equal(await identityOf(pod), sessionArn(role, 'env'))
    await pod.json('ecr', 'describe-repositories')
    const profile = withProfiles(
      `[profile web]\nrole_arn = ${roleArn}\nweb_identity_token_file = ${tokenFile}\nrole_session_name = file\n`,
    )
    assert.equal(await identityOf(profile, '--profile', 'web'), sessionArn(role, 'file'))
    const token = (claims: Record<string, unknown>) => ['--web-identity-token', provider.issue(claims)]
    await nobody.refused(
      'AccessDenied',
      'Not authorized to perform sts:AssumeRoleWithWebIdentity',
      ...[...taking, ...token({ sub: 'repo:eve/app:ref:refs/heads/main' })],
    )
    await nobody.refused('InvalidIdentityToken', 'Incorrect token audience', ...taking, ...token({ aud: 'eve' }))
    await nobody.refused('ExpiredTokenException', /./, ...taking, ...token({ exp: 1, iat: 1 }))
  })

  test('get-session-token and get-federation-token', async () => {
    const { name, as: user } = await newUser(statement('Allow', ['ecr:Describe*', 'sts:GetFederationToken']))
    const session = withKey((await user.json('sts', 'get-session-token')).Credentials)
    assert.equal(await identityOf(session), iamArn(`user/${name}`))
    await session.refused('InvalidClientTokenId', /./, 'iam', 'list-users')
    const policy = ['--policy', JSON.stringify(statement('Allow', 'ecr:DescribeRepositories'))]
    const { FederatedUser, Credentials } = await user.json('sts', 'get-federation-token', '--name', 'guest', ...policy)
    assert.equal(FederatedUser.Arn, `arn:aws:sts::${accountId}:federated-user/guest`)
    const guest = withKey(Credentials)
    await guest.json('ecr', 'describe-repositories')
    await guest.refused('AccessDeniedException', /session policy/, 'ecr', 'describe-registry')
  })
})

describe(`${version} what policies say`, { skip: skip || whyNoOidcProvider, concurrency: 2 }, () => {
  test('set-repository-policy lets somebody in; put-account-setting takes the registry policy its say', async (t) => {
    const { name, as: user } = await newUser()
    const listing = ['ecr', 'list-images', '--repository-name', 'shared/app']
    await aws('ecr', 'create-repository', '--repository-name', 'shared/app')
    const mayList = (more: object) =>
      document(statement('Allow', 'ecr:ListImages', { Principal: { AWS: iamArn(`user/${name}`) }, ...more }))
    await user.refused('AccessDeniedException', /./, ...listing)
    const policyOf = ['--repository-name', 'shared/app']
    await aws('ecr', 'set-repository-policy', ...policyOf, '--policy-text', mayList({}))
    const { policyText } = await aws('ecr', 'get-repository-policy', ...policyOf)
    assert.equal(JSON.parse(policyText).Statement[0].Principal.AWS, iamArn(`user/${name}`))
    assert.deepEqual(await user.json(...listing), { imageIds: [] })
    await aws('ecr', 'delete-repository-policy', ...policyOf)
    await user.refused('AccessDeniedException', /./, ...listing)

    await aws('ecr', 'put-registry-policy', '--policy-text', mayList({ Resource: repositoryArn('shared/*') }))
    await user.json(...listing)
    if (!(await skeleton('put-account-setting'))) {
      return t.skip(skippedAloud('put-account-setting', `${version} does not know it; the contract tests judge it`))
    }
    const scope = (value: string) =>
      aws('ecr', 'put-account-setting', '--name', 'REGISTRY_POLICY_SCOPE', '--value', value)
    await scope('V1')
    await user.refused('AccessDeniedException', /./, ...listing)
    await scope('V2')
    await user.json(...listing)
    await aws('ecr', 'delete-registry-policy')
    await user.refused('AccessDeniedException', /./, ...listing)
  })

  test('simulate-principal-policy and simulate-custom-policy say what the registry then does', async () => {
    const policy = statement('Allow', ['ecr:DescribeRepositories', 'ecr:ListImages'])
    const { name, as: user } = await newUser(policy)
    const asking = ['--action-names', 'ecr:DescribeRepositories', 'ecr:CreateRepository']
    const decisions = ['--query', 'EvaluationResults[].[EvalActionName,EvalDecision]']
    const expected = [
      ['ecr:DescribeRepositories', 'allowed'],
      ['ecr:CreateRepository', 'implicitDeny'],
    ]
    const source = ['--policy-source-arn', iamArn(`user/${name}`)]
    assert.deepEqual(await aws('iam', 'simulate-principal-policy', ...source, ...asking, ...decisions), expected)
    await user.json('ecr', 'describe-repositories')
    await user.refused('AccessDeniedException', /./, 'ecr', 'create-repository', '--repository-name', 'mine')
    const given = ['--policy-input-list', JSON.stringify(policy)]
    assert.deepEqual(await aws('iam', 'simulate-custom-policy', ...given, ...asking, ...decisions), expected)
    const conditional = statement('Allow', 'ecr:*', {
      Resource: '*',
      Condition: { StringEquals: { 'aws:PrincipalTag/team': 'blue' } },
    })
    const keys = await aws(
      ...['iam', 'get-context-keys-for-custom-policy', '--policy-input-list', JSON.stringify(conditional)],
    )
    assert.deepEqual(keys.ContextKeyNames, ['aws:PrincipalTag/team'])
  })

  test('decode-authorization-message: what a refusal carries, as --debug shows it', async () => {
    const { name, key, as: user } = await newUser()
    const env = { ...everyones(), AWS_ACCESS_KEY_ID: key.AccessKeyId, AWS_SECRET_ACCESS_KEY: key.SecretAccessKey }
    const { stderr } = await run(cli, ['ecr', 'describe-registry', '--debug'], { env })
    const encoded = /'x-berth-authorization-message': '([^']+)'/i.exec(stderr)?.[1]
    assert.ok(encoded, stderr.slice(-4000))
    const decoding = ['sts', 'decode-authorization-message', '--encoded-message', encoded]
    const { DecodedMessage } = await aws(...decoding)
    const { allowed, context } = JSON.parse(DecodedMessage)
    assert.equal(allowed, false)
    assert.deepEqual([context.principal.arn, context.action], [iamArn(`user/${name}`), 'ecr:DescribeRegistry'])
    await user.refused('AccessDenied', /sts:DecodeAuthorizationMessage/, ...decoding)
    await refused(
      'InvalidAuthorizationMessageException',
      'Message is not valid',
      ...['sts', 'decode-authorization-message', '--encoded-message', 'nonsense'],
    )
  })
})

test(`${version}: AWS_ENDPOINT_URL alone, and profiles with services, lead all three services to the registry`, {
  skip: skip || whyNoOidcProvider,
}, async () => {
  const { accessKeyId, secretAccessKey, url } = ground.server
  const role = await newRole(trust({ AWS: accountId }), statement('Allow', ['iam:GetRole', 'ecr:DescribeRegistry']))
  const path = file(`
[profile berth-release]
region = us-east-1
services = berth
role_arn = ${iamArn(`role/${role}`)}
source_profile = berth
role_session_name = alice
[profile berth]
region = us-east-1
services = berth
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
[services berth]
ecr =
  endpoint_url = ${url}
iam =
  endpoint_url = ${url}
sts =
  endpoint_url = ${url}
`)
  const home = { ...ownSettings, HOME: ground.folder, AWS_DEFAULT_OUTPUT: 'json' }
  const { AWS_ENDPOINT_URL_ECR, ...key } = ground.server.awsEnvironment()
  for (const env of [
    { ...home, ...key, AWS_ENDPOINT_URL: url },
    { ...home, AWS_CONFIG_FILE: path, AWS_PROFILE: 'berth' },
    { ...home, AWS_CONFIG_FILE: path, AWS_PROFILE: 'berth-release' },
  ]) {
    for (const command of [
      ['ecr', 'describe-registry'],
      ['iam', 'get-role', '--role-name', role],
      ['sts', 'get-caller-identity'],
    ]) {
      assert.match((await succeed(cli, command, { env })).stdout, new RegExp(accountId))
    }
  }
})
