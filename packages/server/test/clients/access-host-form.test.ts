// Registries by their own names over TLS, `<account>.dkr.ecr.<region>.<any suffix>`, with an authority of the operator's own: what docker,
// podman, skopeo and crane do when a principal of one account works in the registry of another, which needs the leave of both sides.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  CreateRepositoryCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr'
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from '@aws-sdk/client-iam'
import { freePort } from '../support/free-port.ts'
import { type OwnNames, ownNames, whyNoOwnNames } from '../support/own-names.ts'
import { dockerPassword } from '../support/proving-ground.ts'
import { type OpenClient, registryClients } from '../support/registry-clients.ts'
import { type TestCredentials, type TestRegistry, testRegistry } from '../support/test-registry.ts'
import { fail, type Outcome, skippedAloud, tool } from '../support/tool.ts'

const skip = whyNoOwnNames()
if (skip) skippedAloud('registries by their own names', skip)

const home = '123456789012'
const away = '444455556666'
const suffix = 'berth.test'
const isRefused = /is not authorized to perform: ecr:/

describe('registries by their own names', { skip }, () => {
  let folder: string
  let port: number
  let names: OwnNames
  let registry: TestRegistry
  /** Docker passwords of the administrators, and of two users of the other account: with leave on their side, and without. */
  let passwords: Record<'admin' | 'awayAdmin' | 'permitted' | 'unpermitted', string>
  const clients: ECRClient[] = []

  const hostOf = (accountId: string, region = 'us-east-1') => `${accountId}.dkr.ecr.${region}.${suffix}:${port}`

  /** How Amazon's clients reach the registry: by a name that only this process knows. */
  const connection = (credentials: TestCredentials) => ({
    endpoint: `https://api.${suffix}:${port}`,
    region: 'us-east-1',
    credentials: { ...credentials },
    maxAttempts: 1,
    requestHandler: { httpsAgent: names.agent() },
  })
  const ecr = (credentials: TestCredentials) => {
    const client = new ECRClient(connection(credentials))
    clients.push(client)
    return client
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-names-'))
    port = await freePort()
    const hosts = [hostOf(home), hostOf(home, 'eu-west-1'), hostOf(away)]
    names = ownNames({
      folder,
      address: '127.0.0.1',
      hosts: hosts.map((host) => host.replace(/:\d+$/, '')),
      certifiedNames: [`*.dkr.ecr.us-east-1.${suffix}`, `*.dkr.ecr.eu-west-1.${suffix}`, `api.${suffix}`],
      trustedRegistries: hosts,
    })
    registry = await testRegistry({
      flags: {
        listen: `127.0.0.1:${port}`,
        registryHost: `{account}.dkr.ecr.{region}.${suffix}:${port}`,
        tlsCert: names.certFile,
        tlsKey: names.keyFile,
      },
    })
    const awayAdmin = await registry.createAccount(away)
    const ours = ecr(registry.credentials)
    const theirs = ecr(awayAdmin)

    const created = await ours.send(new CreateRepositoryCommand({ repositoryName: 'team/shared' }))
    assert.equal(created.repository?.repositoryUri, `${hostOf(home)}/team/shared`)
    for (const repositoryName of ['team/private', 'team/same'])
      await ours.send(new CreateRepositoryCommand({ repositoryName }))
    await theirs.send(new CreateRepositoryCommand({ repositoryName: 'team/same' }))
    await ours.send(
      new SetRepositoryPolicyCommand({
        repositoryName: 'team/shared',
        policyText: policy({ Principal: { AWS: `arn:aws:iam::${away}:root` }, Action: pullAndPush }),
      }),
    )
    const iam = new IAMClient(connection(awayAdmin))
    const user = async (UserName: string, document: string) => {
      await iam.send(new CreateUserCommand({ UserName }))
      await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'registry', PolicyDocument: document }))
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
      return dockerPassword(
        ecr({ accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }),
      )
    }
    passwords = {
      admin: await dockerPassword(ours),
      awayAdmin: await dockerPassword(theirs),
      permitted: await user(
        'permitted',
        policy(
          { Action: 'ecr:GetAuthorizationToken', Resource: '*' },
          { Action: pullAndPush, Resource: `arn:aws:ecr:us-east-1:${home}:repository/team/*` },
        ),
      ),
      unpermitted: await user('unpermitted', policy({ Action: 'ecr:GetAuthorizationToken', Resource: '*' })),
    }
    iam.destroy()
  })
  after(async () => {
    for (const client of clients) client.destroy()
    await registry?.close()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('GetAuthorizationToken names the registry by its own host', async () => {
    const { authorizationData } = await ecr(registry.credentials).send(
      new GetAuthorizationTokenCommand({ registryIds: [home, away] }),
    )
    assert.deepEqual(
      authorizationData?.map(({ proxyEndpoint }) => proxyEndpoint),
      [`https://${hostOf(home)}`, `https://${hostOf(away)}`],
    )
  })

  const crane = tool('crane')
  it('a client that does not trust the authority does not talk to the registry', { skip: crane.skip }, async () => {
    await fail(names.tool(crane), ['ls', `${hostOf(home)}/team/shared`], /certificate signed by unknown authority/, {
      env: { SSL_CERT_FILE: '/dev/null', DOCKER_CONFIG: folder },
    })
  })

  for (const kind of registryClients) {
    describe(kind.name, { skip: kind.skip }, () => {
      let client: OpenClient | string
      const judge = (name: string, body: (client: OpenClient) => Promise<void>) =>
        it(name, async (t) => {
          if (typeof client === 'string') return t.skip(client)
          await body(client)
        })

      before(async () => {
        client = await kind.open({ folder, names })
        if (typeof client === 'string') return void skippedAloud(kind.name, client)
        for (const [who, password] of Object.entries(passwords)) {
          succeeded(await client.login(who, hostOf(home), password))
          succeeded(await client.login(who, hostOf(away), password))
        }
      })
      after(async () => {
        if (typeof client === 'object') await client.close()
      })

      judge('pushes and pulls in the registry of its own account', async ({ push, pull }) => {
        for (const name of ['shared', 'private']) {
          succeeded(await push('admin', `${hostOf(home)}/team/${name}:${kind.name}`))
          succeeded(await pull('admin', `${hostOf(home)}/team/${name}:${kind.name}`))
        }
      })

      const rows = [
        { who: 'unpermitted', repository: 'private', missing: 'identity-based', leave: 'the leave of nobody' },
        { who: 'permitted', repository: 'private', missing: 'resource-based', leave: 'the leave of its own side only' },
        { who: 'unpermitted', repository: 'shared', missing: 'identity-based', leave: 'the leave of the owner only' },
        { who: 'permitted', repository: 'shared', missing: undefined, leave: 'the leave of both sides' },
      ] as const
      for (const { who, repository, missing, leave } of rows) {
        judge(`${missing ? 'is refused' : 'works'} in the registry of another account with ${leave}`, async (open) => {
          const reference = `${hostOf(home)}/team/${repository}`
          const pulled = await open.pull(who, `${reference}:${kind.name}`)
          const pushed = await open.push(who, `${reference}:by-${who}-${kind.name}`)
          if (!missing) {
            succeeded(pulled)
            succeeded(pushed)
            succeeded(await open.pull('admin', `${reference}:by-${who}-${kind.name}`))
            return
          }
          refused(pulled, new RegExp(`user/${who} is not authorized to perform: ecr:BatchGetImage`))
          refused(pulled, new RegExp(`because no ${missing} policy allows the ecr:BatchGetImage action`))
          refused(pushed, kind.saysOfRefusedPush)
          refused(
            await open.pull('admin', `${reference}:by-${who}-${kind.name}`),
            /manifest unknown|not found|MANIFEST_UNKNOWN/i,
          )
        })
      }

      judge('finds in each registry what is in that one', async ({ push, pull }) => {
        succeeded(await push('awayAdmin', `${hostOf(away)}/team/same:${kind.name}`))
        succeeded(await pull('awayAdmin', `${hostOf(away)}/team/same:${kind.name}`))
        refused(
          await pull('admin', `${hostOf(home)}/team/same:${kind.name}`),
          /manifest unknown|not found|MANIFEST_UNKNOWN/i,
        )
        refused(await pull('admin', `${hostOf(away)}/team/same:${kind.name}`), isRefused)
      })

      judge('has no use for its token in another region', async ({ login, push }) => {
        // Some log in without asking the registry: then the push is refused.
        const loggedIn = await login('admin', hostOf(home, 'eu-west-1'), passwords.admin)
        const last = loggedIn.code === 0 ? await push('admin', `${hostOf(home, 'eu-west-1')}/team/shared:v1`) : loggedIn
        refused(last, /Your Authorization Token is of region us-east-1 and not of eu-west-1|400/)
      })
    })
  }
})

const pullAndPush = [
  'ecr:BatchGetImage',
  'ecr:GetDownloadUrlForLayer',
  'ecr:BatchCheckLayerAvailability',
  'ecr:InitiateLayerUpload',
  'ecr:UploadLayerPart',
  'ecr:CompleteLayerUpload',
  'ecr:PutImage',
]

function policy(...statements: Record<string, unknown>[]): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({ Effect: 'Allow', ...statement })),
  })
}

function succeeded(outcome: Outcome): void {
  assert.equal(outcome.code, 0, outcome.stderr + outcome.stdout)
}

function refused(outcome: Outcome, saying: RegExp): void {
  assert.notEqual(outcome.code, 0, `it was allowed: ${outcome.stdout}`)
  assert.match(outcome.stderr + outcome.stdout, saying)
}
