// Repositories, their settings and tags, the registry and its token: whole answers and every refusal that is reachable
// (ECR API 1.4, 2.4, 3.1, 3.2, 3.16).

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { invalidParameter } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, region, startOfTime } from '../support/contract-registry.ts'

let registry: ContractRegistry
before(async () => {
  registry = await contractRegistry()
})
after(() => registry?.close())

const arnOf = (name: string) => `arn:aws:ecr:${region}:${account}:repository/${name}`
const notFound = (name: string) =>
  `The repository with name '${name}' does not exist in the registry with id '${account}'`
const filtersMember = 'imageTagMutabilityExclusionFilters'
const wildcards = (...filters: string[]) => filters.map((filter) => ({ filterType: 'WILDCARD', filter }))

/** A repository as ECR shows it, with the defaults of CreateRepository. */
function golden(repositoryName: string, more: object = {}): object {
  return {
    repositoryArn: arnOf(repositoryName),
    registryId: account,
    repositoryName,
    repositoryUri: `${new URL(registry.url).host}/${repositoryName}`,
    createdAt: startOfTime / 1000,
    imageTagMutability: 'MUTABLE',
    imageScanningConfiguration: { scanOnPush: false },
    encryptionConfiguration: { encryptionType: 'AES256' },
    ...more,
  }
}

async function create(repositoryName: string, more: object = {}): Promise<void> {
  await registry.aws.ok('CreateRepository', { repositoryName, ...more })
}

describe('CreateRepository', () => {
  test('defaults, and a creation time as a number with milliseconds (1.2)', async () => {
    const answer = await registry.aws.call('CreateRepository', { repositoryName: 'made/plain' })
    assert.deepEqual(JSON.parse(answer.text), { repository: golden('made/plain') })
    assert.match(answer.text, /"createdAt":1794657600\.25[,}]/)
  })

  test('all settings are echoed, tags are not (2.4)', async () => {
    assert.deepEqual(
      await registry.aws.ok('CreateRepository', {
        repositoryName: 'made/full',
        registryId: account,
        tags: [{ Key: 'team', Value: 'a' }],
        imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
        [filtersMember]: wildcards('dev-*', '*'),
        imageScanningConfiguration: { scanOnPush: true },
        encryptionConfiguration: { encryptionType: 'AES256' },
      }),
      {
        repository: golden('made/full', {
          imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
          [filtersMember]: wildcards('dev-*', '*'),
          imageScanningConfiguration: { scanOnPush: true },
        }),
      },
    )
  })

  test('the same name again is refused, even with the same settings (2.6)', () =>
    registry.aws.refused(
      'CreateRepository',
      { repositoryName: 'made/plain' },
      'RepositoryAlreadyExistsException',
      `The repository with name 'made/plain' already exists in the registry with id '${account}'`,
    ))

  test('3.2.1: legal names, and the sentence for the others', async () => {
    const legal = ['a1', '0a', 'a/b', 'a__b', 'a_b.c', 'a--b/c---d', 'x'.repeat(256), 'blobs/uploads', 'v2/manifests']
    for (const repositoryName of legal) await create(repositoryName)
    const expression = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'
    const pattern = `must satisfy regular expression '${expression}'`
    const illegal: [string, string][] = [
      ['', 'must have length greater than or equal to 2'],
      ['a', 'must have length greater than or equal to 2'],
      ['x'.repeat(257), 'must have length less than or equal to 256'],
      ...['Ab', 'a//b', '/ab', 'ab/', 'a___b', 'a..b', 'a._b', '-ab', 'ab-', 'a b', 'a\nb', 'ab\n', '..', 'a/../b'].map(
        (name): [string, string] => [name, pattern],
      ),
      ['é'.repeat(2), pattern],
    ]
    for (const [repositoryName, constraint] of illegal) {
      await registry.aws.refused(
        'CreateRepository',
        { repositoryName },
        'InvalidParameterException',
        invalidParameter('repositoryName', constraint),
      )
    }
  })

  test('3.2.3: KMS is refused, since there are no keys, with the KMS error code (1.3)', async () => {
    for (const encryptionType of ['KMS', 'KMS_DSSE']) {
      await registry.aws.refused(
        'CreateRepository',
        { repositoryName: 'made/kms', encryptionConfiguration: { encryptionType } },
        'KmsException',
        'This registry has no KMS keys. Use encryption type AES256.',
        { kmsError: 'UnsupportedOperationException' },
      )
    }
    await registry.aws.refused(
      'DescribeRepositories',
      { repositoryNames: ['made/kms'] },
      'RepositoryNotFoundException',
      notFound('made/kms'),
    )
  })

  test('1.5: values that are none, or do not go together', async () => {
    const cases: [object, string, string][] = [
      [
        { imageTagMutability: 'SOMETIMES' },
        'imageTagMutability',
        'Member must satisfy enum value set: [IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]',
      ],
      [
        { encryptionConfiguration: { encryptionType: 'ROT13' } },
        'encryptionConfiguration.encryptionType',
        'Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]',
      ],
      [{ encryptionConfiguration: {} }, 'encryptionConfiguration.encryptionType', 'Member must not be null'],
      [
        { encryptionConfiguration: { encryptionType: 'AES256', kmsKey: 'alias/mine' } },
        'encryptionConfiguration',
        "KmsKey can't be set when encryptionType is set as AES256",
      ],
      [{ tags: [{ Key: 'a', Value: 'b' }, { Value: 'c' }] }, 'tags.2.member.key', 'Member must not be null'],
      [{ tags: [{ Key: 'a' }] }, 'tags.1.member.value', 'Member must not be null'],
      [{ registryId: '12' }, 'registryId', 'Member must satisfy regular expression pattern: [0-9]{12}'],
    ]
    for (const [more, member, constraint] of cases) {
      await registry.aws.refused(
        'CreateRepository',
        { repositoryName: 'made/wrong', ...more },
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    }
  })

  test('quota: 100,000 repositories in a registry', async () => {
    const frankfurt = registry.awsAs(registry.credentials, 'eu-central-1')
    await registry.sql(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
      INSERT INTO repositories (account_id, region, name, created_at, tag_mutability, scan_on_push, key_scope, image_count)
      SELECT '${account}', 'eu-central-1', 'many/' || i, 0, 'MUTABLE', 0, 'default', 0 FROM n`)
    await frankfurt.ok('CreateRepository', { repositoryName: 'the/last' })
    await frankfurt.refused(
      'CreateRepository',
      { repositoryName: 'too/many' },
      'LimitExceededException',
      `The maximum number of repositories (100000) in the registry with id '${account}' has been reached`,
    )
    await create('another/region')
  })
})

describe('3.2.4: tag mutability, by CreateRepository and PutImageTagMutability', () => {
  const nulled = (mode: string) =>
    `ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as ${mode}`
  const forbidden = (mode: string) =>
    `ImageTagMutabilityExclusionFilters can't be set when imageTagMutability is set as ${mode}`
  const pattern = 'Member must satisfy regular expression pattern: ^[0-9a-zA-Z._*-]{1,128}$'

  test('each mode with what it needs, echoed by both operations', async () => {
    await create('modes')
    for (const mode of ['IMMUTABLE', 'MUTABLE']) {
      assert.deepEqual(
        await registry.aws.ok('PutImageTagMutability', { repositoryName: 'modes', imageTagMutability: mode }),
        { registryId: account, repositoryName: 'modes', imageTagMutability: mode },
      )
    }
    for (const mode of ['IMMUTABLE_WITH_EXCLUSION', 'MUTABLE_WITH_EXCLUSION']) {
      const settings = { imageTagMutability: mode, [filtersMember]: wildcards('a*b*c', '1.0', '*', 'x_y', '-') }
      assert.deepEqual(await registry.aws.ok('PutImageTagMutability', { repositoryName: 'modes', ...settings }), {
        registryId: account,
        repositoryName: 'modes',
        ...settings,
      })
      assert.deepEqual(await registry.aws.ok('DescribeRepositories', { repositoryNames: ['modes'] }), {
        repositories: [golden('modes', settings)],
      })
    }
    await registry.aws.ok('PutImageTagMutability', { repositoryName: 'modes', imageTagMutability: 'MUTABLE' })
    assert.deepEqual(await registry.aws.ok('DescribeRepositories', { repositoryNames: ['modes'] }), {
      repositories: [golden('modes')],
    })
  })

  test('filters are needed, forbidden, and have a form', async () => {
    const cases: [string, unknown, string, string][] = [
      ['IMMUTABLE_WITH_EXCLUSION', undefined, filtersMember, nulled('IMMUTABLE_WITH_EXCLUSION')],
      ['MUTABLE_WITH_EXCLUSION', undefined, filtersMember, nulled('MUTABLE_WITH_EXCLUSION')],
      ['IMMUTABLE', wildcards('a'), filtersMember, forbidden('IMMUTABLE')],
      ['MUTABLE', wildcards('a'), filtersMember, forbidden('MUTABLE')],
      [
        'MUTABLE_WITH_EXCLUSION',
        wildcards('a*b*c*'),
        filtersMember,
        "ImageTagMutabilityExclusionFilters can't have more than 2 wildcards (*) in a filter",
      ],
      ['MUTABLE_WITH_EXCLUSION', [], filtersMember, 'Member must have length greater than or equal to 1'],
      [
        'MUTABLE_WITH_EXCLUSION',
        wildcards('a', 'b', 'c', 'd', 'e', 'f'),
        filtersMember,
        'Member must have length less than or equal to 5',
      ],
      ['MUTABLE_WITH_EXCLUSION', wildcards('ok', 'a+'), `${filtersMember}.2.member.filter`, pattern],
      [
        'MUTABLE_WITH_EXCLUSION',
        wildcards(''),
        `${filtersMember}.1.member.filter`,
        'Member must have length greater than or equal to 1',
      ],
      [
        'MUTABLE_WITH_EXCLUSION',
        wildcards('x'.repeat(129)),
        `${filtersMember}.1.member.filter`,
        'Member must have length less than or equal to 128',
      ],
      [
        'MUTABLE_WITH_EXCLUSION',
        [{ filterType: 'REGEX', filter: 'a' }],
        `${filtersMember}.1.member.filterType`,
        'Member must satisfy enum value set: [WILDCARD]',
      ],
      ['MUTABLE_WITH_EXCLUSION', [{ filter: 'a' }], `${filtersMember}.1.member.filterType`, 'Member must not be null'],
    ]
    for (const [imageTagMutability, filters, member, constraint] of cases) {
      for (const [operation, repositoryName] of [
        ['PutImageTagMutability', 'modes'],
        ['CreateRepository', 'never/made'],
      ] as const) {
        await registry.aws.refused(
          operation,
          { repositoryName, imageTagMutability, [filtersMember]: filters },
          'InvalidParameterException',
          invalidParameter(member, constraint),
        )
      }
    }
  })
})

describe('DescribeRepositories', () => {
  const namesOf = async (input: object, aws = registry.aws) => {
    const page = await aws.ok<{ repositories: { repositoryName: string }[]; nextToken?: string }>(
      'DescribeRepositories',
      input,
    )
    return { ...page, repositories: page.repositories.map((each) => each.repositoryName) }
  }

  test('by name, in the order given, each once', async () => {
    assert.deepEqual(
      await registry.aws.ok('DescribeRepositories', { repositoryNames: ['modes', 'made/plain', 'modes'] }),
      { repositories: [golden('modes'), golden('made/plain')] },
    )
  })

  test('one name that is missing fails the whole call', () =>
    registry.aws.refused(
      'DescribeRepositories',
      { repositoryNames: ['modes', 'gone', 'lost'] },
      'RepositoryNotFoundException',
      notFound('gone'),
    ))

  test('1.6: pages in the order of names, without a token on the last', async () => {
    const paris = registry.awsAs(registry.credentials, 'eu-west-3')
    assert.deepEqual(await namesOf({}, paris), { repositories: [] })
    for (const name of ['b/2', 'a-1', 'b1', 'b/10', 'c9']) await paris.ok('CreateRepository', { repositoryName: name })
    const sorted = ['a-1', 'b/10', 'b/2', 'b1', 'c9']
    assert.deepEqual(await namesOf({}, paris), { repositories: sorted })
    assert.deepEqual(await namesOf({ maxResults: 5 }, paris), { repositories: sorted })
    const first = await namesOf({ maxResults: 2 }, paris)
    const second = await namesOf({ maxResults: 2, nextToken: first.nextToken }, paris)
    const third = await namesOf({ maxResults: 1000, nextToken: second.nextToken }, paris)
    assert.deepEqual([first.repositories, second.repositories], [sorted.slice(0, 2), sorted.slice(2, 4)])
    assert.deepEqual(third, { repositories: ['c9'] })
    assert.match(String(first.nextToken), /^[A-Za-z0-9_-]+$/)
    await registry.aws.refused(
      'DescribeRepositories',
      { nextToken: first.nextToken },
      'InvalidParameterException',
      invalidParameter('nextToken', 'Invalid next token'),
    )
  })

  test('1.6: tokens that are none, and pages together with names', async () => {
    const cases: [object, string, string][] = [
      [{ nextToken: 'x' }, 'nextToken', 'Invalid next token'],
      [{ nextToken: '' }, 'nextToken', 'Invalid next token'],
      [{ nextToken: 'a'.repeat(5000) }, 'nextToken', 'Invalid next token'],
      [{ maxResults: 0 }, 'maxResults', 'Member must have value greater than or equal to 1'],
      [{ maxResults: 1001 }, 'maxResults', 'Member must have value less than or equal to 1000'],
      [{ repositoryNames: [] }, 'repositoryNames', 'Member must have length greater than or equal to 1'],
      [
        { repositoryNames: Array.from({ length: 101 }, () => 'modes') },
        'repositoryNames',
        'Member must have length less than or equal to 100',
      ],
      [
        { repositoryNames: ['modes'], maxResults: 1 },
        'maxResults',
        'maxResults cannot be used together with repositoryNames',
      ],
      [
        { repositoryNames: ['modes'], nextToken: 'x' },
        'nextToken',
        'nextToken cannot be used together with repositoryNames',
      ],
      [{ repositoryNames: [null] }, 'repositoryNames.1.member', 'must not be null'],
    ]
    for (const [input, member, constraint] of cases) {
      await registry.aws.refused(
        'DescribeRepositories',
        input,
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    }
  })
})

describe('DeleteRepository', () => {
  test('gives the repository as it was, and the name is free at once', async () => {
    const settings = { imageTagMutability: 'IMMUTABLE' }
    await create('gone/soon', { ...settings, tags: [{ Key: 'a', Value: 'b' }] })
    assert.deepEqual(await registry.aws.ok('DeleteRepository', { repositoryName: 'gone/soon' }), {
      repository: golden('gone/soon', settings),
    })
    await registry.aws.refused(
      'DeleteRepository',
      { repositoryName: 'gone/soon' },
      'RepositoryNotFoundException',
      notFound('gone/soon'),
    )
    await create('gone/soon')
    assert.deepEqual(await registry.aws.ok('ListTagsForResource', { resourceArn: arnOf('gone/soon') }), { tags: [] })
  })

  test('3.2.5: with images only by force, which takes all of it', async () => {
    await create('full')
    const index = JSON.stringify({ schemaVersion: 2, manifests: [] })
    const imageManifestMediaType = 'application/vnd.oci.image.index.v1+json'
    const put = { repositoryName: 'full', imageManifest: index, imageManifestMediaType, imageTag: 'v1' }
    await registry.aws.ok('PutImage', put)
    await registry.oci.pushBlob('full', 'x'.repeat(100))
    for (const force of [undefined, false]) {
      await registry.aws.refused(
        'DeleteRepository',
        { repositoryName: 'full', force },
        'RepositoryNotEmptyException',
        `The repository with name 'full' in registry with id '${account}' cannot be deleted because it still contains images`,
      )
    }
    await registry.aws.ok('DeleteRepository', { repositoryName: 'full', force: true })
    await create('full')
    assert.deepEqual(await registry.aws.ok('ListImages', { repositoryName: 'full' }), { imageIds: [] })
  })

  test('blobs and uploads alone are no images', async () => {
    await create('half')
    await registry.oci.pushBlob('half', 'half')
    const { uploadId } = await registry.aws.ok<{ uploadId: string }>('InitiateLayerUpload', { repositoryName: 'half' })
    await registry.aws.ok('DeleteRepository', { repositoryName: 'half' })
    await create('half')
    await registry.aws.refused(
      'CompleteLayerUpload',
      { repositoryName: 'half', uploadId, layerDigests: [`sha256:${'0'.repeat(64)}`] },
      'UploadNotFoundException',
      `The upload with id '${uploadId}' does not exist in the repository with name 'half' in the registry with id '${account}'`,
    )
  })
})

describe('PutImageScanningConfiguration', () => {
  test('records the flag and echoes it; without a value it is off', async () => {
    await create('scanned')
    for (const [given, scanOnPush] of [
      [{ scanOnPush: true }, true],
      [{}, false],
    ] as const) {
      assert.deepEqual(
        await registry.aws.ok('PutImageScanningConfiguration', {
          repositoryName: 'scanned',
          imageScanningConfiguration: given,
        }),
        { registryId: account, repositoryName: 'scanned', imageScanningConfiguration: { scanOnPush } },
      )
      assert.deepEqual(await registry.aws.ok('DescribeRepositories', { repositoryNames: ['scanned'] }), {
        repositories: [golden('scanned', { imageScanningConfiguration: { scanOnPush } })],
      })
    }
  })
})

describe('3.16: resource tags', () => {
  const resourceArn = arnOf('labelled')
  const tagsOf = () => registry.aws.ok('ListTagsForResource', { resourceArn })
  const fifty = Array.from({ length: 50 }, (_, n) => ({ Key: `key-${String(n).padStart(2, '0')}`, Value: '' }))

  test('are merged by key, kept in any case, and removed without complaint', async () => {
    await create('labelled', { tags: [{ Key: 'b', Value: '1' }] })
    assert.deepEqual(
      await registry.aws.ok('TagResource', {
        resourceArn,
        tags: [
          { Key: 'b', Value: '2' },
          { Key: 'B', Value: '' },
          { Key: 'a é', Value: 'x'.repeat(256) },
        ],
      }),
      {},
    )
    assert.deepEqual(await tagsOf(), {
      tags: [
        { Key: 'B', Value: '' },
        { Key: 'a é', Value: 'x'.repeat(256) },
        { Key: 'b', Value: '2' },
      ],
    })
    assert.deepEqual(await registry.aws.ok('UntagResource', { resourceArn, tagKeys: ['b', 'nothing', 'a é'] }), {})
    assert.deepEqual(await tagsOf(), { tags: [{ Key: 'B', Value: '' }] })
    assert.deepEqual(await registry.aws.ok('TagResource', { resourceArn, tags: [] }), {})
    assert.deepEqual(await registry.aws.ok('UntagResource', { resourceArn, tagKeys: [] }), {})
    assert.deepEqual(await tagsOf(), { tags: [{ Key: 'B', Value: '' }] })
  })

  test('keys and values that are no tags, on both operations that take them', async () => {
    for (const tags of [
      [{ Key: '', Value: 'x' }],
      [{ Key: 'x'.repeat(129), Value: '' }],
      [{ Key: 'a', Value: 'x'.repeat(257) }],
      [{ Key: 'aws:a', Value: '' }],
      [{ Key: 'AWS:a', Value: '' }],
      [
        { Key: 'a', Value: '1' },
        { Key: 'a', Value: '2' },
      ],
    ]) {
      const message = 'Tag parameters are invalid'
      await registry.aws.refused('TagResource', { resourceArn, tags }, 'InvalidTagParameterException', message)
      await registry.aws.refused(
        'CreateRepository',
        { repositoryName: 'never', tags },
        'InvalidTagParameterException',
        message,
      )
    }
  })

  test('fifty and no more, counted after the change', async () => {
    const message = 'A repository may not have more than 50 tags'
    await registry.aws.ok('UntagResource', { resourceArn, tagKeys: ['B'] })
    await registry.aws.ok('TagResource', { resourceArn, tags: fifty })
    await registry.aws.ok('TagResource', { resourceArn, tags: fifty.map(({ Key }) => ({ Key, Value: 'new' })) })
    const oneMore = [{ Key: 'one-more', Value: '' }]
    await registry.aws.refused('TagResource', { resourceArn, tags: oneMore }, 'TooManyTagsException', message)
    await registry.aws.refused(
      'CreateRepository',
      { repositoryName: 'never', tags: [...fifty, ...oneMore] },
      'TooManyTagsException',
      message,
    )
    assert.deepEqual(await tagsOf(), { tags: fifty.map(({ Key }) => ({ Key, Value: 'new' })) })
  })

  test('any number of keys can be removed at once: the model has no bound', async () => {
    const tagKeys = [...Array.from({ length: 60_000 }, (_, n) => `no-${n}`), 'key-00']
    assert.deepEqual(await registry.aws.ok('UntagResource', { resourceArn, tagKeys }), {})
    assert.deepEqual(await tagsOf(), { tags: fifty.slice(1).map(({ Key }) => ({ Key, Value: 'new' })) })
  })

  test('an ARN that is none of a repository of this region', async () => {
    for (const arn of [
      '',
      'labelled',
      'arn:aws:ecr:us-east-1:123456789012:repository/',
      'arn:aws:ecr:us-east-1:123456789012:repository/No',
      'arn:aws:ecr:eu-west-1:123456789012:repository/labelled',
      'arn:aws-cn:ecr:us-east-1:123456789012:repository/labelled',
      'arn:aws:ecr:us-east-1:12345:repository/labelled',
      'arn:aws:s3:::labelled',
      `arn:aws:ecr:us-east-1:123456789012:repository/${'x'.repeat(3000)}`,
    ]) {
      for (const [operation, more] of [
        ['TagResource', { tags: [] }],
        ['UntagResource', { tagKeys: [] }],
        ['ListTagsForResource', {}],
      ] as const) {
        await registry.aws.refused(
          operation,
          { resourceArn: arn, ...more },
          'InvalidParameterException',
          invalidParameter('resourceArn', 'Invalid ARN'),
        )
      }
    }
  })
})

describe('DescribeRegistry and GetAuthorizationToken', () => {
  test('the registry always exists; without rules its replication is empty', async () => {
    assert.deepEqual(await registry.aws.ok('DescribeRegistry'), {
      registryId: account,
      replicationConfiguration: { rules: [] },
    })
  })

  test('3.1: base64 of AWS and a password, twelve hours, an address with its scheme', async () => {
    const { authorizationData } = await registry.aws.ok<{
      authorizationData: { authorizationToken: string; expiresAt: number; proxyEndpoint: string }[]
    }>('GetAuthorizationToken')
    const [{ authorizationToken, ...rest } = { authorizationToken: '' }, ...others] = authorizationData
    assert.deepEqual(rest, {
      expiresAt: startOfTime / 1000 + 12 * 60 * 60,
      proxyEndpoint: registry.url,
    })
    assert.deepEqual(others, [])
    assert.match(authorizationToken, /^[A-Za-z0-9+/]+=*$/)
    assert.match(Buffer.from(authorizationToken, 'base64').toString(), /^AWS:[A-Za-z0-9_-]{40,400}$/)
  })

  test('3.1: one entry for each registry that is named, in that order', async () => {
    const registryIds = ['210987654321', account]
    const { authorizationData } = await registry.aws.ok<{ authorizationData: { proxyEndpoint: string }[] }>(
      'GetAuthorizationToken',
      { registryIds },
    )
    assert.equal(authorizationData.length, 2)
    const cases: [unknown, string, string][] = [
      [[], 'registryIds', 'Member must have length greater than or equal to 1'],
      [Array.from({ length: 11 }, () => account), 'registryIds', 'Member must have length less than or equal to 10'],
      [['1'], 'registryIds.1.member', 'Member must satisfy regular expression pattern: [0-9]{12}'],
    ]
    for (const [given, member, constraint] of cases) {
      await registry.aws.refused(
        'GetAuthorizationToken',
        { registryIds: given },
        'InvalidParameterException',
        invalidParameter(member, constraint),
      )
    }
  })

  test('1.8: a template of hosts makes addresses of accounts and regions', async () => {
    const templated = await contractRegistry({ registryHost: 'https://{account}.dkr.ecr.{region}.example.com' })
    try {
      const { authorizationData } = await templated.aws.ok<{ authorizationData: { proxyEndpoint: string }[] }>(
        'GetAuthorizationToken',
        { registryIds: ['210987654321', account] },
      )
      assert.deepEqual(
        authorizationData.map((entry) => entry.proxyEndpoint),
        [`https://210987654321.dkr.ecr.${region}.example.com`, `https://${account}.dkr.ecr.${region}.example.com`],
      )
      const { repository } = await templated.aws.ok<{ repository: { repositoryUri: string } }>('CreateRepository', {
        repositoryName: 'team/app',
      })
      assert.equal(repository.repositoryUri, `${account}.dkr.ecr.${region}.example.com/team/app`)
    } finally {
      await templated.close()
    }
  })
})
