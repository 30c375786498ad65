// Asking how policies would decide.

import { boolean, enumeration, type Infer, integer, list, map, required, string, structure } from '../shapes/shape.ts'
import { Arn, Marker, MaxItems, PolicyDocument, PolicyName } from './names.ts'

export const PolicyIdentifierPolicy = enumeration(
  'inline',
  'aws-managed',
  'user-managed',
  'permission-boundary',
  'scp',
  'rcp',
)
export type PolicyIdentifierPolicy = Infer<typeof PolicyIdentifierPolicy>

export const Attachment = enumeration('user', 'group', 'role')
export type Attachment = Infer<typeof Attachment>

export const AttachmentName = string({ min: 1, max: 128, pattern: '[\\w+=,.@-]+' })

export const InlinePolicyIdentifierType = structure({
  PolicyName: required(PolicyName),
  AttachmentType: required(Attachment),
  AttachmentName: required(AttachmentName),
})
export type InlinePolicyIdentifierType = Infer<typeof InlinePolicyIdentifierType>

/** One of the three. */
export const PolicyIdentifier = structure({
  PolicyType: PolicyIdentifierPolicy,
  PolicyArn: Arn,
  InlinePolicyIdentifier: InlinePolicyIdentifierType,
})
export type PolicyIdentifier = Infer<typeof PolicyIdentifier>

export const ActionName = string({ min: 3, max: 128 })

export const ResourceName = string({ min: 1, max: 2048 })

export const ContextKeyName = string({ min: 5, max: 256 })

export const ContextKeyTypeEnum = enumeration(
  'string',
  'stringList',
  'numeric',
  'numericList',
  'boolean',
  'booleanList',
  'ip',
  'ipList',
  'binary',
  'binaryList',
  'date',
  'dateList',
)
export type ContextKeyTypeEnum = Infer<typeof ContextKeyTypeEnum>

export const ContextEntry = structure({
  ContextKeyName,
  ContextKeyValues: list(string()),
  ContextKeyType: ContextKeyTypeEnum,
})
export type ContextEntry = Infer<typeof ContextEntry>

export const ResourceHandlingOption = string({ min: 1, max: 64 })

export const SimulatePrincipalPolicyRequest = structure({
  PolicySourceArn: required(Arn),
  PolicyInputList: list(PolicyDocument),
  PermissionsBoundaryPolicyInputList: list(PolicyDocument),
  PolicyExclusionList: list(PolicyIdentifier, { max: 256 }),
  ActionNames: required(list(ActionName)),
  ResourceArns: list(ResourceName),
  ResourcePolicy: PolicyDocument,
  ResourceOwner: ResourceName,
  CallerArn: ResourceName,
  ContextEntries: list(ContextEntry),
  ResourceHandlingOption,
  MaxItems,
  Marker,
})
export type SimulatePrincipalPolicyRequest = Infer<typeof SimulatePrincipalPolicyRequest>

export const PolicyEvaluationDecision = enumeration('allowed', 'explicitDeny', 'implicitDeny')
export type PolicyEvaluationDecision = Infer<typeof PolicyEvaluationDecision>

export const PolicySource = enumeration('user', 'group', 'role', 'aws-managed', 'user-managed', 'resource', 'none')
export type PolicySource = Infer<typeof PolicySource>

export const Position = structure({
  Line: integer(),
  Column: integer(),
})
export type Position = Infer<typeof Position>

export const Statement = structure({
  SourcePolicyId: string(),
  SourcePolicyType: PolicySource,
  StartPosition: Position,
  EndPosition: Position,
  // Berth's own: which statement it is in the words of the policy, counted from 0.
  Sid: string(),
  Effect: enumeration('Allow', 'Deny'),
  StatementIndex: integer({ min: 0 }),
})
export type Statement = Infer<typeof Statement>

export const OrganizationsDecisionDetail = structure({
  AllowedByOrganizations: boolean(),
})
export type OrganizationsDecisionDetail = Infer<typeof OrganizationsDecisionDetail>

export const PermissionsBoundaryDecisionDetail = structure({
  AllowedByPermissionsBoundary: boolean(),
})
export type PermissionsBoundaryDecisionDetail = Infer<typeof PermissionsBoundaryDecisionDetail>

export const EvalDecisionSource = string({ min: 3, max: 256 })

export const ResourceSpecificResult = structure({
  EvalResourceName: required(ResourceName),
  EvalResourceDecision: required(PolicyEvaluationDecision),
  MatchedStatements: list(Statement),
  MissingContextValues: list(ContextKeyName),
  EvalDecisionDetails: map(EvalDecisionSource, PolicyEvaluationDecision),
  PermissionsBoundaryDecisionDetail,
})
export type ResourceSpecificResult = Infer<typeof ResourceSpecificResult>

/** Berth's own: the kind of policy that decided, or that should have allowed, and which statement of which policy it was. */
export const DecidedBy = structure({
  PolicyKind: string(),
  SourcePolicyId: string(),
  Sid: string(),
  StatementIndex: integer({ min: 0 }),
})
export type DecidedBy = Infer<typeof DecidedBy>

export const EvaluationResult = structure({
  EvalActionName: required(ActionName),
  EvalResourceName: ResourceName,
  EvalDecision: required(PolicyEvaluationDecision),
  MatchedStatements: list(Statement),
  MissingContextValues: list(ContextKeyName),
  OrganizationsDecisionDetail,
  PermissionsBoundaryDecisionDetail,
  EvalDecisionDetails: map(EvalDecisionSource, PolicyEvaluationDecision),
  ResourceSpecificResults: list(ResourceSpecificResult),
  DecidedBy,
})
export type EvaluationResult = Infer<typeof EvaluationResult>

export const SimulatePolicyResponse = structure({
  EvaluationResults: list(EvaluationResult),
  IsTruncated: boolean(),
  Marker: string(),
})
export type SimulatePolicyResponse = Infer<typeof SimulatePolicyResponse>

export const SimulatePrincipalPolicyResponse = SimulatePolicyResponse
export type SimulatePrincipalPolicyResponse = Infer<typeof SimulatePrincipalPolicyResponse>

export const OrderedOrganizationPolicyType = structure({
  ServiceControlPolicyInputList: list(PolicyDocument),
})
export type OrderedOrganizationPolicyType = Infer<typeof OrderedOrganizationPolicyType>

export const SimulateCustomPolicyRequest = structure({
  PolicyInputList: required(list(PolicyDocument)),
  PermissionsBoundaryPolicyInputList: list(PolicyDocument),
  OrderedOrganizationPolicyInputList: list(OrderedOrganizationPolicyType, { max: 7 }),
  ActionNames: required(list(ActionName)),
  ResourceArns: list(ResourceName),
  ResourcePolicy: PolicyDocument,
  ResourceOwner: ResourceName,
  CallerArn: ResourceName,
  ContextEntries: list(ContextEntry),
  ResourceHandlingOption,
  MaxItems,
  Marker,
})
export type SimulateCustomPolicyRequest = Infer<typeof SimulateCustomPolicyRequest>

export const SimulateCustomPolicyResponse = SimulatePolicyResponse
export type SimulateCustomPolicyResponse = Infer<typeof SimulateCustomPolicyResponse>

export const GetContextKeysForCustomPolicyRequest = structure({
  PolicyInputList: required(list(PolicyDocument)),
})
export type GetContextKeysForCustomPolicyRequest = Infer<typeof GetContextKeysForCustomPolicyRequest>

export const GetContextKeysForPolicyResponse = structure({
  ContextKeyNames: list(ContextKeyName),
})
export type GetContextKeysForPolicyResponse = Infer<typeof GetContextKeysForPolicyResponse>

export const GetContextKeysForCustomPolicyResponse = GetContextKeysForPolicyResponse
export type GetContextKeysForCustomPolicyResponse = Infer<typeof GetContextKeysForCustomPolicyResponse>

export const GetContextKeysForPrincipalPolicyRequest = structure({
  PolicySourceArn: required(Arn),
  PolicyInputList: list(PolicyDocument),
})
export type GetContextKeysForPrincipalPolicyRequest = Infer<typeof GetContextKeysForPrincipalPolicyRequest>

export const GetContextKeysForPrincipalPolicyResponse = GetContextKeysForPolicyResponse
export type GetContextKeysForPrincipalPolicyResponse = Infer<typeof GetContextKeysForPrincipalPolicyResponse>
