// Identity providers that speak OpenID Connect.

import { boolean, type Infer, list, required, string, structure, timestamp } from '../shapes/shape.ts'
import { Arn, Marker, MaxItems, TagKeyList, TagList } from './names.ts'

export const OpenIDConnectProviderUrl = string({ min: 1, max: 255 })

export const ClientID = string({ min: 1, max: 255 })

export const ClientIDList = list(ClientID)

export const Thumbprint = string({ min: 40, max: 40 })

export const ThumbprintList = list(Thumbprint)

/**
 * Berth's own: the provider's JSON Web Key Set (RFC 7517), for an issuer that cannot be reached from here. Amazon's clients
 * know no such member.
 */
export const StaticJwks = string({ min: 1, max: 65_536 })

export const CreateOpenIDConnectProviderRequest = structure({
  Url: required(OpenIDConnectProviderUrl),
  ClientIDList,
  ThumbprintList,
  Tags: TagList,
  StaticJwks,
})
export type CreateOpenIDConnectProviderRequest = Infer<typeof CreateOpenIDConnectProviderRequest>

export const CreateOpenIDConnectProviderResponse = structure({
  OpenIDConnectProviderArn: Arn,
  Tags: TagList,
})
export type CreateOpenIDConnectProviderResponse = Infer<typeof CreateOpenIDConnectProviderResponse>

export const GetOpenIDConnectProviderRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
})
export type GetOpenIDConnectProviderRequest = Infer<typeof GetOpenIDConnectProviderRequest>

export const GetOpenIDConnectProviderResponse = structure({
  Url: OpenIDConnectProviderUrl,
  ClientIDList,
  ThumbprintList,
  CreateDate: timestamp(),
  Tags: TagList,
  StaticJwks,
})
export type GetOpenIDConnectProviderResponse = Infer<typeof GetOpenIDConnectProviderResponse>

export const ListOpenIDConnectProvidersRequest = structure({})
export type ListOpenIDConnectProvidersRequest = Infer<typeof ListOpenIDConnectProvidersRequest>

export const OpenIDConnectProviderListEntry = structure({
  Arn,
})
export type OpenIDConnectProviderListEntry = Infer<typeof OpenIDConnectProviderListEntry>

export const ListOpenIDConnectProvidersResponse = structure({
  OpenIDConnectProviderList: list(OpenIDConnectProviderListEntry),
})
export type ListOpenIDConnectProvidersResponse = Infer<typeof ListOpenIDConnectProvidersResponse>

export const DeleteOpenIDConnectProviderRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
})
export type DeleteOpenIDConnectProviderRequest = Infer<typeof DeleteOpenIDConnectProviderRequest>

export const DeleteOpenIDConnectProviderResponse = structure({})
export type DeleteOpenIDConnectProviderResponse = Infer<typeof DeleteOpenIDConnectProviderResponse>

export const AddClientIDToOpenIDConnectProviderRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
  ClientID: required(ClientID),
})
export type AddClientIDToOpenIDConnectProviderRequest = Infer<typeof AddClientIDToOpenIDConnectProviderRequest>

export const AddClientIDToOpenIDConnectProviderResponse = structure({})
export type AddClientIDToOpenIDConnectProviderResponse = Infer<typeof AddClientIDToOpenIDConnectProviderResponse>

export const RemoveClientIDFromOpenIDConnectProviderRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
  ClientID: required(ClientID),
})
export type RemoveClientIDFromOpenIDConnectProviderRequest = Infer<
  typeof RemoveClientIDFromOpenIDConnectProviderRequest
>

export const RemoveClientIDFromOpenIDConnectProviderResponse = structure({})
export type RemoveClientIDFromOpenIDConnectProviderResponse = Infer<
  typeof RemoveClientIDFromOpenIDConnectProviderResponse
>

export const UpdateOpenIDConnectProviderThumbprintRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
  ThumbprintList: required(ThumbprintList),
})
export type UpdateOpenIDConnectProviderThumbprintRequest = Infer<typeof UpdateOpenIDConnectProviderThumbprintRequest>

export const UpdateOpenIDConnectProviderThumbprintResponse = structure({})
export type UpdateOpenIDConnectProviderThumbprintResponse = Infer<typeof UpdateOpenIDConnectProviderThumbprintResponse>

export const TagOpenIDConnectProviderRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
  Tags: required(TagList),
})
export type TagOpenIDConnectProviderRequest = Infer<typeof TagOpenIDConnectProviderRequest>

export const TagOpenIDConnectProviderResponse = structure({})
export type TagOpenIDConnectProviderResponse = Infer<typeof TagOpenIDConnectProviderResponse>

export const UntagOpenIDConnectProviderRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
  TagKeys: required(TagKeyList),
})
export type UntagOpenIDConnectProviderRequest = Infer<typeof UntagOpenIDConnectProviderRequest>

export const UntagOpenIDConnectProviderResponse = structure({})
export type UntagOpenIDConnectProviderResponse = Infer<typeof UntagOpenIDConnectProviderResponse>

export const ListOpenIDConnectProviderTagsRequest = structure({
  OpenIDConnectProviderArn: required(Arn),
  Marker,
  MaxItems,
})
export type ListOpenIDConnectProviderTagsRequest = Infer<typeof ListOpenIDConnectProviderTagsRequest>

export const ListOpenIDConnectProviderTagsResponse = structure({
  Tags: required(TagList),
  IsTruncated: boolean(),
  Marker: string(),
})
export type ListOpenIDConnectProviderTagsResponse = Infer<typeof ListOpenIDConnectProviderTagsResponse>
