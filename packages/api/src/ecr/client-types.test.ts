// Compared by the compiler: our shapes with the types that Amazon publishes for its clients. A member that one side lacks, a
// value that an enumeration gained, or a member that became required is a compile error here.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type * as sdk from '@aws-sdk/client-ecr'
import type { LiftedString } from '../json/strict-json.ts'
import type { Base64Text } from '../shapes/base64.ts'
import type * as authorization from './authorization.ts'
import type { PrivateErrorName } from './errors.ts'
import type * as images from './images.ts'
import type * as layers from './layers.ts'
import type { PrivateOperationName } from './operation-names.ts'
import type * as policies from './policies.ts'
import type * as registry from './registry.ts'
import type * as repositories from './repositories.ts'
import type * as tags from './tags.ts'

/**
 * Both sides in one notation. Amazon's client allows `undefined` for every member and has `Date` and `Uint8Array` for what
 * travels as a number and as base64; ours are readonly.
 */
type Wire<T> = T extends Date
  ? number
  : T extends Uint8Array
    ? Base64Text
    : T extends LiftedString
      ? LiftedString
      : T extends readonly (infer E)[]
        ? Wire<E>[]
        : T extends object
          ? { -readonly [K in keyof T]: Wire<Exclude<T[K], undefined>> }
          : T

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function equal<_Name extends string, Ours, Theirs>(_: Equal<Wire<Ours>, Wire<Theirs>>): void {}

/** `CreateRepository` of `typeof sdk.CreateRepositoryCommand`, and so on. */
type NameOf<Export, Suffix extends string> = Export extends `${infer Name}${Suffix}` ? Name : never

test('operations and errors are those of the published client', () => {
  equal<'operations', PrivateOperationName, Exclude<NameOf<keyof typeof sdk, 'Command'>, '$'>>(true)
  equal<'errors', PrivateErrorName, Exclude<Extract<keyof typeof sdk, `${string}Exception`>, 'ECRServiceException'>>(
    true,
  )
})

test('shapes are those of the published client', () => {
  equal<'CreateRepositoryRequest', repositories.CreateRepositoryRequest, sdk.CreateRepositoryRequest>(true)
  equal<'CreateRepositoryResponse', repositories.CreateRepositoryResponse, sdk.CreateRepositoryResponse>(true)
  equal<'DescribeRepositoriesRequest', repositories.DescribeRepositoriesRequest, sdk.DescribeRepositoriesRequest>(true)
  equal<'DescribeRepositoriesResponse', repositories.DescribeRepositoriesResponse, sdk.DescribeRepositoriesResponse>(
    true,
  )
  equal<'DeleteRepositoryRequest', repositories.DeleteRepositoryRequest, sdk.DeleteRepositoryRequest>(true)
  equal<'DeleteRepositoryResponse', repositories.DeleteRepositoryResponse, sdk.DeleteRepositoryResponse>(true)
  equal<'PutImageTagMutabilityRequest', repositories.PutImageTagMutabilityRequest, sdk.PutImageTagMutabilityRequest>(
    true,
  )
  equal<'PutImageTagMutabilityResponse', repositories.PutImageTagMutabilityResponse, sdk.PutImageTagMutabilityResponse>(
    true,
  )
  equal<
    'PutImageScanningConfigurationRequest',
    repositories.PutImageScanningConfigurationRequest,
    sdk.PutImageScanningConfigurationRequest
  >(true)
  equal<
    'PutImageScanningConfigurationResponse',
    repositories.PutImageScanningConfigurationResponse,
    sdk.PutImageScanningConfigurationResponse
  >(true)
  equal<'PutImageRequest', images.PutImageRequest, sdk.PutImageRequest>(true)
  equal<'PutImageResponse', images.PutImageResponse, sdk.PutImageResponse>(true)
  equal<'BatchGetImageRequest', images.BatchGetImageRequest, sdk.BatchGetImageRequest>(true)
  equal<'BatchGetImageResponse', images.BatchGetImageResponse, sdk.BatchGetImageResponse>(true)
  equal<'BatchDeleteImageRequest', images.BatchDeleteImageRequest, sdk.BatchDeleteImageRequest>(true)
  equal<'BatchDeleteImageResponse', images.BatchDeleteImageResponse, sdk.BatchDeleteImageResponse>(true)
  equal<'DescribeImagesRequest', images.DescribeImagesRequest, sdk.DescribeImagesRequest>(true)
  equal<'DescribeImagesResponse', images.DescribeImagesResponse, sdk.DescribeImagesResponse>(true)
  equal<'ListImagesRequest', images.ListImagesRequest, sdk.ListImagesRequest>(true)
  equal<'ListImagesResponse', images.ListImagesResponse, sdk.ListImagesResponse>(true)
  equal<'ListImageReferrersRequest', images.ListImageReferrersRequest, sdk.ListImageReferrersRequest>(true)
  equal<'ListImageReferrersResponse', images.ListImageReferrersResponse, sdk.ListImageReferrersResponse>(true)
  equal<
    'BatchCheckLayerAvailabilityRequest',
    layers.BatchCheckLayerAvailabilityRequest,
    sdk.BatchCheckLayerAvailabilityRequest
  >(true)
  equal<
    'BatchCheckLayerAvailabilityResponse',
    layers.BatchCheckLayerAvailabilityResponse,
    sdk.BatchCheckLayerAvailabilityResponse
  >(true)
  equal<'InitiateLayerUploadRequest', layers.InitiateLayerUploadRequest, sdk.InitiateLayerUploadRequest>(true)
  equal<'InitiateLayerUploadResponse', layers.InitiateLayerUploadResponse, sdk.InitiateLayerUploadResponse>(true)
  equal<'UploadLayerPartRequest', layers.UploadLayerPartRequest, sdk.UploadLayerPartRequest>(true)
  equal<'UploadLayerPartResponse', layers.UploadLayerPartResponse, sdk.UploadLayerPartResponse>(true)
  equal<'CompleteLayerUploadRequest', layers.CompleteLayerUploadRequest, sdk.CompleteLayerUploadRequest>(true)
  equal<'CompleteLayerUploadResponse', layers.CompleteLayerUploadResponse, sdk.CompleteLayerUploadResponse>(true)
  equal<'GetDownloadUrlForLayerRequest', layers.GetDownloadUrlForLayerRequest, sdk.GetDownloadUrlForLayerRequest>(true)
  equal<'GetDownloadUrlForLayerResponse', layers.GetDownloadUrlForLayerResponse, sdk.GetDownloadUrlForLayerResponse>(
    true,
  )
  equal<'TagResourceRequest', tags.TagResourceRequest, sdk.TagResourceRequest>(true)
  equal<'TagResourceResponse', tags.TagResourceResponse, sdk.TagResourceResponse>(true)
  equal<'UntagResourceRequest', tags.UntagResourceRequest, sdk.UntagResourceRequest>(true)
  equal<'UntagResourceResponse', tags.UntagResourceResponse, sdk.UntagResourceResponse>(true)
  equal<'ListTagsForResourceRequest', tags.ListTagsForResourceRequest, sdk.ListTagsForResourceRequest>(true)
  equal<'ListTagsForResourceResponse', tags.ListTagsForResourceResponse, sdk.ListTagsForResourceResponse>(true)
  equal<'SetRepositoryPolicyRequest', policies.SetRepositoryPolicyRequest, sdk.SetRepositoryPolicyRequest>(true)
  equal<'SetRepositoryPolicyResponse', policies.SetRepositoryPolicyResponse, sdk.SetRepositoryPolicyResponse>(true)
  equal<'GetRepositoryPolicyRequest', policies.GetRepositoryPolicyRequest, sdk.GetRepositoryPolicyRequest>(true)
  equal<'GetRepositoryPolicyResponse', policies.GetRepositoryPolicyResponse, sdk.GetRepositoryPolicyResponse>(true)
  equal<'DeleteRepositoryPolicyRequest', policies.DeleteRepositoryPolicyRequest, sdk.DeleteRepositoryPolicyRequest>(
    true,
  )
  equal<'DeleteRepositoryPolicyResponse', policies.DeleteRepositoryPolicyResponse, sdk.DeleteRepositoryPolicyResponse>(
    true,
  )
  equal<'PutRegistryPolicyRequest', policies.PutRegistryPolicyRequest, sdk.PutRegistryPolicyRequest>(true)
  equal<'PutRegistryPolicyResponse', policies.PutRegistryPolicyResponse, sdk.PutRegistryPolicyResponse>(true)
  equal<'GetRegistryPolicyRequest', policies.GetRegistryPolicyRequest, sdk.GetRegistryPolicyRequest>(true)
  equal<'GetRegistryPolicyResponse', policies.GetRegistryPolicyResponse, sdk.GetRegistryPolicyResponse>(true)
  equal<'DeleteRegistryPolicyRequest', policies.DeleteRegistryPolicyRequest, sdk.DeleteRegistryPolicyRequest>(true)
  equal<'DeleteRegistryPolicyResponse', policies.DeleteRegistryPolicyResponse, sdk.DeleteRegistryPolicyResponse>(true)
  equal<'DescribeRegistryRequest', registry.DescribeRegistryRequest, sdk.DescribeRegistryRequest>(true)
  equal<'DescribeRegistryResponse', registry.DescribeRegistryResponse, sdk.DescribeRegistryResponse>(true)
  equal<'GetAccountSettingRequest', registry.GetAccountSettingRequest, sdk.GetAccountSettingRequest>(true)
  equal<'GetAccountSettingResponse', registry.GetAccountSettingResponse, sdk.GetAccountSettingResponse>(true)
  equal<'PutAccountSettingRequest', registry.PutAccountSettingRequest, sdk.PutAccountSettingRequest>(true)
  equal<'PutAccountSettingResponse', registry.PutAccountSettingResponse, sdk.PutAccountSettingResponse>(true)
  equal<'GetAuthorizationTokenRequest', authorization.GetAuthorizationTokenRequest, sdk.GetAuthorizationTokenRequest>(
    true,
  )
  equal<
    'GetAuthorizationTokenResponse',
    authorization.GetAuthorizationTokenResponse,
    sdk.GetAuthorizationTokenResponse
  >(true)

  // The comparison itself: it sees what is missing, what is required, and which values there are.
  equal<'itself', { a?: string }, { a?: string; b?: string }>(false)
  equal<'itself', { a: string }, { a?: string | undefined }>(false)
  equal<'itself', { a: { b?: 'X' }[] }, { a: { b?: 'X' | 'Y' }[] | undefined }>(false)
  equal<'itself', { a: readonly { b?: 'X' }[] }, { a: { b?: 'X' | undefined }[] | undefined }>(true)
  assert.ok(true)
})
