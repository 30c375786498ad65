// The named types that several resources share, as the IAM API model (2010-05-08) has them.

import { enumeration, type Infer, integer, list, required, string, structure } from '../shapes/shape.ts'

export const PolicyName = string({ min: 1, max: 128, pattern: '[\\w+=,.@-]+' })

export const PolicyPath = string({ min: 1, max: 512, pattern: '((/[A-Za-z0-9\\.,\\+@=_-]+)*)/' })

export const PolicyDocument = string({ min: 1, max: 131_072, pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+' })

export const PolicyDescription = string({ max: 1000 })

export const TagKey = string({ min: 1, max: 128, pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+' })

export const TagValue = string({ min: 0, max: 256, pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*' })

export const Tag = structure({
  Key: required(TagKey),
  Value: required(TagValue),
})
export type Tag = Infer<typeof Tag>

export const TagList = list(Tag, { max: 50 })

export const EntityId = string({ min: 16, max: 128, pattern: '[\\w]+' })

export const Arn = string({ min: 20, max: 2048 })

export const PolicyVersionId = string({ pattern: 'v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?' })

export const Marker = string({ min: 1, max: 320, pattern: '[\\u0020-\\u00FF]+' })

export const MaxItems = integer({ min: 1, max: 1000 })

export const EntityType = enumeration('User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy')
export type EntityType = Infer<typeof EntityType>

export const Path = string({ min: 1, max: 512, pattern: '(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)' })

export const GroupName = string({ min: 1, max: 128, pattern: '[\\w+=,.@-]+' })

export const UserName = string({ min: 1, max: 64, pattern: '[\\w+=,.@-]+' })

export const RoleName = string({ min: 1, max: 64, pattern: '[\\w+=,.@-]+' })

export const TagKeyList = list(TagKey, { max: 50 })

export const ExistingUserName = string({ min: 1, max: 128, pattern: '[\\w+=,.@-]+' })

export const Status = enumeration('Active', 'Inactive', 'Expired')
export type Status = Infer<typeof Status>

export const PermissionsBoundaryAttachment = enumeration('PermissionsBoundaryPolicy')
export type PermissionsBoundaryAttachment = Infer<typeof PermissionsBoundaryAttachment>

export const AttachedPermissionsBoundary = structure({
  PermissionsBoundaryType: PermissionsBoundaryAttachment,
  PermissionsBoundaryArn: Arn,
})
export type AttachedPermissionsBoundary = Infer<typeof AttachedPermissionsBoundary>

export const PathPrefix = string({ min: 1, max: 512, pattern: '\\u002F[\\u0021-\\u007F]*' })

export const AttachedPolicy = structure({
  PolicyName,
  PolicyArn: Arn,
})
export type AttachedPolicy = Infer<typeof AttachedPolicy>

export const RoleDescription = string({ max: 1000, pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*' })

export const RoleMaxSessionDuration = integer({ min: 3600, max: 43_200 })

export const SourceRoleTemplate = structure({
  TemplateArn: required(Arn),
  TemplateMinorVersion: required(integer()),
})
export type SourceRoleTemplate = Infer<typeof SourceRoleTemplate>

export const InstanceProfileName = string({ min: 1, max: 128, pattern: '[\\w+=,.@-]+' })
