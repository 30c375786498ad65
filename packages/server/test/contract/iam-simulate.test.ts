// Simulations of IAM: whole answers by Amazon's client, and that they say what the request itself would be answered (IAM
// SimulatePrincipalPolicy, SimulateCustomPolicy, GetContextKeysForCustomPolicy, GetContextKeysForPrincipalPolicy).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { IAMClient, SimulatePrincipalPolicyCommandInput } from '@aws-sdk/client-iam'
import { account, type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { amazonIam, iamClient, membersOf } from '../support/iam-client.ts'
import { type QueryParameters, type QueryWire, textOf } from '../support/query-wire.ts'

const userArn = (name: string) => `arn:aws:iam::${account}:user/${name}`
const repository = (name: string) => `arn:aws:ecr:us-east-1:${account}:repository/${name}`
const app = repository('app')
const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const allow = (Action: string | string[], Resource: string | string[] = '*', more: object = {}) => ({
  ...{ Effect: 'Allow', Action, Resource },
  ...more,
})
const deny = (Action: string, more: object = {}) => ({ ...allow(Action), Effect: 'Deny', ...more })

let registry: ContractRegistry
let iam: QueryWire
let amazon: IAMClient
before(async () => {
  registry = await contractRegistry()
  iam = registry.iam()
  amazon = iamClient(registry)
  for (const name of ['app', 'open', 'shut']) {
    await registry.aws.ok('CreateRepository', { repositoryName: name, tags: [{ Key: 'team', Value: name }] })
  }
  await iam.ok('CreateUser', { UserName: 'alice', 'Tags.member.1.Key': 'team', 'Tags.member.1.Value': 'app' })
  await iam.ok('CreateGroup', { GroupName: 'pullers' })
  await iam.ok('AddUserToGroup', { GroupName: 'pullers', UserName: 'alice' })
  await iam.ok('PutGroupPolicy', {
    ...{ GroupName: 'pullers', PolicyName: 'pull' },
    PolicyDocument: policy({ Sid: 'Pull', ...allow('ecr:BatchGetImage', app) }),
  })
  await iam.ok('PutUserPolicy', {
    ...{ UserName: 'alice', PolicyName: 'own' },
    PolicyDocument: policy(
      deny('ecr:DeleteRepository'),
      allow('ecr:PutImage', '*', { Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }),
      allow('ecr:ListImages', '*', {
        Condition: { StringEquals: { 'ecr:ResourceTag/team': `\${aws:PrincipalTag/team}` } },
      }),
    ),
  })
  await iam.ok('AttachUserPolicy', {
    UserName: 'alice',
    PolicyArn: 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly',
  })
})
after(async () => {
  amazon?.destroy()
  await registry?.close()
})

const sdk = amazonIam()
type Input = Partial<SimulatePrincipalPolicyCommandInput>
const simulate = async (input: Input) =>
  membersOf(
    await amazon.send(
      new sdk.SimulatePrincipalPolicyCommand({ PolicySourceArn: userArn('alice'), ActionNames: [], ...input }),
    ),
  )
const decisionOf = async (action: string, resource: string, more: Input = {}) =>
  (await simulate({ ActionNames: [action], ResourceArns: [resource], ...more })).EvaluationResults?.[0]?.EvalDecision

describe('SimulatePrincipalPolicy', () => {
  test('the whole answer: policies of the user, of his groups and of AWS', async () => {
    const answer = await simulate({ ActionNames: ['ecr:BatchGetImage', 'ecr:DeleteRepository'], ResourceArns: [app] })
    assert.deepEqual(answer, {
      EvaluationResults: [
        {
          EvalActionName: 'ecr:BatchGetImage',
          EvalResourceName: app,
          EvalDecision: 'allowed',
          MatchedStatements: [
            { SourcePolicyId: 'AmazonEC2ContainerRegistryPullOnly', SourcePolicyType: 'aws-managed' },
            { SourcePolicyId: 'group_pullers_pull', SourcePolicyType: 'group' },
          ],
          MissingContextValues: [],
        },
        {
          EvalActionName: 'ecr:DeleteRepository',
          EvalResourceName: app,
          EvalDecision: 'explicitDeny',
          MatchedStatements: [{ SourcePolicyId: 'user_alice_own', SourcePolicyType: 'user' }],
          MissingContextValues: [],
        },
      ],
      IsTruncated: false,
    })
  })

  test('Berth’s own members: which statement of which policy', async () => {
    const named = { PolicySourceArn: userArn('alice'), 'ActionNames.member.1': 'ecr:DeleteRepository' }
    const xml = await iam.ok('SimulatePrincipalPolicy', named)
    assert.match(
      xml,
      /<MatchedStatements><member><SourcePolicyId>user_alice_own<\/SourcePolicyId><SourcePolicyType>user<\/SourcePolicyType><Effect>Deny<\/Effect><StatementIndex>0<\/StatementIndex><\/member><\/MatchedStatements>/,
    )
    assert.match(
      xml,
      /<DecidedBy><PolicyKind>identity<\/PolicyKind><SourcePolicyId>user_alice_own<\/SourcePolicyId><StatementIndex>0<\/StatementIndex><\/DecidedBy>/,
    )
    const pull = { ...named, 'ActionNames.member.1': 'ecr:BatchGetImage', 'ResourceArns.member.1': app }
    assert.match(await iam.ok('SimulatePrincipalPolicy', pull), /<Sid>Pull<\/Sid><Effect>Allow<\/Effect>/)
  })

  test('what only a request would say is missing until it is given', async () => {
    const [open] = (await simulate({ ActionNames: ['ecr:PutImage'], ResourceArns: [app] })).EvaluationResults ?? []
    assert.deepEqual([open?.EvalDecision, open?.MissingContextValues], ['implicitDeny', ['aws:SourceIp']])
    const from = (value: string) => ({
      ContextEntries: [{ ContextKeyName: 'AWS:sourceip', ContextKeyValues: [value], ContextKeyType: 'ip' as const }],
    })
    assert.equal(await decisionOf('ecr:PutImage', app, from('10.1.2.3')), 'allowed')
    assert.equal(await decisionOf('ecr:PutImage', app, from('192.0.2.1')), 'implicitDeny')
  })

  test('tags of the principal and of the repository are known, and others may be tried', async () => {
    assert.equal(await decisionOf('ecr:ListImages', app), 'allowed')
    assert.equal(await decisionOf('ecr:ListImages', repository('open')), 'implicitDeny')
    const ContextEntries = [
      { ContextKeyName: 'aws:PrincipalTag/team', ContextKeyValues: ['open'], ContextKeyType: 'string' as const },
    ]
    assert.equal(await decisionOf('ecr:ListImages', repository('open'), { ContextEntries }), 'allowed')
  })

  test('policies that are tried with those of the principal, in the place of his boundary, or without one of his', async () => {
    const more = { PolicyInputList: [policy(allow('ecr:*'))] }
    assert.equal(await decisionOf('ecr:CreateRepository', app), 'implicitDeny')
    assert.equal(await decisionOf('ecr:CreateRepository', app, more), 'allowed')
    assert.equal(await decisionOf('ecr:DeleteRepository', app, more), 'explicitDeny')
    const narrow = { PermissionsBoundaryPolicyInputList: [policy(allow('ecr:Batch*'))] }
    const [result] =
      (await simulate({ ActionNames: ['ecr:CreateRepository'], ResourceArns: [app], ...more, ...narrow }))
        .EvaluationResults ?? []
    assert.equal(result?.EvalDecision, 'implicitDeny')
    assert.deepEqual(result?.PermissionsBoundaryDecisionDetail, { AllowedByPermissionsBoundary: false })
    assert.equal(await decisionOf('ecr:BatchGetImage', app, narrow), 'allowed')
    await iam.ok('PutUserPermissionsBoundary', {
      UserName: 'alice',
      PermissionsBoundary: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess',
    })
    assert.equal(await decisionOf('ecr:BatchGetImage', app), 'implicitDeny')
    assert.equal(await decisionOf('ecr:BatchGetImage', app, narrow), 'allowed')
    await iam.ok('DeleteUserPermissionsBoundary', { UserName: 'alice' })

    const named = { PolicySourceArn: userArn('alice'), 'ActionNames.member.1': 'ecr:DeleteRepository' }
    const without = async (more: QueryParameters) =>
      textOf(await iam.ok('SimulatePrincipalPolicy', { ...named, ...more }), 'EvalDecision')
    const excluded = 'PolicyExclusionList.member.1'
    const inline = `${excluded}.InlinePolicyIdentifier`
    assert.equal(await without({ [`${excluded}.PolicyType`]: 'aws-managed' }), 'explicitDeny')
    assert.equal(await without({ [`${excluded}.PolicyType`]: 'inline' }), 'implicitDeny')
    assert.equal(
      await without({
        [`${inline}.PolicyName`]: 'own',
        [`${inline}.AttachmentType`]: 'user',
        [`${inline}.AttachmentName`]: 'alice',
      }),
      'implicitDeny',
    )
    const nothing = { ...named, [`${excluded}.PolicyType`]: 'inline', [`${excluded}.PolicyArn`]: userArn('alice') }
    const message = 'A policy to be left out is named by its type, its ARN, or as an inline policy.'
    await iam.refused('SimulatePrincipalPolicy', nothing, 400, 'InvalidInput', message)
  })

  test('the policies of the repository and its registry are asked as by the request itself', async () => {
    const grant = (Effect: string) => ({
      ...{ Sid: `${Effect} alice`, Effect, Principal: { AWS: userArn('alice') }, Action: 'ecr:GetLifecyclePolicy' },
    })
    const setPolicy = (repositoryName: string, Effect: string) =>
      registry.aws.ok('SetRepositoryPolicy', { repositoryName, policyText: policy(grant(Effect)) })
    await setPolicy('open', 'Allow')
    await setPolicy('shut', 'Deny')
    assert.equal(await decisionOf('ecr:GetLifecyclePolicy', app), 'implicitDeny')
    assert.equal(await decisionOf('ecr:GetLifecyclePolicy', repository('open')), 'allowed')
    assert.equal(await decisionOf('ecr:GetLifecyclePolicy', repository('shut')), 'explicitDeny')
    const [open] =
      (await simulate({ ActionNames: ['ecr:GetLifecyclePolicy'], ResourceArns: [repository('open')] }))
        .EvaluationResults ?? []
    assert.deepEqual(open?.MatchedStatements, [{ SourcePolicyId: 'open', SourcePolicyType: 'resource' }])
    await registry.aws.ok('PutRegistryPolicy', {
      policyText: policy({ ...grant('Deny'), Resource: repository('*') }),
    })
    assert.equal(await decisionOf('ecr:GetLifecyclePolicy', repository('open')), 'explicitDeny')
    await registry.aws.ok('DeleteRegistryPolicy', {})

    // One that is tried stands in their place.
    const ResourcePolicy = policy({ ...grant('Allow'), Action: 'ecr:GetRepositoryPolicy' })
    const tried = { ResourcePolicy }
    assert.equal(await decisionOf('ecr:GetRepositoryPolicy', repository('shut'), tried), 'allowed')
    assert.equal(await decisionOf('ecr:GetLifecyclePolicy', repository('shut'), tried), 'implicitDeny')
    const withResource = policy({ ...grant('Allow'), Resource: repository('s*') })
    assert.equal(
      await decisionOf('ecr:GetLifecyclePolicy', repository('shut'), { ResourcePolicy: withResource }),
      'allowed',
    )
    assert.equal(await decisionOf('ecr:GetLifecyclePolicy', app, { ResourcePolicy: withResource }), 'implicitDeny')
  })

  test('policies of other accounts are not sounded', async () => {
    const theirs = 'arn:aws:ecr:us-east-1:210987654321:repository/theirs'
    const credentials = await registry.createAccount('210987654321')
    const aws = registry.awsAs(credentials)
    await aws.ok('CreateRepository', { repositoryName: 'theirs' })
    await aws.ok('SetRepositoryPolicy', {
      repositoryName: 'theirs',
      policyText: policy({
        ...{ Effect: 'Allow', Principal: { AWS: account }, Action: 'ecr:BatchGetImage' },
        Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } },
      }),
    })
    const ContextEntries = [
      { ContextKeyName: 'aws:SourceIp', ContextKeyValues: ['10.0.0.1'], ContextKeyType: 'ip' as const },
    ]
    const [result] =
      (await simulate({ ActionNames: ['ecr:BatchGetImage'], ResourceArns: [theirs], ContextEntries }))
        .EvaluationResults ?? []
    assert.deepEqual([result?.EvalDecision, result?.MissingContextValues], ['implicitDeny', []])
    const ResourcePolicy = policy({ Effect: 'Allow', Principal: { AWS: account }, Action: 'ecr:BatchGetImage' })
    assert.equal(await decisionOf('ecr:BatchGetImage', theirs, { ResourcePolicy }), 'allowed')
    const others = registry.iam(credentials)
    const message = `The user with arn ${userArn('alice')} cannot be found.`
    const named = { PolicySourceArn: userArn('alice'), 'ActionNames.member.1': 'ecr:PutImage' }
    await others.refused('SimulatePrincipalPolicy', named, 404, 'NoSuchEntity', message)
  })

  test('a group, whose callers are open, and a role', async () => {
    const group = { PolicySourceArn: `arn:aws:iam::${account}:group/pullers` }
    assert.equal(await decisionOf('ecr:BatchGetImage', app, group), 'allowed')
    const ofName = policy(allow('ecr:*', '*', { Condition: { StringEquals: { 'aws:username': 'alice' } } }))
    const asked = { ...group, PolicyInputList: [ofName], ActionNames: ['ecr:PutImage'], ResourceArns: [app] }
    const [open] = (await simulate(asked)).EvaluationResults ?? []
    assert.deepEqual([open?.EvalDecision, open?.MissingContextValues], ['implicitDeny', ['aws:username']])
    const [called] = (await simulate({ ...asked, CallerArn: userArn('alice') })).EvaluationResults ?? []
    assert.equal(called?.EvalDecision, 'allowed')

    await iam.ok('CreateRole', {
      RoleName: 'job',
      AssumeRolePolicyDocument: policy({ Effect: 'Allow', Principal: { AWS: account }, Action: 'sts:AssumeRole' }),
    })
    await iam.ok('PutRolePolicy', {
      RoleName: 'job',
      PolicyName: 'own',
      PolicyDocument: policy(allow('ecr:Put*', app)),
    })
    const role = { PolicySourceArn: `arn:aws:iam::${account}:role/job` }
    assert.equal(await decisionOf('ecr:PutImage', app, role), 'allowed')
    assert.equal(await decisionOf('ecr:PutImage', repository('open'), role), 'implicitDeny')
  })

  test('page by page, actions first and resources within', async () => {
    const ActionNames = ['ecr:BatchGetImage', 'ecr:PutImage', 'ecr:ListImages']
    const ResourceArns = [app, repository('open')]
    const seen: string[] = []
    let Marker: string | undefined
    let pages = 0
    do {
      const answer = await simulate({ ActionNames, ResourceArns, MaxItems: 4, ...(Marker ? { Marker } : {}) })
      seen.push(...(answer.EvaluationResults ?? []).map((r) => `${r.EvalActionName} ${r.EvalResourceName}`))
      Marker = answer.Marker
      pages += 1
    } while (Marker)
    assert.equal(pages, 2)
    assert.deepEqual(
      seen,
      ActionNames.flatMap((action) => ResourceArns.map((resource) => `${action} ${resource}`)),
    )
  })

  test('what is refused', async () => {
    const named = { PolicySourceArn: userArn('alice'), 'ActionNames.member.1': 'ecr:PutImage' }
    const refusals: [QueryParameters, number, string, string][] = [
      [
        { PolicySourceArn: `arn:aws:iam::${account}:root` },
        400,
        'InvalidInput',
        `Invalid Entity Arn: arn:aws:iam::${account}:root does not clearly define entity type and name.`,
      ],
      [{ 'ActionNames.member.1': 'PutImage' }, 400, 'InvalidInput', 'Invalid Entity Action: PutImage'],
      [{ 'ResourceArns.member.1': 'app' }, 400, 'InvalidInput', 'Invalid Entity Resource: app'],
      [{ 'PolicyInputList.member.1': '{}' }, 400, 'MalformedPolicyDocument', 'Syntax errors in policy.'],
      [{ ResourcePolicy: '{}' }, 400, 'MalformedPolicyDocument', 'Invalid repository policy provided'],
      [
        { ResourceHandlingOption: 'EC2-VPC-InstanceStore' },
        400,
        'InvalidInput',
        'ResourceHandlingOption is about resources of Amazon EC2 only.',
      ],
      [
        { 'ContextEntries.member.1.ContextKeyName': 'aws:a', 'ContextEntries.member.2.ContextKeyName': 'AWS:A' },
        400,
        'InvalidInput',
        'The context key AWS:A is given more than once.',
      ],
      [
        { CallerArn: `arn:aws:iam::${account}:group/pullers` },
        400,
        'InvalidInput',
        `Invalid CallerArn: arn:aws:iam::${account}:group/pullers is not the ARN of a user.`,
      ],
      [{ ResourceOwner: 'me' }, 400, 'InvalidInput', 'Invalid ResourceOwner: me'],
      [
        Object.fromEntries(
          Array.from({ length: 8 }, (_, i) => [
            `PolicyInputList.member.${i + 1}`,
            policy(allow('ecr:*', `arn:aws:ecr:${'x'.repeat(9000)}`)),
          ]),
        ),
        409,
        'LimitExceeded',
        'Policies to be simulated may have 65536 characters together.',
      ],
    ]
    for (const [more, status, code, message] of refusals)
      await iam.refused('SimulatePrincipalPolicy', { ...named, ...more }, status, code, message)
  })

  test('needs iam:SimulatePrincipalPolicy on the principal', async () => {
    const asker = registry.iam(await registry.createUser('asker'))
    const PolicyDocument = policy(allow('iam:SimulatePrincipalPolicy', userArn('alice')))
    await iam.ok('PutUserPolicy', { UserName: 'asker', PolicyName: 'own', PolicyDocument })
    const named = (name: string) => ({ PolicySourceArn: userArn(name), 'ActionNames.member.1': 'ecr:PutImage' })
    assert.equal((await asker.call('SimulatePrincipalPolicy', named('alice'))).status, 200)
    assert.equal((await asker.call('SimulatePrincipalPolicy', named('admin'))).status, 403)
    assert.equal((await asker.call('GetContextKeysForPrincipalPolicy', named('alice'))).status, 403)
  })

  test('says what the request is answered', async () => {
    const credentials = await registry.createUser('judge')
    const aws = registry.awsAs(credentials)
    const statements = [
      allow(['ecr:ListImages', 'ecr:DescribeImages'], app),
      allow('ecr:DescribeRepositories', repository('o*')),
      deny('ecr:ListImages', { Resource: repository('open') }),
      allow('ecr:GetRepositoryPolicy', '*', { Condition: { StringLike: { 'aws:ResourceTag/team': ['a*'] } } }),
    ]
    const PolicyDocument = policy(...statements)
    await iam.ok('PutUserPolicy', { UserName: 'judge', PolicyName: 'own', PolicyDocument })
    for (const repositoryName of ['app', 'open', 'shut']) {
      for (const action of ['ListImages', 'DescribeImages', 'GetRepositoryPolicy']) {
        const { text } = await aws.call(action, { repositoryName })
        const isAllowed = !text.includes('AccessDeniedException')
        const simulated = await decisionOf(`ecr:${action}`, repository(repositoryName), {
          PolicySourceArn: userArn('judge'),
        })
        assert.equal(simulated === 'allowed', isAllowed, `${action} ${repositoryName}: ${simulated} ${text}`)
      }
    }
  })
})

describe('SimulateCustomPolicy', () => {
  test('only what is given: policies, a boundary, levels of service control policies', async () => {
    const results = async (more: object) =>
      (
        await amazon.send(
          new sdk.SimulateCustomPolicyCommand({
            PolicyInputList: [policy(allow('ecr:*'))],
            ActionNames: ['ecr:PutImage'],
            ResourceArns: [app],
            ...more,
          }),
        )
      ).EvaluationResults
    assert.deepEqual(await results({}), [
      {
        EvalActionName: 'ecr:PutImage',
        EvalResourceName: app,
        EvalDecision: 'allowed',
        MatchedStatements: [{ SourcePolicyId: 'PolicyInputList.1', SourcePolicyType: 'none' }],
        MissingContextValues: [],
      },
    ])
    const [limited] = (await results({ PermissionsBoundaryPolicyInputList: [policy(allow('iam:*'))] })) ?? []
    assert.deepEqual(
      [limited?.EvalDecision, limited?.PermissionsBoundaryDecisionDetail],
      ['implicitDeny', { AllowedByPermissionsBoundary: false }],
    )
    const level = (...documents: string[]) => ({ ServiceControlPolicyInputList: documents })
    const [controlled] =
      (await results({
        OrderedOrganizationPolicyInputList: [
          level(policy(allow('*'))),
          level(policy(allow('*')), policy(deny('ecr:Put*'))),
        ],
      })) ?? []
    assert.deepEqual(
      [controlled?.EvalDecision, controlled?.OrganizationsDecisionDetail],
      ['explicitDeny', { AllowedByOrganizations: false }],
    )
    const named = [policy(allow('ecr:*', '*', { Condition: { StringEquals: { 'aws:username': 'alice' } } }))]
    const [open] = (await results({ PolicyInputList: named })) ?? []
    assert.deepEqual([open?.EvalDecision, open?.MissingContextValues], ['implicitDeny', ['aws:username']])
    const [called] = (await results({ PolicyInputList: named, CallerArn: userArn('alice') })) ?? []
    assert.equal(called?.EvalDecision, 'allowed')
  })
})

describe('context keys of policies', () => {
  const document = policy(
    allow('ecr:*', `arn:aws:ecr:*:*:repository/\${aws:username}/*`, {
      Condition: {
        StringLike: { 'aws:PrincipalTag/Team': [`\${aws:RequestTag/team, 'none'}`, `\${*}`] },
        IpAddress: { 'aws:SourceIp': '10.0.0.0/8' },
        NotIpAddress: { 'AWS:SOURCEIP': '10.1.0.0/16' },
      },
    }),
  )
  const keys = ['aws:PrincipalTag/Team', 'aws:RequestTag/team', 'aws:SourceIp', 'aws:username']

  test('of policies that are given', async () => {
    const answer = await amazon.send(new sdk.GetContextKeysForCustomPolicyCommand({ PolicyInputList: [document] }))
    assert.deepEqual(membersOf(answer), { ContextKeyNames: keys })
    const old = document.replace('2012-10-17', '2008-10-17')
    const inOld = await amazon.send(new sdk.GetContextKeysForCustomPolicyCommand({ PolicyInputList: [old] }))
    assert.deepEqual(inOld.ContextKeyNames, ['aws:PrincipalTag/Team', 'aws:SourceIp'])
  })

  test('of a principal, and of more that are given', async () => {
    await iam.ok('CreateUser', { UserName: 'keyed' })
    await iam.ok('PutUserPolicy', { UserName: 'keyed', PolicyName: 'own', PolicyDocument: document })
    const PolicySourceArn = userArn('keyed')
    const own = await amazon.send(new sdk.GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn }))
    assert.deepEqual(own.ContextKeyNames, keys)
    const PolicyInputList = [policy(allow('ecr:*', '*', { Condition: { Bool: { 'aws:SecureTransport': 'true' } } }))]
    const more = await amazon.send(
      new sdk.GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn, PolicyInputList }),
    )
    assert.deepEqual(more.ContextKeyNames, [...keys, 'aws:SecureTransport'].toSorted())
  })
})
