// IAM users: whole answers by Amazon's client, refusals byte for byte, who may, and what becomes of a user's tokens when he is gone
// (IAM CreateUser, GetUser, ListUsers, UpdateUser, DeleteUser).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { assertOciError } from '../support/oci-wire.ts'
import { assertQueryError, type QueryParameters, type QueryWire, textOf } from '../support/query-wire.ts'

const other = '210987654321'
const arnOf = (pathAndName: string) => `arn:aws:iam::${account}:user${pathAndName}`
const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const createdAt = new Date('2026-11-14T12:00:00Z')

let registry: ContractRegistry
let iam: QueryWire
let amazon: IAMClient
before(async () => {
  registry = await contractRegistry()
  iam = registry.iam()
  amazon = iamClient(registry)
})
after(async () => {
  amazon?.destroy()
  await registry?.close()
})

const { CreateUserCommand, GetUserCommand, ListUsersCommand, UpdateUserCommand, DeleteUserCommand } = amazonIam()

const names = (xml: string) => [...xml.matchAll(/<UserName>([^<]+)</g)].map((match) => match[1])
const refusal = (caller: string, action: string, resource: string) =>
  `User: ${caller} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`

/** A user who may do these things. */
async function userWho(name: string, ...statements: object[]): Promise<QueryWire> {
  const credentials = await registry.createUser(name)
  if (statements.length > 0) {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements })
    await iam.ok('PutUserPolicy', { UserName: name, PolicyName: 'own', PolicyDocument })
  }
  return registry.iam(credentials)
}
const allow = (Action: string | string[], Resource: string | string[] = '*', more: object = {}) => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
})

describe('CreateUser', () => {
  test('the whole answer, and what GetUser and ListUsers say of him afterwards', async () => {
    const { $metadata, User: made } = await amazon.send(
      new CreateUserCommand({
        UserName: 'whole',
        Path: '/team/a/',
        PermissionsBoundary: administratorAccess,
        Tags: [
          { Key: 'cost center', Value: '+++' },
          { Key: 'Empty', Value: '' },
        ],
      }),
    )
    assert.match(made?.UserId ?? '', /^AIDA[A-Z2-7]{17}$/)
    assert.match($metadata.requestId ?? '', /^[0-9a-f-]{36}$/)
    const short = {
      Path: '/team/a/',
      UserName: 'whole',
      UserId: made?.UserId,
      Arn: arnOf('/team/a/whole'),
      CreateDate: createdAt,
    }
    const boundary = {
      PermissionsBoundary: {
        PermissionsBoundaryType: 'PermissionsBoundaryPolicy',
        PermissionsBoundaryArn: administratorAccess,
      },
    }
    const tags = [
      { Key: 'cost center', Value: '+++' },
      { Key: 'Empty', Value: '' },
    ]
    assert.deepEqual(made, { ...short, ...boundary, Tags: tags })
    const { User: got } = await amazon.send(new GetUserCommand({ UserName: 'WHOLE' }))
    assert.deepEqual(got, { ...short, ...boundary, Tags: tags.toReversed() })
    // IAM ListUsers: without boundary and tags.
    const listed = await amazon.send(new ListUsersCommand({ PathPrefix: '/team/a/' }))
    assert.deepEqual(membersOf(listed), { Users: [short], IsTruncated: false })
  })

  test('without path, boundary and tags', async () => {
    const { User } = await amazon.send(new CreateUserCommand({ UserName: 'plain' }))
    assert.deepEqual(User, {
      Path: '/',
      UserName: 'plain',
      UserId: User?.UserId,
      Arn: arnOf('/plain'),
      CreateDate: createdAt,
    })
  })

  test('refusals, after which there is no such user', async () => {
    await iam.ok('CreateUser', { UserName: 'Taken', Path: '/x/' })
    const tags = (...keys: string[]) =>
      Object.fromEntries(
        keys.flatMap((key, n) => [
          [`Tags.member.${n + 1}.Key`, key],
          [`Tags.member.${n + 1}.Value`, 'v'],
        ]),
      )
    const invalid = (value: string, at: string, constraint: string) =>
      `1 validation error detected: Value ${value} at '${at}' failed to satisfy constraint: ${constraint}`
    const gone = `arn:aws:iam::${account}:policy/gone`
    const foreign = `arn:aws:iam::${other}:policy/p`
    const rows: [parameters: QueryParameters, status: number, code: string, message: string][] = [
      [{}, 400, 'ValidationError', invalid('null', 'userName', 'Member must not be null')],
      [
        { UserName: 'a b' },
        ...([400, 'ValidationError'] as const),
        invalid("'a b'", 'userName', 'Member must satisfy regular expression pattern: [\\w+=,.@-]+'),
      ],
      [
        { UserName: 'x'.repeat(65) },
        ...([400, 'ValidationError'] as const),
        invalid(`'${'x'.repeat(65)}'`, 'userName', 'Member must have length less than or equal to 64'),
      ],
      [
        { UserName: 'refused', Path: 'a/' },
        ...([400, 'ValidationError'] as const),
        invalid(
          "'a/'",
          'path',
          'Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)',
        ),
      ],
      [{ UserName: 'taken' }, 409, 'EntityAlreadyExists', 'User with name taken already exists.'],
      [
        { UserName: 'refused', ...tags('a', 'A') },
        ...([400, 'InvalidInput'] as const),
        'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
      ],
      [
        { UserName: 'refused', ...tags('AWS:x') },
        ...([400, 'InvalidInput'] as const),
        'aws: prefixed tag key names are not allowed for external use.',
      ],
      [
        { UserName: 'refused', PermissionsBoundary: gone },
        ...([404, 'NoSuchEntity'] as const),
        `Scope ARN: ${gone} does not exist or is not attachable.`,
      ],
      [
        { UserName: 'refused', PermissionsBoundary: foreign },
        ...([404, 'NoSuchEntity'] as const),
        `Scope ARN: ${foreign} does not exist or is not attachable.`,
      ],
    ]
    for (const row of rows) await iam.refused('CreateUser', ...row)
    const many = tags(...Array.from({ length: 51 }, (_, n) => `k${n}`))
    const answer = await iam.call('CreateUser', { UserName: 'refused', ...many })
    assert.equal(answer.status, 400)
    assert.match(
      textOf(answer.text, 'Message'),
      /at 'tags' failed .*: Member must have length less than or equal to 50$/,
    )
    await iam.refused(
      'GetUser',
      { UserName: 'refused' },
      404,
      'NoSuchEntity',
      'The user with name refused cannot be found.',
    )
  })

  test('a policy of the account may be the boundary; of two that differ by path only the one that is there', async () => {
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [allow('ecr:*')] })
    const made = await iam.ok('CreatePolicy', { PolicyName: 'edge', Path: '/b/', PolicyDocument: document })
    assert.equal(textOf(made, 'Arn'), `arn:aws:iam::${account}:policy/b/edge`)
    await iam.ok('CreateUser', { UserName: 'bounded', PermissionsBoundary: `arn:aws:iam::${account}:policy/b/edge` })
    const wrong = `arn:aws:iam::${account}:policy/edge`
    await iam.refused(
      ...(['CreateUser', { UserName: 'unbounded', PermissionsBoundary: wrong }] as const),
      ...([404, 'NoSuchEntity', `Scope ARN: ${wrong} does not exist or is not attachable.`] as const),
    )
  })

  test('5,000 are an account’s quota', async () => {
    const rows = Array.from(
      { length: 4998 },
      (_, n) => `('AIDAFULL${n}', '${other}', 'user', 'u${n}', '/', 1, 1)`,
    ).join(',')
    const credentials = await registry.createAccount(other)
    await registry.sql(
      `INSERT INTO entities (entity_id, account_id, kind, name, path, created_at, updated_at) VALUES ${rows}`,
    )
    const refused = ['LimitExceeded', 'Cannot exceed quota for UsersPerAccount: 5000'] as const
    await registry.iam(credentials).ok('CreateUser', { UserName: 'last' })
    await registry.iam(credentials).refused('CreateUser', { UserName: 'one-more' }, 409, ...refused)
  })
})

describe('GetUser without a name', () => {
  test('is the caller himself, for which he needs the permission on himself', async () => {
    const self = await userWho('self', allow('iam:GetUser', arnOf('/self')))
    assert.equal(textOf(await self.ok('GetUser'), 'Arn'), arnOf('/self'))
    const bare = await userWho('bare')
    const sentence = refusal(arnOf('/bare'), 'iam:GetUser', arnOf('/bare'))
    await bare.refused('GetUser', {}, 403, 'AccessDenied', sentence)
    await bare.refused('GetUser', { UserName: 'bare' }, 403, 'AccessDenied', sentence)
  })

  test('of the root user: no name and no path', async () => {
    const root = await registry.registry.accessKeys.create(registry.registry.accountId, account)
    const client = iamClient(registry, root)
    try {
      const { User } = await client.send(new GetUserCommand({}))
      assert.deepEqual(User, { UserId: account, Arn: `arn:aws:iam::${account}:root`, CreateDate: createdAt })
    } finally {
      client.destroy()
      await registry.registry.accessKeys.delete(registry.registry.accountId, account, root.accessKeyId)
    }
  })

  test('a session has no user', async () => {
    const statement = { Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' }
    const trust = { Version: '2012-10-17', Statement: [statement] }
    await iam.ok('CreateRole', { RoleName: 'visitor', AssumeRolePolicyDocument: JSON.stringify(trust) })
    const session = await registry.sts().ok('AssumeRole', {
      RoleArn: `arn:aws:iam::${account}:role/visitor`,
      RoleSessionName: 'session',
    })
    const wire = registry.iam({
      accessKeyId: textOf(session, 'AccessKeyId'),
      secretAccessKey: textOf(session, 'SecretAccessKey'),
      sessionToken: textOf(session, 'SessionToken'),
    })
    const message = 'Must specify userName when calling with non-User credentials'
    for (const action of ['GetUser', 'ListAccessKeys', 'CreateAccessKey', 'ListMFADevices'])
      await wire.refused(action, {}, 400, 'ValidationError', message)
  })
})

describe('ListUsers', () => {
  test('pages in the order of names, whatever their case; a page goes on where one was deleted', async () => {
    for (const name of ['b', 'A', 'c', 'D', 'e'])
      await iam.ok('CreateUser', { UserName: `page-${name}`, Path: '/pages/' })
    const list = { PathPrefix: '/pages/', MaxItems: 2 }
    const first = await amazon.send(new ListUsersCommand(list))
    assert.deepEqual(
      first.Users?.map(({ UserName }) => UserName),
      ['page-A', 'page-b'],
    )
    assert.equal(first.IsTruncated, true)
    await iam.ok('DeleteUser', { UserName: 'page-b' })
    const second = await iam.ok('ListUsers', { ...list, Marker: first.Marker ?? '' })
    assert.deepEqual(names(second), ['page-c', 'page-D'])
    const third = await iam.ok('ListUsers', { ...list, Marker: textOf(second, 'Marker') })
    assert.deepEqual(names(third), ['page-e'])
    assert.match(third, /<IsTruncated>false<\/IsTruncated>/)
    assert.doesNotMatch(third, /<Marker>/)
  })

  test('a marker is good for its list and its account only', async () => {
    const marker = textOf(await iam.ok('ListUsers', { MaxItems: 1 }), 'Marker')
    const edited = `${marker.startsWith('A') ? 'B' : 'A'}${marker.slice(1)}`
    const stranger = registry.iam(await registry.createAccount('210987654322'))
    const refused = [400, 'ValidationError', 'Invalid Marker.'] as const
    await iam.ok('ListUsers', { Marker: marker })
    await stranger.refused('ListUsers', { Marker: marker }, ...refused)
    await iam.refused('ListUsers', { Marker: edited }, ...refused)
    await iam.refused('ListUsers', { Marker: 'nonsense' }, ...refused)
    await iam.refused('ListGroups', { Marker: marker }, ...refused)
    for (const [MaxItems, constraint] of [
      [0, 'greater than or equal to 1'],
      [1001, 'less than or equal to 1000'],
    ] as const)
      await iam.refused(
        ...(['ListUsers', { MaxItems }, 400, 'ValidationError'] as const),
        `1 validation error detected: Value '${MaxItems}' at 'maxItems' failed to satisfy constraint: Member must have value ${constraint}`,
      )
  })

  test('other accounts are not in it', async () => {
    const stranger = registry.iam(await registry.createAccount('210987654323'))
    assert.deepEqual(names(await stranger.ok('ListUsers')), ['admin'])
    const message = 'The user with name plain cannot be found.'
    await stranger.refused('GetUser', { UserName: 'plain' }, 404, 'NoSuchEntity', message)
  })
})

describe('UpdateUser', () => {
  test('a new name and path keep id, keys and groups; names are the same in any case', async () => {
    const credentials = await registry.createUser('before')
    const { User: old } = await amazon.send(new GetUserCommand({ UserName: 'before' }))
    await iam.ok('CreateGroup', { GroupName: 'kept' })
    await iam.ok('AddUserToGroup', { GroupName: 'kept', UserName: 'before' })
    const updated = await amazon.send(
      new UpdateUserCommand({ UserName: 'before', NewUserName: 'After', NewPath: '/moved/' }),
    )
    assert.deepEqual(membersOf(updated), {})
    const { User } = await amazon.send(new GetUserCommand({ UserName: 'after' }))
    assert.deepEqual(User, { ...old, UserName: 'After', Path: '/moved/', Arn: arnOf('/moved/After') })
    const caller = await registry.sts(credentials).ok('GetCallerIdentity')
    assert.equal(textOf(caller, 'Arn'), arnOf('/moved/After'))
    assert.match(await iam.ok('ListGroupsForUser', { UserName: 'After' }), /<GroupName>kept</)
    await iam.refused(
      'GetUser',
      { UserName: 'before' },
      404,
      'NoSuchEntity',
      'The user with name before cannot be found.',
    )
    await iam.ok('UpdateUser', { UserName: 'After', NewUserName: 'AFTER' })
    assert.equal(textOf(await iam.ok('GetUser', { UserName: 'after' }), 'UserName'), 'AFTER')
  })

  test('a name that is taken, and a user who is not there', async () => {
    const taken = ['EntityAlreadyExists', 'User with name ADMIN already exists.'] as const
    await iam.refused('UpdateUser', { UserName: 'plain', NewUserName: 'ADMIN' }, 409, ...taken)
    const missing = ['NoSuchEntity', 'The user with name nobody cannot be found.'] as const
    await iam.refused('UpdateUser', { UserName: 'nobody', NewPath: '/x/' }, 404, ...missing)
  })
})

describe('DeleteUser', () => {
  test('only when nothing hangs on him, and says what does', async () => {
    const { accessKeyId } = await registry.createUser('loaded', [administratorAccess])
    const name = { UserName: 'loaded' }
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [allow('ecr:*')] })
    await iam.ok('PutUserPolicy', { ...name, PolicyName: 'own', PolicyDocument: document })
    await iam.ok('CreateGroup', { GroupName: 'holding' })
    await iam.ok('AddUserToGroup', { ...name, GroupName: 'holding' })
    const steps: [what: string, action: string, parameters: QueryParameters][] = [
      ['must delete access keys first', 'DeleteAccessKey', { AccessKeyId: accessKeyId }],
      ['must detach all policies first', 'DetachUserPolicy', { PolicyArn: administratorAccess }],
      ['must delete policies first', 'DeleteUserPolicy', { PolicyName: 'own' }],
      ['must remove users from group first', 'RemoveUserFromGroup', { GroupName: 'holding' }],
    ]
    for (const [what, action, parameters] of steps) {
      await iam.refused('DeleteUser', name, 409, 'DeleteConflict', `Cannot delete entity, ${what}.`)
      await iam.ok(action, { ...name, ...parameters })
    }
    assert.deepEqual(membersOf(await amazon.send(new DeleteUserCommand(name))), {})
    await iam.refused('DeleteUser', name, 404, 'NoSuchEntity', 'The user with name loaded cannot be found.')
  })

  test('security test 18: a user of the same name is another; old tokens stay dead, old policies of repositories do not grant', async () => {
    await registry.aws.ok('CreateRepository', { repositoryName: 'shared' })
    const login = { Version: '2012-10-17', Statement: [allow('ecr:GetAuthorizationToken')] }
    const make = async () => {
      const credentials = await registry.createUser('reborn')
      await iam.ok('PutUserPolicy', { UserName: 'reborn', PolicyName: 'login', PolicyDocument: JSON.stringify(login) })
      return credentials
    }
    const old = await make()
    const grant = { Effect: 'Allow', Principal: { AWS: arnOf('/reborn') }, Action: 'ecr:ListImages' }
    const policyText = JSON.stringify({ Version: '2012-10-17', Statement: [grant] })
    await registry.aws.ok('SetRepositoryPolicy', { repositoryName: 'shared', policyText })
    const oldDocker = await registry.ociAs(registry.awsAs(old))
    const tags = '/v2/shared/tags/list'
    assert.equal((await oldDocker.send('GET', tags)).status, 200)
    const oldId = textOf(await iam.ok('GetUser', { UserName: 'reborn' }), 'UserId')

    await iam.ok('DeleteAccessKey', { UserName: 'reborn', AccessKeyId: old.accessKeyId })
    await iam.ok('DeleteUserPolicy', { UserName: 'reborn', PolicyName: 'login' })
    await iam.ok('DeleteUser', { UserName: 'reborn' })
    const fresh = await make()

    const newId = textOf(await iam.ok('GetUser', { UserName: 'reborn' }), 'UserId')
    assert.match(newId, /^AIDA/)
    assert.notEqual(newId, oldId)
    const invalid = 'The security token included in the request is invalid.'
    assertOciError(await oldDocker.send('GET', tags), 403, 'DENIED', invalid)
    await registry
      .awsAs(old)
      .refused('ListImages', { repositoryName: 'shared' }, 'UnrecognizedClientException', invalid)
    assertQueryError(await registry.iam(old).call('GetUser'), 403, 'InvalidClientTokenId', invalid)
    const newDocker = await registry.ociAs(registry.awsAs(fresh))
    assert.equal((await newDocker.send('GET', tags)).status, 403)
    const denied = refusal(arnOf('/reborn'), 'ecr:ListImages', `arn:aws:ecr:us-east-1:${account}:repository/shared`)
    await registry
      .awsAs(fresh)
      .refused(
        'ListImages',
        { repositoryName: 'shared' },
        'AccessDeniedException',
        denied.replace('identity', 'identity'),
      )
  })
})

describe('who may', () => {
  test('a user without rights: the sentence names the resource, with its path', async () => {
    const nobody = await userWho('nobody')
    await iam.ok('CreateUser', { UserName: 'target', Path: '/deep/er/' })
    const target = arnOf('/deep/er/target')
    const rows: [action: string, parameters: QueryParameters, resource: string][] = [
      ['CreateUser', { UserName: 'x', Path: '/p/' }, arnOf('/p/x')],
      ['GetUser', { UserName: 'TARGET' }, target],
      ['GetUser', { UserName: 'missing' }, arnOf('/missing')],
      ['ListUsers', {}, arnOf('/')],
      ['ListUsers', { PathPrefix: '/p/' }, arnOf('/p/')],
      ['UpdateUser', { UserName: 'target', NewUserName: 'x' }, target],
      ['DeleteUser', { UserName: 'target' }, target],
      ['DeleteUser', { UserName: 'missing' }, arnOf('/missing')],
    ]
    for (const [action, parameters, resource] of rows)
      await nobody.refused(
        action,
        parameters,
        403,
        'AccessDenied',
        refusal(arnOf('/nobody'), `iam:${action}`, resource),
      )
  })

  test('who renames needs the permission on both names; who tags, that too', async () => {
    await iam.ok('CreateUser', { UserName: 'mover', Path: '/in/' })
    const some = await userWho('some', allow(['iam:UpdateUser', 'iam:CreateUser'], arnOf('/in/*')))
    await some.refused(
      ...(['UpdateUser', { UserName: 'mover', NewPath: '/out/' }, 403, 'AccessDenied'] as const),
      refusal(arnOf('/some'), 'iam:UpdateUser', arnOf('/out/mover')),
    )
    await some.ok('UpdateUser', { UserName: 'mover', NewUserName: 'moved' })
    const tagged = { UserName: 'x', Path: '/in/', 'Tags.member.1.Key': 'a', 'Tags.member.1.Value': 'b' }
    const sentence = refusal(arnOf('/some'), 'iam:TagUser', arnOf('/in/x'))
    await some.refused('CreateUser', tagged, 403, 'AccessDenied', sentence)
    await some.ok('CreateUser', { UserName: 'x', Path: '/in/' })
  })

  test('conditions on the boundary and the tags that the request brings, and on the tags that a user has', async () => {
    const some = await userWho(
      'conditional',
      allow('iam:CreateUser', '*', { Condition: { StringEquals: { 'iam:PermissionsBoundary': administratorAccess } } }),
      allow('iam:TagUser', '*', { Condition: { StringEquals: { 'aws:RequestTag/team': 'a' } } }),
      allow('iam:DeleteUser', '*', { Condition: { StringEquals: { 'aws:ResourceTag/team': 'a' } } }),
    )
    const boundary = { PermissionsBoundary: administratorAccess }
    const tag = (value: string) => ({ 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': value })
    const denied = async (action: string, parameters: QueryParameters) =>
      assert.equal(textOf((await some.call(action, parameters)).text, 'Code'), 'AccessDenied')
    await denied('CreateUser', { UserName: 'c1' })
    await some.ok('CreateUser', { UserName: 'c1', ...boundary })
    await denied('CreateUser', { UserName: 'c2', ...boundary, ...tag('b') })
    await some.ok('CreateUser', { UserName: 'c2', ...boundary, ...tag('a') })
    await denied('DeleteUser', { UserName: 'c1' })
    await some.ok('DeleteUser', { UserName: 'c2' })
  })
})
