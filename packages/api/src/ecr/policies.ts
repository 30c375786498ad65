// Policies of repositories and of the registry. What the text must say is no constraint of the model.

import { boolean, type Infer, required, string, structure } from '../shapes/shape.ts'
import { RegistryId, RepositoryName } from './names.ts'

export const PolicyText = string({ min: 0, max: 10_240, isDocument: true })

export const SetRepositoryPolicyRequest = structure({
  repositoryName: required(RepositoryName),
  policyText: required(PolicyText),
  registryId: RegistryId,
  force: boolean(),
})
export type SetRepositoryPolicyRequest = Infer<typeof SetRepositoryPolicyRequest>

export const SetRepositoryPolicyResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  policyText: PolicyText,
})
export type SetRepositoryPolicyResponse = Infer<typeof SetRepositoryPolicyResponse>

export const GetRepositoryPolicyRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
})
export type GetRepositoryPolicyRequest = Infer<typeof GetRepositoryPolicyRequest>

export const GetRepositoryPolicyResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  policyText: PolicyText,
})
export type GetRepositoryPolicyResponse = Infer<typeof GetRepositoryPolicyResponse>

export const DeleteRepositoryPolicyRequest = structure({
  repositoryName: required(RepositoryName),
  registryId: RegistryId,
})
export type DeleteRepositoryPolicyRequest = Infer<typeof DeleteRepositoryPolicyRequest>

export const DeleteRepositoryPolicyResponse = structure({
  registryId: RegistryId,
  repositoryName: RepositoryName,
  policyText: PolicyText,
})
export type DeleteRepositoryPolicyResponse = Infer<typeof DeleteRepositoryPolicyResponse>

export const PutRegistryPolicyRequest = structure({ policyText: required(PolicyText) })
export type PutRegistryPolicyRequest = Infer<typeof PutRegistryPolicyRequest>

export const PutRegistryPolicyResponse = structure({ registryId: RegistryId, policyText: PolicyText })
export type PutRegistryPolicyResponse = Infer<typeof PutRegistryPolicyResponse>

export const GetRegistryPolicyRequest = structure({})
export type GetRegistryPolicyRequest = Infer<typeof GetRegistryPolicyRequest>

export const GetRegistryPolicyResponse = structure({ registryId: RegistryId, policyText: PolicyText })
export type GetRegistryPolicyResponse = Infer<typeof GetRegistryPolicyResponse>

export const DeleteRegistryPolicyRequest = structure({})
export type DeleteRegistryPolicyRequest = Infer<typeof DeleteRegistryPolicyRequest>

export const DeleteRegistryPolicyResponse = structure({ registryId: RegistryId, policyText: PolicyText })
export type DeleteRegistryPolicyResponse = Infer<typeof DeleteRegistryPolicyResponse>
