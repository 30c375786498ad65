// Access keys of users.

import { boolean, type Infer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import { ExistingUserName, Marker, MaxItems, Status, UserName } from './names.ts'

export const CreateAccessKeyRequest = structure({
  UserName: ExistingUserName,
})
export type CreateAccessKeyRequest = Infer<typeof CreateAccessKeyRequest>

export const AccessKeyId = string({ min: 16, max: 128, pattern: '[\\w]+' })

export const AccessKeySecret = string({ isSecret: true })

export const AccessKey = structure({
  UserName: required(UserName),
  AccessKeyId: required(AccessKeyId),
  Status: required(Status),
  SecretAccessKey: required(AccessKeySecret),
  CreateDate: timestamp(),
})
export type AccessKey = Infer<typeof AccessKey>

export const CreateAccessKeyResponse = structure({
  AccessKey: required(AccessKey),
})
export type CreateAccessKeyResponse = Infer<typeof CreateAccessKeyResponse>

export const ListAccessKeysRequest = structure({
  UserName: ExistingUserName,
  Marker,
  MaxItems,
})
export type ListAccessKeysRequest = Infer<typeof ListAccessKeysRequest>

export const AccessKeyMetadata = structure({
  UserName,
  AccessKeyId,
  Status,
  CreateDate: timestamp(),
})
export type AccessKeyMetadata = Infer<typeof AccessKeyMetadata>

export const ListAccessKeysResponse = structure({
  AccessKeyMetadata: required(list(AccessKeyMetadata)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListAccessKeysResponse = Infer<typeof ListAccessKeysResponse>

export const UpdateAccessKeyRequest = structure({
  UserName: ExistingUserName,
  AccessKeyId: required(AccessKeyId),
  Status: required(Status),
})
export type UpdateAccessKeyRequest = Infer<typeof UpdateAccessKeyRequest>

export const UpdateAccessKeyResponse = structure({})
export type UpdateAccessKeyResponse = Infer<typeof UpdateAccessKeyResponse>

export const DeleteAccessKeyRequest = structure({
  UserName: ExistingUserName,
  AccessKeyId: required(AccessKeyId),
})
export type DeleteAccessKeyRequest = Infer<typeof DeleteAccessKeyRequest>

export const DeleteAccessKeyResponse = structure({})
export type DeleteAccessKeyResponse = Infer<typeof DeleteAccessKeyResponse>

export const GetAccessKeyLastUsedRequest = structure({
  AccessKeyId: required(AccessKeyId),
})
export type GetAccessKeyLastUsedRequest = Infer<typeof GetAccessKeyLastUsedRequest>

export const AccessKeyLastUsed = structure({
  LastUsedDate: timestamp(),
  ServiceName: required(string()),
  Region: required(string()),
})
export type AccessKeyLastUsed = Infer<typeof AccessKeyLastUsed>

export const GetAccessKeyLastUsedResponse = structure({
  UserName: ExistingUserName,
  AccessKeyLastUsed,
})
export type GetAccessKeyLastUsedResponse = Infer<typeof GetAccessKeyLastUsedResponse>
