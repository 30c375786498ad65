// Operations that give temporary credentials.

import { type Infer, integer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import { AccessKeyId, Arn } from './names.ts'

export const RoleSessionName = string({ min: 2, max: 64, pattern: '[\\w+=,.@-]*' })

export const PolicyDescriptorType = structure({
  arn: Arn,
})
export type PolicyDescriptorType = Infer<typeof PolicyDescriptorType>

export const PolicyDescriptorList = list(PolicyDescriptorType)

/** The model has no limit, as it is the packed size that counts. This one is that of the longest document of IAM. */
export const UnrestrictedSessionPolicyDocument = string({
  min: 1,
  max: 131_072,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+',
})

export const RoleDurationSeconds = integer({ min: 900, max: 43_200 })

export const TagKey = string({ min: 1, max: 128, pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+' })

export const TagValue = string({ min: 0, max: 256, pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*' })

export const Tag = structure({
  Key: required(TagKey),
  Value: required(TagValue),
})
export type Tag = Infer<typeof Tag>

export const TagList = list(Tag, { max: 50 })

export const TagKeyList = list(TagKey, { max: 50 })

export const ExternalId = string({ min: 2, max: 1224, pattern: '[\\w+=,.@:\\/-]*' })

export const SerialNumber = string({ min: 9, max: 256, pattern: '[\\w+=/:,.@-]*' })

export const TokenCode = string({ min: 6, max: 6, pattern: '[\\d]*' })

export const SourceIdentity = string({ min: 2, max: 256, pattern: '[\\w+=,.@-]*' })

export const ContextAssertion = string({ min: 4, max: 3072 })

export const ProvidedContext = structure({
  ProviderArn: Arn,
  ContextAssertion,
})
export type ProvidedContext = Infer<typeof ProvidedContext>

export const MinimumSessionTokenSize = integer({ min: 0, max: 4096 })

export const AssumeRoleRequest = structure({
  RoleArn: required(Arn),
  RoleSessionName: required(RoleSessionName),
  PolicyArns: PolicyDescriptorList,
  Policy: UnrestrictedSessionPolicyDocument,
  DurationSeconds: RoleDurationSeconds,
  Tags: TagList,
  TransitiveTagKeys: TagKeyList,
  ExternalId,
  SerialNumber,
  TokenCode,
  SourceIdentity,
  ProvidedContexts: list(ProvidedContext, { min: 1, max: 5 }),
  MinimumSessionTokenSize,
})
export type AssumeRoleRequest = Infer<typeof AssumeRoleRequest>

export const AccessKeySecret = string({ isSecret: true })

export const Credentials = structure({
  AccessKeyId: required(AccessKeyId),
  SecretAccessKey: required(AccessKeySecret),
  SessionToken: required(string()),
  Expiration: required(timestamp()),
})
export type Credentials = Infer<typeof Credentials>

export const AssumedRoleId = string({ min: 2, max: 193, pattern: '[\\w+=,.@:-]*' })

export const AssumedRoleUser = structure({
  AssumedRoleId: required(AssumedRoleId),
  Arn: required(Arn),
})
export type AssumedRoleUser = Infer<typeof AssumedRoleUser>

export const NonNegativeInteger = integer({ min: 0 })

export const SessionTokenUtilization = integer({ min: 0 })

export const SessionTokenSize = integer({ min: 0 })

export const AssumeRoleResponse = structure({
  Credentials,
  AssumedRoleUser,
  PackedPolicySize: NonNegativeInteger,
  SourceIdentity,
  SessionTokenUtilization,
  SessionTokenSize,
})
export type AssumeRoleResponse = Infer<typeof AssumeRoleResponse>

export const ClientToken = string({ min: 4, max: 20_000, isSecret: true })

export const Url = string({ min: 4, max: 2048 })

export const SessionPolicyDocument = string({ min: 1, max: 2048, pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+' })

export const AssumeRoleWithWebIdentityRequest = structure({
  RoleArn: required(Arn),
  RoleSessionName: required(RoleSessionName),
  WebIdentityToken: required(ClientToken),
  ProviderId: Url,
  PolicyArns: PolicyDescriptorList,
  Policy: SessionPolicyDocument,
  DurationSeconds: RoleDurationSeconds,
  MinimumSessionTokenSize,
})
export type AssumeRoleWithWebIdentityRequest = Infer<typeof AssumeRoleWithWebIdentityRequest>

export const WebIdentitySubject = string({ min: 6, max: 255 })

export const AssumeRoleWithWebIdentityResponse = structure({
  Credentials,
  SubjectFromWebIdentityToken: WebIdentitySubject,
  AssumedRoleUser,
  PackedPolicySize: NonNegativeInteger,
  Provider: string(),
  Audience: string(),
  SourceIdentity,
  SessionTokenUtilization,
  SessionTokenSize,
})
export type AssumeRoleWithWebIdentityResponse = Infer<typeof AssumeRoleWithWebIdentityResponse>

export const DurationSeconds = integer({ min: 900, max: 129_600 })

export const GetSessionTokenRequest = structure({
  DurationSeconds,
  SerialNumber,
  TokenCode,
  MinimumSessionTokenSize,
})
export type GetSessionTokenRequest = Infer<typeof GetSessionTokenRequest>

export const GetSessionTokenResponse = structure({
  Credentials,
  SessionTokenUtilization,
  SessionTokenSize,
})
export type GetSessionTokenResponse = Infer<typeof GetSessionTokenResponse>

export const UserName = string({ min: 2, max: 32, pattern: '[\\w+=,.@-]*' })

export const GetFederationTokenRequest = structure({
  Name: required(UserName),
  Policy: SessionPolicyDocument,
  PolicyArns: PolicyDescriptorList,
  DurationSeconds,
  Tags: TagList,
  MinimumSessionTokenSize,
})
export type GetFederationTokenRequest = Infer<typeof GetFederationTokenRequest>

export const FederatedId = string({ min: 2, max: 193, pattern: '[\\w+=,.@\\:-]*' })

export const FederatedUser = structure({
  FederatedUserId: required(FederatedId),
  Arn: required(Arn),
})
export type FederatedUser = Infer<typeof FederatedUser>

export const GetFederationTokenResponse = structure({
  Credentials,
  FederatedUser,
  PackedPolicySize: NonNegativeInteger,
  SessionTokenUtilization,
  SessionTokenSize,
})
export type GetFederationTokenResponse = Infer<typeof GetFederationTokenResponse>
