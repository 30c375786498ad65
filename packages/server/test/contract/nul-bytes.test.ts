// A NUL in what a client says is an ordinary character to SQLite and none to PostgreSQL: it is answered on both, and never with a 500.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ContractRegistry, contractRegistry } from '../support/contract-registry.ts'

describe('a NUL in a request', () => {
  let registry: ContractRegistry
  const digest = `sha256:${'0'.repeat(64)}`

  before(async () => {
    registry = await contractRegistry()
    await registry.aws.ok('CreateRepository', { repositoryName: 'app' })
  })
  after(() => registry.close())

  for (const [path, status] of [
    ['/v2/app/tags/list?last=%00', [200]],
    ['/v2/_catalog?last=a%00b', [200]],
    [`/v2/app/referrers/${digest}?last=%00`, [200]],
    [`/v2/app/referrers/${digest}?artifactType=a%00b`, [200, 400]],
    ['/v2/app/blobs/uploads/a%00b', [404, 400]],
    ['/v2/app/manifests/a%00b', [404, 400]],
  ] as const) {
    test(`GET ${path}`, async () => {
      const answer = await registry.oci.send('GET', path)
      assert.ok(
        status.some((one) => one === answer.status),
        `${answer.status} ${answer.text}`,
      )
    })
  }

  test('a mount from a name that can be none begins an upload (OCI end-11)', async () => {
    const answer = await registry.oci.send('POST', `/v2/app/blobs/uploads/?mount=${digest}&from=a%00b`)
    assert.equal(answer.status, 202)
  })

  test('resource tags hold none (ECR TagResource)', async () => {
    const resourceArn = 'arn:aws:ecr:us-east-1:123456789012:repository/app'
    for (const tag of [
      { Key: 'a\0', Value: '' },
      { Key: 'a', Value: '\0' },
    ]) {
      const answer = registry.aws.ok('TagResource', { resourceArn, tags: [tag] })
      await assert.rejects(answer, /InvalidTagParameterException/)
    }
  })
})
