// Amazon's own names pointed at Berth, by DNS and a certificate for them: docker-credential-ecr-login and the AWS CLI, which know no other
// names, as they are, and the clients that ask the helper for their passwords.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { CreateRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr'
import { type OwnNames, ownNames, whyNoOwnNames } from '../support/own-names.ts'
import { registryClients } from '../support/registry-clients.ts'
import { type TestRegistry, testRegistry } from '../support/test-registry.ts'
import { fail, skippedAloud, succeed, tool, toolsFolder } from '../support/tool.ts'

const skip = whyNoOwnNames()
if (skip) skippedAloud("Amazon's own names", skip)

const accountId = '123456789012'
const host = `${accountId}.dkr.ecr.us-east-1.amazonaws.com`
const services = ['api.ecr.us-east-1', 'iam', 'sts.us-east-1', 'sts'].map((name) => `${name}.amazonaws.com`)
/** Of this test alone, so that the port of https is free. */
const address = `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(1, 255)}`

describe("Amazon's own names", { skip }, () => {
  const helper = tool('docker-credential-ecr-login')
  const aws = tool('aws')
  let folder: string
  let names: OwnNames
  let registry: TestRegistry
  let ecr: ECRClient
  /** All that a user of ECR has: keys and a region. */
  let env: Record<string, string>

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-names-'))
    names = ownNames({
      folder,
      address,
      hosts: [...services, host],
      certifiedNames: [...services, '*.dkr.ecr.us-east-1.amazonaws.com'],
      trustedRegistries: [host],
    })
    registry = await testRegistry({
      flags: {
        listen: `${address}:443`,
        registryHost: '{account}.dkr.ecr.{region}.amazonaws.com',
        tlsCert: names.certFile,
        tlsKey: names.keyFile,
      },
    })
    // No endpoint is named: the client finds Amazon's.
    ecr = new ECRClient({
      region: 'us-east-1',
      credentials: { ...registry.credentials },
      requestHandler: { httpsAgent: names.agent() },
    })
    env = {
      PATH: [process.env.PATH, toolsFolder].join(delimiter),
      HOME: folder,
      AWS_ACCESS_KEY_ID: registry.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: registry.credentials.secretAccessKey,
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CA_BUNDLE: names.caFile,
      SSL_CERT_FILE: names.caFile,
      AWS_ECR_DISABLE_CACHE: 'true',
    }
  })
  after(async () => {
    ecr?.destroy()
    await registry?.close()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  describe('docker-credential-ecr-login', { skip: helper.skip }, () => {
    it('get gives a user and a password for which the registry answers 200', async () => {
      const { stdout } = await succeed(names.tool(helper), ['get'], { env, input: host })
      const { ServerURL, Username, Secret } = JSON.parse(stdout) as Record<string, string>
      assert.deepEqual([ServerURL, Username], [host, 'AWS'])
      assert.equal(await status(Secret ?? ''), 200)
      assert.equal(await status(`${Secret}x`), 400)
    })

    it('keeps the password until it expires, and lists it', async () => {
      const caching = {
        ...env,
        AWS_ECR_DISABLE_CACHE: '',
        AWS_MAX_ATTEMPTS: '1',
        AWS_ECR_CACHE_DIR: join(folder, 'cache'),
      }
      const once = async () => (await succeed(names.tool(helper), ['get'], { env: caching, input: host })).stdout
      assert.equal(await once(), await once())
      const { stdout } = await succeed(names.tool(helper), ['list'], { env: caching })
      assert.deepEqual(JSON.parse(stdout), { [`https://${host}`]: 'AWS' })
    })

    it('get gives nothing to a key that is not one of the registry’s', async () => {
      const foreign = { ...env, AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY' }
      await fail(names.tool(helper), ['get'], /credentials not found/, { env: foreign, input: host })
    })

    for (const kind of registryClients) {
      it(`${kind.name} pushes and pulls by ECR’s name with credHelpers and no login`, {
        skip: kind.skip,
      }, async (t) => {
        const repositoryName = `helped/${kind.name}`
        const { repository } = await ecr.send(new CreateRepositoryCommand({ repositoryName }))
        assert.equal(repository?.repositoryUri, `${host}/${repositoryName}`)
        const client = await kind.open({ folder, names, env })
        if (typeof client === 'string') return t.skip(skippedAloud(kind.name, client))
        try {
          client.configure('helped', { credHelpers: { [host]: 'ecr-login' } })
          client.configure('unhelped', {})
          for (const act of [client.push, client.pull]) {
            const { code, stderr } = await act('helped', `${host}/${repositoryName}:v1`)
            assert.equal(code, 0, stderr)
          }
          const unhelped = await client.pull('unhelped', `${host}/${repositoryName}:v1`)
          assert.notEqual(unhelped.code, 0, 'without the helper nothing is pulled')
        } finally {
          await client.close()
        }
      })
    }
  })

  it('the AWS CLI finds ECR, IAM and STS with no endpoint named, and its password opens the registry', {
    skip: aws.skip,
  }, async () => {
    const cli = async (...words: string[]) => (await succeed(names.tool(aws), words, { env })).stdout.trim()
    assert.equal(await cli('sts', 'get-caller-identity', '--query', 'Account', '--output', 'text'), accountId)
    assert.equal(await cli('iam', 'get-user', '--query', 'User.UserName', '--output', 'text'), 'admin')
    const password = await cli('ecr', 'get-login-password')
    assert.equal(await status(password), 200)
  })

  /** What `GET /v2/` answers to a docker password. */
  async function status(password: string): Promise<number | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    const agent = names.agent()
    get(`https://${host}/v2/`, { agent, auth: `AWS:${password}` }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode))
    }).on('error', reject)
    return await promise.finally(() => agent.destroy())
  }
})
