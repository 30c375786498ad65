// IAM groups and their members: whole answers by Amazon's client, refusals byte for byte, who may, and that what a group may do its members may
// (IAM CreateGroup, GetGroup, ListGroups, UpdateGroup, DeleteGroup, AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IAMClient } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { type QueryParameters, type QueryWire, textOf } from '../support/query-wire.ts'

const arnOf = (pathAndName: string) => `arn:aws:iam::${account}:group${pathAndName}`
const createdAt = new Date('2026-11-14T12:00:00Z')
const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess'
const pullOnly = 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly'

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

const { CreateGroupCommand, GetGroupCommand, ListGroupsCommand, UpdateGroupCommand, DeleteGroupCommand } = amazonIam()
const { AddUserToGroupCommand, RemoveUserFromGroupCommand, ListGroupsForUserCommand } = amazonIam()

const elements = (xml: string, name: string) =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]+)<`, 'g'))].map((match) => match[1])
const missingUser = ['NoSuchEntity', 'The user with name nobody cannot be found.'] as const
const missingGroup = ['NoSuchEntity', 'The group with name none cannot be found.'] as const

test('a group from its making to its end, each answer as a whole', async () => {
  const { Group: made } = await amazon.send(new CreateGroupCommand({ GroupName: 'Whole', Path: '/team/' }))
  assert.match(made?.GroupId ?? '', /^AGPA[A-Z2-7]{17}$/)
  const group = {
    Path: '/team/',
    GroupName: 'Whole',
    GroupId: made?.GroupId,
    Arn: arnOf('/team/Whole'),
    CreateDate: createdAt,
  }
  assert.deepEqual(made, group)
  const get = async () => membersOf(await amazon.send(new GetGroupCommand({ GroupName: 'whole' })))
  assert.deepEqual(await get(), { Group: group, Users: [], IsTruncated: false })
  const listed = await amazon.send(new ListGroupsCommand({ PathPrefix: '/team/' }))
  assert.deepEqual(membersOf(listed), { Groups: [group], IsTruncated: false })

  await iam.ok('CreateUser', { UserName: 'member', Path: '/p/', 'Tags.member.1.Key': 'a', 'Tags.member.1.Value': 'b' })
  const add = new AddUserToGroupCommand({ GroupName: 'WHOLE', UserName: 'MEMBER' })
  assert.deepEqual(membersOf(await amazon.send(add)), {})
  await iam.ok('AddUserToGroup', { GroupName: 'Whole', UserName: 'member' })
  const UserId = textOf(await iam.ok('GetUser', { UserName: 'member' }), 'UserId')
  const Arn = `arn:aws:iam::${account}:user/p/member`
  const user = { Path: '/p/', UserName: 'member', UserId, Arn, CreateDate: createdAt }
  assert.deepEqual(await get(), { Group: group, Users: [user], IsTruncated: false })
  const ofUser = await amazon.send(new ListGroupsForUserCommand({ UserName: 'member' }))
  assert.deepEqual(membersOf(ofUser), { Groups: [group], IsTruncated: false })

  const update = { GroupName: 'whole', NewGroupName: 'Other', NewPath: '/' }
  assert.deepEqual(membersOf(await amazon.send(new UpdateGroupCommand(update))), {})
  const moved = await amazon.send(new GetGroupCommand({ GroupName: 'other' }))
  const renamed = { ...group, GroupName: 'Other', Path: '/', Arn: arnOf('/Other') }
  assert.deepEqual(membersOf(moved), { Group: renamed, Users: [user], IsTruncated: false })

  const remove = new RemoveUserFromGroupCommand({ GroupName: 'other', UserName: 'member' })
  assert.deepEqual(membersOf(await amazon.send(remove)), {})
  assert.deepEqual(membersOf(await amazon.send(new DeleteGroupCommand({ GroupName: 'OTHER' }))), {})
  const gone = ['NoSuchEntity', 'The group with name Other cannot be found.'] as const
  await iam.refused('GetGroup', { GroupName: 'Other' }, 404, ...gone)
})

test('refusals', async () => {
  await iam.ok('CreateGroup', { GroupName: 'taken' })
  await iam.ok('CreateGroup', { GroupName: 'mine' })
  await iam.ok('CreateUser', { UserName: 'alone' })
  const invalid = (value: string, at: string, constraint: string) =>
    `1 validation error detected: Value ${value} at '${at}' failed to satisfy constraint: ${constraint}`
  const pattern = 'Member must satisfy regular expression pattern: [\\w+=,.@-]+'
  const rows: [action: string, parameters: QueryParameters, status: number, code: string, message: string][] = [
    ['CreateGroup', {}, 400, 'ValidationError', invalid('null', 'groupName', 'Member must not be null')],
    ['CreateGroup', { GroupName: 'a b' }, 400, 'ValidationError', invalid("'a b'", 'groupName', pattern)],
    ['CreateGroup', { GroupName: 'TAKEN' }, 409, 'EntityAlreadyExists', 'Group with name TAKEN already exists.'],
    [
      ...(['UpdateGroup', { GroupName: 'mine', NewGroupName: 'Taken' }] as const),
      ...([409, 'EntityAlreadyExists', 'Group with name Taken already exists.'] as const),
    ],
    ['GetGroup', { GroupName: 'none' }, 404, ...missingGroup],
    ['UpdateGroup', { GroupName: 'none', NewPath: '/x/' }, 404, ...missingGroup],
    ['DeleteGroup', { GroupName: 'none' }, 404, ...missingGroup],
    ['AddUserToGroup', { GroupName: 'none', UserName: 'nobody' }, 404, ...missingGroup],
    ['AddUserToGroup', { GroupName: 'mine', UserName: 'nobody' }, 404, ...missingUser],
    ['RemoveUserFromGroup', { GroupName: 'none', UserName: 'nobody' }, 404, ...missingGroup],
    ['RemoveUserFromGroup', { GroupName: 'mine', UserName: 'nobody' }, 404, ...missingUser],
    [
      ...(['RemoveUserFromGroup', { GroupName: 'mine', UserName: 'alone' }] as const),
      ...([404, 'NoSuchEntity', 'User alone is not in group mine.'] as const),
    ],
    ['ListGroupsForUser', { UserName: 'nobody' }, 404, ...missingUser],
  ]
  for (const [action, ...row] of rows) await iam.refused(action, ...row)
})

test('DeleteGroup: only when nothing hangs on it, and it says what does', async () => {
  const name = { GroupName: 'loaded' }
  await iam.ok('CreateGroup', name)
  await iam.ok('CreateUser', { UserName: 'inside' })
  await iam.ok('AddUserToGroup', { ...name, UserName: 'inside' })
  await iam.ok('AttachGroupPolicy', { ...name, PolicyArn: pullOnly })
  const Statement = [{ Effect: 'Allow', Action: 'ecr:*', Resource: '*' }]
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
  await iam.ok('PutGroupPolicy', { ...name, PolicyName: 'own', PolicyDocument })
  const steps: [what: string, action: string, parameters: QueryParameters][] = [
    ['must remove users from group first', 'RemoveUserFromGroup', { UserName: 'inside' }],
    ['must detach all policies first', 'DetachGroupPolicy', { PolicyArn: pullOnly }],
    ['must delete policies first', 'DeleteGroupPolicy', { PolicyName: 'own' }],
  ]
  for (const [what, action, parameters] of steps) {
    await iam.refused('DeleteGroup', name, 409, 'DeleteConflict', `Cannot delete entity, ${what}.`)
    await iam.ok(action, { ...name, ...parameters })
  }
  await iam.ok('DeleteGroup', name)
})

test('ten groups a user, 300 an account', async () => {
  await iam.ok('CreateUser', { UserName: 'everywhere' })
  for (let n = 0; n <= 10; n++) await iam.ok('CreateGroup', { GroupName: `g${n}`, Path: '/ten/' })
  for (let n = 0; n < 10; n++) await iam.ok('AddUserToGroup', { GroupName: `g${n}`, UserName: 'everywhere' })
  const full = ['LimitExceeded', 'Cannot exceed quota for GroupsPerUser: 10'] as const
  await iam.refused('AddUserToGroup', { GroupName: 'g10', UserName: 'everywhere' }, 409, ...full)
  await iam.ok('AddUserToGroup', { GroupName: 'g3', UserName: 'everywhere' })
  await iam.ok('RemoveUserFromGroup', { GroupName: 'g0', UserName: 'everywhere' })
  await iam.ok('AddUserToGroup', { GroupName: 'g10', UserName: 'everywhere' })

  const stranger = registry.iam(await registry.createAccount('210987654321'))
  for (let n = 0; n < 300; n += 50) {
    const batch = Array.from({ length: 50 }, (_, i) => stranger.ok('CreateGroup', { GroupName: `g${n + i}` }))
    await Promise.all(batch)
  }
  const quota = ['LimitExceeded', 'Cannot exceed quota for GroupsPerAccount: 300'] as const
  await stranger.refused('CreateGroup', { GroupName: 'one-more' }, 409, ...quota)
})

describe('pages', () => {
  const longName = 'n'.repeat(128)

  test('of members, groups, and groups of a user: in the order of names, and on where one is gone', async () => {
    await iam.ok('CreateGroup', { GroupName: longName, Path: '/pages/' })
    for (const name of ['pa', 'Pb', 'pc', 'Pd']) {
      await iam.ok('CreateUser', { UserName: name })
      await iam.ok('AddUserToGroup', { GroupName: longName, UserName: name })
    }
    const first = await iam.ok('GetGroup', { GroupName: longName, MaxItems: 2 })
    assert.deepEqual(elements(first, 'UserName'), ['pa', 'Pb'])
    assert.match(first, /<IsTruncated>true</)
    const Marker = textOf(first, 'Marker')
    assert.ok(Marker.length <= 320)
    await iam.ok('RemoveUserFromGroup', { GroupName: longName, UserName: 'Pb' })
    const second = await iam.ok('GetGroup', { GroupName: longName, MaxItems: 2, Marker })
    assert.deepEqual(elements(second, 'UserName'), ['pc', 'Pd'])
    assert.match(second, /<IsTruncated>false</)

    const groups = await iam.ok('ListGroups', { PathPrefix: '/ten/', MaxItems: 5 })
    assert.deepEqual(elements(groups, 'GroupName'), ['g0', 'g1', 'g10', 'g2', 'g3'])
    const rest = await iam.ok('ListGroups', { PathPrefix: '/ten/', Marker: textOf(groups, 'Marker') })
    assert.deepEqual(elements(rest, 'GroupName'), ['g4', 'g5', 'g6', 'g7', 'g8', 'g9'])

    const ofUser = await iam.ok('ListGroupsForUser', { UserName: 'everywhere', MaxItems: 9 })
    assert.equal(elements(ofUser, 'GroupName').length, 9)
    const last = await iam.ok('ListGroupsForUser', { UserName: 'everywhere', Marker: textOf(ofUser, 'Marker') })
    assert.deepEqual(elements(last, 'GroupName'), ['g9'])
  })

  test('a marker is good for its group and its account only', async () => {
    const Marker = textOf(await iam.ok('GetGroup', { GroupName: longName, MaxItems: 1 }), 'Marker')
    const stranger = registry.iam(await registry.createAccount('210987654322'))
    await stranger.ok('CreateGroup', { GroupName: longName })
    const refused = [400, 'ValidationError', 'Invalid Marker.'] as const
    await stranger.refused('GetGroup', { GroupName: longName, Marker }, ...refused)
    await iam.refused('GetGroup', { GroupName: 'taken', Marker }, ...refused)
    await iam.refused('ListGroups', { Marker }, ...refused)
    const ofUser = textOf(await iam.ok('ListGroupsForUser', { UserName: 'everywhere', MaxItems: 1 }), 'Marker')
    await iam.refused('ListGroupsForUser', { UserName: 'pa', Marker: ofUser }, ...refused)
  })
})

describe('who may', () => {
  test('a user without rights: the sentence names the group, with its path, or the user whose groups are asked for', async () => {
    const nobody = registry.iam(await registry.createUser('without'))
    await iam.ok('CreateGroup', { GroupName: 'target', Path: '/deep/' })
    const target = arnOf('/deep/target')
    const user = `arn:aws:iam::${account}:user/without`
    const rows: [action: string, parameters: QueryParameters, resource: string][] = [
      ['CreateGroup', { GroupName: 'x', Path: '/p/' }, arnOf('/p/x')],
      ['GetGroup', { GroupName: 'TARGET' }, target],
      ['GetGroup', { GroupName: 'missing' }, arnOf('/missing')],
      ['ListGroups', {}, arnOf('/')],
      ['UpdateGroup', { GroupName: 'target', NewGroupName: 'x' }, target],
      ['DeleteGroup', { GroupName: 'target' }, target],
      ['AddUserToGroup', { GroupName: 'target', UserName: 'without' }, target],
      ['RemoveUserFromGroup', { GroupName: 'target', UserName: 'without' }, target],
      ['ListGroupsForUser', { UserName: 'without' }, user],
    ]
    for (const [action, parameters, resource] of rows) {
      const sentence = `User: ${user} is not authorized to perform: iam:${action} on resource: ${resource} because no identity-based policy allows the iam:${action} action`
      await nobody.refused(action, parameters, 403, 'AccessDenied', sentence)
    }
  })

  test('what a group may do its members may, from the next request on, and no longer', async () => {
    const member = registry.awsAs(await registry.createUser('pusher'))
    await iam.ok('CreateGroup', { GroupName: 'pushers' })
    await iam.ok('AttachGroupPolicy', { GroupName: 'pushers', PolicyArn: administratorAccess })
    const list = () => member.call('DescribeRepositories')
    assert.equal((await list()).status, 400)
    await iam.ok('AddUserToGroup', { GroupName: 'pushers', UserName: 'pusher' })
    assert.equal((await list()).status, 200)
    await iam.ok('UpdateGroup', { GroupName: 'pushers', NewGroupName: 'renamed' })
    assert.equal((await list()).status, 200)
    await iam.ok('RemoveUserFromGroup', { GroupName: 'renamed', UserName: 'pusher' })
    assert.equal((await list()).status, 400)
  })
})
