// Credentials that nobody has here: passwords, devices, keys and certificates of other services. Terraform asks for each before it deletes a
// user (`force_destroy`), and is told the truth.

import {
  DeleteLoginProfileRequest,
  DeleteLoginProfileResponse,
  GetLoginProfileRequest,
  GetLoginProfileResponse,
  ListMFADevicesRequest,
  ListMFADevicesResponse,
  ListServiceSpecificCredentialsRequest,
  ListServiceSpecificCredentialsResponse,
  ListSigningCertificatesRequest,
  ListSigningCertificatesResponse,
  ListSSHPublicKeysRequest,
  ListSSHPublicKeysResponse,
  ListVirtualMFADevicesRequest,
  ListVirtualMFADevicesResponse,
} from '@berth/api/iam/credentials.ts'
import { IdentityError } from '../../base/identity-error.ts'
import type { RequestContext } from '../../base/request-context.ts'
import { identityOperation } from '../identity-operation.ts'
import type { Services } from '../services.ts'
import { openMarker } from './pages.ts'
import { onAnything, onUser, ownerOf } from './resources.ts'

/** No marker was ever given out for a list that is empty. */
function refuseMarker(services: Services, ctx: RequestContext, list: string, page: { Marker?: string }): void {
  openMarker(services, ctx, list, page)
}

async function refuseLoginProfile(
  UserName: string | undefined,
  ctx: RequestContext,
  services: Services,
): Promise<never> {
  const { id, name } = await ownerOf(UserName, ctx, services)
  throw new IdentityError('NoSuchEntity', `Login Profile for User ${name ?? id} cannot be found.`)
}

const getLoginProfile = identityOperation({
  service: 'iam',
  name: 'GetLoginProfile',
  input: GetLoginProfileRequest,
  output: GetLoginProfileResponse,
  naming: ['UserName'],
  permissions: onUser('GetLoginProfile'),
  run: ({ UserName }, ctx, services) => refuseLoginProfile(UserName, ctx, services),
})

const deleteLoginProfile = identityOperation({
  service: 'iam',
  name: 'DeleteLoginProfile',
  input: DeleteLoginProfileRequest,
  output: DeleteLoginProfileResponse,
  naming: ['UserName'],
  permissions: onUser('DeleteLoginProfile'),
  run: ({ UserName }, ctx, services) => refuseLoginProfile(UserName, ctx, services),
})

const listSshPublicKeys = identityOperation({
  service: 'iam',
  name: 'ListSSHPublicKeys',
  input: ListSSHPublicKeysRequest,
  output: ListSSHPublicKeysResponse,
  naming: ['UserName'],
  permissions: onUser('ListSSHPublicKeys'),
  async run({ UserName, ...page }, ctx, services) {
    await ownerOf(UserName, ctx, services)
    refuseMarker(services, ctx, 'ListSSHPublicKeys', page)
    return { SSHPublicKeys: [], IsTruncated: false }
  },
})

const listSigningCertificates = identityOperation({
  service: 'iam',
  name: 'ListSigningCertificates',
  input: ListSigningCertificatesRequest,
  output: ListSigningCertificatesResponse,
  naming: ['UserName'],
  permissions: onUser('ListSigningCertificates'),
  async run({ UserName, ...page }, ctx, services) {
    await ownerOf(UserName, ctx, services)
    refuseMarker(services, ctx, 'ListSigningCertificates', page)
    return { Certificates: [], IsTruncated: false }
  },
})

const listServiceSpecificCredentials = identityOperation({
  service: 'iam',
  name: 'ListServiceSpecificCredentials',
  input: ListServiceSpecificCredentialsRequest,
  output: ListServiceSpecificCredentialsResponse,
  naming: ['UserName'],
  permissions: onUser('ListServiceSpecificCredentials'),
  async run({ UserName, ...page }, ctx, services) {
    await ownerOf(UserName, ctx, services)
    refuseMarker(services, ctx, 'ListServiceSpecificCredentials', page)
    return { ServiceSpecificCredentials: [], IsTruncated: false }
  },
})

const listMfaDevices = identityOperation({
  service: 'iam',
  name: 'ListMFADevices',
  input: ListMFADevicesRequest,
  output: ListMFADevicesResponse,
  naming: ['UserName'],
  permissions: onUser('ListMFADevices'),
  async run({ UserName, ...page }, ctx, services) {
    await ownerOf(UserName, ctx, services)
    refuseMarker(services, ctx, 'ListMFADevices', page)
    return { MFADevices: [], IsTruncated: false }
  },
})

const listVirtualMfaDevices = identityOperation({
  service: 'iam',
  name: 'ListVirtualMFADevices',
  input: ListVirtualMFADevicesRequest,
  output: ListVirtualMFADevicesResponse,
  permissions: onAnything('ListVirtualMFADevices'),
  async run(page, ctx, services) {
    refuseMarker(services, ctx, 'ListVirtualMFADevices', page)
    return { VirtualMFADevices: [], IsTruncated: false }
  },
})

export const absentCredentialOperations = [
  deleteLoginProfile,
  getLoginProfile,
  listMfaDevices,
  listServiceSpecificCredentials,
  listSigningCertificates,
  listSshPublicKeys,
  listVirtualMfaDevices,
]
