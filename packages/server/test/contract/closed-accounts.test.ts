// An account that was closed (`berth account close`): nobody of it is let in, and nobody else reaches what it holds, whatever its policies say.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AwsWire } from '../support/aws-wire.ts'
import { type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { assertOciError, type OciWire } from '../support/oci-wire.ts'
import type { QueryWire } from '../support/query-wire.ts'

const closed = '210987654321'
const input = { registryId: closed, repositoryName: 'shared' }

let registry: ContractRegistry
let theirs: AwsWire
let theirDocker: OciWire
/** Temporary credentials of their administrator. */
let theirSession: QueryWire

before(async () => {
  registry = await contractRegistry()
  const admin = await registry.createAccount(closed)
  theirs = registry.awsAs(admin)
  const xml = await registry.sts(admin).ok('GetSessionToken')
  theirSession = registry.sts({
    accessKeyId: inXml(xml, 'AccessKeyId'),
    secretAccessKey: inXml(xml, 'SecretAccessKey'),
    sessionToken: inXml(xml, 'SessionToken'),
  })
  theirDocker = await registry.ociAs(theirs)
  await theirs.ok('CreateRepository', { repositoryName: 'shared' })
})
after(() => registry?.close())

const setClosedAt = async (at: number | null) => {
  await registry.sql(`UPDATE accounts SET closed_at = ${at} WHERE account_id = '${closed}'`)
  await registry.identitiesChanged()
}

const inXml = (xml: string, name: string) => new RegExp(`<${name}>([^<]+)<`).exec(xml)?.[1] ?? assert.fail(xml)

const allowEverybody = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 'ecr:*' }],
})

test('its keys, sessions and docker tokens end, its repositories are out of reach, and opened again all is as it was', async () => {
  const unshared = await registry.aws.call('ListImages', input)
  assert.equal(unshared.status, 400)
  await registry.sql(
    `INSERT INTO repository_policies (repository_id, document, principal_ids)
       SELECT id, '${allowEverybody}', '{}' FROM repositories WHERE account_id = '${closed}';
     UPDATE generations SET generation = generation + 1 WHERE name = 'resource-policies';
     INSERT INTO generations (name, generation) SELECT 'resource-policies', 1
       WHERE NOT EXISTS (SELECT 1 FROM generations WHERE name = 'resource-policies')`,
  )
  await registry.identitiesChanged()
  const everythingWorks = async () => {
    assert.deepEqual(await registry.aws.ok('ListImages', input), { imageIds: [] })
    assert.deepEqual(await theirs.ok('ListImages', { repositoryName: 'shared' }), { imageIds: [] })
    assert.equal((await theirDocker.send('GET', '/v2/')).status, 200)
    assert.match(await theirSession.ok('GetCallerIdentity'), /210987654321:user\/admin/)
  }
  await everythingWorks()

  await setClosedAt(registry.clock.now())
  const refused = await registry.aws.call('ListImages', input)
  assert.deepEqual([refused.status, refused.text], [unshared.status, unshared.text])
  await theirs.refused(
    'ListImages',
    { repositoryName: 'shared' },
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
  )
  const text = 'The security token included in the request is invalid.'
  await theirSession.refused('GetCallerIdentity', {}, 403, 'InvalidClientTokenId', text)
  const docker = await theirDocker.send('GET', '/v2/')
  assertOciError(docker, 403, 'DENIED', 'The security token included in the request is invalid.')

  await setClosedAt(null)
  await everythingWorks()
})
