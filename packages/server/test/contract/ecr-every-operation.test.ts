// What holds for every operation without a word of its own: who may call it, which members it needs, which types they have, and what it
// says of a repository that is not there (ECR API 1.3, 1.5, 2.4; IAM 1.7). A new operation without a row here fails.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as authorization from '@berth/api/ecr/authorization.ts'
import * as images from '@berth/api/ecr/images.ts'
import * as layers from '@berth/api/ecr/layers.ts'
import * as policies from '@berth/api/ecr/policies.ts'
import * as registryShapes from '@berth/api/ecr/registry.ts'
import * as repositories from '@berth/api/ecr/repositories.ts'
import * as tags from '@berth/api/ecr/tags.ts'
import type { Shape, StructureShape } from '@berth/api/shapes/shape.ts'
import { operations } from '../../src/operations/all.ts'
import { type AwsWire, invalidParameter } from '../support/aws-wire.ts'
import { account, type ContractRegistry, contractRegistry, region } from '../support/contract-registry.ts'
import { fixedImage } from '../support/fixed-images.ts'
import { seededRandom } from '../support/random.ts'

const other = '210987654321'
const digest = `sha256:${'0'.repeat(64)}`
const uploadId = '6f1c5a0e-7a1b-4d1e-9f0a-0123456789ab'
const repositoryArn = (name: string, of = account) => `arn:aws:ecr:${region}:${of}:repository/${name}`

interface Row {
  /** A valid input, for a repository that is not there. */
  input: Record<string, unknown>
  /** The IAM action, where it is not that of the name. */
  action?: string
  /** Where it is not the repository. */
  resource?: string
}

const grantToAll = (resource?: string) =>
  JSON.stringify({
    Statement: { Effect: 'Allow', Principal: '*', Action: 'ecr:ListImages', Resource: resource },
  })
const named = { repositoryName: 'missing' }
const ofArn = { resourceArn: repositoryArn('missing') }
const rows: Record<string, Row> = {
  BatchCheckLayerAvailability: { input: { ...named, layerDigests: [digest] } },
  BatchDeleteImage: { input: { ...named, imageIds: [{ imageTag: 'v1' }] } },
  BatchGetImage: { input: { ...named, imageIds: [{ imageTag: 'v1' }] } },
  CompleteLayerUpload: { input: { ...named, uploadId, layerDigests: [digest] } },
  CreateRepository: { input: { ...named } },
  DeleteRegistryPolicy: { input: {}, resource: '*' },
  DeleteRepository: { input: { ...named } },
  DeleteRepositoryPolicy: { input: { ...named } },
  DescribeImages: { input: { ...named } },
  DescribeRegistry: { input: {}, resource: '*' },
  DescribeRepositories: { input: { repositoryNames: ['missing'] } },
  GetAccountSetting: { input: { name: 'BLOB_MOUNTING' }, resource: '*' },
  GetAuthorizationToken: { input: {}, resource: '*' },
  GetDownloadUrlForLayer: { input: { ...named, layerDigest: digest } },
  GetRegistryPolicy: { input: {}, resource: '*' },
  GetRepositoryPolicy: { input: { ...named } },
  InitiateLayerUpload: { input: { ...named } },
  ListImageReferrers: { input: { ...named, subjectId: { imageDigest: digest } }, action: 'BatchGetImage' },
  ListImages: { input: { ...named } },
  ListTagsForResource: { input: { ...ofArn } },
  PutAccountSetting: { input: { name: 'BLOB_MOUNTING', value: 'ENABLED' }, resource: '*' },
  PutImage: {
    input: {
      ...named,
      imageManifest: JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [],
      }),
    },
  },
  PutImageScanningConfiguration: { input: { ...named, imageScanningConfiguration: { scanOnPush: true } } },
  PutImageTagMutability: { input: { ...named, imageTagMutability: 'MUTABLE' } },
  PutRegistryPolicy: { input: { policyText: grantToAll('*') }, resource: '*' },
  SetRepositoryPolicy: { input: { ...named, policyText: grantToAll() } },
  TagResource: { input: { ...ofArn, tags: [] } },
  UntagResource: { input: { ...ofArn, tagKeys: [] } },
  UploadLayerPart: { input: { ...named, uploadId, partFirstByte: 0, partLastByte: 0, layerPartBlob: 'QQ==' } },
}

/** These have no repository that could be missing, or make it. */
const withoutRepository = [
  ...['CreateRepository', 'DescribeRegistry', 'GetAuthorizationToken', 'GetAccountSetting', 'PutAccountSetting'],
  ...['DeleteRegistryPolicy', 'GetRegistryPolicy', 'PutRegistryPolicy'],
]

const shapes: Record<string, unknown> = {
  ...authorization,
  ...images,
  ...layers,
  ...policies,
  ...registryShapes,
  ...repositories,
  ...tags,
}

function shapeOf(name: string): StructureShape {
  const shape = shapes[`${name}Request`] as StructureShape | undefined
  assert.ok(shape, `the contract has no ${name}Request`)
  return shape
}

function membersOf(name: string): { member: string; shape: Shape; isRequired: boolean }[] {
  return Object.entries(shapeOf(name).members).map(([member, given]) =>
    given.kind === 'required'
      ? { member, shape: given.shape, isRequired: true }
      : { member, shape: given, isRequired: false },
  )
}

/** A value of another JSON type, and what is said of it. */
const wrongValues: Record<Shape['kind'], [unknown, string]> = {
  string: [7, 'NUMBER_VALUE can not be converted to a String'],
  boolean: ['true', 'STRING_VALUE can not be converted to a Boolean'],
  integer: [1.5, 'NUMBER_VALUE can not be converted to an Integer'],
  long: ['1', 'STRING_VALUE can not be converted to a Long'],
  timestamp: ['now', 'STRING_VALUE can not be converted to a Timestamp'],
  blob: [true, 'TRUE_VALUE can not be converted to a Blob'],
  list: [{}, 'Expected list or null'],
  map: [[], 'Expected map or null'],
  structure: ['', 'Expected structure or null'],
}

let registry: ContractRegistry
let stranger: AwsWire
let foreigner: AwsWire
before(async () => {
  registry = await contractRegistry()
  stranger = registry.awsAs(await registry.createUser('stranger'))
  foreigner = registry.awsAs(await registry.createAccount(other))
})
after(() => registry?.close())

test('every operation has a row', () => {
  assert.deepEqual(Object.keys(rows).toSorted(), [...operations.keys()].toSorted())
})

for (const [name, { input, action = name, resource = repositoryArn('missing') }] of Object.entries(rows)) {
  describe(name, () => {
    const denied = (user: string, kind: string) =>
      `User: arn:aws:iam::${user} is not authorized to perform: ecr:${action} on resource: ${resource} because no ${kind} policy allows the ecr:${action} action`

    test('IAM 1.7: whom no policy of the account allows it is denied by name', () =>
      stranger.refused(name, input, 'AccessDeniedException', denied(`${account}:user/stranger`, 'identity-based')))

    if (resource !== '*') {
      test('IAM 1.7: the administrator of another account lacks the leave of this one', () =>
        foreigner.refused(
          name,
          'resourceArn' in input ? input : { ...input, registryId: account },
          'AccessDeniedException',
          denied(`${other}:user/admin`, 'resource-based'),
        ))
    }

    test('ECR API 1.5: a required member that is missing or null is named', async () => {
      for (const { member, shape, isRequired } of membersOf(name)) {
        if (!isRequired) continue
        const isName = shape.kind === 'string' && shape.isRepositoryName
        const isDocument = shape.kind === 'string' && shape.isDocument
        const message = invalidParameter(
          isDocument ? `${member.charAt(0).toUpperCase()}${member.slice(1)}` : member,
          isName ? 'must not be null' : 'Member must not be null',
        )
        const { [member]: _, ...without } = input
        await registry.aws.refused(name, without, 'InvalidParameterException', message)
        await registry.aws.refused(name, { ...input, [member]: null }, 'InvalidParameterException', message)
      }
    })

    test('ECR API 1.3: a member of another JSON type is refused before anybody asks who calls', async () => {
      for (const { member, shape } of membersOf(name)) {
        const [value, message] = wrongValues[shape.kind]
        await stranger.refused(name, { ...input, [member]: value }, 'SerializationException', message)
      }
    })

    if (!withoutRepository.includes(name)) {
      test('ECR API 1.4: a repository that is not there, whatever else the request has that nobody knows', () =>
        registry.aws.refused(
          name,
          { ...input, aMemberOfTomorrow: { a: [1] } },
          'RepositoryNotFoundException',
          `The repository with name 'missing' does not exist in the registry with id '${account}'`,
        ))
    }
  })
}

test('IAM 1.7: a list of all is asked for as all', () =>
  stranger.refused(
    'DescribeRepositories',
    {},
    'AccessDeniedException',
    `User: arn:aws:iam::${account}:user/stranger is not authorized to perform: ecr:DescribeRepositories on resource: ${repositoryArn('*')} because no identity-based policy allows the ecr:DescribeRepositories action`,
  ))

test('ECR API 2.3: a registry in another region is another registry', async () => {
  await registry.aws.ok('CreateRepository', { repositoryName: 'tagged' })
  const abroad = registry.awsAs(registry.credentials, 'eu-central-1')
  await abroad.refused(
    'DescribeRepositories',
    { repositoryNames: ['tagged'] },
    'RepositoryNotFoundException',
    `The repository with name 'tagged' does not exist in the registry with id '${account}'`,
  )
  await abroad.refused(
    'ListTagsForResource',
    { resourceArn: repositoryArn('tagged') },
    'InvalidParameterException',
    invalidParameter('resourceArn', 'Invalid ARN'),
  )
})

test('whatever fits the shapes, or hardly does, is answered, and never by a server error', async () => {
  const { below, pick } = seededRandom(20261114)
  await registry.aws.ok('CreateRepository', { repositoryName: 'fuzz' })
  const { text: imageManifest } = fixedImage('fuzz')
  const texts = [
    ...[
      '',
      'a',
      'fuzz',
      'v1',
      '*',
      '..',
      '%',
      '\0',
      '\ud800',
      '𝄞'.repeat(100),
      '__proto__',
      "'; DROP TABLE images; --",
    ],
    ...[
      'x'.repeat(129),
      'x'.repeat(301),
      'x'.repeat(5000),
      account,
      uploadId,
      digest,
      'sha256:ab',
      'md5:AB',
      imageManifest,
    ],
    ...[
      '{}',
      '[]',
      '{"schemaVersion":2}',
      'application/vnd.oci.image.index.v1+json',
      'text/plain',
      repositoryArn('fuzz'),
    ],
  ]
  const numbers = [0, 1, 50, 51, 1000, 1001, -1, 2 ** 31 - 1, 2 ** 31, Number.MAX_SAFE_INTEGER]
  const made = (shape: Shape): unknown => {
    if (below(40) === 0) return pick<unknown>([null, 1.5, 1e308, true, [], {}, [[]], 'x'])
    switch (shape.kind) {
      case 'string':
        return shape.values && below(3) > 0 ? pick(shape.values) : pick(texts)
      case 'boolean':
        return pick([true, false])
      case 'blob':
        return pick(['', 'QQ==', 'QUJD', 'Q'])
      case 'list':
        return Array.from({ length: pick([0, 1, 2, 5, 101]) }, () => made(shape.element))
      case 'structure':
        return Object.fromEntries(
          Object.entries(shape.members)
            .filter(([, member]) => below(10) < (member.kind === 'required' ? 9 : 4))
            .map(([name, member]) => [name, made(member.kind === 'required' ? member.shape : member)]),
        )
      case 'map':
        return {}
      default:
        return pick(numbers)
    }
  }
  const names = [...operations.keys()]
  for (let n = 0; n < 600; n++) {
    const name = pick(names)
    const input = made(shapeOf(name))
    const isObject = typeof input === 'object' && input !== null && 'repositoryName' in input
    const sent = isObject && below(10) < 8 ? { ...input, repositoryName: 'fuzz', registryId: account } : input
    const answer = await registry.aws.call(name, sent)
    assert.ok(answer.status === 200 || answer.status === 400, `${name} ${JSON.stringify(sent)}: ${answer.text}`)
    JSON.parse(answer.text)
  }
})
