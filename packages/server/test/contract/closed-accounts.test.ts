// An account that was closed (`berth account close`): nobody of it is let in, and nobody else reaches what it holds, whatever its policies say.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AwsWire } from '../support/aws-wire.ts'
import { type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'
import { assertOciError, type OciWire } from '../support/oci-wire.ts'

const closed = '210987654321'
const input = { registryId: closed, repositoryName: 'shared' }

let registry: ContractRegistry
let theirs: AwsWire
let theirDocker: OciWire

before(async () => {
  registry = await contractRegistry()
  theirs = registry.awsAs(await registry.createAccount(closed))
  theirDocker = await registry.ociAs(theirs)
  await theirs.ok('CreateRepository', { repositoryName: 'shared' })
})
after(() => registry?.close())

const setClosedAt = async (at: number | null) => {
  await registry.sql(`UPDATE accounts SET closed_at = ${at} WHERE account_id = '${closed}'`)
  await registry.identitiesChanged()
}

const allowEverybody = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: 'ecr:*' }],
})

test('its keys and docker tokens end, its repositories are out of reach, and opened again all is as it was', async () => {
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
  const docker = await theirDocker.send('GET', '/v2/')
  assertOciError(docker, 403, 'DENIED', 'The security token included in the request is invalid.')

  await setClosedAt(null)
  await everythingWorks()
})
