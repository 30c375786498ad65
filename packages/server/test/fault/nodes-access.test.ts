// Access on several nodes of one database: what IAM and STS answered on one holds on the other, at once where it lets somebody in, within
// two seconds where it shuts somebody out, whether or not the database's notifications arrive.

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DetachUserPolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { type DeafPostgres, startDeafPostgres } from '../support/deaf-postgres.ts'
import { createDockerWire } from '../support/docker-wire.ts'
import { type Nodes, startNodes, whyNoNodes } from '../support/nodes.ts'
import { rounds, timeout } from './settings.ts'
import { createApi, isNamed } from './target.ts'

const times = rounds({ usual: 3, soak: 30 })
const region = 'us-east-1'
const readOnly = 'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly'
/** Two seconds are promised; what the test's own requests take comes on top. */
const longestMs = 2_500

describe('access on two nodes', { skip: whyNoNodes(), timeout }, () => {
  let nodes: Nodes
  let deaf: DeafPostgres
  let iam: IAMClient
  let sts: STSClient

  before(async () => {
    // The first node hears what PostgreSQL says to those that listen, the second one never does.
    nodes = await startNodes({
      async env(number, store) {
        if (number !== 1) return {}
        deaf = await startDeafPostgres(store.databaseUrl ?? '')
        return { BERTH_DATABASE_URL: deaf.url }
      },
    })
    const { credentials } = nodes.store
    assert.ok(credentials)
    const settings = { endpoint: nodes.nodes[0].url, region, credentials: { ...credentials }, maxAttempts: 1 }
    iam = new IAMClient(settings)
    sts = new STSClient(settings)
  })
  after(async () => {
    iam?.destroy()
    sts?.destroy()
    await nodes?.close()
    await deaf?.close()
  })

  const at = (node: 0 | 1, key: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) =>
    createApi({ url: nodes.nodes[node].url, region, ...key })

  /** How long until the second node refuses with that error. */
  async function untilRefused(ask: () => Promise<unknown>, name: string): Promise<number> {
    const begunAt = performance.now()
    for (;;) {
      const error = await ask().then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      if (error !== undefined) {
        assert.ok(isNamed(error, name), String(error))
        return performance.now() - begunAt
      }
      assert.ok(performance.now() - begunAt < longestMs, 'two seconds')
      await sleep(20)
    }
  }

  it(`a key and a policy of one node are good at once on the other, and out within two seconds, ${times} times`, async () => {
    let worstMs = 0
    for (let round = 0; round < times; round++) {
      const UserName = `reader-${round}`
      await iam.send(new CreateUserCommand({ UserName }))
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
      const key = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
      const api = at(1, key)
      await assert.rejects(api.listRepositories(), (error) => isNamed(error, 'AccessDeniedException'))
      await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: readOnly }))
      await api.listRepositories()
      await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn: readOnly }))
      worstMs = Math.max(worstMs, await untilRefused(() => api.listRepositories(), 'AccessDeniedException'))
      api.close()
    }
    assert.ok(deaf.dropped > 0, 'the second node was told nothing, though there was something to tell')
    console.log(`refused on the node that hears nothing after ${Math.round(worstMs)} ms at worst`)
  })

  it(`a session of one node is good at once on the other, and its tokens end with the role, ${times} times`, async () => {
    for (let round = 0; round < times; round++) {
      const RoleName = `puller-${round}`
      const trust = { Effect: 'Allow', Principal: { AWS: '123456789012' }, Action: 'sts:AssumeRole' }
      const pull = { Effect: 'Allow', Action: 'ecr:*', Resource: '*' }
      const text = (Statement: object) => JSON.stringify({ Version: '2012-10-17', Statement })
      await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: text(trust) }))
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'pull', PolicyDocument: text(pull) }))
      const RoleArn = `arn:aws:iam::123456789012:role/${RoleName}`
      const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'nodes' }))
      const session = {
        accessKeyId: Credentials?.AccessKeyId ?? '',
        secretAccessKey: Credentials?.SecretAccessKey ?? '',
        sessionToken: Credentials?.SessionToken ?? '',
      }
      const api = at(1, session)
      const authorization = `Basic ${await api.authorizationToken()}`
      const wire = createDockerWire({ url: nodes.nodes[1].url, authorization })
      assert.equal((await wire.send('GET', '/v2/')).status, 200)
      await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: 'pull' }))
      await iam.send(new DeleteRoleCommand({ RoleName }))
      await untilRefused(() => api.listRepositories(), 'UnrecognizedClientException')
      assert.equal((await wire.send('GET', '/v2/')).status, 403)
      wire.close()
      api.close()
    }
  })
})
