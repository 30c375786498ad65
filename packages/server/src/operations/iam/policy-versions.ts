// Versions of managed policies (IAM CreatePolicyVersion and its neighbours).

import {
  CreatePolicyVersionRequest,
  CreatePolicyVersionResponse,
  DeletePolicyVersionRequest,
  DeletePolicyVersionResponse,
  GetPolicyVersionRequest,
  GetPolicyVersionResponse,
  ListPolicyVersionsRequest,
  ListPolicyVersionsResponse,
  type PolicyVersion as PolicyVersionShape,
  SetDefaultPolicyVersionRequest,
  SetDefaultPolicyVersionResponse,
} from '@berth/api/iam/policies.ts'
import type { PolicyVersion } from '../../domain/identities/customer-policies.ts'
import { identityOperation } from '../identity-operation.ts'
import { nextMarker, openMarker, pageOf } from './pages.ts'
import { encodeDocument, seconds } from './present.ts'

const createPolicyVersion = identityOperation({
  service: 'iam',
  name: 'CreatePolicyVersion',
  input: CreatePolicyVersionRequest,
  output: CreatePolicyVersionResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:CreatePolicyVersion', PolicyArn ?? '']],
  async run({ PolicyArn, PolicyDocument, SetAsDefault = false }, { registry }, { customerPolicies }) {
    const { accountId } = registry
    return {
      PolicyVersion: presentVersion(
        await customerPolicies.createVersion(accountId, PolicyArn, PolicyDocument, SetAsDefault),
      ),
    }
  },
})

const getPolicyVersion = identityOperation({
  service: 'iam',
  name: 'GetPolicyVersion',
  input: GetPolicyVersionRequest,
  output: GetPolicyVersionResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:GetPolicyVersion', PolicyArn ?? '']],
  async run({ PolicyArn, VersionId }, { registry }, { customerPolicies }) {
    const version = await customerPolicies.version(registry.accountId, PolicyArn, VersionId)
    return { PolicyVersion: { Document: encodeDocument(version.document), ...presentVersion(version) } }
  },
})

const listPolicyVersions = identityOperation({
  service: 'iam',
  name: 'ListPolicyVersions',
  input: ListPolicyVersionsRequest,
  output: ListPolicyVersionsResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:ListPolicyVersions', PolicyArn ?? '']],
  async run(input, ctx, services) {
    const list = `versions ${input.PolicyArn}`
    const from = openMarker(services, ctx, list, input)
    const versions = await services.customerPolicies.versions(ctx.registry.accountId, input.PolicyArn)
    const { page, next } = pageOf(versions, ({ version }) => String(version), from)
    return { Versions: page.map(presentVersion), ...nextMarker(services, ctx, list, next) }
  },
})

const setDefaultPolicyVersion = identityOperation({
  service: 'iam',
  name: 'SetDefaultPolicyVersion',
  input: SetDefaultPolicyVersionRequest,
  output: SetDefaultPolicyVersionResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:SetDefaultPolicyVersion', PolicyArn ?? '']],
  async run({ PolicyArn, VersionId }, { registry }, { customerPolicies }) {
    await customerPolicies.setDefaultVersion(registry.accountId, PolicyArn, VersionId)
    return {}
  },
})

const deletePolicyVersion = identityOperation({
  service: 'iam',
  name: 'DeletePolicyVersion',
  input: DeletePolicyVersionRequest,
  output: DeletePolicyVersionResponse,
  naming: ['PolicyArn'],
  permissions: ({ PolicyArn }) => [['iam:DeletePolicyVersion', PolicyArn ?? '']],
  async run({ PolicyArn, VersionId }, { registry }, { customerPolicies }) {
    await customerPolicies.deleteVersion(registry.accountId, PolicyArn, VersionId)
    return {}
  },
})

export const policyVersionOperations = [
  createPolicyVersion,
  deletePolicyVersion,
  getPolicyVersion,
  listPolicyVersions,
  setDefaultPolicyVersion,
]

/** The document is in GetPolicyVersion only (IAM, `PolicyVersion`). */
function presentVersion({ version, isDefault, createdAt }: PolicyVersion): PolicyVersionShape {
  return { VersionId: `v${version}`, IsDefaultVersion: isDefault, CreateDate: seconds(createdAt) }
}
