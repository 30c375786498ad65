// What a policy lets docker, podman, skopeo and crane do, and what their user reads when it does not: ECR's sentence. Whatever was refused is
// asked for once more, by the same user with the same login, when the policy has been put right, and works.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CreateRepositoryCommand, ECRClient, SetRepositoryPolicyCommand, TagResourceCommand } from '@aws-sdk/client-ecr'
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteUserPermissionsBoundaryCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam'
import { AssumeRoleCommand, type Credentials, STSClient } from '@aws-sdk/client-sts'
import { imageBuilder } from '../support/image-builder.ts'
import { dockerPassword, type ProvingGround, provingGround } from '../support/proving-ground.ts'
import { type OpenClient, registryClients } from '../support/registry-clients.ts'
import { type Outcome, skippedAloud } from '../support/tool.ts'
import { until } from '../support/until.ts'

const account = '123456789012'
const pull = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer']
const push = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:InitiateLayerUpload',
  'ecr:UploadLayerPart',
  'ecr:CompleteLayerUpload',
  'ecr:PutImage',
]
const repository = (name: string) => `arn:aws:ecr:us-east-1:${account}:repository/${name}`
const managed = (name: string) => `arn:aws:iam::aws:policy/AmazonEC2ContainerRegistry${name}`

type Statement = Record<string, unknown>
const document = (...statements: Statement[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })),
  })

/** What a row does to the one user that it is about. */
interface Subject {
  name: string
  attach(policyArn: string): Promise<unknown>
  put(policyName: string, ...statements: Statement[]): Promise<unknown>
  remove(policyName: string): Promise<unknown>
  bound(...statements: Statement[]): Promise<unknown>
  unbound(): Promise<unknown>
  tag(repositoryName: string, team: string): Promise<unknown>
  repositoryPolicy(repositoryName: string, ...statements: Statement[]): Promise<unknown>
}

type Attempt = readonly ['pull' | 'push', string]

interface Row {
  title: string
  grant(subject: Subject): Promise<unknown>
  allowed: readonly Attempt[]
  refused: Attempt
  /** After `User: <ARN> is not authorized to perform: `. */
  sentence: RegExp
  /** With this the refused attempt works. */
  remedy(subject: Subject): Promise<unknown>
}

const rows: readonly Row[] = [
  {
    title: 'with AmazonEC2ContainerRegistryReadOnly a user pulls and does not push',
    grant: (user) => user.attach(managed('ReadOnly')),
    allowed: [['pull', 'app']],
    refused: ['push', 'app'],
    sentence:
      /ecr:InitiateLayerUpload on resource: arn:aws:ecr:us-east-1:123456789012:repository\/\w+\/app because no identity-based policy allows the ecr:InitiateLayerUpload action/,
    remedy: (user) => user.attach(managed('PowerUser')),
  },
  {
    title: 'with the actions of a push alone a user pushes and does not pull',
    grant: (user) => user.put('push', { Action: push, Resource: '*' }),
    allowed: [['push', 'app']],
    refused: ['pull', 'app'],
    sentence: /ecr:BatchGetImage on resource: \S+ because no identity-based policy allows the ecr:BatchGetImage action/,
    remedy: (user) => user.put('pull', { Action: pull, Resource: '*' }),
  },
  {
    title: 'with one repository as the resource a user works there and in no other',
    grant: (user) => user.put('one', { Action: [...pull, ...push], Resource: repository(`${user.name}/app`) }),
    allowed: [
      ['pull', 'app'],
      ['push', 'app'],
    ],
    refused: ['pull', 'other'],
    sentence:
      /ecr:BatchGetImage on resource: \S+\/other because no identity-based policy allows the ecr:BatchGetImage action/,
    remedy: (user) => user.put('two', { Action: pull, Resource: repository(`${user.name}/other`) }),
  },
  {
    title: 'with a condition on ecr:ResourceTag a user works where the repository has the tag',
    async grant(user) {
      await user.tag('app', 'red')
      await user.tag('other', 'blue')
      const Condition = { StringEquals: { 'ecr:ResourceTag/team': 'red' } }
      await user.put('tagged', { Action: [...pull, ...push], Resource: '*', Condition })
    },
    allowed: [
      ['pull', 'app'],
      ['push', 'app'],
    ],
    refused: ['pull', 'other'],
    sentence:
      /ecr:BatchGetImage on resource: \S+\/other because no identity-based policy allows the ecr:BatchGetImage action/,
    remedy: (user) => user.tag('other', 'red'),
  },
  {
    title: 'a Deny wins over what else is allowed',
    async grant(user) {
      await user.attach(managed('PowerUser'))
      await user.put('deny', { Effect: 'Deny', Action: 'ecr:*', Resource: repository(`${user.name}/other`) })
    },
    allowed: [
      ['pull', 'app'],
      ['push', 'app'],
    ],
    refused: ['pull', 'other'],
    sentence: /ecr:BatchGetImage on resource: \S+\/other with an explicit deny in an identity-based policy/,
    remedy: (user) => user.remove('deny'),
  },
  {
    title: 'with a permissions boundary for pulls a user pulls and does not push, whatever else is attached',
    async grant(user) {
      await user.attach(managed('PowerUser'))
      await user.bound({
        Action: ['ecr:GetAuthorizationToken', 'ecr:BatchCheckLayerAvailability', ...pull],
        Resource: '*',
      })
    },
    allowed: [['pull', 'app']],
    refused: ['push', 'app'],
    sentence:
      /ecr:InitiateLayerUpload on resource: \S+ because no permissions boundary allows the ecr:InitiateLayerUpload action/,
    remedy: (user) => user.unbound(),
  },
  {
    title: 'a repository policy lets a user of the account in who has no leave of their own',
    grant: (user) =>
      user.repositoryPolicy('app', {
        Principal: { AWS: `arn:aws:iam::${account}:user/${user.name}` },
        Action: [...pull, ...push],
      }),
    allowed: [
      ['pull', 'app'],
      ['push', 'app'],
    ],
    refused: ['pull', 'other'],
    sentence:
      /ecr:BatchGetImage on resource: \S+\/other because no identity-based policy allows the ecr:BatchGetImage action/,
    remedy: (user) => user.repositoryPolicy('other', { Principal: '*', Action: pull }),
  },
  {
    title: 'a Deny of a repository policy wins over the user’s own leave',
    async grant(user) {
      await user.attach(managed('PowerUser'))
      const Principal = { AWS: `arn:aws:iam::${account}:user/${user.name}` }
      await user.repositoryPolicy('other', { Effect: 'Deny', Principal, Action: pull })
    },
    allowed: [
      ['pull', 'app'],
      ['push', 'other'],
    ],
    refused: ['pull', 'other'],
    sentence: /ecr:BatchGetImage on resource: \S+\/other with an explicit deny in a resource-based policy/,
    remedy: (user) => user.repositoryPolicy('other', { Principal: '*', Action: pull }),
  },
]

for (const kind of registryClients) {
  describe(`policies, as ${kind.name} meets them`, { skip: kind.skip }, () => {
    let ground: ProvingGround
    let iam: IAMClient
    let sts: STSClient
    let client: OpenClient | string
    const builder = imageBuilder()

    const judge = (name: string, body: (client: OpenClient) => Promise<void>) =>
      it(name, async (t) => {
        if (typeof client === 'string') return t.skip(client)
        await body(client)
      })

    before(async () => {
      ground = await provingGround()
      const { url, region, accessKeyId, secretAccessKey } = ground.server
      iam = new IAMClient({ endpoint: url, region, credentials: { accessKeyId, secretAccessKey } })
      sts = new STSClient({ endpoint: url, region, credentials: { accessKeyId, secretAccessKey } })
      client = await kind.open({ folder: ground.folder, host: ground.server.host })
      if (typeof client === 'string') skippedAloud(kind.name, client)
    })
    after(async () => {
      if (typeof client === 'object') await client.close()
      iam?.destroy()
      sts?.destroy()
      await ground?.close()
    })

    /** Repositories `<name>/app` and `<name>/other`, each with an image `v1` of its own, so that nothing of it is at the client already. */
    async function makeRepositories(name: string): Promise<void> {
      for (const last of ['app', 'other']) {
        await ground.ecr.send(new CreateRepositoryCommand({ repositoryName: `${name}/${last}` }))
        await ground.raw.push(`${name}/${last}`, builder, builder.image({ layers: [500] }), 'v1')
      }
    }

    rows.forEach((row, index) => {
      judge(`${row.title}; otherwise it reads ECR’s sentence`, async (client) => {
        const name = `row${index}`
        await makeRepositories(name)
        const { password } = await createUser(ground, iam, name)
        const subject = subjectOf(ground, iam, name)
        await row.grant(subject)
        succeeded(await client.login(name, ground.server.host, password))
        let tag = 0
        const attempt = ([act, last]: Attempt) => {
          tag += 1
          return client[act](name, `${ground.server.host}/${name}/${last}:${act === 'pull' ? 'v1' : `pushed-${tag}`}`)
        }
        for (const each of row.allowed) succeeded(await attempt(each))
        refused(await attempt(row.refused), `arn:aws:iam::${account}:user/${name}`, row.sentence)
        await row.remedy(subject)
        succeeded(await attempt(row.refused))
      })
    })

    judge('a session policy narrows what the role may, for that session alone', async (client) => {
      await makeRepositories('session')
      await createUser(ground, iam, 'session')
      const RoleName = 'deploy'
      const trusted = { Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'sts:AssumeRole' }
      const role = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: document(trusted) }))
      const everything = document({ Action: 'ecr:*', Resource: '*' })
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'all', PolicyDocument: everything }))
      const assume = async (RoleSessionName: string, Policy?: string) => {
        const RoleArn = role.Role?.Arn ?? ''
        const assumed = await sts.send(
          new AssumeRoleCommand({ RoleArn, RoleSessionName, ...(Policy === undefined ? {} : { Policy }) }),
        )
        const password = await passwordOf(ground, credentialsOf(assumed.Credentials))
        succeeded(await client.login(RoleSessionName, ground.server.host, password))
      }
      const pulls = ['ecr:GetAuthorizationToken', 'ecr:BatchCheckLayerAvailability', ...pull]
      await assume('narrow', document({ Action: pulls, Resource: '*' }))
      await assume('wide')
      const app = `${ground.server.host}/session/app`
      succeeded(await client.pull('narrow', `${app}:v1`))
      refused(
        await client.push('narrow', `${app}:narrow`),
        `arn:aws:sts::${account}:assumed-role/deploy/narrow`,
        /ecr:InitiateLayerUpload on resource: \S+ because no session policy allows the ecr:InitiateLayerUpload action/,
      )
      succeeded(await client.push('wide', `${app}:wide`))
    })

    judge(
      'a docker token ends with the key that it was made with, and goes on when the key is active again',
      async (client) => {
        await makeRepositories('ended')
        const { password, accessKeyId } = await createUser(ground, iam, 'ended')
        await iam.send(new AttachUserPolicyCommand({ UserName: 'ended', PolicyArn: managed('ReadOnly') }))
        succeeded(await client.login('ended', ground.server.host, password))
        const pullIt = () => client.pull('ended', `${ground.server.host}/ended/app:v1`)
        const setStatus = (Status: 'Active' | 'Inactive') =>
          iam.send(new UpdateAccessKeyCommand({ UserName: 'ended', AccessKeyId: accessKeyId, Status }))
        succeeded(await pullIt())
        await setStatus('Inactive')
        let last: Outcome | undefined
        await until('the token of an inactive key pulls nothing', async () => {
          last = await pullIt()
          return last.code !== 0
        })
        assert.match(said(last), /The security token included in the request is invalid/)
        await setStatus('Active')
        await until('the token works again', async () => (await pullIt()).code === 0)
      },
    )
  })
}

async function createUser(ground: ProvingGround, iam: IAMClient, name: string) {
  await iam.send(new CreateUserCommand({ UserName: name }))
  const PolicyDocument = document({ Action: 'ecr:GetAuthorizationToken', Resource: '*' })
  await iam.send(new PutUserPolicyCommand({ UserName: name, PolicyName: 'login', PolicyDocument }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }))
  const accessKeyId = AccessKey?.AccessKeyId ?? ''
  const secretAccessKey = AccessKey?.SecretAccessKey ?? ''
  return { accessKeyId, password: await passwordOf(ground, { accessKeyId, secretAccessKey }) }
}

function subjectOf({ ecr }: ProvingGround, iam: IAMClient, name: string): Subject {
  const user = { UserName: name }
  return {
    name,
    attach: (PolicyArn) => iam.send(new AttachUserPolicyCommand({ ...user, PolicyArn })),
    put: (PolicyName, ...statements) =>
      iam.send(new PutUserPolicyCommand({ ...user, PolicyName, PolicyDocument: document(...statements) })),
    remove: (PolicyName) => iam.send(new DeleteUserPolicyCommand({ ...user, PolicyName })),
    async bound(...statements) {
      const policy = { PolicyName: `${name}-boundary`, PolicyDocument: document(...statements) }
      const { Policy } = await iam.send(new CreatePolicyCommand(policy))
      await iam.send(new PutUserPermissionsBoundaryCommand({ ...user, PermissionsBoundary: Policy?.Arn ?? '' }))
    },
    unbound: () => iam.send(new DeleteUserPermissionsBoundaryCommand(user)),
    tag: (last, team) =>
      ecr.send(
        new TagResourceCommand({ resourceArn: repository(`${name}/${last}`), tags: [{ Key: 'team', Value: team }] }),
      ),
    repositoryPolicy: (last, ...statements) =>
      ecr.send(
        new SetRepositoryPolicyCommand({ repositoryName: `${name}/${last}`, policyText: document(...statements) }),
      ),
  }
}

interface KeyOfSomebody {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

function credentialsOf(given: Credentials | undefined): KeyOfSomebody {
  return {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken ?? '',
  }
}

async function passwordOf({ server }: ProvingGround, credentials: KeyOfSomebody): Promise<string> {
  const ecr = new ECRClient({ endpoint: server.url, region: server.region, credentials })
  return dockerPassword(ecr).finally(() => ecr.destroy())
}

function said(outcome: Outcome | undefined): string {
  return `${outcome?.stderr}${outcome?.stdout}`
}

function succeeded(outcome: Outcome): void {
  assert.equal(outcome.code, 0, said(outcome))
}

function refused(outcome: Outcome, arn: string, sentence: RegExp): void {
  assert.notEqual(outcome.code, 0, `it was allowed: ${said(outcome)}`)
  assert.match(said(outcome), new RegExp(`User: ${arn} is not authorized to perform: ${sentence.source}`))
}
