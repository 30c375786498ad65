// A user's credentials other than access keys. Berth has none of them; clients ask before they delete a user.

import {
  blob,
  boolean,
  enumeration,
  type Infer,
  list,
  required,
  string,
  structure,
  timestamp,
} from '../shapes/shape.ts'
import { ExistingUserName, Marker, MaxItems, Status, TagList, UserName } from './names.ts'
import { User } from './users.ts'

export const GetLoginProfileRequest = structure({
  UserName,
})
export type GetLoginProfileRequest = Infer<typeof GetLoginProfileRequest>

export const LoginProfile = structure({
  UserName: required(UserName),
  CreateDate: required(timestamp()),
  PasswordResetRequired: boolean(),
})
export type LoginProfile = Infer<typeof LoginProfile>

export const GetLoginProfileResponse = structure({
  LoginProfile: required(LoginProfile),
})
export type GetLoginProfileResponse = Infer<typeof GetLoginProfileResponse>

export const DeleteLoginProfileRequest = structure({
  UserName,
})
export type DeleteLoginProfileRequest = Infer<typeof DeleteLoginProfileRequest>

export const DeleteLoginProfileResponse = structure({})
export type DeleteLoginProfileResponse = Infer<typeof DeleteLoginProfileResponse>

export const ListSSHPublicKeysRequest = structure({
  UserName,
  Marker,
  MaxItems,
})
export type ListSSHPublicKeysRequest = Infer<typeof ListSSHPublicKeysRequest>

export const PublicKeyId = string({ min: 20, max: 128, pattern: '[\\w]+' })

export const SSHPublicKeyMetadata = structure({
  UserName: required(UserName),
  SSHPublicKeyId: required(PublicKeyId),
  Status: required(Status),
  UploadDate: required(timestamp()),
})
export type SSHPublicKeyMetadata = Infer<typeof SSHPublicKeyMetadata>

export const ListSSHPublicKeysResponse = structure({
  SSHPublicKeys: list(SSHPublicKeyMetadata),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListSSHPublicKeysResponse = Infer<typeof ListSSHPublicKeysResponse>

export const ListSigningCertificatesRequest = structure({
  UserName: ExistingUserName,
  Marker,
  MaxItems,
})
export type ListSigningCertificatesRequest = Infer<typeof ListSigningCertificatesRequest>

export const CertificateId = string({ min: 24, max: 128, pattern: '[\\w]+' })

export const CertificateBody = string({ min: 1, max: 16_384, pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+' })

export const SigningCertificate = structure({
  UserName: required(UserName),
  CertificateId: required(CertificateId),
  CertificateBody: required(CertificateBody),
  Status: required(Status),
  UploadDate: timestamp(),
})
export type SigningCertificate = Infer<typeof SigningCertificate>

export const ListSigningCertificatesResponse = structure({
  Certificates: required(list(SigningCertificate)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListSigningCertificatesResponse = Infer<typeof ListSigningCertificatesResponse>

export const ListServiceSpecificCredentialsRequest = structure({
  UserName,
  ServiceName: string(),
  AllUsers: boolean(),
  Marker,
  MaxItems,
})
export type ListServiceSpecificCredentialsRequest = Infer<typeof ListServiceSpecificCredentialsRequest>

export const ServiceUserName = string({ min: 0, max: 200, pattern: '[\\w+=,.@-]*' })

export const ServiceCredentialAlias = string({ min: 0, max: 200, pattern: '[\\w+=,.@-]+' })

export const ServiceSpecificCredentialId = string({ min: 20, max: 128, pattern: '[\\w]+' })

export const ServiceSpecificCredentialMetadata = structure({
  UserName: required(UserName),
  Status: required(Status),
  ServiceUserName,
  ServiceCredentialAlias,
  CreateDate: required(timestamp()),
  ExpirationDate: timestamp(),
  ServiceSpecificCredentialId: required(ServiceSpecificCredentialId),
  ServiceName: required(string()),
})
export type ServiceSpecificCredentialMetadata = Infer<typeof ServiceSpecificCredentialMetadata>

export const ListServiceSpecificCredentialsResponse = structure({
  ServiceSpecificCredentials: list(ServiceSpecificCredentialMetadata),
  Marker: string(),
  IsTruncated: boolean(),
})
export type ListServiceSpecificCredentialsResponse = Infer<typeof ListServiceSpecificCredentialsResponse>

export const ListMFADevicesRequest = structure({
  UserName: ExistingUserName,
  Marker,
  MaxItems,
})
export type ListMFADevicesRequest = Infer<typeof ListMFADevicesRequest>

export const SerialNumber = string({ min: 9, max: 256, pattern: '[\\w+=/:,.@-]+' })

export const MFADevice = structure({
  UserName: required(UserName),
  SerialNumber: required(SerialNumber),
  EnableDate: required(timestamp()),
})
export type MFADevice = Infer<typeof MFADevice>

export const ListMFADevicesResponse = structure({
  MFADevices: required(list(MFADevice)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListMFADevicesResponse = Infer<typeof ListMFADevicesResponse>

export const AssignmentStatus = enumeration('Assigned', 'Unassigned', 'Any')
export type AssignmentStatus = Infer<typeof AssignmentStatus>

export const ListVirtualMFADevicesRequest = structure({
  AssignmentStatus,
  Marker,
  MaxItems,
})
export type ListVirtualMFADevicesRequest = Infer<typeof ListVirtualMFADevicesRequest>

export const VirtualMFADevice = structure({
  SerialNumber: required(SerialNumber),
  Base32StringSeed: blob(),
  QRCodePNG: blob(),
  User,
  EnableDate: timestamp(),
  Tags: TagList,
})
export type VirtualMFADevice = Infer<typeof VirtualMFADevice>

export const ListVirtualMFADevicesResponse = structure({
  VirtualMFADevices: required(list(VirtualMFADevice)),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListVirtualMFADevicesResponse = Infer<typeof ListVirtualMFADevicesResponse>
