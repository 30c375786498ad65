// Every IAM action of the services that Berth answers for (Service Authorization Reference: Amazon ECR, IAM, AWS STS), so that
// wildcards are expanded once, when a policy is compiled, and not at each request. An action that is missing here still works;
// it is matched against the pattern each time.

import { privateOperationNames } from '@berth/api/ecr/operation-names.ts'

/** Actions that no operation of the API is named after. */
const ecrPermissionOnly = ['BatchImportUpstreamImage', 'GetImageCopyStatus', 'ReplicateImage']

/** Has no action of its own: it is authorized as ecr:BatchGetImage. */
const ecrWithoutAction = 'ListImageReferrers'

export const ecrActions: readonly string[] = [
  ...privateOperationNames.filter((name) => name !== ecrWithoutAction),
  ...ecrPermissionOnly,
].map((name) => `ecr:${name}`)

const iamNames = `
  AcceptDelegationRequest AddClientIDToOpenIDConnectProvider AddRoleToInstanceProfile AddUserToGroup AssociateDelegationRequest
  AttachGroupPolicy AttachRolePolicy AttachUserPolicy ChangePassword CreateAccessKey CreateAccountAlias CreateDelegationRequest
  CreateGroup CreateInstanceProfile CreateLoginProfile CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion CreateRole
  CreateSAMLProvider CreateServiceLinkedRole CreateServiceSpecificCredential CreateUser CreateVirtualMFADevice DeactivateMFADevice
  DeleteAccessKey DeleteAccountAlias DeleteAccountPasswordPolicy DeleteCloudFrontPublicKey DeleteGroup DeleteGroupPolicy
  DeleteInstanceProfile DeleteLoginProfile DeleteOpenIDConnectProvider DeletePolicy DeletePolicyVersion DeleteRole
  DeleteRolePermissionsBoundary DeleteRolePolicy DeleteSAMLProvider DeleteSSHPublicKey DeleteServerCertificate
  DeleteServiceLinkedRole DeleteServiceSpecificCredential DeleteSigningCertificate DeleteUser DeleteUserPermissionsBoundary
  DeleteUserPolicy DeleteVirtualMFADevice DetachGroupPolicy DetachRolePolicy DetachUserPolicy
  DisableOrganizationsRootCredentialsManagement DisableOrganizationsRootSessions DisableOutboundWebIdentityFederation
  EnableMFADevice EnableOrganizationsRootCredentialsManagement EnableOrganizationsRootSessions
  EnableOutboundWebIdentityFederation GenerateCredentialReport GenerateOrganizationsAccessReport
  GenerateServiceLastAccessedDetails GetAccessKeyLastUsed GetAccountAuthorizationDetails GetAccountEmailAddress GetAccountName
  GetAccountPasswordPolicy GetAccountProperties GetAccountSummary GetCloudFrontPublicKey GetContextKeysForCustomPolicy
  GetContextKeysForPrincipalPolicy GetCredentialReport GetDelegationRequest GetGroup GetGroupPolicy GetHumanReadableSummary
  GetInstanceProfile GetLoginProfile GetMFADevice GetOpenIDConnectProvider GetOrganizationsAccessReport
  GetOutboundWebIdentityFederationInfo GetPolicy GetPolicyVersion GetRole GetRolePolicy GetRoleTemplateVersion GetSAMLProvider
  GetSSHPublicKey GetServerCertificate GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities
  GetServiceLinkedRoleDeletionStatus GetUser GetUserPolicy ListAccessKeys ListAccountAliases ListAttachedGroupPolicies
  ListAttachedRolePolicies ListAttachedUserPolicies ListCloudFrontPublicKeys ListDelegationRequests ListEntitiesForPolicy
  ListGroupPolicies ListGroups ListGroupsForUser ListInstanceProfileTags ListInstanceProfiles ListInstanceProfilesForRole
  ListMFADeviceTags ListMFADevices ListOpenIDConnectProviderTags ListOpenIDConnectProviders ListOrganizationsFeatures ListPolicies
  ListPoliciesGrantingServiceAccess ListPolicyTags ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListSAMLProviderTags
  ListSAMLProviders ListSSHPublicKeys ListSTSRegionalEndpointsStatus ListServerCertificateTags ListServerCertificates
  ListServiceSpecificCredentials ListSigningCertificates ListUserPolicies ListUserTags ListUsers ListVirtualMFADevices PassRole
  PutAccountProperties PutGroupPolicy PutRolePermissionsBoundary PutRolePolicy PutUserPermissionsBoundary PutUserPolicy
  RejectDelegationRequest RemoveClientIDFromOpenIDConnectProvider RemoveRoleFromInstanceProfile RemoveUserFromGroup
  ResetServiceSpecificCredential ResyncMFADevice SendDelegationToken SetDefaultPolicyVersion SetSTSRegionalEndpointStatus
  SetSecurityTokenServicePreferences SimulateCustomPolicy SimulatePrincipalPolicy TagInstanceProfile TagMFADevice
  TagOpenIDConnectProvider TagPolicy TagRole TagSAMLProvider TagServerCertificate TagUser UntagInstanceProfile UntagMFADevice
  UntagOpenIDConnectProvider UntagPolicy UntagRole UntagSAMLProvider UntagServerCertificate UntagUser UpdateAccessKey
  UpdateAccountEmailAddress UpdateAccountName UpdateAccountPasswordPolicy UpdateAssumeRolePolicy UpdateCloudFrontPublicKey
  UpdateGroup UpdateLoginProfile UpdateOpenIDConnectProviderThumbprint UpdateRole UpdateRoleDescription UpdateSAMLProvider
  UpdateSSHPublicKey UpdateServerCertificate UpdateServiceSpecificCredential UpdateSigningCertificate UpdateUser
  UploadCloudFrontPublicKey UploadSSHPublicKey UploadServerCertificate UploadSigningCertificate`

const stsNames = `
  AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity AssumeRoot DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity
  GetDelegatedAccessToken GetFederationToken GetServiceBearerToken GetSessionToken GetWebIdentityToken SetContext
  SetSourceIdentity TagGetWebIdentityToken TagSession`

const withVendor = (vendor: string, names: string) =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => `${vendor}:${name}`)

export const iamActions: readonly string[] = withVendor('iam', iamNames)
export const stsActions: readonly string[] = withVendor('sts', stsNames)

/** In lower case, because names of actions are compared without case. The place in the list is the action's bit in a set. */
export const knownActions: readonly string[] = [...ecrActions, ...iamActions, ...stsActions].map((name) =>
  name.toLowerCase(),
)
