// Access keys of users and of the root user (IAM CreateAccessKey and its neighbours). Without a name it is the caller himself.

import {
  type AccessKey,
  CreateAccessKeyRequest,
  CreateAccessKeyResponse,
  DeleteAccessKeyRequest,
  DeleteAccessKeyResponse,
  GetAccessKeyLastUsedRequest,
  GetAccessKeyLastUsedResponse,
  ListAccessKeysRequest,
  ListAccessKeysResponse,
  UpdateAccessKeyRequest,
  UpdateAccessKeyResponse,
} from '@berth/api/iam/access-keys.ts'
import { awsValidationMessage } from '@berth/api/iam/validation-message.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { AccessKeySummary } from '../../domain/identities/access-keys.ts'
import { rootArn } from '../../domain/identities/arns.ts'
import { identityOperation } from '../identity-operation.ts'
import { nextMarker, openMarker, pageOf } from './pages.ts'
import { seconds } from './present.ts'
import { newArn, onUser, ownerOf } from './resources.ts'

/** A key of the root user has no user's name. */
function present(key: AccessKeySummary, owner: string | undefined) {
  return {
    ...(owner === undefined ? {} : { UserName: owner }),
    AccessKeyId: key.accessKeyId,
    Status: key.status,
    CreateDate: seconds(key.createdAt),
  }
}

const createAccessKey = identityOperation({
  service: 'iam',
  name: 'CreateAccessKey',
  input: CreateAccessKeyRequest,
  output: CreateAccessKeyResponse,
  naming: ['UserName'],
  permissions: onUser('CreateAccessKey'),
  async run({ UserName }, ctx, services) {
    const { id, name } = await ownerOf(UserName, ctx, services)
    const key = await services.accessKeys.create(ctx.registry.accountId, id)
    return { AccessKey: { ...present(key, name), SecretAccessKey: key.secretAccessKey } as AccessKey }
  },
})

const listAccessKeys = identityOperation({
  service: 'iam',
  name: 'ListAccessKeys',
  input: ListAccessKeysRequest,
  output: ListAccessKeysResponse,
  naming: ['UserName'],
  permissions: onUser('ListAccessKeys'),
  async run({ UserName, ...page }, ctx, services) {
    const { id, name } = await ownerOf(UserName, ctx, services)
    const list = `ListAccessKeys/${id}`
    const keys = await services.accessKeys.list(id)
    const { page: shown, next } = pageOf(keys, (key) => key.accessKeyId, openMarker(services, ctx, list, page))
    return { AccessKeyMetadata: shown.map((key) => present(key, name)), ...nextMarker(services, ctx, list, next) }
  },
})

const updateAccessKey = identityOperation({
  service: 'iam',
  name: 'UpdateAccessKey',
  input: UpdateAccessKeyRequest,
  output: UpdateAccessKeyResponse,
  naming: ['UserName'],
  permissions: onUser('UpdateAccessKey'),
  async run({ UserName, AccessKeyId, Status }, ctx, services) {
    // A state that keys come to, not one that they are put in.
    if (Status === 'Expired') {
      const constraint = 'Member must satisfy enum value set: [Active, Inactive]'
      throw new IdentityError('ValidationError', awsValidationMessage({ member: 'Status', constraint, value: Status }))
    }
    const { id } = await ownerOf(UserName, ctx, services)
    await services.accessKeys.setStatus(ctx.registry.accountId, id, AccessKeyId, Status)
    return {}
  },
})

const deleteAccessKey = identityOperation({
  service: 'iam',
  name: 'DeleteAccessKey',
  input: DeleteAccessKeyRequest,
  output: DeleteAccessKeyResponse,
  naming: ['UserName'],
  permissions: onUser('DeleteAccessKey'),
  async run({ UserName, AccessKeyId }, ctx, services) {
    const { id } = await ownerOf(UserName, ctx, services)
    await services.accessKeys.delete(ctx.registry.accountId, id, AccessKeyId)
    return {}
  },
})

const getAccessKeyLastUsed = identityOperation({
  service: 'iam',
  name: 'GetAccessKeyLastUsed',
  input: GetAccessKeyLastUsedRequest,
  output: GetAccessKeyLastUsedResponse,
  naming: ['AccessKeyId'],
  /** On the user whose key it is; on all users when it is nobody's, so that only who may ask of all learns that. */
  async permissions({ AccessKeyId = '' }, ctx, services) {
    const { accountId } = ctx.registry
    const ownerId = await services.accessKeys.ownerOf(accountId, AccessKeyId)
    const isRoot = ownerId === accountId
    const name = ownerId === undefined || isRoot ? undefined : await services.users.nameOf(accountId, ownerId)
    const arn = name === undefined ? newArn(ctx, 'user', '*') : await services.entities.arn(accountId, 'user', name)
    return [['iam:GetAccessKeyLastUsed', isRoot ? rootArn(accountId) : arn]]
  },
  async run({ AccessKeyId }, { registry: { accountId } }, { accessKeys, users }) {
    const { ownerId, lastUse } = await accessKeys.find(accountId, AccessKeyId)
    const name = await users.nameOf(accountId, ownerId)
    return {
      ...(name === undefined ? {} : { UserName: name }),
      AccessKeyLastUsed: lastUse
        ? { LastUsedDate: seconds(lastUse.at), ServiceName: lastUse.service, Region: lastUse.region }
        : { ServiceName: 'N/A', Region: 'N/A' },
    }
  },
})

export const accessKeyOperations = [
  createAccessKey,
  deleteAccessKey,
  getAccessKeyLastUsed,
  listAccessKeys,
  updateAccessKey,
]
