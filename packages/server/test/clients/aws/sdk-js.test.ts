// Amazon's JavaScript SDK against a served registry: tokens, repositories, their settings and tags, and who may call.
// Layers are in sdk-js-layers.test.ts, images in sdk-js-images.test.ts. Sections are those of the ECR API reference.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  CreateRepositoryCommand,
  type CreateRepositoryCommandInput,
  DeleteRepositoryCommand,
  DescribeImagesCommand,
  DescribeRegistryCommand,
  DescribeRepositoriesCommand,
  type DescribeRepositoriesCommandInput,
  type ECRClient,
  GetAuthorizationTokenCommand,
  ListTagsForResourceCommand,
  PutImageScanningConfigurationCommand,
  PutImageTagMutabilityCommand,
  type PutImageTagMutabilityCommandInput,
  paginateDescribeRepositories,
  type Repository,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-ecr'
import { type ProvingGround, provingGround } from '../../support/proving-ground.ts'
import type { ServedRegistry } from '../../support/serve.ts'
import { ociImage } from './images.ts'
import { ecrClient, invalidParameter, newRepository, pushImage, putManifest, refused } from './sdk.ts'

const namePattern =
  "must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'"
const otherAccount = '210987654321'

let ground: ProvingGround
let server: ServedRegistry
let client: ECRClient

before(async () => {
  ground = await provingGround()
  server = ground.server
  client = ecrClient(server)
})
after(async () => {
  client?.destroy()
  await ground?.close()
})

const arnOf = (repositoryName: string) =>
  `arn:aws:ecr:${server.region}:${server.accountId}:repository/${repositoryName}`
const missing = (repositoryName: string) =>
  `The repository with name '${repositoryName}' does not exist in the registry with id '${server.accountId}'`

async function describeOne(repositoryName: string): Promise<Repository> {
  const { repositories } = await client.send(new DescribeRepositoriesCommand({ repositoryNames: [repositoryName] }))
  assert.equal(repositories?.length, 1)
  return repositories[0] as Repository
}

describe('§3.1 GetAuthorizationToken', () => {
  test('§3.1: one entry, a token without line breaks, twelve hours, the proxy endpoint of this registry', async () => {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}))
    assert.equal(authorizationData?.length, 1)
    const [data] = authorizationData
    assert.match(data?.authorizationToken ?? '', /^\S+$/)
    const [user, ...password] = Buffer.from(data?.authorizationToken ?? '', 'base64')
      .toString()
      .split(':')
    assert.equal(user, 'AWS')
    assert.ok(password.join(':').length > 0 && password.join(':').length <= 512, 'iam §4.2: at most 512 characters')
    assert.equal(data?.proxyEndpoint, server.url)
    const hours = (Number(data?.expiresAt) - Date.now()) / 3_600_000
    assert.ok(hours > 11.9 && hours <= 12.01, `${hours} hours`)
  })

  test('§3.1: the token opens /v2/ as it is, and an altered one does not', async () => {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}))
    const token = authorizationData?.[0]?.authorizationToken ?? ''
    const opened = await fetch(`${server.url}/v2/`, { headers: { authorization: `Basic ${token}` } })
    assert.equal(opened.status, 200)
    const password = Buffer.from(token, 'base64').toString().slice('AWS:'.length)
    const middle = password.length >> 1
    const altered = password.slice(0, middle) + (password[middle] === 'A' ? 'B' : 'A') + password.slice(middle + 1)
    const answer = await fetch(`${server.url}/v2/`, {
      headers: { authorization: `Basic ${Buffer.from(`AWS:${altered}`).toString('base64')}` },
    })
    assert.ok([400, 401, 403].includes(answer.status), `${answer.status}`)
  })

  test('§3.1: registryIds with the own account is honoured', async () => {
    const { authorizationData } = await client.send(
      new GetAuthorizationTokenCommand({ registryIds: [server.accountId] }),
    )
    assert.deepEqual(
      authorizationData?.map((data) => data.proxyEndpoint),
      [server.url],
    )
  })

  for (const [what, registryIds] of [
    ['more than ten', Array.from({ length: 11 }, () => '123456789012')],
    ['malformed', ['12']],
  ] as const) {
    test(`§2.4: ${what} registryIds are refused`, async () => {
      await refused(
        client.send(new GetAuthorizationTokenCommand({ registryIds: [...registryIds] })),
        'InvalidParameterException',
        /^Invalid parameter at 'registryIds/,
      )
    })
  }
})

describe('DescribeRegistry', () => {
  test('§2.4 DescribeRegistry: the account and no replication rules', async () => {
    const { registryId, replicationConfiguration } = await client.send(new DescribeRegistryCommand({}))
    assert.equal(registryId, server.accountId)
    assert.deepEqual(replicationConfiguration, { rules: [] })
  })
})

describe('§3.2 repositories', () => {
  test('§3.2.2: a new repository has the defaults and its addresses, and tags are not echoed', async () => {
    const before = Date.now()
    const { repository } = await client.send(
      new CreateRepositoryCommand({ repositoryName: 'defaults/app', tags: [{ Key: 'team', Value: 'blue' }] }),
    )
    const { createdAt, ...rest } = repository as Repository
    assert.deepEqual(rest, {
      repositoryArn: arnOf('defaults/app'),
      registryId: server.accountId,
      repositoryName: 'defaults/app',
      repositoryUri: `${server.host}/defaults/app`,
      imageTagMutability: 'MUTABLE',
      imageScanningConfiguration: { scanOnPush: false },
      encryptionConfiguration: { encryptionType: 'AES256' },
    })
    const created = (createdAt as Date).getTime()
    assert.ok(created >= before - 1000 && created <= Date.now() + 1000, `${createdAt}`)
    assert.deepEqual(await describeOne('defaults/app'), repository, 'DescribeRepositories answers as CreateRepository')
  })

  test('§3.2.2: every setting that is given comes back', async () => {
    const settings = {
      imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
      imageTagMutabilityExclusionFilters: [
        { filterType: 'WILDCARD', filter: 'latest' },
        { filterType: 'WILDCARD', filter: 'dev-*' },
      ],
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: { encryptionType: 'AES256' },
    } as const satisfies Partial<CreateRepositoryCommandInput>
    const name = await newRepository(client, {
      ...settings,
      imageTagMutabilityExclusionFilters: [...settings.imageTagMutabilityExclusionFilters],
    })
    const { imageTagMutability, imageTagMutabilityExclusionFilters, imageScanningConfiguration, ...rest } =
      await describeOne(name)
    assert.deepEqual(
      { imageTagMutability, imageTagMutabilityExclusionFilters, imageScanningConfiguration },
      {
        imageTagMutability: settings.imageTagMutability,
        imageTagMutabilityExclusionFilters: settings.imageTagMutabilityExclusionFilters,
        imageScanningConfiguration: settings.imageScanningConfiguration,
      },
    )
    assert.deepEqual(rest.encryptionConfiguration, { encryptionType: 'AES256' })
  })

  test('§2.4 CreateRepository: the same name again is refused, even with the same settings', async () => {
    const repositoryName = await newRepository(client)
    await refused(
      client.send(new CreateRepositoryCommand({ repositoryName })),
      'RepositoryAlreadyExistsException',
      `The repository with name '${repositoryName}' already exists in the registry with id '${server.accountId}'`,
    )
  })

  test('§2.4 CreateRepository: of ten calls at once with one name, one wins', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => client.send(new CreateRepositoryCommand({ repositoryName: 'race/one-name' }))),
    )
    const losers = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.equal(losers.length, 9)
    assert.deepEqual([...new Set(losers.map((loser) => loser.reason.name))], ['RepositoryAlreadyExistsException'])
  })

  test('KMS encryption would be a false promise and is refused with KmsException', async () => {
    for (const encryptionType of ['KMS', 'KMS_DSSE'] as const) {
      await refused(
        client.send(
          new CreateRepositoryCommand({
            repositoryName: 'kms/app',
            encryptionConfiguration: { encryptionType },
          }),
        ),
        'KmsException',
      )
    }
    await refused(
      client.send(new DescribeRepositoriesCommand({ repositoryNames: ['kms/app'] })),
      'RepositoryNotFoundException',
    )
  })

  for (const [name, constraint] of [
    ['a', 'must have length greater than or equal to 2'],
    ['a'.repeat(257), 'must have length less than or equal to 256'],
    ['UPPER/case', namePattern],
    ['a//b', namePattern],
    ['a/./b', namePattern],
    ['../x', namePattern],
    ['/lead', namePattern],
    ['trail/', namePattern],
    ['-dash', namePattern],
    ['dash-', namePattern],
    ['a..b', namePattern],
    ['a___b', namePattern],
    ['a._b', namePattern],
    ['a b', namePattern],
    ['%2e%2e', namePattern],
    ['a%2fb', namePattern],
    ['ünïcode', namePattern],
    ['аpp', namePattern],
    ['nul\u0000', namePattern],
    ['line\n', namePattern],
    ['_catalog', namePattern],
  ] as const) {
    const shown = JSON.stringify(name.length > 40 ? `${name.slice(0, 5)}… ${name.length} characters` : name)
    test(`§1.5, iam 6.26: the repository name ${shown} is refused by every operation that takes one`, async () => {
      const text = invalidParameter('repositoryName', constraint)
      await refused(
        client.send(new CreateRepositoryCommand({ repositoryName: name })),
        'InvalidParameterException',
        text,
      )
      await refused(
        client.send(new DeleteRepositoryCommand({ repositoryName: name })),
        'InvalidParameterException',
        text,
      )
      await refused(client.send(new DescribeImagesCommand({ repositoryName: name })), 'InvalidParameterException', text)
      await refused(
        client.send(new DescribeRepositoriesCommand({ repositoryNames: [name] })),
        'InvalidParameterException',
      )
    })
  }

  for (const name of [
    'ab',
    '0a',
    'a.b',
    'a_b',
    'a__b',
    'a-----b',
    'a/b/c/d/e',
    'a/manifests/b',
    'x/blobs/uploads',
    'v2',
    'a'.repeat(256),
    'constructor',
    'has-own-property/to-string',
  ]) {
    const shown = name.length > 40 ? `of ${name.length} letters` : name
    test(`§3.2.1, iam 6.26: the repository name ${shown} is accepted and found again`, async () => {
      await client.send(new CreateRepositoryCommand({ repositoryName: name }))
      assert.equal((await describeOne(name)).repositoryName, name)
    })
  }

  test('§1.5: a missing repository name must not be null', async () => {
    await refused(
      client.send(new CreateRepositoryCommand({} as CreateRepositoryCommandInput)),
      'InvalidParameterException',
      invalidParameter('repositoryName', 'must not be null'),
    )
  })

  test('§1.1: unknown members are ignored, and null for an optional one is absence', async () => {
    const lax = ecrClient(server)
    lax.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { body: string; headers: Record<string, string> }
        request.body = JSON.stringify({
          ...JSON.parse(request.body),
          memberOfNextYear: { deep: [1, 2, { x: null }] },
          imageTagMutability: null,
        })
        request.headers['content-length'] = String(Buffer.byteLength(request.body))
        return next(args)
      },
      { step: 'build', priority: 'high', name: 'moreMembers' },
    )
    const { repository } = await lax.send(new CreateRepositoryCommand({ repositoryName: 'unknown/members' }))
    assert.equal(repository?.imageTagMutability, 'MUTABLE')
    lax.destroy()
  })

  test('§2.4 DescribeRepositories: one missing name fails the whole call and is named', async () => {
    const present = await newRepository(client)
    await refused(
      client.send(new DescribeRepositoriesCommand({ repositoryNames: [present, 'not/there'] })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })

  for (const [what, input, text] of [
    ['names together with maxResults', { repositoryNames: ['ab'], maxResults: 10 }, undefined],
    ['names together with nextToken', { repositoryNames: ['ab'], nextToken: 'x' }, undefined],
    [
      'more than 100 names',
      { repositoryNames: Array.from({ length: 101 }, (_, i) => `n${i}x`) },
      invalidParameter('repositoryNames', 'Member must have length less than or equal to 100'),
    ],
    ['no names in the list', { repositoryNames: [] }, undefined],
    ['maxResults 0', { maxResults: 0 }, undefined],
    [
      'maxResults 1001',
      { maxResults: 1001 },
      invalidParameter('maxResults', 'Member must have value less than or equal to 1000'),
    ],
    ['a token that nobody gave out', { nextToken: 'bm90IGEgdG9rZW4' }, undefined],
    ['an empty token', { nextToken: '' }, undefined],
    ['a malformed registryId', { registryId: '12345' }, undefined],
  ] satisfies [string, DescribeRepositoriesCommandInput, string | undefined][]) {
    test(`§1.6, §2.4 DescribeRepositories: ${what}: refused`, async () => {
      await refused(client.send(new DescribeRepositoriesCommand(input)), 'InvalidParameterException', text)
    })
  }

  test('§1.6: the paginator visits every repository once, and the last page has no token', async () => {
    const names = Array.from({ length: 23 }, (_, i) => `paged/r${String(i).padStart(2, '0')}`)
    await Promise.all(names.map((repositoryName) => client.send(new CreateRepositoryCommand({ repositoryName }))))
    const seen: string[] = []
    let pages = 0
    for await (const page of paginateDescribeRepositories({ client, pageSize: 7 }, {})) {
      pages++
      assert.ok((page.repositories?.length ?? 0) <= 7)
      seen.push(...(page.repositories ?? []).map((repository) => repository.repositoryName ?? ''))
    }
    assert.ok(pages > 3)
    assert.equal(new Set(seen).size, seen.length, 'no repository twice')
    assert.deepEqual(
      names.filter((name) => !seen.includes(name)),
      [],
    )
    assert.deepEqual(seen, seen.toSorted(), 'by name (§1.6)')
  })

  test('§1.6: the default page holds 100', async () => {
    const names = Array.from({ length: 101 }, (_, i) => `hundred/r${i}`)
    await Promise.all(names.map((repositoryName) => client.send(new CreateRepositoryCommand({ repositoryName }))))
    const { repositories, nextToken } = await client.send(new DescribeRepositoriesCommand({}))
    assert.equal(repositories?.length, 100)
    assert.ok(nextToken)
    const all = await client.send(new DescribeRepositoriesCommand({ maxResults: 1000 }))
    assert.ok((all.repositories?.length ?? 0) > 100)
    assert.equal(all.nextToken, undefined)
  })

  test('iam 6.48: an edited page token is refused', async () => {
    const { nextToken } = await client.send(new DescribeRepositoriesCommand({ maxResults: 1 }))
    const token = nextToken ?? ''
    const middle = token.length >> 1
    const edited = token.slice(0, middle) + (token[middle] === 'A' ? 'B' : 'A') + token.slice(middle + 1)
    await refused(
      client.send(new DescribeRepositoriesCommand({ nextToken: edited, maxResults: 1 })),
      'InvalidParameterException',
    )
  })

  test('§3.2.5 DeleteRepository: the repository as it was comes back, and its name is free at once', async () => {
    const repositoryName = await newRepository(client, { tags: [{ Key: 'a', Value: 'b' }] })
    const described = await describeOne(repositoryName)
    const { repository } = await client.send(new DeleteRepositoryCommand({ repositoryName }))
    assert.deepEqual(repository, described)
    for (const again of [
      new DeleteRepositoryCommand({ repositoryName }),
      new DeleteRepositoryCommand({ repositoryName, force: true }),
    ]) {
      await refused(client.send(again), 'RepositoryNotFoundException', missing(repositoryName))
    }
    await client.send(new CreateRepositoryCommand({ repositoryName }))
    const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn: arnOf(repositoryName) }))
    assert.deepEqual(tags, [], 'the tags of its predecessor are gone')
  })

  test('§3.2.5 DeleteRepository: images are kept from deletion, unless forced', async () => {
    const repositoryName = await newRepository(client)
    await pushImage(client, repositoryName, ociImage())
    await refused(
      client.send(new DeleteRepositoryCommand({ repositoryName })),
      'RepositoryNotEmptyException',
      `The repository with name '${repositoryName}' in registry with id '${server.accountId}' cannot be deleted because it still contains images`,
    )
    await client.send(new DeleteRepositoryCommand({ repositoryName, force: true }))
    await client.send(new CreateRepositoryCommand({ repositoryName }))
    const { imageDetails } = await client.send(new DescribeImagesCommand({ repositoryName }))
    assert.deepEqual(imageDetails, [], 'nothing of the deleted repository comes back')
  })

  test('iam 6.28: a repository made anew does not hold the blobs of its predecessor', async () => {
    const repositoryName = await newRepository(client)
    const image = ociImage()
    await pushImage(client, repositoryName, image)
    await client.send(new DeleteRepositoryCommand({ repositoryName, force: true }))
    await client.send(new CreateRepositoryCommand({ repositoryName }))
    await refused(putManifest(client, repositoryName, image), 'LayersNotFoundException')
  })
})

describe('§3.2.4 tag mutability', () => {
  const mode = (imageTagMutability: string, ...filters: string[]) =>
    ({
      imageTagMutability,
      ...(filters.length
        ? { imageTagMutabilityExclusionFilters: filters.map((filter) => ({ filterType: 'WILDCARD', filter })) }
        : {}),
    }) as Pick<PutImageTagMutabilityCommandInput, 'imageTagMutability' | 'imageTagMutabilityExclusionFilters'>

  test('§2.4 PutImageTagMutability: echoes both settings, replaces the filters, and they go with the mode', async () => {
    const repositoryName = await newRepository(client)
    const put = async (...settings: Parameters<typeof mode>) => {
      const { $metadata: _, ...answer } = await client.send(
        new PutImageTagMutabilityCommand({ repositoryName, ...mode(...settings) }),
      )
      assert.deepEqual(answer, { registryId: server.accountId, repositoryName, ...mode(...settings) })
      const { imageTagMutability, imageTagMutabilityExclusionFilters } = await describeOne(repositoryName)
      assert.deepEqual(
        { imageTagMutability, ...(imageTagMutabilityExclusionFilters ? { imageTagMutabilityExclusionFilters } : {}) },
        mode(...settings),
      )
    }
    await put('IMMUTABLE_WITH_EXCLUSION', 'latest', 'dev-*')
    await put('IMMUTABLE_WITH_EXCLUSION', '*-rc*')
    await put('MUTABLE_WITH_EXCLUSION', 'v*', 'v.1', 'A_b-C', '*', '**')
    await put('IMMUTABLE')
    await put('MUTABLE')
  })

  test('§1.4 PutImageTagMutability: of an unknown repository', async () => {
    await refused(
      client.send(new PutImageTagMutabilityCommand({ repositoryName: 'not/there', imageTagMutability: 'MUTABLE' })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })

  for (const [what, settings, text] of [
    [
      'IMMUTABLE_WITH_EXCLUSION without filters',
      mode('IMMUTABLE_WITH_EXCLUSION'),
      invalidParameter(
        'imageTagMutabilityExclusionFilters',
        "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as IMMUTABLE_WITH_EXCLUSION",
      ),
    ],
    [
      'MUTABLE_WITH_EXCLUSION without filters',
      mode('MUTABLE_WITH_EXCLUSION'),
      invalidParameter(
        'imageTagMutabilityExclusionFilters',
        "ImageTagMutabilityExclusionFilters can't be null when imageTagMutability is set as MUTABLE_WITH_EXCLUSION",
      ),
    ],
    ['IMMUTABLE with filters', mode('IMMUTABLE', 'v1'), /imageTagMutabilityExclusionFilters/],
    ['MUTABLE with filters', mode('MUTABLE', 'v1'), /imageTagMutabilityExclusionFilters/],
    ['six filters', mode('MUTABLE_WITH_EXCLUSION', 'a', 'b', 'c', 'd', 'e', 'f'), /imageTagMutabilityExclusionFilters/],
    ['three wildcards', mode('MUTABLE_WITH_EXCLUSION', 'a*b*c*'), /imageTagMutabilityExclusionFilters/],
    ['a filter of 129', mode('MUTABLE_WITH_EXCLUSION', 'a'.repeat(129)), /imageTagMutabilityExclusionFilters/],
    ['an empty filter', mode('MUTABLE_WITH_EXCLUSION', ''), /imageTagMutabilityExclusionFilters/],
    ['a filter with a slash', mode('MUTABLE_WITH_EXCLUSION', 'a/b'), /imageTagMutabilityExclusionFilters/],
    [
      'an unknown mode',
      mode('FROZEN'),
      invalidParameter(
        'imageTagMutability',
        'Member must satisfy enum value set: [IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]',
      ),
    ],
  ] as const) {
    test(`§3.2.4: ${what}: refused on change and on creation`, async () => {
      const repositoryName = await newRepository(client)
      await refused(
        client.send(new PutImageTagMutabilityCommand({ repositoryName, ...settings })),
        'InvalidParameterException',
        text,
      )
      await refused(
        client.send(new CreateRepositoryCommand({ repositoryName: `${repositoryName}-2`, ...settings })),
        'InvalidParameterException',
        text,
      )
      assert.equal((await describeOne(repositoryName)).imageTagMutability, 'MUTABLE', 'nothing changed')
    })
  }

  test('§3.2.4: a filter of an unknown type is refused', async () => {
    await refused(
      client.send(
        new PutImageTagMutabilityCommand({
          repositoryName: await newRepository(client),
          imageTagMutability: 'MUTABLE_WITH_EXCLUSION',
          imageTagMutabilityExclusionFilters: [{ filterType: 'REGEX' as never, filter: 'v1' }],
        }),
      ),
      'InvalidParameterException',
      /imageTagMutabilityExclusionFilters/,
    )
  })

  test('§2.4: a missing mode is null', async () => {
    await refused(
      client.send(
        new PutImageTagMutabilityCommand({
          repositoryName: await newRepository(client),
        } as PutImageTagMutabilityCommandInput),
      ),
      'InvalidParameterException',
      invalidParameter('imageTagMutability', 'Member must not be null'),
    )
  })

  for (const { settings, movable, fixed } of [
    { settings: mode('MUTABLE'), movable: ['v1', 'latest'], fixed: [] },
    { settings: mode('IMMUTABLE'), movable: [], fixed: ['v1', 'latest'] },
    {
      settings: mode('IMMUTABLE_WITH_EXCLUSION', 'latest', 'dev-*', '*-rc*', 'a.b'),
      movable: ['latest', 'dev-', 'dev-1', '1-rc', '1-rc2', 'a.b'],
      fixed: ['v1', 'latest2', 'mylatest', 'LATEST', 'dev', 'xdev-1', 'rc-1', 'aXb'],
    },
    {
      settings: mode('MUTABLE_WITH_EXCLUSION', 'v*', '*.*-final'),
      movable: ['latest', 'xv1', 'V1', '1-final'],
      fixed: ['v', 'v1', 'v1.2', '1.2-final', '1.-final'],
    },
  ]) {
    const filters = settings.imageTagMutabilityExclusionFilters?.map(({ filter }) => filter).join(', ')
    test(`§3.2.4, §3.5.3: ${settings.imageTagMutability}${filters ? ` (${filters})` : ''} decides which tags move`, async () => {
      const repositoryName = await newRepository(client, settings)
      const [first, second] = [ociImage(), ociImage()]
      for (const image of [first, second])
        await pushImage(client, repositoryName, image, `own-${image.digest.slice(7, 17)}`)
      for (const tag of [...movable, ...fixed]) await putManifest(client, repositoryName, first, tag)
      for (const tag of movable) await putManifest(client, repositoryName, second, tag)
      for (const tag of fixed) {
        await refused(
          putManifest(client, repositoryName, second, tag),
          'ImageTagAlreadyExistsException',
          `The image tag '${tag}' already exists in the '${repositoryName}' repository and cannot be overwritten because the tag is immutable.`,
        )
      }
      const { imageDetails } = await client.send(new DescribeImagesCommand({ repositoryName }))
      const tagsOf = (digest: string) =>
        imageDetails
          ?.find(({ imageDigest }) => imageDigest === digest)
          ?.imageTags?.filter((tag) => !tag.startsWith('own-'))
      assert.deepEqual(tagsOf(first.digest)?.toSorted(), fixed.toSorted())
      assert.deepEqual(tagsOf(second.digest)?.toSorted(), movable.toSorted())
    })
  }

  test('§3.2.4: a change governs later pushes only', async () => {
    const repositoryName = await newRepository(client)
    const [first, second] = [ociImage(), ociImage()]
    await pushImage(client, repositoryName, first, 'v1')
    await pushImage(client, repositoryName, second, 'v1')
    await client.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: 'IMMUTABLE' }))
    await refused(putManifest(client, repositoryName, first, 'v1'), 'ImageTagAlreadyExistsException')
    await client.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: 'MUTABLE' }))
    await putManifest(client, repositoryName, first, 'v1')
  })

  test('iam 6.49: of two images pushed at once to one new immutable tag, one wins', async () => {
    const repositoryName = await newRepository(client, { imageTagMutability: 'IMMUTABLE' })
    const images = Array.from({ length: 8 }, () => ociImage())
    for (const image of images) await pushImage(client, repositoryName, image)
    const outcomes = await Promise.allSettled(
      images.map((image) => putManifest(client, repositoryName, image, 'contested')),
    )
    const losers = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.equal(losers.length, images.length - 1)
    assert.deepEqual([...new Set(losers.map((loser) => loser.reason.name))], ['ImageTagAlreadyExistsException'])
  })
})

describe('PutImageScanningConfiguration', () => {
  test('§2.4: echoes the setting, which DescribeRepositories reports; no value means false', async () => {
    const repositoryName = await newRepository(client)
    for (const [given, kept] of [
      [{ scanOnPush: true }, true],
      [{}, false],
      [{ scanOnPush: true }, true],
      [{ scanOnPush: false }, false],
    ] as const) {
      const { $metadata: _, ...answer } = await client.send(
        new PutImageScanningConfigurationCommand({ repositoryName, imageScanningConfiguration: given }),
      )
      assert.deepEqual(answer, {
        registryId: server.accountId,
        repositoryName,
        imageScanningConfiguration: { scanOnPush: kept },
      })
      assert.deepEqual((await describeOne(repositoryName)).imageScanningConfiguration, { scanOnPush: kept })
    }
  })

  test('§2.4: refused for an unknown repository, and without the setting', async () => {
    await refused(
      client.send(
        new PutImageScanningConfigurationCommand({
          repositoryName: 'not/there',
          imageScanningConfiguration: { scanOnPush: true },
        }),
      ),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
    await refused(
      client.send(
        new PutImageScanningConfigurationCommand({
          repositoryName: await newRepository(client),
          imageScanningConfiguration: undefined as never,
        }),
      ),
      'InvalidParameterException',
      invalidParameter('imageScanningConfiguration', 'Member must not be null'),
    )
  })
})

describe('§3.16 resource tags', () => {
  const tag = (Key: string, Value = '') => ({ Key, Value })
  const fifty = Array.from({ length: 50 }, (_, i) => tag(`key${i}`, `${i}`))
  const tagsOf = async (repositoryName: string) => {
    const { tags } = await client.send(new ListTagsForResourceCommand({ resourceArn: arnOf(repositoryName) }))
    return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key, Value]))
  }

  test('§3.16: TagResource merges, keys are case sensitive, an empty value is a value', async () => {
    const repositoryName = await newRepository(client, { tags: [tag('a', '1'), tag('b', '2')] })
    const resourceArn = arnOf(repositoryName)
    assert.deepEqual(await tagsOf(repositoryName), { a: '1', b: '2' })
    await client.send(new TagResourceCommand({ resourceArn, tags: [tag('b', '3'), tag('B', 'x'), tag('empty', '')] }))
    assert.deepEqual(await tagsOf(repositoryName), { a: '1', b: '3', B: 'x', empty: '' })
    await client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a', 'B', 'unknown'] }))
    assert.deepEqual(await tagsOf(repositoryName), { b: '3', empty: '' })
    await client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['b', 'empty'] }))
    assert.deepEqual((await client.send(new ListTagsForResourceCommand({ resourceArn }))).tags, [])
  })

  test('§3.16: fifty tags fit, the 51st does not, and a new value for one of fifty does', async () => {
    const repositoryName = await newRepository(client, { tags: fifty })
    const resourceArn = arnOf(repositoryName)
    await refused(client.send(new TagResourceCommand({ resourceArn, tags: [tag('more')] })), 'TooManyTagsException')
    await client.send(new TagResourceCommand({ resourceArn, tags: [tag('key7', 'new')] }))
    assert.equal((await tagsOf(repositoryName)).key7, 'new')
    assert.equal(Object.keys(await tagsOf(repositoryName)).length, 50)
    await refused(
      client.send(new CreateRepositoryCommand({ repositoryName: 'too/many', tags: [...fifty, tag('more')] })),
      'TooManyTagsException',
    )
  })

  test('§3.16: of tags that come at once, as many stay as there is room for', async () => {
    const repositoryName = await newRepository(client, { tags: fifty.slice(0, 45) })
    const resourceArn = arnOf(repositoryName)
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, i) =>
        client.send(new TagResourceCommand({ resourceArn, tags: [tag(`one${i}`), tag(`two${i}`)] })),
      ),
    )
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2)
    assert.equal(Object.keys(await tagsOf(repositoryName)).length, 49)
  })

  for (const [what, bad] of [
    ['an empty key', tag('', 'x')],
    ['a key of 129 characters', tag('k'.repeat(129))],
    ['a value of 257 characters', tag('k', 'v'.repeat(257))],
    ['a key of the reserved prefix', tag('aws:cloudformation:stack-name', 'x')],
  ] as const) {
    test(`§1.4, §3.16: ${what}: refused, on a new repository too`, async () => {
      const resourceArn = arnOf(await newRepository(client))
      await refused(
        client.send(new TagResourceCommand({ resourceArn, tags: [bad] })),
        'InvalidTagParameterException',
        what === 'an empty key' ? 'Tag parameters are invalid' : undefined,
      )
      await refused(
        client.send(new CreateRepositoryCommand({ repositoryName: 'bad/tags', tags: [bad] })),
        'InvalidTagParameterException',
      )
      await refused(
        client.send(new DescribeRepositoriesCommand({ repositoryNames: ['bad/tags'] })),
        'RepositoryNotFoundException',
      )
    })
  }

  test('§3.16: the longest key and value are accepted', async () => {
    const repositoryName = await newRepository(client, { tags: [tag('k'.repeat(128), 'v'.repeat(256))] })
    assert.deepEqual(await tagsOf(repositoryName), { ['k'.repeat(128)]: 'v'.repeat(256) })
  })

  test('§3.16: a tag without key is refused at its place in the list', async () => {
    const resourceArn = arnOf(await newRepository(client))
    await refused(
      client.send(new TagResourceCommand({ resourceArn, tags: [tag('a'), { Value: 'x' } as never] })),
      'InvalidParameterException',
      invalidParameter('tags.2.member.key', 'Member must not be null'),
    )
  })

  for (const [what, arn] of [
    ['no ARN', 'team/app'],
    ['an empty text', ''],
    ['another service', 'arn:aws:s3:us-east-1:123456789012:repository/team/app'],
    ['no repository', 'arn:aws:ecr:us-east-1:123456789012:cluster/team'],
  ] as const) {
    test(`§1.5: a resourceArn that is ${what} is an Invalid ARN`, async () => {
      const text = invalidParameter('resourceArn', 'Invalid ARN')
      await refused(
        client.send(new ListTagsForResourceCommand({ resourceArn: arn })),
        'InvalidParameterException',
        text,
      )
      await refused(
        client.send(new TagResourceCommand({ resourceArn: arn, tags: [tag('a')] })),
        'InvalidParameterException',
        text,
      )
      await refused(
        client.send(new UntagResourceCommand({ resourceArn: arn, tagKeys: ['a'] })),
        'InvalidParameterException',
        text,
      )
    })
  }

  test('§2.4: a well-formed ARN of an unknown repository', async () => {
    const resourceArn = arnOf('not/there')
    await refused(
      client.send(new ListTagsForResourceCommand({ resourceArn })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
    await refused(
      client.send(new TagResourceCommand({ resourceArn, tags: [tag('a')] })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
    await refused(
      client.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a'] })),
      'RepositoryNotFoundException',
      missing('not/there'),
    )
  })
})

describe('who may call', () => {
  const listAll = (config: Parameters<typeof ecrClient>[1], caller: Partial<ServedRegistry> = {}) => {
    const other = ecrClient({ ...server, ...caller }, config)
    return other.send(new DescribeRepositoriesCommand({})).finally(() => other.destroy())
  }

  test('iam §1.6: a wrong secret', async () => {
    await refused(
      listAll({}, { secretAccessKey: 'x'.repeat(40) }),
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    )
  })

  test('iam §1.6: an unknown key', async () => {
    await refused(
      listAll({}, { accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }),
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    )
  })

  test('iam 6.11: a session token with a long-term key', async () => {
    await refused(
      listAll({
        credentials: {
          accessKeyId: server.accessKeyId,
          secretAccessKey: server.secretAccessKey,
          sessionToken: 'IQoJb3JpZ2luX2Vj',
        },
      }),
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    )
  })

  test('iam §1.5: a clock 14 minutes off is accepted, 16 minutes are not, and the SDK then corrects itself', async () => {
    for (const minutes of [-14, 14]) await listAll({ systemClockOffset: minutes * 60_000 })
    await refused(
      listAll({ systemClockOffset: -16 * 60_000 }),
      'InvalidSignatureException',
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 15 min\.\)$/,
    )
    await refused(
      listAll({ systemClockOffset: 16 * 60_000 }),
      'InvalidSignatureException',
      /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 15 min\.\)$/,
    )
    await listAll({ systemClockOffset: -16 * 60_000, maxAttempts: 3 })
  })

  test('iam 6.9: a signature for another service', async () => {
    await refused(
      listAll({ signingName: 's3' } as never),
      'InvalidSignatureException',
      "Credential should be scoped to correct service: 'ecr'.",
    )
  })

  test('iam §1.7: the registry of another account is denied, and nothing tells whether the repository exists', async () => {
    const denied = (action: string, resource: string) =>
      new RegExp(
        `^User: arn:aws:iam::${server.accountId}:user/admin is not authorized to perform: ecr:${action} on resource: ${resource.replaceAll('*', '\\*')} because no (identity|resource)-based policy allows the ecr:${action} action$`,
      )
    await refused(
      client.send(new DescribeRepositoriesCommand({ registryId: otherAccount })),
      'AccessDeniedException',
      denied('DescribeRepositories', `arn:aws:ecr:us-east-1:${otherAccount}:repository/*`),
    )
    await refused(
      client.send(new DescribeImagesCommand({ registryId: otherAccount, repositoryName: 'any/app' })),
      'AccessDeniedException',
      denied('DescribeImages', `arn:aws:ecr:us-east-1:${otherAccount}:repository/any/app`),
    )
    await refused(
      client.send(
        new ListTagsForResourceCommand({
          resourceArn: `arn:aws:ecr:us-east-1:${otherAccount}:repository/any/app`,
        }),
      ),
      'AccessDeniedException',
    )
  })

  test('§2.4: the own account as registryId changes nothing', async () => {
    const repositoryName = await newRepository(client)
    const { repositories } = await client.send(
      new DescribeRepositoriesCommand({ registryId: server.accountId, repositoryNames: [repositoryName] }),
    )
    assert.equal(repositories?.length, 1)
  })
})
