import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from '../shapes/decode.ts'
import type { StructureShape } from '../shapes/shape.ts'
import { firstViolation, validate } from '../shapes/violations.ts'
import { GetAuthorizationTokenRequest } from './authorization.ts'
import { ecrErrorStatus, invalidParameterMessage, privateErrorNames, publicErrorNames } from './errors.ts'
import {
  BatchDeleteImageRequest,
  BatchGetImageRequest,
  DescribeImagesRequest,
  ListImageReferrersRequest,
  ListImagesRequest,
  PutImageRequest,
} from './images.ts'
import {
  BatchCheckLayerAvailabilityRequest,
  CompleteLayerUploadRequest,
  GetDownloadUrlForLayerRequest,
  UploadLayerPartRequest,
} from './layers.ts'
import {
  isPrivateOperationName,
  isPublicOperationName,
  privateOperationNames,
  publicOperationNames,
} from './operation-names.ts'
import { PutRegistryPolicyRequest, SetRepositoryPolicyRequest } from './policies.ts'
import { DescribeRegistryRequest, GetAccountSettingRequest, PutAccountSettingRequest } from './registry.ts'
import {
  CreateRepositoryRequest,
  DeleteRepositoryRequest,
  DescribeRepositoriesRequest,
  PutImageTagMutabilityRequest,
} from './repositories.ts'
import { ListTagsForResourceRequest, TagResourceRequest, UntagResourceRequest } from './tags.ts'

const repositoryName = 'team/app'
const uploadId = '6f1c5a0e-7a1b-4d1e-9f0a-0123456789ab'

function message(shape: StructureShape, json: unknown): string | undefined {
  const violation = firstViolation(shape, decode(shape, json))
  return violation && invalidParameterMessage(violation)
}

describe('a violation is told as ECR tells it (ECR InvalidParameterException)', () => {
  const expression = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*'
  const uuid = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}'
  const mutabilities = '[IMMUTABLE, MUTABLE, MUTABLE_WITH_EXCLUSION, IMMUTABLE_WITH_EXCLUSION]'
  const hundredAndOne = Array.from({ length: 101 }, (_, n) => ({ imageTag: `v${n}` }))
  const part = { repositoryName, uploadId, partFirstByte: 0, partLastByte: 2, layerPartBlob: 'QUJD' }
  const digest = `sha256:${'a'.repeat(64)}`

  const cases: [StructureShape, unknown, string, string][] = [
    [CreateRepositoryRequest, {}, 'repositoryName', 'must not be null'],
    [CreateRepositoryRequest, { repositoryName: 'a' }, 'repositoryName', 'must have length greater than or equal to 2'],
    [
      CreateRepositoryRequest,
      { repositoryName: 'a'.repeat(257) },
      'repositoryName',
      'must have length less than or equal to 256',
    ],
    [
      CreateRepositoryRequest,
      { repositoryName: 'Team/App' },
      'repositoryName',
      `must satisfy regular expression '${expression}'`,
    ],
    [
      CreateRepositoryRequest,
      { repositoryName: 'a//b' },
      'repositoryName',
      `must satisfy regular expression '${expression}'`,
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, registryId: 'x' },
      'registryId',
      'Member must satisfy regular expression pattern: [0-9]{12}',
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, imageTagMutability: 'mutable' },
      'imageTagMutability',
      `Member must satisfy enum value set: ${mutabilities}`,
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, tags: [{ Key: 'a', Value: '' }, { Value: '' }] },
      'tags.2.member.key',
      'Member must not be null',
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, tags: [{ Key: 'a', Value: null }] },
      'tags.1.member.value',
      'Member must not be null',
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, imageTagMutabilityExclusionFilters: [] },
      'imageTagMutabilityExclusionFilters',
      'Member must have length greater than or equal to 1',
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'v+' }] },
      'imageTagMutabilityExclusionFilters.1.member.filter',
      'Member must satisfy regular expression pattern: ^[0-9a-zA-Z._*-]{1,128}$',
    ],
    [
      CreateRepositoryRequest,
      { repositoryName, encryptionConfiguration: {} },
      'encryptionConfiguration.encryptionType',
      'Member must not be null',
    ],
    [DeleteRepositoryRequest, { force: true }, 'repositoryName', 'must not be null'],
    [
      DescribeRepositoriesRequest,
      { repositoryNames: ['ok', 'NO'] },
      'repositoryNames.2.member',
      `must satisfy regular expression '${expression}'`,
    ],
    [
      DescribeRepositoriesRequest,
      { repositoryNames: [] },
      'repositoryNames',
      'Member must have length greater than or equal to 1',
    ],
    [
      DescribeRepositoriesRequest,
      { maxResults: 1001 },
      'maxResults',
      'Member must have value less than or equal to 1000',
    ],
    [DescribeRepositoriesRequest, { maxResults: 0 }, 'maxResults', 'Member must have value greater than or equal to 1'],
    [PutImageTagMutabilityRequest, { repositoryName }, 'imageTagMutability', 'Member must not be null'],
    [BatchGetImageRequest, { repositoryName }, 'imageIds', 'Member must not be null'],
    [
      BatchGetImageRequest,
      { repositoryName, imageIds: hundredAndOne },
      'imageIds',
      'Member must have length less than or equal to 100',
    ],
    [
      BatchGetImageRequest,
      { repositoryName, imageIds: [{}], acceptedMediaTypes: [] },
      'acceptedMediaTypes',
      'Member must have length greater than or equal to 1',
    ],
    [
      BatchDeleteImageRequest,
      { repositoryName, imageIds: [{ imageTag: '' }] },
      'imageIds.1.member.imageTag',
      'Member must have length greater than or equal to 1',
    ],
    [
      BatchDeleteImageRequest,
      { repositoryName, imageIds: [{ imageTag: 'x'.repeat(301) }] },
      'imageIds.1.member.imageTag',
      'Member must have length less than or equal to 300',
    ],
    [PutImageRequest, { repositoryName }, 'ImageManifest', 'Member must not be null'],
    [
      PutImageRequest,
      { repositoryName, imageManifest: '' },
      'ImageManifest',
      'Member must have length greater than or equal to 1',
    ],
    [
      PutImageRequest,
      { repositoryName, imageManifest: 'x'.repeat(4_194_305) },
      'ImageManifest',
      'Member must have length less than or equal to 4194304',
    ],
    [
      DescribeImagesRequest,
      { repositoryName, filter: { tagStatus: 'X' } },
      'filter.tagStatus',
      'Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]',
    ],
    [
      ListImagesRequest,
      { repositoryName, filter: { imageStatus: 'X' } },
      'filter.imageStatus',
      'Member must satisfy enum value set: [ACTIVE, ARCHIVED, ACTIVATING, ANY]',
    ],
    [ListImageReferrersRequest, { repositoryName, subjectId: {} }, 'subjectId.imageDigest', 'Member must not be null'],
    [
      ListImageReferrersRequest,
      { repositoryName, subjectId: { imageDigest: digest }, maxResults: 51 },
      'maxResults',
      'Member must have value less than or equal to 50',
    ],
    [
      ListImageReferrersRequest,
      { repositoryName, subjectId: { imageDigest: digest }, filter: { artifactTypes: ['a', 'b', 'c', 'd', 'e', 'f'] } },
      'filter.artifactTypes',
      'Member must have length less than or equal to 5',
    ],
    [
      BatchCheckLayerAvailabilityRequest,
      { repositoryName, layerDigests: [] },
      'layerDigests',
      'Member must have length greater than or equal to 1',
    ],
    [
      BatchCheckLayerAvailabilityRequest,
      { repositoryName, layerDigests: ['x'.repeat(1001)] },
      'layerDigests.1.member',
      'Member must have length less than or equal to 1000',
    ],
    [
      UploadLayerPartRequest,
      { ...part, uploadId: 'x' },
      'uploadId',
      `Member must satisfy regular expression pattern: ${uuid}`,
    ],
    [
      UploadLayerPartRequest,
      { ...part, partFirstByte: -1 },
      'partFirstByte',
      'Member must have value greater than or equal to 0',
    ],
    [UploadLayerPartRequest, { ...part, layerPartBlob: null }, 'layerPartBlob', 'Member must not be null'],
    [
      UploadLayerPartRequest,
      { ...part, layerPartBlob: 'A'.repeat(27_962_032) },
      'layerPartBlob',
      'Member must have length less than or equal to 20971520',
    ],
    [
      CompleteLayerUploadRequest,
      { repositoryName, uploadId, layerDigests: ['x'] },
      'layerDigests.1.member',
      'Member must satisfy regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+',
    ],
    [
      GetDownloadUrlForLayerRequest,
      { repositoryName, layerDigest: 'sha256:xyz' },
      'layerDigest',
      'Member must satisfy regular expression pattern: [a-zA-Z0-9-_+.]+:[a-fA-F0-9]+',
    ],
    [SetRepositoryPolicyRequest, { policyText: '{}' }, 'repositoryName', 'must not be null'],
    [SetRepositoryPolicyRequest, { repositoryName }, 'PolicyText', 'Member must not be null'],
    [
      SetRepositoryPolicyRequest,
      { repositoryName, policyText: 'x'.repeat(10_241) },
      'PolicyText',
      'Member must have length less than or equal to 10240',
    ],
    [PutRegistryPolicyRequest, {}, 'PolicyText', 'Member must not be null'],
    [TagResourceRequest, { tags: [] }, 'resourceArn', 'Member must not be null'],
    [UntagResourceRequest, { resourceArn: 'arn', tagKeys: ['a', null] }, 'tagKeys.2.member', 'Member must not be null'],
    [ListTagsForResourceRequest, { resourceArn: null }, 'resourceArn', 'Member must not be null'],
    [GetAccountSettingRequest, { name: '' }, 'name', 'Member must have length greater than or equal to 1'],
    [PutAccountSettingRequest, { name: 'BLOB_MOUNTING' }, 'value', 'Member must not be null'],
    [
      GetAuthorizationTokenRequest,
      { registryIds: ['123456789012', '1'] },
      'registryIds.2.member',
      'Member must satisfy regular expression pattern: [0-9]{12}',
    ],
    [
      GetAuthorizationTokenRequest,
      { registryIds: Array.from({ length: 11 }, () => '123456789012') },
      'registryIds',
      'Member must have length less than or equal to 10',
    ],
  ]
  for (const [n, [shape, json, member, constraint]] of cases.entries()) {
    test(`${n + 1}: ${member}: ${constraint.slice(0, 60)}`, () => {
      assert.equal(
        message(shape, json),
        `Invalid parameter at '${member}' failed to satisfy constraint: '${constraint}'`,
      )
    })
  }
})

describe('what the model allows', () => {
  const cases: [string, StructureShape, unknown][] = [
    ['every separator', CreateRepositoryRequest, { repositoryName: 'a.b_c__d-e---f/g0' }],
    [
      'tags without constraints of their own',
      CreateRepositoryRequest,
      { repositoryName, tags: [{ Key: '', Value: '' }] },
    ],
    ['scanOnPush left out', CreateRepositoryRequest, { repositoryName, imageScanningConfiguration: {} }],
    ['image ids that name nothing', BatchDeleteImageRequest, { repositoryName, imageIds: [{}, { imageDigest: 'x' }] }],
    ['digests that are none', BatchCheckLayerAvailabilityRequest, { repositoryName, layerDigests: ['', 'x'] }],
    ['any digest algorithm', GetDownloadUrlForLayerRequest, { repositoryName, layerDigest: 'blake3+x:AF' }],
    ['an empty policy', SetRepositoryPolicyRequest, { repositoryName, policyText: '', force: true }],
    ['the longest policy', PutRegistryPolicyRequest, { policyText: 'x'.repeat(10_240) }],
    ['no input', DescribeRegistryRequest, { unknown: 1 }],
    ['no registries', GetAuthorizationTokenRequest, {}],
    [
      'the largest part',
      UploadLayerPartRequest,
      {
        repositoryName,
        uploadId,
        partFirstByte: 0,
        partLastByte: 20_971_519,
        layerPartBlob: `${'A'.repeat(27_962_027)}=`,
      },
    ],
  ]
  for (const [name, shape, json] of cases) test(name, () => assert.equal(message(shape, json), undefined))

  test('what is valid has the type of the shape', () => {
    const { value } = validate(PutImageRequest, decode(PutImageRequest, { repositoryName, imageManifest: '{}' }))
    const manifest: string | undefined = value?.imageManifest
    assert.equal(manifest, '{}')
  })
})

test('62 private and 23 public operations, each once', () => {
  assert.equal(new Set(privateOperationNames).size, 62)
  assert.equal(new Set(publicOperationNames).size, 23)
  assert.equal(privateOperationNames.length + publicOperationNames.length, 85)
  assert.ok(
    isPrivateOperationName('PutImage') && !isPrivateOperationName('putImage') && !isPrivateOperationName('toString'),
  )
  assert.ok(isPublicOperationName('DescribeImageTags') && !isPublicOperationName('ListImages'))
})

test('every error is a 400, but for ServerException', () => {
  assert.equal(privateErrorNames.length, 50)
  assert.equal(publicErrorNames.length, 24)
  for (const name of [...privateErrorNames, ...publicErrorNames]) {
    assert.equal(ecrErrorStatus(name), name === 'ServerException' ? 500 : 400)
  }
})
